//! CronJob: makes a Job at each time of its schedule.
//!
//! [`due`] (pure) says which time is due now. The name of a Job follows from its time, so that none is made twice,
//! whatever is cut short; what a crash left out of the status is found again by that name. A run that was missed is
//! caught up once, for the last time that passed, unless the starting deadline forbids it.

mod active;
mod build;
mod due;
mod history;
mod timetable;

use std::sync::Arc;
use std::time::Duration;

use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::tz::TimeZone;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::call::{self, CallError};
use crate::freshness::Freshness;
use crate::ownership;
use crate::reconcile::{self, Reconcile};
use due::{Due, Entry};
use timetable::Timetable;

const WORKERS: usize = 2;
/// More missed runs than these are worth a warning: a clock may be wrong.
const MISSED_MAX: i64 = 100;

/// Tells the time.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

pub(crate) struct CronJobs {
    client: Client,
    clock: Clock,
    cron_jobs: Cache<CronJob>,
    jobs: Cache<Job>,
    events: Publisher,
    freshness: Freshness,
}

impl CronJobs {
    pub(crate) fn new(client: Client, cron_jobs: Cache<CronJob>, jobs: Cache<Job>, clock: Clock) -> CronJobs {
        let events = Publisher::new(client.clone(), "cronjob-controller");
        CronJobs { client, clock, cron_jobs, jobs, events, freshness: Freshness::default() }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("cronjob")
            .reconciles(&self.cron_jobs)
            .watches(&self.jobs, |job| ObjectKey::of_controller(job, "CronJob").into_iter().collect());
        reconcile::run(controller, WORKERS, shutdown, self).await;
    }

    fn jobs_of(&self, cron_job: &CronJob) -> Vec<Arc<Job>> {
        let uid = cron_job.metadata.uid.as_deref().unwrap_or_default();
        let namespace = cron_job.metadata.namespace.as_deref().unwrap_or_default();
        let jobs = self.jobs.list_in(namespace).into_iter();
        jobs.filter(|job| ownership::is_controlled_by(&job.metadata, uid)).collect()
    }

    /// Makes the Job that is due, if one is, and notes it in `status`. Gives the time to look again.
    async fn start_due(&self, cron_job: &CronJob, status: &mut CronJobStatus) -> Result<Next, CallError> {
        if cron_job.spec.suspend == Some(true) {
            return Ok(Next::Wait);
        }
        let timetable = match Timetable::of(&cron_job.spec) {
            Ok(timetable) => timetable,
            Err(complaint) => {
                self.warn(cron_job, complaint.reason(), &complaint.to_string()).await;
                return Ok(Next::Wait);
            }
        };
        let now = (self.clock)();
        if let Due::At { time, missed } = due::of(cron_job, &timetable, now) {
            if missed > MISSED_MAX {
                let words = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check \
                             clock skew";
                self.warn(cron_job, "TooManyMissedTimes", words).await;
            }
            self.start(cron_job, status, time, &timetable.zone).await?;
        }
        let next = timetable.next_after(now).map(|next| next.duration_since((self.clock)()));
        // A moment later, since timers may be early.
        Ok(next.map_or(Next::Wait, |rest| {
            Next::After(Duration::try_from(rest).unwrap_or_default() + Duration::from_millis(100))
        }))
    }

    async fn start(
        &self,
        cron_job: &CronJob,
        status: &mut CronJobStatus,
        time: Timestamp,
        zone: &TimeZone,
    ) -> Result<(), CallError> {
        let running = status.active.clone().unwrap_or_default();
        match due::entry(&cron_job.spec, time, running.len(), (self.clock)()) {
            Entry::TooLate => {
                let when = time.to_zoned(zone.clone()).strftime("%a, %d %b %Y %H:%M:%S %z");
                let message = format!("Missed scheduled time to start a job: {when}");
                self.warn(cron_job, "MissSchedule", &message).await;
                return Ok(());
            }
            Entry::Busy => {
                let message =
                    "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.tell(cron_job, "JobAlreadyActive", message).await;
                return Ok(());
            }
            Entry::InPlaceOfOthers => {
                for job in self.jobs_of(cron_job) {
                    if running.iter().any(|one| one.uid == job.metadata.uid) {
                        self.delete(cron_job, &job).await?;
                    }
                }
                status.active = None;
            }
            Entry::Open => {}
        }
        if let Some(job) = self.create(cron_job, time, zone).await? {
            active::add(status, &job);
        }
        status.last_schedule_time = Some(Time(time));
        Ok(())
    }

    /// Makes the Job of this time, or finds it where it was made already.
    async fn create(
        &self,
        cron_job: &CronJob,
        time: Timestamp,
        zone: &TimeZone,
    ) -> Result<Option<Job>, CallError> {
        let job = build::job(cron_job, time, zone);
        let key = ObjectKey::of(&job);
        let api = Api::<Job>::namespaced(self.client.clone(), &key.namespace);
        let made = api.create(&PostParams::default(), &job).await;
        match made.map_err(CallError::on::<Job>("create", &key)) {
            Ok(made) => {
                self.tell(cron_job, "SuccessfulCreate", &format!("Created job {}", key.name)).await;
                Ok(Some(made))
            }
            Err(error) if error.is_already_exists() => {
                let there = api.get_opt(&key.name).await.map_err(CallError::on::<Job>("get", &key))?;
                let uid = cron_job.metadata.uid.as_deref().unwrap_or_default();
                Ok(there.filter(|job| ownership::is_controlled_by(&job.metadata, uid)))
            }
            Err(error) if error.is_namespace_going() => Ok(None),
            Err(error) => {
                let message = format!("Error creating job: {}", error.cause());
                self.warn(cron_job, "FailedCreate", &message).await;
                Err(error)
            }
        }
    }

    async fn delete(&self, cron_job: &CronJob, job: &Job) -> Result<(), CallError> {
        let name = job.metadata.name.as_deref().unwrap_or_default();
        match call::delete_with(&self.client, job, DeleteParams::background()).await {
            Ok(()) => {
                self.tell(cron_job, "SuccessfulDelete", &format!("Deleted job {name}")).await;
                Ok(())
            }
            Err(error) if error.is_outrun() => Ok(()),
            Err(error) => {
                self.warn(cron_job, "FailedDelete", &format!("Deleted job: {}", error.cause())).await;
                Err(error)
            }
        }
    }

    async fn tell_left(&self, cron_job: &CronJob, left: &active::Left) {
        for (name, condition) in &left.finished {
            let message = format!("Saw completed job: {name}, condition: {condition}");
            self.tell(cron_job, "SawCompletedJob", &message).await;
        }
        for name in &left.missing {
            let message = format!("Active job went missing: {name}");
            self.tell(cron_job, "MissingJob", &message).await;
        }
    }

    async fn tell(&self, cron_job: &CronJob, reason: &str, message: &str) {
        self.events.publish(cron_job, Severity::Normal, reason, message).await;
    }

    async fn warn(&self, cron_job: &CronJob, reason: &str, message: &str) {
        self.events.publish(cron_job, Severity::Warning, reason, message).await;
    }
}

impl Reconcile for CronJobs {
    type Error = CallError;

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(cron_job) = self.cron_jobs.get(&key) else {
            self.freshness.forget(&key);
            return Ok(Next::Wait);
        };
        if cron_job.metadata.deletion_timestamp.is_some() || self.freshness.is_stale(cron_job.as_ref()) {
            return Ok(Next::Wait);
        }
        let jobs = self.jobs_of(&cron_job);
        let (mut status, left) = active::observe(&cron_job, &jobs);
        let started = self.start_due(&cron_job, &mut status).await;
        for job in history::surplus(&cron_job, &jobs) {
            self.delete(&cron_job, &job).await?;
        }
        if cron_job.status.as_ref() != Some(&status) {
            let updated = CronJob { status: Some(status), ..cron_job.as_ref().clone() };
            if let Some(written) = call::write_status(&self.client, &updated).await? {
                self.freshness.wrote(&written);
                self.tell_left(&cron_job, &left).await;
            }
        }
        started
    }
}

#[cfg(test)]
mod tests;
