//! Pods that this node never runs, as upstream's nodes do not: they fail at once, with the reason.

use k8s_openapi::api::core::v1::PodSpec;

use super::spec::uses_host_network;
use super::status::Failure;

/// Sysctls that are a pod's own, and with which it can harm nobody else.
const SAFE_SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// Why the pod is rejected; `None` if it is not.
pub(crate) fn rejection(spec: &PodSpec) -> Option<Failure> {
    let sysctls = spec.security_context.iter().flat_map(|context| context.sysctls.iter().flatten());
    let cause = sysctls.into_iter().find_map(|sysctl| {
        // Both ways of writing are in use.
        let name = sysctl.name.replace('/', ".");
        let of_host = if name.starts_with("net.") && uses_host_network(spec) {
            Some("net")
        } else if name.starts_with("kernel.") && spec.host_ipc == Some(true) {
            Some("ipc")
        } else {
            None
        };
        match of_host {
            Some(namespace) => {
                Some(format!("forbidden sysctl: {name:?} not allowed with host {namespace} enabled"))
            }
            None if SAFE_SYSCTLS.contains(&name.as_str()) => None,
            None => Some(format!("forbidden sysctl: {name:?} not allowlisted")),
        }
    })?;
    Some(Failure { reason: "SysctlForbidden", message: format!("Pod was rejected: {cause}") })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(sysctl: &str, mut spec: Value, expected: Option<&str>) {
        spec["containers"] = json!([]);
        spec["securityContext"] = json!({"sysctls": [{"name": sysctl, "value": "1"}]});
        let rejected = rejection(&serde_json::from_value(spec).unwrap());
        assert_eq!(rejected.map(|failure| failure.message).as_deref(), expected);
    }

    #[test]
    fn only_safe_sysctls_of_the_pods_own_namespaces_are_admitted() {
        check("net.ipv4.ip_unprivileged_port_start", json!({}), None);
        check("net/ipv4/tcp_syncookies", json!({}), None);
        let unsafe_one = "Pod was rejected: forbidden sysctl: \"kernel.msgmax\" not allowlisted";
        check("kernel.msgmax", json!({}), Some(unsafe_one));
        let of_host =
            "Pod was rejected: forbidden sysctl: \"net.ipv4.tcp_rmem\" not allowed with host net enabled";
        check("net.ipv4.tcp_rmem", json!({"hostNetwork": true}), Some(of_host));
    }
}
