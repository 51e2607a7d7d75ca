//! StorageVersionMigrations: `pkg/apis/storagemigration/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use crate::names;
use crate::spot::Spot;

pub(crate) fn validate(migration: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(migration), Vec::new());
    let spec = root.field("spec");
    let migrated = spec.field("resource");
    if !migrated.field("group").is_empty() {
        migrated.field("group").check_text(names::rfc1123_subdomain, &mut errors);
    }
    if migrated.field("resource").check_given("", &mut errors) {
        migrated.field("resource").check_text(names::rfc1035_label, &mut errors);
    }
    errors
}

pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    check_immutable(&spec.field("resource"), &old["spec"]["resource"], &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn a_migration_names_a_resource_and_keeps_it() {
        let of = |resource: &str| json!({"spec": {"resource": {"group": "apps", "resource": resource}}});
        check(&validate(&of("deployments")), &[]);
        check(&validate(&of("")), &["spec.resource.resource: Required value"]);
        let found = validate_update(&of("deployments"), &of("daemonsets"));
        assert!(found[0].to_string().ends_with("field is immutable"), "{found:?}");
    }
}
