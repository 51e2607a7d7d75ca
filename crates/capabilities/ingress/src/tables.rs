//! Keeps the tables in step with the objects that they are made of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bythos_operator::cache::{CacheError, Cacheable};
use bythos_operator::controller::Trigger;
use bythos_operator::{Cache, Health, ObjectKey, PartCaches};
use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::certificates::{Certificates, CurrentCertificates, Keys};
use crate::class::Classes;
use crate::endpoints::Services;
use crate::problem::Problem;
use crate::routes::{Routes, oldest_first};

/// Changes that arrive together are taken together.
const GATHER: Duration = Duration::from_millis(10);

/// What is wrong with each of our Ingresses; one without problems is there with none.
pub(crate) type Report = BTreeMap<ObjectKey, Vec<Problem>>;

/// The tables as requests and the status see them. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Tables {
    pub(crate) routes: Arc<ArcSwap<Routes>>,
    pub(crate) certificates: CurrentCertificates,
    pub(crate) report: Arc<ArcSwap<Report>>,
}

/// The objects that the tables are made of.
pub(crate) struct Objects {
    pub(crate) ingresses: Cache<Ingress>,
    classes: Cache<IngressClass>,
    services: Cache<Service>,
    slices: Cache<EndpointSlice>,
    /// All Secrets are in the process's shared cache; of these only TLS ones that an Ingress names are looked at.
    secrets: Cache<Secret>,
}

impl Objects {
    pub(crate) async fn read(caches: &PartCaches) -> Result<Self, CacheError> {
        Ok(Objects {
            ingresses: caches.of().await?,
            classes: caches.of().await?,
            services: caches.of().await?,
            slices: caches.of().await?,
            secrets: caches.of().await?,
        })
    }

    /// Builds the tables now and after each change, for ever. `changed` is told which Ingresses stand differently.
    pub(crate) async fn follow(&self, tables: &Tables, changed: &Trigger, health: &Health) {
        let notify = Arc::new(Notify::new());
        notify_of_changes(&self.ingresses, &notify);
        notify_of_changes(&self.classes, &notify);
        notify_of_changes(&self.services, &notify);
        notify_of_changes(&self.slices, &notify);
        notify_of_changes(&self.secrets, &notify);
        let mut keys = Keys::default();
        loop {
            let report = self.build(tables, &mut keys);
            let before = tables.report.swap(Arc::new(report));
            for (ingress, problems) in tables.report.load().iter() {
                if before.get(ingress) != Some(problems) {
                    changed.add(ingress.clone());
                }
            }
            health.ready();
            notify.notified().await;
            sleep(GATHER).await;
        }
    }

    fn build(&self, tables: &Tables, keys: &mut Keys) -> Report {
        let classes = Classes::read(self.classes.list().iter().map(Arc::as_ref));
        let ingresses = self.ingresses.list();
        let mut ours: Vec<&Ingress> =
            ingresses.iter().map(Arc::as_ref).filter(|ingress| classes.own(ingress)).collect();
        oldest_first(&mut ours);
        let (services, slices) = (self.services.list(), self.slices.list());
        let (routes, unserved) = Routes::build(&ours, &Services::new(&services, &slices));
        let (certificates, uncertified) = Certificates::build(&ours, keys, |key| self.secrets.get(key));
        // A client that is sent on to HTTPS finds the certificate there.
        tables.certificates.replace(certificates);
        tables.routes.store(Arc::new(routes));
        let mut report: Report =
            ours.into_iter().map(|ingress| (ObjectKey::of(ingress), Vec::new())).collect();
        for (ingress, problems) in unserved.into_iter().chain(uncertified) {
            report.entry(ingress).or_default().extend(problems);
        }
        report
    }
}

fn notify_of_changes<K: Cacheable>(cache: &Cache<K>, notify: &Arc<Notify>) {
    let notify = Arc::downgrade(notify);
    cache.subscribe(move |_| {
        let notify = notify.upgrade();
        if let Some(notify) = &notify {
            notify.notify_one();
        }
        notify.is_some()
    });
}
