//! `semver` and `semverCompare`.

use std::rc::Rc;
use std::sync::OnceLock;

use bythos_gotemplate::{Failure, Function, InJson, Kind, Object, Parameter, Text, Type, Value};

use crate::semver::{Constraint, Error, Version};

const TYPE_NAME: &str = "*semver.Version";

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("semver", |text: Text| parse(&text)),
        Function::new("semverCompare", |constraint: Text, version: Text| {
            let constraint = Constraint::parse(&constraint.to_str()).map_err(failure)?;
            let version = Version::parse(&version.to_str()).map_err(failure)?;
            Ok::<_, Failure>(constraint.allows(&version))
        }),
    ]
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn failure(error: Error) -> Failure {
    Failure::new(error.to_string())
}

fn parse(text: &Text) -> Result<Value, Failure> {
    Version::parse(&text.to_str()).map(Value::from).map_err(failure)
}

impl From<Version> for Value {
    fn from(version: Version) -> Value {
        Value::Object(Rc::new(version))
    }
}

impl Parameter for Version {
    const TYPE: Type = Type::Object(TYPE_NAME);

    fn from_value(value: Value) -> Option<Version> {
        let Value::Object(object) = value else { return None };
        object.downcast::<Version>().cloned()
    }
}

impl Object for Version {
    fn type_name(&self) -> String {
        TYPE_NAME.to_owned()
    }

    fn kind(&self) -> Kind {
        Kind::Pointer
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn json(&self) -> InJson {
        InJson::Value(Value::from(self.to_string()))
    }

    fn method(&self, name: &str) -> Option<&'static Function> {
        static METHODS: OnceLock<Vec<Function>> = OnceLock::new();
        METHODS.get_or_init(methods).iter().find(|method| method.name() == name)
    }
}

fn methods() -> Vec<Function> {
    let order = |version: &Version, other: &Version| version.compare(other) as i64;
    vec![
        Function::new("Major", |version: Version| Value::Uint64(version.major)),
        Function::new("Minor", |version: Version| Value::Uint64(version.minor)),
        Function::new("Patch", |version: Version| Value::Uint64(version.patch)),
        Function::new("Prerelease", |version: Version| version.prerelease),
        Function::new("Metadata", |version: Version| version.metadata),
        Function::new("Original", |version: Version| version.original().to_owned()),
        Function::new("String", |version: Version| version.to_string()),
        Function::new("Compare", move |version: Version, other: Version| Value::Int(order(&version, &other))),
        Function::new("Equal", move |version: Version, other: Version| order(&version, &other) == 0),
        Function::new("LessThan", move |version: Version, other: Version| order(&version, &other) < 0),
        Function::new("LessThanEqual", move |version: Version, other: Version| order(&version, &other) <= 0),
        Function::new("GreaterThan", move |version: Version, other: Version| order(&version, &other) > 0),
        Function::new("GreaterThanEqual", move |version: Version, other: Version| {
            order(&version, &other) >= 0
        }),
        Function::new("IncMajor", |version: Version| {
            Version::of(version.major.saturating_add(1), 0, 0, "", "")
        }),
        Function::new("IncMinor", |version: Version| {
            Version::of(version.major, version.minor.saturating_add(1), 0, "", "")
        }),
        Function::new("IncPatch", |version: Version| {
            // The release of a prerelease is what follows it.
            let step = u64::from(version.prerelease.is_empty());
            Version::of(version.major, version.minor, version.patch.saturating_add(step), "", "")
        }),
        Function::new("SetPrerelease", |version: Version, text: Text| {
            Version::of(version.major, version.minor, version.patch, &text.to_str(), &version.metadata)
        }),
        Function::new("SetMetadata", |version: Version, text: Text| {
            Version::of(version.major, version.minor, version.patch, &version.prerelease, &text.to_str())
        }),
    ]
}
