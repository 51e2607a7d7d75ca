//! Names that several parts meet by: namespaces, labels, annotations, classes, well-known objects.

/// Namespace of Bythos' own Services.
pub const BYTHOS_NAMESPACE: &str = "bythos-system";
/// Namespace in which Flux keeps its objects, and Bythos the platform's.
pub const FLUX_NAMESPACE: &str = "flux-system";
/// Namespace in which cert-manager keeps the secrets of cluster-wide issuers.
pub const CERT_MANAGER_NAMESPACE: &str = "cert-manager";
/// GitRepository and Kustomization that describe the platform, in [`FLUX_NAMESPACE`].
pub const PLATFORM: &str = "platform";
/// Secret in [`FLUX_NAMESPACE`] with which delivery reads the platform's repository:
/// `username`, `password`, `ca.crt`, as Flux' Git authentication describes.
pub const PLATFORM_GIT_SECRET: &str = "platform-git";
/// ClusterIssuer of the platform's own authority.
pub const PLATFORM_ISSUER: &str = "platform";
/// Secret in [`CERT_MANAGER_NAMESPACE`] that holds the platform's root: `tls.crt`, `tls.key`, `ca.crt`.
pub const PLATFORM_ROOT_SECRET: &str = "platform-root";
/// Time stamp by which Flux' sources and reconcilers are asked to reconcile now.
pub const RECONCILE_REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Beside [`RECONCILE_REQUESTED_AT`], with the same value: a HelmRelease is released once more whatever its state.
pub const RECONCILE_FORCE_AT: &str = "reconcile.fluxcd.io/forceAt";
/// Beside [`RECONCILE_REQUESTED_AT`], with the same value: the failures of a HelmRelease are forgotten.
pub const RECONCILE_RESET_AT: &str = "reconcile.fluxcd.io/resetAt";
/// Label by which a ConfigMap or Secret wakes Flux' reconcilers that read it; its value is `Enabled`.
pub const RECONCILE_WATCH: &str = "reconcile.fluxcd.io/watch";
/// Names the Service of an EndpointSlice.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";
/// Names who keeps an EndpointSlice.
pub const ENDPOINT_SLICE_MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
