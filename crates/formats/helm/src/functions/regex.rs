//! Regular expressions in Go's syntax.

mod translate;

use std::cell::RefCell;
use std::collections::BTreeMap;

use bythos_gotemplate::{Failure, Function, List, Scope, Shape, Text};
use regex::{NoExpand, Regex, RegexBuilder};

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::new("regexMatch", |expression: Text, text: Text| {
            compile(&expression).is_ok_and(|regex| regex.is_match(&text.to_str()))
        }),
        Function::new("mustRegexMatch", |expression: Text, text: Text| {
            compile(&expression).map(|regex| regex.is_match(&text.to_str())).map_err(Failure::new)
        }),
        Function::new("regexQuoteMeta", |text: Text| quote(&text.to_str())),
    ];
    for (names, how) in [
        (
            ["regexFind", "regexFindAll", "regexReplaceAll", "regexReplaceAllLiteral", "regexSplit"],
            Strictness::Panic,
        ),
        (
            [
                "mustRegexFind",
                "mustRegexFindAll",
                "mustRegexReplaceAll",
                "mustRegexReplaceAllLiteral",
                "mustRegexSplit",
            ],
            Strictness::Error,
        ),
    ] {
        functions.extend(finding(names, how));
    }
    functions
}

/// How a wrong expression is told: both stop the template, in other words.
#[derive(Debug, Clone, Copy)]
enum Strictness {
    Panic,
    Error,
}

fn finding(names: [&'static str; 5], how: Strictness) -> [Function; 5] {
    let [find, find_all, replace_all, replace_literal, split_all] = names;
    [
        Function::new(find, move |expression: Text, text: Text| {
            let regex = compiled(&expression, how)?;
            let text = text.to_str();
            Ok::<_, Failure>(regex.find(&text).map_or("", |found| found.as_str()).to_owned())
        }),
        Function::new(find_all, move |scope: &mut Scope<'_>, expression: Text, text: Text, count: i64| {
            all(scope, &compiled(&expression, how)?, &text.to_str(), count)
        }),
        Function::new(replace_all, move |scope: &mut Scope<'_>, expression: Text, text: Text, with: Text| {
            let (regex, text) = (compiled(&expression, how)?, text.to_str());
            spend_replacing(scope, &regex, &text, &with)?;
            Ok::<_, Failure>(regex.replace_all(&text, &*with.to_str()).into_owned())
        }),
        Function::new(
            replace_literal,
            move |scope: &mut Scope<'_>, expression: Text, text: Text, with: Text| {
                let (regex, text) = (compiled(&expression, how)?, text.to_str());
                spend_replacing(scope, &regex, &text, &with)?;
                Ok::<_, Failure>(regex.replace_all(&text, NoExpand(&with.to_str())).into_owned())
            },
        ),
        Function::new(split_all, move |scope: &mut Scope<'_>, expression: Text, text: Text, count: i64| {
            split(scope, &compiled(&expression, how)?, &text.to_str(), count)
        }),
    ]
}

/// An expression is compiled once for as long as the thread lives and no more than so many are known.
fn compile(expression: &Text) -> Result<Regex, String> {
    const KNOWN_MAX: usize = 256;
    const SIZE_MAX: usize = 2 << 20;
    thread_local! {
        static KNOWN: RefCell<BTreeMap<Text, Regex>> = const { RefCell::new(BTreeMap::new()) };
    }
    if let Some(regex) = KNOWN.with_borrow(|known| known.get(expression).cloned()) {
        return Ok(regex);
    }
    let text = expression.to_str();
    let wrong = |why: &str| format!("error parsing regexp: {why}: `{text}`");
    let translated = translate::translate(&text).map_err(|why| format!("error parsing regexp: {why}"))?;
    let regex = RegexBuilder::new(&translated).size_limit(SIZE_MAX).nest_limit(200).build();
    let regex = regex.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => wrong("expression too large"),
        other => wrong(why(&other.to_string())),
    })?;
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(expression.clone(), regex.clone());
    });
    Ok(regex)
}

/// In Go's words, where it has a word for it.
fn why(message: &str) -> &str {
    let line = message.lines().last().unwrap_or(message).trim_start_matches("error: ");
    match line {
        "unclosed group" => "missing closing )",
        "unopened group" => "unexpected )",
        "unclosed character class" => "missing closing ]",
        "repetition operator missing expression" => "missing argument to repetition operator",
        other => other,
    }
}

fn compiled(expression: &Text, how: Strictness) -> Result<Regex, Failure> {
    compile(expression).map_err(|why| match how {
        Strictness::Error => Failure::new(why),
        Strictness::Panic => Failure::new(format!("regexp: Compile(`{expression}`): {why}")),
    })
}

fn spend_replacing(scope: &Scope<'_>, regex: &Regex, text: &str, with: &Text) -> Result<(), Failure> {
    // Each `$` may stand for the whole text.
    let references = with.as_bytes().iter().filter(|byte| **byte == b'$').count();
    let grows = references > 1 || with.len() > text.len();
    let matches = if grows { regex.find_iter(text).count() } else { 1 };
    let per_match = with.len().saturating_add(references.saturating_mul(text.len() / matches.max(1) + 1));
    Ok(scope.budget().spend_bytes(text.len().saturating_add(matches.saturating_mul(per_match)))?)
}

fn all(scope: &Scope<'_>, regex: &Regex, text: &str, count: i64) -> Result<List, Failure> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let found: Vec<&str> = regex.find_iter(text).take(count).map(|found| found.as_str()).collect();
    scope.budget().spend_items(found.len())?;
    Ok(if found.is_empty() { List::nil(Shape::STRINGS) } else { List::strings(found) })
}

/// As `Regexp.Split`: an empty text gives one empty part.
fn split(scope: &Scope<'_>, regex: &Regex, text: &str, count: i64) -> Result<List, Failure> {
    if count == 0 {
        return Ok(List::nil(Shape::STRINGS));
    }
    if !regex.as_str().is_empty() && text.is_empty() {
        return Ok(List::strings([""]));
    }
    let parts_max = usize::try_from(count).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in regex.find_iter(text) {
        if parts.len() + 1 == parts_max {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(text.get(begin..end).unwrap_or_default());
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(text.get(begin..).unwrap_or_default());
    }
    scope.budget().spend_items(parts.len())?;
    Ok(List::strings(parts))
}

fn quote(text: &str) -> String {
    let is_special = |character: char| r"\.+*?()|[]{}^$".contains(character);
    text.chars()
        .flat_map(|character| is_special(character).then_some('\\').into_iter().chain([character]))
        .collect()
}
