//! values.yaml.

use bythos_gotemplate::{Budget, Limits, Value};
use serde_json::Map;

use super::{LintRequest, Messages, Severity, text};
use crate::set::UserValues;
use crate::values::{Schemas, faults};

const PATH: &str = "values.yaml";

pub(super) fn check(request: &LintRequest<'_>, limits: Limits, messages: &mut Messages) {
    let Some(file) = request.file(PATH) else {
        return messages.wrong(Severity::Info, PATH, "file does not exist");
    };
    let values = match bythos_yaml::parse(&text(file), bythos_yaml::Limits::MANIFESTS) {
        Ok(serde_json::Value::Object(values)) => values,
        Ok(serde_json::Value::Null) => Map::new(),
        Ok(_) => {
            return messages.wrong(
                Severity::Error,
                PATH,
                "unable to parse YAML: expected fields (`name: value`)",
            );
        }
        Err(error) => return messages.wrong(Severity::Error, PATH, format!("unable to parse YAML: {error}")),
    };
    let mut values = UserValues::from(values);
    values.merge(request.values.clone());
    let schema = request.file("values.schema.json").filter(|schema| !schema.data.is_empty());
    let Some(schema) = schema.filter(|_| request.schemas == Schemas::Enforced) else { return };
    let seen = Value::Map(values.seen());
    let found = faults(request.folder, &schema.data, &seen, &request.world, &Budget::new(limits));
    let checked = match found {
        Ok(None) => Ok(()),
        Ok(Some(faults)) => Err(faults),
        Err(error) => Err(error.to_string()),
    };
    messages.check(Severity::Error, PATH, checked);
}
