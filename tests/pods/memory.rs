//! A container that fills its memory.

use anyhow::{Context as _, Result, ensure};
use bythos_end_to_end::Owner;
use bythos_testing::machine::eventually;
use serde_json::{Value, json};

use crate::cluster::{IMAGE, alone, apply};

#[test]
fn a_container_that_fills_its_memory_is_ended_by_its_own_limit_alone() -> Result<()> {
    alone("memory", |owner| {
        let before = [owner.machine.process_id(), Some(owner.machine.containerd()?)];
        let quiet = |name: &str| container(name, "exec /bin/busybox sleep 100000");
        // One that has no limit, beside one whose limit is not reached, beside the glutton.
        let mut limited = quiet("limited");
        limited["resources"] = json!({"limits": {"memory": "64Mi"}});
        let mut glutton = container("glutton", "exec /bin/busybox dd if=/dev/zero of=/dev/null bs=200M");
        glutton["resources"] = json!({"limits": {"memory": "32Mi"}});
        apply(
            owner,
            &[pod("neighbour", &[quiet("quiet")]), pod("together", &[quiet("quiet"), limited, glutton])],
        )?;

        let together = eventually("the glutton's end", || {
            let pod = owner.get(&["pod", "together"])?;
            let last = &status_of(&pod, "glutton")?["lastState"]["terminated"];
            ensure!(last["reason"] == "OOMKilled" && last["exitCode"] == 137, "{:#}", pod["status"]);
            Ok(pod)
        })?;
        for (pod, name) in
            [(&together, "quiet"), (&together, "limited"), (&get_ready(owner, "neighbour")?, "quiet")]
        {
            let status = status_of(pod, name)?;
            ensure!(status["restartCount"] == 0 && status["ready"] == true, "{name}: {status:#}");
        }
        let after = [owner.machine.process_id(), Some(owner.machine.containerd()?)];
        ensure!(before == after, "Bythos and containerd were {before:?} and are {after:?}");
        Ok(())
    })
}

fn get_ready(owner: &Owner, name: &str) -> Result<Value> {
    owner.kubectl(&["wait", "--for=condition=Ready", "--timeout=120s", &format!("pod/{name}")])?;
    owner.get(&["pod", name])
}

fn status_of<'a>(pod: &'a Value, container: &str) -> Result<&'a Value> {
    let statuses = pod["status"]["containerStatuses"].as_array().context("there are statuses")?;
    statuses.iter().find(|status| status["name"] == container).context("there is one of this container")
}

fn container(name: &str, program: &str) -> Value {
    json!({"name": name, "image": IMAGE, "command": ["/bin/sh", "-c", program]})
}

fn pod(name: &str, containers: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "containers": containers,
        "terminationGracePeriodSeconds": 0,
    }})
}
