//! Files, URLs and databases become tables, plots, models and an API.
//!
//! A [`Project`] is a data application: a folder with a `taipan.toml`, or just some data files. It imports
//! them into its database, trains its models, draws its plots, and offers each step as a plain call:
//!
//! ```no_run
//! use taipan::prelude::*;
//!
//! let project = Project::open(&ProjectOptions::new(["examples/demo"]))?;
//! project.import(|done| println!("{}: {} rows", done.table, done.rows))?;
//! project.train(|done| println!("{}: {}", done.name, done.score))?;
//! project.draw(|_| ())?;
//! for batch in project.query("SELECT day, avg(tip) FROM tips GROUP BY day")? {
//!     println!("{} rows", batch?.num_rows());
//! }
//! # Ok::<(), taipan::Error>(())
//! ```
//!
//! The same steps on single files, without a project, are [`import_file`], [`train`], [`predict`] and [`plot`].
//! The rooms below are re-exported: [`class`], [`io`], [`store`], [`learn`], [`plotting`], [`query`].

mod arguments;
mod array;
mod classes;
pub mod config;
mod error;
mod filtering;
mod frame;
mod import;
mod model;
mod named_query;
mod picture;
pub mod prelude;
mod project;
mod relation;
mod report;
mod rules;
mod tasks;

pub use arguments::{argument, arguments};
pub use array::{Masked, arange, flatnonzero};
pub use error::{Error, ErrorKind, Result};
pub use filtering::filter_file;
pub use frame::{DataFrame, Expr, LazyFrame, Row, Series, col, read_csv, read_file};
pub use import::{Drift, Existing, ImportOptions, Imported, Outcome, import_file};
pub use model::{
    BestParams, Evaluation, Input, NamedModel, Prediction, Predictions, Samples, Searched, TrainOptions, answer_schema,
    attribute_json, class_names, evaluate, export_onnx, inputs, load_model, predict, search, train, transform,
};
pub use named_query::NamedQuery;
pub use picture::{NamedPlot, PlotOptions, plot, plot_batch, plot_model, png};
pub use project::{Drawn, NewStore, Project, ProjectOptions, Trained, open_database};
pub use relation::Relation;
pub use report::Report;
pub use tasks::{Task, Tasks, cancel as cancel_job, job_json, job_percent, latest as latest_jobs};

pub use arrow;
pub use taipan_class as class;
pub use taipan_io as io;
pub use taipan_learn as learn;
pub use taipan_plot as plotting;
pub use taipan_query as query;
pub use taipan_runtime as runtime;
pub use taipan_store as store;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
