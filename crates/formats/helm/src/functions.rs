//! Every function of Helm and Sprig. Each room holds the functions of one subject and says which they are.

#![allow(clippy::needless_pass_by_value, reason = "what is called from a template owns its arguments")]

mod case;
mod certificates;
mod crypto;
mod dates;
mod decimal;
mod defaults;
mod derive_password;
mod dicts;
mod durations;
mod encoding;
mod json;
mod lists;
mod merge;
mod numbers;
mod paths;
mod random;
mod reflection;
mod regex;
mod strings;
mod templates;
mod toml;
mod urls;
mod versions;
mod words;
mod wrap;
mod yaml;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use bythos_gotemplate::{Failure, Function, Library, Map, Parsed, Scope, Text, Value, print};

use crate::world::World;

pub use self::certificates::generate_key;
pub(crate) use self::json::to_json_value;
pub(crate) use self::templates::without_no_value;
pub(crate) use self::yaml::to_yaml;

/// All functions, by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Functions;

impl Library for Functions {
    fn find(&self, name: &str) -> Option<&Function> {
        static ALL: OnceLock<Vec<Function>> = OnceLock::new();
        let all = ALL.get_or_init(all);
        let index = all.binary_search_by(|function| function.name().cmp(name)).ok()?;
        all.get(index)
    }
}

/// The names of all functions.
#[cfg(test)]
pub(crate) fn function_names() -> Vec<&'static str> {
    all().iter().map(Function::name).collect()
}

fn all() -> Vec<Function> {
    let rooms: [fn() -> Vec<Function>; 25] = [
        case::functions,
        certificates::functions,
        crypto::functions,
        dates::functions,
        decimal::functions,
        defaults::functions,
        derive_password::functions,
        dicts::functions,
        durations::functions,
        encoding::functions,
        json::functions,
        lists::functions,
        merge::functions,
        numbers::functions,
        paths::functions,
        random::functions,
        reflection::functions,
        regex::functions,
        strings::functions,
        templates::functions,
        toml::functions,
        urls::functions,
        versions::functions,
        words::functions,
        yaml::functions,
    ];
    let mut all: Vec<Function> = rooms.into_iter().flat_map(|room| room()).collect();
    all.extend(wrap::functions());
    all.sort_by_key(Function::name);
    all
}

/// What functions need beyond their arguments, for one rendering.
pub(crate) struct Rendering {
    pub(crate) world: Arc<dyn World>,
    /// How often a template is being included right now.
    includes: RefCell<BTreeMap<Text, usize>>,
    /// What `tpl` was given before.
    parsed: RefCell<BTreeMap<Text, Rc<Parsed>>>,
    /// The maps that were changed: one may have come to contain itself.
    changed: RefCell<Vec<Map>>,
    /// Whether missing values are let pass, to find other faults.
    pub(crate) is_linting: bool,
}

impl Rendering {
    pub(crate) fn new(world: Arc<dyn World>, is_linting: bool) -> Rendering {
        Rendering {
            world,
            includes: RefCell::default(),
            parsed: RefCell::default(),
            changed: RefCell::default(),
            is_linting,
        }
    }

    /// Frees what only holds itself.
    pub(crate) fn end(self) {
        for map in self.changed.into_inner() {
            map.clear();
        }
    }
}

fn rendering<'s>(scope: &Scope<'s>) -> Result<&'s Rendering, Failure> {
    scope.host::<Rendering>().ok_or_else(|| Failure::new("functions of charts work in charts alone"))
}

/// Counts work that is slow by its nature, by the milliseconds that it takes; those in this crate were measured on one core
/// of an AMD EPYC. A plain step takes a ten-thousandth of one there, but counted so, a chart that gives each of its many
/// services a key would be refused. At this rate, [`bythos_gotemplate::Limits::CHARTS`] allow 400 keys with 2048 bits of
/// RSA, and end after half a minute.
fn spend_milliseconds(scope: &Scope<'_>, milliseconds: usize) -> Result<(), Failure> {
    const STEPS_PER_MILLISECOND: usize = 650;
    Ok(scope.budget().spend_steps(milliseconds.saturating_mul(STEPS_PER_MILLISECOND))?)
}

/// A map is about to be changed.
fn changing(scope: &Scope<'_>, map: &Map) -> Result<(), Failure> {
    if map.is_nil() {
        return Err(Failure::new("assignment to entry in nil map"));
    }
    scope.budget().spend_bytes(size_of::<Value>() * 2)?;
    rendering(scope)?.changed.borrow_mut().push(map.clone());
    Ok(())
}

/// Any value as text.
fn text_of(scope: &Scope<'_>, value: &Value) -> Result<Text, Failure> {
    match value {
        Value::String(text) | Value::Bytes(text) => Ok(text.clone()),
        other => Ok(print::sprint(std::slice::from_ref(other), scope.budget())?),
    }
}

/// The same function under another name.
macro_rules! both {
    ($first:literal, $second:literal, $body:expr) => {
        [Function::new($first, $body), Function::new($second, $body)]
    };
}
use both;

/// In words of Go's runtime.
fn out_of_bounds(found: impl std::fmt::Display) -> Failure {
    Failure::new(format!("runtime error: slice bounds out of range {found}"))
}

fn nil_dereference() -> Failure {
    Failure::new("runtime error: invalid memory address or nil pointer dereference")
}
