//! Tokens of service accounts: signed and read here, as JSON Web Tokens with ES256.
//!
//! A token says whom it stands for and to which object its life is bound ("Bound service account tokens" in the
//! documentation of Kubernetes). Whether these are still there only the API server knows; it asks after
//! [`TokenSigner::verify`]. Others verify tokens by themselves, with [`TokenSigner::key_set`].

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::{KeyPair, PublicKeyData as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::User;
use crate::authority::folder::{Folder, KeyFile};
use crate::authority::{AuthorityError, generate_key};

/// Who issues the tokens, and the audience that stands for the API itself.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Clocks may differ by so many seconds.
const LEEWAY_SECONDS: u64 = 60;
/// An uncompressed point of P-256: a mark, and two coordinates of this many bytes.
const COORDINATE_BYTES: usize = 32;

/// An object that a token names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// Whom a token stands for, and what its life is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Namespace of the account, and of the pod or secret.
    pub namespace: String,
    /// The account.
    #[serde(rename = "serviceaccount")]
    pub account: Reference,
    /// It ends with this pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// It ends with this secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    /// The node that the pod runs on, or if there is no pod, the node that it ends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    /// Seconds since 1970 after which its holder should have asked for another one.
    #[serde(rename = "warnafter", default, skip_serializing_if = "Option::is_none")]
    pub warn_after: Option<u64>,
}

/// What a token says. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// For whom it is good.
    #[serde(rename = "aud")]
    pub audiences: Vec<String>,
    /// Its end.
    #[serde(rename = "exp")]
    pub expires: u64,
    /// Its beginning.
    #[serde(rename = "iat")]
    pub issued: u64,
    /// [`ISSUER`]
    #[serde(rename = "iss")]
    pub issuer: String,
    /// Its own name.
    #[serde(rename = "jti", default)]
    pub id: String,
    /// Its beginning.
    #[serde(rename = "nbf")]
    pub not_before: u64,
    /// The account's user name.
    #[serde(rename = "sub")]
    pub subject: String,
    /// Whom it stands for, and what its life is bound to.
    #[serde(rename = "kubernetes.io")]
    pub bound: Bound,
}

impl Claims {
    /// Of a new token. It is called `id`, and is good from `now` for `lifetime_seconds`.
    pub fn new(id: String, bound: Bound, audiences: Vec<String>, now: u64, lifetime_seconds: u64) -> Claims {
        let subject = User::service_account(&bound.namespace, &bound.account.name, "").name;
        Claims {
            audiences,
            expires: now.saturating_add(lifetime_seconds),
            issued: now,
            issuer: ISSUER.to_owned(),
            id,
            not_before: now,
            subject,
            bound,
        }
    }

    /// The user that it stands for.
    pub fn user(&self) -> User {
        let Bound { namespace, account, pod, node, .. } = &self.bound;
        let mut user = User::service_account(namespace, &account.name, &account.uid);
        let mut add = |key: &str, value: String| {
            user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value]);
        };
        if !self.id.is_empty() {
            add("credential-id", format!("JTI={}", self.id));
        }
        for (kind, reference) in [("pod", pod), ("node", node)] {
            if let Some(Reference { name, uid }) = reference {
                add(&format!("{kind}-name"), name.clone());
                if !uid.is_empty() {
                    add(&format!("{kind}-uid"), uid.clone());
                }
            }
        }
        user
    }
}

/// A token that is not accepted, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is no token of this engine.
    #[error("the token is not one of this cluster's service accounts")]
    Foreign,
    /// Its time has passed.
    #[error("service account token has expired")]
    Expired,
    /// Its time has not come.
    #[error("service account token is not valid yet")]
    NotYet,
    /// It is for others.
    #[error("token audiences {found:?} is invalid for the target audiences {wanted:?}")]
    Audience {
        /// Those that it names.
        found: Vec<String>,
        /// Those that are asked for.
        wanted: Vec<String>,
    },
    /// It cannot be read, or its signature does not hold.
    #[error("the token cannot be verified")]
    Unverified(#[source] jsonwebtoken::errors::Error),
    /// The library refused to sign.
    #[error("failed to sign a token")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// Signs tokens and verifies them.
#[derive(Clone)]
pub struct TokenSigner {
    signing: EncodingKey,
    verifying: DecodingKey,
    key_id: String,
    key_set: Value,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSigner").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl TokenSigner {
    /// Reads the key from `directory` (`service-account.key`, mode 0600), or makes it there. Without its key the
    /// tokens that are out would end; it is kept with the authority.
    ///
    /// # Errors
    /// See [`AuthorityError`].
    pub fn load_or_create(directory: &Path) -> Result<TokenSigner, AuthorityError> {
        let folder = Folder::open(directory)?;
        if let Some(key) = folder.read_key(KeyFile::ServiceAccounts)? {
            return TokenSigner::of(&key);
        }
        let key = generate_key("service accounts")?;
        folder.write_key(KeyFile::ServiceAccounts, &key)?;
        TokenSigner::of(&key)
    }

    /// With a key that ends with the process: for an engine whose store is in memory.
    ///
    /// # Errors
    /// See [`AuthorityError`].
    pub fn ephemeral() -> Result<TokenSigner, AuthorityError> {
        TokenSigner::of(&generate_key("service accounts")?)
    }

    fn of(key: &KeyPair) -> Result<TokenSigner, AuthorityError> {
        let unusable =
            |message: String| AuthorityError::Malformed { file: "service-account.key".into(), message };
        let point = key.der_bytes();
        if point.len() != 1 + 2 * COORDINATE_BYTES {
            return Err(unusable(
                "it is no key on the curve P-256; remove it to have a new one made".to_owned(),
            ));
        }
        let (x, y) = point[1..].split_at(COORDINATE_BYTES);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let verifying =
            DecodingKey::from_ec_components(&x, &y).map_err(|error| unusable(error.to_string()))?;
        // As upstream names keys: the digest of the public key.
        let key_id = URL_SAFE_NO_PAD.encode(Sha256::digest(key.subject_public_key_info()));
        let public = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": key_id, "x": x, "y": y });
        Ok(TokenSigner {
            signing: EncodingKey::from_ec_der(key.serialized_der()),
            verifying,
            key_set: json!({ "keys": [public] }),
            key_id,
        })
    }

    /// A signed token.
    ///
    /// # Errors
    /// The library refused.
    pub fn sign(&self, claims: &Claims) -> Result<String, TokenError> {
        let header = Header { kid: Some(self.key_id.clone()), typ: None, ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(TokenError::Sign)
    }

    /// What a token says, if it is signed here, its time is now, and it is for one of `audiences`. Which of them it is
    /// for is [`Claims::audiences`].
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify(&self, token: &str, audiences: &[String]) -> Result<Claims, TokenError> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        // Compared below, where both sides can be told.
        validation.validate_aud = false;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "sub"]);
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.verifying, &validation).map_err(refusal)?.claims;
        if claims.audiences.iter().any(|audience| audiences.contains(audience)) {
            return Ok(claims);
        }
        Err(TokenError::Audience { found: claims.audiences, wanted: audiences.to_vec() })
    }

    /// The public key as a JSON Web Key Set (RFC 7517).
    pub fn key_set(&self) -> &Value {
        &self.key_set
    }

    /// What OpenID Connect Discovery says of the issuer.
    pub fn discovery(&self) -> Value {
        json!({
            "issuer": ISSUER,
            "jwks_uri": format!("{ISSUER}/openid/v1/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }
}

fn refusal(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYet,
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAlgorithm => TokenError::Foreign,
        _ => TokenError::Unverified(error),
    }
}

#[cfg(test)]
mod tests;
