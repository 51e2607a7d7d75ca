//! What the spec asks of an action, as the options of its plan. Pure.

use std::time::Duration;

use bythos_api::helmrelease::{HelmReleaseSpec, ReleaseAction};
use bythos_helm::Schemas;
use bythos_helm::plan::{CrdPolicy, Install, Options, Propagation, ServerSide, Uninstall, Upgrade, Wait};
use bythos_helm::release::{ApplyMethod, History};

use crate::helmrelease::chart::{OWNER_NAME, OWNER_NAMESPACE};
use crate::helmrelease::decide::Action;

/// The labels by which objects name the release that made them.
pub(super) fn origin((name, namespace): &(String, String)) -> Vec<(String, String)> {
    vec![(OWNER_NAME.to_owned(), name.clone()), (OWNER_NAMESPACE.to_owned(), namespace.clone())]
}

/// What becomes of the chart's definitions.
pub(super) fn crd_policy(spec: &HelmReleaseSpec, action: ReleaseAction) -> CrdPolicy {
    let (asked, skips) = match action {
        ReleaseAction::Install => {
            let install = spec.install.as_ref();
            (install.and_then(|it| it.crds.as_deref()), install.is_some_and(|it| it.skip_crds))
        }
        _ => (spec.upgrade.as_ref().and_then(|it| it.crds.as_deref()), false),
    };
    match asked {
        Some("Skip") => CrdPolicy::Skip,
        Some("CreateReplace") => CrdPolicy::CreateReplace,
        None if skips => CrdPolicy::Skip,
        _ => CrdPolicy::Create,
    }
}

/// Whether the values must fit the chart's schema.
pub(super) fn schemas(spec: &HelmReleaseSpec, action: ReleaseAction) -> Schemas {
    let is_disabled = match action {
        ReleaseAction::Install => spec.install.as_ref().is_some_and(|it| it.disable_schema_validation),
        _ => spec.upgrade.as_ref().is_some_and(|it| it.disable_schema_validation),
    };
    if is_disabled { Schemas::Ignored } else { Schemas::Enforced }
}

fn wait(disabled: bool, disabled_for_jobs: bool) -> Wait {
    match (disabled, disabled_for_jobs) {
        (true, _) => Wait::Hooks,
        (false, true) => Wait::Ready,
        (false, false) => Wait::ReadyAndJobsDone,
    }
}

/// What all actions have in common. As in Flux, what is applied by the server takes the fields of others.
fn options(spec: &HelmReleaseSpec, timeout: Duration, method: ApplyMethod, force: bool) -> Options {
    let is_server_side = method == ApplyMethod::ServerSide;
    Options {
        timeout,
        server_side: if is_server_side { ServerSide::On } else { ServerSide::Off },
        force_conflicts: is_server_side,
        force_replace: force && !is_server_side,
        history_max: spec.max_history(),
        ..Options::default()
    }
}

fn method(asked: Option<&str>, before: ApplyMethod) -> ApplyMethod {
    match asked {
        Some("enabled") => ApplyMethod::ServerSide,
        Some("disabled") => ApplyMethod::ClientSide,
        _ => before,
    }
}

pub(super) fn install(spec: &HelmReleaseSpec) -> Install {
    let given = spec.install.clone().unwrap_or_default();
    let method = match given.server_side_apply {
        Some(false) => ApplyMethod::ClientSide,
        _ => ApplyMethod::ServerSide,
    };
    Install {
        options: Options {
            wait: wait(given.disable_wait, given.disable_wait_for_jobs),
            no_hooks: given.disable_hooks,
            ..options(spec, Action::Install.timeout(spec), method, false)
        },
        create_namespace: given.create_namespace && spec.target_namespace.is_some(),
        replace: given.replace,
        take_ownership: !given.disable_take_ownership,
    }
}

pub(super) fn upgrade(spec: &HelmReleaseSpec, before: &History) -> Upgrade {
    let given = spec.upgrade.clone().unwrap_or_default();
    let last = before.last().map(|last| last.apply_method).unwrap_or_default();
    let method = method(given.server_side_apply.as_deref(), last);
    Upgrade {
        options: Options {
            wait: wait(given.disable_wait, given.disable_wait_for_jobs),
            no_hooks: given.disable_hooks,
            cleanup_on_fail: given.cleanup_on_fail,
            ..options(spec, Action::Upgrade.timeout(spec), method, given.force)
        },
        take_ownership: !given.disable_take_ownership,
    }
}

/// `target` is how the revision that is brought back was applied.
pub(super) fn rollback(spec: &HelmReleaseSpec, target: ApplyMethod) -> Options {
    let given = spec.rollback.clone().unwrap_or_default();
    let method = method(given.server_side_apply.as_deref(), target);
    Options {
        wait: wait(given.disable_wait, given.disable_wait_for_jobs),
        no_hooks: given.disable_hooks,
        cleanup_on_fail: given.cleanup_on_fail,
        ..options(spec, Action::RollBack(0).timeout(spec), method, given.force)
    }
}

pub(super) fn uninstall(spec: &HelmReleaseSpec) -> Uninstall {
    let given = spec.uninstall.clone().unwrap_or_default();
    let propagation = match given.deletion_propagation.as_deref() {
        Some("foreground") => Propagation::Foreground,
        Some("orphan") => Propagation::Orphan,
        _ => Propagation::Background,
    };
    Uninstall {
        options: Options {
            wait: wait(given.disable_wait, false),
            timeout: Action::Uninstall.timeout(spec),
            no_hooks: given.disable_hooks,
            ..Options::default()
        },
        keep_history: given.keep_history,
        propagation,
    }
}

pub(super) fn test(spec: &HelmReleaseSpec) -> Options {
    Options { timeout: Action::Test.timeout(spec), ..Options::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(fields: &Value) -> HelmReleaseSpec {
        let mut spec = json!({ "interval": "1m" });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn definitions_are_made_unless_the_spec_says_otherwise() {
        let cases = [
            (json!({}), CrdPolicy::Create, CrdPolicy::Create),
            (json!({ "install": { "skipCRDs": true } }), CrdPolicy::Skip, CrdPolicy::Create),
            (json!({ "install": { "crds": "CreateReplace" } }), CrdPolicy::CreateReplace, CrdPolicy::Create),
            (json!({ "upgrade": { "crds": "Skip" } }), CrdPolicy::Create, CrdPolicy::Skip),
        ];
        for (fields, install, upgrade) in cases {
            let spec = spec(&fields);
            assert_eq!(crd_policy(&spec, ReleaseAction::Install), install, "{fields}");
            assert_eq!(crd_policy(&spec, ReleaseAction::Upgrade), upgrade, "{fields}");
        }
    }

    #[test]
    fn values_must_fit_the_schema_unless_the_action_says_otherwise() {
        let spec = spec(&json!({ "install": { "disableSchemaValidation": true }, "upgrade": {} }));
        assert_eq!(schemas(&spec, ReleaseAction::Install), Schemas::Ignored);
        assert_eq!(schemas(&spec, ReleaseAction::Upgrade), Schemas::Enforced);
    }

    #[test]
    fn an_action_waits_for_everything_unless_the_spec_says_otherwise() {
        assert_eq!(install(&spec(&json!({}))).options.wait, Wait::ReadyAndJobsDone);
        let jobs = spec(&json!({ "install": { "disableWaitForJobs": true } }));
        assert_eq!(install(&jobs).options.wait, Wait::Ready);
        let none = spec(&json!({ "install": { "disableWait": true, "timeout": "7s" }, "timeout": "9s" }));
        let options = install(&none).options;
        assert_eq!((options.wait, options.timeout.as_secs()), (Wait::Hooks, 7));
        assert_eq!(upgrade(&none, &History::default()).options.timeout.as_secs(), 9);
    }

    #[test]
    fn what_the_client_applied_is_replaced_only_by_the_client() {
        let forced = spec(&json!({ "upgrade": { "force": true } }));
        let options = upgrade(&forced, &History::default()).options;
        assert!(options.force_replace && !options.force_conflicts);
        let enabled = spec(&json!({ "upgrade": { "force": true, "serverSideApply": "enabled" } }));
        let options = upgrade(&enabled, &History::default()).options;
        assert!(!options.force_replace && options.force_conflicts);
    }
}
