//! Whatever a source holds, a build ends soon, and with an answer.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{files, map};
use crate::{Budget, Error, Fetched, Files, Manner, Options, Overlay, build, kustomize, to_yaml};

fn source(entries: impl IntoIterator<Item = (String, String)>) -> Files {
    entries.into_iter().map(|(path, text)| (path, text.into_bytes())).collect()
}

#[track_caller]
fn check_exhausted(given: &Files, budget: Budget, expected: &str) {
    match build(given, "", budget) {
        Err(Error::Budget { what, .. }) => assert_eq!(what, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bomb_of_anchors_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let before = level - 1;
        writeln!(bomb, "a{level}: &a{level} [{}]", format!("*a{before}, ").repeat(8)).unwrap();
    }
    let text = format!("{}data: 1\n{bomb}", map("a"));
    let given = files([("kustomization.yaml", "resources: [a.yaml]"), ("a.yaml", &text)]);
    assert!(matches!(build(&given, "", Budget::STANDARD), Err(Error::Yaml { file, .. }) if file == "a.yaml"));
}

#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_parsed() {
    let large = format!("{}# {}\n", map("a"), "x".repeat(2 << 20));
    let given = files([("kustomization.yaml", "resources: [a.yaml]"), ("a.yaml", &large)]);
    check_exhausted(&given, Budget { bytes_max: 1 << 20, ..Budget::STANDARD }, "bytes of files");
}

#[test]
fn overlays_that_double_at_every_level_are_counted() {
    let level = |index: usize| {
        let next = format!("resources: [../l{0}, ../l{0}]", index + 1);
        (format!("l{index}/kustomization.yaml"), next)
    };
    let mut given = source((0..40).map(level));
    given.insert("l40/kustomization.yaml".to_owned(), b"resources: []".to_vec());
    given.insert("kustomization.yaml".to_owned(), b"resources: [l0]".to_vec());
    check_exhausted(&given, Budget { kustomizations_max: 1_000, ..Budget::STANDARD }, "kustomizations");
}

#[test]
fn thousands_of_overlays_in_a_row_are_too_deep() {
    let level =
        |index: usize| (format!("l{index}/kustomization.yaml"), format!("resources: [../l{}]", index + 1));
    let mut given = source((0..3_000).map(level));
    given.insert("kustomization.yaml".to_owned(), b"resources: [l0]".to_vec());
    check_exhausted(&given, Budget::STANDARD, "nested kustomizations");
}

#[test]
fn many_steps_over_many_objects_are_counted() {
    let objects: String = (0..100).map(|index| format!("---\n{}", map(&format!("m{index}")))).collect();
    let images: String = (0..100).map(|index| format!("- {{name: i{index}, newTag: x}}\n")).collect();
    let text = format!("resources: [a.yaml]\nimages:\n{images}");
    let given = files([("kustomization.yaml", &text), ("a.yaml", &objects)]);
    check_exhausted(&given, Budget { steps_max: 5_000, ..Budget::STANDARD }, "steps over objects");
}

#[test]
fn addresses_are_followed_only_through_the_caller() {
    let given = files([(
        "kustomization.yaml",
        "resources: [\"https://x.test/a.yaml\", \"github.com/x/y//sub?ref=v1\"]\nnamePrefix: p-",
    )]);
    let fetch = |address: &str| match address {
        "https://x.test/a.yaml" => Ok(Fetched::File(map("a").into_bytes())),
        "github.com/x/y//sub?ref=v1" => Ok(Fetched::Folder {
            files: files([("sub/kustomization.yaml", "resources: [b.yaml]"), ("sub/b.yaml", &map("b"))]),
            path: "sub".to_owned(),
        }),
        other => Err(format!("no such place {other}")),
    };
    let options = |fetch| Options {
        manner: Manner::Kustomize,
        overlay: Overlay::default(),
        fetch,
        budget: Budget::STANDARD,
    };
    let printed = to_yaml(&kustomize(&given, "", &options(Some(&fetch))).unwrap());
    assert!(printed.contains("name: p-a\n") && printed.contains("name: p-b\n"), "{printed}");
    assert!(kustomize(&given, "", &options(None)).is_err());
}

/// Lines that a kustomization could have, in any order and half of them broken.
const LINES: [&str; 24] = [
    "resources: [a.yaml]",
    "resources: [., .., a, a.yaml]",
    "components: [a]",
    "namespace: ns",
    "namePrefix: p-",
    "commonLabels: {a: b}",
    "labels: [{pairs: {a: b}, includeSelectors: true, fields: [{path: '//', create: true}]}]",
    "commonAnnotations: {a: b}",
    "patches: [{path: a.yaml, target: {kind: .*}}]",
    "patches: [{patch: '[{\"op\": \"add\", \"path\": \"/-\", \"value\": 1}]', target: {}}]",
    "patches: [{patch: '{kind: ConfigMap, metadata: {name: a}, data: {$patch: replace}}'}]",
    "images: [{name: '(', newTag: x}]",
    "images: [{name: x, tagSuffix: y}]",
    "replicas: [{name: a, count: -9}]",
    "configMapGenerator: [{name: a, behavior: merge, files: [a.yaml], literals: [x=y]}]",
    "secretGenerator: [{name: s, envs: [a.yaml]}]",
    "replacements: [{source: {kind: ConfigMap}, targets: [{select: {}, fieldPaths: ['a.*.[b=(].0'], options: {create: true}}]}]",
    "replacements: [{source: {name: a}, targets: [{select: {}, fieldPaths: [data.0.x], options: {create: true}}]}]",
    "vars: [{name: V, objref: {kind: ConfigMap, name: a, apiVersion: v1}}]",
    "sortOptions: {order: fifo}",
    "buildMetadata: [originAnnotations, transformerAnnotations]",
    "transformers: [a.yaml, 'apiVersion: builtin']",
    "configurations: [a.yaml]",
    "openapi: {path: a.yaml}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_source_makes_a_build_panic(
        lines in proptest::collection::vec(0..LINES.len(), 0..8),
        inner in proptest::collection::vec(0..LINES.len(), 0..5),
        garbage in "[ -~\n]{0,60}",
        manifest in prop_oneof![
            Just(map("a")),
            Just("kind: Pod\nmetadata: {name: a, annotations: x}\nspec: [1, {containers: {image: 2}}]".to_owned()),
            "[ -~\n]{0,80}",
        ],
    ) {
        let text = |lines: &[usize]| lines.iter().map(|&line| LINES[line]).collect::<Vec<_>>().join("\n");
        let given = files([
            ("kustomization.yaml", &format!("{}\n{garbage}", text(&lines))),
            ("a/kustomization.yaml", &text(&inner)),
            ("a/a.yaml", &manifest),
            ("a.yaml", &manifest),
        ]);
        let budget = Budget { kustomizations_max: 50, ..Budget::STANDARD };
        let _ended = build(&given, "", budget);
        let clean = files([("kustomization.yaml", &text(&lines)), ("a/kustomization.yaml", &text(&inner)), ("a/a.yaml", &manifest), ("a.yaml", &manifest)]);
        let _ended = build(&clean, "", budget);
    }
}
