//! Taking away what a kind does not have.

use serde_json::Value;

use crate::path::Trail;
use crate::{FieldPath, Schema};

impl Schema {
    /// Removes fields that are not declared, and returns their paths.
    ///
    /// A `null` where `null` is no value goes too, or becomes the field's default, as upstream does when it decodes a
    /// built-in object and when it defaults a custom one; it is not among the paths, for it says nothing wrong.
    /// Items of lists stay, `null` or not.
    pub fn prune(&self, value: &mut Value) -> Vec<FieldPath> {
        let mut removed = Vec::new();
        prune(self, value, &Trail::Root, &mut removed);
        removed
    }
}

fn prune(schema: &Schema, value: &mut Value, at: &Trail<'_>, removed: &mut Vec<FieldPath>) {
    match value {
        Value::Object(fields) if !schema.is_free_form() => {
            fields.retain(|name, child| prune_field(schema, name, child, at, removed));
        }
        Value::Array(items) => {
            let Some(item_schema) = &schema.items else { return };
            for (index, item) in items.iter_mut().enumerate() {
                prune(item_schema, item, &Trail::Index(at, index), removed);
            }
        }
        _ => {}
    }
}

/// Whether the field stays.
fn prune_field(
    schema: &Schema,
    name: &str,
    value: &mut Value,
    above: &Trail<'_>,
    removed: &mut Vec<FieldPath>,
) -> bool {
    let (at, known) = match (schema.properties.get(name), &schema.values) {
        (Some(known), _) => (Trail::Field(above, name), known),
        (None, Some(known)) => (Trail::Key(above, name), known),
        (None, None) => {
            if !schema.preserve_unknown {
                removed.push(Trail::Field(above, name).path());
            }
            return schema.preserve_unknown;
        }
    };
    if value.is_null() && !known.nullable {
        let Some(meant) = known.null_as.as_ref().or(known.default.as_ref()) else { return false };
        *value = meant.clone();
    }
    prune(known, value, &at, removed);
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{built_in, from_openapi_v3};

    #[track_caller]
    fn check(schema: &Schema, mut value: Value, expected: &Value, paths: &[&str]) {
        let removed: Vec<String> = schema.prune(&mut value).iter().map(ToString::to_string).collect();
        assert_eq!(&value, expected);
        assert_eq!(removed, paths);
    }

    #[test]
    fn undeclared_fields_go_and_are_named() {
        let schema = built_in("apps", "v1", "Deployment").unwrap();
        check(
            &schema,
            json!({"spec": {"replica": 2, "template": {"spec": {"containers": [{"name": "a", "imagePulPolicy": "x"}]}}}}),
            &json!({"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}),
            &["spec.replica", "spec.template.spec.containers[0].imagePulPolicy"],
        );
    }

    #[test]
    fn nulls_of_clients_go_unnamed() {
        let schema = built_in("apps", "v1", "Deployment").unwrap();
        check(
            &schema,
            json!({
                "metadata": {"name": "a", "creationTimestamp": null, "labels": null, "annotations": {"a": null}},
                "spec": {"template": {"metadata": {"creationTimestamp": null}, "spec": {"containers": null}}},
                "status": null,
            }),
            &json!({
                "metadata": {"name": "a", "annotations": {"a": ""}},
                "spec": {"template": {"metadata": {}, "spec": {"containers": []}}},
            }),
            &[],
        );
    }

    #[test]
    fn maps_keep_their_keys_and_free_forms_everything() {
        let schema = from_openapi_v3(&json!({"type": "object", "properties": {"spec": {
            "type": "object",
            "properties": {
                "limits": {"type": "object", "additionalProperties": {"type": "object", "properties": {"cpu": {"type": "integer"}}}},
                "values": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "mixed": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
                    "known": {"type": "object", "properties": {"a": {"type": "string"}}}}},
                "size": {"type": "integer", "default": 3},
                "choice": {"type": "string", "nullable": true},
            },
        }}}))
        .unwrap();
        check(
            &schema,
            json!({"spec": {
                "limits": {"x": {"cpu": 1, "memory": 2}},
                "values": {"a": {"b": null}},
                "mixed": {"new": {"x": 1}, "known": {"a": "1", "b": "2"}},
                "size": null,
                "choice": null,
            }}),
            &json!({"spec": {
                "limits": {"x": {"cpu": 1}},
                "values": {"a": {"b": null}},
                "mixed": {"new": {"x": 1}, "known": {"a": "1"}},
                "size": 3,
                "choice": null,
            }}),
            &["spec.limits[x].memory", "spec.mixed.known.b"],
        );
    }
}
