//! Rows moved into a table from an [image](super::image) of one, within the transaction that writes it.

use std::ops::Range;
use std::ptr;

use rusqlite::{Connection, Result, ffi};

use crate::cells::Cells;
use crate::kind::Kind;
use crate::sql::quoted;
use crate::sqlite::image::{Encoded, Encoder};

/// The least values that are worth an image: to open one takes as long as to insert about so many.
pub(super) const LEAST: usize = 10_000;
/// How often an image may be tried and come out smaller.
const MOST_MISSES: u32 = 16;

/// A table into which rows are moved. It must outlive the transaction, for as long as that is open SQLite holds on to
/// the image.
pub(super) struct Transfer<'c> {
    connection: &'c Connection,
    table: String,
    /// The statement that the table must have been made by.
    create: String,
    columns: Vec<(Kind, bool)>,
    key: Option<usize>,
    /// Made for the first rows that are worth it.
    encoder: Option<Encoder>,
    /// What the encoder has encoded already of the rows that come next.
    encoded: Option<Encoded>,
    /// An encoder for the rows behind.
    spare: Option<Encoder>,
    is_attached: bool,
    misses: u32,
}

/// The first of some rows, by how they are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loaded {
    /// These are in the image.
    pub(super) moved: usize,
    /// Those behind them have to be inserted.
    pub(super) inserted: usize,
}

impl<'c> Transfer<'c> {
    /// For a table that a statement made, whose columns are of some kinds and may hold nulls or not; the key is the
    /// column that is the row's id.
    pub(super) fn new(
        connection: &'c Connection,
        (table, create): (&str, String),
        columns: Vec<(Kind, bool)>,
        key: Option<usize>,
    ) -> Self {
        let (encoder, encoded, spare) = (None, None, None);
        let table = table.to_owned();
        Transfer { connection, table, create, columns, key, encoder, encoded, spare, is_attached: false, misses: 0 }
    }

    /// An encoder for so many rows while others are moved; none if they are better inserted.
    pub(super) fn spare(&mut self, rows: usize) -> Option<Encoder> {
        let spare = self.spare.take();
        let encoder = self.encoder(rows)?;
        Some(spare.unwrap_or_else(|| encoder.twin()))
    }

    /// Takes what an encoder has made of the rows that are loaded next.
    pub(super) fn take(&mut self, encoder: Encoder, encoded: Encoded) {
        self.spare = self.encoder.replace(encoder);
        self.encoded = Some(encoded);
    }

    /// Makes an image of the first of some rows; none if all are better inserted.
    pub(super) fn load(&mut self, cells: &[Cells], rows: Range<usize>) -> Option<Loaded> {
        let encoded = self.encoded.take();
        let columns = self.columns.len();
        let encoder = self.encoder(rows.len())?;
        let Encoded { rows, refused } = encoded.unwrap_or_else(|| encoder.encode(cells, rows));
        let is_worth = rows * columns >= LEAST || !refused;
        let behind = usize::from(refused);
        if is_worth && self.open().is_ok() {
            return Some(Loaded { moved: rows, inserted: behind });
        }
        self.misses += 1;
        Some(Loaded { moved: 0, inserted: rows + behind })
    }

    /// The encoder, if so many rows are worth an image.
    fn encoder(&mut self, rows: usize) -> Option<&mut Encoder> {
        if self.misses > MOST_MISSES || rows * self.columns.len() < LEAST {
            return None;
        }
        if self.encoder.is_none() {
            self.encoder = self.first_encoder().ok().flatten();
            // Then it is not asked again.
            self.misses = if self.encoder.is_none() { u32::MAX } else { 0 };
        }
        self.encoder.as_mut()
    }

    /// None if the table there is was not made so, if the database's text is not in UTF-8, or if rows of other tables
    /// refer to its own: SQLite would not see that one is there again whose absence it has counted.
    fn first_encoder(&self) -> Result<Option<Encoder>> {
        let encoding: String = self.connection.pragma_query_value(Some("main"), "encoding", |row| row.get(0))?;
        let sql: String = self
            .connection
            .prepare_cached("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1")?
            .query_row([&self.table], |row| row.get(0))?;
        let referred: bool = self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema AS s, pragma_foreign_key_list(s.name, 'main') AS f \
                 WHERE s.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE)",
            )?
            .query_row([&self.table], |row| row.get(0))?;
        if sql != self.create || encoding != "UTF-8" || referred {
            return Ok(None);
        }
        Ok(Encoder::new(&self.table, sql, &self.columns, self.key))
    }

    /// Moves the rows of the image into the table, all or none of them.
    pub(super) fn run(&self) -> Result<()> {
        self.connection.execute(&self.insert(), []).map(|_| ())
    }

    fn insert(&self) -> String {
        format!("INSERT INTO main.{0} SELECT * FROM taipan_rows.{0}", quoted(&self.table))
    }

    fn open(&mut self) -> Result<()> {
        let Some(encoder) = &self.encoder else { return Err(rusqlite::Error::InvalidQuery) };
        if !self.is_attached {
            self.connection.execute_batch("ATTACH ':memory:' AS taipan_rows")?;
            self.is_attached = true;
        }
        open(self.connection, encoder.image())
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        if self.is_attached {
            // Where it fails, the next that would attach cannot, and inserts.
            let _ = self.connection.execute_batch("DETACH taipan_rows");
        }
    }
}

/// Opens a database in memory in the place of the one that is attached.
#[expect(unsafe_code, reason = "the safe call needs the connection for itself, which a transaction borrows")]
fn open(connection: &Connection, image: &[u8]) -> Result<()> {
    let bytes = image.len() as i64;
    // SAFETY: the connection is open and used by this thread alone; no statement on the attached database is left, for
    // `run` drops its own. The image is copied into memory of its size from SQLite's allocator, which is SQLite's from
    // the call on: it frees it when the database is closed, and if the call fails.
    let code = unsafe {
        let memory: *mut u8 = ffi::sqlite3_malloc64(image.len() as u64).cast();
        if memory.is_null() {
            ffi::SQLITE_NOMEM
        } else {
            ptr::copy_nonoverlapping(image.as_ptr(), memory, image.len());
            let flags = ffi::SQLITE_DESERIALIZE_FREEONCLOSE | ffi::SQLITE_DESERIALIZE_READONLY;
            ffi::sqlite3_deserialize(connection.handle(), c"taipan_rows".as_ptr(), memory, bytes, bytes, flags)
        }
    };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)) }
}

#[cfg(test)]
mod tests;
