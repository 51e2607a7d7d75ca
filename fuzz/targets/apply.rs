//! Any object, its `managedFields` included, and any object that is applied to it.

#![no_main]

use bythos_fuzz::values;
use bythos_patch::{Writer, server_side_apply};
use bythos_schema::built_in;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let Some([live, applied]) = values(input) else { return };
    let Some(schema) = built_in("apps", "v1", "Deployment") else { return };
    let writer = Writer {
        manager: "fuzz".to_owned(),
        api_version: "apps/v1".to_owned(),
        subresource: String::new(),
        time: "2026-01-01T00:00:00Z".to_owned(),
    };
    let _refused = server_side_apply(None, &applied, &schema, &writer, false);
    let _refused = server_side_apply(Some(&live), &applied, &schema, &writer, false);
    let Ok(object) = server_side_apply(Some(&live), &applied, &schema, &writer, true) else { return };
    let again = server_side_apply(Some(&object), &applied, &schema, &writer, false);
    assert_eq!(again.as_ref(), Ok(&object), "what is applied again changes nothing");
});
