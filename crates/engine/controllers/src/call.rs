//! A call to the API that failed: what was tried on which object, and what the answer means for a controller.

use std::fmt::Display;

use bythos_operator::ObjectKey;
use bythos_operator::apply::{Applicable, ApplyError};
use bythos_operator::event::is_namespace_going;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};

/// A call to the API failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} {kind} {key:?}")]
pub(crate) struct CallError {
    verb: &'static str,
    kind: String,
    key: String,
    #[source]
    source: Box<kube::Error>,
}

/// Deletes exactly this object, in whatever state it is by now.
///
/// # Errors
/// The API refused. That it is gone, or another one has its name, is told by [`CallError::is_outrun`].
pub(crate) async fn delete<K>(client: &Client, object: &K) -> Result<(), CallError>
where
    K: Applicable + Resource<Scope = NamespaceResourceScope>,
{
    delete_with(client, object, DeleteParams::default()).await
}

/// As [`delete`]; `params` say how.
pub(crate) async fn delete_with<K>(client: &Client, object: &K, params: DeleteParams) -> Result<(), CallError>
where
    K: Applicable + Resource<Scope = NamespaceResourceScope>,
{
    let key = ObjectKey::of(object);
    let uid = object.meta().uid.clone();
    let preconditions = Some(Preconditions { uid, resource_version: None });
    let api = Api::<K>::namespaced(client.clone(), &key.namespace);
    let deleted = api.delete(&key.name, &DeleteParams { preconditions, ..params }).await;
    deleted.map(drop).map_err(CallError::on::<K>("delete", &key))
}

/// Writes the status of `object`, decided on the version that it names. A version that is not the newest any more is
/// no failure: the newer one is on its way through the cache. Gives the object as it was written.
pub(crate) async fn write_status<K>(client: &Client, object: &K) -> Result<Option<K>, CallError>
where
    K: Applicable + Resource<Scope = NamespaceResourceScope>,
{
    let key = ObjectKey::of(object);
    let api = Api::<K>::namespaced(client.clone(), &key.namespace);
    let written = api.replace_status(&key.name, &PostParams::default(), object).await;
    match written.map_err(CallError::on::<K>("write the status of", &key)) {
        Ok(written) => Ok(Some(written)),
        Err(error) if error.is_outrun() => Ok(None),
        Err(error) => Err(error),
    }
}

/// As [`is_namespace_going`], of an object that was applied.
pub(crate) fn is_namespace_going_by(error: &ApplyError) -> bool {
    matches!(error, ApplyError::Patch { source, .. } if is_namespace_going(source))
}

impl CallError {
    /// For `map_err`: `verb` was tried on the `K` with this key.
    pub(crate) fn on<K: Resource<DynamicType = ()>>(
        verb: &'static str,
        key: impl Display,
    ) -> impl FnOnce(kube::Error) -> CallError {
        Self::on_kind(verb, K::kind(&()).into_owned(), key)
    }

    /// As [`CallError::on`], of a kind that is known by name only.
    pub(crate) fn on_kind(
        verb: &'static str,
        kind: impl Into<String>,
        key: impl Display,
    ) -> impl FnOnce(kube::Error) -> CallError {
        move |source| CallError { verb, kind: kind.into(), key: key.to_string(), source: Box::new(source) }
    }

    /// The API refused because the object is newer than the controller's cache, or gone.
    ///
    /// A controller that watches the object has nothing to repeat: the change that it lost against is on its way
    /// through the cache and brings the key back.
    pub(crate) fn is_outrun(&self) -> bool {
        self.has_reason(&["Conflict", "NotFound"])
    }

    /// An object of this name is there.
    pub(crate) fn is_already_exists(&self) -> bool {
        self.has_reason(&["AlreadyExists"])
    }

    /// Nothing can be made in a namespace that is being deleted, or gone.
    pub(crate) fn is_namespace_going(&self) -> bool {
        is_namespace_going(&self.source)
    }

    /// What the API said, without the client's wrapping: the text for conditions and events.
    pub(crate) fn cause(&self) -> String {
        match self.source.as_ref() {
            kube::Error::Api(status) => status.message.clone(),
            other => other.to_string(),
        }
    }

    fn has_reason(&self, reasons: &[&str]) -> bool {
        matches!(self.source.as_ref(), kube::Error::Api(status) if reasons.contains(&status.reason.as_str()))
    }
}
