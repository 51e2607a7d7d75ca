//! What the files of configMap, secret, downwardAPI and projected volumes should hold.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, KeyToPath, Pod, PodSpec, ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use super::super::fields::{self, Addresses, UnknownField};
use super::super::objects::Objects;
use super::super::resource_field::{self, ResourceFieldError};
use super::super::spec::all_containers;
use super::super::tokens::TokenKey;

const DEFAULT_MODE: u32 = 0o644;

/// Files by their path in the volume.
pub(crate) type Payload = BTreeMap<String, File>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: u32,
    /// Root, if it is nobody else.
    pub(crate) owner: Option<u32>,
}

/// What a volume draws from is not there, or cannot be a file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProjectionError {
    #[error("{kind} {name:?} not found")]
    NoObject { kind: &'static str, name: String },
    #[error("{kind} {name:?} has no key {key:?}, which items references")]
    NoKey { kind: &'static str, name: String, key: String },
    #[error("found the path {path:?}, expected one below the volume, without ..")]
    Path { path: String },
    #[error(transparent)]
    Field(#[from] UnknownField),
    #[error("items[{path:?}]: expected fieldRef or resourceFieldRef")]
    NoField { path: String },
    #[error("items[{path:?}]")]
    Resource {
        path: String,
        #[source]
        source: ResourceFieldError,
    },
    #[error("failed to fetch token: {cause}")]
    NoToken { cause: String },
}

/// The files of a volume that the node writes.
pub(super) fn payload(
    volume: &Volume,
    pod: &Pod,
    objects: &Objects,
    addresses: &Addresses,
) -> Result<Payload, ProjectionError> {
    let mut sources = Sources { pod, objects, addresses, default_mode: DEFAULT_MODE, files: Payload::new() };
    if let Some(source) = &volume.config_map {
        sources.default_mode = mode(source.default_mode, DEFAULT_MODE);
        sources.config_map(&source.name, source.items.as_deref(), source.optional)?;
    }
    if let Some(source) = &volume.secret {
        sources.default_mode = mode(source.default_mode, DEFAULT_MODE);
        let name = source.secret_name.as_deref().unwrap_or_default();
        sources.secret(name, source.items.as_deref(), source.optional)?;
    }
    if let Some(source) = &volume.downward_api {
        sources.default_mode = mode(source.default_mode, DEFAULT_MODE);
        sources.downward_api(source.items.as_deref().unwrap_or_default())?;
    }
    if let Some(source) = &volume.projected {
        sources.default_mode = mode(source.default_mode, DEFAULT_MODE);
        for projection in source.sources.iter().flatten() {
            sources.projection(projection)?;
        }
    }
    Ok(sources.files)
}

struct Sources<'a> {
    pod: &'a Pod,
    objects: &'a Objects,
    addresses: &'a Addresses,
    default_mode: u32,
    files: Payload,
}

impl Sources<'_> {
    fn projection(&mut self, projection: &VolumeProjection) -> Result<(), ProjectionError> {
        if let Some(source) = &projection.config_map {
            self.config_map(&source.name, source.items.as_deref(), source.optional)?;
        }
        if let Some(source) = &projection.secret {
            self.secret(&source.name, source.items.as_deref(), source.optional)?;
        }
        if let Some(source) = &projection.downward_api {
            self.downward_api(source.items.as_deref().unwrap_or_default())?;
        }
        if let Some(source) = &projection.service_account_token {
            self.token(source)?;
        }
        Ok(())
    }

    fn config_map(
        &mut self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<(), ProjectionError> {
        let Some(found) = self.objects.config_maps.get(name) else {
            return unless_optional(optional, "configmap", name);
        };
        let text = found.data.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        let binary = found.binary_data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
        self.keys("configmap", name, text.chain(binary).collect(), items, optional)
    }

    fn secret(
        &mut self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<(), ProjectionError> {
        let Some(found) = self.objects.secrets.get(name) else {
            return unless_optional(optional, "secret", name);
        };
        let data = found.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect();
        self.keys("secret", name, data, items, optional)
    }

    /// All keys under their own names, or those that `items` asks for.
    fn keys(
        &mut self,
        kind: &'static str,
        name: &str,
        mut data: BTreeMap<String, Vec<u8>>,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<(), ProjectionError> {
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            for (key, bytes) in data {
                self.put(&key, bytes, None)?;
            }
            return Ok(());
        };
        for item in items {
            match data.get_mut(&item.key) {
                Some(bytes) => self.put(&item.path, bytes.clone(), item.mode)?,
                None if optional == Some(true) => {}
                None => {
                    let (name, key) = (name.to_owned(), item.key.clone());
                    return Err(ProjectionError::NoKey { kind, name, key });
                }
            }
        }
        Ok(())
    }

    fn downward_api(&mut self, items: &[DownwardAPIVolumeFile]) -> Result<(), ProjectionError> {
        for item in items {
            let path = || item.path.clone();
            let text = match (&item.field_ref, &item.resource_field_ref, &self.pod.spec) {
                (Some(field), ..) => fields::text(self.pod, self.addresses, &field.field_path)?,
                (None, Some(selector), Some(spec)) => {
                    resource_field::text(spec, None, selector, &self.objects.capacity)
                        .map_err(|source| ProjectionError::Resource { path: path(), source })?
                }
                _ => return Err(ProjectionError::NoField { path: path() }),
            };
            self.put(&item.path, text.into_bytes(), item.mode)?;
        }
        Ok(())
    }

    /// The program can read its token and, where that can be arranged, nobody else.
    fn token(&mut self, source: &ServiceAccountTokenProjection) -> Result<(), ProjectionError> {
        let text = self.objects.tokens.get(&TokenKey::of(source)).cloned().ok_or_else(|| {
            let cause = self.objects.token_failure.clone();
            ProjectionError::NoToken { cause: cause.unwrap_or_else(|| "it was not asked for".to_owned()) }
        })?;
        self.put(&source.path, text.into_bytes(), None)?;
        let Some(spec) = &self.pod.spec else { return Ok(()) };
        let has_group = spec.security_context.as_ref().is_some_and(|context| context.fs_group.is_some());
        let Some(file) = self.files.get_mut(&source.path) else { return Ok(()) };
        match only_user(spec) {
            _ if has_group => file.mode = 0o600,
            Some(user) => (file.mode, file.owner) = (0o600, Some(user)),
            None => {}
        }
        Ok(())
    }

    fn put(&mut self, path: &str, bytes: Vec<u8>, own_mode: Option<i32>) -> Result<(), ProjectionError> {
        let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
        // Names that begin with two dots are the node's own, by which it swaps all files at once.
        if !path.split('/').all(is_part) || path.starts_with("..") {
            return Err(ProjectionError::Path { path: path.to_owned() });
        }
        self.files
            .insert(path.to_owned(), File { bytes, mode: mode(own_mode, self.default_mode), owner: None });
        Ok(())
    }
}

/// The user that all containers of the pod run as, if it is one and the manifest says so.
fn only_user(spec: &PodSpec) -> Option<u32> {
    let of_pod = spec.security_context.as_ref().and_then(|context| context.run_as_user);
    let mut users = all_containers(spec).map(|(_, container)| {
        container.security_context.as_ref().and_then(|context| context.run_as_user).or(of_pod)
    });
    let first = users.next()??;
    users.all(|user| user == Some(first)).then(|| u32::try_from(first).ok()).flatten()
}

fn mode(asked: Option<i32>, otherwise: u32) -> u32 {
    asked.and_then(|mode| u32::try_from(mode).ok()).map_or(otherwise, |mode| mode & 0o777)
}

fn unless_optional(optional: Option<bool>, kind: &'static str, name: &str) -> Result<(), ProjectionError> {
    if optional == Some(true) {
        return Ok(());
    }
    Err(ProjectionError::NoObject { kind, name: name.to_owned() })
}
