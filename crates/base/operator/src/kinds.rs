//! The kinds that several parts use, as machine code.
//!
//! To read and to write a pod is thousands of generic functions. Each crate that does so would compile them anew; those
//! that a crate below it has compiled already it takes from there, at levels of optimization at which crates share
//! generic code. This is that crate.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Event, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Secret,
    Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::ObjectList;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads and writes objects of one kind.
type ThereAndBack = fn(&str) -> serde_json::Result<Vec<u8>>;

/// Every way in which clients read and write objects.
fn there_and_back<K: Clone + Serialize + DeserializeOwned>(text: &str) -> serde_json::Result<Vec<u8>> {
    let ObjectList::<K> { items: mut objects, .. } = serde_json::from_str(text)?;
    objects.push(serde_json::from_str(text)?);
    let values: Vec<Value> = objects.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    let objects: Vec<K> = values.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
    objects.first().map(serde_json::to_vec).unwrap_or_else(|| Ok(Vec::new()))
}

/// Never called: that they are here is what they are for.
#[used]
static SHARED: [ThereAndBack; 21] = [
    there_and_back::<ConfigMap>,
    there_and_back::<CustomResourceDefinition>,
    there_and_back::<DaemonSet>,
    there_and_back::<Deployment>,
    there_and_back::<EndpointSlice>,
    there_and_back::<Endpoints>,
    there_and_back::<Event>,
    there_and_back::<Ingress>,
    there_and_back::<IngressClass>,
    there_and_back::<Job>,
    there_and_back::<Lease>,
    there_and_back::<Namespace>,
    there_and_back::<NetworkPolicy>,
    there_and_back::<Node>,
    there_and_back::<PersistentVolume>,
    there_and_back::<PersistentVolumeClaim>,
    there_and_back::<Pod>,
    there_and_back::<ReplicaSet>,
    there_and_back::<Secret>,
    there_and_back::<Service>,
    there_and_back::<ServiceAccount>,
];
