//! Writing a table from Arrow batches in one transaction, by COPY.

use std::fmt::Write;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;

use crate::cells::Place;
use crate::error::{Error, ErrorKind, Result, Violation, shorten};
use crate::kind::Kind;
use crate::names;
use crate::postgres::catalog::Catalog;
use crate::postgres::connection::{Connection, Param, Statement};
use crate::postgres::copy::{self, Column};
use crate::postgres::failure::Failure;
use crate::postgres::{Database, bookkeeping};
use crate::schema::{self, LONGEST_PLAIN};
use crate::sql::quoted;
use crate::table::Table;
use crate::target::{self, Target};
use crate::write::{self, Kept, Mode, NewColumns, Refuse, WriteError, WriteOptions};

/// A table that goes waits for those who read it; not for ever, since one of them may be waiting for this.
const BOUNDED: &str = "SET LOCAL lock_timeout = '30s'";

/// The type in which a kind is stored. Text sorts by code point, whatever the database's language; JSON is kept as it is
/// written.
pub(crate) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "bigint",
        Kind::Real => "double precision",
        Kind::Text => "text COLLATE \"C\"",
        Kind::Date => "date",
        Kind::Timestamp => "timestamp",
        Kind::Json => "json",
        Kind::Blob => "bytea",
    }
}

/// Refuses a name that PostgreSQL would cut.
pub(crate) fn check_length(name: &str) -> Result<()> {
    if name.len() <= LONGEST_PLAIN {
        return Ok(());
    }
    Err(Error::invalid_name(name, format!("is longer than the {LONGEST_PLAIN} bytes that PostgreSQL keeps")))
}

impl Database {
    pub(crate) fn write_table<E>(
        &self,
        name: &str,
        schema: &Schema,
        options: &WriteOptions,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
        mut refuse: Option<Refuse<'_, E>>,
        keep: impl FnOnce(u64) -> Result<Kept, E>,
    ) -> Result<u64, WriteError<E>> {
        names::check_table(name)?;
        check_length(name)?;
        let mut columns = target::targets(name, schema)?;
        for column in &columns {
            check_length(&column.name)?;
        }
        for wanted in options.primary_key.iter().chain(&options.indexes) {
            target::check_column(name, &columns, wanted)?;
        }
        let failed = |failure| self.failure(failure, name);
        let mut loan = self.pool.take_long().map_err(failed)?;
        // The session begins anew where the one from the pool is dead; what was rolled back leaves nothing behind.
        self.retried(&mut loan, |connection| connection.batch("BEGIN")).map_err(failed)?;
        let connection: &mut Connection = &mut loan;
        let mut write = self.begin(connection, name, &mut columns, options)?;
        if refuse.is_some() {
            // Judged at the end, a rule that can wait would be broken by no single row.
            connection.batch("SET CONSTRAINTS ALL IMMEDIATE").map_err(failed)?;
        } else {
            write.copy(connection).map_err(failed)?;
        }
        for batch in batches {
            match (batch, &mut refuse) {
                (Ok(batch), None) => write.push(connection, &columns, &batch).map_err(|error| write.placed(error))?,
                (Ok(batch), Some(refuse)) => write.push_past(connection, &columns, &batch, refuse)?,
                (Err(error), _) => {
                    write.give_up(connection).map_err(failed)?;
                    return Err(WriteError::Input(error));
                }
            }
        }
        let kept = match keep(write.rows) {
            Ok(kept) => kept,
            Err(error) => {
                write.give_up(connection).map_err(failed)?;
                return Err(WriteError::Input(error));
            }
        };
        let rows = write.finish(connection, options, &kept)?;
        self.forget_catalog();
        Ok(rows)
    }

    pub(crate) fn drop_table(&self, name: &str) -> Result<()> {
        let table = self.table(name)?;
        let sort = if table.is_view { "VIEW" } else { "TABLE" };
        let mut loan = self.take()?;
        let drop = |connection: &mut Connection| {
            connection.batch(&format!("BEGIN; {BOUNDED}; DROP {sort} {}", table.relation))?;
            bookkeeping::forget_origin(connection, name)?;
            connection.batch("COMMIT")
        };
        drop(&mut loan).map_err(|failure| self.failure(failure, name))?;
        self.forget_catalog();
        Ok(())
    }

    /// Makes the next read look at the tables anew.
    pub(super) fn forget_catalog(&self) {
        let looked = self.with(|connection| self.reflect(connection));
        // The marks tell the next read all the same.
        drop(looked);
    }

    fn begin<'a>(
        &'a self,
        connection: &mut Connection,
        name: &'a str,
        columns: &mut [Target],
        options: &WriteOptions,
    ) -> Result<TableWrite<'a>> {
        let failed = |failure| self.failure(failure, name);
        let catalog = Catalog::reflect(connection).map_err(failed)?;
        let existing = catalog.find(name).map(|known| &*known.table);
        match existing {
            Some(_) if options.mode == Mode::Create => {
                return Err(Error::new(ErrorKind::TableExists { name: name.to_owned() }));
            }
            Some(table) if table.is_view => {
                return Err(Error::unsupported(format!("\"{name}\" is a view; it cannot be written")));
            }
            _ => {}
        }
        let mut replaced = None;
        let key;
        let mut is_binary = true;
        let relation = match existing {
            Some(table) if options.mode == Mode::Append => {
                let adds = options.new_columns == NewColumns::Add;
                for target in &mut *columns {
                    if adds && table.column(&target.name).is_err() {
                        let column = format!("{} {}", quoted(&target.name), type_name(target.kind));
                        let add = format!("ALTER TABLE {} ADD COLUMN {column}", table.relation);
                        connection.batch(&add).map_err(failed)?;
                    } else {
                        target::fit(table, std::slice::from_mut(target))?;
                    }
                }
                is_binary = is_own_types(table, columns);
                key = sole_integer_key(table).filter(|key| columns.iter().any(|target| target.name == *key));
                table.relation.clone()
            }
            _ => {
                // A table in use stays readable until the new one is whole.
                let fresh = match existing {
                    Some(table) => {
                        replaced = Some(table.relation.clone());
                        format!("_taipan_new_{:08x}", schema::fnv(name))
                    }
                    None => name.to_owned(),
                };
                let declared = options.primary_key.as_deref();
                connection.batch(&create(&fresh, columns, declared)).map_err(failed)?;
                key = declared
                    .map(str::to_owned)
                    .filter(|key| columns.iter().any(|target| target.name == *key && target.kind == Kind::Integer));
                quoted(&fresh)
            }
        };
        let listed: Vec<String> = columns.iter().map(|target| quoted(&target.name)).collect();
        let form = if is_binary { "binary" } else { "text" };
        let copy = format!("COPY {relation} ({}) FROM STDIN (FORMAT {form})", listed.join(", "));
        let (table, is_copying) = (name, false);
        Ok(TableWrite { database: self, table, relation, replaced, key, copy, is_binary, is_copying, rows: 0, seen: 0 })
    }
}

/// A table being written.
struct TableWrite<'a> {
    database: &'a Database,
    table: &'a str,
    relation: String,
    /// The table that makes room when this one is whole.
    replaced: Option<String>,
    /// The integer key, which the server counts on from.
    key: Option<String>,
    /// The statement that takes rows.
    copy: String,
    is_binary: bool,
    /// It takes rows at present.
    is_copying: bool,
    /// Rows written.
    rows: u64,
    /// Rows that came, those refused among them.
    seen: u64,
}

impl TableWrite<'_> {
    /// Begins to send rows.
    fn copy(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        connection.copy_in(&self.copy)?;
        self.is_copying = true;
        if self.is_binary {
            connection.copy_data(|out| out.extend_from_slice(copy::HEADER))?;
        }
        Ok(())
    }

    /// Says that all rows were sent.
    fn copied(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        if self.is_binary {
            connection.copy_data(|out| out.extend_from_slice(&copy::TRAILER))?;
        }
        self.is_copying = false;
        connection.copy_done().map(|_| ())
    }

    /// Ends the rows so that none is kept.
    fn give_up(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        if self.is_copying { connection.copy_fail() } else { Ok(()) }
    }

    fn push(&mut self, connection: &mut Connection, columns: &[Target], batch: &RecordBatch) -> Result<()> {
        let cells = match self.cells(columns, batch, self.seen) {
            Ok(cells) => cells,
            Err(error) => return Err(given_up(connection, error)),
        };
        self.send(connection, &cells, batch.num_rows())
            .map_err(|failure| self.database.failure(failure, self.table))?;
        self.seen += batch.num_rows() as u64;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Sends the rows of a batch that are not refused.
    fn push_past<E>(
        &mut self,
        connection: &mut Connection,
        columns: &[Target],
        batch: &RecordBatch,
        refuse: Refuse<'_, E>,
    ) -> Result<(), WriteError<E>> {
        let seen = self.seen;
        let attempt = |part: &RecordBatch, before: u64| self.attempt(connection, columns, part, before);
        let rows = write::write_past(batch, seen, refuse, attempt)?;
        self.seen += batch.num_rows() as u64;
        self.rows += rows;
        Ok(())
    }

    /// Sends all of these rows or none.
    fn attempt(
        &mut self,
        connection: &mut Connection,
        columns: &[Target],
        part: &RecordBatch,
        before: u64,
    ) -> Result<()> {
        let cells = self.cells(columns, part, before)?;
        let mut sent = || {
            connection.batch("SAVEPOINT taipan_part")?;
            self.copy(connection)?;
            self.send(connection, &cells, part.num_rows())?;
            self.copied(connection)?;
            connection.batch("RELEASE SAVEPOINT taipan_part")
        };
        let Err(failure) = sent() else { return Ok(()) };
        self.is_copying = false;
        let row = failure.row().map(|row| before + row);
        let error = self.placed(self.database.failure(failure, self.table)).of_row(row);
        if write::is_of_a_row(&error) {
            let back = "ROLLBACK TO SAVEPOINT taipan_part; RELEASE SAVEPOINT taipan_part";
            connection.batch(back).map_err(|failure| self.database.failure(failure, self.table))?;
        }
        Err(error)
    }

    /// The columns of rows, of which so many came before.
    fn cells(&self, columns: &[Target], batch: &RecordBatch, before: u64) -> Result<Vec<Column>> {
        let same = batch.schema_ref().fields().iter().map(|field| field.data_type());
        if !same.eq(columns.iter().map(|target| &target.data_type)) {
            let message = format!("table \"{}\": a batch has not the schema of the rest", self.table);
            return Err(Error::unsupported(message));
        }
        let column = |(target, array): (&Target, &ArrayRef)| {
            Column::new(Place { table: self.table, column: &target.name, rows_before: before }, array, target.kind)
        };
        columns.iter().zip(batch.columns()).map(column).collect()
    }

    fn send(&self, connection: &mut Connection, cells: &[Column], rows: usize) -> Result<(), Failure> {
        let count = (cells.len() as i16).to_be_bytes();
        let mut row = 0;
        while row < rows {
            connection.copy_data(|out| {
                let end = out.len() + (64 << 10);
                while row < rows && out.len() < end {
                    if self.is_binary {
                        out.extend_from_slice(&count);
                        for column in cells {
                            column.put_binary(out, row);
                        }
                    } else {
                        for (index, column) in cells.iter().enumerate() {
                            if index > 0 {
                                out.push(b'\t');
                            }
                            column.put_text(out, row);
                        }
                        out.push(b'\n');
                    }
                    row += 1;
                }
            })?;
        }
        Ok(())
    }

    /// A broken rule, as an error of the table that was to be written.
    fn placed(&self, mut error: Error) -> Error {
        if let ErrorKind::Constraint { table, value, violation, .. } = error.kind_mut() {
            self.table.clone_into(table);
            if *violation == Violation::Null {
                *value = None;
            }
            if let Some(value) = value {
                *value = shorten(value);
            }
        }
        error
    }

    /// Makes the indexes and commits; returns the rows written.
    fn finish(&mut self, connection: &mut Connection, options: &WriteOptions, kept: &Kept) -> Result<u64> {
        let ended = self.end(connection, options, kept);
        ended.map_err(|failure| self.placed(self.database.failure(failure, self.table)))
    }

    fn end(&mut self, connection: &mut Connection, options: &WriteOptions, kept: &Kept) -> Result<u64, Failure> {
        if self.is_copying {
            self.copied(connection)?;
        }
        if let Some(key) = &self.key {
            let (relation, key) = (&self.relation, quoted(key));
            let sequence = "SELECT setval(pg_get_serial_sequence($1, $2)::regclass, max, true) FROM \
                            (SELECT max(KEY) AS max FROM RELATION) AS m WHERE max > 0 AND \
                            pg_get_serial_sequence($1, $2) IS NOT NULL"
                .replace("KEY", &key)
                .replace("RELATION", relation);
            let name = self.key.clone().unwrap_or_default();
            connection.execute(Statement::with(&sequence, vec![Param::text(relation.clone()), Param::text(name)]))?;
        }
        if let Some(old) = &self.replaced {
            let fresh = &self.relation;
            connection
                .batch(&format!("{BOUNDED}; DROP TABLE {old}; ALTER TABLE {fresh} RENAME TO {}", quoted(self.table)))?;
            let keyed = format!("{}_pkey", fresh.trim_matches('"'));
            if options.primary_key.is_some() {
                // The index of the key keeps the name that the server gave it, after the table's old name.
                let own = schema::Index::default().named(format!("{}_pkey", self.table)).name_on(self.table);
                if own.len() <= LONGEST_PLAIN {
                    let free = "SELECT 1 WHERE to_regclass($1) IS NULL";
                    let is_free = connection.execute(Statement::with(free, vec![Param::text(quoted(&own))]))? == 1;
                    if is_free {
                        connection.batch(&format!("ALTER INDEX {} RENAME TO {}", quoted(&keyed), quoted(&own)))?;
                    }
                }
            }
            self.relation = quoted(self.table);
        }
        for column in &options.indexes {
            index(connection, self.table, &self.relation, column)?;
        }
        match kept.origin.as_ref().or(options.origin.as_ref()) {
            Some(origin) => bookkeeping::keep_origin(connection, self.table, origin.clone(), self.rows)?,
            None => bookkeeping::forget_origin(connection, self.table)?,
        }
        for artifact in &kept.artifacts {
            bookkeeping::keep_artifact(connection, artifact)?;
        }
        connection.batch("COMMIT")?;
        Ok(self.rows)
    }
}

/// Ends the COPY for an error of ours, so that the session can be used again.
fn given_up(connection: &mut Connection, error: Error) -> Error {
    // Where that fails too, the session is closed.
    let _ = connection.copy_fail();
    error
}

fn is_own_types(table: &Table, columns: &[Target]) -> bool {
    columns.iter().all(|target| {
        // One that was added is of its own type.
        table.column(&target.name).map_or(true, |column| {
            column.cast == ("", "") && (column.kind == target.kind || target.data_type == DataType::Null)
        })
    })
}

fn sole_integer_key(table: &Table) -> Option<String> {
    let mut keys = table.columns.iter().filter(|column| column.primary_key);
    match (keys.next(), keys.next()) {
        (Some(key), None) if key.kind == Kind::Integer => Some(key.name.clone()),
        _ => None,
    }
}

fn create(table: &str, columns: &[Target], key: Option<&str>) -> String {
    let mut sql = format!("CREATE TABLE {} (", quoted(table));
    for (index, target) in columns.iter().enumerate() {
        let is_key = key == Some(&*target.name);
        // Writing to a String cannot fail.
        let _ =
            write!(sql, "{}{} {}", if index == 0 { "" } else { ", " }, quoted(&target.name), type_name(target.kind));
        sql.push_str(if is_key || !target.nullable { " NOT NULL" } else { "" });
        sql.push_str(match (is_key, target.kind) {
            (true, Kind::Integer) => " GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            (true, _) => " PRIMARY KEY",
            (false, _) => "",
        });
    }
    sql.push(')');
    sql
}

/// Makes an index of one column under a name of its own. All names of a schema are one space, so that
/// `idx_{table}_{column}` may be taken by another table's.
fn index(connection: &mut Connection, table: &str, relation: &str, column: &str) -> Result<(), Failure> {
    let plain = schema::Index::on([column]).name_on(table);
    let mut name = plain.clone();
    for number in 2.. {
        let mut owner = None;
        let taken = "SELECT coalesce((SELECT t.relname::text FROM pg_catalog.pg_index AS i \
                     JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid WHERE i.indexrelid = c.oid), '') \
                     FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass($1)";
        connection.run(&[Statement::with(taken, vec![Param::text(quoted(&name))])], |_, row| {
            owner = row.text(0);
            Ok(())
        })?;
        match owner {
            None => break,
            Some(owner) if owner == table && name == plain => return Ok(()),
            Some(_) => name = format!("{}_{number}", &plain[..plain.floor_char_boundary(LONGEST_PLAIN - 6)]),
        }
    }
    connection.batch(&format!("CREATE INDEX {} ON {relation} ({})", quoted(&name), quoted(column)))
}
