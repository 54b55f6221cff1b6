//! The rows of a running query.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use crate::engine::{Engine, Query, Started};
use crate::error::{Error, ErrorKind, Result};
use crate::names::unique;

/// The result of [`Engine::sql`]: an iterator of record batches, computed as they are asked for.
///
/// Names are unique: a column that is there twice is `n` and `n_2`. The types of a file's columns are settled before
/// the first row is given, so all batches have one schema. (Only a plain `SELECT columns … LIMIT n` within a file's
/// first megabytes, and [`Engine::select_widening`], read no further to be sure; should a value not fit after all, later
/// batches are wider.)
pub struct Rows {
    engine: Engine,
    query: Query,
    schema: SchemaRef,
    stream: Option<SendableRecordBatchStream>,
    /// Whether the rows given so far would come again, in the same order, with wider types.
    resumable: bool,
    given: usize,
    skip: usize,
    settled: bool,
}

impl Rows {
    pub(crate) fn new(engine: Engine, query: Query, started: Started) -> Self {
        Self {
            engine,
            query,
            schema: unique(&started.schema),
            stream: Some(started.stream),
            resumable: started.resumable,
            given: 0,
            skip: 0,
            settled: false,
        }
    }

    /// Names and types of the columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next_batch(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let stream = self.stream.as_mut()?;
            let next = match self.engine.block_on(stream.next()) {
                Ok(next) => next?,
                Err(error) => return Some(Err(error)),
            };
            match next.map_err(Error::from_datafusion) {
                Ok(batch) if batch.num_rows() <= self.skip => self.skip -= batch.num_rows(),
                Ok(batch) => {
                    let batch = batch.slice(self.skip, batch.num_rows() - self.skip);
                    self.skip = 0;
                    self.given += batch.num_rows();
                    // Only names can differ; a batch that cannot take them keeps its own.
                    return Some(Ok(batch.clone().with_schema(Arc::clone(&self.schema)).unwrap_or(batch)));
                }
                Err(error) => {
                    if let Err(error) = self.restart(error) {
                        self.stream = None;
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Starts again, with types that hold for the whole file, when the error only says that one does not fit.
    fn restart(&mut self, error: Error) -> Result<()> {
        let misfit = match error.kind() {
            ErrorKind::Input(input) => matches!(input.kind(), taipan_io::ErrorKind::Misfit(_)),
            _ => false,
        };
        if !misfit || self.settled || (self.given > 0 && !self.resumable) {
            return Err(error);
        }
        self.stream = None;
        self.settled = true;
        let started = self.engine.start_settled(&self.query)?;
        self.schema = unique(&started.schema);
        self.stream = Some(started.stream);
        self.skip = self.given;
        Ok(())
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch()
    }
}
