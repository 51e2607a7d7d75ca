//! What can be said about the state that a get, a list or a watch reads.
//!
//! The rules are upstream's (`apis/meta/internalversion/validation`): clients find out by these refusals what a
//! server can do, and fall back.

use bythos_schema::{FieldError, FieldPath, Refusal};
use bythos_store::Revision;
use serde_json::json;

use crate::request::Query;
use crate::status::{Failure, ResourceName};

const NOT_OLDER_THAN: &str = "NotOlderThan";
const EXACT: &str = "Exact";

/// Checks the parameters of a list.
pub(super) fn check_list(query: &Query) -> Result<(), Failure> {
    let mut errors = Vec::new();
    if query.has("sendInitialEvents") {
        errors.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    if let Some(how) = query.get("resourceVersionMatch") {
        const FIELD: &str = "resourceVersionMatch";
        if query.get("resourceVersion").is_none() {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(forbidden(FIELD, detail));
        }
        if query.get("continue").is_some() {
            errors.push(forbidden(FIELD, "resourceVersionMatch is forbidden when continue is provided"));
        }
        match how {
            EXACT if query.get("resourceVersion") == Some("0") => errors.push(forbidden(
                FIELD,
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            )),
            EXACT | NOT_OLDER_THAN => {}
            other => errors.push(not_supported(other, "\"Exact\", \"NotOlderThan\"")),
        }
    }
    refuse(errors)?;
    if query.get("continue").is_some() && query.get("resourceVersion").is_some_and(|asked| asked != "0") {
        return Err(Failure::BadRequest(
            "specifying resource version is not allowed when using continue".to_owned(),
        ));
    }
    Ok(())
}

/// The revision that is asked for, if one is.
///
/// # Errors
/// It is not there yet.
pub(super) fn asked_revision(query: &Query, newest: Revision) -> Result<Option<Revision>, Failure> {
    match query.number::<u64>("resourceVersion")?.filter(|asked| *asked > 0) {
        Some(asked) if asked > newest.0 => Err(Failure::FutureRevision { asked, newest: newest.0 }),
        asked => Ok(asked.map(Revision)),
    }
}

/// Checks the parameters of a watch.
pub(super) fn check_watch(query: &Query) -> Result<(), Failure> {
    let how = query.get("resourceVersionMatch");
    let errors = match (query.get("sendInitialEvents"), how) {
        (None, None) | (Some(_), Some(NOT_OLDER_THAN)) => vec![],
        (None, Some(_)) => vec![forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        )],
        (Some(_), None) => vec![forbidden(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        )],
        (Some(_), Some(other)) => vec![not_supported(other, "\"NotOlderThan\"")],
    };
    refuse(errors)
}

fn refuse(errors: Vec<FieldError>) -> Result<(), Failure> {
    if errors.is_empty() {
        return Ok(());
    }
    let kind = ResourceName::new("meta.k8s.io", "ListOptions");
    Err(Failure::Invalid { kind, name: String::new(), errors })
}

fn forbidden(field: &str, detail: &str) -> FieldError {
    FieldError::forbidden(FieldPath::root().field(field), detail)
}

fn not_supported(found: &str, supported: &str) -> FieldError {
    let path = FieldPath::root().field("resourceVersionMatch");
    FieldError::of(path, Refusal::NotSupported, &json!(found), format!("supported values: {supported}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(check: fn(&Query) -> Result<(), Failure>, query: &str, expect: &str) {
        let found = check(&Query::parse(query)).err().map_or_else(String::new, |failure| failure.message());
        assert!(found.contains(expect) && found.is_empty() == expect.is_empty(), "{query}: {found:?}");
    }

    #[test]
    fn a_list_reads_one_state() {
        check(check_list, "", "");
        check(check_list, "resourceVersion=5&resourceVersionMatch=Exact", "");
        check(check_list, "resourceVersion=0&resourceVersionMatch=NotOlderThan", "");
        check(check_list, "resourceVersionMatch=Exact", "forbidden unless resourceVersion is provided");
        check(check_list, "resourceVersion=0&resourceVersionMatch=Exact", "for resourceVersion \"0\"");
        check(check_list, "resourceVersion=5&resourceVersionMatch=Newest", "supported values: \"Exact\"");
        check(
            check_list,
            "resourceVersion=5&resourceVersionMatch=Exact&continue=x",
            "when continue is provided",
        );
        check(check_list, "sendInitialEvents=true", "forbidden for list");
        check(check_list, "continue=x&resourceVersion=5", "not allowed when using continue");
        check(check_list, "continue=x&resourceVersion=0", "");
    }

    #[test]
    fn a_watch_that_begins_with_what_is_there_says_how_old_it_may_be() {
        check(check_watch, "resourceVersion=5", "");
        check(check_watch, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan", "");
        check(check_watch, "sendInitialEvents=false", "requires setting resourceVersionMatch");
        check(check_watch, "resourceVersionMatch=NotOlderThan", "unless sendInitialEvents is provided");
        check(
            check_watch,
            "sendInitialEvents=true&resourceVersionMatch=Exact",
            "supported values: \"NotOlderThan\"",
        );
    }
}
