//! Connections to the database file, set up for reading or for writing.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use crate::error::{Error, ErrorKind, Result};
use crate::sqlite::{failure, functions};

/// How long a statement waits for another program's lock.
const BUSY: Duration = Duration::from_secs(5);
/// The statements a connection keeps prepared.
const STATEMENTS: usize = 256;

/// How a transaction that is cut short is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journal {
    /// What it writes is in a log until it is copied into the file; others read meanwhile.
    Log,
    /// What was in the file before is kept beside it: of a new file, nothing. Others wait.
    Rollback,
}

/// Where the database is.
pub(crate) struct Location {
    /// What errors call it.
    pub(crate) name: Arc<str>,
    /// The file, absolute: it must stay the same when the process changes its folder.
    pub(crate) file: PathBuf,
    /// The file as the user gave it; none for a temporary database.
    pub(crate) shown: Option<PathBuf>,
    /// The folder that goes when the database is closed.
    pub(crate) folder: Option<TempDir>,
}

impl Location {
    /// Whether the file is there, so that it need not be made.
    pub(crate) fn exists(&self) -> Result<bool> {
        let refused = |detail: String| Err(Error::new(ErrorKind::Io(detail)).in_database(&self.name));
        match fs::metadata(&self.file) {
            Ok(found) if found.is_dir() => refused("is a folder, not a database file".to_owned()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.file.parent() {
                Some(folder) if !folder.is_dir() => refused(format!("there is no folder \"{}\"", folder.display())),
                _ => Ok(false),
            },
            Err(error) => refused(error.to_string()),
        }
    }

    /// A connection that writes; the file is made if it is not there.
    pub(crate) fn writer(&self, journal: Journal) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let open = || {
            let connection = self.open(flags)?;
            if connection.is_readonly("main")? {
                return Ok((connection, true));
            }
            // A temporary database need not survive a power cut, only its process.
            let synchronous = if self.folder.is_some() { "OFF" } else { "FULL" };
            if journal == Journal::Log {
                connection.pragma_update(None, "journal_mode", "WAL")?;
            }
            connection.pragma_update(None, "synchronous", synchronous)?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "cache_size", -32_768)?;
            // A large import must not leave a log of its size behind.
            connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
            connection.pragma_update(None, "threads", 2)?;
            Ok((connection, false))
        };
        match open() {
            Ok((connection, false)) => Ok(connection),
            Ok((_, true)) => Err(Error::new(ErrorKind::ReadOnly).in_database(&self.name)),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// A connection that reads. It is opened for writing too, because only such a one can roll back what a program that
    /// was killed left behind, and then forbidden to write.
    pub(crate) fn reader(&self) -> Result<Connection> {
        let open = || {
            let connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -4096)?;
            // Read through the page cache, not a mapping: where a file is cut short or its disk fails, a mapping raises a
            // signal instead of an error, and each connection's counts as memory again. It gained a fifth at most.
            connection.pragma_update(None, "mmap_size", 0)?;
            Ok(connection)
        };
        open().map_err(|error| self.failure(error))
    }

    pub(crate) fn failure(&self, error: rusqlite::Error) -> Error {
        if error.sqlite_error_code() != Some(ErrorCode::CannotOpen) {
            return failure::of(error).in_database(&self.name);
        }
        // SQLite does not say why; the system does.
        let reason = match fs::File::open(&self.file) {
            Ok(_) => "cannot be opened; is its folder writable?".to_owned(),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => {
                "cannot be made; is its folder writable?".to_owned()
            }
            Err(reason) => format!("cannot be opened: {reason}"),
        };
        Error::new(ErrorKind::Io(reason)).in_database(&self.name).because(error)
    }

    fn open(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        // No URI flag: a file may be called `file:x?mode=memory`, and is absolute here, so that SQLite takes it as it is.
        let connection = Connection::open_with_flags(&self.file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // A file from elsewhere must not make its reader call functions that act.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        functions::register(&connection)?;
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::path::Path;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

    use super::*;
    use crate::{Store, WriteError, WriteOptions};

    fn batch(first: i64, rows: i64) -> RecordBatch {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
        let texts = (first..first + rows).map(|id| format!("{id} is followed by forty bytes that stand for text"));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap()
    }

    fn ask(path: &Path, question: &str) -> String {
        Connection::open(path).unwrap().query_row(question, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn whoever_is_alone_writes_in_place_and_leaves_a_log_to_the_next() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("new.db");
        let url = path.display().to_string();
        let write = |store: &Store, table: &str| {
            let batch = batch(0, 1000);
            let batches = [Ok::<_, Infallible>(batch.clone())].into_iter();
            store.write_table(table, batch.schema_ref(), &WriteOptions::default(), batches).unwrap();
        };
        let store = Store::open_alone(&url).unwrap();
        write(&store, "a");
        assert_eq!(store.count("a", None).unwrap(), 1000);
        assert_eq!(ask(&path, "PRAGMA journal_mode"), "delete");
        write(&store, "b");
        drop(store);
        assert_eq!(ask(&path, "PRAGMA journal_mode"), "wal");
        assert_eq!(ask(&path, "PRAGMA integrity_check"), "ok");
        // One that is there keeps its log.
        let store = Store::open_alone(&url).unwrap();
        write(&store, "c");
        assert!(folder.path().join("new.db-wal").exists());
        assert_eq!(store.tables().unwrap().len(), 3);
    }

    #[test]
    fn of_a_new_file_that_is_cut_short_nothing_is_there() {
        let folder = TempDir::new().unwrap();
        let (path, copy) = (folder.path().join("new.db"), folder.path().join("copy.db"));
        let store = Store::open_alone(&path.display().to_string()).unwrap();
        // More than is kept in memory, so that the file has some of it.
        let batches = (0..11).map(|at| {
            if at < 10 {
                return Ok(batch(at * 100_000, 100_000));
            }
            // As a process would leave it that is killed now.
            assert!(fs::metadata(&path).unwrap().len() > 1 << 20);
            fs::copy(&path, &copy).unwrap();
            fs::copy(folder.path().join("new.db-journal"), folder.path().join("copy.db-journal")).unwrap();
            Err("cut short")
        });
        let options = WriteOptions::default();
        let written = store.write_table("t", batch(0, 0).schema_ref(), &options, batches);
        assert!(matches!(written, Err(WriteError::Input("cut short"))), "{written:?}");
        assert!(store.tables().unwrap().is_empty());
        drop(store);
        for path in [&path, &copy] {
            assert_eq!(ask(path, "SELECT 'tables: ' || count(*) FROM sqlite_schema WHERE name = 't'"), "tables: 0");
            assert_eq!(ask(path, "PRAGMA integrity_check"), "ok");
        }
    }
}
