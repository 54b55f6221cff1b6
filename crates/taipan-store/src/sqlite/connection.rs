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
    pub(crate) fn writer(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let open = || {
            let connection = self.open(flags)?;
            if connection.is_readonly("main")? {
                return Ok((connection, true));
            }
            // A temporary database need not survive a power cut, only its process.
            let synchronous = if self.folder.is_some() { "OFF" } else { "FULL" };
            connection.pragma_update(None, "journal_mode", "WAL")?;
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
