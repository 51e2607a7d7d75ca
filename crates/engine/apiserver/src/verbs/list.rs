//! `list`: stored bytes one after the other, in pages of one revision.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use bythos_store::{Entry, Expired, Listing, Page, Revision};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::body::{Body, full, streamed};
use crate::call::answer as respond;
use crate::compress::compressed;
use crate::negotiate::{Form, Shape};
use crate::registry::Served;
use crate::request::Query;
use crate::resources::Target;
use crate::selection::Selection;
use crate::status::Failure;
use crate::table::{Table, metadata_only};
use crate::verbs::list_options::{asked_revision, check_list};
use crate::version::{looked_at, read, shown};

/// Stored bytes are handed on in pieces of about this size.
const PIECE_BYTES: usize = 64 * 1024;

/// Where the next page begins. Clients hand it back without reading it.
#[derive(Debug, Serialize, Deserialize)]
struct Continue {
    /// 0 for the newest, where the one before is not retained: the pages then do not show one state.
    revision: u64,
    namespace: String,
    name: String,
}

impl Continue {
    fn encode(&self) -> Result<String, Failure> {
        Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(self)?))
    }

    fn decode(token: &str) -> Result<Continue, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Failure::BadRequest("continue key is not valid".to_owned()))
    }
}

/// A page of a list.
pub(crate) struct Found {
    revision: Revision,
    pub(crate) entries: Vec<Arc<Entry>>,
    continue_token: Option<String>,
    remaining: Option<usize>,
}

pub(crate) fn answer(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let form = target.call.form()?;
    written(target, form, find(target)?)
}

/// The answer that lists what was found.
pub(crate) fn written(target: &Target<'_>, form: Form, found: Found) -> Result<Response<Body>, Failure> {
    let stored_bytes = found.entries.iter().map(|entry| entry.value.len()).sum();
    let body = match form.shape {
        _ if form.is_stored() => streamed(futures::stream::iter(Pieces::new(target, found))),
        Shape::Table(include) => {
            let mut table = Table::new(&target.served, include);
            for entry in &found.entries {
                table.add(&looked_at(&target.served, &entry.value)?);
            }
            let revision = found.revision.0.to_string();
            let mut list = table.finish(Some(&revision), None);
            list["metadata"] = list_metadata(&found);
            full(form.write(&list)?)
        }
        Shape::Object | Shape::Metadata => full(values(target, &found, form)?),
    };
    let response = respond(StatusCode::OK, form.content_type(), body);
    Ok(compressed(&target.call.headers, response, stored_bytes))
}

/// The objects that the request selects.
pub(crate) fn find(target: &Target<'_>) -> Result<Found, Failure> {
    let query = &target.call.query;
    check_list(query)?;
    let selection = Selection::of(query, &target.served)?;
    let limit = query.number::<usize>("limit")?.filter(|limit| *limit > 0);
    let mut page = page(query, target.call.state.store.revision())?;
    // What a selector leaves out does not count for the limit.
    page.limit = limit.filter(|_| selection.is_everything());
    let scope = target.served.scope(target.namespace);
    let Listing { revision, mut entries, mut remaining } =
        target.call.state.store.list(&scope, &page).map_err(|expired| expired_list(&page, &expired))?;
    if !selection.is_everything() {
        entries.retain(|entry| selection.matches(&entry.key, &entry.value));
        let limit = limit.unwrap_or(usize::MAX);
        remaining = entries.len().saturating_sub(limit);
        entries.truncate(limit);
    }
    let last = entries.last().filter(|_| remaining > 0);
    let continue_token = last
        .map(|last| {
            let key = &last.key;
            let next = Continue {
                revision: revision.0,
                namespace: key.namespace.to_string(),
                name: key.name.to_string(),
            };
            next.encode()
        })
        .transpose()?;
    let remaining = (remaining > 0 && selection.is_everything()).then_some(remaining);
    Ok(Found { revision, entries, continue_token, remaining })
}

fn page(query: &Query, newest: Revision) -> Result<Page, Failure> {
    if let Some(token) = query.get("continue") {
        let Continue { revision, namespace, name } = Continue::decode(token)?;
        let after = Some((namespace.into(), name.into()));
        return Ok(Page { limit: None, at: (revision > 0).then_some(Revision(revision)), after });
    }
    let asked = asked_revision(query, newest)?;
    // As in upstream's first pages: a page of a revision is one of that very revision.
    let is_page = query.get("limit").is_some_and(|limit| limit != "0");
    let exact = query.get("resourceVersionMatch").map_or(is_page, |how| how == "Exact");
    Ok(Page { at: asked.filter(|_| exact), ..Page::default() })
}

fn expired_list(page: &Page, expired: &Expired) -> Failure {
    let next = page.after.as_ref().map(|(namespace, name)| {
        Continue { revision: 0, namespace: namespace.to_string(), name: name.to_string() }.encode()
    });
    match next {
        Some(Ok(next)) => Failure::ExpiredPage { next },
        _ => {
            Failure::Expired(format!("too old resource version: {} ({})", expired.asked.0, expired.oldest.0))
        }
    }
}

fn list_metadata(found: &Found) -> Value {
    let mut metadata = json!({ "resourceVersion": found.revision.0.to_string() });
    if let Some(token) = &found.continue_token {
        metadata["continue"] = json!(token);
    }
    if let Some(remaining) = found.remaining {
        metadata["remainingItemCount"] = json!(remaining);
    }
    metadata
}

fn values(target: &Target<'_>, found: &Found, form: Form) -> Result<Bytes, Failure> {
    let served = &target.served;
    let mut items = Vec::with_capacity(found.entries.len());
    for entry in &found.entries {
        let object = read(served, &entry.value)?;
        items.push(if form.shape == Shape::Metadata { metadata_only(&object) } else { object });
    }
    let (kind, api_version) = match form.shape {
        Shape::Metadata => ("PartialObjectMetadataList", "meta.k8s.io/v1"),
        _ => (served.list_kind.as_str(), served.api_version.as_str()),
    };
    let metadata = list_metadata(found);
    form.write(&json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items }))
}

/// A list in JSON, made of stored bytes piece by piece.
struct Pieces {
    head: Option<String>,
    entries: std::vec::IntoIter<Arc<Entry>>,
    served: Arc<Served>,
    is_first: bool,
    is_done: bool,
}

impl Pieces {
    fn new(target: &Target<'_>, found: Found) -> Pieces {
        let served = &target.served;
        let metadata = list_metadata(&found);
        let head = format!(
            "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
            served.list_kind, served.api_version
        );
        Pieces {
            head: Some(head),
            entries: found.entries.into_iter(),
            served: served.clone(),
            is_first: true,
            is_done: false,
        }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_done {
            return None;
        }
        // The last object of a piece goes beyond its size; most are smaller than what is left here for it.
        let mut piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        piece.extend_from_slice(self.head.take().unwrap_or_default().as_bytes());
        while piece.len() < PIECE_BYTES {
            let Some(entry) = self.entries.next() else {
                piece.extend_from_slice(b"]}\n");
                self.is_done = true;
                break;
            };
            if !std::mem::take(&mut self.is_first) {
                piece.push(b',');
            }
            piece.extend_from_slice(&shown(&self.served, &entry.value));
        }
        Some(piece.into())
    }
}
