//! `.Capabilities`: what the cluster is and serves.

use std::rc::Rc;
use std::sync::OnceLock;

use bythos_gotemplate::{Element, Failure, Function, Kind, List, Named, Shape, Text, Value};

use crate::record::{Record, no_method};

/// The version of Helm whose behaviour this is.
const HELM_VERSION: &str = "v4.3";
const GO_VERSION: &str = "go1.26";
const KUBE_CLIENT_VERSION: &str = "v1.37";

/// What the cluster is and serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// `v1.37.0`, or with what a distribution puts behind it.
    pub kube_version: String,
    /// `v1`, `apps/v1`, `apps/v1/Deployment`, ...
    pub api_versions: Vec<String>,
}

/// A version of Kubernetes, in parts.
struct KubeVersion {
    /// As it was given, with a `v`.
    full: String,
    /// Without what a distribution puts behind it.
    plain: String,
    major: String,
    minor: String,
}

impl KubeVersion {
    fn of(text: &str) -> KubeVersion {
        let numbers = text.trim_start_matches('v');
        let end =
            numbers.find(|digit: char| !digit.is_ascii_digit() && digit != '.').unwrap_or(numbers.len());
        let plain = numbers.get(..end).unwrap_or(numbers).trim_end_matches('.');
        let mut parts = plain.split('.').map(str::to_owned);
        KubeVersion {
            full: format!("v{numbers}"),
            plain: format!("v{plain}"),
            major: parts.next().unwrap_or_default(),
            minor: parts.next().unwrap_or_default(),
        }
    }
}

impl Capabilities {
    /// The version without what a distribution puts behind it: what `kubeVersion` of a chart is compared with.
    pub(crate) fn plain_version(&self) -> String {
        KubeVersion::of(&self.kube_version).plain
    }

    /// The second number of the version; 0 if there is none.
    pub(crate) fn minor_version(&self) -> u32 {
        KubeVersion::of(&self.kube_version).minor.parse().unwrap_or(0)
    }

    pub(crate) fn to_value(&self) -> Value {
        let api_versions = self.api_versions.iter().map(|version| Value::from(version.as_str())).collect();
        let record = Record {
            type_name: "*common.Capabilities",
            kind: Kind::Pointer,
            fields: vec![
                ("KubeVersion", kube_version(&KubeVersion::of(&self.kube_version))),
                (
                    "APIVersions",
                    Value::List(List::of(Shape::named(Element::String, &VERSION_SET), api_versions)),
                ),
                ("HelmVersion", helm_version()),
            ],
            text: None,
            json: None,
            method: no_method,
        };
        Value::Object(Rc::new(record))
    }
}

fn kube_version(version: &KubeVersion) -> Value {
    let fields = [("Version", &version.full), ("Major", &version.major), ("Minor", &version.minor)];
    let fields = fields.map(|(name, field)| (name, Value::from(field.as_str())));
    let record = Record {
        type_name: "common.KubeVersion",
        kind: Kind::Struct,
        fields: fields.to_vec(),
        text: Some(version.plain.clone()),
        json: None,
        method: kube_version_method,
    };
    Value::Object(Rc::new(record))
}

fn kube_version_method(name: &str) -> Option<&'static Function> {
    static METHODS: OnceLock<[Function; 2]> = OnceLock::new();
    let methods = || {
        [
            Function::new("GitVersion", |version: Value| match &version {
                Value::Object(object) => {
                    object.fields().into_iter().next().map(|(_, field)| field).unwrap_or_default()
                }
                _ => Value::Nil,
            }),
            Function::new("String", |version: Value| match &version {
                Value::Object(object) => object.text().unwrap_or_default(),
                _ => String::new(),
            }),
        ]
    };
    METHODS.get_or_init(methods).iter().find(|method| method.name() == name)
}

fn helm_version() -> Value {
    let text = |text: &str| Value::from(text);
    // What is empty is left out.
    let json = vec![
        ("version", text(HELM_VERSION)),
        ("go_version", text(GO_VERSION)),
        ("kube_client_version", text(KUBE_CLIENT_VERSION)),
    ];
    let record = Record {
        type_name: "version.BuildInfo",
        kind: Kind::Struct,
        fields: vec![
            ("Version", text(HELM_VERSION)),
            ("GitCommit", text("")),
            ("GitTreeState", text("")),
            ("GoVersion", text(GO_VERSION)),
            ("KubeClientVersion", text(KUBE_CLIENT_VERSION)),
        ],
        text: None,
        json: Some(json),
        method: no_method,
    };
    Value::Object(Rc::new(record))
}

static VERSION_SET: Named = Named { name: "common.VersionSet", method: version_set_method };

fn version_set_method(name: &str) -> Option<&'static Function> {
    static HAS: OnceLock<Function> = OnceLock::new();
    let has = || {
        Function::new("Has", |versions: Value, wanted: Text| match &versions {
            Value::List(list) => Ok::<_, Failure>(
                list.items()
                    .iter()
                    .any(|version| matches!(version, Value::String(version) if *version == wanted)),
            ),
            _ => Ok(false),
        })
    };
    (name == "Has").then(|| HAS.get_or_init(has))
}
