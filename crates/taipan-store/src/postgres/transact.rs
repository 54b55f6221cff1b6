//! Transactions on PostgreSQL.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::postgres::Database;
use crate::postgres::catalog::{Catalog, MARK};
use crate::postgres::cell::{given, kind_of, params, parsed, values};
use crate::postgres::connection::{Connection, Param, Statement};
use crate::postgres::unknown;
use crate::select::Rows;
use crate::sql::Query;
use crate::table::{Column, Dialect, Table};
use crate::transaction::{Access, Isolation, Session, Transaction, TransactionOptions};
use crate::value::Value;

impl Database {
    pub(crate) fn transact<T>(
        &self,
        options: &TransactionOptions,
        work: &mut impl FnMut(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let begin = begin(options);
        let mut loan = self.take()?;
        let begun = self.retried(&mut loan, |connection| connection.batch(&begin));
        begun.map_err(|failure| self.failure(failure, ""))?;
        let mut session = Open { database: self, connection: &mut loan, tables: HashMap::new() };
        let done = work(&mut Transaction::new(&mut session));
        let connection: &mut Connection = &mut loan;
        match done {
            Ok(value) => {
                if connection.has_failed() {
                    // The server would take COMMIT for ROLLBACK, without an error.
                    connection.batch("ROLLBACK").map_err(|failure| self.failure(failure, ""))?;
                    let what = "a statement of the transaction failed, so that nothing of it was kept";
                    return Err(Error::new(ErrorKind::Aborted(what.to_owned())));
                }
                connection.batch("COMMIT").map_err(|failure| self.failure(failure, ""))?;
                Ok(value)
            }
            Err(error) => {
                if !connection.is_broken() {
                    // Where this fails, the session is closed, which undoes it too.
                    let _ = connection.batch("ROLLBACK");
                }
                Err(error)
            }
        }
    }
}

impl Database {
    pub(crate) fn migrate<T>(&self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut work = Some(work);
        let migrated = self.transact(&TransactionOptions::default().isolation(Isolation::ReadCommitted), &mut |tx| {
            // One migration at a time, whoever begins it.
            tx.query("SELECT pg_advisory_xact_lock(7089257)", &[])?;
            match work.take() {
                Some(work) => work(tx),
                None => Err(Error::unsupported("a migration is not begun anew")),
            }
        });
        self.forget_catalog();
        migrated
    }
}

fn begin(options: &TransactionOptions) -> String {
    let level = match options.isolation {
        Isolation::ReadCommitted => "READ COMMITTED",
        Isolation::RepeatableRead => "REPEATABLE READ",
        Isolation::Serializable => "SERIALIZABLE",
    };
    let access = if options.access == Access::ReadOnly { " READ ONLY" } else { "" };
    let timeout = options.timeout.map(|timeout| {
        let milliseconds = timeout.max(Duration::from_millis(1)).as_millis().min(i32::MAX as u128);
        format!("; SET LOCAL lock_timeout = {milliseconds}")
    });
    format!("BEGIN ISOLATION LEVEL {level}{access}{}", timeout.unwrap_or_default())
}

struct Open<'a> {
    database: &'a Database,
    connection: &'a mut Connection,
    /// The tables looked at in this transaction.
    tables: HashMap<String, Arc<Table>>,
}

impl Session for Open<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn table(&mut self, name: &str) -> Result<Arc<Table>> {
        if let Some(table) = self.tables.get(name) {
            return Ok(Arc::clone(table));
        }
        let catalog = self.database.catalog();
        if let Some(known) = catalog.find(name) {
            let mut is_same = false;
            let mark = Statement::with(MARK, vec![Param::text(known.table.relation.clone())]);
            let looked = self.connection.run(&[mark], |_, row| {
                is_same = row.text(0).as_deref() == Some(&*known.mark);
                Ok(())
            });
            looked.map_err(|failure| self.database.failure(failure, name))?;
            if is_same {
                self.tables.insert(name.to_owned(), Arc::clone(&known.table));
                return Ok(Arc::clone(&known.table));
            }
        }
        // What is found may be undone with the transaction, and is not for others to know.
        let catalog = Catalog::reflect(self.connection);
        let catalog = catalog.map_err(|failure| self.database.failure(failure, name))?;
        let known = catalog.find(name).ok_or_else(|| unknown(&catalog, name))?;
        self.tables.insert(name.to_owned(), Arc::clone(&known.table));
        Ok(Arc::clone(&known.table))
    }

    fn tables(&mut self) -> Result<Vec<Arc<Table>>> {
        let catalog = Catalog::reflect(self.connection).map_err(|failure| self.database.failure(failure, ""))?;
        Ok(catalog.tables().cloned().collect())
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Rows> {
        self.tables.clear();
        let params = values.iter().map(given).collect::<Result<Vec<_>>>()?;
        let statement = Statement { sql, params, as_text: true };
        let mut columns = Vec::new();
        let mut texts: Vec<Vec<Option<Vec<u8>>>> = Vec::new();
        let ran = self.connection.run_described(
            &statement,
            |described| {
                columns = described.into_iter().map(|column| Column::new(column.name, kind_of(column.oid))).collect();
            },
            |row| {
                texts.push(row.cells().map(|cell| cell.map(<[u8]>::to_vec)).collect());
                Ok(())
            },
        );
        ran.map_err(|failure| self.database.failure(failure, ""))?;
        let row = |texts: Vec<Option<Vec<u8>>>| {
            texts.iter().zip(&columns).map(|(text, column)| parsed(column.kind, text.as_deref())).collect()
        };
        let rows = texts.into_iter().map(row).collect();
        Ok(Rows { columns, rows })
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64> {
        self.tables.clear();
        let params = values.iter().map(given).collect::<Result<Vec<_>>>()?;
        let ran = self.connection.execute(Statement::with(sql, params));
        ran.map_err(|failure| self.database.failure(failure, ""))
    }

    fn select(&mut self, table: &str, query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
        let mut rows = Vec::new();
        let statement = Statement::with(&query.sql, params(query)?);
        let ran = self.connection.run(&[statement], |_, row| {
            if query.columns.is_empty() {
                rows.push(vec![row.integer(0).map_or(Value::Null, Value::Integer)]);
            } else {
                rows.push(values(row, query.columns.iter().map(|output| output.column.kind))?);
            }
            Ok(())
        });
        ran.map_err(|failure| self.database.failure(failure, table))?;
        Ok(rows)
    }

    fn change(&mut self, table: &str, query: &Query<'_>) -> Result<u64> {
        let statement = Statement::with(&query.sql, params(query)?);
        self.connection.execute(statement).map_err(|failure| self.database.failure(failure, table))
    }
}
