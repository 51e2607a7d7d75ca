//! Deployments: rollouts from the first pod to the last, also through crashes.

use anyhow::Result;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;

use crate::support::{Node, Stage, create, deployment, merge};

const REVISION: &str = "deployment.kubernetes.io/revision";

fn reason(status: &DeploymentStatus, type_: &str) -> Option<String> {
    let condition = status.conditions.iter().flatten().find(|one| one.type_.as_deref() == Some(type_))?;
    condition.reason.clone()
}

/// The status, once the rollout of the present generation is complete.
fn complete(deployment: &Deployment) -> Option<DeploymentStatus> {
    let status = deployment.status.clone()?;
    let is_current = status.observed_generation == deployment.metadata.generation;
    let wanted = deployment.spec.replicas;
    let counts = [status.replicas, status.updated_replicas, status.available_replicas];
    let is_done = reason(&status, "Progressing").as_deref() == Some("NewReplicaSetAvailable");
    (is_current && is_done && counts.iter().all(|count| *count == wanted)).then_some(status)
}

#[tokio::test]
async fn a_rollout_completes_and_says_so() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let deployments = stage.api::<Deployment>();
    create(&deployments, deployment("one")).await?;
    let status = stage.until("the rollout", &deployments, "web", complete).await?;
    assert_eq!(status.ready_replicas, Some(3));
    assert_eq!(status.unavailable_replicas, None);
    assert_eq!(reason(&status, "Available").as_deref(), Some("MinimumReplicasAvailable"));

    let web = deployments.get("web").await?;
    assert_eq!(web.annotations()[REVISION], "1");
    let sets = stage.until_count("one ReplicaSet", &stage.api::<ReplicaSet>(), 1).await?;
    let hash = &sets[0].labels()["pod-template-hash"];
    assert_eq!(sets[0].name_any(), format!("web-{hash}"));
    let pods = stage.until_count("three pods", &stage.api::<Pod>(), 3).await?;
    assert!(pods.iter().all(|pod| pod.labels()["pod-template-hash"] == *hash));

    let expected = format!("Scaled up replica set web-{hash} from 0 to 3");
    bythos_testing::eventually("the event", || async {
        let events = stage.api::<Event>().list(&ListParams::default()).await.ok()?;
        events.items.into_iter().find(|event| event.message.as_deref() == Some(&expected))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn when_all_is_done_nothing_is_written_any_more() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let deployments = stage.api::<Deployment>();
    create(&deployments, deployment("one")).await?;
    stage.until("the rollout", &deployments, "web", complete).await?;
    // The version of a list is that of the last write to anything.
    let version =
        || async { stage.api::<Pod>().list(&ListParams::default()).await.ok()?.metadata.resource_version };
    bythos_testing::eventually("a third of a second without a write", || async {
        let before = version().await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        (before == version().await).then_some(())
    })
    .await
}

#[tokio::test]
async fn a_rolling_update_stays_available_and_within_its_surge() -> Result<()> {
    let stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let deployments = stage.api::<Deployment>();
    create(&deployments, deployment("one")).await?;
    stage.until("the first rollout", &deployments, "web", complete).await?;

    node.watch_availability();
    merge(&deployments, "web", deployment("two")).await?;
    stage.until("the second rollout", &deployments, "web", complete).await?;
    let seen = node.seen();
    assert_eq!(seen.fewest_ready, Some(3));
    assert_eq!(seen.most, 4);
    assert_eq!(seen.pods.len(), 6, "each pod was made once: {:?}", seen.pods);
    assert_eq!(deployments.get("web").await?.annotations()[REVISION], "2");

    merge(&deployments, "web", deployment("one")).await?;
    stage.until("the way back", &deployments, "web", complete).await?;
    let sets = stage.until_count("both ReplicaSets", &stage.api::<ReplicaSet>(), 2).await?;
    let mut revisions: Vec<_> = sets.iter().map(|set| set.annotations()[REVISION].clone()).collect();
    revisions.sort();
    assert_eq!(revisions, ["2", "3"]);
    Ok(())
}

#[tokio::test]
async fn a_broken_update_leaves_the_old_pods_alone_and_says_why_it_stands_still() -> Result<()> {
    let stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let deployments = stage.api::<Deployment>();
    create(&deployments, deployment("one")).await?;
    stage.until("the first rollout", &deployments, "web", complete).await?;

    node.watch_availability();
    let mut broken = deployment("broken");
    broken["spec"]["progressDeadlineSeconds"] = json!(1);
    merge(&deployments, "web", broken).await?;
    stage.until_count("a broken pod beside the old ones", &stage.api::<Pod>(), 4).await?;
    let overdue = |deployment: &Deployment| {
        let status = deployment.status.as_ref()?;
        (reason(status, "Progressing")? == "ProgressDeadlineExceeded").then_some(())
    };
    stage.until("the deadline", &deployments, "web", overdue).await?;
    assert_eq!(node.seen().fewest_ready, Some(3));
    assert_eq!(node.seen().most, 4);
    Ok(())
}

#[tokio::test]
async fn a_deployment_is_scaled_up_and_down_and_paused() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let deployments = stage.api::<Deployment>();
    create(&deployments, deployment("one")).await?;
    for replicas in [5, 1, 0, 2] {
        merge(&deployments, "web", json!({ "spec": { "replicas": replicas } })).await?;
        stage.until_count("as many pods", &stage.api::<Pod>(), replicas).await?;
    }
    let change = json!({ "spec": { "paused": true, "replicas": 4 } });
    merge(&deployments, "web", change).await?;
    merge(&deployments, "web", json!({ "spec": { "template": deployment("two")["spec"]["template"] } }))
        .await?;
    stage.until_count("as many pods", &stage.api::<Pod>(), 4).await?;
    let paused =
        |web: &Deployment| (reason(web.status.as_ref()?, "Progressing")? == "DeploymentPaused").then_some(());
    stage.until("the pause", &deployments, "web", paused).await?;
    stage.until_count("no new ReplicaSet", &stage.api::<ReplicaSet>(), 1).await?;
    merge(&deployments, "web", json!({ "spec": { "paused": false } })).await?;
    stage.until_count("the new ReplicaSet", &stage.api::<ReplicaSet>(), 2).await?;
    Ok(())
}

#[tokio::test]
async fn recreate_ends_the_old_pods_before_it_makes_new_ones() -> Result<()> {
    let stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let deployments = stage.api::<Deployment>();
    let recreate = |image| {
        let mut web = deployment(image);
        web["spec"]["strategy"] = json!({ "type": "Recreate" });
        web
    };
    create(&deployments, recreate("one")).await?;
    stage.until("the first rollout", &deployments, "web", complete).await?;
    merge(&deployments, "web", recreate("two")).await?;
    stage
        .until("the second rollout", &deployments, "web", |web| {
            complete(web).filter(|_| web.annotations()[REVISION] == "2")
        })
        .await?;
    assert_eq!(node.seen().most, 3);
    assert_eq!(node.seen().pods.len(), 6);
    Ok(())
}

#[tokio::test]
async fn a_rollout_goes_on_where_a_crash_left_it() -> Result<()> {
    let mut stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let deployments = stage.api::<Deployment>();
    create(&deployments, deployment("one")).await?;
    // Each time somewhere else on the way: after so many of the six pods that both templates need.
    for pods in [1, 2, 4, 5] {
        let some_pods = || async { (node.seen().pods.len() >= pods).then_some(()) };
        bythos_testing::eventually("some pods", some_pods).await?;
        stage.kill_controllers().await;
        if pods == 2 {
            merge(&deployments, "web", deployment("two")).await?;
        }
        stage.start_controllers().await?;
    }
    stage.until("the rollout", &deployments, "web", complete).await?;
    let pods = stage.until_count("no pod too many", &stage.api::<Pod>(), 3).await?;
    assert!(pods.iter().all(|pod| pod.spec.as_ref().unwrap().containers[0].image.as_deref() == Some("two")));
    assert!(node.seen().most <= 4, "there were {} pods at once", node.seen().most);
    assert!(node.seen().pods.len() <= 6, "pods were made twice: {:?}", node.seen().pods);
    Ok(())
}
