//! Whatever comes in, it ends, and nothing panics.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::plan::{Install, Options, Uninstall, install, kept, resume, uninstall};
use crate::release::{Driver, History, ReleaseRecord, check_release_name};
use crate::repository::{
    ChartManifest, Index, Reference, Selection, resolve_reference, same_host, versions_of_tags,
};
use crate::{ArchiveLimits, Chart, Constraint, File, Version};

const BYTES_MAX: u64 = 1 << 16;
const INDEX: bythos_yaml::Limits =
    bythos_yaml::Limits { bytes_max: 1 << 16, depth_max: 20, values_max: 1_000 };

/// Words that mean something in manifests, records and indexes.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "apiVersion",
        "kind",
        "metadata",
        "name",
        "entries",
        "version",
        "urls",
        "dependencies",
        "annotations",
        "helm.sh/hook",
        "v1",
        "Secret",
        "List",
        "items",
        "1.0.0",
        ": ",
        "- ",
        "\n",
        "  ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        "&a",
        "*a",
        "---\n",
        "null",
        "#",
        "\t",
        "keep",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        let name = prop::sample::select(vec![
            "name",
            "info",
            "chart",
            "config",
            "manifest",
            "hooks",
            "version",
            "namespace",
            "status",
            "events",
            "last_run",
            "metadata",
            "templates",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|fields| json!(fields)),
        ]
    })
}

fn record(manifest: String) -> ReleaseRecord {
    ReleaseRecord {
        name: "r".to_owned(),
        namespace: "n".to_owned(),
        manifest: manifest.into(),
        ..ReleaseRecord::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_record_ends(record in value(), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        use base64::Engine as _;
        let encode = |data: &[u8]| base64::engine::general_purpose::STANDARD.encode(data);
        for data in [encode(record.to_string().as_bytes()), encode(&bytes)] {
            let object = json!({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"release": data}});
            let Ok(record) = ReleaseRecord::from_object(&object, BYTES_MAX) else { continue };
            drop(record.chart.metadata());
            drop(record.chart.read());
            let now = jiff::Timestamp::UNIX_EPOCH;
            let again = record.to_object(Driver::ConfigMap, now);
            let again = ReleaseRecord::from_object(&again.unwrap(), BYTES_MAX * 2).unwrap();
            prop_assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&record).unwrap());
            drop(resume(&History::new([record]), &Options::default(), &Uninstall::default()));
        }
    }

    #[test]
    fn any_manifest_ends(text in words()) {
        let made = install(record(text.clone()), &History::default(), &Install::default());
        drop(kept(&record(text.clone())));
        let mut there = record(text);
        there.revision = 1;
        drop(uninstall("r", &History::new([there]), &Uninstall::default()));
        drop(made);
    }

    #[test]
    fn any_index_ends(text in words(), anything in any::<String>()) {
        for text in [text.clone(), anything, format!("apiVersion: v1\nentries:\n  name:\n{text}")] {
            drop(Index::read(&text, Selection::All, INDEX));
            drop(Index::read(&text, Selection::Chart("name"), INDEX));
        }
    }

    #[test]
    fn any_reference_ends(text in any::<String>(), other in "[a-z0-9:/@._+-]{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for text in [&text, &other] {
            if let Ok(reference) = Reference::parse(text) {
                prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
            }
            drop(resolve_reference("https://h/r", text));
            drop(resolve_reference(text, "a.tgz"));
            same_host(text, &other);
            drop(check_release_name(text));
            drop(Constraint::parse(text));
            drop(Version::parse(text));
        }
        versions_of_tags(&[text, other]);
        drop(ChartManifest::read(&bytes));
    }

    #[test]
    fn any_chart_ends(text in words(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let limits = ArchiveLimits { bytes_max: BYTES_MAX, files_max: 10 };
        drop(Chart::from_archive(&bytes, limits));
        for name in ["Chart.yaml", "values.yaml", "Chart.lock", ".helmignore"] {
            let chart = File::new("Chart.yaml", b"name: a\nversion: 1.0.0\n");
            drop(Chart::from_folder(vec![File::new(name, text.as_bytes()), chart], limits));
        }
    }
}
