//! From a repository's Secrets to the way in which it is reached.

use std::sync::Arc;

use bythos_api::flux::LocalObjectReference;
use bythos_api::helmrepository::HelmRepository;
use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt as _};

use crate::charts::{Publisher, blocking};
use crate::credentials::{self, Login, SecretError};
use crate::git::remote::Credential;
use crate::web::{Certificates, Web, WebError};

/// A repository that cannot be reached in the way that it asks for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    #[error("{field}")]
    Secret {
        field: &'static str,
        #[source]
        source: SecretError,
    },
    #[error(
        "spec.provider: {found:?} is not supported yet; expected \"generic\", with a Secret in spec.secretRef"
    )]
    Provider { found: String },
    #[error("failed to construct Helm client")]
    Client(#[source] WebError),
}

/// How the repository is reached.
pub(crate) async fn publisher(
    client: &Client,
    secrets: &Cache<Secret>,
    repository: &HelmRepository,
) -> Result<Publisher, AccessError> {
    let spec = &repository.spec;
    let secret = |field, reference: &Option<LocalObjectReference>| {
        let found = reference.as_ref().map(|reference| named(secrets, repository, &reference.name));
        found.transpose().map_err(|source| AccessError::Secret { field, source })
    };
    let of_login = secret("spec.secretRef", &spec.secret_ref)?;
    let of_certificates = secret("spec.certSecretRef", &spec.cert_secret_ref)?;
    let provider = spec.provider.as_deref().unwrap_or("generic");
    if repository.is_oci() && of_login.is_none() && provider != "generic" {
        return Err(AccessError::Provider { found: provider.to_owned() });
    }
    let login = login(repository, of_login.as_deref());
    let login = login.map_err(|source| AccessError::Secret { field: "spec.secretRef", source })?;
    let certificates = certificates(of_certificates.as_deref(), of_login.as_deref())?;
    let (timeout, names) = (repository.timeout(), Some(client.clone()));
    // The authorities of the system are read from the disk.
    let web = blocking(move || Web::new(&certificates, timeout, names)).await;
    Ok(Publisher {
        web: web.map_err(AccessError::Client)?,
        login,
        passes_on: spec.pass_credentials,
        is_plain: spec.insecure,
    })
}

fn named(
    secrets: &Cache<Secret>,
    repository: &HelmRepository,
    name: &str,
) -> Result<Arc<Secret>, SecretError> {
    let namespace = repository.namespace().unwrap_or_default();
    let found = secrets.get(&ObjectKey::namespaced(namespace.as_str(), name));
    found.ok_or_else(|| SecretError {
        name: name.to_owned(),
        message: format!("there is no such Secret in namespace {namespace:?}"),
    })
}

fn login(repository: &HelmRepository, secret: Option<&Secret>) -> Result<Option<Login>, SecretError> {
    let Some(secret) = secret else { return Ok(None) };
    if repository.is_oci() {
        let rest = repository.spec.url.trim_start_matches("oci://");
        return credentials::registry_login(secret, rest.split('/').next().unwrap_or(rest));
    }
    Ok(match credentials::http(secret)?.credential {
        Some(Credential::Basic { username, password }) => Some(Login { username, password }),
        // Helm knows no tokens.
        Some(Credential::Bearer { .. }) | None => None,
    })
}

/// A Secret for certificates goes before what the other one says about them.
fn certificates(own: Option<&Secret>, of_login: Option<&Secret>) -> Result<Certificates, AccessError> {
    let (field, secret) = match (own, of_login) {
        (Some(own), _) => ("spec.certSecretRef", own),
        (None, Some(of_login)) => ("spec.secretRef", of_login),
        (None, None) => return Ok(Certificates::default()),
    };
    credentials::certificates(secret).map_err(|source| AccessError::Secret { field, source })
}
