//! Types of columns as the user writes them: `price:float`, or a file with the types of all columns.
//!
//! Such a file is JSON or TOML: an object or table of names and types, or a list, perhaps under `columns`, of objects
//! with a `name` and a `type`, as `taipan schema --format json` prints it.

use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::infer::instants;
use crate::profile::type_of;

/// The type that a word names: `integer`, `float`, `boolean`, `date`, `timestamp` (without a zone), `timestamptz` (with
/// one, kept in UTC) or `text`, with the names that
/// databases and Arrow have for them; `list<integer>`, `struct<name: text, age: integer>` for JSON and XML.
///
/// ```
/// use arrow::datatypes::DataType;
///
/// assert_eq!(taipan_io::column_type("integer")?, DataType::Int64);
/// assert_eq!(taipan_io::column_type("Float64")?, DataType::Float64);
/// assert!(taipan_io::column_type("money").is_err());
/// # Ok::<(), taipan_io::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::InvalidOption`] for any other word.
pub fn column_type(text: &str) -> Result<DataType> {
    let unknown = || {
        let message = format!(
            "unknown type `{text}`: expected integer, float, boolean, date, timestamp, timestamptz, text, list<…> or \
             struct<name: …>"
        );
        Error::new(ErrorKind::InvalidOption(message))
    };
    let word = text.trim();
    let inner = |name: &str| {
        let rest = word.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name)).map(|_| &word[name.len()..]);
        rest.and_then(|rest| rest.trim().strip_prefix('<')?.strip_suffix('>'))
    };
    if let Some(item) = inner("list") {
        return Ok(DataType::List(Arc::new(Field::new_list_field(column_type(item)?, true))));
    }
    if let Some(fields) = inner("struct") {
        let fields = split(fields).into_iter().map(|field| {
            let (name, data_type) = column(field)?;
            Ok(Field::new(name, data_type, true))
        });
        return Ok(DataType::Struct(fields.collect::<Result<_>>()?));
    }
    Ok(match word.to_ascii_lowercase().as_str() {
        "integer" | "int" | "bigint" | "int64" | "i64" | "long" => DataType::Int64,
        "float" | "double" | "real" | "number" | "float64" | "f64" => DataType::Float64,
        "boolean" | "bool" => DataType::Boolean,
        "date" | "date32" => DataType::Date32,
        "timestamp" | "datetime" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" | "timestamp with time zone" | "instant" => instants(),
        "text" | "string" | "str" | "varchar" | "utf8" => DataType::Utf8,
        _ => DataType::from_str(word).ok().filter(is_read).ok_or_else(unknown)?,
    })
}

/// A column as `name:type`; the name may hold colons.
///
/// # Errors
/// [`ErrorKind::InvalidOption`] if there is no type, or an unknown one.
pub fn column(text: &str) -> Result<(String, DataType)> {
    // The type of a struct holds colons too, so the first one counts after which a type stands.
    let mut error = None;
    for (at, _) in text.match_indices(':') {
        let (name, data_type) = (&text[..at], &text[at + 1..]);
        match column_type(data_type) {
            Ok(data_type) if !name.trim().is_empty() => return Ok((name.trim().to_owned(), data_type)),
            Ok(_) => {}
            Err(unknown) => error = Some(unknown),
        }
    }
    let message = || format!("`{text}` is no column: expected name:type, such as price:float");
    Err(error.unwrap_or_else(|| Error::new(ErrorKind::InvalidOption(message()))))
}

/// Reads a file with the types of columns.
///
/// # Errors
/// [`ErrorKind::NotFound`] and [`ErrorKind::Io`]; [`ErrorKind::Syntax`] if it is neither JSON nor TOML;
/// [`ErrorKind::InvalidOption`] for what is no list of columns.
pub fn read_schema(path: impl AsRef<Path>) -> Result<Schema> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).map_err(|error| Error::of_io(error, path))?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let value: std::result::Result<Value, String> = if is_toml {
        toml::from_str(&text).map_err(|error| error.to_string().trim().to_owned())
    } else {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    let value = value.map_err(|message| Error::of_path(ErrorKind::Syntax(message), path))?;
    let fields = fields(&value).map_err(|error| Error::of_path(error.kind().clone(), path))?;
    Ok(Schema::new(fields))
}

fn fields(value: &Value) -> Result<Vec<Field>> {
    let invalid =
        |what: &str| Error::new(ErrorKind::InvalidOption(format!("{what}: expected names and types of columns")));
    let field = |name: &str, data_type: &Value| match data_type {
        Value::String(data_type) => Ok(Field::new(name, column_type(data_type)?, true)),
        _ => Err(invalid(&format!("the type of `{name}` is no text"))),
    };
    let fields: Vec<Field> = match value {
        Value::Object(object) => match object.get("columns") {
            Some(columns @ (Value::Array(_) | Value::Object(_))) => fields(columns)?,
            _ => object.iter().map(|(name, data_type)| field(name, data_type)).collect::<Result<_>>()?,
        },
        Value::Array(columns) => columns
            .iter()
            .map(|column| match (column.get("name"), column.get("type")) {
                // As a profile tells of what is nested.
                (Some(Value::String(name)), Some(Value::String(word)))
                    if matches!(word.as_str(), "object" | "list") =>
                {
                    Ok(Field::new(name, type_of(column, name)?, true))
                }
                (Some(Value::String(name)), Some(data_type)) => field(name, data_type),
                _ => Err(invalid("a column without `name` or `type`")),
            })
            .collect::<Result<_>>()?,
        _ => return Err(invalid("this is no schema")),
    };
    if fields.is_empty() {
        return Err(invalid("the schema has no column"));
    }
    Ok(fields)
}

/// Parts a text at the commas that stand in no angle brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether columns of a type are read from text.
fn is_read(data_type: &DataType) -> bool {
    match data_type {
        DataType::Int64
        | DataType::Float64
        | DataType::Boolean
        | DataType::Date32
        | DataType::Timestamp(TimeUnit::Microsecond, None)
        | DataType::Utf8 => true,
        instant if *instant == instants() => true,
        DataType::List(item) => is_read(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_read(field.data_type())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        let object = |name: &str, kind| DataType::Struct(vec![Field::new(name, kind, true)].into());
        let cases = [
            ("integer", Some(DataType::Int64)),
            (" BIGINT ", Some(DataType::Int64)),
            ("double", Some(DataType::Float64)),
            ("bool", Some(DataType::Boolean)),
            ("Date32", Some(DataType::Date32)),
            ("datetime", Some(micros.clone())),
            ("timestamptz", Some(instants())),
            ("Utf8", Some(DataType::Utf8)),
            ("list<list<text>>", Some(list(list(DataType::Utf8)))),
            ("struct<a:b: list<integer>>", Some(object("a:b", list(DataType::Int64)))),
            ("Int8", None),
            ("list<>", None),
            ("é<text>", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(column_type(text).ok(), expected, "{text}");
        }
        // What Arrow shows is read.
        for data_type in [micros, instants(), list(DataType::Int64), object("a", DataType::Utf8)] {
            assert_eq!(column_type(&data_type.to_string()).ok().as_ref(), Some(&data_type), "{data_type}");
        }
    }

    #[test]
    fn columns() {
        assert_eq!(column("a:integer").unwrap(), ("a".to_owned(), DataType::Int64));
        assert_eq!(column("at:time : text").unwrap().0, "at:time");
        let message = |text: &str| column(text).unwrap_err().to_string();
        assert_eq!(message("a"), "`a` is no column: expected name:type, such as price:float");
        assert_eq!(message(":text"), "`:text` is no column: expected name:type, such as price:float");
        assert!(message("a:money").starts_with("unknown type `money`: expected integer, float"));
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let cases = [
            ("s.json", "{\"a\": \"integer\", \"b\": \"text\"}", Ok("a:Int64 b:Utf8")),
            ("s.json", "[{\"name\": \"a\", \"type\": \"Int64\", \"nulls\": 3}]", Ok("a:Int64")),
            ("s.json", "{\"file\": \"x\", \"columns\": [{\"name\": \"a\", \"type\": \"date\"}]}", Ok("a:Date32")),
            ("s.toml", "b = \"float\"\na = \"text\"\n", Ok("b:Float64 a:Utf8")),
            ("s.toml", "[[columns]]\nname = \"a\"\ntype = \"boolean\"\n", Ok("a:Boolean")),
            ("s.json", "{\"a\": 1}", Err("the type of `a` is no text: expected names and types of columns")),
            ("s.json", "[1]", Err("a column without `name` or `type`: expected names and types of columns")),
            ("s.json", "{}", Err("the schema has no column: expected names and types of columns")),
            ("s.json", "1", Err("this is no schema: expected names and types of columns")),
            ("s.json", "{", Err("EOF while parsing an object at line 1 column 1")),
        ];
        for (name, content, expected) in cases {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            let found = read_schema(&path).map(|schema| {
                let fields = schema.fields().iter().map(|field| format!("{}:{}", field.name(), field.data_type()));
                fields.collect::<Vec<_>>().join(" ")
            });
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{content}"),
                (Err(error), Err(expected)) => {
                    assert_eq!(error.to_string(), format!("{}: {expected}", path.display()), "{content}");
                }
                (found, expected) => panic!("{content}: {found:?}, expected {expected:?}"),
            }
        }
        assert!(matches!(read_schema(folder.path().join("no")).unwrap_err().kind(), ErrorKind::NotFound));
    }
}
