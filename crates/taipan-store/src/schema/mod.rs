//! What a database shall hold, as plain data: tables with their fields, keys, indexes and rules. Classes are turned into
//! it, and a [migration](crate::Migration) brings the database there.
//!
//! ```
//! use taipan_store::{Kind, schema::{Field, ForeignKey, Index, OnDelete, Preset, Table}};
//!
//! let employees = Table::new("employees")
//!     .field(Field::new("id", Kind::Integer))
//!     .field(Field::new("name", Kind::Text).required())
//!     .field(Field::new("salary", Kind::Integer).preset(Preset::Integer(0)).check("salary >= 0"))
//!     .field(Field::new("department", Kind::Integer))
//!     .primary_key(["id"])
//!     .index(Index::on(["name"]))
//!     .index(Index::on(["department", "name"]).unique().only_where("department IS NOT NULL"))
//!     .foreign_key(ForeignKey::new(["department"], "departments", ["id"]).on_delete(OnDelete::SetNull));
//! employees.validate()?;
//! # Ok::<(), taipan_store::Error>(())
//! ```

mod validate;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// A table as it shall be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Table {
    /// The name.
    pub name: String,
    /// The fields, in order; at least one.
    pub fields: Vec<Field>,
    /// The fields of the primary key, in order; none for a table without. A key of one INTEGER field is filled in by the
    /// database where a row is inserted without it.
    pub primary_key: Vec<String>,
    /// The indexes.
    pub indexes: Vec<Index>,
    /// References to other tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// Conditions that every row meets, as SQL.
    pub checks: Vec<String>,
    /// The name it had before, if it was renamed: its rows then move along instead of being dropped.
    pub renamed_from: Option<String>,
}

/// A field of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The name.
    pub name: String,
    /// The type.
    pub kind: Kind,
    /// Whether it may hold nulls.
    #[serde(default)]
    pub nullable: bool,
    /// What a row has that is inserted without it.
    #[serde(default)]
    pub preset: Option<Preset>,
    /// A condition on it, as SQL.
    #[serde(default)]
    pub check: Option<String>,
    /// The name it had before, if it was renamed.
    #[serde(default)]
    pub renamed_from: Option<String>,
}

/// The value of a field that a row is inserted without: SQL's DEFAULT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preset {
    /// True or false.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A finite number.
    Real(f64),
    /// Text; also a date, a timestamp or JSON.
    Text(String),
    /// The moment of the insert (for a TIMESTAMP, in UTC) or its day (for a DATE).
    Now,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Index {
    /// The name; without one it is made of the table's and its parts'.
    pub name: Option<String>,
    /// What is indexed, most significant first; at least one.
    pub parts: Vec<Part>,
    /// Whether no two rows may have the same. Rows with a null are all different.
    pub unique: bool,
    /// The rows that are in it, as an SQL condition; all without.
    pub only_where: Option<String>,
}

/// A part of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// A field.
    Field(String),
    /// A field, the greatest first.
    Descending(String),
    /// An SQL expression of the row's fields, such as `lower(name)`.
    Expression(String),
}

/// A reference: the fields hold the key of a row of another table, or a null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The fields that refer.
    pub fields: Vec<String>,
    /// The table referred to.
    pub table: String,
    /// Its fields, which are its primary key or unique.
    pub references: Vec<String>,
    /// What becomes of a row when the one it refers to is deleted.
    #[serde(default)]
    pub on_delete: OnDelete,
}

/// What becomes of a row when the one it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The deletion is refused.
    #[default]
    Refuse,
    /// It is deleted too.
    Cascade,
    /// Its reference becomes null.
    SetNull,
}

impl Table {
    /// A table without fields yet.
    pub fn new(name: impl Into<String>) -> Self {
        Table { name: name.into(), ..Table::default() }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Sets the primary key. Its fields hold no nulls, declared so or not.
    #[must_use]
    pub fn primary_key<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.primary_key = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an index.
    #[must_use]
    pub fn index(mut self, index: Index) -> Self {
        self.indexes.push(index);
        self
    }

    /// Adds a reference to another table.
    #[must_use]
    pub fn foreign_key(mut self, foreign_key: ForeignKey) -> Self {
        self.foreign_keys.push(foreign_key);
        self
    }

    /// Adds a condition that every row meets.
    #[must_use]
    pub fn check(mut self, condition: impl Into<String>) -> Self {
        self.checks.push(condition.into());
        self
    }

    /// Says that the table had another name before.
    #[must_use]
    pub fn renamed_from(mut self, name: impl Into<String>) -> Self {
        self.renamed_from = Some(name.into());
        self
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether the database makes up the key of a row inserted without.
    pub(crate) fn makes_keys(&self) -> bool {
        matches!(&*self.primary_key, [key] if self.find(key).is_some_and(|field| field.kind == Kind::Integer))
    }

    /// Whether a field may hold nulls: not where it is in the key.
    pub(crate) fn takes_nulls(&self, field: &Field) -> bool {
        field.nullable && !self.primary_key.contains(&field.name)
    }
}

impl Field {
    /// A field that may hold nulls.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Field { name: name.into(), kind, nullable: true, preset: None, check: None, renamed_from: None }
    }

    /// Forbids nulls.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// Sets what a row has that is inserted without it.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = Some(preset);
        self
    }

    /// Sets a condition on it.
    #[must_use]
    pub fn check(mut self, condition: impl Into<String>) -> Self {
        self.check = Some(condition.into());
        self
    }

    /// Says that the field had another name before.
    #[must_use]
    pub fn renamed_from(mut self, name: impl Into<String>) -> Self {
        self.renamed_from = Some(name.into());
        self
    }
}

impl Index {
    /// An index on fields.
    pub fn on<S: Into<String>>(fields: impl IntoIterator<Item = S>) -> Self {
        Index { parts: fields.into_iter().map(|field| Part::Field(field.into())).collect(), ..Index::default() }
    }

    /// An index on an SQL expression.
    pub fn on_expression(expression: impl Into<String>) -> Self {
        Index { parts: vec![Part::Expression(expression.into())], ..Index::default() }
    }

    /// Adds a part, less significant than those before.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Forbids that two rows have the same.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Keeps rows out of it that do not meet a condition.
    #[must_use]
    pub fn only_where(mut self, condition: impl Into<String>) -> Self {
        self.only_where = Some(condition.into());
        self
    }

    /// Sets its name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its name in the database: its own, or `idx_{table}_{parts}`, with a hash of what it says where that is long or
    /// not told by the fields alone.
    pub fn name_on(&self, table: &str) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let mut name = format!("{}_{table}", if self.unique { "unique" } else { "idx" });
        let mut is_plain = self.only_where.is_none();
        for part in &self.parts {
            name.push('_');
            match part {
                Part::Field(field) => name.push_str(field),
                Part::Descending(field) => {
                    name.push_str(field);
                    name.push_str("_desc");
                }
                Part::Expression(_) => {
                    name.push_str("expr");
                    is_plain = false;
                }
            }
        }
        if is_plain && name.len() <= LONGEST_PLAIN {
            return name;
        }
        let hash = format!("_{:08x}", fnv(&format!("{table} {:?} {:?}", self.parts, self.only_where)));
        let mut end = name.len().min(LONGEST_PLAIN - hash.len());
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name + &hash
    }
}

/// The longest name that PostgreSQL keeps whole, in bytes.
pub(crate) const LONGEST_PLAIN: usize = 63;

/// The hash FNV-1a of 32 bits: the same in every build, which the standard library's is not.
pub(crate) fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl ForeignKey {
    /// A reference that refuses to let go of the row referred to.
    pub fn new<S: Into<String>, T: Into<String>>(
        fields: impl IntoIterator<Item = S>,
        table: impl Into<String>,
        references: impl IntoIterator<Item = T>,
    ) -> Self {
        ForeignKey {
            fields: fields.into_iter().map(Into::into).collect(),
            table: table.into(),
            references: references.into_iter().map(Into::into).collect(),
            on_delete: OnDelete::Refuse,
        }
    }

    /// Sets what becomes of a row when the one it refers to is deleted.
    #[must_use]
    pub fn on_delete(mut self, on_delete: OnDelete) -> Self {
        self.on_delete = on_delete;
        self
    }
}
