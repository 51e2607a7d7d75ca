use bythos_api::gitrepository::GitRepository;
use bythos_operator::condition::is_true;
use serde_json::json;

use super::git::Remote;
use super::harness::{Delivery, eventually};
use crate::artifact;

#[tokio::test]
async fn a_push_becomes_an_artifact() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[
        ("apps/web.yaml", "kind: Web\n"),
        ("logo.png", "in the artifact: rules take the place of the defaults"),
        (".sourceignore", "/docs\n"),
        ("docs/a.md", "left out"),
        ("run.sh", "left out by the source"),
    ]);
    delivery.source(&remote, &json!({ "ignore": "*.sh" })).await;
    let revision = format!("main@sha1:{commit}");
    let message = format!("stored artifact for revision '{revision}'");
    let source = delivery.source_says("True", "Succeeded", &message).await;
    let status = source.status.unwrap();
    assert!(is_true(&status.conditions, "ArtifactInStorage"));
    assert_eq!(status.conditions.len(), 2);
    assert_eq!(status.observed_generation, source.metadata.generation);
    let stored = status.artifact.unwrap();
    assert_eq!(stored.revision, revision);
    let bytes = std::fs::read(delivery.artifacts().join(&stored.path)).unwrap();
    assert_eq!(stored.digest, Some(artifact::digest(&bytes)));
    let files = artifact::unpack(&bytes).unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), [".sourceignore", "apps/web.yaml", "logo.png"]);
}

#[tokio::test]
async fn a_request_brings_the_next_push_and_clears_old_artifacts() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    for number in 0..4 {
        let commit = remote.push(&[("number", &number.to_string())]);
        if number == 0 {
            delivery.source(&remote, &json!({})).await;
        } else {
            delivery.announce().await;
        }
        let source = delivery.source_says("True", "Succeeded", &commit).await;
        let requested = source.metadata.annotations.unwrap_or_default();
        let requested = requested.get(bythos_api::names::RECONCILE_REQUESTED_AT);
        assert_eq!(source.status.unwrap().last_handled_reconcile_at.as_ref(), requested);
    }
    let folder = delivery.artifacts().join("gitrepository/flux-system/app");
    eventually("old artifacts to go", || async {
        (std::fs::read_dir(&folder).unwrap().count() == 2).then_some(())
    })
    .await
    .unwrap();
    // With the source, its artifacts go.
    delivery.api::<GitRepository>("flux-system").delete("app", &Default::default()).await.unwrap();
    eventually("all artifacts to go", || async { (!folder.exists()).then_some(()) }).await.unwrap();
}

#[tokio::test]
async fn tags_commits_and_names_are_followed() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("a", "1")]);
    remote.tag("v1");
    remote.push(&[("a", "2")]);
    delivery.source(&remote, &json!({ "ref": { "tag": "v1" } })).await;
    delivery.source_says("True", "Succeeded", &format!("'v1@sha1:{first}'")).await;
    delivery.source(&remote, &json!({ "ref": { "commit": first } })).await;
    delivery.source_says("True", "Succeeded", &format!("'sha1:{first}'")).await;
    delivery.source(&remote, &json!({ "ref": { "name": "refs/heads/main" } })).await;
    delivery.source_says("True", "Succeeded", "'refs/heads/main@sha1:").await;
}

#[tokio::test]
async fn the_highest_tag_within_a_range_is_followed() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("a", "1")]);
    remote.tag("v1.2.0");
    remote.push(&[("a", "2")]);
    remote.tag("v2.0.0");
    delivery.source(&remote, &json!({ "ref": { "semver": "1.x" } })).await;
    delivery.source_says("True", "Succeeded", &format!("'v1.2.0@sha1:{first}'")).await;
    let third = remote.push(&[("a", "3")]);
    remote.tag("v1.10.0");
    delivery.announce().await;
    delivery.source_says("True", "Succeeded", &format!("'v1.10.0@sha1:{third}'")).await;
    delivery.source(&remote, &json!({ "ref": { "semver": ">=3" } })).await;
    let words = "couldn't find a tag within \">=3\"; branches there: main";
    delivery.source_says("False", "GitOperationFailed", words).await;
}

async fn files_of(delivery: &Delivery, commit: &str) -> Vec<String> {
    let source = delivery.source_says("True", "Succeeded", commit).await;
    let path = source.status.unwrap().artifact.unwrap().path;
    let bytes = std::fs::read(delivery.artifacts().join(path)).unwrap();
    artifact::unpack(&bytes).unwrap().into_keys().collect()
}

#[tokio::test]
async fn submodules_are_part_of_the_artifact_where_that_is_asked() {
    let (delivery, inner, remote) = (Delivery::start().await, Remote::new(None), Remote::new(None));
    inner.push(&[("deep/lib.yaml", "1")]);
    remote.push(&[("a", "1")]);
    let commit = remote.push_module("libs/inner", &inner.url());
    delivery.source(&remote, &json!({})).await;
    assert_eq!(files_of(&delivery, &commit).await, ["a"]);
    delivery.source(&remote, &json!({ "recurseSubmodules": true })).await;
    eventually("the files of the submodule", || async {
        (files_of(&delivery, &commit).await == ["a", "libs/inner/deep/lib.yaml"]).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn another_source_can_be_included_and_is_followed() {
    let (delivery, other, remote) = (Delivery::start().await, Remote::new(None), Remote::new(None));
    let commit = remote.push(&[("a", "1")]);
    let include = json!([{ "repository": { "name": "other" }, "fromPath": "deploy", "toPath": "lib" }]);
    delivery.source(&remote, &json!({ "include": include })).await;
    let source =
        delivery.source_says("False", "NotFound", "could not get resource for include 'other'").await;
    assert!(is_true(&source.status.unwrap().conditions, "IncludeUnavailable"));
    other.push(&[("deploy/b", "1"), ("README", "")]);
    delivery
        .apply_value(&json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": { "name": "other", "namespace": "flux-system" },
            "spec": { "url": other.url(), "interval": "1h", "ref": { "branch": "main" } },
        }))
        .await;
    assert_eq!(files_of(&delivery, &commit).await, ["a", "lib/b"]);
    other.push(&[("deploy/c", "1")]);
    delivery.ask_source("other").await;
    eventually("the new files of the other", || async {
        (files_of(&delivery, &commit).await == ["a", "lib/c"]).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_says_so_in_the_words_of_git() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    delivery.source(&remote, &json!({})).await;
    let empty = "the repository is empty: push to branch \"main\" first";
    delivery.source_says("False", "EmptyGitRepository", empty).await;
    let commit = remote.push(&[("a", "1")]);
    delivery.announce().await;
    delivery.source_says("True", "Succeeded", &commit).await;

    delivery.source(&remote, &json!({ "ref": { "branch": "gone" } })).await;
    let words = "couldn't find branch \"gone\"; branches there: main";
    let source = delivery.source_says("False", "GitOperationFailed", words).await;
    // What was fetched before stays in use.
    assert!(source.status.unwrap().artifact.unwrap().revision.ends_with(&commit));

    delivery.source(&remote, &json!({ "url": "http://127.0.0.1:1/app.git" })).await;
    let words = "failed to fetch branch \"main\" of http://127.0.0.1:1/app.git: unable to access";
    delivery.source_says("False", "GitOperationFailed", words).await;
    let missing = remote.url().replace("app.git", "none.git");
    delivery.source(&remote, &json!({ "url": missing })).await;
    delivery.source_says("False", "GitOperationFailed", "not found").await;
    delivery.source(&remote, &json!({ "url": "ssh://git@example.org/app.git" })).await;
    let source =
        delivery.source_says("False", "UnsupportedSpec", "spec.secretRef: ssh:// needs a Secret").await;
    assert!(is_true(&source.status.unwrap().conditions, "Stalled"));
    delivery.source(&remote, &json!({ "url": "http://nowhere.shop.svc/app.git" })).await;
    delivery.source_says("False", "GitOperationFailed", "Service \"nowhere\" in namespace \"shop\"").await;
}

#[tokio::test]
async fn a_secret_lets_in_and_never_shows() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(Some("me:s3cret")));
    let commit = remote.push(&[("a", "1")]);
    delivery.source(&remote, &json!({})).await;
    delivery.source_says("False", "AuthenticationFailed", "could not read Username").await;
    delivery.source(&remote, &json!({ "secretRef": { "name": "git" } })).await;
    let words = "Secret \"git\": there is no such Secret in namespace \"flux-system\"";
    delivery.source_says("False", "AuthenticationFailed", words).await;
    let secret = |password: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "git", "namespace": "flux-system" },
            "stringData": { "username": "me", "password": password },
        })
    };
    delivery.apply_value(&secret("wr0ng")).await;
    let source = delivery.source_says("False", "AuthenticationFailed", "Authentication failed for").await;
    assert!(!format!("{:?}", source.status).contains("wr0ng"));
    // The new Secret is enough: nobody has to touch the source.
    delivery.apply_value(&secret("s3cret")).await;
    delivery.source_says("True", "Succeeded", &commit).await;
}

#[tokio::test]
async fn a_source_that_hangs_is_ended_and_holds_up_no_other() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    delivery
        .apply_value(&json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": { "name": "silent", "namespace": "flux-system" },
            "spec": {
                "url": format!("http://{}/app.git", silent.local_addr().unwrap()),
                "interval": "1h", "timeout": "2s",
            },
        }))
        .await;
    let commit = remote.push(&[("a", "1")]);
    delivery.source(&remote, &json!({})).await;
    delivery.source_says("True", "Succeeded", &commit).await;
    let sources = delivery.api::<GitRepository>("flux-system");
    eventually("the silent source to be given up", || async {
        let status = sources.get("silent").await.unwrap().status?;
        let ready = bythos_operator::condition::get(&status.conditions, "Ready")?.clone();
        ready.message.contains("git was ended after 2s; spec.timeout").then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_suspended_source_stays_as_it_is() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("a", "1")]);
    delivery.source(&remote, &json!({})).await;
    delivery.source_says("True", "Succeeded", &first).await;
    delivery.source(&remote, &json!({ "suspend": true })).await;
    let second = remote.push(&[("a", "2")]);
    delivery.announce().await;
    delivery.source(&remote, &json!({ "suspend": false })).await;
    let source = delivery.source_says("True", "Succeeded", &second).await;
    assert_eq!(source.metadata.generation, Some(3));
}

#[tokio::test]
async fn of_equal_versions_the_newest_commit_is_taken() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    // Names say nothing of which is newer.
    for (tag, time) in [
        ("1.0.0+b", "2026-01-02T00:00:00Z"),
        ("1.0.0+z", "2026-01-01T00:00:00Z"),
        ("20260303", "2026-01-03T00:00:00Z"),
    ] {
        remote.push_at(&[("a", tag)], time);
        remote.tag(tag);
    }
    delivery.source(&remote, &json!({ "ref": { "semver": ">=1.0.0" } })).await;
    delivery.source_says("True", "Succeeded", "1.0.0+b@sha1:").await;
}
