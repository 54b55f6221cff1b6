//! A place in markup: what stands there, and steps over the small parts that all markup is made of.

use super::chars::{is_space, name_end};

/// Why a step was not made.
#[derive(Debug, PartialEq)]
pub(super) enum Halt {
    /// The text ends inside the markup.
    More,
    /// The grammar is broken.
    Flaw(Flaw),
}

/// What is wrong with a document, and where in the bytes that were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) cause: Cause,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The grammar, a constraint on well-formedness, or a limit; in the user's words.
    Syntax(String),
    /// A byte that is not UTF-8.
    Encoding,
    /// Elements nested deeper than allowed.
    TooDeep(usize),
    /// A record of more bytes than allowed.
    TooLong(usize),
    /// The path of the records leads elsewhere, or nowhere.
    Records(String),
    /// No element at all.
    Empty,
}

pub(super) type Step<T> = Result<T, Halt>;

/// A flaw of grammar.
pub(super) fn flaw<T>(at: usize, message: impl Into<String>) -> Step<T> {
    Err(Halt::Flaw(Flaw { at, cause: Cause::Syntax(message.into()) }))
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The byte that stands here.
    #[inline]
    pub(super) fn peek(&self) -> Step<u8> {
        self.text.as_bytes().get(self.at).copied().ok_or(Halt::More)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The text from an offset up to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Steps over a word if it stands here.
    pub(super) fn eat(&mut self, word: &str) -> Step<bool> {
        let rest = self.rest();
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(true);
        }
        if word.as_bytes().starts_with(rest) { Err(Halt::More) } else { Ok(false) }
    }

    /// Steps over a word that must stand here.
    pub(super) fn expect(&mut self, word: &str, where_: &str) -> Step<()> {
        if self.eat(word)? { Ok(()) } else { flaw(self.at, format!("expected `{word}` {where_}")) }
    }

    /// Steps over blanks; whether there were any.
    #[inline]
    pub(super) fn blanks(&mut self) -> bool {
        let start = self.at;
        while self.text.as_bytes().get(self.at).is_some_and(|byte| is_space(*byte)) {
            self.at += 1;
        }
        self.at > start
    }

    /// Steps over blanks that must stand here.
    pub(super) fn need_blanks(&mut self, where_: &str) -> Step<()> {
        if self.blanks() {
            return Ok(());
        }
        self.peek()?;
        flaw(self.at, format!("expected a blank {where_}"))
    }

    /// Steps over a name, whose end must be in sight.
    #[inline]
    pub(super) fn name(&mut self, what: &str) -> Step<&'a str> {
        let start = self.at;
        let end = name_end(self.text, start);
        if end >= self.text.len() {
            return Err(Halt::More);
        }
        if end == start {
            return flaw(start, format!("expected {what}"));
        }
        self.at = end;
        Ok(self.since(start))
    }

    /// Steps over a quoted text and answers what is inside, whatever it is.
    pub(super) fn quoted(&mut self, what: &str) -> Step<&'a str> {
        let quote = self.peek()?;
        if !matches!(quote, b'"' | b'\'') {
            return flaw(self.at, format!("expected {what} in quotes"));
        }
        let start = self.at + 1;
        let inside = self.text.as_bytes().get(start..).unwrap_or_default();
        let length = memchr::memchr(quote, inside).ok_or(Halt::More)?;
        self.at = start + length + 1;
        Ok(self.text.get(start..start + length).unwrap_or_default())
    }

    /// Steps over everything up to and including a word, and answers what stands before it.
    pub(super) fn until(&mut self, word: &str) -> Step<&'a str> {
        let start = self.at;
        let length = memchr::memmem::find(self.rest(), word.as_bytes()).ok_or(Halt::More)?;
        self.at += length + word.len();
        Ok(self.text.get(start..start + length).unwrap_or_default())
    }

    /// The letter that stands here, for messages.
    pub(super) fn shown(&self) -> String {
        let letter = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        letter.map_or_else(String::new, |letter| letter.escape_debug().to_string())
    }
}
