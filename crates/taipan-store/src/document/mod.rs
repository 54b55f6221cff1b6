//! Rows as documents: columns, parts of JSON columns, aggregates, and the rows of related tables nested in each. One
//! SQL statement reads them all, and the database builds what is nested.
//!
//! ```
//! use taipan_store::document::{Condition, Document, Field, Form, Path};
//! use taipan_store::{Compare, Count, Store, StreamOptions, Value};
//! # use std::{convert::Infallible, sync::Arc};
//! # use arrow::{array::Int64Array, datatypes::{DataType, Field as Column, Schema}, record_batch::RecordBatch};
//! let store = Store::open("sqlite::memory:")?;
//! # let schema = Schema::new(vec![Column::new("id", DataType::Int64, false)]);
//! # let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::new(Int64Array::from(vec![1, 2, 3]))]).unwrap();
//! # store.write_table("tips", &schema, &Default::default(), [Ok::<_, Infallible>(batch)].into_iter()).unwrap();
//! let document = Document::new("tips")
//!     .field(Field::column("id"))
//!     .filter(Condition::compare(Path::column("id"), Compare::Gt, Value::Integer(1)));
//! let page = store.read_document(&document, Form::Json, Count::None)?;
//! assert_eq!(page.body, br#"[{"id":2},{"id":3}]"#);
//! # Ok::<(), taipan_store::Error>(())
//! ```

pub(crate) mod form;
pub(crate) mod sql;

use crate::kind::Kind;
use crate::rule::Rule;
use crate::select::{Compare, Filter, Is, Nulls, Order, Select, Selected};
use crate::stream::RowWriter;
use crate::value::Value;

/// What is read of a table, and of the tables that belong to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The table or view.
    pub table: String,
    /// What each document holds, in order; empty for all columns.
    pub fields: Vec<Field>,
    /// The rows; none for all. A row is taken where it is true, not where it is unknown.
    pub filter: Option<Condition>,
    /// The order, most significant first; empty for the table's own.
    pub order: Vec<Sort>,
    /// The most documents.
    pub limit: Option<u64>,
    /// The documents to leave out first.
    pub offset: u64,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// All columns.
    All,
    /// A value.
    Value {
        /// Where it is.
        path: Path,
        /// Its type, if it is to be another than it has; what is made of many values is made of these.
        cast: Option<Kind>,
        /// What is made of all values of a group; those fields without are what it is grouped by.
        aggregate: Option<Aggregate>,
        /// The type of what was made, if it is to be another.
        shown_as: Option<Kind>,
        /// Its name in the document.
        name: String,
    },
    /// The number of rows of a group.
    Count {
        /// Its type, if it is to be another than a whole number.
        shown_as: Option<Kind>,
        /// Its name in the document.
        name: String,
    },
    /// Related rows.
    Embed(Box<Embed>),
}

/// What is made of a group's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The number of those that are not null.
    Count,
    /// The sum.
    Sum,
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// A column, or a part of the JSON in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The column.
    pub column: String,
    /// The way into its JSON.
    pub steps: Vec<Step>,
    /// Whether the part is taken as text rather than as JSON.
    pub as_text: bool,
}

/// A step into JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Key(String),
    /// A member of an array; a negative one counts from its end.
    Index(i64),
}

/// Rows of a related table within a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Embed {
    /// Its name in the document, and in conditions on it.
    pub name: String,
    /// How its rows are found.
    pub relation: Relation,
    /// What is read of them.
    pub document: Document,
    /// Whether a row without any is left out.
    pub inner: bool,
    /// Whether its fields become fields of the document itself: of one row its values, of several arrays of them.
    pub spread: bool,
    /// Whether it only filters, and is not part of the document.
    pub hidden: bool,
}

/// How related rows are found.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Whether there may be several.
    pub many: bool,
    /// Columns of the table and those of the related one (or of the one between) that must be equal.
    pub on: Vec<(String, String)>,
    /// The table between, and its columns with those of the related one.
    pub through: Option<Through>,
}

/// A table that joins two others.
#[derive(Debug, Clone, PartialEq)]
pub struct Through {
    /// The table.
    pub table: String,
    /// Its columns, and those of the related table that must be equal.
    pub on: Vec<(String, String)>,
    /// Its rows that count; none for all.
    pub filter: Option<Condition>,
}

/// A condition on a row; see [`Filter`], which knows less.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All hold; true if there are none.
    And(Vec<Condition>),
    /// One holds; false if there are none.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A value compared with another.
    Compare {
        /// The value.
        path: Path,
        /// The comparison.
        op: Compare,
        /// The other; JSON text where the path is JSON.
        value: Value,
    },
    /// A value that is, or is not, another, where null is a value like others.
    Distinct {
        /// The value.
        path: Path,
        /// The other.
        value: Value,
    },
    /// A value that is one of some.
    In {
        /// The value.
        path: Path,
        /// Those.
        values: Vec<Value>,
    },
    /// A test that is never unknown.
    Is {
        /// The value.
        path: Path,
        /// The test.
        is: Is,
    },
    /// Text matched whole with a pattern; see [`Filter::Like`].
    Like {
        /// The text.
        path: Path,
        /// The pattern.
        pattern: String,
        /// Whether `a` and `A` differ.
        case_sensitive: bool,
    },
    /// Text of which a part matches a regular expression.
    Match {
        /// The text.
        path: Path,
        /// The expression.
        pattern: String,
        /// Whether `a` and `A` differ.
        case_sensitive: bool,
    },
    /// Some text column holds this text, in any case.
    Contains {
        /// The text.
        text: String,
    },
    /// There are related rows.
    Related {
        /// The name of an embedded table of the same document.
        embed: String,
    },
    /// A condition is true, and not unknown; never unknown itself.
    Sure(Box<Condition>),
    /// A rule of the table.
    Rule(Rule),
}

/// A value to order by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The embedded table that it is of, where it is not of the table itself; it has one row at most.
    pub embed: Option<String>,
    /// The value.
    pub path: Path,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Where nulls go; they count as greatest unless said otherwise.
    pub nulls: Option<Nulls>,
}

/// The form in which documents are written.
#[derive(Default)]
#[non_exhaustive]
pub enum Form<'a> {
    /// An array of objects.
    #[default]
    Json,
    /// An array of objects without the members that are null.
    Stripped,
    /// An object a line.
    Lines,
    /// As a writer puts them; what is nested is JSON text.
    Rows(&'a mut dyn RowWriter),
}

impl Document {
    /// All of a table.
    pub fn new(table: impl Into<String>) -> Self {
        Document { table: table.into(), ..Document::default() }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Keeps the rows of a condition, besides those kept already.
    #[must_use]
    pub fn filter(mut self, condition: Condition) -> Self {
        self.filter = Some(match self.filter {
            None => condition,
            Some(Condition::And(mut all)) => {
                all.push(condition);
                Condition::And(all)
            }
            Some(other) => Condition::And(vec![other, condition]),
        });
        self
    }

    /// The embedded tables.
    pub fn embeds(&self) -> impl Iterator<Item = &Embed> {
        self.fields.iter().filter_map(|field| match field {
            Field::Embed(embed) => Some(embed.as_ref()),
            _ => None,
        })
    }

    /// Whether some field is made of the rows of a group.
    pub fn is_grouped(&self) -> bool {
        let grouped = |field: &Field| {
            matches!(field, Field::Count { .. } | Field::Value { aggregate: Some(_), .. })
                || matches!(field, Field::Embed(embed) if embed.spread && !embed.relation.many && embed.document.is_grouped())
        };
        self.fields.iter().any(grouped)
    }

    /// The same as a [`Select`], where that can say it.
    pub fn as_select(&self) -> Option<Select> {
        let selected = |field: &Field| match field {
            Field::Value { path, cast: None, aggregate: None, name, .. } if path.steps.is_empty() => {
                let alias = (*name != path.column).then(|| name.clone());
                Some(Selected { column: path.column.clone(), alias })
            }
            _ => None,
        };
        let order = |sort: &Sort| match sort {
            Sort { embed: None, path, descending, nulls } if path.steps.is_empty() => {
                Some(Order { column: path.column.clone(), descending: *descending, nulls: *nulls })
            }
            _ => None,
        };
        let columns = match self.fields.as_slice() {
            [Field::All] => Vec::new(),
            fields => fields.iter().map(selected).collect::<Option<_>>()?,
        };
        let filter = match &self.filter {
            Some(condition) => Some(condition.as_filter()?),
            None => None,
        };
        let order = self.order.iter().map(order).collect::<Option<_>>()?;
        Some(Select { table: self.table.clone(), columns, filter, order, limit: self.limit, offset: self.offset })
    }
}

impl Field {
    /// A column under its own name.
    pub fn column(name: impl Into<String>) -> Self {
        let name = name.into();
        Field::Value { path: Path::column(name.clone()), cast: None, aggregate: None, shown_as: None, name }
    }
}

impl Path {
    /// A whole column.
    pub fn column(name: impl Into<String>) -> Self {
        Path { column: name.into(), steps: Vec::new(), as_text: false }
    }
}

impl Condition {
    /// A value compared with another.
    pub fn compare(path: Path, op: Compare, value: Value) -> Self {
        Condition::Compare { path, op, value }
    }

    /// The same as a [`Filter`], where that can say it.
    pub fn as_filter(&self) -> Option<Filter> {
        let column = |path: &Path| path.steps.is_empty().then(|| path.column.clone());
        let all = |members: &[Condition]| members.iter().map(Condition::as_filter).collect::<Option<Vec<_>>>();
        Some(match self {
            Condition::And(members) => Filter::And(all(members)?),
            Condition::Or(members) => Filter::Or(all(members)?),
            Condition::Not(inner) => Filter::Not(Box::new(inner.as_filter()?)),
            Condition::Compare { path, op, value } => {
                Filter::Compare { column: column(path)?, op: *op, value: value.clone() }
            }
            Condition::In { path, values } => Filter::In { column: column(path)?, values: values.clone() },
            Condition::Is { path, is } => Filter::Is { column: column(path)?, is: *is },
            Condition::Like { path, pattern, case_sensitive } => {
                Filter::Like { column: column(path)?, pattern: pattern.clone(), case_sensitive: *case_sensitive }
            }
            Condition::Contains { text } => Filter::Contains { text: text.clone() },
            Condition::Rule(rule) => Filter::Rule(rule.clone()),
            Condition::Distinct { .. } | Condition::Match { .. } | Condition::Related { .. } | Condition::Sure(_) => {
                return None;
            }
        })
    }
}

impl From<Filter> for Condition {
    fn from(filter: Filter) -> Self {
        let all = |members: Vec<Filter>| members.into_iter().map(Condition::from).collect();
        match filter {
            Filter::And(members) => Condition::And(all(members)),
            Filter::Or(members) => Condition::Or(all(members)),
            Filter::Not(inner) => Condition::Not(Box::new((*inner).into())),
            Filter::Compare { column, op, value } => Condition::Compare { path: Path::column(column), op, value },
            Filter::In { column, values } => Condition::In { path: Path::column(column), values },
            Filter::Is { column, is } => Condition::Is { path: Path::column(column), is },
            Filter::Like { column, pattern, case_sensitive } => {
                Condition::Like { path: Path::column(column), pattern, case_sensitive }
            }
            Filter::Contains { text } => Condition::Contains { text },
            Filter::Rule(rule) => Condition::Rule(rule),
        }
    }
}
