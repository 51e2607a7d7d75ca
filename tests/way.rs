//! The way: a push to Git becomes an application behind HTTPS, and stays one whatever happens to Bythos.

use anyhow::{Result, ensure};
use bythos_end_to_end::{Owner, binary, pictures};
use bythos_testing::machine::{eventually, succeed};
use serde_json::Value;

const ADDRESS: &str = "https://hello.bythos.localhost/";

#[test]
fn a_push_becomes_an_application_behind_https() -> Result<()> {
    let mut owner = Owner::new("way", binary()?)?;
    tell(&owner.machine.up(&[])?);
    let story = walk(&mut owner);
    if story.is_err() {
        tell(&owner.machine.logs());
    }
    story?;
    succeed(&mut owner.machine.bythos(&["down"]))?;
    succeed(&mut owner.machine.bythos(&["uninstall", "--yes"]))?;
    let left = owner.machine.leftovers()?;
    ensure!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}

fn walk(owner: &mut Owner) -> Result<()> {
    tell("a push becomes an application");
    owner.init()?;
    owner.git(&["push", "--quiet"])?;
    let root = eventually("the platform's root certificate", || owner.root_certificate())?;
    let answers = |owner: &Owner, words: &str| {
        eventually(words, || {
            let page = owner.fetch(ADDRESS, &root)?;
            ensure!(page.contains(words), "the page is {page}");
            Ok(())
        })
    };
    answers(owner, "Hello from your own cloud")?;
    eventually("a cloud without problems", || no_problems(owner))?;

    kubectl_shows_it(owner)?;
    a_browser_shows_it(owner)?;

    tell("a changed push changes it");
    owner.edit("apps/hello/page.yaml", "Hello from your own cloud", "Hello again")?;
    owner.push("a new greeting")?;
    answers(owner, "Hello again")?;

    tell("a crash of Bythos touches no container");
    let before = containers(owner)?;
    owner.machine.crash()?;
    owner.machine.up(&[])?;
    answers(owner, "Hello again")?;
    let after = containers(owner)?;
    ensure!(before == after, "containers before the crash: {before:#?}, after: {after:#?}");
    owner.edit("apps/hello/page.yaml", "Hello again", "Hello after the crash")?;
    owner.push("life goes on")?;
    answers(owner, "Hello after the crash")?;

    status_names_the_first_cause(owner)?;

    tell("a removed application is gone with all its objects");
    owner.edit("kustomization.yaml", "resources:\n  - apps/hello", "resources: []")?;
    owner.push("no more hello")?;
    eventually("no namespace hello", || {
        let listed = owner.kubectl(&["get", "namespace", "hello", "--ignore-not-found"])?;
        ensure!(listed.is_empty(), "{listed}");
        Ok(())
    })?;
    eventually("no pods", || {
        let pods = owner.kubectl(&["get", "pods", "--all-namespaces", "-o", "name"])?;
        ensure!(pods.is_empty(), "{pods}");
        Ok(())
    })
}

fn kubectl_shows_it(owner: &Owner) -> Result<()> {
    tell("kubectl shows it");
    let deployments = owner.kubectl(&["get", "deployments", "--namespace", "hello"])?;
    ensure!(deployments.contains("hello") && deployments.contains("1/1"), "{deployments}");
    let described = owner.kubectl(&["describe", "pods", "--namespace", "hello"])?;
    for words in ["localhost/hello:1", "Started", "Ready"] {
        ensure!(described.contains(words), "{words} is missing in {described}");
    }
    owner.kubectl(&["logs", "deployment/hello", "--namespace", "hello"])?;
    let manifest = owner.repository.with_file_name("extra.yaml");
    std::fs::write(&manifest, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: b}\n")?;
    let manifest = manifest.to_string_lossy();
    owner.kubectl(&["apply", "-f", &manifest])?;
    ensure!(owner.get(&["configmap", "extra"])?["data"]["a"] == "b");
    owner.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &manifest])?;
    owner.kubectl(&["delete", "-f", &manifest])?;
    Ok(())
}

fn a_browser_shows_it(owner: &Owner) -> Result<()> {
    tell("a browser trusts it and shows it");
    succeed(&mut owner.machine.bythos(&["trust", "--browsers"]))?;
    let browse = |what: &str| {
        let mut chromium = owner.machine.command("chromium");
        chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        chromium.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        chromium.arg(format!("--user-data-dir={}", owner.machine.home().join("browser").display()));
        chromium.args(["--window-size=900,600", what, ADDRESS]);
        succeed(&mut chromium)
    };
    let page = browse("--dump-dom")?;
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    ensure!(page.contains("<h1>Hello from your own cloud</h1>"), "the browser shows {page}");
    let picture = pictures()?.join("hello.png");
    browse(&format!("--screenshot={}", picture.display()))?;
    ensure!(picture.is_file(), "there is no picture");

    let trusted = || {
        let mut list = owner.machine.command("certutil");
        let store = owner.machine.home().join(".pki/nssdb");
        let listed = succeed(list.args(["-L", "-d", &format!("sql:{}", store.display())]))?;
        anyhow::Ok(String::from_utf8_lossy(&listed.stdout).contains("bythos-"))
    };
    ensure!(trusted()?, "the browser's store does not name the platform");
    succeed(&mut owner.machine.bythos(&["trust", "--remove", "--browsers"]))?;
    ensure!(!trusted()?, "the browser's store still names the platform");
    Ok(())
}

fn status_names_the_first_cause(owner: &Owner) -> Result<()> {
    tell("status names the first cause of a missing image");
    owner.edit("apps/hello/deployment.yaml", "localhost/hello:1", "localhost/hello:2")?;
    owner.push("an image that is not there")?;
    eventually("a cause", || owner.first_cause_says(&["Pod hello/", "localhost/hello:2"]))?;
    owner.edit("apps/hello/deployment.yaml", "localhost/hello:2", "localhost/hello:1")?;

    tell("status names the first cause of a manifest with a wrong field");
    owner.edit("apps/hello/deployment.yaml", "replicas: 1", "replicaz: 1")?;
    owner.push("a field that does not exist")?;
    eventually("a cause", || owner.first_cause_says(&["Kustomization flux-system/platform", "replicaz"]))?;
    owner.edit("apps/hello/deployment.yaml", "replicaz: 1", "replicas: 1")?;

    tell("status names the first cause of a host name used twice");
    let ingress = std::fs::read_to_string(owner.repository.join("apps/hello/ingress.yaml"))?;
    let second = ingress.replacen("name: hello", "name: impostor", 1);
    std::fs::write(owner.repository.join("apps/hello/impostor.yaml"), second)?;
    owner.edit("apps/hello/kustomization.yaml", "  - ingress.yaml", "  - ingress.yaml\n  - impostor.yaml")?;
    owner.push("the same host name twice")?;
    let words = ["Ingress hello/impostor", "hello.bythos.localhost", "hello/hello"];
    eventually("a cause", || owner.first_cause_says(&words))?;
    owner.edit("apps/hello/kustomization.yaml", "\n  - impostor.yaml", "")?;
    owner.push("one name, one application")?;
    eventually("a cloud without problems", || no_problems(owner))?;

    tell("status names the first cause of a repository that cannot be read");
    let source = owner.get(&["gitrepository", "platform", "--namespace", "flux-system"])?;
    set_url(owner, "https://localhost:1/nowhere.git")?;
    eventually("a cause", || owner.first_cause_says(&["GitRepository flux-system/platform", "localhost"]))?;
    set_url(owner, source["spec"]["url"].as_str().unwrap_or_default())?;
    eventually("a cloud without problems", || no_problems(owner))
}

fn set_url(owner: &Owner, url: &str) -> Result<()> {
    let patch = format!(r#"{{"spec":{{"url":"{url}"}}}}"#);
    owner
        .kubectl(&[
            "patch",
            "gitrepository",
            "platform",
            "--namespace",
            "flux-system",
            "--type=merge",
            "-p",
            &patch,
        ])
        .map(drop)
}

fn no_problems(owner: &Owner) -> Result<()> {
    let problems = owner.problems()?;
    ensure!(problems.is_empty(), "{problems:#?}");
    Ok(())
}

/// Container id and restart count of every container.
fn containers(owner: &Owner) -> Result<Vec<(String, i64)>> {
    let pods = owner.get(&["pods", "--all-namespaces"])?;
    let pods = pods["items"].as_array().cloned().unwrap_or_default();
    let statuses =
        pods.iter().flat_map(|pod| pod["status"]["containerStatuses"].as_array().into_iter().flatten());
    let identity = |status: &Value| {
        let id = status["containerID"].as_str().unwrap_or_default().to_owned();
        (id, status["restartCount"].as_i64().unwrap_or_default())
    };
    let found: Vec<_> = statuses.map(identity).collect();
    ensure!(!found.is_empty(), "there are no containers");
    Ok(found)
}

#[allow(clippy::print_stderr, reason = "a long test says where it is")]
fn tell(what: &str) {
    eprintln!("-- {what}");
}
