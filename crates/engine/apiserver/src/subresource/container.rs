//! Which container of which pod a request means, and whether its node can be asked.

use serde_json::Value;

use crate::object;
use crate::resources::Target;
use crate::status::Failure;

/// The pod, if it has been given a node.
pub(super) fn pod_on_node(target: &Target<'_>) -> Result<Value, Failure> {
    let entry = target.call.state.store.get(&target.key()).ok_or_else(|| target.not_found())?;
    let pod: Value = serde_json::from_slice(&entry.value)?;
    if object::text_at(&pod, "/spec/nodeName").is_none() {
        return Err(Failure::BadRequest(format!("pod {} does not have a host assigned", target.name)));
    }
    Ok(pod)
}

/// The container that is meant: the named one, or the only one, or the one that the pod names as its default.
pub(super) fn container(pod: &Value, name: &str, asked: Option<&str>) -> Result<String, Failure> {
    let of_field = |field: &str| -> Vec<&str> {
        let list = pod.pointer(&format!("/spec/{field}")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|container| container.get("name")?.as_str()).collect()
    };
    let containers = of_field("containers");
    let init_containers = of_field("initContainers");
    if let Some(asked) = asked {
        let known = [containers, init_containers, of_field("ephemeralContainers")].concat().contains(&asked);
        let unknown = || Failure::BadRequest(format!("container {asked} is not valid for pod {name}"));
        return if known { Ok(asked.to_owned()) } else { Err(unknown()) };
    }
    let default = pod.pointer("/metadata/annotations/kubectl.kubernetes.io~1default-container");
    if let Some(default) = default.and_then(Value::as_str).filter(|default| containers.contains(default)) {
        return Ok(default.to_owned());
    }
    match containers.as_slice() {
        [only] => Ok((*only).to_owned()),
        several => {
            let mut message = format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                several.join(" ")
            );
            if !init_containers.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init_containers.join(" ")));
            }
            Err(Failure::BadRequest(message))
        }
    }
}
