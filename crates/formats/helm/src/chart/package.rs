//! A chart as a `.tgz`, as `helm package` makes it.

use std::io;

use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value};

use super::{ApiVersion, Chart, File};
use crate::error::Error;

/// By these Helm marks its archives.
const MARK: &[u8] = b"rr\x28\x00aHR0cHM6Ly95b3V0dS5iZS96OVV6MWljandyTQo=";

type Archive = tar::Builder<flate2::write::GzEncoder<Vec<u8>>>;

impl Chart {
    /// The archive, with the charts inside as folders below `charts/`. Equal charts give equal bytes: it holds no times.
    ///
    /// # Errors
    /// A path is longer than an archive can hold.
    pub fn to_archive(&self) -> Result<Vec<u8>, Error> {
        let gzip = GzBuilder::new().mtime(0).extra(MARK).comment("Helm");
        let mut archive = tar::Builder::new(gzip.write(Vec::new(), Compression::default()));
        add_chart(&mut archive, self, self.name())
            .and_then(|()| archive.into_inner()?.finish())
            .map_err(Error::WriteArchive)
    }

    /// The chart with other default values.
    #[must_use]
    pub fn with_values(mut self, values: Map<String, Value>) -> Chart {
        self.values_text = Some(bythos_yaml::to_string(&Value::Object(values.clone())).into_bytes().into());
        self.values = values;
        self
    }
}

fn add_chart(archive: &mut Archive, chart: &Chart, folder: &str) -> io::Result<()> {
    let mut add = |name: &str, data: &[u8]| add_file(archive, &format!("{folder}/{name}"), data);
    add("Chart.yaml", description(chart).as_bytes())?;
    if let Some(lock) = chart.lock.as_ref().filter(|_| chart.metadata.api_version == ApiVersion::V2) {
        add("Chart.lock", bythos_yaml::to_string(&lock.to_json()).as_bytes())?;
    }
    if let Some(values) = &chart.values_text {
        add("values.yaml", values)?;
    }
    if let Some(schema) = &chart.schema {
        add("values.schema.json", schema)?;
    }
    for File { name, data } in chart.templates.iter().chain(&chart.files) {
        add(name, data)?;
    }
    for inner in &chart.dependencies {
        add_chart(archive, inner, &format!("{folder}/charts/{}", inner.name()))?;
    }
    Ok(())
}

/// Helm 2's charts say in requirements.yaml what they need, and there alone.
fn description(chart: &Chart) -> String {
    let mut description = chart.metadata.to_json();
    if let (ApiVersion::V1, Value::Object(fields)) = (chart.metadata.api_version, &mut description) {
        fields.remove("dependencies");
    }
    bythos_yaml::to_string(&description)
}

fn add_file(archive: &mut Archive, path: &str, data: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    archive.append_data(&mut header, path, data)
}
