//! `postBuild`: variables in the built objects, as `${name}`, `${name:=default}` or `${name:-default}`.

use std::collections::BTreeMap;

use bythos_api::kustomization::{Kustomization, SubstituteReference};
use bythos_kustomize::Budget;
use bythos_yaml::Limits;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

use super::object::{Object, mark};
use super::report::Failure;

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
    if object.mark(mark::SUBSTITUTE) == Some("disabled") {
        return Ok(object.value);
    }
    let failed = |message: String| Failure::Substitute { message: format!("{}: {message}", object.id) };
    let text = expand(&bythos_yaml::to_string(&object.value), variables).map_err(failed)?;
    // The text is read anew: a variable may hold a number, or a whole list.
    let budget = Budget::STANDARD;
    let limits = Limits { bytes_max: budget.bytes_max, depth_max: 100, values_max: budget.values_max };
    bythos_yaml::parse(&text, limits).map_err(|error| failed(format!("after substitution: {error}")))
}

/// Replaces `${name}`. `$${name}` stands for the text `${name}`.
fn expand(text: &str, variables: &Variables) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let body = from.get(2..).unwrap_or_default();
        let end = body.find('}').ok_or_else(|| "\"${\" without \"}\"".to_owned())?;
        let (expression, after) = body.split_at(end);
        if let Some(literal) = before.strip_suffix('$') {
            expanded.push_str(literal);
            expanded.push_str(&format!("${{{expression}}}"));
        } else {
            expanded.push_str(before);
            expanded.push_str(&value_of(expression, variables)?);
        }
        rest = after.get(1..).unwrap_or_default();
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn value_of(expression: &str, variables: &Variables) -> Result<String, String> {
    let name_end =
        expression.find(|it: char| it != '_' && !it.is_ascii_alphanumeric()).unwrap_or(expression.len());
    let (name, rest) = expression.split_at(name_end);
    let default = [":=", ":-", "=", "-"].iter().find_map(|operator| rest.strip_prefix(operator));
    if !is_name(name) || (default.is_none() && !rest.is_empty()) || expression.contains("${") {
        return Err(format!(
            "${{{expression}}} is not supported yet; write ${{name}} or ${{name:=default}}, or $${{...}} for the text"
        ));
    }
    let value = variables.get(name).filter(|value| !value.is_empty()).map(String::as_str);
    Ok(value.or(default).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let variables =
            Variables::from([("one".to_owned(), "1".to_owned()), ("empty".to_owned(), String::new())]);
        match (expand(text, &variables), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn variables_are_put_in() {
        check("a: ${one}", Ok("a: 1"));
        check("a: ${one}${one}", Ok("a: 11"));
        check("a: ${none}", Ok("a: "));
        check("a: ${none:=x}", Ok("a: x"));
        check("a: ${empty:-x}", Ok("a: x"));
        check("a: ${one:=x}", Ok("a: 1"));
        check("a: $${one}", Ok("a: ${one}"));
        check("a: $one $(one)", Ok("a: $one $(one)"));
        check("a: ${one^^}", Err("${one^^} is not supported yet"));
        check("a: ${one", Err("\"${\" without \"}\""));
    }
}
