//! Copies of a database file by SQLite's backup, page by page while it is in use.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, ErrorKind, Result};
use crate::sqlite::{Database, failure};

/// The pages copied at once.
const PAGES: i32 = 2000;

impl Database {
    /// Writes a copy to a file, checked.
    pub(crate) fn backup(&self, to: &Path) -> Result<()> {
        let reader = self.readers.take_long()?;
        // Within one read the copy is of one moment, and no write makes it begin anew.
        reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(|error| self.failure(error))?;
        let named = |error: rusqlite::Error| failure::of(error).in_database(&to.to_string_lossy().into());
        let mut copy = Connection::open(to).map_err(named)?;
        copy_all(&reader, &mut copy).map_err(named)?;
        check(&copy).map_err(|error| error.in_database(&self.location.name))?;
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(named)
    }

    /// Puts a copy in the place of all there is.
    pub(crate) fn restore(&self, from: &Path) -> Result<()> {
        let named = |error: Error| error.in_database(&from.to_string_lossy().into());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let copy = Connection::open_with_flags(from, flags).map_err(|error| named(failure::of(error)))?;
        check(&copy).map_err(named)?;
        let mut turn = self.turn(None)?;
        let _ = self.commit(&mut turn);
        self.readers.leave_moments();
        let Some(connection) = &mut turn.connection else { return Ok(()) };
        copy_all(&copy, connection).map_err(|error| self.failure(error))?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(|error| self.failure(error))?;
        drop(turn);
        *self.catalog.write().unwrap_or_else(std::sync::PoisonError::into_inner) = std::sync::Arc::default();
        Ok(())
    }
}

/// Copies all pages in one transaction of the target.
fn copy_all(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    let backup = Backup::new(from, to)?;
    let mut waits = 0;
    loop {
        match backup.step(PAGES)? {
            StepResult::Done => return Ok(()),
            StepResult::Busy | StepResult::Locked if waits < 500 => {
                waits += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            StepResult::Busy | StepResult::Locked => {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                    None,
                ));
            }
            _ => {}
        }
    }
}

/// Reads all of a database and sees whether it is whole.
fn check(connection: &Connection) -> Result<()> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failure::of)?;
    if said == "ok" { Ok(()) } else { Err(Error::new(ErrorKind::Corrupt(said))) }
}
