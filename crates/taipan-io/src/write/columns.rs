//! Batches as columns: Parquet and Arrow IPC files.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use crate::error::Result;

/// A row group ends with so many rows, or so many bytes in memory.
const ROWS: usize = 1 << 20;
const BYTES: usize = 32 << 20;

/// Batches with fewer values are not worth waking threads for.
const MANY: usize = 1 << 14;

/// A file under construction; it is begun with its first batch.
pub(super) struct Columns<W> {
    writer: W,
    staged: Staged,
    kind: Kind,
    begun: Option<Begun>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Parquet,
    Arrow,
}

enum Begun {
    Parquet(Box<ParquetFile>),
    Arrow(Box<FileWriter<Staged>>),
}

/// What was encoded and is on its way to the writer, which therefore may be one that no other thread can have.
#[derive(Clone, Default)]
struct Staged(Arc<Mutex<Vec<u8>>>);

/// A Parquet file whose columns are encoded side by side.
struct ParquetFile {
    file: SerializedFileWriter<Staged>,
    factory: ArrowRowGroupWriterFactory,
    /// Those of the row group under construction.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
    groups: usize,
}

impl<W: Write> Columns<W> {
    pub(super) fn new(kind: Kind, writer: W) -> Self {
        Self { writer, staged: Staged::default(), kind, begun: None }
    }

    pub(super) fn write(&mut self, schema: &SchemaRef, batch: &RecordBatch) -> Result<()> {
        match self.begin(schema)? {
            Begun::Parquet(file) => file.write(schema, batch)?,
            Begun::Arrow(file) => file.write(batch)?,
        }
        self.drain()
    }

    pub(super) fn finish(mut self, schema: &SchemaRef) -> Result<W> {
        match self.begin(schema)? {
            Begun::Parquet(file) => {
                file.end_group()?;
                file.file.finish()?;
            }
            Begun::Arrow(file) => file.finish()?,
        }
        self.drain()?;
        Ok(self.writer)
    }

    fn begin(&mut self, schema: &SchemaRef) -> Result<&mut Begun> {
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => match self.kind {
                Kind::Parquet => Begun::Parquet(Box::new(ParquetFile::new(self.staged.clone(), schema)?)),
                Kind::Arrow => Begun::Arrow(Box::new(FileWriter::try_new(self.staged.clone(), schema)?)),
            },
        };
        Ok(self.begun.insert(begun))
    }

    fn drain(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut *self.staged.lock());
        Ok(self.writer.write_all(&bytes)?)
    }
}

impl Staged {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ParquetFile {
    fn new(writer: Staged, schema: &SchemaRef) -> std::result::Result<Self, ParquetError> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = ArrowWriter::try_new(writer, schema.clone(), Some(properties))?;
        let (file, factory) = writer.into_serialized_writer()?;
        Ok(Self { file, factory, columns: Vec::new(), rows: 0, groups: 0 })
    }

    fn write(&mut self, schema: &SchemaRef, batch: &RecordBatch) -> std::result::Result<(), ParquetError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.groups)?;
        }
        let mut leaves = Vec::with_capacity(self.columns.len());
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            leaves.extend(compute_leaves(field, column)?);
        }
        if batch.num_rows() * leaves.len() < MANY {
            self.columns.iter_mut().zip(&leaves).try_for_each(|(column, leaf)| column.write(leaf))?;
        } else {
            self.columns.par_iter_mut().zip(leaves).try_for_each(|(column, leaf)| column.write(&leaf))?;
        }
        self.rows += batch.num_rows();
        if self.rows >= ROWS || self.columns.iter().map(ArrowColumnWriter::memory_size).sum::<usize>() >= BYTES {
            self.end_group()?;
        }
        Ok(())
    }

    fn end_group(&mut self) -> std::result::Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.columns);
        let chunks: Vec<_> = columns.into_par_iter().map(ArrowColumnWriter::close).collect();
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk?.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.rows = 0;
        self.groups += 1;
        Ok(())
    }
}

impl<W> std::fmt::Debug for Columns<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Columns").field("kind", &self.kind).finish_non_exhaustive()
    }
}
