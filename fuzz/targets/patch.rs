//! Any object and any patch of it: a JSON patch, a merge patch or a strategic merge patch.

#![no_main]

use bythos_fuzz::values;
use bythos_patch::{Writer, json_patch, merge_patch, strategic_merge, track_update};
use bythos_schema::built_in;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let Some([object, patch]) = values(input) else { return };
    let Some(schema) = built_in("apps", "v1", "Deployment") else { return };
    let _refused = json_patch(&mut object.clone(), &patch);
    let _refused = strategic_merge(&mut object.clone(), &patch, &schema);
    let mut merged = object.clone();
    merge_patch(&mut merged, &patch);
    let mut again = merged.clone();
    merge_patch(&mut again, &patch);
    assert_eq!(merged, again, "a merge patch that is laid on twice does what it did");
    let writer = Writer {
        manager: "fuzz".to_owned(),
        api_version: "apps/v1".to_owned(),
        subresource: String::new(),
        time: "2026-01-01T00:00:00Z".to_owned(),
    };
    track_update(Some(&object), &mut merged, &schema, &writer);
});
