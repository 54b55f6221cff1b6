//! The characters of XML 1.0, fifth edition: what a document may hold, what a name is made of.

use super::cursor::Cause;

/// A byte that may begin a name.
const START: u8 = 1;
/// A byte that may go on in a name.
const NAME: u8 = 2;
/// Blanks between the parts of markup.
const SPACE: u8 = 4;
/// A byte that ends plain text: markup, a reference, a return, or what may end a CDATA section.
const STOP: u8 = 8;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        table[byte] = match letter {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b':' => START | NAME,
            b'0'..=b'9' | b'-' | b'.' => NAME,
            b' ' | b'\t' | b'\n' => SPACE,
            b'\r' => SPACE | STOP,
            b'<' | b'&' | b']' => STOP,
            _ => 0,
        };
        byte += 1;
    }
    table
}

#[inline]
fn class(byte: u8) -> u8 {
    // A table of 256 has a place for every byte.
    CLASS.get(usize::from(byte)).copied().unwrap_or(0)
}

/// A blank in markup: space, tab, line feed or return.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    class(byte) & SPACE != 0
}

/// Whether plain text ends before this byte.
#[inline]
pub(super) fn ends_text(byte: u8) -> bool {
    class(byte) & STOP != 0
}

/// Where the name ends that begins at an offset; the offset itself if none does.
#[inline]
pub(super) fn name_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    match bytes.get(at) {
        Some(&byte) if class(byte) & START != 0 => token_end(text, at + 1),
        Some(128..) => match text.get(at..).and_then(|rest| rest.chars().next()) {
            Some(letter) if is_name_start(letter) => token_end(text, at + letter.len_utf8()),
            _ => at,
        },
        _ => at,
    }
}

/// Where the characters of names end that follow from an offset on.
#[inline]
pub(super) fn token_end(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    loop {
        match bytes.get(at) {
            Some(&byte) if class(byte) & NAME != 0 => at += 1,
            Some(128..) => match text.get(at..).and_then(|rest| rest.chars().next()) {
                Some(letter) if is_name(letter) => at += letter.len_utf8(),
                _ => return at,
            },
            _ => return at,
        }
    }
}

fn is_name_start(letter: char) -> bool {
    matches!(letter,
        'A'..='Z' | 'a'..='z' | '_' | ':' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn is_name(letter: char) -> bool {
    is_name_start(letter)
        || matches!(letter, '0'..='9' | '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// A character that a document may hold, written out or as a reference.
pub(super) fn is_char(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// A character of a public identifier.
pub(super) fn is_public(byte: u8) -> bool {
    matches!(byte, b' ' | b'\r' | b'\n' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9')
        || b"-'()+,./:=?;!*#@$_%".contains(&byte)
}

/// The bytes as text, with a replacement for each that no document may hold.
pub(super) fn mended(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|letter| if is_char(letter) { letter } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// The bytes up to the first that no document may hold, and what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// All bytes are characters of XML.
    End,
    /// The bytes end inside a character.
    Cut,
    /// Not UTF-8.
    Encoding,
    /// A control character, U+FFFE or U+FFFF.
    Forbidden(char),
}

impl Stop {
    /// What is wrong there, if something is; `last` says that no more bytes follow.
    pub(super) fn cause(self, last: bool) -> Option<Cause> {
        match self {
            Self::End => None,
            Self::Cut if !last => None,
            Self::Cut | Self::Encoding => Some(Cause::Encoding),
            Self::Forbidden(letter) => {
                let message = format!("U+{:04X}, a character that no document may hold", u32::from(letter));
                Some(Cause::Syntax(message))
            }
        }
    }
}

/// The longest start of the bytes that is made of characters of XML, and what comes behind it.
pub(super) fn valid(bytes: &[u8]) -> (&str, Stop) {
    let (text, mut stop) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, Stop::End),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let stop = if error.error_len().is_some() { Stop::Encoding } else { Stop::Cut };
            (std::str::from_utf8(valid).unwrap_or_default(), stop)
        }
    };
    let mut end = text.len();
    if let Some(at) = control(text.as_bytes()) {
        end = at;
        stop = Stop::Forbidden(char::from(text.as_bytes().get(at).copied().unwrap_or(0)));
    }
    let text = text.get(..end).unwrap_or_default();
    if let Some(at) = noncharacter(text.as_bytes()) {
        let rest = text.get(at..).unwrap_or_default();
        return (text.get(..at).unwrap_or_default(), Stop::Forbidden(rest.chars().next().unwrap_or('\u{FFFE}')));
    }
    (text, stop)
}

/// The first control character that is no blank.
fn control(bytes: &[u8]) -> Option<usize> {
    let bad = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let mut base = 0;
    for chunk in bytes.chunks(64) {
        // Without a branch in it, this loop is done many bytes at a time.
        if chunk.iter().fold(false, |any, byte| any | bad(*byte)) {
            return chunk.iter().position(|byte| bad(*byte)).map(|i| base + i);
        }
        base += chunk.len();
    }
    None
}

/// The first U+FFFE or U+FFFF of valid UTF-8.
fn noncharacter(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0xEF, bytes).find(|at| matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names() {
        let cases = [
            ("a", 1),
            ("a:b-c.d_9>", 9),
            ("9a", 0),
            ("-a", 0),
            ("", 0),
            ("é·b ", 5),
            ("·", 0),
            ("a×", 1),
            ("\u{10000}\u{EFFFF}\u{F0000}", 8),
            ("a\u{37E}", 1),
        ];
        for (text, end) in cases {
            assert_eq!(name_end(text, 0), end, "{text:?}");
        }
    }

    #[test]
    fn characters_that_no_document_may_hold() {
        let cases: [(&[u8], usize, Stop); 9] = [
            (b"a\t\r\n\x7f\xc2\x85", 7, Stop::End),
            (b"ab\0", 2, Stop::Forbidden('\0')),
            (b"ab\x0b\xff", 2, Stop::Forbidden('\x0b')),
            (b"ab\xff\x0b", 2, Stop::Encoding),
            (b"ab\xc0\xaf", 2, Stop::Encoding),
            (b"ab\xed\xa0\x80", 2, Stop::Encoding),
            (b"ab\xe2\x82", 2, Stop::Cut),
            (b"ab\xef\xbf\xbe", 2, Stop::Forbidden('\u{FFFE}')),
            (b"\xef\xbf\xbd\xef\xbf\xbf\xff", 3, Stop::Forbidden('\u{FFFF}')),
        ];
        for (bytes, length, stop) in cases {
            assert_eq!(valid(bytes), (std::str::from_utf8(&bytes[..length]).unwrap(), stop), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_valid_is_what_each_character_is(text in any::<String>(), tail in prop::collection::vec(any::<u8>(), 0..3)) {
            let length = text.char_indices().find(|(_, c)| !is_char(*c)).map_or(text.len(), |(i, _)| i);
            let bytes = [text.as_bytes(), &tail].concat();
            let (valid, stop) = valid(&bytes);
            prop_assert_eq!(valid.get(..length), text.get(..length));
            if length < text.len() {
                prop_assert_eq!(valid.len(), length);
                prop_assert_eq!(stop, Stop::Forbidden(text[length..].chars().next().unwrap()));
            }
        }

        #[test]
        fn a_name_is_one_start_and_then_name_characters(text: String) {
            let end = text.char_indices().find(|(i, c)| !if *i == 0 { is_name_start(*c) } else { is_name(*c) });
            prop_assert_eq!(name_end(&text, 0), end.map_or(text.len(), |(i, _)| i));
        }
    }
}
