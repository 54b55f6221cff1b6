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

    /// The query that gives the rows; of a file or table only the named columns (all when `None`), in that order.
    fn sql(&self, columns: Option<&[String]>) -> String {
        let list = match columns {
            Some(columns) => columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", "),
            None => "*".to_owned(),
        };
        match (self, columns) {
            (Self::File(path), _) => format!("SELECT {list} FROM {}", quoted(&path.display().to_string())),
            (Self::Table(name), _) => format!("SELECT {list} FROM {}", quoted(name)),
            (Self::Query(text), _) => text.clone(),
        }
    }

    /// The rows of the named columns (all when `None`) as a stream of batches, in the source's order.
    pub(crate) fn rows(&self, engine: &Engine, columns: Option<&[String]>) -> Result<Rows> {
        match (self, columns) {
            (Self::Query(text), Some(columns)) => Ok(engine.select(text, columns)?),
            _ => Ok(engine.sql(&self.sql(columns))?),
        }
    }

    /// The same rows for one who takes batches of wider types behind a value that does not fit: a file is read once.
    pub(crate) fn rows_widening(&self, engine: &Engine, columns: &[String]) -> Result<Rows> {
        match self {
            Self::Query(text) => Ok(engine.select_widening(text, columns)?),
            Self::File(_) | Self::Table(_) => Ok(engine.select_widening(&self.sql(Some(columns)), columns)?),
        }
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
