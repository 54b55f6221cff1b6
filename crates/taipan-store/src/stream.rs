//! Rows handed over in chunks while they are read, so that a result of any size takes the memory of a few chunks.

use std::fmt;

use crate::select::Count;
use crate::value::Value;

/// The usual size of a chunk in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// How a long read goes.
pub struct StreamOptions {
    pub(crate) count: Count,
    pub(crate) chunk_bytes: usize,
    pub(crate) stopped: Box<dyn FnMut() -> bool + Send>,
}

/// A part of a result. A result is either one `Whole`, or a `First`, any number of `Next` and a `Last`; without the
/// last it is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of a result that ends within its first chunk.
    Whole(Opening),
    /// The first chunk of a longer one.
    First(Opening),
    /// A further chunk.
    Next(Vec<u8>),
    /// The end.
    Last(Vec<u8>),
}

/// How a result begins, and what is known of all of it by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The first bytes.
    pub body: Vec<u8>,
    /// The rows of the whole result.
    pub rows: u64,
    /// The rows that the filter takes, before limit and offset, if they were to be counted.
    pub total: Option<u64>,
}

/// A form in which rows are written, where it is not JSON.
pub trait RowWriter {
    /// Appends what stands before the rows.
    fn begin(&mut self, out: &mut Vec<u8>, columns: &[&str]);
    /// Appends a row, which has a value for each column.
    fn row(&mut self, out: &mut Vec<u8>, values: &[Value]);
}

impl StreamOptions {
    /// Sets whether to count the rows that the filter takes.
    #[must_use]
    pub fn count(mut self, count: Count) -> Self {
        self.count = count;
        self
    }

    /// Sets the bytes after which a chunk ends with its row. Without this it is 64 KiB.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes;
        self
    }

    /// Sets a test that is made now and then while rows are sought, be any found or not: once it is true, the read ends.
    #[must_use]
    pub fn stopped(mut self, stopped: impl FnMut() -> bool + Send + 'static) -> Self {
        self.stopped = Box::new(stopped);
        self
    }
}

impl Default for StreamOptions {
    fn default() -> Self {
        StreamOptions { count: Count::None, chunk_bytes: CHUNK_BYTES, stopped: Box::new(|| false) }
    }
}

impl fmt::Debug for StreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("StreamOptions");
        shown.field("count", &self.count).field("chunk_bytes", &self.chunk_bytes).finish_non_exhaustive()
    }
}
