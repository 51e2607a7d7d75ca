//! The standard "Baseline": no known way to more rights on the node.

use serde_json::Value;

use super::level::Version;
use super::shape::{Check, Pod, Violation, by_containers, items, named, quoted};

/// Rules that "Restricted" has, too, ordered by upstream's names for them.
pub(super) const SHARED: &[(&str, Check)] = &[
    ("appArmorProfile", app_armor),
    ("hostNamespaces", host_namespaces),
    ("hostPorts", host_ports),
    ("hostProbesAndHostLifecycle", host_probes),
    ("privileged", privileged),
    ("procMount", proc_mount),
    ("seLinuxOptions", se_linux),
    ("sysctls", sysctls),
    ("windowsHostProcess", windows_host_process),
];

/// Rules in whose place "Restricted" has stricter ones.
pub(super) const ALONE: &[(&str, Check)] = &[
    ("capabilities_baseline", capabilities),
    ("hostPathVolumes", host_path_volumes),
    ("seccompProfile_baseline", seccomp),
];

const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
const SE_LINUX_TYPES: [&str; 5] =
    ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
/// Sysctls, and since which minor they are harmless.
const SYSCTLS: [(&str, u32); 10] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
];
/// Harmless since 1.32.
const RECEIVE_BUFFERS: [&str; 2] = ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];
const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

fn app_armor(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let is_bad = |security: &Value| security["appArmorProfile"]["type"] == "Unconfined";
    let mut forbidden = Vec::new();
    if is_bad(pod.security()) {
        forbidden.push("pod must not set AppArmor profile type to \"Unconfined\"".to_owned());
    }
    let containers = pod.offenders(|container| is_bad(&container["securityContext"]));
    if !containers.is_empty() {
        forbidden.push(format!(
            "{} must not set AppArmor profile type to \"Unconfined\"",
            named("container", &containers)
        ));
    }
    let annotations = pod.metadata["annotations"].as_object().into_iter().flatten();
    for (key, value) in annotations.filter(|(key, _)| key.starts_with(APP_ARMOR_ANNOTATION)) {
        let profile = value.as_str().unwrap_or_default();
        if !(profile.is_empty() || profile == "runtime/default" || profile.starts_with("localhost/")) {
            forbidden.push(format!("{key}={profile:?}"));
        }
    }
    let reason =
        if forbidden.len() > 1 { "forbidden AppArmor profiles" } else { "forbidden AppArmor profile" };
    (!forbidden.is_empty()).then(|| Violation { reason, detail: forbidden.join(", ") })
}

fn capabilities(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let added = |container: &Value| -> Vec<String> {
        let added =
            items(&container["securityContext"]["capabilities"]["add"]).iter().filter_map(Value::as_str);
        added.filter(|name| !CAPABILITIES.contains(name)).map(str::to_owned).collect()
    };
    let containers = pod.offenders(|container| !added(container).is_empty());
    let mut names: Vec<String> = pod.containers().flat_map(|(_, container)| added(container)).collect();
    names.sort();
    names.dedup();
    let what = format!(
        "must not include {} in securityContext.capabilities.add",
        quoted(names.iter().map(String::as_str))
    );
    by_containers(&containers, "non-default capabilities", &what)
}

fn host_namespaces(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let shared = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|field| pod.spec[*field] == true);
    let shared: Vec<String> = shared.map(|field| format!("{field}=true")).collect();
    (!shared.is_empty()).then(|| Violation { reason: "host namespaces", detail: shared.join(", ") })
}

fn host_path_volumes(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let volumes = pod.volumes().iter().filter(|volume| !volume["hostPath"].is_null());
    let names: Vec<&str> = volumes.filter_map(|volume| volume["name"].as_str()).collect();
    let detail = || named("volume", &names);
    (!names.is_empty()).then(|| Violation { reason: "hostPath volumes", detail: detail() })
}

fn host_ports(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let of = |container: &Value| -> Vec<u64> {
        items(&container["ports"])
            .iter()
            .filter_map(|port| port["hostPort"].as_u64())
            .filter(|port| *port != 0)
            .collect()
    };
    let containers = pod.offenders(|container| !of(container).is_empty());
    let mut ports: Vec<u64> = pod.containers().flat_map(|(_, container)| of(container)).collect();
    ports.sort_unstable();
    ports.dedup();
    let plural = if ports.len() == 1 { "" } else { "s" };
    let uses = if containers.len() == 1 { "uses" } else { "use" };
    let listed: Vec<String> = ports.iter().map(ToString::to_string).collect();
    by_containers(&containers, "hostPort", &format!("{uses} hostPort{plural} {}", listed.join(", ")))
}

fn host_probes(pod: &Pod<'_>, version: Version) -> Option<Violation> {
    if !version.has(34) {
        return None;
    }
    let names_host = |handler: &Value| {
        ["httpGet", "tcpSocket"]
            .iter()
            .any(|way| handler[*way]["host"].as_str().is_some_and(|host| !host.is_empty()))
    };
    let containers = pod.offenders(|container| {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"];
        let hooks = ["postStart", "preStop"];
        probes.iter().any(|probe| names_host(&container[*probe]))
            || hooks.iter().any(|hook| names_host(&container["lifecycle"][*hook]))
    });
    by_containers(
        &containers,
        "probe or lifecycle host",
        "must not set the host of a probe or lifecycle hook",
    )
}

fn privileged(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let containers = pod.offenders(|container| container["securityContext"]["privileged"] == true);
    by_containers(&containers, "privileged", "must not set securityContext.privileged=true")
}

fn proc_mount(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let is_bad = |container: &Value| {
        !matches!(container["securityContext"]["procMount"].as_str(), None | Some("" | "Default"))
    };
    let mut mounts: Vec<&str> = pod
        .containers()
        .filter(|(_, container)| is_bad(container))
        .filter_map(|(_, container)| container["securityContext"]["procMount"].as_str())
        .collect();
    mounts.sort_unstable();
    mounts.dedup();
    let what = format!("must not set securityContext.procMount to {}", quoted(mounts));
    by_containers(&pod.offenders(is_bad), "procMount", &what)
}

fn se_linux(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let options: Vec<&Value> = std::iter::once(pod.security())
        .chain(pod.containers().map(|(_, container)| &container["securityContext"]))
        .map(|security| &security["seLinuxOptions"])
        .collect();
    let text = |options: &Value, field: &str| options[field].as_str().unwrap_or_default().to_owned();
    let bad_type = |options: &Value| !SE_LINUX_TYPES.contains(&text(options, "type").as_str());
    let is_bad = |options: &Value| {
        bad_type(options) || !text(options, "user").is_empty() || !text(options, "role").is_empty()
    };
    if !options.iter().any(|options| is_bad(options)) {
        return None;
    }
    let mut what: Vec<String> = Vec::new();
    let mut types: Vec<String> =
        options.iter().filter(|options| bad_type(options)).map(|options| text(options, "type")).collect();
    types.sort();
    types.dedup();
    if !types.is_empty() {
        let plural = if types.len() == 1 { "" } else { "s" };
        what.push(format!("type{plural} {}", quoted(types.iter().map(String::as_str))));
    }
    for field in ["user", "role"] {
        if options.iter().any(|options| !text(options, field).is_empty()) {
            what.push(format!("{field} may not be set"));
        }
    }
    let containers = pod.offenders(|container| is_bad(&container["securityContext"]["seLinuxOptions"]));
    let mut who = Vec::new();
    if is_bad(&pod.security()["seLinuxOptions"]) {
        who.push("pod".to_owned());
    }
    if !containers.is_empty() {
        who.push(named("container", &containers));
    }
    let detail =
        format!("{} set forbidden securityContext.seLinuxOptions: {}", who.join(" and "), what.join("; "));
    Some(Violation { reason: "seLinuxOptions", detail })
}

fn seccomp(pod: &Pod<'_>, version: Version) -> Option<Violation> {
    if !version.has(19) {
        return None;
    }
    let is_bad = |security: &Value| security["seccompProfile"]["type"] == "Unconfined";
    let mut who = Vec::new();
    if is_bad(pod.security()) {
        who.push("pod".to_owned());
    }
    let containers = pod.offenders(|container| is_bad(&container["securityContext"]));
    if !containers.is_empty() {
        who.push(named("container", &containers));
    }
    let words = "must not set securityContext.seccompProfile.type to \"Unconfined\"";
    let detail = || format!("{} {words}", who.join(" and "));
    (!who.is_empty()).then(|| Violation { reason: "seccompProfile", detail: detail() })
}

fn sysctls(pod: &Pod<'_>, version: Version) -> Option<Violation> {
    let is_harmless = |name: &str| {
        SYSCTLS.iter().any(|(known, since)| *known == name && version.has(*since))
            || (RECEIVE_BUFFERS.contains(&name) && version.has(32))
    };
    let names = items(&pod.security()["sysctls"]).iter().filter_map(|sysctl| sysctl["name"].as_str());
    let forbidden: Vec<&str> = names.filter(|name| !is_harmless(name)).collect();
    (!forbidden.is_empty()).then(|| Violation { reason: "forbidden sysctls", detail: forbidden.join(", ") })
}

fn windows_host_process(pod: &Pod<'_>, _: Version) -> Option<Violation> {
    let is_bad = |security: &Value| security["windowsOptions"]["hostProcess"] == true;
    let mut who = Vec::new();
    if is_bad(pod.security()) {
        who.push("pod".to_owned());
    }
    let containers = pod.offenders(|container| is_bad(&container["securityContext"]));
    if !containers.is_empty() {
        who.push(named("container", &containers));
    }
    let detail =
        || format!("{} must not set securityContext.windowsOptions.hostProcess=true", who.join(" and "));
    (!who.is_empty()).then(|| Violation { reason: "hostProcess", detail: detail() })
}
