//! Asking as somebody else: the `Impersonate-` headers, for who may use the verb `impersonate` on each thing named.

use bythos_access::{AUTHENTICATED, Request, UNAUTHENTICATED, User};
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use crate::authorize::require;
use crate::state::State;
use crate::status::Failure;

const PREFIX: &str = "impersonate-";
const EXTRA_PREFIX: &str = "impersonate-extra-";
const ANONYMOUS: &str = "system:anonymous";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The user as whom `user` wants to be answered: itself, if no header names another. The headers do not go further.
pub(crate) fn impersonate(state: &State, user: User, headers: &mut HeaderMap) -> Result<User, Failure> {
    let Some(wanted) = wanted(headers)? else { return Ok(user) };
    for name in headers.keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
    for request in requests(&wanted) {
        require(state, &user, &request)?;
    }
    tracing::debug!(user = user.name, wanted = wanted.name, "impersonates");
    Ok(completed(wanted))
}

/// The user that the headers name, as they name it.
fn wanted(headers: &HeaderMap) -> Result<Option<User>, Failure> {
    let values = |name: &HeaderName| -> Vec<String> {
        let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        texts.map(str::to_owned).collect()
    };
    let first = |values: Vec<String>| values.into_iter().next().unwrap_or_default();
    let mut user = User::default();
    for name in headers.keys().filter(|name| name.as_str().starts_with(PREFIX)) {
        match name.as_str() {
            "impersonate-user" => user.name = first(values(name)),
            "impersonate-uid" => user.uid = first(values(name)),
            "impersonate-group" => user.groups = values(name),
            other => {
                let Some(key) = other.strip_prefix(EXTRA_PREFIX) else { continue };
                let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
                user.extra.insert(key, values(name));
            }
        }
    }
    if user.name.is_empty() && user != User::default() {
        let message =
            "an Impersonate- header was sent without Impersonate-User: name the user, too (kubectl: --as)";
        return Err(Failure::BadRequest(message.to_owned()));
    }
    Ok((!user.name.is_empty()).then_some(user))
}

/// What must be allowed: each thing that is named, by itself.
fn requests(wanted: &User) -> Vec<Request<'_>> {
    let request = |group, resource, subresource, namespace, name| Request::Resource {
        verb: "impersonate",
        group,
        resource,
        subresource,
        namespace,
        name,
    };
    let mut requests = vec![match User::parse_service_account(&wanted.name) {
        Some((namespace, name)) => request("", "serviceaccounts", "", namespace, name),
        None => request("", "users", "", "", wanted.name.as_str()),
    }];
    requests.extend(wanted.groups.iter().map(|group| request("", "groups", "", "", group.as_str())));
    if !wanted.uid.is_empty() {
        requests.push(request(AUTHENTICATION, "uids", "", "", wanted.uid.as_str()));
    }
    for (key, values) in &wanted.extra {
        let each = values
            .iter()
            .map(|value| request(AUTHENTICATION, "userextras", key.as_str(), "", value.as_str()));
        requests.extend(each);
    }
    requests
}

/// The groups that go without saying: those of a service account if none are named, and that of everybody known.
fn completed(mut user: User) -> User {
    if let (true, Some((namespace, name))) = (user.groups.is_empty(), User::parse_service_account(&user.name))
    {
        user.groups = User::service_account(namespace, name, "").groups;
    }
    let everybody = if user.name == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
    if !user.is_in(AUTHENTICATED) && !user.is_in(UNAUTHENTICATED) {
        user.groups.push(everybody.to_owned());
    }
    user
}
