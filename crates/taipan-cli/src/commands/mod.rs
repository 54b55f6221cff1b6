//! One file per command.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod classes;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod estimators;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod fetch;
pub(crate) mod filter;
pub(crate) mod head;
pub(crate) mod import;
pub(crate) mod jobs;
pub(crate) mod migrate;
pub(crate) mod plot;
pub(crate) mod predict;
pub(crate) mod query;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod train;
pub(crate) mod transform;
pub(crate) mod validate;

mod learning;

use anyhow::Result;
use taipan::query::{Engine, EngineOptions};
use taipan::{Error, Relation, open_database};

use crate::args::Global;

/// A query engine with what the command line allows it, over the database where one is given.
fn engine(global: &Global, db: Option<&str>) -> Result<Engine> {
    engine_reading(global, db, Vec::new())
}

/// The same, with how files are read.
fn engine_reading(global: &Global, db: Option<&str>, reading: Vec<(&'static str, String)>) -> Result<Engine> {
    let mut options = EngineOptions::default().threads(global.threads).memory_limit(global.memory_limit);
    for (name, value) in reading {
        options = options.reading(name, value);
    }
    if let Some(url) = db {
        options = options.store(open_database(url)?);
    }
    Ok(Engine::new(&options).map_err(Error::from)?)
}

/// A file, a query or a table; a name that looks like a file but is none is an error about the file.
fn relation(text: &str) -> Relation {
    match Relation::parse(text) {
        Relation::Table(name) if name.contains(['/', '.']) => Relation::File(name.into()),
        other => other,
    }
}
