//! Whether the caller may do what it asks for: RBAC, and nothing else.

use bythos_access::{Decision, Request, User};

use crate::call::Call;
use crate::request::{CONNECTS, Destination, ResourceRequest, Verb};
use crate::resources::Target;
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
    require(&call.state, call.user(), &Request::Path { verb: &verb, path: &call.path })
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
    require(&call.state, call.user(), &asked)?;
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

/// Refuses an update that makes its object to who may not create it.
pub(crate) fn create(target: &Target<'_>) -> Result<(), Failure> {
    let asked = Request::Resource {
        verb: Verb::Create.as_str(),
        group: &target.served.kind.group,
        resource: &target.served.kind.plural,
        subresource: "",
        namespace: target.namespace,
        name: target.name,
    };
    require(&target.call.state, target.call.user(), &asked)
}

/// Refuses what RBAC does not allow to `user`.
pub(crate) fn require(state: &State, user: &User, asked: &Request<'_>) -> Result<(), Failure> {
    let decision = decide(state, user, asked);
    if decision.allowed { Ok(()) } else { Err(refusal(user, asked, &decision.reason)) }
}

/// Upstream's words: `apiserver/pkg/endpoints/handlers/responsewriters`, `forbiddenMessage`.
fn refusal(user: &User, asked: &Request<'_>, reason: &str) -> Failure {
    let (verb, group, resource, subresource, namespace, name) = match asked {
        Request::Path { verb, path } => {
            let message = format!("forbidden: User {:?} cannot {verb} path {path:?}", user.name);
            return Failure::Forbidden { resource: None, name: String::new(), message };
        }
        Request::Resource { verb, group, resource, subresource, namespace, name } => {
            (verb, group, resource, subresource, namespace, name)
        }
    };
    let whole =
        if subresource.is_empty() { (*resource).to_owned() } else { format!("{resource}/{subresource}") };
    let mut action = format!("cannot {verb} resource {whole:?} in API group {group:?}");
    if namespace.is_empty() {
        action.push_str(" at the cluster scope");
    } else {
        action.push_str(&format!(" in the namespace {namespace:?}"));
    }
    if !reason.is_empty() {
        action.push_str(&format!(": {reason}"));
    }
    Failure::forbidden(ResourceName::new(group, resource), name, user, &action)
}
