//! `watch`: a stream of events, one JSON document per line.
//!
//! What is there first comes as `ADDED`, if the client asks for it; then every change from that revision on,
//! without a gap. A selector turns a change into what it means to its watcher: an object that begins to match is
//! added, one that no longer matches is deleted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use bythos_store::{Entry, Event, EventKind, Expired, Page, Revision, Watch};
use futures::{FutureExt as _, Stream};
use http::{Response, StatusCode};
use rand::Rng as _;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::body::{Body, streamed};
use crate::call::answer as respond;
use crate::encode::with_revision;
use crate::negotiate::{Form, Shape};
use crate::registry::Served;
use crate::request::Query;
use crate::resources::Target;
use crate::selection::Selection;
use crate::state::RunningWatch;
use crate::status::Failure;
use crate::table::{Table, metadata_only};
use crate::verbs::list_options::{asked_revision, check_watch};
use crate::version;

const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// Without `timeoutSeconds` a watch ends after this and up to twice this time, as upstream's do.
const TIMEOUT_MIN: Duration = Duration::from_secs(30 * 60);
/// No watch goes on for longer, however long it is asked for.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Events that are there already are handed on together up to about this size.
const PIECE_BYTES: usize = 64 * 1024;
/// So many events are looked at before others get their turn.
const EVENTS_AT_ONCE_MAX: usize = 256;

/// Where a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With what is there, then on; with a bookmark in between if the client asks for it.
    Present { bookmark: bool },
    /// After a revision.
    After(Revision),
}

impl Start {
    fn of(query: &Query, newest: Revision) -> Result<Start, Failure> {
        check_watch(query)?;
        if query.is_true("sendInitialEvents") {
            asked_revision(query, newest)?;
            return Ok(Start::Present { bookmark: query.is_true("allowWatchBookmarks") });
        }
        let asked = query.number::<u64>("resourceVersion")?.filter(|asked| *asked > 0);
        Ok(match (query.get("sendInitialEvents"), asked) {
            (_, Some(asked)) => Start::After(Revision(asked)),
            (Some(_), None) => Start::After(newest),
            (None, None) => Start::Present { bookmark: false },
        })
    }
}

pub(crate) fn answer(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let query = &target.call.query;
    let store = &target.call.state.store;
    let form = target.call.form()?;
    let start = Start::of(query, store.revision())?;
    let selection = Selection::of(query, &target.served)?.of_name(target.name);
    let scope = target.served.scope(target.namespace);
    let (watch, present, bookmark) = match start {
        Start::After(after) => (store.watch(scope, after), Vec::new(), false),
        Start::Present { bookmark } => match store.list(&scope, &Page::default()) {
            Ok(listing) => (store.watch(scope, listing.revision), listing.entries, bookmark),
            Err(expired) => (Err(expired), Vec::new(), bookmark),
        },
    };
    let writer = Writer { served: target.served.clone(), form, selection, columns_sent: false };
    let body = match watch {
        Err(expired) => streamed(futures::stream::iter([line("ERROR", &expired_status(&expired))])),
        Ok(watch) => streamed(pieces(Running {
            writer,
            watch,
            present: present.into_iter(),
            initial_bookmark: bookmark,
            bookmarks: query.is_true("allowWatchBookmarks"),
            next_bookmark: Instant::now() + BOOKMARK_INTERVAL,
            deadline: Instant::now() + timeout(query)?,
            ended: [target.served.ended().clone(), target.call.caller.ending.clone()],
            _counted: target.call.state.watches.begin(&target.served.resource),
            is_over: false,
        })),
    };
    Ok(respond(StatusCode::OK, "application/json", body))
}

fn timeout(query: &Query) -> Result<Duration, Failure> {
    Ok(match query.number::<u64>("timeoutSeconds")?.filter(|seconds| *seconds > 0) {
        Some(seconds) => Duration::from_secs(seconds).min(TIMEOUT_MAX),
        None => TIMEOUT_MIN.mul_f64(rand::rng().random_range(1.0..2.0)),
    })
}

fn expired_status(expired: &Expired) -> Value {
    Failure::Expired(format!("too old resource version: {} ({})", expired.asked.0, expired.oldest.0)).status()
}

/// A watch under way.
struct Running {
    writer: Writer,
    watch: Watch,
    present: std::vec::IntoIter<Arc<Entry>>,
    initial_bookmark: bool,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    ended: [CancellationToken; 2],
    _counted: RunningWatch,
    is_over: bool,
}

fn pieces(running: Running) -> impl Stream<Item = Bytes> + Send {
    futures::stream::unfold(running, |mut running| async move {
        let piece = running.next_piece().await?;
        Some((piece, running))
    })
}

impl Running {
    /// The next bytes for the client, as soon as there are some; `None` at the end.
    async fn next_piece(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        if let Some(piece) = self.initial_piece() {
            return Some(piece);
        }
        while Instant::now() < self.deadline {
            let bookmark_at = if self.bookmarks { self.next_bookmark } else { self.deadline };
            let [removed, closing] = &self.ended;
            tokio::select! {
                biased;
                () = removed.cancelled() => return None,
                () = closing.cancelled() => return None,
                event = self.watch.next() => {
                    if let Some(piece) = self.piece_from(event) {
                        return Some(piece);
                    }
                    tokio::task::yield_now().await;
                }
                () = tokio::time::sleep_until(bookmark_at.min(self.deadline)) => {
                    if Instant::now() < self.deadline {
                        self.next_bookmark = Instant::now() + BOOKMARK_INTERVAL;
                        return Some(self.writer.bookmark(self.watch.seen(), false));
                    }
                }
            }
        }
        None
    }

    /// What was there at the beginning, and the bookmark that ends it.
    fn initial_piece(&mut self) -> Option<Bytes> {
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES {
            let Some(entry) = self.present.next() else { break };
            piece.extend_from_slice(&self.writer.present(&entry).unwrap_or_default());
        }
        if self.present.len() == 0 && std::mem::take(&mut self.initial_bookmark) {
            piece.extend_from_slice(&self.writer.bookmark(self.watch.seen(), true));
        }
        (!piece.is_empty()).then(|| piece.into())
    }

    /// This event and those behind it that are there already. `None` if the watcher selects none of them.
    fn piece_from(&mut self, first: Result<Event, Expired>) -> Option<Bytes> {
        let mut piece = Vec::new();
        let mut next = Some(first);
        let mut looked_at = 0;
        while let Some(event) = next {
            looked_at += 1;
            match event {
                Ok(event) => piece.extend_from_slice(&self.writer.event(&event).unwrap_or_default()),
                Err(expired) => {
                    piece.extend_from_slice(&line("ERROR", &expired_status(&expired)));
                    self.is_over = true;
                    break;
                }
            }
            let goes_on = piece.len() < PIECE_BYTES && looked_at < EVENTS_AT_ONCE_MAX;
            next = goes_on.then(|| self.watch.next().now_or_never()).flatten();
        }
        (!piece.is_empty()).then(|| piece.into())
    }
}

/// Turns events into lines.
struct Writer {
    served: Arc<Served>,
    form: Form,
    selection: Selection,
    columns_sent: bool,
}

impl Writer {
    /// An object that was there when the watch began.
    fn present(&mut self, entry: &Entry) -> Option<Bytes> {
        self.selection.matches(&entry.key, &entry.value).then(|| self.object_line("ADDED", &entry.value))
    }

    /// What an event means to this watcher; `None` if nothing.
    fn event(&mut self, event: &Event) -> Option<Bytes> {
        let Event { kind, entry, previous } = event;
        let matched =
            previous.as_ref().map(|previous| self.selection.matches(&previous.key, &previous.value));
        let matched = matched.unwrap_or(false);
        if *kind == EventKind::Deleted {
            let selected = matched || self.selection.matches(&entry.key, &entry.value);
            return selected.then(|| self.object_line("DELETED", &entry.value));
        }
        match (matched, self.selection.matches(&entry.key, &entry.value)) {
            (false, false) => None,
            (false, true) => Some(self.object_line("ADDED", &entry.value)),
            (true, true) => Some(self.object_line("MODIFIED", &entry.value)),
            (true, false) => {
                let last = previous.as_ref().map_or(&entry.value, |previous| &previous.value);
                Some(self.object_line("DELETED", &with_revision(last, entry.revision)))
            }
        }
    }

    fn object_line(&mut self, type_: &str, stored: &Bytes) -> Bytes {
        if self.form.shape == Shape::Object {
            return wrap(type_, &version::shown(&self.served, stored));
        }
        let object = version::looked_at(&self.served, stored).unwrap_or_default();
        let shown = match self.form.shape {
            Shape::Table(include) => {
                let mut table = Table::new(&self.served, include);
                table.add(&object);
                let later = std::mem::replace(&mut self.columns_sent, true).then_some(Value::Null);
                table.finish(crate::object::meta(&object, "resourceVersion"), later)
            }
            Shape::Object | Shape::Metadata => metadata_only(&object),
        };
        line(type_, &shown)
    }

    /// Tells that everything up to `revision` was sent.
    fn bookmark(&self, revision: Revision, ends_initial_events: bool) -> Bytes {
        let mut metadata = json!({ "resourceVersion": revision.0.to_string() });
        if ends_initial_events {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let (kind, api_version) = match self.form.shape {
            Shape::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1"),
            _ => (self.served.kind.kind.as_ref(), self.served.api_version.as_str()),
        };
        line("BOOKMARK", &json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata }))
    }
}

fn line(type_: &str, object: &Value) -> Bytes {
    wrap(type_, object.to_string().as_bytes())
}

fn wrap(type_: &str, object: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(object.len() + 40);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(type_.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    line.into()
}
