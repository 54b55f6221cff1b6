//! Changes of rows, made in the order in which they are asked for. Those that wait while one is written are written
//! together: each in a savepoint of its own, all with one commit.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Result as SqliteResult, Transaction, TransactionBehavior};

use super::Database;
use super::catalog::{self, Catalog};
use super::failure;
use super::read::{Bound, cell};
use crate::document::sql::Statement;
use crate::document::{Document, Form};
use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::kind::Kind;
use crate::mutation::{Done, Engine, Insert, Keys, Making, Mutation, Outcome};
use crate::select::JsonPage;
use crate::table::Table;
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
            let engine = Writing { database: self, connection: &transaction, catalog: &catalog };
            let outcome = Making { engine, mutation }.make();
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

/// The database in the middle of a group of changes.
struct Writing<'a> {
    database: &'a Database,
    connection: &'a Connection,
    catalog: &'a Catalog,
}

impl Engine for Writing<'_> {
    fn table(&self, name: &str) -> Result<Arc<Table>> {
        self.catalog.table(name).cloned()
    }

    fn insert(&mut self, insert: &Insert<'_>, keys: &mut Keys) -> Result<(u64, u64)> {
        let (mut affected, mut created) = (0, 0);
        for (number, (values, probe)) in insert.rows.iter().enumerate() {
            let number = Some(insert.first + number as u64);
            let is_new = match probe {
                Some(probe) => self.row(probe, &[Kind::Integer])? == [Value::Integer(0)],
                None => true,
            };
            let added = self.run(insert.sql, values, keys);
            let added = added.map_err(|error| self.refused(error, &insert.table.name, number))?;
            affected += added;
            created += if is_new { added } else { 0 };
        }
        Ok((affected, created))
    }

    fn change(&mut self, table: &str, statement: &Statement, keys: &mut Keys) -> Result<u64> {
        self.run(&statement.sql, &statement.values, keys).map_err(|error| self.refused(error, table, None))
    }

    fn collect(&mut self, document: &Document, statement: &Statement, form: Form<'_>) -> Result<JsonPage> {
        let (connection, catalog) = (self.connection, self.catalog);
        self.database.collect_statement(connection, catalog, document, statement, form, MOST_RETURNED)
    }

    fn row(&mut self, statement: &Statement, kinds: &[Kind]) -> Result<Vec<Value>> {
        let read = || -> SqliteResult<Vec<Value>> {
            let mut prepared = self.connection.prepare_cached(&statement.sql)?;
            bind(&mut prepared, &statement.values)?;
            let mut cursor = prepared.raw_query();
            let Some(row) = cursor.next()? else { return Ok(Vec::new()) };
            kinds.iter().enumerate().map(|(index, kind)| Ok(cell(row.get_ref(index)?).value(*kind))).collect()
        };
        read().map_err(|error| self.database.failed(error))
    }
}

impl Writing<'_> {
    /// Runs a statement that returns keys.
    fn run(&self, text: &str, values: &[Value], keys: &mut Keys) -> SqliteResult<u64> {
        let mut statement = self.connection.prepare_cached(text)?;
        bind(&mut statement, values)?;
        let mut cursor = statement.raw_query();
        let before = keys.count;
        while let Some(row) = cursor.next()? {
            push(keys, row)?;
        }
        Ok(keys.count - before)
    }

    fn refused(&self, error: rusqlite::Error, table: &str, row: Option<u64>) -> Error {
        match failure::violation(&error, table) {
            Some((violation, column)) => {
                let table = table.to_owned();
                Error::new(ErrorKind::Constraint { table, column, value: None, row, violation }).because(error)
            }
            None => self.database.failed(error),
        }
    }
}

fn push(keys: &mut Keys, row: &rusqlite::Row<'_>) -> SqliteResult<()> {
    if keys.count > 0 {
        keys.json.push(b',');
    }
    keys.count += 1;
    let single = keys.columns.len() == 1;
    for index in 0..keys.columns.len() {
        keys.json.extend_from_slice(match (single, index) {
            (true, _) => b"",
            (false, 0) => b"[",
            (false, _) => b",",
        });
        let kind = match row.get_ref(index)?.data_type() {
            rusqlite::types::Type::Text => Kind::Text,
            _ => Kind::Real,
        };
        json::write_cell(&mut keys.json, kind, cell(row.get_ref(index)?));
    }
    keys.json.extend_from_slice(if single { b"" } else { b"]" });
    Ok(())
}

fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value]) -> SqliteResult<()> {
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Bound(value.cell()))?;
    }
    Ok(())
}
