//! Headers on their way through: what belongs to one connection stays there, and endpoints learn who asks.

use http::header::{
    CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{ClientConnection, Entrance};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// Headers of one connection (RFC 9110, section 7.6.1). `Expect` has been answered here.
const OF_ONE_CONNECTION: [HeaderName; 11] = [
    CONNECTION,
    EXPECT,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Makes a client's headers those of the request to an endpoint. What the client itself says about where it comes
/// from is replaced: we are the first who can know.
pub(crate) fn for_endpoint(
    headers: &mut HeaderMap,
    authority: &Authority,
    client: ClientConnection,
    protocol: Option<&HeaderValue>,
) {
    remove_of_one_connection(headers);
    join_cookies(headers);
    headers.remove(FORWARDED);
    let host = HeaderValue::from_str(authority.as_str());
    let address = HeaderValue::from_str(&client.address.to_canonical().to_string());
    if let (Ok(host), Ok(address)) = (host, address) {
        headers.insert(HOST, host.clone());
        headers.insert(X_FORWARDED_HOST, host);
        headers.insert(X_FORWARDED_FOR, address.clone());
        headers.insert(X_REAL_IP, address);
    }
    let protocol_name = match client.entrance {
        Entrance::Http => "http",
        Entrance::Https => "https",
    };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(protocol_name));
    headers.insert(X_FORWARDED_PORT, HeaderValue::from(client.port));
    insert_upgrade(headers, protocol);
}

/// Makes an endpoint's headers those of the answer to the client.
pub(crate) fn for_client(headers: &mut HeaderMap, protocol: Option<&HeaderValue>) {
    remove_of_one_connection(headers);
    insert_upgrade(headers, protocol);
}

fn insert_upgrade(headers: &mut HeaderMap, protocol: Option<&HeaderValue>) {
    if let Some(protocol) = protocol {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
}

fn remove_of_one_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_ONE_CONNECTION) {
        headers.remove(name);
    }
}

/// HTTP/2 sends cookies one by one; HTTP/1.1 has one header for all (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let client = ClientConnection {
            address: "::ffff:192.0.2.7".parse().unwrap(),
            entrance: Entrance::Https,
            port: 443,
        };
        for_endpoint(&mut map, &Authority::from_static("shop.test"), client, None);
        let mut said: Vec<_> =
            map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        said.sort();
        said
    }

    const ALWAYS: [&str; 6] = [
        "host: shop.test",
        "x-forwarded-for: 192.0.2.7",
        "x-forwarded-host: shop.test",
        "x-forwarded-port: 443",
        "x-forwarded-proto: https",
        "x-real-ip: 192.0.2.7",
    ];

    #[test]
    fn what_a_client_claims_about_itself_is_replaced() {
        let claims =
            [("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1"), ("x-real-ip", "10.0.0.1")];
        assert_eq!(passed_on(&claims), ALWAYS);
    }

    #[test]
    fn headers_of_one_connection_stay_there() {
        let own = [
            ("connection", "keep-alive, X-Secret-Hop"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("x-secret-hop", "1"),
        ];
        assert_eq!(passed_on(&own), ALWAYS);
    }

    #[test]
    fn cookies_that_came_one_by_one_go_on_together() {
        let said = passed_on(&[("cookie", "a=1"), ("cookie", "b=2")]);
        assert!(said.contains(&"cookie: a=1; b=2".to_owned()), "{said:?}");
    }
}
