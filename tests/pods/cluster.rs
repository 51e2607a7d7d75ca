//! A cloud with an image in it, for one test.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use bythos_end_to_end::{Owner, binary};
use bythos_testing::machine::succeed;
use serde_json::Value;

/// Static busybox of this host, which needs no package source.
pub(crate) const IMAGE: &str = "localhost/busybox:1";
const RECIPE: &str =
    "image: localhost/busybox:1\nfiles: {busybox: /bin/busybox}\nlinks: {/bin/sh: busybox}\n";

/// Runs `test` on a cloud that has [`IMAGE`], and holds that nothing is left of the cloud afterwards.
pub(crate) fn alone(name: &str, test: impl FnOnce(&mut Owner) -> Result<()>) -> Result<()> {
    let mut owner = Owner::new(name, binary()?)?;
    owner.machine.up(&[])?;
    let outcome = import_busybox(&owner).and_then(|()| test(&mut owner));
    if outcome.is_err() {
        tell(&owner.machine.logs());
    }
    outcome?;
    succeed(&mut owner.machine.bythos(&["uninstall", "--yes"]))?;
    let left = owner.machine.leftovers()?;
    ensure!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}

fn import_busybox(owner: &Owner) -> Result<()> {
    std::fs::copy("/bin/busybox", owner.machine.home().join("busybox")).context("busybox-static is there")?;
    let recipe = write(owner, "busybox.yaml", RECIPE)?;
    let archive = owner.build_image_of(&recipe)?;
    owner.import_image(&archive)
}

/// A file in the owner's home.
pub(crate) fn write(owner: &Owner, name: &str, text: &str) -> Result<PathBuf> {
    let file = owner.machine.home().join(name);
    std::fs::write(&file, text)?;
    Ok(file)
}

/// `kubectl apply`.
pub(crate) fn apply(owner: &Owner, objects: &[Value]) -> Result<()> {
    let mut kubectl = owner.machine.command("kubectl");
    kubectl.args(["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = kubectl.spawn()?;
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    running.stdin.take().context("its input is piped")?.write_all(list.to_string().as_bytes())?;
    let output = running.wait_with_output()?;
    ensure!(output.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The items of a list of objects.
pub(crate) fn items(owner: &Owner, arguments: &[&str]) -> Result<Vec<Value>> {
    let list = owner.get(arguments)?;
    Ok(list["items"].as_array().context("a list has items")?.clone())
}

#[allow(clippy::print_stderr, reason = "a long test says where it is, and a failed one what Bythos said")]
pub(crate) fn tell(what: &str) {
    eprintln!("{what}");
}
