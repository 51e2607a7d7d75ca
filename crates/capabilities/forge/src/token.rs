//! The owner's token: made once, kept in a file that only we can read.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;

/// The user name that goes with the token.
pub const OWNER: &str = "owner";
/// Name of the token's file in the part's data folder.
pub const OWNER_TOKEN_FILE: &str = "owner-token";

const BYTES: usize = 32;

/// The token cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("failed to {action} {file:?}")]
    Disk {
        action: &'static str,
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to draw random bytes")]
    Random(#[source] rand::rand_core::OsError),
    #[error("{file:?} holds no token; remove it, and a new one is made at the next start")]
    Malformed { file: PathBuf },
}

/// The secret with which the owner reads and writes. It never shows itself in logs.
#[derive(Clone)]
pub(crate) struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A token that somebody else made.
    pub(crate) fn of(text: String) -> Self {
        Token(text)
    }

    /// The text to hand to someone who may have it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `given` is this token, in a time that does not tell how much of it is right.
    pub(crate) fn is(&self, given: &str) -> bool {
        let (mine, given) = (self.0.as_bytes(), given.as_bytes());
        let mut difference = u8::from(mine.len() != given.len());
        for (index, byte) in mine.iter().enumerate() {
            difference |= byte ^ given.get(index).copied().unwrap_or_default();
        }
        std::hint::black_box(difference) == 0
    }
}

/// Reads the token, or makes one where there is none.
pub(crate) fn load_or_create(file: &Path) -> Result<Token, TokenError> {
    match read(file) {
        Err(TokenError::Disk { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            let token = draw()?;
            write(file, &token)?;
            Ok(token)
        }
        other => other,
    }
}

/// Reads the token.
pub(crate) fn read(file: &Path) -> Result<Token, TokenError> {
    let text = std::fs::read_to_string(file).map_err(disk("read", file))?;
    let text = text.trim();
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(bytes) if bytes.len() == BYTES => Ok(Token(text.to_owned())),
        _ => Err(TokenError::Malformed { file: file.to_owned() }),
    }
}

fn draw() -> Result<Token, TokenError> {
    let mut bytes = [0; BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(TokenError::Random)?;
    Ok(Token(URL_SAFE_NO_PAD.encode(bytes)))
}

/// Whole or not at all: written beside, made durable, then moved to its place.
fn write(file: &Path, token: &Token) -> Result<(), TokenError> {
    let beside = file.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(disk("remove", &beside)(error));
        }
        _ => {}
    }
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    let mut out = opened.map_err(disk("make", &beside))?;
    out.write_all(token.0.as_bytes()).and_then(|()| out.sync_all()).map_err(disk("write", &beside))?;
    std::fs::rename(&beside, file).map_err(disk("make", file))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk("sync", folder))
}

fn disk(action: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> TokenError {
    let file = file.to_owned();
    move |source| TokenError::Disk { action, file, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(OWNER_TOKEN_FILE);
        let first = load_or_create(&file).unwrap();
        let second = load_or_create(&file).unwrap();
        assert!(first.is(second.reveal()));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{first:?}"), "Token(..)");
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = draw().unwrap();
        let text = token.reveal().to_owned();
        for wrong in ["", &text[1..], &text[..text.len() - 1], &format!("{text}x"), &text.to_uppercase()] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert!(token.is(&text));
    }

    #[test]
    fn a_damaged_token_is_refused_and_not_replaced_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(OWNER_TOKEN_FILE);
        std::fs::write(&file, "short").unwrap();
        assert!(matches!(load_or_create(&file), Err(TokenError::Malformed { .. })));
    }
}
