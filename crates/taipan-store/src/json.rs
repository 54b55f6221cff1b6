//! Values as JSON bytes, the way PostgreSQL writes them: a whole REAL has no fraction (`1`), an infinite one is the
//! string `"Infinity"`, a timestamp has a `T`, bytes are `"\\x00ff"`, and a JSON column is embedded as it is.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::kind::Kind;
use crate::sql::Query;
use crate::value::Cell;

/// Appends a value of a column of a kind.
pub(crate) fn write_cell(out: &mut Vec<u8>, kind: Kind, cell: Cell<'_>) {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Integer(value) => match (kind, value) {
            (Kind::Boolean, 0) => out.extend_from_slice(b"false"),
            (Kind::Boolean, 1) => out.extend_from_slice(b"true"),
            (Kind::Text, _) => {
                out.push(b'"');
                write_integer(out, value);
                out.push(b'"');
            }
            _ => write_integer(out, value),
        },
        Cell::Real(_) if kind == Kind::Text => write_text(out, cell.text().as_bytes()),
        Cell::Real(value) => write_number(out, value),
        Cell::Text(text) => match kind {
            Kind::Json if is_valid(text) => out.extend_from_slice(text),
            Kind::Timestamp => {
                let start = out.len();
                write_text(out, text);
                // The quote, then ten bytes of a date.
                if let Some(separator @ b' ') = out.get_mut(start + 11) {
                    *separator = b'T';
                }
            }
            _ => write_text(out, text),
        },
        Cell::Day(_) => write_text(out, cell.text().as_bytes()),
        Cell::Moment(_) => write_cell(out, Kind::Timestamp, Cell::Text(cell.text().as_bytes())),
        Cell::Blob(bytes) => {
            out.extend_from_slice(br#""\\x"#);
            write_hex(out, bytes);
            out.push(b'"');
        }
    }
}

/// A column of rows that are written as objects.
pub(crate) struct JsonColumn<'a> {
    kind: Kind,
    /// The key, quoted and escaped, with its colon.
    key: Cow<'a, str>,
}

impl<'a> JsonColumn<'a> {
    pub(crate) fn of(query: &Query<'a>) -> Vec<JsonColumn<'a>> {
        let columns = query.columns.iter().map(|output| {
            let own_name = output.name == output.column.name;
            let key = if own_name { Cow::Borrowed(&*output.column.key) } else { Cow::Owned(key(output.name)) };
            JsonColumn { kind: output.column.kind, key }
        });
        columns.collect()
    }

    pub(crate) fn into_owned(self) -> JsonColumn<'static> {
        JsonColumn { kind: self.kind, key: Cow::Owned(self.key.into_owned()) }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Appends its cell of a row; the caller closes the object.
    #[inline]
    pub(crate) fn write(&self, body: &mut Vec<u8>, is_first: bool, cell: Cell<'_>) {
        body.push(if is_first { b'{' } else { b',' });
        body.extend_from_slice(self.key.as_bytes());
        write_cell(body, self.kind, cell);
    }
}

/// A name as the key of an object, with its quotes and the colon.
pub(crate) fn key(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len() + 3);
    write_text(&mut out, name.as_bytes());
    out.push(b':');
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether the text is one JSON value.
pub(crate) fn is_valid(text: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(text).is_ok()
}

/// Appends a string. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    // Most text is short, and stands as it is.
    if text.iter().all(|byte| PLAIN[usize::from(*byte)]) {
        out.extend_from_slice(text);
    } else {
        write_escaped(out, &String::from_utf8_lossy(text));
    }
    out.push(b'"');
}

/// The ASCII characters that a JSON string holds unescaped.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x80 {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\') {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        if let Some((byte, tail)) = tail.split_first() {
            write_escape(out, *byte);
            rest = tail;
        }
    }
    out.extend_from_slice(rest);
}

/// Appends a number in the shortest form that reads back the same. An infinity becomes a string; NaN, which no
/// engine stores, becomes null.
pub(crate) fn write_number(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        // Writing to a Vec cannot fail, nor can a finite number.
        let _ = serde_json::to_writer(&mut *out, &value);
        if out.ends_with(b".0") {
            out.truncate(out.len() - 2);
        }
    } else if value.is_nan() {
        out.extend_from_slice(b"null");
    } else {
        out.extend_from_slice(if value > 0.0 { br#""Infinity""# } else { br#""-Infinity""# });
    }
}

/// Appends bytes as hexadecimal digits.
pub(crate) fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

fn write_integer(out: &mut Vec<u8>, value: i64) {
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(out, &value);
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            write_hex(out, &[byte]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(kind: Kind, cell: Cell<'_>) -> String {
        let mut out = Vec::new();
        write_cell(&mut out, kind, cell);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values() {
        let cases = [
            (Kind::Integer, Cell::Null, "null"),
            (Kind::Integer, Cell::Integer(i64::MIN), "-9223372036854775808"),
            (Kind::Boolean, Cell::Integer(1), "true"),
            (Kind::Boolean, Cell::Integer(0), "false"),
            (Kind::Boolean, Cell::Integer(7), "7"),
            (Kind::Boolean, Cell::Text(b"maybe"), r#""maybe""#),
            (Kind::Real, Cell::Real(1.0), "1"),
            (Kind::Real, Cell::Real(0.1), "0.1"),
            (Kind::Real, Cell::Real(-1e300), "-1e+300"),
            (Kind::Real, Cell::Real(f64::INFINITY), r#""Infinity""#),
            (Kind::Real, Cell::Real(f64::NEG_INFINITY), r#""-Infinity""#),
            (Kind::Text, Cell::Integer(5), r#""5""#),
            (Kind::Text, Cell::Real(2.5), r#""2.5""#),
            (Kind::Text, Cell::Text(b"a\"b\\c\n\t\x01\0"), r#""a\"b\\c\n\t\u0001\u0000""#),
            (Kind::Text, Cell::Text("né\u{1f40d}".as_bytes()), "\"né\u{1f40d}\""),
            (Kind::Text, Cell::Text(b"bad\xff"), "\"bad\u{fffd}\""),
            (Kind::Date, Cell::Text(b"2024-02-29"), r#""2024-02-29""#),
            (Kind::Timestamp, Cell::Text(b"2024-02-29 13:00:00"), r#""2024-02-29T13:00:00""#),
            (Kind::Timestamp, Cell::Text(b"2024"), r#""2024""#),
            (Kind::Timestamp, Cell::Integer(1_709_211_600), "1709211600"),
            (Kind::Json, Cell::Text(br#"{"a": [1, null]}"#), r#"{"a": [1, null]}"#),
            (Kind::Json, Cell::Text(b"{not json"), r#""{not json""#),
            (Kind::Json, Cell::Text(b"1 2"), r#""1 2""#),
            (Kind::Blob, Cell::Blob(&[0, 255]), r#""\\x00ff""#),
        ];
        for (kind, cell, expected) in cases {
            assert_eq!(written(kind, cell), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in any::<String>()) {
            let read: String = serde_json::from_str(&written(Kind::Text, Cell::Text(text.as_bytes()))).unwrap();
            prop_assert_eq!(read, text);
        }

        #[test]
        fn any_number_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let text = written(Kind::Real, Cell::Real(value));
            prop_assert!(is_valid(text.as_bytes()));
            if value.is_finite() {
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            } else {
                prop_assert!(text == "null" || text.starts_with('"'));
            }
        }

        #[test]
        fn any_cell_is_one_json_value(bytes in any::<Vec<u8>>(), kind in 0..8_usize) {
            use Kind::{Blob, Boolean, Date, Integer, Json, Real, Text, Timestamp};
            let kind = [Boolean, Integer, Real, Text, Date, Timestamp, Json, Blob][kind];
            for cell in [Cell::Text(&bytes), Cell::Blob(&bytes)] {
                prop_assert!(is_valid(written(kind, cell).as_bytes()));
            }
        }
    }
}
