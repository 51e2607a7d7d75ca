//! Images of Debian packages, from recipe to pod.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bythos_node::{ImageGcPolicy, NodeConfig, build_image, import_image, stop_all};
use http::uri::PathAndQuery;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::json;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};

use crate::host::{Host, IMAGE, alone, alone_after};
use crate::pods::{container, is_ready, phase, wait_until};

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

/// The fields of CRI's messages that the test looks at, by their numbers in `proto/cri.proto`.
mod messages {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Nothing {}

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Container {
        #[prost(string, tag = "5")]
        pub(super) image_ref: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Containers {
        #[prost(message, repeated, tag = "1")]
        pub(super) containers: Vec<Container>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Image {
        #[prost(string, tag = "1")]
        pub(super) id: String,
        #[prost(string, repeated, tag = "2")]
        pub(super) repo_tags: Vec<String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Images {
        #[prost(message, repeated, tag = "1")]
        pub(super) images: Vec<Image>,
    }
}

/// Everything of one kind that containerd has.
async fn list<T>(channel: &Channel, method: &'static str) -> anyhow::Result<T>
where
    T: prost::Message + Default + 'static,
{
    let mut client = Grpc::new(channel.clone());
    client.ready().await?;
    let codec = tonic_prost::ProstCodec::<messages::Nothing, T>::default();
    let request = tonic::Request::new(messages::Nothing {});
    Ok(client.unary(request, PathAndQuery::from_static(method), codec).await?.into_inner())
}

#[test]
fn a_container_names_the_image_that_it_uses_by_the_id_of_that_image() {
    alone("images::a_container_names_the_image_that_it_uses_by_the_id_of_that_image", |host| async move {
        let node = host.run_node_with_image().await?;
        let web = container("web", "exec /bin/sleep 1000");
        host.create("web", json!({"containers": [web], "terminationGracePeriodSeconds": 0})).await?;
        host.wait_for("web", "ready", is_ready).await?;
        let socket = format!("unix://{}", host.config.containerd_socket().display());
        let channel = Endpoint::from_shared(socket)?.connect().await?;
        let messages::Containers { containers } =
            list(&channel, "/runtime.v1.RuntimeService/ListContainers").await?;
        let messages::Images { images } = list(&channel, "/runtime.v1.ImageService/ListImages").await?;
        let image = images.iter().find(|image| image.repo_tags.iter().any(|name| name == IMAGE));
        // The clean-up leaves an image alone for this very reason.
        let id = &image.context("the image is there")?.id;
        ensure!(containers.iter().all(|container| container.image_ref == *id), "{id}: {containers:?}");
        ensure!(containers.len() == 1, "{containers:?}");
        node.stop().await
    });
}

/// A disk of its own for what containerd keeps. It goes away with the test, however it ends.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, bytes: u64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&at)?;
        mount("tmpfs", &at, "tmpfs", MountFlags::empty(), &*CString::new(format!("size={bytes}"))?)?;
        Ok(Disk(at))
    }

    /// Writes until this share of the disk is used.
    fn fill(&self, percent: u64) -> anyhow::Result<()> {
        let found = rustix::fs::statvfs(&self.0)?;
        let missing = found.f_blocks * percent / 100 - (found.f_blocks - found.f_bavail);
        let mut ballast = File::options().create(true).append(true).open(self.0.join("ballast"))?;
        ballast.write_all(&vec![0; usize::try_from(missing * found.f_frsize)?])?;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Of a test that failed, containerd still has files open here.
        if let Err(error) = unmount(&self.0, UnmountFlags::DETACH) {
            eprintln!("{:?} is still mounted: {error}", self.0);
        }
    }
}

const MIB: usize = 1 << 20;

/// An image of this name with the host's busybox and a mebibyte that no other image has.
async fn import_one(host: &Host, name: &str) -> anyhow::Result<()> {
    let folder = host.folder().join(name.replace(['/', ':'], "-"));
    std::fs::create_dir_all(&folder)?;
    std::fs::copy("/bin/busybox", folder.join("busybox"))?;
    let mut ballast = vec![0; MIB];
    File::open("/dev/urandom")?.read_exact(&mut ballast)?;
    std::fs::write(folder.join("ballast"), ballast)?;
    let recipe = folder.join("recipe.yaml");
    std::fs::write(
        &recipe,
        format!(
            "image: {name}\nfiles: {{busybox: /bin/busybox, ballast: /ballast}}\nlinks: {{/bin/sh: busybox, \
             /bin/sleep: busybox}}\n"
        ),
    )?;
    let archive = folder.join("image.tar");
    build_image(&recipe, &archive, |_| {})?;
    import_image(&host.config, &archive).await?;
    Ok(())
}

/// The names of the images that containerd has, in order.
async fn names_of_images(channel: &Channel) -> anyhow::Result<Vec<String>> {
    let messages::Images { images } = list(channel, "/runtime.v1.ImageService/ListImages").await?;
    let mut names: Vec<_> = images.into_iter().flat_map(|image| image.repo_tags).collect();
    names.sort();
    Ok(names)
}

#[test]
fn a_disk_that_fills_up_is_freed_of_images_that_nobody_uses() {
    const NAME: &str = "images::a_disk_that_fills_up_is_freed_of_images_that_nobody_uses";
    let soon = ImageGcPolicy {
        minimum_age: Duration::from_secs(1),
        period: Duration::from_millis(500),
        ..ImageGcPolicy::default()
    };
    alone(NAME, |host| async move {
        let disk = Disk::mount(host.config.root.join("containerd"), 64 * MIB as u64)?;
        let node = host.run_node_as(NodeConfig { image_gc: soon, ..host.config.clone() }).await?;
        for name in ["r.io/idle:1", "r.io/used:1", "localhost/idle:1"] {
            import_one(&host, name).await?;
        }
        let mut web = container("web", "exec /bin/sleep 1000");
        web["image"] = json!("r.io/used:1");
        host.create("web", json!({"containers": [web], "terminationGracePeriodSeconds": 0})).await?;
        host.wait_for("web", "ready", is_ready).await?;
        let socket = format!("unix://{}", host.config.containerd_socket().display());
        let channel = Endpoint::from_shared(socket)?.connect().await?;
        let all = names_of_images(&channel).await?;
        ensure!(all.iter().any(|name| name == "r.io/idle:1"), "{all:?}");

        // While there is room, nothing goes, however long nobody has used it.
        disk.fill(80)?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        ensure!(names_of_images(&channel).await? == all, "{:?}", names_of_images(&channel).await?);
        disk.fill(95)?;
        let expected: Vec<_> = all.into_iter().filter(|name| name != "r.io/idle:1").collect();
        wait_until("r.io/idle:1 is gone", async || Ok(names_of_images(&channel).await? == expected)).await?;
        // It is still full, and no other may go: one is used, one is nowhere else, and so is the pause image.
        tokio::time::sleep(Duration::from_secs(2)).await;
        ensure!(names_of_images(&channel).await? == expected, "{:?}", names_of_images(&channel).await?);
        ensure!(is_ready(&host.pods().get("web").await?));
        node.stop().await?;
        // Before the disk goes.
        stop_all(&host.config, |_| {}).await?;
        Ok(())
    });
}
