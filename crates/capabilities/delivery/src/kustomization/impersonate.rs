//! The cluster as a service account may use it: `spec.serviceAccountName`.

use http::{HeaderValue, Request};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::client::Body;
use kube::{Api, Client, ResourceExt as _};

use bythos_api::kustomization::Kustomization;

use super::report::Failure;
use crate::status::words;

const HEADER: &str = "impersonate-user";

/// The client with which the objects of a kustomization are written, looked at and deleted.
pub(super) fn client_for(client: &Client, object: &Kustomization) -> Result<Client, Failure> {
    let Some(account) = account_of(object) else { return Ok(client.clone()) };
    let user = format!("system:serviceaccount:{}:{account}", object.namespace().unwrap_or_default());
    let header = HeaderValue::from_str(&user).map_err(|_| Failure::Account {
        name: account.to_owned(),
        message: "it is not a name of a ServiceAccount".to_owned(),
    })?;
    let inner = client.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert(HEADER, header.clone());
        let inner = inner.clone();
        async move { inner.send(request).await }
    });
    Ok(Client::new(service, client.default_namespace()))
}

/// Whether the account is there to be impersonated. What was applied under one that is gone stays.
pub(super) async fn is_possible(client: &Client, object: &Kustomization) -> Result<bool, Failure> {
    let Some(account) = account_of(object) else { return Ok(true) };
    let api = Api::<ServiceAccount>::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let found = api.get_opt(account).await;
    let found =
        found.map_err(|error| Failure::Account { name: account.to_owned(), message: words(&error) })?;
    Ok(found.is_some())
}

fn account_of(object: &Kustomization) -> Option<&str> {
    object.spec.service_account_name.as_deref().filter(|name| !name.is_empty())
}
