//! Definitions of kinds, from `crds/`: they come before everything else and outlive the release.

use super::PlanError;
use super::object::{Home, ObjectKey, keys, read};
use super::step::Step;
use crate::chart::Chart;

/// What becomes of the definitions in `crds/`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CrdPolicy {
    /// Nothing: `--skip-crds`, and what every upgrade does in Helm.
    Skip,
    /// Those that are missing are made: what an install does.
    #[default]
    Create,
    /// Those that are missing are made, the others become what the chart says. Helm's commands do not know it;
    /// HelmRelease does (`crds: CreateReplace`).
    CreateReplace,
}

/// What to do before the chart is rendered. `chart` holds only the charts that are used:
/// [`used_chart`](crate::used_chart).
///
/// # Errors
/// A file in `crds/` holds no object.
pub fn definitions(chart: &Chart, policy: CrdPolicy) -> Result<Vec<Step>, PlanError> {
    if policy == CrdPolicy::Skip {
        return Ok(Vec::new());
    }
    let mut definitions = Vec::new();
    for file in chart.crds() {
        let text = String::from_utf8_lossy(&file.data);
        let home = Home { release: "", namespace: "" };
        let place = format!("failed to install CRD {}", file.name);
        let objects = read(&text, &place, home)?;
        if objects.is_empty() {
            return Err(PlanError::Manifest { place, message: "resources are empty".to_owned() });
        }
        definitions.extend(objects);
    }
    if definitions.is_empty() {
        return Ok(Vec::new());
    }
    let names = keys(&definitions);
    let apply = policy == CrdPolicy::CreateReplace;
    Ok(vec![Step::CreateDefinitions { definitions, apply }, Step::AwaitDefinitions(names)])
}

/// Takes out of `steps` what `crds/` holds beside definitions, and returns what that was. Helm applies it, and never takes
/// it away again; Flux leaves it out.
pub fn take_others(steps: &mut Vec<Step>) -> Vec<ObjectKey> {
    let mut others = Vec::new();
    steps.retain_mut(|step| match step {
        Step::CreateDefinitions { definitions, .. } => {
            others.extend(definitions.extract_if(.., |it| !is_definition(&it.key)).map(|it| it.key));
            !definitions.is_empty()
        }
        Step::AwaitDefinitions(names) => {
            names.retain(is_definition);
            !names.is_empty()
        }
        _ => true,
    });
    others
}

fn is_definition(key: &ObjectKey) -> bool {
    key.group() == "apiextensions.k8s.io" && key.kind == "CustomResourceDefinition"
}
