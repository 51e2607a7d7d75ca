//! From a chart and values to manifests.

mod context;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use bythos_gotemplate::{Budget, Limits, MissingKey, Scope, Templates, Value};

use crate::capabilities::Capabilities;
use crate::chart::{Chart, ChartType};
use crate::error::Error;
use crate::functions::{Functions, Rendering, without_no_value};
use crate::manifest::Manifests;
use crate::semver::{Constraint, Version};
use crate::set::UserValues;
use crate::values::{Coalesce, Schemas, process_dependencies, validate};
use crate::world::World;
use context::Renderable;

/// What each level of templates may take of the stack, in bytes.
const STACK_PER_LEVEL: usize = 48 << 10;
const STACK_MIN: usize = 8 << 20;
const NOTES: &str = "templates/NOTES.txt";

/// What a release is called, and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// The namespace that it is made in.
    pub namespace: String,
    /// How often it was made or changed, this time included.
    pub revision: i64,
    /// Whether it is changed, and not made.
    pub is_upgrade: bool,
}

/// Everything that rendering stands on.
#[derive(Clone)]
pub struct Request<'r> {
    /// The chart.
    pub chart: &'r Chart,
    /// What the user gives, to be laid over the chart's own values.
    pub values: &'r UserValues,
    /// The release.
    pub release: Release,
    /// The cluster.
    pub capabilities: Capabilities,
    /// What templates may ask for.
    pub world: Arc<dyn World>,
    /// Whether `required` and `fail` let pass, to find other faults.
    pub is_linting: bool,
    /// Whether the values must fit the schemas of the charts.
    pub schemas: Schemas,
    /// Whose notes are shown.
    pub notes: Notes,
}

/// Whose notes are shown to the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Notes {
    /// Those of the outermost chart.
    #[default]
    Outermost,
    /// Those of the charts inside, too: `--render-subchart-notes`.
    All,
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// What is to be shown to the user: the outermost chart's notes.
    pub notes: String,
    /// Hooks and resources.
    pub manifests: Manifests,
    /// The chart with the charts inside that are used.
    pub chart: Option<Chart>,
    /// What was odd about the values.
    pub warnings: Vec<String>,
}

/// Renders a chart.
///
/// # Errors
/// Values, templates or manifests are wrong, or the limits are reached.
pub fn render(request: &Request<'_>, limits: Limits) -> Result<Rendered, Error> {
    with_stack(limits, || render_here(request, limits))
}

/// What each template gave, by its name (`chart/templates/service.yaml`), even if it is no manifest, or if the chart wants
/// another cluster. Files that begin with `_` are left out.
pub(crate) fn texts(request: &Request<'_>, limits: Limits) -> Result<BTreeMap<String, String>, Error> {
    with_stack(limits, || prepare(request, &Budget::new(limits)).map(|prepared| prepared.texts))
}

fn with_stack<T: Send>(limits: Limits, work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    // Templates call each other as deep as Helm lets them: that needs a stack of its own.
    let stack = limits.depth_max.saturating_mul(STACK_PER_LEVEL).max(STACK_MIN);
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().name("render".to_owned()).stack_size(stack);
        let thread = thread.spawn_scoped(threads, work);
        let thread = thread.map_err(|error| Error::Thread(error.to_string()))?;
        thread.join().unwrap_or_else(|_| Err(Error::Thread("a fault in the renderer".to_owned())))
    })
}

/// The chart with those charts inside that are used, under the names that they are used under. It says which definitions
/// a release brings before anything is rendered.
///
/// # Errors
/// The values do not fit the charts, or the limits are reached.
pub fn used_chart(chart: &Chart, values: &UserValues, limits: Limits) -> Result<Chart, Error> {
    let mut chart = chart.clone();
    process_dependencies(&mut chart, values, &Budget::new(limits), &mut Coalesce::default())?;
    Ok(chart)
}

fn render_here(request: &Request<'_>, limits: Limits) -> Result<Rendered, Error> {
    check_kube_version(request)?;
    check_dependencies(request.chart)?;
    let Prepared { chart, texts, warnings } = prepare(request, &Budget::new(limits))?;
    let own_notes = format!("{}/{NOTES}", chart.name());
    let mut notes = Vec::new();
    let mut manifests = Manifests::default();
    // One after the other, so that no text is there twice for long.
    for (name, text) in texts {
        if !name.ends_with("NOTES.txt") {
            manifests.read(&name, &text)?;
        } else if request.notes == Notes::All || name == own_notes {
            notes.push(text);
        }
    }
    let manifests = manifests.in_install_order();
    Ok(Rendered { notes: notes.join("\n"), manifests, chart: Some(chart), warnings })
}

/// What all templates gave, before it is read.
struct Prepared {
    chart: Chart,
    texts: BTreeMap<String, String>,
    warnings: Vec<String>,
}

fn prepare(request: &Request<'_>, budget: &Budget) -> Result<Prepared, Error> {
    let mut coalesce = Coalesce::default();
    let mut chart = request.chart.clone();
    process_dependencies(&mut chart, request.values, budget, &mut coalesce)?;
    let values = request.values.seen();
    coalesce.chart(&chart, &values, crate::values::Nulls::Removed)?;
    if request.schemas == Schemas::Enforced {
        validate(&chart, &values, &request.world, budget)?;
    }
    let rendering = Rendering::new(Arc::clone(&request.world), request.is_linting);
    let root = context::root(request, &values);
    let texts = render_templates(&chart, &root, budget, &rendering);
    rendering.end();
    Ok(Prepared { chart, texts: texts?, warnings: coalesce.warnings })
}

fn check_kube_version(request: &Request<'_>) -> Result<(), Error> {
    let metadata = &request.chart.metadata;
    if metadata.kube_version.is_empty() {
        return Ok(());
    }
    let version = request.capabilities.plain_version();
    let parsed = Constraint::parse(&metadata.kube_version).ok().zip(Version::parse(&version).ok());
    match parsed {
        Some((constraint, parsed)) if constraint.allows(&parsed) => Ok(()),
        _ => Err(Error::KubeVersion {
            chart: metadata.name.clone(),
            constraint: metadata.kube_version.clone(),
            version,
        }),
    }
}

/// Whether every chart that Chart.yaml names is there, used or not.
fn check_dependencies(chart: &Chart) -> Result<(), Error> {
    let is_there = |name: &str| chart.dependencies.iter().any(|inner| inner.name() == name);
    let wanted = chart.metadata.dependencies.iter().map(|dependency| dependency.name.as_str());
    let missing: Vec<&str> = wanted.filter(|name| !is_there(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::MissingCharts { chart: chart.name().to_owned(), missing: missing.join(", ") })
}

fn render_templates(
    chart: &Chart,
    root: &Value,
    budget: &Budget,
    rendering: &Rendering,
) -> Result<BTreeMap<String, String>, Error> {
    let mut renderables = context::renderables(chart, root);
    // Deep ones first, so that those of outer charts replace definitions of inner ones.
    renderables
        .sort_by_cached_key(|one| std::cmp::Reverse((one.name.matches('/').count(), one.name.clone())));
    let mut templates = Templates::new();
    for one in &renderables {
        budget.spend_bytes(one.text.len())?;
        templates.add_shared(&one.name, one.text, &Functions)?;
    }
    let templates = Rc::new(templates);
    let mut scope = Scope::new(templates, &Functions, budget, rendering).with_missing_key(MissingKey::Zero);
    let shown = renderables.iter().filter(|one| !one.is_partial());
    let render = |one: &Renderable<'_>| {
        one.values.set("Template", one.about());
        let output = scope.execute_once(&one.name, Value::Map(one.values.clone()))?;
        Ok((one.name.clone(), without_no_value(output).to_str().into_owned()))
    };
    shown.map(render).collect()
}

/// Whether a template of the chart is rendered at all.
fn counts(chart: &Chart, template: &str) -> bool {
    let base = template.rsplit('/').next().unwrap_or(template);
    chart.metadata.chart_type() == ChartType::Application || base.starts_with('_')
}
