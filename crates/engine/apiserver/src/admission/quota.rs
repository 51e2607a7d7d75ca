//! ResourceQuotas: a write that uses more is charged to the quotas of its namespace, in the same transaction.
//!
//! The charge names the revision of the quota that it was computed from, so that two writes can never both take what
//! is left. What is given back (objects that go, pods that end) is found by counting again, some moments later:
//! [`recount`].

pub(crate) mod recount;
mod scope;
mod usage;

use std::collections::BTreeSet;
use std::sync::Arc;

use bythos_kinds::Quantity;
use bythos_store::{Change, Entry, Expect, Operation, Page, Scope, Store};
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use super::amounts::{Amounts, amounts, listed, to_value};
use crate::encode::Encoded;
use crate::object;
use crate::status::Failure;
use crate::write::{Door, Writing};

pub(crate) const QUOTAS: &str = "resourcequotas";

/// What a write has to pay, to be committed with it.
pub(crate) struct Charges<'a> {
    quotas: Vec<Charged>,
    /// One write at a time is charged: others would only find that they have to think again.
    _guard: Option<MutexGuard<'a, ()>>,
}

struct Charged {
    entry: Arc<Entry>,
    encoded: Encoded,
}

impl Charges<'_> {
    /// What is written beside the object.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let operation = |charged: &Charged| Operation {
            key: charged.entry.key.clone(),
            expect: Expect::At(charged.entry.revision),
            change: Change::Put(charged.encoded.encode()),
        };
        self.quotas.iter().map(operation).collect()
    }
}

/// Charges what `new` uses more than `old` to the quotas of its namespace, or refuses it.
pub(crate) async fn charge<'a>(
    writing: &Writing<'a>,
    old: Option<&Value>,
    new: &Value,
) -> Result<Charges<'a>, Failure> {
    let store = &writing.state.store;
    let concerns_quotas = writing.door == Door::Main && writing.served.kind.namespaced;
    if !concerns_quotas || quotas(store, writing.namespace).is_empty() {
        return Ok(Charges { quotas: Vec::new(), _guard: None });
    }
    let guard = writing.state.quotas.charging.lock().await;
    let resource = &*writing.served.resource;
    let usage = usage::of(resource, new);
    let used_before = old.map(|old| usage::of(resource, old)).unwrap_or_default();
    let mut charged = Vec::new();
    for entry in quotas(store, writing.namespace) {
        let mut quota: Value = serde_json::from_slice(&entry.value)?;
        if !scope::covers(&quota, resource, new) {
            continue;
        }
        let hard = amounts(quota.pointer("/spec/hard"));
        if old.is_none() {
            expect_named(writing, new, &quota, &hard)?;
        }
        let more = more(&usage, &used_before, &hard);
        if more.is_empty() {
            continue;
        }
        let used = used_with(writing, new, &quota, &hard, &more)?;
        object::field_mut(&mut quota, "status").insert("used".to_owned(), to_value(&used));
        charged.push(Charged { encoded: Encoded::of(&quota)?, entry });
    }
    Ok(Charges { quotas: charged, _guard: Some(guard) })
}

/// The quotas of a namespace.
fn quotas(store: &Store, namespace: &str) -> Vec<Arc<Entry>> {
    let scope = Scope { resource: QUOTAS.into(), namespace: Some(namespace.into()) };
    // The newest revision is always retained.
    store.list(&scope, &Page::default()).map(|listing| listing.entries).unwrap_or_default()
}

/// What is used more than before, of what is limited.
fn more(usage: &Amounts, before: &Amounts, hard: &Amounts) -> Amounts {
    let limited = usage.iter().filter(|(name, _)| hard.contains_key(*name));
    let more = limited.map(|(name, amount)| {
        let before = before.get(name).copied();
        (name.clone(), before.map_or(*amount, |before| *amount - before))
    });
    more.filter(|(_, more)| *more > Quantity::ZERO).collect()
}

/// What is used with `more`, if it is within the limits.
fn used_with(
    writing: &Writing<'_>,
    new: &Value,
    quota: &Value,
    hard: &Amounts,
    more: &Amounts,
) -> Result<Amounts, Failure> {
    let name = object::name(quota);
    let mut used = amounts(quota.pointer("/status/used"));
    let unknown: Vec<&str> =
        more.keys().filter(|name| !used.contains_key(*name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let message = format!("status unknown for quota: {name}, resources: {}", unknown.join(","));
        return Err(writing.forbidden(new, &message));
    }
    let before = used.clone();
    super::amounts::add(&mut used, more);
    let is_over = |name: &String| match (used.get(name), hard.get(name)) {
        (Some(used), Some(hard)) => used > hard,
        _ => false,
    };
    let over: BTreeSet<&String> = more.keys().filter(|name| is_over(name)).collect();
    if over.is_empty() {
        return Ok(used);
    }
    let of_those = |amounts: &Amounts| -> Amounts {
        let those = amounts.iter().filter(|(name, _)| over.contains(name));
        those.map(|(name, amount)| (name.clone(), *amount)).collect()
    };
    let message = format!(
        "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
        listed(&of_those(more)),
        listed(&of_those(&before)),
        listed(&of_those(hard))
    );
    Err(writing.forbidden(new, &message))
}

/// Where processor and memory are limited, each container of a pod has to say what it needs of them.
fn expect_named(writing: &Writing<'_>, new: &Value, quota: &Value, hard: &Amounts) -> Result<(), Failure> {
    if &*writing.served.resource != "pods" {
        return Ok(());
    }
    let missing = usage::missing_of_containers(new, hard);
    if missing.is_empty() {
        return Ok(());
    }
    let words: Vec<String> =
        missing.iter().map(|(name, containers)| format!("{name} for: {}", containers.join(","))).collect();
    let message = format!("failed quota: {}: must specify {}", object::name(quota), words.join("; "));
    Err(writing.forbidden(new, &message))
}

/// A quota that is written tells at once what is used of it.
pub(crate) fn admit_quota(writing: &Writing<'_>, quota: &mut Value) {
    let used = recount::count(writing.state, writing.namespace, quota);
    let hard = quota.pointer("/spec/hard").cloned().unwrap_or_else(|| json!({}));
    let status = object::field_mut(quota, "status");
    status.insert("hard".to_owned(), hard);
    status.insert("used".to_owned(), to_value(&used));
}

/// Nothing used, of what is limited.
fn nothing(hard: &Amounts) -> Amounts {
    hard.keys().map(|name| (name.clone(), Quantity::ZERO)).collect()
}
