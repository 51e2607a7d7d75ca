//! Which repository and which of the three requests of the smart protocol ("gitprotocol-http").

use http::{Method, Uri};

/// A request that the backend may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Name of the repository, without `.git`.
    pub(crate) repository: String,
    pub(crate) call: Call,
    /// Whether it is a push, or asks what branches there are before one.
    pub(crate) writes: bool,
}

/// What is asked of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// What branches there are, before a fetch or a push.
    Advertise,
    /// A fetch.
    UploadPack,
    /// A push.
    ReceivePack,
}

/// The route of a request; `None` for everything that a Git client never asks for.
pub(crate) fn route(method: &Method, uri: &Uri) -> Option<Route> {
    let (repository, call) = uri.path().strip_prefix('/')?.split_once(".git/")?;
    let name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if repository.is_empty() || !repository.chars().all(name) {
        return None;
    }
    let call = match (method, call) {
        (&Method::GET, "info/refs") => Call::Advertise,
        (&Method::POST, "git-upload-pack") => Call::UploadPack,
        (&Method::POST, "git-receive-pack") => Call::ReceivePack,
        _ => return None,
    };
    let asks_to_push =
        || uri.query().unwrap_or_default().split('&').any(|it| it == "service=git-receive-pack");
    let writes = call == Call::ReceivePack || asks_to_push();
    Some(Route { repository: repository.to_owned(), call, writes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_smart_protocol_is_routed() {
        let cases = [
            ("GET", "/platform.git/info/refs?service=git-upload-pack", Some(("platform", Call::Advertise))),
            ("POST", "/platform.git/git-upload-pack", Some(("platform", Call::UploadPack))),
            ("POST", "/platform.git/git-receive-pack", Some(("platform", Call::ReceivePack))),
            ("GET", "/platform.git/HEAD", None),
            ("GET", "/platform.git/objects/info/packs", None),
            ("GET", "/platform.git/git-upload-pack", None),
            ("GET", "/../platform.git/info/refs", None),
            ("GET", "/a/b.git/info/refs", None),
            ("GET", "/.git/info/refs", None),
            ("GET", "/", None),
        ];
        for (method, uri, expected) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = route(&method, &uri.parse().unwrap());
            let found = found.as_ref().map(|route| (route.repository.as_str(), route.call));
            assert_eq!(found, expected, "{method} {uri}");
        }
    }
}
