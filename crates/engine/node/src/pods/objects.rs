//! The ConfigMaps, Secrets and Services that a pod draws from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, PodSpec, Secret, Service, Volume};

use super::spec::all_containers;

/// Names, in the pod's namespace, of what it draws from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References {
    pub(crate) config_maps: BTreeSet<String>,
    pub(crate) secrets: BTreeSet<String>,
}

impl References {
    pub(crate) fn of(spec: &PodSpec) -> Self {
        let mut references = References::default();
        for (_, container) in all_containers(spec) {
            references.add_container(container);
        }
        for volume in spec.volumes.iter().flatten() {
            references.add_volume(volume);
        }
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
}

/// What one pod draws from, as it stands now. What does not exist is missing here.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) config_maps: BTreeMap<String, Arc<ConfigMap>>,
    pub(crate) secrets: BTreeMap<String, Arc<Secret>>,
    /// Services of the pod's namespace, if it wants their links.
    pub(crate) services: Vec<Arc<Service>>,
    /// The Service of the API itself.
    pub(crate) api_service: Option<Arc<Service>>,
}

impl ObjectCaches {
    pub(crate) fn gather(&self, namespace: &str, spec: &PodSpec) -> Objects {
        let references = References::of(spec);
        let key = |name: &String| ObjectKey::namespaced(namespace, name);
        let config_map = |name: &String| Some((name.clone(), self.config_maps.get(&key(name))?));
        let secret = |name: &String| Some((name.clone(), self.secrets.get(&key(name))?));
        let wants_links = spec.enable_service_links != Some(false);
        Objects {
            config_maps: references.config_maps.iter().filter_map(config_map).collect(),
            secrets: references.secrets.iter().filter_map(secret).collect(),
            services: if wants_links { self.services.list_in(namespace) } else { Vec::new() },
            api_service: self.services.get(&ObjectKey::namespaced("default", "kubernetes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_is_found() {
        let spec: PodSpec = serde_json::from_value(serde_json::json!({
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
            ],
        }))
        .unwrap();
        let references = References::of(&spec);
        assert_eq!(Vec::from_iter(references.config_maps), ["c1", "c2", "c3", "c4"]);
        assert_eq!(Vec::from_iter(references.secrets), ["s1", "s2", "s3", "s4"]);
    }
}
