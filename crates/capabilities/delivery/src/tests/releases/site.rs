//! An engine with releases on it.

use std::sync::Arc;

use bythos_helm::plan::{CrdPolicy, Install, Plan, Upgrade};
use bythos_helm::release::{History, ReleaseRecord};
use bythos_helm::{ArchiveLimits, Chart, File, Notes, Release, Schemas};
use bythos_testing::Engine;
use futures::StreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::kinds::Kinds;
use crate::release::{ActionError, Definitions, Releases, Wish};

pub(super) const APPLICATION: &[(&str, &str)] = &[
    ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
    ("values.yaml", "color: blue\nold: true\n"),
    (
        "templates/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {color: {{ .Values.color }}}\n",
    ),
    (
        "templates/kept.yaml",
        "{{ if .Values.old }}\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: kept\n  annotations: \
         {helm.sh/resource-policy: keep}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: old}\nspec: {ports: \
         [{port: 80}]}\n{{ end }}\n",
    ),
    (
        "templates/before.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: before\n  annotations:\n    helm.sh/hook: \
         pre-install,pre-upgrade,pre-rollback,pre-delete\nspec:\n  template:\n    spec: {restartPolicy: Never, containers: \
         [{name: a, image: 'a:1'}]}\n",
    ),
    (
        "templates/after.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: after\n  annotations:\n    helm.sh/hook: \
         post-install,post-upgrade,post-rollback,post-delete\n    helm.sh/hook-delete-policy: \
         before-hook-creation,hook-succeeded\nspec:\n  template:\n    spec: {restartPolicy: Never, containers: [{name: a, \
         image: 'a:1'}]}\n",
    ),
];

pub(super) fn chart(files: &[(&str, &str)]) -> Arc<Chart> {
    let files = files.iter().map(|(name, text)| File::new(*name, text.as_bytes())).collect();
    Arc::new(Chart::from_files(files, ArchiveLimits::CHARTS).unwrap())
}

/// The release `rel` in the namespace `ns`.
pub(super) struct Site {
    pub(super) engine: Engine,
    kinds: Kinds,
}

impl Site {
    pub(super) async fn start() -> Site {
        let engine = Engine::start().await.unwrap();
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": "ns" } })).unwrap();
        Api::all(engine.admin.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        let kinds = Kinds::new(engine.admin.clone());
        Site { engine, kinds }
    }

    pub(super) fn releases(&self) -> Releases<'_> {
        self.releases_with(self.engine.admin.clone())
    }

    pub(super) fn releases_with(&self, client: Client) -> Releases<'_> {
        Releases::new(&self.kinds, client, "ns", Arc::new(|_| {}))
    }

    pub(super) async fn history(&self) -> History {
        self.releases().history("rel").await.unwrap()
    }

    pub(super) async fn statuses(&self) -> Vec<String> {
        let line = |record: &Arc<ReleaseRecord>| {
            format!("{} {}: {}", record.revision, record.info.status, record.info.description)
        };
        self.history().await.records().iter().map(line).collect()
    }

    pub(super) async fn rendered(
        &self,
        chart: &Arc<Chart>,
        values: Value,
        policy: CrdPolicy,
    ) -> Result<ReleaseRecord, ActionError> {
        let Value::Object(values) = values else { panic!("values are fields") };
        let revision = self.history().await.next_revision();
        let release = Release {
            name: "rel".to_owned(),
            namespace: "ns".to_owned(),
            revision,
            is_upgrade: revision > 1,
        };
        let definitions = Definitions { policy, ..Definitions::default() };
        let wish = Wish {
            chart: Arc::clone(chart),
            values: values.into(),
            release,
            definitions,
            schemas: Schemas::default(),
            notes: Notes::default(),
            enable_dns: false,
            finish: None,
        };
        self.releases().render(wish).await
    }

    pub(super) async fn install(
        &self,
        chart: &Arc<Chart>,
        values: Value,
        request: &Install,
    ) -> Result<Plan, ActionError> {
        let record = self.rendered(chart, values, CrdPolicy::Create).await?;
        self.releases().install(self.history().await, record, request).await
    }

    pub(super) async fn upgrade(
        &self,
        chart: &Arc<Chart>,
        values: Value,
        request: &Upgrade,
    ) -> Result<Plan, ActionError> {
        self.upgrade_with(chart, values, CrdPolicy::Skip, request).await
    }

    pub(super) async fn upgrade_with(
        &self,
        chart: &Arc<Chart>,
        values: Value,
        policy: CrdPolicy,
        request: &Upgrade,
    ) -> Result<Plan, ActionError> {
        let record = self.rendered(chart, values, policy).await?;
        self.releases().upgrade(self.history().await, record, request).await
    }

    /// Ends each Job as soon as it is there: well, unless it is called `fails`.
    pub(super) fn finish_jobs(&self) {
        finish_jobs(self.engine.admin.clone());
    }

    pub(super) async fn make_map(&self, name: &str, data: Value) {
        let map = serde_json::from_value(json!({ "metadata": { "name": name }, "data": data })).unwrap();
        self.maps().create(&PostParams::default(), &map).await.unwrap();
    }

    pub(super) async fn change_map(&self, name: &str, data: Value) {
        let patch = Patch::Merge(json!({ "data": data }));
        self.maps().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(super) async fn data(&self, name: &str) -> Value {
        json!(self.maps().get(name).await.unwrap().data)
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.engine.admin.clone(), "ns")
    }

    /// The names of all objects of a kind, but for what every namespace has.
    pub(super) async fn names(&self, plural: &str) -> Vec<String> {
        let (api_version, kind) = match plural {
            "configmaps" => ("v1", "ConfigMap"),
            "services" => ("v1", "Service"),
            "serviceaccounts" => ("v1", "ServiceAccount"),
            "jobs" => ("batch/v1", "Job"),
            "widgets" => ("example.org/v1", "Widget"),
            other => panic!("{other}"),
        };
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let (resource, _) = kube::discovery::pinned_kind(&self.engine.admin, &gvk).await.unwrap();
        let api: Api<DynamicObject> = Api::namespaced_with(self.engine.admin.clone(), "ns", &resource);
        let found = api.list(&ListParams::default()).await.unwrap();
        let names = found.items.iter().map(ResourceExt::name_any);
        names.filter(|name| name != "kube-root-ca.crt").collect()
    }

    pub(super) async fn short_name_of_widgets(&self) -> String {
        let api = Api::<CustomResourceDefinition>::all(self.engine.admin.clone());
        api.get("widgets.example.org").await.unwrap().spec.names.short_names.unwrap().remove(0)
    }
}

/// See [`Site::finish_jobs`].
pub(in super::super) fn finish_jobs(client: Client) {
    tokio::spawn(async move {
        let jobs = watcher(Api::<Job>::all(client.clone()), watcher::Config::default());
        let mut jobs = std::pin::pin!(jobs.default_backoff().applied_objects());
        while let Some(job) = jobs.next().await {
            let Ok(job) = job else { continue };
            if job.status.as_ref().is_none_or(|status| status.conditions.is_none()) {
                end(&client, &job).await;
            }
        }
    });
}

async fn end(client: &Client, job: &Job) {
    let fails = job.name_any() == "fails";
    let now = Timestamp::now().to_string();
    let condition = |type_: &str| {
        json!({
            "type": type_, "status": "True", "reason": "Test", "message": "it does fail",
            "lastTransitionTime": now, "lastProbeTime": now,
        })
    };
    let status = if fails {
        json!({ "startTime": now, "failed": 1, "conditions": [condition("FailureTarget"), condition("Failed")] })
    } else {
        json!({
            "startTime": now, "completionTime": now, "succeeded": 1,
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
        })
    };
    let api = Api::<Job>::namespaced(client.clone(), &job.namespace().unwrap());
    let patch = Patch::Merge(json!({ "status": status }));
    match api.patch_status(&job.name_any(), &PatchParams::default(), &patch).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        patched => drop(patched.unwrap()),
    }
}
