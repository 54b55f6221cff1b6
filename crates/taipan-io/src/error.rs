//! What can go wrong between a file and its batches: a kind, a place, a source.
//!
//! [`Error`] is what callers see. The parsers, which know no file, raise a [`Fault`] at an offset of their bytes; the
//! block reader turns it into an error with file, line and column.

use std::fmt;
use std::io;
use std::path::Path;

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use parquet::errors::ParquetError;

use crate::condition::{ConditionError, Mismatch};
use crate::fetch::Failure;

/// The result of this crate's calls.
pub type Result<T> = std::result::Result<T, Error>;

/// Why reading or writing failed, and where.
///
/// Displays as one line for the user: `tips.csv:17: 8 fields, expected 7`.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    place: Option<Place>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of failure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No file bears the name, or matches the pattern.
    #[error("no such file")]
    NotFound,
    /// A folder stands where a file was expected.
    #[error("is a directory, expected a file")]
    IsDirectory,
    /// A stream of which nothing was kept, asked for a second time.
    #[error("can be read only once")]
    ReadOnce,
    /// A folder holds no file of a known format.
    #[error("no data files (csv, tsv, json, ndjson, jsonl, xml, parquet, arrow) in this directory")]
    NoDataFiles,
    /// A file among several that are read as one has other columns, or another format.
    #[error("{0}")]
    Unlike(String),
    /// The system refused to open, read or write; the source says why.
    #[error("input/output error")]
    Io,
    /// The file holds nothing.
    #[error("the file is empty")]
    Empty,
    /// The content is neither CSV nor JSON nor XML; holds the name of what it looks like.
    #[error("the file is {0}, expected CSV, JSON or XML")]
    UnknownFormat(&'static str),
    /// A byte that is not UTF-8.
    #[error("invalid UTF-8")]
    Encoding,
    /// Bytes that the text's encoding, of this name, does not allow.
    #[error("invalid {0}")]
    ForeignEncoding(&'static str),
    /// A file that declares an encoding nobody knows.
    #[error("unknown text encoding `{0}`")]
    UnknownEncoding(String),
    /// Compressed data that is damaged, cut off, or grows beyond the limits.
    #[error("{0}")]
    Compression(String),
    /// A CSV record with another number of fields than the header.
    #[error("{found} {}, expected {expected}", if *found == 1 { "field" } else { "fields" })]
    Ragged {
        /// Fields in this record.
        found: usize,
        /// Fields in the first record.
        expected: usize,
    },
    /// The format's grammar is broken.
    #[error("{0}")]
    Syntax(String),
    /// A value that does not fit the type inferred for its column.
    #[error("{0}")]
    Misfit(Misfit),
    /// A value that does not fit the type that the caller gave its column, or a field that the given schema lacks.
    #[error("{0}, as the schema says")]
    Unfit(Misfit),
    /// One record is larger than the limit, 64 MiB unless set.
    #[error("a record is longer than {}", size(*limit))]
    TooLong {
        /// The most bytes that a record may have.
        limit: usize,
    },
    /// More records were bad than the caller allows; the place and the reason are those of the last one.
    #[error("more than {limit} rejects; the last one: {reason}")]
    TooManyRejects {
        /// The most that are allowed.
        limit: u64,
        /// Why the last record was rejected.
        reason: String,
    },
    /// A condition that cannot be read, or that names a field which is not there.
    #[error("{0}")]
    Condition(ConditionError),
    /// A value that a condition compares with something of another kind.
    #[error("{0}")]
    Mismatch(Mismatch),
    /// Values nested deeper than [`ReadOptions::max_depth`](crate::ReadOptions::max_depth).
    #[error("nested deeper than {levels} levels")]
    TooDeep {
        /// The limit.
        levels: usize,
    },
    /// A URL could not be fetched.
    #[error("{0}")]
    Fetch(Failure),
    /// An option or argument outside its range.
    #[error("{0}")]
    InvalidOption(String),
    /// Arrow refused the data, for instance a batch of another schema.
    #[error("{0}")]
    Arrow(String),
}

/// Where in a source a fault stands. Lines and columns count from 1, bytes from 0; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub source: String,
    /// The line.
    pub line: Option<u64>,
    /// The column in the line.
    pub column: Option<u64>,
    /// The offset in the file.
    pub byte: Option<u64>,
}

/// A value met after the sample that does not fit its column: [`widen`](crate::Input::widen) the input, or
/// [settle](crate::Input::settled) it for all its misfits at once, and start again.
#[derive(Debug, Clone, PartialEq)]
pub struct Misfit {
    /// The column; for JSON the top-level one, or a key that the sample did not have.
    pub column: String,
    /// The value as text, cut to 40 characters.
    pub value: String,
    /// The column's type so far; `Null` for a new key.
    pub from: DataType,
    /// The narrowest type that holds the old values and this one.
    pub to: DataType,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, place: None, source: None }))
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    pub(crate) fn in_source(self, source: &str) -> Self {
        self.at(Place { source: source.to_owned(), line: None, column: None, byte: None })
    }

    pub(crate) fn of_path(kind: ErrorKind, path: &Path) -> Self {
        Self::new(kind).in_source(&path.display().to_string())
    }

    /// The system's error about a file, named by its path.
    pub fn of_io(error: io::Error, path: &Path) -> Self {
        Self::of_named(error, &path.display().to_string())
    }

    pub(crate) fn of_named(error: io::Error, name: &str) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(own) => return own,
            Err(error) => error,
        };
        let own = error.get_ref().and_then(|inner| inner.downcast_ref::<ErrorKind>()).cloned();
        if let Some(kind) = own {
            return Self::new(kind).in_source(name);
        }
        let kind = if error.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Io };
        Self(Box::new(Inner { kind, place: None, source: Some(Box::new(error)) })).in_source(name)
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What the user may have meant, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self.kind() {
            ErrorKind::Condition(error) => error.hint(),
            ErrorKind::Ragged { .. } => {
                Some("`--pad` fills rows that are too short and drops empty fields behind those too long")
            }
            ErrorKind::Encoding | ErrorKind::ForeignEncoding(_) => {
                Some("say what the text is in with `--encoding`, such as `--encoding latin1`")
            }
            _ => None,
        }
    }

    /// Where, if it is known.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        match (&self.0.kind, &self.0.source) {
            (ErrorKind::Io, Some(source)) => f.write_str(&reason(source.as_ref())),
            (kind, _) => write!(f, "{kind}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// How a reader inside this crate says more than [`io::Error`] can; [`Error`] takes the kind out again.
impl From<ErrorKind> for io::Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(io::ErrorKind::InvalidData, kind)
    }
}

/// How a writer inside this crate says which file it is; [`Error`] takes it out again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = error.0.source.as_ref().and_then(|source| source.downcast_ref::<Self>()).map(Self::kind);
        Self::new(kind.unwrap_or(io::ErrorKind::Other), error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(own) => return own,
            Err(error) => error,
        };
        Self(Box::new(Inner { kind: ErrorKind::Io, place: None, source: Some(Box::new(error)) }))
    }
}

impl From<ConditionError> for Error {
    fn from(error: ConditionError) -> Self {
        Self::new(ErrorKind::Condition(error))
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        let error = match error {
            ArrowError::IoError(_, error) => return Self::from(error),
            ArrowError::ExternalError(source) => match source.downcast::<io::Error>() {
                Ok(error) => return Self::from(*error),
                Err(source) => ArrowError::ExternalError(source),
            },
            error => error,
        };
        let kind = ErrorKind::Arrow(error.to_string());
        Self(Box::new(Inner { kind, place: None, source: Some(Box::new(error)) }))
    }
}

impl From<ParquetError> for Error {
    fn from(error: ParquetError) -> Self {
        Self::from(match error {
            ParquetError::External(source) => ArrowError::ExternalError(source),
            error => ArrowError::ParquetError(error.to_string()),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, value, from, .. } = self;
        if *from == DataType::Null {
            write!(f, "new field `{column}`, which no record had so far")
        } else {
            write!(f, "`{value}` does not fit column `{column}` of {}", type_name(from))
        }
    }
}

/// A fault at an offset of the bytes a parser was given; the block reader adds file and line.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) kind: ErrorKind,
    pub(crate) precision: Precision,
}

/// How exactly a fault's offset names the offending text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// The line; the record as a whole is at fault.
    Line,
    /// The character.
    Column,
}

impl Fault {
    pub(crate) fn on_line(at: usize, kind: ErrorKind) -> Self {
        Self { at, kind, precision: Precision::Line }
    }

    pub(crate) fn on_column(at: usize, kind: ErrorKind) -> Self {
        Self { at, kind, precision: Precision::Column }
    }

    /// Whether a limit alone was passed, in what may be well-formed.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self.kind, ErrorKind::TooLong { .. } | ErrorKind::TooDeep { .. })
    }

    /// The same fault, seen from bytes that start `offset` earlier.
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        self.at += offset;
        self
    }

    /// The same fault, seen from bytes that start `offset` later.
    pub(crate) fn shifted_back(mut self, offset: usize) -> Self {
        self.at = self.at.saturating_sub(offset);
        self
    }
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        Self::on_line(0, ErrorKind::Arrow(error.to_string()))
    }
}

/// At most 40 characters of a value, for messages.
pub(crate) fn excerpt(value: &[u8]) -> String {
    const LIMIT: usize = 40;
    // Four bytes hold any character, so this much is enough however long the value is.
    let head = value.get(..value.len().min(4 * LIMIT + 4)).unwrap_or(value);
    let text = String::from_utf8_lossy(head);
    let mut excerpt: String = text.chars().take(LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// A number of bytes as the user would say it.
pub(crate) fn size_of(bytes: u64) -> String {
    size(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// A number of bytes as the user would say it.
fn size(bytes: usize) -> String {
    match bytes {
        mib if mib >= 1 << 20 && mib % (1 << 20) == 0 => format!("{} MiB", mib >> 20),
        kib if kib >= 1 << 10 && kib % (1 << 10) == 0 => format!("{} KiB", kib >> 10),
        bytes => format!("{bytes} bytes"),
    }
}

fn type_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "booleans",
        DataType::Int64 => "integers",
        DataType::Float64 => "numbers",
        DataType::Date32 => "dates",
        DataType::Timestamp(_, None) => "times without a zone",
        DataType::Timestamp(_, Some(_)) => "times with a zone",
        DataType::Struct(_) => "objects",
        DataType::List(_) => "lists",
        _ => "text",
    }
}

/// `Permission denied (os error 13)` as it reads best after a file name: `permission denied`.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let place = |line, column| Place { source: "tips.csv".into(), line, column, byte: None };
        let misfit = |from| Misfit { column: "size".into(), value: "many".into(), from, to: DataType::Utf8 };
        let cases = [
            (ErrorKind::Ragged { found: 8, expected: 7 }, place(Some(17), None), "tips.csv:17: 8 fields, expected 7"),
            (ErrorKind::Ragged { found: 1, expected: 7 }, place(Some(17), None), "tips.csv:17: 1 field, expected 7"),
            (ErrorKind::Syntax("expected `,`".into()), place(Some(3), Some(9)), "tips.csv:3:9: expected `,`"),
            (ErrorKind::Empty, place(None, None), "tips.csv: the file is empty"),
            (
                ErrorKind::Misfit(misfit(DataType::Int64)),
                place(Some(2), None),
                "tips.csv:2: `many` does not fit column `size` of integers",
            ),
            (
                ErrorKind::Unfit(misfit(DataType::Int64)),
                place(Some(2), None),
                "tips.csv:2: `many` does not fit column `size` of integers, as the schema says",
            ),
            (
                ErrorKind::TooLong { limit: 64 << 20 },
                place(Some(2), None),
                "tips.csv:2: a record is longer than 64 MiB",
            ),
            (
                ErrorKind::TooLong { limit: 1000 },
                place(Some(2), None),
                "tips.csv:2: a record is longer than 1000 bytes",
            ),
            (
                ErrorKind::TooManyRejects { limit: 3, reason: "invalid UTF-8".into() },
                place(Some(2), None),
                "tips.csv:2: more than 3 rejects; the last one: invalid UTF-8",
            ),
            (
                ErrorKind::Misfit(misfit(DataType::Null)),
                place(Some(2), None),
                "tips.csv:2: new field `size`, which no record had so far",
            ),
        ];
        for (kind, place, expected) in cases {
            assert_eq!(Error::new(kind).at(place).to_string(), expected);
        }
        let denied = io::Error::from_raw_os_error(13);
        assert_eq!(Error::of_io(denied, Path::new("x.csv")).to_string(), "x.csv: permission denied");
        // A file that is written names itself, through whatever writes to it and wherever that is read from.
        let full = Error::of_io(io::Error::from_raw_os_error(28), Path::new("x.csv"));
        let passed = io::Error::from(full);
        assert_eq!(passed.kind(), io::ErrorKind::StorageFull);
        let named = Error::of_io(passed, Path::new("y.csv"));
        assert_eq!(named.to_string(), "x.csv: no space left on device");
        let through_arrow = Error::from(ArrowError::from(io::Error::from(named)));
        assert_eq!(through_arrow.to_string(), "x.csv: no space left on device");
    }

    #[test]
    fn excerpts_are_short() {
        assert_eq!(excerpt("a\nb".as_bytes()), "a b");
        assert_eq!(excerpt("é".repeat(50).as_bytes()).chars().count(), 41);
    }
}
