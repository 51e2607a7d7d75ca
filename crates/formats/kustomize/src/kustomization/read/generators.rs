//! `configMapGenerator`, `secretGenerator` and `generatorOptions`.

use std::collections::BTreeMap;

use super::read_all;
use crate::Error;
use crate::kustomization::{Behavior, Generated, Generator, GeneratorOptions};
use crate::reader::Reader;

/// Reads both lists, with the options that they share.
pub(super) fn read_builders(reader: &Reader<'_>) -> Result<Vec<Generator>, Error> {
    let common = match reader.child("generatorOptions")? {
        Some(child) => read_options(child)?,
        None => GeneratorOptions::default(),
    };
    let all = |field, kind| read_all(reader, field, |one| read_generator(one, kind, &common));
    let mut builders = all("configMapGenerator", Generated::ConfigMap)?;
    builders.extend(all("secretGenerator", Generated::Secret)?);
    Ok(builders)
}

/// Reads one generator. What its own options leave open is as `common` has it.
pub(crate) fn read_generator(
    reader: &Reader<'_>,
    kind: Generated,
    common: &GeneratorOptions,
) -> Result<Generator, Error> {
    let own = match reader.child("options")? {
        Some(child) => read_options(child)?,
        None => GeneratorOptions::default(),
    };
    let mut envs = reader.texts("envs")?;
    envs.extend(reader.text("env")?);
    let type_ = match kind {
        Generated::Secret => reader.text("type")?,
        Generated::ConfigMap => None,
    };
    Ok(Generator {
        field: reader.path_of("name"),
        kind,
        name: reader.required_text("name")?,
        namespace: reader.text("namespace")?,
        behavior: read_behavior(reader)?,
        type_,
        literals: reader.texts("literals")?,
        files: reader.texts("files")?,
        envs,
        options: own.over(common),
    })
}

/// What is none of the three means `create`, as kustomize has it.
fn read_behavior(reader: &Reader<'_>) -> Result<Behavior, Error> {
    Ok(match reader.text("behavior")?.as_deref() {
        Some("merge") => Behavior::Merge,
        Some("replace") => Behavior::Replace,
        _ => Behavior::Create,
    })
}

fn read_options(reader: Reader<'_>) -> Result<GeneratorOptions, Error> {
    let options = GeneratorOptions {
        labels: reader.text_map("labels")?,
        annotations: reader.text_map("annotations")?,
        disable_name_suffix_hash: reader.flag("disableNameSuffixHash")?,
        immutable: reader.flag("immutable")?,
    };
    reader.finish()?;
    Ok(options)
}

impl GeneratorOptions {
    /// These options, with `common` where they say nothing.
    fn over(self, common: &GeneratorOptions) -> GeneratorOptions {
        let merged = |common: &BTreeMap<String, String>, own: BTreeMap<String, String>| {
            common.clone().into_iter().chain(own).collect()
        };
        GeneratorOptions {
            labels: merged(&common.labels, self.labels),
            annotations: merged(&common.annotations, self.annotations),
            disable_name_suffix_hash: self.disable_name_suffix_hash || common.disable_name_suffix_hash,
            immutable: self.immutable || common.immutable,
        }
    }
}
