//! Cron schedules as Kubernetes' CronJob reads them: five fields, names of months and days, `@daily` and its
//! like, and `@every 1h30m`.
//!
//! Pure: a [`Schedule`] is parsed once and asked for the next time after a given one, in a time zone that the
//! caller chooses. Nothing here knows the present time.
//!
//! Where the clock jumps ahead, times that are left out do not come; where it falls back, times that come twice
//! come twice.

mod field;
mod interval;
mod schedule;

pub use schedule::{Schedule, ScheduleError};
