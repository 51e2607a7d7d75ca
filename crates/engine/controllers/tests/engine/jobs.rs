//! Jobs: each pod counts once, and the Job ends as its pods say.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::{Stage, create, merge};

const INDEX: &str = "batch.kubernetes.io/job-completion-index";

fn job(spec: &Value) -> Value {
    let mut job = json!({
        "metadata": { "name": "pi" },
        "spec": { "template": { "spec": {
            "restartPolicy": "Never",
            "containers": [{ "name": "main", "image": "pi" }],
        }}},
    });
    for (key, value) in spec.as_object().unwrap() {
        job["spec"][key] = value.clone();
    }
    job
}

/// Ends a pod with this exit code.
async fn end(pods: &Api<Pod>, name: &str, code: i32) -> Result<()> {
    let finished_at = "2026-01-01T00:00:00Z";
    let status = json!({ "status": {
        "phase": if code == 0 { "Succeeded" } else { "Failed" },
        "containerStatuses": [{
            "name": "main", "image": "pi", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "terminated": { "exitCode": code, "finishedAt": finished_at } },
        }],
    }});
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

/// The pods that run, by their index; by number where they have none.
async fn running(pods: &Api<Pod>) -> Option<BTreeMap<String, String>> {
    let items = pods.list(&ListParams::default()).await.ok()?.items;
    let running = items.into_iter().filter(|pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        phase == Some("Pending") && pod.metadata.deletion_timestamp.is_none()
    });
    let keyed = running.enumerate().map(|(number, pod)| {
        let index = pod.annotations().get(INDEX).cloned();
        (index.unwrap_or_else(|| number.to_string()), pod.name_any())
    });
    Some(keyed.collect())
}

/// Waits until pods of exactly these indexes run.
async fn until_running(pods: &Api<Pod>, indexes: &[&str]) -> Result<BTreeMap<String, String>> {
    bythos_testing::eventually(&format!("pods {indexes:?}"), || async {
        running(pods).await.filter(|running| running.keys().eq(indexes))
    })
    .await
}

fn condition(job: &Job, type_: &str) -> Option<JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|one| one.type_ == type_ && one.status == "True").cloned()
}

async fn until_condition(stage: &Stage, type_: &str) -> Result<(String, String)> {
    let jobs = stage.api::<Job>();
    let found = stage.until(type_, &jobs, "pi", |job| condition(job, type_)).await?;
    Ok((found.reason.unwrap_or_default(), found.message.unwrap_or_default()))
}

async fn has_event(stage: &Stage, reason: &str) -> Result<()> {
    bythos_testing::eventually(reason, || async {
        let events = stage.api::<Event>().list(&ListParams::default()).await.ok()?;
        events.items.into_iter().find(|event| event.reason.as_deref() == Some(reason)).map(drop)
    })
    .await
}

#[tokio::test]
async fn a_job_is_complete_when_enough_pods_have_succeeded() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    create(&jobs, job(&json!({ "completions": 3, "parallelism": 2 }))).await?;
    let first = until_running(&pods, &["0", "1"]).await?;
    for name in first.values() {
        end(&pods, name, 0).await?;
    }
    let last = until_running(&pods, &["0"]).await?;
    end(&pods, &last["0"], 0).await?;
    let (reason, _) = until_condition(&stage, "Complete").await?;
    assert_eq!(reason, "CompletionsReached");
    let status = jobs.get("pi").await?.status.unwrap();
    assert_eq!((status.succeeded, status.failed, status.active), (Some(3), None, None));
    assert!(status.completion_time.is_some() && status.start_time.is_some());
    let ended = stage.until_count("the pods, which stay", &pods, 3).await?;
    assert!(ended.iter().all(|pod| pod.finalizers().is_empty()));
    has_event(&stage, "Completed").await?;
    has_event(&stage, "SuccessfulCreate").await
}

#[tokio::test]
async fn a_job_fails_beyond_its_backoff_limit_and_ends_what_runs() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    create(&jobs, job(&json!({ "completions": 2, "parallelism": 2, "backoffLimit": 0 }))).await?;
    let first = until_running(&pods, &["0", "1"]).await?;
    end(&pods, &first["0"], 1).await?;
    let (reason, message) = until_condition(&stage, "Failed").await?;
    assert_eq!(reason, "BackoffLimitExceeded");
    assert_eq!(message, "Job has reached the specified backoff limit");
    let status = jobs.get("pi").await?.status.unwrap();
    assert_eq!(status.failed, Some(2), "the one that was ended counts too");
    stage.until_count("the failed pod alone", &pods, 1).await?;
    has_event(&stage, "BackoffLimitExceeded").await
}

#[tokio::test]
async fn a_failed_pod_is_replaced_and_counted_once() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    create(&jobs, job(&json!({}))).await?;
    for failures in 1..=2 {
        let one = until_running(&pods, &["0"]).await?;
        end(&pods, &one["0"], 1).await?;
        let counted = |job: &Job| (job.status.as_ref()?.failed? == failures).then_some(());
        stage.until("the count", &jobs, "pi", counted).await?;
    }
    let last = until_running(&pods, &["0"]).await?;
    end(&pods, &last["0"], 0).await?;
    until_condition(&stage, "Complete").await?;
    let status = jobs.get("pi").await?.status.unwrap();
    assert_eq!((status.succeeded, status.failed), (Some(1), Some(2)));
    Ok(())
}

#[tokio::test]
async fn an_indexed_job_runs_each_index_until_it_has_succeeded() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    create(&jobs, job(&json!({ "completions": 4, "parallelism": 3, "completionMode": "Indexed" }))).await?;
    let first = until_running(&pods, &["0", "1", "2"]).await?;
    let pod = pods.get(&first["1"]).await?;
    assert!(pod.name_any().starts_with("pi-1-"));
    let spec = pod.spec.as_ref().unwrap();
    assert_eq!(spec.hostname.as_deref(), Some("pi-1"));
    assert_eq!(spec.containers[0].env.as_ref().unwrap()[0].name, "JOB_COMPLETION_INDEX");
    end(&pods, &first["0"], 0).await?;
    end(&pods, &first["2"], 1).await?;
    let second = until_running(&pods, &["1", "2", "3"]).await?;
    for index in ["1", "2", "3"] {
        end(&pods, &second[index], 0).await?;
    }
    until_condition(&stage, "Complete").await?;
    let status = jobs.get("pi").await?.status.unwrap();
    assert_eq!(status.completed_indexes.as_deref(), Some("0-3"));
    assert_eq!((status.succeeded, status.failed), (Some(4), Some(1)));
    Ok(())
}

#[tokio::test]
async fn an_index_fails_alone_where_it_has_a_limit_of_its_own() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    let spec =
        json!({ "completions": 2, "parallelism": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 1 });
    create(&jobs, job(&spec)).await?;
    let first = until_running(&pods, &["0", "1"]).await?;
    end(&pods, &first["0"], 1).await?;
    let second = bythos_testing::eventually("the second try", || async {
        running(&pods).await?.remove("0").filter(|name| *name != first["0"])
    })
    .await?;
    let count = pods.get(&second).await?.annotations()["batch.kubernetes.io/job-index-failure-count"].clone();
    assert_eq!(count, "1");
    end(&pods, &second, 1).await?;
    until_running(&pods, &["1"]).await?;
    end(&pods, &first["1"], 0).await?;
    let (reason, _) = until_condition(&stage, "Failed").await?;
    assert_eq!(reason, "FailedIndexes");
    let status = jobs.get("pi").await?.status.unwrap();
    assert_eq!(
        (status.completed_indexes.as_deref(), status.failed_indexes.as_deref()),
        (Some("1"), Some("0"))
    );
    Ok(())
}

#[tokio::test]
async fn a_failure_policy_ignores_some_failures_and_ends_the_job_on_others() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    let on = |code: i32| json!({ "operator": "In", "values": [code] });
    let rules =
        json!([{ "action": "Ignore", "onExitCodes": on(7) }, { "action": "FailJob", "onExitCodes": on(42) }]);
    create(&jobs, job(&json!({ "backoffLimit": 0, "podFailurePolicy": { "rules": rules } }))).await?;
    let first = until_running(&pods, &["0"]).await?;
    end(&pods, &first["0"], 7).await?;
    let second = bythos_testing::eventually("a replacement", || async {
        running(&pods).await?.remove("0").filter(|name| *name != first["0"])
    })
    .await?;
    end(&pods, &second, 42).await?;
    let (reason, message) = until_condition(&stage, "Failed").await?;
    assert_eq!(reason, "PodFailurePolicy");
    let expected = format!(
        "Container main for pod default/{second} failed with exit code 42 matching FailJob rule at index 1"
    );
    assert_eq!(message, expected);
    assert_eq!(jobs.get("pi").await?.status.unwrap().failed, Some(1));
    Ok(())
}

#[tokio::test]
async fn a_success_policy_ends_the_job_early() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    let rules = json!([{ "succeededIndexes": "0" }]);
    let spec = json!({
        "completions": 3, "parallelism": 3, "completionMode": "Indexed", "successPolicy": { "rules": rules },
    });
    create(&jobs, job(&spec)).await?;
    let all = until_running(&pods, &["0", "1", "2"]).await?;
    end(&pods, &all["0"], 0).await?;
    let (reason, _) = until_condition(&stage, "Complete").await?;
    assert_eq!(reason, "SuccessPolicy");
    assert_eq!(jobs.get("pi").await?.status.unwrap().succeeded, Some(1));
    stage.until_count("the pod that succeeded", &pods, 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_suspended_job_has_no_pods_and_counts_none_of_them_as_failed() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    create(&jobs, job(&json!({ "completions": 2, "parallelism": 2 }))).await?;
    until_running(&pods, &["0", "1"]).await?;
    merge(&jobs, "pi", json!({ "spec": { "suspend": true } })).await?;
    until_condition(&stage, "Suspended").await?;
    stage.until_count("no pods", &pods, 0).await?;
    has_event(&stage, "Suspended").await?;
    merge(&jobs, "pi", json!({ "spec": { "suspend": false } })).await?;
    until_running(&pods, &["0", "1"]).await?;
    has_event(&stage, "Resumed").await?;
    assert_eq!(jobs.get("pi").await?.status.unwrap().failed, None);
    Ok(())
}

#[tokio::test]
async fn a_job_that_takes_too_long_fails_and_goes_when_its_time_has_come() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    // Long enough for the pod to be seen before it goes, also where everything is slow.
    create(&jobs, job(&json!({ "activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": 1 }))).await?;
    until_running(&pods, &["0"]).await?;
    has_event(&stage, "DeadlineExceeded").await?;
    stage.until_count("no Job", &jobs, 0).await?;
    stage.until_count("no pods", &pods, 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_deleted_job_leaves_no_pod_behind_and_an_orphaned_pod_is_let_go() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    create(&jobs, job(&json!({}))).await?;
    until_running(&pods, &["0"]).await?;
    jobs.delete("pi", &DeleteParams::background()).await?;
    stage.until_count("no pods", &pods, 0).await?;

    create(&jobs, job(&json!({}))).await?;
    let orphan = until_running(&pods, &["0"]).await?;
    jobs.delete(
        "pi",
        &DeleteParams {
            propagation_policy: Some(kube::api::PropagationPolicy::Orphan),
            ..DeleteParams::default()
        },
    )
    .await?;
    let is_free =
        |pod: &Pod| (pod.finalizers().is_empty() && pod.owner_references().is_empty()).then_some(());
    stage.until("the pod to be let go", &pods, &orphan["0"], is_free).await
}

#[tokio::test]
async fn counting_goes_on_where_a_crash_left_it() -> Result<()> {
    let mut stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    create(&jobs, job(&json!({ "completions": 6, "parallelism": 2 }))).await?;
    for _ in 0..3 {
        let two = until_running(&pods, &["0", "1"]).await?;
        for name in two.values() {
            end(&pods, name, 0).await?;
        }
        stage.kill_controllers().await;
        stage.start_controllers().await?;
    }
    until_condition(&stage, "Complete").await?;
    assert_eq!(jobs.get("pi").await?.status.unwrap().succeeded, Some(6));
    stage.until_count("a pod for each", &pods, 6).await?;
    Ok(())
}

#[tokio::test]
async fn a_pod_on_its_way_out_is_replaced_only_when_it_has_ended_where_the_job_says_so() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    let mut placed = job(&json!({ "podReplacementPolicy": "Failed" }));
    placed["spec"]["template"]["spec"]["nodeName"] = json!("one");
    create(&jobs, placed).await?;
    let first = until_running(&pods, &["0"]).await?.remove("0").unwrap();
    pods.delete(&first, &DeleteParams::default()).await?;
    let ending = |job: &Job| (job.status.as_ref()?.terminating? == 1).then_some(());
    stage.until("the status", &jobs, "pi", ending).await?;
    crate::support::settle(|| async {
        assert_eq!(pods.list(&ListParams::default()).await.unwrap().items.len(), 1);
    })
    .await;
    end(&pods, &first, 1).await?;
    let replaced = || async { running(&pods).await?.remove("0").filter(|name| *name != first) };
    bythos_testing::eventually("the replacement", replaced).await?;
    // The replacement may come before the failed pod is counted for good.
    let counted = |job: &Job| (job.status.as_ref()?.failed? == 1).then_some(());
    stage.until("the count", &jobs, "pi", counted).await
}

#[tokio::test]
async fn a_job_that_is_made_smaller_lets_pods_go_without_counting_them() -> Result<()> {
    let stage = Stage::start().await?;
    let (jobs, pods) = (stage.api::<Job>(), stage.api::<Pod>());
    create(&jobs, job(&json!({ "completions": 5, "parallelism": 3 }))).await?;
    until_running(&pods, &["0", "1", "2"]).await?;
    merge(&jobs, "pi", json!({ "spec": { "parallelism": 1 } })).await?;
    stage.until_count("one pod", &pods, 1).await?;
    let counted = |job: &Job| {
        let status = job.status.as_ref()?;
        (status.active == Some(1) && status.failed.is_none()).then_some(())
    };
    stage.until("the status", &jobs, "pi", counted).await
}
