//! SQL that somebody types: read-only, within this database, and bounded in time, rows and memory.

use std::time::Duration;

use crate::value::Value;

/// How far a query may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsoleLimits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// What a query gave.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConsoleAnswer {
    /// The names of its columns.
    pub columns: Vec<String>,
    /// Its rows, each with one value a column.
    pub rows: Vec<Vec<Value>>,
    /// Whether there are more rows than a limit let through.
    pub is_cut: bool,
}

impl ConsoleLimits {
    /// 1,000 rows, 16 MiB of values and ten seconds.
    pub fn new() -> Self {
        Self { rows: 1000, bytes: 16 << 20, time: Duration::from_secs(10) }
    }

    /// Sets the most rows.
    #[must_use]
    pub fn rows(mut self, rows: usize) -> Self {
        self.rows = rows;
        self
    }

    /// Sets the most bytes of all values together; a single one may have no more either.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the longest time.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

impl Default for ConsoleLimits {
    fn default() -> Self {
        Self::new()
    }
}
