//! One file per command.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod estimators;
pub(crate) mod evaluate;
pub(crate) mod fetch;
pub(crate) mod filter;
pub(crate) mod head;
pub(crate) mod import;
pub(crate) mod plot;
pub(crate) mod predict;
pub(crate) mod query;
pub(crate) mod schema;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod train;
pub(crate) mod transform;
pub(crate) mod validate;

mod learning;

use anyhow::Result;
use taipan::io::ReadOptions;
use taipan::query::{Engine, EngineOptions};
use taipan::{Error, Relation, open_database};

use crate::args::Global;

/// A query engine with what the command line allows it, over the database where one is given.
fn engine(global: &Global, db: Option<&str>) -> Result<Engine> {
    let mut options = EngineOptions::default().threads(global.threads).memory_limit(global.memory_limit);
    if let Some(url) = db {
        options = options.store(open_database(url)?);
    }
    Ok(Engine::new(&options).map_err(Error::from)?)
}

/// How a file is read of which the command line says no more than where its records are.
fn reading(record: Option<&str>) -> Result<ReadOptions> {
    let options = ReadOptions::default();
    Ok(match record {
        Some(path) => options.record(path).map_err(Error::from)?,
        None => options,
    })
}

/// A file, a query or a table; a name that looks like a file but is none is an error about the file.
fn relation(text: &str) -> Relation {
    match Relation::parse(text) {
        Relation::Table(name) if name.contains(['/', '.']) => Relation::File(name.into()),
        other => other,
    }
}
