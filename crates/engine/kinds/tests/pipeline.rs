//! A write goes through a kind: schema, defaults, preparation, validation. What comes out is what upstream stores.

#![allow(clippy::unwrap_used, reason = "a test that finds no kind fails")]

use bythos_kinds::{Kind, built_in, validate_metadata};
use bythos_yaml::{Limits, parse_all};
use serde_json::Value;

const LIMITS: Limits = Limits { bytes_max: 1 << 20, depth_max: 100, values_max: 100_000 };

fn kind_of(object: &Value) -> Kind {
    let is_it = |kind: &Kind| object["kind"] == *kind.kind && object["apiVersion"] == kind.api_version();
    built_in().into_iter().find(is_it).unwrap()
}

/// Takes an object through its kind as a creation; returns what is wrong with it.
fn create(object: &mut Value) -> Vec<String> {
    let kind = kind_of(object);
    let schema = kind.schema().unwrap();
    let unknown = schema.prune(object);
    schema.fill_defaults(object);
    let mut errors = schema.validate(object);
    (kind.rules.default)(object);
    (kind.rules.prepare_create)(object);
    errors.extend(validate_metadata(&kind, object));
    errors.extend((kind.rules.validate)(object));
    let unknown = unknown.iter().map(|path| format!("unknown field {path}"));
    unknown.chain(errors.iter().map(ToString::to_string)).collect()
}

#[test]
fn what_people_write_is_taken_and_stays_valid() {
    for mut object in parse_all(include_str!("pipeline/good.yaml"), LIMITS).unwrap() {
        let found = create(&mut object);
        assert!(found.is_empty(), "{} {}: {found:#?}", object["kind"], object["metadata"]["name"]);
        let stored = object.clone();
        let found = create(&mut object);
        assert!(found.is_empty(), "{} as stored: {found:#?}", object["kind"]);
        assert_eq!(object, stored, "a second pass changes nothing");
    }
}

#[test]
fn an_update_that_changes_nothing_is_taken() {
    for mut object in parse_all(include_str!("pipeline/good.yaml"), LIMITS).unwrap() {
        create(&mut object);
        let mut update = object.clone();
        let kind = kind_of(&object);
        (kind.rules.prepare_update)(&object, &mut update);
        assert_eq!(update, object);
        assert!((kind.rules.validate_update)(&object, &update).is_empty());
    }
}
