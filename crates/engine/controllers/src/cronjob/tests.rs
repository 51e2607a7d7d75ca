//! CronJobs on the engine's API in process, by a clock that the test sets.

use std::sync::Mutex;

use anyhow::{Context as _, Result};
use bythos_testing::{Engine, eventually};
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::{SignedDuration, ToSpan as _};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, from_value, json};

use super::*;

/// An engine with the controller. Time stands still until it is moved.
struct Stage {
    cron_jobs: Api<CronJob>,
    jobs: Api<Job>,
    events: Api<Event>,
    now: Arc<Mutex<Timestamp>>,
    _engine: Engine,
}

impl Stage {
    /// It is the next full minute.
    async fn start() -> Result<Stage> {
        let engine = Engine::start().await?;
        let client = engine.admin.clone();
        let caches = engine.caches.for_part(client.clone());
        let minute = Timestamp::now().as_second() / 60 + 1;
        let now = Arc::new(Mutex::new(Timestamp::from_second(minute * 60)?));
        let told = now.clone();
        let clock: Clock = Arc::new(move || *told.lock().unwrap());
        let controller = CronJobs::new(client.clone(), caches.of().await?, caches.of().await?, clock);
        tokio::spawn(controller.run(CancellationToken::new()));
        Ok(Stage {
            cron_jobs: Api::namespaced(client.clone(), "default"),
            jobs: Api::namespaced(client.clone(), "default"),
            events: Api::namespaced(client, "default"),
            now,
            _engine: engine,
        })
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    /// Moves the time and lets the controller look.
    async fn move_to(&self, time: Timestamp) -> Result<()> {
        *self.now.lock().unwrap() = time;
        let touch = json!({ "metadata": { "annotations": { "example.com/time": time.to_string() } } });
        self.cron_jobs.patch("tick", &PatchParams::default(), &Patch::Merge(touch)).await?;
        Ok(())
    }

    async fn create(&self, spec: Value) -> Result<()> {
        let mut cron_job = json!({ "metadata": { "name": "tick" }, "spec": {
            "schedule": "* * * * *",
            "jobTemplate": { "spec": { "template": { "spec": {
                "restartPolicy": "Never",
                "containers": [{ "name": "main", "image": "tick" }],
            }}}},
        }});
        cron_job["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.cron_jobs.create(&PostParams::default(), &from_value(cron_job)?).await?;
        Ok(())
    }

    /// Waits until exactly these Jobs are there, by the times that they are for.
    async fn until_jobs(&self, times: &[Timestamp]) -> Result<()> {
        let names: Vec<_> = times.iter().map(name_of).collect();
        eventually(&format!("the Jobs {names:?}"), || async {
            let jobs = self.jobs.list(&ListParams::default()).await.ok()?.items;
            let found: Vec<_> = jobs.iter().map(ResourceExt::name_any).collect();
            (found == names).then_some(())
        })
        .await
    }

    async fn until_told(&self, reason: &str) -> Result<()> {
        eventually(&format!("the event {reason}"), || async {
            let events = self.events.list(&ListParams::default()).await.ok()?.items;
            events.iter().any(|event| event.reason.as_deref() == Some(reason)).then_some(())
        })
        .await
    }

    /// Ends the Job of this time, as its controller would.
    async fn end(&self, time: &Timestamp, is_success: bool) -> Result<()> {
        let conditions =
            if is_success { ["SuccessCriteriaMet", "Complete"] } else { ["FailureTarget", "Failed"] };
        let conditions = conditions.map(|type_| json!({ "type": type_, "status": "True" }));
        let mut status = json!({ "startTime": time, "conditions": conditions });
        if is_success {
            status["completionTime"] = json!(time);
        }
        let patch = Patch::Merge(json!({ "status": status }));
        self.jobs.patch_status(&name_of(time), &PatchParams::default(), &patch).await?;
        Ok(())
    }
}

/// The name of the Job for this time.
fn name_of(time: &Timestamp) -> String {
    format!("tick-{}", time.as_second() / 60)
}

fn minutes_after(time: Timestamp, minutes: i64) -> Timestamp {
    time.saturating_add(SignedDuration::from_mins(minutes)).unwrap()
}

#[tokio::test]
async fn a_schedule_is_read_in_its_time_zone() -> Result<()> {
    let stage = Stage::start().await?;
    // Kathmandu is 5:45 hours ahead all year round, which no other rounding finds.
    let zone = TimeZone::get("Asia/Kathmandu")?;
    let tomorrow = stage.now().to_zoned(zone.clone()).date().checked_add(1.day())?;
    let due = tomorrow.at(9, 30, 0, 0).to_zoned(zone)?.timestamp();
    stage
        .create(
            json!({ "schedule": "30 9 * * *", "timeZone": "Asia/Kathmandu", "startingDeadlineSeconds": 60 }),
        )
        .await?;
    stage.move_to(minutes_after(due, -1)).await?;
    stage.move_to(due).await?;
    stage.until_jobs(&[due]).await?;
    let job = stage.jobs.get(&name_of(&due)).await?;
    let told =
        job.annotations().get("batch.kubernetes.io/cronjob-scheduled-timestamp").context("it is told")?;
    assert!(told.ends_with("T09:30:00+05:45"), "{told}");
    Ok(())
}

#[tokio::test]
async fn with_replace_a_job_that_still_runs_makes_room_for_the_next() -> Result<()> {
    let stage = Stage::start().await?;
    let first = stage.now();
    stage.create(json!({ "concurrencyPolicy": "Replace" })).await?;
    stage.until_jobs(&[first]).await?;
    let second = minutes_after(first, 1);
    stage.move_to(second).await?;
    stage.until_jobs(&[second]).await?;
    stage.until_told("SuccessfulDelete").await
}

#[tokio::test]
async fn with_forbid_a_job_waits_until_the_one_before_has_ended() -> Result<()> {
    let stage = Stage::start().await?;
    let first = stage.now();
    stage.create(json!({ "concurrencyPolicy": "Forbid" })).await?;
    stage.until_jobs(&[first]).await?;
    let second = minutes_after(first, 1);
    stage.move_to(second).await?;
    stage.until_told("JobAlreadyActive").await?;
    stage.until_jobs(&[first]).await?;
    // Without a starting deadline, it is never too late.
    stage.end(&first, true).await?;
    stage.until_jobs(&[first, second]).await
}

#[tokio::test]
async fn of_the_jobs_that_ended_as_many_are_kept_as_the_limits_say() -> Result<()> {
    let stage = Stage::start().await?;
    let start = stage.now();
    stage.create(json!({ "successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1 })).await?;
    let times: Vec<_> = (0..5).map(|minute| minutes_after(start, minute)).collect();
    for (number, time) in times.iter().enumerate() {
        stage.move_to(*time).await?;
        eventually("the Job of the minute", || async { stage.jobs.get_opt(&name_of(time)).await.ok()? })
            .await?;
        // The first and the third fail.
        stage.end(time, number % 2 == 1 || number == 4).await?;
    }
    // Of those that failed the third is left, of the others the last two.
    stage.until_jobs(&times[2..]).await
}
