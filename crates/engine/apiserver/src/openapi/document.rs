//! Documents as they are kept and sent: compressed, under an `ETag`.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use http::{Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::body::{Body, full};
use crate::call::{self, Call};
use crate::compress::accepts_gzip;
use crate::registry::Registry;
use crate::state::State;
use crate::status::Failure;

/// Where a document is written to while it is made.
pub(super) type Page = GzEncoder<Vec<u8>>;

/// Which document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    V2Json,
    V2Protobuf,
    /// Of a group version, for example `apis/apps/v1`.
    V3(String),
}

/// A document that was made.
#[derive(Clone)]
struct Document {
    gzipped: Bytes,
    etag: HeaderValue,
}

impl Document {
    fn write(write: impl FnOnce(&mut Page) -> io::Result<()>) -> io::Result<Document> {
        let mut page = GzEncoder::new(Vec::new(), Compression::default());
        write(&mut page)?;
        let mut gzipped = page.finish()?;
        gzipped.shrink_to_fit();
        let digest = Sha256::digest(&gzipped);
        let hash: String = digest.iter().take(16).map(|byte| format!("{byte:02X}")).collect();
        let etag = HeaderValue::from_str(&format!("\"{hash}\"")).map_err(io::Error::other)?;
        Ok(Document { gzipped: gzipped.into(), etag })
    }

    fn plain(&self) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        GzDecoder::new(&*self.gzipped).read_to_end(&mut plain)?;
        Ok(plain)
    }
}

/// The documents that were asked for, each until the kinds change that it speaks of.
#[derive(Default)]
pub(crate) struct Documents {
    /// With what the kinds were when it was made. Held while one is made: who asks meanwhile gets the same.
    made: tokio::sync::Mutex<BTreeMap<Name, (String, Document)>>,
}

impl Documents {
    async fn get<F>(&self, state: &Arc<State>, name: Name, stamp: &str, write: F) -> Result<Document, Failure>
    where
        F: FnOnce(&State, &mut Page) -> io::Result<()> + Send + 'static,
    {
        let mut made = self.made.lock().await;
        if let Some((made_of, document)) = made.get(&name)
            && made_of == stamp
        {
            return Ok(document.clone());
        }
        let state = state.clone();
        let writing = tokio::task::spawn_blocking(move || Document::write(|page| write(&state, page)));
        let document = writing.await.map_err(Failure::of_document)?.map_err(Failure::of_document)?;
        made.insert(name, (stamp.to_owned(), document.clone()));
        Ok(document)
    }
}

impl Failure {
    fn of_document(error: impl std::fmt::Display) -> Failure {
        Failure::Internal(format!("failed to write an OpenAPI document: {error}"))
    }
}

/// Answers with a document, made by `write` if there is none for these kinds.
pub(super) async fn answer<F>(
    call: &Call,
    name: Name,
    registry: &Registry,
    content_type: &'static str,
    write: F,
) -> Result<Response<Body>, Failure>
where
    F: FnOnce(&State, &mut Page) -> io::Result<()> + Send + 'static,
{
    let stamp = registry.fingerprint();
    let document = call.state.documents.get(&call.state, name, stamp, write).await?;
    let is_known = call.headers.get_all(IF_NONE_MATCH).iter().any(|known| *known == document.etag);
    let mut response = if is_known {
        let mut response = Response::new(full(Bytes::new()));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else if accepts_gzip(&call.headers) {
        let mut response = call::answer(StatusCode::OK, content_type, full(document.gzipped));
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        let plain = document.plain().map_err(Failure::of_document)?;
        call::answer(StatusCode::OK, content_type, full(plain))
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, document.etag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    Ok(response)
}

/// Writes the members of a JSON object one after the other.
pub(super) struct Members<'a> {
    page: &'a mut Page,
    is_first: bool,
}

impl<'a> Members<'a> {
    /// Opens the object.
    pub(super) fn begin(page: &'a mut Page) -> io::Result<Self> {
        page.write_all(b"{")?;
        Ok(Members { page, is_first: true })
    }

    pub(super) fn add(&mut self, name: &str, value: &serde_json::Value) -> io::Result<()> {
        serde_json::to_writer(&mut *self.open(name)?, value)?;
        Ok(())
    }

    /// Begins a member whose value the caller writes.
    pub(super) fn open(&mut self, name: &str) -> io::Result<&mut Page> {
        if !std::mem::take(&mut self.is_first) {
            self.page.write_all(b",")?;
        }
        serde_json::to_writer(&mut *self.page, name)?;
        self.page.write_all(b":")?;
        Ok(self.page)
    }

    /// Closes the object.
    pub(super) fn end(self) -> io::Result<()> {
        self.page.write_all(b"}")
    }
}
