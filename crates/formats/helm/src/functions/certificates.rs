//! Private keys and certificates: `genPrivateKey`, `genCA`, `genSignedCert`, ...

use std::rc::Rc;
use std::time::SystemTime;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use bythos_gotemplate::{Failure, Function, List, Object, Parameter, Scope, Text, Type, Value};
use rcgen::string::PrintableString;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};

use super::encoding::base_64;
use super::{rendering, spend_milliseconds};
use crate::world::KeyAlgorithm;

mod pem;

const TYPE_NAME: &str = "sprig.certificate";
/// What reading a key and signing with it takes grows with the square of its length: 3 milliseconds for 2048 bits of RSA.
const MILLISECOND_BYTES_SQUARED: usize = 500_000;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("genPrivateKey", private_key),
        Function::new("buildCustomCert", build_custom),
        Function::new("genCA", |scope: &mut Scope<'_>, name: Text, days: i64| {
            let key = new_key(scope, KeyAlgorithm::Rsa2048)?;
            authority(scope, &name, days, &key)
        }),
        Function::new("genCAWithKey", |scope: &mut Scope<'_>, name: Text, days: i64, key: Text| {
            authority(scope, &name, days, &given_key(scope, &key)?)
        }),
        Function::new(
            "genSelfSignedCert",
            |scope: &mut Scope<'_>, name: Text, ips: List, names: List, days: i64| {
                let key = new_key(scope, KeyAlgorithm::Rsa2048)?;
                self_signed(&params(scope, &name, &ips, &names, days)?, &key)
            },
        ),
        Function::new(
            "genSelfSignedCertWithKey",
            |scope: &mut Scope<'_>, name: Text, ips: List, names: List, days: i64, key: Text| {
                self_signed(&params(scope, &name, &ips, &names, days)?, &given_key(scope, &key)?)
            },
        ),
        Function::new(
            "genSignedCert",
            |scope: &mut Scope<'_>, name: Text, ips: List, names: List, days: i64, ca: Certificate| {
                let key = new_key(scope, KeyAlgorithm::Rsa2048)?;
                signed(scope, params(scope, &name, &ips, &names, days)?, &ca, &key)
            },
        ),
        Function::new(
            "genSignedCertWithKey",
            |scope: &mut Scope<'_>,
             name: Text,
             ips: List,
             names: List,
             days: i64,
             ca: Certificate,
             key: Text| {
                signed(scope, params(scope, &name, &ips, &names, days)?, &ca, &given_key(scope, &key)?)
            },
        ),
    ]
}

/// A certificate and its key, in PEM.
#[derive(Debug, Clone, Default)]
struct Certificate {
    certificate: String,
    key: String,
}

impl Object for Certificate {
    fn type_name(&self) -> String {
        TYPE_NAME.to_owned()
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Cert", Value::from(self.certificate.as_str())), ("Key", Value::from(self.key.as_str()))]
    }
}

impl From<Certificate> for Value {
    fn from(certificate: Certificate) -> Value {
        Value::Object(Rc::new(certificate))
    }
}

impl Parameter for Certificate {
    const TYPE: Type = Type::Object(TYPE_NAME);

    fn from_value(value: Value) -> Option<Certificate> {
        let Value::Object(object) = value else { return None };
        object.downcast::<Certificate>().cloned()
    }
}

/// A new key pair, as PKCS #8 DER: for those who answer [`crate::World::private_key`].
///
/// # Errors
/// The machine gives no chance.
pub fn generate_key(algorithm: KeyAlgorithm) -> Result<Vec<u8>, String> {
    let failed = |_| "failed to generate the key".to_owned();
    match algorithm {
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa4096 => {
            let size = if algorithm == KeyAlgorithm::Rsa2048 { KeySize::Rsa2048 } else { KeySize::Rsa4096 };
            let pair = aws_lc_rs::rsa::KeyPair::generate(size).map_err(failed)?;
            pair.as_der().map(|der| der.as_ref().to_vec()).map_err(failed)
        }
        KeyAlgorithm::EcdsaP256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
            pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()).map_err(failed)
        }
        KeyAlgorithm::Ed25519 => {
            let pair = Ed25519KeyPair::generate().map_err(failed)?;
            pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()).map_err(failed)
        }
    }
}

/// On average: finding primes is a matter of luck.
fn milliseconds(algorithm: KeyAlgorithm) -> usize {
    match algorithm {
        KeyAlgorithm::Rsa2048 => 75,
        KeyAlgorithm::Rsa4096 => 640,
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Ed25519 => 1,
    }
}

fn new_der(scope: &Scope<'_>, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Failure> {
    spend_milliseconds(scope, milliseconds(algorithm))?;
    rendering(scope)?.world.private_key(algorithm).map_err(Failure::new)
}

fn private_key(scope: &mut Scope<'_>, kind: Text) -> Result<String, Failure> {
    let kind = kind.to_str();
    let algorithm = match &*kind {
        "" | "rsa" => KeyAlgorithm::Rsa4096,
        "ecdsa" => KeyAlgorithm::EcdsaP256,
        "ed25519" => KeyAlgorithm::Ed25519,
        "dsa" => return Err(Failure::new("DSA keys are not made any more; use rsa, ecdsa or ed25519")),
        other => return Ok(format!("Unknown type {other}")),
    };
    pem::key(&new_der(scope, algorithm)?).map_err(Failure::new)
}

/// A key, and the PEM that a template sees of it.
struct Key {
    pair: KeyPair,
    pem: String,
}

fn key_of(der: &[u8]) -> Result<Key, String> {
    let pair = KeyPair::try_from(der).map_err(|error| format!("parsing private key: {error}"))?;
    Ok(Key { pair, pem: pem::key(der)? })
}

fn new_key(scope: &Scope<'_>, algorithm: KeyAlgorithm) -> Result<Key, Failure> {
    key_of(&new_der(scope, algorithm)?).map_err(Failure::new)
}

fn given_key(scope: &Scope<'_>, text: &Text) -> Result<Key, Failure> {
    let der =
        pem::key_der(&text.to_str()).map_err(|why| Failure::new(format!("parsing private key: {why}")))?;
    spend_milliseconds(scope, 1 + der.len().saturating_pow(2) / MILLISECOND_BYTES_SQUARED)?;
    key_of(&der).map_err(Failure::new)
}

/// A spent budget stays one.
fn within(what: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Message(why) => Failure::new(format!("{what}{why}")),
        other => other,
    }
}

/// What all certificates have: name, time, use, and a serial number by chance.
fn base_params(scope: &Scope<'_>, name: &Text, days: i64) -> Result<CertificateParams, Failure> {
    let world = &rendering(scope)?.world;
    let mut serial = [0; 16];
    world.fill_random(&mut serial);
    serial.iter_mut().take(1).for_each(|first| *first = *first & 0x7f | 1);
    let now = world.now();
    let span = jiff::SignedDuration::from_hours(days.saturating_mul(24).clamp(-10_000_000, 10_000_000));
    let end = now.checked_add(span).map_err(|error| Failure::new(error.to_string()))?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name(&name.to_str()));
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = SystemTime::from(now).into();
    params.not_after = SystemTime::from(end).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// In the narrower of the two encodings, if it can hold the name.
fn common_name(name: &str) -> DnValue {
    match PrintableString::try_from(name) {
        Ok(printable) => DnValue::PrintableString(printable),
        Err(_) => DnValue::Utf8String(name.to_owned()),
    }
}

/// What says that a certificate is none of an authority. [`IsCa::ExplicitNoCa`] would name the key as well, which Go does
/// for authorities alone.
fn no_authority() -> CustomExtension {
    const BASIC_CONSTRAINTS: [u64; 4] = [2, 5, 29, 19];
    const EMPTY_SEQUENCE: [u8; 2] = [0x30, 0];
    let mut extension = CustomExtension::from_oid_content(&BASIC_CONSTRAINTS, EMPTY_SEQUENCE.to_vec());
    extension.set_criticality(true);
    extension
}

fn params(
    scope: &Scope<'_>,
    name: &Text,
    ips: &List,
    names: &List,
    days: i64,
) -> Result<CertificateParams, Failure> {
    let mut params = base_params(scope, name, days)?;
    params.custom_extensions.push(no_authority());
    let addresses = ips.items().iter().map(address).collect::<Result<Vec<_>, _>>()?;
    params.subject_alt_names = names.items().iter().map(host_name).collect::<Result<_, _>>()?;
    params.subject_alt_names.extend(addresses);
    Ok(params)
}

fn address(value: &Value) -> Result<SanType, Failure> {
    let Value::String(text) = value else {
        return Err(Failure::new(format!("error parsing ip: {value:?} is not a string")));
    };
    let address = text.to_str().parse().map(SanType::IpAddress);
    address.map_err(|_| Failure::new(format!("error parsing ip: {text}")))
}

fn host_name(value: &Value) -> Result<SanType, Failure> {
    let Value::String(text) = value else {
        return Err(Failure::new(format!("error processing alternate dns name: {value:?} is not a string")));
    };
    let name = text.to_str().into_owned().try_into().map(SanType::DnsName);
    name.map_err(|error| creating(&error))
}

fn creating(error: &rcgen::Error) -> Failure {
    Failure::new(format!("error creating certificate: {error}"))
}

fn self_signed(params: &CertificateParams, key: &Key) -> Result<Certificate, Failure> {
    let certificate = params.clone().self_signed(&key.pair).map_err(|error| creating(&error))?;
    Ok(Certificate { certificate: pem::certificate(certificate.der()), key: key.pem.clone() })
}

fn authority(scope: &Scope<'_>, name: &Text, days: i64, key: &Key) -> Result<Certificate, Failure> {
    let mut params = base_params(scope, name, days)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    self_signed(&params, key)
}

fn signed(
    scope: &Scope<'_>,
    mut params: CertificateParams,
    ca: &Certificate,
    key: &Key,
) -> Result<Certificate, Failure> {
    let ca_der = pem::certificate_der(&ca.certificate).map_err(Failure::new)?;
    let wrong = |error: rcgen::Error| {
        Failure::new(format!("error parsing certificate: decodedSignerCert.Bytes: {error}"))
    };
    let ca_key = given_key(scope, &Text::from(ca.key.as_str()))
        .map_err(|failure| within("error parsing private key: ", failure))?;
    let issuer = Issuer::from_ca_cert_der(&ca_der.into(), ca_key.pair).map_err(wrong)?;
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key.pair, &issuer).map_err(|error| creating(&error))?;
    Ok(Certificate { certificate: pem::certificate(certificate.der()), key: key.pem.clone() })
}

fn build_custom(scope: &mut Scope<'_>, certificate: Text, key: Text) -> Result<Certificate, Failure> {
    let decoded = |text: &Text, what: &str| {
        base_64(text.as_bytes()).map_err(|_| Failure::new(format!("unable to decode base64 {what}")))
    };
    let certificate = decoded(&certificate, "certificate")?;
    let key = decoded(&key, "private key")?;
    let (certificate, key) = (String::from_utf8_lossy(&certificate), String::from_utf8_lossy(&key));
    let der = pem::certificate_der(&certificate).map_err(Failure::new)?;
    if let Err(error) = x509_parser::parse_x509_certificate(&der) {
        return Err(Failure::new(format!("error parsing certificate: decodedCert.Bytes: {error}")));
    }
    given_key(scope, &Text::from(&*key)).map_err(|failure| within("error ", failure))?;
    Ok(Certificate { certificate: certificate.into_owned(), key: key.into_owned() })
}
