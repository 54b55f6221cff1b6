//! What a document is written in: told by its byte order mark, else by its declaration, else UTF-8.
//!
//! The declaration is believed as browsers believe it: `ISO-8859-1` is Windows-1252, which differs where Latin-1 has
//! control characters only.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::chars::is_space;

/// The declaration stands in as many bytes, or there is none.
const HEAD: usize = 1024;

/// The encoding of a document that begins with these bytes, its byte order mark included; an error says in the user's
/// words why there is none.
pub(crate) fn detect(bytes: &[u8]) -> Result<&'static Encoding, String> {
    let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or_default();
    match Encoding::for_bom(head) {
        Some((encoding, _)) if encoding != UTF_8 => {
            let (text, _) = encoding.decode_with_bom_removal(head);
            match declared(text.as_bytes()) {
                Some(name) if !is_utf16(&name) => {
                    Err(format!("the document says that it is {name}, its byte order mark says UTF-16"))
                }
                _ => Ok(encoding),
            }
        }
        _ => match head {
            [0, 0, ..] | [_, 0, 0, ..] => Err("the document is in UTF-32, which is not read".to_owned()),
            [b'<', 0, ..] | [0, b'<', ..] => Err("the document is in UTF-16 without a byte order mark".to_owned()),
            _ => of_declaration(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)),
        },
    }
}

/// The encoding of a document whose declaration can be read as ASCII.
fn of_declaration(head: &[u8]) -> Result<&'static Encoding, String> {
    let Some(name) = declared(head) else { return Ok(UTF_8) };
    match Encoding::for_label(name.as_bytes()) {
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => {
            Err(format!("the document says that it is {name}, which it is not"))
        }
        Some(encoding) if encoding.is_ascii_compatible() => Ok(encoding),
        _ => Err(format!("unknown encoding `{name}`")),
    }
}

fn is_utf16(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "utf-16" | "utf-16le" | "utf-16be" | "iso-10646-ucs-2" | "ucs-2")
}

/// The name in the declaration, if that stands here whole.
fn declared(head: &[u8]) -> Option<String> {
    let rest = head.strip_prefix(b"<?xml")?;
    rest.first().filter(|byte| is_space(**byte))?;
    let end = memchr::memmem::find(rest, b"?>")?;
    let declaration = rest.get(..end)?;
    let at = memchr::memmem::find(declaration, b"encoding")?;
    let value = declaration.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let quote = *value.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let value = value.get(1..)?;
    let name = value.get(..memchr::memchr(quote, value)?)?;
    String::from_utf8(name.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_say_what_they_are() {
        let cases: [(&[u8], Result<&str, &str>); 12] = [
            (b"<a/>", Ok("UTF-8")),
            (b"", Ok("UTF-8")),
            (b"\xef\xbb\xbf<a/>", Ok("UTF-8")),
            (b"<?xml version='1.0' encoding='utf-8'?>", Ok("UTF-8")),
            (b"<?xml version=\"1.0\" encoding = \"ISO-8859-1\" ?>", Ok("windows-1252")),
            (b"<?xml version='1.0' encoding='Shift_JIS'?>", Ok("Shift_JIS")),
            (b"<?xml version='1.0' encoding='nonsense'?>", Err("unknown encoding `nonsense`")),
            (b"<?xml version='1.0' encoding='UTF-16'?>", Err("the document says that it is UTF-16, which it is not")),
            (b"\xff\xfe<\0a\0/\0>\0", Ok("UTF-16LE")),
            (b"\xfe\xff\0<\0a\0/\0>", Ok("UTF-16BE")),
            (b"<\0a\0/\0>\0", Err("the document is in UTF-16 without a byte order mark")),
            (b"<\0\0\0", Err("the document is in UTF-32, which is not read")),
        ];
        for (bytes, expected) in cases {
            let found = detect(bytes);
            assert_eq!(found.as_ref().map(|encoding| encoding.name()).map_err(String::as_str), expected, "{bytes:?}");
        }
        let lying: Vec<u8> = "\u{feff}<?xml version='1.0' encoding='utf-8'?>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(
            detect(&lying).unwrap_err(),
            "the document says that it is utf-8, its byte order mark says UTF-16"
        );
    }
}
