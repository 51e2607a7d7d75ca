//! From a client certificate to a user.

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::User;

/// A client certificate that does not name a user.
#[derive(Debug, thiserror::Error)]
#[error("the client certificate names no user: {0}")]
pub struct CertificateError(pub String);

/// The user that a verified client certificate names: common name is the user, organizations are the groups.
///
/// # Errors
/// The certificate cannot be read or has no common name.
pub fn user_of_certificate(der: &[u8]) -> Result<User, CertificateError> {
    let (_, certificate) = X509Certificate::from_der(der)
        .map_err(|error| CertificateError(format!("it is not X.509: {error}")))?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next().ok_or_else(|| {
        CertificateError(format!("its subject {:?} has no common name", subject.to_string()))
    })?;
    let name = text(name.as_str())?;
    if name.is_empty() {
        return Err(CertificateError("its common name is empty".to_owned()));
    }
    let groups =
        subject.iter_organization().map(|group| text(group.as_str())).collect::<Result<Vec<_>, _>>()?;
    Ok(User::authenticated(name, &groups))
}

fn text<E: std::fmt::Display>(value: Result<&str, E>) -> Result<&str, CertificateError> {
    value.map_err(|error| CertificateError(format!("a name in its subject is not text: {error}")))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::user_of_certificate;

    #[track_caller]
    fn check(subject: &[(DnType, &str)], expected: Result<(&str, &[&str]), &str>) {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (type_, value) in subject {
            params.distinguished_name.push(type_.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let found = user_of_certificate(certificate.der());
        match expected {
            Ok((name, groups)) => {
                let user = found.unwrap();
                assert_eq!(
                    (user.name.as_str(), user.groups),
                    (name, groups.iter().map(|g| g.to_string()).collect())
                );
            }
            Err(words) => assert!(found.unwrap_err().to_string().contains(words)),
        }
    }

    #[test]
    fn the_common_name_is_the_user_and_organizations_are_groups() {
        check(&[(DnType::CommonName, "ada")], Ok(("ada", &["system:authenticated"])));
        check(
            &[(DnType::OrganizationName, "system:masters"), (DnType::CommonName, "root")],
            Ok(("root", &["system:masters", "system:authenticated"])),
        );
        check(&[(DnType::OrganizationName, "system:masters")], Err("has no common name"));
        check(&[(DnType::CommonName, "")], Err("common name is empty"));
        assert!(user_of_certificate(b"not DER").unwrap_err().to_string().contains("not X.509"));
    }
}
