//! Any text as YAML, by both readings: reading ends within its limits, and what is written is read as the same.

#![no_main]

use bythos_yaml::{Limits, Rules, parse, parse_all_by, to_string, to_string_pretty};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { bytes_max: 1 << 20, depth_max: 100, values_max: 20_000 };

fuzz_target!(|text: &str| {
    let _refused = parse_all_by(text, LIMITS, Rules::Go3);
    let Ok(documents) = parse_all_by(text, LIMITS, Rules::Go2) else { return };
    for document in documents {
        for written in [to_string(&document), to_string_pretty(&document)] {
            let again = parse(&written, Limits { bytes_max: usize::MAX, depth_max: 200, values_max: 40_000 });
            assert_eq!(again.as_ref(), Ok(&document), "{written}");
        }
    }
});
