use serde_json::json;

use super::world::{chart, files, render_with, texts_of};
use crate::{ArchiveLimits, Chart, Error, File, Notes, Schemas};

const OUTER: &str = "apiVersion: v2\nname: outer\nversion: 1.0.0\n";
const INNER: &str = "apiVersion: v2\nname: inner\nversion: 1.2.3\n";
const SHOW: &str = "v: {{ .Values | toJson }}\n";

/// The texts of all templates, by name, without the name of the outer chart.
#[track_caller]
fn rendered(texts: &[(&str, &str)], values: serde_json::Value) -> Vec<(String, String)> {
    let texts = texts_of(&chart(texts), values).unwrap();
    let short = |name: &str| name.trim_start_matches("outer/").to_owned();
    texts.iter().map(|(name, text)| (short(name), text.trim().to_owned())).collect()
}

#[track_caller]
fn check(texts: &[(&str, &str)], values: serde_json::Value, expected: &[(&str, &str)]) {
    let found = rendered(texts, values);
    let found: Vec<(&str, &str)> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn values_of_the_user_lie_over_those_of_the_chart() {
    check(
        &[
            ("Chart.yaml", OUTER),
            ("values.yaml", "a: 1\nb: {c: 1, d: 2}\nl: [1]\n"),
            ("templates/a.yaml", SHOW),
        ],
        json!({"b": {"c": 9}, "l": [2, 3]}),
        &[("templates/a.yaml", r#"v: {"a":1,"b":{"c":9,"d":2},"l":[2,3]}"#)],
    );
}

#[test]
fn a_null_takes_a_default_away() {
    check(
        &[
            ("Chart.yaml", OUTER),
            ("values.yaml", "a: 1\nb: {c: 1, d: 2}\nn: null\nm: {o: null, p: 1}\n"),
            ("templates/a.yaml", SHOW),
        ],
        json!({"a": null, "b": {"c": null}, "new": null}),
        &[("templates/a.yaml", r#"v: {"b":{"d":2},"m":{"p":1},"new":null}"#)],
    );
}

#[test]
fn an_inner_chart_sees_its_own_table_and_the_globals() {
    check(
        &[
            ("Chart.yaml", OUTER),
            ("values.yaml", "global: {g: 1}\ninner: {a: 2}\n"),
            ("templates/a.yaml", SHOW),
            ("charts/inner/Chart.yaml", INNER),
            ("charts/inner/values.yaml", "a: 1\nb: 1\nglobal: {h: 3}\n"),
            ("charts/inner/templates/b.yaml", SHOW),
        ],
        json!({}),
        &[
            ("charts/inner/templates/b.yaml", r#"v: {"a":2,"b":1,"global":{"g":1,"h":3}}"#),
            ("templates/a.yaml", r#"v: {"global":{"g":1},"inner":{"a":2,"b":1,"global":{"g":1,"h":3}}}"#),
        ],
    );
}

fn with_dependency(dependency: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Chart.yaml", format!("{OUTER}dependencies:\n{dependency}")),
        ("charts/inner/Chart.yaml", INNER.to_owned()),
        ("charts/inner/values.yaml", "exports: {data: {x: 1}}\nt: {w: 2}\n".to_owned()),
        ("charts/inner/templates/b.yaml", "n: {{ .Chart.Name }}\n".to_owned()),
        ("templates/a.yaml", "x: {{ .Values.x }}\ny: {{ (.Values.into).w }}\n".to_owned()),
    ]
}

#[track_caller]
fn names_used(dependency: &str, values: serde_json::Value) -> Vec<String> {
    let texts = with_dependency(dependency);
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let names = rendered(&texts, values).into_iter().filter(|(name, _)| name.starts_with("charts/"));
    names.map(|(_, text)| text.trim_start_matches("n: ").to_owned()).collect()
}

#[test]
fn a_condition_decides_whether_a_chart_is_used() {
    let dependency = "- {name: inner, version: '>=1.0.0', condition: 'inner.on,other.on'}\n";
    assert_eq!(names_used(dependency, json!({})), ["inner"]);
    assert_eq!(names_used(dependency, json!({"inner": {"on": false}})), [""; 0]);
    assert_eq!(names_used(dependency, json!({"other": {"on": false}})), [""; 0]);
    assert_eq!(names_used(dependency, json!({"inner": {"on": true}, "other": {"on": false}})), ["inner"]);
}

#[test]
fn tags_decide_if_no_condition_does() {
    let dependency = "- {name: inner, version: 1.x, condition: inner.on, tags: [a, b]}\n";
    assert_eq!(names_used(dependency, json!({"tags": {"a": false}})), [""; 0]);
    assert_eq!(names_used(dependency, json!({"tags": {"a": false, "b": true}})), ["inner"]);
    assert_eq!(names_used(dependency, json!({"tags": {"a": false}, "inner": {"on": true}})), ["inner"]);
}

#[test]
fn an_alias_uses_a_chart_under_another_name_and_more_than_once() {
    let dependency = "- {name: inner, version: 1.x, alias: one}\n- {name: inner, version: 1.x, alias: two}\n";
    assert_eq!(names_used(dependency, json!({})), ["one", "two"]);
}

#[test]
fn values_of_an_inner_chart_are_taken_over() {
    let dependency =
        "- name: inner\n  version: 1.x\n  import-values:\n  - data\n  - {child: t, parent: into}\n";
    let texts = with_dependency(dependency);
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let found = rendered(&texts, json!({}));
    assert_eq!(found.last().unwrap().1, "x: 1\ny: 2");
}

#[test]
fn what_an_inner_chart_sets_its_outer_chart_sees() {
    // Templates further down are rendered first.
    check(
        &[
            ("Chart.yaml", OUTER),
            ("templates/a.yaml", "v: {{ .Values.inner.x }}\n"),
            ("charts/inner/Chart.yaml", INNER),
            ("charts/inner/templates/b.yaml", "{{ $_ := set .Values \"x\" 1 }}k: {{ .Subcharts | len }}\n"),
        ],
        json!({}),
        &[("charts/inner/templates/b.yaml", "k: 0"), ("templates/a.yaml", "v: 1")],
    );
}

#[test]
fn of_a_library_chart_only_the_definitions_count() {
    check(
        &[
            ("Chart.yaml", OUTER),
            ("templates/a.yaml", "{{ include \"lib.x\" . }}\n"),
            ("charts/lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n"),
            ("charts/lib/templates/_x.tpl", "{{ define \"lib.x\" }}a: {{ .Chart.Name }}{{ end }}"),
            ("charts/lib/templates/shown.yaml", "b: 1\n"),
        ],
        json!({}),
        &[("templates/a.yaml", "a: outer")],
    );
}

/// The chart whose schema says of `image` that it must be as the one at an address.
fn chart_that_stands_on(address: &str) -> Chart {
    let schema = json!({"properties": {"image": {"$ref": address}}}).to_string();
    chart(&[("Chart.yaml", OUTER), ("values.schema.json", &schema)])
}

#[test]
fn a_schema_may_stand_on_others_that_are_elsewhere() {
    let chart = chart_that_stands_on("https://example.org/image.json");
    render_with(&chart, json!({ "image": "web" })).unwrap();
    let error = render_with(&chart, json!({ "image": 1 })).unwrap_err().to_string();
    assert!(error.ends_with("- at '/image': got number, want string"), "{error}");
    render_with(&chart_that_stands_on("urn:nobody:knows"), json!({ "image": 1 })).unwrap();
}

#[test]
fn a_schema_whose_others_do_not_come_says_why_and_names_the_switch() {
    for (address, words) in [
        ("https://example.org/away.json", "failed to connect to example.org"),
        ("https://example.org/page", "expected JSON"),
        ("https://endless.org/", "a schema may stand on 100 others"),
        ("file:///etc/passwd", "only http:// and https:// are fetched"),
        ("/etc/passwd", "only http:// and https:// are fetched"),
    ] {
        let chart = chart_that_stands_on(address);
        let error = render_with(&chart, json!({ "image": 1 })).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(address), "{address}: {error}");
        assert!(error.contains("use --skip-schema-validation or"), "{error}");
        let values = crate::set::UserValues::default();
        let request = crate::Request { schemas: Schemas::Ignored, ..super::world::request(&chart, &values) };
        crate::render(&request, crate::Limits::CHARTS).unwrap();
    }
}

#[test]
fn notes_of_charts_inside_are_shown_where_they_are_asked_for() {
    let chart = chart(&[
        ("Chart.yaml", OUTER),
        ("templates/NOTES.txt", "outer"),
        ("charts/inner/Chart.yaml", "apiVersion: v2\nname: inner\nversion: 1.0.0\n"),
        ("charts/inner/templates/NOTES.txt", "inner"),
    ]);
    let values = crate::set::UserValues::default();
    let notes = |notes: Notes| {
        let request = crate::Request { notes, ..super::world::request(&chart, &values) };
        crate::render(&request, crate::Limits::CHARTS).unwrap().notes
    };
    assert_eq!(notes(Notes::Outermost), "outer");
    let mut all: Vec<String> = notes(Notes::All).lines().map(str::to_owned).collect();
    all.sort();
    assert_eq!(all, ["inner", "outer"]);
}

#[test]
fn values_that_do_not_fit_the_schema_are_refused_with_their_path() {
    let schema = r#"{"type":"object","properties":{"port":{"type":"integer"}},"required":["port"]}"#;
    let chart = chart(&[("Chart.yaml", OUTER), ("values.schema.json", schema)]);
    let error = render_with(&chart, json!({"port": "x"})).unwrap_err();
    let Error::Schema(unfit) = error else { panic!("{error}") };
    assert_eq!(unfit[0].to_string(), "outer:\n- at '/port': got string, want integer");
    assert!(render_with(&chart, json!({})).is_err());
    render_with(&chart, json!({"port": 80})).unwrap();
}

#[test]
fn notes_stand_apart_and_hooks_too() {
    let chart = chart(&[
        ("Chart.yaml", OUTER),
        ("templates/NOTES.txt", "Hello {{ .Release.Name }}"),
        ("templates/job.yaml", "kind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: test}}\n"),
        ("templates/a.yaml", "kind: Secret\n---\nkind: Namespace\n"),
        ("crds/x.yaml", "kind: CustomResourceDefinition\n"),
        ("crds/README.md", "no"),
    ]);
    let rendered = render_with(&chart, json!({})).unwrap();
    assert_eq!(rendered.notes, "Hello rel");
    assert_eq!(rendered.manifests.hooks.len(), 1);
    let kinds: Vec<&str> = rendered.manifests.resources.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["Namespace", "Secret"]);
    assert_eq!(chart.crds().len(), 1);
}

#[test]
fn a_chart_may_ask_for_a_version_of_kubernetes() {
    let chart = chart(&[("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\nkubeVersion: '<1.20'\n")]);
    let error = render_with(&chart, json!({})).unwrap_err();
    assert!(error.to_string().starts_with("chart c requires Kubernetes <1.20"), "{error}");
}

#[test]
fn a_chart_that_is_named_must_be_there() {
    let chart =
        chart(&[("Chart.yaml", "name: c\nversion: 1.0.0\ndependencies: [{name: b, version: 1.x}]\n")]);
    let error = render_with(&chart, json!({})).unwrap_err();
    assert!(error.to_string().contains("missing in charts/: b"), "{error}");
}

#[track_caller]
fn refused(texts: &[(&str, &str)], expected: &str) {
    let error = Chart::from_files(files(texts), ArchiveLimits::CHARTS).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_is_wrong_in_a_description_is_named() {
    refused(&[("values.yaml", "")], "Chart.yaml: the file is missing");
    refused(&[("Chart.yaml", "apiVersion: v2\nversion: 1.0.0\n")], "name: it is required");
    refused(&[("Chart.yaml", "apiVersion: v2\nname: a\nversion: x\n")], "version: invalid semantic version");
    refused(&[("Chart.yaml", "apiVersion: v2\nname: a/b\nversion: 1.0.0\n")], "name: ");
    refused(&[("Chart.yaml", "name: a\nversion: 1.0.0\ntype: x\n")], "type: expected application or library");
    refused(
        &[("Chart.yaml", "name: a\nversion: 1.0.0\ndependencies: [1]\n")],
        "dependencies[0]: expected fields",
    );
    refused(&[("Chart.yaml", OUTER), ("values.yaml", "- 1\n")], "outer: failed to read values.yaml");
    refused(
        &[("Chart.yaml", "name: a\nversion: 1.0.0\ndependencies: [{name: b}, {name: b}]\n")],
        "another dependency has the same name",
    );
}

#[test]
fn numbers_in_a_description_are_taken_as_text() {
    let chart = chart(&[("Chart.yaml", "name: a\nversion: 1\nappVersion: 1.10\n")]);
    assert_eq!((chart.metadata.version.as_str(), chart.metadata.app_version.as_str()), ("1", "1.1"));
    assert_eq!(chart.metadata.api_version, crate::ApiVersion::V1);
}

#[test]
fn helmignore_leaves_files_out() {
    let texts = files(&[
        ("Chart.yaml", OUTER),
        (".helmignore", "# comment\n*.md\n/secret/\nsub/a?c.txt\n"),
        ("README.md", ""),
        ("deep/NOTES.md", ""),
        ("secret/x", ""),
        ("deep/secret/y", ""),
        ("sub/abc.txt", ""),
        ("sub/abbc.txt", ""),
        ("templates/.hidden", ""),
    ]);
    let chart = Chart::from_folder(texts, ArchiveLimits::CHARTS).unwrap();
    let names: Vec<&str> = chart.files.iter().map(|file: &File| file.name.as_str()).collect();
    assert_eq!(names, [".helmignore", "deep/secret/y", "sub/abbc.txt"]);
    assert!(chart.templates.is_empty());
}

#[test]
fn helmignore_with_an_exclamation_mark_keeps_what_it_names_and_nothing_else() {
    let given = files(&[
        ("Chart.yaml", OUTER),
        (".helmignore", "*.md\n!*.yaml\n"),
        ("a.yaml", ""),
        ("b.txt", ""),
        ("c.md", ""),
    ]);
    let chart = Chart::from_folder(given, ArchiveLimits::CHARTS).unwrap();
    let names: Vec<&str> = chart.files.iter().map(|file: &File| file.name.as_str()).collect();
    assert_eq!(names, ["a.yaml"]);
}

#[test]
fn helmignore_refuses_two_stars() {
    let given = files(&[("Chart.yaml", OUTER), (".helmignore", "docs/**/*.md\n")]);
    let error = Chart::from_folder(given, ArchiveLimits::CHARTS).unwrap_err().to_string();
    assert!(error.contains("docs/**/*.md: double-star (**) syntax is not supported"), "{error}");
}

#[test]
fn a_chart_of_the_first_generation_is_rendered_with_the_archives_that_it_requires() {
    let inner = chart(&[
        ("Chart.yaml", "apiVersion: v1\nname: inner\nversion: 1.2.3\n"),
        ("values.yaml", "color: none\n"),
        ("templates/a.yaml", SHOW),
    ]);
    let mut given = files(&[
        ("Chart.yaml", "apiVersion: v1\nname: outer\nversion: 1.0.0\n"),
        (
            "requirements.yaml",
            "dependencies:\n- {name: inner, version: 1.x, repository: 'https://h', alias: first, condition: first.enabled}\n\
             - {name: inner, version: 1.x, repository: 'https://h', condition: second.enabled}\n",
        ),
        ("values.yaml", "first: {color: red}\nsecond: {enabled: false}\n"),
    ]);
    given.push(File::new("charts/inner-1.2.3.tgz", &inner.to_archive().unwrap()));
    let chart = Chart::from_folder(given, ArchiveLimits::CHARTS).unwrap();
    let texts = texts_of(&chart, json!({ "first": { "size": 2 } })).unwrap();
    let expected = "v: {\"color\":\"red\",\"global\":{},\"size\":2}\n";
    assert!(
        texts.iter().eq([(&"outer/charts/first/templates/a.yaml".to_owned(), &expected.to_owned())]),
        "{texts:?}"
    );
}

#[test]
fn a_chart_of_the_first_generation_names_its_dependencies_in_a_file_of_their_own() {
    let chart = chart(&[
        ("Chart.yaml", "name: a\nversion: 1.0.0\n"),
        ("requirements.yaml", "dependencies: [{name: b, version: 1.0.0}]\n"),
    ]);
    assert_eq!(chart.metadata.dependencies.len(), 1);
    assert_eq!(chart.files.len(), 1);
}
