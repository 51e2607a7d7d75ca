//! When a CronJob runs, read from its spec. Pure.

use bythos_cron::{Schedule, ScheduleError};
use k8s_openapi::api::batch::v1::CronJobSpec;
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{self, Timestamp};

/// The spec says no time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Complaint {
    #[error("invalid timeZone: {name:?}: {source}")]
    TimeZone { name: String, source: jiff::Error },
    #[error("unparseable schedule: {schedule:?} : {source}")]
    Schedule { schedule: String, source: ScheduleError },
}

impl Complaint {
    /// Of the event.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Complaint::TimeZone { .. } => "UnknownTimeZone",
            Complaint::Schedule { .. } => "UnparseableSchedule",
        }
    }
}

/// A schedule in its time zone.
pub(super) struct Timetable {
    schedule: Schedule,
    pub(super) zone: TimeZone,
}

impl Timetable {
    pub(super) fn of(spec: &CronJobSpec) -> Result<Timetable, Complaint> {
        let name = spec.time_zone.as_deref();
        let zone = name
            .map_or(Ok(TimeZone::UTC), TimeZone::get)
            .map_err(|source| Complaint::TimeZone { name: name.unwrap_or_default().to_owned(), source })?;
        let schedule = spec
            .schedule
            .parse()
            .map_err(|source| Complaint::Schedule { schedule: spec.schedule.clone(), source })?;
        Ok(Timetable { schedule, zone })
    }

    /// The first time after `after`.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedule.next_after(after, &self.zone)
    }

    /// The last time that is after `after` and not after `until`.
    pub(super) fn last_within(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        self.schedule.last_within(after, until, &self.zone)
    }
}
