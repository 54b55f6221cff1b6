//! The right to write: one holder at a time in this process, and a lock against other processes in each transaction.

use std::ops::Deref;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::{Error, ErrorKind, Result, Violation};
use crate::sql::quoted;
use crate::sqlite::catalog::{self, Catalog};
use crate::sqlite::turn::Turn;
use crate::sqlite::{Database, failure};

/// The one connection that writes, held until dropped.
pub(crate) struct Writer<'a> {
    pub(super) database: &'a Database,
    turn: Turn<'a>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(database: &'a Database, turn: Turn<'a>) -> Self {
        Writer { database, turn }
    }

    /// Begins a transaction that rolls back unless it is committed, with the tables as they are in it.
    pub(super) fn begin(&self) -> Result<(Transaction<'_>, Arc<Catalog>)> {
        // Readers that stay in the log's last transaction would keep this one from starting the log anew.
        self.database.readers.leave_moments();
        let begin = || {
            let transaction = Transaction::new_unchecked(self, TransactionBehavior::Immediate)?;
            // Replacing a table that others refer to is right if its new rows are; so this is judged at the end.
            transaction.pragma_update(None, "defer_foreign_keys", true)?;
            let version = catalog::version(&transaction)?;
            Ok((transaction, version))
        };
        let (transaction, version) = begin().map_err(|error| self.database.failure(error))?;
        let catalog = self.database.catalog(&transaction, version)?;
        Ok((transaction, catalog))
    }

    pub(crate) fn drop_table(&self, name: &str) -> Result<()> {
        let (transaction, catalog) = self.begin()?;
        let table = catalog.table(name)?;
        let sort = if table.is_view { "VIEW" } else { "TABLE" };
        let dropped = transaction
            .execute_batch(&format!("DROP {sort} main.{}", quoted(name)))
            .and_then(|()| catalog.forget_origin(&transaction, name))
            .and_then(|()| transaction.commit());
        dropped.map_err(|error| self.database.refusal(error, name))
    }
}

impl Deref for Writer<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.turn.connection {
            Some(connection) => connection,
            // `Database::turn` opens it.
            None => unreachable!("a writer without a connection"),
        }
    }
}

impl Database {
    /// The error of a statement that writes a table: a rule of the table, or of the database.
    pub(super) fn refusal(&self, error: rusqlite::Error, table: &str) -> Error {
        match failure::violation(&error, table) {
            Some((violation, column)) => constraint(table, column, violation).because(error),
            None => self.failure(error),
        }
    }
}

fn constraint(table: &str, column: Option<String>, violation: Violation) -> Error {
    let table = table.to_owned();
    Error::new(ErrorKind::Constraint { table, column, value: None, row: None, violation })
}
