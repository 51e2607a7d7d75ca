//! `postBuild`: variables in the built objects, as `${name}` or with one of the functions of [`mod@expand`].

use std::collections::BTreeMap;

use bythos_api::kustomization::{Kustomization, SubstituteReference};
use bythos_kustomize::Budget;
use bythos_yaml::Limits;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

mod expand;
mod pattern;

use super::object::{Object, mark};
use super::report::Failure;
use crate::metadata::Marked as _;
use expand::expand;

/// Names and values.
pub(super) type Variables = BTreeMap<String, String>;

/// The variables of a kustomization; `None` where nothing is to be substituted.
pub(super) async fn variables(client: &Client, object: &Kustomization) -> Result<Option<Variables>, Failure> {
    let Some(post_build) = &object.spec.post_build else { return Ok(None) };
    let namespace = object.namespace().unwrap_or_default();
    let mut variables = Variables::new();
    for reference in &post_build.substitute_from {
        variables.extend(read(client, &namespace, reference).await?);
    }
    variables.extend(post_build.substitute.clone());
    if let Some(name) = variables.keys().find(|name| !is_name(name)) {
        let message = format!("{name:?} is no name of a variable: letters, digits and '_', no digit first");
        return Err(Failure::Substitute { message });
    }
    for value in variables.values_mut() {
        value.retain(|character| character != '\n');
    }
    let always = post_build.substitute_strategy.as_deref() == Some("Always");
    Ok((always || !variables.is_empty()).then_some(variables))
}

async fn read(
    client: &Client,
    namespace: &str,
    reference: &SubstituteReference,
) -> Result<Variables, Failure> {
    let failed = |error: kube::Error| Failure::Substitute {
        message: format!("{} {:?}: {}", reference.kind, reference.name, crate::status::words(&error)),
    };
    let found = match reference.kind.as_str() {
        "Secret" => {
            let api = Api::<Secret>::namespaced(client.clone(), namespace);
            let text = |(key, value): (String, k8s_openapi::ByteString)| {
                (key, String::from_utf8_lossy(&value.0).into_owned())
            };
            let secret = api.get_opt(&reference.name).await.map_err(failed)?;
            secret.map(|it| it.data.unwrap_or_default().into_iter().map(text).collect())
        }
        _ => {
            let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
            api.get_opt(&reference.name).await.map_err(failed)?.map(|it| it.data.unwrap_or_default())
        }
    };
    match found {
        Some(variables) => Ok(variables),
        None if reference.optional => Ok(Variables::new()),
        None => Err(Failure::Substitute {
            message: format!(
                "there is no {} {:?} in namespace {namespace:?}",
                reference.kind, reference.name
            ),
        }),
    }
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|it| it == '_' || it.is_ascii_alphabetic());
    first && characters.all(|it| it == '_' || it.is_ascii_alphanumeric())
}

/// Substitutes in every object that does not ask to be left alone.
pub(super) fn in_all(objects: Vec<Value>, variables: &Variables) -> Result<Vec<Value>, Failure> {
    objects.into_iter().map(|value| in_object(value, variables)).collect()
}

fn in_object(value: Value, variables: &Variables) -> Result<Value, Failure> {
    let object = Object::of(value);
    if object.marks(mark::SUBSTITUTE).contains(&Some("disabled")) {
        return Ok(object.value);
    }
    let failed = |message: String| Failure::Substitute { message: format!("{}: {message}", object.id) };
    let text = bythos_yaml::to_string(&object.value);
    if !text.contains('$') {
        return Ok(object.value);
    }
    let text = expand(&text, variables).map_err(failed)?;
    // The text is read anew: a variable may hold a number, or a whole list.
    let budget = Budget::STANDARD;
    let limits = Limits { bytes_max: budget.bytes_max, depth_max: 100, values_max: budget.values_max };
    bythos_yaml::parse(&text, limits).map_err(|error| failed(format!("after substitution: {error}")))
}
