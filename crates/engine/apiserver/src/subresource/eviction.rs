//! `pods/eviction`: a deletion that a PodDisruptionBudget may refuse.
//!
//! The budget is charged before the pod is deleted, and gets the charge back from its controller when the pod was not
//! deleted after all ("API-initiated eviction" in the documentation of Kubernetes).

use bythos_kinds::LabelSelector;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::Body;
use crate::policy::objects_in;
use crate::resources::Target;
use crate::status::{Failure, ResourceName};
use crate::verbs::delete::{DeleteOptions, delete};
use crate::write::{self, Current, Door, Ownership, WriteOptions, Writing};
use crate::{decode, object};

const BUDGETS: &str = "poddisruptionbudgets.policy";
/// So many pods may be on their way out without their budget's controller having noticed.
const DISRUPTED_PODS_MAX: usize = 2000;
/// How often the eviction is thought over when the pod changes meanwhile.
const ATTEMPTS_MAX: usize = 16;
const RETRY_AFTER_SECONDS: u32 = 10;

pub(crate) async fn create(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let write_options = target.call.write_options()?;
    let eviction = decode::of_kind(target.call, "policy", &["v1", "v1beta1"], "Eviction")?;
    if ![target.name, ""].contains(&object::name(&eviction)) {
        return Err(Failure::BadRequest("name in URL does not match name in Eviction object".to_owned()));
    }
    let mut options = match eviction.get("deleteOptions") {
        Some(options) if !options.is_null() => DeleteOptions::of_body(options)?,
        _ => DeleteOptions::default(),
    };
    options.dry_run |= write_options.dry_run;
    let writing = target.writing(Door::Main, &write_options);
    evict(&writing, target.name, &options).await?;
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
    target.call.answer_value(StatusCode::CREATED, &status)
}

/// How the pod's end is to be carried out.
enum Way<'a> {
    /// It disrupts nothing any more.
    Freely,
    /// It disrupts nothing as long as the pod is as it was seen.
    Unchanged,
    /// This budget pays for it.
    Charged(&'a Value),
}

async fn evict(writing: &Writing<'_>, name: &str, options: &DeleteOptions) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let pod = writing.current(name)?.ok_or_else(|| writing.not_found(name))?;
        let budgets = budgets_of(writing, &pod.object);
        let mut options = options.clone();
        let mut is_pinned = false;
        match way(&pod.object, &budgets)? {
            Way::Freely => {}
            Way::Unchanged if options.revision.is_some() => {}
            Way::Unchanged => {
                options.revision = Some(pod.entry.revision.0.to_string());
                is_pinned = true;
            }
            Way::Charged(budget) => charge(writing, budget, name, options.dry_run).await?,
        }
        match delete(writing, name, &options).await {
            Err(Failure::Conflict { .. }) if is_pinned => {}
            other => return other.map(drop),
        }
    }
    let cause = format!(
        "The pod {name} changes too often to tell whether its disruption budget allows its eviction."
    );
    Err(Failure::DisruptionBudget { cause, retry_after_seconds: Some(RETRY_AFTER_SECONDS) })
}

fn way<'a>(pod: &Value, budgets: &'a [Value]) -> Result<Way<'a>, Failure> {
    match object::text_at(pod, "/status/phase") {
        _ if object::is_ending(pod) => return Ok(Way::Freely),
        Some("Succeeded" | "Failed") => return Ok(Way::Freely),
        Some("Pending") | None => return Ok(Way::Unchanged),
        _ => {}
    }
    match budgets {
        [] => Ok(Way::Freely),
        [budget] if !is_ready(pod) && spares_what_is_not_ready(budget) => Ok(Way::Unchanged),
        [budget] => Ok(Way::Charged(budget)),
        _ => Err(Failure::Internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
                .to_owned(),
        )),
    }
}

/// The budgets that select the pod. A budget with an empty selector selects nothing here, as upstream.
fn budgets_of(writing: &Writing<'_>, pod: &Value) -> Vec<Value> {
    let mut budgets = objects_in(&writing.state.store, BUDGETS, Some(writing.namespace));
    budgets.retain(|budget| {
        let selector = budget.pointer("/spec/selector").unwrap_or(&Value::Null);
        let is_empty = ["matchLabels", "matchExpressions"].iter().all(|field| {
            selector.get(field).is_none_or(|part| {
                part.as_object().is_none_or(serde_json::Map::is_empty)
                    && part.as_array().is_none_or(Vec::is_empty)
            })
        });
        let labels = pod.pointer("/metadata/labels").unwrap_or(&Value::Null);
        let selects = LabelSelector::from_object(selector).ok().flatten().is_some_and(|s| s.matches(labels));
        !is_empty && selects
    });
    budgets
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Whether a pod that is not ready may go without a charge: `unhealthyPodEvictionPolicy`.
fn spares_what_is_not_ready(budget: &Value) -> bool {
    if object::text_at(budget, "/spec/unhealthyPodEvictionPolicy") == Some("AlwaysAllow") {
        return true;
    }
    let desired = number(budget, "/status/desiredHealthy");
    desired > 0 && number(budget, "/status/currentHealthy") >= desired
}

/// Takes one disruption from the budget, or refuses.
async fn charge(writing: &Writing<'_>, budget: &Value, pod: &str, dry_run: bool) -> Result<(), Failure> {
    let registry = writing.state.registry();
    let served = registry
        .of_resource(BUDGETS)
        .ok_or_else(|| Failure::Internal("PodDisruptionBudgets are not served".to_owned()))?;
    let options = WriteOptions { dry_run, ..WriteOptions::own() };
    let charging = Writing { served, door: Door::Status, options: &options, ..*writing };
    let make = |current: &Current| {
        let budget = &current.object;
        check(budget)?;
        Ok((charged(budget, pod), Ownership::Track))
    };
    match write::change(&charging, object::name(budget), &make).await {
        // A budget that is gone protects nothing.
        Ok(_) | Err(Failure::NotFound { .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Whether the budget allows one more disruption.
fn check(budget: &Value) -> Result<(), Failure> {
    let name = object::name(budget);
    let forbidden = |reason: &str| {
        let resource = ResourceName::new("policy", "poddisruptionbudget");
        let message = format!("{resource} {name:?} is forbidden: {reason}");
        Failure::Forbidden { resource: Some(resource), name: name.to_owned(), message }
    };
    if number(budget, "/status/observedGeneration") < number(budget, "/metadata/generation") {
        let cause = format!("The disruption budget {name} is still being processed by the server.");
        return Err(Failure::DisruptionBudget { cause, retry_after_seconds: Some(RETRY_AFTER_SECONDS) });
    }
    let disrupted = budget.pointer("/status/disruptedPods").and_then(Value::as_object);
    if disrupted.is_some_and(|pods| pods.len() > DISRUPTED_PODS_MAX) {
        let reason = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(forbidden(reason));
    }
    match number(budget, "/status/disruptionsAllowed") {
        ..0 => Err(forbidden("pdb disruptions allowed is negative")),
        0 => {
            let cause = format!(
                "The disruption budget {name} needs {} healthy pods and has {} currently",
                number(budget, "/status/desiredHealthy"),
                number(budget, "/status/currentHealthy")
            );
            Err(Failure::DisruptionBudget { cause, retry_after_seconds: None })
        }
        _ => Ok(()),
    }
}

/// The budget with one disruption less, and the pod among those that are on their way out.
fn charged(budget: &Value, pod: &str) -> Value {
    let mut budget = budget.clone();
    let left = number(&budget, "/status/disruptionsAllowed") - 1;
    let generation = budget.pointer("/metadata/generation").cloned();
    let status = object::field_mut(&mut budget, "status");
    status.insert("disruptionsAllowed".to_owned(), json!(left));
    let disrupted = status.entry("disruptedPods").or_insert(Value::Null);
    object::fields_mut(disrupted).insert(pod.to_owned(), json!(object::now()));
    if left == 0 {
        let conditions = status.entry("conditions").or_insert_with(|| json!([]));
        if let Some(conditions) = conditions.as_array_mut() {
            conditions.retain(|condition| condition["type"] != "DisruptionAllowed");
            conditions.push(json!({
                "type": "DisruptionAllowed",
                "status": "False",
                "reason": "InsufficientPods",
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": object::now(),
            }));
        }
    }
    budget
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}
