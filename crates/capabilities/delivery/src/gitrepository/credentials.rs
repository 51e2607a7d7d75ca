//! What a Secret says about how to reach a repository, as Flux' "GitRepository" page describes it. Pure.

use k8s_openapi::api::core::v1::Secret;

use super::report::Failure;
use crate::git::remote::Credential;

/// How to prove who we are, and who may vouch for the other side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) credential: Option<Credential>,
    pub(crate) authority_pem: Option<Vec<u8>>,
}

/// Reads `username` and `password`, or `bearerToken`, and `ca.crt` or its older name `caFile`.
pub(crate) fn access(name: &str, secret: &Secret) -> Result<Access, Failure> {
    let refuse = |message: String| Failure::Secret { name: name.to_owned(), message };
    let bytes = |key: &str| secret.data.as_ref()?.get(key).map(|value| value.0.as_slice());
    let text = |key: &str| match bytes(key) {
        None => Ok(None),
        Some(value) => match std::str::from_utf8(value) {
            // Git's own protocol and HTTP headers end at a line break: what follows would be taken for something else.
            Ok(text) if !text.chars().any(char::is_control) => Ok(Some(text.to_owned())),
            _ => Err(refuse(format!("key {key:?} holds a line break or another character that is no text"))),
        },
    };
    let credential = match (text("bearerToken")?, text("username")?, text("password")?) {
        (Some(token), ..) => Some(Credential::Bearer { token }),
        (None, Some(username), Some(password)) => Some(Credential::Basic { username, password }),
        (None, None, None) => None,
        (None, Some(_), None) => {
            return Err(refuse("key \"password\" is missing beside \"username\"".to_owned()));
        }
        (None, None, Some(_)) => {
            return Err(refuse("key \"username\" is missing beside \"password\"".to_owned()));
        }
    };
    let authority_pem = bytes("ca.crt").or_else(|| bytes("caFile")).map(<[u8]>::to_vec);
    if bytes("tls.crt").is_some() || bytes("certFile").is_some() {
        return Err(refuse("client certificates are not supported yet".to_owned()));
    }
    Ok(Access { credential, authority_pem })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[track_caller]
    fn check(data: &[(&str, &str)], expected: Result<Option<Credential>, &str>) {
        let bytes = |(key, value): &(&str, &str)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
        let secret = Secret { data: Some(data.iter().map(bytes).collect()), ..Secret::default() };
        match (access("git", &secret), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.credential, expected),
            (Err(found), Err(expected)) => assert!(found.to_string().contains(expected), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn secrets_are_read_as_flux_reads_them() {
        let basic = Credential::Basic { username: "me".to_owned(), password: "pass".to_owned() };
        check(&[("username", "me"), ("password", "pass")], Ok(Some(basic)));
        check(&[("bearerToken", "t")], Ok(Some(Credential::Bearer { token: "t".to_owned() })));
        check(&[("ca.crt", "pem")], Ok(None));
        check(&[("username", "me")], Err("Secret \"git\": key \"password\" is missing"));
        check(&[("username", "me"), ("password", "pass\n")], Err("key \"password\" holds a line break"));
    }
}
