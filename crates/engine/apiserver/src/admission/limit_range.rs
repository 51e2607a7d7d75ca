//! LimitRanges: what containers get that say nothing, and the bounds for containers, pods and claims.

use bythos_kinds::Quantity;
use serde_json::{Value, json};

use super::amounts::{Amounts, amounts};
use super::pod_resources::{list, of_container, of_pod};
use crate::object;
use crate::policy::objects_in;
use crate::status::Failure;
use crate::write::Writing;

/// Says on a pod which amounts were filled in.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// The `limits` of all LimitRanges of the namespace.
pub(crate) struct Limits(Vec<Value>);

impl Limits {
    pub(crate) fn of(writing: &Writing<'_>) -> Limits {
        let ranges = objects_in(&writing.state.store, "limitranges", Some(writing.namespace));
        let limits = ranges.iter().flat_map(|range| range.pointer("/spec/limits").and_then(Value::as_array));
        Limits(limits.flatten().cloned().collect())
    }

    fn of_type<'a>(&'a self, type_: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |limit| object::text_at(limit, "/type") == Some(type_))
    }

    /// Fills in what a new pod's containers do not say.
    pub(crate) fn fill(&self, pod: &mut Value) {
        let mut notes = Vec::new();
        for limit in self.of_type("Container") {
            let (limits, requests) = defaults(limit);
            for field in ["containers", "initContainers"] {
                let containers = pod.pointer_mut(&format!("/spec/{field}")).and_then(Value::as_array_mut);
                for container in containers.into_iter().flatten() {
                    fill_container(container, "requests", &requests, &mut notes);
                    fill_container(container, "limits", &limits, &mut notes);
                }
            }
        }
        if !notes.is_empty() {
            let annotations = object::meta_mut(pod).entry("annotations").or_insert(Value::Null);
            let note = format!("LimitRanger plugin set: {}", notes.join("; "));
            object::fields_mut(annotations).insert(ANNOTATION.to_owned(), json!(note));
        }
    }

    /// Refuses a new pod that is out of bounds.
    pub(crate) fn check_pod(&self, writing: &Writing<'_>, pod: &Value) -> Result<(), Failure> {
        let spec = pod.get("spec").unwrap_or(&Value::Null);
        let mut problems = Vec::new();
        for limit in self.of_type("Container") {
            for container in list(spec, "containers").chain(list(spec, "initContainers")) {
                let usage = Usage {
                    requests: of_container(container, "requests"),
                    limits: of_container(container, "limits"),
                };
                usage.check(limit, &mut problems);
            }
        }
        for limit in self.of_type("Pod") {
            Usage { requests: of_pod(spec, "requests"), limits: of_pod(spec, "limits") }
                .check(limit, &mut problems);
        }
        refuse(writing, pod, &problems)
    }

    /// Refuses a claim that asks for more or less than the bounds. Claims have no limits that count.
    pub(crate) fn check_claim(&self, writing: &Writing<'_>, claim: &Value) -> Result<(), Failure> {
        let requests = amounts(claim.pointer("/spec/resources/requests"));
        let usage = Usage { requests: requests.clone(), limits: Amounts::new() };
        let type_ = "PersistentVolumeClaim";
        let mut problems = Vec::new();
        for limit in self.of_type(type_) {
            usage.check_minimum(limit, type_, &mut problems);
            for (name, max) in amounts(limit.get("max")) {
                let request = requests.get(&name).filter(|request| **request > max);
                let words = format!("maximum {name} usage per {type_} is {max}");
                problems.extend(request.map(|request| format!("{words}, but request is {request}")));
            }
        }
        refuse(writing, claim, &problems)
    }
}

/// What a container gets: limits default to the maximum, requests to the limits, and then to the minimum.
fn defaults(limit: &Value) -> (serde_json::Map<String, Value>, serde_json::Map<String, Value>) {
    let of = |field: &str| limit.get(field).and_then(Value::as_object).cloned().unwrap_or_default();
    let or = |mut first: serde_json::Map<String, Value>, second: serde_json::Map<String, Value>| {
        for (name, value) in second {
            first.entry(name).or_insert(value);
        }
        first
    };
    let limits = or(of("default"), of("max"));
    let requests = or(or(of("defaultRequest"), limits.clone()), of("min"));
    (limits, requests)
}

fn fill_container(
    container: &mut Value,
    field: &str,
    wanted: &serde_json::Map<String, Value>,
    notes: &mut Vec<String>,
) {
    let name = object::text_at(container, "/name").unwrap_or_default().to_owned();
    let held =
        object::fields_mut(object::field_mut(container, "resources").entry(field).or_insert(Value::Null));
    let missing: Vec<&String> = wanted.keys().filter(|resource| !held.contains_key(*resource)).collect();
    if missing.is_empty() {
        return;
    }
    let names: Vec<&str> = missing.iter().map(|resource| resource.as_str()).collect();
    notes.push(format!("{} {} for container {name}", names.join(", "), field.trim_end_matches('s')));
    for resource in missing {
        held.insert(resource.clone(), wanted[resource].clone());
    }
}

fn refuse(writing: &Writing<'_>, object: &Value, problems: &[String]) -> Result<(), Failure> {
    match problems {
        [] => Ok(()),
        [one] => Err(writing.forbidden(object, one)),
        several => Err(writing.forbidden(object, &format!("[{}]", several.join(", ")))),
    }
}

/// What a container or a pod asks for.
struct Usage {
    requests: Amounts,
    limits: Amounts,
}

impl Usage {
    /// Adds what is out of the bounds of `limit`, in upstream's words.
    fn check(&self, limit: &Value, problems: &mut Vec<String>) {
        let type_ = object::text_at(limit, "/type").unwrap_or_default();
        self.check_minimum(limit, type_, problems);
        for (name, max) in amounts(limit.get("max")) {
            let words = format!("maximum {name} usage per {type_} is {max}");
            problems.extend(self.above(&name, max).map(|what| format!("{words}{what}")));
        }
        for (name, ratio) in amounts(limit.get("maxLimitRequestRatio")) {
            let words = format!("{name} max limit to request ratio per {type_} is {ratio}");
            problems.extend(self.out_of_ratio(&name, ratio).map(|what| format!("{words}, but {what}")));
        }
    }

    fn check_minimum(&self, limit: &Value, type_: &str, problems: &mut Vec<String>) {
        for (name, min) in amounts(limit.get("min")) {
            let words = format!("minimum {name} usage per {type_} is {min}");
            problems.extend(self.below(&name, min).map(|what| format!("{words}{what}")));
        }
    }

    fn below(&self, name: &str, min: Quantity) -> Option<String> {
        let is_below = |amount: &&Quantity| **amount < min;
        match (self.requests.get(name), self.limits.get(name)) {
            (None, _) => Some(". No request is specified".to_owned()),
            (Some(request), _) if is_below(&request) => Some(format!(", but request is {request}")),
            (_, limit) => limit.filter(is_below).map(|limit| format!(", but limit is {limit}")),
        }
    }

    fn above(&self, name: &str, max: Quantity) -> Option<String> {
        let is_above = |amount: &&Quantity| **amount > max;
        match (self.requests.get(name), self.limits.get(name)) {
            (_, None) => Some(". No limit is specified".to_owned()),
            (_, Some(limit)) if is_above(&limit) => Some(format!(", but limit is {limit}")),
            (request, _) => request.filter(is_above).map(|request| format!(", but request is {request}")),
        }
    }

    fn out_of_ratio(&self, name: &str, ratio: Quantity) -> Option<String> {
        let there = |amounts: &Amounts| amounts.get(name).copied().filter(|amount| *amount != Quantity::ZERO);
        let Some(request) = there(&self.requests) else {
            return Some("no request is specified or request is 0".to_owned());
        };
        let Some(limit) = there(&self.limits) else {
            return Some("no limit is specified or limit is 0".to_owned());
        };
        let is_over = limit.thousandths().saturating_mul(1000)
            > ratio.thousandths().saturating_mul(request.thousandths());
        #[expect(clippy::cast_precision_loss, reason = "the ratio is printed with six digits")]
        let provided = limit.thousandths() as f64 / request.thousandths() as f64;
        is_over.then(|| format!("provided ratio is {provided:.6}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(requests: Value, limits: Value) -> Value {
        json!({"metadata": {"name": "p"}, "spec": {"containers": [
            {"name": "main", "resources": {"requests": requests, "limits": limits}}]}})
    }

    #[track_caller]
    fn check_filled(limit: Value, requests: Value, limits: Value, expected: Value, note: Option<&str>) {
        let mut pod = pod(requests, limits);
        Limits(vec![limit]).fill(&mut pod);
        assert_eq!(pod["spec"]["containers"][0]["resources"], expected);
        assert_eq!(pod["metadata"]["annotations"][ANNOTATION].as_str(), note);
    }

    #[test]
    fn containers_get_what_they_do_not_say() {
        let limit = json!({"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}});
        check_filled(
            limit.clone(),
            json!({}),
            json!({}),
            json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}),
            Some("LimitRanger plugin set: cpu request for container main; cpu limit for container main"),
        );
        let own = json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}});
        check_filled(limit, own["requests"].clone(), own["limits"].clone(), own, None);
        check_filled(
            json!({"type": "Container", "max": {"memory": "1Gi"}, "min": {"cpu": "10m"}}),
            json!({}),
            json!({}),
            json!({"requests": {"cpu": "10m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}),
            Some(
                "LimitRanger plugin set: cpu, memory request for container main; memory limit for container main",
            ),
        );
    }

    #[track_caller]
    fn check_bounds(limit: Value, requests: Value, limits: Value, expected: &[&str]) {
        let usage = Usage { requests: amounts(Some(&requests)), limits: amounts(Some(&limits)) };
        let mut problems = Vec::new();
        usage.check(&limit, &mut problems);
        assert_eq!(problems, expected);
    }

    #[test]
    fn what_is_out_of_bounds_is_named_in_upstreams_words() {
        let min = json!({"type": "Container", "min": {"cpu": "100m"}});
        check_bounds(min.clone(), json!({"cpu": "0.1"}), json!({}), &[]);
        check_bounds(
            min.clone(),
            json!({"cpu": "50m"}),
            json!({}),
            &["minimum cpu usage per Container is 100m, but request is 50m"],
        );
        check_bounds(
            min,
            json!({}),
            json!({}),
            &["minimum cpu usage per Container is 100m. No request is specified"],
        );
        let max = json!({"type": "Pod", "max": {"memory": "1Gi"}});
        check_bounds(max.clone(), json!({}), json!({"memory": "1024Mi"}), &[]);
        check_bounds(
            max.clone(),
            json!({}),
            json!({"memory": "2Gi"}),
            &["maximum memory usage per Pod is 1Gi, but limit is 2Gi"],
        );
        check_bounds(
            max,
            json!({}),
            json!({}),
            &["maximum memory usage per Pod is 1Gi. No limit is specified"],
        );
        let ratio = json!({"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}});
        check_bounds(ratio.clone(), json!({"cpu": "500m"}), json!({"cpu": "1"}), &[]);
        check_bounds(
            ratio.clone(),
            json!({"cpu": "250m"}),
            json!({"cpu": "1"}),
            &["cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000"],
        );
        check_bounds(
            ratio,
            json!({}),
            json!({"cpu": "1"}),
            &[
                "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
            ],
        );
    }
}
