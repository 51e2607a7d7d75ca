//! The live table of kinds: the built-in ones and those of CustomResourceDefinitions.
//!
//! A [`Registry`] never changes; a change of the definitions makes a new one, which takes the old one's place.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_kinds::{Kind, Subresource};
use bythos_schema::Schema;
use bythos_store::{Entry, Key, Revision, Scope};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::object;
use crate::status::ResourceName;

/// The resource of CustomResourceDefinitions, as the store names it.
pub(crate) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// Where a served kind comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    BuiltIn,
    /// A CustomResourceDefinition.
    Custom {
        /// `metadata.uid` of the definition.
        uid: String,
        /// Its revision: what was written since then went through its schemas.
        revision: Revision,
        /// Whether the definition is being deleted, so that no new objects are made.
        ending: bool,
    },
}

/// A kind as it is served.
pub(crate) struct Served {
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    /// As the store names its objects: `pods`, `deployments.apps`.
    pub(crate) resource: Arc<str>,
    /// `v1`, `apps/v1`.
    pub(crate) api_version: String,
    /// `DeploymentList`, or what the definition says.
    pub(crate) list_kind: String,
    /// `apiVersion` under which its objects are stored.
    stored_api_version: String,
    /// Ends the watches on it when it is not served any more.
    ended: CancellationToken,
}

impl Served {
    fn new(kind: Kind, origin: Origin, stored_api_version: String, ended: CancellationToken) -> Served {
        // A kind that two groups serve lies in that of one.
        let stored_group = stored_api_version.rsplit_once('/').map_or("", |(group, _)| group);
        Served {
            resource: store_resource(stored_group, &kind.plural).into(),
            api_version: kind.api_version(),
            list_kind: match &kind.custom.list_kind {
                Some(list_kind) => list_kind.to_string(),
                None => format!("{}List", kind.kind),
            },
            kind,
            origin,
            stored_api_version,
            ended,
        }
    }

    /// `deployments.apps` in messages.
    pub(crate) fn name(&self) -> ResourceName {
        ResourceName::new(&self.kind.group, &self.kind.plural)
    }

    /// `Deployment.apps` in messages.
    pub(crate) fn kind_name(&self) -> ResourceName {
        ResourceName::new(&self.kind.group, &self.kind.kind)
    }

    /// `apiVersion` under which its objects are stored.
    pub(crate) fn stored_api_version(&self) -> &str {
        &self.stored_api_version
    }

    /// The key of one of its objects; `namespace` is empty for cluster scope.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> Key {
        Key { resource: self.resource.clone(), namespace: namespace.into(), name: name.into() }
    }

    /// Its objects in a namespace, or all if `namespace` is empty.
    pub(crate) fn scope(&self, namespace: &str) -> Scope {
        let namespace = (!namespace.is_empty() && self.kind.namespaced).then(|| namespace.into());
        Scope { resource: self.resource.clone(), namespace }
    }

    /// Its schema; one that allows everything if it has none.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        self.kind.schema().unwrap_or_else(|| Schema::anything().clone())
    }

    pub(crate) fn has_status(&self) -> bool {
        self.kind.subresources.contains(&Subresource::Status)
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.origin != Origin::BuiltIn
    }

    /// What tells two definitions of one name apart; `None` for built-in kinds.
    fn origin_uid(&self) -> Option<&str> {
        match &self.origin {
            Origin::BuiltIn => None,
            Origin::Custom { uid, .. } => Some(uid),
        }
    }

    /// Ends when it is not served any more.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }
}

/// `pods`, `deployments.apps`.
pub(crate) fn store_resource(group: &str, plural: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

/// All kinds served at a moment.
pub(crate) struct Registry {
    /// In the order in which discovery lists them: the built-in ones, then those of definitions.
    kinds: Vec<Arc<Served>>,
    built_in_count: usize,
    /// By group, version and plural.
    by_path: BTreeMap<(String, String, String), Arc<Served>>,
    /// What each definition brings, so that only a definition that changed is read again.
    definitions: BTreeMap<Arc<str>, Brought>,
    /// Changes whenever a definition does.
    fingerprint: String,
}

/// The kinds that a definition brings.
#[derive(Clone)]
struct Brought {
    revision: Revision,
    kinds: Vec<Arc<Served>>,
}

impl Registry {
    /// The built-in kinds and those that the stored `definitions` bring. Kinds that `previous` served already live on.
    pub(crate) fn new(definitions: &[Arc<Entry>], previous: Option<&Registry>) -> Registry {
        let mut kinds = match previous {
            Some(previous) => previous.kinds.iter().take(previous.built_in_count).cloned().collect(),
            None => built_in_kinds(),
        };
        let built_in_count = kinds.len();
        let mut brought = BTreeMap::new();
        for entry in definitions {
            let known = previous.and_then(|previous| previous.definitions.get(&entry.key.name));
            let one = match known.filter(|known| known.revision == entry.revision) {
                Some(known) => known.clone(),
                None => Brought { revision: entry.revision, kinds: custom_kinds(entry, previous) },
            };
            kinds.extend(one.kinds.iter().cloned());
            brought.insert(entry.key.name.clone(), one);
        }
        let by_path = kinds
            .iter()
            .map(|served: &Arc<Served>| {
                let Kind { group, version, plural, .. } = &served.kind;
                ((group.to_string(), version.to_string(), plural.to_string()), served.clone())
            })
            .collect();
        let fingerprint = fingerprint(definitions);
        Registry { kinds, built_in_count, by_path, definitions: brought, fingerprint }
    }

    /// Whether it was made of these definitions.
    pub(crate) fn is_of(&self, definitions: &[Arc<Entry>]) -> bool {
        self.fingerprint == fingerprint(definitions)
    }

    pub(crate) fn kinds(&self) -> &[Arc<Served>] {
        &self.kinds
    }

    /// What clients keep a document about the kinds under: another one whenever a definition changed.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Served>> {
        self.by_path.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// Ends the watches on kinds that `next` does not serve any more.
    pub(crate) fn end_those_not_in(&self, next: &Registry) {
        for served in &self.kinds {
            let Kind { group, version, plural, .. } = &served.kind;
            let goes_on = next
                .find(group, version, plural)
                .is_some_and(|next| next.origin_uid() == served.origin_uid());
            if !goes_on {
                served.ended.cancel();
            }
        }
    }

    /// A kind by `apiVersion` and `kind`.
    pub(crate) fn of_object(&self, object: &Value) -> Option<&Arc<Served>> {
        let api_version = object.get("apiVersion")?.as_str()?;
        let kind = object.get("kind")?.as_str()?;
        self.kinds.iter().find(|served| served.api_version == api_version && served.kind.kind == kind)
    }

    /// Whether the definition of this resource is being deleted.
    pub(crate) fn is_ending(&self, resource: &str) -> bool {
        self.of_resource(resource)
            .is_some_and(|served| matches!(served.origin, Origin::Custom { ending: true, .. }))
    }

    /// Any version of a resource, as the store names it.
    pub(crate) fn of_resource(&self, resource: &str) -> Option<&Arc<Served>> {
        self.kinds.iter().find(|served| &*served.resource == resource)
    }
}

fn fingerprint(definitions: &[Arc<Entry>]) -> String {
    let newest = definitions.iter().map(|entry| entry.revision.0).max().unwrap_or_default();
    format!("{}-{newest}", definitions.len())
}

fn built_in_kinds() -> Vec<Arc<Served>> {
    let served = |kind: Kind| {
        let converted = kind.rules.conversion.map(|conversion| conversion.stored_api_version.to_owned());
        let stored = converted.unwrap_or_else(|| kind.api_version());
        Arc::new(Served::new(kind, Origin::BuiltIn, stored, CancellationToken::new()))
    };
    bythos_kinds::built_in().into_iter().map(served).collect()
}

fn custom_kinds(entry: &Entry, previous: Option<&Registry>) -> Vec<Arc<Served>> {
    let Ok(definition) = serde_json::from_slice::<Value>(&entry.value) else { return Vec::new() };
    let definition = &definition;
    if !is_established(definition) {
        return Vec::new();
    }
    let origin = Origin::Custom {
        revision: entry.revision,
        uid: object::meta(definition, "uid").unwrap_or_default().to_owned(),
        ending: object::is_ending(definition),
    };
    let kinds = match bythos_kinds::from_definition(definition) {
        Ok(kinds) => kinds,
        Err(errors) => {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            tracing::warn!(definition = object::name(definition), ?errors, "stored definition is not served");
            return Vec::new();
        }
    };
    let storage = storage_version(definition).unwrap_or_default();
    kinds
        .into_iter()
        .map(|kind| {
            let ended = known_token(previous, &kind, &origin);
            let stored_api_version = format!("{}/{storage}", kind.group);
            Arc::new(Served::new(kind, origin.clone(), stored_api_version, ended))
        })
        .collect()
}

fn known_token(previous: Option<&Registry>, kind: &Kind, origin: &Origin) -> CancellationToken {
    let uid = match origin {
        Origin::BuiltIn => None,
        Origin::Custom { uid, .. } => Some(uid.as_str()),
    };
    previous
        .and_then(|previous| previous.find(&kind.group, &kind.version, &kind.plural))
        .filter(|served| served.origin_uid() == uid)
        .map_or_else(CancellationToken::new, |served| served.ended.clone())
}

/// The version of a definition in which its objects are stored.
pub(crate) fn storage_version(definition: &Value) -> Option<&str> {
    let versions = definition.pointer("/spec/versions")?.as_array()?;
    let storage = versions.iter().find(|version| version.get("storage") == Some(&Value::Bool(true)))?;
    storage.get("name")?.as_str()
}

fn is_established(definition: &Value) -> bool {
    let conditions = definition.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        condition.get("type").and_then(Value::as_str) == Some("Established")
            && condition.get("status").and_then(Value::as_str) == Some("True")
    })
}
