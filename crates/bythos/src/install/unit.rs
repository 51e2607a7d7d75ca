//! The systemd unit of one root.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::layout::{DEFAULT_ROOT, Layout};

/// Units that an administrator adds (systemd.unit(5)).
const FOLDER: &str = "/etc/systemd/system";

pub(super) struct Unit {
    name: String,
    root: PathBuf,
}

impl Unit {
    pub(super) fn new(layout: &Layout) -> Unit {
        let name = if layout.root == Path::new(DEFAULT_ROOT) {
            "bythos.service".to_owned()
        } else {
            format!("bythos-{}.service", layout.id)
        };
        Unit { name, root: layout.root.clone() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> PathBuf {
        Path::new(FOLDER).join(&self.name)
    }

    /// What the file says.
    ///
    /// `bythos down` ends the process in good order, after which it stays down until it is started again; any other
    /// end is mended by a restart, for ever.
    pub(super) fn text(&self, program: &Path) -> String {
        let (program, root) = (quoted(program), quoted(&self.root));
        format!(
            "\
# Written by `bythos install`, and again by the next one: changes belong into `systemctl edit {name}`.
[Unit]
Description=Bythos, a private cloud in {root}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={program} --root {root} up
Restart=on-failure
RestartSec=1
TimeoutStartSec=infinity
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
",
            name = self.name,
        )
    }
}

/// The units of all roots of this machine.
pub(super) fn installed() -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(FOLDER) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("failed to read {FOLDER:?}"))?,
    };
    let mut units = Vec::new();
    for entry in entries {
        let name = entry.with_context(|| format!("failed to read {FOLDER:?}"))?.file_name();
        let name = name.to_string_lossy();
        if name == "bythos.service" || name.starts_with("bythos-") && name.ends_with(".service") {
            units.push(name.into_owned());
        }
    }
    Ok(units)
}

/// A word of a command line as systemd reads it (systemd.service(5), "Command lines").
fn quoted(path: &Path) -> String {
    let mut quoted = String::from("\"");
    for character in path.display().to_string().chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // Specifiers and variables stand for themselves when they are doubled.
            '%' | '$' => quoted.extend([character, character]),
            control if control.is_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_root_has_a_unit_of_its_own() {
        let unit = |root: &str| Unit::new(&Layout::new(Path::new(root)));
        assert_eq!(unit("/var/lib/bythos").path(), Path::new("/etc/systemd/system/bythos.service"));
        assert_ne!(unit("/srv/a").name(), unit("/srv/b").name());
    }

    #[test]
    fn the_unit_starts_this_root_and_leaves_its_pods_alone() {
        let text =
            Unit::new(&Layout::new(Path::new("/srv/my cloud"))).text(Path::new("/usr/local/bin/bythos"));
        assert!(
            text.contains("\nExecStart=\"/usr/local/bin/bythos\" --root \"/srv/my cloud\" up\n"),
            "{text}"
        );
        assert!(text.contains("\nKillMode=process\n"), "{text}");
    }

    #[test]
    fn a_path_means_nothing_but_itself_to_systemd() {
        assert_eq!(quoted(Path::new(r#"/srv/50% of "it"\$HOME"#)), r#""/srv/50%% of \"it\"\\$$HOME""#);
        assert_eq!(quoted(Path::new("/srv/two\nlines")), r#""/srv/two\x0alines""#);
    }
}
