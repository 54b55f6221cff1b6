//! SQL over files and databases, on Apache DataFusion.
//!
//! An [`Engine`] plans and runs `SELECT` statements. A table of the statement is either a table of the
//! [`Store`](taipan_store::Store) it was given, or a data file named in quotes:
//!
//! ```no_run
//! use taipan_query::{Engine, EngineOptions};
//!
//! let engine = Engine::new(&EngineOptions::default())?;
//! let mut rows = engine.sql("SELECT day, avg(tip) FROM 'tips.csv' GROUP BY day ORDER BY 2 DESC")?;
//! while let Some(batch) = rows.next() {
//!     println!("{} rows", batch?.num_rows());
//! }
//! # Ok::<(), taipan_query::Error>(())
//! ```
//!
//! Calls are plain and blocking: the engine computes on its own threads, so that a server's threads
//! never wait for a query's arithmetic. Every scan in a plan is described by plain data (a path and its
//! dialect, or a table and its columns); nothing in a plan holds an open file before it runs.
//!
//! This is the only crate of the workspace that names DataFusion's types.

mod engine;
mod error;
mod files;
mod joins;
mod names;
mod parameters;
mod predicate;
mod rows;
mod shape;
mod tables;
mod walk;
mod whole;

pub use engine::{Engine, EngineOptions};
pub use error::{Error, ErrorKind, Result};
pub use parameters::Param;
pub use rows::Rows;
pub use tables::{Reach, Withheld};
