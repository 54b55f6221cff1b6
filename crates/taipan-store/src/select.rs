//! A query of one table as data: what a REST request, a page or a scan asks for. It holds names and values only; they
//! are checked against the table, and quoted or bound, when it runs.

use crate::rule::Rule;
use crate::table::Column;
use crate::value::Value;

/// Rows of one table: which columns, which rows, in what order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    /// The table or view.
    pub table: String,
    /// The columns, in order; empty for all.
    pub columns: Vec<Selected>,
    /// The rows; none for all. A row is taken where the filter is true, not where it is unknown.
    pub filter: Option<Filter>,
    /// The order, most significant first; empty for the table's own order (that of its rows' ids or its primary key).
    pub order: Vec<Order>,
    /// The most rows to return.
    pub limit: Option<u64>,
    /// The rows to leave out first.
    pub offset: u64,
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The table's column.
    pub column: String,
    /// Its name in the result, if another.
    pub alias: Option<String>,
}

/// A condition on a row, in SQL's three-valued logic: a comparison with null is neither true nor false.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold; true if there are none.
    And(Vec<Filter>),
    /// One holds; false if there are none.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A column compared with a value, which is read as the column's type where it is text.
    Compare {
        /// The column.
        column: String,
        /// The comparison.
        op: Compare,
        /// The value.
        value: Value,
    },
    /// A column equal to one of some values; false if there are none.
    In {
        /// The column.
        column: String,
        /// The values.
        values: Vec<Value>,
    },
    /// A test that is never unknown.
    Is {
        /// The column.
        column: String,
        /// The test.
        is: Is,
    },
    /// A column's text matched whole with a pattern: `%` is any text, `_` any character, `\` takes the next literally.
    Like {
        /// The column.
        column: String,
        /// The pattern.
        pattern: String,
        /// Whether `a` and `A` differ, in any alphabet.
        case_sensitive: bool,
    },
    /// Some text column holds this text, in any case. False, never unknown, where none does.
    Contains {
        /// The text.
        text: String,
    },
    /// A rule of the table.
    Rule(Rule),
}

/// A comparison. Text is compared by code point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Eq,
    /// `<>`
    Neq,
    /// `>`
    Gt,
    /// `>=`
    Gte,
    /// `<`
    Lt,
    /// `<=`
    Lte,
}

/// A test that is never unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// Null.
    Null,
    /// Not null.
    NotNull,
    /// True; for a boolean or integer column.
    True,
    /// False; for a boolean or integer column.
    False,
    /// Neither true nor false: null; for a boolean or integer column.
    Unknown,
}

/// A column to order by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The column.
    pub column: String,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Where nulls go; as in PostgreSQL, they count as greatest unless said otherwise.
    pub nulls: Option<Nulls>,
}

/// Where nulls go in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Before all values.
    First,
    /// After all values.
    Last,
}

/// Whether to count the rows that a page is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Count {
    /// No.
    #[default]
    None,
    /// Yes, each of them.
    Exact,
}

/// Rows as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPage {
    /// An array of objects, in UTF-8.
    pub body: Vec<u8>,
    /// The rows in the body.
    pub rows: u64,
    /// The rows that the filter takes, before limit and offset, if they were counted.
    pub total: Option<u64>,
}

/// Rows as values.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The result's columns, under their aliases.
    pub columns: Vec<Column>,
    /// The rows, each with one value a column.
    pub rows: Vec<Vec<Value>>,
}

impl Select {
    /// All of a table.
    pub fn new(table: impl Into<String>) -> Self {
        Select { table: table.into(), ..Select::default() }
    }

    /// Adds a column to the result.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.columns.push(Selected { column: column.into(), alias: None });
        self
    }

    /// Keeps the rows of a filter, besides those kept already.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter {
            None => filter,
            Some(Filter::And(mut all)) => {
                all.push(filter);
                Filter::And(all)
            }
            Some(other) => Filter::And(vec![other, filter]),
        });
        self
    }

    /// Adds a column to order by, less significant than those before.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order.push(order);
        self
    }

    /// Sets the most rows to return.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets the rows to leave out first.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }
}

impl Selected {
    /// The name in the result.
    pub fn name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.column)
    }
}

impl Filter {
    /// A column compared with a value.
    pub fn compare(column: impl Into<String>, op: Compare, value: Value) -> Self {
        Filter::Compare { column: column.into(), op, value }
    }
}

impl Order {
    /// The least first, nulls last.
    pub fn asc(column: impl Into<String>) -> Self {
        Order { column: column.into(), descending: false, nulls: None }
    }

    /// The greatest first, nulls before it.
    pub fn desc(column: impl Into<String>) -> Self {
        Order { column: column.into(), descending: true, nulls: None }
    }
}
