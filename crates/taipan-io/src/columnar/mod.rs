//! Formats that hold columns, typed and in pieces of their own: Parquet and Arrow IPC.
//!
//! Nothing is inferred of them. A piece is what a block of text is elsewhere: taken one after another, decoded by
//! whoever took it, the projected columns alone.

mod contained;
mod ipc;
mod parquet;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use self::contained::contained;
pub use self::parquet::ColumnRange;
use crate::error::{Error, ErrorKind, Result};
use crate::format::Format;
use crate::picked::Pick;
use crate::source::Source;

/// What the first bytes of these formats are.
const MAGIC: [(&[u8], Format); 3] = [
    (b"PAR1", Format::Parquet),
    (b"ARROW1", Format::Arrow),
    // The beginning of a stream of Arrow messages: the mark of one, the length of the schema, below 16 MiB.
    (b"\xff\xff\xff\xff", Format::Arrow),
];

/// How many bytes a piece may be, unpacked, before it is cut.
const PIECE: usize = 32 << 20;

/// An opened file of columns.
#[derive(Debug)]
pub(crate) enum Table {
    Parquet(parquet::Table),
    Ipc(ipc::Table),
}

/// The pieces of a table that are still to come.
#[derive(Debug)]
pub(crate) enum Pieces {
    Parquet(std::vec::IntoIter<parquet::Piece>),
    Ipc(Box<ipc::Pieces>),
}

/// Some rows of a table.
#[derive(Debug)]
pub(crate) enum Piece {
    Parquet(parquet::Piece),
    /// Decoding is little more than copying, so it is done already.
    Ipc(RecordBatch),
}

/// The format of columns that these bytes begin.
pub(crate) fn of_content(bytes: &[u8]) -> Option<Format> {
    let (_, format) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic))?;
    (!bytes.starts_with(b"\xff\xff\xff\xff") || (bytes.len() > 8 && bytes.get(7) == Some(&0))).then_some(*format)
}

impl Table {
    /// Opens a source of a format; also answers its schema and how many rows it has, where it says so.
    pub(crate) fn open(source: &Source, format: Format) -> Result<(Self, SchemaRef, u64)> {
        contained(source.name(), || {
            if format == Format::Parquet {
                let (table, schema, rows) = parquet::Table::open(source)?;
                return Ok((Self::Parquet(table), schema, rows));
            }
            let (table, schema) = ipc::Table::open(source)?;
            Ok((Self::Ipc(table), schema, 0))
        })
    }

    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Parquet(_) => Format::Parquet,
            Self::Ipc(_) => Format::Arrow,
        }
    }

    /// The pieces, of which those are left out that hold no row within the ranges.
    pub(crate) fn pieces(&self, source: &Source, projection: &[usize], ranges: &[ColumnRange]) -> Result<Pieces> {
        contained(source.name(), || {
            Ok(match self {
                Self::Parquet(table) => Pieces::Parquet(table.pieces(projection, ranges).into_iter()),
                Self::Ipc(table) => Pieces::Ipc(Box::new(table.pieces(source, projection)?)),
            })
        })
    }

    /// Decodes the projected columns of a piece. `schema` is of these.
    pub(crate) fn decode(&self, piece: Piece, projection: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
        match (self, piece) {
            (Self::Parquet(table), Piece::Parquet(piece)) => {
                contained(table.name(), || table.decode(&piece, projection, schema))
            }
            (_, Piece::Ipc(batch)) => arranged(&batch, projection, schema),
            _ => Ok(RecordBatch::new_empty(schema.clone())),
        }
    }
}

impl Table {
    /// Decodes the projected columns of the rows of a piece that pass a test, and counts the values that were made.
    pub(crate) fn decode_picked(
        &self,
        piece: Piece,
        pick: &Pick,
        projection: &[usize],
        schema: &SchemaRef,
        values: &AtomicU64,
    ) -> Result<RecordBatch> {
        match (self, piece) {
            (Self::Parquet(table), Piece::Parquet(piece)) => {
                contained(table.name(), || table.decode_picked(&piece, pick, projection, schema, values))
            }
            (_, Piece::Ipc(batch)) => {
                let all = arranged(&batch, &pick.all, &pick.all_schema)?;
                values.fetch_add((all.num_rows() * all.num_columns()) as u64, Ordering::Relaxed);
                pick.of_all(&all, projection, schema)
            }
            _ => Ok(RecordBatch::new_empty(schema.clone())),
        }
    }
}

impl Pieces {
    pub(crate) fn next(&mut self, name: &str) -> Result<Option<Piece>> {
        match self {
            Self::Parquet(pieces) => Ok(pieces.next().map(Piece::Parquet)),
            Self::Ipc(pieces) => contained(name, || {
                let batch = pieces.next().map_err(|error| broken(name, error))?;
                Ok(batch.map(Piece::Ipc))
            }),
        }
    }
}

impl Piece {
    /// About how many bytes of the file it takes.
    pub(crate) fn packed(&self) -> usize {
        match self {
            Self::Parquet(piece) => piece.packed,
            Self::Ipc(batch) => batch.get_array_memory_size(),
        }
    }

    /// About how many bytes it has, decoded.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Parquet(piece) => piece.size,
            Self::Ipc(batch) => batch.get_array_memory_size(),
        }
    }
}

/// The distinct projected columns in the order of the file, as readers give them.
fn distinct(projection: &[usize]) -> Vec<usize> {
    let mut columns = projection.to_vec();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// A batch of the distinct columns as one of the projected ones.
fn arranged(batch: &RecordBatch, projection: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
    let distinct = distinct(projection);
    let columns = projection
        .iter()
        .filter_map(|column| distinct.binary_search(column).ok())
        .filter_map(|place| batch.columns().get(place).cloned())
        .collect();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// The error for a file that is not what it says it is, or that cannot be read.
fn broken(name: &str, error: impl Into<Error>) -> Error {
    let error: Error = error.into();
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
    match (error.kind(), source.map(io::Error::kind)) {
        // A place that the file names and does not have.
        (ErrorKind::Io, Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput)) => {
            let message = "the file is cut short, or names places that it does not have".to_owned();
            Error::new(ErrorKind::Syntax(message)).in_source(name)
        }
        (ErrorKind::Io, _) => error.in_source(name),
        (kind, _) => Error::new(ErrorKind::Syntax(kind.to_string())).in_source(name),
    }
}
