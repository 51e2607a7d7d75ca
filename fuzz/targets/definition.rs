//! Any CustomResourceDefinition, and any object of the kinds that it brings: schema, defaults, rules and columns.

#![no_main]

use bythos_fuzz::values;
use bythos_kinds::{FieldSelector, cell, from_definition, rule_errors};
use bythos_schema::{Dialect, custom_definition};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let Some([definition, object]) = values(input) else { return };
    let Ok(kinds) = from_definition(&definition) else { return };
    let _refused = rule_errors(None, &definition);
    for kind in kinds {
        let mut object = object.clone();
        if let Some(schema) = kind.schema() {
            schema.prune(&mut object);
            schema.fill_defaults(&mut object);
            let _refused = schema.validate(&object);
            let _refused = schema.validate_change(&object, &object);
        }
        let _refused = kind.custom.rules.validate(Some(&object), &object);
        for column in &kind.columns {
            cell(column, &object, Timestamp::UNIX_EPOCH);
        }
        for field in &kind.custom.selectable_fields {
            let selector = FieldSelector::parse(&format!("{field}=x"));
            let _is_match = selector.map(|selector| selector.matches(&kind, &object));
        }
    }
    for version in definition["spec"]["versions"].as_array().into_iter().flatten() {
        for dialect in [Dialect::V2, Dialect::V3] {
            custom_definition(&version["schema"]["openAPIV3Schema"], dialect);
        }
    }
});
