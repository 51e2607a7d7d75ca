//! One image as a tar archive with an OCI image layout (image-spec, `image-layout.md`).
//!
//! The archive depends on the image's content and nothing else: the same tree and settings give the same bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::tree::Tree;

const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// How containers of the image run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) user: Option<String>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) workdir: Option<String>,
    pub(crate) ports: Vec<u16>,
}

/// An image that was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// Full name, with registry and tag.
    pub name: String,
    /// Digest of the manifest, `sha256:...`.
    pub digest: String,
    /// Size of the archive.
    pub bytes: u64,
}

/// The archive cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the image archive {path:?}")]
pub struct ArchiveError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Packs `tree` as image `name` into `output`, which appears when it is whole.
pub(crate) fn write(
    name: &str,
    tree: &Tree,
    settings: &Settings,
    output: &Path,
) -> Result<BuiltImage, ArchiveError> {
    let layer_file = beside(output, "layer");
    let unfinished = beside(output, "partial");
    let packed = pack(name, tree, settings, &layer_file, &unfinished)
        .and_then(|image| std::fs::rename(&unfinished, output).map(|()| image));
    for leftover in [layer_file, unfinished] {
        // Of a failure that is reported, or gone already.
        drop(std::fs::remove_file(leftover));
    }
    packed.map_err(|source| ArchiveError { path: output.to_owned(), source })
}

fn beside(output: &Path, suffix: &str) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(format!(".{suffix}"));
    path.into()
}

fn pack(name: &str, tree: &Tree, settings: &Settings, layer: &Path, output: &Path) -> io::Result<BuiltImage> {
    let layer_digests = write_layer(tree, layer)?;
    let config = serde_json::to_vec(&image_config(settings, &layer_digests.unpacked))?;
    let layer_bytes = std::fs::metadata(layer)?.len();
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": { "mediaType": CONFIG_TYPE, "digest": digest_of(&config), "size": config.len() },
        "layers": [{ "mediaType": LAYER_TYPE, "digest": layer_digests.packed, "size": layer_bytes }],
    }))?;
    let digest = digest_of(&manifest);
    let index = serde_json::to_vec(&index(name, &digest, manifest.len()))?;

    let mut archive = tar::Builder::new(File::create(output)?);
    append(&mut archive, "oci-layout", 30, &br#"{"imageLayoutVersion":"1.0.0"}"#[..])?;
    append(&mut archive, "index.json", index.len() as u64, index.as_slice())?;
    append_blob(&mut archive, &digest, manifest.len() as u64, manifest.as_slice())?;
    append_blob(&mut archive, &digest_of(&config), config.len() as u64, config.as_slice())?;
    append_blob(&mut archive, &layer_digests.packed, layer_bytes, File::open(layer)?)?;
    archive.into_inner()?.sync_all()?;
    Ok(BuiltImage { name: name.to_owned(), digest, bytes: std::fs::metadata(output)?.len() })
}

struct LayerDigests {
    packed: String,
    unpacked: String,
}

fn write_layer(tree: &Tree, layer: &Path) -> io::Result<LayerDigests> {
    let packed = Hashing::new(io::BufWriter::new(File::create(layer)?));
    let mut unpacked = Hashing::new(GzEncoder::new(packed, Compression::default()));
    tree.write(&mut unpacked)?;
    let (packed, unpacked_digest) = unpacked.finish();
    let (mut file, packed_digest) = packed.finish()?.finish();
    file.flush()?;
    Ok(LayerDigests { packed: packed_digest, unpacked: unpacked_digest })
}

fn image_config(settings: &Settings, layer: &str) -> Value {
    let mut config = serde_json::Map::new();
    if let Some(user) = &settings.user {
        config.insert("User".to_owned(), json!(user));
    }
    if !settings.entrypoint.is_empty() {
        config.insert("Entrypoint".to_owned(), json!(settings.entrypoint));
    }
    if !settings.command.is_empty() {
        config.insert("Cmd".to_owned(), json!(settings.command));
    }
    if let Some(workdir) = &settings.workdir {
        config.insert("WorkingDir".to_owned(), json!(workdir));
    }
    if !settings.ports.is_empty() {
        let ports: BTreeMap<_, _> =
            settings.ports.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
        config.insert("ExposedPorts".to_owned(), json!(ports));
    }
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
    let mut env = BTreeMap::from([("PATH".to_owned(), path)]);
    env.extend(settings.env.clone());
    config.insert("Env".to_owned(), env.iter().map(|(key, value)| format!("{key}={value}")).collect());
    json!({
        "architecture": architecture(),
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [layer] },
    })
}

/// As Go names it, and with it the OCI.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn index(name: &str, digest: &str, bytes: usize) -> Value {
    let tag = name.rsplit_once(':').map_or("", |(_, tag)| tag);
    json!({
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [{
            "mediaType": MANIFEST_TYPE,
            "digest": digest,
            "size": bytes,
            "platform": { "architecture": architecture(), "os": "linux" },
            "annotations": {
                "io.containerd.image.name": name,
                "org.opencontainers.image.ref.name": tag,
            },
        }],
    })
}

fn append_blob<W: Write>(
    archive: &mut tar::Builder<W>,
    digest: &str,
    bytes: u64,
    content: impl Read,
) -> io::Result<()> {
    append(archive, &format!("blobs/{}", digest.replacen(':', "/", 1)), bytes, content)
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    bytes: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(bytes);
    archive.append_data(&mut header, path, content)
}

/// `sha256:` and the hash in hexadecimal.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    hexadecimal(Sha256::digest(bytes).as_slice())
}

fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

/// Hashes what is written through it.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Hashing { inner, hash: Sha256::new() }
    }

    fn finish(self) -> (W, String) {
        (self.inner, hexadecimal(self.hash.finalize().as_slice()))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Content, Entry, Source};
    use super::*;

    fn example() -> (Tree, Settings) {
        let mut tree = Tree::default();
        let content = Content::File { source: Source::Memory(b"hello".to_vec()), bytes: 5 };
        tree.put("/srv/index.html", Entry::of_root(0o644, content));
        let settings = Settings {
            command: vec!["/bin/busybox".to_owned()],
            env: BTreeMap::from([("KEY".to_owned(), "value".to_owned())]),
            ports: vec![8080],
            ..Settings::default()
        };
        (tree, settings)
    }

    fn entries(archive: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(File::open(archive).unwrap());
        let read = |entry: io::Result<tar::Entry<'_, File>>| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().display().to_string(), bytes)
        };
        archive.entries().unwrap().map(read).collect()
    }

    #[test]
    fn every_blob_lies_under_its_own_digest() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("image.tar");
        let (tree, settings) = example();
        let image = write("localhost/hello:1", &tree, &settings, &output).unwrap();
        let entries = entries(&output);
        let blobs: Vec<_> = entries.iter().filter(|(path, _)| path.starts_with("blobs/")).collect();
        assert_eq!(blobs.len(), 3);
        for (path, bytes) in blobs {
            assert_eq!(format!("blobs/{}", digest_of(bytes).replace(':', "/")), *path);
        }
        let index: Value = serde_json::from_slice(&entries["index.json"]).unwrap();
        assert_eq!(index["manifests"][0]["digest"], image.digest);
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "localhost/hello:1");
        let oci_layout = &entries["oci-layout"];
        assert_eq!(serde_json::from_slice::<Value>(oci_layout).unwrap()["imageLayoutVersion"], "1.0.0");
    }

    #[test]
    fn the_digest_of_the_layer_is_that_of_the_unpacked_archive() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("image.tar");
        let (tree, settings) = example();
        write("localhost/hello:1", &tree, &settings, &output).unwrap();
        let entries = entries(&output);
        let json = |bytes: &Vec<u8>| serde_json::from_slice::<Value>(bytes).ok();
        let config = entries.values().filter_map(json).find(|value| value.get("rootfs").is_some()).unwrap();
        assert_eq!(config["config"]["Cmd"], json!(["/bin/busybox"]));
        assert_eq!(config["config"]["Env"][0], "KEY=value");
        let mut unpacked = Vec::new();
        tree.write(&mut unpacked).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], digest_of(&unpacked));
    }

    #[test]
    fn the_same_image_is_the_same_archive_and_leaves_nothing_else_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, settings) = example();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        write("localhost/hello:1", &tree, &settings, &first).unwrap();
        write("localhost/hello:1", &tree, &settings, &second).unwrap();
        assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn nothing_is_left_of_an_archive_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::default();
        let missing = Source::File(folder.path().join("missing"));
        tree.put("a", Entry::of_root(0o644, Content::File { source: missing, bytes: 1 }));
        let output = folder.path().join("image.tar");
        write("localhost/hello:1", &tree, &Settings::default(), &output).unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
