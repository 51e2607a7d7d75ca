//! Any message as the protobuf form of any built-in kind: the first byte says which.

#![no_main]

use std::sync::LazyLock;

use bythos_fuzz::Server;
use bythos_kinds::{Kind, built_in};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SERVER: Server = Server::start();
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(built_in);

fuzz_target!(|input: &[u8]| {
    let Some((which, message)) = input.split_first() else { return };
    let Some(kind) = KINDS.get(usize::from(*which) % KINDS.len()) else { return };
    let content_type = HeaderValue::from_static("application/vnd.kubernetes.protobuf");
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
    SERVER.with(|server| server.ask("POST", &path(kind), headers, &body(kind, message)));
});

fn path(kind: &Kind) -> String {
    let root = if kind.group.is_empty() { "api" } else { "apis" };
    let namespace = if kind.namespaced { "namespaces/default/" } else { "" };
    format!("/{root}/{}/{namespace}{}", kind.api_version(), kind.plural)
}

/// The envelope that Kubernetes' clients write: `k8s\0` and an `Unknown`.
fn body(kind: &Kind, message: &[u8]) -> Vec<u8> {
    let type_meta = [field(1, kind.api_version().as_bytes()), field(2, kind.kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), field(1, &type_meta), field(2, message)].concat()
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or_default());
    bytes.extend_from_slice(content);
    bytes
}
