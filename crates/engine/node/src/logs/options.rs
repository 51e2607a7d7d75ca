//! What of a log is asked for: the query of the kubelet's `/containerLogs`, which is that of the API's `pods/log`.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::line::Stream;

/// Which part of a log, and in which form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogOptions {
    pub(crate) follow: bool,
    /// Of the container before the present one.
    pub(crate) previous: bool,
    /// Each line begins with its time.
    pub(crate) timestamps: bool,
    /// Only so many of the last lines.
    pub(crate) tail_lines: Option<u64>,
    /// Only lines of this time and later.
    pub(crate) since: Option<Timestamp>,
    /// Only so many bytes.
    pub(crate) limit_bytes: Option<u64>,
    /// Only what was written there.
    pub(crate) stream: Option<Stream>,
}

/// A value cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: found {found:?}, expected {expected}")]
pub(crate) struct OptionError {
    name: String,
    found: String,
    expected: &'static str,
}

impl LogOptions {
    /// Reads the query of a request; `now` is the time from which `sinceSeconds` counts. Unknown names are left
    /// alone, as the kubelet does.
    pub(crate) fn parse(query: &str, now: Timestamp) -> Result<Self, OptionError> {
        let mut options = LogOptions::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            let wrong =
                |expected| OptionError { name: name.to_owned(), found: value.clone().into_owned(), expected };
            let flag = || match value.as_ref() {
                "true" | "1" => Ok(true),
                "false" | "0" | "" => Ok(false),
                _ => Err(wrong("true or false")),
            };
            let number = || value.parse::<u64>().map_err(|_| wrong("a number that is not negative"));
            match name {
                "follow" => options.follow = flag()?,
                "previous" => options.previous = flag()?,
                "timestamps" => options.timestamps = flag()?,
                "tailLines" => options.tail_lines = Some(number()?),
                "limitBytes" => options.limit_bytes = Some(number()?),
                "stream" => options.stream = stream(&value).map_err(|()| wrong("All, Stdout or Stderr"))?,
                "sinceSeconds" => options.since = now.checked_sub(Duration::from_secs(number()?)).ok(),
                "sinceTime" => {
                    let time = value.parse().map_err(|_| wrong("a time such as 2026-01-02T03:04:05Z"))?;
                    options.since = Some(time);
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

fn stream(value: &str) -> Result<Option<Stream>, ()> {
    match value {
        "" | "All" => Ok(None),
        "Stdout" => Ok(Some(Stream::Output)),
        "Stderr" => Ok(Some(Stream::Error)),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    #[test]
    fn all_options_are_read() {
        let query = "follow=true&previous=1&timestamps=true&tailLines=5&limitBytes=100&sinceSeconds=5&stream=Stderr&other=x";
        let options = LogOptions::parse(query, now()).unwrap();
        let expected = LogOptions {
            follow: true,
            previous: true,
            timestamps: true,
            tail_lines: Some(5),
            since: Some("2026-01-02T03:04:00Z".parse().unwrap()),
            limit_bytes: Some(100),
            stream: Some(Stream::Error),
        };
        assert_eq!(options, expected);
        assert_eq!(LogOptions::parse("", now()), Ok(LogOptions::default()));
    }

    #[test]
    fn a_time_may_be_escaped() {
        let options = LogOptions::parse("sinceTime=2026-01-01T00%3A00%3A00%2B01%3A00", now()).unwrap();
        assert_eq!(options.since, Some("2025-12-31T23:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_wrong_value_is_named() {
        let refused = |query| LogOptions::parse(query, now()).unwrap_err().to_string();
        assert_eq!(
            refused("tailLines=-1"),
            "tailLines: found \"-1\", expected a number that is not negative"
        );
        assert_eq!(refused("follow=maybe"), "follow: found \"maybe\", expected true or false");
        assert_eq!(
            refused("sinceTime=today"),
            "sinceTime: found \"today\", expected a time such as 2026-01-02T03:04:05Z"
        );
    }
}
