//! Maps: `dict`, `get`, `set`, `keys`, `pick`, `dig`, ... `set` and `unset` change the map that they are given.

use std::collections::BTreeMap;

use bythos_gotemplate::{
    Budget, Element, Failure, Function, List, Map, Rest, Scope, Spent, Text, Value, deeper,
};

use super::{both, changing, text_of};

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::new("dict", dict),
        Function::new("get", |map: Map, key: Text| {
            map.get(key.as_bytes()).unwrap_or_else(|| Value::from(""))
        }),
        Function::new("set", set),
        Function::new("unset", |map: Map, key: Text| {
            map.unset(key.as_bytes());
            map
        }),
        Function::new("hasKey", |map: Map, key: Text| map.has(key.as_bytes())),
        Function::new("pluck", |key: Text, maps: Rest<Map>| {
            List::new(maps.0.iter().filter_map(|map| map.get(key.as_bytes())).collect())
        }),
        Function::new("keys", keys),
        Function::new("values", values),
        Function::new("pick", pick),
        Function::new("omit", omit),
        Function::new("dig", dig),
    ];
    functions.extend(both!("deepCopy", "mustDeepCopy", deep_copy));
    functions
}

fn dict(scope: &mut Scope<'_>, values: Rest<Value>) -> Result<Map, Failure> {
    scope.budget().spend_items(values.0.len())?;
    let mut fields = BTreeMap::new();
    for pair in values.0.chunks(2) {
        let key = pair.first().map(|key| text_of(scope, key)).transpose()?.unwrap_or_default();
        fields.insert(key, pair.get(1).cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(fields.into_iter().collect())
}

fn set(scope: &mut Scope<'_>, map: Map, key: Text, value: Value) -> Result<Map, Failure> {
    changing(scope, &map)?;
    map.set(key, value);
    Ok(map)
}

/// In order, though Go gives them in none.
fn keys(scope: &mut Scope<'_>, maps: Rest<Map>) -> Result<List, Failure> {
    let count = maps.0.iter().map(Map::len).sum();
    scope.budget().spend_items(count)?;
    Ok(List::strings(maps.0.iter().flat_map(|map| map.fields().keys().cloned().collect::<Vec<_>>())))
}

fn values(scope: &mut Scope<'_>, map: Map) -> Result<List, Failure> {
    scope.budget().spend_items(map.len())?;
    Ok(List::new(map.fields().values().cloned().collect()))
}

fn pick(scope: &mut Scope<'_>, map: Map, keys: Rest<Text>) -> Result<Map, Failure> {
    scope.budget().spend_items(keys.0.len())?;
    let fields = keys.0.into_iter().filter_map(|key| map.get(key.as_bytes()).map(|field| (key, field)));
    Ok(fields.collect())
}

fn omit(scope: &mut Scope<'_>, map: Map, keys: Rest<Text>) -> Result<Map, Failure> {
    scope.budget().spend_items(map.len())?;
    let fields = map.to_fields().into_iter().filter(|(key, _)| !keys.0.contains(key));
    Ok(fields.collect())
}

/// `dig "a" "b" DEFAULT MAP`
fn dig(arguments: Rest<Value>) -> Result<Value, Failure> {
    let [keys @ .., default, map] = arguments.0.as_slice() else {
        return Err(Failure::new("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(Failure::new("dig needs at least three arguments"));
    }
    let mut found = map.clone();
    for key in keys {
        let Value::String(key) = key else { return Err(conversion(key, "string")) };
        let Value::Map(map) = &found else { return Err(conversion(&found, "map[string]interface {}")) };
        if map.shape().element != Element::Any || map.shape().named.is_some() {
            return Err(conversion(&found, "map[string]interface {}"));
        }
        match map.get(key.as_bytes()) {
            Some(field) => found = field,
            None => return Ok(default.clone()),
        }
    }
    Ok(found)
}

fn conversion(found: &Value, wanted: &str) -> Failure {
    let name = match found {
        Value::Nil => "nil".to_owned(),
        other => other.type_name(),
    };
    Failure::new(format!("interface conversion: interface {{}} is {name}, not {wanted}"))
}

fn deep_copy(scope: &mut Scope<'_>, value: Value) -> Result<Value, Failure> {
    Ok(copy(&value, scope.budget(), 0)?)
}

/// A value that shares nothing that can be changed.
pub(super) fn copy(value: &Value, budget: &Budget, depth: usize) -> Result<Value, Spent> {
    budget.spend_steps(1)?;
    budget.spend_items(1)?;
    Ok(match value {
        Value::List(list) if !list.is_nil() => {
            let depth = deeper(depth)?;
            let items = list.items().iter().map(|item| copy(item, budget, depth));
            Value::List(List::of(list.shape(), items.collect::<Result<_, _>>()?))
        }
        Value::Map(map) if !map.is_nil() => {
            let depth = deeper(depth)?;
            let fields = map.to_fields().into_iter();
            let fields = fields.map(|(key, field)| Ok((key, copy(&field, budget, depth)?)));
            Value::Map(Map::of(map.shape(), fields.collect::<Result<_, Spent>>()?))
        }
        other => other.clone(),
    })
}
