//! IPAddresses and ServiceCIDRs: `pkg/apis/networking/validation`.

use std::net::IpAddr;

use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use super::network::check_cidr;
use crate::spot::Spot;

/// One network of each family.
const NETWORKS_MAX: usize = 2;

pub(crate) fn ip_address(address: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(address), Vec::new());
    let (metadata, spec) = (root.field("metadata"), root.field("spec"));
    let name = metadata.field("name");
    let is_canonical = name.text().parse::<IpAddr>().is_ok_and(|parsed| parsed.to_string() == name.text());
    if !is_canonical {
        errors.push(name.invalid("must be a valid IP address in canonical form"));
    }
    let parent = spec.field("parentRef");
    if parent.check_given("", &mut errors) {
        parent.field("resource").check_given("", &mut errors);
        parent.field("name").check_given("", &mut errors);
    }
    errors
}

pub(crate) fn ip_address_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    check_immutable(&spec.field("parentRef"), &old["spec"]["parentRef"], &mut errors);
    errors
}

pub(crate) fn service_cidr(networks: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(networks), Vec::new());
    let spec = root.field("spec");
    let networks = spec.field("cidrs");
    networks.check_given("at least one CIDR required", &mut errors);
    if networks.items().count() > NETWORKS_MAX {
        errors.push(networks.invalid("may only hold up to 2 values"));
    }
    let mut known = Vec::new();
    for network in networks.items() {
        let Some((address, _)) = check_cidr(&network, &mut errors) else { continue };
        if known.contains(&address.is_ipv4()) {
            errors.push(network.invalid("may specify no more than one IP for each IP family"));
        }
        known.push(address.is_ipv4());
    }
    errors
}

pub(crate) fn service_cidr_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    check_immutable(&spec.field("cidrs"), &old["spec"]["cidrs"], &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn an_address_is_its_own_name_and_somebodys() {
        let address = |name: &str| json!({"metadata": {"name": name}, "spec": {"parentRef": {"resource": "services", "name": "web"}}});
        for good in ["10.43.0.1", "fd00::1"] {
            check(&ip_address(&address(good)), &[]);
        }
        for bad in ["10.43.0.01", "fd00:0::1", "web"] {
            let expected = format!(
                "metadata.name: Invalid value: {bad:?}: must be a valid IP address in canonical form"
            );
            check(&ip_address(&address(bad)), &[&expected]);
        }
        check(
            &ip_address(&json!({"metadata": {"name": "10.43.0.1"}, "spec": {}})),
            &["spec.parentRef: Required value"],
        );
    }

    #[test]
    fn networks_are_one_of_each_family() {
        let networks = |cidrs: Value| service_cidr(&json!({"spec": {"cidrs": cidrs}}));
        check(&networks(json!(["10.43.0.0/16", "fd00::/108"])), &[]);
        check(&networks(json!([])), &["spec.cidrs: Required value: at least one CIDR required"]);
        check(
            &networks(json!(["10.43.0.0/16", "10.44.0.0/16"])),
            &[
                r#"spec.cidrs[1]: Invalid value: "10.44.0.0/16": may specify no more than one IP for each IP family"#,
            ],
        );
    }
}
