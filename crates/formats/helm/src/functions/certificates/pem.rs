//! PEM, and the forms of private keys: PKCS #8 inside of the library, the older ones in what templates see.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const LINE: usize = 64;
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const PARAMETERS: u8 = 0xa0;
const NULL: &[u8] = &[0x05, 0x00];
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

fn block(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut block = format!("-----BEGIN {label}-----\n");
    for (index, letter) in text.chars().enumerate() {
        if index > 0 && index % LINE == 0 {
            block.push('\n');
        }
        block.push(letter);
    }
    block.push_str(&format!("\n-----END {label}-----\n"));
    block
}

/// The label and content of the first block.
fn first_block(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (content, _) = rest.split_once(&format!("-----END {label}-----"))?;
    // Headers end with an empty line.
    let body = content.rsplit_once("\n\n").map_or(content, |(_, body)| body);
    let clean: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    Some((label, STANDARD.decode(clean).ok()?))
}

pub(super) fn certificate(der: &[u8]) -> String {
    block("CERTIFICATE", der)
}

pub(super) fn certificate_der(text: &str) -> Result<Vec<u8>, String> {
    first_block(text).map(|(_, der)| der).ok_or_else(|| "unable to decode certificate".to_owned())
}

/// A key in the form that Go writes for its algorithm.
pub(super) fn key(der: &[u8]) -> Result<String, String> {
    let parts = Pkcs8::read(der).ok_or("the key is not PKCS #8")?;
    if parts.algorithm == RSA {
        return Ok(block("RSA PRIVATE KEY", parts.key));
    }
    if parts.algorithm == EC {
        let key = with_curve(parts.key, parts.parameters).ok_or("the EC key is damaged")?;
        return Ok(block("EC PRIVATE KEY", &key));
    }
    Ok(block("PRIVATE KEY", der))
}

/// A key as PKCS #8, whatever form it was given in.
pub(super) fn key_der(text: &str) -> Result<Vec<u8>, String> {
    let (label, der) = first_block(text).ok_or("no PEM data in input")?;
    match label {
        "PRIVATE KEY" => Ok(der),
        "RSA PRIVATE KEY" => Ok(pkcs8(&[RSA, NULL].concat(), &der)),
        "EC PRIVATE KEY" => {
            let curve = curve(&der).ok_or("parsing EC private key from PEM: it names no curve")?;
            Ok(pkcs8(&[EC, curve].concat(), &der))
        }
        other if other.ends_with(" PRIVATE KEY") => {
            Err(format!("invalid private key type {}", other.trim_end_matches(" PRIVATE KEY")))
        }
        other => Err(format!("no private key data in PEM block of type {other}")),
    }
}

/// The parts of a key in PKCS #8.
struct Pkcs8<'d> {
    /// With its tag.
    algorithm: &'d [u8],
    parameters: &'d [u8],
    key: &'d [u8],
}

impl Pkcs8<'_> {
    fn read(der: &[u8]) -> Option<Pkcs8<'_>> {
        let (_, inside, _) = element(der)?;
        let (_, _, rest) = element(inside)?;
        let (_, identifier, rest) = element(rest)?;
        let (_, _, parameters) = element(identifier)?;
        let algorithm = identifier.get(..identifier.len() - parameters.len())?;
        let (_, key, _) = element(rest)?;
        Some(Pkcs8 { algorithm, parameters, key })
    }
}

/// The tag and content of the first element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..0x80 => (usize::from(*first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits.iter().try_fold(0usize, |length, digit| {
                length.checked_mul(256)?.checked_add(usize::from(*digit))
            })?;
            (length, rest)
        }
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

fn with_tag(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    if let Some(short) = u8::try_from(length).ok().filter(|short| *short < 0x80) {
        der.push(short);
    } else {
        let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
        der.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
        der.extend(digits);
    }
    der.extend_from_slice(content);
    der
}

fn pkcs8(identifier: &[u8], key: &[u8]) -> Vec<u8> {
    let version = with_tag(INTEGER, &[0]);
    let parts = [version, with_tag(SEQUENCE, identifier), with_tag(OCTETS, key)];
    with_tag(SEQUENCE, &parts.concat())
}

/// The curve that an EC key names, with its tag.
fn curve(key: &[u8]) -> Option<&[u8]> {
    let (_, inside, _) = element(key)?;
    let mut rest = inside;
    while !rest.is_empty() {
        let (tag, content, after) = element(rest)?;
        if tag == PARAMETERS {
            return Some(content);
        }
        rest = after;
    }
    None
}

/// An EC key that names its curve, as it must where no PKCS #8 is around it.
fn with_curve(key: &[u8], curve_name: &[u8]) -> Option<Vec<u8>> {
    if curve(key).is_some() {
        return Some(key.to_vec());
    }
    let (_, inside, _) = element(key)?;
    let (_, _, after_version) = element(inside)?;
    let (_, _, public) = element(after_version)?;
    let front = inside.get(..inside.len() - public.len())?;
    Some(with_tag(SEQUENCE, &[front, &with_tag(PARAMETERS, curve_name), public].concat()))
}
