//! What a newcomer types first, with an image that is built from Debian packages on the spot.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use bythos_end_to_end::Owner;

use crate::cluster::{alone, write};

const RECIPE: &str = r#"
image: localhost/web:1
packages: [busybox-static]
files: {page.html: /srv/index.html}
command: [/bin/busybox, httpd, -f, -p, "80", -h, /srv]
"#;
/// What is typed into the shell that `kubectl run -it` gives.
const TYPED: &str = "/bin/busybox tty\n\
    /bin/busybox wget -q -O - http://web/\n\
    /bin/busybox wget -q -O - http://web.default.svc.cluster.local/\n\
    exit\n";

#[test]
fn a_newcomer_builds_deploys_exposes_and_looks_around() -> Result<()> {
    alone("newcomer", |owner| {
        write(owner, "page.html", "<h1>Hello from my own image</h1>\n")?;
        let recipe = write(owner, "web.yaml", RECIPE)?;
        owner.import_image(&owner.build_image_of(&recipe)?)?;

        owner.kubectl(&["create", "deployment", "web", "--image=localhost/web:1"])?;
        owner.kubectl(&["expose", "deployment", "web", "--port=80"])?;
        owner.kubectl(&["rollout", "status", "deployment/web", "--timeout=120s"])?;

        let command = "kubectl run -it --rm look --image=localhost/web:1 --restart=Never -- /bin/busybox sh";
        let seen = type_into(owner, command, TYPED)?;
        ensure!(seen.contains("/dev/pts/0"), "the shell has no terminal: {seen}");
        let answers = seen.matches("<h1>Hello from my own image</h1>").count();
        ensure!(answers == 2, "expected an answer by each of the two names: {seen}");
        ensure!(seen.contains("pod \"look\" deleted"), "{seen}");
        let pods = owner.kubectl(&["get", "pods", "-o", "name"])?;
        ensure!(!pods.contains("look"), "{pods}");
        Ok(())
    })
}

/// What a person sees who runs `command` in a terminal and types `typed`.
fn type_into(owner: &Owner, command: &str, typed: &str) -> Result<String> {
    // `script` gives the command a terminal, and ends with it.
    let mut script = owner.machine.command("timeout");
    script.args(["120", "script", "--quiet", "--return", "--command", command, "/dev/null"]);
    let mut running = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut keyboard = running.stdin.take().context("its input is piped")?;
    keyboard.write_all(typed.as_bytes())?;
    let output = running.wait_with_output()?;
    // Until here: the end of its input would be one of the terminal's, too.
    drop(keyboard);
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{command} ended with {}: {seen}", output.status);
    Ok(seen)
}
