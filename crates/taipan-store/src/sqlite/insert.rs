//! Writing a table from Arrow batches in one transaction.

use std::fmt::Write;
use std::ops::Range;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use rusqlite::{Statement, Transaction};

use crate::cells::{Cells, Place};
use crate::error::{Error, ErrorKind, Result, Violation, shorten};
use crate::kind::Kind;
use crate::names;
use crate::origin::Origin;
use crate::sql::quoted;
use crate::sqlite::catalog::Catalog;
use crate::sqlite::read::Bound;
use crate::sqlite::transfer::{Loaded, Transfer};
use crate::sqlite::writer::Writer;
use crate::sqlite::{Database, failure};
use crate::table::Table;
use crate::target::{self, Target};
use crate::write::{self, Kept, Mode, NewColumns, Refuse, WriteError, WriteOptions};

/// The values that one INSERT binds, about: more rows a statement save calls, too many lose the processor's cache.
const VALUES: usize = 250;

/// A table being written. Dropped without `finish`, nothing was written.
pub(crate) struct TableWrite<'c> {
    database: &'c Database,
    // The statements go before the transaction that they run in.
    many: Statement<'c>,
    many_rows: usize,
    one: Statement<'c>,
    table: String,
    columns: Vec<Target>,
    /// The column that is the row's id, for which SQLite would make up a value where there is none.
    row_id: Option<usize>,
    indexes: Vec<String>,
    origin: Option<Origin>,
    catalog: std::sync::Arc<Catalog>,
    /// Rows written.
    rows: u64,
    /// Rows that came, those refused among them.
    seen: u64,
    transaction: Transaction<'c>,
    /// By which many rows are written at once, where the table is such; behind the transaction, which it outlives.
    pub(super) transfer: Option<Transfer<'c>>,
}

impl Writer<'_> {
    /// Begins to write a table, maybe past the rows that are refused.
    pub(crate) fn write_table(
        &self,
        name: &str,
        schema: &Schema,
        options: &WriteOptions,
        past_refused: bool,
    ) -> Result<TableWrite<'_>> {
        names::check_table(name)?;
        let mut columns = target::targets(name, schema)?;
        for wanted in options.primary_key.iter().chain(&options.indexes) {
            target::check_column(name, &columns, wanted)?;
        }
        let (transaction, catalog) = self.begin()?;
        let failed = |error| self.database.refusal(error, name);
        let existing = existing(&catalog, name, options.mode)?;
        if past_refused && options.mode == Mode::Append {
            // Judged at the end, a reference to a row that is not there would be no single row's fault.
            transaction.pragma_update(None, "defer_foreign_keys", false).map_err(failed)?;
        }
        let (row_id, key) = match existing {
            Some(table) if options.mode == Mode::Append => {
                let adds = options.new_columns == NewColumns::Add;
                for target in &mut columns {
                    if adds && table.column(&target.name).is_err() {
                        transaction.execute_batch(&add_column(name, target)).map_err(failed)?;
                    } else {
                        target::fit(table, std::slice::from_mut(target))?;
                    }
                }
                (row_id(table, &columns), table.primary_key().next().map(|key| &*key.name))
            }
            _ => {
                if existing.is_some() {
                    transaction.execute_batch(&format!("DROP TABLE main.{}", quoted(name))).map_err(failed)?;
                }
                let key = options.primary_key.as_deref();
                transaction.execute_batch(&create(name, &columns, key)).map_err(failed)?;
                let is_row_id = |target: &Target| Some(&*target.name) == key && target.kind == Kind::Integer;
                (columns.iter().position(is_row_id), key)
            }
        };
        let transfer = if key.is_some() == row_id.is_some() {
            let create = create(name, &columns, key).replacen("main.", "", 1);
            let columns: Vec<_> = columns.iter().map(|target| (target.kind, target.nullable)).collect();
            Transfer::new(self, (name, &create), &columns, row_id).map_err(failed)?
        } else {
            None
        };
        let many_rows = (VALUES / columns.len()).max(1);
        Ok(TableWrite {
            database: self.database,
            many: self.prepare(&insert(name, &columns, many_rows)).map_err(failed)?,
            many_rows,
            one: self.prepare(&insert(name, &columns, 1)).map_err(failed)?,
            table: name.to_owned(),
            columns,
            row_id,
            indexes: options.indexes.clone(),
            origin: options.origin.clone(),
            catalog,
            rows: 0,
            seen: 0,
            transaction,
            transfer,
        })
    }
}

impl TableWrite<'_> {
    /// Inserts the rows of a batch.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        self.insert(batch, self.seen)?;
        self.seen += batch.num_rows() as u64;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Inserts the rows of a batch that are not refused.
    pub(crate) fn push_past<E>(&mut self, batch: &RecordBatch, refuse: Refuse<'_, E>) -> Result<(), WriteError<E>> {
        let seen = self.seen;
        let rows = write::write_past(batch, seen, refuse, |part, before| self.attempt(part, before))?;
        self.seen += batch.num_rows() as u64;
        self.rows += rows;
        Ok(())
    }

    /// Inserts all of these rows or none.
    fn attempt(&mut self, part: &RecordBatch, before: u64) -> Result<()> {
        self.run("SAVEPOINT taipan_part")?;
        let inserted = self.insert(part, before);
        if inserted.is_err() {
            self.run("ROLLBACK TO taipan_part")?;
        }
        self.run("RELEASE taipan_part")?;
        inserted
    }

    fn run(&self, sql: &str) -> Result<()> {
        let run = self.transaction.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        run.map(|_| ()).map_err(|error| self.database.failure(error))
    }

    /// Inserts rows, of which so many came before.
    fn insert(&mut self, batch: &RecordBatch, before: u64) -> Result<()> {
        let same = batch.schema_ref().fields().iter().map(|field| field.data_type());
        if !same.eq(self.columns.iter().map(|target| &target.data_type)) {
            return Err(Error::unsupported(format!(
                "table \"{}\": a batch has not the schema of the rest",
                self.table
            )));
        }
        let mut cells = Vec::with_capacity(self.columns.len());
        for (target, array) in self.columns.iter().zip(batch.columns()) {
            let place = Place { table: &self.table, column: &target.name, rows_before: before };
            cells.push(Cells::new(place, array, target.kind)?);
        }
        if let Some(key) = self.row_id
            && let Some(row) = cells.get(key).and_then(Cells::first_null)
        {
            let column = Some(self.columns[key].name.clone());
            return Err(self.constraint(Violation::Null, column, &cells, (row, before)));
        }
        let (mut row, end) = (0, batch.num_rows());
        while let Some(transfer) = &mut self.transfer
            && let Some(Loaded { moved, inserted }) = transfer.load(&cells, row..end)
        {
            let rest = row + moved;
            if moved > 0 {
                match transfer.run() {
                    Ok(()) => {}
                    // One of these rows breaks a rule; row by row tells which.
                    Err(error) if failure::violation(&error, &self.table).is_some() => {
                        self.insert_rows(&cells, row..rest, before)?;
                    }
                    Err(error) => return Err(self.database.failure(error)),
                }
            }
            row = rest + inserted;
            self.insert_rows(&cells, rest..row, before)?;
        }
        self.insert_rows(&cells, row..end, before)
    }

    /// Inserts rows value by value.
    fn insert_rows(&mut self, cells: &[Cells], rows: Range<usize>, before: u64) -> Result<()> {
        let Range { start: mut row, end } = rows;
        while row < end {
            let next = row + self.many_rows;
            if next <= end {
                match execute(&mut self.many, cells, row..next) {
                    Ok(()) => {
                        row = next;
                        continue;
                    }
                    // As above.
                    Err(error) if failure::violation(&error, &self.table).is_some() => {}
                    Err(error) => return Err(self.database.failure(error)),
                }
            }
            let next = next.min(end);
            for row in row..next {
                if let Err(error) = execute(&mut self.one, cells, row..row + 1) {
                    return Err(match failure::violation(&error, &self.table) {
                        Some((violation, column)) => {
                            self.constraint(violation, column, cells, (row, before)).because(error)
                        }
                        None => self.database.failure(error),
                    });
                }
            }
            row = next;
        }
        Ok(())
    }

    /// The rows written so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Makes the indexes, keeps the records and commits; returns the rows written.
    pub(crate) fn finish(self, kept: Kept) -> Result<u64> {
        let TableWrite { database, many, one, table, indexes, origin, catalog, rows, transaction, .. } = self;
        drop((many, one));
        let finish = || {
            for column in &indexes {
                index(&transaction, &table, column)?;
            }
            match kept.origin.or(origin) {
                Some(origin) => catalog.keep_origin(&transaction, &table, origin, rows)?,
                None => catalog.forget_origin(&transaction, &table)?,
            }
            for artifact in &kept.artifacts {
                catalog.keep_artifact(&transaction, artifact)?;
            }
            transaction.commit()
        };
        finish().map_err(|error| database.refusal(error, &table))?;
        Ok(rows)
    }

    fn constraint(
        &self,
        violation: Violation,
        column: Option<String>,
        cells: &[Cells],
        (row, before): (usize, u64),
    ) -> Error {
        let position = column.as_ref().and_then(|column| self.columns.iter().position(|at| at.name == *column));
        let value = match violation {
            Violation::Null => None,
            _ => position.and_then(|at| cells.get(at)).map(|cells| shorten(&cells.cell(row).text())),
        };
        let row = Some(before + row as u64 + 1);
        Error::new(ErrorKind::Constraint { table: self.table.clone(), column, value, row, violation })
    }
}

fn execute(statement: &mut Statement<'_>, cells: &[Cells], rows: Range<usize>) -> rusqlite::Result<()> {
    let mut parameter = 0;
    for row in rows {
        for cells in cells {
            parameter += 1;
            statement.raw_bind_parameter(parameter, Bound(cells.cell(row)))?;
        }
    }
    statement.raw_execute().map(|_| ())
}

/// The table of this name, if it is there and may be written.
fn existing<'c>(catalog: &'c Catalog, name: &str, mode: Mode) -> Result<Option<&'c Table>> {
    let Some(table) = catalog.find_any_case(name) else { return Ok(None) };
    if table.name != name {
        let reason =
            format!("differs from the table \"{}\" only in case, which SQLite does not tell apart", table.name);
        return Err(Error::invalid_name(name, reason));
    }
    match mode {
        Mode::Create => Err(Error::new(ErrorKind::TableExists { name: name.to_owned() })),
        _ if table.is_view => Err(Error::unsupported(format!("\"{name}\" is a view; it cannot be written"))),
        _ => Ok(Some(table)),
    }
}

/// The column that is the row's id, if the rows have it.
fn row_id(table: &Table, columns: &[Target]) -> Option<usize> {
    let mut keys = table.columns.iter().filter(|column| column.primary_key);
    match (keys.next(), keys.next()) {
        (Some(key), None) if key.kind == Kind::Integer => columns.iter().position(|target| target.name == key.name),
        _ => None,
    }
}

fn create(table: &str, columns: &[Target], key: Option<&str>) -> String {
    let mut sql = format!("CREATE TABLE main.{} (", quoted(table));
    for (index, target) in columns.iter().enumerate() {
        let is_key = key == Some(&*target.name);
        // Writing to a String cannot fail.
        let _ = write!(sql, "{}{} {}", if index == 0 { "" } else { ", " }, quoted(&target.name), target.kind.name());
        sql.push_str(if is_key || !target.nullable { " NOT NULL" } else { "" });
        sql.push_str(if is_key { " PRIMARY KEY" } else { "" });
    }
    sql.push(')');
    sql
}

/// The column may be null, whatever the rows to come have: those that are there have nothing else.
fn add_column(table: &str, target: &Target) -> String {
    format!("ALTER TABLE main.{} ADD COLUMN {} {}", quoted(table), quoted(&target.name), target.kind.name())
}

fn insert(table: &str, columns: &[Target], rows: usize) -> String {
    let names: Vec<String> = columns.iter().map(|target| quoted(&target.name)).collect();
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    format!("INSERT INTO main.{} ({}) VALUES {}", quoted(table), names.join(", "), vec![row; rows].join(", "))
}

/// Makes an index of one column under a name of its own. All names of a database are one space, so that
/// `idx_{table}_{column}` may be taken by another table's.
fn index(transaction: &Transaction<'_>, table: &str, column: &str) -> rusqlite::Result<()> {
    let plain = format!("idx_{table}_{column}");
    let mut taken = transaction.prepare_cached("SELECT tbl_name FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE")?;
    let mut name = plain.clone();
    for number in 2.. {
        let mut rows = taken.query([&name])?;
        match rows.next()? {
            None => break,
            Some(row) if row.get::<_, String>(0)? == table && name == plain => return Ok(()),
            Some(_) => name = format!("{plain}_{number}"),
        }
    }
    transaction.execute_batch(&format!("CREATE INDEX main.{} ON {} ({})", quoted(&name), quoted(table), quoted(column)))
}
