//! What a request asks for, read from its method, path and query.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::status::Failure;

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    /// As RBAC names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
        }
    }
}

/// The parameters behind the `?`, decoded. The first of a name counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`.
    pub(crate) fn parse(query: &str) -> Query {
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The value of a parameter, if it is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// Whether the parameter is there, with or without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Whether the parameter says yes.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1" | "True" | "TRUE" | "t" | "T"))
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The number that a parameter holds.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    Failure::BadRequest(format!("query parameter {name:?} holds {text:?}, expected a number"))
                })
            })
            .transpose()
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The subresource through which requests are passed on to the object itself.
pub(crate) const PROXY: &str = "proxy";

/// The subresources that answer by becoming a stream of bytes.
pub(crate) const CONNECTS: [&str; 3] = ["exec", "attach", "portforward"];

/// Whether an answer may go on for longer than a request usually takes: a watch, a log that is followed, a connection
/// to a container, and what is passed on.
pub(crate) fn is_long_running(method: &Method, uri: &http::Uri) -> bool {
    let query = Query::parse(uri.query().unwrap_or_default());
    let Ok(Destination::Resource(request)) = destination(method, uri.path(), &query) else { return false };
    let subresource = request.subresource.as_str();
    request.verb == Verb::Watch || matches!(subresource, "log" | PROXY) || CONNECTS.contains(&subresource)
}

/// Whether a path is one of upstream's old ones for watches, `/api/v1/watch/...`, which it still serves.
fn is_legacy_watch(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    match segments.next() {
        Some("api") => segments.nth(1) == Some("watch") && segments.next().is_some(),
        Some("apis") => segments.nth(2) == Some("watch") && segments.next().is_some(),
        _ => false,
    }
}

/// A request on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceRequest {
    pub(crate) verb: Verb,
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    /// Empty for cluster scope and for all namespaces.
    pub(crate) namespace: String,
    /// Plural.
    pub(crate) resource: String,
    /// Empty for collections.
    pub(crate) name: String,
    /// Empty for the object itself.
    pub(crate) subresource: String,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// To a resource.
    Resource(ResourceRequest),
    /// To a path that is no resource, such as `/version` or `/apis/apps/v1`.
    Path,
}

/// Reads where a request goes, by the rules of upstream's `RequestInfoFactory`.
pub(crate) fn destination(method: &Method, path: &str, query: &Query) -> Result<Destination, Failure> {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (group, version, rest) = match words.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Ok(Destination::Path),
    };
    let is_watch = is_legacy_watch(path);
    let rest = if is_watch { rest.get(1..).unwrap_or_default() } else { rest };
    let (namespace, rest) = match rest {
        // A namespace and its own subresources are in the namespace itself, as RBAC sees it.
        ["namespaces", namespace] | ["namespaces", namespace, "status" | "finalize"] => (*namespace, rest),
        ["namespaces", namespace, rest @ ..] => (*namespace, rest),
        rest => ("", rest),
    };
    let (resource, name, subresource) = match rest {
        [resource] => (*resource, "", String::new()),
        [resource, name] => (*resource, *name, String::new()),
        // What follows is the business of whoever the request is passed on to.
        [resource, name, PROXY, ..] => (*resource, *name, PROXY.to_owned()),
        [resource, name, subresource @ ..] => (*resource, *name, subresource.join("/")),
        [] => return Ok(Destination::Path),
    };
    let verb = match verb(method, name, query)? {
        Verb::Get | Verb::List if is_watch => Verb::Watch,
        _ if is_watch => return Err(Failure::MethodNotAllowed),
        verb => verb,
    };
    Ok(Destination::Resource(ResourceRequest {
        verb,
        group: group.to_owned(),
        version: version.to_owned(),
        namespace: namespace.to_owned(),
        resource: resource.to_owned(),
        name: name.to_owned(),
        subresource,
    }))
}

fn verb(method: &Method, name: &str, query: &Query) -> Result<Verb, Failure> {
    Ok(match (method.as_str(), name.is_empty()) {
        ("GET" | "HEAD", true) if query.is_true("watch") => Verb::Watch,
        ("GET" | "HEAD", true) => Verb::List,
        ("GET" | "HEAD", false) => Verb::Get,
        ("POST", _) => Verb::Create,
        ("PUT", _) => Verb::Update,
        ("PATCH", _) => Verb::Patch,
        ("DELETE", true) => Verb::DeleteCollection,
        ("DELETE", false) => Verb::Delete,
        _ => return Err(Failure::MethodNotAllowed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &Method, uri: &str, expect: &str) {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let text = match destination(method, path, &Query::parse(query)).unwrap() {
            Destination::Path => "path".to_owned(),
            Destination::Resource(r) => format!(
                "{} {}/{} ns={} {} {} {}",
                r.verb.as_str(),
                r.group,
                r.version,
                r.namespace,
                r.resource,
                r.name,
                r.subresource
            ),
        };
        assert_eq!(text.trim_end(), expect, "{method} {uri}");
    }

    #[test]
    fn paths_are_read_as_upstream_reads_them() {
        check(&Method::GET, "/version", "path");
        check(&Method::GET, "/apis/apps/v1", "path");
        check(&Method::GET, "/api/v1/pods", "list /v1 ns= pods");
        check(&Method::GET, "/api/v1/pods?watch=1", "watch /v1 ns= pods");
        check(&Method::GET, "/api/v1/watch/pods", "watch /v1 ns= pods");
        check(&Method::GET, "/apis/apps/v1/watch/namespaces/a/deployments", "watch apps/v1 ns=a deployments");
        check(&Method::GET, "/api/v1/watch/namespaces/a/pods/b", "watch /v1 ns=a pods b");
        check(&Method::GET, "/api/v1/namespaces/a/pods/b/log", "get /v1 ns=a pods b log");
        check(&Method::GET, "/api/v1/namespaces/a", "get /v1 ns=a namespaces a");
        check(&Method::PUT, "/api/v1/namespaces/a/finalize", "update /v1 ns=a namespaces a finalize");
        check(&Method::POST, "/apis/apps/v1/namespaces/a/deployments", "create apps/v1 ns=a deployments");
        check(
            &Method::DELETE,
            "/apis/apps/v1/namespaces/a/deployments",
            "deletecollection apps/v1 ns=a deployments",
        );
        check(
            &Method::PATCH,
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax",
            "patch rbac.authorization.k8s.io/v1 ns= clusterroles system:x",
        );
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("labelSelector=a%3Db%2Cc+in+%28d%29&x&y=");
        assert_eq!(query.get("labelSelector"), Some("a=b,c in (d)"));
        assert!(query.has("x") && query.has("y") && query.get("y").is_none());
    }
}
