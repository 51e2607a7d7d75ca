//! Chart.yaml.

use std::collections::BTreeMap;

use bythos_gotemplate::print::{format_float, is_printable};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::semver::Version;

/// Which generation a chart is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// Helm 2's: dependencies stand in requirements.yaml.
    V1,
    /// Helm 3's and 4's.
    V2,
}

/// What a chart is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartType {
    /// To be installed.
    Application,
    /// To be used by other charts: only its definitions count.
    Library,
}

/// Someone who looks after the chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintainer {
    /// A person or organization.
    pub name: String,
    /// An address.
    pub email: String,
    /// A page.
    pub url: String,
}

/// What a chart takes over from the values of a chart inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportValues {
    /// `exports.NAME` of the inner chart becomes values of the outer.
    Exported(String),
    /// The table `child` of the inner chart becomes the table `parent` of the outer.
    Table {
        /// A path in the inner chart's values.
        child: String,
        /// A path in the outer chart's values; `.` for all.
        parent: String,
    },
}

/// A chart that this one needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// The versions that will do.
    pub version: String,
    /// Where it is had.
    pub repository: String,
    /// Paths of values that decide whether it is used; the first that is there does.
    pub condition: String,
    /// Values below `tags` that decide as well.
    pub tags: Vec<String>,
    /// What is taken over of its values.
    pub import_values: Vec<ImportValues>,
    /// The name that it is used under, if it is another.
    pub alias: String,
}

/// What Chart.yaml says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// `name`
    pub name: String,
    /// `version`
    pub version: String,
    /// `apiVersion`
    pub api_version: ApiVersion,
    /// `apiVersion` as it stands there.
    pub api_version_text: String,
    /// `type`, as it stands there.
    pub type_text: String,
    /// `appVersion`
    pub app_version: String,
    /// `kubeVersion`
    pub kube_version: String,
    /// `description`
    pub description: String,
    /// `home`
    pub home: String,
    /// `icon`
    pub icon: String,
    /// `condition`
    pub condition: String,
    /// `tags`
    pub tags: String,
    /// `deprecated`
    pub deprecated: bool,
    /// `sources`
    pub sources: Vec<String>,
    /// `keywords`
    pub keywords: Vec<String>,
    /// `maintainers`
    pub maintainers: Vec<Maintainer>,
    /// `annotations`; nothing if they are not there.
    pub annotations: Option<BTreeMap<String, String>>,
    /// `dependencies`
    pub dependencies: Vec<Dependency>,
}

/// The fields of one map in Chart.yaml.
pub(super) struct Reader<'r> {
    chart: &'r str,
    path: String,
    fields: &'r Map<String, Value>,
}

impl Metadata {
    pub(crate) fn read(fields: &Map<String, Value>) -> Result<Metadata, Error> {
        let metadata = Metadata::read_listed(fields)?;
        metadata.check_names(&Reader::new(&metadata.name, "", fields))?;
        Ok(metadata)
    }

    /// As an index has it: some repositories leave aliases out, so that dependencies seem to be there twice.
    pub(crate) fn read_listed(fields: &Map<String, Value>) -> Result<Metadata, Error> {
        let metadata = Metadata::read_loosely(fields)?;
        metadata.validate(&Reader::new(&metadata.name, "", fields))?;
        Ok(metadata)
    }

    /// Whatever it says.
    pub(crate) fn read_loosely(fields: &Map<String, Value>) -> Result<Metadata, Error> {
        let name = fields.get("name").and_then(Value::as_str).unwrap_or("?");
        let reader = Reader::new(name, "", fields);
        let api_version_text = reader.text("apiVersion")?;
        let api_version_text = if api_version_text.is_empty() { "v1".to_owned() } else { api_version_text };
        Ok(Metadata {
            name: reader.text("name")?,
            version: reader.text("version")?,
            api_version: if api_version_text == "v1" { ApiVersion::V1 } else { ApiVersion::V2 },
            api_version_text,
            type_text: reader.text("type")?,
            app_version: reader.text("appVersion")?,
            kube_version: reader.text("kubeVersion")?,
            description: reader.text("description")?,
            home: reader.text("home")?,
            icon: reader.text("icon")?,
            condition: reader.text("condition")?,
            tags: reader.text("tags")?,
            deprecated: reader.flag("deprecated")?,
            sources: reader.texts("sources")?,
            keywords: reader.texts("keywords")?,
            maintainers: reader.each("maintainers", maintainer)?,
            annotations: reader.annotations()?,
            dependencies: reader.each("dependencies", dependency)?,
        })
    }

    /// What the chart is for.
    pub fn chart_type(&self) -> ChartType {
        if self.type_text.eq_ignore_ascii_case("library") {
            ChartType::Library
        } else {
            ChartType::Application
        }
    }

    fn validate(&self, reader: &Reader<'_>) -> Result<(), Error> {
        if self.name.is_empty() {
            return Err(reader.wrong("name", "it is required"));
        }
        if self.name == "." || self.name == ".." || self.name.contains('/') {
            return Err(reader.wrong("name", "it must be a name that a folder can have, without `/`"));
        }
        if self.version.is_empty() {
            return Err(reader.wrong("version", "it is required"));
        }
        Version::parse(&self.version).map_err(|error| reader.wrong("version", &error.to_string()))?;
        if !["", "application", "library"].contains(&self.type_text.as_str()) {
            return Err(reader.wrong("type", "expected application or library"));
        }
        for (index, dependency) in self.dependencies.iter().enumerate() {
            let is_alias = |alias: &str| {
                alias.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-')
            };
            if !is_alias(&dependency.alias) {
                let field = format!("dependencies[{index}].alias");
                return Err(reader.wrong(&field, "expected letters, digits, `_` and `-`"));
            }
        }
        Ok(())
    }

    /// Whether dependencies are used under names of their own.
    fn check_names(&self, reader: &Reader<'_>) -> Result<(), Error> {
        for (index, dependency) in self.dependencies.iter().enumerate() {
            let earlier = self.dependencies.iter().take(index);
            if earlier.map(Dependency::used_name).any(|name| name == dependency.used_name()) {
                let field = format!("dependencies[{index}]");
                return Err(reader.wrong(&field, "another dependency has the same name or alias"));
            }
        }
        Ok(())
    }
}

impl Dependency {
    /// The name that the chart is used under.
    pub fn used_name(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }
}

impl<'r> Reader<'r> {
    pub(super) fn new(chart: &'r str, path: &str, fields: &'r Map<String, Value>) -> Reader<'r> {
        Reader { chart, path: path.to_owned(), fields }
    }

    fn wrong(&self, field: &str, message: &str) -> Error {
        let field = format!("{}{field}", self.path);
        Error::Metadata { chart: self.chart.to_owned(), field, message: message.to_owned() }
    }

    pub(super) fn text(&self, field: &str) -> Result<String, Error> {
        match self.fields.get(field) {
            None => Ok(String::new()),
            Some(value) => {
                scalar(value).ok_or_else(|| self.wrong(field, &format!("expected text, found {value}")))
            }
        }
    }

    fn flag(&self, field: &str) -> Result<bool, Error> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(field, &format!("expected true or false, found {other}"))),
        }
    }

    fn items(&self, field: &str) -> Result<&'r [Value], Error> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.wrong(field, &format!("expected a list, found {other}"))),
        }
    }

    fn texts(&self, field: &str) -> Result<Vec<String>, Error> {
        let items = self.items(field)?.iter().enumerate();
        let texts = items.map(|(index, item)| {
            let wrong = || self.wrong(&format!("{field}[{index}]"), "expected text");
            scalar(item).ok_or_else(wrong)
        });
        texts.collect()
    }

    pub(super) fn each<T>(
        &self,
        field: &str,
        read: fn(&Reader<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let items = self.items(field)?.iter().enumerate();
        let read = items.map(|(index, item)| {
            let path = format!("{}{field}[{index}].", self.path);
            match item {
                Value::Object(fields) => read(&Reader { chart: self.chart, path, fields }),
                _ => Err(self.wrong(&format!("{field}[{index}]"), "expected fields, found something else")),
            }
        });
        read.collect()
    }

    fn annotations(&self) -> Result<Option<BTreeMap<String, String>>, Error> {
        let fields = match self.fields.get("annotations") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(self.wrong("annotations", "expected fields, found something else")),
        };
        let texts = fields.iter().map(|(key, value)| {
            let wrong = || self.wrong(&format!("annotations.{key}"), "expected text");
            Ok((key.clone(), raw_scalar(value).ok_or_else(wrong)?))
        });
        texts.collect::<Result<_, _>>().map(Some)
    }
}

/// What YAML reads as a number or a truth value is text where text is wanted.
fn raw_scalar(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.is_f64() => format_float(number.as_f64()?, 'g', None),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

/// As [`raw_scalar`], in one line and without what cannot be seen.
fn scalar(value: &Value) -> Option<String> {
    let text = raw_scalar(value)?;
    let seen = text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter });
    Some(seen.filter(|letter| is_printable(*letter)).collect())
}

fn maintainer(reader: &Reader<'_>) -> Result<Maintainer, Error> {
    Ok(Maintainer { name: reader.text("name")?, email: reader.text("email")?, url: reader.text("url")? })
}

pub(super) fn dependency(reader: &Reader<'_>) -> Result<Dependency, Error> {
    let imports = reader.items("import-values")?.iter().enumerate().map(|(index, item)| match item {
        Value::String(name) => Ok(ImportValues::Exported(name.clone())),
        Value::Object(fields) => {
            let path = format!("{}import-values[{index}].", reader.path);
            let inner = Reader { chart: reader.chart, path, fields };
            Ok(ImportValues::Table { child: inner.text("child")?, parent: inner.text("parent")? })
        }
        _ => Err(reader.wrong(&format!("import-values[{index}]"), "expected a name, or child and parent")),
    });
    Ok(Dependency {
        name: reader.text("name")?,
        version: reader.text("version")?,
        repository: reader.text("repository")?,
        condition: reader.text("condition")?,
        tags: reader.texts("tags")?,
        import_values: imports.collect::<Result<_, _>>()?,
        alias: reader.text("alias")?,
    })
}
