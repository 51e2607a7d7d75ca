//! From commits to an artifact's bytes: what to take, how much of it, packed.

use std::collections::BTreeMap;
use std::time::Duration;

use bythos_api::gitrepository::GitRepositorySpec;

use super::modules::Tree;
use super::report::Failure;
use crate::artifact::{self, FILES_BYTES_MAX, FILES_MAX, File};
use crate::git::Git;
use crate::git::tree::{self, Entry};
use crate::ignore::{IGNORE_FILE, Ignore};

/// A file of one of the trees.
struct Found<'a> {
    tree: &'a Tree,
    entry: Entry,
    /// Where it stands in the artifact.
    path: String,
}

/// Packs the files of the trees, and those that are included, unless the source leaves them out.
pub(super) async fn pack(
    git: &Git,
    trees: &[Tree],
    included: Vec<File>,
    spec: &GitRepositorySpec,
    timeout: Duration,
) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    for tree in trees {
        let listing = tree::list(git, &tree.repository, &tree.commit, timeout).await?;
        let found = listing.files.into_iter().map(|entry| {
            let path = format!("{}{}", tree.folder, entry.path);
            Found { tree, entry, path }
        });
        all.extend(found.filter(|found| is_in(&found.path, &spec.sparse_checkout)));
    }
    let ignore = rules(git, &all, &included, spec, timeout).await?;
    all.retain(|found| !ignore.leaves_out(&found.path));
    check_size(all.iter().map(|found| found.entry.bytes), &included)?;
    let mut files = BTreeMap::new();
    for tree in trees {
        let of_tree: Vec<&Found<'_>> = all.iter().filter(|found| std::ptr::eq(found.tree, tree)).collect();
        let contents = read(git, tree, &of_tree, timeout).await?;
        let made = of_tree.iter().zip(contents).map(|(found, content)| {
            let (path, executable) = (found.path.clone(), found.entry.executable);
            (path.clone(), File { path, content, executable })
        });
        files.extend(made);
    }
    let taken = included.into_iter().filter(|file| !ignore.leaves_out(&file.path));
    files.extend(taken.map(|file| (file.path.clone(), file)));
    let files: Vec<File> = files.into_values().collect();
    let packed = tokio::task::spawn_blocking(move || artifact::pack(files)).await;
    packed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())).map_err(Failure::Pack)
}

async fn read(
    git: &Git,
    tree: &Tree,
    found: &[&Found<'_>],
    timeout: Duration,
) -> Result<Vec<Vec<u8>>, Failure> {
    let entries: Vec<&Entry> = found.iter().map(|found| &found.entry).collect();
    Ok(tree::read(git, &tree.repository, &entries, timeout).await?)
}

/// What the repository says, then what the source says: the last word counts.
async fn rules(
    git: &Git,
    all: &[Found<'_>],
    included: &[File],
    spec: &GitRepositorySpec,
    timeout: Duration,
) -> Result<Ignore, Failure> {
    let mut ignore = Ignore::default();
    let is_rules = |path: &str| path.rsplit('/').next() == Some(IGNORE_FILE);
    let mut found: Vec<&Found<'_>> = all.iter().filter(|found| is_rules(&found.path)).collect();
    found.sort_by_key(|found| found.path.matches('/').count());
    check_size(found.iter().map(|found| found.entry.bytes), &[])?;
    for one in found {
        let content = read(git, one.tree, &[one], timeout).await?.concat();
        ignore.add(folder_of(&one.path), &String::from_utf8_lossy(&content));
    }
    for file in included.iter().filter(|file| is_rules(&file.path)) {
        ignore.add(folder_of(&file.path), &String::from_utf8_lossy(&file.content));
    }
    ignore.add("", spec.ignore.as_deref().unwrap_or_default());
    Ok(ignore)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Files at the root are always part of a sparse checkout, as in Git's cone mode.
fn is_in(path: &str, folders: &[String]) -> bool {
    let within = |folder: &String| {
        let folder = folder.trim_start_matches("./").trim_matches('/');
        path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) || folder.is_empty()
    };
    folders.is_empty() || !path.contains('/') || folders.iter().any(within)
}

fn check_size(sizes: impl Iterator<Item = u64> + Clone, included: &[File]) -> Result<(), Failure> {
    let bytes =
        sizes.clone().sum::<u64>() + included.iter().map(|file| file.content.len() as u64).sum::<u64>();
    let files = sizes.count() + included.len();
    if bytes > FILES_BYTES_MAX || files > FILES_MAX {
        return Err(Failure::TooLarge { bytes, files });
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
