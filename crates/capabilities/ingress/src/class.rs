//! Which Ingresses are ours: those of a class whose controller we are.

use std::collections::BTreeSet;

use bythos_operator::apply::{self, ApplyError};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, IngressClassSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};
use tracing::info;

/// Field manager of what the part writes.
pub(crate) const MANAGER: &str = "bythos-ingress";
const CONTROLLER: &str = "bythos.dev/ingress";
const DEFAULT_CLASS_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";
const LEGACY_CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
/// The classes that the part brings, and whether an Ingress that names none is theirs.
const CLASSES: [(&str, bool); 2] = [("bythos", true), ("nginx", false)];

/// The part's ingress classes could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// The API could not tell whether the class is there.
    #[error("failed to look up IngressClass {name:?}")]
    Get {
        /// Name of the class.
        name: &'static str,
        /// What the client said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The class could not be written.
    #[error("failed to set up IngressClass {name:?}")]
    Apply {
        /// Name of the class.
        name: &'static str,
        /// What went wrong.
        #[source]
        source: ApplyError,
    },
}

/// Applies the part's classes. One that belongs to another controller (the real ingress-nginx, for example) stays as
/// it is: its Ingresses are that controller's.
pub(crate) async fn publish(client: &Client) -> Result<(), ClassError> {
    let api = Api::<IngressClass>::all(client.clone());
    for (name, is_default) in CLASSES {
        let found =
            api.get_opt(name).await.map_err(|source| ClassError::Get { name, source: Box::new(source) })?;
        let controller = found.as_ref().map(controller_of);
        match controller {
            Some(other) if other != Some(CONTROLLER) => {
                info!(class = name, controller = other, "this ingress class belongs to another controller");
            }
            _ => {
                let class = ingress_class(name, is_default);
                apply::cluster(client, MANAGER, &class)
                    .await
                    .map_err(|source| ClassError::Apply { name, source })?;
            }
        }
    }
    Ok(())
}

fn ingress_class(name: &str, is_default: bool) -> IngressClass {
    let annotation = (DEFAULT_CLASS_ANNOTATION.to_owned(), "true".to_owned());
    IngressClass {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            annotations: is_default.then(|| [annotation].into()),
            ..ObjectMeta::default()
        },
        spec: Some(IngressClassSpec {
            controller: Some(CONTROLLER.to_owned()),
            ..IngressClassSpec::default()
        }),
    }
}

/// The classes whose controller we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    ours: BTreeSet<String>,
    default_is_ours: bool,
}

impl Classes {
    pub(crate) fn read<'a>(classes: impl IntoIterator<Item = &'a IngressClass>) -> Self {
        let mut read = Classes::default();
        for class in classes.into_iter().filter(|class| controller_of(class) == Some(CONTROLLER)) {
            let annotations = class.metadata.annotations.as_ref();
            let default = annotations.and_then(|annotations| annotations.get(DEFAULT_CLASS_ANNOTATION));
            read.default_is_ours |= default.is_some_and(|value| value == "true");
            read.ours.extend(class.metadata.name.clone());
        }
        read
    }

    /// Whether we serve this Ingress.
    pub(crate) fn own(&self, ingress: &Ingress) -> bool {
        let annotations = ingress.metadata.annotations.as_ref();
        let legacy = annotations.and_then(|annotations| annotations.get(LEGACY_CLASS_ANNOTATION));
        let named = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_ref());
        match named.or(legacy) {
            Some(name) => self.ours.contains(name),
            None => self.default_is_ours,
        }
    }
}

fn controller_of(class: &IngressClass) -> Option<&str> {
    class.spec.as_ref()?.controller.as_deref()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of_another(name: &str) -> IngressClass {
        let mut class = ingress_class(name, true);
        class.spec = Some(IngressClassSpec {
            controller: Some("k8s.io/ingress-nginx".to_owned()),
            ..IngressClassSpec::default()
        });
        class
    }

    #[track_caller]
    fn check(classes: &[IngressClass], ingress: Value, expected: bool) {
        let ingress: Ingress = serde_json::from_value(ingress).unwrap();
        assert_eq!(Classes::read(classes).own(&ingress), expected);
    }

    #[test]
    fn an_ingress_is_ours_by_its_class_the_old_annotation_or_the_default() {
        let both = [ingress_class("bythos", true), ingress_class("nginx", false)];
        check(&both, json!({ "spec": { "ingressClassName": "bythos" } }), true);
        check(&both, json!({ "spec": { "ingressClassName": "nginx" } }), true);
        check(&both, json!({ "spec": { "ingressClassName": "traefik" } }), false);
        check(&both, json!({ "metadata": { "annotations": { LEGACY_CLASS_ANNOTATION: "nginx" } } }), true);
        check(&both, json!({ "metadata": { "annotations": { LEGACY_CLASS_ANNOTATION: "haproxy" } } }), false);
        check(&both, json!({}), true);
    }

    #[test]
    fn a_class_of_another_controller_is_left_to_it() {
        let classes = [ingress_class("bythos", false), of_another("nginx")];
        check(&classes, json!({ "spec": { "ingressClassName": "nginx" } }), false);
        check(&classes, json!({}), false);
        check(&[], json!({ "spec": { "ingressClassName": "bythos" } }), false);
    }
}
