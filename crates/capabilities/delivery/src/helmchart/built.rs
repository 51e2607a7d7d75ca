//! What came of a build.

use bythos_api::flux::Artifact;
use bythos_api::helmchart::HelmChart;
use bythos_helm::Version;
use kube::Resource as _;

use super::report::Failure;
use super::values::files_of;
use crate::condition::Reason;

/// The chart that is there already, made for the object as it is.
pub(super) struct Known {
    pub(super) name: String,
    /// Its revision is the chart's version.
    pub(super) artifact: Artifact,
}

/// A chart as an archive.
pub(super) enum Archive {
    /// The one that is there already.
    Kept(Artifact),
    New(Vec<u8>),
}

/// A chart, ready to be kept.
pub(super) struct Built {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) archive: Archive,
    /// Files that became its values.
    pub(super) values_files: Vec<String>,
    /// Whether it was packaged here, and not taken as it came.
    pub(super) is_packaged: bool,
}

impl Built {
    /// The chart that is there, if it is of this name and version: then nothing need be fetched.
    pub(super) fn kept(
        known: Option<Known>,
        name: &str,
        version: &str,
        chart: &HelmChart,
        is_packaged: bool,
    ) -> Option<Built> {
        let known = known.filter(|known| known.name == name && known.artifact.revision == version)?;
        let observed = chart.status.as_ref().map(|status| status.observed_values_files.clone());
        let observed = observed.filter(|files| !files.is_empty());
        Some(Built {
            name: known.name,
            version: version.to_owned(),
            archive: Archive::Kept(known.artifact),
            values_files: observed.unwrap_or_else(|| files_of(chart).to_vec()),
            is_packaged,
        })
    }

    pub(super) fn reason(&self) -> Reason {
        if self.is_packaged { Reason::ChartPackageSucceeded } else { Reason::ChartPullSucceeded }
    }

    /// In Flux' words.
    pub(super) fn summary(&self) -> String {
        let action = if self.is_packaged { "packaged" } else { "pulled" };
        let values = match self.values_files.as_slice() {
            [] => String::new(),
            files => format!(" and merged values files [{}]", files.join(" ")),
        };
        format!("{action} '{}' chart with version '{}'{values}", self.name, self.version)
    }
}

/// The version with this behind its `+`, where there is something to put there.
pub(super) fn with_metadata(version: &str, metadata: &str) -> Result<String, Failure> {
    if metadata.is_empty() {
        return Ok(version.to_owned());
    }
    let mut parsed =
        Version::parse(version).map_err(|source| Failure::Version { version: version.to_owned(), source })?;
    metadata.clone_into(&mut parsed.metadata);
    Ok(parsed.to_string())
}

/// What tells versions of a chart apart that differ in their values alone.
pub(super) fn generation(chart: &HelmChart) -> String {
    if files_of(chart).is_empty() {
        return String::new();
    }
    chart.meta().generation.unwrap_or_default().to_string()
}
