//! What goes wrong: each time a clear condition, nothing unrelated touched, and convergence once the cause is gone.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use serde_json::json;

use super::git::Remote;
use super::harness::{Delivery, gone, map, maps, pairs};
use super::lossy::Lossy;

#[tokio::test]
async fn a_remote_that_was_forced_back_is_followed() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    let second = remote.push(&[("a.yaml", &map("a", "2")), ("b.yaml", &map("b", "2"))]);
    delivery.announce().await;
    delivery.applied("apps", &second).await;
    remote.force_back(&first);
    delivery.announce().await;
    delivery.applied("apps", &first).await;
    gone(&delivery, "b").await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
}

#[tokio::test]
async fn a_remote_that_lost_its_branch_changes_nothing() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &first).await;
    remote.empty();
    delivery.announce().await;
    delivery.source_says("False", "EmptyGitRepository", "push to branch \"main\" first").await;
    delivery.ask("apps").await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
    let second = remote.push(&[("a.yaml", &map("a", "2"))]);
    delivery.announce().await;
    delivery.applied("apps", &second).await;
}

#[tokio::test]
async fn garbage_from_a_remote_is_told_and_survived() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let garbage =
        Lossy::saying(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>not git</html>\n").await;
    delivery.source(&remote, &json!({ "url": garbage.url() })).await;
    delivery.source_says("False", "GitOperationFailed", "failed to fetch branch \"main\"").await;
    let commit = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({ "url": remote.url() })).await;
    delivery.source_says("True", "Succeeded", &commit).await;
}

#[tokio::test]
async fn twenty_megabytes_of_yaml_are_refused_in_words() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({ "retryInterval": "1h" })).await;
    delivery.applied("apps", &first).await;
    let big: String =
        (0..500_000).map(|number| format!("- {number}: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n")).collect();
    remote.push(&[("a.yaml", &map("a", "2")), ("big.yaml", &big)]);
    delivery.announce().await;
    delivery.says("apps", "False", "BuildFailed", "kustomize build failed").await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
    let third = remote.push(&[("a.yaml", &map("a", "3"))]);
    delivery.announce().await;
    delivery.applied("apps", &third).await;
}

#[tokio::test]
async fn of_two_who_describe_one_object_only_its_owner_deletes_it() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let files = |one: &str, other: &str| [("one/a.yaml", one.to_owned()), ("two/a.yaml", other.to_owned())];
    let push = |one: &str, other: &str| {
        let files = files(one, other);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        remote.push(&files)
    };
    let first = push(&map("a", "one"), &map("a", "two"));
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("one", &json!({ "path": "one" })).await;
    delivery.applied("one", &first).await;
    delivery.kustomization("two", &json!({ "path": "two" })).await;
    delivery.applied("two", &first).await;
    // The last one has it: a label of the object tells who.
    let object = delivery.api::<ConfigMap>("shop").get("a").await.unwrap();
    assert_eq!(object.labels()["kustomize.toolkit.fluxcd.io/name"], "two");
    assert_eq!(maps(&delivery).await, pairs(&[("a", "two")]));
    let words = "ConfigMap/shop/a is described by Kustomization/flux-system/one as well";
    let told = delivery.event("two", "Conflict", words).await;
    assert_eq!(told.type_.as_deref(), Some("Warning"));
    // The first one takes it back when it looks again, and says so too.
    delivery.ask("one").await;
    delivery.event("one", "Conflict", "is described by Kustomization/flux-system/two as well").await;
    delivery.event("one", "Progressing", "ConfigMap/shop/a configured").await;
    delivery.ask("two").await;
    // Who no longer describes it, and no longer owns it, does not delete it.
    let second = push(&map("other", "one"), &map("a", "two"));
    delivery.announce().await;
    delivery.applied("one", &second).await;
    delivery.applied("two", &second).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "two"), ("other", "one")]));
}

#[tokio::test]
async fn what_waits_for_a_dependency_that_never_comes_says_so_and_holds_up_nobody() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: nowhere}\n";
    let commit = remote.push(&[
        ("base/a.yaml", bad),
        ("apps/b.yaml", &map("b", "1")),
        ("other/c.yaml", &map("c", "1")),
    ]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("base", &json!({ "path": "base" })).await;
    delivery.kustomization("apps", &json!({ "path": "apps", "dependsOn": [{ "name": "base" }] })).await;
    delivery.kustomization("other", &json!({ "path": "other" })).await;
    delivery.says("base", "False", "ReconciliationFailed", "nowhere").await;
    let words = "dependency 'flux-system/base' is not ready";
    delivery.says("apps", "False", "DependencyNotReady", words).await;
    delivery.applied("other", &commit).await;
    assert_eq!(maps(&delivery).await, pairs(&[("c", "1")]));
    let commit = remote.push(&[("base/a.yaml", &map("a", "1")), ("apps/b.yaml", &map("b", "1"))]);
    delivery.announce().await;
    delivery.applied("apps", &commit).await;
}

/// The API lets only so many writes of an apply and a prune through, and then the part is killed: for each number.
#[tokio::test]
async fn killed_between_any_two_writes_it_converges() {
    let (mut delivery, remote) = (Delivery::start().await, Remote::new(None));
    let files = |round: usize| {
        let (old, new) = (format!("kept-{round}"), format!("next-{round}"));
        vec![
            ("a.yaml".to_owned(), map("always", &round.to_string())),
            ("b.yaml".to_owned(), map(&old, "1")),
            ("c.yaml".to_owned(), map(&new, "1")),
        ]
    };
    let push = |round: usize| {
        let files = files(round);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        remote.push(&files)
    };
    let first = push(0);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &first).await;
    for writes in 0.. {
        delivery.kill().await;
        let round = writes + 1;
        let commit = push(round);
        delivery.resume_with_writes(writes).await;
        delivery.announce().await;
        let is_cut_short = tokio::select! {
            () = delivery.writes_are_over() => true,
            _ = delivery.applied("apps", &commit) => false,
        };
        if !is_cut_short {
            assert!(writes > 5, "an apply, a prune and their reports are more than {writes} writes");
            break;
        }
        delivery.kill().await;
        delivery.resume().await;
        let object = delivery.applied("apps", &commit).await;
        assert_eq!(object.status.unwrap().inventory.unwrap().entries.len(), 3, "after {writes} writes");
        let expected = [
            ("always", round.to_string()),
            (&*format!("kept-{round}"), "1".to_owned()),
            (&*format!("next-{round}"), "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        assert_eq!(maps(&delivery).await, expected, "after {writes} writes");
    }
}

#[tokio::test]
async fn a_source_that_is_unreachable_leaves_its_kustomizations_at_work() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &commit).await;
    delivery.source(&remote, &json!({ "url": "http://127.0.0.1:1/app.git" })).await;
    let source = delivery.source_says("False", "GitOperationFailed", "unable to access").await;
    let conditions = source.status.unwrap().conditions;
    assert!(bythos_operator::condition::is_true(&conditions, "FetchFailed"));
    assert!(bythos_operator::condition::is_true(&conditions, "ArtifactInStorage"));
    let config_maps = delivery.api::<ConfigMap>("shop");
    config_maps.delete("a", &Default::default()).await.unwrap();
    delivery.ask("apps").await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
    // It comes back, with news.
    let commit = remote.push(&[("a.yaml", &map("a", "2"))]);
    delivery.source(&remote, &json!({ "url": remote.url() })).await;
    let source = delivery.source_says("True", "Succeeded", &commit).await;
    assert!(!bythos_operator::condition::is_true(&source.status.unwrap().conditions, "FetchFailed"));
    delivery.applied("apps", &commit).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "2")]));
}

#[tokio::test]
async fn what_moves_from_one_to_another_is_no_conflict() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let (a, b) = (map("a", "1"), map("b", "1"));
    let first = remote.push(&[("one/a.yaml", &a), ("two/b.yaml", &b)]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("one", &json!({ "path": "one" })).await;
    delivery.kustomization("two", &json!({ "path": "two" })).await;
    delivery.applied("one", &first).await;
    delivery.applied("two", &first).await;
    let c = map("c", "1");
    let second = remote.push(&[("one/c.yaml", &c), ("two/a.yaml", &a), ("two/b.yaml", &b)]);
    delivery.announce().await;
    delivery.applied("two", &second).await;
    delivery.applied("one", &second).await;
    let reasons = delivery.event_reasons("two").await;
    assert!(!reasons.contains(&"Conflict".to_owned()), "{reasons:?}");
}
