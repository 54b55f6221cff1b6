//! References, and limits on what they may stand for: how deep, how much at once, how much beside the document's size.

use super::chars::{is_char, is_space};
use super::cursor::{Cursor, Flaw, Halt, Step, flaw};
use super::dtd::{Content, Dtd, inside};

/// Entities inside entities.
pub(super) const MAX_DEPTH: usize = 32;

/// All the text that the references of one record may stand for, in bytes.
pub(super) const MAX_TOTAL: u64 = 64 << 20;

/// Up to here the ratio does not matter.
pub(super) const FREE: u64 = 8 << 20;

/// The text that references stand for may be this many times the document so far.
pub(super) const MAX_RATIO: u64 = 100;

/// What a reference is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    Char(char),
    Entity(&'a str),
}

/// Steps over a reference, which the cursor stands at.
pub(super) fn reference<'a>(cursor: &mut Cursor<'a>) -> Step<Reference<'a>> {
    let start = cursor.at;
    cursor.at += 1;
    if cursor.peek()? != b'#' {
        let name = cursor.name("a name or `#` behind `&`; `&` alone is written `&amp;`")?;
        cursor.expect(";", "at the end of a reference")?;
        return Ok(match name {
            "lt" => Reference::Char('<'),
            "gt" => Reference::Char('>'),
            "amp" => Reference::Char('&'),
            "apos" => Reference::Char('\''),
            "quot" => Reference::Char('"'),
            name => Reference::Entity(name),
        });
    }
    cursor.at += 1;
    let radix = if cursor.peek()? == b'x' { 16 } else { 10 };
    cursor.at += usize::from(radix == 16);
    let digits = cursor.at;
    let mut number = 0u32;
    while let Some(digit) = char::from(cursor.peek()?).to_digit(radix) {
        number = number.saturating_mul(radix).saturating_add(digit);
        cursor.at += 1;
    }
    if cursor.at == digits {
        return flaw(digits, "expected the number of a character");
    }
    cursor.expect(";", "at the end of a reference")?;
    match char::from_u32(number).filter(|letter| is_char(*letter)) {
        Some(letter) => Ok(Reference::Char(letter)),
        None => flaw(start, format!("`{}` is no character that a document may hold", cursor.since(start))),
    }
}

/// How much text references have brought in so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Expansion {
    /// In this record.
    total: u64,
    /// In the document.
    all: u64,
    /// Bytes of the document so far; without them no ratio is watched.
    pub(super) read: Option<u64>,
}

impl Expansion {
    pub(super) fn watching(read: Option<u64>) -> Self {
        Self { total: 0, all: 0, read }
    }

    pub(super) fn next_record(&mut self) {
        self.total = 0;
    }

    /// Counts an entity's text.
    pub(super) fn enter(&mut self, name: &str, text: &str, depth: usize, at: usize) -> Step<()> {
        if depth > MAX_DEPTH {
            return flaw(at, format!("entity `{name}`: entities are nested deeper than {MAX_DEPTH}"));
        }
        self.add(name, text.len() as u64, at)
    }

    pub(super) fn add(&mut self, name: &str, size: u64, at: usize) -> Step<()> {
        self.total = self.total.saturating_add(size);
        self.all = self.all.saturating_add(size);
        if self.total > MAX_TOTAL {
            let limit = MAX_TOTAL >> 20;
            return flaw(at, format!("entity `{name}`: entities stand for more than {limit} MiB of text"));
        }
        if let Some(read) = self.read
            && self.all > FREE
            && self.all / MAX_RATIO > read
        {
            return flaw(
                at,
                format!("entity `{name}`: entities stand for more than {MAX_RATIO} times the document's own text"),
            );
        }
        Ok(())
    }
}

/// Adds an attribute's value to `value`: references replaced, blanks as spaces. `raw` stands at `at` of the document.
pub(super) fn attribute_value(
    dtd: &Dtd,
    raw: &str,
    at: usize,
    value: &mut String,
    expansion: &mut Expansion,
) -> Step<()> {
    let fits = |byte: u8| !matches!(byte, b'&' | b'<' | b'\t' | b'\n' | b'\r');
    if raw.bytes().all(fits) {
        value.push_str(raw);
        return Ok(());
    }
    let shifted = |halt| match halt {
        Halt::Flaw(flaw) => Halt::Flaw(Flaw { at: at + flaw.at, ..flaw }),
        Halt::More => match flaw::<()>(at + raw.len(), "a reference is not ended by `;`") {
            Err(halt) => halt,
            Ok(()) => Halt::More,
        },
    };
    expand(dtd, raw, value, expansion, &mut Vec::new()).map_err(shifted)
}

/// As [`attribute_value`], for the text of the document or of an entity.
fn expand<'d>(
    dtd: &'d Dtd,
    raw: &str,
    value: &mut String,
    expansion: &mut Expansion,
    open: &mut Vec<&'d str>,
) -> Step<()> {
    let mut cursor = Cursor::new(raw, 0);
    while let Some(&byte) = cursor.rest().first() {
        let start = cursor.at;
        match byte {
            b'<' => return flaw(start, "`<` in the value of an attribute, where it is written `&lt;`"),
            b'&' => match reference(&mut cursor)? {
                Reference::Char(letter) => value.push(letter),
                Reference::Entity(name) => match dtd.entities.get_key_value(name) {
                    Some((name, _)) if open.contains(&name.as_ref()) => {
                        return flaw(start, format!("entity `{name}` refers to itself"));
                    }
                    _ => match entity(dtd, name, start)? {
                        Some(Content::Text(text)) => {
                            expansion.enter(name, text, open.len() + 1, start)?;
                            let name = dtd.entities.get_key_value(name).map_or("", |(name, _)| name.as_ref());
                            open.push(name);
                            let expanded = expand(dtd, text, value, expansion, open);
                            open.pop();
                            expanded.map_err(|halt| inside("entity", name, start, halt))?;
                        }
                        Some(_) => {
                            let message = format!("external entity `{name}` in the value of an attribute");
                            return flaw(start, message);
                        }
                        None => value.push_str(cursor.since(start)),
                    },
                },
            },
            _ if is_space(byte) => {
                // A return and a line feed are one line end. In an entity's text they are two characters.
                let pair = open.is_empty() && cursor.rest().starts_with(b"\r\n");
                cursor.at += if pair { 2 } else { 1 };
                value.push(' ');
            }
            _ => {
                let rest = cursor.rest();
                let length = rest.iter().position(|byte| is_space(*byte) || matches!(byte, b'<' | b'&'));
                cursor.at += length.unwrap_or(rest.len());
                value.push_str(cursor.since(start));
            }
        }
    }
    Ok(())
}

/// What an entity is; nothing if it may be declared where nobody looks.
pub(super) fn entity<'d>(dtd: &'d Dtd, name: &str, at: usize) -> Step<Option<&'d Content>> {
    match dtd.entity(name) {
        Some(Content::Unparsed) => flaw(at, format!("entity `{name}` is no text and cannot be referred to")),
        Some(content) => Ok(Some(content)),
        None if dtd.knows_all() => flaw(at, format!("entity `{name}` is not declared")),
        None => Ok(None),
    }
}
