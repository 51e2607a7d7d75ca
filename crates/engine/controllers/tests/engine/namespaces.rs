//! Namespaces: furnished when they come, emptied when they go.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use anyhow::Result;
use bythos_operator::ObjectKey;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, ServiceAccount};
use kube::Api;
use serde_json::json;

use crate::support::{AUTHORITY, Node, Stage, create, deployment, merge, settle};

async fn shop(stage: &Stage) -> Result<Api<Namespace>> {
    let namespaces = Api::<Namespace>::all(stage.client());
    create(&namespaces, json!({ "metadata": { "name": "shop" } })).await?;
    Ok(namespaces)
}

fn certificate(map: &ConfigMap) -> Option<&str> {
    map.data.as_ref()?.get("ca.crt").map(String::as_str)
}

#[tokio::test]
async fn a_namespace_is_furnished_and_what_is_taken_away_comes_back() -> Result<()> {
    let stage = Stage::start().await?;
    shop(&stage).await?;
    let (accounts, maps) = (stage.api_in::<ServiceAccount>("shop"), stage.api_in::<ConfigMap>("shop"));
    for _ in 0..2 {
        stage.until("the account", &accounts, "default", |_| Some(())).await?;
        let is_right = |map: &ConfigMap| (certificate(map) == Some(AUTHORITY)).then_some(());
        stage.until("the certificate", &maps, "kube-root-ca.crt", is_right).await?;
        accounts.delete("default", &Default::default()).await?;
        merge(&maps, "kube-root-ca.crt", json!({ "data": { "ca.crt": "forged" } })).await?;
    }
    Ok(())
}

/// A cluster may have very many ConfigMaps, of which the controllers read one in each namespace.
#[tokio::test]
async fn a_cache_of_one_name_holds_no_other_object() -> Result<()> {
    let stage = Stage::start().await?;
    let caches = stage.engine.caches.for_part(stage.client());
    let watches = stage.engine.caches.len();
    let cache = caches.named::<ConfigMap>("kube-root-ca.crt").await?;
    assert_eq!(stage.engine.caches.len(), watches, "the controllers' own is shared");
    create(&stage.api::<ConfigMap>(), json!({ "metadata": { "name": "other" } })).await?;
    shop(&stage).await?;
    // The later one is told of later.
    let key = ObjectKey::namespaced("shop", "kube-root-ca.crt");
    bythos_testing::eventually("the certificate", || async { cache.get(&key) }).await?;
    assert_eq!(cache.get(&ObjectKey::namespaced("default", "other")), None);
    Ok(())
}

#[tokio::test]
async fn a_deleted_namespace_is_emptied_and_goes() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let namespaces = shop(&stage).await?;
    create(&stage.api_in::<Deployment>("shop"), deployment("one")).await?;
    create(&stage.api_in::<Secret>("shop"), json!({ "metadata": { "name": "key" } })).await?;
    create(&stage.api::<Secret>(), json!({ "metadata": { "name": "elsewhere" } })).await?;
    stage.until_count("the pods", &stage.api_in::<Pod>("shop"), 3).await?;

    namespaces.delete("shop", &Default::default()).await?;
    bythos_testing::eventually("the namespace to go", || async {
        namespaces.get_opt("shop").await.ok()?.is_none().then_some(())
    })
    .await?;
    assert_eq!(stage.api_in::<Pod>("shop").list(&Default::default()).await?.items.len(), 0);
    assert_eq!(stage.api_in::<Deployment>("shop").list(&Default::default()).await?.items.len(), 0);
    assert_eq!(stage.api_in::<Secret>("shop").list(&Default::default()).await?.items.len(), 0);
    stage.api::<Secret>().get("elsewhere").await?;
    Ok(())
}

#[tokio::test]
async fn a_namespace_says_what_holds_it() -> Result<()> {
    let stage = Stage::start().await?;
    let namespaces = shop(&stage).await?;
    let maps = stage.api_in::<ConfigMap>("shop");
    let held = json!({ "metadata": { "name": "held", "finalizers": ["example.com/hold"] } });
    create(&maps, held).await?;
    namespaces.delete("shop", &Default::default()).await?;
    let message = |type_: &'static str| {
        move |namespace: &Namespace| {
            let conditions = namespace.status.as_ref()?.conditions.as_ref()?;
            let condition = conditions.iter().find(|one| one.type_ == type_ && one.status == "True")?;
            condition.message.clone()
        }
    };
    let content =
        stage.until("what remains", &namespaces, "shop", message("NamespaceContentRemaining")).await?;
    assert_eq!(content, "Some resources are remaining: configmaps. has 1 resource instances");
    let finalizers =
        stage.until("who holds", &namespaces, "shop", message("NamespaceFinalizersRemaining")).await?;
    assert!(finalizers.ends_with("example.com/hold in 1 resource instances"), "{finalizers}");

    merge(&maps, "held", json!({ "metadata": { "finalizers": [] } })).await?;
    bythos_testing::eventually("the namespace to go", || async {
        namespaces.get_opt("shop").await.ok()?.is_none().then_some(())
    })
    .await
}

/// What a pod reads and what guards it stays until it has ended.
#[tokio::test]
async fn pods_go_before_everything_else() -> Result<()> {
    let stage = Stage::start().await?;
    let namespaces = shop(&stage).await?;
    let (pods, secrets) = (stage.api_in::<Pod>("shop"), stage.api_in::<Secret>("shop"));
    create(&secrets, json!({ "metadata": { "name": "key" } })).await?;
    stage.until("the account", &stage.api_in::<ServiceAccount>("shop"), "default", |_| Some(())).await?;
    let pod = json!({
        "metadata": { "name": "slow", "finalizers": ["example.com/hold"] },
        "spec": { "containers": [{ "name": "a", "image": "a:1" }] },
    });
    create(&pods, pod).await?;
    namespaces.delete("shop", &Default::default()).await?;
    let is_ending = |pod: &Pod| pod.metadata.deletion_timestamp.as_ref().map(drop);
    stage.until("the pod's deletion", &pods, "slow", is_ending).await?;
    settle(|| async {
        let secret = secrets.get_opt("key").await.unwrap().expect("the pod may still read it");
        assert!(secret.metadata.deletion_timestamp.is_none());
    })
    .await;
    merge(&pods, "slow", json!({ "metadata": { "finalizers": [] } })).await?;
    bythos_testing::eventually("the namespace to go", || async {
        namespaces.get_opt("shop").await.ok()?.is_none().then_some(())
    })
    .await
}

/// What is logged, in memory.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_namespace_with_workloads_goes_without_a_warning() -> Result<()> {
    // The test's tasks all run on its own thread, and log there.
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let namespaces = shop(&stage).await?;
    // Before it is there, pods are refused with a warning.
    stage.until("the account", &stage.api_in::<ServiceAccount>("shop"), "default", |_| Some(())).await?;
    create(&stage.api_in::<Deployment>("shop"), deployment("one")).await?;
    stage.until_count("the pods", &stage.api_in::<Pod>("shop"), 3).await?;
    namespaces.delete("shop", &Default::default()).await?;
    bythos_testing::eventually("the namespace to go", || async {
        namespaces.get_opt("shop").await.ok()?.is_none().then_some(())
    })
    .await?;
    let logged = String::from_utf8(log.0.lock().unwrap().clone())?;
    assert_eq!(logged, "");
    Ok(())
}
