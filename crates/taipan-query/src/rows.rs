//! The rows of a running query.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};

/// More widenings than any sane file needs; each one makes a column wider, so this is a guard, not a limit.
const MAX_RESTARTS: usize = 10_000;

/// The result of [`Engine::sql`]: an iterator of record batches, computed as they are asked for.
///
/// Types of a file's columns are inferred from its first megabytes. Should a later value not fit, the query
/// starts again with the wider type; rows that were already given are not given twice. The schema of
/// batches may then change once from an integer to a float or text column.
pub struct Rows {
    engine: Engine,
    text: String,
    schema: SchemaRef,
    stream: Option<SendableRecordBatchStream>,
    ordered: bool,
    given: usize,
    skip: usize,
    restarts: usize,
}

impl Rows {
    pub(crate) fn new(
        engine: Engine,
        text: String,
        schema: SchemaRef,
        stream: SendableRecordBatchStream,
        ordered: bool,
    ) -> Self {
        Self { engine, text, schema, stream: Some(stream), ordered, given: 0, skip: 0, restarts: 0 }
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
                    return Some(Ok(batch));
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

    /// Starts again when the error only says that a column must be wider.
    fn restart(&mut self, error: Error) -> Result<()> {
        let ErrorKind::Input(input) = error.kind() else { return Err(error) };
        let taipan_io::ErrorKind::Misfit(misfit) = input.kind() else { return Err(error) };
        let source = input.place().map(|place| place.source.clone()).unwrap_or_default();
        let repeatable = self.given == 0 || self.ordered;
        self.restarts += 1;
        if !repeatable || self.restarts > MAX_RESTARTS || !self.engine.widen(&source, misfit) {
            return Err(error);
        }
        self.stream = None;
        let (schema, stream, ordered) = self.engine.start(&self.text)?;
        self.schema = schema;
        self.stream = Some(stream);
        self.ordered = ordered;
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
