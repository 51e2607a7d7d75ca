//! The owner's access: a kubeconfig with a client certificate of the engine's authority.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_access::authority::Authority;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::settings::Settings;
use crate::tls::ServerCertificate;

const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
const RENEW_EVERY: Duration = Duration::from_secs(90 * 24 * 3600);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print where it lies instead of what it says
    #[arg(long)]
    path: bool,
}

#[allow(clippy::print_stdout, reason = "this is the command's own output")]
pub(crate) fn run(settings: &Settings, args: &Args) -> Result<()> {
    let file = settings.layout.kubeconfig();
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("failed to read {file:?}; `bythos up` writes it"))?;
    if args.path {
        println!("{}", file.display());
    } else {
        print!("{text}");
    }
    Ok(())
}

/// Writes the owner's kubeconfig anew, readable by root alone.
pub(crate) fn write(settings: &Settings, authority: &Authority) -> Result<()> {
    let identity = authority.issue_client("owner", &["system:masters"], LIFETIME)?;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "bythos",
            "cluster": {
                "server": format!("https://127.0.0.1:{}", settings.api_port()),
                "certificate-authority-data": STANDARD.encode(authority.certificate_pem()),
            },
        }],
        "users": [{
            "name": "owner",
            "user": {
                "client-certificate-data": STANDARD.encode(&identity.certificate_pem),
                "client-key-data": STANDARD.encode(&identity.key_pem),
            },
        }],
        "contexts": [{ "name": "bythos", "context": { "cluster": "bythos", "user": "owner" } }],
        "current-context": "bythos",
    });
    write_private(&settings.layout.kubeconfig(), &config)
}

/// Writes it anew from time to time until `shutdown`: a cloud that runs for years never shuts its owner out.
pub(crate) async fn keep_fresh(
    settings: Settings,
    certificate: Arc<ServerCertificate>,
    shutdown: CancellationToken,
) {
    while shutdown.run_until_cancelled(tokio::time::sleep(RENEW_EVERY)).await.is_some() {
        match write(&settings, certificate.authority()) {
            Ok(()) => info!("renewed the owner's kubeconfig"),
            Err(error) => error!(error = %format!("{error:#}"), "failed to renew the owner's kubeconfig"),
        }
    }
}

fn write_private(file: &Path, value: &Value) -> Result<()> {
    let fresh = file.with_extension("yaml.new");
    let written = (|| -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        out.write_all(bythos_yaml::to_string(value).as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&fresh, file)
    })();
    written.with_context(|| format!("failed to write {file:?}"))
}

/// A client for the cloud of these settings, as its owner.
pub(crate) async fn client(settings: &Settings) -> Result<Client> {
    let file = settings.layout.kubeconfig();
    let config = Kubeconfig::read_from(&file).with_context(|| {
        format!("failed to read {file:?}; is the cloud running? start it with `bythos up`")
    })?;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}
