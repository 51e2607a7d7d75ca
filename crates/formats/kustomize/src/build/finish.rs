//! What is done once, at the very end, when names and contents are what they will be.

use serde_json::Value;

use super::{Gathered, Manner};
use crate::field::scalar_text;
use crate::kustomization::Kustomization;
use crate::order::{self, Order, Ranks};
use crate::resource::Resource;
use crate::transform::{put_hashes, refuse_duplicates};
use crate::{Error, generator, origin, reference, vars};

/// An object with this annotation is input for tools, not for a cluster.
const LOCAL: &str = "config.kubernetes.io/local-config";

pub(super) fn finish(
    gathered: Gathered,
    kustomization: &Kustomization,
    manner: Manner,
) -> Result<Vec<Value>, Error> {
    let Gathered { mut resources, config, vars } = gathered;
    let config = config.unwrap_or_default();
    put_hashes(&mut resources);
    reference::follow(&mut resources, &config)?;
    vars::resolve(&vars, &mut resources, &config)?;
    resources.retain(|it| it.metadata_text("annotations", LOCAL).is_none_or(|local| local == "false"));
    refuse_duplicates(&resources)?;
    let order = kustomization.order.clone().unwrap_or_else(|| Order::Kinds(Ranks::standard()));
    order::sort(&mut resources, &order);
    for resource in &mut resources {
        origin::write(resource, kustomization.metadata);
        write_annotations(resource);
    }
    if manner == Manner::Flux {
        resources.iter_mut().try_for_each(suit_api)?;
    }
    Ok(resources.into_iter().map(|resource| resource.value).collect())
}

/// Annotations are texts, whatever was written; a map of none is left out.
fn write_annotations(resource: &mut Resource) {
    let Some(metadata) = resource.value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    match metadata.get_mut("annotations") {
        Some(Value::Object(annotations)) if !annotations.is_empty() => {
            for value in annotations.values_mut().filter(|value| !value.is_string()) {
                *value = Value::String(scalar_text(value));
            }
        }
        Some(Value::Object(_) | Value::Null) => drop(metadata.remove("annotations")),
        _ => {}
    }
}

fn suit_api(resource: &mut Resource) -> Result<(), Error> {
    if resource.value["apiVersion"].as_str().is_none_or(str::is_empty) {
        let message = "apiVersion is missing; every manifest needs it".to_owned();
        return Err(Error::Manifest { place: resource.place.clone(), message });
    }
    if resource.generated {
        generator::join_base64_lines(resource);
    }
    Ok(())
}
