//! `merge` and `mergeOverwrite`: they change their first map, and return it.
//!
//! The rules are those of the library that Sprig stands on, its oddities included: `merge` takes `0`, `false` and `""`
//! for missing; `mergeOverwrite` lets them, and `nil`, replace what is there.

use bythos_gotemplate::{Failure, Function, Map, Rest, Scope, Value, deeper};

use super::{both, changing};

pub(super) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    functions.extend(both!(
        "merge",
        "mustMerge",
        |scope: &mut Scope<'_>, target: Map, sources: Rest<Map>| {
            merge_all(scope, target, &sources.0, Existing::Kept)
        }
    ));
    functions.extend(both!(
        "mergeOverwrite",
        "mustMergeOverwrite",
        |scope: &mut Scope<'_>, target: Map, sources: Rest<Map>| {
            merge_all(scope, target, &sources.0, Existing::Replaced)
        }
    ));
    functions
}

/// What becomes of a field that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    Kept,
    Replaced,
}

fn merge_all(scope: &Scope<'_>, target: Map, sources: &[Map], existing: Existing) -> Result<Map, Failure> {
    for source in sources {
        merge(scope, &target, source, existing, 0)?;
    }
    Ok(target)
}

fn merge(
    scope: &Scope<'_>,
    target: &Map,
    source: &Map,
    existing: Existing,
    depth: usize,
) -> Result<(), Failure> {
    let depth = deeper(depth)?;
    if source.is_empty() {
        return Ok(());
    }
    changing(scope, target)?;
    for (key, theirs) in source.to_fields() {
        scope.budget().spend_steps(1)?;
        let ours = target.get(key.as_bytes());
        if let (Some(Value::Map(ours)), Value::Map(theirs)) = (&ours, &theirs) {
            merge(scope, ours, theirs, existing, depth)?;
        }
        if takes(ours.as_ref(), &theirs, existing) {
            target.set(key, theirs);
        }
    }
    Ok(())
}

/// Whether their field comes in place of ours.
fn takes(ours: Option<&Value>, theirs: &Value, existing: Existing) -> bool {
    let is_replaced = existing == Existing::Replaced;
    match (ours, theirs) {
        (_, Value::Nil) => is_replaced,
        // Maps that hold something were merged already.
        (Some(Value::Map(ours)), Value::Map(_)) if !ours.is_empty() => false,
        (Some(ours), _) => is_replaced || !ours.is_true(),
        (None, _) => true,
    }
}
