//! The files of values that a chart is to have in place of its own. Pure.

use bythos_api::helmchart::{HelmChart, HelmChartSpec};
use bythos_helm::set::UserValues;
use bythos_operator::error_chain;
use serde_json::{Map, Value};

use super::report::Failure;

/// The files that are asked for. The chart's own alone is what it has anyway.
pub(super) fn files_of(chart: &HelmChart) -> &[String] {
    match chart.spec.values_files.as_slice() {
        [own] if clean(own) == "values.yaml" => &[],
        files => files,
    }
}

/// All of them, later ones over earlier ones; and which of them there are.
pub(super) fn merged(
    spec: &HelmChartSpec,
    read: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<(Map<String, Value>, Vec<String>), Failure> {
    let (mut values, mut found) = (UserValues::default(), Vec::new());
    for file in &spec.values_files {
        let Some(bytes) = read(&clean(file)) else {
            if spec.ignore_missing_values_files {
                continue;
            }
            return Err(Failure::Values { message: format!("no values file found at path '{file}'") });
        };
        let read = UserValues::read(file, &String::from_utf8_lossy(&bytes));
        let read = read.map_err(|error| Failure::Values { message: error_chain(&error) })?;
        values.merge(read);
        found.push(file.clone());
    }
    Ok((values.to_json(), found))
}

/// The path without `.` and `..`, never leading out of the root.
pub(super) fn clean(path: &str) -> String {
    let mut steps = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(fields: &Value) -> HelmChartSpec {
        let mut spec = json!({
            "chart": "web", "interval": "1m", "sourceRef": { "kind": "HelmRepository", "name": "charts" },
        });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    fn read(path: &str) -> Option<Vec<u8>> {
        let files =
            [("values.yaml", "a: 1\nb: {c: 1, d: 2}\n"), ("prod.yaml", "b: {c: 3}\n"), ("bad.yaml", "[1]")];
        files.into_iter().find(|(name, _)| *name == path).map(|(_, text)| text.as_bytes().to_vec())
    }

    #[track_caller]
    fn check(fields: &Value, expected: &Value, files: &[&str]) {
        let (values, found) = merged(&spec(fields), read).unwrap();
        assert_eq!(
            (&Value::Object(values), found),
            (expected, files.iter().map(|it| (*it).to_owned()).collect())
        );
    }

    #[test]
    fn later_files_lie_over_earlier_ones() {
        check(
            &json!({ "valuesFiles": ["values.yaml", "./x/../prod.yaml"] }),
            &json!({ "a": 1, "b": { "c": 3, "d": 2 } }),
            &["values.yaml", "./x/../prod.yaml"],
        );
        let missing = json!({ "valuesFiles": ["gone.yaml", "prod.yaml"], "ignoreMissingValuesFiles": true });
        check(&missing, &json!({ "b": { "c": 3 } }), &["prod.yaml"]);
    }

    #[track_caller]
    fn refused(file: &str, expected: &str) {
        let failure = merged(&spec(&json!({ "valuesFiles": [file] })), read).unwrap_err();
        assert_eq!(failure.to_string(), format!("values files merge error: {expected}"));
    }

    #[test]
    fn files_must_be_there_and_hold_fields() {
        refused("gone.yaml", "no values file found at path 'gone.yaml'");
        refused(
            "bad.yaml",
            "failed to parse bad.yaml: expected fields (`name: value`), found something else",
        );
    }

    #[test]
    fn paths_never_lead_out() {
        for (path, expected) in [("./a//b", "a/b"), ("../../a", "a"), ("a/../../b", "b"), ("/", ""), ("", "")]
        {
            assert_eq!(clean(path), expected);
        }
    }
}
