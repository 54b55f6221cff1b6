//! Changes of rows, made in the order in which they are asked for. Those that wait while one is written are written
//! together: each in a savepoint of its own, all with one commit.

use std::collections::VecDeque;
use std::fmt::Write;
use std::mem;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Result as SqliteResult, Transaction, TransactionBehavior};

use super::Database;
use super::catalog::{self, Catalog};
use super::failure;
use super::read::{Bound, cell};
use crate::document::sql::{self, Statement};
use crate::document::{Document, Form};
use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::kind::Kind;
use crate::mutation::{Change, Done, Mutation, OnConflict, Outcome, Tag, row_tag};
use crate::sql::quoted;
use crate::table::{Column, Table};
use crate::value::Value;

/// The changes that share a commit, at most: later ones should not wait for too many.
const MOST_TOGETHER: usize = 256;
/// The bytes of an answer, at most.
const MOST_RETURNED: usize = 256 << 20;

/// Changes that wait to be made.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Mutation, Done)>,
    has_worker: bool,
}

/// The rows of a change by what tells them apart: their row id, or their primary key.
struct Keys {
    columns: Vec<String>,
    /// An array of values, or of arrays where there are several columns.
    json: Vec<u8>,
    count: u64,
}

impl Database {
    /// Makes a change and waits until it is on the disk.
    pub(crate) fn mutate(&self, mutation: Mutation) -> Result<Outcome> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let done: Done = Box::new(move |outcome| drop(sender.send(outcome)));
        if self.submit(mutation, done) {
            self.work();
        }
        receiver.recv().unwrap_or_else(|_| Err(Error::unsupported("the change was given up")))
    }

    /// Puts a change in the queue. True if nobody works on that: then the caller must see to it that [`work`](Self::work)
    /// is called.
    pub(crate) fn submit(&self, mutation: Mutation, done: Done) -> bool {
        let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.push_back((mutation, done));
        !mem::replace(&mut state.has_worker, true)
    }

    /// Makes changes until none waits.
    pub(crate) fn work(&self) {
        /// Lets another go on where this one panics.
        struct Leave<'a>(&'a Queue);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.state.lock().unwrap_or_else(PoisonError::into_inner).has_worker = false;
                }
            }
        }
        let _leave = Leave(&self.queue);
        loop {
            let group: Vec<(Mutation, Done)> = {
                let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
                let most = state.waiting.len().min(MOST_TOGETHER);
                if most == 0 {
                    state.has_worker = false;
                    return;
                }
                state.waiting.drain(..most).collect()
            };
            let (mutations, done): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            for (outcome, done) in self.make(&mutations).into_iter().zip(done) {
                done(outcome);
            }
        }
    }

    fn make(&self, mutations: &[Mutation]) -> Vec<Result<Outcome>> {
        match self.make_together(mutations) {
            Ok(outcomes) => outcomes,
            Err(error) if mutations.len() == 1 => vec![Err(error)],
            // What broke the commit is told apart by making each by itself.
            Err(_) => mutations
                .iter()
                .map(|mutation| {
                    let alone = self.make_together(std::slice::from_ref(mutation));
                    alone.and_then(|mut outcomes| outcomes.pop().unwrap_or_else(|| Ok(Outcome::default())))
                })
                .collect(),
        }
    }

    fn make_together(&self, mutations: &[Mutation]) -> Result<Vec<Result<Outcome>>> {
        let writer = self.writer()?;
        self.readers.leave_moments();
        let failed = |error| self.failure(error);
        let transaction = Transaction::new_unchecked(&writer, TransactionBehavior::Immediate).map_err(failed)?;
        let version = catalog::version(&transaction).map_err(failed)?;
        let catalog = self.catalog(&transaction, version)?;
        let mut outcomes = Vec::with_capacity(mutations.len());
        for mutation in mutations {
            transaction.execute_batch("SAVEPOINT one").map_err(failed)?;
            let change = Making { database: self, connection: &transaction, catalog: &catalog, mutation };
            let outcome = change.make();
            if transaction.is_autocommit() {
                // The disk is full, or worse: the database has undone everything.
                return Err(outcome.err().unwrap_or_else(|| Error::unsupported("the change was undone")));
            }
            let end =
                if outcome.is_err() || mutation.rollback { "ROLLBACK TO one; RELEASE one" } else { "RELEASE one" };
            transaction.execute_batch(end).map_err(failed)?;
            outcomes.push(outcome);
        }
        let table = mutations.first().map_or("", |mutation| mutation.table.as_str());
        transaction.commit().map_err(|error| self.refusal(error, table))?;
        Ok(outcomes)
    }
}

/// One change being made.
struct Making<'a> {
    database: &'a Database,
    connection: &'a Connection,
    catalog: &'a Catalog,
    mutation: &'a Mutation,
}

impl Making<'_> {
    fn make(&self) -> Result<Outcome> {
        let table = self.catalog.table(&self.mutation.table)?;
        if table.is_view {
            return Err(Error::unsupported(format!("\"{}\" is a view; it cannot be written", table.name)));
        }
        self.check_tag()?;
        match &self.mutation.change {
            Change::Insert { columns, rows, on_conflict } => self.insert(table, columns, rows, on_conflict.as_ref()),
            Change::Update { values } => self.update(table, values),
            Change::Delete => self.delete(table),
        }
    }

    fn check_tag(&self) -> Result<()> {
        let Some(tag) = &self.mutation.tag else { return Ok(()) };
        let stale = || Err(Error::new(ErrorKind::Stale));
        let mut document = Document::new(&self.mutation.table);
        document.filter.clone_from(&self.mutation.filter);
        document.limit = Some(2);
        let page = self.collect(&document)?;
        match tag {
            Tag::Any if page.rows > 0 => Ok(()),
            Tag::OneOf(_) if page.rows > 1 => Err(Error::unsupported("If-Match needs a filter that takes one row")),
            Tag::OneOf(tags) if page.rows == 1 => {
                let object = page.body.get(1..page.body.len().saturating_sub(1)).unwrap_or_default();
                let now = row_tag(object);
                if tags.contains(&now) { Ok(()) } else { stale() }
            }
            _ => stale(),
        }
    }

    fn insert(
        &self,
        table: &Table,
        columns: &[String],
        rows: &[Vec<Option<Value>>],
        on_conflict: Option<&OnConflict>,
    ) -> Result<Outcome> {
        let targets = columns.iter().map(|name| writable(table, name)).collect::<Result<Vec<_>>>()?;
        let conflict = on_conflict.map(|on| Conflict::new(table, on)).transpose()?;
        let mut keys = Keys::of(table)?;
        let mut outcome = Outcome::default();
        let mut text = String::new();
        let mut shape: Option<Vec<bool>> = None;
        for (number, row) in rows.iter().enumerate() {
            let given: Vec<bool> = row.iter().map(Option::is_some).collect();
            if shape.as_ref() != Some(&given) {
                text = insert_text(table, &targets, &given, conflict.as_ref(), &keys);
                shape = Some(given);
            }
            let number = Some(number as u64 + 1);
            let mut values = Vec::with_capacity(row.len());
            for (column, value) in targets.iter().zip(row) {
                if let Some(value) = value {
                    values.push(stored_as(value, column).map_err(|e| e.at(&table.name, &column.name, number))?);
                }
            }
            let is_new = match &conflict {
                Some(conflict) => !self.is_there(table, conflict, &targets, row)?,
                None => true,
            };
            let added = self.run(&text, &values, &mut keys).map_err(|error| self.refused(error, table, number))?;
            outcome.affected += added;
            outcome.created += if is_new { added } else { 0 };
        }
        if rows.len() == 1 && outcome.affected == 1 {
            outcome.key = self.key(table, &keys)?;
        }
        self.finish(outcome, Some(&keys))
    }

    /// Whether a row is there already.
    fn is_there(
        &self,
        table: &Table,
        conflict: &Conflict<'_>,
        targets: &[&Column],
        row: &[Option<Value>],
    ) -> Result<bool> {
        let mut text = format!("SELECT 1 FROM main.{} WHERE ", quoted(&table.name));
        let mut values = Vec::new();
        for (index, column) in conflict.columns.iter().enumerate() {
            let at = targets.iter().position(|target| target.name == column.name);
            let Some(Some(value)) = at.and_then(|at| row.get(at)) else { return Ok(false) };
            let _ = write!(text, "{}{} = ?", if index > 0 { " AND " } else { "" }, quoted(&column.name));
            values.push(stored_as(value, column)?);
        }
        let found = || -> SqliteResult<bool> {
            let mut statement = self.connection.prepare_cached(&text)?;
            bind(&mut statement, &values)?;
            Ok(statement.raw_query().next()?.is_some())
        };
        found().map_err(|error| self.database.failure(error))
    }

    fn update(&self, table: &Table, values: &[(String, Value)]) -> Result<Outcome> {
        let mut keys = Keys::of(table)?;
        let (rows, mut bound) = self.rows(&keys)?;
        let mut text = format!("UPDATE main.{} AS t SET ", quoted(&table.name));
        for (index, (name, value)) in values.iter().enumerate() {
            let column = writable(table, name)?;
            bound.push(stored_as(value, column).map_err(|error| error.at(&table.name, name, None))?);
            let _ = write!(text, "{}{} = ?{}", if index > 0 { ", " } else { "" }, quoted(name), bound.len());
        }
        let mut affected = 0;
        if !values.is_empty() {
            let _ = write!(text, " WHERE {rows} RETURNING {}", keys.columns.join(", "));
            affected = self.run(&text, &bound, &mut keys).map_err(|error| self.refused(error, table, None))?;
        }
        self.finish(Outcome { affected, ..Outcome::default() }, Some(&keys))
    }

    fn delete(&self, table: &Table) -> Result<Outcome> {
        let mut keys = Keys::of(table)?;
        let (rows, bound) = self.rows(&keys)?;
        // What is gone cannot be read.
        let before = self.finish(Outcome::default(), None)?;
        let text =
            format!("DELETE FROM main.{} AS t WHERE {rows} RETURNING {}", quoted(&table.name), keys.columns.join(", "));
        let affected = self.run(&text, &bound, &mut keys).map_err(|error| self.refused(error, table, None))?;
        self.check_most(affected)?;
        Ok(Outcome { affected, ..before })
    }

    /// The condition that takes the rows of the change, and its values.
    fn rows(&self, keys: &Keys) -> Result<(String, Vec<Value>)> {
        let mut document = Document::new(&self.mutation.table);
        document.filter.clone_from(&self.mutation.filter);
        let (from, values) = sql::condition(&document, &|name| self.catalog.table(name).cloned())?;
        let names: Vec<String> = keys.columns.iter().map(|name| format!("t.{name}")).collect();
        let list = names.join(", ");
        Ok((format!("({list}) IN (SELECT {list}{from})"), values))
    }

    /// Runs a statement that returns keys.
    fn run(&self, text: &str, values: &[Value], keys: &mut Keys) -> SqliteResult<u64> {
        let mut statement = self.connection.prepare_cached(text)?;
        bind(&mut statement, values)?;
        let mut cursor = statement.raw_query();
        let before = keys.count;
        while let Some(row) = cursor.next()? {
            keys.push(row)?;
        }
        Ok(keys.count - before)
    }

    /// Reads what is wanted of the rows changed.
    fn finish(&self, mut outcome: Outcome, keys: Option<&Keys>) -> Result<Outcome> {
        self.check_most(outcome.affected)?;
        let read = |document: &Document| {
            if let Some(keys) = keys {
                return self.collect_keyed(document, keys);
            }
            let mut document = document.clone();
            document.filter.clone_from(&self.mutation.filter);
            self.collect(&document)
        };
        if let Some(document) = &self.mutation.returning {
            outcome.returned = Some(read(document)?);
        }
        if self.mutation.observed {
            outcome.observed = Some(read(&Document::new(&self.mutation.table))?.body);
        }
        Ok(outcome)
    }

    fn check_most(&self, affected: u64) -> Result<()> {
        match self.mutation.most {
            Some(most) if affected > most => Err(Error::new(ErrorKind::TooMany { affected, most })),
            _ => Ok(()),
        }
    }

    fn collect(&self, document: &Document) -> Result<crate::JsonPage> {
        self.database.collect(self.connection, self.catalog, document, Form::Json, MOST_RETURNED)
    }

    fn collect_keyed(&self, document: &Document, keys: &Keys) -> Result<crate::JsonPage> {
        let mut json = keys.json.clone();
        json.push(b']');
        let json = String::from_utf8_lossy(&json).into_owned();
        let tables = |name: &str| self.catalog.table(name).cloned();
        let statement = sql::keyed(document, &tables, &keys.columns, json)?;
        self.database.collect_statement(self.connection, self.catalog, document, &statement, Form::Json, MOST_RETURNED)
    }

    /// The primary key of the one row.
    fn key(&self, table: &Table, keys: &Keys) -> Result<Vec<(String, Value)>> {
        let columns: Vec<&Column> = table.primary_key().collect();
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let mut document = Document::new(&table.name);
        document.fields = columns.iter().map(|column| crate::document::Field::column(&column.name)).collect();
        let tables = |name: &str| self.catalog.table(name).cloned();
        let json = format!("{}]", String::from_utf8_lossy(&keys.json));
        let Statement { sql, values, .. } = sql::keyed(&document, &tables, &keys.columns, json)?;
        let read = || -> SqliteResult<Vec<(String, Value)>> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            bind(&mut statement, &values)?;
            let mut cursor = statement.raw_query();
            let Some(row) = cursor.next()? else { return Ok(Vec::new()) };
            let value = |(index, column): (usize, &&Column)| {
                Ok((column.name.clone(), cell(row.get_ref(index)?).value(column.kind)))
            };
            columns.iter().enumerate().map(value).collect()
        };
        read().map_err(|error| self.database.failure(error))
    }

    fn refused(&self, error: rusqlite::Error, table: &Table, row: Option<u64>) -> Error {
        match failure::violation(&error, &table.name) {
            Some((violation, column)) => {
                let table = table.name.clone();
                Error::new(ErrorKind::Constraint { table, column, value: None, row, violation }).because(error)
            }
            None => self.database.failed(error),
        }
    }
}

impl Keys {
    fn of(table: &Table) -> Result<Self> {
        let columns: Vec<String> =
            table.own_order.iter().map(|name| name.strip_prefix("t.").unwrap_or(name).to_owned()).collect();
        if columns.is_empty() {
            return Err(Error::unsupported(format!("the rows of \"{}\" cannot be told apart", table.name)));
        }
        Ok(Keys { columns, json: vec![b'['], count: 0 })
    }

    fn push(&mut self, row: &rusqlite::Row<'_>) -> SqliteResult<()> {
        if self.count > 0 {
            self.json.push(b',');
        }
        self.count += 1;
        let single = self.columns.len() == 1;
        for index in 0..self.columns.len() {
            self.json.extend_from_slice(if single {
                b""
            } else if index == 0 {
                b"["
            } else {
                b","
            });
            let kind = match row.get_ref(index)?.data_type() {
                rusqlite::types::Type::Text => Kind::Text,
                _ => Kind::Real,
            };
            json::write_cell(&mut self.json, kind, cell(row.get_ref(index)?));
        }
        self.json.extend_from_slice(if single { b"" } else { b"]" });
        Ok(())
    }
}

/// The columns by which rows conflict, and what then happens.
struct Conflict<'t> {
    columns: Vec<&'t Column>,
    merge: bool,
}

impl<'t> Conflict<'t> {
    fn new(table: &'t Table, on: &OnConflict) -> Result<Self> {
        let columns: Vec<&Column> = if on.columns.is_empty() {
            table.primary_key().collect()
        } else {
            on.columns.iter().map(|name| table.column(name)).collect::<Result<_>>()?
        };
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let is_unique =
            |set: &Vec<String>| set.len() == names.len() && set.iter().all(|name| names.contains(&name.as_str()));
        if names.is_empty() || !table.unique.iter().any(is_unique) {
            return Err(Error::new(ErrorKind::NotUnique { table: table.name.clone(), columns: names.join(", ") }));
        }
        Ok(Conflict { columns, merge: on.merge })
    }
}

/// The statement that inserts a row with values in some of the columns.
fn insert_text(
    table: &Table,
    targets: &[&Column],
    given: &[bool],
    conflict: Option<&Conflict<'_>>,
    keys: &Keys,
) -> String {
    let columns: Vec<&Column> =
        targets.iter().zip(given).filter(|(_, given)| **given).map(|(column, _)| *column).collect();
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let mut text = format!("INSERT INTO main.{} ", quoted(&table.name));
    if names.is_empty() {
        text.push_str("DEFAULT VALUES");
    } else {
        let _ = write!(text, "({}) VALUES ({})", names.join(", "), vec!["?"; names.len()].join(", "));
    }
    if let Some(conflict) = conflict.filter(|_| !names.is_empty()) {
        let on: Vec<String> = conflict.columns.iter().map(|column| quoted(&column.name)).collect();
        let set: Vec<String> = names.iter().filter(|name| !on.contains(name)).cloned().collect();
        let _ = write!(text, " ON CONFLICT ({}) DO ", on.join(", "));
        if conflict.merge && !set.is_empty() {
            let set: Vec<String> = set.iter().map(|name| format!("{name} = excluded.{name}")).collect();
            let _ = write!(text, "UPDATE SET {}", set.join(", "));
        } else {
            text.push_str("NOTHING");
        }
    }
    let _ = write!(text, " RETURNING {}", keys.columns.join(", "));
    text
}

fn writable<'t>(table: &'t Table, name: &str) -> Result<&'t Column> {
    let column = table.column(name)?;
    if column.generated {
        let what = format!("table \"{}\", column \"{name}\": it is computed and cannot be written", table.name);
        return Err(Error::unsupported(what));
    }
    Ok(column)
}

/// A value as a column holds it; nothing is rounded or guessed.
fn stored_as(value: &Value, column: &Column) -> Result<Value> {
    if let (Value::Real(real), Kind::Integer) = (value, column.kind) {
        let whole = real.fract() == 0.0 && real.abs() < 9e18;
        let refused = || Error::invalid_value(&real.to_string(), column.kind.described());
        return if whole { Ok(Value::Integer(*real as i64)) } else { Err(refused()) };
    }
    let value = value.coerce(column.kind)?.into_owned();
    Ok(match value {
        // SQLite has no NaN; it would store a null where none may be meant.
        Value::Real(real) if real.is_nan() => return Err(Error::invalid_value("NaN", column.kind.described())),
        Value::Integer(value) if column.kind == Kind::Real => Value::Real(value as f64),
        other => other,
    })
}

fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value]) -> SqliteResult<()> {
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Bound(value.cell()))?;
    }
    Ok(())
}
