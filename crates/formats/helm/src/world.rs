//! What a chart sees of the world, through its caller: the time, chance, the cluster.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// The kinds of private keys that templates ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 4096 bits.
    Rsa4096,
    /// ECDSA on P-256.
    EcdsaP256,
    /// Ed25519.
    Ed25519,
}

/// An object, or a list of them, in the cluster.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// `apps/v1`
    pub api_version: &'w str,
    /// `Deployment`
    pub kind: &'w str,
    /// Empty for all, and for kinds that have none.
    pub namespace: &'w str,
    /// Empty for a list.
    pub name: &'w str,
}

/// What templates may ask for. Nothing else of the world reaches them.
pub trait World: Send + Sync {
    /// The time, for `now` and for the validity of certificates.
    fn now(&self) -> Timestamp;

    /// A time zone by its name; `Local` is the machine's own.
    fn time_zone(&self, name: &str) -> Option<TimeZone>;

    /// Fills the bytes by chance, fit for secrets.
    fn fill_random(&self, bytes: &mut [u8]);

    /// A new private key, as PKCS #8 DER; [`crate::generate_key`] makes one.
    ///
    /// # Errors
    /// Why there is none.
    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<Vec<u8>, String>;

    /// What is in the cluster; nothing if it is not there, or if there is no cluster.
    ///
    /// # Errors
    /// Why the cluster could not be asked.
    fn lookup(&self, wanted: Wanted<'_>) -> Result<Option<Value>, String>;

    /// The document at an `http://` or `https://` address: a schema that the schema of a chart stands on. Whoever fetches
    /// it bounds time and bytes.
    ///
    /// # Errors
    /// Why it did not come.
    fn schema(&self, address: &str) -> Result<Vec<u8>, String>;

    /// The addresses of a host; none if names are not to be looked up.
    fn host_addresses(&self, name: &str) -> Vec<String>;
}
