//! What is wrong with an Ingress, in words for its owner.

use std::fmt;

use bythos_operator::ObjectKey;

/// Why an Ingress does not do, or not wholly, what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Problem {
    /// An older Ingress has this host and path.
    HostConflict { host: String, path: String, holder: ObjectKey },
    /// The Secret with its certificate is not there.
    SecretMissing { secret: ObjectKey, hosts: Vec<String> },
    /// The Secret is there, but cannot be used.
    SecretUnusable { secret: ObjectKey, hosts: Vec<String>, cause: String },
    /// The certificate is for other names: browsers will refuse it.
    CertificateForOthers { secret: ObjectKey, host: String },
}

impl Problem {
    /// The reason of the event.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Problem::HostConflict { .. } => "HostConflict",
            Problem::SecretMissing { .. } => "TLSSecretMissing",
            Problem::SecretUnusable { .. } => "TLSSecretUnusable",
            Problem::CertificateForOthers { .. } => "TLSCertificateForOthers",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::HostConflict { host, path, holder } => write!(
                f,
                "host {host:?} with path {path:?} is served by the older Ingress {holder}; use another host or path"
            ),
            Problem::SecretMissing { secret, hosts } => {
                write!(f, "no HTTPS for {}: there is no Secret {secret}", hosts.join(", "))
            }
            Problem::SecretUnusable { secret, hosts, cause } => {
                write!(f, "no HTTPS for {}: Secret {secret} {cause}", hosts.join(", "))
            }
            Problem::CertificateForOthers { secret, host } => {
                write!(
                    f,
                    "the certificate in Secret {secret} is not valid for {host}; browsers will refuse it"
                )
            }
        }
    }
}
