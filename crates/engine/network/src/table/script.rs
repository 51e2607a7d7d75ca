//! The words in which `nft` is told.

use std::collections::BTreeMap;

use super::{Content, Form, Lookup, Place};

type Change<'a> = (&'a Place, Option<&'a Content>, Option<&'a Content>);

/// The script that replaces the table as a whole.
pub(super) fn whole<'a>(table: &str, all: impl Iterator<Item = (&'a Place, &'a Content)>) -> String {
    let (mut lookups, mut chains) = (Vec::new(), Vec::new());
    let mut elements = BTreeMap::<&str, Vec<String>>::new();
    for (place, content) in all {
        match (place, content) {
            (Place::Lookup(name), Content::Lookup(lookup)) => lookups.push((name, lookup)),
            (Place::Chain(name), Content::Chain(chain)) => chains.push((name, chain)),
            (Place::Element { lookup, key }, Content::Element(value)) => {
                elements.entry(lookup).or_default().push(element(key, value.as_deref()));
            }
            _ => {}
        }
    }
    let mut lines = vec![
        // Deleting fails where nothing is: `add` first makes both starts the same.
        format!("add table inet {table}"),
        format!("delete table inet {table}"),
        format!("table inet {table} {{"),
    ];
    for (name, lookup) in lookups {
        lines.push(format!("  {} {name} {{", form(lookup)));
        lines.extend(lookup.properties.iter().map(|property| format!("    {property}")));
        if let Some(elements) = elements.get(name.as_str()) {
            lines.push("    elements = {".to_owned());
            lines.extend(elements.iter().map(|element| format!("      {element},")));
            lines.push("    }".to_owned());
        }
        lines.push("  }".to_owned());
    }
    for (name, chain) in chains {
        lines.push(format!("  chain {name} {{"));
        lines.extend(chain.hook.iter().map(|hook| format!("    type {hook}; policy accept;")));
        lines.extend(chain.rules.iter().map(|rule| format!("    {rule}")));
        lines.push("  }".to_owned());
    }
    lines.push("}\n".to_owned());
    lines.join("\n")
}

/// The script that makes these changes: what is spoken of comes before who speaks of it, and goes after.
pub(super) fn difference(table: &str, changes: &[Change<'_>]) -> String {
    let mut steps = Steps::default();
    for change in changes {
        steps.add(table, *change);
    }
    let Steps { arriving, rules, leaving_elements, new_elements, emptied, leaving } = steps;
    let delete = |(lookup, keys): (&str, Vec<String>)| {
        format!("delete element inet {table} {lookup} {{ {} }}", keys.join(", "))
    };
    let add = |(lookup, elements): (&str, Vec<String>)| {
        format!("add element inet {table} {lookup} {{ {} }}", elements.join(", "))
    };
    let lines = arriving
        .into_iter()
        .chain(rules)
        .chain(leaving_elements.into_iter().map(delete))
        .chain(new_elements.into_iter().map(add))
        .chain(emptied)
        .chain(leaving);
    lines.map(|line| line + "\n").collect()
}

#[derive(Default)]
struct Steps<'a> {
    arriving: Vec<String>,
    rules: Vec<String>,
    leaving_elements: BTreeMap<&'a str, Vec<String>>,
    new_elements: BTreeMap<&'a str, Vec<String>>,
    emptied: Vec<String>,
    leaving: Vec<String>,
}

impl<'a> Steps<'a> {
    fn add(&mut self, table: &str, (place, old, new): Change<'a>) {
        match (place, old, new) {
            (Place::Lookup(name), None, Some(Content::Lookup(lookup))) => {
                let properties = lookup.properties.join("; ");
                self.arriving.push(format!("add {} inet {table} {name} {{ {properties}; }}", form(lookup)));
            }
            (Place::Lookup(name), Some(Content::Lookup(lookup)), None) => {
                self.leaving.push(format!("delete {} inet {table} {name}", form(lookup)));
            }
            (Place::Chain(name), old, Some(Content::Chain(chain))) => {
                match old {
                    Some(_) => self.rules.push(format!("flush chain inet {table} {name}")),
                    None => self.arriving.push(format!("add chain inet {table} {name}")),
                }
                let rules = chain.rules.iter().map(|rule| format!("add rule inet {table} {name} {rule}"));
                self.rules.extend(rules);
            }
            (Place::Chain(name), Some(_), None) => {
                self.emptied.push(format!("flush chain inet {table} {name}"));
                // Before sets, of which its rules spoke.
                self.leaving.insert(0, format!("delete chain inet {table} {name}"));
            }
            (Place::Element { lookup, key }, old, new) => {
                if old.is_some() {
                    self.leaving_elements.entry(lookup).or_default().push(key.clone());
                }
                if let Some(Content::Element(value)) = new {
                    self.new_elements.entry(lookup).or_default().push(element(key, value.as_deref()));
                }
            }
            _ => {}
        }
    }
}

fn form(lookup: &Lookup) -> &'static str {
    match lookup.form {
        Form::Set => "set",
        Form::Map => "map",
    }
}

fn element(key: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("{key} : {value}"),
        None => key.to_owned(),
    }
}
