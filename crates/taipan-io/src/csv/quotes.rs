//! What stands between quotes.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::dialect::Dialect;

/// The text of a field: without its quotes, doubled and escaped ones as one.
pub(super) fn unquote(field: &[u8], dialect: Dialect) -> Cow<'_, [u8]> {
    let Some(inner) = field.strip_prefix(&[dialect.quote]) else { return Cow::Borrowed(field) };
    let special = |text: &[u8]| match dialect.escape {
        Some(escape) => memchr2(dialect.quote, escape, text).is_some(),
        None => memchr(dialect.quote, text).is_some(),
    };
    if let Some(inner) = inner.strip_suffix(&[dialect.quote])
        && !special(inner)
    {
        return Cow::Borrowed(inner);
    }
    let closing = closing_quote(field, 1, dialect).unwrap_or(field.len());
    let quoted = field.get(1..closing).unwrap_or_default();
    let after = field.get(closing + 1..).unwrap_or_default();
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = quoted.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        // Of two quotes one is text, and so is what stands escaped, if it is something that needs it.
        let next = bytes.peek().copied();
        let pair = (byte == dialect.quote && next == Some(dialect.quote))
            || (Some(byte) == dialect.escape && (next == Some(dialect.quote) || next == dialect.escape));
        text.push(if pair { bytes.next().unwrap_or(byte) } else { byte });
    }
    text.extend_from_slice(after);
    Cow::Owned(text)
}

/// The quote that ends a quoted text: the first that is neither doubled nor escaped.
pub(super) fn closing_quote(bytes: &[u8], mut from: usize, dialect: Dialect) -> Option<usize> {
    loop {
        let rest = bytes.get(from..)?;
        let at = match dialect.escape {
            Some(escape) => memchr2(dialect.quote, escape, rest),
            None => memchr(dialect.quote, rest),
        }?;
        let quote = from + at;
        let escapes = dialect.escape.is_some() && bytes.get(quote).copied() == dialect.escape;
        if !escapes && bytes.get(quote + 1) != Some(&dialect.quote) {
            return Some(quote);
        }
        from = quote + 2;
    }
}

/// Whether a field in quotes has more than blanks behind the one that closes it.
pub(super) fn is_broken(field: &[u8], dialect: Dialect) -> bool {
    field.first() == Some(&dialect.quote)
        && closing_quote(field, 1, dialect)
            .is_none_or(|at| field.get(at + 1..).is_some_and(|rest| !rest.trim_ascii().is_empty()))
}
