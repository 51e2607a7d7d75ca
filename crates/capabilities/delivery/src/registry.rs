//! Charts in registries: tags and archives, with the tokens that registries ask for.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>,
//! <https://distribution.github.io/distribution/spec/auth/token/>

mod challenge;

use bythos_helm::repository::{ChartManifest, DigestError, Reference, RepositoryError, check_digest};
use http::header::{LINK, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use crate::credentials::Login;
use crate::web::{Answer, Wanted, Web, WebError, join, shown};
use challenge::Challenge;

/// Tags of one chart that are looked at.
const TAGS_MAX: usize = 50_000;
/// Answers over which they may be spread.
const PAGES_MAX: usize = 100;
/// Lists of tags, manifests, tokens.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Manifests of charts; and indexes, so that the refusal of one says what is there.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

/// A registry that did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error(transparent)]
    Web(#[from] WebError),
    #[error("{url}: {status}{words}")]
    Refused { url: String, status: StatusCode, words: String },
    #[error("{url}: the registry does not say how to log in: {found:?}")]
    Challenge { url: String, found: String },
    #[error("{realm} gave no token: {message}")]
    Token { realm: String, message: String },
    #[error("{url} is no list of tags")]
    Tags {
        url: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("there are more than {TAGS_MAX} tags")]
    TooManyTags,
    #[error(transparent)]
    Manifest(#[from] RepositoryError),
    #[error("{what} of {reference}")]
    Digest {
        what: &'static str,
        reference: String,
        #[source]
        source: DigestError,
    },
    #[error("the chart has {size} bytes; at most {bytes_max} are taken")]
    TooLarge { size: u64, bytes_max: usize },
}

impl RegistryError {
    /// Whether it is about who we are, or who they are.
    pub(crate) fn is_about_access(&self) -> bool {
        match self {
            RegistryError::Web(error) => error.is_about_access(),
            RegistryError::Refused { status, .. } => {
                matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            }
            RegistryError::Challenge { .. } | RegistryError::Token { .. } => true,
            _ => false,
        }
    }
}

/// A registry, as we are known to it.
pub(crate) struct Registry<'r> {
    pub(crate) web: &'r Web,
    pub(crate) login: Option<&'r Login>,
    /// Whether it speaks HTTP without TLS.
    pub(crate) is_plain: bool,
}

/// One repository in it, and what opens it.
struct Session<'r> {
    registry: &'r Registry<'r>,
    reference: &'r Reference,
    authorization: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct TagList {
    /// Some registries write null for none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Registry<'_> {
    /// All tags of a chart.
    pub(crate) async fn tags(&self, reference: &Reference) -> Result<Vec<String>, RegistryError> {
        let mut session = self.session(reference);
        let mut url = session.url("tags/list");
        let mut tags = Vec::new();
        for _ in 0..PAGES_MAX {
            let answer = session.get(&url, None, ANSWER_BYTES_MAX).await?;
            let list: TagList = serde_json::from_slice(&answer.body)
                .map_err(|source| RegistryError::Tags { url: shown(&url), source })?;
            tags.extend(list.tags.unwrap_or_default());
            if tags.len() > TAGS_MAX {
                return Err(RegistryError::TooManyTags);
            }
            match answer.headers.get(LINK).and_then(|link| next_page(link.to_str().ok()?)) {
                Some(next) => url = join(&url, next)?,
                None => return Ok(tags),
            }
        }
        Err(RegistryError::TooManyTags)
    }

    /// The archive of a chart, checked against the digests that lead to it.
    pub(crate) async fn chart(
        &self,
        reference: &Reference,
        bytes_max: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut session = self.session(reference);
        let wanted = reference.wanted().unwrap_or("latest");
        let url = session.url(&format!("manifests/{wanted}"));
        let answer = session.get(&url, Some(MANIFESTS), ANSWER_BYTES_MAX).await?;
        let wrong =
            |what| move |source| RegistryError::Digest { what, reference: reference.to_string(), source };
        if let Some(digest) = &reference.digest {
            check_digest(&answer.body, digest).map_err(wrong("the manifest"))?;
        }
        let manifest = ChartManifest::read(&answer.body)?;
        let size = manifest.chart.size;
        if usize::try_from(size).map_or(true, |size| size > bytes_max) {
            return Err(RegistryError::TooLarge { size, bytes_max });
        }
        let url = session.url(&format!("blobs/{}", manifest.chart.digest));
        let answer = session.get(&url, None, bytes_max).await?;
        check_digest(&answer.body, &manifest.chart.digest).map_err(wrong("the chart"))?;
        Ok(answer.body)
    }

    fn session<'r>(&'r self, reference: &'r Reference) -> Session<'r> {
        Session { registry: self, reference, authorization: None }
    }
}

/// The address in `<...>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (address, parameters) = link.strip_prefix('<')?.split_once('>')?;
    parameters.contains("next").then_some(address)
}

impl Session<'_> {
    fn url(&self, what: &str) -> String {
        let Reference { registry, repository, .. } = self.reference;
        let scheme = if self.registry.is_plain { "http" } else { "https" };
        // Docker's hub answers elsewhere than it is called.
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
        format!("{scheme}://{host}/v2/{repository}/{what}")
    }

    async fn get(
        &mut self,
        url: &str,
        accept: Option<&'static str>,
        bytes_max: usize,
    ) -> Result<Answer, RegistryError> {
        let mut answer = self.ask(url, accept, bytes_max).await?;
        if answer.status == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            self.authorization = self.authorize(url, &answer).await?;
            answer = self.ask(url, accept, bytes_max).await?;
        }
        if answer.status.is_success() {
            return Ok(answer);
        }
        let words = words_of(&answer.body).map(|words| format!(": {words}")).unwrap_or_default();
        Err(RegistryError::Refused { url: shown(url), status: answer.status, words })
    }

    async fn ask(
        &self,
        url: &str,
        accept: Option<&'static str>,
        bytes_max: usize,
    ) -> Result<Answer, RegistryError> {
        let authorization = self.authorization.as_ref();
        let wanted = Wanted { url, accept, authorization, passes_on: false, bytes_max };
        Ok(self.registry.web.ask(wanted).await?)
    }

    /// What the registry wants to see; nothing if it wants a password, and we have none.
    async fn authorize(&self, url: &str, refusal: &Answer) -> Result<Option<HeaderValue>, RegistryError> {
        let offered = refusal.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|it| it.to_str().ok());
        let offered: Vec<&str> = offered.collect();
        match Challenge::choose(&offered) {
            Some(Challenge::Basic) => Ok(self.registry.login.map(Login::header)),
            Some(Challenge::Bearer { realm, service, scope }) => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.reference.repository));
                self.token(&realm, service.as_deref(), &scope).await.map(Some)
            }
            None => Err(RegistryError::Challenge { url: shown(url), found: offered.join(", ") }),
        }
    }

    /// Whom the registry trusts with tokens is its own word: user and password go there, but never without TLS where the
    /// registry itself has it.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
    ) -> Result<HeaderValue, RegistryError> {
        let is_safe = self.registry.is_plain || realm.starts_with("https://");
        let login = self.registry.login.filter(|_| is_safe).map(Login::header);
        let wrong = |message: &str| RegistryError::Token { realm: shown(realm), message: message.to_owned() };
        let url = challenge::token_url(realm, service, scope);
        let wanted = Wanted {
            url: &url,
            accept: Some("application/json"),
            authorization: login.as_ref(),
            passes_on: false,
            bytes_max: ANSWER_BYTES_MAX,
        };
        let answer = self.registry.web.ask(wanted).await?;
        if !answer.status.is_success() {
            return Err(wrong(&answer.status.to_string()));
        }
        let token = challenge::token_in(&answer.body).ok_or_else(|| wrong("no \"token\" in its answer"))?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| wrong("its token cannot be sent"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The first of the registry's own words about what is wrong.
fn words_of(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let words = answer.pointer("/errors/0/message")?.as_str()?;
    Some(words.chars().filter(|letter| !letter.is_control()).take(200).collect())
}
