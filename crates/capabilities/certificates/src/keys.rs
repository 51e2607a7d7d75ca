//! Private keys, as `spec.privateKey` of a Certificate asks for them.

use bythos_api::certificate::PrivateKeySpec;
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize,
};

/// A key that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("spec.privateKey.algorithm: found {found:?}, expected \"RSA\", \"ECDSA\" or \"Ed25519\"")]
    UnknownAlgorithm { found: String },
    #[error("spec.privateKey.size: found {found} for {algorithm}, expected {expected}")]
    UnknownSize { algorithm: &'static str, found: i64, expected: &'static str },
    #[error("failed to make a private key")]
    Generate(#[source] rcgen::Error),
}

/// What kind of key is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    Ed25519,
}

impl KeyKind {
    /// Reads `spec.privateKey`; cert-manager's defaults are RSA with 2048 bits, and 256 bits for ECDSA.
    pub(crate) fn of(spec: Option<&PrivateKeySpec>) -> Result<KeyKind, KeyError> {
        let algorithm = spec.and_then(|spec| spec.algorithm.as_deref()).unwrap_or("RSA");
        let size = spec.and_then(|spec| spec.size);
        match (algorithm, size) {
            ("RSA", None | Some(2048)) => Ok(KeyKind::Rsa2048),
            ("RSA", Some(3072)) => Ok(KeyKind::Rsa3072),
            ("RSA", Some(4096)) => Ok(KeyKind::Rsa4096),
            ("RSA", Some(found)) => {
                Err(KeyError::UnknownSize { algorithm: "RSA", found, expected: "2048, 3072 or 4096" })
            }
            ("ECDSA", None | Some(256)) => Ok(KeyKind::P256),
            ("ECDSA", Some(384)) => Ok(KeyKind::P384),
            ("ECDSA", Some(found)) => {
                Err(KeyError::UnknownSize { algorithm: "ECDSA", found, expected: "256 or 384" })
            }
            ("Ed25519", _) => Ok(KeyKind::Ed25519),
            (found, _) => Err(KeyError::UnknownAlgorithm { found: found.to_owned() }),
        }
    }

    /// A new key.
    pub(crate) fn generate(self) -> Result<KeyPair, KeyError> {
        let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size);
        let made = match self {
            KeyKind::Rsa2048 => rsa(RsaKeySize::_2048),
            KeyKind::Rsa3072 => rsa(RsaKeySize::_3072),
            KeyKind::Rsa4096 => rsa(RsaKeySize::_4096),
            KeyKind::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            KeyKind::Ed25519 => KeyPair::generate_for(&PKCS_ED25519),
        };
        made.map_err(KeyError::Generate)
    }

    /// Whether `key` is of this kind. RSA keys are told apart by their modulus.
    pub(crate) fn matches(self, key: &KeyPair) -> bool {
        let rsa = |bits: usize| {
            let longest = bits / 8 + 32;
            let length = key.public_key_raw().len();
            key.is_compatible(&PKCS_RSA_SHA256) && (bits / 8..longest).contains(&length)
        };
        match self {
            KeyKind::Rsa2048 => rsa(2048),
            KeyKind::Rsa3072 => rsa(3072),
            KeyKind::Rsa4096 => rsa(4096),
            KeyKind::P256 => key.is_compatible(&PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => key.is_compatible(&PKCS_ECDSA_P384_SHA384),
            KeyKind::Ed25519 => key.is_compatible(&PKCS_ED25519),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(algorithm: &str, size: Option<i64>) -> PrivateKeySpec {
        PrivateKeySpec { algorithm: Some(algorithm.to_owned()), size, rotation_policy: None }
    }

    #[test]
    fn the_kinds_of_cert_manager_are_understood() {
        let cases = [
            (None, KeyKind::Rsa2048),
            (Some(spec("RSA", Some(4096))), KeyKind::Rsa4096),
            (Some(spec("ECDSA", None)), KeyKind::P256),
            (Some(spec("ECDSA", Some(384))), KeyKind::P384),
            (Some(spec("Ed25519", None)), KeyKind::Ed25519),
        ];
        for (spec, expected) in cases {
            assert_eq!(KeyKind::of(spec.as_ref()).unwrap(), expected, "{spec:?}");
        }
    }

    #[test]
    fn others_are_refused_with_the_field() {
        let error = KeyKind::of(Some(&spec("DSA", None))).unwrap_err().to_string();
        assert!(error.starts_with("spec.privateKey.algorithm: found \"DSA\""), "{error}");
        let error = KeyKind::of(Some(&spec("RSA", Some(512)))).unwrap_err().to_string();
        assert!(error.starts_with("spec.privateKey.size: found 512"), "{error}");
    }

    #[test]
    fn a_key_is_of_the_kind_it_was_made_for_and_of_no_other() {
        let kinds = [KeyKind::Rsa2048, KeyKind::Rsa3072, KeyKind::P256, KeyKind::P384, KeyKind::Ed25519];
        for made in kinds {
            let key = made.generate().unwrap();
            for kind in kinds {
                assert_eq!(kind.matches(&key), kind == made, "{made:?} as {kind:?}");
            }
        }
    }
}
