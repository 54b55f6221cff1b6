//! Taipan's databases: tables written from Arrow record batches, and read back as JSON, as rows or
//! as batches again.
//!
//! ```
//! use taipan_store::{Compare, Count, Filter, Order, Select, Store, Value};
//! # use std::{convert::Infallible, sync::Arc};
//! # use arrow::{array::{Float64Array, Int64Array}, datatypes::{DataType, Field, Schema}, record_batch::RecordBatch};
//! # use taipan_store::WriteOptions;
//! let store = Store::open("sqlite::memory:")?;
//! # let schema = Schema::new(vec![
//! #     Field::new("id", DataType::Int64, false),
//! #     Field::new("tip", DataType::Float64, true),
//! # ]);
//! # let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![
//! #     Arc::new(Int64Array::from(vec![1, 2, 3])),
//! #     Arc::new(Float64Array::from(vec![1.01, 3.5, 5.0])),
//! # ]).unwrap();
//! # let batches = [Ok::<_, Infallible>(batch)].into_iter();
//! let options = WriteOptions::default().primary_key("id");
//! store.write_table("tips", &schema, &options, batches).unwrap();
//!
//! let select = Select::new("tips")
//!     .filter(Filter::compare("tip", Compare::Gt, Value::Real(3.0)))
//!     .order(Order::desc("tip"))
//!     .limit(1);
//! let page = store.read_json(&select, Count::Exact)?;
//! assert_eq!(page.body, br#"[{"id":3,"tip":5}]"#);
//! assert_eq!(page.total, Some(2));
//! # Ok::<(), taipan_store::Error>(())
//! ```
//!
//! # How it is built
//! [`Store`] is the face; a query is data ([`Select`], [`Filter`]), checked against the reflected
//! [`Table`] and turned into SQL in `sql`, with every identifier quoted and every value but a limit bound. The
//! `sqlite` and `postgres` folders hold the engines and alone name what they are made with; no public type does.
//!
//! # What it promises
//! * A write is one transaction: readers see the table as it was or as it is, never between.
//! * A write that returned is on the disk (write-ahead log, synchronised at each commit).
//! * Any number of threads read at once, and a reader never waits for a writer.
//! * A database is written only by a call that writes: opening and reading an existing file changes nothing in it.

mod artifact;
mod backup;
mod calendar;
mod cells;
mod console;
pub mod document;
mod error;
mod jobs;
mod json;
mod kind;
mod lease;
mod migrate;
pub mod mutation;
mod names;
mod origin;
mod postgres;
pub mod resource;
mod rule;
mod scan;
pub mod schema;
mod select;
mod sql;
mod sqlite;
mod store;
mod stream;
mod table;
mod target;
mod transaction;
mod typed;
mod value;
mod write;

pub use artifact::Artifact;
pub use console::{ConsoleAnswer, ConsoleLimits};
pub use error::{Error, ErrorKind, Result, Violation};
pub use jobs::DurableJobs;
pub use kind::Kind;
pub use lease::Lease;
pub use migrate::{Migration, Step};
pub use origin::Origin;
pub use rule::Rule;
pub use scan::Scan;
pub use select::{Compare, Count, Filter, Is, JsonPage, Nulls, Order, Rows, Select, Selected};
pub use store::Store;
pub use stream::{Opening, Part, RowWriter, StreamOptions};
pub use table::{Column, ForeignKey, Table};
pub use transaction::{Access, Isolation, OnLocked, Transaction, TransactionOptions};
pub use value::Value;
pub use write::{Kept, Mode, NewColumns, WriteError, WriteOptions};
