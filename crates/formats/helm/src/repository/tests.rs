use serde_json::json;

use super::{
    ChartManifest, Choice, INDEX_LIMITS, Index, Location, Reference, Selection, Source, Want, assemble,
    chart_tag, check_digest, choose_from_chart, choose_from_index, choose_from_tags, is_in_sync, locked,
    resolve_reference, same_host, sha256, versions_of_tags, wants,
};
use crate::tests::chart;
use crate::{Chart, Dependency};

const INDEX: &str = "\
apiVersion: v1
entries:
  web:
  - {name: web, version: 1.2.0, urls: [charts/web-1.2.0.tgz], digest: abc, created: '2024-01-01T00:00:00Z'}
  - {name: web, version: 2.0.0-rc.1, urls: ['https://cdn.example/web.tgz']}
  - {name: web, version: 1.10.0, urls: []}
  - {name: web, version: nonsense}
  -
  - name: web
    version: 1.9.0
    dependencies: [{name: a}, {name: a}]
  other:
  - {name: other, version: 0.1.0}
generated: '2024-01-01T00:00:00Z'
";

fn index() -> Index {
    Index::read(INDEX, Selection::All, INDEX_LIMITS).unwrap()
}

fn dependency(version: &str) -> Dependency {
    Dependency { name: "web".to_owned(), version: version.to_owned(), ..Dependency::default() }
}

#[test]
fn versions_are_sorted_and_those_that_are_none_passed_over() {
    let index = index();
    let versions: Vec<&str> =
        index.entries["web"].iter().map(|entry| entry.metadata.version.as_str()).collect();
    assert_eq!(versions, ["2.0.0-rc.1", "1.10.0", "1.9.0", "1.2.0"]);
    assert_eq!(
        index.warnings,
        [
            "passed over entries.web[3]: Chart.yaml of \"web\": version: invalid semantic version",
            "passed over entries.web[4]: the entry is empty",
        ]
    );
}

#[track_caller]
fn check_get(wanted: &str, expected: &str) {
    assert_eq!(index().get("web", wanted).unwrap().metadata.version, expected);
}

#[test]
fn the_newest_version_that_fits_is_chosen_and_an_exact_one_first() {
    check_get("", "1.10.0");
    check_get("^1", "1.10.0");
    check_get("~1.2", "1.2.0");
    check_get(">1.0.0-0", "2.0.0-rc.1");
    check_get("1.2.0", "1.2.0");
    let message = |name: &str, wanted: &str| index().get(name, wanted).unwrap_err().to_string();
    assert_eq!(
        message("web", "^3"),
        "no version of chart \"web\" fits \"^3\"; the newest of 4 is \"2.0.0-rc.1\""
    );
    assert_eq!(message("x", ""), "no chart \"x\" in the index");
    assert_eq!(message("web", "?"), "dependency \"web\" has an invalid version/constraint format: \"?\"");
}

#[test]
fn of_a_large_index_one_chart_alone_is_built() {
    let mut text = String::from("apiVersion: v1\nentries:\n");
    for chart in 0..200 {
        text.push_str(&format!("  c{chart}:\n"));
        for version in 0..20 {
            text.push_str(&format!(
                "  - {{name: c{chart}, version: 1.{version}.0, urls: [c.tgz], keywords: [a, b]}}\n"
            ));
        }
    }
    let small = bythos_yaml::Limits { values_max: 400, ..INDEX_LIMITS };
    let index = Index::read(&text, Selection::Chart("c77"), small).unwrap();
    assert_eq!(index.entries.keys().collect::<Vec<_>>(), ["c77"]);
    assert_eq!(index.get("c77", "").unwrap().metadata.version, "1.19.0");
    let error = Index::read(&text, Selection::All, small).unwrap_err();
    assert!(matches!(&error, super::RepositoryError::ReadIndex(_)), "{error}");
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = Index::read(text, Selection::All, INDEX_LIMITS).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_is_no_index_is_refused() {
    refused("", "expected fields");
    refused("entries: {}", "apiVersion: no API version specified");
    refused("apiVersion: v1\nentries: []", "entries: expected charts by name");
    refused("apiVersion: v1\nentries: {a: 1}", "entries.a: expected a list of versions, found 1");
    refused("<html>: [", "failed to read the index");
    let json = json!({"apiVersion": "v1", "entries": {"a": [{"name": "a", "version": "1.0.0"}]}}).to_string();
    assert_eq!(Index::read(&json, Selection::All, INDEX_LIMITS).unwrap().entries.len(), 1);
}

#[track_caller]
fn check_url(repository: &str, reference: &str, expected: &str) {
    assert_eq!(resolve_reference(repository, reference).unwrap(), expected);
}

#[test]
fn addresses_in_an_index_are_seen_from_the_repository() {
    check_url("https://h/r", "a.tgz", "https://h/r/a.tgz");
    check_url("https://h/r/", "c/a.tgz", "https://h/r/c/a.tgz");
    check_url("https://h", "a.tgz", "https://h/a.tgz");
    check_url("https://h/r/s", "../a.tgz", "https://h/r/a.tgz");
    check_url("https://h/r", "../../../a.tgz", "https://h/a.tgz");
    check_url("https://h/r", "/a.tgz", "https://h/a.tgz");
    check_url("https://h/r", "//g/a.tgz", "https://g/a.tgz");
    check_url("https://h/r", "http://g/a.tgz", "http://g/a.tgz");
    check_url("https://h/r?token=x", "a.tgz", "https://h/r/a.tgz?token=x");
    resolve_reference("r", "a.tgz").unwrap_err();
    assert!(same_host("https://a/x", "https://u:p@A:443/y") && !same_host("https://a", "http://a"));
    assert!(!same_host("https://a", "https://a:8443") && !same_host("x", "x"));
}

#[test]
fn digests_are_checked() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sha256(b""), empty);
    check_digest(b"", empty).unwrap();
    check_digest(b"", &format!("sha256:{}", empty.to_uppercase())).unwrap();
    let error = check_digest(b"x", empty).unwrap_err().to_string();
    assert!(error.starts_with(&format!("the digest differs: expected {empty}, found 2d71")), "{error}");
}

#[test]
fn references_to_registries_are_read_and_written() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let parse = |text: &str| Reference::parse(text).map(|reference| reference.to_string());
    for text in ["oci://h/web", "oci://h:5000/a/b-c/web:1.2.3", &format!("oci://[::1]:80/web:1@{digest}")] {
        assert_eq!(parse(text).unwrap(), *text);
    }
    assert_eq!(parse("h/web:1.0.0+a").unwrap(), "oci://h/web:1.0.0_a");
    assert_eq!(Reference::parse(&format!("h/web:1@{digest}")).unwrap().wanted(), Some(digest.as_str()));
    for bad in ["web", "/web", "h/", "h/Web", "h/web:", "h/web:.x", "h:x/web", "h/web@sha256:12", "h/a//b"] {
        let error = Reference::parse(bad).unwrap_err().to_string();
        assert!(error.starts_with(&format!("invalid reference {bad:?}: expected ")), "{error}");
    }
}

#[test]
fn tags_are_versions_if_they_are_strict() {
    let tags = ["latest", "1.0.0", "1.10.0", "v2.0.0", "1.2", "1.0.0_build", "2.0.0-rc.1"].map(str::to_owned);
    assert_eq!(versions_of_tags(&tags), ["2.0.0-rc.1", "1.10.0", "1.0.0", "1.0.0+build"]);
    assert_eq!(chart_tag("1.0.0+build"), "1.0.0_build");
    let base = Reference::parse("oci://h/web").unwrap();
    let tag = |wanted: &str| match choose_from_tags(&dependency(wanted), &base, &tags)
        .map(|choice| choice.location)
    {
        Ok(Location::Registry(reference)) => reference.tag.unwrap(),
        other => format!("{other:?}"),
    };
    assert_eq!(
        (tag("^1"), tag("1.0.0+build"), tag("7.7.7")),
        ("1.10.0".into(), "1.0.0_build".into(), "7.7.7".into())
    );
    assert!(tag("^9").contains("NoVersion"));
}

#[test]
fn the_manifest_of_a_chart_names_its_config_and_archive() {
    let blob = |media_type: &str| json!({"mediaType": media_type, "digest": format!("sha256:{}", "0".repeat(64)), "size": 7});
    let config = blob("application/vnd.cncf.helm.config.v1+json");
    let chart = blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip");
    let signature = blob("application/vnd.cncf.helm.chart.provenance.v1.prov");
    let read = |manifest: serde_json::Value| ChartManifest::read(manifest.to_string().as_bytes());
    let manifest = read(json!({"config": config, "layers": [signature, chart]})).unwrap();
    assert_eq!(manifest.chart.size, 7);
    assert!(manifest.provenance.is_some());
    assert!(
        read(json!({"config": config, "layers": [blob("application/tar+gzip")]}))
            .unwrap()
            .provenance
            .is_none()
    );
    let message = |manifest| read(manifest).unwrap_err().to_string();
    assert!(
        message(json!({"config": config, "layers": []})).contains("does not contain a layer with mediatype")
    );
    assert!(message(json!({"layers": [chart]})).contains("could not load config with mediatype"));
    assert!(message(json!({"manifests": []})).contains("found an index of several"));
    let broken = json!({"config": config, "layers": [{"mediaType": "x", "digest": "md5:1", "size": 1}]});
    assert_eq!(
        message(broken),
        "the manifest: layers[0].digest: expected sha256: and 64 hexadecimal digits, found \"md5:1\""
    );
    assert!(ChartManifest::read(b"no").unwrap_err().to_string().contains("no JSON"));
}

const NEEDY: &str = "\
apiVersion: v2
name: outer
version: 1.0.0
dependencies:
- name: inner
  version: '>=1.0.0 <2.0.0'
  repository: file://../inner
  condition: inner.on
  tags: [a, b]
  import-values: [data, {child: t, parent: into}]
  alias: other
- {name: inner, version: ^1, repository: file://../inner}
";

/// The digest is what Helm 4.3 wrote for this chart.
const LOCK: &str = "\
dependencies:
- {name: inner, repository: 'file://../inner', version: 1.2.3}
- {name: inner, repository: 'file://../inner', version: 1.2.3}
digest: sha256:d1bc9e7f14c3cdd47e1d0051c11161069a8b6018fc5b6bb8517aae69edc55055
generated: '2026-11-22T22:44:55.306423692Z'
";

#[test]
fn a_lock_counts_while_it_is_in_sync() {
    let with_lock = |description: &str| chart(&[("Chart.yaml", description), ("Chart.lock", LOCK)]);
    let outer = with_lock(NEEDY);
    assert!(is_in_sync(&outer, outer.lock.as_ref().unwrap()));
    let versions =
        |wants: Vec<Want>| wants.into_iter().map(|want| want.dependency.version).collect::<Vec<_>>();
    assert_eq!(versions(wants(&outer, true).unwrap()), ["1.2.3", "1.2.3"]);
    assert_eq!(versions(wants(&outer, false).unwrap()), [">=1.0.0 <2.0.0", "^1"]);
    let changed = with_lock(&NEEDY.replace("^1", "^2"));
    let error = wants(&changed, true).unwrap_err().to_string();
    assert!(error.contains("(Chart.lock) of \"outer\" is out of sync"), "{error}");
    let choice = Choice { version: "1.2.3".to_owned(), location: Location::Here };
    let lock = locked(&outer, &[choice.clone(), choice], "2026-11-22T22:44:55.306423692Z".to_owned());
    assert_eq!(Some(lock), outer.lock);
}

fn needing(repository: &str) -> Chart {
    let text = format!(
        "apiVersion: v2\nname: o\nversion: 1.0.0\ndependencies: [{{name: web, version: 1.x, repository: '{repository}'}}]\n"
    );
    chart(&[("Chart.yaml", &text)])
}

#[track_caller]
fn check_source(repository: &str, expected: &Source) {
    assert_eq!(&wants(&needing(repository), true).unwrap()[0].source, expected);
}

#[test]
fn what_a_chart_needs_is_looked_for_where_it_says() {
    check_source("", &Source::Inside);
    check_source("file://../web", &Source::Folder("../web".to_owned()));
    check_source("https://h/r", &Source::Index("https://h/r".to_owned()));
    check_source("@stable", &Source::Named("stable".to_owned()));
    check_source("alias:stable", &Source::Named("stable".to_owned()));
    check_source("oci://h/charts/", &Source::Registry(Reference::parse("h/charts/web").unwrap()));
    wants(&needing("oci://"), true).unwrap_err();
}

#[test]
fn what_was_fetched_must_be_what_was_asked_for() {
    let outer = needing("https://h/r");
    let web =
        |version: &str| chart(&[("Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: {version}\n"))]);
    let want = wants(&outer, true).unwrap().remove(0);
    let choice = choose_from_index(&want.dependency, &index(), "https://h/r");
    // 1.10.0 is the newest that fits, and is nowhere.
    assert!(choice.unwrap_err().to_string().contains("has no downloadable URLs"));
    let choice = choose_from_index(&dependency("~1.2"), &index(), "https://h/r").unwrap();
    let location =
        Location::Url { url: "https://h/r/charts/web-1.2.0.tgz".to_owned(), digest: "abc".to_owned() };
    assert_eq!(choice, Choice { version: "1.2.0".to_owned(), location });
    let whole = assemble(&outer, vec![(want.clone(), web("1.2.0"))]).unwrap();
    let whole = assemble(&whole, vec![(want.clone(), web("1.2.0"))]).unwrap();
    assert_eq!(whole.dependencies.len(), 1);
    let error = assemble(&outer, vec![(want.clone(), web("2.0.0"))]).unwrap_err().to_string();
    assert_eq!(
        error,
        "dependency \"web\" of chart \"o\": expected version \"1.x\", found chart \"web 2.0.0\""
    );
    assert!(choose_from_chart("o", &want.dependency, &web("1.0.0")).is_ok());
}
