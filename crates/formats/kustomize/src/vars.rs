//! `vars`: texts `$(NAME)` become values of objects.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Error;
use crate::config::Config;
use crate::field::{self, Missing, scalar_text};
use crate::kustomization::Var;
use crate::path;
use crate::resource::{NO_NAMESPACE, Resource, effective, is_cluster_scoped};

/// The variables of a build, by name.
pub(crate) type Vars = BTreeMap<String, Var>;

/// Adds variables, and marks the objects that they take their values from.
pub(crate) fn add(vars: &mut Vars, incoming: &[Var], resources: &mut [Resource]) -> Result<(), Error> {
    for var in incoming {
        let mut matched = resources.iter_mut().filter(|resource| is_of(var, resource));
        if let Some(found) = matched.next() {
            if matched.next().is_some() {
                return Err(refuse(var, format!("several objects are called {}", named(var))));
            }
            found.variables.push(var.name.clone());
        }
        if vars.insert(var.name.clone(), var.clone()).is_some() {
            return Err(refuse(var, format!("{:?} is there already", var.name)));
        }
    }
    Ok(())
}

/// Adds the variables of a base.
pub(crate) fn join(vars: &mut Vars, others: Vars) -> Result<(), Error> {
    for (name, var) in others {
        if vars.contains_key(&name) {
            return Err(refuse(&var, format!("{name:?} is there already")));
        }
        vars.insert(name, var);
    }
    Ok(())
}

/// Without a namespace, it is searched in all.
fn is_of(var: &Var, resource: &Resource) -> bool {
    let in_all = var.target_namespace.is_empty() && !is_cluster_scoped(&var.target.group, &var.target.kind);
    let wanted = if is_cluster_scoped(&var.target.group, &var.target.kind) {
        NO_NAMESPACE
    } else {
        effective(&var.target_namespace)
    };
    resource.group() == var.target.group
        && resource.version() == var.target.version
        && resource.identities().any(|it| {
            it.kind == var.target.kind && it.name == var.target_name && (in_all || it.namespace == wanted)
        })
}

/// Puts values in place of the variables, wherever the configuration says that they may stand.
pub(crate) fn resolve(vars: &Vars, resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    if vars.is_empty() {
        return Ok(());
    }
    let values = vars.values().map(|var| Ok((var.name.as_str(), value_of(var, resources)?)));
    let values: BTreeMap<&str, Value> = values.collect::<Result<_, Error>>()?;
    for resource in resources {
        for spec in &config.var_reference {
            let expanded =
                field::visit(resource, spec, Missing::Skip, &mut |found| expand_in(found, &values));
            expanded.map_err(|message| Error::Reference { place: resource.place.to_string(), message })?;
        }
    }
    Ok(())
}

fn value_of(var: &Var, resources: &[Resource]) -> Result<Value, Error> {
    let marked = resources.iter().find(|resource| resource.variables.contains(&var.name));
    let marked = marked.ok_or_else(|| refuse(var, format!("there is no object {}", named(var))))?;
    let found = path::get(&marked.value, &path::of_variable(&var.path));
    found.cloned().ok_or_else(|| refuse(var, format!("{} has no field {:?}", marked.label(), var.path)))
}

fn named(var: &Var) -> String {
    format!("{} {:?}", var.target.kind, var.target_name)
}

fn refuse(var: &Var, message: String) -> Error {
    Error::Field { file: var.file.clone(), field: var.field.clone(), message }
}

fn expand_in(found: &mut Value, values: &BTreeMap<&str, Value>) -> Result<(), String> {
    match found {
        Value::String(text) => *found = expand(text, values),
        Value::Object(map) => {
            for value in map.values_mut() {
                if let Value::String(text) = value {
                    *value = expand(text, values);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                let Value::String(text) = item else {
                    return Err("expected texts in the list in which variables may stand".to_owned());
                };
                *item = expand(text, values);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// As Kubernetes expands `$(NAME)` in commands: `$$` is a dollar sign, an unknown name stays as it is. A text that is
/// nothing but a variable takes the type of its value.
fn expand(text: &str, values: &BTreeMap<&str, Value>) -> Value {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let mut next = after.chars();
        rest = match next.next() {
            Some('$') => {
                expanded.push('$');
                next.as_str()
            }
            Some('(') => match next.as_str().split_once(')') {
                Some((name, after)) => {
                    let value =
                        values.get(name).filter(|it| it.is_string() || it.is_number() || it.is_boolean());
                    if let Some(value) = value.filter(|_| before.is_empty() && text.len() == name.len() + 3) {
                        return value.clone();
                    }
                    expanded.push_str(&value.map_or_else(|| format!("$({name})"), scalar_text));
                    after
                }
                None => {
                    expanded.push_str("$(");
                    next.as_str()
                }
            },
            Some(other) => {
                expanded.push('$');
                expanded.push(other);
                next.as_str()
            }
            None => {
                expanded.push('$');
                ""
            }
        };
    }
    expanded.push_str(rest);
    Value::String(expanded)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_expanded_as_in_commands() {
        let values = BTreeMap::from([("A", json!("x")), ("N", json!(8))]);
        let cases = [
            ("$(A)", json!("x")),
            ("$(N)", json!(8)),
            ("<$(A)-$(N)>", json!("<x-8>")),
            ("$(B) $$(A) $A $( $", json!("$(B) $(A) $A $( $")),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &values), expected, "{text}");
        }
    }
}
