//! `deletecollection`: `delete` on everything that is selected.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::delete::{DeleteOptions, delete};
use super::list;
use crate::body::Body;
use crate::resources::Target;
use crate::status::Failure;
use crate::write::Door;

pub(crate) async fn answer(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let write_options = target.call.write_options()?;
    let mut options = DeleteOptions::of(target.call)?;
    options.dry_run |= write_options.dry_run;
    let found = list::find(target)?;
    let mut items: Vec<Value> = Vec::with_capacity(found.entries.len());
    for entry in &found.entries {
        let mut writing = target.writing(Door::Main, &write_options);
        writing.namespace = &entry.key.namespace;
        match delete(&writing, &entry.key.name, &options).await {
            Ok(_) => items.push(serde_json::from_slice(&entry.value)?),
            // Someone else was first.
            Err(Failure::NotFound { .. }) => {}
            Err(failure) => return Err(failure),
        }
    }
    let list = json!({
        "kind": target.served.list_kind,
        "apiVersion": target.served.api_version,
        "metadata": { "resourceVersion": found.revision.0.to_string() },
        "items": items,
    });
    target.call.answer_value(StatusCode::OK, &list)
}
