//! SQLite behind the store's face: one connection that writes, and a pool of connections that read at the same time.
//!
//! The database is in WAL mode with `synchronous=FULL`, so that a commit is on the disk when it returns. A database made
//! by another program is changed to WAL by the first write, not by reading.

mod bookkeeping;
mod catalog;
mod connection;
mod console;
mod document;
mod failure;
mod functions;
mod insert;
mod keeper;
mod moment;
mod mutation;
mod pool;
mod read;
mod shaping;
mod stream;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::error::{Error, ErrorKind, Result, nearest};
use crate::table::Table;
use catalog::Catalog;
use connection::Location;
use pool::{Pool, Reader};
use writer::Writer;

/// An open database.
pub(crate) struct Database {
    location: Arc<Location>,
    writer: Mutex<Option<Connection>>,
    readers: Arc<Pool>,
    catalog: RwLock<Arc<Catalog>>,
    queue: mutation::Queue,
}

impl Database {
    /// Opens a file, and makes it if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = std::path::absolute(path).map_err(|error| {
            Error::new(ErrorKind::Io(error.to_string())).in_database(&path.to_string_lossy().into())
        })?;
        Self::at(Location { name: path.to_string_lossy().into(), file, shown: Some(path.to_owned()), folder: None })
    }

    /// Makes a database that is gone when it is closed. It is a file in a private folder rather than SQLite's
    /// shared-cache memory, in which readers and the writer lock each other out.
    pub(crate) fn temporary() -> Result<Self> {
        let folder = TempDir::new()
            .map_err(|error| Error::new(ErrorKind::Io(format!("no temporary folder: {error}"))).because(error))?;
        let file = folder.path().join("memory.db");
        Self::at(Location { name: ":memory:".into(), file, shown: None, folder: Some(folder) })
    }

    fn at(location: Location) -> Result<Self> {
        let location = Arc::new(location);
        let writer = if location.exists()? { None } else { Some(location.writer()?) };
        let readers = Arc::new(Pool::new(Arc::clone(&location)));
        let catalog = {
            let reader = readers.take()?;
            let version = catalog::version(&reader).map_err(|error| location.failure(error))?;
            catalog::reflect(&reader, version).map_err(|error| location.failure(error))?
        };
        let (writer, catalog) = (Mutex::new(writer), RwLock::new(Arc::new(catalog)));
        Ok(Database { location, writer, readers, catalog, queue: mutation::Queue::default() })
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.location.shown.as_deref()
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
        // A panic while it was held rolled its transaction back, so the connection is as good as before.
        let mut connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_none() {
            *connection = Some(self.location.writer()?);
        }
        Ok(Writer::new(self, connection))
    }

    /// Runs a read at one moment of the database, with the tables as they were then.
    fn read<T>(&self, run: impl FnOnce(&Connection, &Catalog) -> Result<T>) -> Result<T> {
        self.read_with(self.readers.take()?, run)
    }

    /// As [`read`](Self::read), for one that may last: it takes no place from the short ones.
    fn read_long<T>(&self, run: impl FnOnce(&Connection, &Catalog) -> Result<T>) -> Result<T> {
        self.read_with(self.readers.take_long()?, run)
    }

    #[inline]
    fn read_with<T>(&self, mut reader: Reader, run: impl FnOnce(&Connection, &Catalog) -> Result<T>) -> Result<T> {
        let (connection, catalog) = reader.enter(|connection, version| self.catalog(connection, version))?;
        run(connection, catalog)
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
