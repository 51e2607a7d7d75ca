//! A file of values, and lines of `--set` and its sisters onto it; each line begins with the letter of its kind.

#![no_main]

use bythos_fuzz::parts;
use bythos_helm::set::{Kind, UserValues};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let Some([file, lines]) = parts(input) else { return };
    let Ok(mut values) = UserValues::read("values.yaml", file) else { return };
    let contents = |path: &str| if path.is_empty() { Err("no name".to_owned()) } else { Ok(path.to_owned()) };
    for line in lines.lines().take(8) {
        let mut letters = line.chars();
        let kind = match letters.next() {
            Some('t') => Kind::Text,
            Some('j') => Kind::Json,
            Some('l') => Kind::Literal,
            Some('f') => Kind::File(&contents),
            _ => Kind::Typed,
        };
        // Each index may make a long list: what is large already is no finding.
        if values.set(letters.as_str(), kind).is_err() {
            break;
        }
    }
    // In a record, a whole number that `--set` gave and that no float can hold becomes the nearest one, as in Helm.
    let read = UserValues::from(values.to_json()).to_json();
    assert_eq!(UserValues::from(read.clone()).to_json(), read, "a record reads back as something else");
});
