//! The cluster as a service account may use it: `spec.serviceAccountName`.

use http::{HeaderValue, Request};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::client::Body;
use kube::{Api, Client, Resource, ResourceExt as _};

use crate::status::words;

const HEADER: &str = "impersonate-user";

/// An account that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("spec.serviceAccountName: ServiceAccount {name:?}: {message}")]
pub(crate) struct AccountError {
    name: String,
    message: String,
}

/// A ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account<'a> {
    namespace: String,
    name: &'a str,
}

impl<'a> Account<'a> {
    /// The one that an object names, in the object's namespace; none where it names none.
    pub(crate) fn of(object: &impl Resource, name: Option<&'a str>) -> Option<Account<'a>> {
        let name = name.filter(|name| !name.is_empty())?;
        Some(Account { namespace: object.namespace().unwrap_or_default(), name })
    }

    fn error(&self, message: impl Into<String>) -> AccountError {
        AccountError { name: self.name.to_owned(), message: message.into() }
    }
}

/// The client with which objects are written, looked at and deleted in the name of an account.
pub(crate) fn client_for(client: &Client, account: Option<Account<'_>>) -> Result<Client, AccountError> {
    let Some(account) = account else { return Ok(client.clone()) };
    let user = format!("system:serviceaccount:{}:{}", account.namespace, account.name);
    let header =
        HeaderValue::from_str(&user).map_err(|_| account.error("it is not a name of a ServiceAccount"))?;
    let inner = client.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert(HEADER, header.clone());
        let inner = inner.clone();
        async move { inner.send(request).await }
    });
    Ok(Client::new(service, client.default_namespace()))
}

/// Whether the account is there to be impersonated. What was applied under one that is gone stays.
pub(crate) async fn is_possible(client: &Client, account: Option<Account<'_>>) -> Result<bool, AccountError> {
    let Some(account) = account else { return Ok(true) };
    let api = Api::<ServiceAccount>::namespaced(client.clone(), &account.namespace);
    let found = api.get_opt(account.name).await.map_err(|error| account.error(words(&error)))?;
    Ok(found.is_some())
}
