//! The controller of HelmRelease: keeps a release of Helm as a chart and values describe it.
//!
//! One run reads as its steps: [`chart`] (which chart), [`dependency`] (whether now), [`values`], and then, until nothing
//! is left to do: [`state`] (how the release is), [`decide`] (what follows from that), [`act`] (do it), each with the
//! record in the cluster as its only memory. [`report`] says how it went on every way out.
//!
//! Different from Flux, for the sake of who comes after a kill: a revision that was begun with the very wish that holds is
//! gone on with, and not failed and begun anew, so that no hook runs twice.
//!
//! Left out: charts from OCIRepository and ExternalArtifact, other clusters; asked for, they are refused by a condition.
//! What is under way is not cancelled by a newer wish.

mod act;
mod chart;
mod decide;
mod dependency;
mod drift;
mod finalize;
mod postrender;
mod relations;
mod report;
mod request;
mod snapshot;
mod state;
mod unsupported;
mod values;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bythos_api::helmchart::HelmChart;
use bythos_api::helmrelease::{HelmRelease, HelmReleaseStatus};
use bythos_helm::Chart;
use bythos_helm::set::UserValues;
use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{BoxError, Cache, Controller, Next, ObjectKey, PartContext};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use tracing::info;

use crate::condition::{Reason, Truth, Type};
use crate::expressions::HealthExpressions;
use crate::finalizer;
use crate::impersonate::{self, Account};
use crate::kinds::Kinds;
use crate::release::{Releases, Tell, short_name};
use crate::status::{self, WriteError};
use crate::storage::Storage;
use decide::{Action, Decision, Role};
use report::{Failure, Outcome};
use state::Standing;

/// Releases that may be worked on at once. Most of the time they wait for objects to become ready.
const WORKERS: usize = 16;

/// Charts that may be rendered at once: only that takes memory.
const RENDERERS: usize = 2;

/// Flux' name as a field manager.
const FIELD_MANAGER: &str = "helm-controller";

/// Lines of the last action that an event shows.
const LOG_LINES_MAX: usize = 10;

/// A reconciliation that comes again with back-off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the object")]
    Read(#[source] Box<kube::Error>),
    #[error("failed to hold the object by its finalizer")]
    Hold(#[source] Box<kube::Error>),
    #[error(transparent)]
    Status(#[from] WriteError),
    #[error(transparent)]
    Finalize(#[from] finalize::FinalizeError),
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What every reconciliation works with.
pub(crate) struct Context {
    client: Client,
    releases: Cache<HelmRelease>,
    charts: Cache<HelmChart>,
    storage: Storage,
    kinds: Kinds,
    renderers: tokio::sync::Semaphore,
    events: Publisher,
}

/// Subscribes to everything that matters to releases. The future that is returned runs them until shutdown.
pub(crate) async fn prepare(
    part: &PartContext,
    storage: Storage,
) -> Result<impl Future<Output = ()> + Send + 'static, BoxError> {
    let releases = part.caches.of::<HelmRelease>().await?;
    let charts = part.caches.of::<HelmChart>().await?;
    let controller = Controller::new("helmrelease");
    relations::subscribe(&controller.trigger(), &releases, &charts, &part.shutdown);
    let controller = relations::watch_values(controller, part, &releases).await?;
    let context = Arc::new(Context {
        client: part.client.clone(),
        releases,
        charts,
        storage,
        kinds: Kinds::new(part.client.clone()),
        renderers: tokio::sync::Semaphore::new(RENDERERS),
        events: Publisher::new(part.client.clone(), FIELD_MANAGER),
    });
    let shutdown = part.shutdown.clone();
    Ok(controller.run(WORKERS, shutdown, move |key| {
        let context = context.clone();
        async move { context.reconcile(key).await }
    }))
}

impl Context {
    async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let api = Api::<HelmRelease>::namespaced(self.client.clone(), &key.namespace);
        let found = api.get_opt(&key.name).await.map_err(|error| Error::Read(Box::new(error)))?;
        let Some(object) = found else { return Ok(Next::Wait) };
        if object.meta().deletion_timestamp.is_some() {
            return Ok(self.finalize(&api, &object).await?);
        }
        finalizer::hold(&api, &object).await.map_err(|error| Error::Hold(Box::new(error)))?;
        if object.spec.suspend {
            return Ok(Next::Wait);
        }
        let mut run = Run::of(self, &object);
        let outcome = run.steps().await?;
        let next = report::finish(&object, &mut run.status, &outcome);
        run.write().await?;
        self.tell(&run, &outcome).await;
        match outcome {
            Outcome::Failed(failure) if failure.is_retried() => Err(failure.into()),
            _ => Ok(next),
        }
    }

    /// Says once what did not work before anything was released; what the actions did, they say themselves.
    async fn tell(&self, run: &Run<'_>, outcome: &Outcome) {
        let Outcome::Failed(failure) = outcome else { return };
        let object = run.object;
        let (reason, message) = (failure.reason().as_str(), failure.message());
        let before = bythos_operator::condition::get(&run.began.conditions, Type::Ready.as_str());
        if before.is_some_and(|ready| ready.message == message) || failure.was_told() {
            return;
        }
        info!(namespace = object.namespace(), name = object.name_any(), reason, message, "not released");
        let severity = match failure {
            // What is waited for says itself what is wrong with it, if anything is.
            Failure::Dependency { .. } | Failure::SourceNotReady { .. } => Severity::Normal,
            _ => Severity::Warning,
        };
        run.events().publish(object, severity, reason, &message).await;
    }
}

/// Under which account a release is made.
fn account_of(object: &HelmRelease) -> Option<Account<'_>> {
    Account::of(object, object.spec.service_account_name.as_deref())
}

/// What is to be released.
struct Wish {
    name: String,
    namespace: String,
    chart: Arc<Chart>,
    values: UserValues,
    /// Whether those of the release lie under them.
    preserves_values: bool,
    config_digest: String,
    postrender: postrender::Digests,
}

/// The last lines that were told.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn tell(&self) -> Tell {
        let log = self.clone();
        Arc::new(move |line| {
            let mut lines = log.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if lines.len() == LOG_LINES_MAX {
                lines.remove(0);
            }
            lines.push(line.to_owned());
        })
    }

    /// What was told since the last time, in lines.
    fn take(&self) -> String {
        let mut lines = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut *lines).join("\n")
    }
}

/// One reconciliation under way.
struct Run<'a> {
    context: &'a Context,
    object: &'a HelmRelease,
    /// The status that was found.
    began: HelmReleaseStatus,
    /// The status as it was last written.
    written: HelmReleaseStatus,
    /// The status as it is going to be.
    status: HelmReleaseStatus,
    log: Log,
    expressions: Arc<HealthExpressions>,
}

impl<'a> Run<'a> {
    fn of(context: &'a Context, object: &'a HelmRelease) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let (began, written) = (status.clone(), status.clone());
        Run { context, object, began, written, status, log: Log::default(), expressions: Arc::default() }
    }

    async fn write(&mut self) -> Result<(), WriteError> {
        status::write(&self.context.client, self.object, &self.written, &self.status).await?;
        self.written.clone_from(&self.status);
        Ok(())
    }

    /// The pipeline. Failures of the steps are outcomes; an error is a status that could not be written.
    async fn steps(&mut self) -> Result<Outcome, Error> {
        let wish = match self.wish().await {
            Ok(wish) => wish,
            Err(failure) => return Ok(Outcome::Failed(failure)),
        };
        let client = match impersonate::client_for(&self.context.client, account_of(self.object)) {
            Ok(client) => client,
            Err(error) => return Ok(Outcome::Failed(error.into())),
        };
        if let Some(outcome) = self.leave_old_target(&wish, client.clone()).await? {
            return Ok(outcome);
        }
        self.begin(&wish);
        let storage = self.object.storage_namespace();
        let releases = Releases::new(&self.context.kinds, client, &storage, self.log.tell())
            .with_expressions(Arc::clone(&self.expressions));
        self.until_done(&wish, &releases).await
    }

    /// What is to be released, if it can be told and may be released now.
    async fn wish(&mut self) -> Result<Wish, Failure> {
        unsupported::refuse(&self.object.spec)?;
        self.expressions = Arc::new(HealthExpressions::compile(&self.object.spec.health_check_exprs)?);
        self.bring_chart().await?;
        dependency::check(self.object, &self.context.releases)?;
        let artifact = chart::artifact(self.object, &self.context.charts)?;
        let values = values::composed(&self.context.client, self.object).await?;
        let chart = chart::load(&self.context.storage, &artifact).await?;
        Ok(Wish {
            name: short_name(&self.object.release_name()),
            namespace: self.object.release_namespace(),
            config_digest: snapshot::config_digest(&values.to_json()),
            preserves_values: self.object.spec.upgrade.as_ref().is_some_and(|it| it.preserve_values),
            postrender: postrender::Digests::of(&self.object.spec),
            chart: Arc::new(chart),
            values,
        })
    }

    /// A release under another name, in another place or of another chart is taken away before the new one is made.
    async fn leave_old_target(&mut self, wish: &Wish, client: Client) -> Result<Option<Outcome>, Error> {
        if !state::has_moved(self.object, &self.status, wish) {
            return Ok(None);
        }
        let storage = self.status.storage_namespace.clone().unwrap_or_default();
        let releases = Releases::new(&self.context.kinds, client, &storage, self.log.tell());
        if let Err(failure) = self.uninstall(&releases).await {
            return Ok(Some(Outcome::Failed(failure)));
        }
        self.status.history.clear();
        self.status.clear_failures();
        self.status.storage_namespace = None;
        self.write().await?;
        Ok(None)
    }

    /// Notes what is tried. A wish that differs from the last one forgets the failures of that one.
    fn begin(&mut self, wish: &Wish) {
        self.status.storage_namespace = Some(self.object.storage_namespace());
        let version = Some(wish.chart.metadata.version.clone());
        let generation = self.object.meta().generation;
        let is_reset = request::take_reset(self.object, &mut self.status);
        let status = &mut self.status;
        let is_other = status.last_attempted_generation != generation
            || status.last_attempted_revision != version
            || status.last_attempted_config_digest.as_ref().is_some_and(|it| *it != wish.config_digest);
        if is_other || is_reset {
            status.clear_failures();
        }
        status.last_attempted_generation = generation;
        status.last_attempted_revision = version;
        status.last_attempted_config_digest = Some(wish.config_digest.clone());
    }

    /// Acts until the release is as it is wished, or until it is enough for now.
    async fn until_done(&mut self, wish: &Wish, releases: &Releases<'_>) -> Result<Outcome, Error> {
        let mut done: Vec<Role> = Vec::new();
        let is_forced = request::take_force(self.object, &mut self.status);
        loop {
            let state = match self.state(wish, releases).await {
                Ok(state) => state,
                Err(failure) => return Ok(Outcome::Failed(failure)),
            };
            if let Standing::Drifted(differences) = &state.standing {
                self.tell_drift(differences).await;
            }
            // A forced release is forced once.
            let is_forced = is_forced && !done.contains(&Role::Release);
            let action = match self.decide(&state, is_forced) {
                Decision::Done => {
                    report::summarize(self.object, &mut self.status, Some(wish));
                    return Ok(Outcome::Released);
                }
                Decision::Stall(failure) => return Ok(Outcome::Failed(failure)),
                Decision::Act(action) => action,
            };
            if done.contains(&action.role()) {
                return Ok(self.enough());
            }
            self.announce(&action);
            self.write().await?;
            if let Err(failure) = self.act(&action, wish, releases, state).await {
                return Ok(Outcome::Failed(failure));
            }
            if action.role() == Role::Remediate {
                return Ok(self.after_remedy());
            }
            done.push(action.role());
            self.write().await?;
        }
    }

    /// Says what is about to be done.
    fn announce(&mut self, action: &Action) {
        let timeout = bythos_api::flux::GoDuration(action.timeout(&self.object.spec));
        let message = format!("Running '{}' action with timeout of {timeout}", action.name());
        if let Some(release_action) = action.release_action() {
            self.status.last_attempted_release_action = Some(release_action);
        }
        let mut conditions = report::conditions(self.object, &mut self.status);
        conditions.mark(Type::Reconciling, Truth::True, Reason::Progressing, message.as_str());
        if action.role() == Role::Release {
            conditions.mark(Type::Ready, Truth::Unknown, Reason::Progressing, message);
        }
    }

    /// The same was done once in this run: what comes next comes in the next one.
    fn enough(&mut self) -> Outcome {
        if let Some(after) = decide::retry_after(self.object, &self.status) {
            return Outcome::Again { after, is_retry: true };
        }
        if decide::is_exhausted(self.object, &self.status) { Outcome::Released } else { Outcome::soon() }
    }

    fn after_remedy(&mut self) -> Outcome {
        if let Some(after) = decide::retry_after(self.object, &self.status) {
            return Outcome::Again { after, is_retry: true };
        }
        let may_go_on = decide::uninstalls_after_upgrade(self.object, &self.status);
        if may_go_on || !decide::is_exhausted(self.object, &self.status) {
            return Outcome::soon();
        }
        Outcome::Failed(decide::exhausted(self.object, &self.status))
    }
}

/// How soon a run follows another that did all it may.
const SOON: Duration = Duration::from_millis(750);
