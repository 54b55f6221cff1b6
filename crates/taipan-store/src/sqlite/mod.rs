//! SQLite behind the store's face: one connection that writes, and a pool of connections that read at the same time.
//!
//! The database is in WAL mode with `synchronous=FULL`, so that a commit is on the disk when it returns. A database made
//! by another program is changed to WAL by the first write, not by reading.

mod backup;
mod bookkeeping;
mod catalog;
mod connection;
mod console;
mod counts;
mod document;
mod failure;
mod functions;
mod image;
mod insert;
mod keeper;
mod migrate;
mod moment;
mod mutation;
mod pool;
mod ranges;
mod read;
mod scan;
mod shaping;
mod stream;
mod transact;
mod transfer;
mod turn;
mod writer;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::artifact::Artifact;
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::table::Table;
use crate::write::{Kept, Refuse, WriteError, WriteOptions};
use catalog::Catalog;
use connection::{Journal, Location};
use counts::Counts;
use pool::{Pool, Reader};
use turn::{Turn, Turns};
use writer::Writer;

/// An open database.
pub(crate) struct Database {
    location: Arc<Location>,
    turns: Turns,
    readers: Arc<Pool>,
    catalog: RwLock<Arc<Catalog>>,
    counts: Counts,
    queue: mutation::Queue,
    /// It is new, and has no log before it is closed.
    is_without_log: bool,
}

impl Database {
    /// Opens a file, and makes it if it is not there. Whoever is alone with a new one writes it in place.
    pub(crate) fn open(path: &Path, is_alone: bool) -> Result<Self> {
        let file = std::path::absolute(path).map_err(|error| {
            Error::new(ErrorKind::Io(error.to_string())).in_database(&path.to_string_lossy().into())
        })?;
        let location =
            Location { name: path.to_string_lossy().into(), file, shown: Some(path.to_owned()), folder: None };
        Self::at(location, if is_alone { Journal::Rollback } else { Journal::Log })
    }

    /// Makes a database that is gone when it is closed. It is a file in a private folder rather than SQLite's
    /// shared-cache memory, in which readers and the writer lock each other out.
    pub(crate) fn temporary() -> Result<Self> {
        let folder = TempDir::new()
            .map_err(|error| Error::new(ErrorKind::Io(format!("no temporary folder: {error}"))).because(error))?;
        let file = folder.path().join("memory.db");
        Self::at(Location { name: ":memory:".into(), file, shown: None, folder: Some(folder) }, Journal::Log)
    }

    fn at(location: Location, journal: Journal) -> Result<Self> {
        let location = Arc::new(location);
        let writer = if location.exists()? { None } else { Some(location.writer(journal)?) };
        let is_without_log = writer.is_some() && journal == Journal::Rollback;
        let readers = Arc::new(Pool::new(Arc::clone(&location)));
        let catalog = {
            let reader = readers.take()?;
            let version = catalog::version(&reader).map_err(|error| location.failure(error))?;
            catalog::reflect(&reader, version).map_err(|error| location.failure(error))?
        };
        let (turns, catalog) = (Turns::new(writer), RwLock::new(Arc::new(catalog)));
        let (counts, queue) = (Counts::default(), mutation::Queue::default());
        Ok(Database { location, turns, readers, catalog, counts, queue, is_without_log })
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.location.shown.as_deref()
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> &str {
        &self.location.name
    }

    pub(crate) fn write_table<E>(
        &self,
        name: &str,
        schema: &Schema,
        options: &WriteOptions,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
        mut refuse: Option<Refuse<'_, E>>,
        keep: impl FnOnce(u64) -> Result<Kept, E>,
    ) -> Result<u64, WriteError<E>> {
        let writer = self.writer()?;
        let mut write = writer.write_table(name, schema, options, refuse.is_some())?;
        match &mut refuse {
            Some(refuse) => {
                for batch in batches {
                    write.push_past(&batch.map_err(WriteError::Input)?, refuse)?;
                }
            }
            None => write.push_all(batches)?,
        }
        let kept = keep(write.rows()).map_err(WriteError::Input)?;
        Ok(write.finish(kept)?)
    }

    pub(crate) fn drop_table(&self, name: &str) -> Result<()> {
        self.writer()?.drop_table(name)
    }

    pub(crate) fn put_artifact(&self, artifact: &Artifact) -> Result<()> {
        self.writer()?.put_artifact(artifact)
    }

    pub(crate) fn drop_artifact(&self, kind: &str, name: &str) -> Result<bool> {
        self.writer()?.drop_artifact(kind, name)
    }

    pub(crate) fn tables(&self) -> Result<Vec<Arc<Table>>> {
        self.read(|_, catalog| Ok(catalog.tables().cloned().collect()))
    }

    pub(crate) fn table(&self, name: &str) -> Result<Arc<Table>> {
        self.read(|_, catalog| catalog.table(name).cloned())
    }

    /// The table as the last read found it, without a look at the database.
    pub(crate) fn known_table(&self, name: &str) -> Option<Arc<Table>> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).find(name).cloned()
    }

    /// The right to write: one at a time, the others wait.
    pub(crate) fn writer(&self) -> Result<Writer<'_>> {
        let mut turn = self.turn(None)?;
        // Whose transactions they are is told by the group.
        let _ = self.commit(&mut turn);
        Ok(Writer::new(self, turn))
    }

    /// Whether the calling thread is in the midst of writing, and another write of its would never have its turn.
    pub(crate) fn is_writing_here(&self) -> bool {
        self.turns.is_mine()
    }

    /// The turn to write, maybe with transactions of others that wait to be committed.
    fn turn(&self, timeout: Option<Duration>) -> Result<Turn<'_>> {
        let mut turn = self.turns.take(timeout)?;
        if turn.connection.is_none() {
            turn.connection = Some(self.location.writer(Journal::Log)?);
        }
        Ok(turn)
    }

    /// Runs a read at one moment of the database, with the tables as they were then.
    fn read<T>(&self, run: impl FnOnce(&Reader, &Catalog) -> Result<T>) -> Result<T> {
        self.read_with(self.readers.take()?, run)
    }

    /// As [`read`](Self::read), for one that may last: it takes no place from the short ones.
    fn read_long<T>(&self, run: impl FnOnce(&Reader, &Catalog) -> Result<T>) -> Result<T> {
        self.read_with(self.readers.take_long()?, run)
    }

    #[inline]
    fn read_with<T>(&self, mut reader: Reader, run: impl FnOnce(&Reader, &Catalog) -> Result<T>) -> Result<T> {
        reader.enter(|connection, version| self.catalog(connection, version))?;
        run(&reader, reader.catalog())
    }

    /// The tables as a transaction sees them that may have changed them: nothing for others to know.
    fn catalog_within(&self, connection: &Connection, version: i64) -> Result<Arc<Catalog>> {
        let known = Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner));
        if known.version == version {
            return Ok(known);
        }
        Ok(Arc::new(catalog::reflect(connection, version).map_err(|error| self.failure(error))?))
    }

    /// The tables at a version of the schema, reflected again if it is not the one known.
    fn catalog(&self, connection: &Connection, version: i64) -> Result<Arc<Catalog>> {
        let known = Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner));
        if known.version == version {
            return Ok(known);
        }
        let catalog = Arc::new(catalog::reflect(connection, version).map_err(|error| self.failure(error))?);
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&catalog);
        Ok(catalog)
    }

    fn failure(&self, error: rusqlite::Error) -> Error {
        self.location.failure(error)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.readers.close();
        if self.is_without_log
            && let Ok(turn) = self.turns.take(None)
            && let Some(connection) = &turn.connection
        {
            // Where it fails, the next that writes does it.
            let _ = connection.pragma_update(None, "journal_mode", "WAL");
        }
    }
}

impl Catalog {
    fn table(&self, name: &str) -> Result<&Arc<Table>> {
        self.find(name).ok_or_else(|| {
            Error::new(ErrorKind::UnknownTable {
                name: name.to_owned(),
                nearest: nearest(name, self.tables().map(|table| table.name.as_str())),
            })
        })
    }
}
