//! A cluster in memory that carries plans out, and can be killed after any step.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::moment;
use crate::plan::{
    Apply, DeleteIf, HookStep, Manner, Object, ObjectKey, Ownership, Plan, Step, applied_managed_fields,
    is_kept,
};
use crate::release::{Driver, History, RECORD_BYTES_MAX, ReleaseRecord};

#[derive(Default, Clone)]
pub(super) struct Cluster {
    /// By kind and name.
    pub(super) objects: BTreeMap<String, Value>,
    /// As Helm keeps them, by revision: each was written and read.
    pub(super) records: BTreeMap<i64, ReleaseRecord>,
    /// How often the object of each hook was made.
    pub(super) runs: BTreeMap<String, usize>,
    /// What does not become ready, or does not end well.
    pub(super) broken: BTreeSet<String>,
    /// What happened.
    pub(super) log: Vec<String>,
    pub(super) clock: i64,
}

/// How carrying out a plan ended.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    Done,
    Killed,
    Failed { step: usize, error: String, created: Vec<ObjectKey> },
}

fn key(key: &ObjectKey) -> String {
    format!("{}/{}", key.kind, key.name)
}

impl Cluster {
    pub(super) fn history(&self) -> History {
        History::new(self.records.values().cloned())
    }

    pub(super) fn statuses(&self) -> Vec<String> {
        let history = self.history();
        let line = |record: &ReleaseRecord| {
            format!("{} {}: {}", record.revision, record.info.status, record.info.description)
        };
        history.records().iter().map(|record| line(record)).collect()
    }

    pub(super) fn put(&mut self, record: &ReleaseRecord) {
        self.clock += 1;
        let object = record.to_object(Driver::Secret, moment(1000 + self.clock)).unwrap();
        let read = ReleaseRecord::from_object(&object, RECORD_BYTES_MAX).unwrap();
        self.records.insert(record.revision, read);
    }

    pub(super) fn run(&mut self, plan: &Plan) -> End {
        self.run_some(plan, &mut usize::MAX.clone())
    }

    /// Carries out as many steps as are left.
    pub(super) fn run_some(&mut self, plan: &Plan, steps_left: &mut usize) -> End {
        let mut created = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            if *steps_left == 0 {
                return End::Killed;
            }
            *steps_left -= 1;
            if let Err(error) = self.step(plan, step, &mut created) {
                return End::Failed { step: index, error, created };
            }
        }
        End::Done
    }

    /// Carries out the steps of a failure; what fails then does not matter.
    pub(super) fn run_failure(&mut self, plan: &Plan, steps: &[Step]) {
        for step in steps {
            drop(self.step(plan, step, &mut Vec::new()));
        }
    }

    fn step(&mut self, plan: &Plan, step: &Step, created: &mut Vec<ObjectKey>) -> Result<(), String> {
        match step {
            Step::EnsureNamespace(name) => {
                self.objects.entry(format!("Namespace/{name}")).or_insert(json!({}));
            }
            Step::CreateDefinitions { definitions, apply } => {
                for definition in definitions {
                    let name = key(&definition.key);
                    if *apply || !self.objects.contains_key(&name) {
                        self.objects.insert(name, (*definition.value).clone());
                    }
                }
            }
            Step::AwaitDefinitions(names) => self.await_all(names)?,
            Step::CheckOwnership { objects, ownership } => self.check(plan, objects, *ownership)?,
            Step::CreateRecord(record) => {
                if self.records.contains_key(&record.revision) {
                    return Err("already exists".to_owned());
                }
                self.put(record);
            }
            Step::ChangeRecord { revision, change } => {
                let history = self.history();
                let record = history.revision(*revision).ok_or("not found")?;
                self.clock += 1;
                let changed = record.changed(change, moment(1000 + self.clock));
                self.put(&changed);
            }
            Step::DeleteRecord { revision } => drop(self.records.remove(revision)),
            Step::Hook { step, .. } => self.hook(step)?,
            Step::Apply(apply) => self.apply(apply, created),
            Step::Delete { object, only_if, .. } => self.delete(plan, object, *only_if),
            Step::AwaitReady { objects, .. } => self.await_all(objects)?,
            Step::AwaitGone { .. } => {}
        }
        Ok(())
    }

    fn check(&self, plan: &Plan, objects: &[ObjectKey], ownership: Ownership) -> Result<(), String> {
        for object in objects {
            if let Some(live) = self.objects.get(&key(object)) {
                let checked = ownership.check(live, &plan.release, &plan.namespace);
                checked.map_err(|why| {
                    format!("{object} exists and cannot be imported into the current release: {why}")
                })?;
            }
        }
        Ok(())
    }

    fn hook(&mut self, step: &HookStep) -> Result<(), String> {
        match step {
            HookStep::Delete(objects) => {
                for object in objects {
                    if self.objects.remove(&key(object)).is_some() {
                        self.log.push(format!("delete hook {}", key(object)));
                    }
                }
            }
            HookStep::Create { objects, may_exist, .. } => {
                for object in objects {
                    let name = key(&object.key);
                    if self.objects.contains_key(&name) && *may_exist {
                        continue;
                    }
                    *self.runs.entry(name.clone()).or_default() += 1;
                    self.log.push(format!("run hook {name}"));
                    self.objects.insert(name, (*object.value).clone());
                }
            }
            HookStep::Await(objects) => self.await_all(objects)?,
            HookStep::ShowLog => self.log.push("show log".to_owned()),
        }
        Ok(())
    }

    fn await_all(&self, objects: &[ObjectKey]) -> Result<(), String> {
        let broken = objects.iter().map(key).find(|name| self.broken.contains(name));
        broken.map_or(Ok(()), |name| Err(format!("{name} did not become ready")))
    }

    fn apply(&mut self, apply: &Apply, created: &mut Vec<ObjectKey>) {
        let Object { key: object, value } = &apply.object;
        let name = key(object);
        let Some(live) = self.objects.get_mut(&name) else {
            self.log.push(format!("create {name}"));
            created.push(object.clone());
            self.objects.insert(name, (**value).clone());
            return;
        };
        if live["data"] != value["data"] {
            self.log.push(format!("change {name}"));
        }
        match &apply.manner {
            Manner::ServerSide { takes_over, .. } => {
                if let Some(fields) = applied_managed_fields(live).filter(|_| *takes_over) {
                    live["metadata"]["managedFields"] = fields.into();
                }
                // What this simple server knows of ownership: `data` belongs to the release, all else is merged.
                let data = json!({"data": live.get("data")});
                merge(live, Some(&data).filter(|_| value.get("data").is_none()), value);
                if let Some(data) = value.get("data") {
                    live["data"] = data.clone();
                }
            }
            Manner::ThreeWay { previous } => merge(live, previous.as_deref(), value),
            Manner::Replace => *live = (**value).clone(),
        }
    }

    fn delete(&mut self, plan: &Plan, object: &ObjectKey, only_if: DeleteIf) {
        let name = key(object);
        let Some(live) = self.objects.get(&name) else { return };
        let may = match only_if {
            DeleteIf::Always => true,
            DeleteIf::NotKept => !is_kept(live),
            DeleteIf::Owned => Ownership::Required.check(live, &plan.release, &plan.namespace).is_ok(),
        };
        self.log.push(format!("{} {name}", if may { "delete" } else { "keep" }));
        if may {
            self.objects.remove(&name);
        }
    }
}

/// What was there before and is not wanted any more goes, what is wanted is set, all else stays.
fn merge(live: &mut Value, previous: Option<&Value>, wanted: &Value) {
    let (Value::Object(live), Value::Object(wanted)) = (&mut *live, wanted) else {
        *live = wanted.clone();
        return;
    };
    let none = Map::new();
    let previous = previous.and_then(Value::as_object).unwrap_or(&none);
    live.retain(|name, _| !previous.contains_key(name) || wanted.contains_key(name));
    for (name, value) in wanted {
        merge(live.entry(name).or_insert(Value::Null), previous.get(name), value);
    }
}
