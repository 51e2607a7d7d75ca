//! Static pods: manifests in a folder of this host, which run whatever the API says, and the mirrors that show them
//! in the API.
//!
//! ```text
//! <root>/manifests/*.yaml ──inotify──> StaticPods ──> a worker for each, as for any other pod
//!                                          └──> mirror pods in the API, whose status the workers write
//! ```
//!
//! A static pod goes by the hash of its manifest: another text is another pod. Deleting its mirror only makes
//! another mirror.

mod manifest;
mod mirror;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bythos_operator::controller::Trigger;
use bythos_operator::error_chain;
use k8s_openapi::api::core::v1::Pod;
use rustix::fs::inotify;
use tokio::sync::watch;
use tracing::warn;

pub(crate) use self::mirror::{is_static, keep_mirror, mirror_keys, mirrored_uid, with_mirror};
use crate::config::NodeConfig;
use crate::node::Node;
use crate::readable::readable;

const BYTES_MAX: u64 = 1 << 20;
/// So many events of the folder are read at once.
const EVENT_BYTES: usize = 4096;

/// The static pods of this host, by uid. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct StaticPods(watch::Sender<BTreeMap<String, Arc<Pod>>>);

impl StaticPods {
    /// Tells of each change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<BTreeMap<String, Arc<Pod>>> {
        self.0.subscribe()
    }

    pub(crate) fn get(&self, uid: &str) -> Option<Arc<Pod>> {
        self.0.borrow().get(uid).cloned()
    }

    pub(crate) fn list(&self) -> Vec<Arc<Pod>> {
        self.0.borrow().values().cloned().collect()
    }

    /// Reads the folder again; what cannot be read is said and left out.
    pub(crate) fn read(&self, config: &NodeConfig) {
        let mut pods = BTreeMap::new();
        let folder = config.manifests_dir();
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| is_manifest(path)).collect();
        files.sort();
        for file in files {
            match read_file(&file).map_err(|error| error.to_string()).and_then(|text| {
                manifest::parse(&text, &config.node_name).map_err(|error| error_chain(&error))
            }) {
                Ok(pod) => {
                    let uid = pod.metadata.uid.clone().unwrap_or_default();
                    pods.insert(uid, Arc::new(pod));
                }
                Err(error) => warn!(file = %file.display(), error, "a manifest of a static pod is left out"),
            }
        }
        self.0.send_if_modified(|known| {
            let changed = !known.keys().eq(pods.keys());
            *known = pods;
            changed
        });
    }
}

/// Files that an editor is still at work on begin with a dot.
fn is_manifest(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let kind = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    !name.starts_with('.') && matches!(kind, "yaml" | "yml" | "json")
}

fn read_file(path: &Path) -> io::Result<String> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has {bytes} bytes, and a manifest has at most {BYTES_MAX}"
        )));
    }
    std::fs::read_to_string(path)
}

/// Reads the folder each time that something in it changes, for ever.
/// `mirrors` is told of each pod whose mirror is to be looked at.
pub(crate) async fn follow(node: Arc<Node>, mirrors: Trigger) {
    match watch_folder(&node.config) {
        Ok(mut events) => loop {
            node.static_pods.read(&node.config);
            mirror::all_keys(&node).into_iter().for_each(|key| mirrors.add(key));
            if let Err(error) = events.next().await {
                warn!(%error, "changes of static pods are not seen any more");
                std::future::pending::<()>().await;
            }
        },
        Err(error) => {
            warn!(%error, "static pods are not watched");
            std::future::pending::<()>().await;
        }
    }
}

struct Events(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>);

fn watch_folder(config: &NodeConfig) -> io::Result<Events> {
    use inotify::{CreateFlags, WatchFlags};
    let folder = config.manifests_dir();
    std::fs::create_dir_all(&folder)?;
    let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let kinds = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
    inotify::add_watch(&queue, &folder, kinds)?;
    Ok(Events(readable(queue)?))
}

impl Events {
    /// Waits until something has happened, and forgets what it was.
    async fn next(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let mut buffer = [0; EVENT_BYTES];
            match ready.try_io(|queue| Ok(rustix::io::read(queue.get_ref(), &mut buffer)?)) {
                Ok(read) => return read.map(drop),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_manifests_are_read() {
        let cases = [("web.yaml", true), ("web.json", true), (".web.yaml.swp", false), ("web.yaml~", false)];
        for (name, expected) in cases {
            assert_eq!(is_manifest(Path::new(name)), expected, "{name}");
        }
    }
}
