//! Rows as CSV: a header line, then a line for each row; a null is an empty field, an empty text is `""`.

use std::fmt::Write as _;

use taipan::store::{RowWriter, Rows, Value};

/// Writes row after row.
#[derive(Debug, Default)]
pub(super) struct Writer {
    line: String,
}

impl RowWriter for Writer {
    fn begin(&mut self, out: &mut Vec<u8>, columns: &[&str]) {
        self.line.clear();
        line(&mut self.line, columns.iter(), |text, name| field(text, name));
        out.extend_from_slice(self.line.as_bytes());
    }

    fn row(&mut self, out: &mut Vec<u8>, values: &[Value]) {
        self.line.clear();
        line(&mut self.line, values.iter(), value);
        out.extend_from_slice(self.line.as_bytes());
    }
}

/// All rows with their header.
pub(super) fn write(rows: &Rows) -> String {
    let mut text = String::new();
    line(&mut text, rows.columns.iter(), |text, column| field(text, &column.name));
    for row in &rows.rows {
        line(&mut text, row.iter(), value);
    }
    text
}

/// Rows without a header.
pub(crate) fn rows(rows: &[Vec<Value>]) -> String {
    let mut text = String::new();
    for row in rows {
        line(&mut text, row.iter(), value);
    }
    text
}

fn line<T>(text: &mut String, cells: impl Iterator<Item = T>, write: impl Fn(&mut String, T)) {
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            text.push(',');
        }
        write(text, cell);
    }
    text.push('\n');
}

fn value(text: &mut String, value: &Value) {
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Null => Ok(()),
        Value::Bool(value) => write!(text, "{value}"),
        Value::Integer(value) => write!(text, "{value}"),
        Value::Real(value) => write!(text, "{value}"),
        Value::Text(value) => {
            field(text, value);
            Ok(())
        }
        Value::Blob(bytes) => {
            text.push_str("\\x");
            bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"))
        }
    };
}

/// Appends a text as a field, in quotes where it would be read as something else without.
pub(crate) fn field(text: &mut String, value: &str) {
    let quoted =
        value.is_empty() || value.contains([',', '"', '\n', '\r']) || value.starts_with(' ') || value.ends_with(' ');
    if !quoted {
        text.push_str(value);
        return;
    }
    text.push('"');
    for (position, part) in value.split('"').enumerate() {
        if position > 0 {
            text.push_str("\"\"");
        }
        text.push_str(part);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let cases = [
            ("plain", "plain"),
            ("", "\"\""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" padded", "\" padded\""),
        ];
        for (input, expected) in cases {
            let mut text = String::new();
            field(&mut text, input);
            assert_eq!(text, expected, "{input}");
        }
    }

    #[test]
    fn values_are_written_in_full() {
        let cases = [
            (Value::Null, ""),
            (Value::Bool(true), "true"),
            (Value::Integer(i64::MIN), "-9223372036854775808"),
            (Value::Real(0.1), "0.1"),
            (Value::Real(1e300), &format!("{}", 1e300)),
            (Value::Blob(vec![0, 255]), "\\x00ff"),
        ];
        for (input, expected) in cases {
            let mut text = String::new();
            value(&mut text, &input);
            assert_eq!(text, expected);
        }
    }
}
