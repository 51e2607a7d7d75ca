use std::collections::BTreeMap;

use bythos_api::helmchart::HelmChart;
use bythos_api::helmrepository::HelmRepository;
use bythos_helm::{ArchiveLimits, Chart};
use bythos_operator::condition::is_true;
use serde_json::json;

use super::git::Remote;
use super::harness::{Delivery, eventually};
use super::site::{Site, chart, web};
use crate::artifact::digest;

/// The archive that the chart's artifact is.
fn archive(delivery: &Delivery, object: &HelmChart) -> Vec<u8> {
    let artifact = object.status.as_ref().unwrap().artifact.clone().unwrap();
    let bytes = std::fs::read(delivery.artifacts().join(&artifact.path)).unwrap();
    assert_eq!(artifact.digest, Some(digest(&bytes)));
    bytes
}

fn read(delivery: &Delivery, object: &HelmChart) -> Chart {
    Chart::from_archive(&archive(delivery, object), ArchiveLimits::CHARTS).unwrap()
}

fn pulled(version: &str) -> String {
    format!("pulled 'web' chart with version '{version}'")
}

#[tokio::test]
async fn the_newest_version_that_fits_becomes_an_artifact_and_is_followed() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    delivery.chart(&json!({ "version": "1.x" })).await;
    let words = "failed to get source: there is no HelmRepository 'charts' in namespace 'flux-system'";
    delivery.chart_says("False", "SourceUnavailable", words).await;
    site.publish(&["1.0.0", "1.1.0", "2.0.0", "1.2.0-rc.1"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    let object = delivery.chart_says("True", "ChartPullSucceeded", &pulled("1.1.0")).await;
    // What is taken as it came is the same to the last byte.
    assert_eq!(archive(&delivery, &object), web("1.1.0"));
    let status = object.status.unwrap();
    assert_eq!((status.conditions.len(), status.observed_generation), (2, object.metadata.generation));
    assert_eq!(status.observed_chart_name.as_deref(), Some("web"));
    let artifact = status.artifact.unwrap();
    assert_eq!(
        (artifact.revision.as_str(), artifact.path.as_str()),
        ("1.1.0", "helmchart/flux-system/web/web-1.1.0.tgz")
    );
    let repository = delivery.repository_says("True", "Succeeded", "").await;
    let revision = repository.status.unwrap().artifact.unwrap().revision;
    assert_eq!(status.observed_source_artifact_revision, Some(revision));
    // Nobody has to touch the chart: the repository tells.
    for version in ["1.3.0", "1.4.0"] {
        site.publish(&["1.0.0", version]);
        delivery.ask_any::<HelmRepository>("charts").await;
        delivery.chart_says("True", "ChartPullSucceeded", &pulled(version)).await;
    }
    let folder = delivery.artifacts().join("helmchart/flux-system/web");
    eventually("old artifacts to go", || async {
        (std::fs::read_dir(&folder).unwrap().count() == 2).then_some(())
    })
    .await
    .unwrap();
    delivery.api::<HelmChart>("flux-system").delete("web", &Default::default()).await.unwrap();
    eventually("all artifacts to go", || async { (!folder.exists()).then_some(()) }).await.unwrap();
}

#[tokio::test]
async fn a_chart_that_is_there_is_not_fetched_again_unless_it_is_damaged() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.chart(&json!({})).await;
    let object = delivery.chart_says("True", "ChartPullSucceeded", &pulled("1.0.0")).await;
    let path = delivery.artifacts().join(object.status.unwrap().artifact.unwrap().path);
    let ask = async || {
        delivery.ask_any::<HelmChart>("web").await;
        eventually("the request to be handled", || async {
            let object = delivery.api::<HelmChart>("flux-system").get("web").await.unwrap();
            let asked = object.metadata.annotations?;
            let asked = asked.get(bythos_api::names::RECONCILE_REQUESTED_AT)?;
            (object.status?.last_handled_reconcile_at.as_ref() == Some(asked)).then_some(())
        })
        .await
        .unwrap();
    };
    ask().await;
    assert_eq!(site.authorizations("charts/web-1.0.0.tgz").len(), 1);
    std::fs::write(&path, b"damaged").unwrap();
    ask().await;
    assert_eq!(site.authorizations("charts/web-1.0.0.tgz").len(), 2);
    assert_eq!(std::fs::read(&path).unwrap(), web("1.0.0"));
}

#[tokio::test]
async fn what_is_published_wrongly_says_so() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.chart(&json!({ "version": "2.x" })).await;
    let words = "invalid chart reference: failed to get chart version for remote reference: no version of chart \
                 \"web\" fits \"2.x\"; the newest of 1 is \"1.0.0\"";
    let status = delivery.chart_says("False", "InvalidChartReference", words).await.status.unwrap();
    assert!(is_true(&status.conditions, "Stalled") && is_true(&status.conditions, "FetchFailed"));
    // A new index may have it.
    site.publish(&["1.0.0", "2.0.0"]);
    delivery.ask_any::<HelmRepository>("charts").await;
    delivery.chart_says("True", "ChartPullSucceeded", &pulled("2.0.0")).await;

    site.publish(&["2.1.0"]);
    site.put("charts/web-2.1.0.tgz", web("9.9.9"));
    delivery.ask_any::<HelmRepository>("charts").await;
    let object = delivery.chart_says("False", "ChartPullError", "the digest differs: expected ").await;
    assert_eq!(object.status.unwrap().artifact.unwrap().revision, "2.0.0");
    let files = [
        ("2.2.0", None, "failed to download chart for remote reference: failed to fetch "),
        ("2.3.0", Some("no archive"), "failed to load what was downloaded: failed to read the chart archive"),
    ];
    for (version, file, words) in files {
        let index = format!(
            "apiVersion: v1\nentries: {{web: [{{name: web, version: {version}, urls: [x-{version}]}}]}}\n"
        );
        site.put("charts/index.yaml", index);
        if let Some(file) = file {
            site.put(&format!("charts/x-{version}"), file);
        }
        delivery.ask_any::<HelmRepository>("charts").await;
        delivery.chart_says("False", "ChartPullError", &format!("chart pull error: {words}")).await;
    }
    site.put(
        "charts/index.yaml",
        "apiVersion: v1\nentries: {web: [{name: web, version: 2.4.0, urls: [large]}]}\n",
    );
    site.announce("charts/large", 11 << 20);
    delivery.ask_any::<HelmRepository>("charts").await;
    delivery.chart_says("False", "ChartPullError", "/charts/large has more than 10485760 bytes").await;
    delivery.chart(&json!({ "chart": "Web" })).await;
    delivery.chart_says("False", "InvalidChartReference", "invalid chart name 'Web'").await;
}

#[tokio::test]
async fn files_of_the_chart_become_its_values() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.chart(&json!({ "valuesFiles": ["values.yaml", "prod.yaml"] })).await;
    let words = "packaged 'web' chart with version '1.0.0+1' and merged values files [values.yaml prod.yaml]";
    let object = delivery.chart_says("True", "ChartPackageSucceeded", words).await;
    let made = read(&delivery, &object);
    assert_eq!(
        serde_json::Value::Object(made.values),
        json!({ "replicas": 3, "image": { "name": "web", "tag": "v2" } })
    );
    assert_eq!(
        (made.metadata.version.as_str(), object.status.unwrap().observed_values_files.len()),
        ("1.0.0+1", 0)
    );
    let files = ["prod.yaml", "gone.yaml"];
    delivery.chart(&json!({ "valuesFiles": files })).await;
    let words = "values files merge error: no values file found at path 'gone.yaml'";
    let status = delivery.chart_says("False", "ValuesFilesError", words).await.status.unwrap();
    assert!(is_true(&status.conditions, "BuildFailed") && is_true(&status.conditions, "Stalled"));
    delivery.chart(&json!({ "valuesFiles": files, "ignoreMissingValuesFiles": true })).await;
    let object =
        delivery.chart_says("True", "ChartPackageSucceeded", "merged values files [prod.yaml]").await;
    assert_eq!(object.status.unwrap().observed_values_files, ["prod.yaml"]);
}

#[tokio::test]
async fn a_chart_is_had_from_a_registry_that_asks_for_tokens() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.lock("me:s3cret");
    site.push("1.0.0", &web("1.0.0"));
    site.push("1.2.0_a", &web("1.2.0+a"));
    site.tags(&["latest", "1.0.0"], &["1.2.0_a", "2.0.0-rc.1"]);
    delivery.repository(&site.oci("charts"), &json!({ "type": "oci", "insecure": true })).await;
    delivery.chart(&json!({ "version": ">=1.0.0" })).await;
    let words = "failed to authenticate with the Helm repository: ";
    delivery.chart_says("False", "AuthenticationFailed", words).await;
    delivery.secret("login", &[("username", "me"), ("password", "s3cret")]).await;
    let login = json!({ "type": "oci", "insecure": true, "secretRef": { "name": "login" } });
    delivery.repository(&site.oci("charts"), &login).await;
    let object = delivery.chart_says("True", "ChartPullSucceeded", &pulled("1.2.0+a")).await;
    assert_eq!(archive(&delivery, &object), web("1.2.0+a"));
    // One version alone needs no list of tags.
    delivery.chart(&json!({ "version": "1.0.0" })).await;
    delivery.chart_says("True", "ChartPullSucceeded", &pulled("1.0.0")).await;
    let other = digest(b"other");
    site.push_as("1.3.0", &web("1.3.0"), &other);
    delivery.chart(&json!({ "version": "1.3.0" })).await;
    delivery.chart_says("False", "ChartPullError", "the digest differs: expected sha256:").await;
    delivery.chart(&json!({ "version": "3.0.0" })).await;
    delivery.chart_says("False", "ChartPullError", "manifests/3.0.0: 404 Not Found").await;
    // What opens the registry never goes to it as it is, but to who gives tokens.
    let sent = site.authorizations("v2/charts/web/manifests/1.0.0");
    assert!(sent.iter().all(|it| it.as_deref().is_none_or(|it| it == "Bearer t0ken")), "{sent:?}");
}

#[tokio::test]
async fn a_registry_that_an_index_names_does_not_learn_who_we_are() {
    let (delivery, site, other) = (Delivery::start().await, Site::new(), Site::new());
    other.lock("me:s3cret");
    other.push("1.0.0", &web("1.0.0"));
    let url = other.oci("charts/web:1.0.0");
    site.put(
        "charts/index.yaml",
        format!("apiVersion: v1\nentries: {{web: [{{name: web, version: 1.0.0, urls: ['{url}']}}]}}\n"),
    );
    delivery.secret("login", &[("username", "me"), ("password", "s3cret")]).await;
    let with = |passes: bool| json!({ "secretRef": { "name": "login" }, "insecure": true, "passCredentials": passes });
    delivery.repository(&site.url("charts"), &with(false)).await;
    delivery.chart(&json!({})).await;
    delivery.chart_says("False", "AuthenticationFailed", "gave no token: 401 Unauthorized").await;
    delivery.repository(&site.url("charts"), &with(true)).await;
    delivery.chart_says("True", "ChartPullSucceeded", &pulled("1.0.0")).await;
}

#[tokio::test]
async fn a_folder_of_a_git_repository_becomes_a_chart_with_all_that_it_needs() {
    let (delivery, remote, site) = (Delivery::start().await, Remote::new(None), Site::new());
    site.publish(&["1.0.0", "1.1.0"]);
    let needs = format!(
        "apiVersion: v2\nname: shop\nversion: 0.1.0\ndependencies:\n\
         - {{name: lib, version: 1.x, repository: 'file://../lib'}}\n\
         - {{name: web, version: ~1.0, repository: '{}'}}\n",
        site.url("charts")
    );
    let files = |version: &str| {
        vec![
            ("charts/shop/Chart.yaml".to_owned(), needs.replace("0.1.0", version)),
            ("charts/shop/values.yaml".to_owned(), "a: 1\n".to_owned()),
            ("charts/shop/.helmignore".to_owned(), "*.md\n".to_owned()),
            ("charts/shop/notes.md".to_owned(), "left out".to_owned()),
            ("charts/lib/Chart.yaml".to_owned(), "apiVersion: v2\nname: lib\nversion: 1.5.0\n".to_owned()),
            ("env/prod.yaml".to_owned(), "a: 2\n".to_owned()),
        ]
    };
    let push = |version: &str| {
        let files = files(version);
        remote.push(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>())
    };
    push("0.1.0");
    delivery.source(&remote, &json!({})).await;
    let git = |fields: serde_json::Value| {
        let mut all =
            json!({ "chart": "./charts/shop", "sourceRef": { "kind": "GitRepository", "name": "app" } });
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        all
    };
    delivery.chart(&git(json!({}))).await;
    let words = "packaged 'shop' chart with version '0.1.0'";
    let object = delivery.chart_says("True", "ChartPackageSucceeded", words).await;
    let made = read(&delivery, &object);
    let inner: BTreeMap<&str, &str> =
        made.dependencies.iter().map(|it| (it.name(), it.metadata.version.as_str())).collect();
    assert_eq!(inner, BTreeMap::from([("lib", "1.5.0"), ("web", "1.0.0")]));
    assert_eq!(made.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), [".helmignore"]);
    // By its version alone a chart becomes another ...
    push("0.2.0");
    delivery.announce().await;
    delivery.chart_says("True", "ChartPackageSucceeded", "packaged 'shop' chart with version '0.2.0'").await;
    // ... or by every commit, and by its values.
    let commit = push("0.2.0");
    delivery.announce().await;
    delivery.source_says("True", "Succeeded", &commit).await;
    delivery.chart(&git(json!({ "reconcileStrategy": "Revision", "valuesFiles": ["env/prod.yaml"] }))).await;
    let words = format!("version '0.2.0+{}.2' and merged values files [env/prod.yaml]", &commit[..12]);
    let object = delivery.chart_says("True", "ChartPackageSucceeded", &words).await;
    assert_eq!(read(&delivery, &object).values["a"], 2);
    delivery.chart(&git(json!({ "chart": "nowhere" }))).await;
    let words = "invalid chart reference: there is no Chart.yaml in the folder '/nowhere' of the source";
    delivery.chart_says("False", "InvalidChartReference", words).await;
}

#[tokio::test]
async fn an_archive_in_a_git_repository_is_a_chart_as_well() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let packaged = chart(&[("Chart.yaml", "apiVersion: v2\nname: web\nversion: 3.0.0\n")]);
    let folder = remote.folder();
    remote.push(&[("a", "1")]);
    std::fs::write(folder.join("web.tgz"), &packaged).unwrap();
    let commit = remote.push_all();
    delivery.source(&remote, &json!({})).await;
    delivery.source_says("True", "Succeeded", &commit).await;
    delivery
        .chart(&json!({ "chart": "web.tgz", "sourceRef": { "kind": "GitRepository", "name": "app" } }))
        .await;
    let object = delivery.chart_says("True", "ChartPullSucceeded", &pulled("3.0.0")).await;
    assert_eq!(archive(&delivery, &object), packaged);
}

#[tokio::test]
async fn what_is_not_built_is_refused_in_words() {
    let (delivery, site) = (Delivery::start().await, Site::new());
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.chart(&json!({ "verify": { "provider": "cosign" } })).await;
    let words = "spec.verify: signatures are not checked yet";
    delivery.chart_says("False", "UnsupportedSpec", words).await;
    delivery.chart(&json!({ "sourceRef": { "kind": "Bucket", "name": "charts" } })).await;
    let words = "unsupported source kind 'Bucket'";
    delivery.chart_says("False", "UnsupportedSourceKind", words).await;
}

#[tokio::test]
async fn killed_after_any_write_the_next_run_converges() {
    let (mut delivery, site) = (Delivery::start().await, Site::new());
    site.publish(&["1.0.0"]);
    delivery.repository(&site.url("charts"), &json!({})).await;
    delivery.chart(&json!({})).await;
    delivery.chart_says("True", "ChartPullSucceeded", &pulled("1.0.0")).await;
    for writes in 0.. {
        delivery.kill().await;
        let version = format!("1.{}.0", writes + 1);
        site.publish(&[&version]);
        delivery.resume_with_writes(writes).await;
        delivery.ask_any::<HelmRepository>("charts").await;
        let words = pulled(&version);
        let is_cut_short = tokio::select! {
            () = delivery.writes_are_over() => true,
            _ = delivery.chart_says("True", "ChartPullSucceeded", &words) => false,
        };
        if !is_cut_short {
            assert!(writes > 1, "a repository and a chart are more than {writes} writes");
            break;
        }
        delivery.kill().await;
        delivery.resume().await;
        let object = delivery.chart_says("True", "ChartPullSucceeded", &words).await;
        assert_eq!(archive(&delivery, &object), web(&version), "after {writes} writes");
    }
}
