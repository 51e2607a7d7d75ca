//! Base64, base32, and checksums.

use aws_lc_rs::digest::{self, Algorithm};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bythos_gotemplate::{Function, Text};

const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// As Go, this lets pass what stands in the last bits that no byte uses.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("b64enc", |text: Text| STANDARD.encode(text.as_bytes())),
        Function::new("b64dec", |text: Text| match base_64(text.as_bytes()) {
            Ok(bytes) => Text::from(bytes),
            Err(offset) => format!("illegal base64 data at input byte {offset}").into(),
        }),
        Function::new("b32enc", |text: Text| base_32(text.as_bytes())),
        Function::new("b32dec", |text: Text| match from_base_32(text.as_bytes()) {
            Ok(bytes) => Text::from(bytes),
            Err(offset) => format!("illegal base32 data at input byte {offset}").into(),
        }),
        Function::new("sha1sum", |text: Text| sum(&digest::SHA1_FOR_LEGACY_USE_ONLY, &text)),
        Function::new("sha256sum", |text: Text| sum(&digest::SHA256, &text)),
        Function::new("sha512sum", |text: Text| sum(&digest::SHA512, &text)),
        Function::new("adler32sum", |text: Text| adler_32(text.as_bytes()).to_string()),
    ]
}

fn without_line_breaks(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

/// # Errors
/// Where it is none.
pub(super) fn base_64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let clean = without_line_breaks(text);
    LENIENT.decode(&clean).map_err(|error| match error {
        base64::DecodeError::InvalidByte(offset, _) | base64::DecodeError::InvalidLastSymbol(offset, _) => {
            offset
        }
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
            // Go names the first byte of a group that is not complete.
            let whole = clean.len() / 4 * 4;
            if whole == clean.len() { clean.len().saturating_sub(1) } else { whole }
        }
    })
}

fn sum(algorithm: &'static Algorithm, text: &Text) -> String {
    hexadecimal(digest::digest(algorithm, text.as_bytes()).as_ref())
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base_32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for group in bytes.chunks(5) {
        let mut bits = [0; 8];
        bits.iter_mut().skip(3).zip(group).for_each(|(to, from)| *to = *from);
        let bits = u64::from_be_bytes(bits);
        let digits = (group.len() * 8).div_ceil(5);
        for digit in 0..8 {
            let index = usize::try_from(bits >> (35 - digit * 5) & 31).unwrap_or(0);
            let letter = BASE_32.get(index).copied().map_or('=', char::from);
            text.push(if digit < digits { letter } else { '=' });
        }
    }
    text
}

fn from_base_32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let clean = without_line_breaks(text);
    let mut bytes = Vec::with_capacity(clean.len() / 8 * 5);
    for (number, group) in clean.chunks(8).enumerate() {
        let is_last = (number + 1) * 8 >= clean.len();
        let digits = group.iter().take_while(|byte| **byte != b'=').count();
        let padding_is_right = group.iter().skip(digits).all(|byte| *byte == b'=');
        let is_letter = |letter: &u8| BASE_32.contains(letter);
        if let Some(wrong) = group.iter().take(digits).position(|letter| !is_letter(letter)) {
            return Err(number * 8 + wrong);
        }
        if group.len() < 8
            || !padding_is_right
            || ![2, 4, 5, 7, 8].contains(&digits)
            || (digits < 8 && !is_last)
        {
            return Err(number * 8 + digits.min(group.len()));
        }
        let mut bits: u64 = 0;
        for (index, letter) in group.iter().take(digits).enumerate() {
            let value = BASE_32.iter().position(|known| known == letter).ok_or(number * 8 + index)?;
            bits |= (value as u64) << (35 - index * 5);
        }
        bytes.extend(bits.to_be_bytes().into_iter().skip(3).take(digits * 5 / 8));
    }
    Ok(bytes)
}

fn adler_32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}
