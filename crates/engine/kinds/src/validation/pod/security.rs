//! Security contexts, of a pod and of a container.

use bythos_schema::FieldError;

use super::check_supported;
use super::container::check_path_inside;
use crate::spot::Spot;

const PROFILE_TYPES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];

/// Checks the context of a pod.
pub(super) fn check_pod(context: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    check_common(context, errors);
    check_id(&context.field("fsGroup"), errors);
    for group in context.field("supplementalGroups").items() {
        check_id(&group, errors);
    }
    check_supported(&context.field("fsGroupChangePolicy"), &["Always", "OnRootMismatch"], errors);
    check_supported(&context.field("supplementalGroupsPolicy"), &["Merge", "Strict"], errors);
    for sysctl in context.field("sysctls").items() {
        if sysctl.field("name").is_empty() {
            errors.push(sysctl.field("name").required(""));
        }
    }
}

/// Checks the context of a container.
pub(super) fn check_container(context: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    check_common(context, errors);
    check_supported(&context.field("procMount"), &["Default", "Unmasked"], errors);
    if context.field("allowPrivilegeEscalation").value().as_bool() != Some(false) {
        return;
    }
    if is_privileged(context) {
        let words = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errors.push(context.invalid(words));
    }
    if context.field("capabilities").field("add").items().any(|added| added.text() == "CAP_SYS_ADMIN") {
        let words = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        errors.push(context.invalid(words));
    }
}

pub(super) fn is_privileged(context: &Spot<'_, '_>) -> bool {
    context.field("privileged").is_true()
}

fn check_common(context: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for name in ["runAsUser", "runAsGroup"] {
        check_id(&context.field(name), errors);
    }
    check_seccomp(&context.field("seccompProfile"), errors);
    check_app_armor(&context.field("appArmorProfile"), errors);
}

fn check_id(id: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if id.integer().is_some_and(|id| !(0..=i64::from(i32::MAX)).contains(&id)) {
        errors.push(id.invalid("must be between 0 and 2147483647, inclusive"));
    }
}

fn check_seccomp(profile: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let file = profile.field("localhostProfile");
    if check_profile(profile, "seccompProfile", "seccomp", errors) && !file.is_empty() {
        check_path_inside(&file, errors);
    }
}

fn check_app_armor(profile: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let name = profile.field("localhostProfile");
    let is_local = check_profile(profile, "appArmorProfile", "AppArmor", errors);
    if is_local && name.text().trim() != name.text() {
        errors.push(name.invalid("must not be padded with whitespace"));
    }
}

/// Checks the type of a profile, and that exactly a local one says which. Gives whether it is a local one.
fn check_profile(profile: &Spot<'_, '_>, field: &str, what: &str, errors: &mut Vec<FieldError>) -> bool {
    if !profile.is_set() {
        return false;
    }
    let (type_, local) = (profile.field("type"), profile.field("localhostProfile"));
    if type_.is_empty() {
        errors.push(type_.required(&format!("type is required when {field} is set")));
    }
    check_supported(&type_, &PROFILE_TYPES, errors);
    let is_local = type_.text() == "Localhost";
    match (is_local, local.is_set()) {
        (true, _) if local.is_empty() => {
            errors.push(local.required(&format!("must be set when {what} type is Localhost")));
        }
        (false, true) => errors.push(local.invalid(format!("can only be set when {what} type is Localhost"))),
        _ => {}
    }
    is_local
}
