//! Images of Debian packages, from recipe to pod.

use std::path::Path;

use anyhow::ensure;
use bythos_node::{build_image, import_image};
use serde_json::json;

use crate::host::alone_after;
use crate::pods::{container, phase};

const RECIPE: &str = "\
image: hello:1
packages: [busybox-static]
user: 1000
command: [/usr/bin/run]
files:
- {from: run.sh, to: /usr/bin/run, mode: '0755'}
links: {/bin/sh: busybox}
";

/// Builds the same image twice.
fn build(folder: &Path) -> anyhow::Result<()> {
    std::fs::write(folder.join("run.sh"), "#!/bin/sh\necho hello from $(/bin/busybox id -u)\n")?;
    std::fs::write(folder.join("hello.yaml"), RECIPE)?;
    let mut digests = Vec::new();
    for archive in ["first.tar", "second.tar"] {
        let mut steps = Vec::new();
        let image = build_image(&folder.join("hello.yaml"), &folder.join(archive), |step| {
            steps.push(step.to_owned());
        })?;
        ensure!(image.name == "docker.io/library/hello:1", "{image:?}");
        ensure!(steps.last().is_some_and(|step| step == "packing the image"), "{steps:?}");
        digests.push(image.digest);
    }
    ensure!(digests.first() == digests.last(), "{digests:?}");
    Ok(())
}

#[test]
fn an_image_of_debian_packages_is_reproducible_and_runs() {
    alone_after("images::an_image_of_debian_packages_is_reproducible_and_runs", build, |host| async move {
        let node = host.run_node().await?;
        let names = import_image(&host.config, &host.prepared.join("first.tar")).await?;
        ensure!(names == ["docker.io/library/hello:1"], "{names:?}");
        let mut main = container("main", "");
        main["command"] = json!(null);
        main["image"] = json!("hello:1");
        host.create("hello", json!({"restartPolicy": "Never", "containers": [main]})).await?;
        host.wait_for("hello", "succeeded", |pod| phase(pod) == "Succeeded").await?;
        let (_, log) = host.log("hello", "main", "").await?;
        ensure!(log == "hello from 1000\n", "{log}");
        node.stop().await
    });
}
