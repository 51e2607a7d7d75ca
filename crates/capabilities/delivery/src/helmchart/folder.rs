//! A chart that lies in the files of another source: a folder to be packaged, or an archive.

use std::collections::BTreeMap;

use bythos_api::flux::Artifact;
use bythos_api::helmchart::HelmChart;
use bythos_helm::{ArchiveLimits, Chart, File};
use kube::ResourceExt as _;

use super::Context;
use super::built::{Archive, Built, Known, generation, with_metadata};
use super::report::Failure;
use super::values::{clean, files_of, merged};
use crate::artifact;
use crate::charts::blocking;

/// Digits of a commit that become part of a version: labels take 63.
const COMMIT_LENGTH: usize = 12;

/// The files of an artifact.
pub(super) struct Tree(BTreeMap<String, Vec<u8>>);

impl Tree {
    pub(super) fn file(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// The chart in a folder.
    pub(super) fn chart(&self, folder: &str) -> Result<Chart, Failure> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let inside =
            self.0.iter().filter_map(|(path, data)| Some(File::new(path.strip_prefix(&prefix)?, data)));
        let inside: Vec<File> = inside.collect();
        if !inside.iter().any(|file| file.name == "Chart.yaml") {
            let message = format!("there is no Chart.yaml in the folder '/{folder}' of the source");
            return Err(Failure::Reference { message });
        }
        Chart::from_folder(inside, ArchiveLimits::CHARTS).map_err(Failure::NoChart)
    }
}

impl Context {
    pub(super) async fn folder(
        &self,
        chart: &HelmChart,
        source: &Artifact,
        known: Option<Known>,
    ) -> Result<Built, Failure> {
        let place = clean(&chart.spec.chart);
        let bytes = self.desk.storage.bytes_of(source).await.map_err(Failure::Artifact)?;
        let at = place.clone();
        let (files, read) = blocking(move || read(&bytes, &at)).await?;
        let archive = files.file(&place);
        let metadata = metadata(chart, source);
        let name = read.name().to_owned();
        let version = with_metadata(&read.metadata.version, &metadata)?;
        let is_packaged = archive.is_none() || !metadata.is_empty();
        if let Some(built) = Built::kept(known, &name, &version, chart, is_packaged) {
            return Ok(built);
        }
        if let Some(archive) = archive.filter(|_| !is_packaged) {
            let archive = Archive::New(archive.to_vec());
            return Ok(Built { name, version, archive, values_files: Vec::new(), is_packaged });
        }
        let (mut whole, mut values_files) = (read, Vec::new());
        if archive.is_none() {
            whole = self.complete(&chart.namespace().unwrap_or_default(), whole, &place, &files).await?;
        }
        whole.metadata.version.clone_from(&version);
        if !files_of(chart).is_empty() {
            let values;
            (values, values_files) = merged(&chart.spec, |path| files.file(path).map(<[u8]>::to_vec))?;
            whole = whole.with_values(values);
        }
        let archive = blocking(move || whole.to_archive()).await.map_err(Failure::Package)?;
        Ok(Built { name, version, archive: Archive::New(archive), values_files, is_packaged })
    }
}

/// All files, and the chart that is an archive or a folder at this place.
fn read(bytes: &[u8], place: &str) -> Result<(Tree, Chart), Failure> {
    let files = Tree(artifact::unpack(bytes).map_err(Failure::Unpack)?);
    let chart = match files.file(place) {
        Some(archive) => Chart::from_archive(archive, ArchiveLimits::CHARTS).map_err(Failure::NoChart)?,
        None => files.chart(place)?,
    };
    Ok((files, chart))
}

/// What stands behind the `+` of the version: the commit, if each is to be a version of its own; and what tells values apart.
fn metadata(chart: &HelmChart, source: &Artifact) -> String {
    let is_by_revision = chart.spec.reconcile_strategy.as_deref() == Some("Revision");
    let commit = source.revision.rsplit([':', '/']).next().unwrap_or_default();
    let commit = commit.get(..COMMIT_LENGTH).filter(|_| is_by_revision).unwrap_or_default();
    let parts = [commit.to_owned(), generation(chart)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(".")
}
