//! One line of a log.

use k8s_openapi::jiff::Timestamp;

/// Where the container wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// A line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) time: &'a str,
    pub(super) stream: Stream,
    pub(super) is_whole: bool,
    pub(super) text: &'a [u8],
}

/// Reads a line; `None` if it is not in the format, for example cut off by a crash.
pub(super) fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (time, rest) = split(line)?;
    let (stream, rest) = split(rest)?;
    // A line without text may end right after its tag.
    let (tags, text) = split(rest).unwrap_or((rest, &[]));
    let stream = match stream {
        b"stdout" => Stream::Output,
        b"stderr" => Stream::Error,
        _ => return None,
    };
    let tag = tags.split(|byte| *byte == b':').next();
    let is_whole = match tag {
        Some(b"F") => true,
        Some(b"P") => false,
        _ => return None,
    };
    Some(Line { time: std::str::from_utf8(time).ok()?, stream, is_whole, text })
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    Some((bytes.get(..space)?, bytes.get(space + 1..)?))
}

impl Line<'_> {
    pub(super) fn is_before(&self, since: Timestamp) -> bool {
        self.time.parse::<Timestamp>().is_ok_and(|time| time < since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(bool, &str)>) {
        let found = parse(line.as_bytes());
        let found = found.as_ref().map(|line| (line.is_whole, std::str::from_utf8(line.text).unwrap()));
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn lines_are_read_whole_and_in_parts() {
        check("2026-01-02T03:04:05Z stdout F hello world", Some((true, "hello world")));
        check("2026-01-02T03:04:05Z stderr P half", Some((false, "half")));
        check("2026-01-02T03:04:05Z stdout F:x tagged", Some((true, "tagged")));
        check("2026-01-02T03:04:05Z stdout F ", Some((true, "")));
        check("2026-01-02T03:04:05Z stdout F", Some((true, "")));
        check("2026-01-02T03:04:05Z stdout F  two spaces ", Some((true, " two spaces ")));
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in [
            "",
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05Z stdout",
            "2026-01-02T03:04:05Z stdin F x",
            "a b X c",
        ] {
            check(line, None);
        }
    }

    #[test]
    fn the_time_is_compared() {
        let line = parse(b"2026-01-02T03:04:05.5Z stdout F x").unwrap();
        assert!(line.is_before("2026-01-02T03:04:06Z".parse().unwrap()));
        assert!(!line.is_before("2026-01-02T03:04:05Z".parse().unwrap()));
    }
}
