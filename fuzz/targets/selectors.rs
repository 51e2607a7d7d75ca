//! Any text as a selector of labels and of fields.

#![no_main]

use std::sync::LazyLock;

use bythos_kinds::{FieldSelector, Kind, LabelSelector, built_in};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(built_in);

fuzz_target!(|text: &str| {
    let pod = json!({"metadata": {"name": "web", "labels": {"app": "web", "tier": "2"}}, "status": {"phase": "Running"}});
    if let Ok(selector) = LabelSelector::parse(text) {
        let written = selector.to_string();
        let again = LabelSelector::parse(&written);
        let matches = |selector: LabelSelector| selector.matches(&pod["metadata"]["labels"]);
        assert_eq!(again.ok().map(matches), Some(matches(selector)), "{text} is written as {written}");
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        for kind in KINDS.iter().filter(|kind| kind.kind == "Pod") {
            selector.unsupported_field(kind);
            selector.matches(kind, &pod);
        }
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let _refused = LabelSelector::from_object(&value);
        LabelSelector::from_map(&value);
    }
});
