//! The whole way: a repository of charts, a release that asks for one of them, objects.

use bythos_api::helmrepository::HelmRepository;
use serde_json::json;

use super::super::git::Remote;
use super::super::harness::{Delivery, maps, pairs};
use super::super::site::{Site, chart};
use super::published::{Published, delete, has_gone, history, release, says, wish};
use crate::artifact::digest;
use crate::commands::{Output, sync, tree};

fn publish(site: &Site, version: &str, color: &str) {
    let archive = chart(&[
        ("Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: {version}\n")),
        ("values.yaml", &format!("color: {color}\n")),
        (
            "templates/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {key: {{ .Values.color }}}\n",
        ),
    ]);
    let (file, sum) = (format!("web-{version}.tgz"), digest(&archive).replace("sha256:", ""));
    site.put(&format!("charts/{file}"), archive);
    let entry = format!("  - {{name: web, version: {version}, urls: [{file}], digest: {sum}}}\n");
    site.put("charts/index.yaml", format!("apiVersion: v1\nentries:\n  web:\n{entry}"));
}

#[tokio::test]
async fn a_chart_of_a_repository_becomes_objects_and_follows_its_versions() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    publish(&site, "1.0.0", "blue");
    let spec = json!({ "chart": "web", "version": "1.x", "sourceRef": { "kind": "HelmRepository", "name": "charts" } });
    release(&delivery, "web", &json!({ "chart": { "spec": spec }, "chartRef": null })).await;
    says(&delivery, "web", "False", "", "HelmChart 'flux-system/flux-system-web'").await;
    delivery.repository(&site.url("charts"), &json!({})).await;
    says(&delivery, "web", "True", "InstallSucceeded", "shop/web.v1 with chart web@1.0.0").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "blue")]));
    // Nobody has to touch the release: the repository tells the chart, and the chart tells the release.
    publish(&site, "1.1.0", "red");
    delivery.ask_any::<HelmRepository>("charts").await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "shop/web.v2 with chart web@1.1.0").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "red")]));
    assert_eq!(history(&delivery, "web").await, ["1 superseded web@1.0.0", "2 deployed web@1.1.0"]);
    delete(&delivery, "web").await;
    has_gone(&delivery, "web").await;
    assert_eq!(maps(&delivery).await, pairs(&[]));
}

#[tokio::test]
async fn a_release_out_of_git_is_synced_and_stands_in_the_tree_with_its_objects() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    let of_color = |color: &str| wish("web", &json!({ "values": { "color": color } })).to_string();
    let remote = Remote::new(None);
    let commit = remote.push(&[("release.yaml", &of_color("blue"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("app", &json!({})).await;
    delivery.applied("app", &commit).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;

    remote.push(&[("release.yaml", &of_color("red"))]);
    let mut printed = Vec::new();
    let args = sync::Args { name: Some("app".to_owned()), timeout: 60 };
    let outcome = sync::run(&args, &delivery.engine.admin, &mut printed).await.unwrap();
    let printed = String::from_utf8(printed).unwrap();
    assert_eq!(outcome, sync::Outcome::Applied, "{printed}");
    assert!(printed.contains("✓ HelmRelease flux-system/web: Helm upgrade succeeded"), "{printed}");
    assert_eq!(maps(&delivery).await, pairs(&[("web", "red")]));

    let mut printed = Vec::new();
    tree::run(&tree::Args { output: Output::Text }, &delivery.engine.admin, &mut printed).await.unwrap();
    let printed = String::from_utf8(printed).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[1].starts_with("└─ Kustomization/flux-system/app Applied revision: "), "{printed}");
    assert!(lines[2].starts_with("   └─ HelmRelease/flux-system/web Helm upgrade succeeded"), "{printed}");
    assert_eq!(lines[3], "      └─ ConfigMap/shop/web Current", "{printed}");
}
