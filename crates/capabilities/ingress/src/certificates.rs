//! Which certificate answers for a name: a table from the Secrets that Ingresses name under `tls`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bythos_operator::{ObjectKey, error_chain};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::networking::v1::{Ingress, IngressSpec, IngressTLS};
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::problem::Problem;
use crate::routes::{HostPattern, hosts_of_tls_entry, normalize_host};

const TLS_SECRET: &str = "kubernetes.io/tls";

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    by_host: BTreeMap<HostPattern, Arc<CertifiedKey>>,
}

impl Certificates {
    /// Builds the table from our Ingresses, oldest first, and tells for which Ingress something is missing. For a
    /// host that several name, the oldest one's certificate counts.
    pub(crate) fn build(
        ingresses: &[&Ingress],
        keys: &mut Keys,
        find: impl Fn(&ObjectKey) -> Option<Arc<Secret>>,
    ) -> (Self, BTreeMap<ObjectKey, Vec<Problem>>) {
        let mut certificates = Certificates::default();
        let mut problems = BTreeMap::<_, Vec<_>>::new();
        let mut used = BTreeMap::new();
        for ingress in ingresses {
            let Some(spec) = &ingress.spec else { continue };
            let key = ObjectKey::of(*ingress);
            for entry in spec.tls.iter().flatten() {
                let found = certificates.add(&key, spec, entry, keys, &mut used, &find);
                if !found.is_empty() {
                    problems.entry(key.clone()).or_default().extend(found);
                }
            }
        }
        keys.read = used;
        (certificates, problems)
    }

    /// The certificate for a name that a client asks for.
    pub(crate) fn choose(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        HostPattern::matching(&normalize_host(name)).find_map(|pattern| self.by_host.get(&pattern))
    }

    fn add(
        &mut self,
        ingress: &ObjectKey,
        spec: &IngressSpec,
        entry: &IngressTLS,
        keys: &mut Keys,
        used: &mut BTreeMap<ObjectKey, ReadKey>,
        find: impl Fn(&ObjectKey) -> Option<Arc<Secret>>,
    ) -> Vec<Problem> {
        let hosts = hosts_of_tls_entry(spec, entry.hosts.as_ref());
        // Without a Secret the host only asks for HTTPS; another Ingress may bring the certificate.
        let Some(name) = entry.secret_name.as_deref().filter(|name| !name.is_empty()) else {
            return Vec::new();
        };
        let secret_key = ObjectKey::namespaced(&ingress.namespace, name);
        let Some(secret) = find(&secret_key) else {
            return vec![Problem::SecretMissing { secret: secret_key, hosts }];
        };
        let read = used.entry(secret_key.clone()).or_insert_with(|| keys.read(&secret_key, &secret));
        match &read.result {
            Err(cause) => vec![Problem::SecretUnusable { secret: secret_key, hosts, cause: cause.clone() }],
            Ok(certified) => {
                for host in &hosts {
                    let pattern = HostPattern::parse(Some(host));
                    self.by_host.entry(pattern).or_insert_with(|| certified.clone());
                }
                let others = hosts.into_iter().filter(|host| !is_for(certified, host));
                others
                    .map(|host| Problem::CertificateForOthers { secret: secret_key.clone(), host })
                    .collect()
            }
        }
    }
}

/// Keys that were read before, so that a change elsewhere does not read them again.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    read: BTreeMap<ObjectKey, ReadKey>,
}

#[derive(Debug, Clone)]
struct ReadKey {
    version: Option<String>,
    result: Result<Arc<CertifiedKey>, String>,
}

impl Keys {
    fn read(&self, key: &ObjectKey, secret: &Secret) -> ReadKey {
        let version = secret.metadata.resource_version.clone();
        match self.read.get(key) {
            Some(known) if version.is_some() && known.version == version => known.clone(),
            _ => ReadKey { version, result: read_secret(secret) },
        }
    }
}

/// The certificate and key in a Secret, or what is wrong with it, said so that it follows the Secret's name.
fn read_secret(secret: &Secret) -> Result<Arc<CertifiedKey>, String> {
    let found_type = secret.type_.as_deref().unwrap_or("Opaque");
    if found_type != TLS_SECRET {
        return Err(format!("is of type {found_type}, not {TLS_SECRET}"));
    }
    let field = |name: &str| {
        let data = secret.data.as_ref().and_then(|data| data.get(name));
        data.map(|bytes| bytes.0.as_slice()).ok_or_else(|| format!("has no field {name}"))
    };
    let chain = CertificateDer::pem_slice_iter(field("tls.crt")?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("has no PEM certificates in tls.crt: {error}"))?;
    if chain.is_empty() {
        return Err("has no certificate in tls.crt".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(field("tls.key")?)
        .map_err(|error| format!("has no PEM private key in tls.key: {error}"))?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider())
        .map(Arc::new)
        .map_err(|error| format!("cannot be used: {}", error_chain(&error)))
}

/// Whether the certificate is for this host. One that cannot be read is left to the clients' judgement.
fn is_for(certified: &CertifiedKey, host: &str) -> bool {
    let Some(certificate) = certified.cert.first().and_then(|der| ParsedCertificate::try_from(der).ok())
    else {
        return true;
    };
    // A wildcard host is covered if any host below it is.
    let sample = host.replacen('*', "any", 1);
    ServerName::try_from(sample).is_ok_and(|name| verify_server_name(&certificate, &name).is_ok())
}

/// Hands the certificates of the current table to rustls.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurrentCertificates(Arc<ArcSwap<Certificates>>);

impl CurrentCertificates {
    /// From now on these count.
    pub(crate) fn replace(&self, certificates: Certificates) {
        self.0.store(Arc::new(certificates));
    }

    /// Whether there is a certificate for this name.
    pub(crate) fn know(&self, name: &str) -> bool {
        self.0.load().choose(name).is_some()
    }
}

impl ResolvesServerCert for CurrentCertificates {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().choose(client_hello.server_name()?).cloned()
    }
}
