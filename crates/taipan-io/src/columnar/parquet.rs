//! Parquet: row groups decoded by several threads at once, those left out whose statistics say that no row is wanted, and
//! of the others those pages. A test of rows is put to its own columns first, and the others are decoded where it passes.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{concat_batches, kernels::cmp};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter,
    RowSelection, RowSelector,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};

use super::{PIECE, arranged, broken, distinct};
use crate::error::Result;
use crate::picked::Pick;
use crate::source::Source;

/// An opened file.
#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    file: Shared,
    metadata: ArrowReaderMetadata,
}

/// Some rows of a row group.
#[derive(Debug)]
pub(crate) struct Piece {
    group: usize,
    skip: usize,
    rows: usize,
    /// The rows of the whole group that may be wanted, where statistics of pages say so.
    wanted: Option<RowSelection>,
    /// Bytes, unpacked, of the projected columns.
    pub(super) size: usize,
    /// Bytes in the file, of all columns.
    pub(super) packed: usize,
}

/// What is wanted of a column: values from one to another, both included. Each is one value of the column's type.
///
/// A row group or a page of a file whose statistics say that it has no such value is not read; what is read may hold
/// others too.
#[derive(Debug, Clone)]
pub struct ColumnRange {
    /// The column's index in the schema of the file.
    pub column: usize,
    /// The least value.
    pub low: Option<ArrayRef>,
    /// The greatest.
    pub high: Option<ArrayRef>,
}

impl Table {
    pub(super) fn open(source: &Source) -> Result<(Self, SchemaRef, u64)> {
        let (file, length) = source.seekable()?;
        let file = Shared { file: Arc::new(file), length };
        // Where pages begin, so that a piece of a large row group can be decoded without what stands before it.
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| broken(source.name(), error))?;
        let rows = metadata.metadata().file_metadata().num_rows().unsigned_abs();
        let schema = metadata.schema().clone();
        Ok((Self { name: source.name().to_owned(), file, metadata }, schema, rows))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn pieces(&self, projection: &[usize], ranges: &[ColumnRange]) -> Vec<Piece> {
        let groups = self.metadata.metadata().row_groups();
        let mut wanted = vec![true; groups.len()];
        for range in ranges {
            // Statistics that are missing or of another type say nothing.
            let bounds = |converter: &StatisticsConverter| {
                Some((converter.row_group_mins(groups).ok()?, converter.row_group_maxes(groups).ok()?))
            };
            if let Some(may) = self.may_hold(range, bounds) {
                let nothing = |group: usize| may.is_valid(group) && !may.value(group);
                wanted.iter_mut().enumerate().filter(|(i, _)| nothing(*i)).for_each(|(_, wanted)| *wanted = false);
            }
        }
        let columns = distinct(projection);
        let mut pieces = Vec::new();
        for (group, metadata) in groups.iter().enumerate().filter(|(i, _)| wanted.get(*i) == Some(&true)) {
            let rows = usize::try_from(metadata.num_rows()).unwrap_or_default();
            let size = self.size(metadata, &columns);
            let packed = usize::try_from(metadata.compressed_size()).unwrap_or_default();
            let parts = size.div_ceil(PIECE).max(1);
            let step = rows.div_ceil(parts).max(1);
            let wanted = self.wanted_rows(group, rows, ranges);
            for skip in (0..rows).step_by(step) {
                let count = step.min(rows - skip);
                let wanted = wanted.as_ref().map(|wanted| wanted.intersection(&window(skip, count, rows)));
                if wanted.as_ref().is_some_and(|wanted| !wanted.selects_any()) {
                    continue;
                }
                pieces.push(Piece { group, skip, rows: count, wanted, size: size / parts, packed: packed / parts });
            }
        }
        pieces
    }

    /// How many bytes some columns of a row group have, unpacked.
    fn size(&self, group: &RowGroupMetaData, columns: &[usize]) -> usize {
        let schema = self.metadata.parquet_schema();
        let of_projection = |(i, _): &(usize, _)| columns.binary_search(&schema.get_column_root_idx(*i)).is_ok();
        let chunks = group.columns().iter().enumerate().filter(of_projection);
        let size: i64 = chunks.map(|(_, column)| column.uncompressed_size()).sum();
        usize::try_from(size).unwrap_or_default()
    }

    /// The rows of a group in pages that may hold a value in each of the ranges; nothing where statistics do not say.
    fn wanted_rows(&self, group: usize, rows: usize, ranges: &[ColumnRange]) -> Option<RowSelection> {
        let metadata = self.metadata.metadata();
        let (values, places) = (metadata.column_index()?, metadata.offset_index()?);
        let mut wanted: Option<RowSelection> = None;
        for range in ranges {
            let mut counts = None;
            let may = self.may_hold(range, |converter| {
                counts = converter.data_page_row_counts(places, metadata.row_groups(), [&group]).ok()?;
                let least = converter.data_page_mins(values, places, [&group]).ok()?;
                Some((least, converter.data_page_maxes(values, places, [&group]).ok()?))
            });
            let (Some(may), Some(counts)) = (may, counts) else { continue };
            if may.len() != counts.len() || counts.iter().flatten().sum::<u64>() != rows as u64 {
                continue;
            }
            let pages = counts.iter().enumerate().map(|(page, count)| {
                let count = usize::try_from(count.unwrap_or_default()).unwrap_or_default();
                let nothing = may.is_valid(page) && !may.value(page);
                if nothing { RowSelector::skip(count) } else { RowSelector::select(count) }
            });
            let pages = RowSelection::from(pages.collect::<Vec<_>>());
            wanted = Some(wanted.map_or_else(|| pages.clone(), |wanted| wanted.intersection(&pages)));
        }
        wanted
    }

    /// For each of the pieces that have these least and greatest values whether the range's column may have a value in it.
    fn may_hold(
        &self,
        range: &ColumnRange,
        bounds: impl FnOnce(&StatisticsConverter) -> Option<(ArrayRef, ArrayRef)>,
    ) -> Option<BooleanArray> {
        let schema = self.metadata.schema();
        let field = schema.fields().get(range.column)?;
        let converter = StatisticsConverter::try_new(field.name(), schema, self.metadata.parquet_schema()).ok()?;
        let (least, greatest) = bounds(&converter)?;
        let mut may: Option<BooleanArray> = None;
        let mut and = |bound: BooleanArray| {
            may = Some(match may.take() {
                Some(may) => arrow::compute::and_kleene(&may, &bound).ok()?,
                None => bound,
            });
            Some(())
        };
        let scalar =
            |value: &ArrayRef| (value.len() == 1 && value.data_type() == field.data_type()).then(|| value.clone());
        if let Some(low) = range.low.as_ref() {
            and(cmp::gt_eq(&greatest, &arrow::array::Scalar::new(scalar(low)?)).ok()?)?;
        }
        if let Some(high) = range.high.as_ref() {
            and(cmp::lt_eq(&least, &arrow::array::Scalar::new(scalar(high)?)).ok()?)?;
        }
        may
    }

    pub(super) fn decode(&self, piece: &Piece, projection: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
        self.collect(self.builder(piece, projection), projection, schema)
    }

    /// The projected columns of the rows that pass a test.
    pub(super) fn decode_picked(
        &self,
        piece: &Piece,
        pick: &Pick,
        projection: &[usize],
        schema: &SchemaRef,
        values: &AtomicU64,
    ) -> Result<RecordBatch> {
        let made = Arc::new(AtomicU64::default());
        let (test, tested, counted) = (pick.test.clone(), pick.schema.clone(), made.clone());
        let passes = move |batch: RecordBatch| {
            counted.fetch_add((batch.num_rows() * batch.num_columns()) as u64, Ordering::Relaxed);
            let batch = arranged(&batch, test.columns(), &tested);
            test.mask(&batch.map_err(|error| ArrowError::ExternalError(Box::new(error)))?)
        };
        let predicate = ArrowPredicateFn::new(self.mask(pick.test.columns()), passes);
        let builder = self.builder(piece, projection).with_row_filter(RowFilter::new(vec![Box::new(predicate)]));
        let batch = self.collect(builder, projection, schema)?;
        let others = distinct(projection).iter().filter(|column| !pick.test.columns().contains(column)).count();
        values.fetch_add(made.load(Ordering::Relaxed) + (batch.num_rows() * others) as u64, Ordering::Relaxed);
        Ok(batch)
    }

    fn mask(&self, columns: &[usize]) -> ProjectionMask {
        ProjectionMask::roots(self.metadata.parquet_schema(), distinct(columns))
    }

    fn builder(&self, piece: &Piece, projection: &[usize]) -> ParquetRecordBatchReaderBuilder<Shared> {
        let group = self.metadata.metadata().row_groups().get(piece.group);
        let all = group.map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or_default());
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone())
            .with_row_groups(vec![piece.group])
            .with_projection(self.mask(projection))
            .with_batch_size(piece.rows.max(1));
        match &piece.wanted {
            Some(wanted) => builder.with_row_selection(wanted.clone()),
            None if piece.rows < all => builder.with_row_selection(window(piece.skip, piece.rows, all)),
            None => builder,
        }
    }

    fn collect(
        &self,
        builder: ParquetRecordBatchReaderBuilder<Shared>,
        projection: &[usize],
        schema: &SchemaRef,
    ) -> Result<RecordBatch> {
        let reader = builder.build().map_err(|error| broken(&self.name, error))?;
        let read = arrow::array::RecordBatchReader::schema(&reader);
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| broken(&self.name, error))?;
        match batches.as_slice() {
            [batch] => arranged(batch, projection, schema),
            // Batches without columns have nothing to be put together but their count.
            batches if projection.is_empty() => {
                let rows = batches.iter().map(RecordBatch::num_rows).sum();
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                Ok(RecordBatch::try_new_with_options(schema.clone(), Vec::new(), &options)?)
            }
            batches => arranged(&concat_batches(&read, batches)?, projection, schema),
        }
    }
}

/// Some rows among all of a group.
fn window(skip: usize, rows: usize, all: usize) -> RowSelection {
    let behind = all.saturating_sub(skip + rows);
    RowSelection::from(vec![RowSelector::skip(skip), RowSelector::select(rows), RowSelector::skip(behind)])
}

/// A file that several threads read at places of their own.
#[derive(Debug, Clone)]
struct Shared {
    file: Arc<File>,
    length: u64,
}

impl Length for Shared {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Shared {
    type T = BufReader<At>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        Ok(BufReader::new(At { file: self.file.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<bytes::Bytes, ParquetError> {
        // No more than the file has, whatever it says about itself.
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of {}", self.length)));
        }
        let mut bytes = vec![0; length];
        At { file: self.file.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// A place in a file; moving on from it moves no other.
struct At {
    file: Arc<File>,
    at: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(self.file.as_ref(), buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(self.file.as_ref(), buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
