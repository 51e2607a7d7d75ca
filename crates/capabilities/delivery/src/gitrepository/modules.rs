//! The commits of which an artifact is made: that of the repository and, where asked for, those of its submodules.

use std::path::{Path, PathBuf};

use super::Context;
use super::report::Failure;
use crate::git::GitError;
use crate::git::remote::Remote;
use crate::git::tree::{self, TreeError};

/// Submodules of one source, at all depths.
const MODULES_MAX: usize = 50;

/// A commit whose files stand in a folder of the artifact.
#[derive(Debug)]
pub(super) struct Tree {
    /// Empty, or ending with a slash.
    pub(super) folder: String,
    pub(super) repository: PathBuf,
    pub(super) commit: String,
    /// Address that it was fetched from, to which the submodules' may be relative.
    url: String,
}

impl Tree {
    pub(super) fn root(repository: &Path, commit: &str, url: &str) -> Tree {
        Tree {
            folder: String::new(),
            repository: repository.to_owned(),
            commit: commit.to_owned(),
            url: url.to_owned(),
        }
    }
}

impl Context {
    /// The tree itself and those of its submodules, which are fetched into `scratch`.
    pub(super) async fn with_modules(
        &self,
        remote: &Remote,
        root: Tree,
        scratch: &Path,
    ) -> Result<Vec<Tree>, Failure> {
        let mut trees = vec![root];
        let mut next = 0;
        while let Some(tree) = trees.get(next) {
            next += 1;
            let listing = tree::list(&self.git, &tree.repository, &tree.commit, remote.timeout).await?;
            if listing.modules.is_empty() {
                continue;
            }
            let addresses = tree::modules(&self.git, &tree.repository, &tree.commit, remote.timeout).await?;
            let mut found = Vec::new();
            for (path, commit) in listing.modules {
                let folder = format!("{}{path}", tree.folder);
                let address = addresses.iter().find(|(at, _)| *at == path).map(|(_, url)| url.as_str());
                let failed = |words: &str| Failure::Module { path: folder.clone(), words: words.to_owned() };
                let address = address.ok_or_else(|| failed("no address in .gitmodules"))?;
                let url = absolute(&tree.url, address).ok_or_else(|| failed("its address leads nowhere"))?;
                let repository = scratch.join(format!("module-{}.git", trees.len() + found.len()));
                let fetched = remote.at(url.clone()).fetch(&self.git, &repository, &commit).await;
                let commit = fetched.map_err(|error| failed(&error_words(&error)))?;
                found.push(Tree { folder: format!("{folder}/"), repository, commit, url });
            }
            trees.extend(found);
            if trees.len() > MODULES_MAX {
                return Err(Failure::Tree(TreeError::TooManyModules(MODULES_MAX)));
            }
        }
        Ok(trees)
    }
}

fn error_words(error: &GitError) -> String {
    bythos_operator::error_chain(error)
}

/// An address that may be relative to another: `../other.git`.
fn absolute(base: &str, address: &str) -> Option<String> {
    if !address.starts_with("./") && !address.starts_with("../") {
        return Some(address.to_owned());
    }
    let (scheme, rest) = base.split_once("://")?;
    let mut steps: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    for step in address.split('/') {
        match step {
            "." | "" => {}
            ".." if steps.len() > 1 => {
                steps.pop();
            }
            ".." => return None,
            step => steps.push(step),
        }
    }
    Some(format!("{scheme}://{}", steps.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_submodules_may_be_relative() {
        let base = "https://git.example/team/app.git";
        let cases = [
            ("../lib.git", Some("https://git.example/team/lib.git")),
            ("../../other/lib", Some("https://git.example/other/lib")),
            ("./sub.git", Some("https://git.example/team/app.git/sub.git")),
            ("https://other.example/x", Some("https://other.example/x")),
            ("../../../../x", None),
        ];
        for (address, expected) in cases {
            assert_eq!(absolute(base, address).as_deref(), expected, "{address}");
        }
    }
}
