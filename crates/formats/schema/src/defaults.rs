//! Filling in what was left out.

use serde_json::Value;

use crate::Schema;

impl Schema {
    /// Fills in defaults where a field is absent, those of objects that a default brings included.
    pub fn fill_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, known) in &self.properties {
                    if let Some(default) = &known.default
                        && !fields.contains_key(&**name)
                    {
                        fields.insert(name.to_string(), default.clone());
                    }
                }
                for (name, child) in fields {
                    if let Some(known) = self.field(name) {
                        known.fill_defaults(child);
                    }
                }
            }
            Value::Array(items) => {
                let Some(item_schema) = &self.items else { return };
                for item in items {
                    item_schema.fill_defaults(item);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::from_openapi_v3;

    #[track_caller]
    fn check(value: Value, expected: &Value) {
        let schema = from_openapi_v3(&json!({"type": "object", "properties": {"spec": {
            "type": "object",
            "properties": {
                "interval": {"type": "string", "default": "1m"},
                "retry": {"type": "object", "default": {}, "properties": {"count": {"type": "integer", "default": 3}}},
                "nothing": {"type": "string", "nullable": true, "default": "x"},
                "hosts": {"type": "array", "items": {"type": "object", "properties": {
                    "port": {"type": "integer", "default": 80}}}},
                "named": {"type": "object", "additionalProperties": {"type": "object", "properties": {
                    "on": {"type": "boolean", "default": true}}}},
            },
        }}}))
        .unwrap();
        let mut value = value;
        schema.fill_defaults(&mut value);
        assert_eq!(&value, expected);
    }

    #[test]
    fn absent_fields_are_filled_and_present_ones_kept() {
        check(
            json!({"spec": {"interval": "5m", "nothing": null}}),
            &json!({"spec": {"interval": "5m", "nothing": null, "retry": {"count": 3}}}),
        );
    }

    #[test]
    fn an_object_without_default_is_not_brought_into_being() {
        check(json!({}), &json!({}));
    }

    #[test]
    fn items_and_map_values_are_filled() {
        check(
            json!({"spec": {"nothing": "", "hosts": [{}, {"port": 1}], "named": {"a": {}}}}),
            &json!({"spec": {
                "interval": "1m", "nothing": "", "retry": {"count": 3},
                "hosts": [{"port": 80}, {"port": 1}], "named": {"a": {"on": true}},
            }}),
        );
    }
}
