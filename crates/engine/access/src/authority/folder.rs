//! The folder of the authority: two files, each either whole or not there.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rcgen::KeyPair;

use super::AuthorityError;

const OWNER_ONLY: u32 = 0o600;

/// A private key that lies in the folder, as PKCS#8 in PEM.
#[derive(Clone, Copy)]
pub(crate) enum KeyFile {
    /// With which certificates are signed.
    Authority,
    /// With which tokens of service accounts are signed.
    ServiceAccounts,
}

impl KeyFile {
    fn name(self) -> &'static str {
        match self {
            KeyFile::Authority => "ca.key",
            KeyFile::ServiceAccounts => "service-account.key",
        }
    }
}

pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Folder, AuthorityError> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io(path))?;
        Ok(Folder { path: path.to_owned() })
    }

    fn certificate_file(&self) -> PathBuf {
        self.path.join("ca.crt")
    }

    fn key_file(&self, key: KeyFile) -> PathBuf {
        self.path.join(key.name())
    }

    pub(super) fn read_certificate(&self) -> Result<Option<String>, AuthorityError> {
        read(&self.certificate_file())
    }

    pub(crate) fn read_key(&self, key: KeyFile) -> Result<Option<KeyPair>, AuthorityError> {
        let file = self.key_file(key);
        let Some(pem) = read(&file)? else { return Ok(None) };
        let key = KeyPair::from_pem(&pem).map_err(|error| AuthorityError::Malformed {
            file,
            message: format!("it holds no private key in PEM ({error}); put the key back from a backup"),
        })?;
        Ok(Some(key))
    }

    pub(super) fn write_certificate(&self, pem: &str) -> Result<(), AuthorityError> {
        self.write(&self.certificate_file(), pem)
    }

    pub(crate) fn write_key(&self, file: KeyFile, key: &KeyPair) -> Result<(), AuthorityError> {
        self.write(&self.key_file(file), &key.serialize_pem())
    }

    /// Writes a file so that it is, after any interruption, either as before or as wanted.
    fn write(&self, file: &Path, text: &str) -> Result<(), AuthorityError> {
        let fresh = file.with_extension("new");
        write_owner_only(&fresh, text).map_err(io(&fresh))?;
        std::fs::rename(&fresh, file).map_err(io(file))?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(io(&self.path))
    }

    pub(super) fn key_lost(&self) -> AuthorityError {
        AuthorityError::Malformed {
            file: self.key_file(KeyFile::Authority),
            message:
                "the certificate ca.crt is there but its key is not; put the key back from a backup, or \
                      remove ca.crt too: then a new authority is made, and every certificate of the old one \
                      (kubeconfigs, among them) must be issued again"
                    .to_owned(),
        }
    }

    pub(super) fn key_of_another(&self) -> AuthorityError {
        AuthorityError::Malformed {
            file: self.key_file(KeyFile::Authority),
            message:
                "it is not the key of the certificate in ca.crt; put back the two files that belong together"
                    .to_owned(),
        }
    }

    pub(super) fn malformed_certificate(&self, found: &str) -> AuthorityError {
        AuthorityError::Malformed { file: self.certificate_file(), message: found.to_owned() }
    }
}

fn read(file: &Path) -> Result<Option<String>, AuthorityError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuthorityError::Io { file: file.to_owned(), source }),
    }
}

fn write_owner_only(file: &Path, text: &str) -> std::io::Result<()> {
    let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(file)?;
    // A file left by an interrupted write keeps its own mode when opened.
    open.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    open.write_all(text.as_bytes())?;
    open.sync_all()
}

fn io(file: &Path) -> impl FnOnce(std::io::Error) -> AuthorityError + '_ {
    move |source| AuthorityError::Io { file: file.to_owned(), source }
}
