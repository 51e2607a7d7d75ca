//! Any files as a source of kustomizations: building ends, within its budget.

#![no_main]

use bythos_fuzz::files;
use bythos_kustomize::{Budget, Manner, Options, Overlay, kustomize, to_yaml};
use libfuzzer_sys::fuzz_target;

const BUDGET: Budget = Budget {
    bytes_max: 1 << 20,
    objects_max: 200,
    depth_max: 10,
    kustomizations_max: 50,
    steps_max: 20_000,
    values_max: 20_000,
};

fuzz_target!(|input: &str| {
    let files = files(input).into_iter().collect();
    for manner in [Manner::Kustomize, Manner::Flux] {
        let options = Options { manner, overlay: Overlay::default(), fetch: None, budget: BUDGET };
        if let Ok(objects) = kustomize(&files, "", &options) {
            to_yaml(&objects);
        }
    }
});
