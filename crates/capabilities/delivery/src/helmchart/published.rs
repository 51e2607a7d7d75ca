//! A chart that a repository publishes: chosen, fetched, and packaged anew only if it is to be another.

use bythos_api::flux::Artifact;
use bythos_api::helmchart::{HelmChart, HelmChartSpec};
use bythos_api::helmrepository::HelmRepository;
use bythos_helm::{ArchiveLimits, Chart, Dependency};

use super::Context;
use super::built::{Archive, Built, Known, generation, with_metadata};
use super::report::Failure;
use super::values::{files_of, merged};
use crate::charts::{ChartsError, blocking, is_registry};
use crate::helmrepository::publisher;

impl Context {
    pub(super) async fn published(
        &self,
        chart: &HelmChart,
        repository: &HelmRepository,
        index: Option<&Artifact>,
        known: Option<Known>,
    ) -> Result<Built, Failure> {
        let (name, url) = (chart.spec.chart.as_str(), repository.spec.url.as_str());
        check_name(name)?;
        if repository.is_oci() != is_registry(url) {
            return Err(Failure::RegistryUrl { url: url.to_owned() });
        }
        let publisher = publisher(&self.desk.client, &self.secrets, repository).await?;
        let version = chart.spec.version.clone().filter(|version| version != "*").unwrap_or_default();
        let wish = Dependency { name: name.to_owned(), version, ..Dependency::default() };
        let index = match index {
            Some(index) => self.desk.storage.bytes_of(index).await.map_err(Failure::Artifact)?,
            None => Vec::new(),
        };
        let choice = publisher.choose(url, &wish, std::future::ready(Ok(index))).await;
        let choice = choice.map_err(|error| of_choice(error, repository))?;
        let version = with_metadata(&choice.version, &generation(chart))?;
        let is_packaged = !files_of(chart).is_empty();
        let last_name = name.rsplit('/').next().unwrap_or(name);
        if let Some(built) = Built::kept(known, last_name, &version, chart, is_packaged) {
            return Ok(built);
        }
        let archive = publisher.archive(url, &choice.location).await;
        let archive = archive.map_err(|error| of_access(error, Failure::Download))?;
        let spec = chart.spec.clone();
        blocking(
            move || if is_packaged { packaged(&archive, version, &spec) } else { pulled(archive, version) },
        )
        .await
    }
}

/// The chart as it came.
fn pulled(archive: Vec<u8>, version: String) -> Result<Built, Failure> {
    let chart = Chart::from_archive(&archive, ArchiveLimits::CHARTS).map_err(Failure::Garbage)?;
    Ok(Built {
        name: chart.name().to_owned(),
        version,
        archive: Archive::New(archive),
        values_files: Vec::new(),
        is_packaged: false,
    })
}

/// The chart with other values and under another version.
fn packaged(archive: &[u8], version: String, spec: &HelmChartSpec) -> Result<Built, Failure> {
    let chart = Chart::from_archive(archive, ArchiveLimits::CHARTS).map_err(Failure::Garbage)?;
    let (values, values_files) = merged(spec, |path| inside(&chart, path))?;
    let mut chart = chart.with_values(values);
    chart.metadata.version.clone_from(&version);
    Ok(Built {
        name: chart.name().to_owned(),
        version,
        archive: Archive::New(chart.to_archive().map_err(Failure::Package)?),
        values_files,
        is_packaged: true,
    })
}

/// A file of values inside of the chart.
fn inside(chart: &Chart, path: &str) -> Option<Vec<u8>> {
    if path == "values.yaml" {
        return Some(chart.values_text.as_deref().unwrap_or_default().to_vec());
    }
    chart.files.iter().find(|file| file.name == path).map(|file| file.data.to_vec())
}

/// What is missing from an index is missing until the index changes; a registry is asked again.
fn of_choice(error: ChartsError, repository: &HelmRepository) -> Failure {
    of_access(error, if repository.is_oci() { Failure::Tags } else { Failure::Choose })
}

fn of_access(error: ChartsError, otherwise: impl FnOnce(ChartsError) -> Failure) -> Failure {
    if error.is_about_access() { Failure::Login(error) } else { otherwise(error) }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-.".contains(&it))
    };
    if name.split('/').all(is_part) && !name.starts_with('.') {
        return Ok(());
    }
    Err(Failure::Reference {
        message: format!(
            "invalid chart name '{name}': a valid name must be lower case letters and numbers and MAY be separated with \
             dashes (-), slashes (/) or periods (.)"
        ),
    })
}
