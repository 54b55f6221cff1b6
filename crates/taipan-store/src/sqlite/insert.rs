//! Writing a table from Arrow batches in one transaction.

use std::fmt::Write;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

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
use crate::sqlite::image::{Encoded, Encoder};
use crate::sqlite::read::Bound;
use crate::sqlite::transfer::{self, Loaded, Transfer};
use crate::sqlite::writer::Writer;
use crate::sqlite::{Database, failure};
use crate::table::Table;
use crate::target::{self, Target};
use crate::write::{self, Kept, Mode, NewColumns, Refuse, WriteError, WriteOptions};

/// The values that one INSERT binds, about: more rows a statement save calls, too many lose the processor's cache.
const VALUES: usize = 250;
/// The bytes of a batch that are encoded at once, about.
const PART_BYTES: usize = 4 << 20;

/// A table being written. Dropped without `finish`, nothing was written.
pub(crate) struct TableWrite<'c> {
    database: &'c Database,
    // The statements go before the transaction that they run in.
    many: Statement<'c>,
    many_rows: usize,
    one: Statement<'c>,
    layout: Arc<Layout>,
    /// The column that is the row's id, for which SQLite would make up a value where there is none.
    row_id: Option<usize>,
    indexes: Vec<String>,
    origin: Option<Origin>,
    catalog: Arc<Catalog>,
    /// Rows written.
    rows: u64,
    /// Rows that came, those refused among them.
    seen: u64,
    transaction: Transaction<'c>,
    /// By which many rows are written at once, where the table is such; behind the transaction, which it outlives.
    pub(super) transfer: Option<Transfer<'c>>,
}

/// The table and its columns that are written.
struct Layout {
    table: String,
    columns: Vec<Target>,
}

/// Rows that are encoded and wait to be written.
struct Waiting {
    cells: Vec<Cells>,
    rows: usize,
    /// The rows that came before them.
    before: u64,
    encoder: Encoder,
    encoded: Encoded,
}

impl Layout {
    /// The columns of a batch in the shapes in which they are written.
    fn cells(&self, batch: &RecordBatch, rows_before: u64) -> Result<Vec<Cells>> {
        let same = batch.schema_ref().fields().iter().map(|field| field.data_type());
        if !same.eq(self.columns.iter().map(|target| &target.data_type)) {
            let what = format!("table \"{}\": a batch has not the schema of the rest", self.table);
            return Err(Error::unsupported(what));
        }
        let cells = |(target, array): (&Target, _)| {
            let place = Place { table: &self.table, column: &target.name, rows_before };
            Cells::new(place, array, target.kind)
        };
        self.columns.iter().zip(batch.columns()).map(cells).collect()
    }
}

/// A batch in parts that make an image each, about; at least one.
fn parts(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    let bytes: usize = batch.columns().iter().filter_map(|array| array.to_data().get_slice_memory_size().ok()).sum();
    let least = transfer::LEAST.div_ceil(batch.num_columns().max(1));
    let each = rows.div_ceil(bytes.div_ceil(PART_BYTES).max(1)).max(least);
    (0..rows.max(1)).step_by(each).map(move |from| batch.slice(from, each.min(rows - from)))
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
        // A key that is not the row's id has an index, whose records an image does not hold.
        let transfer = (key.is_some() == row_id.is_some()).then(|| {
            let create = create(name, &columns, key).replacen("main.", "", 1);
            let columns = columns.iter().map(|target| (target.kind, target.nullable)).collect();
            Transfer::new(self, (name, create), columns, row_id)
        });
        let many_rows = (VALUES / columns.len()).max(1);
        Ok(TableWrite {
            database: self.database,
            many: self.prepare(&insert(name, &columns, many_rows)).map_err(failed)?,
            many_rows,
            one: self.prepare(&insert(name, &columns, 1)).map_err(failed)?,
            layout: Arc::new(Layout { table: name.to_owned(), columns }),
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
    /// Inserts the rows of all batches. While those of one are written, those of the next are encoded.
    pub(crate) fn push_all<E>(
        &mut self,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
    ) -> Result<(), WriteError<E>> {
        let mut waiting = None;
        for batch in batches {
            let batch = batch.map_err(WriteError::Input)?;
            for part in parts(&batch) {
                waiting = self.push_behind(waiting, &part)?;
            }
        }
        Ok(self.write_waiting(waiting)?)
    }

    /// Inserts rows that wait, and returns those of a part as rows that wait.
    fn push_behind(&mut self, waiting: Option<Waiting>, part: &RecordBatch) -> Result<Option<Waiting>> {
        let (before, rows) = (self.seen, part.num_rows());
        self.seen += rows as u64;
        self.rows += rows as u64;
        let Some(mut encoder) = self.transfer.as_mut().and_then(|transfer| transfer.spare(rows)) else {
            self.write_waiting(waiting)?;
            self.insert(part, before)?;
            return Ok(None);
        };
        let layout = Arc::clone(&self.layout);
        let encode = move || {
            let cells = layout.cells(part, before)?;
            let encoded = encoder.encode(&cells, 0..rows);
            Ok(Waiting { cells, rows, before, encoder, encoded })
        };
        thread::scope(|scope| {
            let encoding =
                thread::Builder::new().name("taipan-encode".to_owned()).spawn_scoped(scope, encode).map_err(
                    |error| Error::new(ErrorKind::Io(format!("no thread to encode with: {error}"))).because(error),
                )?;
            self.write_waiting(waiting)?;
            encoding.join().unwrap_or_else(|panic| resume_unwind(panic)).map(Some)
        })
    }

    fn write_waiting(&mut self, waiting: Option<Waiting>) -> Result<()> {
        let Some(Waiting { cells, rows, before, encoder, encoded }) = waiting else { return Ok(()) };
        if let Some(transfer) = &mut self.transfer {
            transfer.take(encoder, encoded);
        }
        self.write_cells(&cells, rows, before)
    }

    /// As [`push_all`](Self::push_all), of one batch.
    #[cfg(test)]
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let only = std::iter::once(Ok::<_, std::convert::Infallible>(batch.clone()));
        self.push_all(only).map_err(|WriteError::Store(error)| error)
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
        let cells = self.layout.cells(batch, before)?;
        self.write_cells(&cells, batch.num_rows(), before)
    }

    fn write_cells(&mut self, cells: &[Cells], end: usize, before: u64) -> Result<()> {
        if let Some(key) = self.row_id
            && let Some(row) = cells.get(key).and_then(Cells::first_null)
        {
            let column = Some(self.layout.columns[key].name.clone());
            return Err(self.constraint(Violation::Null, column, cells, (row, before)));
        }
        let mut row = 0;
        while let Some(transfer) = &mut self.transfer
            && let Some(Loaded { moved, inserted }) = transfer.load(cells, row..end)
        {
            let rest = row + moved;
            if moved > 0 {
                match transfer.run() {
                    Ok(()) => {}
                    // One of these rows breaks a rule; row by row tells which.
                    Err(error) if failure::violation(&error, &self.layout.table).is_some() => {
                        self.insert_rows(cells, row..rest, before)?;
                    }
                    Err(error) => return Err(self.database.failure(error)),
                }
            }
            row = rest + inserted;
            self.insert_rows(cells, rest..row, before)?;
        }
        self.insert_rows(cells, row..end, before)
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
                    Err(error) if failure::violation(&error, &self.layout.table).is_some() => {}
                    Err(error) => return Err(self.database.failure(error)),
                }
            }
            let next = next.min(end);
            for row in row..next {
                if let Err(error) = execute(&mut self.one, cells, row..row + 1) {
                    return Err(match failure::violation(&error, &self.layout.table) {
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
        let TableWrite { database, many, one, layout, indexes, origin, catalog, rows, transaction, .. } = self;
        drop((many, one));
        let table = &layout.table;
        let finish = || {
            for column in &indexes {
                index(&transaction, table, column)?;
            }
            match kept.origin.or(origin) {
                Some(origin) => catalog.keep_origin(&transaction, table, origin, rows)?,
                None => catalog.forget_origin(&transaction, table)?,
            }
            for artifact in &kept.artifacts {
                catalog.keep_artifact(&transaction, artifact)?;
            }
            transaction.commit()
        };
        finish().map_err(|error| database.refusal(error, table))?;
        Ok(rows)
    }

    fn constraint(
        &self,
        violation: Violation,
        column: Option<String>,
        cells: &[Cells],
        (row, before): (usize, u64),
    ) -> Error {
        let position = column.as_ref().and_then(|column| self.layout.columns.iter().position(|at| at.name == *column));
        let value = match violation {
            Violation::Null => None,
            _ => position.and_then(|at| cells.get(at)).map(|cells| shorten(&cells.cell(row).text())),
        };
        let row = Some(before + row as u64 + 1);
        Error::new(ErrorKind::Constraint { table: self.layout.table.clone(), column, value, row, violation })
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
