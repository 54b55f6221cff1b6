//! Where rows for a model or a plot come from: a file, a table or a query.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::SchemaRef;
use taipan_query::{Engine, Rows};

use crate::error::{Error, Result};

/// A source of rows, not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// A data file.
    File(PathBuf),
    /// A table of the database.
    Table(String),
    /// A query over tables and files.
    Query(String),
}

impl Relation {
    /// Understands `text` as a query (`SELECT …`, `WITH …`, `VALUES …`), an existing file, or else a table's name.
    pub fn parse(text: &str) -> Self {
        let first = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let several = text.trim().contains(char::is_whitespace);
        if several && matches!(first.trim_start_matches('('), "select" | "with" | "values") {
            Self::Query(text.to_owned())
        } else if Path::new(text).is_file() {
            Self::File(PathBuf::from(text))
        } else {
            Self::Table(text.to_owned())
        }
    }

    /// The name for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Table(name) => format!("table '{name}'"),
            Self::Query(_) => "the query".to_owned(),
        }
    }

    /// The rows of the named columns (all when `None`) as a stream of batches, in the source's order.
    pub(crate) fn rows(&self, engine: &Engine, columns: Option<&[String]>) -> Result<Rows> {
        Ok(match (self, columns) {
            (Self::File(path), _) => engine.file(&path.display().to_string(), columns, false)?,
            (Self::Table(name), _) => engine.sql(&select(name, columns))?,
            (Self::Query(text), Some(columns)) => engine.select(text, columns)?,
            (Self::Query(text), None) => engine.sql(text)?,
        })
    }

    /// The same rows for one who takes batches of wider types behind a value that does not fit: a file is read once.
    pub(crate) fn rows_widening(&self, engine: &Engine, columns: &[String]) -> Result<Rows> {
        Ok(match self {
            Self::File(path) => engine.file(&path.display().to_string(), Some(columns), true)?,
            Self::Table(name) => engine.sql(&select(name, Some(columns)))?,
            Self::Query(text) => engine.select_widening(text, columns)?,
        })
    }

    /// The same rows as one batch in memory.
    pub(crate) fn read(&self, engine: &Engine, columns: Option<&[String]>) -> Result<RecordBatch> {
        let mut rows = self.rows(engine, columns)?;
        let mut batches = Vec::new();
        for batch in rows.by_ref() {
            batches.push(batch?);
        }
        joined(&rows.schema().clone(), batches)
    }
}

/// The query for columns of a table.
fn select(table: &str, columns: Option<&[String]>) -> String {
    let list = match columns {
        Some(columns) => columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", "),
        None => "*".to_owned(),
    };
    format!("SELECT {list} FROM {}", quoted(table))
}

/// The batches as one. A later value may have widened a column on the way; the last schema holds for all.
pub(crate) fn joined(schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<RecordBatch> {
    let batches = batches.into_iter().map(|batch| widened(&batch, schema)).collect::<Result<Vec<_>>>()?;
    concat_batches(schema, &batches).map_err(|error| Error::invalid(error.to_string()))
}

fn widened(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let batch = columns
        .collect::<std::result::Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new(schema.clone(), columns));
    batch.map_err(|error| Error::invalid(error.to_string()))
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_query_a_file_or_a_table() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (text, expected) in [
            ("SELECT 1", Relation::Query("SELECT 1".into())),
            ("with a as (select 1) select * from a", Relation::Query("with a as (select 1) select * from a".into())),
            ("tips", Relation::Table("tips".into())),
            ("select", Relation::Table("select".into())),
            (file, Relation::File(file.into())),
        ] {
            assert_eq!(Relation::parse(text), expected);
        }
    }
}
