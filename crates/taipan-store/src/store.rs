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
use crate::mutation::{Mutation, Outcome};
use crate::origin::Origin;
use crate::scan::Scan;
use crate::select::{Count, Filter, JsonPage, Rows, Select};
use crate::sqlite::Database;
use crate::stream::{Opening, Part, RowWriter, StreamOptions};
use crate::table::Table;
use crate::write::{Kept, WriteError, WriteOptions};

/// A database. Cloning gives another handle of the same one.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
}

impl Store {
    /// Opens a database: a SQLite file (`demo.db`, `sqlite:demo.db`, `sqlite:///srv/demo.db`), which is made if it is
    /// not there, or `sqlite::memory:`, which is gone when the last handle is.
    ///
    /// # Errors
    /// `NotADatabase`, `Corrupt`, `Busy`, `ReadOnly` or `Io`, naming the file; `Unsupported` for another scheme.
    pub fn open(url: &str) -> Result<Store> {
        let path = match url.strip_prefix("sqlite:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None => url,
        };
        if let Some((scheme, _)) = path.split_once("://") {
            // Only the scheme is shown: the rest may hold a password.
            let what = match scheme {
                "postgres" | "postgresql" => "PostgreSQL is not supported yet".to_owned(),
                _ => format!("databases of the scheme \"{scheme}\" are not supported"),
            };
            return Err(Error::unsupported(format!("{scheme}://…: {what}; use a SQLite file, such as sqlite:demo.db")));
        }
        if path.is_empty() {
            return Err(Error::unsupported("the database has no name; give a file, such as sqlite:demo.db"));
        }
        let database = if path == ":memory:" { Database::temporary() } else { Database::open(Path::new(path)) };
        Ok(Store { database: Arc::new(database?) })
    }

    /// The database file; none for `sqlite::memory:`.
    pub fn path(&self) -> Option<&Path> {
        self.database.path()
    }

    /// The tables and views by name, without SQLite's and Taipan's own.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tables(&self) -> Result<Vec<Arc<Table>>> {
        self.database.tables()
    }

    /// The table or view of this name as the last read found it, without a look at the database, where another program
    /// may have changed it since. Enough to understand a request by: a read checks names against the table as it is.
    pub fn known_table(&self, name: &str) -> Option<Arc<Table>> {
        self.database.known_table(name)
    }

    /// The table or view of this name.
    ///
    /// # Errors
    /// `UnknownTable`, with the nearest name there is.
    pub fn table(&self, name: &str) -> Result<Arc<Table>> {
        self.database.table(name)
    }

    /// Writes batches as a table in one transaction, and returns the number of rows: readers see the table as it was
    /// until the call returns, and for ever if it fails, be it by an error or a panic of `batches`. Other writers wait
    /// meanwhile, so `batches` must not write to this store.
    ///
    /// An integer `primary_key` becomes SQLite's own row id. NaN is stored as null and -0.0 as 0; timestamps with a zone
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
        let writer = self.database.writer()?;
        let mut write = writer.write_table(name, schema, options)?;
        for batch in batches {
            write.push(&batch.map_err(WriteError::Input)?)?;
        }
        let kept = keep(write.rows()).map_err(WriteError::Input)?;
        Ok(write.finish(kept)?)
    }

    /// Drops a table with its indexes, or a view.
    ///
    /// # Errors
    /// `UnknownTable`, or a `Constraint` where rows of another table refer to it.
    pub fn drop_table(&self, name: &str) -> Result<()> {
        self.database.writer()?.drop_table(name)
    }

    /// Where an imported table came from; none where that was not recorded.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn origin(&self, table: &str) -> Result<Option<Origin>> {
        self.database.origin(table)
    }

    /// Keeps an artifact, in place of one of the same kind and name.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_artifact(&self, artifact: &Artifact) -> Result<()> {
        self.database.writer()?.put_artifact(artifact)
    }

    /// The artifact of a kind and name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn artifact(&self, kind: &str, name: &str) -> Result<Option<Artifact>> {
        self.database.artifact(kind, name)
    }

    /// The artifacts of a kind, by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn artifacts(&self, kind: &str) -> Result<Vec<Artifact>> {
        self.database.artifacts(kind)
    }

    /// Removes an artifact; true if there was one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn drop_artifact(&self, kind: &str, name: &str) -> Result<bool> {
        self.database.writer()?.drop_artifact(kind, name)
    }

    /// The rows of a query as JSON, and their count, both of one moment.
    ///
    /// # Errors
    /// `UnknownTable`, `UnknownColumn`, or `InvalidValue` for a value that is not of its column's type.
    pub fn read_json(&self, select: &Select, count: Count) -> Result<JsonPage> {
        self.database.read_json(select, count)
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
        self.database.stream_json(select, options, sink)
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
        self.database.stream_rows(select, options, writer, sink)
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
        self.database.stream_document(document, options, form, sink)
    }

    /// The number of documents, before limit and offset.
    ///
    /// # Errors
    /// As [`read_document`](Self::read_document).
    pub fn count_document(&self, document: &Document) -> Result<u64> {
        self.database.count_document(document)
    }

    /// Makes a change of rows, and returns when it is on the disk.
    ///
    /// # Errors
    /// `Constraint` for a row that breaks a rule, `InvalidValue` for a value that is not of its column's type, `Stale`,
    /// `TooMany`, `NotUnique`, `Unsupported` for a view, or that the database cannot be written. Nothing has changed then.
    pub fn mutate(&self, mutation: Mutation) -> Result<Outcome> {
        self.database.mutate(mutation)
    }

    /// Puts a change in the queue; `done` is called with what [`mutate`](Self::mutate) would return. True if nobody works
    /// on the queue: then [`work`](Self::work) must be called, which may wait for the disk.
    #[must_use = "call `work` where it is true"]
    pub fn submit(&self, mutation: Mutation, done: impl FnOnce(Result<Outcome>) + Send + 'static) -> bool {
        self.database.submit(mutation, Box::new(done))
    }

    /// Makes the changes of the queue until there are none.
    pub fn work(&self) {
        self.database.work();
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
        self.database.console(sql, limits, stopped)
    }

    /// The rows of a query as values.
    ///
    /// # Errors
    /// As [`read_json`](Self::read_json).
    pub fn read_rows(&self, select: &Select) -> Result<Rows> {
        self.database.read_rows(select)
    }

    /// The number of rows that a filter takes.
    ///
    /// # Errors
    /// As [`read_json`](Self::read_json).
    pub fn count(&self, table: &str, filter: Option<&Filter>) -> Result<u64> {
        self.database.count(table, filter)
    }

    /// The rows of a query as batches, in constant memory.
    ///
    /// # Errors
    /// As [`read_json`](Self::read_json); a batch may be an `InvalidValue`, naming column and row, where another program
    /// stored a value against its column's type.
    pub fn scan(&self, select: &Select) -> Result<Scan> {
        self.database.scan(select)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path()).finish_non_exhaustive()
    }
}
