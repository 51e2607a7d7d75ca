//! `derivePassword`: a password that follows from a master password and a site, by the scheme of Master Password.

use aws_lc_rs::hmac;
use bythos_gotemplate::{Failure, Function, Scope, Text};

use super::spend_milliseconds;

const SEED: &[u8] = b"com.lyndir.masterpassword";
const SCRYPT_MILLISECONDS: usize = 330;

pub(super) fn functions() -> Vec<Function> {
    vec![Function::new(
        "derivePassword",
        |scope: &mut Scope<'_>, counter: u32, kind: Text, password: Text, user: Text, site: Text| {
            derive(scope, counter, &kind, &password, &user, &site)
        },
    )]
}

/// The shapes of a kind of password: each letter names a set of characters.
fn shapes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(set: u8) -> &'static [u8] {
    match set {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn counted(text: &Text) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    [SEED, length.as_slice(), text.as_bytes()].concat()
}

fn derive(
    scope: &Scope<'_>,
    counter: u32,
    kind: &Text,
    password: &Text,
    user: &Text,
    site: &Text,
) -> Result<String, Failure> {
    let Some(shapes) = shapes(&kind.to_str()) else {
        return Ok(format!("cannot find password template {kind}"));
    };
    spend_milliseconds(scope, SCRYPT_MILLISECONDS)?;
    let mut key = [0; 64];
    let cost = scrypt::Params::new(15, 8, 2, key.len()).map_err(|error| Failure::new(error.to_string()))?;
    scrypt::scrypt(password.as_bytes(), &counted(user), &cost, &mut key)
        .map_err(|error| Failure::new(error.to_string()))?;
    let message = [counted(site).as_slice(), &counter.to_be_bytes()].concat();
    let seed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &message);
    let mut seed = seed.as_ref().iter().map(|byte| usize::from(*byte));
    let choice = seed.next().unwrap_or(0) % shapes.len();
    let shape = shapes.get(choice).copied().unwrap_or_default();
    let letters = shape.bytes().zip(seed).map(|(set, byte)| {
        let set = characters(set);
        set.get(byte % set.len()).copied().map_or(' ', char::from)
    });
    Ok(letters.collect())
}
