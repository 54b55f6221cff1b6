//! Telling a file's format: from its name, else from its first bytes.

use std::fmt;
use std::path::Path;

use crate::error::ErrorKind;

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited text: RFC 4180 with any of `, ; tab |` between the fields.
    Csv,
    /// One array, one value per line, values one after another, or one object; pretty-printed or not.
    Json,
    /// XML 1.0 with namespaces; a document says where its records are, or they are found.
    Xml,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, as a file or as a stream.
    Arrow,
}

/// The names of data files this crate reads.
pub(crate) const EXTENSIONS: [&str; 8] = ["csv", "tsv", "json", "ndjson", "jsonl", "xml", "parquet", "arrow"];

/// What the first bytes of well-known other formats are.
const MAGIC: [(&[u8], &str); 9] = [
    (b"\x1f\x8b", "gzip-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ\0", "xz-compressed"),
    (b"PK\x03\x04", "a zip archive or spreadsheet"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF", "PDF"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
];

const BOM: &[u8] = b"\xef\xbb\xbf";

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Xml => "XML",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow",
        })
    }
}

impl Format {
    /// The format that a file's extension promises, if it is a known one.
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" | "tsv" | "tab" => Some(Self::Csv),
            "json" | "ndjson" | "jsonl" | "geojson" => Some(Self::Json),
            "xml" | "rss" | "atom" | "gpx" | "kml" => Some(Self::Xml),
            "parquet" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Some(Self::Arrow),
            _ => None,
        }
    }

    /// The format that the first bytes look like; an error names what else they are.
    pub(crate) fn of_content(bytes: &[u8]) -> Result<Self, ErrorKind> {
        match after_bom(bytes).trim_ascii_start() {
            [b'{' | b'[', ..] => Ok(Self::Json),
            [b'<', rest @ ..] if is_html(rest) => Err(ErrorKind::UnknownFormat("HTML")),
            [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'!' | b'?', ..] => Ok(Self::Xml),
            _ => Ok(Self::Csv),
        }
    }
}

/// Whether a document that begins with this tag or declaration is HTML by its looks.
fn is_html(tag: &[u8]) -> bool {
    let begins = |word: &[u8]| tag.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    begins(b"html") || begins(b"!doctype html")
}

/// The bytes after a byte order mark, if there is one.
pub(crate) fn after_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

/// Refuses what is no text: a known other format, or, if `strict`, NUL bytes.
pub(crate) fn refuse_binary(bytes: &[u8], strict: bool) -> Result<(), ErrorKind> {
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(ErrorKind::UnknownFormat(name));
    }
    match memchr::memchr(0, bytes) {
        Some(_) if strict => Err(ErrorKind::UnknownFormat("binary")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content() {
        let cases: [(&[u8], Result<Format, ErrorKind>); 8] = [
            (b"a,b\n1,2\n", Ok(Format::Csv)),
            (b"\xef\xbb\xbf \n[1]", Ok(Format::Json)),
            (b"{\"a\":1}", Ok(Format::Json)),
            (b"", Ok(Format::Csv)),
            (b"<?xml version='1.0'?>", Ok(Format::Xml)),
            (b"\n<rows>", Ok(Format::Xml)),
            (b"<!doctype HTML><p>", Err(ErrorKind::UnknownFormat("HTML"))),
            (b"<html lang='en'>", Err(ErrorKind::UnknownFormat("HTML"))),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Format::of_content(bytes), expected);
        }
    }

    #[test]
    fn binary_files_are_named() {
        assert_eq!(refuse_binary(b"\x1f\x8b\x08", false), Err(ErrorKind::UnknownFormat("gzip-compressed")));
        assert_eq!(refuse_binary(b"a,b\n\0", true), Err(ErrorKind::UnknownFormat("binary")));
        assert_eq!(refuse_binary(b"a,b\n\0", false), Ok(()));
        assert_eq!(refuse_binary("naïve".as_bytes(), true), Ok(()));
    }
}
