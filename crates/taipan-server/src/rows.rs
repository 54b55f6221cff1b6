//! Rows in a request's body: JSON objects, or CSV with a header, read to objects by field name.

use arrow_ipc::reader::StreamReader;
use indexmap::IndexMap;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use taipan::arrow::array::RecordBatch;
use taipan::arrow::error::ArrowError;
use taipan_web::StatusCode;

use crate::error::{Error, Result};

pub(crate) type Row = Map<String, Value>;

/// The members of an object as they are written.
pub(crate) type RawRow<'b> = IndexMap<String, &'b RawValue>;

/// Names, and lines of texts by them.
pub(crate) type Texts = (Vec<String>, Vec<Vec<Option<String>>>);

/// Arrow's stream of record batches.
///
/// # Errors
/// Bytes that are none.
pub(crate) fn from_arrow(body: &[u8]) -> Result<Vec<RecordBatch>> {
    let no_stream = |error: ArrowError| invalid(format!("the body is no Arrow stream: {error}"));
    let reader = StreamReader::try_new(body, None).map_err(no_stream)?;
    reader.map(|batch| batch.map_err(no_stream)).collect()
}

/// An array of objects, or one object, with their members as they are written: numbers as large and as exact.
///
/// # Errors
/// Text that is not JSON, by line and column; a member that is not an object, by row.
pub(crate) fn raw_from_json(body: &[u8]) -> Result<Vec<RawRow<'_>>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(invalid("the body is empty".to_owned())
            .hint("Send a JSON array of objects, one for each row, or a single object."));
    }
    let whole: &RawValue = serde_json::from_slice(body).map_err(|error| misread(&error))?;
    if whole.get().starts_with('{') {
        return Ok(vec![serde_json::from_str(whole.get()).map_err(|error| misread(&error))?]);
    }
    if !whole.get().starts_with('[') {
        return Err(invalid(format!("{}, expected an array of objects", described(whole))));
    }
    let members: Vec<&RawValue> = serde_json::from_str(whole.get()).map_err(|error| misread(&error))?;
    let mut rows = Vec::with_capacity(members.len());
    for (position, member) in members.into_iter().enumerate() {
        if !member.get().starts_with('{') {
            return Err(invalid(format!("row {}: {}, expected an object", position + 1, described(member))));
        }
        rows.push(serde_json::from_str(member.get()).map_err(|error| misread(&error))?);
    }
    Ok(rows)
}

/// The same as values.
///
/// # Errors
/// As [`raw_from_json`]; a number beyond all floats.
pub(crate) fn from_json(body: &[u8]) -> Result<Vec<Row>> {
    let value = |(name, raw): (String, &RawValue)| {
        let value = serde_json::from_str(raw.get());
        value.map(|value| (name.clone(), value)).map_err(|error| invalid(format!("'{name}': {error}")))
    };
    raw_from_json(body)?.into_iter().map(|row| row.into_iter().map(value).collect()).collect()
}

fn misread(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = text.strip_suffix(place.as_str()).unwrap_or(&text);
    invalid(format!("line {}, column {}: {reason}", error.line(), error.column()))
}

fn described(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

fn invalid(message: String) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "PGRST102", message)
}

/// A header with the fields' names, then a line for each row. A field that reads as a number is one, an empty one is
/// null, any other is text.
///
/// # Errors
/// A line with too few or too many fields, an open quote, a name twice; by line.
pub(crate) fn from_csv(body: &[u8]) -> Result<Vec<Row>> {
    let (names, mut lines) = header(body)?;
    let mut rows = Vec::new();
    while let Some((line, fields)) = lines.record()? {
        expect_fields(line, fields.len(), names.len())?;
        rows.push(names.iter().cloned().zip(fields.into_iter().map(Field::value)).collect());
    }
    Ok(rows)
}

/// The same as texts: a header, and for each line the fields by its names. An empty field and a bare `NULL` are none.
///
/// # Errors
/// As [`from_csv`].
pub(crate) fn texts_from_csv(body: &[u8]) -> Result<Texts> {
    let (names, mut lines) = header(body)?;
    let mut rows = Vec::new();
    while let Some((line, fields)) = lines.record()? {
        expect_fields(line, fields.len(), names.len())?;
        let text = |field: Field| {
            let is_null = !field.quoted && matches!(field.text.trim_matches([' ', '\t']), "" | "NULL");
            (!is_null).then_some(field.text)
        };
        rows.push(fields.into_iter().map(text).collect());
    }
    Ok((names, rows))
}

/// The names in the first line, and the lines after it.
fn header(body: &[u8]) -> Result<(Vec<String>, Lines<'_>)> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let line = body.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        invalid(format!("line {line}: the text is not valid UTF-8"))
    })?;
    let mut lines = Lines { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let Some((_, header)) = lines.record()? else {
        return Err(invalid("the body is empty".to_owned())
            .hint("Send a line with the fields' names, then a line for each row."));
    };
    let names: Vec<String> = header.into_iter().map(|field| field.text).collect();
    for (position, name) in names.iter().enumerate() {
        if names.iter().take(position).any(|earlier| earlier == name) {
            return Err(invalid(format!("the header names '{name}' twice")));
        }
    }
    Ok((names, lines))
}

fn expect_fields(line: usize, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let noun = if found == 1 { "field" } else { "fields" };
    Err(invalid(format!("line {line}: {found} {noun}, expected {expected}")))
}

struct Field {
    text: String,
    quoted: bool,
}

impl Field {
    fn value(self) -> Value {
        if self.quoted {
            return Value::String(self.text);
        }
        let text = self.text.trim_matches([' ', '\t']);
        if text.is_empty() {
            return Value::Null;
        }
        let whole = text.parse::<i64>().map(Number::from).ok();
        let number = whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
        number.map_or_else(|| Value::String(self.text.clone()), Value::Number)
    }
}

/// What is left of a CSV text, and the line it begins at.
struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

impl Lines<'_> {
    /// The next record and its first line; empty lines are passed over.
    fn record(&mut self) -> Result<Option<(usize, Vec<Field>)>> {
        while let Some(rest) = self.rest.strip_prefix('\n').or_else(|| self.rest.strip_prefix("\r\n")) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            if !self.rest.is_empty() {
                self.rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
                self.rest = self.rest.strip_prefix('\n').unwrap_or(self.rest);
                self.line += 1;
            }
            return Ok(Some((line, fields)));
        }
    }

    fn field(&mut self) -> Result<Field> {
        let Some(mut inner) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\n', '\r']).unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok(Field { text: text.to_owned(), quoted: false });
        };
        let (opened, mut text) = (self.line, String::new());
        loop {
            let Some((part, after)) = inner.split_once('"') else {
                return Err(invalid(format!("line {opened}: a quoted field is not closed")));
            };
            text.push_str(part);
            if let Some(more) = after.strip_prefix('"') {
                text.push('"');
                inner = more;
            } else {
                self.rest = after;
                break;
            }
        }
        self.line += text.matches('\n').count();
        if self.rest.is_empty() || self.rest.starts_with([',', '\n', '\r']) {
            Ok(Field { text, quoted: true })
        } else {
            Err(invalid(format!("line {}: text after the end of a quoted field", self.line)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::rest::csv_field;

    #[test]
    fn csv_fields_become_values() {
        let text = "\u{feff}a,b,c\r\n1,-2.5e3,x\r\n\r\n\"1\",,\" \"\n inf , 7 ,\"l\n\"\"m\"\"\"";
        let rows = from_csv(text.as_bytes()).expect("rows");
        assert_eq!(
            json!(rows),
            json!([
                { "a": 1, "b": -2500.0, "c": "x" },
                { "a": "1", "b": null, "c": " " },
                { "a": " inf ", "b": 7, "c": "l\n\"m\"" },
            ])
        );
    }

    #[test]
    fn csv_faults_are_told_by_line() {
        let cases: [(&[u8], &str); 6] = [
            (b"", "the body is empty"),
            (b"\n\n", "the body is empty"),
            (b"a,b\n1,2\n\n1,2,3\n", "line 4: 3 fields, expected 2"),
            (b"a,b\n\"x\ny\",\"z", "line 3: a quoted field is not closed"),
            (b"a,b\n\"x\ny\"z,1", "line 3: text after the end of a quoted field"),
            (b"a\n\xff\n", "line 2: the text is not valid UTF-8"),
        ];
        for (text, message) in cases {
            assert_eq!(from_csv(text).expect_err(message).message(), message);
        }
    }

    #[test]
    fn json_faults_are_told_by_place() {
        let cases = [
            (" \n", "the body is empty"),
            ("[{}, 1]", "row 2: a number, expected an object"),
            ("null", "null, expected an array of objects"),
            ("[{\n  \"a\" 1}]", "line 2, column 7: expected `:`"),
            ("[{}] x", "line 1, column 6: trailing characters"),
        ];
        for (text, message) in cases {
            assert_eq!(from_json(text.as_bytes()).expect_err(message).message(), message);
        }
    }

    proptest! {
        #[test]
        fn text_written_as_csv_is_read_back(texts in prop::collection::vec("[a-c ,\"\n\r\\PC]{0,8}", 1..6)) {
            let mut csv = String::from("name\n");
            for text in &texts {
                csv_field(&mut csv, text);
                csv.push('\n');
            }
            // A bare number or an unquoted blank is not text.
            let expected: Vec<Value> = texts
                .iter()
                .map(|text| match text.parse::<f64>() {
                    Ok(number) if number.is_finite() => Field { text: text.clone(), quoted: false }.value(),
                    _ => Value::String(text.clone()),
                })
                .collect();
            let rows = from_csv(csv.as_bytes()).expect("rows");
            prop_assert_eq!(rows.into_iter().map(|row| row["name"].clone()).collect::<Vec<_>>(), expected);
        }
    }
}
