//! A value as a page shows it: its text, and how it is set.

use serde::Serialize;
use taipan::store::{Kind, Value};

/// The characters of a text in a table's cell, at most; the record's page has all of it.
const CELL: usize = 400;
/// From so many characters on, a cell is clipped to a column's width and has its text as a tooltip.
const LONG: usize = 40;

/// A value in a table's row.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) class: String,
    pub(super) long: bool,
    pub(super) path: Option<String>,
}

impl Cell {
    pub(super) fn new(kind: Kind, value: &Value) -> Self {
        let mut text = text(value);
        let mut letters = text.char_indices().skip(LONG);
        let long = letters.next().is_some();
        if let Some((end, _)) = text.char_indices().nth(CELL) {
            text.truncate(end);
            text.push('…');
        }
        Self { text, class: class(kind, value), long, path: None }
    }
}

/// The classes of a column's cells and head: numbers stand right.
pub(super) fn column_class(kind: Kind) -> &'static str {
    if matches!(kind, Kind::Integer | Kind::Real) { "num" } else { "" }
}

/// The class that a value has of its own: `null`, or `code` for what people do not read as prose.
pub(super) fn own_class(kind: Kind, value: &Value) -> &'static str {
    match (value, kind) {
        (Value::Null, _) => "null",
        (Value::Blob(_), _) | (_, Kind::Json) => "code",
        _ => "",
    }
}

fn class(kind: Kind, value: &Value) -> String {
    match (column_class(kind), own_class(kind, value)) {
        ("", own) => own.to_owned(),
        (column, "") => column.to_owned(),
        (column, own) => format!("{column} {own}"),
    }
}

/// The whole value as text, nothing rounded.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => number(*value),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => taipan_web::format::plural(bytes.len() as u64, "byte"),
    }
}

/// A number in the fewest digits that say it exactly; with an exponent where it would be all zeros.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && size.is_finite() && !(1e-5..1e16).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// A value as a record's page shows it: JSON is laid out over lines, in the order it was written.
pub(super) fn full_text(kind: Kind, value: &Value) -> String {
    match value {
        Value::Text(json) if kind == Kind::Json => serde_json::from_str::<serde_json::Value>(json)
            .and_then(|json| serde_json::to_string_pretty(&json))
            .unwrap_or_else(|_| json.clone()),
        _ => text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_exactly() {
        let cases = [
            (Kind::Integer, Value::Null, "NULL", "num null"),
            (Kind::Integer, Value::Integer(-1_234_567), "-1234567", "num"),
            (Kind::Real, Value::Real(0.1), "0.1", "num"),
            (Kind::Real, Value::Real(5.0), "5", "num"),
            (Kind::Real, Value::Real(1e300), "1e300", "num"),
            (Kind::Real, Value::Real(-2.5e-9), "-2.5e-9", "num"),
            (Kind::Boolean, Value::Bool(true), "true", ""),
            (Kind::Text, Value::Text("NULL".into()), "NULL", ""),
            (Kind::Text, Value::Text(String::new()), "", ""),
            (Kind::Json, Value::Text("[1]".into()), "[1]", "code"),
            (Kind::Blob, Value::Blob(vec![0; 2_000]), "2,000 bytes", "code"),
        ];
        for (kind, value, text, class) in cases {
            let cell = Cell::new(kind, &value);
            assert_eq!((cell.text.as_str(), cell.class.as_str(), cell.long), (text, class, false), "{value:?}");
        }
    }

    #[test]
    fn long_text_is_clipped_between_characters() {
        let cell = Cell::new(Kind::Text, &Value::Text("é".repeat(10_000)));
        assert!(cell.long);
        assert_eq!(cell.text.chars().count(), CELL + 1);
        assert!(cell.text.ends_with('…'));
        assert!(!Cell::new(Kind::Text, &Value::Text("é".repeat(LONG))).long);
        assert!(Cell::new(Kind::Text, &Value::Text("é".repeat(LONG + 1))).long);
    }

    #[test]
    fn a_record_shows_json_over_lines() {
        let json = Value::Text(r#"{"b":1,"a":[]}"#.into());
        assert_eq!(full_text(Kind::Json, &json), "{\n  \"b\": 1,\n  \"a\": []\n}");
        assert_eq!(full_text(Kind::Json, &Value::Text("not json".into())), "not json");
        assert_eq!(full_text(Kind::Text, &json), r#"{"b":1,"a":[]}"#);
    }
}
