//! Any files as a chart, and any bytes as the archive of one: reading and rendering ends, within its limits.

#![no_main]

use std::io::Write as _;
use std::sync::Arc;

use bythos_fuzz::{Still, files};
use bythos_helm::{
    ArchiveLimits, Capabilities, Chart, Error, File, Limits, Notes, Release, Request, Schemas, render,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, json};

const ARCHIVE: ArchiveLimits = ArchiveLimits { bytes_max: 4 << 20, files_max: 1_000 };
const LIMITS: Limits = Limits { steps_max: 20_000, bytes_max: 1 << 20, depth_max: 60 };

fuzz_target!(|input: &[u8]| {
    let _refused = Chart::from_archive(input, ARCHIVE);
    // What changes a byte of a compressed archive breaks it: the fuzzer writes what is inside.
    let mut archive = GzEncoder::new(Vec::new(), Compression::none());
    if let Ok(packed) = archive.write_all(input).and_then(|()| archive.finish()) {
        let _refused = Chart::from_archive(&packed, ARCHIVE).map(|chart| rendered(&chart));
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let files = files(text).into_iter().map(|(path, content)| File::new(path, &content)).collect();
        let _refused = Chart::from_folder(files, ARCHIVE).map(|chart| rendered(&chart));
    }
});

fn rendered(chart: &Chart) {
    let mut values = Map::new();
    values.insert("global".to_owned(), json!({"a": 1}));
    let request = Request {
        chart,
        values: &values.into(),
        release: Release { name: "fuzz".into(), namespace: "fuzz".into(), revision: 1, is_upgrade: false },
        capabilities: Capabilities { kube_version: "v1.37.0".into(), api_versions: vec!["v1".into()] },
        world: Arc::new(Still),
        is_linting: false,
        schemas: Schemas::default(),
        notes: Notes::default(),
    };
    chart.crds();
    let rendered = render(&request, LIMITS);
    assert!(!matches!(rendered, Err(Error::Thread(_))), "{rendered:?}");
}
