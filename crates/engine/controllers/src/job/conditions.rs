//! The conditions of a Job, and what changes in them are news for an event. Pure.

use k8s_openapi::api::batch::v1::{Job, JobCondition, JobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// What a condition speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Suspended,
    /// It will be complete when its last pods have ended.
    SuccessCriteriaMet,
    Complete,
    /// It will have failed when its last pods have ended.
    FailureTarget,
    Failed,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Type::Suspended => "Suspended",
            Type::SuccessCriteriaMet => "SuccessCriteriaMet",
            Type::Complete => "Complete",
            Type::FailureTarget => "FailureTarget",
            Type::Failed => "Failed",
        }
    }
}

/// How and when a Job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finish {
    pub(crate) is_success: bool,
    pub(crate) time: Timestamp,
}

/// How a Job ended; none while it goes on.
pub(crate) fn finish(job: &Job) -> Option<Finish> {
    let status = job.status.as_ref()?;
    [(Type::Complete, true), (Type::Failed, false)].into_iter().find_map(|(type_, is_success)| {
        let condition = find(status, type_).filter(|condition| condition.status == "True")?;
        let time = condition.last_transition_time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        Some(Finish { is_success, time })
    })
}

/// The condition of this type.
pub(super) fn find(status: &JobStatus, type_: Type) -> Option<&JobCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == type_.as_str())
}

/// Whether the condition of this type is true.
pub(super) fn is_true(status: &JobStatus, type_: Type) -> bool {
    find(status, type_).is_some_and(|condition| condition.status == "True")
}

/// Says so, unless it is said already. What was never true is not said to be false.
pub(super) fn set(
    conditions: &mut Vec<JobCondition>,
    type_: Type,
    is_true: bool,
    (reason, message): (&str, &str),
    now: Timestamp,
) {
    let condition = JobCondition {
        type_: type_.as_str().to_owned(),
        status: if is_true { "True" } else { "False" }.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    };
    match conditions.iter_mut().find(|before| before.type_ == condition.type_) {
        Some(before) if before.status == condition.status && before.reason == condition.reason => {}
        Some(before) => *before = condition,
        None if is_true => conditions.push(condition),
        None => {}
    }
}

/// What an event says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) is_failure: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

/// What happened between two statuses.
pub(super) fn news(before: Option<&JobStatus>, after: Option<&JobStatus>) -> Vec<News> {
    let Some(after) = after else { return Vec::new() };
    let none = JobStatus::default();
    let before = before.unwrap_or(&none);
    let became = |type_| is_true(after, type_) && !is_true(before, type_);
    let good = |reason: &str, message: &str| News {
        is_failure: false,
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    let mut news = Vec::new();
    if became(Type::Suspended) {
        news.push(good("Suspended", "Job suspended"));
    }
    if is_true(before, Type::Suspended) && !is_true(after, Type::Suspended) {
        news.push(good("Resumed", "Job resumed"));
    }
    if became(Type::Complete) {
        news.push(good("Completed", "Job completed"));
    }
    if let Some(failed) = find(after, Type::Failed).filter(|_| became(Type::Failed)) {
        let (reason, message) = (failed.reason.clone(), failed.message.clone());
        news.push(News {
            is_failure: true,
            reason: reason.unwrap_or_default(),
            message: message.unwrap_or_default(),
        });
    }
    news
}
