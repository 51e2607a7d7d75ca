//! The owner's commands, against the part at work.

use serde_json::json;

use super::harness::{Delivery, Remote, map, maps, pairs};
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
