//! ValidatingAdmissionPolicies: rules of the cluster's owner in CEL, held against every request that they match.
//!
//! Behaviour: `k8s.io/apiserver/pkg/admission/plugin/policy/validating`. What is asked of the API server here (the
//! namespace, the parameters) is handed over; nothing here reads objects.

use bythos_cel::Program;
use serde_json::Value;

mod compile;
mod evaluate;
mod matching;

pub use matching::{AdmissionOperation, MatchResources, Matched};

/// A policy, compiled once.
pub struct AdmissionPolicy {
    /// `spec.matchConstraints`
    pub constraints: MatchResources,
    /// `spec.paramKind`: `apiVersion` and `kind`.
    pub parameter_kind: Option<(String, String)>,
    /// Whether a failure of the policy itself refuses the request: `failurePolicy: Fail`.
    pub fails_closed: bool,
    conditions: Vec<Condition>,
    variables: Vec<Program>,
    validations: Vec<Validation>,
    annotations: Vec<Annotation>,
    /// Why it cannot be used, if it cannot.
    broken: Option<String>,
}

struct Condition {
    name: String,
    program: Program,
}

struct Validation {
    program: Program,
    expression: String,
    message: String,
    message_expression: Option<Program>,
    reason: DenialReason,
}

struct Annotation {
    key: String,
    program: Program,
}

/// What a policy is held against. `None` is `null` in expressions.
#[derive(Clone, Copy)]
pub struct PolicyInput<'a> {
    /// The new state.
    pub object: Option<&'a Value>,
    /// The state before.
    pub old_object: Option<&'a Value>,
    /// An `AdmissionRequest`, without the objects.
    pub request: &'a Value,
    /// The object to which the binding's `paramRef` leads.
    pub parameters: Option<&'a Value>,
    /// The namespace of the object.
    pub namespace: Option<&'a Value>,
}

/// What a policy finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Why the request should be refused.
    pub denials: Vec<Denial>,
    /// What to write into the audit log: key, value.
    pub annotations: Vec<(String, String)>,
}

/// One reason to refuse a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// For people.
    pub message: String,
    /// For programs.
    pub reason: DenialReason,
}

/// The `reason` of the status with which a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum DenialReason {
    Invalid,
    Forbidden,
    Unauthorized,
    RequestEntityTooLarge,
}

impl DenialReason {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "Invalid" => DenialReason::Invalid,
            "Forbidden" => DenialReason::Forbidden,
            "Unauthorized" => DenialReason::Unauthorized,
            "RequestEntityTooLarge" => DenialReason::RequestEntityTooLarge,
            _ => return None,
        })
    }

    /// As in `Status.reason`, and the code of the answer.
    pub fn reason_and_code(self) -> (&'static str, u16) {
        match self {
            DenialReason::Invalid => ("Invalid", 422),
            DenialReason::Forbidden => ("Forbidden", 403),
            DenialReason::Unauthorized => ("Unauthorized", 401),
            DenialReason::RequestEntityTooLarge => ("RequestEntityTooLarge", 413),
        }
    }
}

#[cfg(test)]
mod tests;
