//! Objects that are no longer as their release left them: found by trying out what applying them would change.

use bythos_helm::plan::{Object, ObjectKey, objects};
use bythos_helm::release::ReleaseRecord;
use bythos_operator::error_chain;
use bythos_operator::event::Severity;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::Value;
use tracing::warn;

use super::Run;
use super::report::{self, Failure};
use crate::condition::{Reason, Truth, Type};
use crate::ignored::{Ignored, differs};
use crate::metadata::Marked as _;
use crate::release::{Force, Releases, apply_params, body};
use crate::status::words;

/// Label or annotation of an object that asks to be left alone.
const MARK: &str = "helm.toolkit.fluxcd.io/driftDetection";
const LEFT_ALONE: &str = "disabled";
const FIELD: &str = "spec.driftDetection.ignore";

/// An object that is not as it was left.
#[derive(Debug)]
pub(super) struct Difference {
    key: ObjectKey,
    is_missing: bool,
    /// What is to be applied.
    body: Value,
}

impl Difference {
    fn words(&self) -> String {
        let ObjectKey { kind, namespace, name, .. } = &self.key;
        let what = if self.is_missing { "removed" } else { "changed" };
        format!("{kind}/{namespace}/{name} {what}")
    }
}

impl Run<'_> {
    pub(super) async fn differences(
        &self,
        record: &ReleaseRecord,
        releases: &Releases<'_>,
    ) -> Result<Vec<Difference>, Failure> {
        let drift = self.object.spec.drift_detection.as_ref();
        let rules = drift.map(|drift| drift.ignore.as_slice()).unwrap_or_default();
        let ignored = Ignored::compile(FIELD, rules)?;
        let state =
            |words: String| Failure::State { words: format!("unable to determine cluster state: {words}") };
        let objects = objects(record).map_err(|error| state(error.to_string()))?;
        let mut found = Vec::new();
        for object in objects.iter().filter(|object| !object.key.name.is_empty()) {
            let compared = compare(releases, object, &ignored).await;
            found.extend(compared.map_err(|words| state(format!("{}: {words}", object.key)))?);
        }
        Ok(found)
    }

    /// Says what is not as it was left, whether it is to be set right or not.
    pub(super) async fn tell_drift(&mut self, differences: &[Difference]) {
        let name = self.status.latest().map(|latest| latest.full_name()).unwrap_or_default();
        let lines: Vec<String> = differences.iter().map(Difference::words).collect();
        let lines = lines.join("\n");
        let message = format!("Cluster state of release {name} has drifted from the desired state:\n{lines}");
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::Drifted, Truth::True, Reason::DriftDetected, message.as_str());
        self.publish(Severity::Warning, Reason::DriftDetected, &message).await;
    }

    /// Sets right what is not as it was left.
    pub(super) async fn correct(
        &self,
        differences: &[Difference],
        releases: &Releases<'_>,
    ) -> Result<(), Failure> {
        let events = self.events();
        let mut failed = Vec::new();
        for difference in differences {
            if let Err(words) = set_right(releases, difference).await {
                failed.push(format!("{}: {words}", difference.words()));
            }
        }
        let name = self.status.latest().map(|latest| latest.full_name()).unwrap_or_default();
        if failed.is_empty() {
            let message = format!("Cluster state of release {name} has been corrected");
            events.publish(self.object, Severity::Normal, "DriftCorrected", &message).await;
            return Ok(());
        }
        let message = format!("Failed to correct cluster state of release {name}:\n{}", failed.join("\n"));
        warn!(message, "not corrected");
        events.publish(self.object, Severity::Warning, "DriftCorrectionFailed", &message).await;
        Err(Failure::Drift { message })
    }
}

async fn compare(
    releases: &Releases<'_>,
    object: &Object,
    ignored: &Ignored,
) -> Result<Option<Difference>, String> {
    if object.value.says(MARK, LEFT_ALONE) {
        return Ok(None);
    }
    let way = releases.way_to(&object.key).await.map_err(|error| error_chain(&error))?;
    let body = body(object, &way.kind);
    let key = object.key.clone();
    let existing = way.api.get_opt(&key.name).await.map_err(|error| words(&error))?;
    let Some(existing) = existing else { return Ok(Some(Difference { key, is_missing: true, body })) };
    if existing.says(MARK, LEFT_ALONE) {
        return Ok(None);
    }
    let params = PatchParams { dry_run: true, ..apply_params(Force::Yes) };
    let tried = way.api.patch(&key.name, &params, &Patch::Apply(&body)).await;
    let outcome: DynamicObject = tried.map_err(|error| words(&error))?;
    let paths = ignored.paths_of(&object.value);
    if !differs(&existing, &outcome, &paths) {
        return Ok(None);
    }
    let mut body = body;
    Ignored::leave_to_others(bythos_helm::plan::FIELD_MANAGER, &mut body, &existing, &outcome, &paths);
    Ok(Some(Difference { key, is_missing: false, body }))
}

async fn set_right(releases: &Releases<'_>, difference: &Difference) -> Result<(), String> {
    let way = releases.way_to(&difference.key).await.map_err(|error| error_chain(&error))?;
    let (params, patch) = (apply_params(Force::Yes), Patch::Apply(&difference.body));
    let applied = way.api.patch(&difference.key.name, &params, &patch).await;
    applied.map(drop).map_err(|error| words(&error))
}
