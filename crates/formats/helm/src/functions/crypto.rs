//! Passwords and encryption.

use aws_lc_rs::cipher::DecryptingKey;
use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_gotemplate::{Failure, Function, Scope, Text};

use super::encoding::base_64;
use super::{rendering, spend_milliseconds};

const BLOCK_BYTES: usize = 16;
const BCRYPT_COST: u32 = 10;
const BCRYPT_BYTES_MAX: usize = 72;
/// A hash is slow on purpose.
const HASH_MILLISECONDS: usize = 60;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("bcrypt", hash),
        Function::new("htpasswd", |scope: &mut Scope<'_>, user: Text, password: Text| {
            if user.as_bytes().contains(&b':') {
                return Ok(format!("invalid username: {user}"));
            }
            hash(scope, password).map(|hash| format!("{user}:{hash}"))
        }),
        Function::new("encryptAES", encrypt),
        Function::new("decryptAES", decrypt),
    ]
}

fn hash(scope: &mut Scope<'_>, password: Text) -> Result<String, Failure> {
    spend_milliseconds(scope, HASH_MILLISECONDS)?;
    if password.len() > BCRYPT_BYTES_MAX {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned()
        );
    }
    let mut salt = [0; 16];
    rendering(scope)?.world.fill_random(&mut salt);
    let parts = bcrypt::hash_with_salt(password.as_bytes(), BCRYPT_COST, salt);
    let parts = parts.map_err(|error| Failure::new(format!("failed to hash: {error}")))?;
    Ok(parts.format_for_version(bcrypt::Version::TwoA))
}

/// The password's bytes, filled up with zeros.
fn key(password: &Text) -> Result<UnboundCipherKey, Failure> {
    let mut key = [0; 32];
    key.iter_mut().zip(password.as_bytes()).for_each(|(to, from)| *to = *from);
    UnboundCipherKey::new(&AES_256, &key).map_err(|_| failed("key"))
}

fn failed(what: &str) -> Failure {
    Failure::new(format!("AES: the {what} does not fit"))
}

fn encrypt(scope: &mut Scope<'_>, password: Text, text: Text) -> Result<String, Failure> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let mut vector = [0; BLOCK_BYTES];
    rendering(scope)?.world.fill_random(&mut vector);
    let mut content = text.as_bytes().to_vec();
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key(&password)?).map_err(|_| failed("key"))?;
    let context = EncryptionContext::Iv128(FixedLength::from(vector));
    key.less_safe_encrypt(&mut content, context).map_err(|_| failed("text"))?;
    Ok(STANDARD.encode([vector.as_slice(), content.as_slice()].concat()))
}

fn decrypt(password: Text, text: Text) -> Result<Text, Failure> {
    if text.is_empty() {
        return Ok(Text::default());
    }
    let bytes = base_64(text.as_bytes())
        .map_err(|offset| Failure::new(format!("illegal base64 data at input byte {offset}")))?;
    let vector: [u8; BLOCK_BYTES] =
        bytes.get(..BLOCK_BYTES).and_then(|vector| vector.try_into().ok()).ok_or_else(|| {
            super::out_of_bounds(format_args!("[:{BLOCK_BYTES}] with capacity {}", bytes.len()))
        })?;
    let mut content = bytes.get(BLOCK_BYTES..).unwrap_or_default().to_vec();
    if content.is_empty() || content.len() % BLOCK_BYTES != 0 {
        return Err(Failure::new("crypto/cipher: input not full blocks"));
    }
    let key = DecryptingKey::cbc(key(&password)?).map_err(|_| failed("key"))?;
    let context = DecryptionContext::Iv128(FixedLength::from(vector));
    let plain = key.decrypt(&mut content, context).map_err(|_| failed("text"))?;
    // Go takes the last byte at its word.
    let padding = usize::from(plain.last().copied().unwrap_or(0));
    let length = plain.len().checked_sub(padding);
    let length = length.ok_or_else(|| super::out_of_bounds(format_args!("[:-{}]", padding - plain.len())))?;
    Ok(plain.get(..length).unwrap_or_default().into())
}
