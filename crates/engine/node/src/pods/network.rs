//! Names and addresses as a pod sees them: its host name, its resolver, its hosts file.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::spec::uses_host_network;
use crate::config::NodeConfig;
use crate::cri::v1;

const SERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_CHARACTERS_MAX: usize = 2048;
const HOSTNAME_BYTES_MAX: usize = 63;
const FULL_NAME_BYTES_MAX: usize = 64;

/// The pod's full name is longer than a host name may be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "setHostnameAsFQDN: {name:?} has {bytes} characters, and a host name has at most {FULL_NAME_BYTES_MAX}; choose a \
     shorter hostname or subdomain"
)]
pub(crate) struct HostnameError {
    name: String,
    bytes: usize,
}

/// The pod's host name as its programs see it; on the host's network it is the host's.
pub(crate) fn hostname(config: &NodeConfig, pod: &Pod, spec: &PodSpec) -> Result<String, HostnameError> {
    let short = short_name(config, pod, spec);
    if spec.set_hostname_as_fqdn != Some(true) || spec.hostname_override.is_some() {
        return Ok(short);
    }
    let name = full_name(config, pod, spec, &short).unwrap_or(short);
    let bytes = name.len();
    if bytes > FULL_NAME_BYTES_MAX { Err(HostnameError { name, bytes }) } else { Ok(name) }
}

fn short_name(config: &NodeConfig, pod: &Pod, spec: &PodSpec) -> String {
    if let Some(name) = &spec.hostname_override {
        return name.clone();
    }
    if uses_host_network(spec) {
        return config.node_name.clone();
    }
    let name = spec.hostname.as_deref().or(pod.metadata.name.as_deref()).unwrap_or_default();
    let short = name.get(..HOSTNAME_BYTES_MAX).unwrap_or(name);
    short.trim_end_matches(['-', '.']).to_owned()
}

/// The pod's name in the cluster's DNS, which it has only below a subdomain.
fn full_name(config: &NodeConfig, pod: &Pod, spec: &PodSpec, short: &str) -> Option<String> {
    let subdomain = spec.subdomain.as_ref().filter(|_| spec.hostname_override.is_none())?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    Some(format!("{short}.{subdomain}.{namespace}.svc.{}", config.cluster_domain))
}

/// The text of the host's `resolv.conf`: of the one that names servers which a pod can reach.
///
/// Where systemd-resolved runs, `/etc/resolv.conf` names an address of the host's own loopback, and the real servers
/// stand in a file of its own.
pub(crate) fn host_resolver() -> String {
    let [usual, of_resolved] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
        .map(|path| std::fs::read_to_string(path).unwrap_or_default());
    choose_resolver(usual, of_resolved)
}

fn choose_resolver(usual: String, of_resolved: String) -> String {
    let is_reachable = |server: &String| server.parse().is_ok_and(|server: IpAddr| !server.is_loopback());
    let has_reachable = |text: &str| of_host(text).servers.iter().any(is_reachable);
    if !has_reachable(&usual) && has_reachable(&of_resolved) { of_resolved } else { usual }
}

/// What a pod asks to look names up with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolver {
    pub(crate) config: v1::DnsConfig,
    /// In upstream's words, what was left out, because it is more than a resolver takes.
    pub(crate) omitted: Vec<String>,
}

/// The pod's resolver. `host_resolver` is the host's `resolv.conf`.
pub(crate) fn resolver(
    config: &NodeConfig,
    namespace: &str,
    spec: &PodSpec,
    host_resolver: &str,
) -> Resolver {
    let is_cluster = match spec.dns_policy.as_deref() {
        None | Some("ClusterFirst") => !uses_host_network(spec),
        Some("ClusterFirstWithHostNet") => true,
        _ => false,
    };
    let has_own = spec.dns_policy.as_deref() == Some("None");
    let mut resolver = if is_cluster {
        let domain = &config.cluster_domain;
        let mut searches = vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
        add_new(&mut searches, Some(&of_host(host_resolver).searches));
        v1::DnsConfig {
            servers: vec![config.cluster_dns.to_string()],
            searches,
            options: vec!["ndots:5".to_owned()],
        }
    } else if has_own {
        v1::DnsConfig::default()
    } else {
        of_host(host_resolver)
    };
    if let Some(added) = &spec.dns_config {
        add_new(&mut resolver.servers, added.nameservers.as_deref());
        add_new(&mut resolver.searches, added.searches.as_deref());
        for option in added.options.iter().flatten() {
            let name = option.name.as_deref().unwrap_or_default();
            resolver.options.retain(|known| known.split(':').next() != Some(name));
            resolver.options.push(match &option.value {
                Some(value) => format!("{name}:{value}"),
                None => name.to_owned(),
            });
        }
    }
    within_limits(resolver)
}

/// What is too much for a resolver is left out, as upstream does.
fn within_limits(mut resolver: v1::DnsConfig) -> Resolver {
    let mut omitted = Vec::new();
    if resolver.servers.len() > SERVERS_MAX {
        resolver.servers.truncate(SERVERS_MAX);
        omitted.push(format!(
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {}",
            resolver.servers.join(" ")
        ));
    }
    let mut characters = 0;
    let fits = |search: &&String| {
        // With the blank before it.
        characters += search.len() + 1;
        characters <= SEARCH_CHARACTERS_MAX + 1
    };
    let fitting = resolver.searches.iter().take(SEARCHES_MAX).take_while(fits).count();
    if fitting < resolver.searches.len() {
        resolver.searches.truncate(fitting);
        omitted.push(format!(
            "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {}",
            resolver.searches.join(" ")
        ));
    }
    Resolver { config: resolver, omitted }
}

fn add_new(known: &mut Vec<String>, added: Option<&[String]>) {
    for entry in added.unwrap_or_default() {
        if !known.contains(entry) {
            known.push(entry.clone());
        }
    }
}

fn of_host(text: &str) -> v1::DnsConfig {
    let mut resolver = v1::DnsConfig::default();
    for line in text.lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => resolver.servers.extend(words.next()),
            Some("search" | "domain") => resolver.searches = words.filter_map(without_final_dot).collect(),
            Some("options") => resolver.options = words.collect(),
            _ => {}
        }
    }
    resolver
}

/// A domain may end with a dot; the root alone is not searched.
fn without_final_dot(domain: String) -> Option<String> {
    let domain = domain.strip_suffix('.').map(str::to_owned).unwrap_or(domain);
    (!domain.is_empty()).then_some(domain)
}

/// The pod's `/etc/hosts`; `host_file` is what the host's own says, for pods on its network.
pub(crate) fn hosts_file(
    config: &NodeConfig,
    pod: &Pod,
    spec: &PodSpec,
    addresses: &[IpAddr],
    host_file: &str,
) -> String {
    let mut text = String::from("# Written by Bythos; changes made here are lost.\n");
    if uses_host_network(spec) {
        text.push_str(host_file);
        if !host_file.ends_with('\n') {
            text.push('\n');
        }
    } else {
        text.push_str("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
        text.push_str("fe00::\tip6-localnet\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
        let name = short_name(config, pod, spec);
        let names = match full_name(config, pod, spec, &name) {
            Some(full_name) => format!("{full_name}\t{name}"),
            None => name,
        };
        for address in addresses {
            text.push_str(&format!("{address}\t{names}\n"));
        }
    }
    for alias in spec.host_aliases.iter().flatten() {
        let names = alias.hostnames.as_deref().unwrap_or_default().join("\t");
        text.push_str(&format!("{}\t{names}\n", alias.ip));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(mut spec: Value) -> PodSpec {
        spec["containers"] = json!([]);
        serde_json::from_value(spec).unwrap()
    }

    fn pod(name: &str) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "shop"}})).unwrap()
    }

    const HOST: &str = "nameserver 192.0.2.1\nsearch a b.\n";

    fn resolver_and_omitted(value: Value) -> Resolver {
        resolver(&crate::config::example(), "shop", &spec(value), HOST)
    }

    fn resolver_of(value: Value) -> v1::DnsConfig {
        resolver_and_omitted(value).config
    }

    #[test]
    fn pods_ask_the_cluster_unless_they_say_otherwise() {
        let cluster = resolver_of(json!({}));
        assert_eq!(cluster.servers, ["10.43.0.10"]);
        let own = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
        assert_eq!(cluster.searches, [&own[..], &["a", "b"]].concat());
        assert_eq!(cluster.options, ["ndots:5"]);
        assert_eq!(resolver_of(json!({"dnsPolicy": "Default"})), of_host(HOST));
        assert_eq!(resolver_of(json!({"hostNetwork": true})), of_host(HOST));
        let on_host = json!({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"});
        assert_eq!(resolver_of(on_host), cluster);
    }

    #[test]
    fn a_resolver_on_the_loopback_of_the_host_is_passed_by() {
        let stub = || "nameserver 127.0.0.53\noptions edns0\n".to_owned();
        let real = || "nameserver 192.0.2.1\n".to_owned();
        assert_eq!(choose_resolver(stub(), real()), real());
        assert_eq!(choose_resolver(real(), "nameserver 192.0.2.9\n".to_owned()), real());
        assert_eq!(choose_resolver(stub(), String::new()), stub());
        assert_eq!(choose_resolver(stub(), stub()), stub());
    }

    #[test]
    fn a_resolver_has_no_more_than_it_may() {
        let servers: Vec<_> = (1..9).map(|number| format!("192.0.2.{number}")).collect();
        let searches = |count: usize, domain: &str| -> Vec<_> {
            (0..count).map(|number| format!("{number:03}.{domain}")).collect()
        };
        let limited = |searches: Vec<String>| {
            let added = json!({"nameservers": servers, "searches": searches});
            resolver_and_omitted(json!({"dnsPolicy": "None", "dnsConfig": added}))
        };
        let of_servers = limited(vec![]);
        assert_eq!(of_servers.config.servers.len(), 3);
        assert_eq!(
            of_servers.omitted,
            [
                "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: \
              192.0.2.1 192.0.2.2 192.0.2.3"
            ]
        );
        let of_searches = limited(searches(40, "example.org"));
        assert_eq!(of_searches.config.searches.len(), 32);
        assert!(of_searches.omitted[1].starts_with("Search Line limits were exceeded, "), "{of_searches:?}");
        // Each with its blank takes 128 of 2048 characters.
        assert_eq!(limited(searches(20, &"a".repeat(123))).config.searches.len(), 16);
        assert_eq!(resolver_and_omitted(json!({})).omitted, [""; 0]);
    }

    #[test]
    fn own_settings_are_added_and_options_replaced() {
        let added = json!({"nameservers": ["192.0.2.53"], "searches": ["example.org"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]});
        let cluster = resolver_of(json!({"dnsConfig": added}));
        assert_eq!(cluster.servers, ["10.43.0.10", "192.0.2.53"]);
        assert_eq!(cluster.searches[3..], ["a", "b", "example.org"]);
        assert_eq!(cluster.options, ["ndots:2", "edns0"]);
        let own = resolver_of(json!({"dnsPolicy": "None", "dnsConfig": added}));
        assert_eq!(own.servers, ["192.0.2.53"]);
        assert_eq!(own.searches, ["example.org"]);
        let of_host = resolver_of(json!({"dnsPolicy": "Default", "dnsConfig": added}));
        assert_eq!(of_host.servers, ["192.0.2.1", "192.0.2.53"]);
        assert_eq!(of_host.searches, ["a", "b", "example.org"]);
    }

    #[test]
    fn a_host_name_fits_into_a_label() {
        let config = crate::config::example();
        let long = format!("{}-x", "a".repeat(62));
        let name = |pod_name: &str, value: Value| hostname(&config, &pod(pod_name), &spec(value));
        assert_eq!(name(&long, json!({})).unwrap(), "a".repeat(62));
        assert_eq!(name("web-0", json!({"hostname": "own"})).unwrap(), "own");
        assert_eq!(name("web-0", json!({"hostNetwork": true})).unwrap(), "host");
        assert_eq!(name("web-0", json!({"hostnameOverride": "a.example.org"})).unwrap(), "a.example.org");
    }

    #[test]
    fn the_full_name_becomes_the_host_name_where_it_fits() {
        let config = crate::config::example();
        let full = |subdomain: &str| {
            let asked = json!({"subdomain": subdomain, "setHostnameAsFQDN": true});
            hostname(&config, &pod("web-0"), &spec(asked))
        };
        assert_eq!(full("db").unwrap(), "web-0.db.shop.svc.cluster.local");
        let refused = full(&"b".repeat(60)).unwrap_err().to_string();
        assert!(refused.contains("at most 64"), "{refused}");
        let without = json!({"setHostnameAsFQDN": true});
        assert_eq!(hostname(&config, &pod("web-0"), &spec(without)).unwrap(), "web-0");
    }

    #[test]
    fn the_hosts_file_names_the_pod_and_its_aliases() {
        let config = crate::config::example();
        let spec =
            spec(json!({"subdomain": "db", "hostAliases": [{"ip": "192.0.2.9", "hostnames": ["a", "b"]}]}));
        let text = hosts_file(&config, &pod("web-0"), &spec, &[[10, 42, 0, 5].into()], "");
        assert!(text.contains("127.0.0.1\tlocalhost\n"));
        assert!(text.contains("10.42.0.5\tweb-0.db.shop.svc.cluster.local\tweb-0\n"));
        assert!(text.ends_with("192.0.2.9\ta\tb\n"));
    }
}
