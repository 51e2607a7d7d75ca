//! Names of images, made whole as containerd does (`distribution/reference`).

use serde_json::Value;

use super::RecipeError;
use super::fields::{invalid, text};

/// The name with its registry. A tag is demanded: `latest` could never be told from an older one.
pub(super) fn parse(value: &Value, path: &str) -> Result<String, RecipeError> {
    let name = text(value, path)?;
    let expected = "a name with a tag, such as localhost/hello:1";
    let (repository, tag) = name.rsplit_once(':').ok_or_else(|| invalid(value, path, expected))?;
    let parts: Vec<_> = repository.split('/').collect();
    let has_registry = parts.len() > 1
        && parts.first().is_some_and(|first| *first == "localhost" || first.contains(['.', ':']));
    let is_whole = !tag.contains('/')
        && is_word(tag, "_.-", true)
        && parts.iter().enumerate().all(|(index, part)| {
            if index == 0 && has_registry { is_word(part, ".-:", true) } else { is_word(part, "_.-", false) }
        });
    if !is_whole {
        return Err(invalid(value, path, expected));
    }
    Ok(match (has_registry, parts.len()) {
        (true, _) => name,
        (false, 1) => format!("docker.io/library/{name}"),
        (false, _) => format!("docker.io/{name}"),
    })
}

fn is_word(word: &str, marks: &str, upper_case: bool) -> bool {
    !word.is_empty()
        && word.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && word.chars().all(|c| {
            c.is_ascii_lowercase()
                || c.is_ascii_digit()
                || marks.contains(c)
                || upper_case && c.is_ascii_uppercase()
        })
}
