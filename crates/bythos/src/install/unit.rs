//! The systemd units of one root: the service of Bythos, and one that ends its pods with the machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::layout::{DEFAULT_ROOT, Layout};

/// Units that an administrator adds (systemd.unit(5)).
const FOLDER: &str = "/etc/systemd/system";

pub(super) struct Units {
    root: PathBuf,
    stem: String,
}

impl Units {
    pub(super) fn new(layout: &Layout) -> Units {
        let stem = if layout.root == Path::new(DEFAULT_ROOT) {
            "bythos".to_owned()
        } else {
            format!("bythos-{}", layout.id)
        };
        Units { root: layout.root.clone(), stem }
    }

    /// The unit in which Bythos runs.
    pub(super) fn service(&self) -> String {
        format!("{}.service", self.stem)
    }

    /// The unit that ends pods.
    pub(super) fn pods(&self) -> String {
        format!("{}-pods.service", self.stem)
    }

    /// The file of the unit of this name.
    pub(super) fn path(name: &str) -> PathBuf {
        Path::new(FOLDER).join(name)
    }

    /// What the file of [`Units::service`] says.
    ///
    /// `bythos down` ends the process in good order, after which it stays down until it is started again; any other
    /// end is mended by a restart, for ever.
    pub(super) fn text_of_service(&self, program: &Path) -> String {
        let (program, root) = (quoted(program), quoted(&self.root));
        format!(
            "\
{head}
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
            head = head(&self.service()),
        )
    }

    /// What the file of [`Units::pods`] says.
    ///
    /// It does nothing but end: after the service, and while there is a network. Without it, systemd would wait a minute
    /// and a half for pods that do not heed `SIGTERM`, whatever grace they ask for.
    pub(super) fn text_of_pods(&self, program: &Path) -> String {
        let (program, root) = (quoted(program), quoted(&self.root));
        format!(
            "\
{head}
[Unit]
Description=The pods of Bythos in {root}, which end with the machine
After=network-online.target
Before={service}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStop={program} --root {root} down
TimeoutStopSec=120

[Install]
WantedBy=multi-user.target
",
            head = head(&self.pods()),
            service = self.service(),
        )
    }
}

fn head(name: &str) -> String {
    format!(
        "# Written by `bythos install`, and again by the next one: changes belong into `systemctl edit {name}`."
    )
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

    fn units(root: &str) -> Units {
        Units::new(&Layout::new(Path::new(root)))
    }

    #[test]
    fn each_root_has_units_of_its_own() {
        let first = units("/var/lib/bythos");
        assert_eq!((first.service(), first.pods()), ("bythos.service".into(), "bythos-pods.service".into()));
        assert_ne!(units("/srv/a").service(), units("/srv/b").service());
    }

    #[test]
    fn the_service_starts_this_root_and_leaves_its_pods_alone() {
        let text = units("/srv/my cloud").text_of_service(Path::new("/usr/local/bin/bythos"));
        assert!(
            text.contains("\nExecStart=\"/usr/local/bin/bythos\" --root \"/srv/my cloud\" up\n"),
            "{text}"
        );
        assert!(text.contains("\nKillMode=process\n"), "{text}");
    }

    #[test]
    fn pods_end_after_the_service_that_would_start_them_again() {
        let text = units("/var/lib/bythos").text_of_pods(Path::new("/usr/local/bin/bythos"));
        assert!(text.contains("\nBefore=bythos.service\n"), "{text}");
        assert!(
            text.contains("\nExecStop=\"/usr/local/bin/bythos\" --root \"/var/lib/bythos\" down\n"),
            "{text}"
        );
    }

    #[test]
    fn a_path_means_nothing_but_itself_to_systemd() {
        assert_eq!(quoted(Path::new(r#"/srv/50% of "it"\$HOME"#)), r#""/srv/50%% of \"it\"\\$$HOME""#);
        assert_eq!(quoted(Path::new("/srv/two\nlines")), r#""/srv/two\x0alines""#);
    }
}
