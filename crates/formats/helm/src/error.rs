//! What is wrong with a chart.

use bythos_gotemplate::{self as gotemplate, Frame};

use crate::values::Unfit;

/// What is wrong with a chart, its values, or what came out of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive cannot be read.
    #[error("failed to read the chart archive")]
    ReadArchive(#[source] std::io::Error),
    /// The archive cannot be written.
    #[error("failed to write the chart archive")]
    WriteArchive(#[source] std::io::Error),
    /// The archive or folder has something that a chart must not have.
    #[error("the chart holds {name:?}: {why}")]
    Refused {
        /// The entry.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is too large.
    #[error("the chart is larger than {0} bytes")]
    TooLarge(u64),
    /// It has too many files, or charts inside of charts.
    #[error("the chart has more than {max} {what}")]
    TooMany {
        /// Files or levels of charts.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A file of the chart is no YAML, or not what it should be.
    #[error("{chart}: failed to read {file}: {message}")]
    ReadFile {
        /// The chart, as far as it is known.
        chart: String,
        /// The file in the chart.
        file: String,
        /// What was found and expected.
        message: String,
    },
    /// Chart.yaml lacks something, or has something wrong.
    #[error("Chart.yaml of {chart:?}: {field}: {message}")]
    Metadata {
        /// The chart, as far as it is known.
        chart: String,
        /// The path of the field.
        field: String,
        /// What was found and expected.
        message: String,
    },
    /// Charts that Chart.yaml names are not in `charts/`.
    #[error(
        "chart {chart}: found in Chart.yaml, but missing in charts/: {missing}; run `helm dependency build`"
    )]
    MissingCharts {
        /// The chart.
        chart: String,
        /// Their names.
        missing: String,
    },
    /// A file of values is no YAML, or not what it should be.
    #[error("failed to parse {file}: {message}")]
    ReadValues {
        /// The file.
        file: String,
        /// What was found and expected.
        message: String,
    },
    /// Values do not fit the charts.
    #[error("values: {path}: {message}")]
    Values {
        /// The path of the value.
        path: String,
        /// What was found and expected.
        message: String,
    },
    /// Values do not fit the values.schema.json of charts. In Helm's words.
    #[error(
        "values don't meet the specifications of the schema(s) in the following chart(s):\n{}",
        .0.iter().map(Unfit::to_string).collect::<Vec<_>>().join("\n")
    )]
    Schema(Vec<Unfit>),
    /// A template cannot be parsed or carried out. It prints as Go prints it, with file, line and column, or, if it cannot
    /// be parsed or the chart's author stopped it, as Helm does.
    #[error("{}", in_few_words(.0))]
    Template(Box<gotemplate::Error>),
    /// What a template gave is no manifest.
    #[error("{file}: what the template gives is no manifest: {message}")]
    Manifest {
        /// The template.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// The chart wants another cluster.
    #[error(
        "chart {chart} requires Kubernetes {constraint}, which is incompatible with Kubernetes {version}; \
         install a version of the chart that supports it"
    )]
    KubeVersion {
        /// The chart.
        chart: String,
        /// What it wants.
        constraint: String,
        /// What the cluster is.
        version: String,
    },
    /// A limit is reached.
    #[error(transparent)]
    Spent(#[from] gotemplate::Spent),
    /// The chart in a release record is none.
    #[error("failed to read the chart in the release record: {0}")]
    StoredChart(String),
    /// The thread that renders could not be started, or was stopped by a fault.
    #[error("failed to render: {0}")]
    Thread(String),
}

/// How many templates inside of each other are told.
const FRAMES_MAX: usize = 16;

/// As Go prints it; of a circle, which repeats itself a thousand times, the ends. Where Helm is shorter and names the same
/// place, as Helm.
fn in_few_words(error: &gotemplate::Error) -> String {
    if let gotemplate::Error::Parse { template, line, message } = error {
        return format!("parse error at ({template}:{line}): {message}");
    }
    let stack = error.stack();
    match (stack.first(), stack.last(), error.raised()) {
        (Some(first), _, Some(words)) => in_the_words_of_the_author(first, &stack, words),
        (Some(first), Some(last), None) if stack.len() > FRAMES_MAX => format!(
            "template: {}: executing {:?} at <{}>: in {} templates inside of each other, {:?} the innermost: {}",
            first.location,
            first.executing,
            first.context,
            stack.len(),
            last.executing,
            error.root()
        ),
        _ => error.to_string(),
    }
}

/// `fail` and `required`. The templates that led there stand below.
fn in_the_words_of_the_author(outermost: &Frame, stack: &[&Frame], words: &str) -> String {
    let mut text = format!("execution error at ({}): {words}", outermost.location);
    for frame in stack.iter().skip(1).take(FRAMES_MAX) {
        text.push_str(&format!("\n  in {:?} at {}", frame.executing, frame.location));
    }
    text
}

impl From<gotemplate::Error> for Error {
    fn from(error: gotemplate::Error) -> Error {
        Error::Template(Box::new(error))
    }
}
