//! How git reaches a repository over SSH: the machine's `ssh` with the key and the known hosts of a Secret, and nothing
//! else of the machine's settings.

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Who we are, and who the other side must be.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SshIdentity {
    /// Private key, PEM.
    pub(crate) private_key: Vec<u8>,
    /// Lines as in `~/.ssh/known_hosts`.
    pub(crate) known_hosts: Vec<u8>,
    pub(crate) passphrase: Option<String>,
}

impl std::fmt::Debug for SshIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SshIdentity(..)")
    }
}

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshHost {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The user, where the address does not name one.
    pub(crate) default_user: Option<&'static str>,
    /// The address that is meant, where the system's resolver does not know.
    pub(crate) resolved: Option<IpAddr>,
}

/// Says the passphrase when ssh asks for it.
const ANSWER: &str = "#!/bin/sh\nprintf '%s\\n' \"$BYTHOS_SSH_PASSPHRASE\"\n";

/// Writes what ssh needs into `folder`, which only we may read, and returns the environment that makes git use it.
pub(crate) fn prepare(
    folder: &Path,
    identity: &SshIdentity,
    host: &SshHost,
) -> io::Result<Vec<(&'static str, String)>> {
    let (key, hosts, ask) = (folder.join("identity"), folder.join("known_hosts"), folder.join("askpass"));
    // ssh takes no key whose last line has no end.
    write(&key, &[&identity.private_key, b"\n".as_slice()].concat(), 0o600)?;
    write(&hosts, &identity.known_hosts, 0o600)?;
    let mut command = format!(
        "ssh -F /dev/null -i {} -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile={} -o \
         GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o \
         PreferredAuthentications=publickey -o ControlPath=none",
        quoted(&key),
        quoted(&hosts),
    );
    if let Some(user) = host.default_user {
        command.push_str(&format!(" -l {user}"));
    }
    if let Some(address) = host.resolved {
        let alias =
            if host.port == 22 { host.host.clone() } else { format!("[{}]:{}", host.host, host.port) };
        command.push_str(&format!(" -o HostName={address} -o HostKeyAlias={alias} -o CheckHostIP=no"));
    }
    let mut environment = Vec::new();
    match &identity.passphrase {
        None => command.push_str(" -o BatchMode=yes"),
        Some(passphrase) => {
            write(&ask, ANSWER.as_bytes(), 0o700)?;
            environment.push(("SSH_ASKPASS", ask.to_string_lossy().into_owned()));
            environment.push(("SSH_ASKPASS_REQUIRE", "force".to_owned()));
            environment.push(("BYTHOS_SSH_PASSPHRASE", passphrase.clone()));
        }
    }
    environment.push(("GIT_SSH_COMMAND", command));
    environment.push(("GIT_SSH_VARIANT", "ssh".to_owned()));
    Ok(environment)
}

fn write(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut open = std::fs::OpenOptions::new();
    let mut file = open.write(true).create(true).truncate(true).mode(mode).open(file)?;
    io::Write::write_all(&mut file, bytes)
}

/// For the shell that git starts ssh with.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn environment(
        passphrase: Option<&str>,
        host: &SshHost,
    ) -> (tempfile::TempDir, Vec<(&'static str, String)>) {
        let folder = tempfile::tempdir().unwrap();
        let identity = SshIdentity {
            private_key: b"key".to_vec(),
            known_hosts: b"hosts".to_vec(),
            passphrase: passphrase.map(str::to_owned),
        };
        let environment = prepare(folder.path(), &identity, host).unwrap();
        (folder, environment)
    }

    fn host() -> SshHost {
        SshHost { host: "git.example".to_owned(), port: 2222, default_user: Some("git"), resolved: None }
    }

    #[test]
    fn only_the_key_and_the_hosts_of_the_secret_count() {
        let (folder, environment) = environment(None, &host());
        let (_, command) = environment.iter().find(|(name, _)| *name == "GIT_SSH_COMMAND").unwrap();
        for part in
            ["-F /dev/null", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "BatchMode=yes", "-l git"]
        {
            assert!(command.contains(part), "{command}");
        }
        let key = folder.path().join("identity");
        assert_eq!(std::fs::read(&key).unwrap(), b"key\n");
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_passphrase_is_never_on_a_command_line() {
        let (_folder, environment) = environment(Some("s3cret"), &host());
        let with: Vec<&str> =
            environment.iter().filter(|(_, value)| value.contains("s3cret")).map(|(name, _)| *name).collect();
        assert_eq!(with, ["BYTHOS_SSH_PASSPHRASE"]);
    }

    #[test]
    fn a_name_of_the_cluster_keeps_its_host_key() {
        let resolved = SshHost { resolved: Some("10.43.0.7".parse().unwrap()), ..host() };
        let (_folder, environment) = environment(None, &resolved);
        let (_, command) = environment.iter().find(|(name, _)| *name == "GIT_SSH_COMMAND").unwrap();
        assert!(command.contains("HostName=10.43.0.7 -o HostKeyAlias=[git.example]:2222"), "{command}");
    }
}
