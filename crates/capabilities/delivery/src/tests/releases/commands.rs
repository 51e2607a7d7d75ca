//! `bythos helm` on a cluster: the words that Helm prints.

use clap::Parser as _;
use kube::Client;

use super::site::{APPLICATION, Site};
use crate::commands::CommandError;
use crate::commands::helm::{self, Command};

#[derive(Debug, clap::Parser)]
struct Helm {
    #[command(subcommand)]
    command: Command,
}

/// What `helm ARGUMENTS` prints, with `CHART` for the folder of the chart.
async fn helm(client: &Client, folder: &tempfile::TempDir, line: &str) -> Result<String, CommandError> {
    let line = line.replace("CHART", folder.path().to_str().unwrap());
    let arguments = Helm::try_parse_from(std::iter::once("helm").chain(line.split(' '))).unwrap();
    let mut out = Vec::new();
    let connect = async || Ok(client.clone());
    helm::run(&arguments.command, connect, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

fn on_disk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in APPLICATION.iter().chain([&("templates/NOTES.txt", "Enjoy {{ .Values.color }}")]) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// The lines, with times left out.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with("LAST DEPLOYED: ")).map(str::trim_end).collect()
}

#[tokio::test]
async fn a_release_is_made_changed_shown_and_taken_away_by_command() {
    let site = Site::start().await;
    site.finish_jobs();
    let (client, folder) = (site.engine.admin.clone(), on_disk());
    let run = async |line: &str| helm(&client, &folder, line).await.unwrap();
    let installed = run("install rel CHART -n ns --wait --set color=green").await;
    assert_eq!(
        lines(&installed),
        [
            "NAME: rel",
            "NAMESPACE: ns",
            "STATUS: deployed",
            "REVISION: 1",
            "DESCRIPTION: Install complete",
            "TEST SUITE: None",
            "NOTES:",
            "Enjoy green",
        ]
    );
    let upgraded = run("upgrade rel CHART --install -n ns --set old=false").await;
    assert_eq!(lines(&upgraded)[0], "Release \"rel\" has been upgraded. Happy Helming!");
    assert_eq!(lines(&upgraded)[4], "REVISION: 2");
    let listed = run("list -n ns").await;
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').map(str::trim).collect()).collect();
    assert_eq!(rows[0], ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"]);
    assert_eq!([&rows[1][..3], &rows[1][4..]].concat(), ["rel", "ns", "2", "deployed", "c-1.0.0", ""]);
    assert_eq!(run("list -A -q").await, "rel\n");
    assert_eq!(run("list -n other -q").await, "");
    assert_eq!(run("get values rel -n ns").await, "USER-SUPPLIED VALUES:\nold: false\n");
    assert_eq!(run("get values rel -n ns --all -o json").await, "{\"color\":\"blue\",\"old\":false}\n");
    assert_eq!(run("get values rel -n ns --revision 1 -o yaml").await, "color: green\n");
    assert_eq!(run("get notes rel -n ns").await, "NOTES:\nEnjoy blue\n");
    assert!(run("get manifest rel -n ns").await.starts_with("---\n# Source: c/templates/config.yaml\n"));
    assert!(run("get hooks rel -n ns").await.contains("# Source: c/templates/before.yaml\n"));
    assert_eq!(run("rollback rel 1 -n ns").await, "Rollback was a success! Happy Helming!\n");
    let history = run("history rel -n ns").await;
    let descriptions: Vec<&str> =
        history.lines().map(|line| line.rsplit('\t').next().unwrap().trim()).collect();
    assert_eq!(descriptions, ["DESCRIPTION", "Install complete", "Upgrade complete", "Rollback to 1"]);
    let history = run("history rel -n ns --show-rollback-revision").await;
    let brought_back: Vec<&str> =
        history.lines().map(|line| line.rsplit('\t').nth(1).unwrap().trim()).collect();
    assert_eq!(brought_back, ["ROLLBACK", "", "", "1"]);
    let history = run("history rel -n ns -o json").await;
    assert!(history.contains("\"rollback_revision\":1"), "{history}");
    assert_eq!(lines(&run("status rel -n ns").await)[3], "REVISION: 3");
    let gone = run("uninstall rel -n ns").await;
    assert_eq!(
        lines(&gone),
        [
            "These resources were kept due to the resource policy:",
            "[ServiceAccount] kept",
            "",
            "release \"rel\" uninstalled",
        ]
    );
    assert_eq!(run("list -A -q").await, "");
}

#[tokio::test]
async fn template_asks_the_cluster_if_it_is_told_to() {
    let site = Site::start().await;
    let (client, folder) = (site.engine.admin.clone(), on_disk());
    std::fs::remove_dir_all(folder.path().join("templates")).unwrap();
    std::fs::create_dir_all(folder.path().join("templates")).unwrap();
    let text = "found: {{ (lookup \"v1\" \"Namespace\" \"\" \"default\").metadata.name }}\n\
                names: {{ .Capabilities.APIVersions.Has \"apps/v1/Deployment\" }}\n";
    std::fs::write(folder.path().join("templates/a.yaml"), text).unwrap();
    let run = async |line: &str| helm(&client, &folder, line).await;
    let alone = run("template rel CHART").await.unwrap_err().to_string();
    assert!(alone.contains("nil pointer evaluating interface {}.name"), "{alone}");
    let asked = run("template rel CHART --dry-run=server").await.unwrap();
    assert!(asked.contains("found: default\nnames: true\n"), "{asked}");
}

#[tokio::test]
async fn releases_are_listed_by_name_and_label() {
    let site = Site::start().await;
    site.finish_jobs();
    let (client, folder) = (site.engine.admin.clone(), on_disk());
    std::fs::remove_dir_all(folder.path().join("templates")).unwrap();
    let run = async |line: &str| helm(&client, &folder, line).await.unwrap();
    run("install web CHART -n ns --labels team=blue").await;
    run("install shop CHART -n ns --labels team=red").await;
    run("install webshop CHART -n ns").await;
    let cases = [
        ("", "shop web webshop"),
        ("--filter ^web", "web webshop"),
        ("--filter shop$", "shop webshop"),
        ("--filter e.s", "webshop"),
        ("--selector team=blue", "web"),
        ("-l team!=blue,name!=shop", "webshop"),
        ("-l team", "shop web"),
    ];
    for (options, expected) in cases {
        let listed = run(format!("list -n ns -q {options}").trim_end()).await;
        assert_eq!(listed.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{options}");
    }
    let refused = helm(&client, &folder, "list -n ns --filter (").await.unwrap_err().to_string();
    assert!(refused.contains("is not a regular expression"), "{refused}");
    let listed = run("list -n ns --filter ^web$ --time-format 2006 -o json").await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["updated"].as_str().unwrap().len(), "2026".len());
}

#[tokio::test]
async fn what_secrets_hold_can_be_hidden_from_a_dry_run() {
    let site = Site::start().await;
    let (client, folder) = (site.engine.admin.clone(), on_disk());
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: hush}\n";
    std::fs::write(folder.path().join("templates/secret.yaml"), secret).unwrap();
    let run = async |line: &str| helm(&client, &folder, line).await;
    let dry = run("install rel CHART -n ns --dry-run --hide-secret").await.unwrap();
    let hidden = "# Source: c/templates/secret.yaml\n# HIDDEN: The Secret output has been suppressed\n";
    assert!(dry.contains(hidden) && !dry.contains("hush") && dry.contains("kind: ConfigMap"), "{dry}");
    let refused = run("install rel CHART -n ns --hide-secret").await.unwrap_err().to_string();
    assert_eq!(refused, "hiding Kubernetes secrets requires a dry-run mode");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_as_helm_says_it() {
    let site = Site::start().await;
    let (client, folder) = (site.engine.admin.clone(), on_disk());
    let fail = async |line: &str| helm(&client, &folder, line).await.unwrap_err().to_string();
    assert_eq!(fail("upgrade rel CHART -n ns").await, "UPGRADE FAILED: \"rel\" has no deployed releases");
    assert_eq!(fail("history rel -n ns").await, "release: not found");
    let missing = fail("uninstall rel -n ns").await;
    assert_eq!(missing, "uninstall: Release not loaded: rel: release: not found");
    let nameless = "must either provide a name or specify --generate-name";
    assert_eq!(fail("install CHART -n ns").await, nameless);
    let dry = helm(&client, &folder, "install rel CHART -n ns --dry-run").await.unwrap();
    assert!(dry.contains("DESCRIPTION: Dry run complete\n") && dry.contains("MANIFEST:\n---\n"), "{dry}");
    assert_eq!(site.statuses().await, [""; 0]);
}
