//! Who may vouch for others, and who we are.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Certificates that do not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{what} is no certificate in PEM")]
    Certificate { what: &'static str },
    #[error("the key of our certificate is no private key in PEM")]
    Key,
    #[error("our certificate and its key cannot be used for tls")]
    Client(#[source] rustls::Error),
    #[error("failed to set up tls")]
    SetUp(#[source] rustls::Error),
}

/// What is needed beside what the machine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// Authorities that may vouch as well as those of the system, PEM.
    pub(crate) authority_pem: Option<Vec<u8>>,
    /// Our certificate and its key, PEM.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    pub(super) fn config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::SetUp)?
            .with_root_certificates(self.roots()?);
        let Some((certificate, key)) = &self.client else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(certificate, "our certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
        builder.with_client_auth_cert(chain, key).map_err(TlsError::Client)
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        // A machine may have some that cannot be used; the others are good.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(pem) = &self.authority_pem {
            let what = "the authority";
            for certificate in certificates(pem, what)? {
                roots.add(certificate).map_err(|_| TlsError::Certificate { what })?;
            }
        }
        Ok(roots)
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    read.ok().filter(|found| !found.is_empty()).ok_or(TlsError::Certificate { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(certificates: &Certificates, expected: Option<&str>) {
        let found = certificates.config().err().map(|error| error.to_string());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn certificates_must_be_certificates() {
        let made = rcgen::generate_simple_self_signed(["host".to_owned()]).unwrap();
        let (pem, key) = (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes());
        let good = Certificates { authority_pem: Some(pem.clone()), client: Some((pem.clone(), key)) };
        check(&Certificates::default(), None);
        check(&good, None);
        let no_authority = Certificates { authority_pem: Some(b"text".to_vec()), ..Certificates::default() };
        check(&no_authority, Some("the authority is no certificate in PEM"));
        let no_key = Certificates { client: Some((pem, b"text".to_vec())), ..Certificates::default() };
        check(&no_key, Some("the key of our certificate is no private key in PEM"));
    }
}
