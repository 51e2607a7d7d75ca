use std::path::Path;

use serde_json::json;

use super::world::{chart, request, texts_of};
use crate::Limits;
use crate::set::UserValues;

/// One behaviour: what stands between two lines that begin with `== `.
struct Case {
    name: String,
    template: String,
    values: String,
    files: Vec<(String, String)>,
    /// The output, or lines that the error must contain.
    expected: Result<String, Vec<String>>,
}

fn read(text: &str) -> Vec<Case> {
    let cases = text.split("\n== ").skip(1);
    cases.map(|case| read_case(case).unwrap_or_else(|| panic!("no case: {case}"))).collect()
}

fn read_case(text: &str) -> Option<Case> {
    let (name, rest) = text.split_once('\n')?;
    let rest = format!("\n{rest}");
    let mut sections = rest.split("\n-- ");
    let template = sections.next()?.trim_matches('\n').to_owned();
    let mut case = Case {
        name: name.to_owned(),
        template,
        values: String::new(),
        files: Vec::new(),
        expected: Err(Vec::new()),
    };
    for section in sections {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        let body = body.trim_end_matches('\n').to_owned();
        match head.split_once(' ').unwrap_or((head, "")) {
            ("values", _) => case.values = body,
            ("file", path) => case.files.push((path.to_owned(), body)),
            ("output", _) => case.expected = Ok(body),
            ("error", _) => case.expected = Err(body.lines().map(str::to_owned).collect()),
            _ => return None,
        }
    }
    Some(case)
}

fn run(case: &Case) -> Result<String, String> {
    let description = "apiVersion: v2\nname: case\nversion: 0.1.0\nappVersion: '1.0'\ndescription: A case\n";
    let mut files = vec![("Chart.yaml", description), ("templates/case.txt", &case.template)];
    files.push(("values.yaml", &case.values));
    files.extend(case.files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let rendered = render_files(&files);
    rendered.map(|output| output.trim_end_matches('\n').to_owned())
}

/// What the template gave, whether or not that is a manifest.
fn render_files(files: &[(&str, &str)]) -> Result<String, String> {
    let (chart, values) = (chart(files), UserValues::default());
    let texts = crate::render::texts(&request(&chart, &values), Limits::CHARTS);
    texts
        .map(|mut texts| texts.remove("case/templates/case.txt").unwrap_or_default())
        .map_err(|error| error.to_string())
}

fn fault(case: &Case) -> Option<String> {
    let found = run(case);
    match (&case.expected, &found) {
        (Ok(expected), Ok(found)) if expected == found => None,
        (Err(lines), Err(message)) if !lines.is_empty() => {
            let missing: Vec<&String> =
                lines.iter().filter(|line| !message.contains(line.as_str())).collect();
            (!missing.is_empty()).then(|| format!("{}\n  found {message}\n  without {missing:#?}", case.name))
        }
        (expected, found) => Some(format!("{}\n  expected {expected:?}\n  found    {found:?}", case.name)),
    }
}

#[test]
fn every_case_of_the_corpus_comes_out_as_helm_renders_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut count = 0;
    let mut faults = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        for case in read(&text) {
            count += 1;
            faults.extend(fault(&case).map(|fault| format!("{file}: {fault}")));
        }
    }
    assert!(count >= 400, "only {count} cases were found");
    assert!(faults.is_empty(), "{} of {count} cases differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn lookup_finds_what_the_cluster_has() {
    let chart = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("templates/a.yaml", "p: {{ (lookup \"v1\" \"Secret\" \"ns\" \"there\").data.password | b64dec }}\n"),
        ("templates/b.yaml", "n: {{ (lookup \"v1\" \"Secret\" \"ns\" \"\").items | len }}\n"),
    ]);
    let texts = texts_of(&chart, json!({})).unwrap();
    assert!(texts.values().eq(["p: x\n", "n: 1\n"]), "{texts:?}");
}
