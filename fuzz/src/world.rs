//! A world in which nothing changes, so that an input does the same every time.

use bythos_helm::{KeyAlgorithm, Wanted, World};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// It is always the same second, chance gives always the same, and the cluster is empty.
pub struct Still;

impl World for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn time_zone(&self, name: &str) -> Option<TimeZone> {
        TimeZone::get(name).ok()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    /// Making keys is the library's work, and takes longer than everything else.
    fn private_key(&self, _algorithm: KeyAlgorithm) -> Result<Vec<u8>, String> {
        Err("there are no keys here".to_owned())
    }

    fn lookup(&self, _wanted: Wanted<'_>) -> Result<Option<Value>, String> {
        Ok(None)
    }

    fn schema(&self, address: &str) -> Result<Vec<u8>, String> {
        Err(format!("nothing is fetched here, {address} either"))
    }

    fn host_addresses(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}
