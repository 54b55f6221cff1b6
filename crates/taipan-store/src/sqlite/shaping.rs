//! The functions by which SQLite builds nested JSON as this crate writes it, casts values strictly, and matches regular
//! expressions.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value as Stored, ValueRef};
use rusqlite::{Connection, Error as Sqlite, Result};

use crate::error::{Error, ErrorKind};
use crate::json;
use crate::kind::Kind;
use crate::sqlite::read::cell;
use crate::value::Value;

/// The memory of a compiled expression, at most.
const EXPRESSION_BYTES: usize = 1 << 20;

/// Registers `taipan_members(keys, value...)`, `taipan_cast(value, from, to)` and `taipan_match(pattern, text, case)`.
pub(crate) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("taipan_members", -1, flags, members)?;
    connection.create_scalar_function("taipan_cast", 3, flags, cast)?;
    connection.create_scalar_function("taipan_match", 3, flags, matches)
}

/// The keys of an object's members, and the kinds of their values; none for JSON as it is.
struct Keys(Vec<(Option<Kind>, String)>);

impl Keys {
    fn read(text: &str) -> Self {
        let line = |line: &str| {
            let (kind, key) = line.split_once(' ')?;
            Some((Kind::of_declared(kind), key.to_owned()))
        };
        Keys(text.lines().filter_map(line).collect())
    }
}

fn members(context: &Context<'_>) -> Result<String> {
    let keys = context.get_or_create_aux(0, |keys| -> Result<Keys> { Ok(Keys::read(keys.as_str().unwrap_or(""))) })?;
    let mut out = Vec::with_capacity(64);
    for (index, (kind, key)) in keys.0.iter().enumerate().take(context.len().saturating_sub(1)) {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key.as_bytes());
        write_value(&mut out, *kind, context.get_raw(index + 1));
    }
    Ok(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Appends a value of a kind, or JSON that a statement made.
pub(crate) fn write_value(out: &mut Vec<u8>, kind: Option<Kind>, value: ValueRef<'_>) {
    match (kind, value) {
        (None, ValueRef::Text(text)) => out.extend_from_slice(text),
        (None, _) => out.extend_from_slice(b"null"),
        (Some(kind), value) => json::write_cell(out, kind, cell(value)),
    }
}

fn cast(context: &Context<'_>) -> Result<ToSqlOutput<'static>> {
    let kind = |index| -> Result<Kind> {
        let name: String = context.get(index)?;
        Kind::of_declared(&name).ok_or_else(|| failed(Error::unsupported(name)))
    };
    let (from, to) = (kind(1)?, kind(2)?);
    let value = cell(context.get_raw(0)).value(from);
    let stored = match value {
        Value::Null => Stored::Null,
        value => stored(casted(&value, to).map_err(failed)?),
    };
    Ok(ToSqlOutput::Owned(stored))
}

/// A value as another kind, as PostgreSQL casts it.
fn casted(value: &Value, to: Kind) -> std::result::Result<Value, Error> {
    let text = value.cell().text();
    Ok(match (value, to) {
        (Value::Bool(value), Kind::Text) => Value::Text(value.to_string()),
        (Value::Bool(value), Kind::Integer) => Value::Integer(i64::from(*value)),
        (Value::Integer(value), Kind::Boolean) => Value::Bool(*value != 0),
        // Halves go to the even neighbour, as PostgreSQL rounds.
        (Value::Real(value), Kind::Integer) if value.abs() < 9e18 => Value::Integer(value.round_ties_even() as i64),
        (_, Kind::Text) => Value::Text(text.into_owned()),
        (Value::Text(text), Kind::Date) if text.len() > 10 => match Value::parse(Kind::Timestamp, text)? {
            Value::Text(moment) => Value::Text(moment.get(..10).unwrap_or(&moment).to_owned()),
            other => other,
        },
        (_, Kind::Json) if json::is_valid(text.as_bytes()) => Value::Text(text.into_owned()),
        (Value::Integer(value), Kind::Real) => Value::Real(*value as f64),
        (Value::Integer(_) | Value::Real(_) | Value::Bool(_), _) if to != Kind::Json => {
            value.coerce(to).map(Cow::into_owned)?
        }
        _ => Value::parse(to, &text)?,
    })
}

fn stored(value: Value) -> Stored {
    match value {
        Value::Null => Stored::Null,
        Value::Bool(value) => Stored::Integer(i64::from(value)),
        Value::Integer(value) => Stored::Integer(value),
        Value::Real(value) => Stored::Real(value),
        Value::Text(text) => Stored::Text(text),
        Value::Blob(bytes) => Stored::Blob(bytes),
    }
}

fn failed(error: Error) -> Sqlite {
    Sqlite::UserFunctionError(Box::new(error))
}

fn matches(context: &Context<'_>) -> Result<Option<bool>> {
    let value = context.get_raw(1);
    if value == ValueRef::Null || context.get_raw(0) == ValueRef::Null {
        return Ok(None);
    }
    let sensitive = context.get::<bool>(2)?;
    let expression = context.get_or_create_aux(0, |pattern| -> Result<Regex> {
        compile(pattern.as_str().unwrap_or(""), sensitive).map_err(failed)
    })?;
    Ok(Some(expression.is_match(&cell(value).text())))
}

/// A regular expression whose matching takes time in proportion to the text, and its compiling bounded memory.
pub(crate) fn compile(pattern: &str, case_sensitive: bool) -> std::result::Result<Regex, Error> {
    let built = RegexBuilder::new(pattern).case_insensitive(!case_sensitive).size_limit(EXPRESSION_BYTES).build();
    built.map_err(|error| Error::invalid_value(pattern, "a regular expression").because(error))
}

/// The error of a function above, as it was before it passed through SQLite.
pub(crate) fn cause(error: Sqlite) -> std::result::Result<Error, Sqlite> {
    // SQLite keeps the words alone.
    let Sqlite::SqliteFailure(_, Some(message)) = &error else { return Err(error) };
    let parts = message.rsplit_once(" is not ").filter(|(value, _)| value.starts_with('"') && value.ends_with('"'));
    match parts {
        Some((value, expected)) => Ok(Error::new(ErrorKind::InvalidValue {
            table: None,
            column: None,
            row: None,
            value: value.trim_matches('"').to_owned(),
            expected: expected.to_owned(),
        })),
        None => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_are_strict() {
        let text = |text: &str| Value::Text(text.to_owned());
        let cases = [
            (Value::Integer(5), Kind::Text, Some(text("5"))),
            (Value::Bool(true), Kind::Text, Some(text("true"))),
            (Value::Bool(true), Kind::Integer, Some(Value::Integer(1))),
            (Value::Real(2.5), Kind::Integer, Some(Value::Integer(2))),
            (Value::Real(1e30), Kind::Integer, None),
            (text("7"), Kind::Integer, Some(Value::Integer(7))),
            (text("7a"), Kind::Integer, None),
            (text("2024-02-29 13:00:00"), Kind::Date, Some(text("2024-02-29"))),
            (text("x"), Kind::Date, None),
            (Value::Integer(3), Kind::Real, Some(Value::Real(3.0))),
            (Value::Integer(3), Kind::Json, Some(text("3"))),
        ];
        for (value, to, expected) in cases {
            let cast = casted(&value, to);
            // An out-of-range number is kept, never cut: a REAL in an integer's place.
            let cast = cast.ok().filter(|cast| to != Kind::Integer || matches!(cast, Value::Integer(_)));
            assert_eq!(cast, expected, "{value:?} to {to}");
        }
    }

    #[test]
    fn expressions_are_bounded() {
        assert!(compile("^a.*b$", true).unwrap().is_match("axxb"));
        assert!(compile("É", false).unwrap().is_match("né"));
        assert!(compile("(", true).is_err());
        assert!(compile("(a{1000}){1000}", true).is_err());
    }
}
