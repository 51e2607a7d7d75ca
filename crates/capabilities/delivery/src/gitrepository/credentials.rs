//! What a Secret says about how to reach a repository, as Flux' "GitRepository" page describes it. Pure.

use k8s_openapi::api::core::v1::Secret;
use percent_encoding::NON_ALPHANUMERIC;

use super::report::Failure;
use super::validate::Scheme;
use crate::git::remote::Credential;
use crate::git::ssh::SshIdentity;

/// How to prove who we are, and who may vouch for the other side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) credential: Option<Credential>,
    pub(crate) authority_pem: Option<Vec<u8>>,
    /// Our certificate and its key, PEM.
    pub(crate) client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) ssh: Option<SshIdentity>,
}

/// A Secret as its keys are read.
struct Keys<'a> {
    name: &'a str,
    secret: &'a Secret,
}

impl Keys<'_> {
    fn refuse(&self, message: String) -> Failure {
        Failure::Secret { name: self.name.to_owned(), message }
    }

    fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.secret.data.as_ref()?.get(key).map(|value| value.0.as_slice())
    }

    fn text(&self, key: &str) -> Result<Option<String>, Failure> {
        let Some(value) = self.bytes(key) else { return Ok(None) };
        match std::str::from_utf8(value) {
            // Git's own protocol and HTTP headers end at a line break: what follows would be taken for something else.
            Ok(text) if !text.chars().any(char::is_control) => Ok(Some(text.to_owned())),
            _ => {
                Err(self
                    .refuse(format!("key {key:?} holds a line break or another character that is no text")))
            }
        }
    }

    fn needed(&self, key: &str) -> Result<Vec<u8>, Failure> {
        let value = self.bytes(key).map(<[u8]>::to_vec);
        value.ok_or_else(|| self.refuse(format!("key {key:?} is missing")))
    }
}

/// Reads what a repository is reached with: over SSH `identity`, `known_hosts` and `password`; else `username` and
/// `password`, or `bearerToken`, `ca.crt` (or `caFile`), `tls.crt` and `tls.key` (or `certFile` and `keyFile`).
pub(crate) fn access(name: &str, secret: &Secret, scheme: Scheme) -> Result<Access, Failure> {
    let keys = Keys { name, secret };
    if scheme == Scheme::Ssh {
        let ssh = SshIdentity {
            private_key: keys.needed("identity")?,
            known_hosts: keys.needed("known_hosts")?,
            passphrase: keys.text("password")?,
        };
        return Ok(Access { ssh: Some(ssh), ..Access::default() });
    }
    let either = |one: &str, other: &str| keys.bytes(one).or_else(|| keys.bytes(other)).map(<[u8]>::to_vec);
    let client_certificate = match (either("tls.crt", "certFile"), either("tls.key", "keyFile")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            return Err(keys.refuse("key \"tls.key\" is missing beside \"tls.crt\"".to_owned()));
        }
        (None, Some(_)) => {
            return Err(keys.refuse("key \"tls.crt\" is missing beside \"tls.key\"".to_owned()));
        }
    };
    Ok(Access {
        credential: credential(&keys)?,
        authority_pem: either("ca.crt", "caFile"),
        client_certificate,
        ssh: None,
    })
}

/// The address of a proxy: `address`, with `username` and `password` where they are given.
pub(crate) fn proxy(name: &str, secret: &Secret) -> Result<String, Failure> {
    let keys = Keys { name, secret };
    let address =
        keys.text("address")?.ok_or_else(|| keys.refuse("key \"address\" is missing".to_owned()))?;
    let (scheme, host) = address.split_once("://").unwrap_or(("http", &address));
    if !matches!(scheme, "http" | "https" | "socks5") || host.is_empty() || host.contains('@') {
        return Err(keys.refuse(format!("key \"address\" is no address of a proxy: {address:?}")));
    }
    let encoded = |text: String| percent_encoding::utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
    Ok(match (keys.text("username")?, keys.text("password")?) {
        (Some(user), Some(password)) => format!("{scheme}://{}:{}@{host}", encoded(user), encoded(password)),
        (Some(user), None) => format!("{scheme}://{}@{host}", encoded(user)),
        (None, _) => format!("{scheme}://{host}"),
    })
}

fn credential(keys: &Keys<'_>) -> Result<Option<Credential>, Failure> {
    let text = |key| keys.text(key);
    let refuse = |message| keys.refuse(message);
    Ok(match (text("bearerToken")?, text("username")?, text("password")?) {
        (Some(token), ..) => Some(Credential::Bearer { token }),
        (None, Some(username), Some(password)) => Some(Credential::Basic { username, password }),
        (None, None, None) => None,
        (None, Some(_), None) => {
            return Err(refuse("key \"password\" is missing beside \"username\"".to_owned()));
        }
        (None, None, Some(_)) => {
            return Err(refuse("key \"username\" is missing beside \"password\"".to_owned()));
        }
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn secret(data: &[(&str, &str)]) -> Secret {
        let bytes = |(key, value): &(&str, &str)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
        Secret { data: Some(data.iter().map(bytes).collect()), ..Secret::default() }
    }

    #[track_caller]
    fn check(data: &[(&str, &str)], expected: Result<Option<Credential>, &str>) {
        match (access("git", &secret(data), Scheme::Http), expected) {
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
        check(&[("tls.crt", "pem")], Err("key \"tls.key\" is missing"));
    }

    #[test]
    fn ssh_needs_a_key_and_known_hosts() {
        let read = |data: &[(&str, &str)]| access("git", &secret(data), Scheme::Ssh);
        assert!(read(&[("identity", "k"), ("known_hosts", "h")]).unwrap().ssh.is_some());
        let error = read(&[("identity", "k")]).unwrap_err().to_string();
        assert!(error.contains("key \"known_hosts\" is missing"), "{error}");
    }

    #[test]
    fn a_proxy_is_an_address_with_a_user_or_without() {
        let read = |data: &[(&str, &str)]| proxy("proxy", &secret(data)).map_err(|error| error.to_string());
        assert_eq!(read(&[("address", "http://proxy:3128")]).unwrap(), "http://proxy:3128");
        let with_user = [("address", "http://proxy:3128"), ("username", "me"), ("password", "p@ss")];
        assert_eq!(read(&with_user).unwrap(), "http://me:p%40ss@proxy:3128");
        assert!(read(&[]).unwrap_err().contains("key \"address\" is missing"));
        assert!(read(&[("address", "file:///etc")]).is_err());
    }
}
