//! Who asks.

use std::collections::BTreeMap;

/// Group of everybody who proved who they are.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// Group of everybody else.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Group that may do anything, whatever the roles say.
pub(crate) const MASTERS: &str = "system:masters";

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// For example `system:bythos:delivery`.
    pub name: String,
    /// Empty where there is none.
    pub uid: String,
    /// For example `system:masters`, `system:authenticated`.
    pub groups: Vec<String>,
    /// What the authenticator adds.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user in these groups, and in `system:authenticated`.
    pub fn authenticated(name: impl Into<String>, groups: &[&str]) -> User {
        let mut groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        User { name: name.into(), groups, ..User::default() }
    }

    /// `system:anonymous`, in `system:unauthenticated`.
    pub fn anonymous() -> User {
        User {
            name: "system:anonymous".to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            ..User::default()
        }
    }
}
