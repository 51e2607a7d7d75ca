//! Releases on the engine: made, changed, brought back, taken away; and killed in between.

mod commands;
mod kills;
pub(super) mod site;

use bythos_helm::plan::{
    CrdPolicy, Install, Options, Rollback, ServerSide, Uninstall, Upgrade, Wait, rollback,
};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use site::{APPLICATION, Site, chart};

fn options() -> Options {
    Options { wait: Wait::Ready, ..Options::default() }
}

fn install() -> Install {
    Install { options: options(), create_namespace: true, ..Install::default() }
}

fn upgrade() -> Upgrade {
    Upgrade { options: options(), ..Upgrade::default() }
}

#[tokio::test]
async fn a_chart_is_installed_upgraded_rolled_back_and_taken_away() {
    let site = Site::start().await;
    site.finish_jobs();
    let chart = chart(APPLICATION);
    site.install(&chart, json!({}), &install()).await.unwrap();
    assert_eq!(site.statuses().await, ["1 deployed: Install complete"]);
    assert_eq!(site.data("config").await, json!({ "color": "blue" }));
    assert_eq!(site.names("services").await, ["old"]);
    site.upgrade(&chart, json!({ "color": "red", "old": false }), &upgrade()).await.unwrap();
    assert_eq!(site.statuses().await, ["1 superseded: Install complete", "2 deployed: Upgrade complete"]);
    assert_eq!(site.data("config").await, json!({ "color": "red" }));
    assert_eq!(site.names("services").await, [""; 0]);
    assert_eq!(site.names("serviceaccounts").await, ["kept"], "it asks to be kept");
    let releases = site.releases();
    let request = Rollback { options: options(), revision: Some(1) };
    let plan = rollback("rel", &site.history().await, &request, Timestamp::now()).unwrap();
    releases.carried(plan).await.unwrap();
    assert_eq!(site.data("config").await, json!({ "color": "blue" }));
    assert_eq!(
        site.statuses().await,
        ["1 superseded: Install complete", "2 superseded: Upgrade complete", "3 deployed: Rollback to 1"]
    );
    let request = Uninstall { options: options(), ..Uninstall::default() };
    releases.uninstall(site.history().await, "rel", &request).await.unwrap();
    assert_eq!(site.statuses().await, [""; 0]);
    assert_eq!(site.names("configmaps").await, [""; 0]);
    assert_eq!(site.names("serviceaccounts").await, ["kept"]);
}

#[tokio::test]
async fn an_object_of_somebody_else_is_not_taken() {
    let site = Site::start().await;
    site.make_map("config", json!({ "color": "mine" })).await;
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        (
            "templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {color: blue}\n",
        ),
    ];
    let chart = chart(&files);
    let refused = site.install(&chart, json!({}), &install()).await.unwrap_err().words();
    let expected = "unable to continue with install: ConfigMap \"config\" in namespace \"ns\" exists and cannot be \
                    imported into the current release: invalid ownership metadata";
    assert!(refused.starts_with(expected), "{refused}");
    assert_eq!(site.statuses().await, [""; 0]);
    assert_eq!(site.data("config").await, json!({ "color": "mine" }));
    let request = Install { take_ownership: true, ..install() };
    let request = Install { options: Options { force_conflicts: true, ..options() }, ..request };
    site.install(&chart, json!({}), &request).await.unwrap();
    assert_eq!(site.data("config").await, json!({ "color": "blue" }));
}

#[tokio::test]
async fn a_failed_hook_fails_the_release_and_a_remedy_takes_it_away() {
    let site = Site::start().await;
    site.finish_jobs();
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n"),
        (
            "templates/job.yaml",
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: fails\n  annotations: {helm.sh/hook: post-install}\n\
             spec:\n  template:\n    spec: {restartPolicy: Never, containers: [{name: a, image: 'a:1'}]}\n",
        ),
    ];
    let chart = chart(&files);
    let failed = site.install(&chart, json!({}), &install()).await.unwrap_err().words();
    assert_eq!(failed, "failed post-install: Job/ns/fails failed: it does fail");
    let statuses = site.statuses().await;
    assert_eq!(statuses, [format!("1 failed: Release \"rel\" failed: {failed}")]);
    let request = Install { replace: true, ..install() };
    let request = Install { options: Options { rollback_on_failure: true, ..options() }, ..request };
    let failed = site.install(&chart, json!({}), &request).await.unwrap_err().words();
    let expected = "release rel failed, and has been uninstalled due to rollback-on-failure being set: ";
    assert!(failed.starts_with(expected), "{failed}");
    assert_eq!(site.statuses().await, [""; 0]);
}

#[tokio::test]
async fn what_does_not_become_ready_is_named() {
    let site = Site::start().await;
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        (
            "templates/a.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {a: b}}\n  \
             template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: a, image: 'a:1'}]}\n",
        ),
    ];
    let soon = Options { timeout: std::time::Duration::from_millis(300), ..options() };
    let request = Install { options: soon, ..install() };
    let failed = site.install(&chart(&files), json!({}), &request).await.unwrap_err().words();
    let expected = "timed out after 300ms: Deployment/ns/web is not ready: 0 of 1 pods are there";
    assert_eq!(failed, expected);
    assert!(site.statuses().await[0].starts_with("1 failed: "), "{:?}", site.statuses().await);
}

#[tokio::test]
async fn templates_see_the_cluster_and_the_kinds_that_the_chart_brings() {
    let site = Site::start().await;
    site.make_map("there", json!({ "key": "found" })).await;
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.org}\n\
                      spec:\n  group: example.org\n  scope: Namespaced\n  names: {kind: Widget, plural: widgets, singular: widget}\n  \
                      versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, \
                      x-kubernetes-preserve-unknown-fields: true}}}]\n";
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\ndata:\n  \
                    found: {{ (lookup \"v1\" \"ConfigMap\" .Release.Namespace \"there\").data.key }}\n  \
                    missing: {{ lookup \"v1\" \"ConfigMap\" .Release.Namespace \"nowhere\" | toJson | quote }}\n  \
                    listed: {{ (index (lookup \"v1\" \"ConfigMap\" .Release.Namespace \"\").items 0).kind }}\n  \
                    own: {{ .Capabilities.APIVersions.Has \"example.org/v1/Widget\" | quote }}\n  \
                    other: {{ .Capabilities.APIVersions.Has \"example.org/v2\" | quote }}\n  \
                    version: {{ .Capabilities.KubeVersion.Major | quote }}\n---\n\
                    apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: one}\n";
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("crds/widget.yaml", definition),
        ("templates/a.yaml", template),
    ];
    site.install(&chart(&files), json!({}), &install()).await.unwrap();
    assert_eq!(
        site.data("seen").await,
        json!({
            "found": "found", "missing": "{}", "listed": "ConfigMap", "own": "true", "other": "false", "version": "1",
        })
    );
    assert_eq!(site.names("widgets").await, ["one"]);
}

#[tokio::test]
async fn without_the_definition_of_its_kind_nothing_is_written() {
    let site = Site::start().await;
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        (
            "templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n---\napiVersion: example.org/v1\nkind: \
             Gadget\nmetadata: {name: one}\n",
        ),
    ];
    let failed = site.install(&chart(&files), json!({}), &install()).await.unwrap_err().words();
    let expected = "unable to continue with install: unable to build kubernetes objects from release manifest: Gadget \
                    \"one\" in namespace \"ns\": ensure CRDs are installed first: no matches for kind \"Gadget\" in \
                    version \"example.org/v1\"";
    assert_eq!(failed, expected);
    assert_eq!((site.statuses().await.len(), site.names("configmaps").await.len()), (0, 0));
}

#[tokio::test]
async fn a_release_of_the_client_goes_on_so_until_the_server_takes_it_over() {
    let site = Site::start().await;
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("values.yaml", "data: {a: '1', b: '1'}\n"),
        (
            "templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {{ toJson .Values.data }}\n",
        ),
    ];
    let chart = chart(&files);
    let client = Options { server_side: ServerSide::Off, ..options() };
    let request = Install { options: client, ..install() };
    site.install(&chart, json!({}), &request).await.unwrap();
    site.change_map("config", json!({ "theirs": "kept" })).await;
    site.upgrade(&chart, json!({ "data": { "b": null, "c": "2" } }), &upgrade()).await.unwrap();
    assert_eq!(site.data("config").await, json!({ "a": "1", "c": "2", "theirs": "kept" }));
    let server = Options { server_side: ServerSide::On, ..options() };
    let request = Upgrade { options: server, ..upgrade() };
    site.upgrade(&chart, json!({ "data": { "a": null, "b": null, "d": "3" } }), &request).await.unwrap();
    assert_eq!(site.data("config").await, json!({ "d": "3", "theirs": "kept" }));
}

#[tokio::test]
async fn definitions_that_are_there_change_only_where_that_is_asked() {
    let site = Site::start().await;
    let definition = |column: &str| {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: widgets.example.org}}\n\
             spec:\n  group: example.org\n  scope: Namespaced\n  names: {{kind: Widget, plural: widgets, singular: widget, \
             shortNames: [{column}]}}\n  versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: \
             {{type: object}}}}}}]\n"
        )
    };
    let chart_of = |text: &str| {
        chart(&[("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"), ("crds/widget.yaml", text)])
    };
    site.install(&chart_of(&definition("wa")), json!({}), &install()).await.unwrap();
    let cases = [(CrdPolicy::Skip, "wa"), (CrdPolicy::Create, "wa"), (CrdPolicy::CreateReplace, "wb")];
    for (policy, expected) in cases {
        site.upgrade_with(&chart_of(&definition("wb")), json!({}), policy, &upgrade()).await.unwrap();
        assert_eq!(site.short_name_of_widgets().await, expected, "{policy:?}");
    }
}
