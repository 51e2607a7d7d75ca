//! The routing table: which endpoints serve a host and a path. Pure and immutable.
//!
//! Upstream: "Ingress" in the Kubernetes documentation. The most specific host that has a matching path wins (exact,
//! then wildcard, then none), and among its paths the longest, an exact one before a prefix. Two Ingresses that claim
//! the same host and path never share it: the older one keeps it.

mod pattern;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bythos_operator::ObjectKey;
use k8s_openapi::api::networking::v1::{Ingress, IngressBackend, IngressSpec};

use crate::endpoints::{Backend, Services};
use crate::problem::Problem;

pub(crate) use pattern::{HostPattern, PathPattern, normalize_host};

const SSL_REDIRECT_ANNOTATION: &str = "nginx.ingress.kubernetes.io/ssl-redirect";

/// Where requests for a host and path go.
#[derive(Debug)]
pub(crate) struct Route {
    path: PathPattern,
    /// The Ingress that asked for it.
    pub(crate) ingress: ObjectKey,
    /// Whether plain HTTP is sent on to HTTPS, if the host has it.
    pub(crate) redirects_to_https: bool,
    pub(crate) backend: Backend,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    by_host: BTreeMap<HostPattern, Vec<Route>>,
    tls_hosts: BTreeSet<HostPattern>,
}

impl Routes {
    /// Builds the table from our Ingresses, oldest first (see [`oldest_first`]), and tells which Ingress got less
    /// than it asked for.
    pub(crate) fn build(
        ingresses: &[&Ingress],
        services: &Services<'_>,
    ) -> (Self, BTreeMap<ObjectKey, Vec<Problem>>) {
        let mut routes = Routes::default();
        let mut problems = BTreeMap::<_, Vec<_>>::new();
        for ingress in ingresses {
            let Some(spec) = &ingress.spec else { continue };
            let key = ObjectKey::of(*ingress);
            routes.tls_hosts.extend(tls_hosts(spec).into_iter().map(|host| HostPattern::parse(Some(&host))));
            let redirects_to_https = redirects_to_https(ingress);
            for (host, path, backend) in claims(spec) {
                if let Err(problem) = routes
                    .claim(host, path, &key, redirects_to_https, || services.find(&key.namespace, backend))
                {
                    problems.entry(key.clone()).or_default().push(problem);
                }
            }
        }
        for routes in routes.by_host.values_mut() {
            routes.sort_by_key(|route| route.path.precedence());
        }
        (routes, problems)
    }

    /// The route for a host as [`normalize_host`] gives it, and a path.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&Route> {
        HostPattern::matching(host)
            .find_map(|pattern| self.by_host.get(&pattern)?.iter().find(|route| route.path.matches(path)))
    }

    /// Whether any Ingress asks for HTTPS for this host.
    pub(crate) fn has_tls(&self, host: &str) -> bool {
        HostPattern::matching(host).any(|pattern| self.tls_hosts.contains(&pattern))
    }

    fn claim(
        &mut self,
        host: HostPattern,
        path: PathPattern,
        ingress: &ObjectKey,
        redirects_to_https: bool,
        backend: impl FnOnce() -> Backend,
    ) -> Result<(), Problem> {
        let held = self.by_host.get(&host).into_iter().flatten().find(|route| route.path == path);
        match held {
            // An Ingress that names a path twice does no harm to anyone; its first word counts.
            Some(held) if held.ingress == *ingress => Ok(()),
            Some(held) => Err(Problem::HostConflict {
                host: host.to_string(),
                path: path.to_string(),
                holder: held.ingress.clone(),
            }),
            None => {
                let route = Route { path, ingress: ingress.clone(), redirects_to_https, backend: backend() };
                self.by_host.entry(host).or_default().push(route);
                Ok(())
            }
        }
    }
}

/// The order in which Ingresses may claim hosts: by age, then by namespace and name.
pub(crate) fn oldest_first(ingresses: &mut [&Ingress]) {
    ingresses
        .sort_by_cached_key(|ingress| (ingress.metadata.creation_timestamp.clone(), ObjectKey::of(*ingress)));
}

/// The hosts for which an entry under `tls` counts: those that it names, or else all of the Ingress.
pub(crate) fn hosts_of_tls_entry(spec: &IngressSpec, named: Option<&Vec<String>>) -> Vec<String> {
    match named {
        Some(hosts) if !hosts.is_empty() => hosts.clone(),
        _ => spec.rules.iter().flatten().filter_map(|rule| rule.host.clone()).collect(),
    }
}

fn tls_hosts(spec: &IngressSpec) -> Vec<String> {
    spec.tls.iter().flatten().flat_map(|entry| hosts_of_tls_entry(spec, entry.hosts.as_ref())).collect()
}

fn redirects_to_https(ingress: &Ingress) -> bool {
    let annotations = ingress.metadata.annotations.as_ref();
    let redirect = annotations.and_then(|annotations| annotations.get(SSL_REDIRECT_ANNOTATION));
    redirect.is_none_or(|value| value != "false")
}

/// What an Ingress asks for. Its default backend is for whatever nothing else matches.
fn claims(spec: &IngressSpec) -> Vec<(HostPattern, PathPattern, &IngressBackend)> {
    let mut claims = Vec::new();
    for rule in spec.rules.iter().flatten() {
        let host = HostPattern::parse(rule.host.as_deref());
        for path in rule.http.iter().flat_map(|http| &http.paths) {
            let pattern = PathPattern::parse(&path.path_type, path.path.as_deref());
            claims.push((host.clone(), pattern, &path.backend));
        }
    }
    let fallback = spec.default_backend.iter();
    claims.extend(fallback.map(|backend| (HostPattern::Any, PathPattern::everything(), backend)));
    claims
}
