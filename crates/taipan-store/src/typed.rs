//! Rows as values of the program's own types, by way of serde: a struct whose fields are named as the columns.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use taipan_store::{Kind, Order, Select, Store, TransactionOptions, schema::{Field, Table}};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Employee {
//!     id: i64,
//!     name: String,
//!     salary: Option<f64>,
//! }
//! # fn main() -> taipan_store::Result<()> {
//! # let store = Store::open("sqlite::memory:")?;
//! # let table = Table::new("employees").field(Field::new("id", Kind::Integer)).primary_key(["id"]);
//! # let table = table.field(Field::new("name", Kind::Text).required()).field(Field::new("salary", Kind::Real));
//! # store.migrate(&[table], &[])?;
//! let ada = Employee { id: 1, name: "Ada".to_owned(), salary: Some(5200.5) };
//! store.transaction(&TransactionOptions::default(), |tx| tx.insert_typed("employees", &ada))?;
//!
//! let top = Select::new("employees").order(Order::desc("salary")).limit(10);
//! assert_eq!(store.read_typed::<Employee>(&top)?, [ada]);
//! # Ok(()) }
//! ```
//!
//! Integers are checked for the field's range; a null needs an `Option`; dates and timestamps are texts; a JSON column may be
//! any type that serde reads from JSON. What does not fit is an `InvalidValue` with its row and column, never a guess.

use std::fmt;

use serde::de::value::{MapDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::{Serialize, forward_to_deserialize_any};

use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;
use crate::select::{Rows, Select};
use crate::store::Store;
use crate::table::Column;
use crate::transaction::Transaction;
use crate::value::Value;

impl Store {
    /// The rows of a query as values of a type.
    ///
    /// # Errors
    /// As [`read_rows`](Self::read_rows), and `InvalidValue` for a row that is not of the type.
    pub fn read_typed<T: DeserializeOwned>(&self, select: &Select) -> Result<Vec<T>> {
        self.read_rows(select)?.into_typed(&select.table)
    }
}

impl Transaction<'_> {
    /// The rows of a query as values of a type.
    ///
    /// # Errors
    /// As [`Store::read_typed`].
    pub fn read_typed<T: DeserializeOwned>(&mut self, select: &Select) -> Result<Vec<T>> {
        self.read_rows(select)?.into_typed(&select.table)
    }

    /// Inserts a value of a type, each of its fields in the column of its name. A field that is not to be given, such as the
    /// key of a new row, is one that serde is told to skip.
    ///
    /// # Errors
    /// As [`insert`](Self::insert), and `Unsupported` for a value that is no struct or map.
    pub fn insert_typed<T: Serialize>(&mut self, table: &str, row: &T) -> Result<()> {
        let fields = fields(table, row)?;
        let row: Vec<(&str, Value)> = fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        self.insert(table, &row)
    }
}

impl Rows {
    /// The rows as values of a type; `table` is what errors call the place.
    ///
    /// # Errors
    /// `InvalidValue` for a row that is not of the type.
    pub fn into_typed<T: DeserializeOwned>(self, table: &str) -> Result<Vec<T>> {
        let Rows { columns, rows } = self;
        let typed = |(number, values): (usize, Vec<Value>)| {
            let cells =
                columns.iter().zip(values).map(|(column, value)| (column.name.as_str(), Given { column, value }));
            T::deserialize(MapDeserializer::new(cells)).map_err(|misfit: Misfit| misfit.at(table, number as u64 + 1))
        };
        rows.into_iter().enumerate().map(typed).collect()
    }
}

/// A value of a row on its way into a field.
struct Given<'a> {
    column: &'a Column,
    value: Value,
}

/// What serde says of a value that is not of its field's type, and where.
#[derive(Debug)]
struct Misfit {
    column: Option<String>,
    value: String,
    message: String,
}

impl IntoDeserializer<'_, Misfit> for Given<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Given<'_> {
    fn visit<'de, V: Visitor<'de>>(column: &Column, value: Value, visitor: V) -> Result<V::Value, Misfit> {
        match value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Integer(value) => visitor.visit_i64(value),
            Value::Real(value) => visitor.visit_f64(value),
            Value::Text(text) if column.kind == Kind::Json => {
                let json: serde_json::Value = serde_json::from_str(&text).map_err(<Misfit as de::Error>::custom)?;
                json.deserialize_any(visitor).map_err(<Misfit as de::Error>::custom)
            }
            Value::Text(text) => visitor.visit_string(text),
            Value::Blob(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn placed<T>(column: &Column, shown: String, result: Result<T, Misfit>) -> Result<T, Misfit> {
        result.map_err(|misfit| Misfit { column: Some(column.name.clone()), value: shown, ..misfit })
    }
}

impl<'de> Deserializer<'de> for Given<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let shown = self.value.cell().text().into_owned();
        Self::placed(self.column, shown, Self::visit(self.column, self.value, visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.value == Value::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let shown = self.value.cell().text().into_owned();
        let column = self.column;
        let result = match self.value {
            Value::Text(text) if column.kind == Kind::Json => {
                let json: Result<serde_json::Value, _> = serde_json::from_str(&text);
                let read = json.and_then(|json| json.deserialize_enum(name, variants, visitor));
                read.map_err(<Misfit as de::Error>::custom)
            }
            Value::Text(text) => StringDeserializer::<Misfit>::new(text).deserialize_enum(name, variants, visitor),
            _ => Err(de::Error::custom(format_args!("expected a variant of {name}"))),
        };
        Self::placed(column, shown, result)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Misfit { column: None, value: String::new(), message: message.to_string() }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl Misfit {
    fn at(self, table: &str, row: u64) -> Error {
        let Some(column) = self.column else {
            // Such as a field that no column is named after.
            return Error::unsupported(format!("table \"{table}\", row {row}: {}", self.message));
        };
        let expected = self.message.split_once("expected ").map_or(self.message.as_str(), |(_, expected)| expected);
        Error::invalid_value(&self.value, expected).at(table, &column, Some(row))
    }
}

/// The fields of a struct as values.
fn fields<T: Serialize>(table: &str, row: &T) -> Result<Vec<(String, Value)>> {
    let refused = |what: String| Error::new(ErrorKind::Unsupported(format!("table \"{table}\": {what}")));
    let object = match serde_json::to_value(row) {
        Ok(serde_json::Value::Object(object)) => object,
        Ok(_) => return Err(refused("a row is a struct or a map".to_owned())),
        Err(error) => return Err(refused(error.to_string())),
    };
    let value = |value: serde_json::Value| match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::Integer(value),
            (None, Some(value)) if !number.is_u64() => Value::Real(value),
            _ => Value::Text(number.to_string()),
        },
        serde_json::Value::String(text) => Value::Text(text),
        nested => Value::Text(nested.to_string()),
    };
    Ok(object.into_iter().map(|(name, of)| (name, value(of))).collect())
}
