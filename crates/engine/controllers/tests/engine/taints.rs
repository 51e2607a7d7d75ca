//! Taints of effect `NoExecute`, as pods feel them.

use anyhow::Result;
use k8s_openapi::api::core::v1::{Event, Node as KubeNode, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::{Stage, create, merge, settle};

async fn add_pod(pods: &Api<Pod>, name: &str, tolerations: Value) -> Result<()> {
    // The finalizer keeps it to be looked at.
    let metadata = json!({ "name": name, "finalizers": ["example.com/look"] });
    let spec = json!({ "nodeName": "one", "tolerations": tolerations, "containers": [{ "name": "c", "image": "i" }] });
    create(pods, json!({ "metadata": metadata, "spec": spec })).await.map(drop)
}

fn is_leaving(pod: &Pod) -> Option<Pod> {
    pod.metadata.deletion_timestamp.is_some().then(|| pod.clone())
}

#[tokio::test]
async fn pods_leave_a_node_whose_taint_they_do_not_tolerate_or_no_longer() -> Result<()> {
    let stage = Stage::start().await?;
    let (nodes, pods) = (Api::<KubeNode>::all(stage.client()), stage.api::<Pod>());
    create(&nodes, json!({ "metadata": { "name": "one" } })).await?;
    let tolerating = |seconds: Value| json!([{ "key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds }]);
    add_pod(&pods, "intolerant", json!([])).await?;
    add_pod(&pods, "patient", tolerating(json!(2))).await?;
    add_pod(&pods, "tolerant", tolerating(json!(null))).await?;
    let tainted = Timestamp::now();
    let taint = json!({ "key": "gpu", "effect": "NoExecute" });
    merge(&nodes, "one", json!({ "spec": { "taints": [taint] } })).await?;

    let left = stage.until("the pod that does not tolerate it", &pods, "intolerant", is_leaving).await?;
    let conditions = left.status.and_then(|status| status.conditions).unwrap_or_default();
    let target = conditions.iter().find(|one| one.type_ == "DisruptionTarget").unwrap();
    assert_eq!(target.reason.as_deref(), Some("DeletionByTaintManager"));
    bythos_testing::eventually("the eviction to be told", || async {
        let events = stage.api::<Event>().list(&ListParams::default()).await.ok()?;
        let words = "Marking for deletion Pod default/intolerant";
        events.items.into_iter().find(|event| {
            event.reason.as_deref() == Some("TaintManagerEviction") && event.message.as_deref() == Some(words)
        })
    })
    .await?;
    let left = stage.until("the pod that tolerates it for a time", &pods, "patient", is_leaving).await?;
    assert!(Timestamp::now().duration_since(tainted).as_secs() >= 2, "{:?}", left.name_any());
    settle(|| async {
        assert_eq!(is_leaving(&pods.get("tolerant").await.unwrap()), None);
    })
    .await;
    // One that comes to the node now leaves as well.
    add_pod(&pods, "late", json!([])).await?;
    stage.until("the pod that came later", &pods, "late", is_leaving).await.map(drop)
}

#[tokio::test]
async fn a_pod_stays_when_the_taint_goes_before_its_time() -> Result<()> {
    let stage = Stage::start().await?;
    let (nodes, pods) = (Api::<KubeNode>::all(stage.client()), stage.api::<Pod>());
    let taint = json!({ "key": "gpu", "effect": "NoExecute" });
    create(&nodes, json!({ "metadata": { "name": "one" }, "spec": { "taints": [taint] } })).await?;
    add_pod(
        &pods,
        "patient",
        json!([{ "key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2 }]),
    )
    .await?;
    let due = Timestamp::now().checked_add(std::time::Duration::from_secs(3))?;
    merge(&nodes, "one", json!({ "spec": { "taints": null } })).await?;
    bythos_testing::eventually("its time to pass", || async { (Timestamp::now() > due).then_some(()) })
        .await?;
    assert_eq!(is_leaving(&pods.get("patient").await?), None);
    Ok(())
}
