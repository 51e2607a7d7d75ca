//! How a pod finds names, and which it has of its own.

use bythos_schema::FieldError;

use crate::names;
use crate::spot::Spot;
use crate::validation::check_ip;

const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCHES_CHARS_MAX: usize = 2048;

pub(super) fn check(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    check_config(spec, errors);
    for alias in spec.field("hostAliases").items() {
        check_ip(&alias.field("ip"), errors);
        for name in alias.field("hostnames").items() {
            name.check_text(names::rfc1123_subdomain, errors);
        }
    }
}

fn check_config(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let config = spec.field("dnsConfig");
    let servers = config.field("nameservers");
    if spec.field("dnsPolicy").text() == "None" {
        if !config.is_set() {
            errors.push(config.required("must provide `dnsConfig` when `dnsPolicy` is None"));
        } else if servers.is_empty() {
            errors
                .push(servers.required("must provide at least one DNS nameserver when `dnsPolicy` is None"));
        }
    }
    if servers.items().count() > NAMESERVERS_MAX {
        errors.push(servers.invalid(format!("must not have more than {NAMESERVERS_MAX} nameservers")));
    }
    for server in servers.items() {
        check_ip(&server, errors);
    }
    check_searches(&config.field("searches"), errors);
    for option in config.field("options").items().filter(|option| option.field("name").is_empty()) {
        errors.push(option.required("must not be empty"));
    }
}

fn check_searches(searches: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let count = searches.items().count();
    if count > SEARCHES_MAX {
        errors.push(searches.invalid(format!("must not have more than {SEARCHES_MAX} search paths")));
    }
    // With a space between two of them.
    let chars = searches.items().map(|search| search.text().len()).sum::<usize>() + count.saturating_sub(1);
    if chars > SEARCHES_CHARS_MAX {
        errors.push(searches.invalid(format!(
            "must not have more than {SEARCHES_CHARS_MAX} characters (including spaces) in the search list"
        )));
    }
    for search in searches.items().filter(|search| search.text() != ".") {
        // A dot at the end and underscores are fine here.
        let plain = search.text().strip_suffix('.').unwrap_or(search.text()).replace('_', "x");
        errors.extend(names::rfc1123_subdomain(&plain).into_iter().map(|words| search.invalid(words)));
    }
}
