//! The face of the databases: one handle, shared by all threads.

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;

use crate::artifact::Artifact;
use crate::console::{ConsoleAnswer, ConsoleLimits};
use crate::document::{Document, Form};
use crate::error::{Error, Result};
use crate::migrate::{self, Migration};
use crate::mutation::{Mutation, Outcome};
use crate::origin::Origin;
use crate::postgres;
use crate::scan::Scan;
use crate::schema;
use crate::select::{Count, Filter, JsonPage, Rows, Select};
use crate::sqlite;
use crate::stream::{Opening, Part, RowWriter, StreamOptions};
use crate::table::Table;
use crate::transaction::{self, Transaction, TransactionOptions};
use crate::write::{Kept, WriteError, WriteOptions};

/// A database. Cloning gives another handle of the same one.
#[derive(Clone)]
pub struct Store {
    pub(crate) engine: Engine,
}

#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite(Arc<sqlite::Database>),
    Postgres(Arc<postgres::Database>),
}

/// The same call of whichever engine it is.
macro_rules! of {
    ($store:expr, $database:ident => $call:expr) => {
        match &$store.engine {
            Engine::Sqlite($database) => $call,
            Engine::Postgres($database) => $call,
        }
    };
}

impl Store {
    /// Opens a database: a SQLite file (`demo.db`, `sqlite:demo.db`, `sqlite:///srv/demo.db`), which is made if it is
    /// not there; `sqlite::memory:`, which is gone when the last handle is; or one of a PostgreSQL server, 13 or later
    /// (`postgres://user@host:5432/database`).
    ///
    /// A PostgreSQL URL may end with options: `sslmode` (`disable`, `prefer`, which is the default, `require`,
    /// `verify-full`), `sslrootcert` (a file of certificates to trust), `connect_timeout` in seconds, `host` (a folder
    /// with the server's socket), `schema` (whose tables are meant) and `pool` (the most connections for short work, 10 by
    /// default). A password is better given by the environment variable `PGPASSWORD` than in the URL; no error shows it.
    ///
    /// # Errors
    /// `NotADatabase`, `Corrupt`, `Busy`, `ReadOnly` or `Io`, naming the file; `Unreachable`, naming the server;
    /// `Unsupported` for another scheme.
    pub fn open(url: &str) -> Result<Store> {
        Self::open_for(url, false)
    }

    /// As [`open`](Self::open), for a program that is alone with the database until it closes it: a SQLite file that is
    /// made is written in place, without a log to be copied from afterwards, which takes a third less time. Whoever reads
    /// it while it is written waits for that, and is refused as `Busy` in the end; this program's own threads, too.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_alone(url: &str) -> Result<Store> {
        Self::open_for(url, true)
    }

    fn open_for(url: &str, is_alone: bool) -> Result<Store> {
        let path = match url.strip_prefix("sqlite:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None => url,
        };
        if let Some((scheme, _)) = path.split_once("://") {
            if matches!(scheme, "postgres" | "postgresql") {
                return Ok(Store { engine: Engine::Postgres(Arc::new(postgres::Database::open(path)?)) });
            }
            // Only the scheme is shown: the rest may hold a password.
            let what = format!("databases of the scheme \"{scheme}\" are not supported");
            let known = "a SQLite file, such as sqlite:demo.db, or PostgreSQL";
            return Err(Error::unsupported(format!("{scheme}://…: {what}; use {known}")));
        }
        if path.is_empty() {
            return Err(Error::unsupported("the database has no name; give a file, such as sqlite:demo.db"));
        }
        let database = match path {
            ":memory:" => sqlite::Database::temporary(),
            file => sqlite::Database::open(Path::new(file), is_alone),
        };
        Ok(Store { engine: Engine::Sqlite(Arc::new(database?)) })
    }

    /// The database file; none for `sqlite::memory:` and for PostgreSQL.
    pub fn path(&self) -> Option<&Path> {
        match &self.engine {
            Engine::Sqlite(database) => database.path(),
            Engine::Postgres(_) => None,
        }
    }

    /// How the database may be called: its file, or the server's URL without user and password.
    pub fn name(&self) -> &str {
        of!(self, database => database.name())
    }

    /// The tables and views by name, without SQLite's and Taipan's own.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tables(&self) -> Result<Vec<Arc<Table>>> {
        of!(self, database => database.tables())
    }

    /// The table or view of this name as the last read found it, without a look at the database, where another program
    /// may have changed it since. Enough to understand a request by: a read checks names against the table as it is.
    pub fn known_table(&self, name: &str) -> Option<Arc<Table>> {
        of!(self, database => database.known_table(name))
    }

    /// The table or view of this name.
    ///
    /// # Errors
    /// `UnknownTable`, with the nearest name there is.
    pub fn table(&self, name: &str) -> Result<Arc<Table>> {
        of!(self, database => database.table(name))
    }

    /// Writes batches as a table in one transaction, and returns the number of rows: readers see the table as it was
    /// until the call returns, and for ever if it fails, be it by an error or a panic of `batches`. Other writers wait
    /// meanwhile, so `batches` must not write to this store.
    ///
    /// An integer `primary_key` becomes SQLite's own row id, or an identity of PostgreSQL. NaN is stored as null and -0.0 as 0; timestamps with a zone
    /// are stored in UTC; structs and lists are stored as JSON.
    ///
    /// # Errors
    /// The input's own, or why the database refuses: `TableExists`, `UnknownColumn`, `InvalidName`, `InvalidValue` or
    /// `Constraint` with the row, `ReadOnly`, `Busy`, `Full`.
    pub fn write_table<E>(
        &self,
        name: &str,
        schema: &Schema,
        options: &WriteOptions,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
    ) -> Result<u64, WriteError<E>> {
        self.write_table_and_keep(name, schema, options, batches, |_| Ok(Kept::default()))
    }

    /// As [`write_table`](Self::write_table), with records that become true together with the rows: `keep` is told the
    /// number of rows once all are written, and what it answers is kept in the same transaction.
    ///
    /// # Errors
    /// Those of [`write_table`](Self::write_table) and of `keep`.
    pub fn write_table_and_keep<E>(
        &self,
        name: &str,
        schema: &Schema,
        options: &WriteOptions,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
        keep: impl FnOnce(u64) -> Result<Kept, E>,
    ) -> Result<u64, WriteError<E>> {
        of!(self, database => database.write_table(name, schema, options, batches, None, keep))
    }

    /// As [`write_table_and_keep`](Self::write_table_and_keep), past the rows that the database refuses: those that break
    /// a rule of the table, or hold a value that it cannot take. `refuse` is told the number of each, counted from 1 in
    /// the order of the batches, and why, before the next batch is asked for; if it answers an error, nothing is written.
    /// The rows returned and told to `keep` are those written.
    ///
    /// References to rows that are not there are refused row by row, so a row must come behind those that it refers to.
    ///
    /// # Errors
    /// Those of [`write_table_and_keep`](Self::write_table_and_keep) that are not of one row, and of `refuse`.
    pub fn write_table_past<E>(
        &self,
        name: &str,
        schema: &Schema,
        options: &WriteOptions,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
        mut refuse: impl FnMut(u64, Error) -> Result<(), WriteError<E>>,
        keep: impl FnOnce(u64) -> Result<Kept, E>,
    ) -> Result<u64, WriteError<E>> {
        of!(self, database => database.write_table(name, schema, options, batches, Some(&mut refuse), keep))
    }

    /// Runs a transaction: what `work` does is done wholly once this returns `Ok`, and not at all if it returns an error
    /// or panics. See [`Transaction`] for what it can do. Other writes of this store must not be made within it.
    ///
    /// On SQLite one transaction writes at a time; those that are in a hurry at once are committed together, at the cost
    /// of one wait for the disk.
    ///
    /// # Errors
    /// Those of the work, and of the commit: `Conflict`, `Deadlock`, `Timeout`, `Busy`, `Full`, `Lost`.
    pub fn transaction<T>(
        &self,
        options: &TransactionOptions,
        mut work: impl FnMut(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        transaction::retried(options.retries, || of!(self, database => database.transact(options, &mut work)))
    }

    /// What would bring the database to the tables that are wanted; nothing is changed. Tables that were never declared
    /// are left alone.
    ///
    /// # Errors
    /// As [`Table::validate`](schema::Table::validate) for a table that cannot be made.
    pub fn plan(&self, wanted: &[schema::Table]) -> Result<Migration> {
        self.transaction(&TransactionOptions::default().read_only(), |tx| {
            let found = tx.tables()?;
            migrate::plan(tx, &found, wanted)
        })
    }

    /// Brings the database to the tables that are wanted, in one transaction, and records it; returns what was done. Of
    /// what would be lost, only what `allowed` names (as [`Step::loses`](crate::Step::loses) does) is given up.
    ///
    /// # Errors
    /// `Destructive` where something else would be lost; as [`plan`](Self::plan); `Constraint` where the rows do not meet
    /// the wanted rules. Nothing is changed then.
    pub fn migrate(&self, wanted: &[schema::Table], allowed: &[&str]) -> Result<Migration> {
        of!(self, database => database.migrate(|tx| {
            let found = tx.tables()?;
            let migration = migrate::plan(tx, &found, wanted)?;
            migrate::apply(tx, &migration, wanted, allowed)?;
            Ok(migration)
        }))
    }

    /// Drops a table with its indexes, or a view.
    ///
    /// # Errors
    /// `UnknownTable`, or a `Constraint` where rows of another table refer to it.
    pub fn drop_table(&self, name: &str) -> Result<()> {
        of!(self, database => database.drop_table(name))
    }

    /// Where an imported table came from; none where that was not recorded.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn origin(&self, table: &str) -> Result<Option<Origin>> {
        of!(self, database => database.origin(table))
    }

    /// Keeps an artifact, in place of one of the same kind and name.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_artifact(&self, artifact: &Artifact) -> Result<()> {
        of!(self, database => database.put_artifact(artifact))
    }

    /// The artifact of a kind and name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn artifact(&self, kind: &str, name: &str) -> Result<Option<Artifact>> {
        of!(self, database => database.artifact(kind, name))
    }

    /// The artifacts of a kind, by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn artifacts(&self, kind: &str) -> Result<Vec<Artifact>> {
        of!(self, database => database.artifacts(kind))
    }

    /// Removes an artifact; true if there was one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn drop_artifact(&self, kind: &str, name: &str) -> Result<bool> {
        of!(self, database => database.drop_artifact(kind, name))
    }

    /// The rows of a query as JSON, and their count, both of one moment.
    ///
    /// # Errors
    /// `UnknownTable`, `UnknownColumn`, or `InvalidValue` for a value that is not of its column's type.
    pub fn read_json(&self, select: &Select, count: Count) -> Result<JsonPage> {
        of!(self, database => database.read_json(select, count))
    }

    /// The rows of a query as JSON, the bytes of [`read_json`](Self::read_json) in chunks, which are given to `sink` as
    /// they are read: all of one moment, whatever is written meanwhile. The read waits while `sink` does, and ends where
    /// it breaks.
    ///
    /// # Errors
    /// As [`read_json`](Self::read_json), before the first part; later only where the database cannot be read.
    pub fn stream_json(
        &self,
        select: &Select,
        options: StreamOptions,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        of!(self, database => database.stream_json(select, options, sink))
    }

    /// As [`stream_json`](Self::stream_json), with rows as a writer puts them.
    ///
    /// # Errors
    /// As [`stream_json`](Self::stream_json).
    pub fn stream_rows(
        &self,
        select: &Select,
        options: StreamOptions,
        writer: &mut dyn RowWriter,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        of!(self, database => database.stream_rows(select, options, writer, sink))
    }

    /// The documents of a query, all at once, and their count.
    ///
    /// # Errors
    /// As [`read_json`](Self::read_json), and `Unsupported` for what cannot be embedded or ordered so.
    pub fn read_document(&self, document: &Document, form: Form<'_>, count: Count) -> Result<JsonPage> {
        let mut page = JsonPage { body: Vec::new(), rows: 0, total: None };
        let options = StreamOptions::default().count(count).chunk_bytes(usize::MAX);
        self.stream_document(document, options, form, |part| {
            if let Part::Whole(Opening { body, rows, total }) = part {
                page = JsonPage { body, rows, total };
            }
            ControlFlow::Continue(())
        })?;
        Ok(page)
    }

    /// The documents of a query in chunks; see [`stream_json`](Self::stream_json).
    ///
    /// # Errors
    /// As [`read_document`](Self::read_document).
    pub fn stream_document(
        &self,
        document: &Document,
        options: StreamOptions,
        form: Form<'_>,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        of!(self, database => database.stream_document(document, options, form, sink))
    }

    /// The number of documents, before limit and offset.
    ///
    /// # Errors
    /// As [`read_document`](Self::read_document).
    pub fn count_document(&self, document: &Document) -> Result<u64> {
        of!(self, database => database.count_document(document))
    }

    /// Makes a change of rows, and returns when it is on the disk.
    ///
    /// # Errors
    /// `Constraint` for a row that breaks a rule, `InvalidValue` for a value that is not of its column's type, `Stale`,
    /// `TooMany`, `NotUnique`, `Unsupported` for a view, or that the database cannot be written. Nothing has changed then.
    pub fn mutate(&self, mutation: Mutation) -> Result<Outcome> {
        of!(self, database => database.mutate(mutation))
    }

    /// Puts a change in the queue; `done` is called with what [`mutate`](Self::mutate) would return. True if nobody works
    /// on the queue: then [`work`](Self::work) must be called, which may wait for the disk.
    #[must_use = "call `work` where it is true"]
    pub fn submit(&self, mutation: Mutation, done: impl FnOnce(Result<Outcome>) + Send + 'static) -> bool {
        of!(self, database => database.submit(mutation, Box::new(done)))
    }

    /// Makes the changes of the queue until there are none.
    pub fn work(&self) {
        of!(self, database => database.work());
    }

    /// Runs a query that somebody typed: it can read the tables that [`tables`](Self::tables) lists, and nothing else.
    /// `stopped` is asked now and then whether to end it.
    ///
    /// # Errors
    /// `Sql` in the database's words, about what was typed or what it may not do; `Stopped` by time or by `stopped`.
    pub fn console(
        &self,
        sql: &str,
        limits: &ConsoleLimits,
        stopped: impl FnMut() -> bool + Send + 'static,
    ) -> Result<ConsoleAnswer> {
        of!(self, database => database.console(sql, limits, stopped))
    }

    /// The rows of a query as values.
    ///
    /// # Errors
    /// As [`read_json`](Self::read_json).
    pub fn read_rows(&self, select: &Select) -> Result<Rows> {
        of!(self, database => database.read_rows(select))
    }

    /// The number of rows that a filter takes.
    ///
    /// # Errors
    /// As [`read_json`](Self::read_json).
    pub fn count(&self, table: &str, filter: Option<&Filter>) -> Result<u64> {
        of!(self, database => database.count(table, filter))
    }

    /// The rows of a query as batches, in constant memory.
    ///
    /// # Errors
    /// As [`read_json`](Self::read_json); a batch may be an `InvalidValue`, naming column and row, where another program
    /// stored a value against its column's type.
    pub fn scan(&self, select: &Select) -> Result<Scan> {
        of!(self, database => database.scan(select))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("name", &self.name()).finish_non_exhaustive()
    }
}
