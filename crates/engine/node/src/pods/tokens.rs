//! Tokens of a pod's service account, for `serviceAccountToken` projections: asked for, kept, and asked for anew
//! when four fifths of their life are over, as upstream's nodes do.
//!
//! They are nowhere but in memory and in the pod's volume: a Bythos that starts again asks for new ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bythos_operator::error_chain;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, PodSpec, ServiceAccount, ServiceAccountTokenProjection};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::PostParams;
use kube::{Api, Client};
use tracing::warn;

use crate::cri::labels::PodIdentity;

const LIFE_SECONDS: i64 = 3600;
/// However long a token may live, none is kept longer than this.
const KEPT_LONGEST: SignedDuration = SignedDuration::from_hours(24);
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What a token is good for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TokenKey {
    /// Empty for the API itself.
    audience: String,
    life_seconds: i64,
}

impl TokenKey {
    pub(crate) fn of(projection: &ServiceAccountTokenProjection) -> Self {
        TokenKey {
            audience: projection.audience.clone().unwrap_or_default(),
            life_seconds: projection.expiration_seconds.unwrap_or(LIFE_SECONDS),
        }
    }

    fn all_of(spec: &PodSpec) -> BTreeSet<Self> {
        let projected = spec.volumes.iter().flatten().filter_map(|volume| volume.projected.as_ref());
        let sources = projected.flat_map(|projected| projected.sources.iter().flatten());
        sources.filter_map(|source| source.service_account_token.as_ref()).map(TokenKey::of).collect()
    }
}

/// There is no token to be had.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error("serviceaccount {account:?}")]
    Ask {
        account: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("the answer of the API has no token")]
    Empty,
}

/// The tokens of one pod.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    known: BTreeMap<TokenKey, Token>,
    /// Why some could not be had, and when they are asked for again.
    failure: Option<(String, Timestamp)>,
}

#[derive(Debug)]
struct Token {
    text: String,
    expires_at: Timestamp,
    renew_at: Timestamp,
}

impl Token {
    fn new(text: String, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        let life = expires_at.duration_since(issued_at);
        let kept = (life * 4 / 5).min(KEPT_LONGEST);
        Token { text, expires_at, renew_at: issued_at.saturating_add(kept).unwrap_or(expires_at) }
    }
}

impl Tokens {
    /// Asks for all tokens of the pod that are missing or old. One that cannot be renewed is used while it lives.
    pub(crate) async fn refresh(&mut self, client: &Client, pod: &Pod, identity: &PodIdentity) {
        let Some(spec) = &pod.spec else { return };
        let now = Timestamp::now();
        self.known.retain(|_, token| now < token.expires_at);
        self.failure = None;
        for key in TokenKey::all_of(spec) {
            if self.known.get(&key).is_some_and(|token| now < token.renew_at) {
                continue;
            }
            match ask(client, spec, identity, &key).await {
                Ok(token) => drop(self.known.insert(key, token)),
                Err(error) => {
                    let error = error_chain(&error);
                    warn!(
                        pod = identity.name,
                        namespace = identity.namespace,
                        error,
                        "got no token for a pod"
                    );
                    let again_at = now.saturating_add(ASK_AGAIN).unwrap_or(now);
                    if let Some(token) = self.known.get_mut(&key) {
                        token.renew_at = again_at;
                    }
                    self.failure = Some((error, again_at));
                }
            }
        }
    }

    /// When the first of them is to be renewed, or asked for again.
    pub(crate) fn renew_at(&self) -> Option<Timestamp> {
        let again_at = self.failure.as_ref().map(|(_, again_at)| *again_at);
        self.known.values().map(|token| token.renew_at).chain(again_at).min()
    }

    /// The texts of all tokens, and why there may be too few.
    pub(crate) fn texts(&self) -> (BTreeMap<TokenKey, String>, Option<String>) {
        let texts = self.known.iter().map(|(key, token)| (key.clone(), token.text.clone())).collect();
        (texts, self.failure.as_ref().map(|(cause, _)| cause.clone()))
    }
}

async fn ask(
    client: &Client,
    spec: &PodSpec,
    identity: &PodIdentity,
    key: &TokenKey,
) -> Result<Token, TokenError> {
    let account = spec.service_account_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
    let request = request(identity, key);
    let issued_at = Timestamp::now();
    let answer = Api::<ServiceAccount>::namespaced(client.clone(), &identity.namespace)
        .create_token_request(account, &PostParams::default(), &request)
        .await
        .map_err(|source| TokenError::Ask { account: account.to_owned(), source: Box::new(source) })?;
    let status = answer.status.unwrap_or_default();
    let (text, expires_at) = status.token.zip(status.expiration_timestamp).ok_or(TokenError::Empty)?;
    Ok(Token::new(text, issued_at, expires_at.0))
}

/// The token is bound to the pod: it is worth nothing when that is gone.
fn request(identity: &PodIdentity, key: &TokenKey) -> TokenRequest {
    TokenRequest {
        metadata: ObjectMeta::default(),
        spec: Some(TokenRequestSpec {
            audiences: Some(key.audience.clone())
                .filter(|audience| !audience.is_empty())
                .map(|one| vec![one]),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(identity.name.clone()),
                uid: Some(identity.uid.clone()),
            }),
            expiration_seconds: Some(key.life_seconds),
            ..TokenRequestSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    pub(crate) fn tokens(audience: &str, text: &str) -> BTreeMap<TokenKey, String> {
        let key = TokenKey { audience: audience.to_owned(), life_seconds: LIFE_SECONDS };
        BTreeMap::from([(key, text.to_owned())])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::{BodyExt as _, Full};
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::service_fn;

    use super::*;

    /// An API that gives tokens which live for the seconds that are asked for, numbered, and notes each request.
    fn api(asked: &Arc<Mutex<Vec<(String, Value)>>>) -> Client {
        let asked = asked.clone();
        let service = service_fn(move |request: Request<Body>| {
            let asked = asked.clone();
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let mut answer: Value = serde_json::from_slice(&body).unwrap();
                let mut asked = asked.lock().unwrap();
                asked.push((path, answer.clone()));
                let life = SignedDuration::from_secs(answer["spec"]["expirationSeconds"].as_i64().unwrap());
                let expires_at = Timestamp::now() + life;
                answer["status"] =
                    json!({"token": format!("token-{}", asked.len()), "expirationTimestamp": expires_at});
                let body = Full::new(Bytes::from(answer.to_string()));
                Ok::<_, std::convert::Infallible>(Response::new(body))
            }
        });
        Client::new(service, "default")
    }

    fn pod(life_seconds: i64) -> Pod {
        let token = json!({"path": "token", "expirationSeconds": life_seconds, "audience": "vault"});
        serde_json::from_value(json!({
            "metadata": {"name": "web-0", "namespace": "shop", "uid": "1-2"},
            "spec": {"containers": [], "serviceAccountName": "web", "volumes": [
                {"name": "a", "projected": {"sources": [{"serviceAccountToken": token}]}},
            ]},
        }))
        .unwrap()
    }

    fn identity() -> PodIdentity {
        PodIdentity { namespace: "shop".to_owned(), name: "web-0".to_owned(), uid: "1-2".to_owned() }
    }

    #[tokio::test]
    async fn a_token_is_bound_to_its_pod_and_kept() {
        let asked = Arc::default();
        let client = api(&asked);
        let mut tokens = Tokens::default();
        for _ in 0..3 {
            tokens.refresh(&client, &pod(3600), &identity()).await;
        }
        let asked = asked.lock().unwrap();
        let [(path, request)] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(path, "/api/v1/namespaces/shop/serviceaccounts/web/token");
        let bound_to = json!({"apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": "1-2"});
        assert_eq!(request["spec"]["boundObjectRef"], bound_to);
        assert_eq!(request["spec"]["audiences"], json!(["vault"]));
        assert_eq!(Vec::from_iter(tokens.texts().0.into_values()), ["token-1"]);
    }

    #[tokio::test]
    async fn an_old_token_is_renewed() {
        let asked = Arc::default();
        let client = api(&asked);
        let mut tokens = Tokens::default();
        tokens.refresh(&client, &pod(600), &identity()).await;
        for token in tokens.known.values_mut() {
            token.renew_at = Timestamp::now();
        }
        tokens.refresh(&client, &pod(600), &identity()).await;
        assert_eq!(Vec::from_iter(tokens.texts().0.into_values()), ["token-2"]);
    }

    #[test]
    fn a_token_is_renewed_after_four_fifths_of_its_life_and_after_a_day_at_the_latest() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (life, expected) in [(600, 480), (3600, 2880), (7 * 86_400, 86_400)] {
            let token = Token::new(String::new(), now, now + SignedDuration::from_secs(life));
            assert_eq!(token.renew_at, now + SignedDuration::from_secs(expected));
        }
    }
}
