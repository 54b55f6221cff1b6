//! What a JSON string reads as.

use std::borrow::Cow;

/// What stands between the quotes of a valid string, read.
pub(super) fn unescaped(inner: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut text = Vec::with_capacity(inner.len());
    unescape(inner, &mut text);
    Cow::Owned(text)
}

/// Adds what stands between the quotes of a valid string, read.
pub(super) fn unescape(mut inner: &[u8], text: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\\', inner) {
        let (plain, escape) = inner.split_at(at);
        text.extend_from_slice(plain);
        let byte = match escape.get(1) {
            Some(b'b') => b'\x08',
            Some(b'f') => b'\x0c',
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let (letter, length) = letter(escape);
                text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                inner = escape.get(length..).unwrap_or_default();
                continue;
            }
            Some(byte) => *byte,
            None => break,
        };
        text.push(byte);
        inner = escape.get(2..).unwrap_or_default();
    }
    text.extend_from_slice(inner);
}

/// The letter that a `\uXXXX`, or a pair of them, stands for, and how long it is. What is valid has no half of a pair.
fn letter(escape: &[u8]) -> (char, usize) {
    let (length, code) = match (unit(escape, 0), unit(escape, 6)) {
        (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
            (12, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        }
        (unit, _) => (6, unit.unwrap_or(0xFFFD)),
    };
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), length)
}

/// The code unit of a `\uXXXX` at an offset.
pub(super) fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes() {
        let cases = [
            (r"plain é", "plain é"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u00e9x\u0000", "éx\0"),
            (r"a\ud83d\uDE00b", "a\u{1F600}b"),
            (r"\\ud83d", r"\ud83d"),
        ];
        for (inner, expected) in cases {
            assert_eq!(String::from_utf8_lossy(&unescaped(inner.as_bytes())), expected, "{inner}");
        }
    }

    proptest! {
        #[test]
        fn as_serde_json(text: String, ascii: bool) {
            let escaped: String = if ascii {
                text.encode_utf16().fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"))
            } else {
                let quoted = serde_json::to_string(&text).unwrap();
                quoted[1..quoted.len() - 1].to_owned()
            };
            prop_assert_eq!(&*unescaped(escaped.as_bytes()), text.as_bytes());
        }

        #[test]
        fn no_text_panics(bytes in prop::collection::vec(prop::sample::select(&b"\\ud8fFeE0n\""[..]), 0..30)) {
            unescaped(&bytes);
        }
    }
}
