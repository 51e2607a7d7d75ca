//! CertificateSigningRequests, ClusterTrustBundles and PodCertificateRequests: `pkg/apis/certificates/validation`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use crate::names;
use crate::spot::Spot;

/// The shortest life of a certificate that may be asked for.
const LIFETIME_SECONDS_MIN: i64 = 600;
/// The longest life of a pod's certificate that may be asked for: 91 days.
const POD_LIFETIME_SECONDS_MAX: i64 = 91 * 24 * 60 * 60;
const POD_LIFETIME_SECONDS_MIN: i64 = 60 * 60;
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

pub(crate) fn signing_request(request: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(request), Vec::new());
    let spec = root.field("spec");
    check_pem(&spec.field("request"), &mut errors);
    check_usages(&spec.field("usages"), &mut errors);
    check_signer(&spec.field("signerName"), &mut errors);
    if spec.field("signerName").text() == "kubernetes.io/legacy-unknown" {
        errors.push(
            spec.field("signerName").invalid("the legacy signerName is not allowed via this API version"),
        );
    }
    let lifetime = spec.field("expirationSeconds");
    if lifetime.integer().is_some_and(|seconds| seconds < LIFETIME_SECONDS_MIN) {
        errors.push(lifetime.invalid("may not specify a duration less than 600 seconds (10 minutes)"));
    }
    check_conditions(&root, &mut errors);
    errors
}

/// A request was approved or denied once, and stays so.
fn check_conditions(root: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let status = root.field("status");
    let conditions = status.field("conditions");
    conditions.check_unique("type", errors);
    let has = |type_: &str| conditions.items().any(|condition| condition.field("type").text() == type_);
    if has("Approved") && has("Denied") {
        errors.push(conditions.invalid("Approved and Denied conditions are mutually exclusive"));
    }
    for condition in conditions.items() {
        condition.field("type").check_given("", errors);
        if matches!(condition.field("type").text(), "Approved" | "Denied" | "Failed") {
            condition.field("status").check_supported(&["True"], errors);
        }
    }
}

fn check_pem(request: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    const BEGIN: &str = "-----BEGIN ";
    if !request.check_given("", errors) {
        return;
    }
    let text = STANDARD.decode(request.text()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.unwrap_or_default();
    let block = text.trim_start().strip_prefix(BEGIN).and_then(|rest| rest.split_once("-----"));
    if !block.is_some_and(|(type_, _)| matches!(type_, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST")) {
        errors.push(request.invalid("PEM block type must be CERTIFICATE REQUEST"));
    }
}

fn check_usages(usages: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    usages.check_given("usages are required", errors);
    let mut known = Vec::new();
    for usage in usages.items() {
        usage.check_supported(&USAGES, errors);
        if known.contains(&usage.text()) {
            errors.push(usage.duplicate());
        }
        known.push(usage.text());
    }
}

fn check_signer(signer: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if signer.check_given("", errors) {
        signer.check_text(names::signer_name, errors);
    }
}

pub(crate) fn trust_bundle(bundle: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(bundle), Vec::new());
    let (metadata, spec) = (root.field("metadata"), root.field("spec"));
    let (name, signer) = (metadata.field("name"), spec.field("signerName"));
    let prefix = signer.text().replace('/', ":") + ":";
    if signer.is_empty() {
        if name.text().contains(':') {
            errors
                .push(name.invalid("ClusterTrustBundle without signer name must not have \":\" in its name"));
        }
    } else {
        check_signer(&signer, &mut errors);
        if !name.text().starts_with(&prefix) {
            errors.push(name.invalid(format!(
                "ClusterTrustBundle for signerName {} must be named with prefix {prefix}",
                signer.text()
            )));
        }
    }
    let certificates = spec.field("trustBundle");
    if !certificates.text().contains("-----BEGIN CERTIFICATE-----") {
        errors.push(certificates.invalid("at least one trust anchor must be provided"));
    }
    errors
}

/// A bundle stays with its signer.
pub(crate) fn trust_bundle_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    check_immutable(&spec.field("signerName"), &old["spec"]["signerName"], &mut errors);
    errors
}

pub(crate) fn pod_request(request: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(request), Vec::new());
    let spec = root.field("spec");
    check_signer(&spec.field("signerName"), &mut errors);
    for name in ["podName", "serviceAccountName", "nodeName"] {
        if spec.field(name).check_given("", &mut errors) {
            spec.field(name).check_text(names::rfc1123_subdomain, &mut errors);
        }
    }
    for field in ["podUID", "serviceAccountUID", "nodeUID", "stubPKCS10Request"] {
        spec.field(field).check_given("", &mut errors);
    }
    spec.field("maxExpirationSeconds")
        .check_range(POD_LIFETIME_SECONDS_MIN..=POD_LIFETIME_SECONDS_MAX, &mut errors);
    errors
}

pub(crate) fn pod_request_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("spec"), &old["spec"], &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    fn good() -> Value {
        let request =
            STANDARD.encode("-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n");
        json!({"spec": {"request": request, "signerName": "example.com/ada", "usages": ["client auth"]}})
    }

    #[test]
    fn a_request_says_who_is_to_sign_what_and_for_what_it_is_used() {
        check(&signing_request(&good()), &[]);
        let bad = json!({"spec": {"request": "YQ==", "signerName": "ada", "expirationSeconds": 5,
            "usages": ["client auth", "client auth"]}});
        check(
            &signing_request(&bad),
            &[
                r#"spec.request: Invalid value: "YQ==": PEM block type must be CERTIFICATE REQUEST"#,
                r#"spec.usages[1]: Duplicate value: "client auth""#,
                r#"spec.signerName: Invalid value: "ada": must be a fully qualified domain and path of the form 'example.com/signer-name'"#,
                "spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)",
            ],
        );
    }

    #[test]
    fn a_request_is_approved_or_denied() {
        let mut request = good();
        let condition = |type_: &str| json!({"type": type_, "status": "True"});
        request["status"] = json!({"conditions": [condition("Approved"), condition("Denied")]});
        let found = signing_request(&request);
        assert!(found[0].to_string().ends_with("Approved and Denied conditions are mutually exclusive"));
    }

    #[test]
    fn a_bundle_of_a_signer_bears_its_name() {
        let bundle = |name: &str| {
            json!({"metadata": {"name": name}, "spec": {"signerName": "example.com/ca",
                "trustBundle": "-----BEGIN CERTIFICATE-----\n"}})
        };
        check(&trust_bundle(&bundle("example.com:ca:one")), &[]);
        check(
            &trust_bundle(&bundle("one")),
            &[
                r#"metadata.name: Invalid value: "one": ClusterTrustBundle for signerName example.com/ca must be named with prefix example.com:ca:"#,
            ],
        );
        check(
            &trust_bundle(&json!({"metadata": {"name": "one"}, "spec": {"trustBundle": ""}})),
            &[r#"spec.trustBundle: Invalid value: "": at least one trust anchor must be provided"#],
        );
    }

    #[test]
    fn a_pods_request_names_whom_it_is_for() {
        let found = pod_request(
            &json!({"spec": {"signerName": "example.com/ca", "podName": "web", "podUID": "1",
            "serviceAccountName": "web", "serviceAccountUID": "2", "nodeName": "one", "maxExpirationSeconds": 5,
            "stubPKCS10Request": "YQ=="}}),
        );
        check(
            &found,
            &[
                "spec.nodeUID: Required value",
                "spec.maxExpirationSeconds: Invalid value: 5: must be between 3600 and 7862400, inclusive",
            ],
        );
    }
}
