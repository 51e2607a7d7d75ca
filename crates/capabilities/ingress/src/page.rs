//! The proxy's own answers: small pages that say what is wrong, for people and for programs.

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use crate::proxy::ProxyBody;

/// What the asker can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A browser's page.
    Html,
    /// A line for a program.
    Text,
}

impl Format {
    pub(crate) fn asked_for(asked: &HeaderMap) -> Self {
        let accepted = asked.get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
        if accepted.contains("text/html") { Format::Html } else { Format::Text }
    }
}

/// An answer with `status` that says `what`.
pub(crate) fn page(format: Format, status: StatusCode, what: &str) -> Response<ProxyBody> {
    let (content_type, text) = match format {
        Format::Html => ("text/html; charset=utf-8", html(status, what)),
        Format::Text => ("text/plain; charset=utf-8", format!("{status}: {what}\n")),
    };
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A body that is all there.
pub(crate) fn full(text: impl Into<Bytes>) -> ProxyBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

fn html(status: StatusCode, what: &str) -> String {
    let what = escape(what);
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{status}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <body style=\"font-family: system-ui, sans-serif; max-width: 40rem; margin: 15vh auto; padding: 0 1rem\">\
         <h1>{status}</h1><p>{what}</p></body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_client_sent_never_becomes_markup() {
        let mut asked = HeaderMap::new();
        asked.insert(ACCEPT, HeaderValue::from_static("text/html,*/*"));
        let page = page(Format::asked_for(&asked), StatusCode::NOT_FOUND, "No <script> & \"host\".");
        let body = page.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains("No &lt;script&gt; &amp; &quot;host&quot;."), "{text}");
    }
}
