//! Which protocols a client offers to go on with, and whether containerd's streaming server speaks one of them.

use http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, StatusCode};

const SPDY: &str = "SPDY/3.1";
/// The WebSocket protocols of its streams, exec, attach and port-forward alike.
const WEBSOCKET: [&str; 4] =
    ["v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io"];

/// What a client goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Spdy,
    WebSocket,
}

/// The client speaks nothing that is spoken here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("unable to upgrade: missing upgrade headers in request")]
    None,
    #[error("unable to upgrade: found protocol {found:?}, expected {SPDY} or websocket")]
    Upgrade { found: String },
    #[error("unable to upgrade: client supports {found:?}, server accepts {WEBSOCKET:?}")]
    SubProtocol { found: Vec<String> },
}

impl OfferError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            OfferError::None => StatusCode::BAD_REQUEST,
            OfferError::Upgrade { .. } | OfferError::SubProtocol { .. } => StatusCode::FORBIDDEN,
        }
    }
}

impl Offer {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, OfferError> {
        let upgrade = headers.get(UPGRADE).ok_or(OfferError::None)?.to_str().unwrap_or_default();
        if upgrade.eq_ignore_ascii_case(SPDY) {
            return Ok(Offer::Spdy);
        }
        if !upgrade.eq_ignore_ascii_case("websocket") {
            return Err(OfferError::Upgrade { found: upgrade.to_owned() });
        }
        let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let offered: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        let is_spoken = offered.is_empty() || offered.iter().any(|protocol| WEBSOCKET.contains(protocol));
        if is_spoken {
            Ok(Offer::WebSocket)
        } else {
            Err(OfferError::SubProtocol { found: offered.into_iter().map(str::to_owned).collect() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], expected: Option<Offer>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        assert_eq!(Offer::of(&map).ok(), expected, "{headers:?}");
    }

    #[test]
    fn old_and_new_clients_are_understood() {
        check(&[("upgrade", "SPDY/3.1")], Some(Offer::Spdy));
        check(&[("upgrade", "websocket")], Some(Offer::WebSocket));
        let channels = "v4.channel.k8s.io, v3.channel.k8s.io";
        check(&[("upgrade", "WebSocket"), ("sec-websocket-protocol", channels)], Some(Offer::WebSocket));
    }

    #[test]
    fn an_offer_of_what_is_not_spoken_is_refused_so_that_clients_fall_back() {
        for protocol in ["v5.channel.k8s.io", "SPDY/3.1+portforward.k8s.io"] {
            check(&[("upgrade", "websocket"), ("sec-websocket-protocol", protocol)], None);
        }
        check(&[("upgrade", "h2c")], None);
        check(&[], None);
    }
}
