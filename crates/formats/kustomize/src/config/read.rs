//! From a file of `configurations` to its value.

use super::{Config, FieldSpec, Gvk, NameReference};
use crate::Error;
use crate::reader::Reader;

/// Reads one configuration; fields that it does not have are refused.
pub(crate) fn read(reader: Reader<'_>) -> Result<Config, Error> {
    let mut config = Config {
        name_prefix: read_specs(&reader, "namePrefix")?,
        name_suffix: read_specs(&reader, "nameSuffix")?,
        namespace: read_specs(&reader, "namespace")?,
        common_labels: read_specs(&reader, "commonLabels")?,
        labels: read_specs(&reader, "labels")?,
        template_labels: read_specs(&reader, "templateLabels")?,
        common_annotations: read_specs(&reader, "commonAnnotations")?,
        name_reference: read_references(&reader)?,
        var_reference: read_specs(&reader, "varReference")?,
        images: read_specs(&reader, "images")?,
        replicas: read_specs(&reader, "replicas")?,
    };
    reader.finish()?;
    config.sort();
    Ok(config)
}

/// Reads a list of field specifications.
pub(crate) fn read_specs(reader: &Reader<'_>, field: &'static str) -> Result<Vec<FieldSpec>, Error> {
    let spec = |one: Reader<'_>| {
        let spec =
            FieldSpec::new(read_gvk(&one)?, &one.text("path")?.unwrap_or_default(), one.flag("create")?);
        one.finish()?;
        Ok(spec)
    };
    reader.children(field)?.into_iter().map(spec).collect()
}

fn read_references(reader: &Reader<'_>) -> Result<Vec<NameReference>, Error> {
    let reference = |one: Reader<'_>| {
        let reference =
            NameReference { referred: read_gvk(&one)?, referrers: read_specs(&one, "fieldSpecs")? };
        one.finish()?;
        Ok(reference)
    };
    reader.children("nameReference")?.into_iter().map(reference).collect()
}

fn read_gvk(reader: &Reader<'_>) -> Result<Gvk, Error> {
    Ok(Gvk {
        group: reader.text("group")?.unwrap_or_default(),
        version: reader.text("version")?.unwrap_or_default(),
        kind: reader.text("kind")?.unwrap_or_default(),
    })
}
