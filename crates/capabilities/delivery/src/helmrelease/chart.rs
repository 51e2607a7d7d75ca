//! Which chart: the HelmChart that a release asks for, and what it holds.

use bythos_api::flux::Artifact;
use bythos_api::helmchart::{HelmChart, HelmChartSpec, HelmChartVerification, LocalHelmChartSourceReference};
use bythos_api::helmrelease::{HelmChartTemplate, HelmRelease};
use bythos_helm::{ArchiveLimits, Chart};
use bythos_operator::condition::{get, is_true};
use bythos_operator::{Cache, ObjectKey};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Resource as _, ResourceExt as _};

use super::report::Failure;
use super::{FIELD_MANAGER, Run};
use crate::status::words;
use crate::storage::Storage;

/// Labels by which objects name the release that made them.
pub(super) const OWNER_NAME: &str = "helm.toolkit.fluxcd.io/name";
/// See [`OWNER_NAME`].
pub(super) const OWNER_NAMESPACE: &str = "helm.toolkit.fluxcd.io/namespace";

/// The HelmChart that a release names, or that is made for it.
pub(super) fn key_of(object: &HelmRelease) -> Option<ObjectKey> {
    let own = object.namespace().unwrap_or_default();
    if let Some(reference) = &object.spec.chart_ref {
        let namespace = reference.namespace.clone().unwrap_or(own);
        return (reference.kind == "HelmChart")
            .then(|| ObjectKey::namespaced(namespace, reference.name.as_str()));
    }
    let template = object.spec.chart.as_ref()?;
    let namespace = template.spec.source_ref.namespace.clone().unwrap_or_else(|| own.clone());
    Some(ObjectKey::namespaced(namespace, format!("{own}-{}", object.name_any())))
}

/// The key as the status has it.
fn parsed(text: &str) -> Option<ObjectKey> {
    let (namespace, name) = text.split_once('/')?;
    Some(ObjectKey::namespaced(namespace, name))
}

impl Run<'_> {
    /// Makes the HelmChart of the release as its template says; one that was made elsewhere goes.
    pub(super) async fn bring_chart(&mut self) -> Result<(), Failure> {
        let wanted = self.object.spec.chart.as_ref().and_then(|_| key_of(self.object));
        let made = self.status.helm_chart.as_deref().and_then(parsed);
        if let Some(made) = made.filter(|made| Some(made) != wanted.as_ref()) {
            self.context.delete_chart(&made).await?;
            self.status.helm_chart = None;
        }
        let (Some(key), Some(template)) = (wanted, &self.object.spec.chart) else { return Ok(()) };
        let chart = from_template(self.object, template, &key);
        let api = Api::<HelmChart>::namespaced(self.context.client.clone(), &key.namespace);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let applied = api.patch(&key.name, &params, &Patch::Apply(&chart)).await;
        applied.map_err(|error| Failure::Chart { key: key.to_string(), words: words(&error) })?;
        self.status.helm_chart = Some(key.to_string());
        Ok(())
    }
}

impl super::Context {
    pub(super) async fn delete_chart(&self, key: &ObjectKey) -> Result<(), Failure> {
        let api = Api::<HelmChart>::namespaced(self.client.clone(), &key.namespace);
        match api.delete(&key.name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => {
                Err(Failure::Chart { key: key.to_string(), words: format!("deletion: {}", words(&error)) })
            }
        }
    }

    /// Deletes the chart that was made for a release that goes.
    pub(super) async fn delete_chart_of(&self, helm_chart: Option<&str>) -> Result<(), Failure> {
        match helm_chart.and_then(parsed) {
            Some(key) => self.delete_chart(&key).await,
            None => Ok(()),
        }
    }
}

fn from_template(object: &HelmRelease, template: &HelmChartTemplate, key: &ObjectKey) -> HelmChart {
    let spec = &template.spec;
    let verify = spec.verify.as_ref().map(|verify| HelmChartVerification {
        provider: verify.provider.clone(),
        secret_ref: verify.secret_ref.clone(),
        ..HelmChartVerification::default()
    });
    let mut chart = HelmChart::new(
        &key.name,
        HelmChartSpec {
            chart: spec.chart.clone(),
            version: spec.version.clone(),
            source_ref: LocalHelmChartSourceReference {
                api_version: None,
                kind: spec.source_ref.kind.clone(),
                name: spec.source_ref.name.clone(),
            },
            interval: spec.interval.unwrap_or(object.spec.interval),
            reconcile_strategy: spec.reconcile_strategy.clone(),
            values_files: spec.values_files.clone(),
            ignore_missing_values_files: spec.ignore_missing_values_files,
            suspend: false,
            verify,
        },
    );
    chart.metadata.namespace = Some(key.namespace.clone());
    let given = template.metadata.clone().unwrap_or_default();
    chart.labels_mut().extend(given.labels);
    chart.labels_mut().insert(OWNER_NAME.to_owned(), object.name_any());
    chart.labels_mut().insert(OWNER_NAMESPACE.to_owned(), object.namespace().unwrap_or_default());
    if !given.annotations.is_empty() {
        chart.annotations_mut().extend(given.annotations);
    }
    chart
}

/// The artifact that the chart has now, made from what it is asked to be.
pub(super) fn artifact(object: &HelmRelease, charts: &Cache<HelmChart>) -> Result<Artifact, Failure> {
    let key = key_of(object).ok_or(Failure::ChartReference)?;
    let not_ready = |why: &str| Failure::SourceNotReady { key: key.to_string(), why: why.to_owned() };
    // A chart that was made a moment ago is on its way into the cache.
    let chart = charts.get(&key).ok_or_else(|| Failure::NoSource { key: key.to_string() })?;
    let Some(status) = &chart.status else { return Err(not_ready("it was not looked at yet")) };
    let message = |type_: &str| get(&status.conditions, type_).map(|it| it.message.as_str());
    if status.observed_generation != chart.meta().generation {
        let is_false = get(&status.conditions, "Ready").is_some_and(|it| it.status == "False");
        let why = message("Ready").filter(|_| is_false);
        return Err(not_ready(why.unwrap_or("latest generation of object has not been reconciled")));
    }
    if is_true(&status.conditions, "Stalled") {
        return Err(not_ready(message("Stalled").unwrap_or_default()));
    }
    let nothing = || not_ready(message("Ready").unwrap_or("does not have an artifact"));
    status.artifact.clone().ok_or_else(nothing)
}

/// The chart in an artifact.
pub(super) async fn load(storage: &Storage, artifact: &Artifact) -> Result<Chart, Failure> {
    let digest = artifact.digest.as_deref().unwrap_or_default();
    let bytes = storage.get(&artifact.path, digest).await?;
    let read = tokio::task::spawn_blocking(move || Chart::from_archive(&bytes, ArchiveLimits::CHARTS)).await;
    let read = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    read.map_err(|error| Failure::Load(Box::new(error)))
}
