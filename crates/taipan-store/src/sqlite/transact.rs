//! Transactions on SQLite: one writes at a time, and those that follow each other closely are committed together.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode};

use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;
use crate::select::Rows;
use crate::sql::Query;
use crate::sqlite::Database;
use crate::sqlite::catalog::{self, Catalog};
use crate::sqlite::read::{Bound, cell, cursor};
use crate::sqlite::turn::{Group, Turn};
use crate::table::{Column, Dialect, Table};
use crate::transaction::{Access, Session, Transaction, TransactionOptions};
use crate::value::Value;

impl Database {
    pub(crate) fn transact<T>(
        &self,
        options: &TransactionOptions,
        work: &mut impl FnMut(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        if options.access == Access::ReadOnly {
            return self.read_only(work);
        }
        let turn = self.turn(options.timeout)?;
        let mut member = Member::begin(self, turn)?;
        let value = {
            let mut session = Open::new(self, member.connection());
            work(&mut Transaction::new(&mut session))?
        };
        member.end(Outcome::Keep)?;
        Ok(value)
    }

    fn read_only<T>(&self, work: &mut impl FnMut(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        let reader = self.readers.take_long()?;
        reader.execute_batch("BEGIN").map_err(|error| self.failure(error))?;
        // Dropped in its transaction, the reader ends it.
        let mut session = Open::new(self, &reader);
        work(&mut Transaction::new(&mut session))
    }

    /// Commits the transactions of a group and tells them.
    pub(super) fn commit(&self, turn: &mut Turn<'_>) -> Result<()> {
        let Some(group) = turn.group.take() else { return Ok(()) };
        let Some(connection) = &turn.connection else { return Ok(()) };
        let committed = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        let Err(error) = committed else {
            group.end(Ok(()));
            return Ok(());
        };
        if !connection.is_autocommit() {
            // Where this fails too, the next BEGIN does.
            let _ = connection.execute_batch("ROLLBACK");
        }
        let mut failed = self.refusal(error, "");
        if group.members() > 1 && matches!(failed.kind(), ErrorKind::Constraint { .. }) {
            // Whose rule it was that broke at the end is not known; alone each will learn it.
            failed = Error::new(ErrorKind::Conflict("a transaction committed together with it failed".to_owned()));
        }
        group.end(Err(failed.kind().clone()));
        Err(failed)
    }
}

enum Outcome {
    Keep,
    Undo,
}

/// A transaction among those that are committed together. Dropped before its end, it is undone.
struct Member<'a> {
    database: &'a Database,
    turn: Option<Turn<'a>>,
}

impl<'a> Member<'a> {
    fn begin(database: &'a Database, mut turn: Turn<'a>) -> Result<Self> {
        let Some(connection) = &turn.connection else { unreachable!("a turn without a connection") };
        let begin = || {
            if turn.group.is_none() {
                // Readers that stay in the log's last transaction would keep this one from starting the log anew.
                database.readers.leave_moments();
                connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            }
            connection.prepare_cached("SAVEPOINT member")?.execute([])
        };
        if let Err(error) = begin() {
            if turn.group.is_none() && !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
            database.commit(&mut turn)?;
            return Err(database.failure(error));
        }
        turn.group.get_or_insert_with(Group::new).join();
        Ok(Member { database, turn: Some(turn) })
    }

    fn connection(&self) -> &Connection {
        match self.turn.as_ref().and_then(|turn| turn.connection.as_ref()) {
            Some(connection) => connection,
            // Only `end` takes the turn away, and nothing is asked after it.
            None => unreachable!("a transaction without a connection"),
        }
    }

    /// Ends the transaction; returns once its outcome is on the disk.
    fn end(&mut self, outcome: Outcome) -> Result<()> {
        let Some(mut turn) = self.turn.take() else { return Ok(()) };
        let (Some(connection), Some(group)) = (&turn.connection, turn.group.clone()) else { return Ok(()) };
        if connection.is_autocommit() {
            // A full disk and the like undo all that was not committed.
            turn.group = None;
            let lost = ErrorKind::Sql("the transaction was undone by the database".to_owned());
            group.end(Err(lost.clone()));
            return Err(Error::new(lost).in_database(&self.database.location.name));
        }
        let end = || {
            if matches!(outcome, Outcome::Undo) {
                connection.prepare_cached("ROLLBACK TO member")?.execute([])?;
            }
            connection.prepare_cached("RELEASE member")?.execute([])
        };
        if let Err(error) = end() {
            let _ = connection.execute_batch("ROLLBACK");
            turn.group = None;
            let failed = self.database.failure(error);
            group.end(Err(failed.kind().clone()));
            return Err(failed);
        }
        if let Some(mut turn) = turn.leave_open() {
            self.database.commit(&mut turn)?;
        }
        if matches!(outcome, Outcome::Undo) {
            return Ok(());
        }
        group.wait().map_err(|kind| Error::new(kind).in_database(&self.database.location.name))
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        // Its work failed, and that is the error which is told.
        let _ = self.end(Outcome::Undo);
    }
}

pub(super) struct Open<'a> {
    database: &'a Database,
    connection: &'a Connection,
    /// The tables as this transaction made them.
    catalog: Option<Arc<Catalog>>,
}

impl<'a> Open<'a> {
    pub(super) fn new(database: &'a Database, connection: &'a Connection) -> Self {
        Open { database, connection, catalog: None }
    }

    fn refusal(&self, error: rusqlite::Error, table: &str) -> Error {
        if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
            // The table is in the message where the caller does not know it.
            let message = error.to_string();
            let named = message.split_once(": ").and_then(|(_, rest)| rest.split_once('.')).map(|(table, _)| table);
            let table = if table.is_empty() { named.unwrap_or_default() } else { table };
            return self.database.refusal(error, table);
        }
        self.database.failure(error)
    }

    fn catalog(&mut self) -> Result<Arc<Catalog>> {
        let version = catalog::version(self.connection).map_err(|error| self.database.failure(error))?;
        let catalog = match self.catalog.take().filter(|catalog| catalog.version == version) {
            Some(catalog) => catalog,
            None => self.database.catalog_within(self.connection, version)?,
        };
        self.catalog = Some(Arc::clone(&catalog));
        Ok(catalog)
    }

    fn bind(&self, statement: &mut rusqlite::Statement<'_>, values: &[Value]) -> Result<()> {
        for (index, value) in values.iter().enumerate() {
            // A parameter such as $2 has a name, not a number, to SQLite.
            let name = format!("${}", index + 1);
            let found = statement.parameter_index(&name).map_err(|error| self.database.failure(error))?;
            let Some(at) = found else {
                return Err(Error::unsupported(format!("a value is given for {name}, which is not in the statement")));
            };
            statement.raw_bind_parameter(at, Bound(value.cell())).map_err(|error| self.database.failure(error))?;
        }
        if statement.parameter_count() > values.len() {
            let (wanted, given) = (statement.parameter_count(), values.len());
            return Err(Error::unsupported(format!("the statement has {wanted} values, and {given} are given")));
        }
        Ok(())
    }
}

impl Session for Open<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn table(&mut self, name: &str) -> Result<Arc<Table>> {
        self.catalog()?.table(name).cloned()
    }

    fn tables(&mut self) -> Result<Vec<Arc<Table>>> {
        Ok(self.catalog()?.tables().cloned().collect())
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Rows> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.refusal(error, ""))?;
        let mut columns: Vec<Column> = {
            let described = statement.columns();
            let kind = |column: &rusqlite::Column<'_>| column.decl_type().and_then(Kind::of_declared);
            described.iter().map(|column| column_of(column.name(), kind(column))).collect()
        };
        self.bind(&mut statement, values)?;
        let mut rows = Vec::new();
        let mut found = statement.raw_query();
        while let Some(row) = found.next().map_err(|error| self.refusal(error, ""))? {
            let mut out = Vec::with_capacity(columns.len());
            for (index, column) in columns.iter_mut().enumerate() {
                let value = row.get_ref(index).map_err(|error| self.database.failure(error))?;
                if column.untyped {
                    // An expression has the type of its first value.
                    let kind = match value {
                        rusqlite::types::ValueRef::Null => None,
                        rusqlite::types::ValueRef::Integer(_) => Some(Kind::Integer),
                        rusqlite::types::ValueRef::Real(_) => Some(Kind::Real),
                        rusqlite::types::ValueRef::Text(_) => Some(Kind::Text),
                        rusqlite::types::ValueRef::Blob(_) => Some(Kind::Blob),
                    };
                    if let Some(kind) = kind {
                        (column.kind, column.untyped) = (kind, false);
                    }
                }
                out.push(cell(value).value(column.kind));
            }
            rows.push(out);
        }
        Ok(Rows { columns, rows })
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.refusal(error, ""))?;
        self.bind(&mut statement, values)?;
        if statement.column_count() > 0 {
            let mut rows = statement.raw_query();
            while rows.next().map_err(|error| self.refusal(error, ""))?.is_some() {}
            return Ok(0);
        }
        statement.raw_execute().map(|rows| rows as u64).map_err(|error| self.refusal(error, ""))
    }

    fn select(&mut self, _: &str, query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
        let read = || {
            let mut statement = self.connection.prepare_cached(&query.sql)?;
            let mut found = cursor(&mut statement, query.values.iter().map(std::borrow::Cow::as_ref))?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let values = if query.columns.is_empty() {
                    vec![cell(row.get_ref(0)?).value(Kind::Integer)]
                } else {
                    let outputs = query.columns.iter().enumerate();
                    let read = outputs.map(|(index, output)| Ok(cell(row.get_ref(index)?).value(output.column.kind)));
                    read.collect::<rusqlite::Result<Vec<_>>>()?
                };
                rows.push(values);
            }
            Ok(rows)
        };
        read().map_err(|error| self.database.failure(error))
    }

    fn change(&mut self, table: &str, query: &Query<'_>) -> Result<u64> {
        let change = || {
            let mut statement = self.connection.prepare_cached(&query.sql)?;
            for (index, value) in query.values.iter().enumerate() {
                statement.raw_bind_parameter(index + 1, Bound(value.cell()))?;
            }
            statement.raw_execute()
        };
        change().map(|rows| rows as u64).map_err(|error| self.database.refusal(error, table))
    }
}

fn column_of(name: &str, kind: Option<Kind>) -> Column {
    let mut column = Column::new(name.to_owned(), kind.unwrap_or(Kind::Text));
    column.untyped = kind.is_none();
    column
}
