//! What upstream's defaulting and strategies fill in, one file per kind or family.

pub(crate) mod access;
pub(crate) mod admission_policy;
pub(crate) mod api_service;
pub(crate) mod autoscaler;
pub(crate) mod certificate;
pub(crate) mod container;
pub(crate) mod custom_resource;
pub(crate) mod device;
pub(crate) mod flow_control;
pub(crate) mod ingress_class;
pub(crate) mod job;
pub(crate) mod namespace;
pub(crate) mod node;
pub(crate) mod pod;
pub(crate) mod policy;
mod quality_of_service;
mod quantity;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod volume;
pub(crate) mod webhook;
pub(crate) mod workload;

#[cfg(test)]
mod tests;
