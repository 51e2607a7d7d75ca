//! References by name: who refers to a renamed object is changed with it.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::Error;
use crate::config::{Config, FieldSpec, Gvk};
use crate::field::{self, Missing, scalar_text};
use crate::resource::{Identity, NO_NAMESPACE, Resource};

/// Changes every reference to an object that was called differently before.
pub(crate) fn follow(resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    let candidates: Vec<Candidate> =
        resources.iter().filter(|it| !it.previous.is_empty()).map(Candidate::of).collect();
    if candidates.is_empty() {
        return Ok(());
    }
    let known = Known::new(candidates);
    let mut rules = Rules { config, by_kind: HashMap::new() };
    for resource in resources {
        let found = rules.of(&resource.original_gvk());
        if !found.is_empty() {
            Referrer::of(resource).change(resource, &found, &known)?;
        }
    }
    Ok(())
}

/// What must be known of an object that may be referred to.
struct Candidate {
    gvk: Gvk,
    previous: Vec<Identity>,
    original_namespace: String,
    effective_namespace: String,
    namespace: String,
    name: String,
    label: String,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

impl Candidate {
    fn of(resource: &Resource) -> Candidate {
        Candidate {
            gvk: resource.gvk(),
            previous: resource.previous.clone(),
            original_namespace: resource.original().namespace,
            effective_namespace: resource.effective_namespace().to_owned(),
            namespace: resource.namespace().to_owned(),
            name: resource.name().to_owned(),
            label: resource.label(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
        }
    }

    fn is_cluster_scoped(&self) -> bool {
        self.effective_namespace == NO_NAMESPACE
    }

    /// Whether it was of the kind at any time.
    fn was_of(&self, wanted: &Gvk) -> bool {
        self.previous.iter().any(|it| wanted.selects(&self.gvk.group, &self.gvk.version, &it.kind))
    }
}

/// The candidates, found by what they were called.
struct Known {
    candidates: Vec<Candidate>,
    by_previous_name: HashMap<String, Vec<usize>>,
}

impl Known {
    fn new(candidates: Vec<Candidate>) -> Known {
        let mut by_previous_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let names: BTreeSet<&str> = candidate.previous.iter().map(|it| it.name.as_str()).collect();
            for name in names {
                by_previous_name.entry(name.to_owned()).or_default().push(index);
            }
        }
        Known { candidates, by_previous_name }
    }

    fn called(&self, name: &str) -> impl Iterator<Item = &Candidate> {
        let places = self.by_previous_name.get(name).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|&index| self.candidates.get(index))
    }
}

/// Where objects of a kind refer to others, and to which.
type Rule<'a> = (&'a Gvk, &'a FieldSpec);

struct Rules<'a> {
    config: &'a Config,
    by_kind: HashMap<Gvk, Vec<Rule<'a>>>,
}

impl<'a> Rules<'a> {
    fn of(&mut self, gvk: &Gvk) -> Vec<Rule<'a>> {
        if let Some(found) = self.by_kind.get(gvk) {
            return found.clone();
        }
        let references = self.config.name_reference.iter();
        let all = references.flat_map(|it| it.referrers.iter().map(move |spec| (&it.referred, spec)));
        let found: Vec<Rule<'a>> = all.filter(|(_, spec)| gvk.is_selected(&spec.gvk)).collect();
        self.by_kind.insert(gvk.clone(), found.clone());
        found
    }
}

/// Who refers, and what it can reach.
struct Referrer {
    is_cluster_scoped: bool,
    effective_namespace: String,
    label: String,
    place: String,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
    /// Namespaces of the accounts that a RoleBinding binds.
    bound_namespaces: Vec<String>,
    role: Option<Gvk>,
}

impl Referrer {
    fn of(resource: &Resource) -> Referrer {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let role = &resource.value["roleRef"];
        let role = text(&role["apiGroup"]).zip(text(&role["kind"]));
        let subjects = match resource.kind() {
            "RoleBinding" => resource.value["subjects"].as_array().map_or(&[][..], Vec::as_slice),
            _ => &[],
        };
        let accounts = subjects.iter().filter(|it| it["kind"] == "ServiceAccount");
        Referrer {
            is_cluster_scoped: resource.is_cluster_scoped(),
            effective_namespace: resource.effective_namespace().to_owned(),
            label: resource.label(),
            place: resource.place.to_string(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
            bound_namespaces: accounts.filter_map(|it| text(&it["namespace"])).collect(),
            role: role.map(|(group, kind)| Gvk { group, version: String::new(), kind }),
        }
    }

    fn change(&self, resource: &mut Resource, rules: &[Rule<'_>], known: &Known) -> Result<(), Error> {
        for (referred, spec) in rules {
            // The kind that refers was selected by its first kind; today's may be another.
            let spec = FieldSpec { gvk: Gvk::default(), ..FieldSpec::clone(spec) };
            let search =
                Search { referrer: self, referred, known, by_role: spec.path.ends_with("roleRef/name") };
            let mut ambiguous = None;
            let mut change = |found: &mut Value| match search.change(found) {
                Ok(()) => Ok(()),
                Err(Failure::Shape(message)) => Err(message),
                Err(Failure::Ambiguous { name, candidates }) => {
                    ambiguous = Some((name, candidates));
                    Err(String::new())
                }
            };
            let visited = field::visit(resource, &spec, Missing::Skip, &mut change);
            if let Some((name, candidates)) = ambiguous {
                return Err(Error::AmbiguousReference { referrer: self.label.clone(), name, candidates });
            }
            visited.map_err(|message| Error::Reference { place: self.place.clone(), message })?;
        }
        Ok(())
    }

    /// Whether a name alone reaches the object.
    fn reaches(&self, candidate: &Candidate) -> bool {
        self.is_cluster_scoped
            || candidate.is_cluster_scoped()
            || candidate.effective_namespace == self.effective_namespace
            || self.bound_namespaces.contains(&candidate.namespace) && candidate.gvk.kind == "ServiceAccount"
    }
}

enum Failure {
    Shape(String),
    Ambiguous { name: String, candidates: Vec<String> },
}

struct Search<'a> {
    referrer: &'a Referrer,
    referred: &'a Gvk,
    known: &'a Known,
    /// Whether the role that is referred to must be of the kind that stands beside its name.
    by_role: bool,
}

impl Search<'_> {
    fn change(&self, found: &mut Value) -> Result<(), Failure> {
        match found {
            Value::Null => Ok(()),
            Value::Array(items) => items.iter_mut().try_for_each(|item| match item {
                Value::Array(_) => {
                    Err(Failure::Shape("expected a name or a map with one, found a list".to_owned()))
                }
                item => self.change(item),
            }),
            Value::Object(_) => self.change_map(found),
            scalar => self.change_scalar(scalar),
        }
    }

    fn change_scalar(&self, scalar: &mut Value) -> Result<(), Failure> {
        let name = scalar_text(scalar);
        let same = |one: &Candidate, other: &Candidate| one.name == other.name;
        if let Some(found) = self.find(&name, |_| true, same)?
            && found.name != name
        {
            *scalar = Value::String(found.name.clone());
        }
        Ok(())
    }

    fn change_map(&self, map: &mut Value) -> Result<(), Failure> {
        let Some(name) = map.get("name").map(scalar_text) else {
            return Err(Failure::Shape("expected a \"name\" in the map".to_owned()));
        };
        let namespace = map.get("namespace").map(scalar_text);
        let originally =
            |it: &Candidate| namespace.as_ref().is_none_or(|wanted| *wanted == it.original_namespace);
        let currently =
            |it: &Candidate| namespace.as_ref().is_none_or(|wanted| *wanted == it.effective_namespace);
        let any_originally = self.known.candidates.iter().any(|it| self.could_be_meant(it) && originally(it));
        let in_namespace = |it: &Candidate| if any_originally { originally(it) } else { currently(it) };
        let same =
            |one: &Candidate, other: &Candidate| one.name == other.name && one.namespace == other.namespace;
        let Some(found) = self.find(&name, in_namespace, same)? else { return Ok(()) };
        if found.name == name && found.namespace.is_empty() {
            return Ok(());
        }
        map["name"] = Value::String(found.name.clone());
        if !found.namespace.is_empty() {
            map["namespace"] = Value::String(found.namespace.clone());
        }
        Ok(())
    }

    fn could_be_meant(&self, candidate: &Candidate) -> bool {
        candidate.is_cluster_scoped()
            || self.referrer.is_cluster_scoped
            || candidate.effective_namespace == self.referrer.effective_namespace
            || self.referrer.bound_namespaces.contains(&candidate.namespace)
    }

    /// The object that is meant: of the kind, within reach, and, if there are several, renamed as the referrer was.
    fn find(
        &self,
        name: &str,
        in_namespace: impl Fn(&Candidate) -> bool,
        same: impl Fn(&Candidate, &Candidate) -> bool,
    ) -> Result<Option<&Candidate>, Failure> {
        let role = self.referrer.role.as_ref().filter(|_| self.by_role);
        let mut meant: Vec<&Candidate> = self
            .known
            .called(name)
            .filter(|it| in_namespace(it))
            .filter(|it| it.was_of(self.referred) && role.is_none_or(|role| it.was_of(role)))
            .filter(|it| self.referrer.reaches(it))
            .collect();
        if let [only] = meant.as_slice() {
            return Ok(Some(only));
        }
        meant.retain(|it| self.is_renamed_alike(it, true));
        if meant.len() > 1 {
            meant.retain(|it| self.is_renamed_alike(it, false));
        }
        match meant.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|it| same(it, first)) => Ok(Some(first)),
            several => Err(Failure::Ambiguous {
                name: name.to_owned(),
                candidates: several.iter().map(|it| it.label.clone()).collect(),
            }),
        }
    }

    fn is_renamed_alike(&self, candidate: &Candidate, or_not_at_all: bool) -> bool {
        let alike = |one: &[String], other: &[String]| {
            or_not_at_all && (one.is_empty() || other.is_empty()) || share_an_end(one, other)
        };
        alike(&candidate.prefixes, &self.referrer.prefixes)
            && alike(&candidate.suffixes, &self.referrer.suffixes)
    }
}

/// Whether the shorter list is the end of the longer one; an empty one is the end of nothing else.
fn share_an_end(one: &[String], other: &[String]) -> bool {
    one.is_empty() == other.is_empty() && (one.ends_with(other) || other.ends_with(one))
}
