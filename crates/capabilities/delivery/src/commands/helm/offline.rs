//! What templates see of a cluster where there is none: the kinds that Kubernetes has.

use bythos_helm::Capabilities;

use crate::commands::CommandError;

/// The Kubernetes that is followed; what Helm assumes where nobody says.
const KUBE_VERSION: &str = "v1.37.0";

/// Groups and versions that Helm knows without a cluster, old ones among them: those of Kubernetes' own client.
const API_VERSIONS: &str = "v1 admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1alpha1 \
    admissionregistration.k8s.io/v1beta1 apiextensions.k8s.io/v1 apiextensions.k8s.io/v1beta1 apps/v1 apps/v1beta1 \
    apps/v1beta2 authentication.k8s.io/v1 authentication.k8s.io/v1alpha1 authentication.k8s.io/v1beta1 \
    authorization.k8s.io/v1 authorization.k8s.io/v1beta1 autoscaling/v1 autoscaling/v2 batch/v1 batch/v1beta1 \
    certificates.k8s.io/v1 certificates.k8s.io/v1alpha1 certificates.k8s.io/v1beta1 coordination.k8s.io/v1 \
    coordination.k8s.io/v1alpha2 coordination.k8s.io/v1beta1 discovery.k8s.io/v1 discovery.k8s.io/v1beta1 \
    events.k8s.io/v1 events.k8s.io/v1beta1 extensions/v1beta1 flowcontrol.apiserver.k8s.io/v1 \
    flowcontrol.apiserver.k8s.io/v1beta1 flowcontrol.apiserver.k8s.io/v1beta2 flowcontrol.apiserver.k8s.io/v1beta3 \
    internal.apiserver.k8s.io/v1alpha1 networking.k8s.io/v1 networking.k8s.io/v1beta1 node.k8s.io/v1 \
    node.k8s.io/v1alpha1 node.k8s.io/v1beta1 policy/v1 policy/v1beta1 rbac.authorization.k8s.io/v1 \
    rbac.authorization.k8s.io/v1alpha1 rbac.authorization.k8s.io/v1beta1 resource.k8s.io/v1 resource.k8s.io/v1alpha3 \
    resource.k8s.io/v1beta1 resource.k8s.io/v1beta2 scheduling.k8s.io/v1 scheduling.k8s.io/v1alpha1 \
    scheduling.k8s.io/v1beta1 storage.k8s.io/v1 storage.k8s.io/v1alpha1 storage.k8s.io/v1beta1 \
    storagemigration.k8s.io/v1beta1";

/// The cluster that a user describes: a version, if another than ours, and what it serves beside Kubernetes' own.
pub(super) fn capabilities(
    kube_version: Option<&str>,
    api_versions: &[String],
) -> Result<Capabilities, CommandError> {
    let kube_version = kube_version.unwrap_or(KUBE_VERSION);
    let numbers = kube_version.strip_prefix('v').unwrap_or(kube_version);
    let mut parts = numbers.split('.');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    if !(is_number(parts.next()) && is_number(parts.next().map(digits))) {
        let words = format!("invalid kube version {kube_version:?}: expected one such as \"v1.37.0\"");
        return Err(CommandError::Refuse(words));
    }
    let known = API_VERSIONS.split_whitespace().map(str::to_owned);
    Ok(Capabilities {
        kube_version: format!("v{numbers}"),
        api_versions: known.chain(api_versions.iter().cloned()).collect(),
    })
}

/// Without what a distribution puts behind: `33+`.
fn digits(part: &str) -> &str {
    let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
    part.get(..end).unwrap_or(part)
}
