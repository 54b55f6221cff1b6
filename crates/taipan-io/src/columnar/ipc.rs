//! Arrow IPC: files, whose batches are listed at their end, and streams, which end when they end.

use std::io::BufReader;
use std::io::Read;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow_ipc::reader::{FileReader, StreamReader};

use super::{broken, distinct};
use crate::error::Result;
use crate::source::{Bytes, Source};

/// An opened file or stream.
#[derive(Debug)]
pub(crate) struct Table {
    streamed: bool,
}

/// Its batches, read one after another.
pub(crate) enum Pieces {
    File(FileReader<BufReader<std::fs::File>>),
    Stream(StreamReader<BufReader<Bytes>>),
}

impl Table {
    pub(super) fn open(source: &Source) -> Result<(Self, SchemaRef)> {
        let mut head = Vec::new();
        let name = source.name();
        source.bytes(0)?.take(6).read_to_end(&mut head).map_err(|error| broken(name, error))?;
        let table = Self { streamed: head != b"ARROW1" };
        let schema = match table.reader(source, None)? {
            Pieces::File(reader) => reader.schema(),
            Pieces::Stream(reader) => reader.schema(),
        };
        Ok((table, schema))
    }

    pub(super) fn pieces(&self, source: &Source, projection: &[usize]) -> Result<Pieces> {
        self.reader(source, Some(distinct(projection)))
    }

    fn reader(&self, source: &Source, projection: Option<Vec<usize>>) -> Result<Pieces> {
        let of_arrow = |error: ArrowError| broken(source.name(), error);
        if self.streamed {
            let reader = BufReader::with_capacity(1 << 16, source.bytes(0)?);
            return StreamReader::try_new(reader, projection).map(Pieces::Stream).map_err(of_arrow);
        }
        let (file, _) = source.seekable()?;
        FileReader::try_new(BufReader::new(file), projection).map(Pieces::File).map_err(of_arrow)
    }
}

impl Iterator for Pieces {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::File(reader) => reader.next(),
            Self::Stream(reader) => reader.next(),
        }
    }
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Stream(_) => "Stream",
        })
    }
}
