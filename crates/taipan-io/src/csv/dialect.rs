//! How a file parts its fields and rows.

use memchr::{memchr, memchr2, memrchr, memrchr2};

use super::quotes::closing_quote;
use crate::blocks::ANY_NEWLINE;

/// How fields and rows are parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    /// Takes away the meaning of a quote, or of itself, inside quotes.
    pub(crate) escape: Option<u8>,
    /// Makes a line that begins with it no row.
    pub(crate) comment: Option<u8>,
    /// Where comments were found out, not asked for: the lines among them that are rows all the same.
    pub(crate) fitting: Option<Fitting>,
    pub(crate) newline: Newline,
    /// A row that is too short has empty fields at its end; one that is too long may, if what is too much is empty.
    pub(crate) pad: bool,
    /// The quote or the escape was found out, and no field of the first rows goes on behind its closing quote: one that
    /// does shows that rows were taken for one text.
    pub(crate) guessed: bool,
}

/// The lines that begin as a comment does and are rows all the same: a guess must not lose them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fitting {
    /// They have as many fields.
    pub(crate) width: usize,
    /// Those that go on as a note does, with a blank or another mark, are comments for all that.
    pub(crate) notes: bool,
    /// Values begin so too: only what goes on as a note does is a comment, and any other line a row.
    pub(crate) values: bool,
}

/// What ends a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newline {
    /// A line feed, with or without a carriage return before it.
    Lf,
    /// A carriage return.
    Cr,
    /// Either, or both together, by turns in one file.
    Any,
}

impl Dialect {
    /// RFC 4180, but for the delimiter.
    pub(crate) fn of(delimiter: u8) -> Self {
        Self {
            delimiter,
            quote: b'"',
            escape: None,
            comment: None,
            fitting: None,
            newline: Newline::Lf,
            pad: false,
            guessed: false,
        }
    }

    /// The byte that ends lines in messages.
    pub(crate) fn line_byte(self) -> u8 {
        match self.newline {
            Newline::Lf => b'\n',
            Newline::Cr => b'\r',
            Newline::Any => ANY_NEWLINE,
        }
    }

    pub(super) fn is_newline(self, byte: u8) -> bool {
        match self.newline {
            Newline::Lf => byte == b'\n',
            Newline::Cr => byte == b'\r',
            Newline::Any => byte == b'\n' || byte == b'\r',
        }
    }

    pub(super) fn is_comment(self, bytes: &[u8], start: usize) -> bool {
        self.comment.is_some()
            && bytes.get(start).copied() == self.comment
            && self.fitting.is_none_or(|fitting| {
                let end = self.line_end(bytes, start).unwrap_or(bytes.len());
                let line = bytes.get(start..end).unwrap_or_default();
                (fitting.notes && is_note(line))
                    || ((!fitting.values || is_note(line)) && self.line_width(line) != Some(fitting.width))
            })
    }

    /// How many fields a line has; nothing if it ends inside quotes.
    fn line_width(self, line: &[u8]) -> Option<usize> {
        let (mut width, mut at) = (1, 0);
        loop {
            if line.get(at) == Some(&self.quote) {
                at = closing_quote(line, at + 1, self)? + 1;
            }
            let Some(next) = line.get(at..).and_then(|rest| memchr(self.delimiter, rest)) else { return Some(width) };
            width += 1;
            at += next + 1;
        }
    }

    /// Where the first newline from `start` on is, quotes or not.
    pub(crate) fn line_end(self, bytes: &[u8], start: usize) -> Option<usize> {
        let rest = bytes.get(start..)?;
        let end = match self.newline {
            Newline::Lf => memchr(b'\n', rest),
            Newline::Cr => memchr(b'\r', rest),
            Newline::Any => memchr2(b'\n', b'\r', rest),
        };
        end.map(|end| start + end)
    }

    pub(super) fn last_line_end(self, bytes: &[u8]) -> Option<usize> {
        match self.newline {
            Newline::Lf => memrchr(b'\n', bytes),
            Newline::Cr => memrchr(b'\r', bytes),
            Newline::Any => memrchr2(b'\n', b'\r', bytes),
        }
    }

    /// Whether these bytes hold escapes or comments, which only the plain path knows about, beside quotes.
    pub(super) fn needs_plain(self, bytes: &[u8]) -> bool {
        let escapes = self.escape.is_some_and(|escape| memchr(escape, bytes).is_some());
        let comments = || self.comment.is_some_and(|comment| memchr(comment, bytes).is_some());
        (escapes || comments()) && memchr(self.quote, bytes).is_some()
    }
}

/// Whether a line goes on behind its `#` as a note does.
pub(super) fn is_note(line: &[u8]) -> bool {
    matches!(line, [b'#'] | [b'#', b' ' | b'\t' | b'#' | b'\n' | b'\r', ..])
}
