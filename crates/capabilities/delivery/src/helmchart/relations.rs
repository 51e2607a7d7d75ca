//! Which charts look again when a source has something new.

use bythos_api::helmchart::HelmChart;
use bythos_operator::cache::Change;
use bythos_operator::controller::Trigger;
use bythos_operator::{Cache, ObjectKey};
use kube::ResourceExt as _;
use tokio_util::sync::CancellationToken;

use crate::source::{Source, SourceStatus as _};

/// Wakes the charts of a source whose artifact or spec changes.
pub(super) fn follow<K: Source>(
    trigger: Trigger,
    charts: &Cache<HelmChart>,
    sources: &Cache<K>,
    shutdown: &CancellationToken,
) {
    let (charts, shutdown) = (charts.clone(), shutdown.clone());
    sources.subscribe(move |change| {
        if let Some(source) = change.new.filter(|_| is_news(change)) {
            charts_of(source, &charts).into_iter().for_each(|key| trigger.add(key));
        }
        !shutdown.is_cancelled()
    });
}

fn is_news<K: Source>(change: &Change<'_, K>) -> bool {
    let matters = |source: &K| {
        let artifact = source.status().and_then(|status| status.artifact().cloned());
        (source.meta().generation, artifact.map(|artifact| (artifact.revision, artifact.digest)))
    };
    change.old.map(matters) != change.new.map(matters)
}

fn charts_of<K: Source>(source: &K, charts: &Cache<HelmChart>) -> Vec<ObjectKey> {
    let (kind, name) = (K::kind(&()), source.name_any());
    let is_of = |chart: &HelmChart| {
        let reference = &chart.spec.source_ref;
        reference.kind == kind && reference.name == name
    };
    let all = charts.list_in(&source.namespace().unwrap_or_default());
    all.iter().filter(|chart| is_of(chart)).map(|chart| ObjectKey::of(chart.as_ref())).collect()
}
