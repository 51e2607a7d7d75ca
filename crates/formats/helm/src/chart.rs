//! Charts: a folder or archive of templates, values and what describes them.

mod archive;
mod ignore;
mod json;
mod lock;
mod metadata;
mod package;

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_yaml::Limits;
use serde_json::{Map, Value};

pub use archive::ArchiveLimits;
pub use ignore::{Ignore, path_matches};
pub use lock::Lock;
pub use metadata::{ApiVersion, ChartType, Dependency, ImportValues, Maintainer, Metadata};

use crate::error::Error;

const MARK_UTF_8: &[u8] = &[0xef, 0xbb, 0xbf];
/// How deep charts may lie inside of charts.
const CHARTS_DEPTH_MAX: usize = 20;

/// A file of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path in the chart, with `/`.
    pub name: String,
    /// What it holds.
    pub data: Arc<[u8]>,
}

/// A chart and the charts inside of it.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What Chart.yaml says.
    pub metadata: Metadata,
    /// What Chart.lock says.
    pub lock: Option<Lock>,
    /// What values.yaml says. Nulls are kept.
    pub values: Map<String, Value>,
    /// values.yaml as it stands there, with its comments; a chart out of a record has lost it.
    pub values_text: Option<Arc<[u8]>>,
    /// values.schema.json.
    pub schema: Option<Arc<[u8]>>,
    /// Everything below `templates/`.
    pub templates: Vec<File>,
    /// Everything else, but for the charts inside.
    pub files: Vec<File>,
    /// The charts below `charts/`, by name of their folder or archive.
    pub dependencies: Vec<Chart>,
}

impl File {
    /// A mark at the front that says UTF-8 is left out.
    pub fn new(name: impl Into<String>, data: &[u8]) -> File {
        File { name: name.into(), data: data.strip_prefix(MARK_UTF_8).unwrap_or(data).into() }
    }
}

impl Chart {
    /// From the files of an archive, or of a folder whose `.helmignore` was heeded.
    ///
    /// # Errors
    /// The files are no chart.
    pub fn from_files(files: Vec<File>, limits: ArchiveLimits) -> Result<Chart, Error> {
        let bytes = files.iter().map(|file| file.data.len() as u64).sum::<u64>();
        if bytes > limits.bytes_max {
            return Err(Error::TooLarge(limits.bytes_max));
        }
        load(files, limits, CHARTS_DEPTH_MAX)
    }

    /// From all files of a folder; `.helmignore` is heeded.
    ///
    /// # Errors
    /// The files are no chart.
    pub fn from_folder(files: Vec<File>, limits: ArchiveLimits) -> Result<Chart, Error> {
        Chart::from_files(ignore::without_ignored(files)?, limits)
    }

    /// From a `.tgz`.
    ///
    /// # Errors
    /// It is no chart, is too large, or holds paths that lead out of it.
    pub fn from_archive(archive: &[u8], limits: ArchiveLimits) -> Result<Chart, Error> {
        Chart::from_files(archive::read(archive, limits)?, limits)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The files below `crds/`, those of the charts inside included, in the order in which they are to be made.
    pub fn crds(&self) -> Vec<&File> {
        self.crds_by_path().into_iter().map(|(_, file)| file).collect()
    }

    /// [`Chart::crds`], each with its path as seen from outside: `outer/charts/inner/crds/a.yaml`.
    pub fn crds_by_path(&self) -> Vec<(String, &File)> {
        let is_manifest = |file: &&File| {
            let has_ending = [".yaml", ".yml", ".json"].iter().any(|ending| file.name.ends_with(ending));
            file.name.starts_with("crds/") && has_ending
        };
        let below = |inside: &str| format!("{}/{inside}", self.name());
        let own = self.files.iter().filter(is_manifest).map(|file| (below(&file.name), file));
        let inner = self.dependencies.iter().flat_map(Chart::crds_by_path);
        own.chain(inner.map(|(path, file)| (below(&format!("charts/{path}")), file))).collect()
    }
}

/// The files of a `.tgz`, by their paths in the chart. Whether they are a chart is not looked at.
///
/// # Errors
/// It is no archive, is too large, or holds paths that lead out of it.
pub fn unpack(archive: &[u8], limits: ArchiveLimits) -> Result<Vec<File>, Error> {
    archive::read(archive, limits)
}

fn wrong_file(chart: &str, file: &str, message: impl std::fmt::Display) -> Error {
    Error::ReadFile { chart: chart.to_owned(), file: file.to_owned(), message: message.to_string() }
}

fn load(files: Vec<File>, limits: ArchiveLimits, depth_left: usize) -> Result<Chart, Error> {
    if depth_left == 0 {
        return Err(Error::TooMany { what: "levels of charts", max: CHARTS_DEPTH_MAX });
    }
    let description = files.iter().find(|file| file.name == "Chart.yaml");
    let description = description.ok_or_else(|| wrong_file("?", "Chart.yaml", "the file is missing"))?;
    let mut description = yaml_map("?", description)?;
    let requirements = files.iter().find(|file| file.name == "requirements.yaml");
    if let Some(requirements) = requirements {
        description.extend(yaml_map("?", requirements)?);
    }
    let metadata = Metadata::read(&description)?;
    let mut sorted = Sorted::default();
    files.into_iter().for_each(|file| sorted.add(file, metadata.api_version));
    let name = metadata.name.clone();
    let lock = sorted.lock.map(|file| Lock::read(&name, &yaml_map(&name, &file)?)).transpose()?;
    let values_text = sorted.values.as_ref().map(|file| Arc::clone(&file.data));
    let values = sorted.values.map(|file| values(&name, &file)).transpose()?.unwrap_or_default();
    let inner = sorted
        .charts
        .into_iter()
        .map(|(folder, files)| inner_chart(&name, &folder, &files, limits, depth_left));
    Ok(Chart {
        metadata,
        lock,
        values,
        values_text,
        schema: sorted.schema.map(|file| file.data),
        templates: sorted.templates,
        files: sorted.files,
        dependencies: inner.filter_map(Result::transpose).collect::<Result<_, _>>()?,
    })
}

/// The files of a chart, by what they are.
#[derive(Default)]
struct Sorted {
    lock: Option<File>,
    values: Option<File>,
    schema: Option<File>,
    templates: Vec<File>,
    files: Vec<File>,
    /// By the first part of the path below `charts/`; the paths begin with it.
    charts: BTreeMap<String, Vec<File>>,
}

impl Sorted {
    fn add(&mut self, file: File, api_version: ApiVersion) {
        match file.name.as_str() {
            "Chart.yaml" => {}
            "Chart.lock" => self.lock = Some(file),
            "requirements.yaml" | "requirements.lock" if api_version != ApiVersion::V1 => {}
            "requirements.lock" => {
                self.lock = Some(file.clone());
                self.files.push(file);
            }
            "values.yaml" => self.values = Some(file),
            "values.schema.json" => self.schema = Some(file),
            name if name.starts_with("templates/") => self.templates.push(file),
            name => match name.strip_prefix("charts/").filter(|_| !name.ends_with(".prov")) {
                Some(inside) => {
                    let folder = inside.split('/').next().unwrap_or(inside).to_owned();
                    let file = File { name: inside.to_owned(), data: file.data };
                    self.charts.entry(folder).or_default().push(file);
                }
                None => self.files.push(file),
            },
        }
    }
}

fn inner_chart(
    chart: &str,
    folder: &str,
    files: &[File],
    limits: ArchiveLimits,
    depth_left: usize,
) -> Result<Option<Chart>, Error> {
    if folder.starts_with(['_', '.']) {
        return Ok(None);
    }
    let inside = match files {
        [archive] if folder.ends_with(".tgz") && archive.name == folder => {
            archive::read(&archive.data, limits)?
        }
        _ if folder.ends_with(".tgz") => {
            return Err(wrong_file(chart, folder, "expected an archive, found a folder"));
        }
        _ => {
            let inside = files.iter().filter_map(|file| {
                let (_, name) = file.name.split_once('/')?;
                Some(File { name: name.to_owned(), data: Arc::clone(&file.data) })
            });
            inside.collect()
        }
    };
    load(inside, limits, depth_left - 1).map(Some)
}

fn yaml_map(chart: &str, file: &File) -> Result<Map<String, Value>, Error> {
    let mut documents = documents(chart, file)?;
    if documents.len() > 1 {
        return Err(wrong_file(chart, &file.name, "expected one document, found several"));
    }
    Ok(documents.pop().unwrap_or_default())
}

fn documents(chart: &str, file: &File) -> Result<Vec<Map<String, Value>>, Error> {
    let text = String::from_utf8_lossy(&file.data);
    let documents = bythos_yaml::parse_all(&text, Limits::MANIFESTS);
    let documents = documents.map_err(|error| wrong_file(chart, &file.name, error))?;
    let fields = documents.into_iter().map(|document| match document {
        Value::Object(fields) => Ok(fields),
        _ => Err(wrong_file(chart, &file.name, "expected fields (`name: value`), found something else")),
    });
    fields.collect()
}

/// Later documents lie over earlier ones.
fn values(chart: &str, file: &File) -> Result<Map<String, Value>, Error> {
    let mut values = Map::new();
    for document in documents(chart, file)? {
        lay_over(&mut values, document);
    }
    Ok(values)
}

/// Maps are merged, everything else is replaced; nulls stay.
pub(crate) fn lay_over(values: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (values.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(over)) => lay_over(below, over),
            (_, value) => {
                values.insert(key, value);
            }
        }
    }
}
