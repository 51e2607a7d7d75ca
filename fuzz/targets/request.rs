//! Any request to the API: path, query with selectors and `continue` tokens, headers, and a body in any form.
//!
//! ```text
//! PATCH /api/v1/namespaces/default/configmaps/x?fieldManager=me
//! content-type: application/apply-patch+yaml
//!
//! the body
//! ```

#![no_main]

use bythos_fuzz::Server;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SERVER: Server = Server::start();
}

fuzz_target!(|input: &[u8]| {
    let border = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let (head, body) = input.split_at(border);
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let Some((method, target)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    };
    let headers: HeaderMap = lines.filter_map(header).collect();
    SERVER.with(|server| server.ask(method, target, headers, body.get(2..).unwrap_or_default()));
});
