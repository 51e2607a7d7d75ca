//! Wishes of a spec that cannot be met: refused, because ignored they would look as if they were met. Pure.

use bythos_api::helmrelease::HelmReleaseSpec;

use super::report::Failure;

/// Refuses the first field that asks for what is not built, or that makes no sense.
pub(super) fn refuse(spec: &HelmReleaseSpec) -> Result<(), Failure> {
    if spec.chart.is_some() == spec.chart_ref.is_some() {
        return Err(Failure::ChartReference);
    }
    let source = spec.chart_ref.as_ref().map_or("HelmChart", |reference| reference.kind.as_str());
    let asked = [
        (source != "HelmChart", "spec.chartRef.kind", "only HelmChart is supported yet"),
        (spec.kube_config.is_some(), "spec.kubeConfig", "other clusters are not supported yet"),
        (
            spec.post_render_strategy.as_deref() == Some("separate"),
            "spec.postRenderStrategy",
            "\"separate\" is not supported yet, only \"combined\" and \"nohooks\"",
        ),
    ];
    match asked.into_iter().find(|(asked, ..)| *asked) {
        Some((_, field, message)) => Err(Failure::Unsupported { field, message }),
        None => Ok(()),
    }
}
