//! What is asked, and the answer.

/// What is asked, as RBAC sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// On a resource.
    Resource {
        /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, ...
        verb: &'a str,
        /// Empty for the core group.
        group: &'a str,
        /// Plural.
        resource: &'a str,
        /// Empty, or for example `status`.
        subresource: &'a str,
        /// Empty for cluster scope and for all namespaces.
        namespace: &'a str,
        /// Empty for collections.
        name: &'a str,
    },
    /// On a path such as `/version`.
    Path {
        /// `get`, ...
        verb: &'a str,
        /// The path.
        path: &'a str,
    },
}

impl Request<'_> {
    /// The namespace in which RoleBindings may allow it; empty if only ClusterRoleBindings may.
    pub(crate) fn namespace(&self) -> &str {
        match self {
            Request::Resource { namespace, .. } => namespace,
            Request::Path { .. } => "",
        }
    }
}

/// The answer, with the reason that upstream would give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// For example `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to User "z"`; may be empty.
    pub reason: String,
}
