//! What all kinds of sources have in common: they make artifacts, and say how it went.
//!
//! Each kind says what it is by [`Source`], why it has nothing by [`SourceFailure`], and makes its artifact by
//! [`Produce`]; the rest, from the first look to the events, happens here.

mod conditions;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bythos_api::flux::Artifact;
use bythos_api::gitrepository::GitRepositoryStatus;
use bythos_api::helmchart::HelmChartStatus;
use bythos_api::helmrepository::HelmRepositoryStatus;
use bythos_api::names::RECONCILE_REQUESTED_AT;
use bythos_operator::cache::{Cacheable, Change};
use bythos_operator::condition::get;
use bythos_operator::controller::Trigger;
use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Next, ObjectKey, PartContext};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::condition::{Reason, Type};
use crate::finalizer;
use crate::status::{self, WriteError};
use crate::storage::{Folder, Storage, StorageError};

/// Group of all sources.
const GROUP: &str = "source.toolkit.fluxcd.io";

/// A kind of source.
pub(crate) trait Source: Cacheable + Resource<Scope = NamespaceResourceScope> {
    const FOLDER: Folder;
    type Status: SourceStatus;
    fn status(&self) -> Option<&Self::Status>;
    fn is_suspended(&self) -> bool;
    fn interval(&self) -> Duration;
}

/// What is in the status of every source.
pub(crate) struct Common<'s> {
    pub(crate) observed_generation: &'s mut Option<i64>,
    pub(crate) last_handled_reconcile_at: &'s mut Option<String>,
    pub(crate) conditions: &'s mut Vec<Condition>,
    pub(crate) artifact: &'s mut Option<Artifact>,
}

/// The status of a source.
pub(crate) trait SourceStatus: Clone + Default + Serialize + Send + Sync {
    fn observed_generation(&self) -> Option<i64>;
    fn conditions(&self) -> &[Condition];
    fn artifact(&self) -> Option<&Artifact>;
    fn common(&mut self) -> Common<'_>;
}

/// The statuses of all sources have the same fields in common.
macro_rules! source_status {
    ($($status:ty),+) => {$(
        impl SourceStatus for $status {
            fn observed_generation(&self) -> Option<i64> {
                self.observed_generation
            }

            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }

            fn artifact(&self) -> Option<&Artifact> {
                self.artifact.as_ref()
            }

            fn common(&mut self) -> Common<'_> {
                Common {
                    observed_generation: &mut self.observed_generation,
                    last_handled_reconcile_at: &mut self.last_handled_reconcile_at,
                    conditions: &mut self.conditions,
                    artifact: &mut self.artifact,
                }
            }
        }
    )+};
}

source_status!(GitRepositoryStatus, HelmChartStatus, HelmRepositoryStatus);

/// When to try again after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// With growing delay.
    Soon,
    /// Someone will tell (a push, a change of a Secret), so that the interval is early enough.
    AfterInterval,
    /// Only a change of the object can help.
    AfterChange,
}

/// Why a source has no artifact of what it means now.
pub(crate) trait SourceFailure: std::error::Error + Send + Sync + 'static {
    /// The one place where failures become reasons.
    fn reason(&self) -> Reason;
    /// The condition that tells what is wrong.
    fn condition(&self) -> Type;
    fn retry(&self) -> Retry;
}

/// What was made of a source, or is there already.
pub(crate) struct Made {
    pub(crate) artifact: Artifact,
    pub(crate) reason: Reason,
    /// For the conditions.
    pub(crate) message: String,
    /// Reason and message of the event that tells of a new artifact.
    pub(crate) news: (&'static str, String),
}

/// What makes artifacts of a kind.
pub(crate) trait Produce: Sync {
    type Object: Source;
    type Failure: SourceFailure;

    /// What is being done, for the conditions.
    fn in_progress(&self, source: &Self::Object) -> String;

    /// The artifact of what the source means now. What it was made from is noted in the status, once it is made.
    fn make(
        &self,
        key: &ObjectKey,
        source: &Self::Object,
        status: &mut <Self::Object as Source>::Status,
    ) -> impl Future<Output = Result<Made, Self::Failure>> + Send;
}

/// A reconciliation that comes again with back-off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the object")]
    Read(#[source] Box<kube::Error>),
    #[error("failed to let the object go")]
    Finalize(#[source] Box<kube::Error>),
    #[error(transparent)]
    Status(#[from] WriteError),
    #[error("failed to clean up")]
    CleanUp(#[from] StorageError),
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// How a reconciliation ended.
pub(crate) struct Ended {
    /// Whether others can find something new.
    pub(crate) has_news: bool,
    pub(crate) next: Result<Next, Error>,
}

/// What every controller of sources works with.
pub(crate) struct Desk {
    pub(crate) client: Client,
    pub(crate) storage: Storage,
    events: Publisher,
}

impl Desk {
    pub(crate) fn new(part: &PartContext, storage: Storage) -> Desk {
        let events = Publisher::new(part.client.clone(), "source-controller");
        Desk { client: part.client.clone(), storage, events }
    }

    /// The source, if there is something to do for it. One that is gone, or is going, leaves nothing behind.
    pub(crate) async fn find<K: Source>(&self, key: &ObjectKey) -> Result<Option<K>, Error> {
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        let found = api.get_opt(&key.name).await.map_err(|error| Error::Read(Box::new(error)))?;
        let Some(source) = found else {
            self.storage.remove(K::FOLDER, key).await?;
            return Ok(None);
        };
        if source.meta().deletion_timestamp.is_some() {
            self.storage.remove(K::FOLDER, key).await?;
            self.let_go(&source).await?;
            return Ok(None);
        }
        Ok((!source.is_suspended()).then_some(source))
    }

    /// Flux' own controller holds its sources by a finalizer. One that was made under it must still be able to go.
    pub(crate) async fn let_go<K: Source>(&self, source: &K) -> Result<(), Error> {
        let api = Api::<K>::namespaced(self.client.clone(), &source.namespace().unwrap_or_default());
        finalizer::let_go(&api, source).await.map_err(|error| Error::Finalize(Box::new(error)))
    }

    /// Makes the artifact, and says how it went.
    pub(crate) async fn bring_up_to_date<P: Produce>(
        &self,
        producer: &P,
        key: &ObjectKey,
        source: &P::Object,
    ) -> Result<Ended, Error> {
        let old = source.status().cloned().unwrap_or_default();
        let mut new = old.clone();
        if old.observed_generation() != source.meta().generation {
            conditions::progressing(source, &mut new, &producer.in_progress(source));
            status::write(&self.client, source, &old, &new).await?;
        }
        let before = new.clone();
        let made = producer.make(key, source, &mut new).await;
        conditions::note(source, &mut new, made.as_ref());
        status::write(&self.client, source, &before, &new).await?;
        self.tell(source, &before, &new, made.as_ref().ok()).await;
        let kept = [&before, &new].map(|status| status.artifact().map_or("", |it| it.path.as_str()));
        self.storage.keep_only(P::Object::FOLDER, key, &kept).await?;
        let interval = source.interval();
        Ok(Ended {
            has_news: digest(&before) != digest(&new),
            next: match made {
                Ok(_) => Ok(Next::After(interval)),
                Err(failure) => match failure.retry() {
                    Retry::Soon => Err(Error::Failed(Box::new(failure))),
                    Retry::AfterInterval => Ok(Next::After(interval)),
                    Retry::AfterChange => Ok(Next::Wait),
                },
            },
        })
    }

    /// Says once what happened: a new artifact, an end of failures, or a failure that is not the one of the last time.
    async fn tell<K: Source>(&self, source: &K, old: &K::Status, new: &K::Status, made: Option<&Made>) {
        let (namespace, name) = (source.namespace(), source.name_any());
        let events = self.events.annotated(event_annotations(new));
        if let Some(Made { reason, news, .. }) = made {
            let (news_reason, message) = (news.0, news.1.as_str());
            let is_new = digest(old) != digest(new);
            if is_new || conditions::is_failing(old.conditions()) {
                info!(namespace, name, message);
                let reason = if is_new { news_reason } else { reason.as_str() };
                events.publish(source, Severity::Normal, reason, message).await;
            }
            return;
        }
        let message = |status: &K::Status| get(status.conditions(), "Ready").map(|it| it.message.clone());
        if let Some(ready) = get(new.conditions(), "Ready").filter(|_| message(old) != message(new)) {
            events.publish(source, Severity::Warning, &ready.reason, &ready.message).await;
        }
    }
}

/// What events say beside their message: which artifact there is.
fn event_annotations(status: &impl SourceStatus) -> BTreeMap<String, String> {
    let Some(artifact) = status.artifact() else { return BTreeMap::new() };
    let about = [("revision", Some(artifact.revision.clone())), ("digest", artifact.digest.clone())];
    about.into_iter().filter_map(|(key, value)| Some((format!("{GROUP}/{key}"), value?))).collect()
}

fn digest(status: &impl SourceStatus) -> Option<&str> {
    status.artifact()?.digest.as_deref()
}

/// Wakes a controller by what users change in its objects, and for the artifacts of those that are gone. Our own words in
/// the status ask for nothing.
pub(crate) async fn watch<K: Source>(
    trigger: Trigger,
    sources: &Cache<K>,
    storage: &Storage,
    shutdown: CancellationToken,
) -> Result<(), StorageError> {
    for key in storage.sources(K::FOLDER).await? {
        trigger.add(key);
    }
    sources.subscribe(move |change| {
        if let Some(key) = asks_for_work(change) {
            trigger.add(key);
        }
        !shutdown.is_cancelled()
    });
    Ok(())
}

fn asks_for_work<K: Resource>(change: &Change<'_, K>) -> Option<ObjectKey> {
    let wish = |object: &K| {
        let meta = object.meta();
        (
            meta.uid.clone(),
            meta.generation,
            meta.deletion_timestamp.is_some(),
            object.annotations().get(RECONCILE_REQUESTED_AT).cloned(),
        )
    };
    let object = change.new.or(change.old)?;
    let same = matches!((change.old, change.new), (Some(old), Some(new)) if wish(old) == wish(new));
    (!same).then(|| ObjectKey::of(object))
}
