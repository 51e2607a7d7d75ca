//! Kinds of `certificates.k8s.io`.

use super::{row, selectable_fields};
use crate::columns::certificate as columns;
use crate::defaults::certificate as defaults;
use crate::validation::certificate as validation;
use crate::{Kind, NameRule, Subresource};

const NOT_SIGNED: &str =
    "requests for certificates are stored and can be approved, but nobody signs them yet";

pub(super) fn kinds() -> Vec<Kind> {
    let certificates =
        |kind, plural| row("certificates.k8s.io", "v1", kind, plural).names(NameRule::PathSegment);
    vec![
        certificates("CertificateSigningRequest", "certificatesigningrequests")
            .short(&["csr"])
            .status()
            .subresource(Subresource::Approval)
            .columns(columns::signing_request())
            .on_update(defaults::keep_request)
            .validate(validation::signing_request)
            .selectable(selectable_fields!["spec.signerName"])
            .caveat(NOT_SIGNED),
        certificates("ClusterTrustBundle", "clustertrustbundles")
            .columns(columns::trust_bundle())
            .validate(validation::trust_bundle)
            .validate_update(validation::trust_bundle_update)
            .selectable(selectable_fields!["spec.signerName"])
            .caveat("trust bundles are stored, but not handed to pods yet"),
        certificates("PodCertificateRequest", "podcertificaterequests")
            .namespaced()
            .names(NameRule::Subdomain)
            .status()
            .columns(columns::pod_request())
            .defaults(defaults::pod_request)
            .validate(validation::pod_request)
            .validate_update(validation::pod_request_update)
            .selectable(selectable_fields!["spec.signerName", "spec.podName", "spec.nodeName"])
            .caveat(NOT_SIGNED),
    ]
}
