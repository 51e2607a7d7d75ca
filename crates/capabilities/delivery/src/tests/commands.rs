//! The owner's commands, against the part at work.

use kube::ResourceExt as _;
use serde_json::json;

use super::git::Remote;
use super::harness::{Delivery, map, maps, pairs};
use crate::commands::{CommandError, Output, diff, events, sync, tree};

fn text(printed: Vec<u8>) -> String {
    String::from_utf8(printed).unwrap()
}

async fn two_of_which_one_fails() -> (Delivery, Remote) {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("good/a.yaml", &map("a", "1")), ("bad/b.yaml", "kind: Nothing\n")]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("good", &json!({ "path": "good" })).await;
    delivery.kustomization("bad", &json!({ "path": "bad", "retryInterval": "1h" })).await;
    delivery.applied("good", &commit).await;
    delivery.says("bad", "False", "BuildFailed", "").await;
    (delivery, remote)
}

#[tokio::test]
async fn sync_fetches_applies_and_tells_how_it_went() {
    let (delivery, remote) = two_of_which_one_fails().await;
    let second = remote.push(&[("good/a.yaml", &map("a", "2")), ("bad/b.yaml", "kind: Nothing\n")]);
    let mut printed = Vec::new();
    let args = sync::Args { name: Some("good".to_owned()), timeout: 60 };
    let outcome = sync::run(&args, &delivery.engine.admin, &mut printed).await.unwrap();
    let printed = text(printed);
    assert_eq!(outcome, sync::Outcome::Applied, "{printed}");
    assert!(
        printed.contains(&format!("✓ Kustomization flux-system/good: Applied revision: main@sha1:{second}")),
        "{printed}"
    );
    assert_eq!(maps(&delivery).await, pairs(&[("a", "2")]));

    let mut printed = Vec::new();
    let args = sync::Args { name: None, timeout: 60 };
    let outcome = sync::run(&args, &delivery.engine.admin, &mut printed).await.unwrap();
    let printed = text(printed);
    assert_eq!(outcome, sync::Outcome::Failed, "{printed}");
    assert!(printed.contains("✗ Kustomization flux-system/bad: kustomize build failed"), "{printed}");

    let args = sync::Args { name: Some("none".to_owned()), timeout: 60 };
    let refused = sync::run(&args, &delivery.engine.admin, &mut Vec::new()).await;
    assert!(matches!(refused, Err(CommandError::Refuse(_))));
}

#[tokio::test]
async fn the_tree_shows_what_brought_what() {
    let (delivery, _remote) = two_of_which_one_fails().await;
    let mut printed = Vec::new();
    tree::run(&tree::Args { output: Output::Text }, &delivery.engine.admin, &mut printed).await.unwrap();
    let printed = text(printed);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("GitRepository/flux-system/app stored artifact"), "{printed}");
    assert!(lines[1].starts_with("├─ Kustomization/flux-system/bad BuildFailed: "), "{printed}");
    assert!(lines[2].starts_with("└─ Kustomization/flux-system/good Applied revision: "), "{printed}");
    assert_eq!(lines[3], "   └─ ConfigMap/shop/a Current", "{printed}");
    let mut printed = Vec::new();
    tree::run(&tree::Args { output: Output::Json }, &delivery.engine.admin, &mut printed).await.unwrap();
    let value: serde_json::Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(value[0]["brought"][1]["brought"][0]["object"], "ConfigMap/shop/a");
}

#[tokio::test]
async fn events_tell_what_happened() {
    let (delivery, _remote) = two_of_which_one_fails().await;
    let admin = &delivery.engine.admin;
    super::harness::eventually("the events", || async {
        let mut printed = Vec::new();
        let args = events::Args { name: None, follow: false };
        events::run(&args, admin, &mut printed).await.unwrap();
        let printed = text(printed);
        let has_all =
            ["NewArtifact", "ConfigMap/shop/a created", "✗ Kustomization flux-system/bad BuildFailed"]
                .iter()
                .all(|part| printed.contains(part));
        has_all.then_some(())
    })
    .await
    .unwrap();
    let told = delivery.event("good", "ReconciliationSucceeded", "Reconciliation finished").await;
    let revision =
        delivery.source_says("True", "Succeeded", "").await.status.unwrap().artifact.unwrap().revision;
    assert_eq!(told.annotations()["kustomize.toolkit.fluxcd.io/revision"], revision);
    let told = delivery.event("app", "NewArtifact", "").await;
    assert_eq!(told.annotations()["source.toolkit.fluxcd.io/revision"], revision);
}

#[tokio::test]
async fn diff_tells_what_a_push_would_change() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: shop}}\nstringData: {{password: {value}}}\n"
        )
    };
    let commit = remote.push(&[
        ("a.yaml", &map("a", "1")),
        ("b.yaml", &map("b", "1")),
        ("s.yaml", &secret("one")),
        ("same.yaml", &map("same", "1")),
    ]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &commit).await;
    let folder = remote.folder();
    std::fs::write(folder.join("a.yaml"), map("a", "2")).unwrap();
    std::fs::remove_file(folder.join("b.yaml")).unwrap();
    std::fs::write(folder.join("new.yaml"), map("new", "1")).unwrap();
    std::fs::write(folder.join("s.yaml"), secret("two")).unwrap();
    std::fs::write(folder.join("wrong.yaml"), map("wrong", "1").replace("\ndata:", "\ndate:")).unwrap();
    let mut printed = Vec::new();
    let args = diff::Args { folder, kustomization: "apps".to_owned() };
    let found = diff::run(&args, &delivery.engine.admin, &mut printed).await.unwrap();
    let printed = text(printed);
    assert_eq!(found, diff::Differences { changed: 4, refused: 1 }, "{printed}");
    for line in [
        "~ ConfigMap/shop/a\n    data.key: \"1\" -> \"2\"\n",
        "+ ConfigMap/shop/new\n",
        "- ConfigMap/shop/b\n",
        "~ Secret/shop/s\n    data.password: *** -> ***\n",
        "! ConfigMap/shop/wrong: ",
    ] {
        assert!(printed.contains(line), "{line:?} in {printed}");
    }
    assert!(!printed.contains("same"), "{printed}");
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1"), ("b", "1"), ("same", "1")]));
}

/// A Kustomization of the source `app`, as it stands in a repository.
fn inner(name: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\n\
         spec: {{interval: 1h, prune: true, path: {name}, sourceRef: {{kind: GitRepository, name: app}}}}\n"
    )
}

#[tokio::test]
async fn diff_follows_the_kustomizations_that_a_push_holds() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let (apps, old) = (inner("apps"), inner("old"));
    let commit = remote.push(&[
        ("clusters/apps.yaml", &apps),
        ("clusters/old.yaml", &old),
        ("apps/a.yaml", &map("a", "1")),
        ("old/o.yaml", &map("o", "1")),
    ]);
    delivery.source(&remote, &json!({ "ignore": "/apps/ignored.yaml" })).await;
    delivery.kustomization("clusters", &json!({ "path": "clusters" })).await;
    for name in ["clusters", "apps", "old"] {
        delivery.applied(name, &commit).await;
    }
    let folder = remote.folder();
    std::fs::write(folder.join("apps/a.yaml"), map("a", "2")).unwrap();
    std::fs::write(folder.join("apps/ignored.yaml"), map("ignored", "1")).unwrap();
    std::fs::remove_file(folder.join("clusters/old.yaml")).unwrap();
    std::fs::create_dir(folder.join("new")).unwrap();
    std::fs::write(folder.join("clusters/new.yaml"), inner("new")).unwrap();
    std::fs::write(folder.join("new/n.yaml"), map("n", "1")).unwrap();
    let mut printed = Vec::new();
    let args = diff::Args { folder, kustomization: "clusters".to_owned() };
    let found = diff::run(&args, &delivery.engine.admin, &mut printed).await.unwrap();
    let printed = text(printed);
    assert_eq!(
        printed,
        "+ Kustomization/flux-system/new\n- Kustomization/flux-system/old\n- ConfigMap/shop/o\nKustomization \
         flux-system/apps:\n~ ConfigMap/shop/a\n    data.key: \"1\" -> \"2\"\nKustomization flux-system/new:\n+ ConfigMap/shop/n\n"
    );
    assert_eq!(found, diff::Differences { changed: 5, refused: 0 });
}

#[tokio::test]
async fn sync_follows_the_kustomizations_that_it_brings() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("clusters/a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("clusters", &json!({ "path": "clusters" })).await;
    delivery.applied("clusters", &first).await;
    let second = remote.push(&[("clusters/apps.yaml", &inner("apps")), ("apps/b.yaml", &map("b", "1"))]);
    let mut printed = Vec::new();
    let args = sync::Args { name: Some("clusters".to_owned()), timeout: 60 };
    let outcome = sync::run(&args, &delivery.engine.admin, &mut printed).await.unwrap();
    let printed = text(printed);
    assert_eq!(outcome, sync::Outcome::Applied, "{printed}");
    let words = format!("✓ Kustomization flux-system/apps: Applied revision: main@sha1:{second}");
    assert!(printed.contains(&words), "{printed}");
    assert_eq!(maps(&delivery).await, pairs(&[("b", "1")]));
}
