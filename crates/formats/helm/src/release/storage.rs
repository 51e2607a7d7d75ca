//! Where records lie: a Secret, or a ConfigMap, for each; the record in it as base64 of gzip of JSON.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ReleaseRecord;

/// The type of the Secrets.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";
/// The bytes of JSON that a record may hold. A Secret holds a megabyte, which unpacks to less than this.
pub const RECORD_BYTES_MAX: u64 = 64 << 20;

const NAME_PREFIX: &str = "sh.helm.release.v1";
const GZIP_MARK: &[u8] = &[0x1f, 0x8b, 0x08];
const CREATED_AT: &str = "createdAt";
/// Labels that are Helm's own.
const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", CREATED_AT, "modifiedAt"];

/// The kind of object that records lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// What Helm takes unless it is told otherwise.
    Secret,
    /// `HELM_DRIVER=configmap`
    ConfigMap,
}

/// What is wrong with a record, or with the object that it lies in.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The object holds no record.
    #[error("{kind} {name}: expected a release in data.release, found none")]
    Missing {
        /// `Secret` or `ConfigMap`.
        kind: &'static str,
        /// The object's name.
        name: String,
    },
    /// The record is no base64.
    #[error("failed to decode the release in {name}")]
    Decode {
        /// The object's name.
        name: String,
        /// What is wrong.
        #[source]
        source: base64::DecodeError,
    },
    /// The record cannot be unpacked.
    #[error("failed to unpack the release in {name}")]
    Unpack {
        /// The object's name.
        name: String,
        /// What is wrong.
        #[source]
        source: std::io::Error,
    },
    /// The record is too large.
    #[error("the release in {name} is larger than {max} bytes")]
    TooLarge {
        /// The object's name.
        name: String,
        /// How large it may be.
        max: u64,
    },
    /// The record is no JSON, or not what it should be.
    #[error("failed to read the release in {name}")]
    Read {
        /// The object's name.
        name: String,
        /// What is wrong, and where.
        #[source]
        source: serde_json::Error,
    },
    /// The record does not say which revision of what it is.
    #[error(
        "the release in {name} is incomplete: expected a name and a version from 1, found {release:?} and {revision}"
    )]
    Incomplete {
        /// The object's name.
        name: String,
        /// The release's name there.
        release: String,
        /// The revision there.
        revision: i64,
    },
    /// The record cannot be written.
    #[error("failed to write the release {name}")]
    Write {
        /// The release's name.
        name: String,
        /// What is wrong.
        #[source]
        source: std::io::Error,
    },
    /// A label of the user has a name that is Helm's own.
    #[error("the label {0:?} is reserved; expected another name than {SYSTEM_LABELS:?}")]
    ReservedLabel(String),
}

/// The name of the object that a revision lies in.
pub fn storage_name(release: &str, revision: i64) -> String {
    format!("{NAME_PREFIX}.{release}.v{revision}")
}

/// The labels by which all records of a namespace are found.
pub fn list_selector() -> String {
    "owner=helm".to_owned()
}

/// The labels by which all records of a release are found.
pub fn release_selector(release: &str) -> String {
    format!("name={release},owner=helm")
}

impl Driver {
    /// The kind of object.
    pub fn kind(self) -> &'static str {
        match self {
            Driver::Secret => "Secret",
            Driver::ConfigMap => "ConfigMap",
        }
    }
}

impl ReleaseRecord {
    /// From the Secret or ConfigMap that it lies in, with at most so many bytes of JSON.
    ///
    /// # Errors
    /// It holds no record, or a larger one.
    pub fn from_object(object: &Value, bytes_max: u64) -> Result<ReleaseRecord, RecordError> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let name = text("/metadata/name").to_owned();
        let driver = if text("/kind") == "ConfigMap" { Driver::ConfigMap } else { Driver::Secret };
        let Some(data) = object.pointer("/data/release").and_then(Value::as_str) else {
            return Err(RecordError::Missing { kind: driver.kind(), name });
        };
        let decode = |data: &[u8]| {
            STANDARD.decode(data).map_err(|source| RecordError::Decode { name: name.clone(), source })
        };
        let mut packed = decode(data.as_bytes())?;
        if driver == Driver::Secret {
            // Every value of a Secret is base64; the record is so once more.
            packed = decode(&packed)?;
        }
        let json = unpack(&name, packed, bytes_max)?;
        let read = serde_json::from_slice(&json);
        let mut record: ReleaseRecord =
            read.map_err(|source| RecordError::Read { name: name.clone(), source })?;
        if record.name.is_empty() || record.revision < 1 {
            let ReleaseRecord { name: release, revision, .. } = record;
            return Err(RecordError::Incomplete { name, release, revision });
        }
        record.take_labels(object.pointer("/metadata/labels"));
        Ok(record)
    }

    fn take_labels(&mut self, labels: Option<&Value>) {
        let Some(Value::Object(labels)) = labels else { return };
        let texts = labels.iter().filter_map(|(name, label)| Some((name, label.as_str()?)));
        for (name, label) in texts {
            if name == CREATED_AT {
                self.created_at = label.parse().ok();
            } else if !SYSTEM_LABELS.contains(&name.as_str()) {
                self.labels.insert(name.clone(), label.to_owned());
            }
        }
    }

    /// The Secret or ConfigMap that it lies in.
    ///
    /// # Errors
    /// A label of the user is reserved.
    pub fn to_object(&self, driver: Driver, now: Timestamp) -> Result<Value, RecordError> {
        let packed = self.pack().map_err(|source| RecordError::Write { name: self.name.clone(), source })?;
        let packed = STANDARD.encode(packed);
        let mut object = json!({
            "apiVersion": "v1",
            "kind": driver.kind(),
            "metadata": {
                "name": storage_name(&self.name, self.revision),
                "namespace": self.namespace,
                "labels": self.object_labels(now)?,
            },
        });
        if let Some(fields) = object.as_object_mut() {
            let release = match driver {
                Driver::Secret => STANDARD.encode(packed),
                Driver::ConfigMap => packed,
            };
            fields.insert("data".to_owned(), json!({ "release": release }));
            if driver == Driver::Secret {
                fields.insert("type".to_owned(), SECRET_TYPE.into());
            }
        }
        Ok(object)
    }

    fn object_labels(&self, now: Timestamp) -> Result<BTreeMap<&str, String>, RecordError> {
        let reserved = self.labels.keys().find(|name| SYSTEM_LABELS.contains(&name.as_str()));
        if let Some(reserved) = reserved {
            return Err(RecordError::ReservedLabel(reserved.clone()));
        }
        let mut labels: BTreeMap<&str, String> =
            self.labels.iter().map(|(name, label)| (name.as_str(), label.clone())).collect();
        labels.extend([
            ("name", self.name.clone()),
            ("owner", "helm".to_owned()),
            ("status", self.info.status.to_string()),
            ("version", self.revision.to_string()),
            (CREATED_AT, self.created_at.unwrap_or(now.as_second()).to_string()),
        ]);
        if self.created_at.is_some() {
            labels.insert("modifiedAt", now.as_second().to_string());
        }
        Ok(labels)
    }

    fn pack(&self) -> std::io::Result<Vec<u8>> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        serde_json::to_writer(&mut packed, self)?;
        packed.flush()?;
        packed.finish()
    }
}

fn unpack(name: &str, packed: Vec<u8>, max: u64) -> Result<Vec<u8>, RecordError> {
    let name = || name.to_owned();
    let mut json = packed;
    if json.starts_with(GZIP_MARK) {
        let mut unpacked = Vec::new();
        // One byte more than allowed tells that there is more.
        let read = GzDecoder::new(json.as_slice()).take(max.saturating_add(1)).read_to_end(&mut unpacked);
        read.map_err(|source| RecordError::Unpack { name: name(), source })?;
        json = unpacked;
    }
    if json.len() as u64 > max { Err(RecordError::TooLarge { name: name(), max }) } else { Ok(json) }
}
