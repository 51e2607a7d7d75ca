//! From a file of `crds`, OpenAPI definitions with kustomize's marks, to a configuration.

use serde_json::Value;

use super::{Config, Conflict, FieldSpec, Gvk, NameReference, merge_specs};

/// Definitions within definitions are followed so far.
const DEPTH_MAX: usize = 20;

/// What the definitions say of fields: which are annotations, selectors, identities, and names of other objects.
pub(crate) fn from_definitions(definitions: &Value) -> Result<Config, Conflict> {
    let mut config = Config::default();
    for (name, definition) in definitions.as_object().into_iter().flatten() {
        let properties = properties_of(definition);
        if ["kind", "apiVersion", "metadata"].iter().all(|field| properties.get(field).is_some()) {
            let kind = name.rsplit('.').next().unwrap_or_default().to_owned();
            let gvk = Gvk { kind, ..Gvk::default() };
            Definitions { all: definitions, gvk, config: &mut config }.walk(name, &mut Vec::new())?;
        }
    }
    config.sort();
    Ok(config)
}

fn properties_of(definition: &Value) -> &Value {
    &definition["Schema"]["properties"]
}

struct Definitions<'a> {
    all: &'a Value,
    gvk: Gvk,
    config: &'a mut Config,
}

impl Definitions<'_> {
    fn walk(&mut self, name: &str, path: &mut Vec<String>) -> Result<(), Conflict> {
        if path.len() > DEPTH_MAX {
            return Ok(());
        }
        let all = self.all;
        for (field, property) in properties_of(&all[name]).as_object().into_iter().flatten() {
            path.push(field.clone());
            self.mark(property, path)?;
            if let Some(reference) = property["$ref"].as_str() {
                self.walk(reference, path)?;
            }
            path.pop();
        }
        Ok(())
    }

    fn mark(&mut self, property: &Value, path: &[String]) -> Result<(), Conflict> {
        let spec = |path: String| FieldSpec::new(self.gvk.clone(), &path, false);
        let here = spec(path.join("/"));
        let text = |mark: &str| property[mark].as_str();
        if text("x-kubernetes-annotation").is_some() {
            merge_specs(&mut self.config.common_annotations, std::slice::from_ref(&here))?;
        }
        if text("x-kubernetes-label-selector").is_some() {
            merge_specs(&mut self.config.common_labels, std::slice::from_ref(&here))?;
        }
        if text("x-kubernetes-identity").is_some() {
            merge_specs(&mut self.config.name_prefix, std::slice::from_ref(&here))?;
        }
        let (Some(version), Some(kind)) =
            (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"))
        else {
            return Ok(());
        };
        let name_key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
        let referrer = spec(format!("{}/{name_key}", path.join("/")));
        let referred = Gvk { group: String::new(), version: version.to_owned(), kind: kind.to_owned() };
        self.config.add_reference(&NameReference { referred, referrers: vec![referrer] })
    }
}
