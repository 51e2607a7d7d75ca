//! What a pod draws from: ConfigMaps, Secrets, Services, claims, and what the node itself has to give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvVar, PersistentVolume, PersistentVolumeClaim, Pod, Secret, Service, Volume,
};

use super::resource_field::Capacity;
use super::spec::{all_containers, ephemeral_containers};
use super::tokens::TokenKey;

/// Names, in the pod's namespace, of what it draws from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References {
    pub(crate) config_maps: BTreeSet<String>,
    pub(crate) secrets: BTreeSet<String>,
    pub(crate) claims: BTreeSet<String>,
}

impl References {
    pub(crate) fn of(pod: &Pod) -> Self {
        let mut references = References::default();
        let Some(spec) = &pod.spec else { return references };
        for (_, container) in all_containers(spec) {
            references.add_container(container);
        }
        for container in ephemeral_containers(spec) {
            references.add_container(&super::spec::as_container(container));
        }
        for volume in spec.volumes.iter().flatten() {
            references.add_volume(volume);
            references.claims.extend(claim_of(pod, volume));
        }
        references.secrets.extend(spec.image_pull_secrets.iter().flatten().map(|secret| secret.name.clone()));
        references
    }

    fn add_container(&mut self, container: &Container) {
        for source in container.env_from.iter().flatten() {
            self.config_maps.extend(source.config_map_ref.iter().map(|source| source.name.clone()));
            self.secrets.extend(source.secret_ref.iter().map(|source| source.name.clone()));
        }
        let from_elsewhere = |variable: &EnvVar| variable.value_from.clone();
        for source in container.env.iter().flatten().filter_map(from_elsewhere) {
            self.config_maps.extend(source.config_map_key_ref.map(|source| source.name));
            self.secrets.extend(source.secret_key_ref.map(|source| source.name));
        }
    }

    fn add_volume(&mut self, volume: &Volume) {
        self.config_maps.extend(volume.config_map.iter().map(|source| source.name.clone()));
        self.secrets.extend(volume.secret.iter().filter_map(|source| source.secret_name.clone()));
        let projections = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        for projection in projections {
            self.config_maps.extend(projection.config_map.iter().map(|source| source.name.clone()));
            self.secrets.extend(projection.secret.iter().map(|source| source.name.clone()));
        }
    }
}

/// The caches in which the objects are found.
#[derive(Clone)]
pub(crate) struct ObjectCaches {
    pub(crate) config_maps: Cache<ConfigMap>,
    pub(crate) secrets: Cache<Secret>,
    pub(crate) services: Cache<Service>,
    pub(crate) claims: Cache<PersistentVolumeClaim>,
    pub(crate) volumes: Cache<PersistentVolume>,
}

/// A claim with the volume that it names, if that exists.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) claim: Arc<PersistentVolumeClaim>,
    pub(crate) volume: Option<Arc<PersistentVolume>>,
}

/// Name of the claim that a volume of the pod uses; an ephemeral volume's is made from the names of both.
pub(crate) fn claim_of(pod: &Pod, volume: &Volume) -> Option<String> {
    if let Some(claim) = &volume.persistent_volume_claim {
        return Some(claim.claim_name.clone());
    }
    volume.ephemeral.as_ref()?;
    Some(format!("{}-{}", pod.metadata.name.as_deref().unwrap_or_default(), volume.name))
}

/// What one pod draws from, as it stands now. What does not exist is missing here.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) config_maps: BTreeMap<String, Arc<ConfigMap>>,
    pub(crate) secrets: BTreeMap<String, Arc<Secret>>,
    pub(crate) claims: BTreeMap<String, Claim>,
    /// Tokens of the pod's service account, as far as they could be had.
    pub(crate) tokens: BTreeMap<TokenKey, String>,
    /// Why there may be too few tokens.
    pub(crate) token_failure: Option<String>,
    pub(crate) capacity: Capacity,
    /// Services of the pod's namespace, if it wants their links.
    pub(crate) services: Vec<Arc<Service>>,
    /// The Service of the API itself.
    pub(crate) api_service: Option<Arc<Service>>,
}

impl ObjectCaches {
    /// All but the tokens, which have to be asked for.
    pub(crate) fn gather(&self, pod: &Pod, capacity: Capacity) -> Objects {
        let references = References::of(pod);
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let key = |name: &String| ObjectKey::namespaced(namespace, name);
        let config_map = |name: &String| Some((name.clone(), self.config_maps.get(&key(name))?));
        let secret = |name: &String| Some((name.clone(), self.secrets.get(&key(name))?));
        let claim = |name: &String| Some((name.clone(), self.claim(&key(name))?));
        let wants_links = pod.spec.as_ref().is_some_and(|spec| spec.enable_service_links != Some(false));
        Objects {
            config_maps: references.config_maps.iter().filter_map(config_map).collect(),
            secrets: references.secrets.iter().filter_map(secret).collect(),
            claims: references.claims.iter().filter_map(claim).collect(),
            capacity,
            services: if wants_links { self.services.list_in(namespace) } else { Vec::new() },
            api_service: self.services.get(&ObjectKey::namespaced("default", "kubernetes")),
            ..Objects::default()
        }
    }

    fn claim(&self, key: &ObjectKey) -> Option<Claim> {
        let claim = self.claims.get(key)?;
        let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_ref());
        let volume = volume.and_then(|name| self.volumes.get(&ObjectKey::cluster(name)));
        Some(Claim { claim, volume })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_is_found() {
        let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {"name": "p"}, "spec": {
            "initContainers": [{"name": "i", "envFrom": [{"configMapRef": {"name": "c1"}}, {"secretRef": {"name": "s1"}}]}],
            "containers": [{"name": "w", "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c2", "key": "k"}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s2", "key": "k"}}},
                {"name": "C", "value": "plain"},
            ]}],
            "volumes": [
                {"name": "a", "configMap": {"name": "c3"}},
                {"name": "b", "secret": {"secretName": "s3"}},
                {"name": "c", "projected": {"sources": [{"configMap": {"name": "c4"}}, {"secret": {"name": "s4"}}]}},
                {"name": "d", "emptyDir": {}},
                {"name": "e", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "f", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
            ],
            "imagePullSecrets": [{"name": "s5"}],
        }}))
        .unwrap();
        let references = References::of(&pod);
        assert_eq!(Vec::from_iter(references.config_maps), ["c1", "c2", "c3", "c4"]);
        assert_eq!(Vec::from_iter(references.secrets), ["s1", "s2", "s3", "s4", "s5"]);
        assert_eq!(Vec::from_iter(references.claims), ["data", "p-f"]);
    }
}
