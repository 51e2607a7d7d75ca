//! Secrets of type `kubernetes.io/service-account-token`: filled with a token of the account that they name, and gone
//! when the account is.
//!
//! The token is asked of the API like any other, bound to the Secret and for as long as one can be had: it ends with
//! the Secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::call::CallError;

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
const TOKEN: &str = "token";
const ROOT_CA: &str = "ca.crt";
const NAMESPACE: &str = "namespace";
/// The longest life that a token can have.
const LIFETIME_SECONDS: i64 = 1 << 32;
const WORKERS: usize = 1;

/// Fills the Secrets. Keys are those of accounts.
pub(crate) struct TokenSecrets {
    pub(crate) client: Client,
    pub(crate) accounts: Cache<ServiceAccount>,
    pub(crate) secrets: Cache<Secret>,
    pub(crate) authority_pem: String,
}

impl TokenSecrets {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("token-secret")
            .reconciles(&self.accounts)
            .watches(&self.secrets, |secret| account_of(secret).into_iter().collect());
        let this = Arc::new(self);
        controller
            .run(WORKERS, shutdown, move |key| {
                let this = this.clone();
                async move { this.reconcile(key).await }
            })
            .await;
    }

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        for secret in self.secrets.list_in(&key.namespace) {
            if account_of(&secret).as_ref() != Some(&key) {
                continue;
            }
            match self.keep(&secret, &key).await {
                // The change that was faster brings the key back.
                Err(error) if error.is_outrun() => {}
                other => other?,
            }
        }
        Ok(Next::Wait)
    }

    async fn keep(&self, secret: &Secret, key: &ObjectKey) -> Result<(), CallError> {
        if let Some(account) = self.accounts.get(key).filter(|account| names(secret, account)) {
            return self.fill(secret, &account).await;
        }
        // The Secret may have come through its cache before the account came through its own.
        let api = Api::<ServiceAccount>::namespaced(self.client.clone(), &key.namespace);
        match api.get_opt(&key.name).await.map_err(CallError::on::<ServiceAccount>("get", key))? {
            Some(account) if names(secret, &account) => self.fill(secret, &account).await,
            _ => self.remove(secret).await,
        }
    }

    async fn fill(&self, secret: &Secret, account: &ServiceAccount) -> Result<(), CallError> {
        let missing = self.missing(secret, account).await?;
        let uid = account.uid();
        let is_noted = secret.annotations().get(ACCOUNT_UID) == uid.as_ref();
        if missing.is_empty() && is_noted {
            return Ok(());
        }
        // With uid and revision, so that a Secret of the same name that came meanwhile is left alone.
        let patch = json!({
            "metadata": {
                "uid": secret.uid(),
                "resourceVersion": secret.resource_version(),
                "annotations": { ACCOUNT_UID: uid },
            },
            "data": missing,
        });
        let api = self.api(secret);
        let patched = api.patch(&secret.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map(drop).map_err(CallError::on::<Secret>("fill", secret.name_any()))
    }

    /// What the Secret is to hold and does not.
    async fn missing(
        &self,
        secret: &Secret,
        account: &ServiceAccount,
    ) -> Result<BTreeMap<&'static str, ByteString>, CallError> {
        let held = |key: &str| secret.data.as_ref().and_then(|data| data.get(key));
        let mut missing = BTreeMap::new();
        for (key, wanted) in
            [(ROOT_CA, self.authority_pem.clone()), (NAMESPACE, secret.namespace().unwrap_or_default())]
        {
            let wanted = ByteString(wanted.into_bytes());
            if held(key) != Some(&wanted) {
                missing.insert(key, wanted);
            }
        }
        if held(TOKEN).is_none_or(|token| token.0.is_empty()) {
            missing.insert(TOKEN, ByteString(self.token(secret, account).await?.into_bytes()));
        }
        Ok(missing)
    }

    async fn token(&self, secret: &Secret, account: &ServiceAccount) -> Result<String, CallError> {
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(LIFETIME_SECONDS),
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("Secret".to_owned()),
                    name: Some(secret.name_any()),
                    uid: secret.uid(),
                }),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let namespace = secret.namespace().unwrap_or_default();
        let api = Api::<ServiceAccount>::namespaced(self.client.clone(), &namespace);
        let answered = api.create_token_request(&account.name_any(), &PostParams::default(), &request).await;
        let answered =
            answered.map_err(CallError::on::<ServiceAccount>("ask a token of", account.name_any()))?;
        Ok(answered.status.and_then(|status| status.token).unwrap_or_default())
    }

    async fn remove(&self, secret: &Secret) -> Result<(), CallError> {
        let preconditions = Preconditions { uid: secret.uid(), resource_version: None };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let deleted = self.api(secret).delete(&secret.name_any(), &parameters).await;
        deleted.map(drop).map_err(CallError::on::<Secret>("delete", secret.name_any()))
    }

    fn api(&self, secret: &Secret) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &secret.namespace().unwrap_or_default())
    }
}

/// The account that a Secret of this type names.
fn account_of(secret: &Secret) -> Option<ObjectKey> {
    let is_token = secret.type_.as_deref() == Some(TYPE) && secret.metadata.deletion_timestamp.is_none();
    let name = secret.annotations().get(ACCOUNT_NAME).filter(|_| is_token)?;
    Some(ObjectKey::namespaced(secret.metadata.namespace.as_deref().unwrap_or_default(), name))
}

/// Whether the Secret is this account's, and not one's of the same name that went before it.
fn names(secret: &Secret, account: &ServiceAccount) -> bool {
    secret.annotations().get(ACCOUNT_UID).is_none_or(|uid| Some(uid) == account.uid().as_ref())
}
