//! The bytes behind the rows of a batch, kept so that a row that is refused later, by a database, becomes a [`Reject`] like
//! any other: with its line, its byte and its own text.

use std::ops::Range;

use arrow::array::RecordBatch;

use crate::blocks::{Position, newline};
use crate::csv;
use crate::input::{Input, Layout};
use crate::reject::Reject;
use crate::write::json_value;

/// A block whose rows were parsed.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) data: Vec<u8>,
    pub(crate) end: usize,
    /// JSON and XML: where the records are.
    pub(crate) found: Vec<Range<usize>>,
    /// The records that became no rows.
    pub(crate) bad: Vec<Range<usize>>,
    pub(crate) position: Position,
    /// The file that it is of.
    pub(crate) input: Option<Input>,
    /// Where the records of the rows are, once somebody asked.
    rows: Option<Vec<Range<usize>>>,
    /// A place in the data that was counted up to, and what it is in the file.
    counted: Option<(usize, Position)>,
}

impl Records {
    pub(crate) fn new(data: Vec<u8>, end: usize, found: Vec<Range<usize>>, position: Position) -> Self {
        Self { data, end, found, position, ..Self::default() }
    }

    /// The reject that a row becomes.
    pub(crate) fn reject(&mut self, row: usize, reason: String) -> Option<Reject> {
        let input = &self.input.clone()?;
        let rows = match self.rows.take() {
            Some(rows) => rows,
            None => self.find(input),
        };
        let record = rows.get(row).cloned();
        self.rows = Some(rows);
        let record = record?;
        let newline = newline(input.layout());
        let (from, position) = self.counted.filter(|(at, _)| *at <= record.start).unwrap_or((0, self.position));
        let position = position.after(self.data.get(from..record.start).unwrap_or_default(), newline);
        self.counted = Some((record.start, position));
        let raw = String::from_utf8_lossy(self.data.get(record)?).into_owned();
        let (line, byte) = (position.lines + 1, position.byte);
        Some(Reject { source: input.name().to_owned(), line, byte, reason, raw, fault: None })
    }

    /// Where the records are that became rows.
    fn find(&mut self, input: &Input) -> Vec<Range<usize>> {
        let mut records = match input.layout() {
            Layout::Csv(dialect) => {
                let bytes = self.data.get(..self.end).unwrap_or_default();
                csv::rows(bytes, *dialect, input.schema().fields().len())
            }
            _ => std::mem::take(&mut self.found),
        };
        self.bad.sort_by_key(|bad| bad.start);
        records.retain(|record| self.bad.binary_search_by_key(&record.start, |bad| bad.start).is_err());
        records
    }
}

/// The reject that a row becomes of a file of columns, which has neither lines nor text: its number stands for the line, and
/// its values as JSON for the text.
pub(crate) fn of_columns(batch: &RecordBatch, row: usize, before: u64, reason: String, input: &Input) -> Reject {
    let values = batch.schema_ref().fields().iter().zip(batch.columns());
    let member = |(field, column): (&arrow::datatypes::FieldRef, &arrow::array::ArrayRef)| {
        Some((field.name().clone(), json_value(column.as_ref(), row).ok()?))
    };
    let values: serde_json::Map<String, serde_json::Value> = values.filter_map(member).collect();
    let raw = serde_json::Value::Object(values).to_string();
    Reject { source: input.name().to_owned(), line: before + row as u64 + 1, byte: 0, reason, raw, fault: None }
}
