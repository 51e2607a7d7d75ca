//! What each default role allows, row by row.

pub(super) const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const ALL_OF_A_ROLE: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// One rule on resources: API group, resources, verbs.
pub(super) type ResourceRow = (&'static str, &'static [&'static str], &'static [&'static str]);

/// What may be read in a namespace without reading its secrets.
pub(super) const VIEW: &[ResourceRow] = &[
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "namespaces/status",
            "persistentvolumeclaims",
            "persistentvolumeclaims/status",
            "pods",
            "pods/log",
            "pods/status",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "replicationcontrollers/status",
            "resourcequotas",
            "resourcequotas/status",
            "serviceaccounts",
            "services",
            "services/status",
        ],
        READ,
    ),
    (
        "apps",
        &[
            "controllerrevisions",
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "statefulsets",
            "statefulsets/scale",
            "statefulsets/status",
        ],
        READ,
    ),
    ("autoscaling", &["horizontalpodautoscalers", "horizontalpodautoscalers/status"], READ),
    ("batch", &["cronjobs", "cronjobs/status", "jobs", "jobs/status"], READ),
    ("discovery.k8s.io", &["endpointslices"], READ),
    ("networking.k8s.io", &["ingresses", "ingresses/status", "networkpolicies"], READ),
    ("policy", &["poddisruptionbudgets", "poddisruptionbudgets/status"], READ),
    ("resource.k8s.io", &["resourceclaims", "resourceclaims/status", "resourceclaimtemplates"], READ),
];

/// What may be done in a namespace beyond viewing it.
pub(super) const EDIT: &[ResourceRow] = &[
    ("", &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], READ),
    ("", &["serviceaccounts"], &["impersonate"]),
    (
        "",
        &[
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "pods",
            "pods/attach",
            "pods/exec",
            "pods/portforward",
            "pods/proxy",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "secrets",
            "serviceaccounts",
            "services",
            "services/proxy",
        ],
        WRITE,
    ),
    ("", &["pods/eviction", "serviceaccounts/token"], &["create"]),
    (
        "apps",
        &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
        WRITE,
    ),
    ("autoscaling", &["horizontalpodautoscalers"], WRITE),
    ("batch", &["cronjobs", "jobs"], WRITE),
    ("coordination.k8s.io", &["leases"], ALL_OF_A_ROLE),
    ("networking.k8s.io", &["ingresses", "networkpolicies"], WRITE),
    ("policy", &["poddisruptionbudgets"], WRITE),
    ("resource.k8s.io", &["resourceclaims", "resourceclaimtemplates"], WRITE),
];

/// What may be done in a namespace beyond editing it: giving rights away.
pub(super) const ADMIN: &[ResourceRow] = &[
    ("authorization.k8s.io", &["localsubjectaccessreviews"], &["create"]),
    ("rbac.authorization.k8s.io", &["rolebindings", "roles"], ALL_OF_A_ROLE),
];

pub(super) const BASIC_USER: &[ResourceRow] = &[
    ("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"], &["create"]),
    ("authentication.k8s.io", &["selfsubjectreviews"], &["create"]),
];

pub(super) const DISCOVERY_PATHS: &[&str] = &[
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
];

pub(super) const PUBLIC_PATHS: &[&str] = &["/healthz", "/livez", "/readyz", "/version", "/version/"];

pub(super) const MONITORING_PATHS: &[&str] =
    &["/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/metrics/slis", "/readyz", "/readyz/*"];

/// By which others verify the tokens of service accounts.
pub(super) const ISSUER_PATHS: &[&str] = &[
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/",
    "/openid/v1/jwks",
    "/openid/v1/jwks/",
];

/// For servers that ask this API who their callers are and what they may.
pub(super) const AUTH_DELEGATOR: &[ResourceRow] = &[
    ("authentication.k8s.io", &["tokenreviews"], &["create"]),
    ("authorization.k8s.io", &["subjectaccessreviews"], &["create"]),
];

/// For who reads a node through its kubelet.
pub(super) const KUBELET_API_ADMIN: &[ResourceRow] = &[
    ("", &["nodes"], &["get", "list", "watch", "proxy"]),
    (
        "",
        &[
            "nodes/configz",
            "nodes/healthz",
            "nodes/log",
            "nodes/metrics",
            "nodes/pods",
            "nodes/proxy",
            "nodes/spec",
            "nodes/stats",
        ],
        &["*"],
    ),
];

/// For a cluster DNS that someone brings.
pub(super) const KUBE_DNS: &[ResourceRow] = &[("", &["endpoints", "services"], &["list", "watch"])];

/// For a service proxy that someone brings.
pub(super) const NODE_PROXIER: &[ResourceRow] = &[
    ("", &["services", "endpoints"], &["list", "watch"]),
    ("", &["nodes"], READ),
    ("", &["events"], &["create", "patch", "update"]),
    ("events.k8s.io", &["events"], &["create", "patch", "update"]),
    ("discovery.k8s.io", &["endpointslices"], &["list", "watch"]),
    ("networking.k8s.io", &["servicecidrs"], &["list", "watch"]),
];

/// For provisioners of volumes that someone brings.
pub(super) const VOLUME_PROVISIONER: &[ResourceRow] = &[
    ("", &["persistentvolumes"], &["create", "delete", "get", "list", "watch"]),
    ("", &["persistentvolumeclaims"], &["get", "list", "update", "watch"]),
    ("storage.k8s.io", &["storageclasses"], READ),
    ("", &["events"], &["watch"]),
    ("", &["events"], &["create", "patch", "update"]),
    ("events.k8s.io", &["events"], &["create", "patch", "update"]),
];
