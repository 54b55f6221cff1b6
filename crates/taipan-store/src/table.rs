//! Tables and columns as reflected from the database.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::error::{Error, ErrorKind, Result, nearest};
use crate::json;
use crate::kind::Kind;

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// The name; names are matched exactly, case included.
    pub name: String,
    /// The columns, in the table's order; at least one.
    pub columns: Vec<Column>,
    /// Whether it is a view.
    pub is_view: bool,
    /// The foreign keys, by which rows of other tables are found.
    pub foreign_keys: Vec<ForeignKey>,
    /// The sets of columns whose values no two rows share, the primary key first where there is one.
    pub unique: Vec<Vec<String>>,
    /// What a read that asks for no order is ordered by: the SQL names that give the table's own order.
    pub(crate) own_order: Vec<String>,
    /// The name by which SQL finds it whatever else there is.
    pub(crate) relation: String,
    pub(crate) dialect: Dialect,
}

/// Whose SQL is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A column of a table.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, as SQL declares it")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The name; names are matched exactly, case included.
    pub name: String,
    /// The type.
    pub kind: Kind,
    /// Whether it may hold nulls.
    pub nullable: bool,
    /// Whether it is the primary key or part of it.
    pub primary_key: bool,
    /// Whether it leads an index, or is the row's id: rows are then found, or read in its order, without passing over others.
    pub indexed: bool,
    /// Whether the database computes it, so that it cannot be written.
    pub generated: bool,
    /// Whether a row that leaves it out gets a value other than null.
    pub has_default: bool,
    /// Whether the declaration says nothing of the type, so that the kind was taken from the values.
    pub(crate) untyped: bool,
    /// The name as a JSON object's key, quoted and escaped.
    pub(crate) key: String,
    /// What stands around it where it is read, so that it comes in its kind's own type; empty if it is of that type.
    pub(crate) cast: (&'static str, &'static str),
    /// What makes its order that of code points, if it is not.
    pub(crate) collate: &'static str,
}

/// Columns whose values are those of a row in another table, or in the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignKey {
    /// The name, as PostgreSQL would give it: `employees_department_id_fkey`.
    pub name: String,
    /// The columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub table: String,
    /// Its columns, one for each.
    pub references: Vec<String>,
}

impl Table {
    /// The columns of the primary key, in the order of the table.
    pub fn primary_key(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.primary_key)
    }

    /// The column of this name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`], with the nearest name there is.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.position(name).map(|position| &self.columns[position])
    }

    /// The Arrow schema in which the whole table is scanned.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(|column| column.field(&column.name)).collect::<Vec<_>>()))
    }

    /// The SQL name of the rows' ids, where the rows are kept in their order.
    pub(crate) fn row_id(&self) -> Option<&str> {
        match &*self.own_order {
            // The one name that is not quoted is none of a column.
            [id] if self.dialect == Dialect::Sqlite && !self.is_view && !id.ends_with('"') => Some(id),
            _ => None,
        }
    }

    /// A table of which nothing but the name is known yet.
    pub(crate) fn named(name: String, relation: String, dialect: Dialect) -> Self {
        let (columns, foreign_keys, unique, own_order) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Table { name, columns, is_view: false, foreign_keys, unique, own_order, relation, dialect }
    }

    pub(crate) fn position(&self, name: &str) -> Result<usize> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| {
            Error::new(ErrorKind::UnknownColumn {
                table: self.name.clone(),
                name: name.to_owned(),
                nearest: nearest(name, self.columns.iter().map(|column| column.name.as_str())),
            })
        })
    }
}

impl Column {
    /// Whether the declaration says nothing of the type, so that values of any may stand here.
    pub fn is_untyped(&self) -> bool {
        self.untyped
    }

    pub(crate) fn new(name: String, kind: Kind) -> Self {
        let key = json::key(&name);
        Column {
            name,
            kind,
            nullable: true,
            primary_key: false,
            indexed: false,
            generated: false,
            has_default: false,
            untyped: false,
            key,
            cast: ("", ""),
            collate: "",
        }
    }

    pub(crate) fn field(&self, name: &str) -> Field {
        Field::new(name, self.kind.data_type(), self.nullable)
    }
}
