//! Changes of rows, in the order in which they are asked for, each in a transaction of its own that is begun anew where
//! another was there first.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use crate::document::form::Writer;
use crate::document::sql::Statement as Text;
use crate::document::{Document, Form};
use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;
use crate::mutation::{Done, Engine, Insert, Keys, Making, Mutation, Outcome};
use crate::postgres::catalog::Catalog;
use crate::postgres::cell::{assigned, values};
use crate::postgres::connection::{Connection, Row, Statement};
use crate::postgres::document::prepared;
use crate::postgres::failure::Failure;
use crate::postgres::read::mark;
use crate::postgres::stream::write_row;
use crate::postgres::{Database, unknown};
use crate::select::JsonPage;
use crate::table::Table;
use crate::value::Value;

/// How often a change is begun anew that met another.
const RETRIES: u32 = 10;
/// The rows that are sent before the first is answered.
const TOGETHER: usize = 256;
/// The bytes of an answer, at most.
const MOST_RETURNED: usize = 256 << 20;

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
    pub(crate) fn mutate(&self, mutation: Mutation) -> Result<Outcome> {
        crate::transaction::retried(RETRIES, || self.make(&mutation))
    }

    pub(crate) fn submit(&self, mutation: Mutation, done: Done) -> bool {
        let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.push_back((mutation, done));
        !mem::replace(&mut state.has_worker, true)
    }

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

    fn make(&self, mutation: &Mutation) -> Result<Outcome> {
        let mut loan = self.take()?;
        // A row that somebody else changes meanwhile is then a conflict, and what was judged of it is judged anew.
        let begun = self.retried(&mut loan, |connection| connection.batch("BEGIN ISOLATION LEVEL REPEATABLE READ"));
        begun.map_err(|failure| self.failure(failure, &mutation.table))?;
        let writing = Writing { database: self, connection: RefCell::new(&mut loan), tables: RefCell::default() };
        let outcome = Making { engine: writing, mutation }.make();
        let connection: &mut Connection = &mut loan;
        let end = if outcome.is_ok() && !mutation.rollback { "COMMIT" } else { "ROLLBACK" };
        if connection.is_broken() {
            return outcome;
        }
        let ended = connection.batch(end).map_err(|failure| self.failure(failure, &mutation.table));
        // Where undoing fails, the session is closed, which undoes it too.
        let outcome = outcome?;
        ended?;
        Ok(outcome)
    }
}

/// The database in the middle of a change.
struct Writing<'a> {
    database: &'a Database,
    connection: RefCell<&'a mut Connection>,
    /// The tables looked at in this transaction.
    tables: RefCell<HashMap<String, Arc<Table>>>,
}

impl Engine for Writing<'_> {
    fn table(&self, name: &str) -> Result<Arc<Table>> {
        if let Some(table) = self.tables.borrow().get(name) {
            return Ok(Arc::clone(table));
        }
        let connection: &mut Connection = &mut self.connection.borrow_mut();
        let look = |connection: &mut Connection| -> Result<Arc<Table>, Failure> {
            let catalog = self.database.catalog();
            if let Some(known) = catalog.find(name) {
                let mut is_same = false;
                connection.run(&[mark(known)], |_, row| {
                    is_same = row.text(0).as_deref() == Some(&*known.mark);
                    Ok(())
                })?;
                if is_same {
                    return Ok(Arc::clone(&known.table));
                }
            }
            let catalog = Catalog::reflect(connection)?;
            let known = catalog.find(name).ok_or_else(|| Failure::Own(unknown(&catalog, name)))?;
            Ok(Arc::clone(&known.table))
        };
        let table = look(connection).map_err(|failure| self.database.failure(failure, name))?;
        self.tables.borrow_mut().insert(name.to_owned(), Arc::clone(&table));
        Ok(table)
    }

    fn insert(&mut self, insert: &Insert<'_>, keys: &mut Keys) -> Result<(u64, u64)> {
        let (before, mut created) = (keys.count, 0);
        for (part, rows) in insert.rows.chunks(TOGETHER).enumerate() {
            let first = insert.first + (part * TOGETHER) as u64;
            let statement = |(values, _): &(Vec<Value>, _)| {
                Ok(Statement::with(insert.sql, values.iter().map(assigned).collect::<Result<_>>()?))
            };
            let statements = rows.iter().map(statement).collect::<Result<Vec<_>>>()?;
            // Each that succeeds gives a row, but for those that are left as they are.
            let mut done = 0;
            let ran = self.connection.get_mut().run(&statements, |statement, row| {
                done = statement as u64 + 1;
                created += u64::from(row.integer(2) == Some(1));
                push(keys, row);
                Ok(())
            });
            ran.map_err(|failure| self.refused(failure, &insert.table.name, Some(first + done)))?;
        }
        Ok((keys.count - before, created))
    }

    fn change(&mut self, table: &str, statement: &Text, keys: &mut Keys) -> Result<u64> {
        let before = keys.count;
        let (sql, params) = prepared(statement)?;
        let ran = self.connection.get_mut().run(&[Statement::with(sql, params)], |_, row| {
            push(keys, row);
            Ok(())
        });
        ran.map_err(|failure| self.refused(failure, table, None))?;
        Ok(keys.count - before)
    }

    fn collect(&mut self, document: &Document, statement: &Text, form: Form<'_>) -> Result<JsonPage> {
        let mut writer = Writer::new(form, &statement.columns);
        let mut page = JsonPage { body: Vec::new(), rows: 0, total: None };
        writer.begin(&mut page.body);
        let (sql, params) = prepared(statement)?;
        let ran = self.connection.get_mut().run(&[Statement::with(sql, params)], |_, row| {
            if page.body.len() > MOST_RETURNED {
                let what = format!("an answer of more than {MOST_RETURNED} bytes; ask for less of it");
                return Err(Failure::Own(Error::unsupported(what)));
            }
            write_row(&mut writer, &mut page.body, row, &statement.columns, page.rows == 0)?;
            page.rows += 1;
            Ok(())
        });
        ran.map_err(|failure| self.database.failure(failure, &document.table))?;
        writer.end(&mut page.body);
        Ok(page)
    }

    fn row(&mut self, statement: &Text, kinds: &[Kind]) -> Result<Vec<Value>> {
        let (sql, params) = prepared(statement)?;
        let mut found = Vec::new();
        let ran = self.connection.get_mut().run(&[Statement::with(sql, params)], |_, row| {
            found = values(row, kinds.iter().copied())?;
            Ok(())
        });
        ran.map_err(|failure| self.database.failure(failure, ""))?;
        Ok(found)
    }
}

impl Writing<'_> {
    fn refused(&self, failure: Failure, table: &str, number: Option<u64>) -> Error {
        let mut error = self.database.failure(failure, table);
        if let ErrorKind::Constraint { row, .. } = error.kind_mut() {
            *row = row.or(number);
        }
        error
    }
}

fn push(keys: &mut Keys, row: Row<'_>) {
    let separator = if keys.count > 0 { "," } else { "" };
    keys.count += 1;
    let (table, place) = (row.integer(0).unwrap_or(0), row.text(1).unwrap_or_default());
    // The place is two numbers in parentheses.
    keys.json.extend_from_slice(format!("{separator}[{table},\"{place}\"]").as_bytes());
}
