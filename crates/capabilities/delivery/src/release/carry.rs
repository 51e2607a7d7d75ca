//! Carries plans out, step by step, and does what is to be done when a step fails.

use std::time::Duration;

use bythos_helm::plan::{FailedPlan, ObjectKey, Plan, PlanError, Remedy, Step};
use bythos_operator::error_chain;
use k8s_openapi::jiff::Timestamp;

use super::objects::ObjectError;
use super::wait::{Awaited, WaitError};
use super::{RecordsError, Releases};

/// How long new definitions may take, as in Helm.
const DEFINITIONS_TIME_MAX: Duration = Duration::from_secs(60);

/// A plan that was not carried out to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CarryError {
    /// What a step said, in Helm's words.
    #[error("{0}")]
    Failed(String),
    #[error("failed to install CRD: {0}")]
    Definitions(String),
    #[error("release {name} failed, and has been {what} due to rollback-on-failure being set: {message}")]
    Remedied { name: String, what: &'static str, message: String },
    #[error("an error occurred while {doing} the release. original error: {message}: {words}")]
    NotRemedied { doing: &'static str, message: String, words: String },
}

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Records(#[from] RecordsError),
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Wait(#[from] WaitError),
}

/// What carrying out a plan remembers from step to step.
pub(super) struct Progress<'p> {
    pub(super) release: &'p str,
    /// Where the release's objects live if they do not say it themselves.
    pub(super) namespace: &'p str,
    /// How long each wait may take.
    pub(super) timeout: Duration,
    /// What was made.
    pub(super) made: Vec<ObjectKey>,
    /// What was to be deleted, and was not.
    pub(super) left: Vec<ObjectKey>,
    /// The record that the plan began with, for the names of its hooks.
    pub(super) plan: Option<&'p Plan>,
}

impl<'p> Progress<'p> {
    fn of(plan: &'p Plan) -> Progress<'p> {
        Progress {
            release: &plan.release,
            namespace: &plan.namespace,
            timeout: plan.timeout(),
            made: Vec::new(),
            left: Vec::new(),
            plan: Some(plan),
        }
    }
}

/// How carrying out the steps of a plan ended.
struct Broken {
    step: usize,
    words: String,
}

impl Releases<'_> {
    /// Carries a plan out: all its steps or, if one fails, what is to be done then.
    pub(crate) async fn carry_out(&self, plan: &Plan) -> Result<(), CarryError> {
        match self.all_steps(plan).await {
            Ok(()) => Ok(()),
            Err(Failed { message, remedy: None }) => Err(CarryError::Failed(message)),
            Err(Failed { message, remedy: Some(remedy) }) => {
                Err(self.make_up_for(plan, remedy, message).await)
            }
        }
    }

    async fn all_steps(&self, plan: &Plan) -> Result<(), Failed> {
        let mut progress = Progress::of(plan);
        let mut first: Option<String> = None;
        let mut begin = 0;
        loop {
            let Err(broken) = self.steps_from(plan, begin, &mut progress).await else {
                return first.map_or(Ok(()), |message| Err(Failed { message, remedy: None }));
            };
            let failed = plan.after_failure(broken.step, &broken.words, &progress.made);
            let FailedPlan { steps, go_on_at, remedy, message } =
                failed.map_err(|error| Failed { message: error.to_string(), remedy: None })?;
            self.steps_of_failure(&steps, &mut progress).await;
            let message = first.take().unwrap_or(message);
            match go_on_at.filter(|next| *next > broken.step) {
                Some(next) => (begin, first) = (next, Some(message)),
                None => return Err(Failed { message, remedy }),
            }
        }
    }

    async fn steps_from(&self, plan: &Plan, begin: usize, progress: &mut Progress<'_>) -> Result<(), Broken> {
        for (step, what) in plan.steps.iter().enumerate().skip(begin) {
            let done = self.step(what, progress).await;
            done.map_err(|error| Broken { step, words: error_chain(&error) })?;
        }
        Ok(())
    }

    /// If one of them fails, the others are carried out nonetheless.
    async fn steps_of_failure(&self, steps: &[Step], progress: &mut Progress<'_>) {
        for step in steps {
            if let Err(error) = self.step(step, progress).await {
                (self.tell)(&format!("after the failure: {}", error_chain(&error)));
            }
        }
    }

    async fn make_up_for(&self, plan: &Plan, remedy: Remedy, message: String) -> CarryError {
        let (doing, what) = match remedy {
            Remedy::Uninstall => ("uninstalling", "uninstalled"),
            Remedy::RollBack => ("rolling back", "rolled back"),
        };
        match self.remedied(plan, remedy).await {
            Ok(()) => CarryError::Remedied { name: plan.release.clone(), what, message },
            Err(words) => CarryError::NotRemedied { doing, message, words },
        }
    }

    async fn remedied(&self, plan: &Plan, remedy: Remedy) -> Result<(), String> {
        let history = self.history(&plan.release).await.map_err(|error| error_chain(&error))?;
        let remedy = remedy.plan(&history, plan.options(), Timestamp::now());
        let remedy = remedy.map_err(|error: PlanError| error.to_string())?;
        self.all_steps(&remedy).await.map_err(|failed| failed.message)
    }

    /// Brings definitions to the cluster, before there is a plan.
    pub(super) async fn carry_out_definitions(&self, steps: &[Step]) -> Result<(), CarryError> {
        let mut progress = Progress {
            release: "",
            namespace: "",
            timeout: DEFINITIONS_TIME_MAX,
            made: Vec::new(),
            left: Vec::new(),
            plan: None,
        };
        for step in steps {
            let done = self.step(step, &mut progress).await;
            done.map_err(|error| CarryError::Definitions(error_chain(&error)))?;
        }
        Ok(())
    }

    async fn step(&self, step: &Step, progress: &mut Progress<'_>) -> Result<(), StepError> {
        let release = progress.release;
        match step {
            Step::EnsureNamespace(name) => self.ensure_namespace(name).await?,
            Step::CreateDefinitions { definitions, apply } => {
                for definition in definitions {
                    self.define(definition, *apply).await?;
                }
            }
            Step::AwaitDefinitions(names) => {
                self.await_all(names, Awaited::Established, DEFINITIONS_TIME_MAX).await?;
            }
            Step::CheckOwnership { objects, ownership } => {
                self.check_kinds(progress).await?;
                self.check_ownership(objects, *ownership, progress).await?;
            }
            Step::CreateRecord(record) => self.records.create(record).await?,
            Step::ChangeRecord { revision, change } => {
                self.records.change(release, *revision, change).await?;
            }
            Step::DeleteRecord { revision } => self.records.delete(release, *revision).await?,
            Step::Hook { hook, step, .. } => self.hook(*hook, step, progress).await?,
            Step::Apply(apply) => self.apply(apply, progress).await?,
            Step::Delete { object, only_if, propagation } => {
                self.delete(object, *only_if, *propagation, progress).await?;
            }
            Step::AwaitReady { objects, with_jobs } => {
                let awaited = if *with_jobs { Awaited::ReadyAndJobsDone } else { Awaited::Ready };
                self.await_all(objects, awaited, progress.timeout).await?;
            }
            Step::AwaitGone { objects } => {
                let left = &progress.left;
                let leaving = objects.iter().filter(|object| !left.contains(object));
                let leaving: Vec<ObjectKey> = leaving.cloned().collect();
                self.await_all(&leaving, Awaited::Gone, progress.timeout).await?;
            }
        }
        Ok(())
    }
}

/// A plan that failed, and what is to be done about it.
struct Failed {
    message: String,
    remedy: Option<Remedy>,
}
