//! Whether the caller may do what it asks for: RBAC, and nothing else.

use bythos_access::{Decision, Request, User};

use crate::call::Call;
use crate::request::{CONNECTS, Destination, ResourceRequest, Verb};
use crate::selection;
use crate::state::State;
use crate::status::{Failure, ResourceName};

/// Refuses what RBAC does not allow.
pub(crate) fn authorize(call: &Call, destination: &Destination) -> Result<(), Failure> {
    match destination {
        Destination::Path => authorize_path(call),
        Destination::Resource(request) => authorize_resource(call, request),
    }
}

/// Asks RBAC.
pub(crate) fn decide(state: &State, user: &User, request: &Request<'_>) -> Decision {
    state.policy.current(&state.store).authorize(user, request)
}

fn authorize_path(call: &Call) -> Result<(), Failure> {
    let verb = match call.method.as_str() {
        "HEAD" => "get".to_owned(),
        method => method.to_ascii_lowercase(),
    };
    let request = Request::Path { verb: &verb, path: &call.path };
    if decide(&call.state, call.user(), &request).allowed {
        return Ok(());
    }
    let message = format!("forbidden: User {:?} cannot {verb} path {:?}", call.user().name, call.path);
    Err(Failure::Forbidden { resource: None, name: String::new(), message })
}

fn authorize_resource(call: &Call, request: &ResourceRequest) -> Result<(), Failure> {
    let selected = match request.verb {
        Verb::List | Verb::Watch | Verb::DeleteCollection => selection::selected_name(&call.query),
        _ => None,
    };
    let name = selected.as_deref().unwrap_or(&request.name);
    let asked = Request::Resource {
        verb: request.verb.as_str(),
        group: &request.group,
        resource: &request.resource,
        subresource: &request.subresource,
        namespace: &request.namespace,
        name,
    };
    let decision = decide(&call.state, call.user(), &asked);
    if !decision.allowed {
        return Err(refusal(call.user(), request, name, &decision.reason));
    }
    match create_as_well(request) {
        Some(request) => authorize_resource(call, &request),
        None => Ok(()),
    }
}

/// Who may only read must not come into a container because a connection is opened by GET as well as by POST.
fn create_as_well(request: &ResourceRequest) -> Option<ResourceRequest> {
    let connects = request.resource == "pods" && CONNECTS.contains(&request.subresource.as_str());
    let is_read = request.group.is_empty() && request.verb == Verb::Get;
    (connects && is_read).then(|| ResourceRequest { verb: Verb::Create, ..request.clone() })
}

/// Upstream's words: `apiserver/pkg/endpoints/handlers/responsewriters`, `forbiddenMessage`.
fn refusal(user: &User, request: &ResourceRequest, name: &str, reason: &str) -> Failure {
    let ResourceRequest { group, namespace, resource, subresource, .. } = request;
    let resource = match subresource.as_str() {
        "" => resource.clone(),
        subresource => format!("{resource}/{subresource}"),
    };
    let mut action = format!("cannot {} resource {resource:?} in API group {group:?}", request.verb.as_str());
    if namespace.is_empty() {
        action.push_str(" at the cluster scope");
    } else {
        action.push_str(&format!(" in the namespace {namespace:?}"));
    }
    if !reason.is_empty() {
        action.push_str(&format!(": {reason}"));
    }
    Failure::forbidden(ResourceName::new(group, &request.resource), name, user, &action)
}
