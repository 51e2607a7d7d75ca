//! From a chart and values to the record of a revision, for a cluster.

use std::sync::Arc;

use bythos_helm::plan::{CrdPolicy, Object, ObjectKey, PlanError, Step, definitions, take_others};
use bythos_helm::release::ReleaseRecord;
use bythos_helm::set::UserValues;
use bythos_helm::{
    Capabilities, Chart, Error, Limits, Notes, Release, Rendered, Request, Schemas, render, used_chart,
};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::world::Machine;
use super::{ActionError, Releases, capabilities};
use crate::metadata::put;

/// What was rendered cannot become a release.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    #[error(transparent)]
    Chart(Box<Error>),
    #[error("failed to ask the cluster what it serves: {words}")]
    Capabilities { words: String },
    #[error("failed to post-render: {message}")]
    Finish { message: String },
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl From<Error> for RenderError {
    fn from(error: Error) -> Self {
        RenderError::Chart(Box::new(error))
    }
}

/// Changes what was rendered before it becomes a record: a post-renderer.
pub(crate) type Finish = Box<dyn FnOnce(Rendered) -> Result<Rendered, String> + Send>;

/// Which chart, with which values, as which revision.
pub(crate) struct Wish {
    pub(crate) chart: Arc<Chart>,
    /// What the user gives, to be laid over the chart's own values.
    pub(crate) values: UserValues,
    pub(crate) release: Release,
    pub(crate) definitions: Definitions,
    pub(crate) schemas: Schemas,
    pub(crate) notes: Notes,
    /// Whether templates may look hosts up by their names: `--enable-dns`.
    pub(crate) enable_dns: bool,
    pub(crate) finish: Option<Finish>,
}

/// What becomes of the definitions that the chart brings in `crds/`.
#[derive(Default)]
pub(crate) struct Definitions {
    pub(crate) policy: CrdPolicy,
    /// Labels that each of them gets.
    pub(crate) labels: Vec<(String, String)>,
    /// Whether what defines no kind, and stands among them, is left out: so Flux does it, and Helm does not.
    pub(crate) leaves_out_others: bool,
}

impl Releases<'_> {
    /// Brings the chart's definitions to the cluster and renders the chart for it. Definitions come first: templates ask
    /// which kinds there are. What is odd about the values is told.
    pub(crate) async fn render(&self, wish: Wish) -> Result<ReleaseRecord, ActionError> {
        let (steps, left_out) = definition_steps(&wish).map_err(ActionError::Render)?;
        if !left_out.is_empty() {
            let names: Vec<String> = left_out.iter().map(ToString::to_string).collect();
            (self.tell)(&format!("crds/ holds what defines no kind, and is left out: {}", names.join(", ")));
        }
        self.carry_out_definitions(&steps).await?;
        let capabilities = capabilities::of(self.cluster.client()).await?;
        let (record, warnings) = self.rendered(wish, capabilities).await?;
        warnings.iter().for_each(|warning| (self.tell)(warning));
        Ok(record)
    }

    async fn rendered(
        &self,
        wish: Wish,
        capabilities: Capabilities,
    ) -> Result<(ReleaseRecord, Vec<String>), RenderError> {
        let machine = Machine::before(self.cluster.client().clone());
        let world = Arc::new(machine.with_names(wish.enable_dns));
        let work = move || {
            let Wish { chart, values, release, finish, schemas, notes, .. } = wish;
            let request = Request {
                chart: &chart,
                values: &values,
                release,
                capabilities,
                world,
                is_linting: false,
                schemas,
                notes,
            };
            let mut rendered = render(&request, Limits::CHARTS)?;
            if let Some(finish) = finish {
                rendered = finish(rendered).map_err(|message| RenderError::Finish { message })?;
            }
            let record = ReleaseRecord::new(&request, &rendered, Timestamp::now());
            Ok((record, rendered.warnings))
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}

/// The steps, and what is left out of them.
fn definition_steps(wish: &Wish) -> Result<(Vec<Step>, Vec<ObjectKey>), RenderError> {
    if wish.definitions.policy == CrdPolicy::Skip {
        return Ok(Default::default());
    }
    let used = used_chart(&wish.chart, &wish.values, Limits::CHARTS)?;
    let mut steps = definitions(&used, wish.definitions.policy)?;
    let left_out = if wish.definitions.leaves_out_others { take_others(&mut steps) } else { Vec::new() };
    for step in &mut steps {
        if let Step::CreateDefinitions { definitions, .. } = step {
            definitions.iter_mut().for_each(|definition| label(definition, &wish.definitions.labels));
        }
    }
    Ok((steps, left_out))
}

fn label(object: &mut Object, labels: &[(String, String)]) {
    if labels.is_empty() {
        return;
    }
    let mut value = (*object.value).clone();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        put(metadata, "labels", labels.iter().cloned());
    }
    object.value = Arc::new(value);
}
