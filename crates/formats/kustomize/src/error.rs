//! Why a build is refused: the file, the place in it, what was found, what to do.

use bythos_patch::PatchError;

/// A build that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The folder to build is not in the source.
    #[error("folder {path:?} is not in the source")]
    NoSuchFolder {
        /// Which folder.
        path: String,
    },
    /// A folder that is to be built has no kustomization.
    #[error("the folder {path:?} holds none of kustomization.yaml, kustomization.yml, Kustomization")]
    NoKustomization {
        /// Which folder.
        path: String,
    },
    /// A field of a kustomization file.
    #[error("{file}: {field}: {message}")]
    Field {
        /// Which file.
        file: String,
        /// Path of the field, for example `patches[0].target.kind`.
        field: String,
        /// What was found, what was expected, what to do.
        message: String,
    },
    /// A file is not YAML.
    #[error("{file}")]
    Yaml {
        /// Which file.
        file: String,
        /// Where in it, and why.
        #[source]
        source: bythos_yaml::Error,
    },
    /// A file is not text.
    #[error("{file}: byte {offset} is not UTF-8; only text can be a manifest")]
    NotText {
        /// Which file.
        file: String,
        /// Where, from 0.
        offset: usize,
    },
    /// A document is not a manifest of a Kubernetes object.
    #[error("{place}: {message}")]
    Manifest {
        /// Where the document stands.
        place: Place,
        /// What was found and what was expected.
        message: String,
    },
    /// The same object twice.
    #[error("{object} is defined twice: in {first} and in {second}")]
    Duplicate {
        /// `Kind/namespace/name`.
        object: String,
        /// Where it stands first.
        first: Place,
        /// Where it stands again.
        second: Place,
    },
    /// A kustomization leads back to itself, or to a folder that holds it.
    #[error("{file}: {field}: kustomizations lead back to themselves: {}", .chain.join(" -> "))]
    Cycle {
        /// Which kustomization file.
        file: String,
        /// The field that closes the circle.
        field: String,
        /// The folders, in the order in which they lead to each other.
        chain: Vec<String>,
    },
    /// A patch cannot be applied to an object that it selects.
    #[error("{file}: {field}: failed to patch {object}")]
    Patch {
        /// Which kustomization file.
        file: String,
        /// Which patch.
        field: String,
        /// `Kind/namespace/name`.
        object: String,
        /// Why.
        #[source]
        source: PatchError,
    },
    /// A reference by name could mean more than one object.
    #[error("{referrer}: the name {name:?} could mean any of {}", .candidates.join(", "))]
    AmbiguousReference {
        /// The object that refers.
        referrer: String,
        /// The name in it.
        name: String,
        /// What it could mean.
        candidates: Vec<String>,
    },
    /// A field that refers to other objects does not have the form that it should have.
    #[error("{place}: {message}")]
    Reference {
        /// Where the object stands.
        place: String,
        /// The object, the field in it, what was found there.
        message: String,
    },
    /// The build asks for more than it may.
    #[error("the build needs more than {max} {what}")]
    Budget {
        /// What is counted.
        what: &'static str,
        /// How much is allowed.
        max: usize,
    },
}

/// Where a document stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Which file, from the root of the source.
    pub file: String,
    /// Which document of the file, from 1; empty ones do not count.
    pub document: usize,
    /// Line at which the document begins, from 1, where that is known.
    pub line: Option<usize>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, document {}", self.file, self.document)?;
        self.line.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}
