//! The rows of a change as values, for the forms that are no text: kept until the change is made, then told.

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use std::sync::Arc;

use crate::document::sql::Output;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::scan::BatchBuilder;
use crate::stream::RowWriter;
use crate::value::Value;

/// Rows of a change with the names and types of their columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    columns: Vec<(String, Kind)>,
    rows: Vec<Vec<Value>>,
}

impl Records {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The rows in a form of their own.
    pub fn write(&self, writer: &mut dyn RowWriter) -> Vec<u8> {
        let mut out = Vec::new();
        writer.begin(&mut out, &self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
        for row in &self.rows {
            writer.row(&mut out, row);
        }
        out
    }

    /// The schema of [`batches`](Self::batches).
    pub fn schema(&self) -> SchemaRef {
        let field = |(name, kind): &(String, Kind)| Field::new(name, kind.data_type(), true);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    /// The rows as Arrow batches; none without rows.
    ///
    /// # Errors
    /// `InvalidValue` where a value is not of its column's type.
    pub fn batches(&self) -> Result<Vec<RecordBatch>> {
        let mut builder = BatchBuilder::new(self.schema(), self.columns.iter().map(|(_, kind)| *kind));
        let mut batches = Vec::new();
        for row in &self.rows {
            for (at, value) in row.iter().enumerate() {
                builder.push(at, value.cell())?;
            }
            if builder.end_row() {
                batches.extend(builder.finish());
            }
        }
        batches.extend(builder.finish());
        batches.into_iter().collect()
    }
}

/// Collects rows until they are too many to be held.
pub(super) struct Collector {
    rows: Vec<Vec<Value>>,
    bytes: usize,
}

/// The bytes of rows that are held, at most.
const MOST_BYTES: usize = 256 << 20;

impl Collector {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new(), bytes: 0 }
    }

    /// What was collected of the columns of a statement.
    ///
    /// # Errors
    /// `Unsupported` where that was too much.
    pub(super) fn records(self, columns: &[Output]) -> Result<Records> {
        if self.bytes > MOST_BYTES {
            return Err(Error::unsupported(format!("an answer of more than {MOST_BYTES} bytes; ask for less of it")));
        }
        // What the statement itself makes is JSON.
        let column = |column: &Output| (column.name.clone(), column.kind.unwrap_or(Kind::Json));
        Ok(Records { columns: columns.iter().map(column).collect(), rows: self.rows })
    }
}

impl RowWriter for Collector {
    fn begin(&mut self, _: &mut Vec<u8>, _: &[&str]) {}

    fn row(&mut self, _: &mut Vec<u8>, values: &[Value]) {
        let text = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        self.bytes += values.iter().map(|value| size_of::<Value>() + text(value)).sum::<usize>();
        if self.bytes <= MOST_BYTES {
            self.rows.push(values.to_vec());
        }
    }
}
