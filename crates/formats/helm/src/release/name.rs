//! Names of releases.

const LENGTH_MAX: usize = 53;

/// A name that no release may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid release name {0:?}: expected at most {LENGTH_MAX} of the letters a to z, digits, `-` and `.`, \
     beginning and ending with a letter or digit, also around each `.`"
)]
pub struct InvalidName(String);

/// Whether a release may have the name. It leaves room for what charts put behind it in the names of objects.
///
/// # Errors
/// It may not.
pub fn check_release_name(name: &str) -> Result<(), InvalidName> {
    let is_plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let has_ends =
            bytes.first().zip(bytes.last()).is_some_and(|(one, last)| is_plain(*one) && is_plain(*last));
        has_ends && bytes.iter().all(|letter| is_plain(*letter) || *letter == b'-')
    };
    let is_valid = name.len() <= LENGTH_MAX && name.split('.').all(is_part);
    if is_valid { Ok(()) } else { Err(InvalidName(name.to_owned())) }
}
