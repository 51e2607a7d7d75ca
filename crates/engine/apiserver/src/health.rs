//! `/livez`, `/healthz` and `/readyz`: whether the server answers, and whether everything behind it is at work.

use std::sync::PoisonError;

use http::{Response, StatusCode};

use crate::Check;
use crate::body::{Body, full};
use crate::call::{Call, answer};
use crate::status::Failure;

/// It answers, so it lives.
pub(crate) fn alive(call: &Call) -> Response<Body> {
    let name = call.path.trim_matches('/');
    report(name, &[("ping".to_owned(), Ok(()))], call.query.has("verbose"))
}

/// The part of it that says only that it answers.
pub(crate) fn ping() -> Response<Body> {
    text(StatusCode::OK, "ok".to_owned())
}

/// All checks but those that the client excludes.
pub(crate) fn ready(call: &Call) -> Response<Body> {
    let excluded: Vec<&str> = call.query.all("exclude").collect();
    let mut results = vec![("ping".to_owned(), Ok(()))];
    let checks = checks(call);
    let asked = checks.into_iter().filter(|(name, _)| !excluded.contains(&name.as_str()));
    results.extend(asked.map(|(name, check)| (name, check())));
    report("readyz", &results, call.query.has("verbose"))
}

/// One check.
pub(crate) fn check(call: &Call, name: &str) -> Result<Response<Body>, Failure> {
    if name == "ping" {
        return Ok(ping());
    }
    let (_, check) = checks(call).into_iter().find(|(known, _)| known == name).ok_or(Failure::UnknownPath)?;
    Ok(match check() {
        Ok(()) => ping(),
        Err(reason) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{name} failed: {reason}\n")),
    })
}

/// Taken out of the lock, since a check may take its time.
fn checks(call: &Call) -> Vec<(String, Check)> {
    call.state.checks.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn report(name: &str, results: &[(String, Result<(), String>)], verbose: bool) -> Response<Body> {
    let passed = results.iter().all(|(_, result)| result.is_ok());
    if passed && !verbose {
        return ping();
    }
    let mut lines = String::new();
    for (check, result) in results {
        lines.push_str(&match result {
            Ok(()) => format!("[+]{check} ok\n"),
            Err(reason) => format!("[-]{check} failed: {reason}\n"),
        });
    }
    lines.push_str(&format!("{name} check {}\n", if passed { "passed" } else { "failed" }));
    text(if passed { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }, lines)
}

fn text(code: StatusCode, text: String) -> Response<Body> {
    answer(code, "text/plain; charset=utf-8", full(text))
}
