//! What a connection is asked for: the query of the kubelet's `/exec`, `/attach` and `/portForward`.

use percent_encoding::percent_decode_str;

const COMMAND_BYTES_MAX: usize = 1 << 20;

/// Which streams, for which command or ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) command: Vec<String>,
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    pub(super) tty: bool,
    pub(super) ports: Vec<i32>,
}

/// The query makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionError {
    #[error("you must specify at least 1 of stdin, stdout, stderr")]
    NoStream,
    #[error("port: found {found:?}, expected a number from 1 to 65535")]
    Port { found: String },
    #[error("command: it is longer than {COMMAND_BYTES_MAX} bytes")]
    CommandTooLong,
}

impl Options {
    pub(super) fn parse(query: &str) -> Result<Self, OptionError> {
        if query.len() > COMMAND_BYTES_MAX {
            return Err(OptionError::CommandTooLong);
        }
        let mut options = Options::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned();
            let is_set = matches!(value.as_str(), "1" | "true");
            match name {
                "command" => options.command.push(value),
                "input" => options.stdin = is_set,
                "output" => options.stdout = is_set,
                "error" => options.stderr = is_set,
                "tty" => options.tty = is_set,
                "port" => options.ports.push(port(value)?),
                _ => {}
            }
        }
        Ok(options)
    }

    pub(super) fn check_streams(&self) -> Result<(), OptionError> {
        let any = self.stdin || self.stdout || self.stderr;
        if any { Ok(()) } else { Err(OptionError::NoStream) }
    }
}

fn port(text: String) -> Result<i32, OptionError> {
    match text.parse::<u16>() {
        Ok(port) if port != 0 => Ok(i32::from(port)),
        _ => Err(OptionError::Port { found: text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_word_by_word() {
        let options = Options::parse("command=sh&command=-c&command=echo%20a%2Bb+c&output=1&tty=1").unwrap();
        assert_eq!(options.command, ["sh", "-c", "echo a+b c"]);
        assert!(options.stdout && options.tty && !options.stdin && !options.stderr);
        assert_eq!(options.check_streams(), Ok(()));
    }

    #[test]
    fn at_least_one_stream_is_asked_for() {
        assert_eq!(Options::parse("command=ls").unwrap().check_streams(), Err(OptionError::NoStream));
    }

    #[test]
    fn ports_are_numbers() {
        assert_eq!(Options::parse("port=80&port=443").unwrap().ports, [80, 443]);
        for wrong in ["port=0", "port=http", "port=70000"] {
            assert!(Options::parse(wrong).is_err(), "{wrong}");
        }
    }
}
