//! Static pods: they run from a folder, show themselves in the API, and do not end by it.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;

use crate::host::{Host, IMAGE, NODE, alone};
use crate::pods::{first_container, is_ready};

fn put_manifest(host: &Host, seconds: u32) -> anyhow::Result<()> {
    let folder = host.config.root.join("manifests");
    std::fs::create_dir_all(&folder)?;
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: fixed\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  \
         - name: web\n    image: {IMAGE}\n    command: [/bin/sleep, '{seconds}']\n"
    );
    std::fs::write(folder.join(".fixed.new"), text)?;
    std::fs::rename(folder.join(".fixed.new"), folder.join("fixed.yaml"))?;
    Ok(())
}

fn container_id(pod: &Pod) -> anyhow::Result<String> {
    first_container(pod).container_id.context("an id")
}

async fn wait_for_other_container(host: &Host, name: &str, before: &str) -> anyhow::Result<Pod> {
    let is_other = |pod: &Pod| is_ready(pod) && first_container(pod).container_id.as_deref() != Some(before);
    host.wait_for_there(name, is_other).await
}

#[test]
fn a_static_pod_runs_as_long_as_its_manifest_is_there() {
    alone("static_pods::a_static_pod_runs_as_long_as_its_manifest_is_there", |host| async move {
        let name = format!("fixed-{NODE}");
        let node = host.run_node_with_image().await?;
        put_manifest(&host, 1000)?;
        let pod = host.wait_for_there(&name, is_ready).await?;
        let first = container_id(&pod)?;
        let annotations = pod.metadata.annotations.clone().unwrap_or_default();
        ensure!(annotations.contains_key("kubernetes.io/config.mirror"), "{annotations:?}");

        // Its mirror can be removed; the pod cannot.
        host.pods().delete(&name, &DeleteParams::default()).await?;
        let is_new = |found: &Pod| is_ready(found) && found.metadata.uid != pod.metadata.uid;
        let again = host.wait_for_there(&name, is_new).await?;
        ensure!(container_id(&again)? == first, "{:#?}", again.status);

        // Nor does a restart of the node touch it.
        node.stop().await?;
        let node = host.run_node().await?;
        ensure!(container_id(&host.wait_for_there(&name, is_ready).await?)? == first);

        // Another text is another pod; no text is none.
        put_manifest(&host, 2000)?;
        wait_for_other_container(&host, &name, &first).await?;
        std::fs::remove_file(host.config.root.join("manifests/fixed.yaml"))?;
        host.wait_until_gone(&name).await?;
        node.stop().await
    });
}
