//! The one error of this crate: what went wrong ([`ErrorKind`]), in which database, and the cause below.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a database call failed. Its text is one line, fit for a user.
#[derive(Debug)]
pub struct Error {
    kind: Box<ErrorKind>,
    /// The row of a failure whose kind does not say it.
    row: Option<u64>,
    database: Option<Arc<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no table or view of this name.
    UnknownTable {
        /// The name asked for.
        name: String,
        /// The most similar name there is.
        nearest: Option<String>,
    },
    /// The table has no column of this name.
    UnknownColumn {
        /// The table looked into.
        table: String,
        /// The name asked for.
        name: String,
        /// The most similar name there is.
        nearest: Option<String>,
    },
    /// The table to create is already there, perhaps in another case.
    TableExists {
        /// The name of the existing table.
        name: String,
    },
    /// A table or column name that the database cannot hold.
    InvalidName {
        /// The name given.
        name: String,
        /// Why it is refused.
        reason: String,
    },
    /// A value that does not have the type of its column.
    InvalidValue {
        /// The table, where known.
        table: Option<String>,
        /// The column, where known.
        column: Option<String>,
        /// The row, counted from 1 in the order read or written, where known.
        row: Option<u64>,
        /// The value as text, shortened if long.
        value: String,
        /// What it should have been, such as `INTEGER`.
        expected: String,
    },
    /// A row that breaks a rule of the table.
    Constraint {
        /// The table written.
        table: String,
        /// The column of the rule, where known.
        column: Option<String>,
        /// The value that breaks it, where known.
        value: Option<String>,
        /// The row, counted from 1 in the order written, where known.
        row: Option<u64>,
        /// The rule.
        violation: Violation,
    },
    /// A query that took too long or was cancelled.
    Stopped(String),
    /// The row is not as it was when it was read.
    Stale,
    /// The row that a change was to find is not there, or not one that it may change.
    Missing,
    /// A row that a change makes or touches does not meet the change's rule.
    Forbidden {
        /// The table written.
        table: String,
    },
    /// A change would be of more rows than it may.
    TooMany {
        /// The rows.
        affected: u64,
        /// The most that it may be.
        most: u64,
    },
    /// Columns that do not tell rows apart, where rows that are there already were to be found by them.
    NotUnique {
        /// The table.
        table: String,
        /// The columns.
        columns: String,
    },
    /// A transaction met another that was there first, or found a row changed that it meant to change; begun anew it may
    /// succeed.
    Conflict(String),
    /// Two transactions waited for each other, and this one was ended.
    Deadlock,
    /// A lock or a statement took longer than it may.
    Timeout,
    /// The work of a transaction ended it for a reason of its own.
    Aborted(String),
    /// No connection to the server, or none that it takes.
    Unreachable(String),
    /// The connection to the server broke. What was not committed is undone; of a commit that was on its way it is not
    /// known.
    Lost(String),
    /// A migration would lose these tables and fields (as `table.field`), and was not told that it may.
    Destructive(Vec<String>),
    /// Something this store does not do.
    Unsupported(String),
    /// The file is not a SQLite database.
    NotADatabase,
    /// The database is damaged.
    Corrupt(String),
    /// The database cannot be written.
    ReadOnly,
    /// Another program holds the database.
    Busy,
    /// The disk is full.
    Full,
    /// The file or folder cannot be opened, read or written.
    Io(String),
    /// The database refused a statement for another reason.
    Sql(String),
}

/// The rule of a table that a row breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A value of a unique column that is already there.
    Duplicate,
    /// A null where none may be.
    Null,
    /// A reference to a row that is not there, or from one that is.
    Foreign,
    /// A condition that the row does not meet, in the database's words.
    Check(String),
    /// Another rule, in the database's words.
    Other(String),
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Error { kind: Box::new(kind), row: None, database: None, source: None }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported(what.into()))
    }

    pub(crate) fn invalid_name(name: &str, reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidName { name: shorten(name), reason: reason.into() })
    }

    pub(crate) fn invalid_value(value: &str, expected: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidValue {
            table: None,
            column: None,
            row: None,
            value: shorten(value),
            expected: expected.into(),
        })
    }

    /// Names the place of an invalid value, where the error does not say it yet.
    #[must_use]
    pub(crate) fn at(mut self, in_table: &str, in_column: &str, at_row: Option<u64>) -> Self {
        if let ErrorKind::InvalidValue { table, column, row, .. } = &mut *self.kind {
            table.get_or_insert_with(|| in_table.to_owned());
            column.get_or_insert_with(|| in_column.to_owned());
            *row = row.or(at_row);
        }
        self
    }

    #[must_use]
    pub(crate) fn in_database(mut self, database: &Arc<str>) -> Self {
        self.database = Some(Arc::clone(database));
        self
    }

    #[must_use]
    pub(crate) fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The row at fault, counted from 1 in the order written, where known.
    pub fn row(&self) -> Option<u64> {
        match *self.kind {
            ErrorKind::Constraint { row, .. } | ErrorKind::InvalidValue { row, .. } => row,
            _ => self.row,
        }
    }

    /// Says which row is at fault, instead of what was said before.
    #[must_use]
    pub(crate) fn of_row(mut self, at: Option<u64>) -> Self {
        match &mut *self.kind {
            ErrorKind::Constraint { row, .. } | ErrorKind::InvalidValue { row, .. } => *row = at,
            _ => self.row = at,
        }
        self
    }

    /// The error by which the work of a transaction ends it: nothing it did is kept.
    pub fn abort(reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::Aborted(reason.into()))
    }

    /// Whether the same transaction may succeed if it is begun anew.
    pub fn is_transient(&self) -> bool {
        matches!(*self.kind, ErrorKind::Conflict(_) | ErrorKind::Deadlock | ErrorKind::Busy)
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    pub(crate) fn kind_mut(&mut self) -> &mut ErrorKind {
        &mut self.kind
    }

    /// The database file, for an error of the database itself.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(database) = &self.database {
            write!(f, "{database}: ")?;
        }
        fmt::Display::fmt(&self.kind, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTable { name, nearest } => {
                write!(f, "no table \"{name}\"")?;
                suggest(f, nearest.as_deref())
            }
            Self::UnknownColumn { table, name, nearest } => {
                write!(f, "table \"{table}\" has no column \"{name}\"")?;
                suggest(f, nearest.as_deref())
            }
            Self::TableExists { name } => write!(f, "table \"{name}\" already exists"),
            Self::InvalidName { name, reason } => write!(f, "the name \"{}\" {reason}", name.escape_debug()),
            Self::InvalidValue { table, column, row, value, expected } => {
                place(f, table.as_deref(), column.as_deref(), *row)?;
                write!(f, "\"{}\" is not {expected}", value.escape_debug())
            }
            Self::Constraint { table, column, value, row, violation } => {
                place(f, Some(table), column.as_deref(), *row)?;
                let value = value.as_deref().map(|value| format!(" \"{}\"", value.escape_debug())).unwrap_or_default();
                match violation {
                    Violation::Duplicate => write!(f, "the value{value} is there already and must be unique"),
                    Violation::Null => write!(f, "a value is missing and must be given"),
                    Violation::Foreign => {
                        f.write_str("a row that it refers to, or that refers to it, stands in the way")
                    }
                    Violation::Check(rule) | Violation::Other(rule) => f.write_str(rule),
                }
            }
            Self::Stale => f.write_str("the row has changed since it was read"),
            Self::Missing => f.write_str("the row is not there"),
            Self::Forbidden { table } => write!(f, "table \"{table}\": a row is not one that may be written so"),
            Self::TooMany { affected, most } => write!(f, "{affected} rows would change, and at most {most} may"),
            Self::NotUnique { table, columns } => {
                write!(f, "table \"{table}\": no unique index of exactly the columns ({columns})")
            }
            Self::Conflict(what) => write!(f, "another transaction was there first: {what}"),
            Self::Deadlock => f.write_str("two transactions waited for each other; try again"),
            Self::Timeout => {
                f.write_str("waited too long for another transaction or a slow statement; nothing was changed")
            }
            Self::Destructive(names) => {
                write!(
                    f,
                    "the migration would lose data and is refused unless it is allowed by name: {}",
                    names.join(", ")
                )
            }
            Self::Unreachable(detail) => write!(f, "cannot connect: {detail}"),
            Self::Lost(detail) => write!(f, "the connection broke: {detail}"),
            Self::Unsupported(what) | Self::Aborted(what) => f.write_str(what),
            Self::NotADatabase => f.write_str("not a SQLite database"),
            Self::Corrupt(detail) => write!(f, "the database is damaged: {detail}"),
            Self::ReadOnly => f.write_str("cannot be written: the file or its folder is read-only"),
            Self::Busy => f.write_str("locked by another program; try again when it has finished"),
            Self::Full => f.write_str("no space left to write; nothing was changed"),
            Self::Io(detail) | Self::Sql(detail) | Self::Stopped(detail) => f.write_str(detail),
        }
    }
}

fn suggest(f: &mut fmt::Formatter<'_>, nearest: Option<&str>) -> fmt::Result {
    match nearest {
        Some(nearest) => write!(f, "; did you mean \"{nearest}\"?"),
        None => Ok(()),
    }
}

fn place(f: &mut fmt::Formatter<'_>, table: Option<&str>, column: Option<&str>, row: Option<u64>) -> fmt::Result {
    let mut separator = "";
    if let Some(table) = table {
        write!(f, "table \"{table}\"")?;
        separator = ", ";
    }
    if let Some(row) = row {
        write!(f, "{separator}row {row}")?;
        separator = ", ";
    }
    if let Some(column) = column {
        write!(f, "{separator}column \"{column}\"")?;
        separator = ", ";
    }
    f.write_str(if separator.is_empty() { "" } else { ": " })
}

/// A value or name as an error shows it: enough to be recognised, never a whole document.
pub(crate) fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The most similar of some names, if one is similar enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if name.len() > 200 {
        return None;
    }
    let lower = name.to_lowercase();
    names
        .into_iter()
        .map(|other| (strsim::normalized_damerau_levenshtein(&lower, &other.to_lowercase()), other))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let text = |kind| Error::new(kind).to_string();
        let cases = [
            (
                text(ErrorKind::UnknownTable { name: "tipz".into(), nearest: Some("tips".into()) }),
                r#"no table "tipz"; did you mean "tips"?"#,
            ),
            (text(ErrorKind::UnknownTable { name: "x".into(), nearest: None }), r#"no table "x""#),
            (
                text(ErrorKind::UnknownColumn {
                    table: "tips".into(),
                    name: "tpi".into(),
                    nearest: Some("tip".into()),
                }),
                r#"table "tips" has no column "tpi"; did you mean "tip"?"#,
            ),
            (Error::invalid_value("a\nb", "an INTEGER").to_string(), r#""a\nb" is not an INTEGER"#),
            (
                Error::invalid_value("abc", "an INTEGER").at("tips", "size", Some(17)).to_string(),
                r#"table "tips", row 17, column "size": "abc" is not an INTEGER"#,
            ),
            (
                text(ErrorKind::Constraint {
                    table: "tips".into(),
                    column: Some("id".into()),
                    value: Some("5".into()),
                    row: Some(3),
                    violation: Violation::Duplicate,
                }),
                r#"table "tips", row 3, column "id": the value "5" is there already and must be unique"#,
            ),
            (
                Error::new(ErrorKind::NotADatabase).in_database(&"notes.db".into()).to_string(),
                "notes.db: not a SQLite database",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn the_nearest_name_is_close_or_none() {
        let names = ["tips", "iris", "houses"];
        for (name, expected) in
            [("tip", Some("tips")), ("Irsi", Some("iris")), ("hosues", Some("houses")), ("zzz", None), ("", None)]
        {
            assert_eq!(nearest(name, names).as_deref(), expected, "{name}");
        }
    }
}
