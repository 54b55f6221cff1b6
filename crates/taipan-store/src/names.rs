//! The names that tables and columns may have in either database.

use std::collections::HashMap;

use crate::error::{Error, Result};

/// The most columns of a table.
const MOST_COLUMNS: usize = 2000;
/// The longest name taken, in bytes. SQLite knows no bound; a file with such names is not a table.
const LONGEST: usize = 1000;

/// Whether a name is of the databases' or Taipan's own tables.
pub(crate) fn is_reserved(name: &str) -> bool {
    let starts = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    starts("sqlite_") || starts("_taipan_")
}

/// Checks the name of a table to be made.
pub(crate) fn check_table(name: &str) -> Result<()> {
    if is_reserved(name) {
        return Err(Error::invalid_name(name, "begins as the database's own tables do"));
    }
    check(name)
}

/// Checks a name to be made.
pub(crate) fn check(name: &str) -> Result<()> {
    let reason = if name.is_empty() {
        "is empty"
    } else if name.contains('\0') {
        "holds a NUL character"
    } else if name.len() > LONGEST {
        "is longer than 1000 bytes"
    } else {
        return Ok(());
    };
    Err(Error::invalid_name(name, reason))
}

/// Checks the columns of a table to be made.
pub(crate) fn check_columns(table: &str, columns: &[&str]) -> Result<()> {
    let count = columns.len();
    if count == 0 {
        return Err(Error::unsupported(format!("table \"{table}\" would have no columns; it needs at least one")));
    }
    if count > MOST_COLUMNS {
        let limit = format!("table \"{table}\" would have {count} columns; SQLite holds at most {MOST_COLUMNS}");
        return Err(Error::unsupported(limit));
    }
    let mut seen = HashMap::with_capacity(count);
    for column in columns {
        check(column)?;
        match seen.insert(column.to_ascii_lowercase(), column) {
            Some(other) if other == column => return Err(Error::invalid_name(other, "is given to two columns")),
            Some(other) => {
                let reason =
                    format!("differs from the column \"{other}\" only in case, which SQLite does not tell apart");
                return Err(Error::invalid_name(column, reason));
            }
            None => {}
        }
    }
    Ok(())
}
