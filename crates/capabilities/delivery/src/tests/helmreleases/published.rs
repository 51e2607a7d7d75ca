//! A chart that somebody published, as an artifact, and releases of it.

use bythos_api::helmchart::HelmChart;
use bythos_api::helmrelease::HelmRelease;
use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_helm::File;
use bythos_helm::release::ReleaseRecord;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::super::harness::{Delivery, eventually, says as says_in};
use crate::artifact::{self, pack};
use crate::release::Records;

/// A chart with one ConfigMap, called as its release.
pub(super) struct Published {
    name: &'static str,
}

impl Published {
    pub(super) fn new(name: &'static str) -> Published {
        Published { name }
    }

    /// Makes a version the newest, with further files. The chart is suspended: nobody else looks after it.
    pub(super) async fn publish(&self, delivery: &Delivery, version: &str, files: &[(&str, &str)]) {
        let name = self.name;
        let mut all = vec![
            File::new("Chart.yaml", format!("apiVersion: v2\nname: {name}\nversion: {version}\n").as_bytes()),
            File::new("values.yaml", b"color: none\n"),
            File::new(
                "templates/map.yaml",
                b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {key: {{ .Values.color | \
                  quote }}}\n",
            ),
        ];
        all.extend(files.iter().map(|(name, text)| File::new(*name, text.as_bytes())));
        let packed = all.into_iter().map(|file| artifact::File {
            path: format!("{name}/{}", file.name),
            content: file.data.to_vec(),
            executable: false,
        });
        let bytes = pack(packed.collect()).unwrap();
        let digest = artifact::digest(&bytes);
        let path = format!("helmchart/flux-system/{name}/{name}-{version}.tgz");
        let size = bytes.len();
        let file = delivery.artifacts().join(&path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
        delivery
            .apply_value(&json!({
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
                "metadata": { "name": name, "namespace": "flux-system" },
                "spec": {
                    "chart": name, "interval": "1h", "suspend": true,
                    "sourceRef": { "kind": "HelmRepository", "name": "charts" },
                },
            }))
            .await;
        let charts = delivery.api::<HelmChart>("flux-system");
        let generation = charts.get(name).await.unwrap().metadata.generation;
        let status = json!({ "status": {
            "observedGeneration": generation, "observedChartName": name,
            "artifact": {
                "path": path, "digest": digest, "revision": version, "size": size, "url": "http://nowhere/",
                "lastUpdateTime": Timestamp::now().to_string(),
            },
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "ChartPullSucceeded", "message": "pulled",
                "lastTransitionTime": Timestamp::now().to_string(),
            }],
        } });
        charts.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }
}

/// A release of the chart `web` in the namespace `shop`, with further fields.
pub(super) async fn release(delivery: &Delivery, name: &str, fields: &Value) {
    delivery.apply_value(&wish(name, fields)).await;
}

/// See [`release`].
pub(super) fn wish(name: &str, fields: &Value) -> Value {
    let mut spec = json!({
        "interval": "1h", "targetNamespace": "shop", "releaseName": name,
        "chartRef": { "kind": "HelmChart", "name": "web" },
    });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    if spec["chartRef"].is_null() {
        spec.as_object_mut().unwrap().remove("chartRef");
    }
    json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": { "name": name, "namespace": "flux-system" }, "spec": spec,
    })
}

/// Waits until a release says this in its condition `Ready`, and returns it. An empty reason is any.
pub(super) async fn says(
    delivery: &Delivery,
    name: &str,
    status: &str,
    reason: &str,
    part: &str,
) -> HelmRelease {
    let api = delivery.api::<HelmRelease>("flux-system");
    says_in(&api, name, status, reason, part, |it| it.status.as_ref().map(|it| it.conditions.clone())).await
}

/// Waits until nothing more is to be done about a release, and returns it.
pub(super) async fn settled(delivery: &Delivery, name: &str) -> HelmRelease {
    let api = delivery.api::<HelmRelease>("flux-system");
    eventually("the release to settle", || async {
        let object = api.get(name).await.unwrap();
        let status = object.status.as_ref()?;
        let is_open = bythos_operator::condition::is_true(&status.conditions, "Reconciling");
        (!is_open && status.observed_generation == object.metadata.generation).then_some(object)
    })
    .await
    .unwrap()
}

/// Asks for a reconciliation, with other annotations of the same time, and waits until it is done.
pub(super) async fn ask(delivery: &Delivery, name: &str, others: &[&str]) {
    let now = Timestamp::now().to_string();
    let names = others.iter().chain([&RECONCILE_REQUESTED_AT]);
    let annotations: serde_json::Map<String, Value> =
        names.map(|name| ((*name).to_owned(), now.as_str().into())).collect();
    let api = delivery.api::<HelmRelease>("flux-system");
    let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    api.patch(name, &PatchParams::default(), &patch).await.unwrap();
    eventually("the request to be handled", || async {
        let handled = api.get(name).await.unwrap().status?.last_handled_reconcile_at;
        (handled.as_ref() == Some(&now)).then_some(())
    })
    .await
    .unwrap();
}

pub(super) async fn delete(delivery: &Delivery, name: &str) {
    delivery.api::<HelmRelease>("flux-system").delete(name, &DeleteParams::default()).await.unwrap();
}

pub(super) async fn has_gone(delivery: &Delivery, name: &str) {
    let api = delivery.api::<HelmRelease>("flux-system");
    eventually("the release to go", || async { api.get_opt(name).await.unwrap().is_none().then_some(()) })
        .await
        .unwrap();
}

/// `<revision> <status> <chart>` of each record.
pub(super) async fn history(delivery: &Delivery, name: &str) -> Vec<String> {
    history_in(delivery, "flux-system", name).await
}

/// See [`history`].
pub(super) async fn history_in(delivery: &Delivery, namespace: &str, name: &str) -> Vec<String> {
    let records = Records::new(delivery.engine.admin.clone(), namespace);
    let line = |record: &std::sync::Arc<ReleaseRecord>| {
        let chart = record.chart.metadata().unwrap().unwrap();
        format!("{} {} {}@{}", record.revision, record.info.status, chart.name, chart.version)
    };
    records.history(name).await.unwrap().records().iter().map(line).collect()
}

pub(super) async fn change_map(delivery: &Delivery, data: Value) {
    let patch = Patch::Merge(json!({ "data": data }));
    delivery.api::<ConfigMap>("shop").patch("web", &PatchParams::default(), &patch).await.unwrap();
}

pub(super) async fn map_becomes(delivery: &Delivery, value: &str) {
    let api = delivery.api::<ConfigMap>("shop");
    eventually(&format!("the map to become {value}"), || async {
        let map = api.get_opt("web").await.unwrap()?;
        (map.data.as_ref()?.get("key")? == value).then_some(map.name_any())
    })
    .await
    .unwrap();
}
