//! The crate's error: what can go wrong while templates are read and rendered and while a server listens.
//!
//! A failed *request* is a [`Problem`](crate::Problem) instead; an [`Error`] becomes one by `?` (status 500, the text
//! kept for the log and never sent).

use std::fmt;

/// A result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, and where: the kind, the template and line when there is one, and the source.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A template that does not parse or cannot be rendered.
    Template {
        /// The template's name.
        name: String,
        /// The line in it, from 1, where known.
        line: Option<usize>,
        /// What is wrong there.
        reason: String,
    },
    /// No template of this name.
    UnknownTemplate(String),
    /// The listener failed for good.
    Listen(String),
}

impl Error {
    /// The kind of error.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    pub(crate) fn listen(source: std::io::Error) -> Self {
        Self { kind: ErrorKind::Listen(source.to_string()), source: Some(Box::new(source)) }
    }

    pub(crate) fn template(name: &str, source: minijinja::Error) -> Self {
        let kind = if source.kind() == minijinja::ErrorKind::TemplateNotFound {
            ErrorKind::UnknownTemplate(name.to_owned())
        } else {
            ErrorKind::Template {
                // The innermost template: a page that extends another may fail in its parent.
                name: source.name().unwrap_or(name).to_owned(),
                line: source.line(),
                reason: match source.detail() {
                    Some(detail) => format!("{}: {detail}", source.kind()),
                    None => source.kind().to_string(),
                },
            }
        };
        Self { kind, source: Some(Box::new(source)) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Template { name, line: Some(line), reason } => write!(f, "{name}:{line}: {reason}"),
            ErrorKind::Template { name, line: None, reason } => write!(f, "{name}: {reason}"),
            ErrorKind::UnknownTemplate(name) => write!(f, "no template “{name}”"),
            ErrorKind::Listen(reason) => write!(f, "cannot listen: {reason}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
