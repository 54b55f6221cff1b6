//! The connections: taken for one piece of work, given back for the next.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::postgres::address::Address;
use crate::postgres::connection::Connection;
use crate::postgres::failure::Failure;

/// Idle connections, and the number of all that are counted.
pub(super) struct Pool {
    pub(super) address: Arc<Address>,
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    counted: usize,
}

/// A connection on loan.
pub(super) struct Loan {
    connection: Option<Connection>,
    is_counted: bool,
    pool: Arc<Pool>,
}

impl Pool {
    pub(super) fn new(address: Address) -> Self {
        Pool { address: Arc::new(address), state: Mutex::default(), given_back: Condvar::new() }
    }

    /// A connection for work that ends soon; waits while as many as may be are in use.
    pub(super) fn take(self: &Arc<Self>) -> Result<Loan, Failure> {
        let mut state = self.lock();
        loop {
            if let Some(connection) = state.idle.pop() {
                return Ok(self.lend(Some(connection), true));
            }
            if state.counted < self.address.most {
                state.counted += 1;
                break;
            }
            state = self.given_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        // Made before connecting, so that a failure gives the place back.
        let mut loan = self.lend(None, true);
        loan.connection = Some(Connection::open(&self.address)?);
        Ok(loan)
    }

    /// A connection for work that lasts as long as its caller likes. It never waits: whoever holds one may need another.
    pub(super) fn take_long(self: &Arc<Self>) -> Result<Loan, Failure> {
        let idle = {
            let mut state = self.lock();
            let idle = state.idle.pop();
            if idle.is_some() {
                state.counted -= 1;
            }
            idle
        };
        self.given_back.notify_one();
        let mut loan = self.lend(idle, false);
        if loan.connection.is_none() {
            loan.connection = Some(Connection::open(&self.address)?);
        }
        Ok(loan)
    }

    /// A connection of its own in place of one that broke.
    pub(super) fn renew(&self, loan: &mut Loan) -> Result<(), Failure> {
        loan.connection = None;
        loan.connection = Some(Connection::open(&self.address)?);
        Ok(())
    }

    /// Closes the idle connections.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        let idle = std::mem::take(&mut state.idle);
        state.counted -= idle.len();
        drop(state);
        drop(idle);
    }

    fn lend(self: &Arc<Self>, connection: Option<Connection>, is_counted: bool) -> Loan {
        Loan { connection, is_counted, pool: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Loan {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.connection {
            Some(connection) => connection,
            // Given by `take` and `take_long` before anyone has it; `renew` puts another in its place or fails, and who
            // called it goes no further then.
            None => unreachable!("a loan without a connection"),
        }
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut Connection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("a loan without a connection"),
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut connection = self.connection.take();
        if let Some(left) = &mut connection
            && !left.is_broken()
            && left.in_transaction()
        {
            // A transaction that was left, as by a panic, is undone; where that fails, by closing its connection.
            let _ = left.batch("ROLLBACK");
        }
        let connection = connection.filter(Connection::is_clean).map(|mut connection| {
            connection.is_used = true;
            connection
        });
        let mut state = self.pool.lock();
        match (connection, self.is_counted) {
            (Some(connection), true) => state.idle.push(connection),
            (Some(connection), false) if state.counted < self.pool.address.most => {
                state.counted += 1;
                state.idle.push(connection);
            }
            (surplus, is_counted) => {
                state.counted -= usize::from(is_counted);
                drop(state);
                drop(surplus);
            }
        }
        self.pool.given_back.notify_one();
    }
}
