//! The storage classes that are there from the beginning: `local`, which is the default, and its other name
//! `local-path`. They are made where they are missing at the start; what somebody else made under these names stays.

use std::collections::BTreeMap;

use bythos_operator::Cache;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::call::CallError;

/// Who makes the volumes of these classes.
pub(crate) const PROVISIONER: &str = "bythos.dev/local";
const NAMES: [&str; 2] = ["local", "local-path"];
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// Makes the classes that are missing.
pub(crate) async fn furnish(client: &Client, classes: &Cache<StorageClass>) -> Result<(), CallError> {
    let there = classes.list();
    let has_default = there.iter().any(|class| is_default(class));
    let api = Api::<StorageClass>::all(client.clone());
    for name in NAMES {
        if there.iter().any(|class| class.metadata.name.as_deref() == Some(name)) {
            continue;
        }
        let wanted = class(name, name == NAMES[0] && !has_default);
        match api
            .create(&PostParams::default(), &wanted)
            .await
            .map_err(CallError::on::<StorageClass>("create", name))
        {
            Err(error) if !error.is_already_exists() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether claims that name no class get this one.
pub(crate) fn is_default(class: &StorageClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(DEFAULT)).is_some_and(|value| value == "true")
}

fn class(name: &str, is_default: bool) -> StorageClass {
    StorageClass {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            annotations: is_default.then(|| BTreeMap::from([(DEFAULT.to_owned(), "true".to_owned())])),
            ..ObjectMeta::default()
        },
        provisioner: PROVISIONER.to_owned(),
        reclaim_policy: Some("Delete".to_owned()),
        volume_binding_mode: Some("WaitForFirstConsumer".to_owned()),
        ..StorageClass::default()
    }
}
