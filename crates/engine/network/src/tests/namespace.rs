//! Network namespaces for tests. Everything that is made here goes when it is dropped.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

use crate::config::{NetworkConfig, NetworkSettings};
use crate::prepare_host;

const CNI_FOLDERS: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];
const PATIENCE: Duration = Duration::from_secs(3);
/// What the C library's resolver waits for an answer.
const RESOLVER_PATIENCE: Duration = Duration::from_secs(5);

/// Whether this process may do what these tests need; if not, it says so.
pub(crate) fn may_make_namespaces() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: network namespaces need root");
    }
    root
}

pub(crate) fn config(folder: &Path) -> NetworkConfig {
    let settings = NetworkSettings::usual("1a2b3c4d", folder.join("net.d"), folder.join("state"));
    NetworkConfig::new(settings).unwrap()
}

/// A network namespace of its own.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bythos-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        command("ip", &["netns", "add", &name]);
        Namespace { name }
    }

    fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// Runs `work` on a thread inside; the threads and processes that it starts are inside too.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(self.path()).unwrap();
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// What can be changed here: addresses, routes, tables, forwarding.
    pub(crate) fn describe(&self) -> String {
        let say = |arguments: &[&str]| {
            let output =
                Command::new("ip").args(["netns", "exec", &self.name]).args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let link = say(&["ip", "-o", "link", "show", "lo"]);
        let up = if link.contains(",UP") { "up" } else { "down" };
        let addresses = say(&["ip", "-4", "-o", "address", "show", "scope", "global"]);
        let routes = say(&["ip", "-4", "route"]);
        let tables = say(&["nft", "list", "tables"]);
        let forward = self.enter(|| std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap());
        format!("lo {up}\n{addresses}{routes}{tables}ip_forward {forward}")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        command("ip", &["netns", "delete", &self.name]);
    }
}

/// Something with an address in a namespace of its own.
pub(crate) struct Peer {
    pub(crate) namespace: Namespace,
    pub(crate) address: Ipv4Addr,
}

/// A prepared host.
pub(crate) struct TestHost {
    pub(crate) namespace: Namespace,
    pub(crate) config: NetworkConfig,
    plugins: &'static str,
    conflist: Value,
    _folder: tempfile::TempDir,
}

impl TestHost {
    /// `None` if this machine cannot do it; it was said why.
    pub(crate) fn prepare() -> Option<Self> {
        if !may_make_namespaces() {
            return None;
        }
        let Some(plugins) = CNI_FOLDERS.into_iter().find(|folder| Path::new(folder).join("ptp").exists())
        else {
            eprintln!("skipped: the CNI plugin ptp is in none of {CNI_FOLDERS:?}");
            return None;
        };
        let namespace = Namespace::new();
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let prepared = namespace.enter(|| prepare_host(&config)).unwrap();
        let conflist = serde_json::from_slice(&std::fs::read(prepared.conflist).unwrap()).unwrap();
        Some(TestHost { namespace, config, plugins, conflist, _folder: folder })
    }

    /// A pod, linked as containerd would: by the plugin, with the configuration that was written for it.
    pub(crate) fn add_pod(&self) -> Peer {
        let pod = Namespace::new();
        let mut request = self.conflist["plugins"][0].clone();
        request["name"] = self.conflist["name"].clone();
        request["cniVersion"] = self.conflist["cniVersion"].clone();
        let mut plugin = Command::new("ip")
            .args(["netns", "exec", &self.namespace.name, &format!("{}/ptp", self.plugins)])
            .envs([("CNI_COMMAND", "ADD"), ("CNI_IFNAME", "eth0"), ("CNI_PATH", self.plugins)])
            .env("CNI_CONTAINERID", &pod.name)
            .env("CNI_NETNS", pod.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        plugin.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
        let output = plugin.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let address = result["ips"][0]["address"].as_str().unwrap().split('/').next().unwrap();
        let address = address.parse().unwrap();
        assert_ne!(result["ips"][0]["gateway"], json!(address), "a pod got the host's own address");
        pod.enter(|| command("ip", &["link", "set", "lo", "up"]));
        Peer { namespace: pod, address }
    }

    /// A machine next to the host, which knows nothing of pods: the host is 192.0.2.1 to it.
    pub(crate) fn add_world(&self) -> Peer {
        let world = Namespace::new();
        let (host, name) = (&self.namespace.name, &world.name);
        command(
            "ip",
            &["-n", host, "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", name],
        );
        command("ip", &["-n", host, "address", "add", "192.0.2.1/24", "dev", "uplink"]);
        command("ip", &["-n", host, "link", "set", "uplink", "up"]);
        command("ip", &["-n", name, "address", "add", "192.0.2.2/24", "dev", "eth0"]);
        command("ip", &["-n", name, "link", "set", "eth0", "up"]);
        Peer { namespace: world, address: Ipv4Addr::new(192, 0, 2, 2) }
    }
}

/// What a [`Talker`] said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) answered_by: Ipv4Addr,
    pub(crate) asked_by: Ipv4Addr,
}

/// Tells everyone who connects who it is and who they are.
pub(crate) struct Talker {
    listener: TcpListener,
    thread: Option<JoinHandle<()>>,
}

impl Talker {
    pub(crate) fn start(peer: &Peer, port: u16) -> Self {
        let own = peer.address;
        let listener = peer.namespace.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))).unwrap();
        let accepting = listener.try_clone().unwrap();
        let thread = std::thread::spawn(move || {
            while let Ok((mut connection, client)) = accepting.accept() {
                connection.write_all(format!("{own} {}", client.ip()).as_bytes()).unwrap();
            }
        });
        Talker { listener, thread: Some(thread) }
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        // A listening socket that is shut down lets `accept` return.
        rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

pub(crate) fn dial(from: &Namespace, target: SocketAddrV4) -> io::Result<Answer> {
    let mut said = String::new();
    from.enter(|| {
        let mut connection = TcpStream::connect_timeout(&target.into(), PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.read_to_string(&mut said)
    })?;
    let (answered_by, asked_by) = said.split_once(' ').unwrap();
    Ok(Answer { answered_by: answered_by.parse().unwrap(), asked_by: asked_by.parse().unwrap() })
}

/// Sends one datagram and waits for one.
pub(crate) fn ask_by_udp(target: SocketAddrV4, question: &[u8]) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))?;
    socket.set_read_timeout(Some(RESOLVER_PATIENCE))?;
    socket.connect(target)?;
    socket.send(question)?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

pub(crate) fn command(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
