//! CronJobs: a Job for each time, and no time twice.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use anyhow::Result;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{Stage, create};

fn cron_job(spec: &Value) -> Value {
    let mut cron_job = json!({
        "metadata": { "name": "tick" },
        "spec": {
            "schedule": "@every 1s",
            "jobTemplate": {
                "metadata": { "labels": { "app": "tick" } },
                "spec": { "template": { "spec": {
                    "restartPolicy": "Never",
                    "containers": [{ "name": "main", "image": "tick" }],
                }}},
            },
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        cron_job["spec"][key] = value.clone();
    }
    cron_job
}

/// Ends a Job, as its controller would.
async fn complete(stage: &Stage, name: &str) -> Result<()> {
    let now = Timestamp::now().to_string();
    let status = json!({ "status": {
        "startTime": now,
        "completionTime": now,
        "conditions": [{ "type": "SuccessCriteriaMet", "status": "True" }, { "type": "Complete", "status": "True" }],
    }});
    stage.api::<Job>().patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

#[tokio::test]
async fn a_job_is_made_when_its_time_has_come_and_named_after_it() -> Result<()> {
    let stage = Stage::start().await?;
    let (cron_jobs, jobs) = (stage.api::<CronJob>(), stage.api::<Job>());
    create(&cron_jobs, cron_job(&json!({ "concurrencyPolicy": "Forbid", "timeZone": "Europe/Berlin" })))
        .await?;
    let made = stage.until_count("the first Job", &jobs, 1).await?.remove(0);
    let time = made.annotations()["batch.kubernetes.io/cronjob-scheduled-timestamp"].parse::<Timestamp>()?;
    assert_eq!(made.name_any(), format!("tick-{}", time.as_second() / 60));
    assert_eq!(made.labels()["app"], "tick");
    let listed = |cron_job: &CronJob| {
        let status = cron_job.status.as_ref()?;
        let active = status.active.as_ref()?.first()?.uid.clone();
        (active == made.uid() && status.last_schedule_time.is_some()).then_some(())
    };
    stage.until("the status", &cron_jobs, "tick", listed).await?;

    bythos_testing::eventually("the next time to be left out", || async {
        let events = stage.api::<Event>().list(&ListParams::default()).await.ok()?;
        events.items.into_iter().find(|event| event.reason.as_deref() == Some("JobAlreadyActive"))
    })
    .await?;
    complete(&stage, &made.name_any()).await?;
    let ended = |cron_job: &CronJob| {
        let status = cron_job.status.as_ref()?;
        status.last_successful_time.as_ref().map(drop)
    };
    stage.until("the success", &cron_jobs, "tick", ended).await
}

#[tokio::test]
async fn a_suspended_cron_job_makes_nothing() -> Result<()> {
    let stage = Stage::start().await?;
    let made = create(&stage.api::<CronJob>(), cron_job(&json!({ "suspend": true }))).await?;
    let due = made.creation_timestamp().unwrap().0 + std::time::Duration::from_secs(1);
    bythos_testing::eventually("two times to pass", || async {
        assert_eq!(stage.api::<Job>().list(&ListParams::default()).await.ok()?.items.len(), 0);
        (Timestamp::now() > due + std::time::Duration::from_secs(1)).then_some(())
    })
    .await
}
