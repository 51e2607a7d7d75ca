//! What a certificate says, read from PEM.

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::jiff::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::X509Certificate;

/// A text that is not a certificate.
#[derive(Debug, thiserror::Error)]
#[error("this is not a certificate in PEM: {0}")]
pub(crate) struct NotACertificate(String);

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) common_name: Option<String>,
    pub(crate) dns_names: BTreeSet<String>,
    pub(crate) ip_addresses: BTreeSet<IpAddr>,
    pub(crate) uris: BTreeSet<String>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) is_ca: bool,
    /// The key's bits, as `KeyPair::public_key_raw` gives them.
    pub(crate) public_key: Vec<u8>,
    /// DNS subtrees to which a constrained authority is limited; empty for one that is not.
    pub(crate) permitted_dns: Vec<String>,
}

impl Facts {
    /// Reads the first certificate of a PEM text.
    pub(crate) fn of_pem(pem: &[u8]) -> Result<Facts, NotACertificate> {
        let (_, block) = parse_x509_pem(pem).map_err(|error| NotACertificate(error.to_string()))?;
        let certificate = block.parse_x509().map_err(|error| NotACertificate(error.to_string()))?;
        Facts::of(&certificate)
    }

    fn of(certificate: &X509Certificate<'_>) -> Result<Facts, NotACertificate> {
        let time =
            |seconds| Timestamp::from_second(seconds).map_err(|error| NotACertificate(error.to_string()));
        let common_name = certificate.subject().iter_common_name().next();
        let common_name = common_name.and_then(|name| name.as_str().ok()).map(str::to_owned);
        let mut facts = Facts {
            common_name,
            dns_names: BTreeSet::new(),
            ip_addresses: BTreeSet::new(),
            uris: BTreeSet::new(),
            not_before: time(certificate.validity().not_before.timestamp())?,
            not_after: time(certificate.validity().not_after.timestamp())?,
            is_ca: certificate.is_ca(),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            permitted_dns: permitted_dns(certificate),
        };
        let names = certificate.subject_alternative_name().ok().flatten();
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            facts.add(name);
        }
        Ok(facts)
    }

    fn add(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(name) => drop(self.dns_names.insert((*name).to_owned())),
            GeneralName::URI(uri) => drop(self.uris.insert((*uri).to_owned())),
            GeneralName::IPAddress(bytes) => {
                self.ip_addresses.extend(address(bytes));
            }
            _ => {}
        }
    }

    /// The first of `names` that this authority's constraints do not permit.
    pub(crate) fn forbidden_name<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let permits = |name: &str| {
            let within =
                |tree: &String| name == tree || name.ends_with(&format!(".{}", tree.trim_start_matches('.')));
            self.permitted_dns.is_empty() || self.permitted_dns.iter().any(within)
        };
        names.into_iter().find(|name| !permits(name))
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn permitted_dns(certificate: &X509Certificate<'_>) -> Vec<String> {
    let constraints = certificate.name_constraints().ok().flatten();
    let permitted = constraints.and_then(|constraints| constraints.value.permitted_subtrees.as_ref());
    let names = permitted.into_iter().flatten().filter_map(|tree| match &tree.base {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    names.collect()
}
