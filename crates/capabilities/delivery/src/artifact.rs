//! An artifact's bytes: a tar.gz of files that depends on nothing but the files.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

/// Bytes and number of the files in an artifact.
pub(crate) const FILES_BYTES_MAX: u64 = 100 << 20;
/// See [`FILES_BYTES_MAX`].
pub(crate) const FILES_MAX: usize = 50_000;

/// A file to pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
    pub(crate) executable: bool,
}

/// Packs files: sorted, without owners and times, so that equal files give equal bytes.
pub(crate) fn pack(mut files: Vec<File>) -> io::Result<Vec<u8>> {
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    let mut archive = tar::Builder::new(gzip);
    archive.mode(tar::HeaderMode::Deterministic);
    for file in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(if file.executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, &file.path, file.content.as_slice())?;
    }
    archive.into_inner()?.finish()
}

/// Unpacks into memory, within the bounds of an artifact.
pub(crate) fn unpack(bytes: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let too_large = || io::Error::other(format!("more than {FILES_MAX} files or {FILES_BYTES_MAX} bytes"));
    let mut files = BTreeMap::new();
    let mut left = FILES_BYTES_MAX;
    for entry in tar::Archive::new(GzDecoder::new(bytes)).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        left = left.checked_sub(entry.size()).ok_or_else(too_large)?;
        if files.len() == FILES_MAX {
            return Err(too_large());
        }
        let path = entry.path()?.to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(path, content);
    }
    Ok(files)
}

/// `sha256:<hex>`
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut hash = Hash::default();
    hash.add(bytes);
    hash.finish()
}

/// A digest of bytes that come piece by piece.
#[derive(Default)]
pub(crate) struct Hash(Sha256);

impl Hash {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// `sha256:<hex>`
    pub(crate) fn finish(self) -> String {
        let hex: String = self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_files_give_equal_bytes() {
        let file = |path: &str| File { path: path.to_owned(), content: b"text".to_vec(), executable: false };
        let deep = "a/".repeat(80) + "deep.yaml";
        let one = pack(vec![file("b"), file(&deep), file("a/c")]).unwrap();
        let other = pack(vec![file("a/c"), file("b"), file(&deep)]).unwrap();
        assert_eq!(digest(&one), digest(&other));
        let unpacked = unpack(&one).unwrap();
        assert_eq!(unpacked.keys().map(String::as_str).collect::<Vec<_>>(), [deep.as_str(), "a/c", "b"]);
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let whole =
            pack(vec![File { path: "a".to_owned(), content: vec![7; 5000], executable: true }]).unwrap();
        assert!(unpack(&whole[..whole.len() / 2]).is_err());
        assert!(unpack(b"no archive").is_err());
    }
}
