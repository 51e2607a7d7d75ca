//! Images of Debian packages, from recipe to pod.

use std::path::Path;

use anyhow::{Context as _, ensure};
use bythos_node::{build_image, import_image};
use http::uri::PathAndQuery;
use serde_json::json;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};

use crate::host::{IMAGE, alone, alone_after};
use crate::pods::{container, is_ready, phase};

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
