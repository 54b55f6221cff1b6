//! Whose turn it is to write, and the transactions that are committed together.
//!
//! A commit waits for the disk. So where others wait for their turn, a transaction that is done leaves the database's own
//! transaction open for the next (each is a savepoint in it), and waits; the last one commits for all, and only then are
//! they told that theirs is done.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};

/// The most transactions committed together.
const MOST: usize = 64;
/// How long the first of them may wait for the others.
const LONGEST: Duration = Duration::from_millis(20);

/// The one connection that writes, and those who want it.
#[derive(Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Who has it.
    holder: Option<ThreadId>,
    waiting: usize,
    group: Option<Arc<Group>>,
}

/// Transactions that are committed together.
pub(super) struct Group {
    began: Instant,
    members: std::sync::atomic::AtomicUsize,
    outcome: Mutex<Option<std::result::Result<(), ErrorKind>>>,
    done: Condvar,
}

/// The turn to write, until it is given back.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    pub(super) connection: Option<Connection>,
    /// The transactions that wait to be committed with this one.
    pub(super) group: Option<Arc<Group>>,
}

impl Turns {
    pub(super) fn new(connection: Option<Connection>) -> Self {
        Turns { state: Mutex::new(State { connection, ..State::default() }), freed: Condvar::new() }
    }

    /// Whether the calling thread has the turn.
    pub(super) fn is_mine(&self) -> bool {
        lock(&self.state).holder == Some(thread::current().id())
    }

    /// Waits for the turn.
    pub(super) fn take(&self, timeout: Option<Duration>) -> Result<Turn<'_>> {
        let me = thread::current().id();
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = lock(&self.state);
        if state.holder == Some(me) {
            let what = "a write within a transaction of the same thread; write by the transaction itself";
            return Err(Error::unsupported(what));
        }
        state.waiting += 1;
        while state.holder.is_some() {
            let Some(deadline) = deadline else {
                state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // The turn is another's, who will see that this one does not wait any more.
                state.waiting -= 1;
                return Err(Error::new(ErrorKind::Timeout));
            }
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting -= 1;
        state.holder = Some(me);
        Ok(Turn { turns: self, connection: state.connection.take(), group: state.group.take() })
    }
}

impl Turn<'_> {
    /// Gives the turn back with the transactions of a group still uncommitted, if there is another who will see to them;
    /// else it stays.
    pub(super) fn leave_open(mut self) -> Option<Self> {
        let mut state = lock(&self.turns.state);
        let goes_on = self.group.as_ref().is_some_and(|group| group.may_grow());
        if state.waiting == 0 || !goes_on {
            drop(state);
            return Some(self);
        }
        state.group = self.group.take();
        drop(state);
        // Dropping hands the connection on.
        None
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            group.end(Err(ErrorKind::Sql("the transaction was not committed".to_owned())));
        }
        let mut state = lock(&self.turns.state);
        state.connection = self.connection.take();
        state.holder = None;
        drop(state);
        self.turns.freed.notify_one();
    }
}

impl Group {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Group {
            began: Instant::now(),
            members: std::sync::atomic::AtomicUsize::new(0),
            outcome: Mutex::new(None),
            done: Condvar::new(),
        })
    }

    /// Adds a transaction.
    pub(super) fn join(&self) {
        self.members.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn members(&self) -> usize {
        self.members.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn may_grow(&self) -> bool {
        self.members() < MOST && self.began.elapsed() < LONGEST
    }

    /// Tells all of them how it ended.
    pub(super) fn end(&self, outcome: std::result::Result<(), ErrorKind>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.done.notify_all();
    }

    /// Waits until it is known.
    pub(super) fn wait(&self) -> std::result::Result<(), ErrorKind> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            outcome = self.done.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
