//! What the columns of a file are: types, nulls, least and greatest value, an example.
//!
//! [`profile`] reads a file once with bounded memory, and a second time only if a value behind the sample widens a type.
//! What it finds can be written as JSON by [`Profile::to_json`], and [`schema_from_json`] reads the schema back, from that
//! or from what a person has made of it: an array of columns, or an object that has one as `columns`, each with `name` and
//! `type`.

use std::cmp::Ordering;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array, make_comparator};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::infer::instants;
use crate::input::Input;
use crate::write::json_value;

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Profile {
    /// How many records.
    pub rows: u64,
    /// The columns, in the order of the file.
    pub columns: Vec<ColumnProfile>,
}

/// What a column holds.
#[derive(Debug, Clone)]
pub struct ColumnProfile {
    /// Its name; inside an object, its name there.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Records that have no value in it.
    pub nulls: u64,
    /// The least value, of a column whose values have an order.
    pub min: Option<Value>,
    /// The greatest value.
    pub max: Option<Value>,
    /// The first value.
    pub example: Option<Value>,
    /// The columns of an object.
    pub fields: Vec<ColumnProfile>,
}

/// Reads all of an input.
///
/// # Errors
/// Those of reading it.
pub fn profile(input: &Input) -> Result<Profile> {
    match read(input) {
        Err(error) if matches!(error.kind(), ErrorKind::Misfit(_)) => read(&input.settled(None)?),
        done => done,
    }
}

fn read(input: &Input) -> Result<Profile> {
    let mut columns: Vec<Seen> = input.schema().fields().iter().map(|field| Seen::new(field)).collect();
    let mut rows = 0;
    for batch in input.batches(None)? {
        let batch: RecordBatch = batch?;
        rows += batch.num_rows() as u64;
        for (seen, column) in columns.iter_mut().zip(batch.columns()) {
            seen.take_in(column)?;
        }
    }
    Ok(Profile { rows, columns: columns.into_iter().map(Seen::finish).collect::<Result<_>>()? })
}

/// A column as far as it was seen.
struct Seen {
    name: String,
    data_type: DataType,
    nulls: u64,
    /// Of one value each.
    min: Option<ArrayRef>,
    max: Option<ArrayRef>,
    example: Option<ArrayRef>,
    fields: Vec<Seen>,
}

impl Seen {
    fn new(field: &Field) -> Self {
        let fields = match field.data_type() {
            DataType::Struct(fields) => fields.iter().map(|field| Self::new(field)).collect(),
            _ => Vec::new(),
        };
        let (name, data_type) = (field.name().clone(), field.data_type().clone());
        Self { name, data_type, nulls: 0, min: None, max: None, example: None, fields }
    }

    fn take_in(&mut self, column: &ArrayRef) -> Result<()> {
        self.nulls += column.null_count() as u64;
        let valid = || (0..column.len()).filter(|i| column.is_valid(*i));
        if self.example.is_none()
            && let Some(first) = valid().next()
        {
            self.example = Some(one(column, first)?);
        }
        if let Some(object) = column.as_struct_opt() {
            for (seen, column) in self.fields.iter_mut().zip(object.columns()) {
                // Where there is no object, its columns are null too.
                seen.take_in(column)?;
            }
            return Ok(());
        }
        if self.data_type.is_nested() || column.len() == column.null_count() {
            return Ok(());
        }
        let compare = make_comparator(column, column, SortOptions::default())?;
        let least = valid().reduce(|a, b| if compare(b, a) == Ordering::Less { b } else { a });
        let greatest = valid().reduce(|a, b| if compare(b, a) == Ordering::Greater { b } else { a });
        keep(&mut self.min, column, least, Ordering::Less)?;
        keep(&mut self.max, column, greatest, Ordering::Greater)
    }

    fn finish(self) -> Result<ColumnProfile> {
        let shown = |value: Option<ArrayRef>| value.map(|value| json_value(&value, 0)).transpose();
        Ok(ColumnProfile {
            min: shown(self.min)?,
            max: shown(self.max)?,
            example: shown(self.example)?,
            name: self.name,
            data_type: self.data_type,
            nulls: self.nulls,
            fields: self.fields.into_iter().map(Self::finish).collect::<Result<_>>()?,
        })
    }
}

/// Keeps a value of a column if it is further than the one kept so far.
fn keep(kept: &mut Option<ArrayRef>, column: &ArrayRef, index: Option<usize>, further: Ordering) -> Result<()> {
    let Some(index) = index else { return Ok(()) };
    let beyond = match kept {
        None => true,
        Some(known) => make_comparator(column, known, SortOptions::default())?(index, 0) == further,
    };
    if beyond {
        *kept = Some(one(column, index)?);
    }
    Ok(())
}

/// One value alone, so that the rest of its batch can go.
fn one(column: &ArrayRef, index: usize) -> Result<ArrayRef> {
    Ok(take(column, &UInt64Array::from(vec![index as u64]), None)?)
}

impl Profile {
    /// The profile as JSON, of which [`schema_from_json`] reads the schema.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("rows".to_owned(), self.rows.into());
        object.insert("columns".to_owned(), self.columns.iter().map(ColumnProfile::to_json).collect());
        Value::Object(object)
    }
}

impl ColumnProfile {
    /// The type as people name it: `integer`, `list of text`, `object`.
    pub fn type_name(&self) -> String {
        type_name(&self.data_type)
    }

    fn to_json(&self) -> Value {
        let mut object = column_json(&self.name, &self.data_type);
        object.insert("nulls".to_owned(), self.nulls.into());
        for (key, value) in [("min", &self.min), ("max", &self.max), ("example", &self.example)] {
            // The example of an object is in its columns.
            if let Some(value) = value
                && self.fields.is_empty()
            {
                object.insert(key.to_owned(), value.clone());
            }
        }
        if !self.fields.is_empty() {
            object.insert("fields".to_owned(), self.fields.iter().map(Self::to_json).collect());
        }
        Value::Object(object)
    }
}

/// The names that types have in schemas.
const NAMES: [(&str, DataType); 6] = [
    ("boolean", DataType::Boolean),
    ("integer", DataType::Int64),
    ("number", DataType::Float64),
    ("date", DataType::Date32),
    ("timestamp", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("text", DataType::Utf8),
];

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(_) => "object".to_owned(),
        DataType::List(item) => format!("list of {}", type_name(item.data_type())),
        instant if *instant == instants() => "timestamptz".to_owned(),
        other => match NAMES.iter().find(|(_, known)| known == other) {
            Some((name, _)) => (*name).to_owned(),
            None => other.to_string(),
        },
    }
}

/// `name`, `type`, and what is inside.
fn column_json(name: &str, data_type: &DataType) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("name".to_owned(), name.into());
    match data_type {
        DataType::Struct(fields) => {
            object.insert("type".to_owned(), "object".into());
            let fields = fields.iter().map(|field| Value::Object(column_json(field.name(), field.data_type())));
            object.insert("fields".to_owned(), fields.collect());
        }
        DataType::List(item) => {
            object.insert("type".to_owned(), "list".into());
            let mut items = column_json("", item.data_type());
            items.shift_remove("name");
            object.insert("items".to_owned(), Value::Object(items));
        }
        other => {
            object.insert("type".to_owned(), type_name(other).into());
        }
    }
    object
}

/// A type by its name: `boolean`, `integer`, `number`, `date`, `timestamp`, `timestamptz`, `text`, or as Arrow writes it.
///
/// # Errors
/// [`ErrorKind::InvalidOption`] for any other name.
pub fn type_from_name(name: &str) -> Result<DataType> {
    match NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, data_type)) => Ok(data_type.clone()),
        None if name == "timestamptz" => Ok(instants()),
        None => DataType::from_str(name).map_err(|_| {
            invalid(format!("`{name}` is no type, expected boolean, integer, number, date, timestamp or text"))
        }),
    }
}

/// Reads a schema: an array of columns, or an object that has one as `columns`. A column has `name` and `type`: a name
/// that [`type_from_name`] knows, `object` with `fields`, or `list` with `items`, which have a `type` as well.
///
/// # Errors
/// [`ErrorKind::InvalidOption`] says what is missing where.
pub fn schema_from_json(text: &str) -> Result<Schema> {
    let value: Value = serde_json::from_str(text).map_err(|error| invalid(format!("no schema: {error}")))?;
    Ok(Schema::new(fields_of(value.get("columns").unwrap_or(&value), "the schema")?))
}

/// A schema as [`schema_from_json`] reads it.
pub fn schema_to_json(schema: &Schema) -> String {
    let columns = schema.fields().iter().map(|field| Value::Object(column_json(field.name(), field.data_type())));
    Value::Array(columns.collect()).to_string()
}

fn fields_of(columns: &Value, of: &str) -> Result<Fields> {
    let columns = columns.as_array().ok_or_else(|| invalid(format!("{of} has no array of columns")))?;
    let field = |column: &Value| -> Result<Arc<Field>> {
        let name = column.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| invalid(format!("a column of {of} has no `name`")))?;
        Ok(Arc::new(Field::new(name, type_of(column, name)?, true)))
    };
    columns.iter().map(field).collect()
}

pub(crate) fn type_of(column: &Value, name: &str) -> Result<DataType> {
    let inner = |key: &str| column.get(key).ok_or_else(|| invalid(format!("column `{name}` has no `{key}`")));
    match inner("type")?.as_str() {
        Some("object") => Ok(DataType::Struct(fields_of(inner("fields")?, &format!("column `{name}`"))?)),
        Some("list") => Ok(DataType::List(Arc::new(Field::new_list_field(type_of(inner("items")?, name)?, true)))),
        Some(known) => type_from_name(known),
        None => Err(invalid(format!("the `type` of column `{name}` is no text"))),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOption(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::ReadOptions;

    fn profiled(name: &str, content: &str) -> Profile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let options = ReadOptions::default().sample_bytes(20).block_bytes(30);
        profile(&Input::open(&path, &options).unwrap()).unwrap()
    }

    fn shown(columns: &[ColumnProfile]) -> Vec<String> {
        let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
        let mut lines = Vec::new();
        for column in columns {
            let (min, max, example) = (text(&column.min), text(&column.max), text(&column.example));
            lines.push(format!("{} {} {} {min} {max} {example}", column.name, column.type_name(), column.nulls));
            lines.extend(shown(&column.fields).into_iter().map(|line| format!("{}.{line}", column.name)));
        }
        lines
    }

    #[test]
    fn columns_are_summed_up() {
        let csv = profiled("t.csv", "a,b,d\n2,x,2024-01-02\n10,,2023-01-01\n,a,\n-1.5,é,\n");
        assert_eq!(csv.rows, 4);
        assert_eq!(
            shown(&csv.columns),
            [
                "a number 1 -1.5 10.0 2.0",
                "b text 1 \"a\" \"é\" \"x\"",
                "d date 2 \"2023-01-01\" \"2024-01-02\" \"2024-01-02\""
            ]
        );
        let xml = profiled("t.xml", "<r><i><u n='1'><c>x</c></u></i><i><t>a</t><t>b</t></i><i><u n='7'/></i></r>");
        assert_eq!(
            shown(&xml.columns),
            [
                "u object 1 - - {\"@n\":1,\"c\":\"x\"}",
                "u.@n integer 1 1 7 1",
                "u.c text 2 \"x\" \"x\" \"x\"",
                "t list of text 2 - - [\"a\",\"b\"]"
            ]
        );
    }

    #[test]
    fn a_schema_is_read_back() {
        let found = profiled("t.json", "{\"a\":1,\"o\":{\"x\":[1.5],\"y\":true}}\n{\"a\":null,\"t\":\"x\"}\n");
        let schema = schema_from_json(&found.to_json().to_string()).unwrap();
        let shown: Vec<String> =
            schema.fields().iter().map(|field| format!("{}:{}", field.name(), field.data_type())).collect();
        assert_eq!(shown, ["a:Int64", "o:Struct(\"x\": List(Float64), \"y\": Boolean)", "t:Utf8"]);
        let by_hand = schema_from_json("[{\"name\":\"n\",\"type\":\"Decimal128(10, 2)\"}]").unwrap();
        assert_eq!(*by_hand.field(0).data_type(), DataType::Decimal128(10, 2));
        let cases = [
            ("x", "no schema: expected value at line 1 column 1"),
            ("{}", "the schema has no array of columns"),
            ("[{\"type\":\"text\"}]", "a column of the schema has no `name`"),
            ("[{\"name\":\"a\"}]", "column `a` has no `type`"),
            ("[{\"name\":\"a\",\"type\":\"object\"}]", "column `a` has no `fields`"),
            (
                "[{\"name\":\"a\",\"type\":\"int\"}]",
                "`int` is no type, expected boolean, integer, number, date, timestamp or text",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(schema_from_json(text).unwrap_err().to_string(), expected);
        }
    }
}
