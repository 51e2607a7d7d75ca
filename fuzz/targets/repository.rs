//! Any text as what Helm finds outside of charts: the index of a repository, a registry's manifest, a reference, and the
//! record of a release.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_helm::release::{Driver, ReleaseRecord};
use bythos_helm::repository::{ChartManifest, Index, Reference, Selection, resolve_reference};
use bythos_yaml::Limits;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const LIMITS: Limits = Limits { bytes_max: 1 << 20, depth_max: 50, values_max: 20_000 };
const RECORD_BYTES_MAX: u64 = 1 << 20;

fuzz_target!(|text: &str| {
    if let Ok(index) = Index::read(text, Selection::All, LIMITS) {
        for name in index.entries.keys() {
            let _refused = index.get(name, ">=0").map(|entry| entry.url("https://example.org/charts"));
            let _refused = Index::read(text, Selection::Chart(name), LIMITS);
        }
    }
    let _refused = ChartManifest::read(text.as_bytes());
    let _refused = Reference::parse(text);
    let _refused = resolve_reference("https://example.org/charts/", text);
    let record = json!({"kind": "ConfigMap", "data": {"release": STANDARD.encode(text)}});
    let Ok(record) = ReleaseRecord::from_object(&record, RECORD_BYTES_MAX) else { return };
    let _refused = record.chart.read();
    let Ok(written) = record.to_object(Driver::Secret, Timestamp::UNIX_EPOCH) else { return };
    let again = ReleaseRecord::from_object(&written, u64::MAX);
    assert!(again.is_ok(), "{again:?}");
});
