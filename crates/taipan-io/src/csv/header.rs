//! Whether a CSV file's first row names its columns, and what the names are.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::Reading;
use super::columns::bare;
use super::dialect::Dialect;
use super::parser::first_row;
use super::quotes::unquote;
use crate::infer::{Guess, Kind};
use crate::value;

/// Rows below a pivot's years that are looked at.
const ROWS: usize = 50;

/// Whether a text is a number as half of Europe writes it: `-1,50`. It stays text, since `1,500` may be another one.
pub(super) fn has_decimal_comma(text: &[u8]) -> bool {
    let mut parts = text.strip_prefix(b"-").unwrap_or(text).split(|byte| *byte == b',');
    let mut digits = || parts.next().is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
    digits() && digits() && parts.next().is_none()
}

/// Whether the first row names the columns, given what the values below it are, and these themselves.
///
/// It does unless each of its cells could stand in its column just as well and some column is not text. Text alone
/// cannot tell, and is taken for names. A pivot's years can: they fit above numbers, but the numbers are no years.
pub(super) fn has_header(first: &[&[u8]], below: &[Guess], body: &[u8], reading: Reading) -> bool {
    let cells: Vec<Cell> = first.iter().zip(below).map(|(field, guess)| Cell::new(field, *guess, reading)).collect();
    if cells.iter().all(|cell| cell.text.is_empty()) {
        return false;
    }
    if cells.iter().any(|cell| cell.column == Kind::Utf8 && has_decimal_comma(&cell.text)) {
        return false;
    }
    let typed = cells.iter().any(|cell| !matches!(cell.column, Kind::Null | Kind::Utf8));
    !(typed && cells.iter().all(Cell::fits)) || years_above_other_values(&cells, body, reading)
}

/// A cell of the first row, and the type of the column below; where that has no values, it would be the cell's.
struct Cell<'a> {
    text: Cow<'a, [u8]>,
    kind: Kind,
    column: Kind,
}

impl<'a> Cell<'a> {
    fn new(field: &'a [u8], below: Guess, reading: Reading) -> Self {
        let text = bare(field, reading.dialect);
        let kind = if reading.nulls.is_missing(&text) { Kind::Null } else { Kind::of(&text) };
        let column = if below.kind() == Kind::Null { kind } else { below.kind() };
        Self { text, kind, column }
    }

    /// Whether the cell could be a value of its column.
    fn fits(&self) -> bool {
        match (self.kind, self.column) {
            (Kind::Null, _)
            | (_, Kind::Utf8)
            | (Kind::Int64, Kind::Float64)
            | (Kind::Date32, Kind::Timestamp | Kind::Instant)
            | (Kind::Timestamp, Kind::Date32 | Kind::Instant) => true,
            // `Inf` is a word as well as a float.
            (Kind::Float64, Kind::Int64) => self.text.iter().any(u8::is_ascii_digit),
            // Digits that are no number here, such as `007`.
            (Kind::Utf8, Kind::Int64 | Kind::Float64) => {
                self.text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'))
            }
            (cell, column) => cell == column,
        }
    }

    fn is_year(&self) -> bool {
        is_year(&self.text)
    }
}

/// Whether beside a name or a blank above text all cells are years, each another, above values that are not all years.
fn years_above_other_values(cells: &[Cell], body: &[u8], reading: Reading) -> bool {
    let mut seen = HashSet::new();
    let mut named = false;
    for cell in cells {
        match cell.kind {
            Kind::Utf8 => named = true,
            Kind::Null => named |= cell.column == Kind::Utf8,
            _ if cell.is_year() && seen.insert(&cell.text) => {}
            _ => return false,
        }
    }
    if !named || seen.is_empty() {
        return false;
    }
    let mut rest = body;
    let mut any = false;
    for _ in 0..ROWS {
        let Some((fields, next)) = first_row(rest, reading.dialect) else { break };
        for (cell, field) in cells.iter().zip(fields) {
            let text = bare(rest.get(field).unwrap_or_default(), reading.dialect);
            if cell.is_year() && !reading.nulls.is_missing(&text) {
                any = true;
                if !is_year(&text) {
                    return true;
                }
            }
        }
        rest = rest.get(next..).unwrap_or_default();
    }
    !any
}

fn is_year(text: &[u8]) -> bool {
    text.len() == 4 && value::int(text).is_some_and(|year| (1800..=2100).contains(&year))
}

/// Whether a header of some fields is that of a table whose first column has no name, as R writes the names of its
/// rows: all rows below have one field more, the first of which is another in each, and either text or their number.
pub(super) fn leaves_out_row_names(width: usize, body: &[u8], reading: Reading) -> bool {
    let mut seen = HashSet::new();
    let (mut text, mut counting, mut ends_empty) = (true, true, true);
    let mut rest = body;
    while seen.len() < ROWS
        && let Some((fields, next)) = first_row(rest, reading.dialect)
    {
        let field = |field: Option<&Range<usize>>| {
            bare(field.and_then(|field| rest.get(field.clone())).unwrap_or_default(), reading.dialect)
        };
        let (name, last) = (field(fields.first()), field(fields.last()));
        text &= Kind::of(&name) == Kind::Utf8;
        counting &= value::int(&name).is_some_and(|number| usize::try_from(number) == Ok(seen.len() + 1));
        // A delimiter at the end of each row is no column's.
        ends_empty &= last.is_empty();
        if fields.len() != width + 1 || !seen.insert(name) {
            return false;
        }
        rest = rest.get(next..).unwrap_or_default();
    }
    // A header of one field could be a title as well.
    width > 1 && seen.len() > 1 && (text || counting) && !ends_empty
}

/// The names of a header's columns, made unique: `a`, `a_2`; an empty one is `column_3`. Names that differ in the case
/// of ASCII letters alone are the same to a database, so they are here.
pub(super) fn names(header: &[&[u8]], dialect: Dialect) -> Vec<String> {
    let given: Vec<String> = header
        .iter()
        .enumerate()
        .map(|(i, field)| match String::from_utf8_lossy(&unquote(field, dialect)).trim() {
            "" => format!("column_{}", i + 1),
            name => name.to_owned(),
        })
        .collect();
    let folded: HashSet<String> = given.iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut taken = HashSet::new();
    // The number tried next for each name, so that a thousand equal names take a thousand steps.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut names: Vec<String> = Vec::with_capacity(given.len());
    for name in given {
        let key = name.to_ascii_lowercase();
        if taken.insert(key.clone()) {
            names.push(name);
            continue;
        }
        let number = numbers.entry(key.clone()).or_insert(2);
        // A made-up name must not take one that another column was given.
        let free = loop {
            let made = format!("{key}_{number}");
            if !folded.contains(&made) && taken.insert(made) {
                break *number;
            }
            *number += 1;
        };
        names.push(format!("{name}_{free}"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let cases = [
            ("a,b\n1,2\n", true),
            ("country,2019,2020\nFR,1,2\n", true),
            ("country,2019,2020\nFR,1.5,\nDE,,2\n", true),
            (",2019,2020\nFR,1,2\n", true),
            ("\"country\",\"2019\"\n\"FR\",7\n", true),
            ("country,2019\n", true),
            ("Inf,a\n1,2\n", true),
            ("Inf,a\n1,x\n", true),
            ("true,b\n1,2\n", true),
            ("true,b\n1,x\n", true),
            ("true,b\nx,y\n", true),
            ("day,2024-01-01\nx,5\n", true),
            ("name,name\nx,y\n", true),
            ("a\nb\n", true),
            ("a,b\n", true),
            ("id,note\n1,\n2,\n", true),
            (",tip\n0,1.5\n", true),
            ("1,2\n", false),
            ("1,2\n3,4\n", false),
            ("2019,2020\n1,2\n", false),
            ("0.5,1\n1,2\n", false),
            ("1,2.5\n0.5,3\n", false),
            ("FR,1,2\nDE,3,4\n", false),
            ("Ann,1985,170\nBob,1990,180\n", false),
            ("Ann,1985\nBob,1990\n", false),
            ("007,x\n12,y\n", false),
            ("1,,3\n4,5,6\n", false),
            ("NA,1\n2,3\n", false),
            ("true,x\nfalse,y\n", false),
            ("2024-01-01,x\n2024-01-02T10:00,y\n", false),
            (",\na,b\n", false),
        ];
        for (text, expected) in cases {
            let comma = Dialect::of(b',');
            let options = crate::ReadOptions::default();
            let mut refused = options.refused();
            let reading = Reading { dialect: comma, nulls: options.null_texts() };
            let inferred = crate::csv::infer(text.as_bytes(), reading, 0, None, true, &mut refused).unwrap().unwrap();
            assert_eq!(inferred.data > 0, expected, "{text:?}");
        }
    }

    #[test]
    fn headers_are_named_uniquely() {
        let cases: [(&[&str], &[&str]); 9] = [
            (&["a", "A"], &["a", "A_2"]),
            (&["A_2", "a", "A"], &["A_2", "a", "A_3"]),
            (&["a", "A", "a_2", "A"], &["a", "A_3", "a_2", "A_4"]),
            (&["é", "É", "", "Column_3"], &["é", "É", "column_3", "Column_3_2"]),
            (&["a", "b"], &["a", "b"]),
            (&["a", "a", ""], &["a", "a_2", "column_3"]),
            (&["a", "a", "a_2"], &["a", "a_3", "a_2"]),
            (&["a", "a", "a"], &["a", "a_2", "a_3"]),
            (&[" a ", "\"b \"\"c\"\"\""], &["a", "b \"c\""]),
        ];
        for (header, expected) in cases {
            let header: Vec<&[u8]> = header.iter().map(|name| name.as_bytes()).collect();
            assert_eq!(names(&header, Dialect::of(b',')), expected);
        }
    }
}
