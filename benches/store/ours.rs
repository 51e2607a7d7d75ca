//! The store, as the API server uses it.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;
use bythos_store::{Change, Expect, Key, Operation, Options, Store};
use tokio::task::JoinSet;

use crate::{SPAN, VALUE_BYTES, per_second};

pub(crate) async fn writes_per_second(directory: &Path, writers: usize) -> Result<u64> {
    let store = Store::open(Options { directory: Some(directory.to_owned()), history_events: 10_000 })?;
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for writer in 0..writers {
        tasks.spawn(write(store.clone(), writer, began));
    }
    let mut writes = 0;
    while let Some(written) = tasks.join_next().await {
        writes += written??;
    }
    drop(store);
    std::fs::remove_dir_all(directory)?;
    Ok(per_second(writes))
}

async fn write(store: Store, writer: usize, began: Instant) -> Result<u64> {
    let mut writes = 0;
    let value = Bytes::from(vec![7; VALUE_BYTES]);
    while began.elapsed() < SPAN {
        let key = Key {
            resource: "pods".into(),
            namespace: "default".into(),
            name: format!("{writer}-{writes}").into(),
        };
        let value = value.clone();
        let change = Change::Put(Box::new(move |_| value));
        store.commit(vec![Operation { key, expect: Expect::Absent, change }]).await?;
        writes += 1;
    }
    Ok(writes)
}
