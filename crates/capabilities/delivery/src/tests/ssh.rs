//! A repository behind a real SSH server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::git::Remote;
use super::harness::{Delivery, eventually};

/// Dropbear in a mount namespace of its own, where the home of root is empty but for the key that may come in.
struct SshServer {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

const START: &str = "mount -t tmpfs -o mode=700 none /root && mkdir -m 700 /root/.ssh && cat \"$1\" \"$2\" > \
    /root/.ssh/authorized_keys && chmod 600 /root/.ssh/authorized_keys && exec dropbear -F -E -s -j -k -p \"$3\" -r \"$4\"";

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl SshServer {
    async fn start() -> SshServer {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        for (name, passphrase) in [("open", ""), ("locked", "s3cret phrase")] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", passphrase, "-f", &path(name)]);
        }
        run("dropbearkey", &["-t", "ed25519", "-f", &path("host")]);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("unshare")
            .args([
                "--mount",
                "sh",
                "-c",
                START,
                "sh",
                &path("open.pub"),
                &path("locked.pub"),
                &address,
                &path("host"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = SshServer { child, port, folder };
        eventually("the SSH server", || async { tokio::net::TcpStream::connect(&address).await.ok() })
            .await
            .unwrap();
        server
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self, repository: &Path) -> String {
        format!("ssh://root@127.0.0.1:{}{}", self.port, repository.display())
    }

    /// Our line of `known_hosts`, with the host key in it.
    fn known_hosts(&self) -> String {
        let printed = run("dropbearkey", &["-y", "-f", &self.file("host").to_string_lossy()]);
        let key = printed.lines().find(|line| line.starts_with("ssh-ed25519 ")).unwrap();
        format!("[127.0.0.1]:{} {key}\n", self.port)
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn secret(
    delivery: &Delivery,
    server: &SshServer,
    key: &str,
    known_hosts: &str,
    passphrase: Option<&str>,
) {
    let identity = std::fs::read_to_string(server.file(key)).unwrap();
    let mut data = json!({ "identity": identity, "known_hosts": known_hosts });
    if let Some(passphrase) = passphrase {
        data["password"] = json!(passphrase);
    }
    delivery
        .apply_value(&json!({
            "apiVersion": "v1", "kind": "Secret", "stringData": data,
            "metadata": { "name": "ssh", "namespace": "flux-system" },
        }))
        .await;
}

#[tokio::test]
async fn a_repository_is_read_over_ssh_only_from_a_known_host() {
    let (delivery, remote, server) = (Delivery::start().await, Remote::new(None), SshServer::start().await);
    let commit = remote.push(&[("a", "1")]);
    let other = server.known_hosts().replace("127.0.0.1", "127.0.0.2");
    secret(&delivery, &server, "open", &other, None).await;
    let fields = json!({ "url": server.url(&remote.bare()), "secretRef": { "name": "ssh" } });
    delivery.source(&remote, &fields).await;
    delivery.source_says("False", "GitOperationFailed", "failed to fetch branch").await;
    secret(&delivery, &server, "open", &server.known_hosts(), None).await;
    delivery.source_says("True", "Succeeded", &commit).await;
    let next = remote.push(&[("a", "2")]);
    secret(&delivery, &server, "locked", &server.known_hosts(), Some("s3cret phrase")).await;
    delivery.source_says("True", "Succeeded", &next).await;
}
