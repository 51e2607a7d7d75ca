use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::{ArchiveLimits, Chart, Error};

const DESCRIPTION: &[u8] = b"apiVersion: v2\nname: c\nversion: 1.0.0\n";

/// An archive whose paths are written as they are given, however wrong.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, data) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *data).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[track_caller]
fn refused(entries: &[(&str, &[u8])], expected: &str) {
    let error = Chart::from_archive(&archive(entries), ArchiveLimits::CHARTS).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_chart_is_read_from_an_archive_with_charts_inside() {
    let inner = archive(&[("i/Chart.yaml", b"name: i\nversion: 1.0.0\n")]);
    let bytes = archive(&[
        ("c/Chart.yaml", DESCRIPTION),
        ("c/values.yaml", b"\xef\xbb\xbfa: 1\n"),
        ("c/./templates//a.yaml", b"b"),
        ("c/charts/i-1.0.0.tgz", &inner),
        ("c/charts/_x/Chart.yaml", b"broken"),
    ]);
    let chart = Chart::from_archive(&bytes, ArchiveLimits::CHARTS).unwrap();
    assert_eq!(chart.templates[0].name, "templates/a.yaml");
    assert_eq!(chart.values["a"], 1);
    assert_eq!(chart.dependencies.iter().map(Chart::name).collect::<Vec<_>>(), ["i"]);
}

#[test]
fn paths_that_lead_out_are_refused() {
    refused(&[("c/../../etc/passwd", b"")], "it leads out of the chart's folder");
    refused(&[("c//etc/passwd", b"")], "absolute paths are not allowed");
    refused(&[("passwd", b"")], "outside of the chart's folder");
    refused(&[("Chart.yaml", DESCRIPTION)], "Chart.yaml must lie in the chart's folder");
    refused(&[("c/c:/x", b"")], "names of drives");
    refused(&[("c\\..\\..\\x", b"")], "it leads out of the chart's folder");
}

#[test]
fn a_bomb_is_stopped() {
    let zeros = vec![0; 1 << 20];
    let bytes = archive(&[("c/Chart.yaml", DESCRIPTION), ("c/a", &zeros), ("c/b", &zeros)]);
    let limits = ArchiveLimits { bytes_max: 1 << 20, files_max: 10 };
    assert!(matches!(Chart::from_archive(&bytes, limits), Err(Error::TooLarge(_) | Error::ReadArchive(_))));
    let many: Vec<(&str, &[u8])> = (0..20).map(|_| ("c/x", b"".as_slice())).collect();
    assert!(matches!(Chart::from_archive(&archive(&many), limits), Err(Error::TooMany { .. })));
}

#[test]
fn what_is_no_archive_is_refused() {
    let mut broken = archive(&[("c/Chart.yaml", DESCRIPTION)]);
    broken.truncate(broken.len() / 2);
    let mut plain = GzEncoder::new(Vec::new(), Compression::fast());
    plain.write_all(b"not a tar").unwrap();
    for bytes in [b"".to_vec(), b"apiVersion: v2".to_vec(), broken, plain.finish().unwrap(), archive(&[])] {
        assert!(Chart::from_archive(&bytes, ArchiveLimits::CHARTS).is_err());
    }
}

#[test]
fn charts_inside_of_charts_are_bounded() {
    let mut bytes = archive(&[("c/Chart.yaml", DESCRIPTION)]);
    for _ in 0..25 {
        bytes = archive(&[("c/Chart.yaml", DESCRIPTION), ("c/charts/c.tgz", &bytes)]);
    }
    assert!(matches!(Chart::from_archive(&bytes, ArchiveLimits::CHARTS), Err(Error::TooMany { .. })));
}

#[test]
fn a_packaged_chart_is_the_same_chart() {
    let inner =
        archive(&[("i/Chart.yaml", b"name: i\nversion: 1.0.0\n"), ("i/values.yaml", b"x: 1 # why\n")]);
    let bytes = archive(&[
        (
            "c/Chart.yaml",
            b"apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: i, version: 1.x}]\n",
        ),
        ("c/Chart.lock", b"digest: sha256:0\ngenerated: ''\ndependencies: [{name: i, version: 1.0.0}]\n"),
        ("c/values.yaml", b"a: 1 # the first\n"),
        ("c/values.schema.json", b"{}"),
        ("c/templates/a.yaml", b"a"),
        ("c/crds/b.yaml", b"b"),
        ("c/charts/i-1.0.0.tgz", &inner),
    ]);
    let chart = Chart::from_archive(&bytes, ArchiveLimits::CHARTS).unwrap();
    let packaged = chart.to_archive().unwrap();
    assert_eq!(packaged, chart.to_archive().unwrap());
    let again = Chart::from_archive(&packaged, ArchiveLimits::CHARTS).unwrap();
    assert_eq!((&again.metadata, &again.lock, &again.schema), (&chart.metadata, &chart.lock, &chart.schema));
    assert_eq!((&again.templates, &again.files), (&chart.templates, &chart.files));
    assert_eq!(again.values_text.as_deref(), Some(b"a: 1 # the first\n".as_slice()));
    assert_eq!(again.dependencies[0].values_text.as_deref(), Some(b"x: 1 # why\n".as_slice()));
}

#[test]
fn a_chart_may_be_given_other_values() {
    let bytes = archive(&[("c/Chart.yaml", DESCRIPTION), ("c/values.yaml", b"a: 1 # the first\nb: 2\n")]);
    let chart = Chart::from_archive(&bytes, ArchiveLimits::CHARTS).unwrap();
    let values = serde_json::json!({"b": {"c": [1]}}).as_object().unwrap().clone();
    let packaged = chart.with_values(values).to_archive().unwrap();
    let again = Chart::from_archive(&packaged, ArchiveLimits::CHARTS).unwrap();
    assert_eq!(again.values_text.as_deref(), Some(b"b:\n  c:\n  - 1\n".as_slice()));
    assert_eq!(again.values.len(), 1);
}

#[test]
fn charts_of_the_first_generation_keep_their_needs_in_a_file_of_their_own() {
    let bytes = archive(&[
        ("c/Chart.yaml", b"apiVersion: v1\nname: c\nversion: 1.0.0\n"),
        ("c/requirements.yaml", b"dependencies: [{name: i, version: 1.x, repository: 'https://h'}]\n"),
    ]);
    let chart = Chart::from_archive(&bytes, ArchiveLimits::CHARTS).unwrap();
    let again = Chart::from_archive(&chart.to_archive().unwrap(), ArchiveLimits::CHARTS).unwrap();
    assert_eq!(again.metadata.dependencies, chart.metadata.dependencies);
    assert_eq!(again.files, chart.files);
}
