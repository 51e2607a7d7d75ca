//! `deletecollection`: `delete` on everything that is selected.

use std::sync::Arc;

use bythos_store::Entry;
use futures::{StreamExt as _, TryStreamExt as _};
use http::Response;

use super::delete::{DeleteOptions, delete, warnings};
use super::list;
use crate::body::Body;
use crate::resources::Target;
use crate::status::Failure;
use crate::write::{Door, WriteOptions};

/// So many deletions are under way at once, so that they share the store's syncs.
const AT_ONCE: usize = 16;

/// Lists what was deleted, as it was.
pub(crate) async fn answer(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let form = target.call.form()?;
    let write_options = target.call.write_options()?;
    let mut options = DeleteOptions::of(target.call)?;
    options.dry_run |= write_options.dry_run;
    let mut found = list::find(target)?;
    let deletions =
        found.entries.clone().into_iter().map(|entry| is_deleted(target, &write_options, &options, entry));
    let deletions: Vec<bool> = futures::stream::iter(deletions).buffered(AT_ONCE).try_collect().await?;
    let mut is_deleted = deletions.into_iter();
    found.entries.retain(|_| is_deleted.next() == Some(true));
    let mut response = list::written(target, form, found)?;
    super::warn(&mut response, &warnings(&target.served, &options));
    Ok(response)
}

/// Whether the deletion is this request's: not if someone else was first.
async fn is_deleted(
    target: &Target<'_>,
    write_options: &WriteOptions,
    options: &DeleteOptions,
    entry: Arc<Entry>,
) -> Result<bool, Failure> {
    let mut writing = target.writing(Door::Main, write_options);
    writing.namespace = &entry.key.namespace;
    match delete(&writing, &entry.key.name, options).await {
        Ok(_) => Ok(true),
        Err(Failure::NotFound { .. }) => Ok(false),
        Err(failure) => Err(failure),
    }
}
