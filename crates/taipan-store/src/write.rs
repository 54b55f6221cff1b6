//! How a table is written: the options, and the error that tells the store's failures from the input's.

use std::error::Error as StdError;
use std::fmt;

use arrow::record_batch::RecordBatch;

use crate::artifact::Artifact;
use crate::error::{Error, ErrorKind};
use crate::origin::Origin;

/// How a table is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// What to do with a table of that name.
    pub mode: Mode,
    /// The column that is the primary key of a table made by this write.
    pub primary_key: Option<String>,
    /// Columns to index, each by itself, once the rows are there.
    pub indexes: Vec<String>,
    /// Where the rows come from. Without one, what was recorded of the table before is forgotten.
    pub origin: Option<Origin>,
    /// What to do with columns that a table lacks which rows are added to.
    pub new_columns: NewColumns,
}

/// What a write does with a table of that name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The table must not be there.
    #[default]
    Create,
    /// The table is dropped first, if it is there, with its indexes and triggers.
    Replace,
    /// The rows are added to the table, by column name; it is made if it is not there.
    Append,
}

/// What a write that adds rows to a table does with columns that the table lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NewColumns {
    /// They are an error.
    #[default]
    Refuse,
    /// They are added to the table, null in the rows that are there.
    Add,
}

/// What is kept in the transaction of a write beside its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Where the rows come from, instead of what the options say.
    pub origin: Option<Origin>,
    /// Artifacts, in place of those of the same kind and name.
    pub artifacts: Vec<Artifact>,
}

/// Why a write failed. Either way nothing was written.
#[derive(Debug)]
pub enum WriteError<E> {
    /// The database refused it.
    Store(Error),
    /// The batches ended with an error.
    Input(E),
}

/// Told the number of a row that the database refuses, counted from 1 in the order of the batches, and why; answers whether
/// the write goes on past it.
pub(crate) type Refuse<'a, E> = &'a mut dyn FnMut(u64, Error) -> Result<(), WriteError<E>>;

/// How many rows are tried at once behind a refused one; each time all are taken, twice as many.
const AFTER_REFUSAL: usize = 32;

/// Writes the rows of a batch past those that are refused.
///
/// `write` writes the rows of a part, told how many came before it, or none of them and says why; where it knows, the error
/// has the number of the row at fault. So a row is written twice at most where the number is known, and else a
/// few times, in smaller and smaller parts.
pub(crate) fn write_past<E>(
    batch: &RecordBatch,
    before: u64,
    refuse: Refuse<'_, E>,
    mut write: impl FnMut(&RecordBatch, u64) -> Result<(), Error>,
) -> Result<u64, WriteError<E>> {
    let (mut start, mut size, mut written) = (0, batch.num_rows(), 0);
    while start < batch.num_rows() {
        let rows = size.min(batch.num_rows() - start);
        let error = match write(&batch.slice(start, rows), before + start as u64) {
            Ok(()) => {
                (start, size, written) = (start + rows, size.saturating_mul(2), written + rows as u64);
                continue;
            }
            Err(error) if is_of_a_row(&error) => error,
            Err(error) => return Err(error.into()),
        };
        let first = before + start as u64 + 1;
        let at = error.row().and_then(|row| row.checked_sub(first)).map(|at| at as usize).filter(|at| *at < rows);
        size = match at {
            Some(at) if at > 0 => at,
            None if rows > 1 => rows / 2,
            _ => {
                refuse(first, error)?;
                start += 1;
                AFTER_REFUSAL
            }
        };
    }
    Ok(written)
}

/// Whether it is one row that is refused, and another may be taken.
pub(crate) fn is_of_a_row(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Constraint { .. } | ErrorKind::InvalidValue { .. } => true,
        ErrorKind::Sql(_) => error.row().is_some(),
        _ => false,
    }
}

impl WriteOptions {
    /// Sets what to do with a table of that name.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the primary key.
    #[must_use]
    pub fn primary_key(mut self, column: impl Into<String>) -> Self {
        self.primary_key = Some(column.into());
        self
    }

    /// Adds a column to index.
    #[must_use]
    pub fn index(mut self, column: impl Into<String>) -> Self {
        self.indexes.push(column.into());
        self
    }

    /// Sets what to do with columns that the table lacks.
    #[must_use]
    pub fn new_columns(mut self, new_columns: NewColumns) -> Self {
        self.new_columns = new_columns;
        self
    }

    /// Sets where the rows come from.
    #[must_use]
    pub fn origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }
}

impl<E> From<Error> for WriteError<E> {
    fn from(error: Error) -> Self {
        WriteError::Store(error)
    }
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Store(error) => error.fmt(f),
            WriteError::Input(error) => error.fmt(f),
        }
    }
}

impl<E: StdError + 'static> StdError for WriteError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            WriteError::Store(error) => error.source(),
            WriteError::Input(error) => error.source(),
        }
    }
}
