//! Which grants of some rules are not covered by others: nobody may give away what they do not have.

use serde_json::Value;

/// What `wanted` grants and `owned` does not, one by one, in words.
pub fn missing_grants(owned: &[Value], wanted: &[Value]) -> Vec<String> {
    let missing =
        wanted.iter().flat_map(atoms).filter(|atom| !owned.iter().any(|rule| atom.is_covered_by(rule)));
    missing.map(|atom| atom.to_string()).collect()
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The smallest thing that a rule grants.
enum Atom<'a> {
    Resource { verb: &'a str, group: &'a str, resource: &'a str, name: Option<&'a str> },
    Url { verb: &'a str, url: &'a str },
}

/// What a rule grants, one by one.
fn atoms(rule: &Value) -> Vec<Atom<'_>> {
    let list = |field: &str| strings(rule.get(field));
    let (groups, resources, names) = (list("apiGroups"), list("resources"), list("resourceNames"));
    let names: Vec<Option<&str>> =
        if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
    let mut atoms = Vec::new();
    for verb in list("verbs") {
        for group in &groups {
            for resource in &resources {
                atoms.extend(names.iter().map(|name| Atom::Resource { verb, group, resource, name: *name }));
            }
        }
        atoms.extend(list("nonResourceURLs").into_iter().map(|url| Atom::Url { verb, url }));
    }
    atoms
}

impl Atom<'_> {
    fn is_covered_by(&self, rule: &Value) -> bool {
        let holds = |field: &str, wanted: &str| {
            strings(rule.get(field)).iter().any(|owned| *owned == wanted || *owned == "*")
        };
        match self {
            Atom::Resource { verb, group, resource, name } => {
                let names = strings(rule.get("resourceNames"));
                let any_subresource =
                    resource.split_once('/').map(|(_, subresource)| format!("*/{subresource}"));
                holds("verbs", verb)
                    && holds("apiGroups", group)
                    && (holds("resources", resource)
                        || any_subresource.is_some_and(|resource| holds("resources", &resource)))
                    && (names.is_empty() || name.is_some_and(|name| names.contains(&name)))
            }
            Atom::Url { verb, url } => {
                let covers = |owned: &&str| match owned.strip_suffix('*') {
                    Some(prefix) => url.starts_with(prefix),
                    None => owned == url,
                };
                holds("verbs", verb) && strings(rule.get("nonResourceURLs")).iter().any(covers)
            }
        }
    }
}

impl std::fmt::Display for Atom<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Atom::Resource { verb, group, resource, name } => {
                write!(f, "{{APIGroups:[{group:?}], Resources:[{resource:?}]")?;
                if let Some(name) = name {
                    write!(f, ", ResourceNames:[{name:?}]")?;
                }
                write!(f, ", Verbs:[{verb:?}]}}")
            }
            Atom::Url { verb, url } => write!(f, "{{NonResourceURLs:[{url:?}], Verbs:[{verb:?}]}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(owned: &Value, wanted: &Value, covered: bool) {
        let all = atoms(wanted).iter().all(|atom| atom.is_covered_by(owned));
        assert_eq!(all, covered, "{owned} covers {wanted}");
    }

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]) -> Value {
        json!({"apiGroups": groups, "resources": resources, "verbs": verbs, "resourceNames": names})
    }

    #[test]
    fn a_rule_covers_what_it_grants_and_no_more() {
        let pods = rule(&[""], &["pods"], &["get", "list"], &[]);
        check(&pods, &rule(&[""], &["pods"], &["get"], &["a"]), true);
        check(&pods, &rule(&[""], &["pods"], &["get", "delete"], &[]), false);
        check(&pods, &rule(&[""], &["pods/log"], &["get"], &[]), false);
        check(&pods, &rule(&["*"], &["pods"], &["get"], &[]), false);
        check(
            &rule(&["*"], &["*"], &["*"], &[]),
            &rule(&["apps"], &["deployments/scale"], &["patch"], &[]),
            true,
        );
        check(&rule(&[""], &["*/log"], &["get"], &[]), &rule(&[""], &["pods/log"], &["get"], &[]), true);
        check(&rule(&[""], &["pods"], &["get"], &["a"]), &rule(&[""], &["pods"], &["get"], &[]), false);
        check(
            &json!({"nonResourceURLs": ["/apis/*"], "verbs": ["get"]}),
            &json!({"nonResourceURLs": ["/apis/x"], "verbs": ["get"]}),
            true,
        );
    }
}
