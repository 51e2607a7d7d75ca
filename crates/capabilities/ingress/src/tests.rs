//! The proxy on real sockets: clients with TLS before it, small servers behind it.

mod backend;
mod client;
mod front;
pub(crate) mod objects;
mod whole;

use std::collections::BTreeSet;
use std::time::Duration;

use http::{Method, StatusCode, Version};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use self::backend::Backend;
use self::client::{Dialog, body_of, get};
use self::front::Front;
use self::objects::{ingress, rule, service, slice};

const PATIENCE: Duration = Duration::from_secs(5);
const CREATED: &str = "2026-01-01T00:00:00Z";

/// A front with HTTPS for `shop.test` and `plain.test` without, both leading to `backends`.
async fn shop(backends: &[&Backend]) -> Front {
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let front = Front::start().await;
    front.replace(
        &[
            ingress(
                "shop",
                CREATED,
                &json!({
                    "rules": [rule("shop.test", "/", "web"), rule("shop.test", "/idle", "idle")],
                    "tls": [{ "hosts": ["shop.test"], "secretName": "tls" }],
                }),
            ),
            ingress("plain", CREATED, &json!({ "rules": [rule("plain.test", "/", "web")] })),
        ],
        &[service("web"), service("idle")],
        &addresses.iter().map(|address| slice("web", *address)).collect::<Vec<_>>(),
    );
    front
}

#[tokio::test]
async fn a_request_reaches_its_endpoint_with_its_host_and_where_it_comes_from() {
    let backend = Backend::start("one").await;
    let front = shop(&[&backend]).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut dialog = Dialog::tls(&front.https, "shop.test", version).await.unwrap();
        let answer = dialog.send(get("https://shop.test/a/b?c=d", &[("x-forwarded-for", "10.9.9.9")])).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.version(), version);
        assert!(!answer.headers().contains_key("x-hop"), "{:?}", answer.headers());
        let seen: serde_json::Value = serde_json::from_str(&body_of(answer).await).unwrap();
        assert_eq!(seen["name"], "one");
        assert_eq!(seen["target"], "/a/b?c=d");
        let headers = &seen["headers"];
        assert_eq!(headers["host"], "shop.test");
        assert_eq!(headers["x-forwarded-host"], "shop.test");
        assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
        assert_eq!(headers["x-real-ip"], "127.0.0.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
    }
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    let backend = Backend::start("one").await;
    let front = shop(&[&backend]).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut dialog = Dialog::tls(&front.https, "shop.test", version).await.unwrap();
        let ways = [
            ("https://shop.test/a", StatusCode::OK),
            ("https://shop.test/idle", StatusCode::SERVICE_UNAVAILABLE),
        ];
        for (uri, status) in ways {
            let mut request = get(uri, &[]);
            *request.method_mut() = Method::HEAD;
            let answer = dialog.send(request).await;
            assert_eq!(answer.status(), status, "{uri} by {version:?}");
            assert_eq!(body_of(answer).await, "", "{uri} by {version:?}");
        }
    }
}

#[tokio::test]
async fn plain_http_is_sent_on_to_https_where_a_host_has_it() {
    let backend = Backend::start("one").await;
    let front = shop(&[&backend]).await;
    let mut dialog = Dialog::plain(front.http).await;
    let answer = dialog.send(get("/a?b=c", &[("host", "shop.test")])).await;
    assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
    let location = answer.headers()["location"].to_str().unwrap();
    assert_eq!(location, format!("https://shop.test:{}/a?b=c", front.https.address.port()));
    let answer = dialog.send(get("/.well-known/acme-challenge/x", &[("host", "shop.test")])).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = dialog.send(get("/", &[("host", "plain.test:80")])).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_answered_is_said_with_the_reason() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let front = shop(&[&Backend::at(gone)]).await;
    let mut dialog = Dialog::plain(front.http).await;
    let mut check = async |host: &str, path: &str, status: StatusCode, said: &str| {
        let answer = dialog.send(get(path, &[("host", host)])).await;
        assert_eq!(answer.status(), status, "{host}{path}");
        let body = body_of(answer).await;
        assert!(body.contains(said), "{body}");
    };
    check(
        "other.test",
        "/x",
        StatusCode::NOT_FOUND,
        "No Ingress has a route for host other.test and path /x.",
    )
    .await;
    check("plain.test", "/", StatusCode::BAD_GATEWAY, "of Service default/web cannot be reached: ").await;
    check("plain.test", "/", StatusCode::BAD_GATEWAY, "Connection refused").await;
    let mut dialog = Dialog::tls(&front.https, "shop.test", Version::HTTP_11).await.unwrap();
    let answer = dialog.send(get("/idle", &[("host", "shop.test")])).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = "Service default/idle has no ready endpoints. (Ingress default/shop)";
    assert!(body_of(answer).await.contains(said));
}

#[tokio::test]
async fn endpoints_take_turns_and_one_that_cannot_be_reached_is_passed_over() {
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let front = shop(&[&one, &two, &Backend::at(gone)]).await;
    let mut dialog = Dialog::plain(front.http).await;
    let mut answered = BTreeSet::new();
    for _ in 0..9 {
        let answer = dialog.send(get("/", &[("host", "plain.test")])).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let seen: serde_json::Value = serde_json::from_str(&body_of(answer).await).unwrap();
        answered.insert(seen["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(answered.into_iter().collect::<Vec<_>>(), ["one", "two"]);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_tried_once_more_where_that_does_no_harm() {
    let backend = Backend::that_breaks_every_second_connection().await;
    let front = shop(&[&backend]).await;
    let mut dialog = Dialog::plain(front.http).await;
    let answer = dialog.send(get("/", &[("host", "plain.test")])).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let mut request = get("/", &[("host", "plain.test")]);
    *request.method_mut() = http::Method::POST;
    let answer = dialog.send(request).await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(body_of(answer).await.contains("of Service default/web broke off: "));
}

#[tokio::test]
async fn a_body_streams_both_ways_while_the_other_side_is_still_speaking() {
    let backend = Backend::start("one").await;
    let front = shop(&[&backend]).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut dialog = Dialog::tls(&front.https, "shop.test", version).await.unwrap();
        let (mut speak, body) = client::channel();
        let mut answer = timeout(PATIENCE, dialog.post("https://shop.test/echo", body)).await.unwrap();
        for word in ["first", "second"] {
            speak.send(word).await;
            assert_eq!(timeout(PATIENCE, client::next_chunk(&mut answer)).await.unwrap().unwrap(), word);
        }
        drop(speak);
        assert!(timeout(PATIENCE, client::next_chunk(&mut answer)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_connection_that_switches_its_protocol_passes_through() {
    let backend = Backend::start("one").await;
    let front = shop(&[&backend]).await;
    let mut dialog = Dialog::tls(&front.https, "shop.test", Version::HTTP_11).await.unwrap();
    let wish = [("host", "shop.test"), ("connection", "Upgrade"), ("upgrade", "websocket")];
    let answer = dialog.send(get("/switch", &wish)).await;
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answer.headers()["upgrade"], "websocket");
    let mut tunnel = hyper_util::rt::TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    tunnel.write_all(b"ping").await.unwrap();
    let mut echoed = [0; 4];
    timeout(PATIENCE, tunnel.read_exact(&mut echoed)).await.unwrap().unwrap();
    assert_eq!(&echoed, b"ping");
}

#[tokio::test]
async fn a_name_without_a_certificate_is_refused_by_that_name_s_alert() {
    let front = shop(&[]).await;
    let refused = Dialog::tls(&front.https, "plain.test", Version::HTTP_11).await.unwrap_err();
    assert!(refused.to_string().contains("UnrecognisedName"), "{refused}");
}

#[tokio::test]
async fn requests_under_way_end_when_the_part_stops_and_new_connections_are_not_taken() {
    let backend = Backend::start("one").await;
    let front = shop(&[&backend]).await;
    let mut dialog = Dialog::tls(&front.https, "shop.test", Version::HTTP_2).await.unwrap();
    let (mut speak, body) = client::channel();
    let mut answer = dialog.post("https://shop.test/echo", body).await;
    speak.send("before").await;
    assert_eq!(client::next_chunk(&mut answer).await.unwrap(), "before");
    front.shutdown.cancel();
    speak.send("after").await;
    assert_eq!(timeout(PATIENCE, client::next_chunk(&mut answer)).await.unwrap().unwrap(), "after");
    drop(speak);
    assert!(client::next_chunk(&mut answer).await.is_none());
    let ended = timeout(PATIENCE, front.ended()).await;
    assert!(ended.is_ok(), "the servers are still there");
}
