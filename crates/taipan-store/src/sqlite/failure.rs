//! SQLite's failures as this crate's errors.

use rusqlite::ffi;
use rusqlite::{Error as Sqlite, ErrorCode};

use crate::error::{Error, ErrorKind, Violation};

/// The error of a failed statement or connection.
pub(crate) fn of(error: Sqlite) -> Error {
    let message = match &error {
        Sqlite::SqliteFailure(_, Some(message)) => message.clone(),
        Sqlite::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    let kind = match error.sqlite_error().map(|failure| failure.code) {
        Some(ErrorCode::NotADatabase) => ErrorKind::NotADatabase,
        Some(ErrorCode::DatabaseCorrupt) => ErrorKind::Corrupt(message),
        Some(ErrorCode::ReadOnly) => ErrorKind::ReadOnly,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        Some(ErrorCode::DiskFull) => ErrorKind::Full,
        Some(ErrorCode::CannotOpen) => ErrorKind::Io("cannot be opened".to_owned()),
        Some(ErrorCode::PermissionDenied) => ErrorKind::Io("permission denied".to_owned()),
        Some(ErrorCode::SystemIoFailure) => ErrorKind::Io(message),
        _ => ErrorKind::Sql(message),
    };
    Error::new(kind).because(error)
}

/// A constraint that a row breaks: the rule, and the column if the rule is of one only.
pub(crate) fn violation(error: &Sqlite, table: &str) -> Option<(Violation, Option<String>)> {
    let Sqlite::SqliteFailure(failure, message) = error else { return None };
    if failure.code != ErrorCode::ConstraintViolation {
        return None;
    }
    // "UNIQUE constraint failed: tips.id"
    let message = message.clone().unwrap_or_default();
    let columns = message.split_once(": ").map(|(_, columns)| columns).unwrap_or_default();
    let column = columns.strip_prefix(table).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
    Some(match failure.extended_code {
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_ROWID => {
            (Violation::Duplicate, column)
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => (Violation::Null, column),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => (Violation::Foreign, None),
        ffi::SQLITE_CONSTRAINT_CHECK => (Violation::Check(message), None),
        _ => (Violation::Other(message), None),
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn failed(setup: &str, statement: &str) -> Sqlite {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(setup).unwrap();
        connection.execute_batch(statement).unwrap_err()
    }

    #[test]
    fn kinds() {
        let fill = "INSERT INTO t VALUES (zeroblob(100000))";
        let cases = [
            ("CREATE TABLE t (x); PRAGMA max_page_count = 3", fill, ErrorKind::Full),
            ("CREATE TABLE t (x); PRAGMA query_only = ON", fill, ErrorKind::ReadOnly),
            ("", "SELECT * FROM gone", ErrorKind::Sql("no such table: gone".to_owned())),
        ];
        for (setup, statement, kind) in cases {
            assert_eq!(of(failed(setup, statement)).kind(), &kind);
        }
    }

    #[test]
    fn violations() {
        let column = |name: &str| Some(name.to_owned());
        let cases = [
            ("id INTEGER PRIMARY KEY", "(1), (1)", (Violation::Duplicate, column("id"))),
            ("\"a.b\" TEXT UNIQUE", "('x'), ('x')", (Violation::Duplicate, column("a.b"))),
            ("x NOT NULL", "(NULL)", (Violation::Null, column("x"))),
            ("x CHECK (x > 1)", "(1)", (Violation::Check("CHECK constraint failed: x > 1".to_owned()), None)),
        ];
        for (declared, rows, expected) in cases {
            let error =
                failed(&format!("CREATE TABLE \"t.t\" ({declared})"), &format!("INSERT INTO \"t.t\" VALUES {rows}"));
            assert_eq!(violation(&error, "t.t"), Some(expected), "{declared}");
        }
        assert_eq!(violation(&failed("", "SELECT 1 FROM gone"), "t"), None);
    }
}
