//! What is to be done with one object, given what its owners are. Pure.

use kube::api::PropagationPolicy;

use super::graph::{FOREGROUND, ORPHAN, Uid};

/// What an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnerState {
    /// There, and it stays.
    Solid,
    /// Gone, or another object has its name.
    Absent,
    /// On its way out, and waiting for its dependents.
    Waiting,
}

/// What is to be done with an object that has owners.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing.
    Keep,
    /// It stays, but no longer names these owners.
    Unreference(Vec<Uid>),
    /// It goes.
    Delete(PropagationPolicy),
}

/// Judges an object by its owners, as upstream's collector does.
///
/// `finalizers` are the object's own: whoever asked that its dependents be left or waited for is heeded.
pub(super) fn judge(owners: &[(Uid, OwnerState)], has_dependents: bool, finalizers: &[String]) -> Verdict {
    let is = |wanted: OwnerState| move |(_, state): &&(Uid, OwnerState)| *state == wanted;
    let others: Vec<Uid> =
        owners.iter().filter(|(_, state)| *state != OwnerState::Solid).map(|(uid, _)| uid.clone()).collect();
    if others.is_empty() {
        return Verdict::Keep;
    }
    if owners.iter().any(|owner| is(OwnerState::Solid)(&owner)) {
        return Verdict::Unreference(others);
    }
    let is_waited_for = owners.iter().any(|owner| is(OwnerState::Waiting)(&owner));
    let has = |finalizer: &str| finalizers.iter().any(|one| one == finalizer);
    Verdict::Delete(match () {
        () if is_waited_for && has_dependents => PropagationPolicy::Foreground,
        () if has(ORPHAN) => PropagationPolicy::Orphan,
        () if has(FOREGROUND) => PropagationPolicy::Foreground,
        () => PropagationPolicy::Background,
    })
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        case: &str,
        owners: &[OwnerState],
        has_dependents: bool,
        finalizers: &[&str],
        expected: Verdict,
    ) {
        let owners: Vec<_> =
            owners.iter().enumerate().map(|(index, state)| (index.to_string(), *state)).collect();
        let finalizers: Vec<_> = finalizers.iter().map(|&finalizer| finalizer.to_owned()).collect();
        assert_eq!(judge(&owners, has_dependents, &finalizers), expected, "{case}");
    }

    #[test]
    fn an_object_goes_when_no_owner_holds_it() {
        use OwnerState::{Absent, Solid, Waiting};
        use PropagationPolicy::{Background, Foreground, Orphan};
        check("no owners", &[], false, &[], Verdict::Keep);
        check("held", &[Solid], true, &[], Verdict::Keep);
        check("one of two is gone", &[Solid, Absent], true, &[], Verdict::Unreference(vec!["1".to_owned()]));
        check("one of two waits", &[Waiting, Solid], true, &[], Verdict::Unreference(vec!["0".to_owned()]));
        check("owner gone", &[Absent], true, &[], Verdict::Delete(Background));
        check("owner gone, own wish to orphan", &[Absent], true, &[ORPHAN], Verdict::Delete(Orphan));
        check("owner gone, own wish to wait", &[Absent], true, &[FOREGROUND], Verdict::Delete(Foreground));
        check("owner waits, with dependents", &[Waiting], true, &[], Verdict::Delete(Foreground));
        check("owner waits, without dependents", &[Waiting, Absent], false, &[], Verdict::Delete(Background));
    }
}
