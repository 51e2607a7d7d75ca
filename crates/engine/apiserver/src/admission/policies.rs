//! ValidatingAdmissionPolicies: what the cluster's owner demands of requests, in CEL.
//!
//! They come last, when a new state is complete and valid. What a policy finds is refused, or told as a warning, as
//! each of its bindings says. Upstream's own exceptions hold: policies never keep anyone from changing policies.

use bythos_kinds::{AdmissionOperation, AdmissionPolicy, Findings, Matched, PolicyInput};
use serde_json::Value;

mod catalogue;
mod parameters;
mod request;

pub(crate) use catalogue::PolicyCatalogue;

use self::catalogue::Bound;
use crate::object;
use crate::status::Failure;
use crate::write::Writing;

/// The group whose objects no policy is about.
const OWN_GROUP: &str = "admissionregistration.k8s.io";
/// The server's own writes are nobody's requests.
const OWN_USER: &str = "system:apiserver";

/// Holds a request against all policies that match it. What to tell the client about it is returned.
///
/// # Errors
/// A policy refuses it.
pub(crate) fn admit(
    writing: &Writing<'_>,
    operation: AdmissionOperation,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Result<Vec<String>, Failure> {
    let catalogue = writing.state.admission_policies.current(&writing.state.store);
    if catalogue.is_empty() || writing.served.kind.group == OWN_GROUP || writing.user.name == OWN_USER {
        return Ok(Vec::new());
    }
    let request = Request::of(writing, operation, old, new);
    let mut warnings = Vec::new();
    for bound in catalogue.iter().filter(|bound| request.concerns(bound)) {
        for denial in request.findings(bound).denials {
            let (policy, binding) = (&bound.policy_name, &bound.name);
            if bound.actions.warn {
                warnings.push(format!(
                    "Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding}': {}",
                    denial.message
                ));
            }
            if bound.actions.deny {
                return Err(Failure::DeniedByPolicy {
                    resource: writing.served.name(),
                    name: request.name.to_owned(),
                    message: format!(
                        "ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {}",
                        denial.message
                    ),
                    reason: denial.reason,
                });
            }
        }
    }
    Ok(warnings)
}

/// A request with what policies may ask of it.
struct Request<'a> {
    writing: &'a Writing<'a>,
    operation: AdmissionOperation,
    name: &'a str,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
    /// The namespace in which the object lives.
    namespace: Option<Value>,
    /// An `AdmissionRequest`.
    described: Value,
    /// In which the resource is served; the one that is asked for comes first.
    versions: Vec<String>,
}

impl<'a> Request<'a> {
    fn of(
        writing: &'a Writing<'a>,
        operation: AdmissionOperation,
        old: Option<&'a Value>,
        new: Option<&'a Value>,
    ) -> Request<'a> {
        let name = new.or(old).map(object::name).unwrap_or_default();
        let namespace = match writing.namespace {
            "" => None,
            namespace => writing.state.object("namespaces", "", namespace),
        };
        let registry = writing.state.registry();
        let others = registry.kinds().iter().filter(|served| served.resource == writing.served.resource);
        let asked = writing.served.kind.version.to_string();
        let others = others.map(|served| served.kind.version.to_string()).filter(|version| *version != asked);
        let versions = std::iter::once(asked.clone()).chain(others).collect();
        let described = request::described(writing, operation, name);
        Request { writing, operation, name, old, new, namespace, described, versions }
    }

    fn concerns(&self, bound: &Bound) -> bool {
        let kind = &self.writing.served.kind;
        let versions: Vec<&str> = self.versions.iter().map(String::as_str).collect();
        // The selector for namespaces looks at a namespace itself, too.
        let is_namespace = &*self.writing.served.resource == "namespaces";
        let matched = Matched {
            operation: self.operation,
            group: &kind.group,
            versions: &versions,
            resource: &kind.plural,
            subresource: self.writing.door.subresource(),
            name: self.name,
            is_namespaced: kind.namespaced,
            namespace: if is_namespace { self.new.or(self.old) } else { self.namespace.as_ref() },
            object: self.new,
            old_object: self.old,
        };
        bound.policy.constraints.matches(&matched) && bound.resources.matches(&matched)
    }

    fn findings(&self, bound: &Bound) -> Findings {
        let policy: &AdmissionPolicy = &bound.policy;
        let parameters = match parameters::of(self.writing, bound) {
            Ok(parameters) => parameters,
            Err(problem) => return policy.failed(format!("failed to configure binding: {problem}")),
        };
        let mut findings = Findings::default();
        for parameters in parameters {
            let input = PolicyInput {
                object: self.new,
                old_object: self.old,
                request: &self.described,
                parameters: parameters.as_ref(),
                namespace: self.namespace.as_ref(),
            };
            let Findings { denials, annotations } = policy.evaluate(input);
            findings.denials.extend(denials);
            findings.annotations.extend(annotations);
        }
        if bound.actions.audit || !findings.annotations.is_empty() {
            let (policy, binding) = (&bound.policy_name, &bound.name);
            for denial in &findings.denials {
                tracing::info!(
                    policy,
                    binding,
                    user = self.writing.user.name,
                    message = denial.message,
                    "policy finds"
                );
            }
            for (key, value) in &findings.annotations {
                tracing::info!(policy, binding, user = self.writing.user.name, key, value, "policy notes");
            }
        }
        findings
    }
}
