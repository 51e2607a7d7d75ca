//! Exactly one of Bythos and Flux reconciles.

use bythos_api::gitrepository::GitRepository;
use bythos_operator::HealthState;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::git::Remote;
use super::harness::{Delivery, eventually, map, maps, pairs};

const SOURCES: &str = "source-controller-leader-election";
const KUSTOMIZATIONS: &str = "kustomize-controller-leader-election";
const RELEASES: &str = "helm-controller-leader-election";

async fn give(delivery: &Delivery, lease: &str, holder: Option<&str>) {
    let now = k8s_openapi::jiff::Timestamp::now();
    let spec = json!({
        "holderIdentity": holder, "leaseDurationSeconds": 3600,
        "renewTime": format!("{}", now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ")),
    });
    let patch = Patch::Merge(json!({ "spec": spec }));
    delivery.api::<Lease>("flux-system").patch(lease, &PatchParams::default(), &patch).await.unwrap();
}

async fn holder(delivery: &Delivery, lease: &str) -> String {
    let lease = delivery.api::<Lease>("flux-system").get(lease).await.unwrap();
    lease.spec.unwrap().holder_identity.unwrap_or_default()
}

async fn stands_by(delivery: &mut Delivery, words: &str) {
    let says = |state: &HealthState| matches!(state, HealthState::Starting(text) if text.contains(words));
    delivery.health_becomes(says).await;
}

fn change(value: &str) -> Value {
    json!({ "interval": value })
}

#[tokio::test]
async fn it_holds_the_leases_of_fluxs_controllers() {
    let mut delivery = Delivery::start().await;
    for lease in [SOURCES, KUSTOMIZATIONS, RELEASES] {
        assert!(holder(&delivery, lease).await.starts_with("bythos_"));
    }
    // Killed and started again, it goes on at once: nobody waits for a Lease to expire.
    delivery.kill().await;
    delivery.resume().await;
    assert!(holder(&delivery, SOURCES).await.starts_with("bythos_"));
}

#[tokio::test]
async fn where_flux_leads_it_stands_by_until_flux_goes() {
    let (mut delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &first).await;

    give(&delivery, KUSTOMIZATIONS, Some("kustomize-controller-5d4-xyz")).await;
    stands_by(
        &mut delivery,
        "standing by: \"kustomize-controller-5d4-xyz\" holds Lease flux-system/kustomize",
    )
    .await;
    // It keeps nothing that Flux needs.
    eventually("the other Lease to be free", || async {
        holder(&delivery, SOURCES).await.is_empty().then_some(())
    })
    .await
    .unwrap();
    let second = remote.push(&[("a.yaml", &map("a", "2"))]);
    delivery.source(&remote, &change("59m")).await;
    let source = delivery.api::<GitRepository>("flux-system").get("app").await.unwrap();
    let status = source.status.unwrap();
    assert_ne!(status.observed_generation, source.metadata.generation);
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));

    give(&delivery, KUSTOMIZATIONS, None).await;
    delivery.applied("apps", &second).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "2")]));
}

/// What `flux bootstrap` writes: Flux' own definitions (here in short), its controllers, and the objects that bring the
/// folder itself.
fn bootstrap(url: &str) -> Vec<(String, String)> {
    let schema = "{type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}, status: \
        {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {artifact: {type: object, required: \
        [digest, lastUpdateTime, path, revision, url], x-kubernetes-preserve-unknown-fields: true, properties: {digest: \
        {type: string}, url: {type: string}, path: {type: string}, revision: {type: string}, lastUpdateTime: {type: \
        string, format: date-time}}}}}}}";
    let definition = |group: &str, kind: &str, plural: &str| {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {plural}.{group}}}\n\
             spec:\n  group: {group}\n  scope: Namespaced\n  names: {{kind: {kind}, plural: {plural}, listKind: \
             {kind}List, singular: {}}}\n  versions:\n  - {{name: v1, served: true, storage: true, subresources: {{status: \
             {{}}}}, schema: {{openAPIV3Schema: {schema}}}}}\n",
            kind.to_lowercase()
        )
    };
    let controller = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: flux-system}}\nspec:\n  selector: \
             {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      \
             containers: [{{name: manager, image: 'ghcr.io/fluxcd/{name}:v1', args: [--enable-leader-election]}}]\n"
        )
    };
    let components = [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n".to_owned(),
        definition("source.toolkit.fluxcd.io", "GitRepository", "gitrepositories"),
        definition("kustomize.toolkit.fluxcd.io", "Kustomization", "kustomizations"),
        controller("source-controller"),
        controller("kustomize-controller"),
    ];
    let sync = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: flux-system, namespace: \
         flux-system}}\nspec: {{interval: 1m0s, ref: {{branch: main}}, url: '{url}'}}\n---\napiVersion: \
         kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: flux-system, namespace: \
         flux-system}}\nspec: {{interval: 10m0s, path: ./clusters/home, prune: true, sourceRef: {{kind: GitRepository, \
         name: flux-system}}}}\n"
    );
    let file = |name: &str, text: String| (format!("clusters/home/flux-system/{name}"), text);
    vec![
        file("gotk-components.yaml", components.join("---\n")),
        file("gotk-sync.yaml", sync),
        file(
            "kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- gotk-components.yaml\n- \
             gotk-sync.yaml\n"
                .to_owned(),
        ),
    ]
}

#[tokio::test]
async fn the_folder_that_a_bootstrap_writes_reconciles_unmodified() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let written = bootstrap(&remote.url());
    let push = |value: &str| {
        let mut files: Vec<(&str, &str)> =
            written.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let app = map("a", value);
        files.push(("clusters/home/apps.yaml", &app));
        remote.push(&files)
    };
    let first = push("1");
    // As the bootstrap does: it applies its own two objects, and all else follows.
    for document in written[1].1.split("---\n") {
        let limits = bythos_yaml::Limits { bytes_max: 1 << 16, depth_max: 20, values_max: 1000 };
        delivery.apply_value(&bythos_yaml::parse(document, limits).unwrap()).await;
    }
    delivery.applied("flux-system", &first).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
    // From now on the definitions are those of the repository.
    let second = push("2");
    delivery.ask_source("flux-system").await;
    delivery.applied("flux-system", &second).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "2")]));
}
