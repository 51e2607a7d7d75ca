//! Running a release's tests.

use std::sync::Arc;

use super::hooks::{Progress, Run};
use super::{Action, Options, Plan, PlanError};
use crate::manifest::HookEvent;
use crate::release::{History, check_release_name};

/// How the tests of a release are run.
///
/// # Errors
/// There is no release, or a manifest is none.
pub fn test(name: &str, history: &History, options: &Options) -> Result<Plan, PlanError> {
    check_release_name(name)?;
    let record = history.last().ok_or_else(|| PlanError::NotFound(name.to_owned()))?;
    let run = Run {
        record,
        event: HookEvent::Test,
        earlier: None,
        progress: Progress::Fresh,
        method: record.apply_method,
    };
    Ok(Plan {
        action: Action::Test,
        release: record.name.clone(),
        namespace: record.namespace.clone(),
        revision: record.revision,
        steps: run.steps()?,
        record: Arc::clone(record),
        options: options.clone(),
        original: None,
    })
}
