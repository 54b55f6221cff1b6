//! Documents and changes on PostgreSQL, as far as one table's rows go: nested rows, aggregates and answers of changes are
//! of SQLite alone for now, and are refused by name.

use std::collections::VecDeque;
use std::mem;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use crate::console::{ConsoleAnswer, ConsoleLimits};
use crate::document::{Document, Form};
use crate::error::{Error, Result};
use crate::mutation::{Change, Done, Mutation, Outcome};
use crate::postgres::Database;
use crate::select::{Filter, Select};
use crate::stream::{Part, StreamOptions};
use crate::transaction::{Transaction, TransactionOptions};
use crate::value::Value;

/// How often a change is begun anew that met another.
const RETRIES: u32 = 10;

/// Changes that wait to be made.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Mutation, Done)>,
    has_worker: bool,
}

impl Database {
    #[expect(clippy::unused_self, reason = "the other engine's does")]
    pub(crate) fn console(
        &self,
        _: &str,
        _: &ConsoleLimits,
        _: impl FnMut() -> bool + Send + 'static,
    ) -> Result<ConsoleAnswer> {
        Err(refused("queries that somebody types"))
    }

    pub(crate) fn stream_document(
        &self,
        document: &Document,
        options: StreamOptions,
        form: Form<'_>,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        let select = plain(document)?;
        match form {
            Form::Json => self.stream_json(&select, options, sink),
            Form::Rows(writer) => self.stream_rows(&select, options, writer, sink),
            Form::Stripped | Form::Lines => Err(refused("this form of an answer")),
        }
    }

    pub(crate) fn count_document(&self, document: &Document) -> Result<u64> {
        let select = plain(document)?;
        self.count(&select.table, select.filter.as_ref())
    }

    pub(crate) fn mutate(&self, mutation: Mutation) -> Result<Outcome> {
        let options = TransactionOptions::default();
        let is_undone = mutation.rollback;
        let (mut made, mutation) = (None, &mutation);
        let done = crate::transaction::retried(RETRIES, || {
            self.transact(&options, &mut |tx: &mut Transaction<'_>| {
                let outcome = change(tx, mutation)?;
                if is_undone {
                    made = Some(outcome);
                    return Err(Error::abort("undone as asked for"));
                }
                Ok(outcome)
            })
        });
        made.map_or(done, Ok)
    }

    pub(crate) fn submit(&self, mutation: Mutation, done: Done) -> bool {
        let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.push_back((mutation, done));
        !mem::replace(&mut state.has_worker, true)
    }

    pub(crate) fn work(&self) {
        loop {
            let next = {
                let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
                let next = state.waiting.pop_front();
                state.has_worker = next.is_some();
                next
            };
            let Some((mutation, done)) = next else { return };
            done(self.mutate(mutation));
        }
    }
}

fn change(tx: &mut Transaction<'_>, mutation: &Mutation) -> Result<Outcome> {
    if mutation.tag.is_some() || mutation.returning.is_some() || mutation.observed {
        return Err(refused("reading what a change did"));
    }
    let filter = match &mutation.filter {
        Some(condition) => Some(condition.as_filter().ok_or_else(|| refused("this condition"))?),
        None => None,
    };
    let table = &mutation.table;
    let affected = match &mutation.change {
        Change::Insert { columns, rows, on_conflict: None } => insert(tx, table, columns, rows)?,
        Change::Insert { .. } => return Err(refused("an insert that looks for rows there are")),
        Change::Update { values } => {
            let set: Vec<(&str, Value)> = values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            tx.update(table, filter.as_ref(), &set)?
        }
        Change::Delete => tx.delete(table, filter.as_ref() as Option<&Filter>)?,
    };
    if let Some(most) = mutation.most.filter(|most| affected > *most) {
        return Err(Error::new(crate::error::ErrorKind::TooMany { affected, most }));
    }
    let created = if matches!(mutation.change, Change::Insert { .. }) { affected } else { 0 };
    Ok(Outcome { affected, created, ..Outcome::default() })
}

fn insert(tx: &mut Transaction<'_>, table: &str, columns: &[String], rows: &[Vec<Option<Value>>]) -> Result<u64> {
    for row in rows {
        let given = columns.iter().zip(row);
        let row: Vec<(&str, Value)> = given.filter_map(|(name, value)| Some((name.as_str(), value.clone()?))).collect();
        tx.insert(table, &row)?;
    }
    Ok(rows.len() as u64)
}

fn plain(document: &Document) -> Result<Select> {
    document.as_select().ok_or_else(|| refused("nested rows, aggregates, casts and parts of JSON"))
}

fn refused(what: &str) -> Error {
    Error::unsupported(format!("{what}: not supported on PostgreSQL yet"))
}
