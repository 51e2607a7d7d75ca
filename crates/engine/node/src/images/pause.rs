//! The image of the container that holds a pod's namespaces: one program of this binary's own.

use std::path::Path;

use super::archive::{self, ArchiveError, Settings, digest_of};
use super::tree::{Content, Entry, Source, Tree};

static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pause"));

/// Its name changes with the program, so that a Bythos with another program uses another image.
pub(crate) fn image_name() -> String {
    let digest = digest_of(PROGRAM);
    let hash = digest.strip_prefix("sha256:").and_then(|hash| hash.get(..12)).unwrap_or_default();
    format!("localhost/bythos/pause:{hash}")
}

/// Packs the image into `output`.
pub(crate) fn write(output: &Path) -> Result<(), ArchiveError> {
    let mut tree = Tree::default();
    let content = Content::File { source: Source::Memory(PROGRAM.to_vec()), bytes: PROGRAM.len() as u64 };
    tree.put("pause", Entry::of_root(0o755, content));
    let settings = Settings {
        user: Some("65535:65535".to_owned()),
        entrypoint: vec!["/pause".to_owned()],
        ..Settings::default()
    };
    archive::write(&image_name(), &tree, &settings, output).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_a_small_executable_of_linux() {
        assert!(PROGRAM.starts_with(b"\x7fELF"));
        assert!(PROGRAM.len() < 64 << 10, "{} bytes", PROGRAM.len());
    }

    #[test]
    fn the_program_ends_when_it_is_asked_to() {
        use std::os::unix::fs::PermissionsExt as _;
        use std::os::unix::process::ExitStatusExt as _;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("pause");
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = std::process::Command::new(&program).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = child.wait().unwrap();
        // The signal may arrive before the program has begun to wait for it.
        assert!(status.code() == Some(0) || status.signal() == Some(15), "{status}");
    }
}
