//! Wishes of a spec that cannot be met yet: refused, because ignored they would look as if they were met. Pure.

use bythos_api::kustomization::KustomizationSpec;

use super::report::Failure;

/// Refuses the first field that asks for what is not built.
pub(super) fn refuse(spec: &KustomizationSpec) -> Result<(), Failure> {
    let asked = [
        (
            spec.source_ref.kind != "GitRepository",
            "spec.sourceRef.kind",
            "only GitRepository is supported yet",
        ),
        (spec.decryption.is_some(), "spec.decryption", "decryption is not supported yet"),
        (spec.kube_config.is_some(), "spec.kubeConfig", "other clusters are not supported yet"),
    ];
    match asked.into_iter().find(|(asked, ..)| *asked) {
        Some((_, field, message)) => Err(Failure::Unsupported { field, message }),
        None => Ok(()),
    }
}
