//! Who has to be woken when a ConfigMap or Secret with variables changes: those who read from one that carries Flux'
//! label `reconcile.fluxcd.io/watch: Enabled`.

use bythos_api::kustomization::Kustomization;
use bythos_api::names::RECONCILE_WATCH;
use bythos_operator::{BoxError, Cache, Controller, ObjectKey, PartContext};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Resource, ResourceExt as _};

/// `controller`, with an eye on ConfigMaps and Secrets.
pub(super) async fn watched(
    controller: Controller,
    part: &PartContext,
    kustomizations: &Cache<Kustomization>,
) -> Result<Controller, BoxError> {
    let config_maps = part.caches.of::<ConfigMap>().await?;
    let secrets = part.caches.of::<Secret>().await?;
    let (of_maps, of_secrets) = (kustomizations.clone(), kustomizations.clone());
    Ok(controller
        .watches(&config_maps, move |map: &ConfigMap| users_of("ConfigMap", map, &of_maps))
        .watches(&secrets, move |secret: &Secret| users_of("Secret", secret, &of_secrets)))
}

fn users_of<K: Resource>(kind: &str, object: &K, kustomizations: &Cache<Kustomization>) -> Vec<ObjectKey> {
    if object.labels().get(RECONCILE_WATCH).map(String::as_str) != Some("Enabled") {
        return Vec::new();
    }
    let name = object.name_any();
    let reads = |it: &Kustomization| {
        let references = it.spec.post_build.iter().flat_map(|it| &it.substitute_from);
        references.into_iter().any(|it| it.kind == kind && it.name == name)
    };
    let namespace = object.namespace().unwrap_or_default();
    let users = kustomizations.list_in(&namespace);
    users.iter().filter(|it| reads(it)).map(|it| ObjectKey::of(it.as_ref())).collect()
}
