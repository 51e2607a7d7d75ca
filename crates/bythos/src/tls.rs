//! TLS of the engine's own listeners, with certificates of the engine's authority that renew themselves.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bythos_access::authority::Authority;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
const RENEW_EVERY: Duration = Duration::from_secs(30 * 24 * 3600);

/// The names and addresses that the engine's listeners answer to.
#[derive(Debug, Clone)]
pub(crate) struct ServerNames {
    pub(crate) names: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
}

/// One certificate for all listeners of the engine, replaced well before it ends.
pub(crate) struct ServerCertificate {
    authority: Authority,
    names: ServerNames,
    current: std::sync::RwLock<Arc<CertifiedKey>>,
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate").field("names", &self.names).finish_non_exhaustive()
    }
}

impl ServerCertificate {
    pub(crate) fn new(authority: Authority, names: ServerNames) -> Result<Arc<ServerCertificate>> {
        let current = std::sync::RwLock::new(issue(&authority, &names)?);
        Ok(Arc::new(ServerCertificate { authority, names, current }))
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Replaces the certificate from time to time, until `shutdown`.
    pub(crate) async fn keep_fresh(self: Arc<Self>, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(RENEW_EVERY)).await.is_some() {
            match issue(&self.authority, &self.names) {
                Ok(fresh) => {
                    *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
                    info!("renewed the certificate of the engine's listeners");
                }
                Err(error) => {
                    error!(error = %format!("{error:#}"), "failed to renew the engine's certificate");
                }
            }
        }
    }

    /// TLS for the API: client certificates of the authority are asked for, not demanded.
    pub(crate) fn for_api(self: &Arc<Self>) -> Result<Arc<ServerConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.certificate_pem().as_bytes())?)?;
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build()?;
        let builder = ServerConfig::builder().with_client_cert_verifier(verifier);
        Ok(with_http(builder.with_cert_resolver(self.clone())))
    }

    /// TLS for the parts' listeners.
    pub(crate) fn for_parts(self: &Arc<Self>) -> Arc<ServerConfig> {
        with_http(ServerConfig::builder().with_no_client_auth().with_cert_resolver(self.clone()))
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }
}

fn with_http(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn issue(authority: &Authority, names: &ServerNames) -> Result<Arc<CertifiedKey>> {
    let identity = authority.issue_server(&names.names, &names.addresses, LIFETIME)?;
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .context("failed to read the certificate that the authority made")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())?;
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}
