//! `bythos diff`: what a push of a folder would change, before it is pushed. The folder is built as its Kustomization
//! builds it, and every object is tried out by the API without being written.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bythos_api::kustomization::Kustomization;
use bythos_api::names::{FLUX_NAMESPACE, PLATFORM};
use bythos_operator::error_chain;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::{CommandError, asked};
use crate::artifact::{FILES_BYTES_MAX, FILES_MAX};
use crate::git::{Call, Git, GitError};
use crate::ignore::{IGNORE_FILE, Ignore};
use crate::kinds::{Cluster, KindError, Kinds};
use crate::kustomization::{self, Object};
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
    let object = found.ok_or_else(missing)?;
    let files = files_of(&args.folder).await?;
    let built = kustomization::build_objects(client, &object, files).await;
    let objects = built.map_err(CommandError::Refuse)?;
    let kinds = Kinds::new(client.clone());
    let cluster = kinds.used_by(client.clone());
    let mut differences = Differences::default();
    for built in &objects {
        let change = compare(&cluster, built).await;
        match change {
            Change::None => continue,
            Change::Refused(words) => {
                differences.refused += 1;
                writeln!(out, "! {}: {words}", built.id)?;
            }
            Change::Made => {
                differences.changed += 1;
                writeln!(out, "+ {}", built.id)?;
            }
            Change::Fields(fields) => {
                differences.changed += 1;
                writeln!(out, "~ {}", built.id)?;
                for field in fields {
                    writeln!(out, "    {field}")?;
                }
            }
        }
    }
    if object.spec.prune {
        for id in kustomization::no_longer_described(&object, &objects) {
            differences.changed += 1;
            writeln!(out, "- {id}")?;
        }
    }
    Ok(differences)
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
async fn files_of(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, CommandError> {
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
    Ok(without_ignored(all))
}

fn without_ignored(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let mut ignore = Ignore::default();
    let mut rules: Vec<&String> =
        files.keys().filter(|path| path.rsplit('/').next() == Some(IGNORE_FILE)).collect();
    rules.sort_by_key(|path| path.matches('/').count());
    for path in rules {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let lines = files.get(path).map(|lines| String::from_utf8_lossy(lines).into_owned());
        ignore.add(folder, &lines.unwrap_or_default());
    }
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
