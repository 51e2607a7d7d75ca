//! Another machine's repository: which commit a reference means, and bringing it here.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::git::{Call, Git, GitError, Setting};

const REFERENCES_BYTES_MAX: usize = 8 << 20;
/// Commits of which the newest is looked for.
const COMPARED_MAX: usize = 100;

/// How to prove who we are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    Basic { username: String, password: String },
    Bearer { token: String },
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// How to reach a repository.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    /// Address of the repository.
    pub(crate) url: String,
    /// `scheme://host:port`
    pub(crate) origin: String,
    pub(crate) credential: Option<Credential>,
    /// File with the authorities that may vouch for it; those of the system where there is none.
    pub(crate) authority_file: Option<PathBuf>,
    /// Files with our certificate and its key.
    pub(crate) client_certificate: Option<(PathBuf, PathBuf)>,
    /// Address of a proxy, user and password included.
    pub(crate) proxy: Option<String>,
    /// How git is to start ssh; empty for other ways.
    pub(crate) ssh: Vec<(&'static str, String)>,
    /// Host, port and the address that is meant by them, where the system's resolver does not know.
    pub(crate) resolved: Option<(String, u16, IpAddr)>,
    /// How long one call may take.
    pub(crate) timeout: Duration,
}

/// A reference that a remote has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) name: String,
    pub(crate) object: String,
}

/// Says user and password when git asks, and nothing else. Git asks only for the origin that it is set for.
const ANSWER: &str = "!f() { if test \"$1\" = get; then printf 'username=%s\\npassword=%s\\n' \
                      \"$BYTHOS_GIT_USERNAME\" \"$BYTHOS_GIT_PASSWORD\"; fi; }; f";

impl Remote {
    fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![("remote.origin.url".to_owned(), self.url.clone())];
        let mut set = |key: String, value: String| settings.push((key, value));
        match &self.credential {
            None => {}
            Some(Credential::Basic { .. }) => {
                set(format!("credential.{}.helper", self.origin), ANSWER.to_owned());
            }
            Some(Credential::Bearer { token }) => {
                set(format!("http.{}.extraHeader", self.origin), format!("Authorization: Bearer {token}"));
                // The header would follow to wherever the remote points.
                set("http.followRedirects".to_owned(), "false".to_owned());
            }
        }
        if let Some((certificate, key)) = &self.client_certificate {
            set(format!("http.{}.sslCert", self.origin), certificate.to_string_lossy().into_owned());
            set(format!("http.{}.sslKey", self.origin), key.to_string_lossy().into_owned());
        }
        if let Some(proxy) = &self.proxy {
            set("http.proxy".to_owned(), proxy.clone());
        }
        if let Some(file) = &self.authority_file {
            set(format!("http.{}.sslCAInfo", self.origin), file.to_string_lossy().into_owned());
        }
        if let Some((host, port, address)) = &self.resolved {
            let address = match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            set("http.curloptResolve".to_owned(), format!("{host}:{port}:{address}"));
        }
        settings
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = self.ssh.clone();
        if !environment.is_empty() {
            // Only with a key of its own: without, ssh would use those of the machine.
            environment.push(("GIT_ALLOW_PROTOCOL", "ssh:https".to_owned()));
        }
        if let Some(Credential::Basic { username, password }) = &self.credential {
            environment.push(("BYTHOS_GIT_USERNAME", username.clone()));
            environment.push(("BYTHOS_GIT_PASSWORD", password.clone()));
        }
        environment
    }

    /// The way to another repository that the one here names: what proves who we are goes to the same origin alone.
    pub(crate) fn at(&self, url: String) -> Remote {
        Remote { url, ..self.clone() }
    }

    /// References that match `patterns`, all where there are none. Tags come a second time as `<name>^{}`, with the
    /// commit that they stand for.
    pub(crate) async fn list(&self, git: &Git, patterns: &[&str]) -> Result<Vec<Advertised>, GitError> {
        let arguments = [&["ls-remote", "--quiet", "origin"], patterns].concat();
        let printed = self.call(git, &arguments, None, REFERENCES_BYTES_MAX).await?;
        let line = |line: &str| {
            let (object, name) = line.split_once('\t')?;
            Some(Advertised { name: name.to_owned(), object: object.to_owned() })
        };
        Ok(String::from_utf8_lossy(&printed).lines().filter_map(line).collect())
    }

    /// Brings what `reference` means now into a new bare repository at `folder`, without its history, and returns
    /// the commit.
    pub(crate) async fn fetch(&self, git: &Git, folder: &Path, reference: &str) -> Result<String, GitError> {
        self.bring(git, folder, &[], &[reference]).await?;
        self.print(git, folder, &["rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}"]).await
    }

    /// The newest commit among those that full references mean, by the time that it was made. Brings nothing of them but the
    /// commits, where the remote can leave the rest out.
    pub(crate) async fn newest(
        &self,
        git: &Git,
        folder: &Path,
        references: &[String],
    ) -> Result<String, GitError> {
        let last = references.len().saturating_sub(COMPARED_MAX);
        let wanted: Vec<String> =
            references.iter().skip(last).map(|reference| format!("{reference}:{reference}")).collect();
        let arguments: Vec<&str> = wanted.iter().map(String::as_str).collect();
        self.bring(git, folder, &["--filter=tree:0"], &arguments).await?;
        self.print(git, folder, &["log", "--no-walk=sorted", "--max-count=1", "--format=%H", "--all"]).await
    }

    /// Fetches into a new bare repository at `folder`, without history.
    async fn bring(
        &self,
        git: &Git,
        folder: &Path,
        options: &[&str],
        references: &[&str],
    ) -> Result<(), GitError> {
        let place = folder.to_string_lossy();
        let init = ["init", "--quiet", "--bare", "--template=", &place];
        git.run(Call { arguments: &init, output_bytes_max: 1 << 10, ..Call::default() }, self.timeout)
            .await?;
        let fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-commit-graph"];
        let fetch = [fetch.as_slice(), options, &["origin"], references].concat();
        self.call(git, &fetch, Some(folder), 1 << 10).await.map(drop)
    }

    async fn print(&self, git: &Git, folder: &Path, arguments: &[&str]) -> Result<String, GitError> {
        let call = Call { arguments, folder: Some(folder), output_bytes_max: 1 << 10, ..Call::default() };
        let printed = git.run(call, self.timeout).await?;
        Ok(String::from_utf8_lossy(&printed).trim().to_owned())
    }

    async fn call(
        &self,
        git: &Git,
        arguments: &[&str],
        folder: Option<&Path>,
        output_bytes_max: usize,
    ) -> Result<Vec<u8>, GitError> {
        let (settings, environment) = (self.settings(), self.environment());
        let call = Call {
            arguments,
            folder,
            settings: &settings,
            environment: &environment,
            input: None,
            output_bytes_max,
        };
        git.run(call, self.timeout).await.map_err(|error| self.conceal(error))
    }

    /// Takes every secret out of what git said.
    fn conceal(&self, error: GitError) -> GitError {
        let GitError::Failed { mut words } = error else { return error };
        let credential = match &self.credential {
            Some(Credential::Basic { password, .. }) => Some(password),
            Some(Credential::Bearer { token }) => Some(token),
            None => None,
        };
        for secret in credential.into_iter().chain(&self.proxy).filter(|secret| !secret.is_empty()) {
            words = words.replace(secret.as_str(), "***");
        }
        GitError::Failed { words }
    }
}
