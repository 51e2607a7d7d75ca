//! Failures of requests, and the `Status` objects by which clients know them.
//!
//! The words are upstream's (`apimachinery/pkg/api/errors`), because people and programs search for them.

use bythos_access::User;
use bythos_kinds::DenialReason;
use bythos_operator::error_chain;
use bythos_patch::Conflict;
use bythos_schema::FieldError;
use bythos_store::CommitError;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::{Body, full};

/// Names a resource in messages: `deployments.apps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceName {
    /// Empty for the core group.
    pub(crate) group: String,
    /// Plural, or the kind, where upstream says so.
    pub(crate) resource: String,
}

impl ResourceName {
    pub(crate) fn new(group: &str, resource: &str) -> Self {
        ResourceName { group: group.to_owned(), resource: resource.to_owned() }
    }
}

impl std::fmt::Display for ResourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.resource),
            group => write!(f, "{}.{group}", self.resource),
        }
    }
}

/// Why a request was not carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing is served at this path.
    UnknownPath,
    /// The path is served, but not by this method.
    MethodNotAllowed,
    /// The body, the query or a header makes no sense.
    BadRequest(String),
    /// Credentials were given, but they name nobody.
    Unauthorized,
    /// RBAC does not allow it.
    Forbidden { resource: Option<ResourceName>, name: String, message: String },
    /// A policy of the cluster's owner does not allow it.
    DeniedByPolicy { resource: ResourceName, name: String, message: String, reason: DenialReason },
    /// The namespace ends: nothing new may come into it.
    NamespaceEnds { resource: ResourceName, name: String, namespace: String },
    /// There is no such object.
    NotFound { resource: ResourceName, name: String },
    /// There is one already.
    AlreadyExists { resource: ResourceName, name: String },
    /// It changed, or is not what the client believes.
    Conflict { resource: ResourceName, name: String, message: String },
    /// An apply touches what others hold.
    ApplyConflict(Vec<Conflict>),
    /// Fields do not hold.
    Invalid { kind: ResourceName, name: String, errors: Vec<FieldError> },
    /// The revision is not retained any more.
    Expired(String),
    /// The revision of a list's next page is not retained any more; `next` goes on with the newest.
    ExpiredPage { next: String },
    /// The revision is not reached yet.
    FutureRevision { asked: u64, newest: u64 },
    /// No representation that the client accepts.
    NotAcceptable(&'static str),
    /// A body in a format that is not read here.
    UnsupportedMediaType(&'static str),
    /// The body is beyond the limit.
    TooLarge { bytes_max: usize },
    /// Too many requests are under way.
    TooManyRequests,
    /// A disruption budget does not allow the eviction.
    DisruptionBudget { cause: String, retry_after_seconds: Option<u32> },
    /// It took too long.
    Timeout,
    /// What has to be asked is not there.
    Unavailable(String),
    /// The store did not take a write.
    Commit(CommitError),
    /// The server's own fault.
    Internal(String),
}

pub(crate) const CHANGED_MEANWHILE: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

const EXPIRED_PAGE: &str = "The provided continue parameter is too old to display a consistent list result. You can \
     start a new list without the continue parameter, or use the continue token in this response to retrieve the \
     remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were \
     created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

impl Failure {
    /// The HTTP status code and the `reason` of the Status.
    pub(crate) fn code_and_reason(&self) -> (StatusCode, &'static str) {
        match self {
            Failure::UnknownPath | Failure::NotFound { .. } => (StatusCode::NOT_FOUND, "NotFound"),
            Failure::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            Failure::BadRequest(_) => (StatusCode::BAD_REQUEST, "BadRequest"),
            Failure::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Failure::DeniedByPolicy { reason, .. } => {
                let (reason, code) = reason.reason_and_code();
                (StatusCode::from_u16(code).unwrap_or(StatusCode::FORBIDDEN), reason)
            }
            Failure::Forbidden { .. } | Failure::NamespaceEnds { .. } => (StatusCode::FORBIDDEN, "Forbidden"),
            Failure::AlreadyExists { .. } => (StatusCode::CONFLICT, "AlreadyExists"),
            Failure::Conflict { .. } | Failure::ApplyConflict(_) => (StatusCode::CONFLICT, "Conflict"),
            Failure::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "Invalid"),
            Failure::Expired(_) | Failure::ExpiredPage { .. } => (StatusCode::GONE, "Expired"),
            Failure::FutureRevision { .. } | Failure::Timeout => (StatusCode::GATEWAY_TIMEOUT, "Timeout"),
            Failure::NotAcceptable(_) => (StatusCode::NOT_ACCEPTABLE, "NotAcceptable"),
            Failure::UnsupportedMediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType"),
            Failure::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
            Failure::TooManyRequests | Failure::DisruptionBudget { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests")
            }
            Failure::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            Failure::Commit(CommitError::Closed) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            Failure::Commit(_) | Failure::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        }
    }

    /// What people read.
    pub(crate) fn message(&self) -> String {
        match self {
            Failure::UnknownPath => "the server could not find the requested resource".to_owned(),
            Failure::MethodNotAllowed => {
                "the server does not allow this method on the requested resource".to_owned()
            }
            Failure::BadRequest(message)
            | Failure::Expired(message)
            | Failure::Unavailable(message)
            | Failure::Forbidden { message, .. } => message.clone(),
            Failure::Unauthorized => "Unauthorized".to_owned(),
            Failure::ExpiredPage { .. } => EXPIRED_PAGE.to_owned(),
            Failure::DeniedByPolicy { resource, name, message, .. } => {
                format!("{resource} {name:?} is forbidden: {message}")
            }
            Failure::NamespaceEnds { resource, name, namespace } => format!(
                "{resource} {name:?} is forbidden: unable to create new content in namespace {namespace} because it is \
                 being terminated"
            ),
            Failure::NotFound { resource, name } => format!("{resource} {name:?} not found"),
            Failure::AlreadyExists { resource, name } => format!("{resource} {name:?} already exists"),
            Failure::Conflict { resource, name, message } => {
                format!("Operation cannot be fulfilled on {resource} {name:?}: {message}")
            }
            Failure::ApplyConflict(conflicts) => apply_conflict_message(conflicts),
            Failure::Invalid { kind, name, errors } => {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                match texts.as_slice() {
                    [one] => format!("{kind} {name:?} is invalid: {one}"),
                    many => format!("{kind} {name:?} is invalid: [{}]", many.join(", ")),
                }
            }
            Failure::FutureRevision { asked, newest } => {
                format!("Too large resource version: {asked}, current: {newest}")
            }
            Failure::NotAcceptable(accepted) => {
                format!("only the following media types are accepted: {accepted}")
            }
            Failure::UnsupportedMediaType(accepted) => format!(
                "the body of the request was in an unknown format - accepted media types include: {accepted}"
            ),
            Failure::TooLarge { bytes_max } => format!("Request entity too large: limit is {bytes_max}"),
            Failure::TooManyRequests => "too many requests, please try again later".to_owned(),
            Failure::DisruptionBudget { .. } => {
                "Cannot evict pod as it would violate the pod's disruption budget.".to_owned()
            }
            Failure::Timeout => "request did not complete within the allowed time".to_owned(),
            Failure::Commit(error) => format!("Internal error occurred: {}", error_chain(error)),
            Failure::Internal(message) => format!("Internal error occurred: {message}"),
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Failure::NotFound { resource, name }
            | Failure::AlreadyExists { resource, name }
            | Failure::Conflict { resource, name, .. } => Some(details(resource, name)),
            Failure::Forbidden { resource: Some(resource), name, .. } => Some(details(resource, name)),
            Failure::DeniedByPolicy { resource, name, message, .. } => {
                let mut details = details(resource, name);
                details["causes"] = json!([{ "message": message }]);
                Some(details)
            }
            Failure::NamespaceEnds { resource, name, namespace } => {
                let mut details = details(resource, name);
                details["causes"] = json!([{
                    "reason": "NamespaceTerminating",
                    "message": format!("namespace {namespace} is being terminated"),
                    "field": "metadata.namespace",
                }]);
                Some(details)
            }
            Failure::ApplyConflict(conflicts) => {
                Some(json!({ "causes": conflicts.iter().map(apply_cause).collect::<Vec<_>>() }))
            }
            Failure::Invalid { kind, name, errors } => {
                let mut details = details(kind, name);
                details["causes"] = errors.iter().map(field_cause).collect();
                Some(details)
            }
            Failure::FutureRevision { .. } => Some(json!({
                "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
                "retryAfterSeconds": 1,
            })),
            Failure::TooManyRequests => Some(json!({ "retryAfterSeconds": 1 })),
            Failure::DisruptionBudget { cause, retry_after_seconds } => {
                let mut details = json!({ "causes": [{ "reason": "DisruptionBudget", "message": cause }] });
                if let Some(seconds) = retry_after_seconds {
                    details["retryAfterSeconds"] = json!(seconds);
                }
                Some(details)
            }
            _ => None,
        }
    }

    /// The Status object.
    pub(crate) fn status(&self) -> Value {
        let (code, reason) = self.code_and_reason();
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message(),
            "reason": reason,
            "code": code.as_u16(),
        });
        if let Some(details) = self.details() {
            status["details"] = details;
        }
        if let Failure::ExpiredPage { next } = self {
            status["metadata"]["continue"] = json!(next);
        }
        status
    }

    /// The whole answer.
    pub(crate) fn response(&self) -> Response<Body> {
        let (code, _) = self.code_and_reason();
        let mut response = json_response(code, &self.status());
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// When to ask again. Clients do so by themselves: a disruption budget that allows nothing says nothing.
    fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Failure::TooManyRequests => Some(1),
            Failure::DisruptionBudget { retry_after_seconds, .. } => *retry_after_seconds,
            _ => None,
        }
    }

    /// The failure of a commit on one object.
    pub(crate) fn of_commit(error: CommitError, resource: ResourceName, name: &str) -> Failure {
        match error {
            CommitError::Unexpected { expected: bythos_store::Expect::Absent, .. } => {
                Failure::AlreadyExists { resource, name: name.to_owned() }
            }
            CommitError::Unexpected { found: None, .. } => {
                Failure::NotFound { resource, name: name.to_owned() }
            }
            CommitError::Unexpected { .. } => {
                Failure::Conflict { resource, name: name.to_owned(), message: CHANGED_MEANWHILE.to_owned() }
            }
            error => Failure::Commit(error),
        }
    }

    /// RBAC's refusal of an action on a resource.
    pub(crate) fn forbidden(resource: ResourceName, name: &str, user: &User, action: &str) -> Failure {
        let subject = if name.is_empty() { resource.to_string() } else { format!("{resource} {name:?}") };
        let message = format!("{subject} is forbidden: User {:?} {action}", user.name);
        Failure::Forbidden { resource: Some(resource), name: name.to_owned(), message }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Failure::Internal(format!("stored or computed object is not JSON: {error}"))
    }
}

fn details(resource: &ResourceName, name: &str) -> Value {
    let mut details = json!({ "kind": resource.resource });
    if !name.is_empty() {
        details["name"] = json!(name);
    }
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    details
}

fn field_cause(error: &FieldError) -> Value {
    json!({ "reason": error.refusal.reason(), "message": error.message(), "field": error.path.to_string() })
}

fn holder(conflict: &Conflict) -> String {
    let mut holder = format!("{:?}", conflict.manager);
    if !conflict.subresource.is_empty() {
        holder.push_str(&format!(" with subresource {:?}", conflict.subresource));
    }
    if conflict.operation == "Update" {
        holder.push_str(&format!(" using {}", conflict.api_version));
    }
    holder
}

fn apply_cause(conflict: &Conflict) -> Value {
    json!({
        "reason": "FieldManagerConflict",
        "message": format!("conflict with {}", holder(conflict)),
        "field": format!(".{}", conflict.path),
    })
}

fn apply_conflict_message(conflicts: &[Conflict]) -> String {
    let holders: std::collections::BTreeSet<String> = conflicts.iter().map(holder).collect();
    let fields: Vec<String> = conflicts.iter().map(|conflict| format!(".{}", conflict.path)).collect();
    let holders = Vec::from_iter(holders).join(", ");
    match fields.as_slice() {
        [one] => format!("Apply failed with 1 conflict: conflict with {holders}: {one}"),
        many => format!(
            "Apply failed with {} conflicts: conflicts with {holders}:\n- {}",
            many.len(),
            many.join("\n- ")
        ),
    }
}

/// An answer in JSON.
pub(crate) fn json_response(code: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The Status of a deletion that is complete.
pub(crate) fn deleted(resource: &ResourceName, name: &str, uid: Option<&str>) -> Value {
    let mut details = details(resource, name);
    if let Some(uid) = uid {
        details["uid"] = json!(uid);
    }
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details })
}
