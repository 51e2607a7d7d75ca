//! The little of CGI (RFC 3875) that `git http-backend` speaks.

use std::io;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};
use tokio::process::Command;

const HEADER_BYTES_MAX: u64 = 16 << 10;

/// Tells the backend about the request, in its environment.
pub(crate) fn describe(command: &mut Command, head: &request::Parts) {
    command
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", head.uri.path())
        .env("QUERY_STRING", head.uri.query().unwrap_or_default());
    let git_protocol = HeaderName::from_static("git-protocol");
    for (header, variable) in [
        (CONTENT_TYPE, "CONTENT_TYPE"),
        (CONTENT_LENGTH, "CONTENT_LENGTH"),
        (CONTENT_ENCODING, "HTTP_CONTENT_ENCODING"),
        (git_protocol, "GIT_PROTOCOL"),
    ] {
        if let Some(value) = head.headers.get(header).and_then(|value| value.to_str().ok()) {
            command.env(variable, value);
        }
    }
}

/// Reads status and headers of the backend's answer; the body follows in `output`.
///
/// # Errors
/// The backend ended before its headers did, or they make no sense.
pub(crate) async fn read_head<R>(output: &mut R) -> io::Result<(StatusCode, HeaderMap)>
where
    R: AsyncBufRead + Unpin,
{
    let malformed = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut bounded = output.take(HEADER_BYTES_MAX);
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        if bounded.read_line(&mut line).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ended within its headers"));
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header without a colon"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().unwrap_or_default();
            status = code.parse().map_err(|_| malformed("a status that is none"))?;
        } else {
            let name: HeaderName = name.parse().map_err(|_| malformed("a header with a malformed name"))?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| malformed("a malformed header"))?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_status_headers_and_body() {
        let mut output = &b"Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nno"[..];
        let (status, headers) = read_head(&mut output).await.unwrap();
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(headers[CONTENT_TYPE], "text/plain");
        assert_eq!(output, b"no");
    }

    #[tokio::test]
    async fn an_answer_that_ends_early_is_an_error() {
        for answer in [&b""[..], b"Content-Type: text/plain\r\n", b"nonsense\r\n\r\n"] {
            assert!(read_head(&mut &*answer).await.is_err());
        }
    }
}
