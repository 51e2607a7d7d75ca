//! The standard "Restricted": what is known as good practice, at the cost of programs that need more.

use serde_json::Value;

use super::level::Version;
use super::shape::{Check, Pod, Violation, by_containers, items, named, quoted};

/// Ordered by upstream's names for them.
pub(super) const CHECKS: &[Check] =
    &[privilege_escalation, capabilities, volume_types, run_as_non_root, run_as_user, seccomp];

const VOLUME_TYPES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Since then these rules do not concern pods that say that they run on Windows.
const WINDOWS_EXEMPT_SINCE: u32 = 25;

fn is_exempt(pod: &Pod<'_>, version: Version) -> bool {
    pod.is_windows() && version.has(WINDOWS_EXEMPT_SINCE)
}

fn privilege_escalation(pod: &Pod<'_>, version: Version) -> Option<Violation> {
    if !version.has(8) || is_exempt(pod, version) {
        return None;
    }
    let containers =
        pod.offenders(|container| container["securityContext"]["allowPrivilegeEscalation"] != false);
    by_containers(
        &containers,
        "allowPrivilegeEscalation != false",
        "must set securityContext.allowPrivilegeEscalation=false",
    )
}

fn capabilities(pod: &Pod<'_>, version: Version) -> Option<Violation> {
    if !version.has(22) || is_exempt(pod, version) {
        return None;
    }
    let names = |container: &Value, list: &str| -> Vec<String> {
        let names =
            items(&container["securityContext"]["capabilities"][list]).iter().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    };
    let added = |container: &Value| -> Vec<String> {
        names(container, "add").into_iter().filter(|name| name != "NET_BIND_SERVICE").collect()
    };
    let mut details = Vec::new();
    let keep_some = pod.offenders(|container| !names(container, "drop").contains(&"ALL".to_owned()));
    if !keep_some.is_empty() {
        let words = "must set securityContext.capabilities.drop=[\"ALL\"]";
        details.push(format!("{} {words}", named("container", &keep_some)));
    }
    let add_some = pod.offenders(|container| !added(container).is_empty());
    if !add_some.is_empty() {
        let mut all: Vec<String> = pod.containers().flat_map(|(_, container)| added(container)).collect();
        all.sort();
        all.dedup();
        details.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            named("container", &add_some),
            quoted(all.iter().map(String::as_str))
        ));
    }
    (!details.is_empty())
        .then(|| Violation { reason: "unrestricted capabilities", detail: details.join("; ") })
}

fn volume_types(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let type_of = |volume: &Value| -> String {
        let sources = volume.as_object().into_iter().flatten();
        let mut types = sources.filter(|(field, source)| *field != "name" && !source.is_null());
        types.next().map(|(field, _)| field.clone()).unwrap_or_default()
    };
    let is_bad = |volume: &&Value| !VOLUME_TYPES.contains(&type_of(volume).as_str());
    let bad: Vec<&Value> = pod.volumes().iter().filter(is_bad).collect();
    let names: Vec<&str> = bad.iter().filter_map(|volume| volume["name"].as_str()).collect();
    let mut types: Vec<String> = bad.iter().map(|volume| type_of(volume)).collect();
    types.sort();
    types.dedup();
    let (uses, plural) =
        (if names.len() == 1 { "uses" } else { "use" }, if types.len() == 1 { "" } else { "s" });
    let types = quoted(types.iter().map(String::as_str));
    let detail = || format!("{} {uses} restricted volume type{plural} {types}", named("volume", &names));
    (!bad.is_empty()).then(|| Violation { reason: "restricted volume types", detail: detail() })
}

fn run_as_non_root(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    // A pod in a user namespace of its own is root of nothing else; upstream relaxes this by a feature that is off.
    let of_pod = &pod.security()["runAsNonRoot"];
    let of_container = |container: &Value| container["securityContext"]["runAsNonRoot"].clone();
    let mut explicitly = Vec::new();
    if *of_pod == false {
        explicitly.push("pod".to_owned());
    }
    let containers = pod.offenders(|container| of_container(container) == false);
    if !containers.is_empty() {
        explicitly.push(named("container", &containers));
    }
    if !explicitly.is_empty() {
        let detail = format!("{} must not set securityContext.runAsNonRoot=false", explicitly.join(" and "));
        return Some(Violation { reason: REASON, detail });
    }
    if *of_pod == true {
        return None;
    }
    let silent = pod.offenders(|container| of_container(container).is_null());
    let detail =
        || format!("pod or {} must set securityContext.runAsNonRoot=true", named("container", &silent));
    (!silent.is_empty()).then(|| Violation { reason: REASON, detail: detail() })
}

fn run_as_user(pod: &Pod<'_>, version: Version) -> Option<Violation> {
    if !version.has(23) {
        return None;
    }
    let is_root = |security: &Value| security["runAsUser"] == 0;
    let mut who = Vec::new();
    if is_root(pod.security()) {
        who.push("pod".to_owned());
    }
    let containers = pod.offenders(|container| is_root(&container["securityContext"]));
    if !containers.is_empty() {
        who.push(named("container", &containers));
    }
    let detail = || format!("{} must not set runAsUser=0", who.join(" and "));
    (!who.is_empty()).then(|| Violation { reason: "runAsUser=0", detail: detail() })
}

fn seccomp(pod: &Pod<'_>, version: Version) -> Option<Violation> {
    if !version.has(19) || is_exempt(pod, version) {
        return None;
    }
    const REASON: &str = "seccompProfile";
    let of = |security: &Value| security["seccompProfile"]["type"].as_str().map(str::to_owned);
    let is_good = |type_: &str| ["RuntimeDefault", "Localhost"].contains(&type_);
    let of_pod = of(pod.security());
    let mut bad = Vec::new();
    if of_pod.as_deref().is_some_and(|type_| !is_good(type_)) {
        bad.push("pod".to_owned());
    }
    let of_container = |container: &Value| of(&container["securityContext"]);
    let containers = pod.offenders(|container| of_container(container).is_some_and(|type_| !is_good(&type_)));
    if !containers.is_empty() {
        bad.push(named("container", &containers));
    }
    if !bad.is_empty() {
        let detail = format!(
            "{} must not set securityContext.seccompProfile.type to \"Unconfined\"",
            bad.join(" and ")
        );
        return Some(Violation { reason: REASON, detail });
    }
    if of_pod.is_some() {
        return None;
    }
    let silent = pod.offenders(|container| of_container(container).is_none());
    let words = "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"";
    let detail = || format!("pod or {} {words}", named("container", &silent));
    (!silent.is_empty()).then(|| Violation { reason: REASON, detail: detail() })
}
