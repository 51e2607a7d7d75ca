//! Keeps logs small: a log that has grown too large is moved aside, and containerd goes on in a new file.
//!
//! As the kubelet does it: looked at every ten seconds, 10 MiB per file, five files per container, the older ones
//! compressed. The moved file is named by the time, `0.log.20260102-030405`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use k8s_openapi::jiff::Timestamp;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::cri::CriError;
use crate::node::Node;
use crate::pods::paths;

const LOOK_EVERY: Duration = Duration::from_secs(10);
const FILE_BYTES_MAX: u64 = 10 << 20;
/// Of one container, with the one that is written.
const FILES_MAX: usize = 5;
const COMPRESSED: &str = ".gz";
const UNFINISHED: &str = ".tmp";

/// A log stays as large as it is.
#[derive(Debug, thiserror::Error)]
enum RotateError {
    #[error("failed to {action} {path:?}")]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to make containerd go on in a new file")]
    Reopen(#[from] CriError),
    #[error("failed to wait for the compression")]
    Join(#[from] tokio::task::JoinError),
}

/// Looks at the logs of all running containers, for ever.
pub(crate) async fn keep_small(node: &Node) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let snapshot = node.snapshot.borrow().clone();
        for pod in snapshot.values() {
            let folder = paths::log_dir(&node.config, &pod.identity);
            for container in pod.running() {
                let (name, count) = (&container.notes.name, container.notes.restart_count);
                let log = folder.join(paths::log_file(name, count));
                if let Err(error) = look_at(node, &container.id, &log).await {
                    let error = bythos_operator::error_chain(&error);
                    warn!(log = %log.display(), error, "failed to keep a log small");
                }
            }
        }
    }
}

async fn look_at(node: &Node, container: &str, log: &Path) -> Result<(), RotateError> {
    match tokio::fs::metadata(log).await {
        Ok(found) if found.len() < FILE_BYTES_MAX => Ok(()),
        Ok(_) => rotate(node, container, log).await,
        // Moved aside, and then Bythos ended before it could say so.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(node.cri.reopen_log(container).await?),
        Err(source) => Err(RotateError::File { action: "look at", path: log.to_owned(), source }),
    }
}

async fn rotate(node: &Node, container: &str, log: &Path) -> Result<(), RotateError> {
    let owned = log.to_owned();
    tokio::task::spawn_blocking(move || tidy(&owned)).await??;
    let aside = aside(log, Timestamp::now());
    tokio::fs::rename(log, &aside).await.map_err(failed("move", log))?;
    let reopened = node.cri.reopen_log(container).await;
    if reopened.is_err() {
        // Whoever reads the log finds it where it was.
        tokio::fs::rename(&aside, log).await.map_err(failed("move back", log))?;
    }
    Ok(reopened?)
}

fn aside(log: &Path, now: Timestamp) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(now.strftime(".%Y%m%d-%H%M%S").to_string());
    PathBuf::from(name)
}

/// Makes room for one more file, and compresses what is not the latest of those moved aside.
fn tidy(log: &Path) -> Result<(), RotateError> {
    let mut moved = moved_aside(log)?;
    // Besides these there is the one that is written, and the one that it becomes now.
    let kept = FILES_MAX - 2;
    for old in moved.drain(..moved.len().saturating_sub(kept)) {
        std::fs::remove_file(&old).map_err(failed("remove", &old))?;
    }
    for old in moved.iter().filter(|old| !ends_with(old, COMPRESSED)) {
        compress(old)?;
    }
    Ok(())
}

/// The file of a log, and all that were moved aside of it.
pub(crate) fn files_of(log: &Path) -> Vec<PathBuf> {
    let beside = log.parent().map(std::fs::read_dir).and_then(Result::ok).into_iter().flatten().flatten();
    let aside = beside.map(|entry| entry.path()).filter(|path| is_of(log, path));
    std::iter::once(log.to_owned()).chain(aside).collect()
}

/// Whether the file was moved aside of the log: its name goes on behind the log's.
fn is_of(log: &Path, file: &Path) -> bool {
    let names = log.file_name().zip(file.file_name());
    names.is_some_and(|(log, file)| {
        file.to_string_lossy().strip_prefix(&*log.to_string_lossy()).is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The files of this log that were moved aside, the oldest first; remains of a compression are removed.
fn moved_aside(log: &Path) -> Result<Vec<PathBuf>, RotateError> {
    let Some(folder) = log.parent() else { return Ok(Vec::new()) };
    let mut moved = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        let is_of_log = is_of(log, &path);
        if is_of_log && ends_with(&path, UNFINISHED) {
            std::fs::remove_file(&path).map_err(failed("remove", &path))?;
        } else if is_of_log {
            moved.push(path);
        }
    }
    moved.sort();
    Ok(moved)
}

fn compress(file: &Path) -> Result<(), RotateError> {
    let with = |end: &str| PathBuf::from(format!("{}{end}", file.display()));
    let (unfinished, finished) = (with(UNFINISHED), with(COMPRESSED));
    let write = || {
        let mut reader = File::open(file)?;
        let mut writer = GzEncoder::new(File::create(&unfinished)?, Compression::default());
        io::copy(&mut reader, &mut writer)?;
        writer.finish()?.sync_all()?;
        std::fs::rename(&unfinished, &finished)?;
        std::fs::remove_file(file)
    };
    write().map_err(failed("compress", file))
}

fn ends_with(path: &Path, end: &str) -> bool {
    path.to_string_lossy().ends_with(end)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RotateError {
    let path = path.to_owned();
    move |source| RotateError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_files_go_and_the_others_are_compressed() {
        let folder = tempfile::tempdir().unwrap();
        let files =
            ["0.log", "0.log.1.gz", "0.log.2.gz", "0.log.3.gz", "0.log.4", "0.log.4.gz.tmp", "1.log.1", "x"];
        for file in files {
            std::fs::write(folder.path().join(file), file).unwrap();
        }
        tidy(&folder.path().join("0.log")).unwrap();
        assert_eq!(names(folder.path()), ["0.log", "0.log.2.gz", "0.log.3.gz", "0.log.4.gz", "1.log.1", "x"]);
        let mut text = String::new();
        let compressed = File::open(folder.path().join("0.log.4.gz")).unwrap();
        flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).unwrap();
        assert_eq!(text, "0.log.4");
    }

    #[test]
    fn a_log_is_found_with_all_that_was_moved_aside_of_it() {
        let folder = tempfile::tempdir().unwrap();
        for file in
            ["0.log", "0.log.20260102-030405", "0.log.20260102-030406.gz", "1.log", "10.log", "0.logs"]
        {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        for file in files_of(&folder.path().join("0.log")) {
            std::fs::remove_file(file).unwrap();
        }
        assert_eq!(names(folder.path()), ["0.logs", "1.log", "10.log"]);
        assert_eq!(files_of(Path::new("/nowhere/0.log")), [Path::new("/nowhere/0.log")]);
    }

    #[test]
    fn a_file_is_named_by_the_time_at_which_it_was_moved_aside() {
        let path = aside(Path::new("/a/0.log"), "2026-01-02T03:04:05Z".parse().unwrap());
        assert_eq!(path, Path::new("/a/0.log.20260102-030405"));
    }
}
