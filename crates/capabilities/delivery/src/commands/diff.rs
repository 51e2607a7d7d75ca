//! `bythos diff`: what a push of a folder would change, before it is pushed. The folder is built as its Kustomization
//! builds it, and as those that this one brings do in turn; every object is tried out by the API without being written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bythos_api::gitrepository::GitRepository;
use bythos_api::kustomization::Kustomization;
use bythos_api::names::{FLUX_NAMESPACE, PLATFORM};
use bythos_operator::{ObjectKey, error_chain};
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client, Resource as _};
use serde_json::{Value, json};

use super::{CommandError, asked};
use crate::artifact::{FILES_BYTES_MAX, FILES_MAX};
use crate::git::{Call, Git, GitError};
use crate::ignore::{IGNORE_FILE, Ignore};
use crate::kinds::{Cluster, KindError, Kinds};
use crate::kustomization::{self, Id, Object};
use crate::status::words;

const LISTING_BYTES_MAX: usize = 64 << 20;
const GIT_TIME_MAX: Duration = Duration::from_secs(60);

/// Arguments of `diff`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Folder of the repository, as it would be pushed
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Kustomization that describes what to build, in the namespace `flux-system`
    #[arg(long, default_value = PLATFORM)]
    pub kustomization: String,
}

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Differences {
    /// Objects that would be made, changed or deleted.
    pub changed: usize,
    /// Objects that the API would refuse.
    pub refused: usize,
}

/// Builds and compares.
///
/// # Errors
/// The folder cannot be read or built, or the API did not answer.
pub async fn run(args: &Args, client: &Client, out: &mut impl Write) -> Result<Differences, CommandError> {
    let api = Api::<Kustomization>::namespaced(client.clone(), FLUX_NAMESPACE);
    let found = api.get_opt(&args.kustomization).await.map_err(asked("read the Kustomization"))?;
    let missing = || {
        let name = &args.kustomization;
        CommandError::Refuse(format!("there is no Kustomization {name:?} in namespace {FLUX_NAMESPACE:?}"))
    };
    let outermost = found.ok_or_else(missing)?;
    let source = kustomization::source_key(&outermost);
    let files = files_of(&args.folder, &ignored_by(client, &source).await?).await?;
    let kinds = Kinds::new(client.clone());
    let push = Push { client, cluster: kinds.used_by(client.clone()), files, source };
    let mut differences = push.compare(&outermost).await.map_err(CommandError::Refuse)?;
    print(out, &differences.lines)?;
    let mut seen = BTreeSet::from([ObjectKey::of(&outermost)]);
    let mut open = VecDeque::from(std::mem::take(&mut differences.inner));
    while let Some(inner) = open.pop_front() {
        let key = ObjectKey::of(&inner);
        if !seen.insert(key.clone()) {
            continue;
        }
        let found = push.compare(&inner).await.unwrap_or_else(|words| Found {
            lines: vec![format!("! {}: {words}", Id::of(&inner))],
            refused: 1,
            ..Found::default()
        });
        if !found.lines.is_empty() {
            writeln!(out, "Kustomization {key}:")?;
            print(out, &found.lines)?;
        }
        differences.changed += found.changed;
        differences.refused += found.refused;
        open.extend(found.inner);
    }
    Ok(Differences { changed: differences.changed, refused: differences.refused })
}

fn print(out: &mut impl Write, lines: &[String]) -> Result<(), CommandError> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(())
}

/// What would be pushed.
struct Push<'c> {
    client: &'c Client,
    cluster: Cluster<'c>,
    files: BTreeMap<String, Vec<u8>>,
    /// The source that it would be pushed to.
    source: ObjectKey,
}

/// What a push would change for one Kustomization.
#[derive(Default)]
struct Found {
    lines: Vec<String>,
    changed: usize,
    refused: usize,
    /// Kustomizations that it brings, and that build of the same push.
    inner: Vec<Kustomization>,
}

impl Push<'_> {
    async fn compare(&self, object: &Kustomization) -> Result<Found, String> {
        let objects = kustomization::build_objects(self.client, object, self.files.clone()).await?;
        let mut found = Found::default();
        for built in &objects {
            found.note(&built.id, compare(&self.cluster, built).await);
        }
        if object.spec.prune {
            for id in kustomization::no_longer_described(object, &objects) {
                found.gone(&id);
                for id in self.goes_with(&id).await? {
                    found.gone(&id);
                }
            }
        }
        for built in objects.iter().filter(|built| is_kustomization(&built.id)) {
            found.inner.extend(self.inner(built).await?);
        }
        Ok(found)
    }

    /// The Kustomization that an object is, if it builds of this push: as it is described, and as the cluster knows it.
    async fn inner(&self, built: &Object) -> Result<Option<Kustomization>, String> {
        // One that makes no sense was refused by the API a moment ago.
        let Ok(mut inner) = serde_json::from_value::<Kustomization>(built.value.clone()) else {
            return Ok(None);
        };
        let builds_of_it = inner.spec.source_ref.kind == "GitRepository"
            && kustomization::source_key(&inner) == self.source
            && !inner.spec.suspend;
        if !builds_of_it {
            return Ok(None);
        }
        inner.status = self.known(&built.id).await?.and_then(|known| known.status);
        Ok(Some(inner))
    }

    /// What is deleted with a Kustomization.
    async fn goes_with(&self, id: &Id) -> Result<Vec<Id>, String> {
        if !is_kustomization(id) {
            return Ok(Vec::new());
        }
        let known = self.known(id).await?;
        Ok(known.map(|known| kustomization::goes_with(&known)).unwrap_or_default())
    }

    async fn known(&self, id: &Id) -> Result<Option<Kustomization>, String> {
        let api = Api::<Kustomization>::namespaced(self.client.clone(), &id.namespace);
        api.get_opt(&id.name).await.map_err(|error| words(&error))
    }
}

fn is_kustomization(id: &Id) -> bool {
    id.group == Kustomization::group(&()) && id.kind == Kustomization::kind(&())
}

impl Found {
    fn note(&mut self, id: &Id, change: Change) {
        match change {
            Change::None => {}
            Change::Refused(words) => {
                self.refused += 1;
                self.lines.push(format!("! {id}: {words}"));
            }
            Change::Made => {
                self.changed += 1;
                self.lines.push(format!("+ {id}"));
            }
            Change::Fields(fields) => {
                self.changed += 1;
                self.lines.push(format!("~ {id}"));
                self.lines.extend(fields.into_iter().map(|field| format!("    {field}")));
            }
        }
    }

    fn gone(&mut self, id: &Id) {
        self.changed += 1;
        self.lines.push(format!("- {id}"));
    }
}

/// What the source leaves out beside what its files say.
async fn ignored_by(client: &Client, source: &ObjectKey) -> Result<String, CommandError> {
    let api = Api::<GitRepository>::namespaced(client.clone(), &source.namespace);
    let found = api.get_opt(&source.name).await.map_err(asked("read the source"))?;
    Ok(found.and_then(|source| source.spec.ignore).unwrap_or_default())
}

enum Change {
    None,
    Made,
    /// One line per field.
    Fields(Vec<String>),
    Refused(String),
}

async fn compare(cluster: &Cluster<'_>, object: &Object) -> Change {
    let kind = match cluster.kind(&object.id.gvk(&object.version)).await {
        Ok(kind) => kind,
        // Its definition may be part of the same push; if it is not, the push will say so.
        Err(KindError::Unknown { .. }) => return Change::Made,
        Err(error) => return Change::Refused(error_chain(&error)),
    };
    let api = cluster.api(&kind, &object.id.namespace);
    let existing = match api.get_opt(&object.id.name).await {
        Ok(existing) => existing,
        Err(error) => return Change::Refused(words(&error)),
    };
    let params = PatchParams { dry_run: true, ..kustomization::apply_params() };
    let body = kustomization::apply_body(object, &kind);
    match (api.patch(&object.id.name, &params, &Patch::Apply(&body)).await, existing) {
        (Ok(_), None) => Change::Made,
        (Err(kube::Error::Api(status)), None) if status.code == 404 => Change::Made,
        (Err(error), _) => Change::Refused(words(&error)),
        (Ok(outcome), Some(existing)) => {
            let mut lines = Vec::new();
            let is_secret = object.id.kind == "Secret" && object.id.group.is_empty();
            fields(&mut lines, "", &contents(&existing), &contents(&outcome), is_secret);
            if lines.is_empty() { Change::None } else { Change::Fields(lines) }
        }
    }
}

/// What a person wrote in an object, without what the server keeps in it.
fn contents(object: &DynamicObject) -> Value {
    let mut contents = object.data.clone();
    if let Some(fields) = contents.as_object_mut() {
        fields.remove("status");
        let (labels, annotations) = (&object.metadata.labels, &object.metadata.annotations);
        fields.insert("metadata".to_owned(), json!({ "labels": labels, "annotations": annotations }));
    }
    contents
}

/// One line for each field that differs. What a Secret holds is never printed.
fn fields(lines: &mut Vec<String>, path: &str, old: &Value, new: &Value, is_secret: bool) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (old, new) {
        (old, new) if old == new => {}
        (Value::Object(olds), Value::Object(news)) => {
            for key in olds.keys().chain(news.keys().filter(|key| !olds.contains_key(*key))) {
                let of =
                    |fields: &serde_json::Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
                fields(lines, &below(key), &of(olds), &of(news), is_secret);
            }
        }
        (Value::Array(olds), Value::Array(news)) if olds.len() == news.len() => {
            for (index, (old, new)) in olds.iter().zip(news).enumerate() {
                fields(lines, &format!("{path}[{index}]"), old, new, is_secret);
            }
        }
        (old, new) => {
            let show = |value: &Value| match value {
                Value::Null => "nothing".to_owned(),
                _ if is_secret => "***".to_owned(),
                value => value.to_string(),
            };
            lines.push(format!("{path}: {} -> {}", show(old), show(new)));
        }
    }
}

/// The files that git knows or would take, without those that stay out of artifacts.
async fn files_of(folder: &Path, ignored: &str) -> Result<BTreeMap<String, Vec<u8>>, CommandError> {
    let failed =
        |error: GitError| CommandError::Refuse(format!("{}: {}", folder.display(), error_chain(&error)));
    let folder = tokio::fs::canonicalize(folder)
        .await
        .map_err(|error| CommandError::Refuse(format!("{}: {error}", folder.display())))?;
    let git = Git::find(&folder).await.map_err(failed)?;
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
    // The owner asks for it, whoever the folder belongs to.
    let settings = [("safe.directory".to_owned(), folder.to_string_lossy().into_owned())];
    let call = Call {
        arguments: &list,
        folder: Some(&folder),
        settings: &settings,
        output_bytes_max: LISTING_BYTES_MAX,
        ..Call::default()
    };
    let printed = git.run(call, GIT_TIME_MAX).await.map_err(failed)?;
    let printed = String::from_utf8_lossy(&printed);
    let paths: Vec<&str> = printed.split('\0').filter(|path| !path.is_empty()).collect();
    let mut all = BTreeMap::new();
    let mut bytes = 0;
    for path in paths {
        let file = folder.join(path);
        // Symbolic links are no files in an artifact; files that were deleted are still listed.
        let Ok(facts) = tokio::fs::symlink_metadata(&file).await else { continue };
        if !facts.is_file() {
            continue;
        }
        bytes += facts.len();
        if bytes > FILES_BYTES_MAX || all.len() == FILES_MAX {
            let message =
                format!("more than {FILES_MAX} files or {FILES_BYTES_MAX} bytes in {}", folder.display());
            return Err(CommandError::Refuse(message));
        }
        let content = tokio::fs::read(&file).await;
        let content =
            content.map_err(|error| CommandError::Refuse(format!("{}: {error}", file.display())))?;
        all.insert(path.to_owned(), content);
    }
    Ok(without_ignored(all, ignored))
}

fn without_ignored(mut files: BTreeMap<String, Vec<u8>>, ignored: &str) -> BTreeMap<String, Vec<u8>> {
    let mut ignore = Ignore::default();
    let mut rules: Vec<&String> =
        files.keys().filter(|path| path.rsplit('/').next() == Some(IGNORE_FILE)).collect();
    rules.sort_by_key(|path| path.matches('/').count());
    for path in rules {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let lines = files.get(path).map(|lines| String::from_utf8_lossy(lines).into_owned());
        ignore.add(folder, &lines.unwrap_or_default());
    }
    ignore.add("", ignored);
    files.retain(|path, _| !ignore.leaves_out(path));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &Value, new: &Value, is_secret: bool, expected: &[&str]) {
        let mut lines = Vec::new();
        fields(&mut lines, "", old, new, is_secret);
        assert_eq!(lines, expected);
    }

    #[test]
    fn each_field_that_differs_is_one_line() {
        let old = json!({ "spec": { "replicas": 1, "list": [{ "a": 1 }], "gone": true } });
        let new = json!({ "spec": { "replicas": 2, "list": [{ "a": 2 }], "new": "x" } });
        let expected = [
            "spec.gone: true -> nothing",
            "spec.list[0].a: 1 -> 2",
            "spec.replicas: 1 -> 2",
            "spec.new: nothing -> \"x\"",
        ];
        check(&old, &new, false, &expected);
        check(&json!({ "a": 1 }), &json!({ "a": 1 }), false, &[]);
    }

    #[test]
    fn what_a_secret_holds_is_not_printed() {
        let secret =
            |value: &str| json!({ "data": { "password": value }, "metadata": { "labels": { "a": value } } });
        let expected = ["data.password: *** -> ***", "metadata.labels.a: *** -> ***"];
        check(&secret("b25l"), &secret("dHdv"), true, &expected);
    }
}
