//! Where in a file something stands, and errors that say so.

use std::io;

use crate::error::{Error, ErrorKind, Fault, Place, Precision};
use crate::input::{Input, Layout};
use crate::source::Source;

/// Stands for a newline that is a carriage return, a line feed, or both.
pub(crate) const ANY_NEWLINE: u8 = 0;

/// A point in a file: bytes and lines before it, and characters before it on its line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Position {
    pub(crate) byte: u64,
    pub(crate) lines: u64,
    pub(crate) characters: u64,
}

impl Position {
    /// The point behind some more bytes, whose lines end with a byte, or with [`ANY_NEWLINE`].
    pub(crate) fn after(self, bytes: &[u8], newline: u8) -> Self {
        let (lines, last) = match newline {
            ANY_NEWLINE => {
                let alone = |i: &usize| bytes.get(i + 1) != Some(&b'\n');
                let returns = memchr::memchr_iter(b'\r', bytes).filter(alone).count();
                (returns + memchr::memchr_iter(b'\n', bytes).count(), memchr::memrchr2(b'\r', b'\n', bytes))
            }
            _ => (memchr::memchr_iter(newline, bytes).count(), memchr::memrchr(newline, bytes)),
        };
        let lines = lines as u64;
        let (line, before) = match last {
            Some(last) => (bytes.get(last + 1..).unwrap_or_default(), 0),
            None => (bytes, self.characters),
        };
        // Every character has one byte that does not continue another. So few of them fit a byte, and many such are added at
        // once: of an array without newlines all bytes come here.
        let few = |bytes: &[u8]| bytes.iter().map(|byte| u8::from(byte & 0xC0 != 0x80)).sum::<u8>();
        let characters: u64 = line.chunks(255).map(|bytes| u64::from(few(bytes))).sum();
        Self { byte: self.byte + bytes.len() as u64, lines: self.lines + lines, characters: before + characters }
    }
}

/// The error for a source that ends in one, at its line where that helps.
pub(crate) fn broken(source: &Source, error: io::Error, position: Position, bytes: &[u8]) -> Error {
    let error = Error::of_named(error, source.name());
    match error.kind() {
        ErrorKind::Compression(_) => {
            place_in(source, b'\n', Fault::on_line(bytes.len(), error.kind().clone()), position, bytes)
        }
        _ => error,
    }
}

/// The error for a fault in bytes that stand at a position of the file.
pub(crate) fn place(input: &Input, fault: Fault, position: Position, bytes: &[u8]) -> Error {
    place_in(input.source(), newline(input.layout()), fault, position, bytes)
}

/// The byte that ends lines.
pub(crate) fn newline(layout: &Layout) -> u8 {
    match layout {
        Layout::Csv(dialect) => dialect.line_byte(),
        Layout::Json(_) | Layout::Xml(_) | Layout::Columnar(_) => b'\n',
    }
}

pub(crate) fn place_in(source: &Source, newline: u8, fault: Fault, position: Position, bytes: &[u8]) -> Error {
    if matches!(fault.kind, ErrorKind::Empty) {
        return Error::new(fault.kind).in_source(source.name());
    }
    let kind = match (fault.kind, source.foreign_encoding()) {
        (ErrorKind::Encoding, Some(name)) => ErrorKind::ForeignEncoding(name),
        (kind, _) => kind,
    };
    let position = position.after(bytes.get(..fault.at).unwrap_or(bytes), newline);
    let column = (fault.precision == Precision::Column).then_some(position.characters + 1);
    Error::new(kind).at(Place {
        source: source.name().to_owned(),
        line: Some(position.lines + 1),
        column,
        byte: Some(position.byte),
    })
}
