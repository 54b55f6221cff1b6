//! How to read a file, as the caller says it.

use arrow::datatypes::{DataType, Schema};

use crate::error::{Error, ErrorKind, Result};
use crate::fetch::FetchOptions;
use crate::format::Format;
use crate::given::Given;
use crate::reject::{OnError, Refused};
use crate::source::Limits;
use crate::{csv, xml};

/// How to read a file; what is not set is found out.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    pub(super) format: Option<Format>,
    pub(crate) csv: csv::Asked,
    pub(super) record: Option<Record>,
    pub(super) in_turn: bool,
    pub(super) any_records: bool,
    pub(super) max_depth: usize,
    pub(super) on_error: OnError,
    pub(super) max_rejects: u64,
    pub(super) max_record: usize,
    pub(super) given: Given,
    pub(super) encoding: Option<String>,
    pub(super) sample_bytes: usize,
    pub(super) block_bytes: usize,
    pub(super) batch_rows: usize,
    pub(super) max_ratio: u64,
    pub(super) max_unpacked: u64,
    pub(super) memory_limit: usize,
    pub(super) fetch: FetchOptions,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            csv: csv::Asked::default(),
            record: None,
            in_turn: false,
            any_records: false,
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

    /// The most records that [`Batches`](crate::Batches) may reject; one more ends the reading. Any number unless set.
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
    /// it is given, a document that is one object of objects alike, on more than one line, is read by its members, and one
    /// whose only array of objects holds most of it by the items of that.
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

    /// The most rows in one batch of [`Batches`](crate::Batches); 65,536 unless set.
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

    /// Takes for records of XML whatever they are said or seem to be: none is looked for by who checks the document.
    pub(crate) fn any_records(mut self) -> Self {
        self.any_records = true;
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

/// Where the caller says that the records are.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) text: String,
    /// The same as a path of elements, if it is one.
    pub(super) elements: Option<xml::RecordPath>,
}

impl Record {
    pub(super) fn no_elements(&self) -> ErrorKind {
        let path = &self.text;
        ErrorKind::InvalidOption(format!(
            "`{path}` is no path of elements, such as `item`, `channel/item` or `/rss/channel/item`"
        ))
    }
}
