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
