use std::io::Write as _;
use std::time::Duration;

use futures::StreamExt as _;

use super::*;
use crate::pods::runtime::examples::{container, pod};

const LOG: &str = "\
2026-01-01T00:00:01Z stdout F one
2026-01-01T00:00:02Z stderr F two
2026-01-01T00:00:03Z stdout P thr
2026-01-01T00:00:03Z stdout F ee
garbage
2026-01-01T00:00:04Z stdout F four
";

fn snapshot(state: RunState) -> watch::Sender<Arc<Snapshot>> {
    let pod = Arc::new(pod(&[], &[container("web", 0, state)]));
    watch::Sender::new(Arc::new(Snapshot::from([("u".to_owned(), pod)])))
}

fn source(file: &Path, snapshot: &watch::Sender<Arc<Snapshot>>) -> LogSource {
    LogSource {
        file: file.to_owned(),
        pod_uid: "u".to_owned(),
        container_id: "web-0".to_owned(),
        is_known: false,
        snapshot: snapshot.subscribe(),
    }
}

fn log(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

async fn read(options: LogOptions) -> String {
    let file = log(LOG);
    let snapshot = snapshot(RunState::Ended);
    let pieces: Vec<_> = stream(source(file.path(), &snapshot), options).map(Result::unwrap).collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

#[tokio::test]
async fn the_log_is_what_the_container_wrote() {
    assert_eq!(read(LogOptions::default()).await, "one\ntwo\nthree\nfour\n");
}

#[tokio::test]
async fn options_choose_lines_and_form() {
    let tail = |lines| LogOptions { tail_lines: Some(lines), ..LogOptions::default() };
    assert_eq!(read(tail(1)).await, "four\n");
    assert_eq!(read(tail(0)).await, "");
    assert_eq!(read(tail(100)).await, "one\ntwo\nthree\nfour\n");
    let since = Some("2026-01-01T00:00:03Z".parse().unwrap());
    assert_eq!(read(LogOptions { since, ..LogOptions::default() }).await, "three\nfour\n");
    let stream = |stream| LogOptions { stream: Some(stream), ..LogOptions::default() };
    assert_eq!(read(stream(Stream::Output)).await, "one\nthree\nfour\n");
    assert_eq!(read(stream(Stream::Error)).await, "two\n");
    assert_eq!(read(LogOptions { limit_bytes: Some(5), ..LogOptions::default() }).await, "one\nt");
    let timestamps = LogOptions { timestamps: true, ..tail(1) };
    assert_eq!(read(timestamps).await, "2026-01-01T00:00:04Z four\n");
}

#[tokio::test]
async fn a_long_line_has_one_time() {
    let timestamps = LogOptions { timestamps: true, stream: Some(Stream::Output), ..LogOptions::default() };
    let expected = "2026-01-01T00:00:01Z one\n2026-01-01T00:00:03Z three\n2026-01-01T00:00:04Z four\n";
    assert_eq!(read(timestamps).await, expected);
}

#[tokio::test]
async fn a_followed_log_goes_on_until_the_container_ends() {
    let mut file = log("2026-01-01T00:00:01Z stdout F one\n");
    let snapshot_sender = snapshot(RunState::Running);
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut pieces = Box::pin(stream(source(file.path(), &snapshot_sender), options));
    assert_eq!(pieces.next().await.unwrap().unwrap(), "one\n");
    // A line is passed on when it is whole.
    file.write_all(b"2026-01-01T00:00:02Z stdo").unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), pieces.next()).await.is_err());
    file.write_all(b"ut F two\n").unwrap();
    assert_eq!(pieces.next().await.unwrap().unwrap(), "two\n");
    file.write_all(b"2026-01-01T00:00:03Z stdout F last\n").unwrap();
    snapshot_sender.send_replace(snapshot(RunState::Ended).borrow().clone());
    assert_eq!(pieces.next().await.unwrap().unwrap(), "last\n");
    assert!(pieces.next().await.is_none());
}

#[tokio::test]
async fn a_followed_log_goes_on_in_the_file_that_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0.log");
    let write = |file: &mut File, text: &str| {
        file.write_all(format!("2026-01-01T00:00:01Z stdout F {text}\n").as_bytes()).unwrap();
    };
    let mut first = File::create(&path).unwrap();
    write(&mut first, "one");
    let snapshot_sender = snapshot(RunState::Running);
    let options = LogOptions { follow: true, tail_lines: Some(1), ..LogOptions::default() };
    let mut pieces = Box::pin(stream(source(&path, &snapshot_sender), options));
    assert_eq!(pieces.next().await.unwrap().unwrap(), "one\n");
    std::fs::rename(&path, folder.path().join("0.log.1")).unwrap();
    write(&mut first, "two");
    assert_eq!(pieces.next().await.unwrap().unwrap(), "two\n");
    let mut second = File::create(&path).unwrap();
    // The new file is there, and the old one is written for another moment.
    write(&mut first, "three");
    drop(first);
    write(&mut second, "four");
    assert_eq!(pieces.next().await.unwrap().unwrap(), "three\n");
    assert_eq!(pieces.next().await.unwrap().unwrap(), "four\n");
    snapshot_sender.send_replace(snapshot(RunState::Ended).borrow().clone());
    assert!(pieces.next().await.is_none());
}

#[tokio::test]
async fn a_new_container_is_followed_before_it_is_in_the_snapshot() {
    let mut file = log("");
    let snapshot = watch::Sender::new(Arc::new(Snapshot::new()));
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut pieces = Box::pin(stream(source(file.path(), &snapshot), options));
    file.write_all(b"2026-01-01T00:00:01Z stdout F one\n").unwrap();
    assert_eq!(pieces.next().await.unwrap().unwrap(), "one\n");
    file.close().unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(10), pieces.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_reading() {
    let file = log(LOG);
    let snapshot = snapshot(RunState::Running);
    let options = LogOptions { follow: true, ..LogOptions::default() };
    drop(stream(source(file.path(), &snapshot), options));
    tokio::time::timeout(Duration::from_secs(10), snapshot.closed()).await.unwrap();
}

#[test]
fn the_tail_of_a_long_log_is_found_from_its_end() {
    let line = format!("2026-01-01T00:00:01Z stdout F {}\n", "x".repeat(1000));
    let file = log(&line.repeat(1000));
    let start = start_of_tail(&mut file.reopen().unwrap(), 3, u64::MAX).unwrap();
    assert_eq!(start, 997 * line.len() as u64);
}

#[test]
fn a_termination_message_is_the_end_of_the_log() {
    let file = log(LOG);
    assert_eq!(tail_of(file.path(), 2, 2048), b"four\n");
    assert_eq!(tail_of(file.path(), 80, 4), b"our\n");
    assert_eq!(tail_of(Path::new("/nowhere"), 80, 4), b"");
}
