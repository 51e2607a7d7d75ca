//! One process per root: a locked file that says which process holds it, and what for.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock};

/// A look at the lock holds it for a moment; whoever takes it is patient for that long.
const MOMENT: Duration = Duration::from_millis(500);

/// What a process holds the root for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It serves the cloud.
    Up,
    /// It takes the cloud down.
    Down,
}

/// Who holds the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) role: Role,
    pub(crate) process: i32,
}

/// Held for as long as the process runs; the system lets it go when the process dies.
#[derive(Debug)]
pub(crate) struct RootLock(#[allow(dead_code, reason = "the open file is the lock")] File);

/// Takes the lock, or says who has it.
pub(crate) fn take(path: &Path, role: Role) -> Result<RootLock> {
    let patient_until = Instant::now() + MOMENT;
    let mut file = open(path)?;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() > patient_until {
            return Err(held(&mut file)?);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    write_holder(&mut file, role).with_context(|| format!("failed to write {path:?}"))?;
    Ok(RootLock(file))
}

fn held(file: &mut File) -> Result<anyhow::Error> {
    let Holder { role, process } = read_holder(file)?;
    Ok(match role {
        Role::Up => {
            anyhow::anyhow!("this cloud is already running, as process {process}; stop it with `bythos down`")
        }
        Role::Down => {
            anyhow::anyhow!("this cloud is being taken down by process {process}; wait for its end")
        }
    })
}

/// Who holds the lock, if anyone does.
pub(crate) fn holder(path: &Path) -> Result<Option<Holder>> {
    if !path.exists() {
        return Ok(None);
    }
    let mut file = open(path)?;
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return Ok(None);
    }
    read_holder(&mut file).map(Some)
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("failed to open {path:?}"))
}

fn write_holder(file: &mut File, role: Role) -> std::io::Result<()> {
    let word = match role {
        Role::Up => "up",
        Role::Down => "down",
    };
    file.rewind()?;
    file.set_len(0)?;
    writeln!(file, "{word} {}", std::process::id())
}

fn read_holder(file: &mut File) -> Result<Holder> {
    let mut text = String::new();
    file.rewind()?;
    file.take(64).read_to_string(&mut text)?;
    let (role, process) = match text.trim().split_once(' ') {
        Some(("up", process)) => (Role::Up, process),
        Some(("down", process)) => (Role::Down, process),
        _ => bail!("the lock file holds {text:?}; expected for example \"up 4711\""),
    };
    let process = process.parse().with_context(|| format!("the lock file holds {text:?}"))?;
    Ok(Holder { role, process })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(holder(&path).unwrap(), None);
        let lock = take(&path, Role::Up).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let error = take(&path, Role::Down).unwrap_err().to_string();
        assert!(error.contains(&format!("running, as process {own}")), "{error}");
        assert_eq!(holder(&path).unwrap(), Some(Holder { role: Role::Up, process: own }));
        drop(lock);
        assert_eq!(holder(&path).unwrap(), None);
        let _lock = take(&path, Role::Down).unwrap();
        let error = take(&path, Role::Up).unwrap_err().to_string();
        assert!(error.contains("being taken down"), "{error}");
    }
}
