//! From a request on a resource to the verb that carries it out.

use std::sync::Arc;

use bythos_kinds::{Kind, Subresource};
use futures::future::BoxFuture;
use http::Response;
use serde_json::Value;

use crate::body::Body;
use crate::call::Call;
use crate::registry::Served;
use crate::request::{PROXY, ResourceRequest, Verb};
use crate::status::Failure;
use crate::write::{Door, WriteOptions, Writing};
use crate::{reviews, subresource, verbs, version};

/// A request on a kind that is served.
pub(crate) struct Target<'a> {
    pub(crate) call: &'a Call,
    pub(crate) served: Arc<Served>,
    /// Empty for cluster scope and for all namespaces.
    pub(crate) namespace: &'a str,
    /// Empty for collections.
    pub(crate) name: &'a str,
}

impl Target<'_> {
    pub(crate) fn key(&self) -> bythos_store::Key {
        self.served.key(self.namespace, self.name)
    }

    /// The stored object that is meant.
    pub(crate) fn object(&self) -> Result<Value, Failure> {
        let entry = self.call.state.store.get(&self.key()).ok_or_else(|| self.not_found())?;
        Ok(version::read(&self.served, &entry.value)?)
    }

    pub(crate) fn not_found(&self) -> Failure {
        Failure::NotFound { resource: self.served.name(), name: self.name.to_owned() }
    }

    /// A write to this target.
    pub(crate) fn writing<'b>(&'b self, door: Door, options: &'b WriteOptions) -> Writing<'b> {
        Writing {
            state: &self.call.state,
            user: self.call.user(),
            served: &self.served,
            namespace: self.namespace,
            door,
            options,
        }
    }
}

/// Carries out a request that is allowed.
pub(crate) async fn answer(call: &Call, request: &ResourceRequest) -> Result<Response<Body>, Failure> {
    let target = target(call, request)?;
    if !target.served.kind.stored {
        return reviews::answer(&target, request).await;
    }
    let answered = if request.subresource.is_empty() {
        on_object(&target, request.verb).await
    } else {
        on_subresource(&target, request).await
    };
    let mut response = answered?;
    verbs::warn(&mut response, &warnings_of(&target.served.kind, request));
    Ok(response)
}

/// What is said of a kind to everyone who uses it, or writes it.
fn warnings_of(kind: &Kind, request: &ResourceRequest) -> Vec<String> {
    let is_written = matches!(request.verb, Verb::Create | Verb::Update | Verb::Patch);
    let caveat = Some(kind.rules.caveat)
        .filter(|words| is_written && request.subresource.is_empty() && !words.is_empty())
        .map(str::to_owned);
    kind.custom.deprecation.as_ref().map(ToString::to_string).into_iter().chain(caveat).collect()
}

/// Passes a request that is allowed on to the object itself, with its body as it comes.
pub(crate) async fn pass_on(
    call: &Call,
    request: &ResourceRequest,
    body: Body,
) -> Result<Response<Body>, Failure> {
    let target = target(call, request)?;
    let is_known = |known: &Subresource| matches!(known, Subresource::Proxy { .. });
    if !target.served.kind.subresources.iter().any(is_known) {
        return Err(Failure::UnknownPath);
    }
    subresource::proxy::answer(&target, body).await
}

fn target<'a>(call: &'a Call, request: &'a ResourceRequest) -> Result<Target<'a>, Failure> {
    let registry = call.state.registry();
    let served = registry
        .find(&request.group, &request.version, &request.resource)
        .ok_or(Failure::UnknownPath)?
        .clone();
    drop(registry);
    let namespace = namespace(&served, request)?;
    Ok(Target { call, served, namespace, name: &request.name })
}

/// The namespace of the objects that are asked for.
fn namespace<'a>(served: &Served, request: &'a ResourceRequest) -> Result<&'a str, Failure> {
    if !served.kind.namespaced {
        let of_itself = &*served.resource == "namespaces" && request.namespace == request.name;
        return if of_itself || request.namespace.is_empty() { Ok("") } else { Err(Failure::UnknownPath) };
    }
    let everywhere_possible = matches!(request.verb, Verb::List | Verb::Watch) || !served.kind.stored;
    match (request.namespace.as_str(), everywhere_possible) {
        ("", false) if request.name.is_empty() => Err(Failure::MethodNotAllowed),
        ("", false) => Err(Failure::UnknownPath),
        (namespace, _) => Ok(namespace),
    }
}

/// A boxed answer: the compiler does not see through the closures of all verbs that it may move between threads.
type Answer<'a> = BoxFuture<'a, Result<Response<Body>, Failure>>;

fn on_object<'a>(target: &'a Target<'a>, verb: Verb) -> Answer<'a> {
    Box::pin(async move {
        match verb {
            Verb::Get => verbs::get::answer(target),
            Verb::List => verbs::list::answer(target),
            Verb::Watch => verbs::watch::answer(target),
            Verb::Create if !target.name.is_empty() => Err(Failure::MethodNotAllowed),
            Verb::Create => verbs::create::answer(target).await,
            Verb::Update if target.name.is_empty() => Err(Failure::MethodNotAllowed),
            Verb::Update => verbs::update::answer(target).await,
            Verb::Patch if target.name.is_empty() => Err(Failure::MethodNotAllowed),
            Verb::Patch => verbs::patch::answer(target, Door::Main).await,
            Verb::Delete => verbs::delete::answer(target).await,
            Verb::DeleteCollection => verbs::deletecollection::answer(target).await,
        }
    })
}

fn on_subresource<'a>(target: &'a Target<'a>, request: &'a ResourceRequest) -> Answer<'a> {
    Box::pin(async move {
        let known =
            target.served.kind.subresources.iter().find(|known| path_of(known) == request.subresource);
        match (known.ok_or(Failure::UnknownPath)?, request.verb) {
            (Subresource::Status, Verb::Get) => verbs::get::answer(target),
            (Subresource::Status, Verb::Update) => subresource::status::update(target).await,
            (Subresource::Status, Verb::Patch) => verbs::patch::answer(target, Door::Status).await,
            (Subresource::Scale { .. }, Verb::Get) => subresource::scale::get(target),
            (Subresource::Scale { .. }, Verb::Update) => subresource::scale::update(target).await,
            (Subresource::Scale { .. }, Verb::Patch) => subresource::scale::patch(target).await,
            (Subresource::Binding, Verb::Create) => subresource::binding::create(target, target.name).await,
            (Subresource::Approval, Verb::Get) => verbs::get::answer(target),
            (Subresource::Approval, Verb::Update) => subresource::approval::update(target).await,
            (Subresource::Finalize, Verb::Update) => subresource::finalize::update(target).await,
            (Subresource::Log, Verb::Get) => subresource::log::get(target).await,
            (Subresource::Eviction, Verb::Create) => subresource::eviction::create(target).await,
            (Subresource::Token, Verb::Create) => subresource::token::create(target),
            (Subresource::Exec, Verb::Get | Verb::Create) => subresource::connect::exec(target).await,
            (Subresource::Attach, Verb::Get | Verb::Create) => subresource::connect::attach(target).await,
            (Subresource::PortForward, Verb::Get | Verb::Create) => {
                subresource::connect::port_forward(target).await
            }
            _ => Err(Failure::MethodNotAllowed),
        }
    })
}

fn path_of(subresource: &Subresource) -> &'static str {
    match subresource {
        Subresource::Status => "status",
        Subresource::Scale { .. } => "scale",
        Subresource::Binding => "binding",
        Subresource::Eviction => "eviction",
        Subresource::Log => "log",
        Subresource::Exec => "exec",
        Subresource::Attach => "attach",
        Subresource::PortForward => "portforward",
        Subresource::Proxy { .. } => PROXY,
        Subresource::Approval => "approval",
        Subresource::Finalize => "finalize",
        Subresource::Token => "token",
    }
}
