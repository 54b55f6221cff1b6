//! The CSV grammar: bytes in, the places of fields out. No I/O, no Arrow, no copying.
//!
//! # The cases
//!
//! | state            | quote          | delimiter    | newline     | other    |
//! |------------------|----------------|--------------|-------------|----------|
//! | start of a field | quoted         | end of field | end of row  | unquoted |
//! | unquoted         | unquoted       | end of field | end of row  | unquoted |
//! | quoted           | quote in quoted| quoted       | quoted      | quoted   |
//! | quote in quoted  | quoted         | end of field | end of row  | unquoted |
//!
//! So a quote opens only at the start of a field, a doubled one inside quotes is one quote, and a stray one anywhere
//! else is text. A dialect may have a backslash inside quotes take away the meaning of the next byte, and a byte at the
//! start of a row make all of that line a comment. [`plain`] follows all this byte by byte. The fast path of [`Parser`]
//! finds separators 64 bytes at a time and takes every quote for a toggle, which gives the same fields as long as each
//! quote that opens follows a separator or another quote; at the first one that does not, the rest of the bytes is left
//! to the plain path. A test holds the two together.
//!
//! A row's last field ends before a carriage return that stands before the newline. Blank rows are skipped.

use std::ops::Range;

use memchr::memchr;

use super::dialect::{Dialect, Newline};
use super::quotes::{closing_quote, is_broken};
use crate::scan;

/// The fields of some rows, all of one width.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    width: usize,
    starts: Vec<u32>,
    ends: Vec<u32>,
}

/// What breaks the grammar, at the row or quote where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Ragged {
        at: usize,
        end: usize,
        found: usize,
        expected: usize,
    },
    OpenQuote {
        at: usize,
    },
    /// A field that goes on behind the quote that closes it, where what the quotes are was guessed.
    BrokenQuote {
        at: usize,
        end: usize,
    },
}

impl Flaw {
    /// The row that has it, in bytes of some length.
    pub(crate) fn range(self, length: usize) -> Range<usize> {
        match self {
            Self::Ragged { at, end, .. } | Self::BrokenQuote { at, end } => at..end,
            Self::OpenQuote { at } => at..length,
        }
    }
}

/// Finds the rows of bytes that begin at the start of a row.
pub(crate) struct Parser<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
    path: Path,
    row: usize,
    /// The chunk under work and the bits of it not yet visited.
    base: usize,
    separators: u64,
    newlines: u64,
    next: usize,
    /// All ones when the next chunk begins inside quotes.
    inside: u64,
    /// One when a quote at the next chunk's first byte may open a field.
    may_open: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// Without a quote in sight.
    Unquoted,
    Quoted,
    Plain,
}

impl Rows {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub(crate) fn clear(&mut self) {
        self.starts.clear();
        self.ends.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Where a row is.
    pub(crate) fn range(&self, row: usize) -> Range<usize> {
        let start = self.starts.get(row).map_or(0, |start| *start as usize);
        let end = ((row + 1) * self.width).checked_sub(1).and_then(|last| self.ends.get(last));
        start..end.map_or(start, |end| *end as usize)
    }

    /// The place of one field.
    pub(crate) fn field(&self, row: usize, column: usize) -> Range<usize> {
        self.column(column).nth(row).unwrap_or_else(|| self.range(row))
    }

    /// The places of one column's fields, row by row, quotes included.
    #[inline]
    pub(crate) fn column(&self, column: usize) -> impl Iterator<Item = Range<usize>> {
        self.starts.iter().zip(self.ends.chunks_exact(self.width.max(1))).map(move |(&start, ends)| {
            let start = match column.checked_sub(1) {
                None => start,
                // One past the delimiter.
                Some(before) => ends.get(before).map_or(0, |end| end + 1),
            };
            start as usize..ends.get(column).map_or(0, |end| *end as usize)
        })
    }
}

impl<'a> Parser<'a> {
    /// `bytes` are fewer than 4 GiB and begin at the start of a row.
    pub(crate) fn new(bytes: &'a [u8], dialect: Dialect) -> Self {
        let path = if memchr(dialect.quote, bytes).is_none() {
            Path::Unquoted
        } else if dialect.needs_plain(bytes) {
            Path::Plain
        } else {
            Path::Quoted
        };
        Self::on_path(bytes, dialect, path)
    }

    pub(crate) fn on_path(bytes: &'a [u8], dialect: Dialect, path: Path) -> Self {
        Self { bytes, dialect, path, row: 0, base: 0, separators: 0, newlines: 0, next: 0, inside: 0, may_open: 1 }
    }

    /// Replaces `rows` by the next ones, at most `limit`; none when all were seen. At a flaw they are the ones before
    /// it, and the next call goes on behind the row that has it.
    pub(crate) fn fill(&mut self, rows: &mut Rows, limit: usize) -> Result<(), Flaw> {
        rows.clear();
        match self.path {
            Path::Unquoted => self.fast::<false>(rows, limit),
            Path::Quoted => self.fast::<true>(rows, limit),
            Path::Plain => self.plain(rows, limit),
        }
    }

    fn fast<const QUOTES: bool>(&mut self, rows: &mut Rows, limit: usize) -> Result<(), Flaw> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512vbmi2") && is_x86_feature_detected!("pclmulqdq") {
            return x86::fast::<QUOTES>(self, rows, limit);
        }
        self.fast_with::<QUOTES>(rows, limit, scan::equal, scan::parity, scan::flatten)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only within its callers may it use their registers")]
    fn fast_with<const QUOTES: bool>(
        &mut self,
        rows: &mut Rows,
        limit: usize,
        equal: impl Fn(&scan::Chunk, u8) -> u64,
        parity: impl Fn(u64) -> u64,
        flatten: impl Fn(&mut Vec<u32>, usize, u64),
    ) -> Result<(), Flaw> {
        loop {
            loop {
                // All fields that end before the next newline, at once.
                let before = self.newlines.wrapping_sub(1) & !self.newlines;
                flatten(&mut rows.ends, self.base, self.separators & before);
                if self.newlines == 0 {
                    break;
                }
                let newline = self.newlines.trailing_zeros() as usize;
                self.newlines &= self.newlines - 1;
                self.separators &= u64::MAX << newline << 1;
                self.end_row(rows, self.base + newline)?;
                if rows.len() >= limit {
                    return Ok(());
                }
            }
            self.separators = 0;
            if self.next >= self.bytes.len() {
                break;
            }
            if !self.load::<QUOTES>(&equal, &parity) {
                rows.ends.truncate(rows.starts.len() * rows.width);
                self.path = Path::Plain;
                return self.plain(rows, limit);
            }
        }
        if self.inside != 0 {
            rows.ends.truncate(rows.starts.len() * rows.width);
            return Err(self.open_quote());
        }
        self.end_of_bytes(rows)
    }

    /// Reads the masks of the next chunk; false when a quote in it is not what the fast path takes it for.
    #[inline]
    fn load<const QUOTES: bool>(
        &mut self,
        equal: impl Fn(&scan::Chunk, u8) -> u64,
        parity: impl Fn(u64) -> u64,
    ) -> bool {
        self.base = self.next;
        self.next += 64;
        let chunk = scan::chunk(self.bytes, self.base);
        self.newlines = match self.dialect.newline {
            Newline::Lf => equal(&chunk, b'\n'),
            Newline::Cr => equal(&chunk, b'\r'),
            Newline::Any => equal(&chunk, b'\n') | equal(&chunk, b'\r'),
        };
        self.separators = equal(&chunk, self.dialect.delimiter) | self.newlines;
        if QUOTES {
            let quotes = equal(&chunk, self.dialect.quote);
            let inside = parity(quotes) ^ self.inside;
            let openers = self.separators | quotes;
            let may_open = openers << 1 | self.may_open;
            if quotes & inside & !may_open != 0 {
                return false;
            }
            self.may_open = openers >> 63;
            self.inside = if inside >> 63 == 1 { u64::MAX } else { 0 };
            self.separators &= !inside;
            self.newlines &= !inside;
        }
        true
    }

    fn plain(&mut self, rows: &mut Rows, limit: usize) -> Result<(), Flaw> {
        while rows.len() < limit && self.row < self.bytes.len() {
            let Some(newline) = plain(self.bytes, self.row, self.dialect, &mut rows.ends) else {
                rows.ends.truncate(rows.starts.len() * rows.width);
                return Err(self.open_quote());
            };
            self.end_row(rows, newline)?;
        }
        Ok(())
    }

    /// The flaw of a row that takes all the bytes left.
    fn open_quote(&mut self) -> Flaw {
        let at = std::mem::replace(&mut self.row, self.bytes.len());
        (self.next, self.inside, self.separators, self.newlines) = (self.bytes.len(), 0, 0, 0);
        Flaw::OpenQuote { at }
    }

    fn end_of_bytes(&mut self, rows: &mut Rows) -> Result<(), Flaw> {
        if self.row < self.bytes.len() { self.end_row(rows, self.bytes.len()) } else { Ok(()) }
    }

    /// Gives a row whose fields end from `first` on the width of the others, if nothing is lost.
    fn padded(&self, rows: &mut Rows, first: usize, end: usize) -> bool {
        let kept = first + rows.width;
        let more = rows.ends.get(kept.wrapping_sub(1)).and_then(|last| self.bytes.get(*last as usize..end));
        if more
            .is_some_and(|more| more.iter().any(|byte| *byte != self.dialect.delimiter && !byte.is_ascii_whitespace()))
        {
            return false;
        }
        rows.ends.resize(kept, end as u32);
        true
    }

    fn end_row(&mut self, rows: &mut Rows, newline: usize) -> Result<(), Flaw> {
        let start = self.row;
        self.row = newline + 1;
        let end = before_return(self.bytes, start, newline, self.dialect);
        let first = rows.starts.len() * rows.width;
        if end == start && rows.ends.len() == first {
            return Ok(());
        }
        if self.dialect.is_comment(self.bytes, start) {
            rows.ends.truncate(first);
            return Ok(());
        }
        rows.ends.push(end as u32);
        let found = rows.ends.len() - first;
        if found != rows.width && !(self.dialect.pad && self.padded(rows, first, end)) {
            rows.ends.truncate(first);
            return Err(Flaw::Ragged { at: start, end, found, expected: rows.width });
        }
        if self.dialect.guessed && self.has_broken_quote(rows, first, start) {
            rows.ends.truncate(first);
            return Err(Flaw::BrokenQuote { at: start, end });
        }
        rows.starts.push(start as u32);
        Ok(())
    }

    /// Whether a quoted field of the row under work goes on behind its closing quote.
    fn has_broken_quote(&self, rows: &Rows, first: usize, start: usize) -> bool {
        let ends = rows.ends.get(first..).unwrap_or_default();
        let starts = std::iter::once(start).chain(ends.iter().map(|end| *end as usize + 1));
        starts.zip(ends).any(|(start, end)| {
            self.bytes.get(start..*end as usize).is_some_and(|field| is_broken(field, self.dialect))
        })
    }
}

/// Follows the table from the start of a row, adds the ends of all its fields but the last, and answers where its
/// newline or the end of the bytes is; nothing if that comes inside quotes.
fn plain(bytes: &[u8], start: usize, dialect: Dialect, ends: &mut Vec<u32>) -> Option<usize> {
    enum State {
        Start,
        Unquoted,
        Quoted,
        QuoteInQuoted,
    }
    if dialect.is_comment(bytes, start) {
        return Some(dialect.line_end(bytes, start).unwrap_or(bytes.len()));
    }
    let mut state = State::Start;
    let mut escaped = false;
    for (i, &byte) in bytes.iter().enumerate().skip(start) {
        state = match state {
            State::Quoted if escaped => {
                escaped = false;
                State::Quoted
            }
            State::Quoted if Some(byte) == dialect.escape => {
                escaped = true;
                State::Quoted
            }
            State::Quoted if byte == dialect.quote => State::QuoteInQuoted,
            State::Quoted => State::Quoted,
            State::Start | State::QuoteInQuoted if byte == dialect.quote => State::Quoted,
            _ if byte == dialect.delimiter => {
                ends.push(i as u32);
                State::Start
            }
            _ if dialect.is_newline(byte) => return Some(i),
            _ => State::Unquoted,
        };
    }
    if matches!(state, State::Quoted) { None } else { Some(bytes.len()) }
}

/// The first row that is not blank and no comment: the places of its fields and where the next one starts. Nothing if there is none,
/// or if it ends inside quotes.
pub(crate) fn first_row(bytes: &[u8], dialect: Dialect) -> Option<(Vec<Range<usize>>, usize)> {
    let mut start = 0;
    while start < bytes.len() {
        let mut ends = Vec::new();
        let newline = plain(bytes, start, dialect, &mut ends)?;
        let end = before_return(bytes, start, newline, dialect);
        if (end > start || !ends.is_empty()) && !dialect.is_comment(bytes, start) {
            ends.push(end as u32);
            let starts = std::iter::once(start).chain(ends.iter().map(|end| *end as usize + 1));
            let fields = starts.zip(&ends).map(|(start, end)| start..*end as usize).collect();
            return Some((fields, (newline + 1).min(bytes.len())));
        }
        start = newline + 1;
    }
    None
}

/// Where the last whole row of bytes that begin a row ends (0 if none does), and the quote left open, if any.
pub(crate) fn last_boundary(bytes: &[u8], dialect: Dialect) -> (usize, Option<usize>) {
    if dialect.needs_plain(bytes) {
        return plain_boundary(bytes, dialect);
    }
    let mut boundary = 0;
    let mut from = 0;
    let newline_before =
        |from: usize, to: usize| bytes.get(from..to).and_then(|text| dialect.last_line_end(text)).map(|i| from + i + 1);
    while let Some(i) = bytes.get(from..).and_then(|rest| memchr(dialect.quote, rest)) {
        let quote = from + i;
        boundary = newline_before(from, quote).unwrap_or(boundary);
        let before = quote.checked_sub(1).and_then(|i| bytes.get(i));
        let opens = before.is_none_or(|byte| *byte == dialect.delimiter || dialect.is_newline(*byte));
        from = quote + 1;
        if opens {
            match closing_quote(bytes, quote + 1, dialect) {
                Some(closing) => from = closing + 1,
                None => return (boundary, Some(quote)),
            }
        }
    }
    (newline_before(from, bytes.len()).unwrap_or(boundary), None)
}

fn plain_boundary(bytes: &[u8], dialect: Dialect) -> (usize, Option<usize>) {
    let mut start = 0;
    let mut ends = Vec::new();
    loop {
        ends.clear();
        match plain(bytes, start, dialect, &mut ends) {
            Some(newline) if newline < bytes.len() => start = newline + 1,
            Some(_) => return (start, None),
            // The row is what is left open; where exactly does not matter to a row that is lost.
            None => return (start, Some(start)),
        }
    }
}

/// Where the first row starts that is longer than a limit, as far as the bytes go; none if there is none.
pub(crate) fn first_too_long(bytes: &[u8], dialect: Dialect, limit: usize) -> Option<usize> {
    let mut start = 0;
    let mut ends = Vec::new();
    while bytes.len() - start > limit {
        ends.clear();
        let newline = plain(bytes, start, dialect, &mut ends).unwrap_or(bytes.len());
        if newline - start > limit {
            return Some(start);
        }
        start = (newline + 1).min(bytes.len());
    }
    None
}

fn before_return(bytes: &[u8], start: usize, newline: usize, dialect: Dialect) -> usize {
    let last = newline.checked_sub(1).and_then(|i| bytes.get(i));
    if newline > start && dialect.newline == Newline::Lf && last == Some(&b'\r') { newline - 1 } else { newline }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The same with the widest registers the processor has.
    #![expect(unsafe_code, reason = "every byte of a file is looked at, and this is twice as fast")]

    use super::{Flaw, Parser, Rows};
    use crate::scan::{carryless_parity, equal_avx512, flatten_packed};

    pub(super) fn fast<const QUOTES: bool>(parser: &mut Parser, rows: &mut Rows, limit: usize) -> Result<(), Flaw> {
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
        fn fast<const QUOTES: bool>(parser: &mut Parser, rows: &mut Rows, limit: usize) -> Result<(), Flaw> {
            parser.fast_with::<QUOTES>(
                rows,
                limit,
                |chunk, byte| equal_avx512(chunk, byte),
                |mask| carryless_parity(mask),
                |places, base, bits| flatten_packed(places, base, bits),
            )
        }
        assert!(is_x86_feature_detected!("avx512vbmi2") && is_x86_feature_detected!("pclmulqdq"));
        // SAFETY: the processor was asked for AVX-512VBMI2 and PCLMULQDQ; none has the first without AVX-512BW and the bit
        // counting of earlier ones.
        unsafe { fast::<QUOTES>(parser, rows, limit) }
    }
}

#[cfg(test)]
mod cases;
