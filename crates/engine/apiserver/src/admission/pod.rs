//! What a pod has to pass, in upstream's order: first what fills in, then what refuses.

use serde_json::Value;

use super::limit_range::Limits;
use super::{pod_security, priority, service_account, tolerations};
use crate::status::Failure;
use crate::write::Writing;

pub(crate) fn admit_new(
    writing: &Writing<'_>,
    pod: &mut Value,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    let limits = Limits::of(writing);
    service_account::admit(writing, pod)?;
    limits.fill(pod);
    priority::admit_new_pod(writing, pod)?;
    tolerations::admit(pod);
    // Its class of service follows from what was filled in.
    (writing.served.kind.rules.prepare_create)(pod);
    limits.check_pod(writing, pod)?;
    pod_security::admit_pod(writing, pod, warnings)
}
