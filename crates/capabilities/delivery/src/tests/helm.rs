//! `bythos helm`, against a site that publishes charts.

use clap::Parser;

use super::site::{Site, chart, web};
use crate::commands::CommandError;
use crate::commands::helm::{Command, run};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// What `bythos helm` with these words prints, or says is wrong.
async fn helm(words: &[&str]) -> Result<String, String> {
    let line = Line::try_parse_from(["helm"].iter().chain(words)).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let connect = async || Err(CommandError::Refuse("there is no cluster".to_owned()));
    match run(&line.command, connect, &mut out).await {
        Ok(()) => Ok(String::from_utf8(out).unwrap()),
        Err(error) => Err(format!("{}{error}", String::from_utf8(out).unwrap())),
    }
}

/// A folder with a chart in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n"),
        ("values.yaml", "name: few # why\ncount: 1\n"),
        ("README.md", "read me"),
        (
            "crds/a.yaml",
            "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\nmetadata: {name: a}\n",
        ),
        ("templates/_names.tpl", "{{ define \"name\" }}{{ .Release.Name }}-{{ .Values.name }}{{ end }}"),
        (
            "templates/a.yaml",
            "kind: ConfigMap\nmetadata: {name: {{ include \"name\" . }}, namespace: {{ .Release.Namespace }}}\ndata: {count: {{ .Values.count | quote }}}\n",
        ),
        (
            "templates/b.yaml",
            "kind: Secret\nmetadata: {name: b}\nis: {{ .Release.IsUpgrade }} {{ .Capabilities.KubeVersion }} {{ .Capabilities.APIVersions.Has \"x/v1\" }}\n",
        ),
        ("templates/t.yaml", "kind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n"),
        ("templates/h.yaml", "kind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n"),
    ];
    for (path, text) in files {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_folder_is_rendered_as_helm_prints_it() {
    let folder = folder();
    let chart = folder.path().to_str().unwrap();
    let printed = helm(&["template", "rel", chart, "--namespace", "ns", "--set", "name=many,count=3"]).await;
    let expected = "---\n# Source: shop/templates/b.yaml\nkind: Secret\nmetadata: {name: b}\nis: false v1.37.0 false\n\n\
                    ---\n# Source: shop/templates/a.yaml\nkind: ConfigMap\nmetadata: {name: rel-many, namespace: ns}\ndata: {count: \"3\"}\n\
                    ---\n# Source: shop/templates/t.yaml\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n\n\
                    ---\n# Source: shop/templates/h.yaml\nkind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n\n";
    assert_eq!(printed.unwrap(), expected);
    let printed = helm(&["template", chart, "--no-hooks", "--include-crds", "--is-upgrade"]).await.unwrap();
    assert!(
        printed.starts_with("---\n# Source: shop/crds/a.yaml\nkind: CustomResourceDefinition\n"),
        "{printed}"
    );
    assert!(printed.contains("is: true") && printed.contains("name: release-name-few"), "{printed}");
    assert!(!printed.contains("kind: Job"), "{printed}");
    let printed =
        helm(&["template", chart, "--skip-tests", "--kube-version", "1.30", "-a", "x/v1"]).await.unwrap();
    assert!(
        printed.contains("v1.30 true") && printed.contains("kind: Job") && !printed.contains("kind: Pod"),
        "{printed}"
    );
}

#[tokio::test]
async fn templates_can_be_written_into_files() {
    let (folder, out) = (folder(), tempfile::tempdir().unwrap());
    let (chart, to) = (folder.path().to_str().unwrap(), out.path().to_str().unwrap());
    let words = ["template", "rel", chart, "--output-dir", to, "--release-name", "--include-crds"];
    let printed = helm(&words).await.unwrap();
    let written: Vec<String> = ["crds/a", "templates/a", "templates/b", "templates/h", "templates/t"]
        .iter()
        .map(|name| format!("wrote {to}/rel/shop/{name}.yaml"))
        .collect();
    assert_eq!(printed.lines().collect::<Vec<_>>(), written);
    let text = std::fs::read_to_string(out.path().join("rel/shop/templates/t.yaml")).unwrap();
    let expected = "---\n# Source: shop/templates/t.yaml\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n\n";
    assert_eq!(text, expected);
    helm(&["template", chart, "--release-name"]).await.unwrap_err();
}

#[tokio::test]
async fn values_may_break_the_schema_where_that_is_asked() {
    let folder = folder();
    let chart = folder.path().to_str().unwrap();
    let schema = r#"{"properties":{"count":{"type":"string"}}}"#;
    std::fs::write(folder.path().join("values.schema.json"), schema).unwrap();
    for verb in ["template", "lint"] {
        helm(&[verb, chart]).await.unwrap_err();
        helm(&[verb, chart, "--skip-schema-validation"]).await.unwrap();
    }
}

#[tokio::test]
async fn names_of_hosts_are_looked_up_only_where_that_is_asked() {
    let folder = folder();
    let chart = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("templates/a.yaml"), "ip: {{ getHostByName \"localhost\" | quote }}\n")
        .unwrap();
    let show = ["template", chart, "-s", "templates/a.yaml"];
    assert!(helm(&show).await.unwrap().contains("ip: \"\""));
    let found = helm(&[&show[..], &["--enable-dns"]].concat()).await.unwrap();
    assert!(found.contains("ip: \"127.0.0.1\"") || found.contains("ip: \"::1\""), "{found}");
}

#[tokio::test]
async fn what_is_ignored_is_not_even_read() {
    let folder = folder();
    std::fs::write(folder.path().join(".helmignore"), ".git/\n*.bad\n").unwrap();
    let git = folder.path().join(".git");
    std::fs::create_dir(&git).unwrap();
    // To read these would fail.
    std::os::unix::fs::symlink("nowhere", git.join("a")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("templates/x.bad")).unwrap();
    helm(&["template", folder.path().to_str().unwrap()]).await.unwrap();
}

#[tokio::test]
async fn some_templates_alone_can_be_shown() {
    let folder = folder();
    let chart = folder.path().to_str().unwrap();
    let printed = helm(&["template", chart, "--show-only", "templates/[ab].yaml"]).await.unwrap();
    assert!(printed.contains("kind: Secret") && printed.contains("kind: ConfigMap"), "{printed}");
    assert!(!printed.contains("kind: Job"), "{printed}");
    let refused = helm(&["template", chart, "-s", "templates/none.yaml"]).await.unwrap_err();
    assert_eq!(refused, "could not find template templates/none.yaml in chart");
}

#[tokio::test]
async fn values_come_from_files_and_lines_in_helms_order() {
    let folder = folder();
    let (chart, file, text) =
        (folder.path().to_str().unwrap(), folder.path().join("v"), folder.path().join("t"));
    std::fs::write(&file, "name: file\ncount: 7\n").unwrap();
    std::fs::write(&text, "a,b").unwrap();
    let (file, text) = (file.to_str().unwrap(), format!("count={}", text.display()));
    let rendered = async |words: &[&str]| {
        let printed = helm(&[&["template", chart, "-s", "templates/a.yaml"], words].concat()).await.unwrap();
        printed.lines().skip(3).collect::<Vec<_>>().join(" ")
    };
    let expected = |name: &str, count: &str| {
        format!("metadata: {{name: release-name-{name}, namespace: default}} data: {{count: \"{count}\"}}")
    };
    assert_eq!(rendered(&["-f", file]).await, expected("file", "7"));
    assert_eq!(rendered(&["--set", "name=set", "-f", file]).await, expected("set", "7"));
    assert_eq!(
        rendered(&["--set-json", "{\"name\": \"json\"}", "--set-string", "count=true"]).await,
        expected("json", "true")
    );
    assert_eq!(rendered(&["--set-literal", "name=x", "--set-file", &text]).await, expected("x", "a,b"));
    let refused = helm(&["template", chart, "--set", "name"]).await.unwrap_err();
    assert_eq!(refused, "failed parsing --set data: key \"name\" has no value");
}

#[tokio::test]
async fn names_are_given_or_made_by_a_template() {
    let folder = folder();
    let chart = folder.path().to_str().unwrap();
    let template = ["template", chart, "--name-template", "{{ \"N\" | lower }}-{{ add 1 1 }}"];
    assert!(helm(&template).await.unwrap().contains("name: n-2-few"));
    let refused = helm(&["template", "rel", chart, "--name-template", "x"]).await.unwrap_err();
    assert_eq!(refused, "cannot set --name-template and also specify a name");
}

#[tokio::test]
async fn charts_are_had_from_wherever_they_are() {
    let site = Site::new();
    site.publish(&["1.0.0", "1.1.0", "2.0.0-rc.1"]);
    site.push("1.0.0", &web("1.0.0"));
    site.push("1.5.0", &web("1.5.0"));
    site.tags(&["1.0.0"], &["1.5.0"]);
    let version = async |words: &[&str]| {
        let shown = helm(&[&["show", "chart"], words].concat()).await?;
        Ok::<_, String>(shown.lines().find_map(|it| it.strip_prefix("version: ")).unwrap().to_owned())
    };
    let (charts, oci) = (site.url("charts"), site.oci("charts/web"));
    assert_eq!(version(&["web", "--repo", &charts]).await.unwrap(), "1.1.0");
    assert_eq!(version(&["web", "--repo", &charts, "--version", "~1.0"]).await.unwrap(), "1.0.0");
    assert_eq!(version(&["web", "--repo", &charts, "--devel"]).await.unwrap(), "2.0.0-rc.1");
    assert_eq!(version(&[&site.url("charts/web-1.0.0.tgz")]).await.unwrap(), "1.0.0");
    assert_eq!(version(&[&oci, "--plain-http"]).await.unwrap(), "1.5.0");
    assert_eq!(version(&[&format!("{oci}:1.0.0"), "--plain-http"]).await.unwrap(), "1.0.0");
    let refused = version(&["other", "--repo", &charts]).await.unwrap_err();
    assert_eq!(refused, "chart \"other\": no chart \"other\" in the index");
    let refused = version(&["nowhere"]).await.unwrap_err();
    assert!(refused.starts_with("chart \"nowhere\": not found; expected a folder or a .tgz"), "{refused}");
    let refused = version(&["web", "--repo", &charts, "--dependency-update"]).await.unwrap_err();
    assert!(refused.starts_with("--dependency-update is not built yet"), "{refused}");
    site.lock("me:s3cret");
    let login = ["web", "--repo", &charts, "--username", "me", "--password", "s3cret"];
    assert_eq!(version(&login).await.unwrap(), "1.1.0");
}

#[tokio::test]
async fn a_chart_shows_what_it_says_about_itself() {
    let folder = folder();
    let chart = folder.path().to_str().unwrap();
    assert_eq!(helm(&["show", "values", chart]).await.unwrap(), "name: few # why\ncount: 1\n\n");
    assert_eq!(helm(&["show", "readme", chart]).await.unwrap(), "read me\n");
    assert!(helm(&["show", "crds", chart]).await.unwrap().starts_with("---\nkind: CustomResourceDefinition"));
    assert!(helm(&["show", "all", chart]).await.unwrap().contains("read me"));
}

#[tokio::test]
async fn lint_says_what_is_wrong() {
    let folder = folder();
    let good = folder.path().to_str().unwrap();
    let printed = helm(&["lint", good]).await.unwrap();
    assert!(printed.contains("[INFO] Chart.yaml: icon is recommended"), "{printed}");
    assert!(printed.ends_with("1 chart(s) linted, 0 chart(s) failed\n"), "{printed}");
    assert_eq!(helm(&["lint", good, "--quiet"]).await.unwrap(), "");
    std::fs::write(folder.path().join("templates/bad.yaml"), "{{ .Values.").unwrap();
    let refused = helm(&["lint", good]).await.unwrap_err();
    assert!(refused.contains("[ERROR] templates/") && refused.ends_with("1 chart(s) failed"), "{refused}");
    let refused = helm(&["lint", "/nowhere"]).await.unwrap_err();
    assert!(refused.contains("==> Linting /nowhere\nError "), "{refused}");
    let archive = folder.path().join("c.tgz");
    std::fs::write(
        &archive,
        chart(&[
            ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
            ("templates/a.yaml", "{{ .Values."),
        ]),
    )
    .unwrap();
    helm(&["lint", archive.to_str().unwrap()]).await.unwrap_err();
}

#[tokio::test]
async fn lint_looks_into_charts_inside_if_it_is_told_to() {
    let folder = folder();
    let outer = folder.path().to_str().unwrap();
    let inner = folder.path().join("charts/inner");
    std::fs::create_dir_all(inner.join("charts")).unwrap();
    std::fs::write(inner.join("Chart.yaml"), "apiVersion: v2\nname: inner\nversion: 1.0.0\n").unwrap();
    let packed = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: packed\nversion: 1.0.0\n"),
        ("templates/a.yaml", "{{ .Values."),
    ]);
    std::fs::write(inner.join("charts/packed-1.0.0.tgz"), packed).unwrap();
    let alone = helm(&["lint", outer]).await.unwrap_err();
    assert!(alone.ends_with("1 chart(s) linted, 1 chart(s) failed"), "{alone}");
    let with_others = helm(&["lint", outer, "--with-subcharts"]).await.unwrap_err();
    for path in [inner.clone(), inner.join("charts/packed-1.0.0.tgz")] {
        assert!(with_others.contains(&format!("==> Linting {}\n", path.display())), "{with_others}");
    }
    assert!(with_others.ends_with("3 chart(s) linted, 3 chart(s) failed"), "{with_others}");
}

#[tokio::test]
async fn a_release_is_called_as_it_is_told() {
    let folder = folder();
    let chart = folder.path().to_str().unwrap();
    let printed = helm(&["template", chart, "--generate-name"]).await.unwrap();
    assert!(printed.contains("name: shop-") && printed.contains("-few"), "{printed}");
    let printed = helm(&["template", chart, "--name-template", "{{ upper \"a\" | lower }}b"]).await.unwrap();
    assert!(printed.contains("name: ab-few"), "{printed}");
    let refused = helm(&["template", "rel", chart, "-g"]).await.unwrap_err();
    assert!(refused.contains("cannot set --generate-name and also specify a name"), "{refused}");
}

#[tokio::test]
async fn a_chart_is_pulled_as_a_file_or_a_folder() {
    let site = Site::new();
    site.publish(&["1.0.0"]);
    let folder = tempfile::tempdir().unwrap();
    let (charts, to) = (site.url("charts"), folder.path().to_str().unwrap());
    let pull = ["pull", "web", "--repo", &charts, "--destination", to];
    helm(&pull).await.unwrap();
    assert_eq!(std::fs::read(folder.path().join("web-1.0.0.tgz")).unwrap(), web("1.0.0"));
    let untar = [&pull[..], &["--untar"]].concat();
    helm(&untar).await.unwrap();
    assert!(folder.path().join("web/templates/web.yaml").is_file());
    let refused = helm(&untar).await.unwrap_err();
    assert!(refused.ends_with("already exists"), "{refused}");
}

#[tokio::test]
async fn a_schema_may_stand_on_one_that_a_site_publishes() {
    let (folder, site) = (folder(), Site::new());
    site.put("count.json", r#"{"type": "integer", "maximum": 3}"#);
    let schema = |name: &str| format!(r#"{{"properties": {{"count": {{"$ref": "{}"}}}}}}"#, site.url(name));
    let chart = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("values.schema.json"), schema("count.json")).unwrap();
    helm(&["template", chart]).await.unwrap();
    let refused = helm(&["template", chart, "--set", "count=4"]).await.unwrap_err();
    assert!(refused.contains("- at '/count': maximum: got 4, want 3"), "{refused}");
    std::fs::write(folder.path().join("values.schema.json"), schema("gone.json")).unwrap();
    let refused = helm(&["template", chart]).await.unwrap_err();
    assert!(refused.contains("404") && refused.contains("--skip-schema-validation"), "{refused}");
    helm(&["template", chart, "--skip-schema-validation"]).await.unwrap();
}
