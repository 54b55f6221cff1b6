//! The crate's error: what can go wrong while templates are read and rendered and while a server listens.
//!
//! A failed *request* is a [`Problem`](crate::Problem) instead; an [`Error`] becomes one by `?` (status 500, the text
//! kept for the log and never sent).

use std::fmt;

/// A result with this crate's [`Error`], unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

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
    /// A value that is refused, and of which field.
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The database of accounts or sessions failed.
    Store(String),
    /// The system refused something.
    System(String),
    /// No route of this name, or not with these parameters.
    UnknownRoute(String),
}

impl Error {
    /// The kind of error.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    pub(crate) fn listen(source: std::io::Error) -> Self {
        Self { kind: ErrorKind::Listen(source.to_string()), source: Some(Box::new(source)) }
    }

    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Invalid { field, reason: reason.into() }, source: None }
    }

    pub(crate) fn system(what: &str, reason: impl fmt::Display) -> Self {
        Self { kind: ErrorKind::System(format!("{what}: {reason}")), source: None }
    }

    pub(crate) fn unknown_route(what: String) -> Self {
        Self { kind: ErrorKind::UnknownRoute(what), source: None }
    }

    pub(crate) fn with_source(kind: ErrorKind, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { kind, source: Some(Box::new(source)) }
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
            ErrorKind::Invalid { field, reason } => write!(f, "{field}: {reason}"),
            ErrorKind::Store(reason) | ErrorKind::System(reason) => f.write_str(reason),
            ErrorKind::UnknownRoute(what) => write!(f, "no route {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
