//! An opened file: what it is called, how it is laid out, what its columns are.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::batches::Batches;
use crate::blocks::{Blocks, Position, broken, place_in};
use crate::columnar::ColumnRange;
use crate::error::{Error, ErrorKind, Fault, Misfit, Result};
use crate::fetch::FetchOptions;
use crate::format::{Format, after_bom, refuse_binary};
use crate::given::Given;
use crate::picked::RowTest;
use crate::reject::{OnError, Refused};
use crate::source::{Limits, Source, expand, is_url};
use crate::{columnar, csv, infer, json, settle, xml};

/// Files up to this size are kept in memory once their types were inferred, and not read again.
const KEEP: usize = 1 << 20;

/// Why no types are given for Parquet and Arrow.
const TYPED: &str = "a file that says the types of its columns is given no others";

/// How to read a file; what is not set is found out.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    format: Option<Format>,
    pub(crate) csv: csv::Asked,
    record: Option<Record>,
    in_turn: bool,
    max_depth: usize,
    on_error: OnError,
    max_rejects: u64,
    max_record: usize,
    given: Given,
    encoding: Option<String>,
    sample_bytes: usize,
    block_bytes: usize,
    batch_rows: usize,
    max_ratio: u64,
    max_unpacked: u64,
    memory_limit: usize,
    fetch: FetchOptions,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            csv: csv::Asked::default(),
            record: None,
            in_turn: false,
            max_depth: xml::MAX_DEPTH,
            on_error: OnError::Fail,
            max_rejects: u64::MAX,
            max_record: 64 << 20,
            given: Given::default(),
            encoding: None,
            sample_bytes: 8 << 20,
            block_bytes: 1 << 20,
            batch_rows: 64 << 10,
            max_ratio: 500,
            max_unpacked: 1 << 40,
            memory_limit: 256 << 20,
            fetch: FetchOptions::default().timeout(None).max_bytes(u64::MAX),
        }
    }
}

impl ReadOptions {
    /// The format, else told by the name and the content.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// What a bad record does; it ends the reading unless set.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// The most records that [`Batches`] may reject; one more ends the reading. Any number unless set.
    #[must_use]
    pub fn max_rejects(mut self, rejects: u64) -> Self {
        self.max_rejects = rejects;
        self
    }

    /// The most bytes one record may have, the newline behind it not counted; 64 MiB unless set.
    #[must_use]
    pub fn max_record(mut self, bytes: usize) -> Self {
        self.max_record = bytes.clamp(1, 1 << 30);
        self
    }

    /// The type of a column, else inferred. A value that does not fit it is an error, or makes its record a reject.
    #[must_use]
    pub fn column(mut self, name: impl Into<String>, data_type: DataType) -> Self {
        self.given.add(name.into(), data_type);
        self
    }

    /// The types of all columns. A file with fixed columns must have these, in any order; elsewhere a record with a
    /// field that the schema lacks is bad.
    #[must_use]
    pub fn schema(mut self, schema: &Schema) -> Self {
        self.given.add_all(schema);
        self
    }

    /// The encoding of the text by its name on the web: `utf-8`, `utf-16`, `latin1`, `shift_jis` and so on. Unless it is
    /// given, UTF-16 is told by its byte order mark or its zeros, XML by its declaration, and CSV whose sample is not
    /// UTF-8 but has letters of Windows-1252 (which Latin-1 is a part of) is taken for that.
    #[must_use]
    pub fn encoding(mut self, label: impl Into<String>) -> Self {
        self.encoding = Some(label.into());
        self
    }

    /// Where the records are. In JSON the array that holds them, or the object whose members they are (their keys are then
    /// the first column): a JSON pointer such as `/data/items`, or keys with dots between them; `/` is the document. Unless
    /// it is given, a document that is one object of objects alike, on more than one line, is read by its members.
    ///
    /// Which elements of an XML document are its records, else the repeated element nearest the root that holds the data,
    /// or the root itself. `item` are all elements of that name, wherever they stand, but for those inside another;
    /// `channel/item` those right inside a `channel`; `/rss/channel/item` names all elements from the root on. A name
    /// without a prefix stands for that name with any prefix.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] if it is none of these.
    pub fn record(mut self, path: &str) -> Result<Self> {
        let record = Record { text: path.to_owned(), elements: xml::RecordPath::parse(path) };
        if record.elements.is_none() && !path.starts_with('/') {
            return Err(Error::new(record.no_elements()));
        }
        self.record = Some(record);
        Ok(self)
    }

    /// Tells a fault in the sample that types are inferred on only when the reading comes to it: whoever does more with
    /// records than read them may find something wrong with an earlier one. Unless set, opening the file tells it.
    #[must_use]
    pub fn faults_in_turn(mut self) -> Self {
        self.in_turn = true;
        self
    }

    /// How deep the values of a JSON record, or the elements of an XML document, may be nested; 1,024 unless set.
    #[must_use]
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.max_depth = levels.clamp(1, 1 << 16);
        self
    }

    /// How much of the file types are inferred on; 8 MiB unless set. A record is taken whole.
    #[must_use]
    pub fn sample_bytes(mut self, bytes: usize) -> Self {
        self.sample_bytes = bytes.clamp(1, 1 << 30);
        self
    }

    /// How much is read and parsed at a time; 1 MiB unless set. A record is taken whole.
    #[must_use]
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes.clamp(1, 1 << 28);
        self
    }

    /// The most rows in one batch of [`Batches`]; 65,536 unless set.
    #[must_use]
    pub fn batch_rows(mut self, rows: usize) -> Self {
        self.batch_rows = rows.max(1);
        self
    }

    /// How many times its size compressed data may grow to, once it is past 256 MiB; 500 unless set.
    #[must_use]
    pub fn max_ratio(mut self, ratio: u64) -> Self {
        self.max_ratio = ratio.max(1);
        self
    }

    /// How many bytes compressed data may grow to; 1 TiB unless set.
    #[must_use]
    pub fn max_unpacked(mut self, bytes: u64) -> Self {
        self.max_unpacked = bytes;
        self
    }

    /// The working memory that reading aims at; 256 MiB unless set. Fewer blocks are parsed at once where their size
    /// and the number of threads would need more; one block is always read, as long as its longest record.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// How URLs are fetched: as [`FetchOptions`] has it, but for as long and as much as it takes, unless set. What is to be
    /// kept is ignored.
    #[must_use]
    pub fn fetch(mut self, options: FetchOptions) -> Self {
        self.fetch = options;
        self
    }

    pub(crate) fn fetch_options(&self) -> &FetchOptions {
        &self.fetch
    }

    pub(crate) fn encoding_label(&self) -> Option<&str> {
        self.encoding.as_deref()
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { ratio: self.max_ratio, total: self.max_unpacked, harmless: 256 << 20 }
    }

    pub(crate) fn given_types(&self) -> &Given {
        &self.given
    }

    pub(crate) fn max_record_bytes(&self) -> usize {
        self.max_record
    }

    pub(crate) fn batch_row_limit(&self) -> usize {
        self.batch_rows
    }

    pub(crate) fn reject_limit(&self) -> u64 {
        self.max_rejects
    }

    /// What a parser does with bad records.
    pub(crate) fn refused(&self) -> Refused<'_> {
        Refused::new(self.on_error, &self.given, self.max_depth)
    }
}

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
    Json {
        /// The records are the members of one object.
        keyed: bool,
    },
    Xml(xml::Records),
    Columnar(columnar::Table),
}

/// Where the caller says that the records are.
#[derive(Debug, Clone)]
struct Record {
    text: String,
    /// The same as a path of elements, if it is one.
    elements: Option<xml::RecordPath>,
}

impl Record {
    fn no_elements(&self) -> ErrorKind {
        let path = &self.text;
        ErrorKind::InvalidOption(format!(
            "`{path}` is no path of elements, such as `item`, `channel/item` or `/rss/channel/item`"
        ))
    }
}

/// A sample's inference: layout, offset of the first record behind a byte order mark, schema, rows.
type Inferred = (Layout, usize, SchemaRef, u64);

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
            format!("{:?} ({})", input.format(), columns.join(", ")).replace(" ()", "")
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

    fn of_source(mut source: Source, options: &ReadOptions) -> Result<Self> {
        let mut bytes = source.bytes(0)?;
        let mut sample = Vec::new();
        let mut size = options.sample_bytes;
        loop {
            let whole = read(&mut bytes, source.length(), size, &mut sample)
                .map_err(|error| broken(&source, error, Position::default(), &sample))?;
            let of_kind = |kind| Error::new(kind).in_source(source.name());
            if let Some(format) = columnar::of_content(&sample) {
                return Self::of_columns(source, format, options);
            }
            let known = options.format.or_else(|| Format::of_path(&source.format_name())).is_some();
            // JSON's own parser knows at which line and column a NUL stands.
            let json = format(&source, after_bom(&sample), options) == Ok(Format::Json);
            let strict = !(json || known && options.on_error == OnError::Reject);
            refuse_binary(&sample, strict).map_err(of_kind)?;
            let text = after_bom(&sample);
            let mark = (sample.len() - text.len()) as u64;
            let start = Position { byte: mark, lines: 0, characters: 0 };
            let format = format(&source, text, options);
            if format == Ok(Format::Csv)
                && options.encoding.is_none()
                && let Some(western) = source.western(text)
            {
                source = western;
                bytes = source.bytes(0)?;
                sample.clear();
                continue;
            }
            if format == Ok(Format::Json)
                && !source.is_pointed()
                && let Some(pointer) = options
                    .record
                    .as_ref()
                    .and_then(|record| json::Pointer::parse(&record.text, options.refused().depth()))
            {
                source = source.pointed(pointer);
                bytes = source.bytes(0)?;
                sample.clear();
                continue;
            }
            let (newline, mut inferred) = infer_sample(&source, format.clone(), text, whole, options);
            let mut whole = whole;
            if let (true, Err(fault)) = (options.in_turn, &inferred) {
                let before = text.get(..fault.at).unwrap_or_default();
                if let (_, Ok(Some(found))) = infer_sample(&source, format, before, false, options) {
                    (inferred, whole) = (Ok(Some(found)), false);
                }
            }
            let inferred = inferred.map_err(|fault| place_in(&source, newline, fault, start, text))?;
            let Some((layout, data, schema, sampled_rows)) = inferred else {
                let limit = options.max_record;
                // Twice as much, to see what comes behind a record that is rejected for its length.
                let most = if options.on_error == OnError::Reject { limit * 2 } else { limit };
                if sample.len() >= most {
                    let fault = Fault::on_line(0, ErrorKind::TooLong { limit });
                    return Err(place_in(&source, newline, fault, start, text));
                }
                size = size.saturating_mul(2);
                continue;
            };
            let open = !matches!(layout, Layout::Csv(_));
            let schema = options.given.apply(&schema, open).map_err(of_kind)?;
            let schema = Arc::new(schema);
            let data = start.after(text.get(..data).unwrap_or_default(), newline);
            let content = (whole && sample.len() <= KEEP).then(|| Arc::from(sample));
            let options = Arc::new(options.clone());
            let file = Arc::new(Opened { source, layout, data, content, sampled_rows, whole });
            return Ok(Self { file, options, schema, ranges: Arc::default(), test: None, several: None });
        }
    }

    fn of_columns(source: Source, format: Format, options: &ReadOptions) -> Result<Self> {
        let (table, schema, rows) = columnar::Table::open(&source, format)?;
        if !options.given.is_empty() {
            return Err(Error::new(ErrorKind::InvalidOption(TYPED.to_owned())).in_source(source.name()));
        }
        let file = Opened {
            source,
            layout: Layout::Columnar(table),
            data: Position::default(),
            content: None,
            sampled_rows: rows,
            whole: true,
        };
        Ok(Self {
            file: Arc::new(file),
            options: Arc::new(options.clone()),
            schema,
            ranges: Arc::default(),
            test: None,
            several: None,
        })
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
        matches!(self.file.layout, Layout::Json { .. } | Layout::Xml(_))
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
            Layout::Json { .. } => Format::Json,
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
    /// As [`blocks`](Self::blocks); [`ErrorKind::InvalidOption`] if the input is picked, or several files.
    pub fn batches_to_refuse(&self, projection: Option<&[usize]>) -> Result<Batches> {
        if self.test.is_some() || self.several.is_some() {
            let message = "rows that were picked, or of several files, cannot be refused".to_owned();
            return Err(Error::new(ErrorKind::InvalidOption(message)).in_source(self.name()));
        }
        Ok(Batches::with_records(self.blocks(projection)?, &self.options))
    }

    /// Whether bad records are set aside.
    pub fn sets_aside(&self) -> bool {
        self.options.on_error == OnError::Reject
    }

    /// Whether the records are the members of one object of JSON, which have their keys as a column.
    pub(crate) fn is_keyed(&self) -> bool {
        matches!(self.file.layout, Layout::Json { keyed: true })
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

/// Reads on until the sample has its size; true if that is the whole text.
fn read(bytes: &mut impl Read, length: Option<u64>, size: usize, sample: &mut Vec<u8>) -> io::Result<bool> {
    let wanted = size.saturating_sub(sample.len());
    if let Some(length) = length {
        let expected = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(sample.len());
        sample.reserve_exact(wanted.min(expected.saturating_add(1)));
    }
    let got = bytes.take(wanted as u64).read_to_end(sample)?;
    Ok(got < wanted || length.is_some_and(|length| sample.len() as u64 >= length))
}

/// The format that was asked for, else the name's, else the content's.
fn format(source: &Source, text: &[u8], options: &ReadOptions) -> std::result::Result<Format, ErrorKind> {
    match options.format.or_else(|| Format::of_path(&source.format_name())) {
        Some(format) => Ok(format),
        None => Format::of_content(text),
    }
}

/// The newline for lines in messages, and what the format's own inference says.
fn infer_sample(
    source: &Source,
    format: std::result::Result<Format, ErrorKind>,
    text: &[u8],
    whole: bool,
    options: &ReadOptions,
) -> (u8, std::result::Result<Option<Inferred>, Fault>) {
    let mut refused = options.refused();
    match format {
        Err(kind) => (b'\n', Err(Fault::on_line(0, kind))),
        Ok(Format::Csv) => {
            let tabs = source
                .format_name()
                .extension()
                .is_some_and(|name| name.eq_ignore_ascii_case("tsv") || name.eq_ignore_ascii_case("tab"));
            let mut asked = options.csv.clone();
            asked.delimiter = asked.delimiter.or(tabs.then_some(b'\t'));
            let (dialect, top) = csv::dialect(text, &asked);
            let reading = csv::Reading { dialect, nulls: &asked.nulls };
            let inferred = csv::infer(text, reading, top, asked.header, whole, &mut refused);
            let layout =
                |inferred: csv::Inferred| (Layout::Csv(dialect), inferred.data, inferred.schema, inferred.rows);
            (dialect.line_byte(), inferred.map(|inferred| inferred.map(layout)))
        }
        Ok(format @ (Format::Parquet | Format::Arrow)) => {
            let message = format!("this is no {format:?} file");
            (b'\n', Err(Fault::on_line(0, ErrorKind::Syntax(message))))
        }
        Ok(Format::Json) => {
            // A name that says lines is believed.
            let lines = source
                .format_name()
                .extension()
                .is_some_and(|name| name.eq_ignore_ascii_case("ndjson") || name.eq_ignore_ascii_case("jsonl"));
            let named = source.is_pointed() || options.record.as_ref().is_some_and(|record| record.text == "/");
            let keyed = if named {
                text.trim_ascii_start().first() == Some(&b'{')
            } else {
                !lines && json::is_keyed(text, whole, refused.depth())
            };
            let inferred = json::infer(text, whole, keyed, &mut refused);
            (b'\n', inferred.map(|layout| layout.map(|l| (Layout::Json { keyed }, 0, l.schema, l.rows))))
        }
        Ok(Format::Xml) => {
            // Whoever names the encoding knows it better than the document.
            let encoding = if options.encoding.is_some() { "" } else { source.foreign_encoding().unwrap_or("UTF-8") };
            let rules = xml::Rules { depth: options.max_depth, encoding, ..xml::Rules::default() };
            let path = match &options.record {
                Some(record) if record.elements.is_none() => {
                    return (b'\n', Err(Fault::on_line(0, record.no_elements())));
                }
                record => record.as_ref().and_then(|record| record.elements.as_ref()),
            };
            let inferred = xml::infer(text, whole, path, rules, &mut refused);
            (b'\n', inferred.map(|layout| layout.map(|l| (Layout::Xml(l.records), 0, l.schema, l.rows))))
        }
    }
}
