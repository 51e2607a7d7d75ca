//! `bythos install`: the cloud starts with the machine, and again when it crashed.
//!
//! The program is put where every shell finds it, and systemd is told of it in two units per root. The service leaves
//! the pods alone when it stops (`KillMode=process`), so installing anew, which is how an update works, restarts Bythos
//! and nothing else. The other unit ends the pods when the machine is shut down, each within its grace.

mod unit;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::host;
use crate::lock::{self, Holder, Role};
use crate::progress::Progress;
use crate::settings::Settings;
use unit::Units;

/// Where the program is put: on the path of every shell, and outside of what packages own.
const PROGRAM: &str = "/usr/local/bin/bythos";
/// Exists where systemd runs the machine (sd_booted(3)).
const SYSTEMD_RUNS: &str = "/run/systemd/system";

/// Installs this very program and its unit, and starts it.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    host::check_user()?;
    if !Path::new(SYSTEMD_RUNS).exists() {
        bail!("systemd does not run this machine; let its own means of starting services run `bythos up`");
    }
    let mut progress = Progress::new();
    progress.step("checking this machine");
    host::check_programs()?;
    let units = Units::new(&settings.layout);
    refuse_a_foreground_process(settings, &units)?;
    progress.step(format!("installing {PROGRAM}"));
    install_program()?;
    let (service, pods, program) = (units.service(), units.pods(), Path::new(PROGRAM));
    progress.step(format!("installing {service} and {pods}"));
    replace(&Units::path(&service), units.text_of_service(program).as_bytes(), 0o644)?;
    replace(&Units::path(&pods), units.text_of_pods(program).as_bytes(), 0o644)?;
    systemctl(["daemon-reload"])?;
    systemctl(["enable", "--quiet", &service])?;
    // It has nothing to start: it only ends.
    systemctl(["enable", "--quiet", "--now", &pods])?;
    progress.step("starting the cloud");
    systemctl(["restart", &service])?;
    progress.done();
    progress
        .line("The cloud runs, and starts with this machine from now on. `bythos status` says how it is;");
    progress.line("`bythos uninstall` removes it with all its data.");
    Ok(())
}

/// Stops the service of this root and its pods, and removes the units, and the program with the last of them. Nothing,
/// where none was installed.
pub(crate) fn remove(settings: &Settings) -> Result<()> {
    let units = Units::new(&settings.layout);
    let installed: Vec<_> =
        [units.service(), units.pods()].into_iter().filter(|name| Units::path(name).exists()).collect();
    if installed.is_empty() {
        return Ok(());
    }
    for name in installed {
        if Path::new(SYSTEMD_RUNS).exists() {
            systemctl(["disable", "--quiet", "--now", &name])?;
        }
        remove_file(&Units::path(&name))?;
    }
    if Path::new(SYSTEMD_RUNS).exists() {
        systemctl(["daemon-reload"])?;
    }
    if unit::installed()?.is_empty() {
        remove_file(Path::new(PROGRAM))?;
    }
    Ok(())
}

/// A cloud that somebody runs in a terminal is theirs to end: systemd could only fail beside it.
fn refuse_a_foreground_process(settings: &Settings, units: &Units) -> Result<()> {
    let lock = settings.layout.lock();
    if !lock.exists() || is_active(units)? {
        return Ok(());
    }
    if let Some(Holder { role: Role::Up, process }) = lock::holder(&lock)? {
        bail!("process {process} runs this cloud already; end it with Ctrl-C, its pods keep running");
    }
    Ok(())
}

fn is_active(units: &Units) -> Result<bool> {
    let status = Command::new("systemctl").args(["is-active", "--quiet", &units.service()]).status();
    Ok(status.context("failed to run systemctl")?.success())
}

fn install_program() -> Result<()> {
    let own = std::env::current_exe().context("failed to find this program's own file")?;
    if Path::new(PROGRAM).canonicalize().is_ok_and(|installed| installed == own) {
        return Ok(());
    }
    let bytes = std::fs::read(&own).with_context(|| format!("failed to read {own:?}"))?;
    replace(Path::new(PROGRAM), &bytes, 0o755)
}

/// The whole file or the old one: also a program that runs is replaced by renaming over it.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("failed to write {path:?}"))
}

fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {path:?}"))
        }
        _ => Ok(()),
    }
}

fn systemctl<const N: usize>(words: [impl AsRef<OsStr>; N]) -> Result<()> {
    let mut command = Command::new("systemctl");
    command.args(words);
    let output = command.output().context("failed to run systemctl")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed: {}; `journalctl -u 'bythos*'` may say more", said.trim());
    }
    Ok(())
}
