//! The rows of a running query.

use std::pin::Pin;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::common::spawn_buffered;
use futures::StreamExt;
use futures::future::{Either, select};

use crate::engine::{Engine, Query, Started};
use crate::error::{Error, ErrorKind, Result};
use crate::names::unique;
use crate::whole::WholeFile;

/// The result of [`Engine::sql`] and of [`Engine::file`]: an iterator of record batches, computed as they are asked for.
///
/// Names are unique: a column that is there twice is `n` and `n_2`. The types of a file's columns are settled before
/// the first row is given, so all batches have one schema. (Only a plain `SELECT columns … LIMIT n` within a file's
/// first megabytes, and [`Engine::select_widening`], read no further to be sure; should a value not fit after all, later
/// batches are wider.)
pub struct Rows {
    source: Source,
    schema: SchemaRef,
    stream: Option<Stream>,
    /// Whether the rows given so far would come again, in the same order, with wider types.
    resumable: bool,
    given: usize,
    skip: usize,
    settled: bool,
    stop: Option<Stop>,
}

/// Done when the rows are to end.
type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the rows come from, and come from again with wider types.
enum Source {
    Query(Engine, Query),
    File(WholeFile),
}

/// The batches to come.
enum Stream {
    Query(SendableRecordBatchStream),
    File(Box<dyn Iterator<Item = Result<RecordBatch>> + Send>),
}

impl Rows {
    pub(crate) fn new(engine: Engine, query: Query, started: Started) -> Self {
        let Started { schema, stream, resumable } = started;
        Self::of(Source::Query(engine, query), &schema, Stream::Query(stream), resumable)
    }

    /// The columns of a file, without a plan.
    pub(crate) fn of_file(file: WholeFile) -> Result<Self> {
        let (schema, batches) = file.read()?;
        Ok(Self::of(Source::File(file), &schema, Stream::File(batches), true))
    }

    fn of(source: Source, schema: &SchemaRef, stream: Stream, resumable: bool) -> Self {
        let schema = unique(schema);
        Self { source, schema, stream: Some(stream), resumable, given: 0, skip: 0, settled: false, stop: None }
    }

    /// Names and types of the columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The same rows, but once `stop` is done they end with [`ErrorKind::Stopped`], and nothing goes on being computed for
    /// them. Of a file without a plan each batch is waited for first.
    ///
    /// # Errors
    /// [`ErrorKind::Start`].
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Result<Self> {
        self.stop = Some(Box::pin(stop));
        self.stream = self.stream.take().map(|stream| self.apart(stream)).transpose()?;
        Ok(self)
    }

    /// A stream that is computed by the engine's threads beside whoever waits for it, so that the waiting can end first.
    fn apart(&self, stream: Stream) -> Result<Stream> {
        match (stream, &self.source) {
            (Stream::Query(stream), Source::Query(engine, _)) => {
                Ok(Stream::Query(engine.block_on(async { spawn_buffered(stream, 1) })?))
            }
            (stream, _) => Ok(stream),
        }
    }

    /// What comes next from the stream, if there is one.
    fn pull(&mut self) -> Option<Result<RecordBatch>> {
        match (self.stream.as_mut()?, &self.source) {
            (Stream::File(batches), _) => batches.next(),
            (Stream::Query(stream), Source::Query(engine, _)) => {
                let next = match &mut self.stop {
                    None => engine.block_on(stream.next()),
                    Some(stop) => match engine.block_on(select(stop, stream.next())) {
                        Ok(Either::Left(_)) => return Some(Err(Error::new(ErrorKind::Stopped))),
                        Ok(Either::Right((next, _))) => Ok(next),
                        Err(error) => Err(error),
                    },
                };
                match next {
                    Ok(next) => next.map(|next| next.map_err(Error::from_datafusion)),
                    Err(error) => Some(Err(error)),
                }
            }
            (Stream::Query(_), Source::File(_)) => None,
        }
    }

    fn next_batch(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            match self.pull()? {
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
        let (schema, stream) = match &self.source {
            Source::Query(engine, query) => {
                let started = engine.start_settled(query)?;
                let stream = Stream::Query(started.stream);
                (started.schema, if self.stop.is_some() { self.apart(stream)? } else { stream })
            }
            Source::File(file) => {
                file.settle()?;
                let (schema, batches) = file.read()?;
                (schema, Stream::File(batches))
            }
        };
        self.schema = unique(&schema);
        self.stream = Some(stream);
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
