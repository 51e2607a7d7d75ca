//! What templates see: `.Values`, `.Chart`, `.Release`, `.Capabilities`, `.Files`, `.Subcharts`, `.Template`.

use std::sync::{Arc, OnceLock};

use bythos_gotemplate::{Element, Failure, Function, Map, Named, Scope, Shape, Text, Value};

use super::Request;
use crate::chart::{Chart, Dependency, ImportValues, Maintainer, Metadata};
use crate::functions::to_yaml;
use crate::{files, values};

static VALUES: Named = Named { name: "common.Values", method: values_method };
const VALUES_SHAPE: Shape = Shape::named(Element::Any, &VALUES);

/// A template, and what it sees.
pub(super) struct Renderable<'c> {
    /// `chart/templates/service.yaml`
    pub(super) name: String,
    pub(super) text: &'c Arc<[u8]>,
    /// Shared by all templates of a chart.
    pub(super) values: Map,
    folder: String,
}

impl Renderable<'_> {
    /// Whether it only defines templates for others.
    pub(super) fn is_partial(&self) -> bool {
        self.name.rsplit('/').next().is_some_and(|base| base.starts_with('_'))
    }

    /// `.Template`
    pub(super) fn about(&self) -> Value {
        let fields = [("Name", self.name.as_str()), ("BasePath", self.folder.as_str())];
        let fields = fields.map(|(name, field)| (Text::from(name), Value::from(field)));
        Value::Map(Map::of(VALUES_SHAPE, fields.into_iter().collect()))
    }
}

/// What the outermost chart sees.
pub(super) fn root(request: &Request<'_>, values: &Map) -> Value {
    let release = &request.release;
    let release = [
        ("Name", Value::from(release.name.as_str())),
        ("Namespace", Value::from(release.namespace.as_str())),
        ("IsUpgrade", Value::Bool(release.is_upgrade)),
        ("IsInstall", Value::Bool(!release.is_upgrade)),
        ("Revision", Value::Int(release.revision)),
        ("Service", Value::from("Helm")),
    ];
    Value::map([
        ("Release", Value::map(release)),
        ("Capabilities", request.capabilities.to_value()),
        ("Values", Value::Map(values.as_shape(VALUES_SHAPE))),
    ])
}

/// All templates of a chart and those inside.
pub(super) fn renderables<'c>(chart: &'c Chart, root: &Value) -> Vec<Renderable<'c>> {
    let mut found = Vec::new();
    if let Value::Map(root) = root {
        collect(chart, None, root, chart.name(), &mut found);
    }
    found
}

/// Returns what the chart sees.
fn collect<'c>(
    chart: &'c Chart,
    outer: Option<&Map>,
    root: &Map,
    path: &str,
    found: &mut Vec<Renderable<'c>>,
) -> Map {
    let own_values = match outer {
        None => root.get(b"Values"),
        Some(outer) => {
            let table = values::table(outer, &format!("Values.{}", chart.name())).unwrap_or_default();
            Some(Value::Map(table.as_shape(VALUES_SHAPE)))
        }
    };
    let inner = Map::new();
    let seen = Map::of(VALUES_SHAPE, std::collections::BTreeMap::new());
    seen.set("Chart", about_chart(&chart.metadata, outer.is_none()));
    seen.set("Files", files::to_value(&chart.files));
    for name in ["Release", "Capabilities"] {
        seen.set(name, root.get(name.as_bytes()).unwrap_or_default());
    }
    seen.set("Values", own_values.unwrap_or_default());
    seen.set("Subcharts", Value::Map(inner.clone()));
    for dependency in &chart.dependencies {
        let path = format!("{path}/charts/{}", dependency.name());
        // An inner chart sees another type of map here than an outer one.
        let sees = collect(dependency, Some(&seen), root, &path, found);
        inner.set(dependency.name(), Value::Map(sees.as_shape(Shape::ANY)));
    }
    for template in chart.templates.iter().filter(|template| super::counts(chart, &template.name)) {
        found.push(Renderable {
            name: format!("{path}/{}", template.name),
            text: &template.data,
            values: seen.clone(),
            folder: format!("{path}/templates"),
        });
    }
    seen
}

fn texts(texts: &[String]) -> Value {
    Value::list(texts.iter().map(|text| Value::from(text.as_str())).collect())
}

/// `.Chart`, with the names that Helm's own types have.
fn about_chart(metadata: &Metadata, is_root: bool) -> Value {
    let text = |text: &str| Value::from(text);
    let annotations = metadata.annotations.as_ref().map(|annotations| {
        annotations.iter().map(|(name, value)| (name.as_str().into(), text(value))).collect()
    });
    let annotations =
        annotations.map_or_else(|| Map::nil(Shape::STRINGS), |fields| Map::of(Shape::STRINGS, fields));
    let maintainers = metadata.maintainers.iter().map(|maintainer| {
        let Maintainer { name, email, url } = maintainer;
        Value::map([("Name", text(name)), ("Email", text(email)), ("URL", text(url))])
    });
    Value::map([
        ("Name", text(&metadata.name)),
        ("Home", text(&metadata.home)),
        ("Sources", texts(&metadata.sources)),
        ("Version", text(&metadata.version)),
        ("Description", text(&metadata.description)),
        ("Keywords", texts(&metadata.keywords)),
        ("Maintainers", Value::list(maintainers.collect())),
        ("Icon", text(&metadata.icon)),
        ("APIVersion", text(&metadata.api_version_text)),
        ("Condition", text(&metadata.condition)),
        ("Tags", text(&metadata.tags)),
        ("AppVersion", text(&metadata.app_version)),
        ("Deprecated", Value::Bool(metadata.deprecated)),
        ("Annotations", Value::Map(annotations)),
        ("KubeVersion", text(&metadata.kube_version)),
        ("Dependencies", Value::list(metadata.dependencies.iter().map(about_dependency).collect())),
        ("Type", text(&metadata.type_text)),
        ("IsRoot", Value::Bool(is_root)),
    ])
}

fn about_dependency(dependency: &Dependency) -> Value {
    let text = |text: &str| Value::from(text);
    let imports = dependency.import_values.iter().map(|import| {
        let (child, parent) = match import {
            ImportValues::Exported(name) => (format!("exports.{name}"), "."),
            ImportValues::Table { child, parent } => (child.clone(), parent.as_str()),
        };
        let fields = [("child", text(&child)), ("parent", text(parent))];
        let fields = fields.into_iter().map(|(name, field)| (name.into(), field));
        Value::Map(Map::of(Shape::STRINGS, fields.collect()))
    });
    Value::map([
        ("Name", text(dependency.used_name())),
        ("Version", text(&dependency.version)),
        ("Repository", text(&dependency.repository)),
        ("Condition", text(&dependency.condition)),
        ("Tags", texts(&dependency.tags)),
        ("Enabled", Value::Bool(true)),
        ("ImportValues", Value::list(imports.collect())),
        ("Alias", text(&dependency.alias)),
    ])
}

fn values_method(name: &str) -> Option<&'static Function> {
    static METHODS: OnceLock<[Function; 4]> = OnceLock::new();
    let methods = || {
        [
            Function::new("AsMap", |values: Map| values),
            Function::new("YAML", |scope: &mut Scope<'_>, values: Map| {
                to_yaml(scope, &Value::Map(values)).map(|text| format!("{text}\n"))
            }),
            Function::new("Table", |values: Map, path: Text| {
                let found = values::table(&values, &path.to_str());
                let table = found.map(|table| Value::Map(table.as_shape(VALUES_SHAPE)));
                let missing = path.to_str().rsplit('.').next().unwrap_or_default().to_owned();
                table.ok_or_else(|| Failure::new(format!("{missing:?} is not a table")))
            }),
            Function::new("PathValue", |values: Map, path: Text| {
                let missing = path.to_str().rsplit('.').next().unwrap_or_default().to_owned();
                let found = values::path_value(&values, &path.to_str());
                found.ok_or_else(|| Failure::new(format!("{missing:?} is not a value")))
            }),
        ]
    };
    METHODS.get_or_init(methods).iter().find(|method| method.name() == name)
}
