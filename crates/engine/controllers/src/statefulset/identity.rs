//! Who a pod of a StatefulSet is: its name, ordinal and labels. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Pod, Volume};

use super::claims;
use super::view::View;
use crate::pod_template;
use crate::revisions::POD_REVISION;

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The ordinal of a pod; none if its name is not one of this set's.
pub(super) fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let (parent, number) = pod.metadata.name.as_deref()?.rsplit_once('-')?;
    (Some(parent) == set.metadata.name.as_deref()).then(|| number.parse().ok())?
}

pub(super) fn is_named_after(set: &StatefulSet, pod: &Pod) -> bool {
    ordinal(set, pod).is_some()
}

/// The labels by which a pod is known.
pub(super) fn labels(name: &str, ordinal: i32) -> BTreeMap<String, String> {
    BTreeMap::from([(POD_NAME.to_owned(), name.to_owned()), (POD_INDEX.to_owned(), ordinal.to_string())])
}

/// Whether a pod has them.
pub(super) fn is_labelled(set: &StatefulSet, pod: &Pod) -> bool {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let wanted = ordinal(set, pod).map(|ordinal| labels(name, ordinal)).unwrap_or_default();
    let own = pod.metadata.labels.as_ref();
    wanted.iter().all(|(key, value)| own.and_then(|own| own.get(key)) == Some(value))
}

/// The name of the revision that a pod is of.
pub(super) fn revision(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(POD_REVISION)).map_or("", String::as_str)
}

/// A new pod with this ordinal.
pub(super) fn pod(view: &View<'_>, ordinal: i32) -> Pod {
    let set = view.set;
    let name = format!("{}-{ordinal}", set.metadata.name.as_deref().unwrap_or_default());
    let (revision, template) = view.version_of(ordinal);
    let mut pod = pod_template::named_pod(set, &template, name.clone());
    let own = pod.metadata.labels.get_or_insert_default();
    own.extend(labels(&name, ordinal));
    own.insert(POD_REVISION.to_owned(), revision.to_owned());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name.clone());
    spec.subdomain = view.spec.service_name.clone().filter(|service| !service.is_empty());
    let claimed: Vec<Volume> =
        claims::templates(view).map(|(volume, _)| claim_volume(volume, &name)).collect();
    let volumes = spec.volumes.get_or_insert_default();
    volumes.retain(|volume| claimed.iter().all(|claimed| claimed.name != volume.name));
    volumes.extend(claimed);
    if volumes.is_empty() {
        spec.volumes = None;
    }
    pod
}

fn claim_volume(volume: &str, pod: &str) -> Volume {
    Volume {
        name: volume.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claims::name(volume, pod),
            read_only: None,
        }),
        ..Volume::default()
    }
}
