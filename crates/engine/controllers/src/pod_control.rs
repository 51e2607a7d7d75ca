//! Making and deleting pods for their owner: each is told in an event of the owner and awaited in the cache.

use std::sync::Arc;

use bythos_operator::ObjectKey;
use bythos_operator::event::{Publisher, Severity};
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, Client, Resource};

use crate::call::{self, CallError};
use crate::expectations::{Expectations, Sign};

/// Most pods that one reconciliation makes or deletes.
pub(crate) const BURST: usize = 500;

/// How events speak of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wording {
    /// As one of many.
    Plain,
    /// As a member with a name of its own.
    Member,
}

/// See the module's documentation.
pub(crate) struct PodControl {
    pub(crate) client: Client,
    pub(crate) events: Publisher,
    expectations: Arc<Expectations>,
    wording: Wording,
}

impl PodControl {
    /// `component` is who events come from.
    pub(crate) fn new(
        client: Client,
        component: &'static str,
        expectations: Arc<Expectations>,
    ) -> PodControl {
        let events = Publisher::new(client.clone(), component);
        PodControl { client, events, expectations, wording: Wording::Plain }
    }

    /// With other words in its events.
    pub(crate) fn speaking(self, wording: Wording) -> PodControl {
        PodControl { wording, ..self }
    }

    /// Whether the cache is behind what was done to the pods of `owner`: then their number is left alone.
    pub(crate) fn is_awaiting<O: Resource<DynamicType = ()>>(&self, owner: &O) -> bool {
        self.expectations.is_awaiting(owner.meta())
    }

    /// Makes `pods` in batches that double, so that what refuses one pod is not asked for hundreds.
    pub(crate) async fn create<O>(&self, owner: &O, pods: &[Pod]) -> Result<(), CallError>
    where
        O: Resource<DynamicType = ()>,
    {
        let mut remaining = pods;
        let mut batch = 1;
        while !remaining.is_empty() {
            let (now, later) = remaining.split_at(batch.min(remaining.len()));
            let made = join_all(now.iter().map(|pod| self.create_one(owner, pod))).await;
            made.into_iter().collect::<Result<(), _>>()?;
            remaining = later;
            batch *= 2;
        }
        Ok(())
    }

    async fn create_one<O>(&self, owner: &O, pod: &Pod) -> Result<(), CallError>
    where
        O: Resource<DynamicType = ()>,
    {
        let key = ObjectKey::of(pod);
        let appearance = Sign::Appearance(key.name.clone());
        self.expectations.expect(owner.meta(), appearance.clone());
        let api = Api::<Pod>::namespaced(self.client.clone(), &key.namespace);
        let made =
            api.create(&PostParams::default(), pod).await.map_err(CallError::on::<Pod>("create", &key));
        match &made {
            Ok(_) => self.tell(owner, "SuccessfulCreate", &self.success("create", owner, &key.name)).await,
            Err(error) => {
                self.expectations.settle(owner.meta(), &appearance);
                if !error.is_namespace_going() {
                    let message = self.failure("create", owner, &key.name, error);
                    self.warn(owner, "FailedCreate", &message).await;
                }
            }
        }
        made.map(drop)
    }

    /// Deletes `pods`; one that is gone already is no failure.
    pub(crate) async fn delete<O>(&self, owner: &O, pods: &[Arc<Pod>]) -> Result<(), CallError>
    where
        O: Resource<DynamicType = ()>,
    {
        let gone = join_all(pods.iter().map(|pod| self.delete_one(owner, pod))).await;
        gone.into_iter().collect()
    }

    async fn delete_one<O>(&self, owner: &O, pod: &Pod) -> Result<(), CallError>
    where
        O: Resource<DynamicType = ()>,
    {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let end = Sign::End(pod.metadata.uid.clone().unwrap_or_default());
        self.expectations.expect(owner.meta(), end.clone());
        match call::delete(&self.client, pod).await {
            Ok(()) => {
                self.tell(owner, "SuccessfulDelete", &self.success("delete", owner, name)).await;
                Ok(())
            }
            Err(error) => {
                self.expectations.settle(owner.meta(), &end);
                if error.is_outrun() {
                    return Ok(());
                }
                let message = self.failure("delete", owner, name, &error);
                self.warn(owner, "FailedDelete", &message).await;
                Err(error)
            }
        }
    }

    fn success<O: Resource<DynamicType = ()>>(&self, verb: &str, owner: &O, pod: &str) -> String {
        match (self.wording, verb) {
            (Wording::Plain, "create") => format!("Created pod: {pod}"),
            (Wording::Plain, _) => format!("Deleted pod: {pod}"),
            (Wording::Member, _) => format!("{} successful", member(verb, owner, pod)),
        }
    }

    fn failure<O>(&self, verb: &str, owner: &O, pod: &str, error: &CallError) -> String
    where
        O: Resource<DynamicType = ()>,
    {
        match (self.wording, verb) {
            (Wording::Plain, "create") => format!("Error creating: {}", error.cause()),
            (Wording::Plain, _) => format!("Error deleting: {}", error.cause()),
            (Wording::Member, _) => format!("{} failed error: {}", member(verb, owner, pod), error.cause()),
        }
    }

    async fn tell<O: Resource<DynamicType = ()>>(&self, owner: &O, reason: &str, message: &str) {
        self.events.publish(owner, Severity::Normal, reason, message).await;
    }

    async fn warn<O: Resource<DynamicType = ()>>(&self, owner: &O, reason: &str, message: &str) {
        self.events.publish(owner, Severity::Warning, reason, message).await;
    }
}

fn member<O: Resource<DynamicType = ()>>(verb: &str, owner: &O, pod: &str) -> String {
    format!("{verb} Pod {pod} in {} {}", O::kind(&()), owner.meta().name.as_deref().unwrap_or_default())
}
