//! Reading: rows as JSON, as values, and as batches.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind, Result};
use crate::json::JsonColumn;
use crate::kind::Kind;
use crate::postgres::Database;
use crate::postgres::catalog::{Known, MARK};
use crate::postgres::cell::{cell, params, values};
use crate::postgres::connection::{Connection, Param, Row, Statement};
use crate::postgres::failure::Failure;
use crate::postgres::pool::Loan;
use crate::scan::{self, BatchBuilder, Scan};
use crate::select::{Count, Filter, JsonPage, Rows, Select};
use crate::sql::{self, Query};
use crate::table::Table;

/// The batches a scan reads ahead.
const AHEAD: usize = 2;
/// Begins to read at one moment.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Database {
    pub(crate) fn read_json(&self, select: &Select, count: Count) -> Result<JsonPage> {
        self.read(&mut self.take()?, &select.table, |connection, known| {
            let table = &known.table;
            let query = sql::select(select, table)?;
            let counting = match count {
                Count::None => None,
                Count::Exact => Some(sql::count(table, select.filter.as_ref())?),
            };
            let columns = JsonColumn::of(&query);
            let mut body = Vec::with_capacity(2048);
            let (mut rows, mut total) = (0, None);
            body.push(b'[');
            run(connection, known, &query, counting.as_ref(), |is_count, row| {
                if is_count {
                    total = row.integer(0).map(i64::unsigned_abs);
                    return Ok(());
                }
                if rows > 0 {
                    body.push(b',');
                }
                rows += 1;
                write_json_row(&mut body, row, &columns)
            })?;
            body.push(b']');
            Ok(JsonPage { body, rows, total })
        })
    }

    pub(crate) fn read_rows(&self, select: &Select) -> Result<Rows> {
        self.read(&mut self.take()?, &select.table, |connection, known| {
            let query = sql::select(select, &known.table)?;
            let mut rows = Vec::new();
            run(connection, known, &query, None, |_, row| {
                rows.push(values(row, query.columns.iter().map(|output| output.column.kind))?);
                Ok(())
            })?;
            Ok(Rows { columns: query.described(), rows })
        })
    }

    pub(crate) fn count(&self, table: &str, filter: Option<&Filter>) -> Result<u64> {
        self.read(&mut self.take()?, table, |connection, known| {
            let query = sql::count(&known.table, filter)?;
            let mut count = 0;
            run(connection, known, &query, None, |_, row| {
                count = row.integer(0).unwrap_or(0).unsigned_abs();
                Ok(())
            })?;
            Ok(count)
        })
    }

    /// A scan has a session and a thread of its own, so that rows are decoded while the caller works on those before.
    pub(crate) fn scan(&self, select: &Select) -> Result<Scan> {
        let mut loan = self.pool.take_long().map_err(|failure| self.failure(failure, &select.table))?;
        // The moment of the call is held by a transaction, in which the mark is looked at too.
        let (schema, source) = self.read(&mut loan, &select.table, |connection, known| {
            let table = unordered(select, &known.table);
            let query = sql::select(select, &table)?;
            let schema = scan::schema(&query.columns);
            let source = Source {
                name: Arc::clone(&self.name),
                table: table.name.clone(),
                columns: query.columns.iter().map(|output| (output.column.name.clone(), output.column.kind)).collect(),
                batch: BatchBuilder::new(Arc::clone(&schema), query.columns.iter().map(|output| output.column.kind)),
                params: params(&query)?,
                sql: query.sql,
            };
            enter(connection, std::slice::from_ref(known))?;
            Ok((schema, source))
        })?;
        let cancel = loan.cancel();
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = thread::Builder::new()
            .name("taipan-scan".to_owned())
            .spawn(move || source.run(loan, &sender))
            .map_err(|error| Error::new(ErrorKind::Io(format!("no thread to read with: {error}"))).because(error))?;
        Ok(Scan::new(schema, receiver, move || {
            let is_early = !thread.is_finished();
            if is_early {
                cancel.send();
            }
            // The session leaves the thread only here, after the cancelling, and does not go back to the pool then: a
            // late one would hit its next user.
            if let Ok(mut loan) = thread.join() {
                loan.is_cancelled |= is_early;
            }
        }))
    }
}

/// The table without an order of its own, where a scan asks for none and takes all: sorting what lies in order already
/// would cost as much as reading it.
fn unordered(select: &Select, table: &Arc<Table>) -> Arc<Table> {
    if select.limit.is_some() || select.offset > 0 || table.own_order.is_empty() {
        return Arc::clone(table);
    }
    Arc::new(Table { own_order: Vec::new(), ..Table::clone(table) })
}

/// Begins to read tables at one moment, at which they are as known.
pub(super) fn enter(connection: &mut Connection, knowns: &[Known]) -> Result<(), Failure> {
    let locks: Vec<String> = knowns.iter().map(lock).collect();
    let mut statements: Vec<Statement<'_>> = vec![Statement::new(BEGIN)];
    statements.extend(locks.iter().map(|lock| Statement::new(lock)));
    statements.extend(knowns.iter().map(|known| -> Statement<'_> { mark(known) }));
    let mut same = 0;
    let entered = connection.run(&statements, |statement, row| {
        let known = statement.checked_sub(1 + knowns.len()).and_then(|at| knowns.get(at));
        same += usize::from(known.is_some_and(|known| row.text(0).as_deref() == Some(&*known.mark)));
        Ok(())
    });
    match entered {
        Ok(_) if same == knowns.len() => Ok(()),
        other => {
            if !connection.is_broken() && connection.in_transaction() {
                connection.batch("ROLLBACK")?;
            }
            Err(other.err().unwrap_or(Failure::Stale))
        }
    }
}

/// Holds a table before the moment of the read is chosen: what takes its name later has no rows at that moment. A view
/// cannot be held, and its rows are others' anyway.
fn lock(known: &Known) -> String {
    if known.table.is_view {
        return "SELECT WHERE FALSE".to_owned();
    }
    format!("LOCK TABLE {} IN ACCESS SHARE MODE", known.table.relation)
}

pub(super) fn mark(known: &Known) -> Statement<'static> {
    Statement::with(MARK, vec![Param::text(known.table.relation.clone())])
}

/// Runs a query of a table, and maybe one that counts, at one moment at which the table is as known. The sink is told
/// whether a row is the count.
fn run(
    connection: &mut Connection,
    known: &Known,
    query: &Query<'_>,
    count: Option<&Query<'_>>,
    mut sink: impl FnMut(bool, Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let main = Statement::with(&query.sql, params(query)?);
    let lock = lock(known);
    let mut statements = vec![mark(known), main];
    let mut first = 0;
    if let Some(count) = count {
        statements.splice(0..0, [Statement::new(BEGIN), Statement::new(&lock)]);
        statements.push(Statement::with(&count.sql, params(count)?));
        statements.push(Statement::new("COMMIT"));
        first = 2;
    }
    let mut is_stale = false;
    let ran = connection.run(&statements, |statement, row| {
        if statement == first {
            is_stale = row.text(0).as_deref() != Some(&*known.mark);
            return Ok(());
        }
        // The rest is read past.
        if is_stale { Ok(()) } else { sink(statement == first + 2, row) }
    });
    if !connection.is_broken() && connection.in_transaction() {
        connection.batch("ROLLBACK")?;
    }
    match ran {
        _ if is_stale => Err(Failure::Stale),
        Ok(_) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Appends a row as an object.
#[inline]
pub(super) fn write_json_row(body: &mut Vec<u8>, row: Row<'_>, columns: &[JsonColumn<'_>]) -> Result<(), Failure> {
    let mut is_first = true;
    for (column, bytes) in columns.iter().zip(row.cells()) {
        column.write(body, is_first, cell(column.kind(), bytes)?);
        is_first = false;
    }
    body.push(b'}');
    Ok(())
}

/// What a scan's thread reads.
struct Source {
    name: Arc<str>,
    table: String,
    columns: Vec<(String, Kind)>,
    batch: BatchBuilder,
    sql: String,
    params: Vec<Param>,
}

impl Source {
    fn run(mut self, mut loan: Loan, sender: &SyncSender<Result<RecordBatch>>) -> Loan {
        match self.send(&mut loan, sender) {
            Ok(()) | Err(Failure::Enough) => {}
            Err(Failure::Own(error)) => {
                let _ = sender.send(Err(error));
            }
            Err(failure) => {
                // Where nobody listens any more, the error is that of being cancelled.
                let _ = sender.send(Err(failure.error(&self.table).in_database(&self.name)));
            }
        }
        // What is left of the transaction ends when the loan does.
        if !loan.is_broken() && loan.in_transaction() {
            let _ = loan.batch("ROLLBACK");
        }
        loan
    }

    fn send(&mut self, connection: &mut Connection, sender: &SyncSender<Result<RecordBatch>>) -> Result<(), Failure> {
        let statement = Statement::with(&self.sql, std::mem::take(&mut self.params));
        let Source { table, columns, batch, .. } = self;
        let mut rows = 0;
        connection.run(&[statement], |_, row| {
            rows += 1;
            for (index, ((name, kind), bytes)) in columns.iter().zip(row.cells()).enumerate() {
                let pushed = batch.push(index, cell(*kind, bytes)?);
                pushed.map_err(|error| Failure::Own(error.at(table, name, Some(rows))))?;
            }
            if batch.end_row()
                && let Some(batch) = batch.finish()
                && sender.send(batch).is_err()
            {
                return Err(Failure::Enough);
            }
            Ok(())
        })?;
        if let Some(batch) = batch.finish() {
            let _ = sender.send(batch);
        }
        Ok(())
    }
}
