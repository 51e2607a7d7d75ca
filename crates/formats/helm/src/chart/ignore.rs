//! `.helmignore`: which files of a folder are no part of the chart.

use super::File;
use crate::error::Error;

const NAME: &str = ".helmignore";
/// Hidden files among the templates never count.
const ALWAYS: &str = "templates/.?*";

struct Rule {
    pattern: String,
    is_negated: bool,
    is_for_folders: bool,
    /// Otherwise the file's own name is what it says something about.
    is_path: bool,
}

/// What a `.helmignore` says.
pub struct Ignore(Vec<Rule>);

impl Ignore {
    /// # Errors
    /// A line of it is no pattern that Helm knows.
    pub fn parse(text: &str) -> Result<Ignore, Error> {
        let rules = text.lines().chain([ALWAYS]).filter_map(|line| rule(line.trim()).transpose());
        Ok(Ignore(rules.collect::<Result<_, _>>()?))
    }

    /// Whether a file, or a folder with all that is in it, is no part of the chart. The folders that it lies in are not
    /// looked at.
    pub fn leaves_out(&self, path: &str, is_folder: bool) -> bool {
        matches(&self.0, path, is_folder)
    }
}

pub(super) fn without_ignored(files: Vec<File>) -> Result<Vec<File>, Error> {
    let own = files.iter().find(|file| file.name == NAME);
    let ignore = Ignore::parse(&own.map(|file| String::from_utf8_lossy(&file.data)).unwrap_or_default())?;
    Ok(files.into_iter().filter(|file| !is_ignored(&ignore, &file.name)).collect())
}

fn rule(line: &str) -> Result<Option<Rule>, Error> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let wrong = |message: &str| {
        Err(Error::ReadFile {
            chart: "?".to_owned(),
            file: NAME.to_owned(),
            message: format!("{line}: {message}"),
        })
    };
    if line.contains("**") {
        return wrong("double-star (**) syntax is not supported");
    }
    if line.matches('[').count() > line.matches(']').count() {
        return wrong("a bracket is not closed");
    }
    let (is_negated, line) = line.strip_prefix('!').map_or((false, line), |line| (true, line));
    let (is_for_folders, line) = line.strip_suffix('/').map_or((false, line), |line| (true, line));
    let is_path = line.contains('/');
    let pattern = line.strip_prefix('/').unwrap_or(line).to_owned();
    Ok(Some(Rule { pattern, is_negated, is_for_folders, is_path }))
}

/// Whether the file, or a folder that it lies in, is ignored.
fn is_ignored(ignore: &Ignore, path: &str) -> bool {
    let folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
    let mut folders = folders.into_iter();
    folders.any(|folder| ignore.leaves_out(folder, true)) || ignore.leaves_out(path, false)
}

fn matches(rules: &[Rule], path: &str, is_folder: bool) -> bool {
    for rule in rules {
        let name = if rule.is_path { path } else { path.rsplit('/').next().unwrap_or(path) };
        let fits = || fits(rule.pattern.as_bytes(), name.as_bytes());
        if rule.is_negated {
            // As Helm has it: what a negated rule does not speak of is ignored.
            if (rule.is_for_folders && !is_folder) || !fits() {
                return true;
            }
        } else if (!rule.is_for_folders || is_folder) && fits() {
            return true;
        }
    }
    false
}

/// Whether a path is one of those that a pattern means, as `filepath.Match` has it: `*` and `?` stop at `/`.
pub fn path_matches(pattern: &str, path: &str) -> bool {
    fits(pattern.as_bytes(), path.as_bytes())
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => {
            let end = name.iter().position(|byte| *byte == b'/').unwrap_or(name.len());
            (0..=end).any(|skipped| name.get(skipped..).is_some_and(|name| fits(rest, name)))
        }
        [b'?', rest @ ..] => {
            matches!(name, [first, ..] if *first != b'/')
                && name.get(1..).is_some_and(|name| fits(rest, name))
        }
        [b'[', rest @ ..] => match (class(rest, name.first().copied()), name.get(1..)) {
            (Some((true, rest)), Some(name)) => fits(rest, name),
            _ => false,
        },
        [b'\\', escaped, rest @ ..] => {
            name.first() == Some(escaped) && name.get(1..).is_some_and(|name| fits(rest, name))
        }
        [literal, rest @ ..] => {
            name.first() == Some(literal) && name.get(1..).is_some_and(|name| fits(rest, name))
        }
    }
}

/// Whether the byte is in the class, and what follows it.
fn class(pattern: &[u8], byte: Option<u8>) -> Option<(bool, &[u8])> {
    let end = pattern.iter().skip(1).position(|byte| *byte == b']')? + 1;
    let (inside, rest) = pattern.split_at(end);
    let (is_negated, inside) = match inside {
        [b'^', inside @ ..] => (true, inside),
        _ => (false, inside),
    };
    let byte = byte.filter(|byte| *byte != b'/')?;
    let mut is_in = false;
    let mut rest_of_class = inside;
    while let Some((low, after)) = rest_of_class.split_first() {
        let (high, after) = match after {
            [b'-', high, after @ ..] => (high, after),
            _ => (low, after),
        };
        is_in |= (*low..=*high).contains(&byte);
        rest_of_class = after;
    }
    Some((is_in != is_negated, rest.get(1..).unwrap_or_default()))
}
