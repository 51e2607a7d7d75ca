//! PriorityClasses: the number behind a pod's class, and only one class for those that name none.

use serde_json::{Value, json};

use crate::object;
use crate::policy::objects;
use crate::status::Failure;
use crate::write::Writing;

const CLASSES: &str = "priorityclasses.scheduling.k8s.io";
const PREEMPTS: &str = "PreemptLowerPriority";

/// What a class gives to its pods.
struct Class {
    /// Empty where no class is.
    name: String,
    value: i64,
    preemption_policy: String,
}

impl Class {
    fn of(class: &Value) -> Class {
        Class {
            name: object::name(class).to_owned(),
            value: class.get("value").and_then(Value::as_i64).unwrap_or(0),
            preemption_policy: object::text_at(class, "/preemptionPolicy").unwrap_or(PREEMPTS).to_owned(),
        }
    }
}

/// Gives a new pod its priority.
pub(crate) fn admit_new_pod(writing: &Writing<'_>, pod: &mut Value) -> Result<(), Failure> {
    let class = match object::text_at(pod, "/spec/priorityClassName") {
        Some(name) => {
            writing.state.object(CLASSES, "", name).map(|class| Class::of(&class)).ok_or_else(|| {
                writing.forbidden(pod, &format!("no PriorityClass with name {name} was found"))
            })?
        }
        None => default_class(writing),
    };
    let given = pod.pointer("/spec/priority").and_then(Value::as_i64);
    if let Some(given) = given.filter(|given| *given != class.value) {
        let message = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
             computed {} from the given PriorityClass name",
            class.value
        );
        return Err(writing.forbidden(pod, &message));
    }
    let policy = object::text_at(pod, "/spec/preemptionPolicy");
    if let Some(given) = policy.filter(|given| *given != class.preemption_policy) {
        let message = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission \
             controller computed {} from the given PriorityClass name",
            class.preemption_policy
        );
        return Err(writing.forbidden(pod, &message));
    }
    let spec = object::field_mut(pod, "spec");
    if !class.name.is_empty() {
        spec.insert("priorityClassName".to_owned(), json!(class.name));
    }
    spec.insert("priority".to_owned(), json!(class.value));
    spec.insert("preemptionPolicy".to_owned(), json!(class.preemption_policy));
    Ok(())
}

/// Who sends a pod without the fields that the server filled in does not want to clear them.
pub(crate) fn admit_changed_pod(old: &Value, new: &mut Value) {
    for field in ["priority", "preemptionPolicy"] {
        if let Some(value) = old.pointer(&format!("/spec/{field}")) {
            object::field_mut(new, "spec").entry(field).or_insert_with(|| value.clone());
        }
    }
}

/// Of several defaults that came to be, the lowest counts.
fn default_class(writing: &Writing<'_>) -> Class {
    let classes = objects(&writing.state.store, CLASSES);
    let defaults = classes.iter().filter(|class| is_default(class)).map(Class::of);
    let none = Class { name: String::new(), value: 0, preemption_policy: PREEMPTS.to_owned() };
    defaults.min_by_key(|class| class.value).unwrap_or(none)
}

fn is_default(class: &Value) -> bool {
    class.get("globalDefault").and_then(Value::as_bool).unwrap_or(false)
}

/// Refuses a second default.
pub(crate) fn admit_class(writing: &Writing<'_>, new: &Value) -> Result<(), Failure> {
    if !is_default(new) {
        return Ok(());
    }
    let classes = objects(&writing.state.store, CLASSES);
    let other = classes.iter().find(|class| is_default(class) && object::name(class) != object::name(new));
    match other {
        Some(other) => {
            let message = format!(
                "PriorityClass {} is already marked as default. Only one default can exist",
                object::name(other)
            );
            Err(writing.forbidden(new, &message))
        }
        None => Ok(()),
    }
}
