//! Which commit a source means. Pure.

use bythos_api::gitrepository::GitRepositoryRef;
use bythos_helm::{Constraint, Version};

use super::report::Failure;
use crate::git::remote::Advertised;

/// Flux' default branch.
const DEFAULT_BRANCH: &str = "master";

/// What a source follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// The head of a branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// The highest tag within a range of versions.
    Range(String),
    /// A full reference, such as `refs/pull/420/head`.
    Name(String),
    /// A commit, and the branch that names the revision.
    Commit { commit: String, branch: Option<String> },
}

impl Reference {
    /// Of several wishes, the commit goes before the name, the range, the tag and the branch.
    pub(crate) fn of(reference: Option<&GitRepositoryRef>) -> Result<Reference, Failure> {
        let reference = reference.cloned().unwrap_or_default();
        let branch = reference.branch.map(|it| name("spec.ref.branch", it)).transpose()?;
        if let Some(commit) = reference.commit {
            let hex = commit.chars().all(|it| it.is_ascii_hexdigit());
            if !hex || !matches!(commit.len(), 40 | 64) {
                return Err(Failure::Reference {
                    message: format!(
                        "spec.ref.commit: expected a full commit of 40 or 64 digits, found {commit:?}"
                    ),
                });
            }
            return Ok(Reference::Commit { commit: commit.to_ascii_lowercase(), branch });
        }
        if let Some(full) = reference.name {
            return Ok(Reference::Name(name("spec.ref.name", full)?));
        }
        if let Some(range) = reference.semver.filter(|range| !range.is_empty()) {
            Constraint::parse(&range).map_err(|error| Failure::Reference {
                message: format!("spec.ref.semver: {range:?} is no range of versions: {error}"),
            })?;
            return Ok(Reference::Range(range));
        }
        if let Some(tag) = reference.tag {
            return Ok(Reference::Tag(name("spec.ref.tag", tag)?));
        }
        Ok(Reference::Branch(branch.unwrap_or_else(|| DEFAULT_BRANCH.to_owned())))
    }

    /// What to ask the remote for.
    pub(crate) fn full_name(&self) -> String {
        match self {
            Reference::Branch(branch) => format!("refs/heads/{branch}"),
            Reference::Tag(tag) => format!("refs/tags/{tag}"),
            Reference::Range(_) => "refs/tags/*".to_owned(),
            Reference::Name(name) => name.clone(),
            Reference::Commit { commit, .. } => commit.clone(),
        }
    }

    /// What may be meant now: of a range the tags of its highest version, which differ at most in what does not count; else
    /// the reference itself.
    pub(crate) fn candidates(&self, advertised: &[Advertised]) -> Vec<Reference> {
        let Reference::Range(range) = self else { return vec![self.clone()] };
        let Ok(constraint) = Constraint::parse(range) else { return Vec::new() };
        let tags = advertised.iter().filter_map(|it| it.name.strip_prefix("refs/tags/"));
        let versions =
            tags.filter(|tag| !tag.ends_with("^{}")).filter_map(|tag| Some((version_of(tag)?, tag)));
        let allowed: Vec<(Version, &str)> =
            versions.filter(|(version, _)| constraint.allows(version)).collect();
        let highest = allowed.iter().map(|(version, _)| version).max_by(|one, other| one.compare(other));
        let Some(highest) = highest else { return Vec::new() };
        let of_highest = allowed.iter().filter(|(version, _)| version.compare(highest).is_eq());
        of_highest.map(|(_, tag)| Reference::Tag((*tag).to_owned())).collect()
    }

    /// The commit among what the remote has; a tag of its own object stands for the commit that it points to.
    pub(crate) fn find<'a>(&self, advertised: &'a [Advertised]) -> Option<&'a str> {
        let full = self.full_name();
        let peeled = format!("{full}^{{}}");
        let named = |name: &str| advertised.iter().find(|it| it.name == name).map(|it| it.object.as_str());
        named(&peeled).or_else(|| named(&full))
    }

    /// Flux' form of a revision: `main@sha1:<commit>`.
    pub(crate) fn revision(&self, commit: &str) -> String {
        let algorithm = if commit.len() == 64 { "sha256" } else { "sha1" };
        let name = match self {
            Reference::Branch(name) | Reference::Tag(name) | Reference::Name(name) => Some(name),
            Reference::Commit { branch, .. } => branch.as_ref(),
            Reference::Range(_) => None,
        };
        match name {
            Some(name) => format!("{name}@{algorithm}:{commit}"),
            None => format!("{algorithm}:{commit}"),
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reference::Branch(branch) => write!(f, "branch {branch:?}"),
            Reference::Tag(tag) => write!(f, "tag {tag:?}"),
            Reference::Range(range) => write!(f, "a tag within {range:?}"),
            Reference::Name(name) => write!(f, "reference {name:?}"),
            Reference::Commit { commit, .. } => write!(f, "commit {commit}"),
        }
    }
}

/// The version that a tag stands for. As in Flux, `v1` and `1.2` are names like any other.
fn version_of(tag: &str) -> Option<Version> {
    const NUMBERS: usize = 3;
    let is_whole = tag.splitn(NUMBERS, '.').count() == NUMBERS;
    Version::parse(tag).ok().filter(|_| is_whole)
}

/// The rules of "git check-ref-format" that keep a name from being anything but a name.
fn name(field: &'static str, name: String) -> Result<String, Failure> {
    let bad = |it: char| it.is_control() || it.is_whitespace() || "~^:?*[\\".contains(it);
    let refused = name.is_empty()
        || name.starts_with(['-', '/'])
        || name.ends_with('/')
        || name.contains("..")
        || name.contains("@{")
        || name.chars().any(bad);
    if refused {
        return Err(Failure::Reference {
            message: format!("{field}: {name:?} is not a name that git allows"),
        });
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_have_the_form_of_flux() {
        let commit = "a".repeat(40);
        let cases = [
            (Reference::Branch("main".to_owned()), format!("main@sha1:{commit}")),
            (Reference::Tag("v1".to_owned()), format!("v1@sha1:{commit}")),
            (Reference::Name("refs/pull/1/head".to_owned()), format!("refs/pull/1/head@sha1:{commit}")),
            (Reference::Commit { commit: commit.clone(), branch: None }, format!("sha1:{commit}")),
        ];
        for (reference, expected) in cases {
            assert_eq!(reference.revision(&commit), expected);
        }
        assert_eq!(
            Reference::Branch("x".to_owned()).revision(&"b".repeat(64)),
            format!("x@sha256:{}", "b".repeat(64))
        );
    }

    #[test]
    fn the_most_exact_wish_wins() {
        let wish = |tag: Option<&str>, branch: Option<&str>| {
            let owned = |it: Option<&str>| it.map(str::to_owned);
            let wish =
                GitRepositoryRef { tag: owned(tag), branch: owned(branch), ..GitRepositoryRef::default() };
            Reference::of(Some(&wish)).unwrap()
        };
        assert_eq!(Reference::of(None).unwrap(), Reference::Branch("master".to_owned()));
        assert_eq!(wish(Some("v1"), Some("main")), Reference::Tag("v1".to_owned()));
        assert_eq!(wish(None, Some("main")), Reference::Branch("main".to_owned()));
    }

    #[test]
    fn a_range_means_its_highest_tag() {
        let tags = [
            "v1.0.0",
            "v1.2.0",
            "v1.10.1",
            "v2.0.0-rc.1",
            "v2.0.0",
            "nightly",
            "v1.10.1^{}",
            "20260101",
            "v9.9",
            "4.0.0+a",
            "4.0.0+b",
        ];
        let remote: Vec<Advertised> = tags
            .iter()
            .map(|tag| Advertised { name: format!("refs/tags/{tag}"), object: "x".to_owned() })
            .collect();
        let check = |range: &str, expected: &[&str]| {
            let found = Reference::Range(range.to_owned()).candidates(&remote);
            let expected: Vec<Reference> =
                expected.iter().map(|tag| Reference::Tag((*tag).to_owned())).collect();
            assert_eq!(found, expected, "{range}");
        };
        check("1.x", &["v1.10.1"]);
        check(">=1.0.0 <1.3.0", &["v1.2.0"]);
        check("<3", &["v2.0.0"]);
        check("*", &["4.0.0+a", "4.0.0+b"]);
        check(">=5", &[]);
    }

    #[test]
    fn an_annotated_tag_stands_for_its_commit() {
        let has = |name: &str, object: &str| Advertised { name: name.to_owned(), object: object.to_owned() };
        let remote =
            [has("refs/tags/v1", "tag"), has("refs/tags/v1^{}", "commit"), has("refs/tags/v2", "light")];
        assert_eq!(Reference::Tag("v1".to_owned()).find(&remote), Some("commit"));
        assert_eq!(Reference::Tag("v2".to_owned()).find(&remote), Some("light"));
        assert_eq!(Reference::Tag("v3".to_owned()).find(&remote), None);
    }
}
