//! The end of a CustomResourceDefinition: first its objects go, then it goes itself.
//!
//! Level-triggered: each pass looks at all definitions whose deletion has begun, deletes the objects that are still
//! there, and takes the finalizer away where there are none. It is told when a definition's deletion begins and when
//! one of its objects changes.

use std::sync::{Arc, Weak};

use bythos_access::User;
use bythos_store::{Page, Scope};
use serde_json::{Value, json};

use crate::admission::CLEANUP;
use crate::object;
use crate::policy::objects;
use crate::registry::{DEFINITIONS, store_resource};
use crate::state::State;
use crate::status::Failure;
use crate::verbs::delete::{DeleteOptions, delete};
use crate::write::{self, Current, Door, Ownership, WriteOptions, Writing};

/// Cleans up behind definitions for as long as the server is there.
pub(crate) async fn clean_up(state: Weak<State>) {
    loop {
        let Some(strong) = state.upgrade() else { return };
        let told = strong.definition_ended.clone();
        // Listening before it looks, so that nothing is missed in between.
        let next = told.notified();
        pass(&strong).await;
        drop(strong);
        next.await;
    }
}

async fn pass(state: &Arc<State>) {
    let ending = objects(&state.store, DEFINITIONS).into_iter().filter(|definition| {
        object::is_ending(definition) && object::finalizers(definition).contains(&CLEANUP)
    });
    for definition in ending {
        if let Err(failure) = clean(state, &definition).await {
            let reason = failure.message();
            tracing::warn!(definition = object::name(&definition), reason, "failed to clean up");
        }
    }
}

async fn clean(state: &Arc<State>, definition: &Value) -> Result<(), Failure> {
    let user = User::authenticated("system:apiserver", &["system:masters"]);
    let options = WriteOptions::own();
    let group = object::text_at(definition, "/spec/group").unwrap_or_default();
    let plural = object::text_at(definition, "/spec/names/plural").unwrap_or_default();
    let registry = state.registry();
    let resource = store_resource(group, plural);
    let scope = Scope { resource: resource.as_str().into(), namespace: None };
    let left = state.store.list(&scope, &Page::default()).map(|listing| listing.entries).unwrap_or_default();
    if let (false, Some(served)) = (left.is_empty(), registry.of_resource(&resource)) {
        for entry in &left {
            let namespace = &entry.key.namespace;
            let writing =
                Writing { state, user: &user, served, namespace, door: Door::Main, options: &options };
            match delete(&writing, &entry.key.name, &DeleteOptions::default()).await {
                Ok(_) | Err(Failure::NotFound { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        // The last one that goes wakes the next pass.
        return Ok(());
    }
    let Some(served) = registry.of_resource(DEFINITIONS) else { return Ok(()) };
    let writing = Writing { state, user: &user, served, namespace: "", door: Door::Main, options: &options };
    let without_finalizer = |current: &Current| {
        let mut new = current.object.clone();
        let others =
            object::finalizers(&current.object).into_iter().filter(|finalizer| *finalizer != CLEANUP);
        let others: Vec<&str> = others.collect();
        object::set_meta(&mut new, "finalizers", (!others.is_empty()).then(|| json!(others)));
        Ok((new, Ownership::Track))
    };
    match write::change(&writing, object::name(definition), &without_finalizer).await {
        Ok(_) | Err(Failure::NotFound { .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}
