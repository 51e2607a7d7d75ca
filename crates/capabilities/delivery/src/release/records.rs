//! The records of releases: one Secret for each revision, as Helm keeps them.

use bythos_helm::release::{
    Change, Driver, History, RECORD_BYTES_MAX, RecordError, ReleaseRecord, list_selector, release_selector,
    storage_name,
};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use serde_json::Value;

use crate::status::words;

/// How often a record is read again because somebody else wrote it in between.
const ATTEMPTS: usize = 5;

/// A record that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordsError {
    #[error("failed to {action} in namespace {namespace:?}: {words}")]
    Ask { action: String, namespace: String, words: String },
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("failed to print the record of {name:?}")]
    Print {
        name: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("revision {revision} of release {name:?} exists already: somebody else is at work on it")]
    Taken { name: String, revision: i64 },
    #[error("revision {revision} of release {name:?} is not there any more")]
    Gone { name: String, revision: i64 },
}

/// The records in one namespace.
#[derive(Clone)]
pub(crate) struct Records {
    api: Api<DynamicObject>,
    namespace: String,
}

impl Records {
    pub(crate) fn new(client: Client, namespace: &str) -> Records {
        let resource = ApiResource::erase::<Secret>(&());
        Records { api: Api::namespaced_with(client, namespace, &resource), namespace: namespace.to_owned() }
    }

    /// All revisions of a release.
    pub(crate) async fn history(&self, name: &str) -> Result<History, RecordsError> {
        Ok(History::new(self.selected(&release_selector(name)).await?))
    }

    /// All revisions of all releases.
    pub(crate) async fn all(&self) -> Result<Vec<ReleaseRecord>, RecordsError> {
        self.selected(&list_selector()).await
    }

    async fn selected(&self, selector: &str) -> Result<Vec<ReleaseRecord>, RecordsError> {
        let listed = self.api.list(&ListParams::default().labels(selector)).await;
        let found = listed.map_err(|error| self.failed("list the releases", &error))?.items;
        // Each holds a chart, packed: unpacking many of them takes its time.
        let read = tokio::task::spawn_blocking(move || found.iter().map(read).collect());
        read.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Makes a record that is not there.
    pub(crate) async fn create(&self, record: &ReleaseRecord) -> Result<(), RecordsError> {
        let object = self.print(record)?;
        match self.api.create(&PostParams::default(), &object).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                Err(RecordsError::Taken { name: record.name.clone(), revision: record.revision })
            }
            Err(error) => Err(self.failed(&about("make", &record.name, record.revision), &error)),
        }
    }

    /// Changes the record as it is there.
    pub(crate) async fn change(
        &self,
        name: &str,
        revision: i64,
        change: &Change,
    ) -> Result<(), RecordsError> {
        let secret = storage_name(name, revision);
        for attempt in 1.. {
            let found = self.api.get_opt(&secret).await;
            let found = found.map_err(|error| self.failed(&about("read", name, revision), &error))?;
            let found = found.ok_or_else(|| RecordsError::Gone { name: name.to_owned(), revision })?;
            let mut changed = self.print(&read(&found)?.changed(change, Timestamp::now()))?;
            changed.metadata.resource_version = found.metadata.resource_version;
            match self.api.replace(&secret, &PostParams::default(), &changed).await {
                Err(kube::Error::Api(status)) if status.is_conflict() && attempt < ATTEMPTS => {}
                Err(error) => return Err(self.failed(&about("write", name, revision), &error)),
                Ok(_) => break,
            }
        }
        Ok(())
    }

    /// Deletes a record, if it is there.
    pub(crate) async fn delete(&self, name: &str, revision: i64) -> Result<(), RecordsError> {
        match self.api.delete(&storage_name(name, revision), &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(self.failed(&about("delete", name, revision), &error)),
        }
    }

    fn print(&self, record: &ReleaseRecord) -> Result<DynamicObject, RecordsError> {
        let mut object = record.to_object(Driver::Secret, Timestamp::now())?;
        // Records may lie elsewhere than their release.
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("namespace".to_owned(), self.namespace.as_str().into());
        }
        serde_json::from_value(object)
            .map_err(|source| RecordsError::Print { name: record.name.clone(), source })
    }

    fn failed(&self, action: &str, error: &kube::Error) -> RecordsError {
        let (action, namespace) = (action.to_owned(), self.namespace.clone());
        RecordsError::Ask { action, namespace, words: words(error) }
    }
}

fn about(verb: &str, name: &str, revision: i64) -> String {
    format!("{verb} revision {revision} of release {name:?}")
}

fn read(object: &DynamicObject) -> Result<ReleaseRecord, RecordsError> {
    let name = || object.metadata.name.clone().unwrap_or_default();
    let value =
        serde_json::to_value(object).map_err(|source| RecordsError::Print { name: name(), source })?;
    Ok(ReleaseRecord::from_object(&value, RECORD_BYTES_MAX)?)
}
