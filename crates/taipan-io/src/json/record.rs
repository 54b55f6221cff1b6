//! One JSON text taken apart: members of an object, items of an array, the text of a string. serde_json checks the
//! grammar; values stay the slices of source they are, so that no number is rounded on the way.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Calls `member` with each key and value of an object.
pub(super) fn members<'a>(object: &'a str, member: impl FnMut(Cow<'a, str>, &'a str)) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    deserializer.deserialize_map(Members(member))?;
    deserializer.end()
}

/// Calls `item` with each item of an array.
pub(super) fn items<'a>(array: &'a str, item: impl FnMut(&'a str)) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(array);
    deserializer.deserialize_seq(Items(item))?;
    deserializer.end()
}

/// Checks that a text is one JSON value.
pub(super) fn check(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<&RawValue>(text).map(|_| ())
}

/// The content of a JSON string.
pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(text).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// Where half a surrogate pair is escaped alone: grammar allows it, Unicode has no such character.
pub(super) fn lone_surrogate(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = memchr::memmem::find(bytes, b"\\u").and_then(|_| memchr::memchr(b'\\', bytes));
    while let Some(backslash) = at {
        let mut next = backslash + 2;
        match unit(bytes, backslash) {
            Some(0xD800..=0xDBFF) if matches!(unit(bytes, backslash + 6), Some(0xDC00..=0xDFFF)) => {
                next = backslash + 12;
            }
            Some(0xD800..=0xDFFF) => return Some(backslash),
            _ => {}
        }
        at = bytes.get(next..).and_then(|rest| memchr::memchr(b'\\', rest)).map(|i| next + i);
    }
    None
}

/// The code unit of a `\uXXXX` at an offset.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

struct Members<F>(F);

impl<'a, F: FnMut(Cow<'a, str>, &'a str)> Visitor<'a> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            (self.0)(key, map.next_value::<&'a RawValue>()?.get());
        }
        Ok(())
    }
}

struct Items<F>(F);

impl<'a, F: FnMut(&'a str)> Visitor<'a> for Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'a RawValue>()? {
            (self.0)(item.get());
        }
        Ok(())
    }
}

/// A key, borrowed from the source unless it holds an escape.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates() {
        let cases = [
            (r#""plain""#, None),
            (r#""\ud83d\ude00""#, None),
            (r#""\ud83d""#, Some(1)),
            (r#""a\n\uDE00""#, Some(4)),
            (r#""\\ud83d""#, None),
            (r#""\ud83d\ud83d\ude00""#, Some(1)),
            (r#""\u00e9""#, None),
        ];
        for (text, expected) in cases {
            assert_eq!(lone_surrogate(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_stay_text() {
        let mut seen = Vec::new();
        members(r#"{"a": 123456789012345678901234567890, "b\n": [1.50]}"#, |key, value| {
            seen.push((key.into_owned(), value));
        })
        .unwrap();
        assert_eq!(seen, [("a".to_owned(), "123456789012345678901234567890"), ("b\n".to_owned(), "[1.50]")]);
    }
}
