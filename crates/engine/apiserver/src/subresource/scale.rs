//! `scale`: the replicas of any kind that has some, as an `autoscaling/v1` Scale.

use bythos_kinds::{Subresource, Text};
use bythos_schema::{FieldError, FieldPath, Refusal};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::body::Body;
use crate::registry::Served;
use crate::resources::Target;
use crate::status::{CHANGED_MEANWHILE, Failure};
use crate::verbs::patch::{Patch, patched};
use crate::write::{self, Current, Door, Ownership};
use crate::{decode, object, version};

const API_VERSION: &str = "autoscaling/v1";

/// Where a kind keeps its replicas.
struct Paths<'a> {
    spec_replicas: &'a Text,
    status_replicas: &'a Text,
    selector: Option<&'a Text>,
}

impl<'a> Paths<'a> {
    fn of(served: &'a Served) -> Result<Paths<'a>, Failure> {
        let paths = served.kind.subresources.iter().find_map(|subresource| match subresource {
            Subresource::Scale { spec_replicas, status_replicas, selector } => {
                Some(Paths { spec_replicas, status_replicas, selector: selector.as_ref() })
            }
            _ => None,
        });
        paths.ok_or(Failure::UnknownPath)
    }

    /// The object's scale.
    fn scale(&self, object: &Value) -> Value {
        let mut metadata = Map::new();
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = object::meta(object, field) {
                metadata.insert(field.to_owned(), json!(value));
            }
        }
        let replicas = |path: &str| at(object, path).and_then(Value::as_i64).unwrap_or(0);
        let mut status = json!({ "replicas": replicas(self.status_replicas) });
        if let Some(selector) = self.selector.and_then(|path| at(object, path)) {
            status["selector"] = json!(selector_text(selector));
        }
        json!({
            "kind": "Scale",
            "apiVersion": API_VERSION,
            "metadata": metadata,
            "spec": { "replicas": replicas(self.spec_replicas) },
            "status": status,
        })
    }
}

pub(crate) fn get(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let scale = Paths::of(&target.served)?.scale(&target.object()?);
    target.call.answer_value(StatusCode::OK, &scale)
}

pub(crate) async fn update(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let scale = decode::value(target.call.content_type(), &target.call.body)?;
    change(target, &Wanted::Scale(scale)).await
}

pub(crate) async fn patch(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    // A Scale has no lists: a strategic merge of it is a plain merge.
    let patch = match target.call.content_type() {
        "application/strategic-merge-patch+json" => Patch::Merge(decode::json(&target.call.body)?),
        _ => Patch::of(target.call, true)?,
    };
    change(target, &Wanted::Patched(patch)).await
}

/// What the client wants of a scale.
enum Wanted {
    /// That it is this one.
    Scale(Value),
    /// That it is patched.
    Patched(Patch),
}

async fn change(target: &Target<'_>, wanted: &Wanted) -> Result<Response<Body>, Failure> {
    let options = target.call.write_options()?;
    let writing = target.writing(Door::Scale, &options);
    let paths = Paths::of(&target.served)?;
    let make = |current: &Current| {
        let scale = match wanted {
            Wanted::Scale(scale) => scale.clone(),
            Wanted::Patched(patch) => patched(&writing, &paths.scale(&current.object), patch)?,
        };
        let stale = object::meta(&scale, "resourceVersion")
            .is_some_and(|revision| revision != current.entry.revision.0.to_string());
        if stale {
            return Err(writing.conflict(target.name, CHANGED_MEANWHILE));
        }
        let mut new = current.object.clone();
        set(&mut new, paths.spec_replicas, json!(wanted_replicas(target.name, &scale)?));
        Ok((new, Ownership::Track))
    };
    let written = write::change(&writing, target.name, &make).await?;
    target.call.answer_value(StatusCode::OK, &paths.scale(&version::read(&target.served, &written.object)?))
}

fn wanted_replicas(name: &str, scale: &Value) -> Result<i64, Failure> {
    let wanted = scale.pointer("/spec/replicas").cloned().unwrap_or(json!(0));
    match wanted.as_i64() {
        Some(replicas) if (0..=i64::from(i32::MAX)).contains(&replicas) => Ok(replicas),
        _ => {
            let path = FieldPath::root().field("spec").field("replicas");
            let error = FieldError::of(path, Refusal::Invalid, &wanted, "must be greater than or equal to 0");
            let kind = crate::status::ResourceName::new("autoscaling", "Scale");
            Err(Failure::Invalid { kind, name: name.to_owned(), errors: vec![error] })
        }
    }
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, field| value.get(field))
}

fn set(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for field in path.split('.') {
        place = object::fields_mut(place).entry(field).or_insert(Value::Null);
    }
    *place = value;
}

/// A selector as a query has it: `app=web,tier in (a,b)`. It may be a map of labels alone.
fn selector_text(selector: &Value) -> String {
    if let Some(text) = selector.as_str() {
        return text.to_owned();
    }
    let is_map = selector.get("matchLabels").is_none() && selector.get("matchExpressions").is_none();
    let labels = if is_map { Some(selector) } else { selector.get("matchLabels") };
    let equal = labels
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let expressions = expressions.into_iter().flatten().filter_map(expression_text);
    equal.chain(expressions).collect::<Vec<_>>().join(",")
}

fn expression_text(expression: &Value) -> Option<String> {
    let key = expression.get("key")?.as_str()?;
    let values = object::strings(expression.get("values")).join(",");
    match expression.get("operator")?.as_str()? {
        "In" => Some(format!("{key} in ({values})")),
        "NotIn" => Some(format!("{key} notin ({values})")),
        "Exists" => Some(key.to_owned()),
        "DoesNotExist" => Some(format!("!{key}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_printed_as_a_query_has_it() {
        let selector = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}]});
        assert_eq!(selector_text(&selector), "app=web,tier in (a,b),!old");
        assert_eq!(selector_text(&json!("app=web")), "app=web");
        assert_eq!(selector_text(&json!({"app": "web"})), "app=web");
        assert_eq!(selector_text(&json!({})), "");
    }
}
