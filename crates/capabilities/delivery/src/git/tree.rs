//! The files of a commit, out of a bare repository.

use std::path::Path;
use std::time::Duration;

use crate::git::{Call, Git, GitError};

const LISTING_BYTES_MAX: usize = 64 << 20;
const MODULES_BYTES_MAX: usize = 256 << 10;

/// A file of a commit. Symbolic links are no files: as in Flux, they are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) object: String,
    pub(crate) bytes: u64,
    pub(crate) executable: bool,
}

/// What a commit holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<Entry>,
    /// Where commits of other repositories stand: path and commit.
    pub(crate) modules: Vec<(String, String)>,
}

/// The files of a commit cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TreeError {
    #[error("failed to read the files of the commit")]
    Git(#[from] GitError),
    #[error("the commit holds a path that is not UTF-8: {0:?}")]
    Path(String),
    #[error("there are more than {0} submodules")]
    TooManyModules(usize),
    #[error("failed to understand what git printed")]
    Print,
}

/// All files and submodules of a commit.
pub(crate) async fn list(
    git: &Git,
    repository: &Path,
    commit: &str,
    timeout: Duration,
) -> Result<Listing, TreeError> {
    let arguments = ["ls-tree", "-r", "-z", "--long", "--full-tree", commit];
    let call = Call {
        arguments: &arguments,
        folder: Some(repository),
        output_bytes_max: LISTING_BYTES_MAX,
        ..Call::default()
    };
    let printed = git.run(call, timeout).await?;
    let mut listing = Listing::default();
    for line in printed.split(|&byte| byte == 0).filter(|line| !line.is_empty()) {
        take(line, &mut listing)?;
    }
    Ok(listing)
}

/// `<mode> <type> <object> <padded size>\t<path>`
fn take(line: &[u8], listing: &mut Listing) -> Result<(), TreeError> {
    let line =
        std::str::from_utf8(line).map_err(|_| TreeError::Path(String::from_utf8_lossy(line).into_owned()))?;
    let (facts, path) = line.split_once('\t').ok_or(TreeError::Print)?;
    let facts: Vec<&str> = facts.split_ascii_whitespace().collect();
    let [mode, _, object, bytes] = facts.as_slice() else { return Err(TreeError::Print) };
    match *mode {
        "100644" | "100755" | "100664" => listing.files.push(Entry {
            path: path.to_owned(),
            object: (*object).to_owned(),
            bytes: bytes.parse().map_err(|_| TreeError::Print)?,
            executable: *mode == "100755",
        }),
        "160000" => listing.modules.push((path.to_owned(), (*object).to_owned())),
        _ => {}
    }
    Ok(())
}

/// The addresses of submodules by their paths, as `.gitmodules` of the commit says; none where there is no such file.
pub(crate) async fn modules(
    git: &Git,
    repository: &Path,
    commit: &str,
    timeout: Duration,
) -> Result<Vec<(String, String)>, TreeError> {
    let blob = format!("{commit}:.gitmodules");
    let arguments = ["config", "--blob", &blob, "-z", "--get-regexp", "^submodule\\..*\\.(path|url)$"];
    let call = Call {
        arguments: &arguments,
        folder: Some(repository),
        output_bytes_max: MODULES_BYTES_MAX,
        ..Call::default()
    };
    let printed = git.run(call, timeout).await?;
    let printed = String::from_utf8_lossy(&printed);
    let pairs = || printed.split('\0').filter_map(|entry| entry.split_once('\n'));
    let named = |key: &str| {
        let (name, path) = (key.strip_suffix(".path")?, pairs().find(|(it, _)| *it == key)?.1);
        let url_key = format!("{name}.url");
        let (_, url) = pairs().find(|(it, _)| *it == url_key)?;
        Some((path.to_owned(), url.to_owned()))
    };
    Ok(pairs().filter_map(|(key, _)| named(key)).collect())
}

/// The contents of these files, in their order.
pub(crate) async fn read(
    git: &Git,
    repository: &Path,
    entries: &[&Entry],
    timeout: Duration,
) -> Result<Vec<Vec<u8>>, TreeError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let input: String = entries.iter().map(|entry| format!("{}\n", entry.object)).collect();
    let bytes: u64 = entries.iter().map(|entry| entry.bytes + 256).sum();
    let call = Call {
        arguments: &["cat-file", "--batch"],
        folder: Some(repository),
        input: Some(input.into_bytes()),
        output_bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX - 1),
        ..Call::default()
    };
    let printed = git.run(call, timeout).await?;
    let mut rest = printed.as_slice();
    entries.iter().map(|entry| content(&mut rest, entry).ok_or(TreeError::Print)).collect()
}

/// `<object> blob <size>\n<contents>\n`
fn content(rest: &mut &[u8], entry: &Entry) -> Option<Vec<u8>> {
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let (head, body) = rest.split_at_checked(end + 1)?;
    let size = std::str::from_utf8(head).ok()?.trim_end().rsplit(' ').next()?.parse::<usize>().ok()?;
    if !head.starts_with(entry.object.as_bytes()) {
        return None;
    }
    let content = body.get(..size)?;
    *rest = body.get(size + 1..)?;
    Some(content.to_vec())
}
