//! Rows as Arrow batches in constant memory: the iterator a caller holds, and the builders that fill its batches.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::calendar;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::sql::Output;
use crate::value::Cell;

/// The most rows of a batch.
pub(crate) const BATCH_ROWS: usize = 8192;
/// The bytes of text after which a batch ends early.
pub(crate) const BATCH_BYTES: usize = 8 << 20;

/// The rows of a query as Arrow batches, read by threads of its own a few batches ahead. All rows are of the moment
/// the scan began, whatever is written meanwhile. Dropping it ends the read at once.
pub struct Scan {
    schema: SchemaRef,
    batches: Option<Box<dyn Iterator<Item = Result<RecordBatch>> + Send>>,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

impl Scan {
    pub(crate) fn new(
        schema: SchemaRef,
        batches: impl IntoIterator<Item = Result<RecordBatch>, IntoIter: Send + 'static>,
        stop: impl FnOnce() + Send + 'static,
    ) -> Self {
        Scan { schema, batches: Some(Box::new(batches.into_iter())), stop: Some(Box::new(stop)) }
    }

    /// The schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Iterator for Scan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.batches.as_mut()?.next();
        if !matches!(next, Some(Ok(_))) {
            self.batches = None;
        }
        next
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        // The receivers first: a reader must not wait for room that nobody will make.
        self.batches = None;
        if let Some(stop) = self.stop.take() {
            stop();
        }
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The schema of a query's result.
pub(crate) fn schema(columns: &[Output<'_>]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|output| output.column.field(output.name)).collect::<Vec<_>>()))
}

/// Fills batches with rows, cell by cell.
pub(crate) struct BatchBuilder {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    rows: usize,
    bytes: usize,
}

impl BatchBuilder {
    pub(crate) fn new(schema: SchemaRef, kinds: impl IntoIterator<Item = Kind>) -> Self {
        let columns = kinds.into_iter().map(ColumnBuilder::new).collect();
        BatchBuilder { schema, columns, rows: 0, bytes: 0 }
    }

    /// Adds the cell of a column to the row being filled.
    ///
    /// # Errors
    /// `InvalidValue` where the value is not of the column's kind.
    pub(crate) fn push(&mut self, column: usize, cell: Cell<'_>) -> Result<()> {
        if let Cell::Text(bytes) | Cell::Blob(bytes) = cell {
            self.bytes += bytes.len();
        }
        let Some(builder) = self.columns.get_mut(column) else { return Ok(()) };
        builder.push(cell).ok_or_else(|| Error::invalid_value(&cell.text(), builder.kind().described()))
    }

    /// Ends the row; true if the batch is full.
    pub(crate) fn end_row(&mut self) -> bool {
        self.rows += 1;
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// The batch filled so far; none if it has no rows.
    pub(crate) fn finish(&mut self) -> Option<Result<RecordBatch>> {
        if self.rows == 0 {
            return None;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let columns = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        (self.rows, self.bytes) = (0, 0);
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
        Some(batch.map_err(|error| Error::unsupported("the rows do not fit their schema").because(error)))
    }
}

enum ColumnBuilder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Real(Float64Builder),
    Text(StringBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Json(StringBuilder),
    Blob(BinaryBuilder),
}

impl ColumnBuilder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => ColumnBuilder::Boolean(BooleanBuilder::new()),
            Kind::Integer => ColumnBuilder::Integer(Int64Builder::new()),
            Kind::Real => ColumnBuilder::Real(Float64Builder::new()),
            Kind::Text => ColumnBuilder::Text(StringBuilder::new()),
            Kind::Date => ColumnBuilder::Date(Date32Builder::new()),
            Kind::Timestamp => ColumnBuilder::Timestamp(TimestampMicrosecondBuilder::new()),
            Kind::Json => ColumnBuilder::Json(StringBuilder::new()),
            Kind::Blob => ColumnBuilder::Blob(BinaryBuilder::new()),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            ColumnBuilder::Boolean(_) => Kind::Boolean,
            ColumnBuilder::Integer(_) => Kind::Integer,
            ColumnBuilder::Real(_) => Kind::Real,
            ColumnBuilder::Text(_) => Kind::Text,
            ColumnBuilder::Date(_) => Kind::Date,
            ColumnBuilder::Timestamp(_) => Kind::Timestamp,
            ColumnBuilder::Json(_) => Kind::Json,
            ColumnBuilder::Blob(_) => Kind::Blob,
        }
    }

    /// Adds a value; none if it is not of this kind. Numbers are taken as text where text may be anything, and integers
    /// as reals where that loses nothing.
    fn push(&mut self, cell: Cell<'_>) -> Option<()> {
        match (self, cell) {
            (ColumnBuilder::Boolean(to), Cell::Integer(value @ (0 | 1))) => to.append_value(value == 1),
            (ColumnBuilder::Integer(to), Cell::Integer(value)) => to.append_value(value),
            (ColumnBuilder::Real(to), Cell::Real(value)) => to.append_value(value),
            (ColumnBuilder::Real(to), Cell::Integer(value)) => {
                let real = value as f64;
                if real as i64 != value || value == i64::MAX {
                    return None;
                }
                to.append_value(real);
            }
            (ColumnBuilder::Text(to) | ColumnBuilder::Json(to), Cell::Text(text)) => {
                to.append_value(std::str::from_utf8(text).ok()?);
            }
            (ColumnBuilder::Text(to) | ColumnBuilder::Json(to), Cell::Integer(_) | Cell::Real(_)) => {
                to.append_value(cell.text());
            }
            (ColumnBuilder::Date(to), Cell::Text(text)) => {
                to.append_value(calendar::parse_date(std::str::from_utf8(text).ok()?)?);
            }
            (ColumnBuilder::Timestamp(to), Cell::Text(text)) => {
                to.append_value(calendar::parse_timestamp(std::str::from_utf8(text).ok()?)?);
            }
            (ColumnBuilder::Date(to), Cell::Day(day)) if day.unsigned_abs() < i32::MAX as u32 => to.append_value(day),
            (ColumnBuilder::Timestamp(to), Cell::Moment(moment)) if moment.unsigned_abs() < i64::MAX as u64 => {
                to.append_value(moment);
            }
            (ColumnBuilder::Blob(to), Cell::Blob(bytes) | Cell::Text(bytes)) => to.append_value(bytes),
            (builder, Cell::Null) => builder.push_null(),
            _ => return None,
        }
        Some(())
    }

    fn push_null(&mut self) {
        match self {
            ColumnBuilder::Boolean(to) => to.append_null(),
            ColumnBuilder::Integer(to) => to.append_null(),
            ColumnBuilder::Real(to) => to.append_null(),
            ColumnBuilder::Text(to) | ColumnBuilder::Json(to) => to.append_null(),
            ColumnBuilder::Date(to) => to.append_null(),
            ColumnBuilder::Timestamp(to) => to.append_null(),
            ColumnBuilder::Blob(to) => to.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Boolean(from) => Arc::new(from.finish()),
            ColumnBuilder::Integer(from) => Arc::new(from.finish()),
            ColumnBuilder::Real(from) => Arc::new(from.finish()),
            ColumnBuilder::Text(from) | ColumnBuilder::Json(from) => Arc::new(from.finish()),
            ColumnBuilder::Date(from) => Arc::new(from.finish()),
            ColumnBuilder::Timestamp(from) => Arc::new(from.finish()),
            ColumnBuilder::Blob(from) => Arc::new(from.finish()),
        }
    }
}
