//! Hands the owner's token to delivery, as the Secret that Flux' Git authentication describes.

use std::collections::BTreeMap;

use bythos_api::names::{FLUX_NAMESPACE, PLATFORM_GIT_SECRET};
use bythos_operator::apply::{self, ApplyError};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;

use crate::token::{OWNER, Token};

const MANAGER: &str = "bythos-forge";

/// Applies Namespace `flux-system` and in it Secret `platform-git`.
pub(crate) async fn apply(client: &Client, token: &Token, authority_pem: &str) -> Result<(), ApplyError> {
    let namespace = Namespace {
        metadata: ObjectMeta { name: Some(FLUX_NAMESPACE.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    apply::cluster(client, MANAGER, &namespace).await?;
    let mut data = BTreeMap::from([("username", OWNER), ("password", token.reveal())]);
    if !authority_pem.is_empty() {
        data.insert("ca.crt", authority_pem);
    }
    let bytes = |(key, value): (&str, &str)| (key.to_owned(), ByteString(value.as_bytes().to_vec()));
    let secret = Secret {
        metadata: ObjectMeta {
            namespace: Some(FLUX_NAMESPACE.to_owned()),
            name: Some(PLATFORM_GIT_SECRET.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(data.into_iter().map(bytes).collect()),
        ..Secret::default()
    };
    apply::namespaced(client, MANAGER, &secret).await?;
    Ok(())
}
