//! From any file the records that meet a condition, with bounded memory and on all cores.
//!
//! Where the output has the input's format, the bytes of each kept record are copied, and only the fields that the
//! condition names are looked at, after checking that the whole record is valid. Otherwise records become batches, whose
//! kept rows are written anew.
//!
//! ```
//! use taipan_io::{Condition, Filter, Input, ReadOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("events.ndjson");
//! std::fs::write(&path, "{\"value\": 250.0}\n{\"value\": 7}\n")?;
//! let input = Input::open(&path, &ReadOptions::default())?;
//! let mut out = Vec::new();
//! let done = Filter::new(input, &Condition::parse("value > 100")?)?.run(&mut out, |_| Ok(()))?;
//! assert_eq!(out, b"{\"value\": 250.0}\n");
//! assert_eq!((done.records, done.kept), (2, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod csv;
mod json;
mod xml;

use std::io::Write;
use std::num::NonZeroUsize;

use arrow::datatypes::{DataType, Fields, Schema};

use crate::condition::{Condition, FieldPath};
use crate::error::{Error, ErrorKind, Result};
use crate::format::Format;
use crate::input::{Input, Layout};
use crate::reject::Reject;
use crate::write::Output;

/// A condition about to be put to the records of an input.
#[derive(Debug)]
pub struct Filter {
    input: Input,
    condition: Condition,
    output: Option<Output>,
    safe_cells: bool,
    threads: Option<NonZeroUsize>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filtered {
    /// Records that were judged, without the rejects.
    pub records: u64,
    /// Those that met the condition.
    pub kept: u64,
    /// Records that were bad, or that the condition could not judge.
    pub rejected: u64,
    /// Fields of the condition that no record had.
    pub missing: Vec<String>,
}

impl Filter {
    /// A filter that writes what it reads.
    ///
    /// # Errors
    /// [`ErrorKind::Condition`] if the condition names a column that the input does not have. Records of JSON and XML may
    /// have what the first ones have not; there, [`Filtered::missing`] tells in the end.
    pub fn new(input: Input, condition: &Condition) -> Result<Self> {
        if input.format() == Format::Csv {
            condition.bind(input.schema()).map_err(|error| Error::from(error).in_source(input.name()))?;
        }
        Ok(Self { input, condition: condition.clone(), output: None, safe_cells: false, threads: None })
    }

    /// Writes another format than that of the input.
    #[must_use]
    pub fn output(mut self, output: Output) -> Self {
        self.output = Some(output);
        self
    }

    /// CSV that a spreadsheet does not take for formulas, as [`BatchWriter::safe_cells`](crate::BatchWriter::safe_cells)
    /// has it. Rows are then written anew, not copied.
    #[must_use]
    pub fn safe_cells(mut self) -> Self {
        self.safe_cells = true;
        self
    }

    /// Computes on so many threads; on those of the pool it is called in, one per core, unless set. What is written does
    /// not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Reads the input once and writes what meets the condition. Bad records, where they do not end it, are handed to
    /// `reject`, in the order of the file.
    ///
    /// # Errors
    /// Those of reading the input; [`ErrorKind::Mismatch`] for a value that does not compare with what the condition
    /// compares it with; [`ErrorKind::TooManyRejects`]; those of writing and of `reject`.
    pub fn run(
        self,
        writer: &mut (impl Write + Send),
        reject: impl FnMut(&[Reject]) -> Result<()> + Send,
    ) -> Result<Filtered> {
        match self.threads {
            None => self.run_here(writer, reject),
            Some(threads) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build();
                let pool = pool.map_err(|error| Error::from(std::io::Error::other(error)))?;
                pool.install(|| self.run_here(writer, reject))
            }
        }
    }

    fn run_here(
        self,
        writer: &mut (impl Write + Send),
        reject: impl FnMut(&[Reject]) -> Result<()> + Send,
    ) -> Result<Filtered> {
        let rejects = Rejects { limit: self.input.options().reject_limit(), count: 0, sink: reject };
        match (self.input.format(), self.output) {
            // Their bytes need not fit together: one may have another delimiter, or its records in an array.
            (format, output) if !self.input.others().is_empty() => {
                let same = match format {
                    Format::Csv => Output::Csv,
                    Format::Json => Output::Json,
                    _ => Output::NdJson,
                };
                batches::run(self, output.unwrap_or(same), writer, rejects)
            }
            // A record is not all there is of a row: its key stands before it.
            (Format::Json, output) if self.input.is_keyed() => {
                batches::run(self, output.unwrap_or(Output::Json), writer, rejects)
            }
            (Format::Json, None) => json::run(self, json::Shape::AsRead, writer, rejects),
            (Format::Json, Some(Output::Json)) => json::run(self, json::Shape::Array, writer, rejects),
            (Format::Json, Some(Output::NdJson)) => json::run(self, json::Shape::Lines, writer, rejects),
            (Format::Csv, output) if !self.safe_cells && self.is_as_written(output) => csv::run(self, writer, rejects),
            (Format::Csv, None) => batches::run(self, Output::Csv, writer, rejects),
            (Format::Xml, None) => xml::run(self, writer, rejects),
            (_, output) => batches::run(self, output.unwrap_or(Output::NdJson), writer, rejects),
        }
    }
}

impl Filter {
    /// Whether CSV is written with the delimiter that it has. One that is called `.csv` may have any but the tab.
    fn is_as_written(&self, output: Option<Output>) -> bool {
        let tabs = matches!(self.input.layout(), Layout::Csv(dialect) if dialect.delimiter == Output::Tsv.delimiter());
        match output {
            None => true,
            Some(Output::Csv) => !tabs,
            Some(Output::Tsv) => tabs,
            Some(_) => false,
        }
    }
}

/// Where rejects go, and how many there may be.
struct Rejects<F> {
    limit: u64,
    count: u64,
    sink: F,
}

impl<F: FnMut(&[Reject]) -> Result<()>> Rejects<F> {
    fn take(&mut self, rejects: &[Reject]) -> Result<()> {
        self.count += rejects.len() as u64;
        let beyond = self.count.saturating_sub(self.limit);
        if beyond > 0
            && let Some(last) = rejects.len().checked_sub(beyond as usize).and_then(|i| rejects.get(i))
        {
            let kind = ErrorKind::TooManyRejects { limit: self.limit, reason: last.reason.clone() };
            return Err(Error::new(kind).at(last.place()));
        }
        if rejects.is_empty() { Ok(()) } else { (self.sink)(rejects) }
    }
}

/// The paths of a condition's fields as a schema spells them: as written where that is known, else in another case if
/// only one name is so spelled, else as written, since a later record may have it.
fn spelled(condition: &Condition, schema: &Schema) -> Vec<FieldPath> {
    condition.fields().iter().map(|path| path.spelled(|names| respelled(names, schema.fields()))).collect()
}

fn respelled(names: &[String], fields: &Fields) -> Vec<String> {
    let mut fields = Some(fields);
    let mut spelled = Vec::with_capacity(names.len());
    for name in names {
        let known = fields.filter(|fields| fields.find(name).is_none()).and_then(|fields| {
            let folded = name.to_lowercase();
            let mut alike = fields.iter().filter(|field| field.name().to_lowercase() == folded);
            alike.next().filter(|_| alike.next().is_none())
        });
        let name = known.map_or(name, |field| field.name());
        fields = fields.and_then(|fields| match fields.find(name)?.1.data_type() {
            DataType::Struct(members) => Some(members),
            _ => None,
        });
        spelled.push(name.clone());
    }
    spelled
}
