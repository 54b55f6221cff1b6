//! The rows of a write's body, JSON, CSV or a form, as values for the columns of a table.

use std::fmt::Write as _;

use serde_json::Value as Json;
use serde_json::value::RawValue;
use taipan::store::{Column, Kind, Table, Value};
use taipan_web::header::CONTENT_TYPE;
use taipan_web::{Bytes, HeaderMap, StatusCode};

use crate::error::{Error, Result};
use crate::rows;

/// The field by which a page's form shows that it is this site's own.
const CSRF_FIELD: &str = "_csrf";

/// Rows to be written.
#[derive(Debug, PartialEq)]
pub(super) struct Payload {
    pub(super) columns: Vec<String>,
    /// For each row a value by column; none for the column's default.
    pub(super) rows: Vec<Vec<Option<Value>>>,
}

impl Payload {
    /// Reads a body by its content type. Only `columns` are looked at where they are given.
    pub(super) fn read(
        table: &Table,
        headers: &HeaderMap,
        body: &Bytes,
        columns: Option<Vec<String>>,
        missing_default: bool,
    ) -> Result<Self> {
        let kind = headers.get(CONTENT_TYPE).map_or("application/json", |kind| kind.to_str().unwrap_or("?"));
        let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/json" | "application/vnd.pgrst.object+json" | "application/vnd.pgrst.array+json" => {
                Self::from_json(table, body, columns, missing_default)
            }
            "text/csv" => Self::from_csv(table, body, columns, missing_default),
            "application/x-www-form-urlencoded" => Self::from_form(table, body, columns, missing_default),
            _ => Err(Error::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "PGRST102",
                format!("Content-Type not acceptable: {kind}"),
            )
            .hint("Send application/json, text/csv or application/x-www-form-urlencoded.")),
        }
    }

    fn from_json(table: &Table, body: &[u8], given: Option<Vec<String>>, missing_default: bool) -> Result<Self> {
        let objects = rows::raw_from_json(body)?;
        let columns = match given {
            Some(columns) => columns,
            None => names_of(&objects, missing_default)?,
        };
        let kinds = kinds(table, &columns)?;
        let row = |object: &rows::RawRow<'_>| {
            let value = |(name, column): (&String, &&Column)| match object.get(name) {
                Some(value) => Some(of_json(value, column.kind)),
                None => (!missing_default).then_some(Value::Null),
            };
            columns.iter().zip(&kinds).map(value).collect()
        };
        let rows = objects.iter().map(row).collect();
        Ok(Self { columns, rows })
    }

    /// One row of texts, as a page's form sends it. Of a name that comes twice the last counts, as of a box to be ticked
    /// behind a hidden field that says what it means when it is not.
    fn from_form(table: &Table, body: &[u8], given: Option<Vec<String>>, missing_default: bool) -> Result<Self> {
        let encoded = std::str::from_utf8(body)
            .map_err(|_| Error::new(StatusCode::BAD_REQUEST, "PGRST102", "the form is not percent-encoded text"))?;
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, text) in super::query::pairs(encoded)? {
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some(field) => field.1 = text,
                // What shows that the form is this site's own is no field of the row.
                None if name == CSRF_FIELD && table.column(&name).is_err() => {}
                None => fields.push((name, text)),
            }
        }
        let columns = given.unwrap_or_else(|| fields.iter().map(|(name, _)| name.clone()).collect());
        kinds(table, &columns)?;
        let value = |name: &String| match fields.iter().find(|(field, _)| field == name) {
            Some((_, text)) => Some(Value::Text(text.clone())),
            None => (!missing_default).then_some(Value::Null),
        };
        let row = columns.iter().map(value).collect();
        Ok(Self { columns, rows: vec![row] })
    }

    fn from_csv(table: &Table, body: &[u8], given: Option<Vec<String>>, missing_default: bool) -> Result<Self> {
        let (header, lines) = rows::texts_from_csv(body)?;
        let columns = given.unwrap_or_else(|| header.clone());
        kinds(table, &columns)?;
        let places: Vec<Option<usize>> =
            columns.iter().map(|name| header.iter().position(|field| field == name)).collect();
        let value = |field: Option<&Option<String>>| match field {
            Some(Some(text)) => Some(Value::Text(text.clone())),
            Some(None) => Some(Value::Null),
            None => (!missing_default).then_some(Value::Null),
        };
        let row = |line: &Vec<Option<String>>| places.iter().map(|at| value(at.and_then(|at| line.get(at)))).collect();
        let rows = lines.iter().map(row).collect();
        Ok(Self { columns, rows })
    }

    /// What a change sets: the one row there is, or nothing where there is none.
    pub(super) fn row_to_set(self) -> Result<Vec<(String, Value)>> {
        if self.rows.is_empty() { Ok(Vec::new()) } else { self.only_row() }
    }

    /// The one row there is, as columns with their values.
    pub(super) fn only_row(self) -> Result<Vec<(String, Value)>> {
        let count = self.rows.len();
        let mut rows = self.rows.into_iter();
        match (rows.next(), count) {
            (Some(row), 1) => {
                let set = self.columns.into_iter().zip(row);
                Ok(set.filter_map(|(column, value)| Some((column, value?))).collect())
            }
            _ => Err(Error::new(
                StatusCode::BAD_REQUEST,
                "PGRST102",
                format!("one object was expected, and the body has {count}"),
            )),
        }
    }
}

/// The columns that all objects have. Where what is missing gets its default, those that any has.
fn names_of(objects: &[rows::RawRow<'_>], missing_default: bool) -> Result<Vec<String>> {
    let Some(first) = objects.first() else { return Ok(Vec::new()) };
    let mut names: Vec<String> = first.keys().cloned().collect();
    for object in objects.iter().skip(1) {
        let is_same = object.len() == names.len() && names.iter().all(|name| object.contains_key(name));
        if missing_default {
            let new: Vec<String> = object.keys().filter(|key| !names.contains(key)).cloned().collect();
            names.extend(new);
        } else if !is_same {
            return Err(Error::new(StatusCode::BAD_REQUEST, "PGRST102", "All object keys must match"));
        }
    }
    Ok(names)
}

fn kinds<'t>(table: &'t Table, columns: &[String]) -> Result<Vec<&'t Column>> {
    for (at, name) in columns.iter().enumerate() {
        if columns.iter().take(at).any(|earlier| earlier == name) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(Error::new(StatusCode::BAD_REQUEST, "42701", message));
        }
    }
    let column = |name: &String| {
        table.columns.iter().find(|column| column.name == *name).ok_or_else(|| {
            Error::new(
                StatusCode::BAD_REQUEST,
                "PGRST204",
                format!("Could not find the '{name}' column of '{}' in the schema cache", table.name),
            )
        })
    };
    columns.iter().map(column).collect()
}

/// A JSON value for a column. What does not fit is refused when it is written.
fn of_json(raw: &RawValue, kind: Kind) -> Value {
    if kind == Kind::Json && raw.get() != "null" {
        return Value::Text(compact(raw.get()));
    }
    // A number beyond all floats is no value of its own.
    match serde_json::from_str(raw.get()) {
        Ok(Json::Null) => Value::Null,
        Ok(Json::Bool(value)) => Value::Bool(value),
        // As text it has all its digits.
        Ok(Json::Number(_)) if kind == Kind::Text => Value::Text(raw.get().to_owned()),
        Ok(Json::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::Integer(value),
            (None, Some(value)) => Value::Real(value),
            (None, None) => Value::Text(number.to_string()),
        },
        Ok(Json::String(text)) => Value::Text(text),
        Ok(Json::Array(_) | Json::Object(_)) | Err(_) => Value::Text(compact(raw.get())),
    }
}

/// JSON without the blanks between its parts.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let kept = |letter: &char| {
        match (quoted, letter) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => quoted = !quoted,
            _ => {}
        }
        quoted || !matches!(letter, ' ' | '\t' | '\n' | '\r')
    };
    json.chars().filter(kept).collect()
}

/// The names of `columns=` or `on_conflict=`: with commas between them, in quotes where they hold one.
pub(super) fn names(text: &str) -> Result<Vec<String>> {
    let items = super::grammar::select(text)?;
    let name = |item| match item {
        super::grammar::Item::Column { name, steps, alias: None, cast: None, aggregate: None }
            if steps.steps.is_empty() =>
        {
            Ok(name.into_owned())
        }
        _ => Err(Error::syntax("columns parameter", text, 0, "names of columns")),
    };
    items.into_iter().map(name).collect()
}

/// A value as a filter would name it; none for null.
pub(super) fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => {
            let mut text = String::from("\\x");
            for byte in bytes {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text
        }
    })
}
