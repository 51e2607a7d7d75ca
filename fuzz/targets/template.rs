//! Any text as the template of a chart, with every function of Helm: rendering ends, within its limits.

#![no_main]

use std::sync::Arc;

use bythos_fuzz::Still;
use bythos_helm::set::UserValues;
use bythos_helm::{
    ArchiveLimits, Capabilities, Chart, Error, File, Limits, Notes, Release, Request, Schemas, render,
};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { steps_max: 20_000, bytes_max: 1 << 20, depth_max: 60 };
const VALUES: &str =
    "n: 3\nf: 1.5\ns: text\nb: true\nnothing: null\nl: [1, two, {three: 3}]\nm: {a: 1, b: {c: d}}\n";

fuzz_target!(|text: &str| {
    let file = |name: &str, text: &str| File::new(name, text.as_bytes());
    let files = vec![
        file("Chart.yaml", "apiVersion: v2\nname: fuzz\nversion: 1.2.3\n"),
        file("values.yaml", VALUES),
        file("config.json", "{}"),
        file("templates/text.yaml", text),
    ];
    let chart = Chart::from_files(files, ArchiveLimits::CHARTS);
    let chart = chart.unwrap_or_else(|error| unreachable!("{error}"));
    let values = UserValues::default();
    let request = Request {
        chart: &chart,
        values: &values,
        release: Release { name: "fuzz".into(), namespace: "fuzz".into(), revision: 1, is_upgrade: false },
        capabilities: Capabilities { kube_version: "v1.37.0".into(), api_versions: vec!["v1".into()] },
        world: Arc::new(Still),
        is_linting: false,
        schemas: Schemas::default(),
        notes: Notes::default(),
    };
    let rendered = render(&request, LIMITS);
    assert!(!matches!(rendered, Err(Error::Thread(_))), "{rendered:?}");
});
