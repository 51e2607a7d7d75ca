//! What is wrong with a template, in Go's words.

use std::fmt;

/// A place in the text of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The name that the text was parsed under.
    pub template: String,
    /// From 1.
    pub line: usize,
    /// In bytes, from 0, as Go counts.
    pub column: usize,
}

/// One template that was being carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where in its text.
    pub location: Location,
    /// The template's own name: that of its `define`, or of the text.
    pub executing: String,
    /// What was being evaluated there.
    pub context: String,
}

/// Why a template could not be parsed or carried out. It prints as Go prints it.
#[derive(Debug)]
pub enum Error {
    /// It could not be parsed.
    Parse {
        /// The name that the text was parsed under.
        template: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// It could not be carried out.
    Execute(Box<Execution>),
    /// There is no template of a name.
    NoTemplate {
        /// The name.
        name: String,
        /// The template or set that was asked.
        asked: String,
    },
    /// Templates call each other without end.
    TooDeep {
        /// The one that is not carried out any more.
        name: String,
        /// How many may be inside of each other.
        depth_max: usize,
    },
}

/// Where and why carrying out stopped.
#[derive(Debug)]
pub struct Execution {
    /// Where it stopped.
    pub frame: Frame,
    /// The `template` actions that led there, the outermost first.
    pub callers: Vec<Frame>,
    /// What is wrong.
    pub message: String,
    /// The words of the template's author, if that is who stopped it. They end `message`.
    pub raised: Option<String>,
    /// The error inside of a function that carried out a template of its own. `message` ends where its text begins.
    pub cause: Option<Box<Error>>,
}

impl Error {
    /// The templates that were being carried out, the outermost first.
    pub fn stack(&self) -> Vec<&Frame> {
        let Error::Execute(execution) = self else { return Vec::new() };
        let mut stack: Vec<&Frame> = execution.callers.iter().collect();
        stack.push(&execution.frame);
        stack.extend(execution.cause.iter().flat_map(|cause| cause.stack()));
        stack
    }

    /// The words of the template's author, if that is who stopped it.
    pub fn raised(&self) -> Option<&str> {
        match self.root() {
            Error::Execute(execution) => execution.raised.as_deref(),
            _ => None,
        }
    }

    /// The innermost error.
    pub fn root(&self) -> &Error {
        match self {
            Error::Execute(execution) => execution.cause.as_ref().map_or(self, |cause| cause.root()),
            _ => self,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.template, self.line, self.column)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Parse { template, line, message } => {
                write!(formatter, "template: {template}:{line}: {message}")
            }
            Error::Execute(execution) => {
                let Execution { frame, message, cause, .. } = execution.as_ref();
                let Frame { location, executing, context } = frame;
                write!(formatter, "template: {location}: executing {executing:?} at <{context}>: {message}")?;
                cause.iter().try_for_each(|cause| write!(formatter, "{cause}"))
            }
            Error::NoTemplate { name, asked } => {
                write!(formatter, "template: no template {name:?} associated with template {asked:?}")
            }
            Error::TooDeep { name, depth_max } => {
                write!(formatter, "template: {name}: exceeded maximum template depth ({depth_max})")
            }
        }
    }
}
