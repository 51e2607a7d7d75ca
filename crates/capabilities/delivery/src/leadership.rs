//! Who reconciles, Bythos or Flux: whoever holds the Leases by which Flux' own controllers elect their leader.
//!
//! A repository may bring the real Flux. Then both find the same Leases, and exactly one works; the other stands by and
//! says so. Bythos works only while it holds all of them, those of the sources, of the kustomizations and of the Helm releases:
//! artifacts of one are nothing that the other could read.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bythos_api::names::FLUX_NAMESPACE;
use bythos_operator::{BoxError, Health, PartContext, apply};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::Notify;
use tracing::{info, warn};

/// The Leases, in the order in which they are taken.
const LEASES: [&str; 3] = [
    "source-controller-leader-election",
    "kustomize-controller-leader-election",
    "helm-controller-leader-election",
];
/// For how long a Lease holds without being renewed.
const DURATION: Duration = Duration::from_secs(60);
const RENEWAL: Duration = Duration::from_secs(20);
/// After a failure of the API itself.
const RETRY: Duration = Duration::from_secs(2);
/// After somebody else was faster.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How an attempt to take a Lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Ours,
    /// Somebody was faster, or something had to be made first: the next look tells.
    Lost,
}

/// Runs `work` while Bythos leads, and again each time that it comes to lead, until shutdown.
pub(crate) async fn while_leading<F, Fut>(context: &PartContext, work: F) -> Result<(), BoxError>
where
    F: Fn(PartContext) -> Fut,
    Fut: Future<Output = Result<(), BoxError>>,
{
    let candidate = Candidate {
        client: context.client.clone(),
        identity: identity().await,
        changed: changes(context).await?,
    };
    let term = async {
        loop {
            candidate.stand(&context.health).await;
            // The token ends what was subscribed for this term.
            let term = context.shutdown.child_token();
            let _ended = term.clone().drop_guard();
            let inner = PartContext { shutdown: term, ..context.clone() };
            tokio::select! {
                outcome = work(inner) => return outcome,
                () = candidate.lead() => {}
            }
        }
    };
    let outcome = context.shutdown.run_until_cancelled(term).await;
    // Not after a failure: the supervisor starts again, under the same name.
    if context.shutdown.is_cancelled() {
        candidate.resign(&LEASES).await;
    }
    outcome.unwrap_or(Ok(()))
}

/// The same after a restart, so that a Bythos that was killed goes on at once.
async fn identity() -> String {
    let host = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await.unwrap_or_default();
    format!("bythos_{}", host.trim())
}

/// Is notified when one of the Leases changes, by whomever.
async fn changes(context: &PartContext) -> Result<Arc<Notify>, BoxError> {
    let leases = context.caches.of::<Lease>().await?;
    let changed = Arc::new(Notify::new());
    let (notify, shutdown) = (changed.clone(), context.shutdown.clone());
    leases.subscribe(move |change| {
        let meta = change.new.or(change.old).map(|lease| &lease.metadata);
        let is_meant = meta.is_some_and(|meta| {
            meta.namespace.as_deref() == Some(FLUX_NAMESPACE)
                && meta.name.as_deref().is_some_and(|name| LEASES.contains(&name))
        });
        if is_meant {
            notify.notify_one();
        }
        !shutdown.is_cancelled()
    });
    Ok(changed)
}

struct Candidate {
    client: Client,
    identity: String,
    changed: Arc<Notify>,
}

impl Candidate {
    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), FLUX_NAMESPACE)
    }

    /// Waits until all Leases are ours.
    async fn stand(&self, health: &Health) {
        loop {
            let wait = match self.take_all().await {
                Ok(None) => {
                    info!(identity = self.identity, "leads: reconciles Flux' objects");
                    return;
                }
                Ok(Some((lease, holder, left))) => {
                    let words = format!(
                        "standing by: {holder:?} holds Lease {FLUX_NAMESPACE}/{lease} and reconciles Flux' objects"
                    );
                    info!("{words}");
                    health.starting(words);
                    left
                }
                Err(error) => {
                    warn!(error = %bythos_operator::error_chain(&error), "failed to take the Leases");
                    RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Keeps all Leases, and returns when one is lost.
    async fn lead(&self) {
        let mut held_until = tokio::time::Instant::now() + DURATION;
        loop {
            tokio::select! {
                () = tokio::time::sleep(RENEWAL) => {}
                () = self.changed.notified() => {
                    // Our own renewals come back, too: only a Lease of somebody else is news.
                    if matches!(self.is_held().await, Ok(true)) {
                        continue;
                    }
                }
            }
            match self.take_all().await {
                Ok(None) => held_until = tokio::time::Instant::now() + DURATION,
                Ok(Some((lease, holder, _))) => {
                    warn!(lease, holder, "no longer leads");
                    return;
                }
                Err(error) => {
                    warn!(error = %bythos_operator::error_chain(&error), "failed to renew the Leases");
                    // Before others may take them.
                    if tokio::time::Instant::now() + RENEWAL >= held_until {
                        return;
                    }
                }
            }
        }
    }

    async fn is_held(&self) -> Result<bool, kube::Error> {
        for name in LEASES {
            let lease = self.leases().get_opt(name).await?;
            let holder = lease.and_then(|lease| lease.spec?.holder_identity);
            if holder.as_deref() != Some(&self.identity) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes or renews all. What is not to be had is returned, and nothing is kept then. Nothing is written while
    /// somebody else leads: our own writes would wake us.
    async fn take_all(&self) -> Result<Option<(&'static str, String, Duration)>, kube::Error> {
        let mut found = Vec::new();
        for name in LEASES {
            let lease = self.leases().get_opt(name).await?;
            if let Some((holder, left)) = lease.as_ref().and_then(|lease| self.rival(lease)) {
                self.resign(&LEASES).await;
                return Ok(Some((name, holder, left)));
            }
            found.push((name, lease));
        }
        for (name, lease) in found {
            let hold = match lease {
                Some(lease) => self.take(name, lease).await?,
                None => self.create(name).await?,
            };
            if hold == Hold::Lost {
                self.resign(&LEASES).await;
                return Ok(Some((name, "somebody else".to_owned(), LOOK_AGAIN)));
            }
        }
        Ok(None)
    }

    /// Somebody else who holds a Lease, and how long it still holds, if it is not renewed.
    fn rival(&self, lease: &Lease) -> Option<(String, Duration)> {
        let spec = lease.spec.as_ref()?;
        let holder = spec.holder_identity.clone().filter(|it| !it.is_empty() && *it != self.identity)?;
        Some((holder, time_left(spec, Timestamp::now())?))
    }

    async fn take(&self, name: &str, mut lease: Lease) -> Result<Hold, kube::Error> {
        let spec = lease.spec.get_or_insert_default();
        let now = Timestamp::now();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            spec.acquire_time = Some(MicroTime(now));
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default() + 1);
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
        spec.renew_time = Some(MicroTime(now));
        // With the version that was read: of two who try, one wins.
        match self.leases().replace(name, &PostParams::default(), &lease).await {
            Ok(_) => Ok(Hold::Ours),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Hold::Lost),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, name: &str) -> Result<Hold, kube::Error> {
        let now = MicroTime(Timestamp::now());
        let lease = Lease {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                lease_transitions: Some(0),
                ..LeaseSpec::default()
            }),
        };
        match self.leases().create(&PostParams::default(), &lease).await {
            Ok(_) => Ok(Hold::Ours),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(Hold::Lost),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                self.make_namespace().await;
                Ok(Hold::Lost)
            }
            Err(error) => Err(error),
        }
    }

    async fn make_namespace(&self) {
        let metadata = ObjectMeta { name: Some(FLUX_NAMESPACE.to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        if let Err(error) = apply::cluster(&self.client, "bythos", &namespace).await {
            warn!(error = %bythos_operator::error_chain(&error), "failed to make the namespace of the Leases");
        }
    }

    /// Lets go, so that others need not wait.
    async fn resign(&self, names: &[&str]) {
        for name in names {
            let Ok(Some(mut lease)) = self.leases().get_opt(name).await else { continue };
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_deref() != Some(&self.identity) {
                continue;
            }
            // As client-go lets go.
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            if let Err(error) = self.leases().replace(name, &PostParams::default(), &lease).await {
                warn!(lease = name, error = %bythos_operator::error_chain(&error), "failed to let go of a Lease");
            }
        }
    }
}

/// How long a Lease still holds; `None` if it no longer does.
fn time_left(spec: &LeaseSpec, now: Timestamp) -> Option<Duration> {
    let renewed = spec.renew_time.as_ref()?.0;
    let until = renewed + SignedDuration::from_secs(spec.lease_duration_seconds.unwrap_or_default().into());
    Duration::try_from(until.duration_since(now)).ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_holds_until_it_was_not_renewed_for_its_duration() {
        let now = Timestamp::from_second(1000).unwrap();
        let check = |renewed: i64, expected: Option<u64>| {
            let spec = LeaseSpec {
                renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
                lease_duration_seconds: Some(35),
                ..LeaseSpec::default()
            };
            assert_eq!(time_left(&spec, now).map(|left| left.as_secs()), expected, "{renewed}");
        };
        check(1000, Some(35));
        check(970, Some(5));
        check(965, None);
        check(900, None);
        assert_eq!(time_left(&LeaseSpec::default(), now), None);
    }
}
