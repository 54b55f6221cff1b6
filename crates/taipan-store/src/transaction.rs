//! Transactions: several reads and writes that happen all or not at all, and as if nobody else were there.
//!
//! ```
//! use taipan_store::{Filter, Select, Store, TransactionOptions, Value, schema::{Field, Table}, Compare, Kind};
//! # fn main() -> taipan_store::Result<()> {
//! # let store = Store::open("sqlite::memory:")?;
//! store.transaction(&TransactionOptions::default(), |tx| {
//!     tx.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)", &[])?;
//!     tx.insert("accounts", &[("id", Value::Integer(1)), ("balance", Value::Integer(100))])?;
//!     tx.insert("accounts", &[("id", Value::Integer(2)), ("balance", Value::Integer(0))])
//! })?;
//!
//! // Begun anew, up to five times, where another transaction was there first.
//! let moved = store.transaction(&TransactionOptions::default().retry(5), |tx| {
//!     tx.execute("UPDATE accounts SET balance = balance - $1 WHERE id = 1", &[Value::Integer(30)])?;
//!     tx.execute("UPDATE accounts SET balance = balance + $1 WHERE id = 2", &[Value::Integer(30)])
//! })?;
//! assert_eq!(moved, 1);
//! assert_eq!(store.read_rows(&Select::new("accounts").column("balance"))?.rows[1], [Value::Integer(30)]);
//! # Ok(()) }
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::select::{Compare, Filter, Rows, Select};
use crate::sql::{self, Query};
use crate::table::{Dialect, Table};
use crate::value::Value;

/// The column by which a changed row is told: a row of a `Versioned` class counts its changes in it.
const VERSION: &str = "version";

/// How a transaction goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransactionOptions {
    pub(crate) isolation: Isolation,
    pub(crate) access: Access,
    pub(crate) retries: u32,
    pub(crate) timeout: Option<Duration>,
}

/// How much of other transactions a transaction sees. SQLite knows the strictest only, and gives it whatever is asked
/// for; `docs/isolation.md` has what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// Every statement sees what was committed before the first.
    RepeatableRead,
    /// As if the transactions ran one after the other. On PostgreSQL this may end one of them as a conflict, so that it is
    /// to be used with [`retry`](TransactionOptions::retry).
    #[default]
    Serializable,
}

/// Whether a transaction writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// It may. On SQLite it has the right to write from its beginning (`BEGIN IMMEDIATE`), so that it never has to give up
    /// midway for another's sake.
    #[default]
    ReadWrite,
    /// It only reads, all at one moment.
    ReadOnly,
}

/// What to do about a row that another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLocked {
    /// Wait until it is free.
    Wait,
    /// Leave it out, as workers that share a queue do.
    Skip,
    /// Fail with `Timeout`.
    Fail,
}

impl TransactionOptions {
    /// Sets how much of other transactions is seen.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Sets that it only reads.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    /// Sets how often it is begun anew after an error that [may pass](Error::is_transient): a conflict, a deadlock, a
    /// busy database. The work must be such that it may run again.
    #[must_use]
    pub fn retry(mut self, times: u32) -> Self {
        self.retries = times;
        self
    }

    /// Sets how long it waits for a lock: on SQLite for the right to write, on PostgreSQL for each row or table.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// An open transaction, given to the work that it consists of.
pub struct Transaction<'a> {
    session: &'a mut dyn Session,
}

/// What an engine does in a transaction.
pub(crate) trait Session {
    fn dialect(&self) -> Dialect;
    fn table(&mut self, name: &str) -> Result<Arc<Table>>;
    fn tables(&mut self) -> Result<Vec<Arc<Table>>>;
    /// Runs a statement that somebody else wrote.
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Rows>;
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64>;
    /// Runs a statement of [`sql`](crate::sql) that gives rows.
    fn select(&mut self, table: &str, query: &Query<'_>) -> Result<Vec<Vec<Value>>>;
    /// Runs one that changes rows; returns how many.
    fn change(&mut self, table: &str, query: &Query<'_>) -> Result<u64>;
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(session: &'a mut dyn Session) -> Self {
        Transaction { session }
    }

    pub(crate) fn tables(&mut self) -> Result<Vec<Arc<Table>>> {
        self.session.tables()
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    /// Inserts a row. Columns that are not named get their default. Text is read as the column's type.
    ///
    /// # Errors
    /// `UnknownTable`, `UnknownColumn`, `InvalidValue`, or a `Constraint` that the row breaks.
    pub fn insert(&mut self, table: &str, row: &[(&str, Value)]) -> Result<()> {
        let found = self.session.table(table)?;
        self.session.change(table, &sql::insert(&found, row)?).map(drop)
    }

    /// Changes the rows of a filter, or all; returns how many.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn update(&mut self, table: &str, filter: Option<&Filter>, set: &[(&str, Value)]) -> Result<u64> {
        let found = self.session.table(table)?;
        self.session.change(table, &sql::update(&found, filter, set)?)
    }

    /// Changes rows that nobody changed since they were read: the rows of a filter must have this `version`, and get the
    /// next one. This is the lock without waiting of a `Versioned` class.
    ///
    /// # Errors
    /// `Conflict` where no row of the filter has the version any more; else as [`insert`](Self::insert).
    pub fn update_versioned(
        &mut self,
        table: &str,
        filter: &Filter,
        version: i64,
        set: &[(&str, Value)],
    ) -> Result<u64> {
        let seen = Filter::compare(VERSION, Compare::Eq, Value::Integer(version));
        let filter = Filter::And(vec![filter.clone(), seen]);
        let mut set = set.to_vec();
        set.push((VERSION, Value::Integer(version.wrapping_add(1))));
        match self.update(table, Some(&filter), &set)? {
            0 => {
                let what = format!("the row of \"{table}\" is not of version {version} any more");
                Err(Error::new(ErrorKind::Conflict(what)))
            }
            rows => Ok(rows),
        }
    }

    /// Deletes the rows of a filter, or all; returns how many.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn delete(&mut self, table: &str, filter: Option<&Filter>) -> Result<u64> {
        let found = self.session.table(table)?;
        self.session.change(table, &sql::delete(&found, filter)?)
    }

    /// The rows of a query, as this transaction sees them.
    ///
    /// # Errors
    /// As [`Store::read_rows`](crate::Store::read_rows).
    pub fn read_rows(&mut self, select: &Select) -> Result<Rows> {
        self.rows(select, "")
    }

    /// The rows of a query, which nobody else changes or locks until this transaction ends (`SELECT … FOR UPDATE`). On
    /// SQLite the transaction has all rows locked from its beginning, so that none is ever skipped.
    ///
    /// # Errors
    /// As [`read_rows`](Self::read_rows); `Timeout` where a row is locked and is not to be waited for.
    pub fn for_update(&mut self, select: &Select, on_locked: OnLocked) -> Result<Rows> {
        let lock = match (self.session.dialect(), on_locked) {
            (Dialect::Sqlite, _) => "",
            (Dialect::Postgres, OnLocked::Wait) => " FOR UPDATE OF t",
            (Dialect::Postgres, OnLocked::Skip) => " FOR UPDATE OF t SKIP LOCKED",
            (Dialect::Postgres, OnLocked::Fail) => " FOR UPDATE OF t NOWAIT",
        };
        self.rows(select, lock)
    }

    /// The number of rows that a filter takes.
    ///
    /// # Errors
    /// As [`read_rows`](Self::read_rows).
    pub fn count(&mut self, table: &str, filter: Option<&Filter>) -> Result<u64> {
        let found = self.session.table(table)?;
        let rows = self.session.select(table, &sql::count(&found, filter)?)?;
        Ok(match rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(count)) => count.unsigned_abs(),
            _ => 0,
        })
    }

    /// Runs an SQL statement with values bound to `$1`, `$2` …; returns the rows it changed. The text is the database's
    /// own SQL and must not be made of what users enter; values may be.
    ///
    /// # Errors
    /// `Constraint`, `Conflict`, `Deadlock`, `Timeout`, or `Sql` in the database's words.
    pub fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64> {
        self.session.execute(sql, values)
    }

    /// As [`execute`](Self::execute), and returns the rows that the statement gives.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn query(&mut self, sql: &str, values: &[Value]) -> Result<Rows> {
        self.session.query(sql, values)
    }

    fn rows(&mut self, select: &Select, lock: &str) -> Result<Rows> {
        let table = self.session.table(&select.table)?;
        let mut query = sql::select(select, &table)?;
        query.sql.push_str(lock);
        let rows = self.session.select(&select.table, &query)?;
        Ok(Rows { columns: query.described(), rows })
    }
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

/// Runs a transaction until it succeeds, fails for good, or was begun anew often enough.
pub(crate) fn retried<T>(retries: u32, mut run: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempt = 0;
    loop {
        match run() {
            Err(error) if error.is_transient() && attempt < retries => {
                attempt += 1;
                std::thread::sleep(pause(attempt));
            }
            other => return other,
        }
    }
}

/// A pause that grows, and differs between those who met each other, so that they do not meet again.
fn pause(attempt: u32) -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let most = 1_000_u64 << attempt.min(7);
    Duration::from_micros(u64::from(now.subsec_nanos()) % most + 100)
}
