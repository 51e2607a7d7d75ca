use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::render::texts;
use crate::set::UserValues;
use crate::{
    Capabilities, Chart, Error, File, KeyAlgorithm, Limits, Notes, Release, Rendered, Request, Schemas,
    Wanted, World, generate_key, render,
};

/// A world in which it is always the same second, and in which there is one secret.
pub(crate) struct Frozen;

impl World for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_136_214_245).unwrap()
    }

    fn time_zone(&self, name: &str) -> Option<TimeZone> {
        if name == "Local" { Some(TimeZone::UTC) } else { TimeZone::get(name).ok() }
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        rand::fill(bytes).unwrap();
    }

    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<Vec<u8>, String> {
        // To find primes takes long, and no test asks for others.
        static RSA: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
        match algorithm {
            KeyAlgorithm::Rsa2048 => RSA.get_or_init(|| generate_key(algorithm)).clone(),
            other => generate_key(other),
        }
    }

    fn lookup(&self, wanted: Wanted<'_>) -> Result<Option<Value>, String> {
        let secret = json!({"metadata": {"name": "there"}, "data": {"password": "eA=="}});
        match (wanted.kind, wanted.name) {
            ("Secret", "there") => Ok(Some(secret)),
            ("Secret", "") => Ok(Some(json!({"items": [secret]}))),
            ("Broken", _) => Err("the cluster cannot be reached".to_owned()),
            _ => Ok(None),
        }
    }

    fn schema(&self, address: &str) -> Result<Vec<u8>, String> {
        match address {
            "https://example.org/image.json" => Ok(br##"{"$ref": "name.json#/$defs/name"}"##.to_vec()),
            "https://example.org/name.json" => Ok(br#"{"$defs": {"name": {"type": "string"}}}"#.to_vec()),
            "https://example.org/page" => Ok(b"<html>".to_vec()),
            // Each stands on the next one, for ever.
            address if address.starts_with("https://endless.org/") => {
                Ok(format!(r#"{{"$ref": "{address}1"}}"#).into_bytes())
            }
            _ => Err("failed to connect to example.org".to_owned()),
        }
    }

    fn host_addresses(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}

pub(crate) fn request<'r>(chart: &'r Chart, values: &'r UserValues) -> Request<'r> {
    Request {
        chart,
        values,
        release: Release { name: "rel".into(), namespace: "ns".into(), revision: 1, is_upgrade: false },
        capabilities: Capabilities {
            kube_version: "v1.37.0".into(),
            api_versions: vec!["v1".into(), "apps/v1".into()],
        },
        world: Arc::new(Frozen),
        is_linting: false,
        schemas: Schemas::default(),
        notes: Notes::default(),
    }
}

pub(crate) fn files(files: &[(&str, &str)]) -> Vec<File> {
    files.iter().map(|(name, text)| File::new(*name, text.as_bytes())).collect()
}

pub(crate) fn chart(texts: &[(&str, &str)]) -> Chart {
    Chart::from_files(files(texts), crate::ArchiveLimits::CHARTS).unwrap()
}

/// What each template gave, by its name.
pub(super) fn texts_of(chart: &Chart, values: Value) -> Result<BTreeMap<String, String>, Error> {
    let Value::Object(values) = values else { panic!("values are fields") };
    texts(&request(chart, &values.into()), Limits::CHARTS)
}

pub(super) fn render_with(chart: &Chart, values: Value) -> Result<Rendered, Error> {
    let Value::Object(values) = values else { panic!("values are fields") };
    render(&request(chart, &values.into()), Limits::CHARTS)
}
