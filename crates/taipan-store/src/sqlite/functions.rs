//! The text functions that SQLite lacks: LIKE that knows case in every alphabet, and "contains".

use std::convert::Infallible;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};

use crate::sqlite::read::cell;

/// Registers `taipan_like(pattern, text, case_sensitive)` and `taipan_contains(text, value...)`.
pub(crate) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("taipan_like", 3, flags, like)?;
    connection.create_scalar_function("taipan_contains", -1, flags, contains)?;
    super::shaping::register(connection)
}

fn like(context: &Context<'_>) -> Result<Option<bool>> {
    let value = context.get_raw(1);
    if value == ValueRef::Null || context.get_raw(0) == ValueRef::Null {
        return Ok(None);
    }
    let case = if context.get::<bool>(2)? { Case::Sensitive } else { Case::Insensitive };
    let pattern =
        context.get_or_create_aux(0, |pattern| Ok::<_, Infallible>(Pattern::new(&cell(pattern).text(), case)))?;
    Ok(Some(pattern.matches(&cell(value).text())))
}

fn contains(context: &Context<'_>) -> Result<bool> {
    let needle = context.get_or_create_aux(0, |needle| Ok::<_, Infallible>(Needle::new(&cell(needle).text())))?;
    Ok((1..context.len()).any(|index| match context.get_raw(index) {
        ValueRef::Null => false,
        value => needle.is_in(&cell(value).text()),
    }))
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Sensitive,
    Insensitive,
}

/// A LIKE pattern, parsed.
struct Pattern {
    tokens: Vec<Token>,
    case: Case,
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Char(char),
    AnyChar,
    AnyText,
}

impl Pattern {
    fn new(pattern: &str, case: Case) -> Self {
        let mut tokens = Vec::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            tokens.push(match char {
                '%' if tokens.last() == Some(&Token::AnyText) => continue,
                '%' => Token::AnyText,
                '_' => Token::AnyChar,
                '\\' => Token::Char(fold(chars.next().unwrap_or('\\'), case)),
                other => Token::Char(fold(other, case)),
            });
        }
        Pattern { tokens, case }
    }

    /// Matches with one step back: to the last `%`, which then takes one character more. An earlier `%` never needs
    /// to, so the time is at most the product of both lengths.
    fn matches(&self, text: &str) -> bool {
        let (mut rest, mut at) = (text.chars(), 0);
        let mut again: Option<(std::str::Chars<'_>, usize)> = None;
        loop {
            if self.tokens.get(at) == Some(&Token::AnyText) {
                at += 1;
                again = Some((rest.clone(), at));
                continue;
            }
            let mut after = rest.clone();
            match (self.tokens.get(at), after.next()) {
                (None, None) => return true,
                (Some(Token::AnyChar), Some(_)) => (rest, at) = (after, at + 1),
                (Some(Token::Char(token)), Some(char)) if *token == fold(char, self.case) => {
                    (rest, at) = (after, at + 1);
                }
                _ => {
                    let Some((taken, start)) = &mut again else { return false };
                    if taken.next().is_none() {
                        return false;
                    }
                    (rest, at) = (taken.clone(), *start);
                }
            }
        }
    }
}

/// A text to look for in any case.
struct Needle {
    folded: Vec<char>,
    /// The same as bytes, where they are ASCII.
    ascii: Option<Vec<u8>>,
}

impl Needle {
    fn new(text: &str) -> Self {
        let folded: Vec<char> = text.chars().map(|char| fold(char, Case::Insensitive)).collect();
        let ascii = folded.iter().map(|char| char.is_ascii().then_some(*char as u8)).collect();
        Needle { folded, ascii }
    }

    fn is_in(&self, text: &str) -> bool {
        match &self.ascii {
            Some(needle) if text.is_ascii() => {
                needle.is_empty() || text.as_bytes().windows(needle.len()).any(|part| part.eq_ignore_ascii_case(needle))
            }
            _ => {
                let text: Vec<char> = text.chars().map(|char| fold(char, Case::Insensitive)).collect();
                self.folded.is_empty() || text.windows(self.folded.len()).any(|part| part == self.folded)
            }
        }
    }
}

/// One character for another, so that `_` and lengths keep their meaning; those that fold to several stay.
fn fold(char: char, case: Case) -> char {
    if case == Case::Sensitive || (char.is_ascii() && !char.is_ascii_uppercase()) {
        return char;
    }
    let mut lower = char.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => char,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn like_patterns() {
        let cases = [
            ("", "", true, true),
            ("", "a", false, false),
            ("%", "", true, true),
            ("_", "", false, false),
            ("_", "é", true, true),
            ("abc", "ABC", false, true),
            ("a%c", "abbbc", true, true),
            ("a%c", "abbb", false, false),
            ("%b%b%", "abcb", true, true),
            ("%ab", "aab", true, true),
            ("ÉCOLE", "école", false, true),
            ("straße", "STRASSE", false, false),
            ("50\\%", "50%", true, true),
            ("50\\%", "500", false, false),
            ("a\\_b", "axb", false, false),
            ("a\\", "a\\", true, true),
            ("*", "x", false, false),
            ("[a]", "a", false, false),
        ];
        for (pattern, text, sensitive, insensitive) in cases {
            assert_eq!(Pattern::new(pattern, Case::Sensitive).matches(text), sensitive, "{pattern} like {text}");
            assert_eq!(Pattern::new(pattern, Case::Insensitive).matches(text), insensitive, "{pattern} ilike {text}");
        }
    }

    #[test]
    fn containing() {
        let cases = [
            ("", "", true),
            ("b", "abc", true),
            ("B", "abc", true),
            ("é", "CAFÉ", true),
            ("k", "\u{212a}elvin", true),
            ("bd", "abc", false),
            ("abcd", "abc", false),
            ("%", "abc", false),
        ];
        for (needle, text, expected) in cases {
            assert_eq!(Needle::new(needle).is_in(text), expected, "{needle} in {text}");
        }
    }

    /// The plain definition of LIKE, exponential but short.
    fn plainly(tokens: &[Token], text: &[char]) -> bool {
        match (tokens, text) {
            ([], text) => text.is_empty(),
            ([Token::AnyText, rest @ ..], text) => (0..=text.len()).any(|taken| plainly(rest, &text[taken..])),
            ([Token::AnyChar, rest @ ..], [_, text @ ..]) => plainly(rest, text),
            ([Token::Char(token), rest @ ..], [char, text @ ..]) => token == char && plainly(rest, text),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn like_is_its_plain_definition(pattern in "[ab%_é]{0,8}", text in "[abé]{0,10}") {
            let pattern = Pattern::new(&pattern, Case::Sensitive);
            let chars: Vec<char> = text.chars().collect();
            prop_assert_eq!(pattern.matches(&text), plainly(&pattern.tokens, &chars));
        }

        #[test]
        fn a_contained_text_is_found(before in any::<String>(), text in any::<String>(), after in any::<String>()) {
            let whole = format!("{before}{text}{after}");
            prop_assert!(Needle::new(&text).is_in(&whole));
        }
    }
}
