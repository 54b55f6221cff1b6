//! Batches as text: CSV, JSON and NDJSON. Pieces of an output can be made apart and put together.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::Output;
use super::cells::{self, Cells};
use crate::error::Result;

/// How the rows of one schema are written as text.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    output: Output,
    /// What stands before the first row.
    opening: Vec<u8>,
    /// Keys as JSON, with colon and what stands before.
    keys: Vec<Vec<u8>>,
    safe: bool,
}

impl Text {
    pub(crate) fn new(output: Output, schema: &Schema) -> Self {
        let mut text = Self { output, opening: Vec::new(), keys: cells::keys(schema.fields()), safe: false };
        text.open(schema);
        text
    }

    pub(crate) fn safe_cells(&mut self, schema: &Schema) {
        self.safe = true;
        self.open(schema);
    }

    fn open(&mut self, schema: &Schema) {
        self.opening.clear();
        match self.output {
            Output::Csv | Output::Tsv => {
                let delimiter = self.output.delimiter();
                for (i, field) in schema.fields().iter().enumerate() {
                    if i > 0 {
                        self.opening.push(delimiter);
                    }
                    cells::csv_text(field.name(), delimiter, self.safe, &mut self.opening);
                }
                self.opening.push(b'\n');
            }
            Output::Json => self.opening.push(b'['),
            _ => {}
        }
    }

    /// What stands before the first row.
    pub(crate) fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// What stands behind the last row.
    pub(crate) fn closing(&self, empty: bool) -> &'static [u8] {
        match self.output {
            Output::Json if empty => b"]\n",
            Output::Json => b"\n]\n",
            _ => b"",
        }
    }

    /// What parts a row from the one before it, which the first row of all does not have.
    pub(crate) fn parting(&self) -> &'static [u8] {
        if self.output == Output::Json { b"," } else { b"" }
    }

    /// The means to write the rows of a batch one by one.
    pub(super) fn cells(batch: &RecordBatch) -> Result<Vec<Cells>> {
        batch.columns().iter().map(Cells::new).collect()
    }

    /// Adds the rows of a batch to a buffer. `first` says that its first row is the first of all.
    pub(crate) fn rows(&self, batch: &RecordBatch, first: bool, buffer: &mut Vec<u8>) -> Result<()> {
        let cells = Self::cells(batch)?;
        (0..batch.num_rows()).for_each(|row| self.row(&cells, row, first && row == 0, buffer));
        Ok(())
    }

    /// Adds one row to a buffer.
    pub(super) fn row(&self, cells: &[Cells], row: usize, first: bool, buffer: &mut Vec<u8>) {
        match self.output {
            Output::Csv | Output::Tsv => self.csv_row(cells, row, buffer),
            Output::Json => {
                if !first {
                    buffer.extend_from_slice(self.parting());
                }
                buffer.push(b'\n');
                cells::object(&self.keys, cells, row, buffer);
            }
            _ => {
                cells::object(&self.keys, cells, row, buffer);
                buffer.push(b'\n');
            }
        }
    }

    fn csv_row(&self, columns: &[Cells], row: usize, buffer: &mut Vec<u8>) {
        // A lone empty field would be a blank line, which readers skip.
        if let [column] = columns
            && column.is_null(row)
        {
            buffer.extend_from_slice(b"\"\"");
        }
        let delimiter = self.output.delimiter();
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                buffer.push(delimiter);
            }
            column.csv(row, delimiter, self.safe, buffer);
        }
        buffer.push(b'\n');
    }
}
