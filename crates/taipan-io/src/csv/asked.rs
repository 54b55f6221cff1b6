//! What the caller says about a CSV file; the rest is found out.

use crate::error::{Error, ErrorKind, Result};
use crate::given::Nulls;
use crate::input::ReadOptions;

/// What the caller says about a CSV file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) delimiter: Option<u8>,
    pub(crate) quote: Option<u8>,
    pub(crate) escape: Mark,
    pub(crate) comment: Mark,
    pub(crate) header: Option<bool>,
    /// Lines above the table.
    pub(crate) skip_lines: Option<usize>,
    pub(crate) pad: bool,
    pub(crate) nulls: Nulls,
}

/// A byte with a meaning that not every file gives to one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is found out.
    #[default]
    Sniffed,
    None,
    Byte(u8),
}

/// What is done about a CSV row with another number of fields than the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ragged {
    /// It is a bad record.
    #[default]
    Error,
    /// One that is too short has nulls at its end; one that is too long is a bad record only if what is too much is not
    /// empty.
    Pad,
}

/// What is said about CSV.
impl ReadOptions {
    /// The byte between CSV fields, else one of `, ; tab |`.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.csv.delimiter = Some(delimiter);
        self
    }

    /// The byte around CSV fields, else `"`, or `'` where the rows bear its marks.
    #[must_use]
    pub fn quote(mut self, quote: u8) -> Self {
        self.csv.quote = Some(quote);
        self
    }

    /// The byte that takes away the meaning of a quote inside quotes, beside the doubling that always does; none if
    /// nothing does. Else a backslash where the rows bear its marks.
    #[must_use]
    pub fn escape(mut self, escape: Option<u8>) -> Self {
        self.csv.escape = Mark::of(escape);
        self
    }

    /// The byte that makes a line which begins with it no row; none if nothing does. Else `#`, where a line that
    /// begins with it has not as many fields as the others, or is a note among the values of a list that are no text.
    #[must_use]
    pub fn comment(mut self, comment: Option<u8>) -> Self {
        self.csv.comment = Mark::of(comment);
        self
    }

    /// Whether the first CSV row holds the names of the columns.
    #[must_use]
    pub fn header(mut self, header: bool) -> Self {
        self.csv.header = Some(header);
        self
    }

    /// How many lines stand above a CSV file's table, else found out: rows of another width that a blank line parts from
    /// the table, or that stand above names of columns which are not all text.
    #[must_use]
    pub fn skip_lines(mut self, lines: usize) -> Self {
        self.csv.skip_lines = Some(lines);
        self
    }

    /// What is done about a CSV row of another width; it is an error, or a reject, unless set.
    #[must_use]
    pub fn ragged(mut self, ragged: Ragged) -> Self {
        self.csv.pad = ragged == Ragged::Pad;
        self
    }

    /// The texts that stand for a null in CSV, in columns of any type, if they are not in quotes; the empty one must be
    /// among them to be one.
    ///
    /// Unless set, an empty field is a null everywhere, `""` is an empty text, and `NA`, `N/A`, `NaN`, `null`, `NULL` and
    /// `None` are nulls in columns that are not text, where they could be nothing else, and text where they are.
    #[must_use]
    pub fn nulls<T: Into<Vec<u8>>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.csv.nulls = Nulls::of(texts.into_iter().map(Into::into).collect());
        self
    }

    /// One more of the texts that stand for a null, as [`nulls`](Self::nulls) has them.
    #[must_use]
    pub fn null(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.csv.nulls = self.csv.nulls.and(text.into());
        self
    }

    pub(crate) fn null_texts(&self) -> &Nulls {
        &self.csv.nulls
    }
}

impl Mark {
    fn of(byte: Option<u8>) -> Self {
        byte.map_or(Self::None, Self::Byte)
    }

    /// The bytes to try, the likeliest first; `usual` if the caller leaves it open and there is a reason to.
    pub(crate) fn candidates(self, usual: u8, reason: bool) -> Vec<Option<u8>> {
        match self {
            Self::Sniffed if reason => vec![None, Some(usual)],
            Self::Sniffed | Self::None => vec![None],
            Self::Byte(byte) => vec![Some(byte)],
        }
    }
}

impl Asked {
    /// Refuses bytes that cannot have the meaning they are given.
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |byte: u8, what: &str, reserved: &[u8], instead: &str| {
            if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) && !reserved.contains(&byte) {
                return Ok(());
            }
            let shown = char::from(byte).escape_default();
            let message = format!("`{shown}` cannot be {what}: expected an ASCII character but {instead}");
            Err(Error::new(ErrorKind::InvalidOption(message)))
        };
        let quote = self.quote.unwrap_or(b'"');
        let delimiter = self.delimiter.unwrap_or(b',');
        if self.delimiter.is_some() {
            invalid(delimiter, "a delimiter", &[quote], "no quote or newline")?;
        }
        invalid(quote, "a quote", &[delimiter], "no delimiter or newline")?;
        for (byte, what) in [(self.escape, "an escape"), (self.comment, "a comment")] {
            if let Mark::Byte(byte) = byte {
                invalid(byte, what, &[quote, delimiter], "no quote, delimiter or newline")?;
            }
        }
        Ok(())
    }
}
