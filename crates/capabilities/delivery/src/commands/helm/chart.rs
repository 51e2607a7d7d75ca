//! Which chart a command means, and the values for it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bythos_helm::repository::{Location, Reference};
use bythos_helm::set::{Kind, UserValues};
use bythos_helm::{ArchiveLimits, Chart, ChartType, Dependency, File, Ignore, Schemas};
use bythos_operator::error_chain;

use crate::charts::{self, ChartsError, Publisher};
use crate::commands::CommandError;
use crate::credentials::Login;
use crate::web::{Certificates, Wanted, Web};

/// How long one file may take to come.
const TIMEOUT: Duration = Duration::from_secs(120);
const VALUES_BYTES_MAX: usize = 16 << 20;
/// Folders inside of each other; links may lead in circles.
pub(super) const FOLDERS_DEPTH_MAX: usize = 64;

/// Where a chart is, and in which version.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ChartOptions {
    /// Address of the repository in which the chart is
    #[arg(long, value_name = "URL")]
    pub repo: Option<String>,
    /// Version, or range of versions of which the newest is taken
    #[arg(long)]
    pub version: Option<String>,
    /// Take versions that are no releases, too
    #[arg(long)]
    pub devel: bool,
    /// User at the repository
    #[arg(long)]
    pub username: Option<String>,
    /// Password at the repository
    #[arg(long)]
    pub password: Option<String>,
    /// Send user and password also to other hosts that the repository names
    #[arg(long)]
    pub pass_credentials: bool,
    /// File with the authority that may vouch for the repository
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// File with our certificate
    #[arg(long, value_name = "FILE", requires = "key_file")]
    pub cert_file: Option<PathBuf>,
    /// File with the key of our certificate
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub key_file: Option<PathBuf>,
    /// The registry speaks HTTP without TLS
    #[arg(long)]
    pub plain_http: bool,
    /// Refused: run `helm dependency update` before
    #[arg(long)]
    pub dependency_update: bool,
    /// Refused: signatures are not checked yet
    #[arg(long)]
    pub verify: bool,
}

/// What a user gives beside the chart's own values.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ValuesOptions {
    /// File or address of values; `-` is the standard input
    #[arg(short = 'f', long = "values", value_name = "FILE", value_delimiter = ',')]
    pub values: Vec<String>,
    /// Values, as in `image.tag=1.2,hosts={a,b}`
    #[arg(long, value_name = "LINE")]
    pub set: Vec<String>,
    /// Values that are text, whatever they look like
    #[arg(long, value_name = "LINE")]
    pub set_string: Vec<String>,
    /// Values that are the text in files
    #[arg(long, value_name = "LINE")]
    pub set_file: Vec<String>,
    /// Values as JSON
    #[arg(long, value_name = "LINE")]
    pub set_json: Vec<String>,
    /// One value, as it stands there
    #[arg(long, value_name = "LINE")]
    pub set_literal: Vec<String>,
}

/// Whether values must fit the schemas of charts.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct SchemaOptions {
    /// Take the values whatever values.schema.json says
    #[arg(long)]
    pub skip_schema_validation: bool,
}

impl SchemaOptions {
    pub(crate) fn schemas(self) -> Schemas {
        if self.skip_schema_validation { Schemas::Ignored } else { Schemas::Enforced }
    }
}

/// The chart: a folder, a `.tgz`, `oci://...`, `https://.../x.tgz`, or with `--repo` a name in it.
pub(crate) async fn load(reference: &str, options: &ChartOptions) -> Result<Chart, CommandError> {
    let path = Path::new(reference);
    let is_here = options.repo.is_none() && path.exists();
    if is_here && path.is_dir() {
        refuse_what_is_not_built(options)?;
        let files = folder(path)?;
        return Chart::from_folder(files, ArchiveLimits::CHARTS).map_err(|error| wrong(reference, &error));
    }
    let bytes = archive(reference, options).await?;
    Chart::from_archive(&bytes, ArchiveLimits::CHARTS).map_err(|error| wrong(reference, &error))
}

/// Whether it may be installed at all.
pub(crate) fn check_installable(chart: &Chart) -> Result<(), CommandError> {
    match chart.metadata.chart_type() {
        ChartType::Application => Ok(()),
        ChartType::Library => Err(CommandError::Refuse("library charts are not installable".to_owned())),
    }
}

/// The archive of a chart that is a file here, or somewhere else.
pub(crate) async fn archive(reference: &str, options: &ChartOptions) -> Result<Vec<u8>, CommandError> {
    refuse_what_is_not_built(options)?;
    let path = Path::new(reference);
    if options.repo.is_none() && path.exists() {
        return read(path);
    }
    if options.repo.is_none() && !reference.contains("://") {
        return Err(CommandError::Refuse(format!(
            "chart {reference:?}: not found; expected a folder or a .tgz, oci://..., https://..., or a name and --repo"
        )));
    }
    let publisher = publisher(options)?;
    published(reference, options, &publisher).await.map_err(|error| wrong(reference, &error))
}

async fn published(
    reference: &str,
    options: &ChartOptions,
    publisher: &Publisher,
) -> Result<Vec<u8>, ChartsError> {
    let version = match (&options.version, options.devel) {
        (Some(version), _) => version.clone(),
        (None, true) => ">0.0.0-0".to_owned(),
        (None, false) => String::new(),
    };
    if let Some(repository) = &options.repo {
        let wish = Dependency { name: reference.to_owned(), version, ..Dependency::default() };
        let choice = publisher.choose(repository, &wish, publisher.index(repository)).await?;
        return publisher.archive(repository, &choice.location).await;
    }
    if !charts::is_registry(reference) {
        let location = Location::Url { url: reference.to_owned(), digest: String::new() };
        return publisher.archive(reference, &location).await;
    }
    let parsed = Reference::parse(reference)?;
    if parsed.wanted().is_some() {
        return publisher.pull(&parsed).await;
    }
    let (repository, name) = reference.rsplit_once('/').unwrap_or((reference, ""));
    let wish = Dependency { name: name.to_owned(), version, ..Dependency::default() };
    let choice = publisher.choose(repository, &wish, publisher.index(repository)).await?;
    publisher.archive(repository, &choice.location).await
}

fn publisher(options: &ChartOptions) -> Result<Publisher, CommandError> {
    let file = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
    let certificates = Certificates {
        authority_pem: file(&options.ca_file)?,
        client: file(&options.cert_file)?.zip(file(&options.key_file)?),
    };
    let web = Web::new(&certificates, TIMEOUT, None);
    let login = options.username.clone().zip(options.password.clone());
    Ok(Publisher {
        web: web.map_err(|error| CommandError::Refuse(error_chain(&error)))?,
        login: login.map(|(username, password)| Login { username, password }),
        passes_on: options.pass_credentials,
        is_plain: options.plain_http,
    })
}

fn refuse_what_is_not_built(options: &ChartOptions) -> Result<(), CommandError> {
    let refuse = |words: &str| Err(CommandError::Refuse(words.to_owned()));
    if options.dependency_update {
        return refuse(
            "--dependency-update is not built yet; run `helm dependency update` on the chart before",
        );
    }
    if options.verify {
        return refuse("--verify is not built yet: signatures of charts are not checked");
    }
    Ok(())
}

/// The files of a chart's folder, by their paths in it, but for what `.helmignore` leaves out. What stands for others is
/// followed, as in Helm.
pub(crate) fn folder(root: &Path) -> Result<Vec<File>, CommandError> {
    let ignore = std::fs::read_to_string(root.join(".helmignore")).unwrap_or_default();
    let ignore = Ignore::parse(&ignore).map_err(|error| CommandError::Refuse(error_chain(&error)))?;
    let (mut files, mut bytes_left) = (Vec::new(), ArchiveLimits::CHARTS.bytes_max);
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let is_folder = path.is_dir();
            if ignore.leaves_out(&name, is_folder) {
                continue;
            }
            if is_folder && depth < FOLDERS_DEPTH_MAX {
                folders.push((path, depth + 1));
                continue;
            }
            let data = read(&path)?;
            let left = bytes_left.checked_sub(data.len() as u64);
            bytes_left = left
                .filter(|_| files.len() < ArchiveLimits::CHARTS.files_max)
                .ok_or_else(|| CommandError::Refuse(format!("the chart {root:?} is too large")))?;
            files.push(File::new(name, &data));
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::Refuse(format!("failed to read {path:?}: {error}"))
}

fn wrong(reference: &str, error: &(dyn std::error::Error + 'static)) -> CommandError {
    CommandError::Refuse(format!("chart {reference:?}: {}", error_chain(error)))
}

impl ValuesOptions {
    /// All of them together, in Helm's order: files, then `--set-json`, `--set`, `--set-string`, `--set-file` and
    /// `--set-literal`.
    pub(crate) async fn load(&self) -> Result<UserValues, CommandError> {
        let mut values = UserValues::default();
        for file in &self.values {
            let text = text_of(file).await?;
            let read = UserValues::read(file, &text);
            values.merge(read.map_err(|error| CommandError::Refuse(error_chain(&error)))?);
        }
        let read_file = |path: &str| {
            let opened = std::fs::File::open(path).map_err(|error| error.to_string())?;
            String::from_utf8(bounded(opened)?).map_err(|_| "it is no text".to_owned())
        };
        let lines = [
            ("--set-json", &self.set_json, Kind::Json),
            ("--set", &self.set, Kind::Typed),
            ("--set-string", &self.set_string, Kind::Text),
            ("--set-file", &self.set_file, Kind::File(&read_file)),
            ("--set-literal", &self.set_literal, Kind::Literal),
        ];
        for (option, lines, kind) in lines {
            for line in lines {
                values.set(line, kind).map_err(|error| {
                    CommandError::Refuse(format!("failed parsing {option} data: {}", error_chain(&error)))
                })?;
            }
        }
        Ok(values)
    }
}

async fn text_of(file: &str) -> Result<String, CommandError> {
    let wrong = |message: String| CommandError::Refuse(format!("failed to read {file:?}: {message}"));
    let bytes = if file.trim() == "-" {
        bounded(std::io::stdin()).map_err(wrong)?
    } else if file.starts_with("https://") || file.starts_with("http://") {
        let publisher = publisher(&ChartOptions::default())?;
        let wanted = Wanted {
            url: file,
            accept: None,
            authorization: None,
            passes_on: false,
            bytes_max: VALUES_BYTES_MAX,
        };
        let fetched = publisher.web.fetch(wanted).await;
        fetched.map_err(|error| CommandError::Refuse(error_chain(&error)))?
    } else {
        bounded(std::fs::File::open(file).map_err(|error| wrong(error.to_string()))?).map_err(wrong)?
    };
    String::from_utf8(bytes).map_err(|_| wrong("it is no text".to_owned()))
}

/// All that comes, or that it is too much.
fn bounded(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there is more.
    let read = source.take(VALUES_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() > VALUES_BYTES_MAX {
        return Err(format!("it has more than {VALUES_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}
