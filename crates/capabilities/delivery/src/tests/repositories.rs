use bythos_api::helmrepository::HelmRepository;
use bythos_operator::condition::is_true;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use serde_json::json;

use super::harness::{Delivery, eventually};
use super::site::Site;
use crate::artifact::digest;

#[tokio::test]
async fn an_index_becomes_an_artifact_and_old_ones_go() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    for versions in [&["1.0.0"][..], &["1.0.0", "1.1.0"], &["1.2.0"]] {
        site.publish(versions);
        delivery.repository(&site.url("charts"), &json!({})).await;
        delivery.ask_any::<HelmRepository>("charts").await;
        let index = index_of(versions);
        let revision = digest(index.as_bytes());
        let message = format!("stored artifact: revision '{revision}'");
        let repository = delivery.repository_says("True", "Succeeded", &message).await;
        let status = repository.status.unwrap();
        assert!(is_true(&status.conditions, "ArtifactInStorage"));
        assert_eq!(
            (status.conditions.len(), status.observed_generation),
            (2, repository.metadata.generation)
        );
        let artifact = status.artifact.unwrap();
        assert_eq!((&artifact.revision, artifact.digest.as_ref()), (&revision, Some(&revision)));
        let stored = std::fs::read_to_string(delivery.artifacts().join(&artifact.path)).unwrap();
        assert_eq!(stored, index);
        let name = revision.replace("sha256:", "index-");
        assert_eq!(artifact.path, format!("helmrepository/flux-system/charts/{name}.yaml"));
    }
    let folder = delivery.artifacts().join("helmrepository/flux-system/charts");
    eventually("old artifacts to go", || async {
        (std::fs::read_dir(&folder).unwrap().count() == 2).then_some(())
    })
    .await
    .unwrap();
    let size =
        format!("stored fetched index of size {}B from '{}'", index_of(&["1.2.0"]).len(), site.url("charts"));
    let told = |event: Event| {
        event.reason.as_deref() == Some("NewArtifact") && event.message.as_ref() == Some(&size)
    };
    eventually("the event", || async {
        let events = delivery.api::<Event>("flux-system").list(&ListParams::default()).await.unwrap();
        events.items.into_iter().any(told).then_some(())
    })
    .await
    .unwrap();
    delivery.api::<HelmRepository>("flux-system").delete("charts", &Default::default()).await.unwrap();
    eventually("all artifacts to go", || async { (!folder.exists()).then_some(()) }).await.unwrap();
}

/// The index that [`Site::publish`] makes of these versions.
fn index_of(versions: &[&str]) -> String {
    let entries = versions.iter().map(|version| {
        let sum = digest(&super::site::web(version)).replace("sha256:", "");
        format!("  - {{name: web, version: {version}, urls: [web-{version}.tgz], digest: {sum}}}\n")
    });
    format!("apiVersion: v1\nentries:\n  web:\n{}", entries.collect::<String>())
}

#[tokio::test]
async fn a_registry_is_only_referred_to() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.repository_says("True", "Succeeded", "").await;
    delivery.repository(&site.oci("charts"), &json!({ "type": "oci" })).await;
    let repositories = delivery.api::<HelmRepository>("flux-system");
    eventually("the status to be empty", || async {
        let status = repositories.get("charts").await.unwrap().status.unwrap_or_default();
        (status == Default::default()).then_some(())
    })
    .await
    .unwrap();
    assert!(!delivery.artifacts().join("helmrepository/flux-system/charts").exists());
}

#[tokio::test]
async fn what_is_no_index_says_so_and_what_was_there_stays() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    let repository = delivery.repository_says("True", "Succeeded", "").await;
    let artifact = repository.status.unwrap().artifact;
    site.put("garbage/index.yaml", "<html>: [");
    site.put("list/index.yaml", "apiVersion: v1\nentries: [1]\n");
    site.put("binary/index.yaml", [0xff, 0xfe]);
    site.announce("large/index.yaml", 60 << 20);
    site.redirect("round/index.yaml", site.url("round/index.yaml"));
    let load = "failed to load Helm repository from index YAML: ";
    let fetch = "failed to fetch Helm repository index: ";
    let cases = [
        ("garbage", "IndexationFailed", format!("{load}failed to read the index")),
        ("list", "IndexationFailed", format!("{load}the index: entries: expected charts by name")),
        ("binary", "IndexationFailed", format!("{load}the index is no text")),
        ("gone", "Failed", format!("{fetch}failed to fetch {} : 404 Not Found", site.url("gone/index.yaml"))),
        ("large", "Failed", format!("{fetch}{} has more than 52428800 bytes", site.url("large/index.yaml"))),
        ("round", "Failed", format!("{fetch}{} points on to others", site.url("round/index.yaml"))),
    ];
    for (path, reason, words) in cases {
        delivery.repository(&site.url(path), &json!({})).await;
        let status = delivery.repository_says("False", reason, &words).await.status.unwrap();
        assert!(is_true(&status.conditions, "FetchFailed") && is_true(&status.conditions, "Reconciling"));
        assert_eq!(status.artifact, artifact);
    }
    delivery.repository("http://127.0.0.1:1/charts", &json!({})).await;
    delivery.repository_says("False", "Failed", "failed to connect to 127.0.0.1:1").await;
    delivery.repository("http://nowhere.shop.svc/charts", &json!({})).await;
    delivery.repository_says("False", "Failed", "failed to find the host \"nowhere.shop.svc\"").await;
    delivery.repository(&site.oci("charts"), &json!({})).await;
    let words = "'oci' URL scheme cannot be used with 'default' HelmRepository type";
    let status = delivery.repository_says("False", "URLInvalid", words).await.status.unwrap();
    assert!(is_true(&status.conditions, "Stalled"));
    delivery.repository("https://me:s3cret@127.0.0.1/charts", &json!({})).await;
    let repository = delivery.repository_says("False", "URLInvalid", "user and password do not belong").await;
    assert!(!format!("{:?}", repository.status).contains("s3cret"));
}

#[tokio::test]
async fn a_repository_that_hangs_is_given_up_and_holds_up_no_other() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.be_silent_about("silent/index.yaml");
    delivery
        .apply_value(&json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository",
            "metadata": { "name": "silent", "namespace": "flux-system" },
            "spec": { "url": site.url("silent"), "timeout": "2s" },
        }))
        .await;
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.repository_says("True", "Succeeded", "").await;
    let repositories = delivery.api::<HelmRepository>("flux-system");
    eventually("the silent repository to be given up", || async {
        let status = repositories.get("silent").await.unwrap().status?;
        let ready = bythos_operator::condition::get(&status.conditions, "Ready")?.clone();
        ready.message.contains("silent/index.yaml was not there after 2s").then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_secret_lets_in_and_never_shows() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.publish(&["1.0.0"]);
    site.lock("me:s3cret");
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.repository_says("False", "Failed", "401 Unauthorized").await;
    delivery.repository(&site.url("charts"), &json!({ "secretRef": { "name": "login" } })).await;
    let words = "spec.secretRef: Secret \"login\": there is no such Secret in namespace \"flux-system\"";
    delivery.repository_says("False", "AuthenticationFailed", words).await;
    delivery.secret("login", &[("username", "me")]).await;
    delivery.repository_says("False", "AuthenticationFailed", "key \"password\" is missing").await;
    // The new Secret is enough: nobody has to touch the repository.
    delivery.secret("login", &[("username", "me"), ("password", "s3cret")]).await;
    let repository = delivery.repository_says("True", "Succeeded", "").await;
    assert!(!format!("{repository:?}").contains("s3cret"));
}

#[tokio::test]
async fn passwords_go_to_other_hosts_only_where_that_is_asked() {
    let (delivery, site, other) = (Delivery::start().await, Site::new(), Site::new());
    other.publish(&["1.0.0"]);
    site.redirect("charts/index.yaml", other.url("charts/index.yaml"));
    delivery.secret("login", &[("username", "me"), ("password", "s3cret")]).await;
    let login = json!({ "secretRef": { "name": "login" } });
    delivery.repository(&site.url("charts"), &login).await;
    delivery.repository_says("True", "Succeeded", "").await;
    assert!(site.authorizations("charts/index.yaml").iter().all(Option::is_some));
    assert!(other.authorizations("charts/index.yaml").iter().all(Option::is_none));
    let both = json!({ "secretRef": { "name": "login" }, "passCredentials": true });
    delivery.repository(&site.url("charts"), &both).await;
    eventually("the password to arrive", || async {
        other.authorizations("charts/index.yaml").iter().any(Option::is_some).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn certificates_say_who_they_and_we_are() {
    let (delivery, site) = (Delivery::start().await, Site::secure());
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.repository_says("False", "Failed", "failed to agree on tls with 127.0.0.1").await;
    let certificates = json!({ "certSecretRef": { "name": "tls" } });
    delivery.secret("tls", &[("ca.crt", "no certificate")]).await;
    delivery.repository(&site.url("charts"), &certificates).await;
    let words = "failed to construct Helm client: the authority is no certificate in PEM";
    delivery.repository_says("False", "AuthenticationFailed", words).await;
    let (certificate, key) = (site.client_pem.0.as_str(), site.client_pem.1.as_str());
    delivery
        .secret("tls", &[("ca.crt", &site.authority_pem), ("tls.crt", certificate), ("tls.key", key)])
        .await;
    delivery.repository_says("True", "Succeeded", "").await;
    // As in older manifests: all in the one Secret.
    let old = [("caFile", site.authority_pem.as_str()), ("certFile", certificate), ("keyFile", key)];
    delivery.secret("old", &old).await;
    delivery.repository(&site.url("charts/"), &json!({ "secretRef": { "name": "old" } })).await;
    eventually("the other address to be fetched", || async {
        let repository = delivery.repository_says("True", "Succeeded", "").await;
        (repository.status?.observed_generation == repository.metadata.generation).then_some(())
    })
    .await
    .unwrap();
}
