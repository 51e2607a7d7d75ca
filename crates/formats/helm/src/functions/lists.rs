//! Lists: `list`, `first`, `append`, `uniq`, `slice`, `until`, ... All give new lists; none changes one.

use bythos_gotemplate::{Element, Failure, Function, List, Rest, Scope, Shape, Value, deep_equal};

use super::strings::items;
use super::{both, nil_dereference};
use crate::cast::to_int;

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::new("until", |scope: &mut Scope<'_>, count: i64| {
            steps(scope, 0, count, if count < 0 { -1 } else { 1 }).map(List::ints)
        }),
        Function::new("untilStep", |scope: &mut Scope<'_>, start: i64, stop: i64, step: i64| {
            steps(scope, start, stop, step).map(List::ints)
        }),
        Function::new("seq", seq),
        Function::new("concat", concat),
    ];
    functions.extend(both!("list", "tuple", |items: Rest<Value>| List::new(items.0)));
    functions.extend(both!("append", "push", append));
    functions.extend(both!("mustAppend", "mustPush", append));
    functions.extend(both!("prepend", "mustPrepend", prepend));
    functions.extend(both!("first", "mustFirst", |list: Value| {
        taken(&list, "find first on").map(|items| items.into_iter().next().unwrap_or_default())
    }));
    functions.extend(both!("last", "mustLast", |list: Value| {
        taken(&list, "find last on").map(|items| items.into_iter().next_back().unwrap_or_default())
    }));
    functions.extend(both!("rest", "mustRest", rest));
    functions.extend(both!("initial", "mustInitial", initial));
    functions.extend(both!("reverse", "mustReverse", |list: Value| {
        taken(&list, "find reverse on").map(|items| List::new(items.into_iter().rev().collect()))
    }));
    functions.extend(both!("compact", "mustCompact", |list: Value| {
        taken(&list, "compact on").map(|items| List::new(items.into_iter().filter(Value::is_true).collect()))
    }));
    functions.extend(both!("uniq", "mustUniq", uniq));
    functions.extend(both!("without", "mustWithout", without));
    functions.extend(both!("has", "mustHas", has));
    functions.extend(both!("slice", "mustSlice", slice));
    functions.extend(both!("chunk", "mustChunk", chunk));
    functions
}

/// The items, or what Sprig says of what has none.
fn taken(list: &Value, doing: &str) -> Result<Vec<Value>, Failure> {
    match list {
        Value::Nil => Err(nil_dereference()),
        other => {
            items(other).ok_or_else(|| Failure::new(format!("Cannot {doing} type {}", other.kind().name())))
        }
    }
}

fn append(scope: &mut Scope<'_>, list: Value, item: Value) -> Result<List, Failure> {
    let mut items = taken(&list, "push on")?;
    scope.budget().spend_items(items.len() + 1)?;
    items.push(item);
    Ok(List::new(items))
}

fn prepend(scope: &mut Scope<'_>, list: Value, item: Value) -> Result<List, Failure> {
    let mut items = taken(&list, "prepend on")?;
    scope.budget().spend_items(items.len() + 1)?;
    items.insert(0, item);
    Ok(List::new(items))
}

fn rest(scope: &mut Scope<'_>, list: Value) -> Result<List, Failure> {
    let items = taken(&list, "find rest on")?;
    scope.budget().spend_items(items.len())?;
    if items.is_empty() {
        return Ok(List::nil(Shape::ANY));
    }
    Ok(List::new(items.into_iter().skip(1).collect()))
}

fn initial(scope: &mut Scope<'_>, list: Value) -> Result<List, Failure> {
    let mut items = taken(&list, "find initial on")?;
    scope.budget().spend_items(items.len())?;
    match items.pop() {
        Some(_) => Ok(List::new(items)),
        None => Ok(List::nil(Shape::ANY)),
    }
}

fn is_in(scope: &Scope<'_>, items: &[Value], wanted: &Value) -> Result<bool, Failure> {
    for item in items {
        if deep_equal(wanted, item, scope.budget())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(scope: &mut Scope<'_>, list: Value) -> Result<List, Failure> {
    let mut kept: Vec<Value> = Vec::new();
    for item in taken(&list, "find uniq on")? {
        if !is_in(scope, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(List::new(kept))
}

fn without(scope: &mut Scope<'_>, list: Value, omitted: Rest<Value>) -> Result<List, Failure> {
    let mut kept = Vec::new();
    for item in taken(&list, "find without on")? {
        if !is_in(scope, &omitted.0, &item)? {
            kept.push(item);
        }
    }
    Ok(List::new(kept))
}

fn has(scope: &mut Scope<'_>, wanted: Value, list: Value) -> Result<bool, Failure> {
    if matches!(list, Value::Nil) {
        return Ok(false);
    }
    is_in(scope, &taken(&list, "find has on")?, &wanted)
}

fn slice(scope: &mut Scope<'_>, list: Value, indexes: Rest<Value>) -> Result<Value, Failure> {
    let items = match &list {
        Value::Nil => return Err(nil_dereference()),
        other => items(other).ok_or_else(|| {
            let kind = other.kind().name();
            Failure::new(format!("list should be type of slice or array but {kind}"))
        })?,
    };
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    scope.budget().spend_items(items.len())?;
    let start = usize::try_from(indexes.0.first().map_or(0, to_int)).ok();
    let end = indexes.0.get(1).map_or(Some(items.len()), |end| usize::try_from(to_int(end)).ok());
    let part = start.zip(end).and_then(|(start, end)| items.get(start..end));
    let part = part.ok_or_else(|| Failure::new("reflect.Value.Slice: slice index out of bounds"))?;
    let shape = match &list {
        Value::List(list) => list.shape(),
        _ => Shape::ANY,
    };
    Ok(Value::List(List::of(shape, part.to_vec())))
}

fn chunk(scope: &mut Scope<'_>, size: i64, list: Value) -> Result<List, Failure> {
    let items = taken(&list, "chunk")?;
    scope.budget().spend_items(items.len())?;
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| Failure::new("runtime error: makeslice: len out of range"))?;
    let chunks = items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect();
    Ok(List::of(Shape::of(Element::Lists), chunks))
}

fn concat(scope: &mut Scope<'_>, lists: Rest<Value>) -> Result<List, Failure> {
    let mut all = Vec::new();
    for list in &lists.0 {
        let items = match list {
            Value::Nil => return Err(nil_dereference()),
            other => items(other)
                .ok_or_else(|| Failure::new(format!("Cannot concat type {} as list", other.kind().name())))?,
        };
        scope.budget().spend_items(items.len())?;
        all.extend(items);
    }
    Ok(if all.is_empty() { List::nil(Shape::ANY) } else { List::new(all) })
}

/// The numbers from a start until before a stop; none if the step leads away.
fn steps(scope: &Scope<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Failure> {
    let leads_there = if stop < start { step < 0 } else { step > 0 };
    if !leads_there {
        return Ok(Vec::new());
    }
    let distance = i128::from(stop) - i128::from(start);
    let count = distance.unsigned_abs().div_ceil(u128::from(step.unsigned_abs()));
    scope.budget().spend_items(usize::try_from(count).unwrap_or(usize::MAX))?;
    let mut next = Some(start);
    let numbers = std::iter::from_fn(|| {
        let number = next.filter(|number| if step < 0 { *number > stop } else { *number < stop })?;
        next = number.checked_add(step);
        Some(number)
    });
    Ok(numbers.collect())
}

/// As the shell's: `seq LAST`, `seq FIRST LAST`, `seq FIRST STEP LAST`.
fn seq(scope: &mut Scope<'_>, numbers: Rest<i64>) -> Result<String, Failure> {
    let (start, step, end) = match numbers.0.as_slice() {
        [end] => (1, if *end < 1 { -1 } else { 1 }, *end),
        [start, end] => (*start, if end < start { -1 } else { 1 }, *end),
        [start, step, end] if *end >= *start || *step <= 0 => (*start, *step, *end),
        _ => return Ok(String::new()),
    };
    let past_end = end.saturating_add(if end < start { -1 } else { 1 });
    let numbers = steps(scope, start, past_end, step)?;
    Ok(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" "))
}
