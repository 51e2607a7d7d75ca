//! Builds an image from a recipe: packages by `mmdebstrap`, then the recipe's own files.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::archive::{self, ArchiveError, BuiltImage};
use super::recipe::{self, Base, Copied, Recipe, RecipeError};
use super::tree::{Content, Entry, Source, Tree};

const RECIPE_BYTES_MAX: u64 = 1 << 20;
const KEPT_LINES: usize = 12;

/// An image cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The recipe cannot be read.
    #[error("failed to read the recipe {path:?}")]
    ReadRecipe {
        /// The recipe.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// The recipe is not as it should be.
    #[error("the recipe {path:?} is not valid")]
    Recipe {
        /// The recipe.
        path: PathBuf,
        /// What is wrong, and where.
        #[source]
        source: RecipeError,
    },
    /// The host names no package sources.
    #[error("found no package sources in /etc/apt; expected sources.list or sources.list.d/*.sources")]
    NoSources,
    /// The program that fetches packages cannot be run.
    #[error("failed to run mmdebstrap; install the package mmdebstrap")]
    RunMmdebstrap(#[source] io::Error),
    /// The packages cannot be had.
    #[error("mmdebstrap failed to fetch {packages}: {words}")]
    Packages {
        /// What was asked for.
        packages: String,
        /// The end of what it said.
        words: String,
    },
    /// The archive that `mmdebstrap` made cannot be read.
    #[error("failed to read the files of the packages")]
    ReadPackages(#[source] io::Error),
    /// A file of the recipe cannot be copied.
    #[error("{field}: failed to copy {path:?}")]
    Copy {
        /// Path of the field.
        field: String,
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// A file of the recipe is elsewhere.
    #[error("{field}: {path:?} lies outside of the recipe's folder {folder:?}; copy it there")]
    Outside {
        /// Path of the field.
        field: String,
        /// The file, with all links followed.
        path: PathBuf,
        /// The recipe's folder.
        folder: PathBuf,
    },
    /// The archive cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Builds the image of `recipe` into the archive `output`. `progress` is told each step, in words.
///
/// # Errors
/// See [`BuildError`].
pub fn build_image(
    recipe: &Path,
    output: &Path,
    mut progress: impl FnMut(&str),
) -> Result<BuiltImage, BuildError> {
    let parsed = read_recipe(recipe)?;
    let mut tree = Tree::default();
    let packages_archive = PathBuf::from(format!("{}.packages", output.display()));
    let added = if parsed.packages.is_empty() && parsed.base == Base::Extract {
        Ok(())
    } else {
        add_packages(&parsed, &packages_archive, &mut tree, &mut progress)
    };
    let built = added.and_then(|()| {
        add_files(&parsed, recipe, &mut tree)?;
        progress("packing the image");
        Ok(archive::write(&parsed.image, &tree, &parsed.settings, output)?)
    });
    // Not there if no packages were asked for.
    drop(std::fs::remove_file(packages_archive));
    built
}

fn read_recipe(path: &Path) -> Result<Recipe, BuildError> {
    let failed = |source| BuildError::ReadRecipe { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > RECIPE_BYTES_MAX {
        let problem = format!("it has {bytes} bytes; a recipe has at most {RECIPE_BYTES_MAX}");
        return Err(failed(io::Error::other(problem)));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    recipe::parse(&text).map_err(|source| BuildError::Recipe { path: path.to_owned(), source })
}

fn add_packages(
    recipe: &Recipe,
    archive: &Path,
    tree: &mut Tree,
    progress: &mut impl FnMut(&str),
) -> Result<(), BuildError> {
    let packages = recipe.packages.join(", ");
    progress(&format!("fetching {packages} from the host's package sources"));
    let mut command = Command::new("mmdebstrap");
    command.args(["--format=tar", &format!("--variant={}", recipe.base.variant())]);
    command.args(recipe.packages.iter().map(|name| format!("--include={name}")));
    // An empty suite: the sources say which.
    command.arg("").arg(archive).args(package_sources()?);
    command.env("SOURCE_DATE_EPOCH", "0").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(BuildError::RunMmdebstrap)?;
    let mut last_lines = VecDeque::new();
    for line in child.stderr.take().into_iter().flat_map(|said| BufReader::new(said).lines()) {
        let line = line.map_err(BuildError::RunMmdebstrap)?;
        if let Some(step) = line.strip_prefix("I: ") {
            progress(step);
        }
        last_lines.push_back(line);
        if last_lines.len() > KEPT_LINES {
            last_lines.pop_front();
        }
    }
    if !child.wait().map_err(BuildError::RunMmdebstrap)?.success() {
        let words = Vec::from(last_lines).join("; ");
        return Err(BuildError::Packages { packages, words });
    }
    tree.add_archive(archive, is_of_the_image).map_err(BuildError::ReadPackages)
}

/// `mmdebstrap` copies these from the host, or they change with the time of the build.
fn is_of_the_image(path: &str) -> bool {
    let of_the_host = ["etc/hostname", "etc/resolv.conf", "var/cache/ldconfig/aux-cache"];
    let folders_of_the_build = ["dev/", "var/log/", "var/lib/apt/lists/", "var/cache/apt/"];
    !of_the_host.contains(&path) && !folders_of_the_build.iter().any(|folder| path.starts_with(folder))
}

fn package_sources() -> Result<Vec<PathBuf>, BuildError> {
    let mut sources = vec![PathBuf::from("/etc/apt/sources.list")];
    let folder = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten();
    sources.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
    sources.retain(|path| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("list" | "sources")) && std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
    });
    sources.sort();
    if sources.is_empty() { Err(BuildError::NoSources) } else { Ok(sources) }
}

fn add_files(recipe: &Recipe, file: &Path, tree: &mut Tree) -> Result<(), BuildError> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        folder.canonicalize().map_err(|source| BuildError::ReadRecipe { path: file.to_owned(), source })?;
    for copied in &recipe.files {
        add_copied(copied, &folder, tree)?;
    }
    for (at, target) in &recipe.links {
        tree.put(at, Entry::of_root(0o777, Content::SymbolicLink(target.into())));
    }
    Ok(())
}

fn add_copied(copied: &Copied, folder: &Path, tree: &mut Tree) -> Result<(), BuildError> {
    let field = &copied.path;
    let failed =
        |path: &Path, source| BuildError::Copy { field: field.clone(), path: path.to_owned(), source };
    let named = folder.join(&copied.from);
    let start = named.canonicalize().map_err(|source| failed(&named, source))?;
    if !start.starts_with(folder) {
        return Err(BuildError::Outside { field: field.clone(), path: start, folder: folder.to_owned() });
    }
    let mut unread = vec![(start, copied.to.clone())];
    while let Some((from, to)) = unread.pop() {
        let metadata = std::fs::symlink_metadata(&from).map_err(|source| failed(&from, source))?;
        let content = if metadata.is_symlink() {
            Content::SymbolicLink(std::fs::read_link(&from).map_err(|source| failed(&from, source))?)
        } else if metadata.is_dir() {
            for entry in std::fs::read_dir(&from).map_err(|source| failed(&from, source))? {
                let entry = entry.map_err(|source| failed(&from, source))?;
                let name = entry.file_name().into_string().map_err(|name| {
                    failed(&from, io::Error::other(format!("the name {name:?} is not UTF-8")))
                })?;
                unread.push((entry.path(), format!("{}/{name}", to.trim_end_matches('/'))));
            }
            Content::Folder
        } else {
            Content::File { source: Source::File(from.clone()), bytes: metadata.len() }
        };
        tree.put(&to, Entry::of_root(mode_of(&content, &metadata, copied.mode), content));
    }
    Ok(())
}

/// The modes in the folder depend on the umask of who made it; only whether a file can be executed is kept.
fn mode_of(content: &Content, metadata: &std::fs::Metadata, asked: Option<u32>) -> u32 {
    match content {
        Content::Folder => 0o755,
        Content::SymbolicLink(_) => 0o777,
        _ => asked.unwrap_or(if metadata.mode() & 0o111 == 0 { 0o644 } else { 0o755 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(from: &str) -> Copied {
        Copied { from: from.to_owned(), to: "/srv".to_owned(), mode: None, path: "files[0]".to_owned() }
    }

    #[test]
    fn a_folder_is_copied_with_all_below_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("site/css")).unwrap();
        std::fs::write(folder.path().join("site/css/a.css"), "a").unwrap();
        std::os::unix::fs::symlink("css/a.css", folder.path().join("site/link")).unwrap();
        let mut tree = Tree::default();
        add_copied(&copied("site"), &folder.path().canonicalize().unwrap(), &mut tree).unwrap();
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let names: Vec<_> =
            archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(names, ["srv/", "srv/css/", "srv/css/a.css", "srv/link"]);
    }

    #[test]
    fn a_file_outside_of_the_folder_is_refused_even_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
        let folder = folder.path().canonicalize().unwrap();
        for from in ["../../etc/hostname", "/etc/hostname", "link"] {
            let refused = add_copied(&copied(from), &folder, &mut Tree::default());
            assert!(matches!(refused, Err(BuildError::Outside { .. } | BuildError::Copy { .. })), "{from}");
        }
    }

    #[test]
    fn what_comes_from_the_host_is_not_of_the_image() {
        assert!(is_of_the_image("bin/busybox"));
        assert!(is_of_the_image("dev"));
        for path in ["dev/null", "etc/hostname", "etc/resolv.conf", "var/log/dpkg.log"] {
            assert!(!is_of_the_image(path), "{path}");
        }
    }
}
