//! A repository of Flux' usual shape, whole: clusters, which bring infrastructure and, after it, applications.

use bythos_api::helmrelease::HelmRelease;
use serde_json::json;

use super::git::Remote;
use super::harness::{Delivery, maps, pairs, says};
use super::site::{Site, chart};

const INFRASTRUCTURE: &str = "\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: infrastructure, namespace: flux-system}
spec:
  interval: 1h
  path: ./infrastructure
  prune: true
  wait: true
  sourceRef: {kind: GitRepository, name: app}
";

const APPS: &str = "\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  interval: 1h
  path: ./apps
  prune: true
  dependsOn: [{name: infrastructure}]
  sourceRef: {kind: GitRepository, name: app}
  postBuild:
    substitute: {cluster: home}
    substituteFrom: [{kind: ConfigMap, name: settings}]
";

const SETTINGS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data: {color: COLOR}
";

const RELEASE: &str = "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: flux-system}
spec:
  interval: 1h
  targetNamespace: shop
  releaseName: web
  chart:
    spec:
      chart: web
      version: 1.x
      sourceRef: {kind: HelmRepository, name: charts}
  values: {color: '${color}'}
";

const BANNER: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: banner, namespace: shop}
data: {key: 'welcome to ${cluster}'}
";

fn site() -> Site {
    let site = Site::new();
    let archive = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.0\n"),
        ("values.yaml", "color: none\n"),
        (
            "templates/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {key: {{ .Values.color }}}\n",
        ),
    ]);
    site.put("charts/web-1.2.0.tgz", archive);
    let index = "apiVersion: v1\nentries:\n  web:\n  - {name: web, version: 1.2.0, urls: [web-1.2.0.tgz]}\n";
    site.put("charts/index.yaml", index);
    site
}

/// Pushes the repository, with further files. Returns the commit.
fn push(remote: &Remote, site: &Site, color: &str, more: &[(&str, &str)]) -> String {
    let repository = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: charts, namespace: flux-system}}\n\
         spec: {{interval: 1h, url: '{}'}}\n",
        site.url("charts")
    );
    let settings = SETTINGS.replace("COLOR", color);
    let mut files = vec![
        ("clusters/home/infrastructure.yaml", INFRASTRUCTURE),
        ("clusters/home/apps.yaml", APPS),
        ("infrastructure/kustomization.yaml", "resources: [charts.yaml, settings.yaml]\n"),
        ("infrastructure/charts.yaml", repository.as_str()),
        ("infrastructure/settings.yaml", settings.as_str()),
        ("apps/web/kustomization.yaml", "resources: [release.yaml]\n"),
        ("apps/web/release.yaml", RELEASE),
    ];
    files.extend(more);
    remote.push(&files)
}

async fn released(delivery: &Delivery, part: &str) {
    let api = delivery.api::<HelmRelease>("flux-system");
    says(&api, "web", "True", "", part, |it| it.status.as_ref().map(|it| it.conditions.clone())).await;
}

#[tokio::test]
async fn a_whole_repository_is_brought_to_the_cluster_kept_there_and_taken_away() {
    let (delivery, remote, site) = (Delivery::start().await, Remote::new(None), site());
    let first = push(&remote, &site, "green", &[("apps/banner.yaml", BANNER)]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("platform", &json!({ "path": "./clusters/home" })).await;
    for name in ["platform", "infrastructure", "apps"] {
        delivery.applied(name, &first).await;
    }
    released(&delivery, "Helm install succeeded for release shop/web.v1 with chart web@1.2.0").await;
    assert_eq!(maps(&delivery).await, pairs(&[("banner", "welcome to home"), ("web", "green")]));

    // A push changes what it changes, and takes away what it no longer has.
    let second = push(&remote, &site, "blue", &[]);
    delivery.announce().await;
    for name in ["platform", "infrastructure", "apps"] {
        delivery.applied(name, &second).await;
    }
    released(&delivery, "Helm upgrade succeeded for release shop/web.v2 with chart web@1.2.0").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "blue")]));

    // With the outermost one, everything goes.
    let kustomizations = delivery.api::<bythos_api::kustomization::Kustomization>("flux-system");
    kustomizations.delete("platform", &Default::default()).await.unwrap();
    super::harness::gone(&delivery, "web").await;
    super::harness::eventually("all kustomizations to go", || async {
        kustomizations.list(&Default::default()).await.unwrap().items.is_empty().then_some(())
    })
    .await
    .unwrap();
}
