//! Behaviour of whole builds. What is expected of the folders in `testdata` was printed by kustomize itself.

mod limits;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::{
    Budget, Error, Files, Image, Manner, Options, Overlay, OverlayPatch, Selector, build, build_with,
    kustomize,
};

fn files<const N: usize>(files: [(&str, &str); N]) -> Files {
    files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into()
}

fn read_folder(folder: &Path, prefix: &str, into: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), into);
        } else {
            into.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}

/// Objects by what they are called: the order means nothing.
fn by_name(objects: &[Value]) -> BTreeMap<String, String> {
    let name = |object: &Value| {
        format!("{} {} {}", object["apiVersion"], object["kind"], object["metadata"]["name"])
    };
    objects.iter().map(|object| (name(object), bythos_yaml::to_string(object))).collect()
}

#[track_caller]
fn check_like_kustomize(case: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(case);
    let mut files = Files::new();
    read_folder(&folder.join("in"), "", &mut files);
    let built = by_name(&build(&files, ".", Budget::STANDARD).unwrap());
    let expected = std::fs::read_to_string(folder.join("out.yaml")).unwrap();
    let mut expected = bythos_yaml::parse_all(&expected, Budget::STANDARD.yaml_limits()).unwrap();
    expected.iter_mut().for_each(join_lines_of_base64);
    let expected = by_name(&expected);
    assert_eq!(built.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, object) in expected {
        assert_eq!(built[&name], object, "{name}");
    }
}

/// kustomize prints long base64 in lines; this library joins them, which means the same.
fn join_lines_of_base64(object: &mut Value) {
    let field = if object["kind"] == "Secret" { "data" } else { "binaryData" };
    for value in
        object.get_mut(field).and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
    {
        *value = Value::String(value.as_str().unwrap().replace('\n', ""));
    }
}

#[test]
fn an_overlay_renames_patches_generates_and_follows_references() {
    check_like_kustomize("overlay");
}

#[test]
fn labels_reach_templates_and_selectors() {
    check_like_kustomize("selectors");
}

#[test]
fn components_change_what_includes_them() {
    check_like_kustomize("components");
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ";

fn map(name: &str) -> String {
    format!("{MAP}{name}\n")
}

fn names(built: Result<Vec<Value>, Error>) -> Vec<String> {
    let mut names: Vec<String> =
        built.unwrap().iter().map(|it| it["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn without_a_kustomization_all_manifests_below_are_taken() {
    let (a, b, c) = (map("a"), map("b"), map("c"));
    let files = files([
        ("README.md", "not a manifest"),
        ("apps/a.yaml", &a),
        ("apps/deep/er/b.yml", &b),
        ("apps/own/kustomization.yaml", "resources: [inner/c.yaml]\nnamePrefix: own-"),
        ("apps/own/inner/c.yaml", &c),
        ("apps/own/inner/unused.yaml", "not: a manifest"),
        ("other/broken.yaml", "not: a manifest"),
    ]);
    assert_eq!(names(build(&files, "./apps/", Budget::STANDARD)), ["a", "b", "own-c"]);
    assert_eq!(names(build(&files, "/apps/deep", Budget::STANDARD)), ["b"]);
}

#[test]
fn an_empty_kustomization_is_a_mistake_but_for_the_outermost_one_of_flux() {
    let bare = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
    let (root, inner) = (("kustomization.yaml", "resources: [inner]"), ("inner/kustomization.yaml", bare));
    check_refused([root, inner], "inner/kustomization.yaml: kustomization: is empty; name at least");
    let alone = Options {
        manner: Manner::Kustomize,
        overlay: Overlay::default(),
        fetch: None,
        budget: Budget::STANDARD,
    };
    assert!(kustomize(&files([inner]), "inner", &alone).is_err());
    assert_eq!(build(&files([inner]), "inner", Budget::STANDARD), Ok(vec![]));
    assert_eq!(build(&files([("README.md", "")]), "", Budget::STANDARD), Ok(vec![]));
}

#[test]
fn components_of_the_caller_need_no_resources_beside_them() {
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n";
    let a = map("a");
    let files = files([
        ("app/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"),
        ("parts/kustomization.yaml", component),
        ("parts/a.yaml", &a),
    ]);
    let overlay = Overlay {
        name_prefix: Some("p-".to_owned()),
        components: vec!["../parts".to_owned()],
        ..Overlay::default()
    };
    assert_eq!(names(build_with(&files, "app", &overlay, Budget::STANDARD)), ["p-a"]);
}

/// What kustomize 5.8 knows and the kubectl of the corpus does not.
#[test]
fn a_replacement_may_say_its_value_itself() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n\
                      spec: {replicas: 1, template: {spec: {containers: [{name: db, image: 'postgres:1.8.0'}]}}}";
    let target = |path: &str| {
        format!("{{select: {{kind: Deployment}}, fieldPaths: ['{path}'], options: {{create: true}}}}")
    };
    let kustomization = format!(
        "resources: [web.yaml]\nreplacements:\n- sourceValue: custom/postgres:1.9.0\n  targets: [{}, {}]\n- sourceValue: \
         '3'\n  targets: [{}]\n",
        target("spec.template.spec.containers.[name=db].image"),
        target("metadata.annotations.from"),
        target("spec.replicas"),
    );
    let files = files([("kustomization.yaml", &kustomization), ("web.yaml", deployment)]);
    let built = build(&files, "", Budget::STANDARD).unwrap();
    assert_eq!(built[0]["spec"]["template"]["spec"]["containers"][0]["image"], "custom/postgres:1.9.0");
    assert_eq!(built[0]["metadata"]["annotations"]["from"], "custom/postgres:1.9.0");
    assert_eq!(built[0]["spec"]["replicas"], 3);
}

#[test]
fn an_overlay_of_the_caller_goes_over_the_outermost_kustomization() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: old}\n\
                      spec: {template: {spec: {containers: [{name: web, image: 'nginx:1'}]}}}";
    let files = files([
        (
            "kustomization.yaml",
            "resources: [web.yaml]\nnamespace: mine\nimages: [{name: nginx, newTag: '2'}]",
        ),
        ("web.yaml", deployment),
    ]);
    let overlay = Overlay {
        namespace: Some("theirs".to_owned()),
        patches: vec![OverlayPatch {
            patch: "[{op: add, path: /spec/replicas, value: 2}]".to_owned(),
            target: Some(Selector { kind: Some("Deployment".to_owned()), ..Selector::default() }),
        }],
        images: vec![Image {
            name: "nginx".to_owned(),
            new_name: Some("mirror/nginx".to_owned()),
            ..Image::default()
        }],
        ..Overlay::default()
    };
    let built = build_with(&files, "", &overlay, Budget::STANDARD).unwrap();
    assert_eq!(built[0]["metadata"]["namespace"], "theirs");
    assert_eq!(built[0]["spec"]["replicas"], 2);
    assert_eq!(built[0]["spec"]["template"]["spec"]["containers"][0]["image"], "mirror/nginx:2");
}

#[test]
fn a_merge_patch_can_delete_an_object() {
    let (a, b) = (map("a"), map("b"));
    let patch = "resources: [a.yaml, b.yaml]\npatches:\n- patch: |-\n    $patch: delete\n    apiVersion: v1\n    \
                 kind: ConfigMap\n    metadata: {name: a}\n";
    let files = files([("kustomization.yaml", patch), ("a.yaml", &a), ("b.yaml", &b)]);
    assert_eq!(names(build(&files, "", Budget::STANDARD)), ["b"]);
}

/// Holds the error of a build, with its sources, against the parts that it must name.
#[track_caller]
fn check_refused<const N: usize>(given: [(&str, &str); N], expected: &str) {
    let error = build(&files(given), "", Budget::STANDARD).unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    assert!(text.contains(expected), "{text}");
}

#[test]
fn manifests_are_refused_with_file_document_and_line() {
    check_refused(
        [(
            "a.yaml",
            "# one\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\nkind: ConfigMap\nmetadata: {name: b}\n",
        )],
        "a.yaml, document 2 (line 6): apiVersion is missing; every manifest needs it",
    );
    check_refused(
        [("a.yaml", "apiVersion: v1\nkind: X\n")],
        "a.yaml, document 1 (line 1): metadata.name is missing",
    );
    check_refused([("a.yaml", "- 1\n")], "a.yaml, document 1 (line 1): expected an object, found a list");
    check_refused(
        [("a.yaml", "apiVersion: v1\nkind: X\nmetadata: {name: 1}")],
        "metadata.name: expected a text, found 1",
    );
    check_refused([("a.yaml", "a: [1\n")], "a.yaml: line ");
    let map = map("a");
    check_refused(
        [("a.yaml", &map), ("b.yaml", &map)],
        "ConfigMap/a is defined twice: in a.yaml, document 1 (line 1) and in b.yaml, document 1 (line 1)",
    );
}

#[test]
fn fields_of_a_kustomization_are_refused_with_their_path() {
    let cases = [
        ("resource: [a]", "kustomization.yaml: resource: there is no such field"),
        (
            "replacements: [{}]",
            "kustomization.yaml: replacements[0].source: is missing; a replacement has a source and targets",
        ),
        (
            "replacements: [{source: {kind: A}, sourceValue: b, targets: []}]",
            "replacements[0].sourceValue: \"source\" is there too; only one may be given",
        ),
        (
            "replacements: [{path: a.yaml, sourceValue: b}]",
            "replacements[0].path: the replacement is in this file; it may not say",
        ),
        ("resources: a.yaml", "resources: expected a list, found the text \"a.yaml\""),
        ("resources: [1]", "resources[0]: expected a text, found 1"),
        ("resources: [gone.yaml]", "resources[0]: \"gone.yaml\" is not in the source"),
        ("resources: [../up.yaml]", "resources[0]: \"../up.yaml\" leads out of the source"),
        ("resources: [/etc/passwd]", "resources[0]: \"/etc/passwd\" is absolute"),
        ("resources: ['https://example.org/x.yaml']", "is not in the source; copy what you need"),
        ("resources: [empty]", "resources[0]: the folder \"empty\" holds none of"),
        ("commonLabels: {a: 1}", "commonLabels[a]: expected a text (put it in quotes), found 1"),
        ("replicas: [{name: web, count: x}]", "replicas[0].count: expected a whole number, found the text"),
        ("replicas: [{name: web, count: 1}]", "replicas[0].name: there is no Deployment"),
        ("patches: [{target: {kind: X}}]", "patches[0].patch: is missing"),
        ("patches: [{path: p.yaml}]", "patches[0].path: \"p.yaml\" is not in the source"),
        ("patches: [{patch: '[]'}]", "patches[0].patch: a list of JSON 6902 operations needs a \"target\""),
        ("patches: [{patch: 'a: 1'}]", "patches[0].patch: kind is missing; every manifest needs it"),
        ("patches: [{patch: 'a: 1', target: {name: '('}}]", "patches[0].target.name: \"(\" is not a regular"),
        ("patches: [{patch: x, target: {nam: a}}]", "patches[0].target.nam: there is no such field"),
        (
            "patches: [{patch: '{apiVersion: v1, kind: A, metadata: {name: b}}'}]",
            "patches[0].patch: no object matches the patch of v1 A/b in namespace \"default\"",
        ),
        ("configMapGenerator: [{name: a, literals: [b]}]", "literal \"b\" is not of the form key=value"),
        ("configMapGenerator: [{name: a, files: ['b=c=d']}]", "file \"b=c=d\" is not of the form key=path"),
        ("configMapGenerator: [{name: a, behavior: merge}]", "there is no ConfigMap/a to change"),
        ("kind: Deployment", "kind: expected \"Kustomization\", found \"Deployment\""),
        ("- a", "kustomization: expected a map, found a list"),
    ];
    for (text, expected) in cases {
        check_refused([("kustomization.yaml", text), ("empty/x.txt", "")], expected);
    }
}

#[test]
fn a_failing_patch_names_the_object() {
    let map = map("a");
    check_refused(
        [
            (
                "kustomization.yaml",
                "resources: [a.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]",
            ),
            ("a.yaml", &map),
            ("p.yaml", "- {op: remove, path: /data/x}"),
        ],
        "kustomization.yaml: patches[0].path: failed to patch ConfigMap/a: ",
    );
}

#[test]
fn cycles_and_twins_are_refused() {
    check_refused(
        [("kustomization.yaml", "resources: [a]"), ("a/kustomization.yaml", "resources: [../]")],
        "kustomizations lead back to themselves: \"\" -> \"a\" -> \"\"",
    );
    check_refused(
        [("kustomization.yaml", ""), ("Kustomization", "")],
        "a folder may hold one kustomization file; found kustomization.yaml, Kustomization",
    );
}

#[test]
fn work_is_bounded() {
    let maps: String = (0..10).map(|index| format!("---\n{}", map(&format!("m{index}")))).collect();
    let given = files([("kustomization.yaml", "resources: [a.yaml]"), ("a.yaml", &maps)]);
    let refused = |budget: Budget| match build(&given, "", budget) {
        Err(Error::Budget { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Budget { objects_max: 9, ..Budget::STANDARD }), "objects");
    assert_eq!(refused(Budget { bytes_max: 100, ..Budget::STANDARD }), "bytes of files");
    let deep = files([("kustomization.yaml", "resources: [a]"), ("a/kustomization.yaml", "resources: []")]);
    assert!(matches!(
        build(&deep, "", Budget { depth_max: 1, ..Budget::STANDARD }),
        Err(Error::Budget { what: "nested kustomizations", .. })
    ));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = build(&files([("a.yaml", "")]), "./apps", Budget::STANDARD).unwrap_err();
    assert_eq!(error.to_string(), "folder \"./apps\" is not in the source");
    assert!(build(&files([("a.yaml", "")]), "../..", Budget::STANDARD).is_err());
}
