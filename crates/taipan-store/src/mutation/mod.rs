//! Changes of a table's rows as data: rows inserted, updated or deleted, and what is read of them. Each is done whole or
//! not at all; many that are asked for at once share one commit, and so one wait for the disk.
//!
//! ```
//! use taipan_store::document::{Condition, Document, Path};
//! use taipan_store::mutation::{Change, Mutation};
//! use taipan_store::{Compare, Store, Value};
//! # use std::convert::Infallible;
//! # use arrow::{datatypes::{DataType, Field as Column, Schema}, record_batch::RecordBatch};
//! let store = Store::open("sqlite::memory:")?;
//! # let schema = Schema::new(vec![Column::new("id", DataType::Int64, false), Column::new("tip", DataType::Float64, true)]);
//! # let none = std::iter::empty::<Result<RecordBatch, Infallible>>();
//! # store.write_table("tips", &schema, &taipan_store::WriteOptions::default().primary_key("id"), none).unwrap();
//! let row = vec![Some(Value::Integer(7)), Some(Value::Real(2.5))];
//! let columns = vec!["id".to_owned(), "tip".to_owned()];
//! let insert = Mutation::new("tips", Change::Insert { columns, rows: vec![row], on_conflict: None });
//! assert_eq!(store.mutate(insert)?.affected, 1);
//!
//! let set = Change::Update { values: vec![("tip".to_owned(), Value::Real(3.0))] };
//! let seventh = Condition::compare(Path::column("id"), Compare::Eq, Value::Integer(7));
//! let update = Mutation::new("tips", set).filter(seventh).returning(Document::new("tips"));
//! assert_eq!(store.mutate(update)?.returned.unwrap().body, br#"[{"id":7,"tip":3}]"#);
//! # Ok::<(), taipan_store::Error>(())
//! ```

mod making;
mod records;

use crate::document::{Condition, Document, Field};
use crate::error::Result;
use crate::select::JsonPage;
use crate::value::Value;

pub(crate) use making::{Engine, Insert, Keys, Making};
pub use records::Records;

/// A change of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Mutation {
    pub(crate) table: String,
    pub(crate) change: Change,
    pub(crate) filter: Option<Condition>,
    pub(crate) returning: Option<Document>,
    pub(crate) shape: Shape,
    pub(crate) tag: Option<Tag>,
    pub(crate) most: Option<u64>,
    pub(crate) rollback: bool,
    pub(crate) observed: bool,
    pub(crate) rule: Option<Condition>,
    pub(crate) seen: Vec<String>,
    pub(crate) stamps: Vec<(String, Stamp)>,
    pub(crate) kept: Vec<String>,
}

/// The form in which the rows changed are returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Shape {
    /// An array of JSON objects.
    #[default]
    Json,
    /// The same without the members that are null.
    Stripped,
    /// A JSON object a line.
    Lines,
    /// Values, as [`Records`].
    Values,
}

/// What a column gets at each change of its row, whatever the change says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stamp {
    /// The moment, in UTC; for a TIMESTAMP.
    Now,
    /// One more than it was; for an INTEGER.
    Next,
}

/// What is changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Rows are added.
    Insert {
        /// The columns that they have.
        columns: Vec<String>,
        /// For each a value by column; none for the column's default.
        rows: Vec<Vec<Option<Value>>>,
        /// What happens to a row that is there already; none for an error.
        on_conflict: Option<OnConflict>,
    },
    /// Columns of the rows that the filter takes are set.
    Update {
        /// The columns with their new values.
        values: Vec<(String, Value)>,
    },
    /// The rows that the filter takes are removed.
    Delete,
}

/// What happens to a row that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnConflict {
    /// The columns by which it is the same row; empty for the primary key.
    pub columns: Vec<String>,
    /// Whether it is replaced by the new one, or else stays.
    pub merge: bool,
}

/// What a row must be for a change to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// There at all.
    Any,
    /// The one row, whose [`row_tag`] is one of these.
    OneOf(Vec<String>),
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// The rows that were inserted, updated or deleted.
    pub affected: u64,
    /// Those of them that were not there before.
    pub created: u64,
    /// What was asked to be read of them: as they are now, or as they were where they are deleted.
    pub returned: Option<JsonPage>,
    /// The same where it was asked for as values.
    pub records: Option<Records>,
    /// The primary key of the row, where one was inserted.
    pub key: Vec<(String, Value)>,
    /// All columns of the rows, as `returned`, where the change is observed.
    pub observed: Option<Vec<u8>>,
}

/// Called with a change's outcome.
pub(crate) type Done = Box<dyn FnOnce(Result<Outcome>) + Send>;

impl Mutation {
    /// A change of all rows of a table, until it is told which.
    pub fn new(table: impl Into<String>, change: Change) -> Self {
        Mutation {
            table: table.into(),
            change,
            filter: None,
            returning: None,
            shape: Shape::Json,
            tag: None,
            most: None,
            rollback: false,
            observed: false,
            rule: None,
            seen: Vec::new(),
            stamps: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// What is changed.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Sets which rows are updated or deleted; of an insert, the one that a [tag](Self::tag) is of.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Option<Condition>>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Sets what is read of the rows changed. The document's own filter is not looked at.
    #[must_use]
    pub fn returning(mut self, document: Document) -> Self {
        self.returning = Some(document);
        self
    }

    /// Sets the form of what is read of the rows changed.
    #[must_use]
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// Makes the change only if the one row that the filter takes is as it was.
    #[must_use]
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Refuses a change of more rows.
    #[must_use]
    pub fn most(mut self, rows: u64) -> Self {
        self.most = Some(rows);
        self
    }

    /// Undoes the change once its outcome is known.
    #[must_use]
    pub fn rollback(mut self) -> Self {
        self.rollback = true;
        self
    }

    /// Reads all columns of the rows changed, for those who follow the table.
    #[must_use]
    pub fn observed(mut self) -> Self {
        self.observed = true;
        self
    }

    /// Sets what a row must meet, before and after, for the change to be made: an inserted row is as it shall be, a row
    /// that is merged into or updated was so before and is so afterwards. Otherwise nothing is changed (`Forbidden`).
    #[must_use]
    pub fn rule(mut self, rule: impl Into<Option<Condition>>) -> Self {
        self.rule = rule.into();
        self
    }

    /// Sets the columns that count for tags and that are observed; all, unless this is set.
    #[must_use]
    pub fn seen<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.seen = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what columns get where rows are updated or merged.
    #[must_use]
    pub fn stamps<S: Into<String>>(mut self, stamps: impl IntoIterator<Item = (S, Stamp)>) -> Self {
        self.stamps = stamps.into_iter().map(|(column, stamp)| (column.into(), stamp)).collect();
        self
    }

    /// Sets the columns that a row keeps as they are where it is merged into.
    #[must_use]
    pub fn kept<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.kept = columns.into_iter().map(Into::into).collect();
        self
    }

    /// A document of all columns that are seen.
    pub(crate) fn whole(&self) -> Document {
        self.seen.iter().fold(Document::new(&self.table), |document, column| document.field(Field::column(column)))
    }
}

/// A short name for a row's content, given as its JSON object with all columns: another content has another.
pub fn row_tag(object: &[u8]) -> String {
    let offset = 0xcbf2_9ce4_8422_2325_u64;
    let hash =
        |seed: u64| object.iter().fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:016x}{:016x}", hash(offset), hash(!offset))
}
