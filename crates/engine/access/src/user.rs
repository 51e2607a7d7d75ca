//! Who asks.

use std::collections::BTreeMap;

/// Group of everybody who proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Group of everybody else.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Group that may do anything, whatever the roles say.
pub const MASTERS: &str = "system:masters";

/// Group of all service accounts; those of a namespace are in this, a colon and the namespace, too.
pub(crate) const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";

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

    /// The user that a service account is, in the groups of all accounts and of those of its namespace.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> User {
        let groups = [
            SERVICE_ACCOUNTS.to_owned(),
            format!("{SERVICE_ACCOUNTS}:{namespace}"),
            AUTHENTICATED.to_owned(),
        ];
        User {
            name: format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"),
            uid: uid.to_owned(),
            groups: groups.into(),
            extra: BTreeMap::new(),
        }
    }

    /// Namespace and name of the service account that this user name stands for.
    pub fn parse_service_account(user_name: &str) -> Option<(&str, &str)> {
        let (namespace, name) = user_name.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
        (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
    }

    /// Whether it is in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
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

#[cfg(test)]
mod tests {
    use super::User;

    #[test]
    fn a_service_account_is_a_user_in_the_groups_of_its_namespace() {
        let user = User::service_account("shop", "robot", "u-1");
        assert_eq!(user.name, "system:serviceaccount:shop:robot");
        let groups = ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"];
        assert_eq!(user.groups, groups);
        assert_eq!(User::parse_service_account(&user.name), Some(("shop", "robot")));
        for other in
            ["robot", "system:serviceaccount:shop", "system:serviceaccount::a", "system:serviceaccount:a:b:c"]
        {
            assert_eq!(User::parse_service_account(other), None, "{other}");
        }
    }
}
