//! The transaction of a migration, in which tables may be made anew and take each other's names.

use rusqlite::{Connection, OptionalExtension};

use crate::error::{Error, ErrorKind, Result, Violation};
use crate::sqlite::Database;
use crate::sqlite::transact::Open;
use crate::transaction::Transaction;

/// References are not looked at while their tables come and go, and nobody else's words are changed with a name.
const BEFORE: &str = "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON";
const AFTER: &str = "PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = OFF";

impl Database {
    pub(crate) fn migrate<T>(&self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        let writer = self.writer()?;
        let connection: &Connection = &writer;
        self.readers.leave_moments();
        let restored = Settings(connection);
        let failed = |error| self.failure(error);
        connection.execute_batch(BEFORE).and_then(|()| connection.execute_batch("BEGIN IMMEDIATE")).map_err(failed)?;
        let mut session = Open::new(self, connection);
        let value = work(&mut Transaction::new(&mut session))?;
        let broken = connection
            .query_row("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check", [], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, String>(2)?))
            })
            .optional()
            .map_err(failed)?;
        if let Some((table, _, parent)) = broken {
            let violation = Violation::Other(format!("a row refers to one of \"{parent}\" that is not there"));
            return Err(Error::new(ErrorKind::Constraint { table, column: None, value: None, row: None, violation }));
        }
        connection.execute_batch("COMMIT").map_err(failed)?;
        drop(restored);
        Ok(value)
    }
}

/// Undoes what was not committed, and sets the connection up as it was.
struct Settings<'a>(&'a Connection);

impl Drop for Settings<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // Where this fails, so does the next write.
            let _ = self.0.execute_batch("ROLLBACK");
        }
        let _ = self.0.execute_batch(AFTER);
    }
}
