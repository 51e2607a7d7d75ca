//! Requests for certificates, and what is trusted.

use serde_json::Value;

use super::{age, column, text_at, text_or_none};
use crate::Column;
use crate::duration::human_duration;
use crate::fields::{integer, items, text};

pub(crate) fn signing_request() -> Vec<Column> {
    vec![
        age(),
        column("SignerName", |request| text_or_none(request, "spec.signerName")),
        column("Requestor", |request| text_at(request, "spec.username")),
        column("RequestedDuration", |request| match integer(request, "spec.expirationSeconds") {
            None => super::NONE.into(),
            Some(seconds) => human_duration(seconds).into(),
        }),
        column("Condition", |request| condition(request).into()),
    ]
}

fn condition(request: &Value) -> String {
    let has = |type_: &str| items(request, "status.conditions").iter().any(|one| text(one, "type") == type_);
    let mut words = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied".to_owned(),
        (false, true) => "Approved".to_owned(),
        (false, false) => "Pending".to_owned(),
    };
    if has("Failed") {
        words.push_str(",Failed");
    }
    if !text(request, "status.certificate").is_empty() {
        words.push_str(",Issued");
    }
    words
}

pub(crate) fn trust_bundle() -> Vec<Column> {
    vec![column("SignerName", |bundle| text_or_none(bundle, "spec.signerName"))]
}

pub(crate) fn pod_request() -> Vec<Column> {
    vec![
        column("PodName", |request| text_at(request, "spec.podName")),
        column("ServiceAccountName", |request| text_at(request, "spec.serviceAccountName")),
        column("NodeName", |request| text_at(request, "spec.nodeName")),
        column("SignerName", |request| text_at(request, "spec.signerName")),
        column("State", |request| {
            let conditions = items(request, "status.conditions").iter();
            let outcome = conditions
                .map(|one| text(one, "type"))
                .find(|type_| matches!(*type_, "Denied" | "Failed" | "Issued"));
            outcome.unwrap_or("Pending").into()
        }),
    ]
}
