//! What became of a URL as one line of JSON, content included.

use std::io::{self, BufRead, BufReader, Read, Seek, Write};

use base64::Engine as _;
use encoding_rs::{Encoding, UTF_8};

use super::{Body, Fetched};
use crate::source::Transcoder;

/// Bytes of a body looked at together; a multiple of three, as base64 needs it.
const PIECE: usize = 48 << 10;

impl Fetched {
    /// Writes one line of JSON: `url`, `status`, `bytes`, `seconds`, `error`, and where there are any `location` (if it
    /// is another than the URL), `content_type`, `file`, and the content as `text`, or as `base64` if it is none. Null
    /// stands for what is not known. The content is read from its beginning, and need not fit into memory.
    ///
    /// # Errors
    /// Those of the writer, and of reading a body back from its temporary file.
    pub fn write_json(&mut self, writer: &mut impl Write) -> io::Result<()> {
        let mut fields = serde_json::Map::new();
        fields.insert("url".into(), self.url.as_str().into());
        fields.insert("status".into(), self.status.into());
        fields.insert("bytes".into(), self.bytes.into());
        fields.insert("seconds".into(), ((self.elapsed.as_secs_f64() * 1e6).round() / 1e6).into());
        fields.insert("error".into(), self.failure.as_ref().map(ToString::to_string).into());
        if let Some(location) = self.location.as_ref().filter(|location| **location != self.url) {
            fields.insert("location".into(), location.as_str().into());
        }
        if let Some(content_type) = &self.content_type {
            fields.insert("content_type".into(), content_type.as_str().into());
        }
        if let Some(path) = &self.path {
            fields.insert("file".into(), path.to_string_lossy().into());
        }
        let line = serde_json::Value::Object(fields).to_string();
        let Some(body) = &mut self.body else { return writeln!(writer, "{line}") };
        writer.write_all(line.strip_suffix('}').unwrap_or(&line).as_bytes())?;
        let encoding = encoding(self.content_type.as_deref(), body)?;
        if let Some(text) = short(encoding, body, self.bytes)? {
            writer.write_all(b",\"text\":\"")?;
            write_escaped(text.as_bytes(), writer)?;
        } else if is_text(encoding, body)? {
            writer.write_all(b",\"text\":\"")?;
            body.rewind()?;
            write_text(text(encoding, body), writer)?;
        } else {
            writer.write_all(b",\"base64\":\"")?;
            body.rewind()?;
            write_base64(body, writer)?;
        }
        writer.write_all(b"\"}\n")
    }
}

/// The encoding of a byte order mark, else that of the header, else UTF-8.
fn encoding(content_type: Option<&str>, body: &mut Body) -> io::Result<&'static Encoding> {
    let mut head = Vec::new();
    body.rewind()?;
    body.by_ref().take(4).read_to_end(&mut head)?;
    if let Some((encoding, _)) = Encoding::for_bom(&head) {
        return Ok(encoding);
    }
    let named = content_type.and_then(|value| {
        value.split(';').find_map(|part| {
            let (name, label) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| label.trim().trim_matches('"'))
        })
    });
    Ok(named.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8))
}

/// A body that fits into a piece and is the UTF-8 it should be, which most are: all of it, without decoders.
fn short(encoding: &'static Encoding, body: &mut Body, bytes: u64) -> io::Result<Option<String>> {
    if encoding != UTF_8 || bytes > PIECE as u64 {
        return Ok(None);
    }
    let mut content = Vec::with_capacity(bytes as usize);
    body.rewind()?;
    body.by_ref().take(bytes).read_to_end(&mut content)?;
    let is_plain = !content.contains(&0) && !content.starts_with(b"\xef\xbb\xbf");
    Ok(if is_plain { String::from_utf8(content).ok() } else { None })
}

/// The body as UTF-8, but for what its encoding does not allow.
fn text<'a>(encoding: &'static Encoding, body: &'a mut Body) -> Box<dyn Read + 'a> {
    Box::new(Transcoder::new(encoding, body))
}

fn is_text(encoding: &'static Encoding, body: &mut Body) -> io::Result<bool> {
    body.rewind()?;
    // A character that a piece cuts off goes with the next one. What is no text has bytes that no character begins with.
    let mut reader = BufReader::with_capacity(PIECE, text(encoding, body));
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(true);
        }
        if memchr::memchr2(0xff, 0, bytes).is_some() {
            return Ok(false);
        }
        let count = bytes.len();
        reader.consume(count);
    }
}

/// JSON's escapes for what may not stand in a string as it is.
fn write_text(text: impl Read, writer: &mut impl Write) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(PIECE, text);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        write_escaped(bytes, writer)?;
        let count = bytes.len();
        reader.consume(count);
    }
}

fn write_escaped(bytes: &[u8], writer: &mut impl Write) -> io::Result<()> {
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => b"",
            _ => continue,
        };
        writer.write_all(bytes.get(start..at).unwrap_or_default())?;
        if escape.is_empty() {
            write!(writer, "\\u{byte:04x}")?;
        } else {
            writer.write_all(escape)?;
        }
        start = at + 1;
    }
    writer.write_all(bytes.get(start..).unwrap_or_default())
}

fn write_base64(mut body: impl Read, writer: &mut impl Write) -> io::Result<()> {
    let mut piece = Vec::new();
    loop {
        piece.clear();
        if body.by_ref().take(PIECE as u64).read_to_end(&mut piece)? == 0 {
            return Ok(());
        }
        writer.write_all(base64::engine::general_purpose::STANDARD.encode(&piece).as_bytes())?;
    }
}
