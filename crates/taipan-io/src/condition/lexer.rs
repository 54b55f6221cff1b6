//! A condition's text as tokens.

use super::error::ConditionError;

/// A piece of the text, and the byte it begins at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    /// Text in single quotes.
    Text(String),
    /// Digits, a point and an exponent; its sign is a token of its own.
    Number(String),
    /// Operators and punctuation.
    Symbol(&'static str),
    End,
}

/// Longer ones before those they begin with.
const SYMBOLS: [&str; 14] = ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ",", ".", "-", "+", ";"];

impl Kind {
    /// As messages name it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Number(text) => format!("`{text}`"),
            Self::Quoted(text) => format!("`\"{text}\"`"),
            Self::Text(text) => format!("`'{text}'`"),
            Self::Symbol(text) => format!("`{text}`"),
            Self::End => "the end".to_owned(),
        }
    }

    /// Whether it is a keyword, given in upper case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// All tokens; the last is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ConditionError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        at += blanks;
        let rest = rest.get(blanks..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            tokens.push(Token { kind: Kind::End, at });
            return Ok(tokens);
        };
        let (kind, length) = match first {
            '\'' => quoted(text, at, rest, '\'').map(|(content, length)| (Kind::Text(content), length))?,
            '"' => quoted(text, at, rest, '"').map(|(content, length)| (Kind::Quoted(content), length))?,
            '0'..='9' => number(text, at, rest)?,
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) && !follows_name(&tokens, at) => {
                number(text, at, rest)?
            }
            c if starts_name(c) => {
                let length = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
                (Kind::Word(rest.get(..length).unwrap_or_default().to_owned()), length)
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Kind::Symbol(symbol), symbol.len()),
                None => return Err(unknown(text, at, first)),
            },
        };
        tokens.push(Token { kind, at });
        at += length;
    }
}

/// Whether a point here goes on with the path that the last token is part of.
fn follows_name(tokens: &[Token], at: usize) -> bool {
    match tokens.last() {
        Some(Token { kind: Kind::Word(word), at: start }) => start + word.len() == at,
        Some(Token { kind: Kind::Quoted(_), .. }) => true,
        _ => false,
    }
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@' | '#' | '$')
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$' | ':')
}

/// The content of what stands in quotes, where a doubled one is one, and the length with them.
fn quoted(text: &str, at: usize, rest: &str, quote: char) -> Result<(String, usize), ConditionError> {
    let mut content = String::new();
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((i, letter)) = letters.next() {
        if letter != quote {
            content.push(letter);
        } else if letters.next_if(|(_, next)| *next == quote).is_some() {
            content.push(quote);
        } else if quote == '"' && content.is_empty() {
            return Err(ConditionError::new(text, at, "a name in quotes is empty").with_hint("empty text is ''"));
        } else {
            return Ok((content, i + 1));
        }
    }
    let error = ConditionError::new(text, at, "the quote that opens here is not closed");
    Err(if quote == '\'' { error.with_hint("a quote within text is doubled: 'it''s'") } else { error })
}

fn number(text: &str, at: usize, rest: &str) -> Result<(Kind, usize), ConditionError> {
    let bytes = rest.as_bytes();
    let digits = |from: usize| {
        from + bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    if rest.get(end..).and_then(|rest| rest.chars().next()).is_some_and(|c| continues_name(c) || c == '.') {
        let word: String = rest.chars().take_while(|c| continues_name(*c) || *c == '.').collect();
        return Err(ConditionError::new(text, at, format!("`{word}` is neither a number nor a name"))
            .with_hint(format!("as text it is '{word}', as a name \"{word}\"")));
    }
    Ok((Kind::Number(rest.get(..end).unwrap_or_default().to_owned()), end))
}

fn unknown(text: &str, at: usize, first: char) -> ConditionError {
    let error = ConditionError::new(text, at, format!("unexpected `{}`", first.escape_debug()));
    match first {
        '&' => error.with_hint("write AND"),
        '|' => error.with_hint("write OR"),
        '!' => error.with_hint("write NOT, or != for unequal"),
        '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '`' => {
            error.with_hint("text stands in straight single quotes: 'text'")
        }
        _ => error,
    }
}
