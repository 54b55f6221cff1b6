//! Named locks with an owner and an end: for work that only one program may do at a time, and that another takes over when
//! the first has died. They are rows of a table, so that they hold between machines and survive the database's restart.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;
use crate::table::Dialect;
use crate::transaction::{Transaction, TransactionOptions};
use crate::value::Value;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS _taipan_locks (name TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, \
                     token BIGINT NOT NULL, until BIGINT NOT NULL)";
/// How often a taken lock is tried anew after losing a race for it.
const RETRIES: u32 = 20;

/// A named lock that is held, until it is released, dropped or its time is over.
pub struct Lease {
    store: Store,
    name: String,
    owner: String,
    token: i64,
    is_released: bool,
}

impl Store {
    /// Takes the lock of a name for an owner and a time; none if another owner holds it. An owner who holds it already
    /// gets it again, as one who was started anew, and what it held before is void.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn try_lock(&self, name: &str, owner: &str, time: Duration) -> Result<Option<Lease>> {
        // Made in a transaction of its own: two that make it at once would fail each other.
        let taken = self.transaction(&options(), |tx| {
            if !is_there(tx)? {
                make_table(tx)?;
            }
            let now = now(tx)?;
            let text = |text: &str| Value::Text(text.to_owned());
            let until = Value::Integer(now.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)));
            let held = tx.query("SELECT owner, token, until FROM _taipan_locks WHERE name = $1", &[text(name)])?.rows;
            let Some(row) = held.first() else {
                let row = [text(name), text(owner), until];
                tx.execute("INSERT INTO _taipan_locks VALUES ($1, $2, 1, $3)", &row)?;
                return Ok(Some(1));
            };
            let [Value::Text(holder), Value::Integer(token), Value::Integer(end)] = &row[..] else {
                return Err(Error::new(ErrorKind::Corrupt("a recorded lock".to_owned())));
            };
            if holder != owner && *end > now {
                return Ok(None);
            }
            let sql = "UPDATE _taipan_locks SET owner = $1, token = token + 1, until = $2 WHERE name = $3";
            tx.execute(sql, &[text(owner), until, text(name)])?;
            Ok(Some(token + 1))
        })?;
        let lease = |token| Lease {
            store: self.clone(),
            name: name.to_owned(),
            owner: owner.to_owned(),
            token,
            is_released: false,
        };
        Ok(taken.map(lease))
    }
}

impl Lease {
    /// A number that is greater each time the lock is taken. What is written under the lock can carry it, so that a write
    /// of one who lost the lock without knowing is told from those after it.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// Keeps the lock for a time from now.
    ///
    /// # Errors
    /// `Conflict` where the lock was lost meanwhile.
    pub fn renew(&self, time: Duration) -> Result<()> {
        let milliseconds = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let kept = self.store.transaction(&options(), |tx| {
            let until = Value::Integer(now(tx)?.saturating_add(milliseconds));
            let sql = "UPDATE _taipan_locks SET until = $1 WHERE name = $2 AND token = $3";
            tx.execute(sql, &[until, Value::Text(self.name.clone()), Value::Integer(self.token)])
        })?;
        if kept == 1 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict(format!("the lock \"{}\" was lost to another owner", self.name))))
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// The database cannot be written; the lock then ends with its time.
    pub fn release(mut self) -> Result<()> {
        self.let_go()
    }

    fn let_go(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_released, true) {
            return Ok(());
        }
        self.store.transaction(&options(), |tx| {
            // The row stays for its token, which must not begin again.
            let sql = "UPDATE _taipan_locks SET until = 0 WHERE name = $1 AND token = $2";
            tx.execute(sql, &[Value::Text(self.name.clone()), Value::Integer(self.token)]).map(drop)
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Where it fails, the lock ends with its time.
        let _ = self.let_go();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Lease");
        shown.field("name", &self.name).field("owner", &self.owner).field("token", &self.token).finish_non_exhaustive()
    }
}

fn options() -> TransactionOptions {
    TransactionOptions::default().retry(RETRIES)
}

/// Makes the table of locks, one after the other: PostgreSQL fails whoever makes at the same time what is not to be made if
/// it is there.
fn make_table(tx: &mut Transaction<'_>) -> Result<()> {
    if tx.dialect() == Dialect::Postgres {
        let _ = tx.query("SELECT pg_advisory_xact_lock(hashtext('_taipan_locks'))::text", &[])?;
    }
    tx.execute(TABLE, &[])?;
    Ok(())
}

fn is_there(tx: &mut Transaction<'_>) -> Result<bool> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_schema WHERE name = '_taipan_locks'",
        Dialect::Postgres => "SELECT 1 WHERE to_regclass('_taipan_locks') IS NOT NULL",
    };
    Ok(!tx.query(sql, &[])?.rows.is_empty())
}

/// The database's time in milliseconds: the same for all who share it.
fn now(tx: &mut Transaction<'_>) -> Result<i64> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => "SELECT CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)",
        Dialect::Postgres => "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8",
    };
    match tx.query(sql, &[])?.rows.first().and_then(|row| row.first()) {
        Some(Value::Integer(now)) => Ok(*now),
        _ => Err(Error::unsupported("the database tells no time")),
    }
}
