//! The command that git asks for the owner's token, in the protocol of "gitcredentials".

use std::path::{Path, PathBuf};

use http::Uri;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::OWNER;
use crate::token::{self};

const QUESTION_BYTES_MAX: u64 = 64 << 10;

/// Arguments of `credential`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What git wants
    #[arg(value_enum)]
    pub operation: Operation,
}

/// What git wants of a credential helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// User and password for an address
    Get,
    /// To have them kept; nothing is done, the token is kept already
    Store,
    /// To have them forgotten; nothing is done, git does not own the token
    Erase,
}

/// Whose token is asked for.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Address of the platform's repository, as the owner's machine reaches it.
    pub url: String,
    /// The file in which the part keeps the owner's token.
    pub token_file: PathBuf,
}

/// Git's question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The question or the answer got lost.
    #[error("failed to speak with git")]
    Talk(#[source] std::io::Error),
    /// There is no token, or this user may not read it.
    #[error("failed to read the owner's token from {file:?}")]
    Token {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Answers one question of git: reads it from `question`, writes to `answer`.
///
/// An address that is not the platform's is not answered, so that git goes on to ask elsewhere.
///
/// # Errors
/// See [`CredentialError`].
pub async fn run<R, W>(
    args: &Args,
    platform: &Platform,
    question: R,
    mut answer: W,
) -> Result<(), CredentialError>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let asked = read(question).await.map_err(CredentialError::Talk)?;
    if args.operation != Operation::Get || !asked.is_for(&platform.url) {
        return Ok(());
    }
    let token = read_token(&platform.token_file)?;
    let text = format!("username={OWNER}\npassword={}\n", token.reveal());
    answer.write_all(text.as_bytes()).await.map_err(CredentialError::Talk)?;
    answer.flush().await.map_err(CredentialError::Talk)
}

fn read_token(file: &Path) -> Result<token::Token, CredentialError> {
    token::read(file)
        .map_err(|error| CredentialError::Token { file: file.to_owned(), source: Box::new(error) })
}

#[derive(Debug, Default)]
struct Asked {
    protocol: String,
    host: String,
    username: Option<String>,
}

async fn read<R: AsyncBufRead + Unpin>(question: R) -> std::io::Result<Asked> {
    let mut asked = Asked::default();
    let mut lines = question.take(QUESTION_BYTES_MAX).lines();
    while let Some(line) = lines.next_line().await? {
        match line.split_once('=') {
            Some(("protocol", value)) => value.clone_into(&mut asked.protocol),
            Some(("host", value)) => value.clone_into(&mut asked.host),
            Some(("username", value)) => asked.username = Some(value.to_owned()),
            Some(_) => {}
            None => break,
        }
    }
    Ok(asked)
}

impl Asked {
    fn is_for(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else { return false };
        let host = match (uri.host(), uri.port_u16()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return false,
        };
        uri.scheme_str() == Some(&self.protocol)
            && host.eq_ignore_ascii_case(&self.host)
            && self.username.as_deref().is_none_or(|name| name == OWNER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(operation: Operation, question: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        token::load_or_create(&token_file).unwrap();
        let platform = Platform { url: "https://git.example:9443/platform.git".to_owned(), token_file };
        let mut answer = Vec::new();
        run(&Args { operation }, &platform, question.as_bytes(), &mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn the_token_is_given_for_the_platforms_address_only() {
        let mine = "protocol=https\nhost=git.example:9443\n\n";
        let answer = ask(Operation::Get, mine).await;
        assert!(answer.starts_with("username=owner\npassword="), "{answer}");
        for other in [
            "protocol=https\nhost=git.example\n\n",
            "protocol=http\nhost=git.example:9443\n\n",
            "protocol=https\nhost=evil.example:9443\n\n",
            "protocol=https\nhost=git.example:9443\nusername=someone\n\n",
        ] {
            assert_eq!(ask(Operation::Get, other).await, "", "{other}");
        }
        assert_eq!(ask(Operation::Store, mine).await, "");
        assert_eq!(ask(Operation::Erase, mine).await, "");
    }
}
