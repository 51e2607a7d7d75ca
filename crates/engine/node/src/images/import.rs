//! Imports archives into containerd with its own client, `ctr`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::config::NodeConfig;
use crate::cri::{Cri, CriError};

const KNOWN_LIMIT: Duration = Duration::from_secs(20);

/// An archive cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is nobody to import it.
    #[error("no containerd answers on {socket:?}; run `bythos up` first")]
    NotRunning {
        /// Where it was looked for.
        socket: PathBuf,
    },
    /// The program that imports cannot be run.
    #[error("failed to run ctr; is the package containerd installed?")]
    Run(#[source] io::Error),
    /// Containerd did not take it.
    #[error("failed to import {archive:?}: {words}")]
    Refused {
        /// The archive.
        archive: PathBuf,
        /// What `ctr` said.
        words: String,
    },
    /// It holds no image with a name.
    #[error(
        "{archive:?} holds no named image; expected an archive made by `bythos image build` or `docker save`"
    )]
    NoImage {
        /// The archive.
        archive: PathBuf,
    },
    /// Containerd took it, but its CRI side does not show it.
    #[error("containerd imported {image:?} but does not offer it to pods after {seconds} seconds")]
    NotOffered {
        /// The image.
        image: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The socket's path cannot be used.
    #[error("failed to reach containerd on {socket:?}")]
    Connect {
        /// Where it was looked for.
        socket: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Imports the images of an archive (OCI layout, or `docker save`) and returns their names.
///
/// # Errors
/// See [`ImportError`].
pub async fn import_image(config: &NodeConfig, archive: &Path) -> Result<Vec<String>, ImportError> {
    let socket = config.containerd_socket();
    let cri = Cri::new(&socket)
        .map_err(|source| ImportError::Connect { socket: socket.clone(), source: source.into() })?;
    if cri.version().await.is_err() {
        return Err(ImportError::NotRunning { socket });
    }
    import(config, &cri, archive).await
}

pub(crate) async fn import(
    config: &NodeConfig,
    cri: &Cri,
    archive: &Path,
) -> Result<Vec<String>, ImportError> {
    let mut command = Command::new("ctr");
    command.arg("--address").arg(config.containerd_socket());
    command.args(["--namespace", "k8s.io", "images", "import"]).arg(archive);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(ImportError::Run)?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ImportError::Refused { archive: archive.to_owned(), words });
    }
    let names = imported_names(&String::from_utf8_lossy(&output.stdout));
    if names.is_empty() {
        return Err(ImportError::NoImage { archive: archive.to_owned() });
    }
    for name in &names {
        wait_until_offered(cri, name).await?;
    }
    Ok(names)
}

/// The CRI side of containerd takes note of an image only after the import has ended, and tells nobody.
async fn wait_until_offered(cri: &Cri, image: &str) -> Result<(), ImportError> {
    let offered = async {
        loop {
            if let Ok(Some(_)) = cri.image(image).await {
                return Ok::<_, CriError>(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(KNOWN_LIMIT, offered).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(ImportError::NotOffered { image: image.to_owned(), seconds: KNOWN_LIMIT.as_secs() }),
    }
}

/// `ctr` says `unpacking <name> (<digest>)...done` for each image.
fn imported_names(said: &str) -> Vec<String> {
    let names = said.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("unpacking ")?.split_once(' ')?;
        Some(name.to_owned())
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_read_from_what_ctr_says() {
        let said = "unpacking localhost/hello:1 (sha256:00)...done\nunpacking a/b:2 (sha256:01)...done\n";
        assert_eq!(imported_names(said), ["localhost/hello:1", "a/b:2"]);
        assert!(imported_names("").is_empty());
    }
}
