//! The file system of an image: what lies at which path, and where its bytes come from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The bytes of a file, wherever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Memory(Vec<u8>),
    File(PathBuf),
    /// A part of a file, for example of an archive.
    Range {
        file: PathBuf,
        offset: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Folder,
    File {
        source: Source,
        bytes: u64,
    },
    SymbolicLink(PathBuf),
    /// The same file as the one at this path of the tree.
    HardLink(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) content: Content,
}

impl Entry {
    /// An entry that belongs to root.
    pub(crate) fn of_root(mode: u32, content: Content) -> Self {
        Entry { mode, uid: 0, gid: 0, content }
    }
}

/// Entries by their path, without a slash at either end.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<String, Entry>);

impl Tree {
    /// Puts an entry at `path`, over what was there, and makes the folders that it lies in.
    pub(crate) fn put(&mut self, path: &str, entry: Entry) {
        let path = path.trim_matches('/');
        let parents = path.match_indices('/').map(|(end, _)| &path[..end]);
        for parent in parents {
            self.0.entry(parent.to_owned()).or_insert_with(|| Entry::of_root(0o755, Content::Folder));
        }
        if !path.is_empty() {
            self.0.insert(path.to_owned(), entry);
        }
    }

    /// Reads the entries of a tar archive for which `wanted` is true. Devices, pipes and sockets are left out: the
    /// runtime makes what a container needs of them.
    pub(crate) fn add_archive(&mut self, file: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
        let mut archive = tar::Archive::new(File::open(file)?);
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let path = entry.path()?;
            let path = path.to_string_lossy().trim_start_matches("./").trim_matches('/').to_owned();
            if path.is_empty() || !wanted(&path) {
                continue;
            }
            if let Some(entry) = read_entry(&entry, file)? {
                self.put(&path, entry);
            }
        }
        Ok(())
    }

    /// Writes all entries as a tar archive that depends on nothing but them: sorted, and without times.
    pub(crate) fn write(&self, to: impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(to);
        let mut written_as = BTreeMap::<&str, &str>::new();
        for (path, entry) in &self.0 {
            let origin = match &entry.content {
                Content::HardLink(target) => target.as_str(),
                _ => path.as_str(),
            };
            match written_as.get(origin) {
                Some(first) => {
                    append_link(&mut archive, path, entry, tar::EntryType::Link, Path::new(first))?;
                }
                None => {
                    let original = self.0.get(origin).ok_or_else(|| {
                        io::Error::other(format!("{path} is a hard link to {origin}, which is not there"))
                    })?;
                    append(&mut archive, path, original)?;
                    written_as.insert(origin, path);
                }
            }
        }
        archive.into_inner()?.flush()
    }
}

fn read_entry<R: Read>(entry: &tar::Entry<'_, R>, file: &Path) -> io::Result<Option<Entry>> {
    let header = entry.header();
    let link = || -> io::Result<PathBuf> {
        let target = entry.link_name()?;
        target.map(|target| target.into_owned()).ok_or_else(|| io::Error::other("a link without a target"))
    };
    let content = match header.entry_type() {
        tar::EntryType::Directory => Content::Folder,
        tar::EntryType::Regular => {
            let source = Source::Range { file: file.to_owned(), offset: entry.raw_file_position() };
            Content::File { source, bytes: entry.size() }
        }
        tar::EntryType::Symlink => Content::SymbolicLink(link()?),
        tar::EntryType::Link => {
            let target = link()?.to_string_lossy().trim_start_matches("./").trim_matches('/').to_owned();
            Content::HardLink(target)
        }
        _ => return Ok(None),
    };
    Ok(Some(Entry { mode: header.mode()? & 0o7777, uid: header.uid()?, gid: header.gid()?, content }))
}

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &str, entry: &Entry) -> io::Result<()> {
    match &entry.content {
        Content::Folder => {
            let mut header = header(entry, tar::EntryType::Directory, 0);
            archive.append_data(&mut header, format!("{path}/"), io::empty())
        }
        Content::File { source, bytes } => {
            let mut header = header(entry, tar::EntryType::Regular, *bytes);
            archive.append_data(&mut header, path, open(source, *bytes)?)
        }
        Content::SymbolicLink(target) => append_link(archive, path, entry, tar::EntryType::Symlink, target),
        Content::HardLink(target) => {
            Err(io::Error::other(format!("{path} is a hard link to {target}, which is one itself")))
        }
    }
}

fn append_link<W: Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    entry: &Entry,
    kind: tar::EntryType,
    target: &Path,
) -> io::Result<()> {
    archive.append_link(&mut header(entry, kind, 0), path, target)
}

fn header(entry: &Entry, kind: tar::EntryType, bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(entry.mode);
    header.set_uid(entry.uid);
    header.set_gid(entry.gid);
    header.set_size(bytes);
    header.set_mtime(0);
    header
}

fn open(source: &Source, bytes: u64) -> io::Result<Box<dyn Read + '_>> {
    Ok(match source {
        Source::Memory(content) => Box::new(content.as_slice()),
        Source::File(path) => Box::new(File::open(path)?.take(bytes)),
        Source::Range { file, offset } => {
            let mut file = File::open(file)?;
            file.seek(SeekFrom::Start(*offset))?;
            Box::new(file.take(bytes))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Entry {
        let content = Content::File { source: Source::Memory(text.into()), bytes: text.len() as u64 };
        Entry::of_root(0o644, content)
    }

    fn archived(tree: &Tree) -> Vec<u8> {
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        bytes
    }

    fn listed(bytes: &[u8]) -> Vec<(String, tar::EntryType)> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().unwrap().map(Result::unwrap);
        entries.map(|e| (e.path().unwrap().display().to_string(), e.header().entry_type())).collect()
    }

    #[test]
    fn entries_are_sorted_and_lie_in_folders() {
        let mut tree = Tree::default();
        tree.put("/srv/www/index.html", file("hello"));
        tree.put("/bin/sh", Entry::of_root(0o777, Content::SymbolicLink("busybox".into())));
        let names: Vec<_> = listed(&archived(&tree)).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["bin/", "bin/sh", "srv/", "srv/www/", "srv/www/index.html"]);
    }

    #[test]
    fn a_hard_link_that_sorts_before_its_file_carries_the_bytes() {
        let mut tree = Tree::default();
        tree.put("b", file("hello"));
        tree.put("a", Entry::of_root(0o644, Content::HardLink("b".to_owned())));
        let entries = listed(&archived(&tree));
        assert_eq!(
            entries,
            [("a".to_owned(), tar::EntryType::Regular), ("b".to_owned(), tar::EntryType::Link)]
        );
    }

    #[test]
    fn an_archive_survives_a_round_trip_byte_for_byte() {
        let mut tree = Tree::default();
        let long = format!("usr/{}/file", "long-name/".repeat(20));
        tree.put(&long, file("long"));
        tree.put("b", file("hello"));
        tree.put("c", Entry::of_root(0o644, Content::HardLink("b".to_owned())));
        let first = archived(&tree);
        let stored = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(stored.path(), &first).unwrap();
        let mut again = Tree::default();
        again.add_archive(stored.path(), |_| true).unwrap();
        assert_eq!(archived(&again), first);
    }
}
