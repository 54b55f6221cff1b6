//! The connections that read: taken for one read, given back for the next.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::error::Result;
use crate::sqlite::connection::Location;

/// Idle connections, and the number of those in use.
pub(crate) struct Pool {
    state: Mutex<State>,
    given_back: Condvar,
    /// The most short reads at once; further ones wait their turn, so that a crowd does not exhaust file handles.
    most: usize,
    // Last, so that a temporary folder outlives the connections into it.
    location: Arc<Location>,
}

struct State {
    idle: Vec<Connection>,
    in_use: usize,
    waiting: usize,
}

/// A connection on loan.
pub(crate) struct Reader {
    connection: Option<Connection>,
    counted: bool,
    pool: Arc<Pool>,
}

impl Pool {
    pub(crate) fn new(location: Arc<Location>) -> Self {
        let cores = std::thread::available_parallelism().map_or(4, usize::from);
        let state = Mutex::new(State { idle: Vec::new(), in_use: 0, waiting: 0 });
        Pool { state, given_back: Condvar::new(), most: (4 * cores).clamp(8, 64), location }
    }

    /// A connection for a short read; waits if very many are in use.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Reader> {
        let mut state = self.lock();
        while state.in_use >= self.most {
            state.waiting += 1;
            state = self.given_back.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.in_use += 1;
        let idle = state.idle.pop();
        drop(state);
        // Made before opening, so that a failure to open gives the place back.
        let mut reader = Reader { connection: idle, counted: true, pool: Arc::clone(self) };
        if reader.connection.is_none() {
            reader.connection = Some(self.location.reader()?);
        }
        Ok(reader)
    }

    /// A connection for a read that lasts as long as its caller likes. It never waits: whoever holds one may need
    /// another.
    pub(crate) fn take_long(self: &Arc<Self>) -> Result<Reader> {
        let idle = self.lock().idle.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.location.reader()?,
        };
        Ok(Reader { connection: Some(connection), counted: false, pool: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.connection {
            Some(connection) => connection,
            // `take` and `take_long` return none without, and only dropping takes it out.
            None => unreachable!("a reader without a connection"),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let connection = self.connection.take();
        let mut state = self.pool.lock();
        if self.counted {
            state.in_use -= 1;
        }
        // A connection inside a transaction would serve old rows for ever; it is closed instead.
        let surplus = match connection {
            Some(connection) if connection.is_autocommit() && state.idle.len() < self.pool.most => {
                state.idle.push(connection);
                None
            }
            other => other,
        };
        let awaited = state.waiting > 0;
        drop(state);
        // Waking nobody costs a call of the system all the same.
        if awaited {
            self.pool.given_back.notify_one();
        }
        drop(surplus);
    }
}
