//! An opened file: what it is called, how it is laid out, what its columns are.

mod options;
mod sample;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

pub use self::options::ReadOptions;
use crate::batches::Batches;
use crate::blocks::{Blocks, Position};
use crate::columnar::ColumnRange;
use crate::error::{Error, ErrorKind, Misfit, Result};
use crate::format::Format;
use crate::json;
use crate::picked::RowTest;
use crate::reject::OnError;
use crate::source::{Source, expand, is_url};
use crate::{columnar, csv, infer, settle, xml};

/// Why no types are given for Parquet and Arrow.
const TYPED: &str = "a file that says the types of its columns is given no others";

/// An opened file: format, dialect and schema are known. Cheap to clone; each reading starts anew.
///
/// The types are those of a sample, so a value behind it may not fit, which ends a reading with
/// [`ErrorKind::Misfit`]. There are two ways about it: whoever can take back what was read starts again once, with the
/// [`settled`](Self::settled) input, at the first misfit; whoever cannot settles the input before giving any row away.
#[derive(Debug, Clone)]
pub struct Input {
    file: Arc<Opened>,
    options: Arc<ReadOptions>,
    schema: SchemaRef,
    ranges: Arc<[ColumnRange]>,
    test: Option<RowTest>,
    /// Where this is the first of several files that are read as one.
    several: Option<Arc<Several>>,
}

/// What a directory or pattern stands for.
#[derive(Debug)]
struct Several {
    named: PathBuf,
    /// Those behind the first one.
    others: Vec<PathBuf>,
}

#[derive(Debug)]
struct Opened {
    source: Source,
    layout: Layout,
    /// Where the first record stands.
    data: Position,
    /// All of a small file.
    content: Option<Arc<[u8]>>,
    sampled_rows: u64,
    whole: bool,
}

/// What a format's parser needs to know beside the schema.
#[derive(Debug)]
pub(crate) enum Layout {
    Csv(csv::Dialect),
    Json(json::Document),
    Xml(xml::Records),
    Columnar(columnar::Table),
}

impl Input {
    /// Opens what a name stands for and infers its format, dialect and schema on its first bytes.
    ///
    /// The name is a path, an `http` or `https` URL, or `-` for standard input. A directory or a pattern stands for the files
    /// that [`expand`](crate::expand) finds, which are read one behind the other as the one table that the first of them is
    /// inferred to be: of another format, or of CSV, Parquet or Arrow with other columns, a later one ends the reading with
    /// [`ErrorKind::Unlike`]. Content may be compressed (gzip, zstd, bzip2, xz) and in other
    /// encodings than UTF-8. Standard input, a pipe or a device can be read only once, and a URL is
    /// fetched only once, so what was read of it is kept for a later reading: 16 MiB in memory, the rest compressed in a temporary file without a name. Whoever needs no later
    /// reading says so by [`read_once`](Self::read_once).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::NoDataFiles`], [`ErrorKind::Fetch`] and [`ErrorKind::Io`] if it cannot be opened,
    /// [`ErrorKind::Compression`] and [`ErrorKind::UnknownEncoding`] if it cannot be unpacked, [`ErrorKind::Empty`] and
    /// [`ErrorKind::UnknownFormat`] if it holds no data this crate reads, and the faults of a first record or of any
    /// other in the sample.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        options.csv.check()?;
        let path = path.as_ref();
        let Some(files) = several(path)? else { return Self::of_file(path, options) };
        let mut files = files.into_iter();
        let Some(first) = files.next() else { return Err(Error::of_path(ErrorKind::NoDataFiles, path)) };
        let several = Several { named: path.to_owned(), others: files.collect() };
        Ok(Self { several: Some(Arc::new(several)), ..Self::of_file(&first, options)? })
    }

    fn of_file(path: &Path, options: &ReadOptions) -> Result<Self> {
        Self::of_source(Source::open(path, options)?, options)
    }

    /// The files behind this one.
    pub(crate) fn others(&self) -> &[PathBuf] {
        self.several.as_ref().map_or(&[], |several| several.others.as_slice())
    }

    /// A file that is read behind this one, as if it were more of it.
    pub(crate) fn continued(&self, path: &Path) -> Result<Self> {
        let other = Self::of_file(path, &self.options)?;
        // Records of JSON and XML have what columns they have, and a type that a later value asks for is widened.
        let shape = |input: &Self| {
            let fields = input.schema.fields().iter();
            let columns: Vec<String> = match input.format() {
                Format::Csv => fields.map(|field| field.name().clone()).collect(),
                Format::Parquet | Format::Arrow => {
                    fields.map(|field| format!("{} {}", field.name(), field.data_type())).collect()
                }
                Format::Json if input.is_keyed() => vec!["members of one object".to_owned()],
                Format::Json | Format::Xml => Vec::new(),
            };
            format!("{} ({})", input.format(), columns.join(", ")).replace(" ()", "")
        };
        let (first, its) = (shape(self), shape(&other));
        if first != its {
            let message = format!("this is {its}, where {} is {first}", self.name());
            return Err(Error::new(ErrorKind::Unlike(message)).in_source(other.name()));
        }
        let (schema, options) = (self.schema.clone(), self.options.clone());
        Ok(Self { schema, options, ranges: self.ranges.clone(), test: self.test.clone(), ..other })
    }

    /// Whether the sample was all there is.
    fn is_whole(&self) -> bool {
        self.file.whole && self.several.is_none()
    }

    /// Reads a stream as [`open`](Self::open) reads standard input. The name is for messages, and its extension may tell
    /// the format.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_reader(name: &str, reader: impl Read + Send + 'static, options: &ReadOptions) -> Result<Self> {
        options.csv.check()?;
        Self::of_source(Source::stream(name, reader, options)?, options)
    }

    /// The same input with the types of some columns given, as [`ReadOptions::column`] gives them: a value that does not
    /// fit is an error, or makes its record a reject.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] if the file lacks such a column, or says itself what types its columns have.
    pub fn with_columns(&self, columns: impl IntoIterator<Item = (String, DataType)>) -> Result<Self> {
        let mut options = self.options.as_ref().clone();
        let before = options.given.len();
        columns.into_iter().for_each(|(name, data_type)| options.given.add(name, data_type));
        let of_kind = |kind| Error::new(kind).in_source(self.name());
        if options.given.len() > before && matches!(self.file.layout, Layout::Columnar(_)) {
            return Err(of_kind(ErrorKind::InvalidOption(TYPED.to_owned())));
        }
        let schema = options.given.apply(&self.schema, self.is_open()).map_err(of_kind)?;
        Ok(Self { options: Arc::new(options), schema: Arc::new(schema), ..self.clone() })
    }

    /// Whether records may have columns that others lack, as those of JSON and XML.
    pub fn is_open(&self) -> bool {
        matches!(self.file.layout, Layout::Json(_) | Layout::Xml(_))
    }

    /// Whether the type of a column was given by the caller.
    pub fn is_given(&self, column: &str) -> bool {
        self.options.given.is_given(column)
    }

    /// Whether no value can be met that does not fit its column, unless the file changes: all of it was looked at, or all
    /// types were given.
    pub fn is_settled(&self) -> bool {
        self.is_whole() || self.options.given.is_whole()
    }

    /// The same input without what is known to hold no value within the ranges: pieces of a Parquet file whose
    /// statistics say so. Other rows outside the ranges stay.
    #[must_use]
    pub fn pruned(mut self, ranges: Vec<ColumnRange>) -> Self {
        self.ranges = ranges.into();
        self
    }

    /// The same input, of which only the rows come that pass a test. Its columns are read first, and the others only of
    /// rows that pass; a record that does not is still checked to be one. [`settled`](Self::settled) looks at all rows
    /// nevertheless.
    #[must_use]
    pub fn picked(mut self, test: RowTest) -> Self {
        self.test = Some(test);
        self
    }

    /// The same input, of which nothing is kept for a second reading if it is a stream: the next one, by any clone of this
    /// input, is the last, and a later one ends with [`ErrorKind::ReadOnce`]. Without effect on a file.
    #[must_use]
    pub fn read_once(self) -> Self {
        self.file.source.forget();
        self
    }

    /// The input as messages name it: the path as it was given, or `standard input`; the first of several files.
    pub fn name(&self) -> &str {
        self.file.source.name()
    }

    /// The path as it was given: of several files what stands for them all.
    pub fn path(&self) -> &Path {
        self.several.as_ref().map_or_else(|| self.file.source.path(), |several| &several.named)
    }

    /// The format that is read.
    pub fn format(&self) -> Format {
        match &self.file.layout {
            Layout::Csv(_) => Format::Csv,
            Layout::Json(_) => Format::Json,
            Layout::Xml(_) => Format::Xml,
            Layout::Columnar(table) => table.format(),
        }
    }

    /// All columns. Those of Parquet and Arrow are as the file has them; the others are nullable, and their types are
    /// Int64, Float64, Boolean, Date32, Timestamp (microseconds), Utf8, and for JSON and XML Struct and List of these.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows the schema was inferred on, and whether these were all.
    pub fn sampled_rows(&self) -> (u64, bool) {
        (self.file.sampled_rows, self.is_whole())
    }

    /// The size of the text where it is known: that of a plain file when it was opened.
    pub fn len_bytes(&self) -> Option<u64> {
        self.file.source.length()
    }

    /// The same input with one column widened, or added, so that a value that did not fit does.
    #[must_use]
    pub fn widen(&self, misfit: &Misfit) -> Self {
        let mut fields: Vec<Field> = self.schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        match fields.iter_mut().find(|field| *field.name() == misfit.column) {
            Some(field) => {
                let join = if self.format() == Format::Xml { xml::join } else { infer::join };
                field.set_data_type(join(field.data_type(), &misfit.to));
            }
            None => fields.push(Field::new(&misfit.column, misfit.to.clone(), true)),
        }
        Self { schema: Arc::new(Schema::new(fields)), ..self.clone() }
    }

    /// The same input with the types of the projected columns (all of them if none are named) widened so that every
    /// value of the file fits: no later reading of these columns ends with [`ErrorKind::Misfit`], as long as the file
    /// does not change. For JSON, keys that the sample did not have become columns, in the order they first appear,
    /// whatever the projection.
    ///
    /// Reads the file once, in parallel and with bounded memory; not at all if the sample was the whole file, or if
    /// CSV columns are text already. Types are those of a sample as large as the file, except that a column that is
    /// text already, perhaps because the sample had no value of it, stays text.
    ///
    /// # Errors
    /// As [`blocks`](Self::blocks), and those of reading and parsing whatever is read: [`ErrorKind::Io`],
    /// [`ErrorKind::Ragged`], [`ErrorKind::Syntax`], [`ErrorKind::Encoding`], [`ErrorKind::TooLong`].
    pub fn settled(&self, projection: Option<&[usize]>) -> Result<Self> {
        if self.is_whole() {
            return Ok(self.clone());
        }
        let all = Self { test: None, ..self.clone() };
        let schema = settle::schema(self, all.blocks(projection)?)?;
        let schema = self.options.given.apply(&schema, self.is_open());
        let schema = schema.map_err(|kind| Error::new(kind).in_source(self.name()))?;
        Ok(Self { schema: Arc::new(schema), ..self.clone() })
    }

    /// The file from its first record on, as raw blocks for threads that the caller brings.
    ///
    /// # Errors
    /// As [`open`](Self::open) if the file can no longer be opened; [`ErrorKind::InvalidOption`] if a projected index is
    /// no column.
    pub fn blocks(&self, projection: Option<&[usize]>) -> Result<Blocks> {
        Blocks::new(self.clone(), projection)
    }

    /// The file from its first record on, as batches in order, parsed on all cores.
    ///
    /// # Errors
    /// As [`blocks`](Self::blocks).
    pub fn batches(&self, projection: Option<&[usize]>) -> Result<Batches> {
        Ok(Batches::new(self.blocks(projection)?, &self.options))
    }

    /// The same, of which rows can be rejected after they were read, with [`Batches::reject`]: for who hands them on to
    /// where some may be refused. Of an input that is [picked](Self::picked) there are none.
    ///
    /// # Errors
    /// As [`blocks`](Self::blocks); [`ErrorKind::InvalidOption`] if the input is picked, or several files of Parquet or Arrow.
    pub fn batches_to_refuse(&self, projection: Option<&[usize]>) -> Result<Batches> {
        if !self.can_refuse() {
            let message = "rows that were picked, or of several files of columns, cannot be refused".to_owned();
            return Err(Error::new(ErrorKind::InvalidOption(message)).in_source(self.name()));
        }
        Ok(Batches::with_records(self.blocks(projection)?, &self.options))
    }

    /// Whether rows can be refused after they were read.
    pub(crate) fn can_refuse(&self) -> bool {
        let is_columnar = matches!(self.layout(), Layout::Columnar(_));
        self.test.is_none() && !(is_columnar && self.several.is_some())
    }

    /// Whether bad records are set aside.
    pub fn sets_aside(&self) -> bool {
        self.options.on_error == OnError::Reject
    }

    /// Whether the records are the members of one object of JSON, which have their keys as a column.
    pub(crate) fn is_keyed(&self) -> bool {
        matches!(self.file.layout, Layout::Json(json::Document::Keyed))
    }

    pub(crate) fn test(&self) -> Option<&RowTest> {
        self.test.as_ref()
    }

    pub(crate) fn ranges(&self) -> &[ColumnRange] {
        &self.ranges
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.file.layout
    }

    pub(crate) fn data(&self) -> Position {
        self.file.data
    }

    pub(crate) fn content(&self) -> Option<&Arc<[u8]>> {
        self.file.content.as_ref()
    }

    pub(crate) fn source(&self) -> &Source {
        &self.file.source
    }

    pub(crate) fn options(&self) -> &ReadOptions {
        &self.options
    }

    pub(crate) fn block_bytes(&self) -> usize {
        self.options.block_bytes
    }

    pub(crate) fn memory_limit(&self) -> usize {
        self.options.memory_limit
    }

    /// How many bytes there were behind an offset when the file was opened.
    pub(crate) fn left(&self, offset: u64) -> Option<usize> {
        let left = self.len_bytes()?.saturating_sub(offset);
        Some(usize::try_from(left).unwrap_or(usize::MAX - 1))
    }
}

/// The files that a directory or pattern stands for; nothing for the name of a single file.
fn several(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    match path.to_str() {
        Some(name) if path.is_dir() || (!path.exists() && !is_url(name) && name.contains(['*', '?', '['])) => {
            expand(&[name.to_owned()]).map(Some)
        }
        _ => Ok(None),
    }
}
