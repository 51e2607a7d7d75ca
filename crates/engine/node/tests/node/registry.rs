//! Images from a registry: Debian's own, with a password.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::host::{Host, IMAGE, alone};
use crate::pods::{container, is_ready, reasons_of_events, waiting};

const ADDRESS: &str = "127.0.0.1:5000";
/// The password is `secret`.
const PASSWORDS: &str = "ann:$2b$04$BAevcxXVHP36wSHPGJGmm.mBSq72hb34d6xoPOWP4ihRiqTAY2UuW\n";

struct Registry(Child);

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn run_registry(host: &Host) -> anyhow::Result<Registry> {
    let folder = host.folder().join("registry");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("passwords"), PASSWORDS)?;
    let config = json!({
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": folder.join("data")}},
        "http": {"addr": ADDRESS},
        "auth": {"htpasswd": {"realm": "test", "path": folder.join("passwords")}},
    });
    std::fs::write(folder.join("config.yml"), config.to_string())?;
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(folder.join("config.yml")).stdout(Stdio::null()).stderr(Stdio::null());
    let registry = Registry(command.spawn().context("docker-registry is not installed")?);
    let answers = tokio::time::timeout(Duration::from_secs(30), async {
        while tokio::net::TcpStream::connect(ADDRESS).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    answers.await.context("the registry does not answer")?;
    Ok(registry)
}

fn push(host: &Host, name: &str) -> anyhow::Result<()> {
    let mut ctr = Command::new("ctr");
    ctr.arg("--address").arg(host.config.containerd_socket()).args([
        "--namespace",
        "k8s.io",
        "images",
        "push",
    ]);
    ctr.args(["--plain-http", "--user", "ann:secret", name, IMAGE]);
    let pushed = ctr.output()?;
    ensure!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    Ok(())
}

async fn put_secret(host: &Host, name: &str, password: &str) -> anyhow::Result<()> {
    let config = json!({"auths": {ADDRESS: {"username": "ann", "password": password}}});
    let secret = json!({
        "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": config.to_string()},
    });
    let secrets = Api::<Secret>::namespaced(host.engine.admin.clone(), "default");
    secrets.create(&PostParams::default(), &serde_json::from_value(secret)?).await?;
    Ok(())
}

fn pod(image: &str, secrets: &[&str]) -> Value {
    let mut web = container("web", "exec /bin/sleep 1000");
    web["image"] = json!(image);
    let secrets: Vec<_> = secrets.iter().map(|name| json!({ "name": name })).collect();
    json!({"containers": [web], "imagePullSecrets": secrets, "terminationGracePeriodSeconds": 1})
}

#[test]
fn a_private_image_is_pulled_with_the_pods_secrets_and_no_others() {
    alone("registry::a_private_image_is_pulled_with_the_pods_secrets_and_no_others", |host| async move {
        let node = host.run_node_with_image().await?;
        let _registry = run_registry(&host).await?;
        let image = format!("{ADDRESS}/private/hello:1");
        push(&host, &image)?;
        put_secret(&host, "wrong", "guess").await?;
        put_secret(&host, "right", "secret").await?;

        host.create("stranger", pod(&image, &[])).await?;
        let refused = host.wait_for("stranger", "refused", |pod| waiting(pod).0 == "ErrImagePull").await?;
        let (_, message) = waiting(&refused);
        ensure!(message.contains(&image) && message.contains("auth"), "{message}");

        host.create("guesser", pod(&image, &["wrong"])).await?;
        host.wait_for("guesser", "refused", |pod| waiting(pod).0 == "ErrImagePull").await?;
        host.create("web", pod(&image, &["wrong", "right"])).await?;
        host.wait_for("web", "ready", is_ready).await?;
        let events = reasons_of_events(&host, "web").await?;
        ensure!(events.iter().any(|reason| reason == "Pulling"), "{events:?}");
        node.stop().await
    });
}
