//! A copy elsewhere: after each push, and at the start, the branches and tags of a repository go to its mirror.
//!
//! The mirror of `platform` is the Secret `git-mirror-platform` in `bythos-system`: `url` (https), and `username` and
//! `password` or nothing, and `ca.crt` where its authority is not a public one. What the mirror has beside is taken away.
//! How it went is told as an event of the Secret.

use std::time::Duration;

use bythos_api::names::BYTHOS_NAMESPACE;
use bythos_operator::error_chain;
use bythos_operator::event::{Publisher, Severity};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::git::{Git, GitError};
use crate::repository::Repositories;

const SECRET_PREFIX: &str = "git-mirror-";
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const PUSH_TIME_MAX: Duration = Duration::from_secs(300);
/// Everything that was pushed here, and nothing else.
const REFERENCES: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
/// Says user and password when git asks, and nothing else.
const ANSWER: &str = "!f() { if test \"$1\" = get; then printf 'username=%s\\npassword=%s\\n' \
                      \"$BYTHOS_MIRROR_USERNAME\" \"$BYTHOS_MIRROR_PASSWORD\"; fi; }; f";

/// A repository did not get to its mirror.
#[derive(Debug, thiserror::Error)]
enum MirrorError {
    #[error("failed to read the mirror's Secret")]
    Read(#[source] Box<kube::Error>),
    #[error("key {key:?}: {message}")]
    Secret { key: &'static str, message: String },
    #[error("failed to keep the mirror's authority")]
    Scratch(#[source] std::io::Error),
    #[error("{0}")]
    Push(String),
    #[error("git was ended after {}s", .0.as_secs())]
    TimedOut(Duration),
}

/// Where a copy goes.
struct Mirror {
    url: String,
    credential: Option<(String, String)>,
    authority_pem: Option<Vec<u8>>,
}

/// Copies repositories to their mirrors.
pub(crate) struct Mirrors {
    client: Client,
    git: Git,
    repositories: Repositories,
    events: Publisher,
}

impl Mirrors {
    pub(crate) fn new(client: Client, git: Git, repositories: Repositories) -> Self {
        let events = Publisher::new(client.clone(), "forge");
        Mirrors { client, git, repositories, events }
    }

    /// Copies every repository that is named, until nobody names any more. Several pushes meanwhile are one copy.
    pub(crate) async fn run(self, mut pushes: mpsc::Receiver<String>) {
        while let Some(repository) = pushes.recv().await {
            let mut named = vec![repository];
            while let Ok(more) = pushes.try_recv() {
                named.push(more);
            }
            named.sort();
            named.dedup();
            for repository in named {
                self.copy(&repository).await;
            }
        }
    }

    async fn copy(&self, repository: &str) {
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let secret = match self.secret(repository).await {
                Ok(Some(secret)) => secret,
                Ok(None) => return,
                Err(error) => {
                    warn!(repository, error = %error_chain(&error), "failed to look for a mirror");
                    return;
                }
            };
            let Err(error) = self.push(repository, &secret).await else {
                info!(repository, "copied to the mirror");
                let message = format!("copied {repository}.git to the mirror");
                self.events.publish(&secret, Severity::Normal, "Mirrored", &message).await;
                return;
            };
            let words = error_chain(&error);
            warn!(repository, attempt, error = words, "failed to copy to the mirror");
            if attempt == ATTEMPTS || matches!(error, MirrorError::Secret { .. }) {
                self.events.publish(&secret, Severity::Warning, "MirrorFailed", &words).await;
                return;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn secret(&self, repository: &str) -> Result<Option<Secret>, MirrorError> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), BYTHOS_NAMESPACE);
        let found = secrets.get_opt(&format!("{SECRET_PREFIX}{repository}")).await;
        found.map_err(|error| MirrorError::Read(Box::new(error)))
    }

    async fn push(&self, repository: &str, secret: &Secret) -> Result<(), MirrorError> {
        let mirror = Mirror::read(secret)?;
        let scratch = self.repositories.root().join(format!(".mirror-{repository}.crt"));
        let mut settings = vec![("remote.mirror.url".to_owned(), mirror.url.clone())];
        if let Some(pem) = &mirror.authority_pem {
            tokio::fs::write(&scratch, pem).await.map_err(MirrorError::Scratch)?;
            settings.push(("http.sslCAInfo".to_owned(), scratch.to_string_lossy().into_owned()));
        }
        let mut environment = vec![("GIT_ALLOW_PROTOCOL", "https:http".to_owned())];
        if let Some((username, password)) = &mirror.credential {
            // For the mirror's own address alone, wherever it may lead us to.
            settings.push((format!("credential.{}.helper", mirror.url), ANSWER.to_owned()));
            environment.push(("BYTHOS_MIRROR_USERNAME", username.clone()));
            environment.push(("BYTHOS_MIRROR_PASSWORD", password.clone()));
        }
        let push = [&["push", "--quiet", "--prune", "--force", "mirror"][..], &REFERENCES].concat();
        let folder = self.repositories.path(repository);
        let pushed = self.git.run_with(&push, &folder, &settings, &environment);
        let pushed = tokio::time::timeout(PUSH_TIME_MAX, pushed).await;
        let pushed = pushed.map_err(|_| MirrorError::TimedOut(PUSH_TIME_MAX))?;
        pushed.map(drop).map_err(|error| MirrorError::Push(mirror.conceal(&error)))
    }
}

impl Mirror {
    fn read(secret: &Secret) -> Result<Mirror, MirrorError> {
        let bytes = |key: &str| secret.data.as_ref()?.get(key).map(|value| value.0.clone());
        let refuse =
            |key: &'static str, message: &str| MirrorError::Secret { key, message: message.to_owned() };
        let text = |key: &'static str| match bytes(key).map(String::from_utf8) {
            None => Ok(None),
            // Git's credential protocol ends at a line break: what follows would be taken for something else.
            Some(Ok(text)) if !text.chars().any(char::is_control) => Ok(Some(text)),
            Some(_) => Err(refuse(key, "it holds a line break or another character that is no text")),
        };
        let url = text("url")?.ok_or_else(|| refuse("url", "it is missing"))?;
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        if host.is_empty() || host.contains('@') || host.starts_with('-') {
            return Err(refuse("url", "expected an https:// address without user and password"));
        }
        let credential = match (text("username")?, text("password")?) {
            (Some(username), Some(password)) => Some((username, password)),
            (None, None) => None,
            (Some(_), None) => return Err(refuse("password", "it is missing beside \"username\"")),
            (None, Some(_)) => return Err(refuse("username", "it is missing beside \"password\"")),
        };
        Ok(Mirror { url, credential, authority_pem: bytes("ca.crt") })
    }

    /// What git said, without the password.
    fn conceal(&self, error: &GitError) -> String {
        let words = error_chain(error);
        match &self.credential {
            Some((_, password)) if !password.is_empty() => words.replace(password.as_str(), "***"),
            _ => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[track_caller]
    fn check(data: &[(&str, &str)], expected: Result<(), &str>) {
        let bytes = |(key, value): &(&str, &str)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
        let secret = Secret { data: Some(data.iter().map(bytes).collect()), ..Secret::default() };
        match (Mirror::read(&secret).map(drop), expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(expected)) => assert_eq!(found.to_string(), expected),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_mirror_is_an_address_with_a_user_or_without() {
        let url = ("url", "https://git.example/copy.git");
        check(&[url], Ok(()));
        check(&[url, ("username", "me"), ("password", "p")], Ok(()));
        check(&[], Err("key \"url\": it is missing"));
        check(&[url, ("username", "me")], Err("key \"password\": it is missing beside \"username\""));
        let refused = Err("key \"url\": expected an https:// address without user and password");
        check(&[("url", "file:///etc")], refused);
        check(&[("url", "https://me:p@git.example/x")], refused);
    }
}
