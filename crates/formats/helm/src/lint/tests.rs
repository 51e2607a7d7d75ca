use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{LintRequest, lint};
use crate::tests::{Frozen, chart, files};
use crate::{ArchiveLimits, Capabilities, Limits, Schemas};

fn messages(texts: &[(&str, &str)], values: Value) -> Vec<String> {
    messages_with(texts, values, Schemas::Enforced)
}

fn messages_with(texts: &[(&str, &str)], values: Value, schemas: Schemas) -> Vec<String> {
    let Value::Object(values) = values else { panic!("values are fields") };
    let files = files(texts);
    let request = LintRequest {
        files: &files,
        folder: "/charts/c",
        values: &values.into(),
        namespace: "ns",
        capabilities: Capabilities { kube_version: "v1.37.0".to_owned(), api_versions: Vec::new() },
        world: Arc::new(Frozen),
        schemas,
    };
    let messages = lint(&request, ArchiveLimits::CHARTS, Limits::CHARTS);
    messages.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(texts: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(messages(texts, Value::Object(Map::new())), expected);
}

const GOOD: [(&str, &str); 3] = [
    ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\nicon: https://h/i.png\n"),
    ("values.yaml", "a: 1\n"),
    ("templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"),
];

fn with(path: &'static str, text: &'static str) -> Vec<(&'static str, &'static str)> {
    let others = GOOD.into_iter().filter(|(name, _)| *name != path);
    others.chain([(path, text)]).collect()
}

#[test]
fn nothing_is_said_about_a_good_chart() {
    check(&GOOD, &[]);
}

#[test]
fn what_a_chart_lacks_is_said() {
    check(
        &[("Chart.yaml", "apiVersion: v2\nname: empty\nversion: 0.0.0\n")],
        &[
            "[INFO] Chart.yaml: icon is recommended",
            "[INFO] values.yaml: file does not exist",
            "[WARNING] templates/: directory does not exist",
        ],
    );
}

/// The words and their order are Helm 4.3's for this chart.
#[test]
fn a_bad_chart_is_told_all_that_is_wrong() {
    let name = |name: &str| {
        format!(
            "object name does not conform to Kubernetes naming requirements: {name:?}: metadata.name: Invalid value: \
             {name:?}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
             must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        )
    };
    check(
        &[
            (
                "Chart.yaml",
                "apiVersion: v1\nname: bad\nversion: 1\nappVersion: 2\ntype: application\nicon: nope\nsources: ['x y']\n\
                 maintainers: [{name: a, email: b}, {email: c}]\nextra: 1\n\
                 dependencies: [{name: miss, version: 1.x, repository: ''}]\n",
            ),
            ("values.yaml", "a: 1\n"),
            ("templates/a.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: Bad_Name}\n"),
            ("templates/b.yaml", "  a: 1\n"),
            ("templates/c.xyz", "x"),
            ("templates/d.yaml", "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i}\n"),
            ("crds/x.yaml", "apiVersion: v1\nkind: X\n"),
        ],
        &[
            "[WARNING] Chart.yaml: failed to strictly parse chart metadata file\n\terror unmarshaling JSON: while decoding \
             JSON: json: unknown field \"extra\"",
            "[ERROR] Chart.yaml: version should be of type string but it's of type float64",
            "[ERROR] Chart.yaml: appVersion should be of type string but it's of type float64",
            "[ERROR] Chart.yaml: invalid email 'b' for maintainer 'a'",
            "[ERROR] Chart.yaml: invalid source URL 'x y'",
            "[ERROR] Chart.yaml: invalid icon URL 'nope'",
            "[ERROR] Chart.yaml: chart type is not valid in apiVersion 'v1'. It is valid in apiVersion 'v2'",
            "[ERROR] Chart.yaml: dependencies are not valid in the Chart file with apiVersion 'v1'. They are valid in \
             apiVersion 'v2'",
            "[WARNING] Chart.yaml: version '1' is not a valid SemVerV2",
            &format!("[WARNING] templates/a.yaml: {}", name("Bad_Name")),
            "[ERROR] templates/a.yaml: a Deployment must contain matchLabels or matchExpressions, and \"Bad_Name\" does not",
            "[WARNING] templates/b.yaml: document starts with an illegal indent: \"  a: 1\", which may cause parsing \
             problems",
            &format!("[WARNING] templates/b.yaml: {}", name("")),
            "[ERROR] templates/c.xyz: file extension '.xyz' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt",
            "[WARNING] templates/d.yaml: extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; use \
             networking.k8s.io/v1 Ingress",
            "[WARNING] /charts/c: chart directory is missing these dependencies: miss",
            "[ERROR] crds/x.yaml: apiVersion is not in 'apiextensions.k8s.io'",
            "[ERROR] crds/x.yaml: object kind is not 'CustomResourceDefinition'",
        ],
    );
}

#[test]
fn missing_values_and_failures_let_pass_but_faults_do_not() {
    check(&with("templates/a.yaml", "{{ required \"need\" .Values.x }}{{ fail \"no\" }}\n"), &[]);
    let found = messages(&with("templates/a.yaml", "b: {{ .Values.y.z }}\n"), json!({}));
    assert!(
        found[0].starts_with("[ERROR] templates/: template: c/templates/a.yaml:1:13: executing"),
        "{found:?}"
    );
    let found = messages(&with("templates/a.yaml", "a: 1\n b: [\n"), json!({}));
    assert!(found[0].starts_with("[ERROR] templates/a.yaml: unable to parse YAML: line "), "{found:?}");
}

#[test]
fn values_are_held_against_the_schema_with_those_of_the_user() {
    let schema = ("values.schema.json", r#"{"properties":{"a":{"type":"integer"}}}"#);
    let texts: Vec<_> = GOOD.into_iter().chain([schema]).collect();
    assert_eq!(messages(&texts, json!({})), [""; 0]);
    let found = messages(&texts, json!({"a": "x"}));
    assert!(found[0].starts_with("[ERROR] values.yaml: - at '/a': "), "{found:?}");
    assert_eq!(messages_with(&texts, json!({"a": "x"}), Schemas::Ignored), [""; 0]);
    let found = messages(&with("values.yaml", "- a\n"), json!({}));
    assert!(found[0].starts_with("[ERROR] values.yaml: unable to parse YAML: expected fields"), "{found:?}");
}

#[test]
fn names_are_those_that_the_kind_allows() {
    let found = |kind: &str, name: &str| super::names::check(kind, name).is_err();
    for (kind, good, bad) in [
        ("Pod", "a.b-c", "A"),
        ("Service", "web", "1web"),
        ("Namespace", "1", "a.b"),
        ("ClusterRole", "system:Any", "a/b"),
        ("Role", "x", ".."),
        ("CertificateSigningRequest", "Any Thing", "\u{0}"),
    ] {
        assert!(!found(kind, good), "{kind} {good}");
        assert_eq!(found(kind, bad), kind != "CertificateSigningRequest", "{kind} {bad}");
    }
}

#[test]
fn kept_objects_in_lists_are_pointed_out() {
    let list = "apiVersion: v1\nkind: List\nmetadata: {name: l}\nitems:\n- metadata: {annotations: \
                {helm.sh/resource-policy: keep}}\n";
    check(
        &with("templates/a.yaml", list),
        &["[ERROR] templates/a.yaml: annotation 'helm.sh/resource-policy' within List objects are ignored"],
    );
}

#[test]
fn a_chart_shows_what_it_says_about_itself() {
    let chart = chart(&[
        ("Chart.yaml", "version: 1.0.0\nname: c # comment\napiVersion: v2\n"),
        ("values.yaml", "# why\na: 1\n"),
        ("readme.MD", "read me"),
        ("crds/a.yaml", "kind: A\n"),
        ("crds/b.yaml", "---\nkind: B\n"),
    ]);
    assert_eq!(chart.show_chart(), "apiVersion: v2\nname: c\nversion: 1.0.0\n\n");
    assert_eq!(chart.show_values(), "# why\na: 1\n\n");
    assert_eq!(chart.show_readme(), "read me\n");
    assert_eq!(chart.show_crds(), "---\nkind: A\n\n---\nkind: B\n\n");
    assert_eq!(
        chart.show_all(),
        "apiVersion: v2\nname: c\nversion: 1.0.0\n\n---\n# why\na: 1\n\n---\nread me\n---\nkind: A\n\n---\nkind: B\n\n"
    );
}
