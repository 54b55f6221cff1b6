//! What can go wrong in a data application.

use std::fmt;
use std::path::{Path, PathBuf};

use taipan_query::ErrorKind as QueryErrorKind;

/// The result of a call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure, with one line for the user and, where there is one, a hint.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    hint: Option<String>,
}

/// The kinds of failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The app file is wrong at this place; line and column count from 1.
    Config {
        /// The app file.
        path: PathBuf,
        /// Line, where known.
        line: usize,
        /// Column, where known.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// No table of this name.
    UnknownTable(String),
    /// No column of this name in the data that was named.
    UnknownColumn {
        /// The name that was asked for.
        column: String,
        /// The file, table or query that lacks it.
        of: String,
    },
    /// No model of this name.
    UnknownModel(String),
    /// No plot of this name.
    UnknownPlot(String),
    /// The input or its combination is not usable; the text says what and where.
    InvalidInput(String),
    /// There are no rows yet to learn from, or to draw.
    NoRows(String),
    /// A class could not be made or used.
    Class(taipan_class::Error),
    /// A file could not be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Reading data failed.
    Read(taipan_io::Error),
    /// The database failed.
    Store(taipan_store::Error),
    /// A query failed.
    Query(taipan_query::Error),
    /// Learning or predicting failed.
    Learn(taipan_learn::Error),
    /// Drawing failed.
    Plot(taipan_plot::Error),
    /// Running work failed: a task, a pool, a queue, the log.
    Run(taipan_runtime::Error),
    /// The system refused.
    System(std::io::Error),
}

impl Error {
    /// The kind of the failure.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// What the user may do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match &self.kind {
            ErrorKind::Query(error) => self.hint.as_deref().or_else(|| error.hint()),
            ErrorKind::Read(error) => self.hint.as_deref().or_else(|| error.hint()),
            _ => self.hint.as_deref(),
        }
    }

    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self { kind, hint: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput(message.into()))
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io { path: path.to_owned(), source })
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn unknown_column<'a>(column: &str, of: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let hint = match nearest(column, known.iter().copied()) {
            Some(name) => format!("did you mean '{name}'?"),
            None => format!("the columns are {}", quoted(&known)),
        };
        Self::new(ErrorKind::UnknownColumn { column: column.to_owned(), of: of.to_owned() }).with_hint(hint)
    }
}

/// The name nearest to `wanted`, when one is near enough to be meant.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wanted.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + wanted.len().min(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The first names in quotes, with commas.
pub(crate) fn quoted(names: &[&str]) -> String {
    let mut text = names.iter().take(12).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        text.push_str(", …");
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Config { path, line, column, message } => {
                write!(f, "{}:{line}:{column}: {message}", path.display())
            }
            ErrorKind::UnknownTable(name) => write!(f, "no table '{name}'"),
            ErrorKind::UnknownColumn { column, of } => write!(f, "no column '{column}' in {of}"),
            ErrorKind::UnknownModel(name) => write!(f, "no model '{name}'"),
            ErrorKind::UnknownPlot(name) => write!(f, "no plot '{name}'"),
            ErrorKind::InvalidInput(message) => f.write_str(message),
            ErrorKind::NoRows(of) => write!(f, "{of} has no rows to learn from"),
            ErrorKind::Io { path, source } => match source.kind() {
                std::io::ErrorKind::NotFound => write!(f, "{}: no such file", path.display()),
                std::io::ErrorKind::PermissionDenied => write!(f, "{}: permission denied", path.display()),
                _ => write!(f, "{}: {source}", path.display()),
            },
            ErrorKind::Class(error) => error.fmt(f),
            ErrorKind::Read(error) => error.fmt(f),
            ErrorKind::Store(error) => error.fmt(f),
            ErrorKind::Query(error) => error.fmt(f),
            ErrorKind::Learn(error) => error.fmt(f),
            ErrorKind::Plot(error) => error.fmt(f),
            ErrorKind::Run(error) => error.fmt(f),
            ErrorKind::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Io { source, .. } => Some(source),
            ErrorKind::Class(error) => Some(error),
            ErrorKind::Read(error) => Some(error),
            ErrorKind::Store(error) => Some(error),
            ErrorKind::Query(error) => Some(error),
            ErrorKind::Learn(error) => Some(error),
            ErrorKind::Plot(error) => Some(error),
            ErrorKind::Run(error) => Some(error),
            ErrorKind::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<taipan_class::Error> for Error {
    fn from(error: taipan_class::Error) -> Self {
        Self::new(ErrorKind::Class(error))
    }
}

impl From<taipan_io::Error> for Error {
    fn from(error: taipan_io::Error) -> Self {
        Self::new(ErrorKind::Read(error))
    }
}

impl From<taipan_store::Error> for Error {
    fn from(error: taipan_store::Error) -> Self {
        Self::new(ErrorKind::Store(error))
    }
}

impl From<taipan_query::Error> for Error {
    fn from(error: taipan_query::Error) -> Self {
        match error.kind() {
            QueryErrorKind::UnknownTable(name) => {
                let hint = error.hint().map(str::to_owned);
                Self { kind: ErrorKind::UnknownTable(name.clone()), hint }
            }
            _ => Self::new(ErrorKind::Query(error)),
        }
    }
}

impl From<taipan_learn::Error> for Error {
    fn from(error: taipan_learn::Error) -> Self {
        Self::new(ErrorKind::Learn(error))
    }
}

impl From<taipan_plot::Error> for Error {
    fn from(error: taipan_plot::Error) -> Self {
        Self::new(ErrorKind::Plot(error))
    }
}

impl From<taipan_runtime::Error> for Error {
    fn from(error: taipan_runtime::Error) -> Self {
        Self::new(ErrorKind::Run(error))
    }
}

/// The first error, for which the others were cancelled.
impl<E: Into<Error>> From<taipan_runtime::task::ErrorGroup<E>> for Error {
    fn from(errors: taipan_runtime::task::ErrorGroup<E>) -> Self {
        errors.into_first().into()
    }
}

/// The item is let go.
impl<T> From<taipan_runtime::queue::PutError<T>> for Error {
    fn from(put: taipan_runtime::queue::PutError<T>) -> Self {
        put.error.into()
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        // A file that is written knows its name.
        match error.downcast::<taipan_io::Error>() {
            Ok(named) => named.into(),
            Err(error) => Self::new(ErrorKind::System(error)),
        }
    }
}
