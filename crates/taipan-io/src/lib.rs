//! Bytes to Arrow record batches and back: CSV and JSON files of any size.
//!
//! An [`Input`] is a file whose format, dialect and schema are known. It is read as [`Batches`], in order, parsed on
//! all cores, with memory bounded by the block size and not by the file:
//!
//! ```
//! use taipan_io::{Input, ReadOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("tips.csv");
//! std::fs::write(&path, "day,tip\nSun,1.01\nSat,3\n")?;
//! let input = Input::open(&path, &ReadOptions::default())?;
//! assert_eq!(input.schema().field(1).data_type().to_string(), "Float64");
//! let mut rows = 0;
//! for batch in input.batches(None)? {
//!     rows += batch?.num_rows();
//! }
//! assert_eq!(rows, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The schema is inferred on the first 8 MiB. A later value that does not fit ends the reading with
//! [`ErrorKind::Misfit`]; [`Input::widen`] gives the same input with that column widened, and the caller starts again:
//! a type is widened, never guessed wrong. [`Input::settled`] gathers all misfits of a file in one pass. Whoever brings threads of their own (a query engine's partitions) pulls
//! [`Blocks`] instead of [`Batches`].
//!
//! What is opened is a path, a folder or pattern of files, a URL, or `-` for standard input; compressed or not, in UTF-8 or
//! another encoding, both told by the content. What can be read only once is kept, compressed, as far as it was read, so that a second reading is
//! possible; [`Input::read_once`] does without. [`fetch`] gets many URLs at once.
//!
//! The other way, a [`BatchWriter`] writes CSV, JSON or NDJSON into any [`std::io::Write`]; an [`AtomicFile`] is one that
//! appears under its name only when it is whole.
//!
//! Inside: `csv` and `json` each hold a parser without I/O (`csv/parser.rs`, `json/splitter.rs`: bytes in, positions
//! out), the columns built from what it finds, and the inference; `source` opens what was named, `blocks` reads it, `ahead` brings the threads, for `batches`
//! and for `settle`.

mod ahead;
mod array;
mod batches;
mod blocks;
mod columnar;
pub mod condition;
mod convert;
mod csv;
mod error;
pub mod fetch;
mod filter;
mod format;
mod given;
mod infer;
mod input;
mod json;
mod options;
mod picked;
mod profile;
mod records;
mod reject;
mod scan;
mod schema;
mod settle;
mod source;
mod validate;
mod value;
mod write;
mod xml;

pub use batches::Batches;
pub use blocks::{Block, Blocks};
pub use columnar::ColumnRange;
pub use condition::{Condition, ConditionError, Scalar};
pub use convert::{Conversion, Converted};
pub use csv::Ragged;
pub use error::{Error, ErrorKind, Misfit, Place, Result};
pub use filter::{Filter, Filtered};
pub use format::Format;
pub use input::{Input, ReadOptions};
pub use picked::RowTest;
pub use profile::{ColumnProfile, Profile, profile, schema_from_json, schema_to_json, type_from_name};
pub use reject::{OnError, Reject, RejectFile};
pub use schema::{column, column_type, read_schema};
pub use source::{expand, is_url, table_name};
pub use validate::{Checks, Flaw, Validity, validate};
pub use write::{AtomicFile, BatchWriter, Output, json_value};
