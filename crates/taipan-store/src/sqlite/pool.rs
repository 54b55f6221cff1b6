//! The connections that read: taken for one read, given back for the next.
//!
//! A connection is given back with its transaction still open. Whoever takes it next goes on in it if nothing was
//! committed since ([`moment`](super::moment)), which spares a small read half of its time. A transaction that nobody
//! goes on with is ended within a moment by [`Keeper`], since it holds back the log from being written anew.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Result as SqliteResult};

use crate::error::Result;
use crate::sqlite::catalog::{self, Catalog};
use crate::sqlite::connection::Location;
use crate::sqlite::keeper::Keeper;
use crate::sqlite::moment::{Header, Moment};

/// Where threads leave idle connections. Each has its own place, so that they do not wait for each other.
const PLACES: usize = 16;

/// The reads that go on in one transaction, at most. Readers must let go of a log that was copied into the database now
/// and then, or it could never start anew.
const MOST_READS: u32 = 64;

/// Idle connections, and the number of all that are kept.
pub(crate) struct Pool {
    places: [Place; PLACES],
    kept: AtomicUsize,
    waiting: AtomicUsize,
    gate: Mutex<()>,
    given_back: Condvar,
    /// The most short reads at once; further ones wait their turn, so that a crowd does not exhaust file handles.
    most: usize,
    keeper: Keeper,
    // Last, so that a temporary folder outlives the connections into it.
    location: Arc<Location>,
}

/// On a cache line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Place(Mutex<Vec<Idle>>);

/// A connection, and what it is known to see.
struct Idle {
    connection: Connection,
    catalog: Option<Arc<Catalog>>,
    log: Log,
    /// What the log's header said before the open transaction began; none where it must not be gone on with.
    since: Option<Moment>,
    /// The reads in the open transaction.
    reads: u32,
}

enum Log {
    Unknown,
    Private,
    Shared(Header),
}

/// A connection on loan.
pub(crate) struct Reader {
    idle: Option<Idle>,
    kept: bool,
    pool: Arc<Pool>,
}

impl Pool {
    pub(crate) fn new(location: Arc<Location>) -> Self {
        let cores = std::thread::available_parallelism().map_or(4, usize::from);
        Pool {
            places: Default::default(),
            kept: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            gate: Mutex::new(()),
            given_back: Condvar::new(),
            most: (4 * cores).clamp(8, 64),
            keeper: Keeper::default(),
            location,
        }
    }

    /// A connection for a short read; waits if very many are in use.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Reader> {
        if let Some(idle) = self.idle() {
            return Ok(self.lend(Some(idle), true));
        }
        if !self.may_keep_another() {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let mut gate = lock(&self.gate);
            loop {
                if let Some(idle) = self.idle() {
                    self.waiting.fetch_sub(1, Ordering::SeqCst);
                    return Ok(self.lend(Some(idle), true));
                }
                if self.may_keep_another() {
                    break;
                }
                gate = self.given_back.wait(gate).unwrap_or_else(PoisonError::into_inner);
            }
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        // Made before opening, so that a failure to open gives the place back.
        let mut reader = self.lend(None, true);
        reader.idle = Some(self.open()?);
        Ok(reader)
    }

    /// A connection, in no transaction, for a read that lasts as long as its caller likes. It never waits: whoever holds
    /// one may need another.
    pub(crate) fn take_long(self: &Arc<Self>) -> Result<Reader> {
        let mut reader = match self.idle() {
            Some(idle) => self.lend(Some(idle), true),
            None => self.lend(Some(self.open()?), false),
        };
        reader.forget();
        if let Some(idle) = &mut reader.idle
            && !idle.leave()
        {
            reader.idle = Some(self.open()?);
        }
        Ok(reader)
    }

    /// Ends the transactions that idle connections are in.
    pub(crate) fn leave_moments(&self) {
        for place in &self.places {
            lock(&place.0).retain_mut(|idle| {
                let left = idle.since.is_none() || idle.leave();
                if !left {
                    self.kept.fetch_sub(1, Ordering::SeqCst);
                }
                left
            });
        }
    }

    /// Stops what goes on by itself.
    pub(crate) fn close(&self) {
        self.keeper.close();
    }

    fn open(&self) -> Result<Idle> {
        Ok(Idle { connection: self.location.reader()?, catalog: None, log: Log::Unknown, since: None, reads: 0 })
    }

    fn lend(self: &Arc<Self>, idle: Option<Idle>, kept: bool) -> Reader {
        Reader { idle, kept, pool: Arc::clone(self) }
    }

    /// An idle connection, this thread's own if there is one.
    fn idle(&self) -> Option<Idle> {
        let own = own_place();
        (0..PLACES).find_map(|step| lock(&self.places[(own + step) % PLACES].0).pop())
    }

    fn may_keep_another(&self) -> bool {
        let add = |kept| (kept < self.most).then_some(kept + 1);
        self.kept.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).is_ok()
    }

    fn wake_one(&self) {
        // Waking nobody costs a call of the system all the same.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.gate));
            self.given_back.notify_one();
        }
    }
}

impl Idle {
    /// Whether the transaction it is in still shows the newest state.
    fn is_current(&self) -> bool {
        match (&self.log, &self.since) {
            (Log::Shared(header), Some(since)) => self.reads < MOST_READS && header.moment() == *since,
            _ => false,
        }
    }

    /// Ends the transaction, if it is in one; `false` if that failed.
    fn leave(&mut self) -> bool {
        self.since = None;
        if self.connection.is_autocommit() {
            return true;
        }
        let left = self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        left.is_ok() && self.connection.is_autocommit()
    }

    fn enter(&mut self) -> SqliteResult<i64> {
        self.leave();
        let before = match &self.log {
            Log::Shared(header) => Some(header.moment()),
            Log::Unknown | Log::Private => None,
        };
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        let version = catalog::version(&self.connection)?;
        self.since = before;
        self.reads = 0;
        if matches!(self.log, Log::Unknown) {
            // Only now is the index mapped; the transaction may be older than what it says.
            self.log = Header::of(&self.connection)?.map_or(Log::Private, Log::Shared);
        }
        Ok(version)
    }
}

impl Reader {
    /// Begins to read at the newest state of the database, if the connection is not there already. `reflect` gives the
    /// tables at a version of the schema.
    pub(super) fn enter(&mut self, reflect: impl FnOnce(&Connection, i64) -> Result<Arc<Catalog>>) -> Result<()> {
        let idle = self.idle_mut();
        if !idle.is_current() || idle.catalog.is_none() {
            let version = idle.enter();
            let version = version.map_err(|error| self.pool.location.failure(error))?;
            let idle = self.idle_mut();
            if idle.catalog.as_ref().is_none_or(|known| known.version != version) {
                idle.catalog = Some(reflect(&idle.connection, version)?);
            }
        }
        self.idle_mut().reads += 1;
        Ok(())
    }

    /// The tables as it reads them.
    pub(super) fn catalog(&self) -> &Catalog {
        match &self.idle {
            Some(Idle { catalog: Some(catalog), .. }) => catalog,
            _ => unreachable!("a reader that has not entered"),
        }
    }

    /// The moment of the database that it reads, while that is the newest one.
    pub(super) fn moment(&self) -> Option<Moment> {
        match &self.idle {
            // Unchanged since before the transaction began: nothing was committed in between.
            Some(Idle { log: Log::Shared(header), since: Some(since), .. }) => {
                Some(*since).filter(|since| header.moment() == *since)
            }
            _ => None,
        }
    }

    /// From now on it is not counted among those that are kept.
    fn forget(&mut self) {
        if std::mem::take(&mut self.kept) {
            self.pool.kept.fetch_sub(1, Ordering::SeqCst);
            self.pool.wake_one();
        }
    }

    fn idle_mut(&mut self) -> &mut Idle {
        match &mut self.idle {
            Some(idle) => idle,
            // `take` and `take_long` return none without, and only dropping takes it out.
            None => unreachable!("a reader without a connection"),
        }
    }
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.idle {
            Some(idle) => &idle.connection,
            None => unreachable!("a reader without a connection"),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let idle = self.idle.take().and_then(|mut idle| {
            let stays = idle.since.is_some() && !idle.connection.is_autocommit();
            // A transaction that cannot be ended would serve old rows for ever; its connection is closed instead.
            (stays || idle.leave()).then_some(idle)
        });
        match idle {
            Some(idle) if self.kept || self.pool.may_keep_another() => {
                let stays = idle.since.is_some();
                lock(&self.pool.places[own_place()].0).push(idle);
                if stays && !self.pool.keeper.watch(&self.pool) {
                    self.pool.leave_moments();
                }
            }
            surplus => {
                drop(surplus);
                if self.kept {
                    self.pool.kept.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
        self.pool.wake_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of the calling thread.
fn own_place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PLACES);
    OWN.with(|own| *own)
}
