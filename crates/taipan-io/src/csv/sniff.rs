//! What a CSV file does not say about itself: its delimiter, quote and newline, its escapes and comments, what stands
//! above its table.
//!
//! The plainest dialect is taken that explains the first rows: another one only if it explains more of them, or if the
//! rows bear its marks. Where that leaves a doubt the file is read as RFC 4180 has it, and a row of another width is an
//! error that names its line: a guess must not lose a row.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem};

use super::asked::{Asked, Mark};
use super::columns::bare;
use super::dialect::{Dialect, Fitting, Newline, is_note};
use super::header::has_decimal_comma;
use super::parser::first_row;
use super::quotes::is_broken;
use crate::infer::Kind;
use crate::value;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Rows that a dialect is judged by, and the most bytes they are looked for in.
const ROWS: usize = 50;
const BYTES: usize = 64 * 1024;

/// The dialect of a sample, and where its table begins; what the caller says stands.
pub(crate) fn dialect(sample: &[u8], asked: &Asked) -> (Dialect, usize) {
    let cut = sample.get(..sample.len().min(BYTES)).unwrap_or(sample);
    let newlines = newlines(cut);
    let newline = newlines.last().copied().unwrap_or(Newline::Lf);
    let mut plain = Dialect { newline, pad: asked.pad, ..Dialect::of(asked.delimiter.unwrap_or(b',')) };
    let mut top = 0;
    for _ in 0..asked.skip_lines.unwrap_or(0) {
        top = plain.line_end(sample, top).map_or(sample.len(), |end| {
            // One line's end, though each of the two would be one.
            end + if newline == Newline::Any && sample.get(end..end + 2) == Some(b"\r\n") { 2 } else { 1 }
        });
    }
    // A line that spreadsheets write, and take for an order.
    let order = sample.get(top..).unwrap_or_default();
    if asked.delimiter.is_none()
        && let [
            b's' | b'S',
            b'e' | b'E',
            b'p' | b'P',
            b'=',
            delimiter @ (b',' | b';' | b'\t' | b'|'),
            b'\n' | b'\r',
            ..,
        ] = order
    {
        plain.delimiter = *delimiter;
        top += 5;
    }
    let delimiter = (asked.delimiter.is_some() || plain.delimiter != b',').then_some(plain.delimiter);
    let top = if plain.line_end(sample, top) == Some(top) { top + 1 } else { top };
    let rest = sample.get(top..).unwrap_or_default();
    let text = rest.get(..rest.len().min(BYTES)).unwrap_or(rest);
    let (dialect, rows) = best(text, plain, newlines, delimiter, asked);
    let notes = asked.comment == Mark::Sniffed;
    let above = if asked.skip_lines.is_some() { 0 } else { preamble(text, dialect, &rows, notes) };
    let found =
        (asked.quote.is_none() && dialect.quote != b'"') || (asked.escape == Mark::Sniffed && dialect.escape.is_some());
    let guessed = found && agreement(text, dialect, &rows).broken == Reverse(0);
    (Dialect { guessed, ..dialect }, top + above)
}

/// What may end the rows, the likeliest first. A carriage return that stands alone, if others do not, may be text.
fn newlines(sample: &[u8]) -> &'static [Newline] {
    let alone = |at: usize| sample.get(at + 1).is_some_and(|next| *next != b'\n');
    // The last one may be cut off from its newline.
    let paired = memchr::memmem::find(sample, b"\r\n").is_some();
    if !memchr_iter(b'\r', sample).any(alone) && (paired || sample.last() != Some(&b'\r')) {
        &[Newline::Lf]
    } else if memchr(b'\n', sample).is_none() {
        &[Newline::Cr]
    } else {
        &[Newline::Lf, Newline::Any]
    }
}

/// The dialect that explains a text best, and its first rows in it.
fn best(
    text: &[u8],
    plain: Dialect,
    newlines: &[Newline],
    delimiter: Option<u8>,
    asked: &Asked,
) -> (Dialect, Vec<Row>) {
    let delimiters = delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
    let quotes = match asked.quote {
        Some(quote) => vec![quote],
        None if memchr(b'\'', text).is_some() => vec![b'"', b'\''],
        None => vec![b'"'],
    };
    let hashes =
        text.first() == Some(&b'#') || memmem::find(text, b"\n#").is_some() || memmem::find(text, b"\r#").is_some();
    let comments = asked.comment.candidates(b'#', hashes);
    let escapes = |quote: u8| asked.escape.candidates(b'\\', memmem::find(text, &[b'\\', quote]).is_some());
    let mut candidates = Vec::new();
    for &quote in &quotes {
        for &newline in newlines {
            for &comment in &comments {
                for escape in escapes(quote) {
                    let of = |&delimiter: &u8| {
                        let dialect = Dialect { delimiter, quote, escape, comment, newline, ..plain };
                        if asked.comment == Mark::Sniffed { fitted(text, dialect) } else { dialect }
                    };
                    candidates.extend(delimiters.iter().map(of));
                }
            }
        }
    }
    let mut best: Option<(Agreement, Dialect, Vec<Row>)> = None;
    // The first of equals wins, so the order of the candidates is the order of preference.
    for dialect in candidates {
        let rows = rows(text, dialect);
        let sure = asked.quote.is_some() || dialect.quote == b'"' || marked(text, dialect, &rows);
        let agreement = agreement(text, dialect, &rows);
        let wide = agreement.width > 1 || delimiters.len() == 1 || dialect.delimiter == b',';
        if sure && wide && best.as_ref().is_none_or(|best| prefer(text, &agreement, dialect, &rows, best)) {
            best = Some((agreement, dialect, rows));
        }
    }
    let (_, dialect, found) = best.unwrap_or_else(|| (Agreement::default(), plain, rows(text, plain)));
    // What says `# ` is a comment in a list of numbers, though it has one field as they have.
    if asked.comment == Mark::Sniffed && dialect.comment.is_none() && found.iter().any(|row| row.is_note(text)) {
        let noted = fitted(text, Dialect { comment: Some(b'#'), ..dialect });
        if noted.fitting.is_some_and(|fitting| fitting.notes) {
            return (noted, rows(text, noted));
        }
    }
    (dialect, found)
}

/// The dialect with the width that its rows have without comments, if it has comments.
fn fitted(text: &[u8], dialect: Dialect) -> Dialect {
    if dialect.comment.is_none() {
        return dialect;
    }
    let table = rows(text, dialect);
    let width = usual_width(&table);
    // A note has one field if it has no delimiter, so that in a list it tells itself from a value by its type alone.
    let notes = width == 1 && table.len() > 1 && is_typed(text, dialect, table.get(1..).unwrap_or_default(), 0);
    let all = rows(text, Dialect { comment: None, ..dialect });
    let hashed = |row: &Row| row.fields.len() == width && text.get(row.start) == dialect.comment.as_ref();
    let values = width > 1 && all.iter().any(|row| hashed(row) && !row.is_note(text));
    Dialect { fitting: Some(Fitting { width, notes, values }), ..dialect }
}

/// Whether a later candidate is better than the best one before it. The marks of its quotes speak for one that has
/// others, as long as it explains as much.
fn prefer(
    text: &[u8],
    agreement: &Agreement,
    dialect: Dialect,
    rows: &[Row],
    best: &(Agreement, Dialect, Vec<Row>),
) -> bool {
    let (known_agreement, known, known_rows) = best;
    let explains_as_much = (agreement.tight, agreement.agreeing) >= (known_agreement.tight, known_agreement.agreeing);
    // Nobody writes a carriage return as text without quotes, if it parts rows of one width as well.
    if dialect.newline != known.newline
        && (agreement.tight || agreement.width.max(known_agreement.width) <= 1)
        && known_rows.iter().any(|row| row.has_stray_return(text, *known))
    {
        return true;
    }
    // Or behind a comment, where it hides rows.
    if dialect.newline != known.newline && agreement == known_agreement && rows.len() > known_rows.len() {
        return true;
    }
    if dialect.quote != known.quote {
        return explains_as_much;
    }
    if known.delimiter == b',' && dialect.delimiter != b',' && explains_as_much && has_decimal_commas(text, rows) {
        return true;
    }
    agreement > known_agreement
}

/// Whether the commas are those of numbers, one in each: `1,50`.
fn has_decimal_commas(text: &[u8], rows: &[Row]) -> bool {
    let fields = rows.iter().flat_map(|row| &row.fields).map(|field| text.get(field.clone()).unwrap_or_default());
    let mut with_comma = fields.filter(|field| memchr(b',', field).is_some()).peekable();
    with_comma.peek().is_some() && with_comma.all(has_decimal_comma)
}

/// A row that is no comment, and not blank.
struct Row {
    start: usize,
    fields: Vec<Range<usize>>,
    /// A blank line stands above it.
    parted: bool,
    /// Another row follows, or nothing.
    is_followed: bool,
}

impl Row {
    fn is_note(&self, text: &[u8]) -> bool {
        text.get(self.start..).is_some_and(is_note)
    }

    /// Whether only the first of several fields says something, or none.
    fn is_filled_up(&self, text: &[u8], dialect: Dialect) -> bool {
        self.fields.len() > 2 && self.fields.iter().skip(1).all(|field| kind(text, dialect, field) == Kind::Null)
    }

    fn has_stray_return(&self, text: &[u8], dialect: Dialect) -> bool {
        let fields = self.fields.iter().map(|field| text.get(field.clone()).unwrap_or_default());
        let mut bare = fields.filter(|field| field.first() != Some(&dialect.quote));
        bare.any(|field| memchr(b'\r', field).is_some())
    }
}

/// The first rows of a text.
fn rows(text: &[u8], dialect: Dialect) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut at = 0;
    while rows.len() < ROWS
        && let Some((fields, next)) = first_row(text.get(at..).unwrap_or_default(), dialect)
    {
        let start = at + fields.first().map_or(0, |field| field.start);
        let between = text.get(at..start).unwrap_or_default();
        // The line feed of the row before is no blank line.
        let between =
            if dialect.newline == Newline::Any { between.strip_prefix(b"\n").unwrap_or(between) } else { between };
        let blank = between.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        let parted = !rows.is_empty() && blank && dialect.comment.is_none_or(|hash| !between.contains(&hash));
        let fields: Vec<_> = fields.into_iter().map(|field| at + field.start..at + field.end).collect();
        at += next;
        if at == text.len() && text.len() == BYTES && !rows.is_empty() {
            // Cut off by the limit, not by the file.
            break;
        }
        rows.push(Row { start, fields, parted, is_followed: true });
    }
    if rows.len() < ROWS
        && text.get(at..).is_some_and(|rest| memchr(dialect.quote, rest).is_some())
        && let Some(last) = rows.last_mut()
    {
        last.is_followed = false;
    }
    rows
}

/// How well a dialect explains the first rows; what is compared first stands first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Agreement {
    /// From the first row of the usual width on, all rows have it, and as a rule no blank follows the delimiter as it
    /// does a comma in a text.
    tight: bool,
    /// It is as if that were so, but for a few bad rows below the first one.
    firm: bool,
    /// Rows, per thousand, of the usual width.
    agreeing: usize,
    /// Fields that go on behind their closing quote.
    broken: Reverse<usize>,
    width: usize,
    /// The rows end where they are cut off, not with a quote that is never closed.
    closed: bool,
}

/// The rows from the first one of the usual width on.
struct Table<'r> {
    width: usize,
    /// How many stand above.
    above: usize,
    rows: &'r [Row],
    /// How many of them have the usual width.
    agreeing: usize,
    /// A blank follows most delimiters.
    blank: bool,
}

impl<'r> Table<'r> {
    fn of(text: &[u8], rows: &'r [Row]) -> Self {
        let width = usual_width(rows);
        let above = rows.iter().take_while(|row| row.fields.len() != width).count();
        let rows = rows.get(above..).unwrap_or_default();
        let agreeing = rows.iter().filter(|row| row.fields.len() == width).count();
        let parted: usize = rows.iter().map(|row| row.fields.len() - 1).sum();
        let begins_blank = |field: &&Range<usize>| text.get(field.start) == Some(&b' ');
        let blank = rows.iter().flat_map(|row| row.fields.iter().skip(1)).filter(begins_blank).count();
        Self { width, above, rows, agreeing, blank: 2 * blank >= parted }
    }

    fn is_even(&self) -> bool {
        self.agreeing == self.rows.len()
    }

    /// Whether so few rows have another width that these are likely to be bad ones.
    fn is_nearly_even(&self) -> bool {
        5 * self.agreeing >= 4 * self.rows.len()
            || (2 * self.agreeing > self.rows.len() && self.rows.iter().all(|row| row.fields.len() > 1))
    }
}

fn agreement(text: &[u8], dialect: Dialect, rows: &[Row]) -> Agreement {
    let table = Table::of(text, rows);
    let Table { width, above, .. } = table;
    let titled = above > 0 && preamble(text, dialect, rows, false) > 0;
    let fields = table.rows.iter().flat_map(|row| &row.fields).map(|field| text.get(field.clone()).unwrap_or_default());
    let broken = Reverse(fields.filter(|field| is_broken(field, dialect)).count());
    let closed = rows.last().is_none_or(|row| row.is_followed);
    let of = |width: usize| rows.iter().filter(|row| row.fields.len() == width).count();
    let share = |count: usize| count * 1000 / rows.len().max(1);
    // One column, by its name: what looks like a delimiter is text.
    let is_list = above > 0 && !titled && rows.first().is_some_and(|row| row.fields.len() == 1);
    if is_list {
        return Agreement { tight: false, firm: false, agreeing: share(of(1)), broken, width: 1, closed };
    }
    let most = 2 * table.agreeing > rows.len() || titled;
    let tight = table.is_even() && most && !table.blank;
    let firm = tight || (width > 1 && (above == 0 || titled) && most && table.is_nearly_even() && !table.blank);
    Agreement { tight, firm, agreeing: share(table.agreeing), broken, width, closed }
}

/// The width that most rows have, of equals the one that comes first; of rows that are not all of one field, not one.
fn usual_width(rows: &[Row]) -> usize {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for row in rows {
        let width = row.fields.len();
        match counts.iter_mut().find(|(known, _)| *known == width) {
            Some((_, count)) => *count += 1,
            None => counts.push((width, 1)),
        }
    }
    let wide = counts.iter().any(|(width, _)| *width > 1);
    counts.retain(|(width, _)| *width > 1 || !wide);
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(0, |(width, _)| *width)
}

/// Whether the rows bear the marks of a quote that is not the usual one: every field that begins with it ends with it,
/// and it is there for a reason, or around every value of a column.
fn marked(text: &[u8], dialect: Dialect, rows: &[Row]) -> bool {
    let quote = dialect.quote;
    let (mut reason, mut any) = (false, false);
    let mut columns: HashMap<usize, bool> = HashMap::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, field) in row.fields.iter().enumerate() {
            let field = text.get(field.clone()).unwrap_or_default();
            if field.first() == Some(&b'"') || field == [quote] {
                return false;
            }
            let quoted = field.first() == Some(&quote);
            if quoted {
                if field.last() != Some(&quote) {
                    return false;
                }
                any = true;
                let inner = field.get(1..field.len() - 1).unwrap_or_default();
                reason |= inner.iter().any(|byte| [quote, dialect.delimiter, b'\n', b'\r'].contains(byte));
            }
            // The name of a column may go without.
            if !field.is_empty() && (quoted || number > 0 || rows.len() == 1) {
                *columns.entry(column).or_insert(true) &= quoted;
            }
        }
    }
    any && (reason || columns.values().any(|quoted| *quoted))
}

/// How long what stands above the table is: rows of another width, if a blank line parts them from it, or if the first
/// row of the usual width names columns that are not all text; rows of one text that spreadsheets fill up to that width;
/// and notes, if they stand above such names.
fn preamble(text: &[u8], dialect: Dialect, rows: &[Row], notes: bool) -> usize {
    let table = Table::of(text, rows);
    let Table { width, above, .. } = table;
    let noted = if notes { table.rows.iter().take_while(|row| row.is_note(text)).count() } else { 0 };
    let filled = if above == 0 { rows.iter().take_while(|row| row.is_filled_up(text, dialect)).count() } else { 0 };
    for skipped in [noted, filled] {
        let named = table.rows.get(skipped..).unwrap_or_default();
        if let Some(names) = named.first().filter(|_| skipped > 0 && names_typed(text, dialect, named)) {
            return names.start;
        }
    }
    let Some(first) = table.rows.first().filter(|_| above > 0 && width > 1) else { return 0 };
    let parted = first.parted && table.rows.len() > 1 && table.is_even();
    // Names of all columns but the first are no title, though what they are is not sure.
    let one_short = rows.first().is_some_and(|row| above == 1 && row.fields.len() > 1 && row.fields.len() + 1 == width);
    let titled = || {
        let few = if table.is_even() { 3 } else { 10 };
        let sure = table.rows.len() >= few && table.is_nearly_even() && !table.blank;
        !one_short && sure && names_typed(text, dialect, table.rows)
    };
    if parted || titled() { first.start } else { 0 }
}

/// Whether a table's first row is all words, and some column below it all numbers, dates or truths.
fn names_typed(text: &[u8], dialect: Dialect, table: &[Row]) -> bool {
    let Some((names, below)) = table.split_first() else { return false };
    names.fields.iter().all(|field| kind(text, dialect, field) == Kind::Utf8)
        && (0..names.fields.len()).any(|column| is_typed(text, dialect, below, column))
}

/// Whether a column of some rows is all numbers, dates or truths.
fn is_typed(text: &[u8], dialect: Dialect, rows: &[Row], column: usize) -> bool {
    let fields = rows.iter().filter_map(|row| row.fields.get(column));
    !matches!(fields.map(|field| kind(text, dialect, field)).fold(Kind::Null, Kind::join), Kind::Null | Kind::Utf8)
}

fn kind(text: &[u8], dialect: Dialect, field: &Range<usize>) -> Kind {
    let field = bare(text.get(field.clone()).unwrap_or_default(), dialect);
    if value::is_missing(&field) { Kind::Null } else { Kind::of(&field) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniffed(text: &str) -> Dialect {
        dialect(text.as_bytes(), &Asked::default()).0
    }

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
            ("name;city, country\nA;B, C\n", b';'),
            ("name|city, country\nA|B, C\n", b'|'),
            ("a, b\n1, 2\n", b','),
            ("a; b\n1; 2\n", b';'),
            ("a;b\n1;x, y\n2;z\n", b';'),
            ("a,b;c\n1,2\n", b','),
            ("x,y,z;w\n1,2,3;4\n", b','),
            ("text\nhello, world\nbye; now, then\n", b','),
            ("a;b, c, d\n1;2, 3, 4\n", b';'),
        ];
        for (text, expected) in cases {
            assert_eq!(sniffed(text).delimiter, expected, "{text:?}");
        }
        let asked = Asked { delimiter: Some(b';'), ..Asked::default() };
        assert_eq!(dialect(b"a,b\n", &asked).0.delimiter, b';');
    }
}
