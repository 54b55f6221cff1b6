//! Rows of a file that pass a test: the columns that the test looks at are read first, and the others only of rows that
//! pass.
//!
//! What a record that fails is checked for is what every record is: it must be well-formed, whichever columns are read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::blocks::Blocks;
use crate::csv;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::input::{Input, Layout};
use crate::reject::Refused;
use crate::xml::Found;

/// What is asked of rows: true for each that passes.
type Passes = dyn Fn(&RecordBatch) -> std::result::Result<BooleanArray, ArrowError> + Send + Sync;

/// A test put to the rows of a file while it is read; see [`Input::picked`](crate::Input::picked).
#[derive(Clone)]
pub struct RowTest {
    columns: Arc<[usize]>,
    passes: Arc<Passes>,
}

impl RowTest {
    /// A test of some columns, by their indices in the schema of the file. It is given batches of these columns in this
    /// order and answers which rows pass; a null does not.
    pub fn new(
        columns: impl Into<Arc<[usize]>>,
        passes: impl Fn(&RecordBatch) -> std::result::Result<BooleanArray, ArrowError> + Send + Sync + 'static,
    ) -> Self {
        Self { columns: columns.into(), passes: Arc::new(passes) }
    }

    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The schema of the batches that are tested.
    pub(crate) fn schema(&self, file: &Schema) -> Result<SchemaRef> {
        let schema = file.project(&self.columns).map_err(|_| {
            let columns = file.fields().len();
            let message = format!("a test of columns {:?}, the file has {columns} columns", self.columns);
            Error::new(ErrorKind::InvalidOption(message))
        })?;
        Ok(Arc::new(schema))
    }

    /// Which rows of a batch pass; there is no null among the answers.
    pub(crate) fn mask(&self, batch: &RecordBatch) -> std::result::Result<BooleanArray, ArrowError> {
        let mask = (self.passes)(batch)?;
        if mask.len() != batch.num_rows() {
            let message = format!("a test answered for {} of {} rows", mask.len(), batch.num_rows());
            return Err(ArrowError::ComputeError(message));
        }
        Ok(if arrow::array::Array::null_count(&mask) == 0 { mask } else { prep_null_mask_filter(&mask) })
    }
}

impl fmt::Debug for RowTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowTest").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// A test as the reading of one file needs it.
#[derive(Debug)]
pub(crate) struct Pick {
    pub(crate) test: RowTest,
    /// Of the columns that it looks at.
    pub(crate) schema: SchemaRef,
    /// The projected columns that it does not look at, and their schema.
    pub(crate) others: Vec<usize>,
    pub(crate) others_schema: SchemaRef,
    /// The tested columns and then the others: all that are read.
    pub(crate) all: Vec<usize>,
    pub(crate) all_schema: SchemaRef,
}

impl Pick {
    pub(crate) fn new(test: RowTest, file: &Schema, projection: &[usize]) -> Result<Self> {
        let schema = test.schema(file)?;
        let mut others: Vec<usize> =
            projection.iter().copied().filter(|column| !test.columns().contains(column)).collect();
        others.sort_unstable();
        others.dedup();
        let others_schema = Arc::new(file.project(&others)?);
        let all: Vec<usize> = test.columns().iter().chain(&others).copied().collect();
        let all_schema = Arc::new(file.project(&all)?);
        Ok(Self { test, schema, others, others_schema, all, all_schema })
    }

    /// The projected columns, from the tested ones and the others, both of the rows that passed.
    pub(crate) fn assembled(
        &self,
        tested: &RecordBatch,
        others: &RecordBatch,
        projection: &[usize],
        schema: &SchemaRef,
    ) -> Result<RecordBatch> {
        let column = |index: &usize| -> Option<ArrayRef> {
            match self.test.columns().iter().position(|tested| tested == index) {
                Some(place) => tested.columns().get(place).cloned(),
                None => others.columns().get(self.others.binary_search(index).ok()?).cloned(),
            }
        };
        let columns = projection.iter().filter_map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(tested.num_rows()));
        Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
    }

    /// Of a batch of tested and other columns, read together, the projected columns of the rows that pass.
    pub(crate) fn of_all(&self, all: &RecordBatch, projection: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
        let count = self.test.columns().len();
        let tested = all.project(&(0..count).collect::<Vec<_>>())?;
        let others = all.project(&(count..all.num_columns()).collect::<Vec<_>>())?;
        let mask = self.test.mask(&tested)?;
        let (tested, others) = (filtered(&tested, &mask)?, filtered(&others, &mask)?);
        self.assembled(&tested, &others, projection, schema)
    }

    /// The projected columns of the records that pass the test. The outer error is one of the bytes, the inner one of the
    /// test.
    pub(crate) fn rows(
        &self,
        blocks: &Blocks,
        input: &Input,
        bytes: &[u8],
        found: &Found,
        refused: &mut Refused,
    ) -> std::result::Result<Result<RecordBatch>, Fault> {
        if refused.takes() {
            // A record may be bad for a column that the test does not look at, and is then no row to be tested.
            let all = blocks.columns(input, bytes, found, &self.all, &self.all_schema, refused)?;
            return Ok(self.of_all(&all, blocks.projection(), blocks.schema()));
        }
        let tested = blocks.columns(input, bytes, found, self.test.columns(), &self.schema, refused)?;
        let mask = match self.test.mask(&tested) {
            Ok(mask) => mask,
            Err(error) => return Ok(Err(error.into())),
        };
        let others = if self.others.is_empty() || mask.true_count() == 0 {
            RecordBatch::new_empty(self.others_schema.clone())
        } else {
            self.other_columns(blocks, input, &mask, bytes, found, refused)?
        };
        let assembled = filtered(&tested, &mask)
            .and_then(|tested| self.assembled(&tested, &others, blocks.projection(), blocks.schema()));
        Ok(assembled)
    }

    /// The columns that the test did not look at, of the records that pass.
    fn other_columns(
        &self,
        blocks: &Blocks,
        input: &Input,
        mask: &BooleanArray,
        bytes: &[u8],
        found: &Found,
        refused: &mut Refused,
    ) -> std::result::Result<RecordBatch, Fault> {
        let (columns, schema) = (&self.others, &self.others_schema);
        let all_pass = mask.true_count() == mask.len();
        match input.layout() {
            _ if all_pass => blocks.columns(input, bytes, found, columns, schema, refused),
            Layout::Csv(dialect) => {
                let width = input.schema().fields().len();
                let rows = csv::picked(bytes, blocks.reading(*dialect), width, mask);
                blocks.columns(input, &rows, found, columns, schema, refused).or_else(|_| {
                    // Where these rows stand in the file is known only among the others.
                    let all = blocks.columns(input, bytes, found, columns, schema, refused)?;
                    Ok(filter_record_batch(&all, mask)?)
                })
            }
            _ => blocks.columns(input, bytes, &kept(found, mask), columns, schema, refused),
        }
    }
}

/// The records that passed, with what surrounds them.
pub(crate) fn kept(found: &Found, mask: &BooleanArray) -> Found {
    let passed = |record: usize| record < mask.len() && mask.value(record);
    let of = |ranges: &[Range<usize>]| -> Vec<Range<usize>> {
        ranges.iter().enumerate().filter(|(record, _)| passed(*record)).map(|(_, range)| range.clone()).collect()
    };
    let (records, keys) = (of(&found.records), of(&found.keys));
    let mut contexts = Vec::with_capacity(found.contexts.len());
    let (mut record, mut before) = (0, 0);
    for (first, context) in &found.contexts {
        before += (record..*first).filter(|record| passed(*record)).count();
        record = *first;
        // Of several that begin at one record the last one counts.
        if contexts.last().is_some_and(|(last, _)| *last == before) {
            contexts.pop();
        }
        contexts.push((before, context.clone()));
    }
    Found { records, contexts, keys }
}

/// The rows of a batch that pass, where it has columns; a batch without any keeps its count alone.
pub(crate) fn filtered(batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| filter(column, mask)).collect::<std::result::Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(mask.true_count()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_follow_their_records() {
        let found = Found {
            records: (0..6).map(|at| at..at + 1).collect(),
            contexts: vec![(0, Arc::default()), (2, Arc::default()), (5, Arc::default())],
            keys: Vec::new(),
        };
        let cases = [
            ("111111", vec![0, 1, 2, 3, 4, 5], vec![(0, 0), (2, 1), (5, 2)]),
            ("001001", vec![2, 5], vec![(0, 1), (1, 2)]),
            ("010000", vec![1], vec![(0, 0), (1, 2)]),
            ("000000", vec![], vec![(0, 2)]),
        ];
        for (mask, records, firsts) in cases {
            let passed: Vec<bool> = mask.chars().map(|letter| letter == '1').collect();
            let kept = kept(&found, &BooleanArray::from(passed));
            assert_eq!(kept.records.iter().map(|range| range.start).collect::<Vec<_>>(), records);
            let place = |context| found.contexts.iter().position(|(_, one)| Arc::ptr_eq(one, context)).unwrap();
            let places: Vec<(usize, usize)> =
                kept.contexts.iter().map(|(first, context)| (*first, place(context))).collect();
            assert_eq!(places, firsts, "{mask:?}");
        }
    }
}
