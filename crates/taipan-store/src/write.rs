//! How a table is written: the options, and the error that tells the store's failures from the input's.

use std::error::Error as StdError;
use std::fmt;

use crate::artifact::Artifact;
use crate::error::Error;
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
