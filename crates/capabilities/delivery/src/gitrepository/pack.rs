//! From a commit to an artifact's bytes: what to take, how much of it, packed.

use std::path::Path;
use std::time::Duration;

use bythos_api::gitrepository::GitRepositorySpec;

use super::report::Failure;
use crate::artifact::{self, FILES_BYTES_MAX, FILES_MAX, File};
use crate::git::Git;
use crate::git::tree::{self, Entry};
use crate::ignore::{IGNORE_FILE, Ignore};

/// Packs the files of a commit that the source does not leave out.
pub(super) async fn pack(
    git: &Git,
    repository: &Path,
    commit: &str,
    spec: &GitRepositorySpec,
    timeout: Duration,
) -> Result<Vec<u8>, Failure> {
    let all = tree::list(git, repository, commit, timeout).await?;
    let ignore = rules(git, repository, &all, spec, timeout).await?;
    let taken: Vec<&Entry> = all
        .iter()
        .filter(|entry| is_in(&entry.path, &spec.sparse_checkout) && !ignore.leaves_out(&entry.path))
        .collect();
    check_size(&taken)?;
    let contents = tree::read(git, repository, &taken, timeout).await?;
    let files = taken.iter().zip(contents).map(|(entry, content)| File {
        path: entry.path.clone(),
        content,
        executable: entry.executable,
    });
    let files: Vec<File> = files.collect();
    let packed = tokio::task::spawn_blocking(move || artifact::pack(files)).await;
    packed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())).map_err(Failure::Pack)
}

/// Flux' defaults, then what the repository says, then what the source says: the last word counts.
async fn rules(
    git: &Git,
    repository: &Path,
    all: &[Entry],
    spec: &GitRepositorySpec,
    timeout: Duration,
) -> Result<Ignore, Failure> {
    let mut ignore = Ignore::defaults();
    let is_rules = |entry: &&Entry| entry.path.rsplit('/').next() == Some(IGNORE_FILE);
    let mut files: Vec<&Entry> = all.iter().filter(is_rules).collect();
    files.sort_by_key(|entry| entry.path.matches('/').count());
    check_size(&files)?;
    let contents = tree::read(git, repository, &files, timeout).await?;
    for (entry, content) in files.iter().zip(contents) {
        let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        ignore.add(folder, &String::from_utf8_lossy(&content));
    }
    ignore.add("", spec.ignore.as_deref().unwrap_or_default());
    Ok(ignore)
}

/// Files at the root are always part of a sparse checkout, as in Git's cone mode.
fn is_in(path: &str, folders: &[String]) -> bool {
    let within = |folder: &String| {
        let folder = folder.trim_start_matches("./").trim_matches('/');
        path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) || folder.is_empty()
    };
    folders.is_empty() || !path.contains('/') || folders.iter().any(within)
}

fn check_size(entries: &[&Entry]) -> Result<(), Failure> {
    let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    if bytes > FILES_BYTES_MAX || entries.len() > FILES_MAX {
        return Err(Failure::TooLarge { bytes, files: entries.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_checkout_takes_the_root_and_the_named_folders() {
        let folders = ["./apps/web".to_owned(), "infra/".to_owned()];
        let cases = [
            ("README.md", true),
            ("apps/web/a.yaml", true),
            ("apps/website/a.yaml", false),
            ("infra/x/y.yaml", true),
            ("other/a.yaml", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_in(path, &folders), expected, "{path}");
        }
        assert!(is_in("other/a.yaml", &[]));
    }
}
