//! What a Secret says about how to reach a source, as Flux' pages on GitRepository and HelmRepository describe it. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use percent_encoding::NON_ALPHANUMERIC;
use serde_json::Value;

use crate::git::remote::Credential;
use crate::git::ssh::SshIdentity;
use crate::web::Certificates;

/// Type of the Secrets that hold what Docker knows of registries, and the key in them.
const DOCKER_TYPE: &str = "kubernetes.io/dockerconfigjson";
const DOCKER_KEY: &str = ".dockerconfigjson";

/// A Secret that is of no use.
#[derive(Debug, thiserror::Error)]
#[error("Secret {name:?}: {message}")]
pub(crate) struct SecretError {
    pub(crate) name: String,
    pub(crate) message: String,
}

/// User and password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

impl Login {
    /// As HTTP's basic authentication has it.
    pub(crate) fn header(&self) -> HeaderValue {
        let both = STANDARD.encode(format!("{}:{}", self.username, self.password));
        // Letters and digits alone: it is always a header.
        let mut header =
            HeaderValue::try_from(format!("Basic {both}")).unwrap_or(HeaderValue::from_static("Basic"));
        header.set_sensitive(true);
        header
    }
}

/// How to prove who we are over HTTP, and who may vouch for the other side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HttpAccess {
    pub(crate) credential: Option<Credential>,
    pub(crate) certificates: Certificates,
}

/// A Secret as its keys are read.
struct Keys<'a> {
    secret: &'a Secret,
}

impl Keys<'_> {
    fn refuse(&self, message: String) -> SecretError {
        SecretError { name: self.secret.name_any(), message }
    }

    fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.secret.data.as_ref()?.get(key).map(|value| value.0.as_slice())
    }

    fn text(&self, key: &str) -> Result<Option<String>, SecretError> {
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

    fn needed(&self, key: &str) -> Result<Vec<u8>, SecretError> {
        let value = self.bytes(key).map(<[u8]>::to_vec);
        value.ok_or_else(|| self.refuse(format!("key {key:?} is missing")))
    }
}

/// Reads what a repository is reached with over SSH: `identity`, `known_hosts` and `password`.
pub(crate) fn ssh(secret: &Secret) -> Result<SshIdentity, SecretError> {
    let keys = Keys { secret };
    Ok(SshIdentity {
        private_key: keys.needed("identity")?,
        known_hosts: keys.needed("known_hosts")?,
        passphrase: keys.text("password")?,
    })
}

/// Reads what is reached over HTTP: `username` and `password`, or `bearerToken`; and [`certificates`].
pub(crate) fn http(secret: &Secret) -> Result<HttpAccess, SecretError> {
    Ok(HttpAccess { credential: credential(&Keys { secret })?, certificates: certificates(secret)? })
}

/// Reads `ca.crt` (or `caFile`), `tls.crt` and `tls.key` (or `certFile` and `keyFile`).
pub(crate) fn certificates(secret: &Secret) -> Result<Certificates, SecretError> {
    let keys = Keys { secret };
    let either = |one: &str, other: &str| keys.bytes(one).or_else(|| keys.bytes(other)).map(<[u8]>::to_vec);
    let client = match (either("tls.crt", "certFile"), either("tls.key", "keyFile")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            return Err(keys.refuse("key \"tls.key\" is missing beside \"tls.crt\"".to_owned()));
        }
        (None, Some(_)) => {
            return Err(keys.refuse("key \"tls.crt\" is missing beside \"tls.key\"".to_owned()));
        }
    };
    Ok(Certificates { authority_pem: either("ca.crt", "caFile"), client })
}

/// User and password for a registry: as Docker keeps them, if the Secret is of that type, or in keys of their own.
pub(crate) fn registry_login(secret: &Secret, registry: &str) -> Result<Option<Login>, SecretError> {
    let keys = Keys { secret };
    if secret.type_.as_deref() != Some(DOCKER_TYPE) {
        return Ok(match credential(&keys)? {
            Some(Credential::Basic { username, password }) => Some(Login { username, password }),
            Some(Credential::Bearer { .. }) | None => None,
        });
    }
    let config: Value = serde_json::from_slice(&keys.needed(DOCKER_KEY)?)
        .map_err(|_| keys.refuse(format!("key {DOCKER_KEY:?} is no JSON")))?;
    let known = config.get("auths").and_then(Value::as_object);
    let host = |address: &str| {
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest).to_owned()
    };
    let found = known.and_then(|known| known.iter().find(|(address, _)| host(address) == registry));
    let login = found.and_then(|(_, entry)| docker_login(entry));
    login.map(Some).ok_or_else(|| keys.refuse(format!("it has no user and password for {registry:?}")))
}

/// `username` and `password`, or both in `auth`.
fn docker_login(entry: &Value) -> Option<Login> {
    let text = |name: &str| entry.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    if let (Some(username), Some(password)) = (text("username"), text("password")) {
        return Some(Login { username, password });
    }
    let both = String::from_utf8(STANDARD.decode(text("auth")?).ok()?).ok()?;
    let (username, password) = both.split_once(':')?;
    Some(Login { username: username.to_owned(), password: password.to_owned() })
}

/// The address of a proxy: `address`, with `username` and `password` where they are given.
pub(crate) fn proxy(secret: &Secret) -> Result<String, SecretError> {
    let keys = Keys { secret };
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

fn credential(keys: &Keys<'_>) -> Result<Option<Credential>, SecretError> {
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
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::json;

    use super::*;

    fn secret(data: &[(&str, &str)]) -> Secret {
        let bytes = |(key, value): &(&str, &str)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
        let metadata = ObjectMeta { name: Some("git".to_owned()), ..ObjectMeta::default() };
        Secret { metadata, data: Some(data.iter().map(bytes).collect()), ..Secret::default() }
    }

    #[track_caller]
    fn check(data: &[(&str, &str)], expected: Result<Option<Credential>, &str>) {
        match (http(&secret(data)), expected) {
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
        let read = |data: &[(&str, &str)]| ssh(&secret(data));
        assert_eq!(read(&[("identity", "k"), ("known_hosts", "h")]).unwrap().known_hosts, b"h");
        let error = read(&[("identity", "k")]).unwrap_err().to_string();
        assert!(error.contains("key \"known_hosts\" is missing"), "{error}");
    }

    #[test]
    fn a_proxy_is_an_address_with_a_user_or_without() {
        let read = |data: &[(&str, &str)]| proxy(&secret(data)).map_err(|error| error.to_string());
        assert_eq!(read(&[("address", "http://proxy:3128")]).unwrap(), "http://proxy:3128");
        let with_user = [("address", "http://proxy:3128"), ("username", "me"), ("password", "p@ss")];
        assert_eq!(read(&with_user).unwrap(), "http://me:p%40ss@proxy:3128");
        assert!(read(&[]).unwrap_err().contains("key \"address\" is missing"));
        assert!(read(&[("address", "file:///etc")]).is_err());
    }

    #[test]
    fn registries_are_entered_as_docker_keeps_it() {
        let config = json!({ "auths": {
            "https://one.example/v1/": { "auth": STANDARD.encode("me:pa:ss") },
            "two.example:5000": { "username": "you", "password": "word", "auth": "" },
            "three.example": {},
        } });
        let mut docker = secret(&[(DOCKER_KEY, &config.to_string())]);
        docker.type_ = Some(DOCKER_TYPE.to_owned());
        let login = |registry: &str| registry_login(&docker, registry).map_err(|error| error.to_string());
        let expected = |username: &str, password: &str| {
            Ok(Some(Login { username: username.to_owned(), password: password.to_owned() }))
        };
        assert_eq!(login("one.example"), expected("me", "pa:ss"));
        assert_eq!(login("two.example:5000"), expected("you", "word"));
        for unknown in ["two.example", "three.example"] {
            let error = login(unknown).unwrap_err();
            assert_eq!(error, format!("Secret \"git\": it has no user and password for {unknown:?}"));
        }
        let plain = secret(&[("username", "me"), ("password", "pass")]);
        assert_eq!(registry_login(&plain, "any").unwrap().unwrap().header(), "Basic bWU6cGFzcw==");
    }
}
