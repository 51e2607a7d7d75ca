//! Tells the owner of each Ingress where it answers, or why it does not: its status and its events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Next, ObjectKey};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::networking::v1::{Ingress, IngressLoadBalancerIngress};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::class::MANAGER;
use crate::problem::Problem;
use crate::tables::Report;

/// The status of an Ingress could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the status of Ingress {ingress}")]
pub(crate) struct StatusError {
    ingress: ObjectKey,
    #[source]
    source: Box<kube::Error>,
}

/// Writes the status and the events of Ingresses.
pub(crate) struct Announcer {
    client: Client,
    events: Publisher,
    ingresses: Cache<Ingress>,
    nodes: Cache<Node>,
    report: Arc<ArcSwap<Report>>,
    /// Where an Ingress answers while no node says its address.
    platform_domain: String,
    /// What was said already. After a restart it is said once more, which only raises the event's count.
    said: Mutex<BTreeMap<ObjectKey, Vec<Problem>>>,
}

impl Announcer {
    pub(crate) fn new(
        client: Client,
        ingresses: Cache<Ingress>,
        nodes: Cache<Node>,
        report: Arc<ArcSwap<Report>>,
        platform_domain: String,
    ) -> Self {
        let events = Publisher::new(client.clone(), MANAGER);
        Announcer { client, events, ingresses, nodes, report, platform_domain, said: Mutex::default() }
    }

    /// Brings one Ingress' events and status up to date.
    pub(crate) async fn announce(&self, key: ObjectKey) -> Result<Next, StatusError> {
        let problems = self.report.load().get(&key).cloned();
        let (Some(ingress), Some(problems)) = (self.ingresses.get(&key), problems) else {
            // It is gone, not ours, or so new that the tables do not have it yet: then they will call again.
            self.remember(&key, None);
            return Ok(Next::Wait);
        };
        for problem in self.unsaid(&key, &problems) {
            self.events
                .publish(ingress.as_ref(), Severity::Warning, problem.reason(), &problem.to_string())
                .await;
        }
        self.remember(&key, Some(problems.clone()));
        let wanted = self.addresses(&problems);
        if wanted != current_addresses(&ingress) {
            self.write(&key, &wanted).await?;
        }
        Ok(Next::Wait)
    }

    /// An Ingress that does not get all it asks for does not claim to answer.
    fn addresses(&self, problems: &[Problem]) -> Vec<IngressLoadBalancerIngress> {
        if problems.iter().any(|problem| matches!(problem, Problem::HostConflict { .. })) {
            return Vec::new();
        }
        let nodes = self.nodes.list();
        let internal = nodes.iter().find_map(|node| internal_address(node));
        let hostname = if internal.is_none() { Some(self.platform_domain.clone()) } else { None };
        vec![IngressLoadBalancerIngress { ip: internal, hostname, ports: None }]
    }

    async fn write(
        &self,
        key: &ObjectKey,
        addresses: &[IngressLoadBalancerIngress],
    ) -> Result<(), StatusError> {
        let api = Api::<Ingress>::namespaced(self.client.clone(), &key.namespace);
        let patch = json!({ "status": { "loadBalancer": { "ingress": addresses } } });
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch_status(&key.name, &parameters, &Patch::Merge(patch)).await {
            // It was deleted in the meantime.
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(source) => Err(StatusError { ingress: key.clone(), source: Box::new(source) }),
            Ok(_) => Ok(()),
        }
    }

    fn unsaid(&self, key: &ObjectKey, problems: &[Problem]) -> Vec<Problem> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = said.get(key).map(Vec::as_slice).unwrap_or_default();
        problems.iter().filter(|problem| !before.contains(problem)).cloned().collect()
    }

    fn remember(&self, key: &ObjectKey, problems: Option<Vec<Problem>>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match problems {
            Some(problems) => drop(said.insert(key.clone(), problems)),
            None => drop(said.remove(key)),
        }
    }
}

fn current_addresses(ingress: &Ingress) -> Vec<IngressLoadBalancerIngress> {
    let balancer = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    balancer.and_then(|balancer| balancer.ingress.clone()).unwrap_or_default()
}

fn internal_address(node: &Node) -> Option<String> {
    let addresses = node.status.as_ref()?.addresses.iter().flatten();
    let internal = addresses.into_iter().find(|address| address.type_ == "InternalIP")?;
    Some(internal.address.clone())
}
