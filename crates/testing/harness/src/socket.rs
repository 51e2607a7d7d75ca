//! A door to the engine's API for clients that are programs of their own: TLS on the loopback device, a kubeconfig.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bythos_access::authority::Authority;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Engine;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// See the module's documentation. It closes when it is dropped.
pub struct Socket {
    folder: tempfile::TempDir,
    _closes: DropGuard,
}

impl Socket {
    /// Opens the door; the kubeconfig's user may do anything.
    ///
    /// # Errors
    /// There is no free port, or the certificates cannot be made.
    pub async fn open(engine: &Engine) -> Result<Socket> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::load_or_create(&folder.path().join("authority"))?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let closing = CancellationToken::new();
        let (api, tls, until) = (engine.api.clone(), tls(&authority)?, closing.clone());
        tokio::spawn(async move { api.serve(listener, tls, until).await });
        let kubeconfig = kubeconfig(&authority, port)?;
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string())?;
        Ok(Socket { folder, _closes: closing.drop_guard() })
    }

    /// The file with address and credentials.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// A folder for files of the client.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client program that finds the kubeconfig in its environment, and is ended when it is dropped.
    pub fn command(&self, program: impl AsRef<OsStr>) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program);
        command.env("KUBECONFIG", self.kubeconfig()).env("HOME", self.folder()).current_dir(self.folder());
        command.kill_on_drop(true);
        command
    }
}

fn tls(authority: &Authority) -> Result<Arc<ServerConfig>> {
    let identity = authority.issue_server(&["localhost".to_owned()], &[[127, 0, 0, 1].into()], DAY)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    let chain =
        CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn kubeconfig(authority: &Authority, port: u16) -> Result<serde_json::Value> {
    use base64::Engine as _;
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let identity = authority.issue_client("admin", &["system:masters"], DAY)?;
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{ "name": "test", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": base64(authority.certificate_pem()),
        } }],
        "users": [{ "name": "test", "user": {
            "client-certificate-data": base64(&identity.certificate_pem),
            "client-key-data": base64(&identity.key_pem),
        } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
    }))
}
