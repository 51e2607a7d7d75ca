//! The engine's own certificate authority, made at first start and kept in a folder.

pub(crate) mod folder;

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, date_time_ymd,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use folder::{Folder, KeyFile};

/// How long the authority's own certificate is good for: ten years.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Certificates are good from a minute ago, so that a client whose clock is a little behind takes them.
const BACKDATE: Duration = Duration::from_secs(60);

/// The authority cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("failed to access {file:?}")]
    Io {
        /// Which file.
        file: std::path::PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// A stored certificate or key cannot be understood.
    #[error("failed to read {file:?}: {message}")]
    Malformed {
        /// Which file.
        file: std::path::PathBuf,
        /// What was found.
        message: String,
    },
    /// A certificate cannot be made.
    #[error("failed to make a certificate for {subject:?}")]
    Issue {
        /// For whom.
        subject: String,
        /// The library's words.
        #[source]
        source: rcgen::Error,
    },
    /// The library that makes certificates writes one organization at most.
    #[error("failed to make a certificate for {user:?}: it can name one group, but {count} were asked for")]
    SeveralGroups {
        /// For whom.
        user: String,
        /// How many groups.
        count: usize,
    },
}

/// A certificate with its key, both PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
}

/// Signs the certificates of the API server, of the parts' listeners and of clients.
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads the authority from `directory` (`ca.crt`, `ca.key`, mode 0600), or makes it there.
    ///
    /// The key is written before the certificate: a key alone is a first start that was cut short, and its
    /// certificate is made from it. A certificate alone is a loss that only the owner can mend.
    ///
    /// # Errors
    /// See [`AuthorityError`].
    pub fn load_or_create(directory: &Path) -> Result<Authority, AuthorityError> {
        let folder = Folder::open(directory)?;
        match (folder.read_certificate()?, folder.read_key(KeyFile::Authority)?) {
            (Some(certificate_pem), Some(key)) => Authority::load(&folder, certificate_pem, key),
            (Some(_), None) => Err(folder.key_lost()),
            (None, Some(key)) => Authority::certify(&folder, key),
            (None, None) => {
                let key = generate_key("the authority")?;
                folder.write_key(KeyFile::Authority, &key)?;
                Authority::certify(&folder, key)
            }
        }
    }

    fn certify(folder: &Folder, key: KeyPair) -> Result<Authority, AuthorityError> {
        let certificate_pem = self_sign(&key)?;
        folder.write_certificate(&certificate_pem)?;
        Authority::load(folder, certificate_pem, key)
    }

    fn load(folder: &Folder, certificate_pem: String, key: KeyPair) -> Result<Authority, AuthorityError> {
        if !holds_key(&certificate_pem, &key) {
            return Err(folder.key_of_another());
        }
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key)
            .map_err(|error| folder.malformed_certificate(&error.to_string()))?;
        Ok(Authority { certificate_pem, issuer })
    }

    /// The authority's certificate.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A server certificate for these names and addresses.
    ///
    /// # Errors
    /// See [`AuthorityError`].
    pub fn issue_server(
        &self,
        names: &[String],
        addresses: &[IpAddr],
        lifetime: Duration,
    ) -> Result<Identity, AuthorityError> {
        let first_address = addresses.first().map(IpAddr::to_string);
        let common_name = names.first().cloned().or(first_address).unwrap_or_else(|| "server".to_owned());
        let mut params = leaf(&common_name, lifetime);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for name in names {
            let dns_name = name
                .as_str()
                .try_into()
                .map_err(|source| AuthorityError::Issue { subject: name.clone(), source })?;
            params.subject_alt_names.push(SanType::DnsName(dns_name));
        }
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        self.sign(&common_name, &params)
    }

    /// A client certificate: `user` is the common name, `groups` the organizations.
    ///
    /// # Errors
    /// See [`AuthorityError`]; more than one group is among them.
    pub fn issue_client(
        &self,
        user: &str,
        groups: &[&str],
        lifetime: Duration,
    ) -> Result<Identity, AuthorityError> {
        if groups.len() > 1 {
            return Err(AuthorityError::SeveralGroups { user: user.to_owned(), count: groups.len() });
        }
        let mut params = leaf(user, lifetime);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        self.sign(user, &params)
    }

    fn sign(&self, subject: &str, params: &CertificateParams) -> Result<Identity, AuthorityError> {
        let key = generate_key(subject)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|source| AuthorityError::Issue { subject: subject.to_owned(), source })?;
        Ok(Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

pub(crate) fn generate_key(subject: &str) -> Result<KeyPair, AuthorityError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .map_err(|source| AuthorityError::Issue { subject: subject.to_owned(), source })
}

fn self_sign(key: &KeyPair) -> Result<String, AuthorityError> {
    let mut params = named("bythos", AUTHORITY_LIFETIME);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let certificate = params
        .self_signed(key)
        .map_err(|source| AuthorityError::Issue { subject: "the authority".to_owned(), source })?;
    Ok(certificate.pem())
}

fn leaf(common_name: &str, lifetime: Duration) -> CertificateParams {
    let mut params = named(common_name, lifetime);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

fn named(common_name: &str, lifetime: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch.saturating_sub(BACKDATE);
    params.not_after = epoch + since_epoch + lifetime;
    params
}

fn holds_key(certificate_pem: &str, key: &KeyPair) -> bool {
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()) else { return false };
    X509Certificate::from_der(&pem.contents)
        .is_ok_and(|(_, certificate)| certificate.public_key().raw == key.subject_public_key_info())
}

#[cfg(test)]
mod tests;
