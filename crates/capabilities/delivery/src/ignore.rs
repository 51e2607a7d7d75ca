//! Which files stay out of an artifact, by the rules of "gitignore" as Flux reads them: a pattern is held against the whole
//! way to a file, so that a file may be taken again from a folder that is left out, which Git does not know.

/// What belongs to Git, and stays out of every artifact unless a rule takes it.
const OF_GIT: &str = "\
.git/
.gitignore
.gitmodules
.gitattributes
";

/// What stays out as well where nobody gave a rule: pictures and archives, settings of CI services.
const DEFAULTS: &str = "\
*.jpg
*.jpeg
*.gif
*.png
*.wmv
*.flv
*.tar.gz
*.zip
.github/
.circleci/
.travis.yml
.gitlab-ci.yml
appveyor.yml
.drone.yml
cloudbuild.yaml
codeship-services.yml
codeship-steps.yml
**/.goreleaser.yml
**/.sops.yaml
**/.flux.yaml
";

/// Name of the file in which a repository says what to leave out of its folder and below.
pub(crate) const IGNORE_FILE: &str = ".sourceignore";

/// Patterns in the order of their weight: the last that matches decides.
#[derive(Debug)]
pub(crate) struct Ignore {
    of_git: Vec<Pattern>,
    defaults: Vec<Pattern>,
    /// What the repository and the source say. The first rule puts them in the place of the defaults.
    given: Vec<Pattern>,
}

impl Default for Ignore {
    fn default() -> Self {
        Ignore { of_git: parsed("", OF_GIT), defaults: parsed("", DEFAULTS), given: Vec::new() }
    }
}

fn parsed(folder: &str, lines: &str) -> Vec<Pattern> {
    lines.lines().filter_map(|line| Pattern::parse(folder, line)).collect()
}

#[derive(Debug)]
struct Pattern {
    /// Steps of the folder in which it holds.
    domain: Vec<String>,
    /// Steps of the pattern, `**` among them.
    steps: Vec<String>,
    /// Whether a file that matches is taken after all.
    takes: bool,
    only_folders: bool,
}

impl Ignore {
    /// Adds the lines of an ignore file that stands in `folder`.
    pub(crate) fn add(&mut self, folder: &str, lines: &str) {
        self.given.extend(parsed(folder, lines));
    }

    /// Whether the file stays out.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        let steps: Vec<&str> = path.split('/').collect();
        let last = if self.given.is_empty() { &self.defaults } else { &self.given };
        let mut from_last = last.iter().rev().chain(self.of_git.iter().rev());
        from_last.find(|pattern| pattern.matches(&steps)).is_some_and(|pattern| !pattern.takes)
    }
}

impl Pattern {
    fn parse(folder: &str, line: &str) -> Option<Pattern> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let trimmed = line.trim_end_matches(' ');
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return None;
        }
        let (takes, rest) = trimmed.strip_prefix('!').map_or((false, trimmed), |rest| (true, rest));
        let (only_folders, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
        // A slash before the end binds the pattern to its folder; without one it holds at any depth.
        let bound = rest.contains('/');
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let mut steps: Vec<String> =
            rest.split('/').map(|step| step.trim_start_matches('\\').to_owned()).collect();
        if !bound {
            steps.insert(0, "**".to_owned());
        }
        let domain = folder.split('/').filter(|step| !step.is_empty()).map(str::to_owned).collect();
        Some(Pattern { domain, steps, takes, only_folders })
    }

    /// Whether it means the file at `path`, or a folder on the way to it.
    fn matches(&self, path: &[&str]) -> bool {
        let Some((domain, below)) = path.split_at_checked(self.domain.len()) else { return false };
        let mut ways = (1..=below.len()).filter(|&length| !self.only_folders || length < below.len());
        domain.iter().zip(&self.domain).all(|(step, mine)| step == mine)
            && ways.any(|length| below.get(..length).is_some_and(|way| steps_match(&self.steps, way)))
    }
}

fn steps_match(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => {
            // At the end it stands for everything within, not for the folder itself.
            let least = usize::from(rest.is_empty());
            (least..=path.len()).any(|skip| path.get(skip..).is_some_and(|path| steps_match(rest, path)))
        }
        Some((first, rest)) => path
            .split_first()
            .is_some_and(|(step, below)| glob(first.as_bytes(), step.as_bytes()) && steps_match(rest, below)),
    }
}

/// `*`, `?` and `[...]` within one step. Linear in memory; a star is tried again only from the last one.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(seen) {
        let rest = pattern.get(at..).unwrap_or_default();
        let next = match rest.first() {
            Some(b'*') => {
                retry = Some((at, seen));
                at += 1;
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => class(rest, byte),
            Some(&literal) => (literal == byte).then_some(1),
            None => None,
        };
        match (next, retry) {
            (Some(length), _) => {
                at += length;
                seen += 1;
            }
            (None, Some((star, from))) => {
                retry = Some((star, from + 1));
                (at, seen) = (star + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

/// The length of the class at the start of `pattern` if `byte` is in it. An unclosed bracket stands for itself.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let Some(end) = pattern.iter().skip(2).position(|&it| it == b']').map(|index| index + 2) else {
        return (byte == b'[').then_some(1);
    };
    let inside = pattern.get(1..end)?;
    let (negated, inside) = match inside.first() {
        Some(b'!' | b'^') => (true, inside.get(1..)?),
        _ => (false, inside),
    };
    let mut rest = inside;
    let mut found = false;
    while let Some((&first, after)) = rest.split_first() {
        match after {
            [b'-', last, after @ ..] => {
                found |= (first..=*last).contains(&byte);
                rest = after;
            }
            _ => {
                found |= first == byte;
                rest = after;
            }
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &str, path: &str, expected: bool) {
        let mut ignore = Ignore::default();
        ignore.add("", lines);
        assert_eq!(ignore.leaves_out(path), expected, "{path} with {lines:?}");
    }

    #[test]
    fn the_defaults_are_those_of_flux() {
        check("", "apps/web.yaml", false);
        check("", ".github/workflows/x.yaml", true);
        check("", "docs/picture.png", true);
        check("", "deep/er/.sops.yaml", true);
        check("", ".gitignore", true);
    }

    #[test]
    fn patterns_follow_gitignore() {
        check("docs", "docs/a.md", true);
        check("docs", "deep/docs/a.md", true);
        check("/docs", "deep/docs/a.md", false);
        check("docs/", "docs", false);
        check("a/*.md", "a/b.md", true);
        check("a/*.md", "a/b/c.md", false);
        check("a/**", "a/b/c.md", true);
        check("a/**/c.md", "a/c.md", true);
        check("**/c.md", "x/y/c.md", true);
        check("# comment\n\n", "comment", false);
        check("?.md", "a.md", true);
        check("[a-c].md", "b.md", true);
        check("[!a-c].md", "b.md", false);
        check("*.md\n!keep.md", "keep.md", false);
        check("a*b*c", "aXbXbc", true);
        check("a*b*c", "aXbXbd", false);
    }

    #[test]
    fn everything_can_be_left_out_but_one_folder() {
        let lines = "/*\n!/deploy";
        check(lines, "src/main.rs", true);
        check(lines, "deploy/web.yaml", false);
        let deep = "/*\n!/example/prometheus-operator-crd";
        check(deep, "example/prometheus-operator-crd/crd.yaml", false);
        check(deep, "example/other/crd.yaml", true);
        check("docs/\n!docs/keep/\n*.md", "docs/keep/a.yaml", false);
        check("docs/\n!docs/keep/\n*.md", "docs/keep/a.md", true);
    }

    #[test]
    fn the_first_rule_takes_the_place_of_the_defaults() {
        for lines in ["", "# a comment\n\n"] {
            check(lines, "docs/picture.png", true);
        }
        check("/src", "docs/picture.png", false);
        check("/src", ".github/workflows/x.yaml", false);
        check("/src", ".git/config", true);
        check("/src", "deep/.gitignore", true);
        check("!.gitignore", ".gitignore", false);
    }

    #[test]
    fn a_file_in_a_folder_holds_for_that_folder() {
        let mut ignore = Ignore::default();
        ignore.add("apps", "*.md\n/top.yaml");
        assert!(ignore.leaves_out("apps/deep/a.md"));
        assert!(ignore.leaves_out("apps/top.yaml"));
        assert!(!ignore.leaves_out("apps/deep/top.yaml"));
        assert!(!ignore.leaves_out("a.md"));
    }
}
