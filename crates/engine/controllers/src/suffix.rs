//! Name suffixes in Kubernetes' alphabet, which has no vowels and no look-alikes: random ones, and ones that
//! stand for a content.

use rand::Rng as _;
use sha2::{Digest as _, Sha256};

const ALPHABET: [char; 27] = [
    'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z', '2',
    '4', '5', '6', '7', '8', '9',
];
const RANDOM_LENGTH: usize = 5;
const HASH_LENGTH: usize = 10;
/// The longest name that every kind and every label value takes.
const NAME_LENGTH_MAX: usize = 63;

/// A name as `generateName` makes it: the prefix, cut where needed, and five random characters.
pub(crate) fn generated_name(prefix: &str) -> String {
    let mut random = rand::rng();
    let suffix = (0..RANDOM_LENGTH).map(|_| ALPHABET[random.random_range(0..ALPHABET.len())]);
    prefix.chars().take(NAME_LENGTH_MAX - RANDOM_LENGTH).chain(suffix).collect()
}

/// Ten characters that stand for `parts`: the same parts give the same characters in every run and version.
pub(crate) fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher
        .finalize()
        .iter()
        .take(HASH_LENGTH)
        .map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_name_has_room_for_its_suffix() {
        let name = generated_name(&"x".repeat(80));
        assert_eq!(name.len(), NAME_LENGTH_MAX);
        assert_ne!(generated_name("web-"), generated_name("web-"));
    }

    #[test]
    fn a_hash_depends_on_every_part_and_on_nothing_else() {
        assert_eq!(hash(&[b"a", b"b"]), hash(&[b"a", b"b"]));
        assert_ne!(hash(&[b"a", b"b"]), hash(&[b"ab", b""]));
        assert_eq!(hash(&[b"bythos"]).len(), HASH_LENGTH);
    }
}
