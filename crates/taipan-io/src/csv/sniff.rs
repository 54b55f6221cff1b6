//! What a CSV file does not say about itself: its delimiter, its newline, whether its first row is a header.

use std::collections::HashSet;

use super::columns::bare;
use super::parser::{Dialect, first_row, unquote};
use crate::infer::{Guess, Kind};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Rows that a delimiter is judged by, and the most bytes they are looked for in.
const ROWS: usize = 50;
const BYTES: usize = 64 * 1024;

/// The dialect of a sample; a delimiter given by the caller stands.
pub(crate) fn dialect(sample: &[u8], delimiter: Option<u8>) -> Dialect {
    let newline =
        if memchr::memchr(b'\n', sample).is_none() && memchr::memchr(b'\r', sample).is_some() { b'\r' } else { b'\n' };
    let of = |delimiter| Dialect { delimiter, newline };
    if let Some(delimiter) = delimiter {
        return of(delimiter);
    }
    let sample = sample.get(..sample.len().min(BYTES)).unwrap_or(sample);
    // The first of equals wins, so the order of the candidates is the order of preference.
    let mut best = (0, 1, b',');
    for delimiter in DELIMITERS {
        let (agreeing, width) = agreement(sample, of(delimiter));
        if width > 1 && (agreeing, width) > (best.0, best.1) {
            best = (agreeing, width, delimiter);
        }
    }
    of(best.2)
}

/// How many of the first rows, per thousand, have as many fields as the first one, and how many those are.
fn agreement(sample: &[u8], dialect: Dialect) -> (usize, usize) {
    let (mut width, mut agreeing, mut rows) = (0, 0, 0);
    let mut rest = sample;
    while rows < ROWS
        && let Some((fields, next)) = first_row(rest, dialect)
    {
        rest = rest.get(next..).unwrap_or_default();
        if rows > 0 && rest.is_empty() && sample.len() == BYTES {
            // Cut off by the limit, not by the file.
            break;
        }
        if rows == 0 {
            width = fields.len();
        }
        agreeing += usize::from(fields.len() == width);
        rows += 1;
    }
    (agreeing * 1000 / rows.max(1), width)
}

/// Whether the first row names the columns, given what the values below it are.
///
/// It does if all of it is text and something below is not; if everything is text, it does unless a name repeats.
pub(super) fn has_header(first: &[&[u8]], below: &[Guess]) -> bool {
    let texts: Vec<_> = first.iter().map(|field| bare(field)).collect();
    let all_text = texts.iter().all(|text| matches!(Kind::of(text), Kind::Utf8 | Kind::Null));
    if !all_text || texts.iter().all(|text| text.is_empty()) {
        return false;
    }
    let typed_below = below.iter().any(|guess| !matches!(guess.kind(), Kind::Null | Kind::Utf8));
    let nothing_below = below.iter().all(|guess| guess.kind() == Kind::Null);
    let unique = texts.iter().filter(|text| !text.is_empty()).collect::<HashSet<_>>().len()
        == texts.iter().filter(|text| !text.is_empty()).count();
    typed_below || nothing_below || unique
}

/// The names of a header's columns, made unique: `a`, `a_2`; an empty one is `column_3`.
pub(super) fn names(header: &[&[u8]]) -> Vec<String> {
    let mut taken = HashSet::new();
    let given: Vec<String> = header
        .iter()
        .enumerate()
        .map(|(i, field)| match String::from_utf8_lossy(&unquote(field)).trim() {
            "" => format!("column_{}", i + 1),
            name => name.to_owned(),
        })
        .collect();
    let mut names: Vec<String> = Vec::with_capacity(given.len());
    for name in &given {
        let mut unique = name.clone();
        let mut number = 2;
        // A made-up name must not take one that a later column was given.
        while taken.contains(&unique) || (number > 2 && given.contains(&unique)) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        taken.insert(unique.clone());
        names.push(unique);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters() {
        let cases = [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n", b';'),
            ("a\tb\n1\t2,3\n", b'\t'),
            ("a|b\n1|2\n", b'|'),
            ("a\n1\n", b','),
            ("\"a;b\",c\n\"d;e\",f\n", b','),
            ("name;text\nx;hello, world\ny;a, b, c\n", b';'),
            ("", b','),
        ];
        for (text, expected) in cases {
            assert_eq!(dialect(text.as_bytes(), None).delimiter, expected, "{text:?}");
        }
        assert_eq!(dialect(b"a,b\n", Some(b';')).delimiter, b';');
        assert_eq!(dialect(b"a,b\r1,2\r", None).newline, b'\r');
    }

    #[test]
    fn headers_are_named_uniquely() {
        let cases: [(&[&str], &[&str]); 5] = [
            (&["a", "b"], &["a", "b"]),
            (&["a", "a", ""], &["a", "a_2", "column_3"]),
            (&["a", "a", "a_2"], &["a", "a_3", "a_2"]),
            (&["a", "a", "a"], &["a", "a_2", "a_3"]),
            (&[" a ", "\"b \"\"c\"\"\""], &["a", "b \"c\""]),
        ];
        for (header, expected) in cases {
            let header: Vec<&[u8]> = header.iter().map(|name| name.as_bytes()).collect();
            assert_eq!(names(&header), expected);
        }
    }
}
