//! What can go wrong with a query, said in the words of the person who wrote it.

use std::fmt;
use std::sync::Arc;

use taipan_io::Format;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;

/// The result of planning or running a query.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a query could not be planned or run.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    hint: Option<String>,
}

/// The kinds of failure of a query.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not SQL; line and column count from 1 where known.
    Syntax {
        /// What the parser expected and found.
        message: String,
        /// Line of the statement.
        line: Option<u64>,
        /// Column in that line.
        column: Option<u64>,
    },
    /// The text holds no statement, several, or one that is no query.
    NotAQuery(String),
    /// No table, view or file of this name.
    UnknownTable(String),
    /// No column of this name in the tables of the query.
    UnknownColumn(String),
    /// The names are known, but do not fit together (types, functions, grouping).
    Invalid(String),
    /// A file or URL that statements here may not read.
    OutOfReach(String),
    /// Reading a file failed.
    Input(Arc<taipan_io::Error>),
    /// Reading a database table failed.
    Store(Arc<taipan_store::Error>),
    /// The memory limit was reached and the operation cannot spill to disk.
    Memory(String),
    /// A value could not be computed (overflow, division by zero, a failed cast).
    Execution(String),
    /// The engine could not be started.
    Start(String),
    /// The rows were ended before all were there ([`Rows::until`](crate::Rows::until)).
    Stopped,
}

impl Error {
    /// The kind of the failure.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// What the user may do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self { kind, hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether more of a file than its first megabytes might avoid it: values of other types, and in records that may have
    /// any members, names.
    pub(crate) fn is_of_sample(&self, format: Format) -> bool {
        match self.kind {
            ErrorKind::Execution(_) | ErrorKind::Invalid(_) => true,
            ErrorKind::UnknownColumn(_) => matches!(format, Format::Json | Format::Xml),
            _ => false,
        }
    }

    pub(crate) fn not_a_query() -> Self {
        Self::new(ErrorKind::NotAQuery("only queries are run: SELECT, WITH, VALUES, EXPLAIN".into()))
            .with_hint("files become tables with 'taipan import'")
    }

    pub(crate) fn from_datafusion(error: DataFusionError) -> Self {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::from_datafusion(*inner),
            DataFusionError::Collection(mut errors) if !errors.is_empty() => {
                Self::from_datafusion(errors.swap_remove(0))
            }
            DataFusionError::Shared(shared) => Self::from_shared(&shared),
            DataFusionError::External(inner) => Self::from_external(inner),
            DataFusionError::ArrowError(inner, _) => match *inner {
                arrow::error::ArrowError::ExternalError(inner) => Self::from_external(inner),
                arrow::error::ArrowError::DivideByZero => Self::division_by_zero(),
                other => Self::new(ErrorKind::Execution(plain(&other.to_string()))),
            },
            DataFusionError::SQL(error, _) => Self::syntax(&error.to_string()),
            DataFusionError::SchemaError(error, _) => Self::schema(&error),
            DataFusionError::ResourcesExhausted(text) => Self::new(ErrorKind::Memory(short_of_memory(&text)))
                .with_hint("give it more with --memory-limit, or ask for fewer rows or groups at once"),
            DataFusionError::Execution(text) => Self::new(ErrorKind::Execution(plain(&text))),
            DataFusionError::IoError(error) => Self::from(taipan_io::Error::from(error)),
            other => Self::plan(&other.strip_backtrace()),
        }
    }

    /// The same error when it is shared between tasks and cannot be taken apart.
    fn from_shared(error: &DataFusionError) -> Self {
        match error {
            DataFusionError::SchemaError(error, _) => Self::schema(error),
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::from_shared(inner),
            DataFusionError::Shared(inner) => Self::from_shared(inner),
            DataFusionError::ResourcesExhausted(text) => {
                Self::from_datafusion(DataFusionError::ResourcesExhausted(text.clone()))
            }
            DataFusionError::External(inner) => {
                Self::from_inner(inner.as_ref()).unwrap_or_else(|| Self::new(ErrorKind::Execution(inner.to_string())))
            }
            DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
                arrow::error::ArrowError::ExternalError(inner) => Self::from_inner(inner.as_ref())
                    .unwrap_or_else(|| Self::new(ErrorKind::Execution(inner.to_string()))),
                arrow::error::ArrowError::DivideByZero => Self::division_by_zero(),
                other => Self::new(ErrorKind::Execution(plain(&other.to_string()))),
            },
            other => Self::plan(&other.strip_backtrace()),
        }
    }

    fn from_external(inner: Box<dyn std::error::Error + Send + Sync>) -> Self {
        if let Some(error) = Self::from_inner(inner.as_ref()) {
            return error;
        }
        let inner = match inner.downcast::<DataFusionError>() {
            Ok(error) => return Self::from_datafusion(*error),
            Err(inner) => inner,
        };
        match inner.downcast::<Error>() {
            Ok(error) => *error,
            Err(inner) => Self::new(ErrorKind::Execution(plain(&inner.to_string()))),
        }
    }

    /// What a scan wrapped; shared, because the engine may tell one error to several tasks.
    fn from_inner(inner: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(error) = inner.downcast_ref::<Arc<taipan_io::Error>>() {
            return Some(Self::new(ErrorKind::Input(Arc::clone(error))));
        }
        let error = inner.downcast_ref::<Arc<taipan_store::Error>>()?;
        Some(Self::new(ErrorKind::Store(Arc::clone(error))))
    }

    fn division_by_zero() -> Self {
        Self::new(ErrorKind::Execution("division by zero".into()))
    }

    fn schema(error: &SchemaError) -> Self {
        match error {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
                Self::unknown_column(&field.name, &names)
            }
            other => Self::new(ErrorKind::Invalid(other.to_string())),
        }
    }

    /// A column that is none of `names`.
    pub(crate) fn unknown_column(wanted: &str, names: &[&str]) -> Self {
        let error = Self::new(ErrorKind::UnknownColumn(wanted.to_owned()));
        match crate::names::nearest(wanted, names) {
            Some(name) => error.with_hint(format!("did you mean '{name}'?")),
            None if names.is_empty() => error,
            None => error.with_hint(format!("the columns are {}", listed(names))),
        }
    }

    fn syntax(text: &str) -> Self {
        let text = text.trim_start_matches("sql parser error: ");
        let (message, place) = match text.split_once(" at Line: ") {
            Some((message, place)) => (message, Some(place)),
            None => (text, None),
        };
        let numbers = place.and_then(|place| {
            let (line, column) = place.split_once(", Column: ")?;
            Some((line.trim().parse().ok()?, column.trim().parse().ok()?))
        });
        Self::new(ErrorKind::Syntax {
            message: message.to_owned(),
            line: numbers.map(|(line, _)| line),
            column: numbers.map(|(_, column)| column),
        })
    }

    fn plan(text: &str) -> Self {
        let text = plain(text);
        if text.contains("information_schema") {
            return Self::not_a_query();
        }
        if text.contains("only supports a single SQL statement") {
            return Self::new(ErrorKind::NotAQuery("one statement at a time is run".into()));
        }
        match text.strip_prefix("table '").and_then(|rest| rest.strip_suffix("' not found")) {
            Some(name) => Self::new(ErrorKind::UnknownTable(name.rsplit('.').next().unwrap_or(name).to_owned())),
            None => Self::new(ErrorKind::Invalid(text)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Syntax { message, line: Some(line), column: Some(column) } => {
                write!(f, "query:{line}:{column}: {message}")
            }
            ErrorKind::Syntax { message, .. } => write!(f, "query: {message}"),
            ErrorKind::UnknownTable(name) => write!(f, "no table '{name}'"),
            ErrorKind::UnknownColumn(name) => write!(f, "no column '{name}'"),
            ErrorKind::NotAQuery(text)
            | ErrorKind::Invalid(text)
            | ErrorKind::OutOfReach(text)
            | ErrorKind::Memory(text)
            | ErrorKind::Execution(text)
            | ErrorKind::Start(text) => f.write_str(text),
            ErrorKind::Stopped => f.write_str("the query was stopped"),
            ErrorKind::Input(error) => error.fmt(f),
            ErrorKind::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Input(error) => Some(error.as_ref()),
            ErrorKind::Store(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}

impl From<taipan_io::Error> for Error {
    fn from(error: taipan_io::Error) -> Self {
        Self::new(ErrorKind::Input(Arc::new(error)))
    }
}

impl From<taipan_store::Error> for Error {
    fn from(error: taipan_store::Error) -> Self {
        Self::new(ErrorKind::Store(Arc::new(error)))
    }
}

/// Names in quotes with commas, the first dozen of them.
fn listed(names: &[&str]) -> String {
    let mut text = names.iter().take(12).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        text.push_str(", …");
    }
    text
}

/// The message without the engine's own prefixes.
fn plain(text: &str) -> String {
    let mut text = text;
    for prefix in [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "Internal error: ",
        "This feature is not implemented: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    first_line(text)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end().to_owned()
}

/// What takes the most memory, by the engine's own words for its steps, which stand in a list with the largest first.
fn short_of_memory(text: &str) -> String {
    let largest = text.lines().nth(1).or_else(|| text.lines().next()).unwrap_or_default();
    if largest.contains("disk space") {
        return "the query needs more temporary files than there is room for".to_owned();
    }
    let steps = [("Join", "joining"), ("Aggregate", "grouping"), ("Group", "grouping"), ("Sort", "sorting")];
    let step = steps.into_iter().find(|(word, _)| largest.contains(word)).map_or("the query", |(_, step)| step);
    format!("{step} needs more memory than there is for it")
}
