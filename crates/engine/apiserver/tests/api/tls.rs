//! The server's certificates for a test of the socket: an authority in a folder of its own.

use std::sync::Arc;
use std::time::Duration;

use bythos_access::authority::{Authority, Identity};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An authority, and how the server begins TLS.
pub(crate) struct Tls {
    pub(crate) authority: Authority,
    pub(crate) server: Arc<ServerConfig>,
    _directory: tempfile::TempDir,
}

impl Tls {
    pub(crate) fn new() -> Tls {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(directory.path()).unwrap();
        let identity =
            authority.issue_server(&["localhost".to_owned()], &[[127, 0, 0, 1].into()], DAY).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()
            .unwrap();
        let certificates =
            CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates, key)
            .unwrap();
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Tls { authority, server: Arc::new(server), _directory: directory }
    }

    /// A kubeconfig for a user, or for nobody.
    pub(crate) fn kubeconfig(&self, port: u16, user: Option<(&str, &[&str])>) -> serde_json::Value {
        use base64::Engine as _;
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let credentials = match user {
            Some((name, groups)) => {
                let Identity { certificate_pem, key_pem } =
                    self.authority.issue_client(name, groups, DAY).unwrap();
                serde_json::json!({
                    "client-certificate-data": base64(&certificate_pem),
                    "client-key-data": base64(&key_pem),
                })
            }
            None => serde_json::json!({}),
        };
        serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{ "name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{port}"),
                "certificate-authority-data": base64(self.authority.certificate_pem()),
            } }],
            "users": [{ "name": "test", "user": credentials }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        })
    }
}
