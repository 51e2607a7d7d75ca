//! Logs that grow without end.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::host::alone;
use crate::pods::container;

const LIMIT: Duration = Duration::from_secs(120);

/// Counts without end: fast up to more than a file may hold, then slowly.
const COUNT: &str = "i=0; line=$(/bin/busybox seq -s . 1 200); echo $i $line; \
                     until [ -e /gate/open ]; do /bin/sleep 0.1; done; \
                     while :; do i=$((i+1)); echo $i $line; [ $i -gt 20000 ] && /bin/sleep 0.05; done";

fn moved_aside(folder: &std::path::Path) -> anyhow::Result<usize> {
    let names = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().filter(|name| name.to_string_lossy().starts_with("0.log.")).count())
}

#[test]
fn a_log_that_grows_too_large_is_moved_aside_while_it_is_followed() {
    alone("logs::a_log_that_grows_too_large_is_moved_aside_while_it_is_followed", |host| async move {
        let node = host.run_node_with_image().await?;
        let gate = host.folder().join("gate");
        let mut counter = container("main", COUNT);
        counter["volumeMounts"] = json!([{"name": "gate", "mountPath": "/gate"}]);
        let spec = json!({
            "containers": [counter],
            "volumes": [{"name": "gate", "hostPath": {"path": gate, "type": "DirectoryOrCreate"}}],
            "terminationGracePeriodSeconds": 0,
        });
        let pod = host.create("count", spec).await?;
        host.wait_for_log("count", "main", "0 1.2").await?;
        let uid = pod.metadata.uid.context("the pod has a uid")?;
        let folder = host.config.host_pod_logs.join(format!("default_count_{uid}/main"));
        let empty = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = http::Request::get("/containerLogs/default/count/main?follow=true").body(empty)?;
        let mut body = host.port.call(request).await?.into_body();
        // The follower has its place in the first file before that grows.
        std::fs::write(gate.join("open"), "")?;
        let mut read = BytesMut::new();
        let (mut expected, mut after) = (0, 0);
        let followed = tokio::time::timeout(LIMIT, async {
            while after < 50 {
                let frame = body.frame().await.context("the log goes on")?;
                let frame = frame.map_err(|error| anyhow::anyhow!(error))?;
                read.extend_from_slice(&frame.into_data().unwrap_or_default());
                while let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                    let line = String::from_utf8(read.split_to(end).to_vec())?;
                    read.advance(1);
                    ensure!(line.starts_with(&format!("{expected} ")), "expected {expected}, found {line}");
                    expected += 1;
                }
                after += moved_aside(&folder)?;
            }
            anyhow::Ok(())
        });
        followed.await.with_context(|| format!("no file was moved aside after {expected} lines"))??;
        let size = std::fs::metadata(folder.join("0.log"))?.len();
        ensure!(size < 10 << 20, "the new file has {size} bytes");
        node.stop().await
    });
}
