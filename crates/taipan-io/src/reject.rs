//! Records that cannot be read: what is done about them, how they are kept, how they are written.
//!
//! With [`OnError::Reject`] a reading goes on past a bad record. A format's parser, which knows neither file nor line,
//! hands each one to [`Refused::take`] as a range of its bytes and a fault; the block reader makes [`Reject`]s of them,
//! in the order of the file, and [`Batches::take_rejects`](crate::Batches::take_rejects) gives them to the caller, who
//! puts them into a [`RejectFile`]. Rows in are rows out and rejects, always.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::blocks::Position;
use crate::error::{Error, ErrorKind, Fault, Place, Precision, Result};
use crate::given::Given;
use crate::write::AtomicFile;

/// How much of a record that is too long is kept.
pub(crate) const RAW: usize = 4096;

/// What a bad record does to a reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// It ends it with an error.
    #[default]
    Fail,
    /// It is set aside as a [`Reject`], and the reading goes on.
    Reject,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The file as the user named it.
    pub source: String,
    /// The line on which the record begins, counted from 1. Parquet and Arrow have no lines: the number of the row.
    pub line: u64,
    /// The offset in the file at which the record begins; 0 for Parquet and Arrow.
    pub byte: u64,
    /// Why, as an error would say it.
    pub reason: String,
    /// The record as it stands in the file, with U+FFFD for what is no UTF-8. Of one that is too long, the first 4,096
    /// bytes.
    pub raw: String,
    /// Where in it the fault is, if that is known to the character. The reason says it too; files of rejects leave it out.
    #[serde(skip)]
    pub fault: Option<Place>,
}

impl Reject {
    /// Where the record begins.
    pub fn place(&self) -> Place {
        Place { source: self.source.clone(), line: Some(self.line), column: None, byte: Some(self.byte) }
    }

    /// Where the fault is, or else the record, and the reason without the place.
    pub(crate) fn into_fault(self) -> (Place, String) {
        let Some(fault) = &self.fault else { return (self.place(), self.reason) };
        let inner = inner_place(fault.line.unwrap_or_default(), fault.column.unwrap_or_default());
        let reason = self.reason.strip_suffix(&inner).unwrap_or(&self.reason).to_owned();
        (fault.clone(), reason)
    }
}

/// The place of a fault within a record, behind the reason.
fn inner_place(line: u64, column: u64) -> String {
    format!(" (line {line}, column {column})")
}

/// A file of rejects, one JSON object a line, that appears under its name when it is [committed](Self::commit).
///
/// ```
/// use taipan_io::{Reject, RejectFile};
///
/// # let folder = tempfile::tempdir()?;
/// let mut file = RejectFile::beside(&folder.path().join("out.csv"));
/// let reject = Reject { source: "in.csv".into(), line: 3, byte: 12, reason: "why".into(), raw: "a,b".into(), fault: None };
/// file.write(&[reject])?;
/// let path = file.path().to_owned();
/// assert!(path.ends_with("out.csv.rejects.ndjson"));
/// assert_eq!(file.commit()?, 1);
/// let line = "{\"source\":\"in.csv\",\"line\":3,\"byte\":12,\"reason\":\"why\",\"raw\":\"a,b\"}\n";
/// assert_eq!(std::fs::read_to_string(path)?, line);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RejectFile {
    path: PathBuf,
    file: Option<BufWriter<AtomicFile>>,
    count: u64,
    /// What an earlier file has of other sources than this one is kept.
    only: Option<String>,
}

impl RejectFile {
    /// The rejects of what is written to `out`: a file beside it, `OUT.rejects.ndjson`.
    pub fn beside(out: &Path) -> Self {
        let mut path = out.as_os_str().to_owned();
        path.push(".rejects.ndjson");
        Self::at(path)
    }

    /// A file of rejects that is to stand at `path`. Nothing is written before the first reject.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None, count: 0, only: None }
    }

    /// The same file, in which only the rejects of `source` are written anew: those that an earlier one has of others
    /// stay. So several sources read one after another share one file, and one that is read again is in it once.
    #[must_use]
    pub fn only_of(mut self, source: impl Into<String>) -> Self {
        self.only = Some(source.into());
        self
    }

    /// Where the file will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many rejects were written.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds some rejects.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] and [`ErrorKind::IsDirectory`] if the file cannot be made or written.
    pub fn write(&mut self, rejects: &[Reject]) -> Result<()> {
        if rejects.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            let mut file = BufWriter::new(AtomicFile::create(&self.path)?);
            self.copy_others(&mut file)?;
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        for reject in rejects {
            serde_json::to_writer(&mut *file, reject)
                .map_err(std::io::Error::from)
                .and_then(|()| file.write_all(b"\n"))
                .map_err(|error| Error::of_io(error, &self.path))?;
            self.count += 1;
        }
        Ok(())
    }

    /// Puts the file in its place and answers how many rejects were written. Without any, no file stands there
    /// afterwards, or one that tells of other sources alone: one of an earlier run would tell of rejects that this one did
    /// not have.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn commit(mut self) -> Result<u64> {
        if self.file.is_none() && self.only.is_some() && self.path.exists() {
            let mut file = BufWriter::new(AtomicFile::create(&self.path)?);
            if self.copy_others(&mut file)? {
                self.file = Some(file);
            }
        }
        match self.file {
            Some(file) => {
                file.into_inner().map_err(|error| Error::of_io(error.into_error(), &self.path))?.commit()?;
            }
            None => match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::of_io(error, &self.path));
                }
                _ => {}
            },
        }
        Ok(self.count)
    }

    /// Copies the lines of an earlier file that tell of other sources; whether there are any.
    fn copy_others(&self, to: &mut impl Write) -> Result<bool> {
        let Some(source) = &self.only else { return Ok(false) };
        let of_io = |error| Error::of_io(error, &self.path);
        let mut from = match File::open(&self.path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(of_io(error)),
        };
        let mut any = false;
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).map_err(of_io)? > 0 {
            let of: Option<OfSource> = serde_json::from_slice(&line).ok();
            if of.is_some_and(|of| of.source != *source) {
                to.write_all(&line).map_err(of_io)?;
                any = true;
            }
            line.clear();
        }
        Ok(any)
    }
}

/// Of a line of rejects, the source that it tells of.
#[derive(Deserialize)]
struct OfSource {
    source: String,
}

/// How many records were rejected, and how many may be.
#[derive(Debug)]
pub(crate) struct Tally {
    rejected: u64,
    limit: u64,
}

impl Tally {
    pub(crate) fn new(limit: u64) -> Self {
        Self { rejected: 0, limit }
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Counts some rejects, in the order of the file; an error names the first that is too many.
    pub(crate) fn add(&mut self, rejects: &[Reject]) -> Result<()> {
        self.rejected += rejects.len() as u64;
        let beyond = self.rejected.saturating_sub(self.limit);
        match (rejects.len() as u64).checked_sub(beyond).and_then(|i| rejects.get(i as usize)) {
            Some(last) => {
                let kind = ErrorKind::TooManyRejects { limit: self.limit, reason: last.reason.clone() };
                Err(Error::new(kind).at(last.place()))
            }
            None => Ok(()),
        }
    }
}

/// What a parser does with the bad records of the bytes it was given.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    on_error: OnError,
    given: &'a Given,
    depth: usize,
    bad: Vec<Bad>,
}

/// A record, as a range of the bytes that a parser was given, and what is wrong with it.
#[derive(Debug, PartialEq)]
pub(crate) struct Bad {
    pub(crate) record: Range<usize>,
    pub(crate) fault: Fault,
}

impl<'a> Refused<'a> {
    /// Records nested deeper than `depth` are bad.
    pub(crate) fn new(on_error: OnError, given: &'a Given, depth: usize) -> Self {
        Self { on_error, given, depth, bad: Vec::new() }
    }

    /// The same for other bytes, none of whose records were found bad so far.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.on_error, self.given, self.depth)
    }

    /// Takes a bad record, which must then leave no row, or answers the fault that ends the reading.
    ///
    /// A misfit always ends it, so that the column can be widened, unless the caller gave the column's type; then the
    /// record is as bad as any other.
    pub(crate) fn take(&mut self, record: Range<usize>, fault: Fault) -> std::result::Result<(), Fault> {
        let fault = self.judge(fault);
        if self.on_error == OnError::Fail || matches!(fault.kind, ErrorKind::Misfit(_) | ErrorKind::Arrow(_)) {
            return Err(fault);
        }
        self.bad.push(Bad { record, fault });
        Ok(())
    }

    /// A misfit that is none to widen for, because the type was given, as what it is instead.
    pub(crate) fn judge(&self, fault: Fault) -> Fault {
        self.given.judge(fault)
    }

    /// How deep a record may be nested.
    pub(crate) fn depth(&self) -> u32 {
        u32::try_from(self.depth).unwrap_or(u32::MAX)
    }

    /// Whether bad records are taken at all: if not, there is no need to find where they end.
    pub(crate) fn takes(&self) -> bool {
        self.on_error == OnError::Reject
    }

    /// Whether a column's type was given by the caller, so that a value that does not fit makes a bad record.
    pub(crate) fn is_given(&self, column: &str) -> bool {
        self.given.is_given(column)
    }

    pub(crate) fn into_bad(self) -> Vec<Bad> {
        self.bad
    }
}

/// The rejects that bad records become where their bytes stand at a position of a file.
pub(crate) fn placed(
    mut bad: Vec<Bad>,
    source: &str,
    newline: u8,
    mut position: Position,
    bytes: &[u8],
) -> Vec<Reject> {
    bad.sort_by_key(|bad| bad.record.start);
    let mut done = 0;
    let mut rejects = Vec::with_capacity(bad.len());
    for Bad { record, fault } in bad {
        // Each byte is counted once, however many records are bad.
        position = position.after(bytes.get(done..record.start).unwrap_or_default(), newline);
        done = record.start;
        let text = bytes.get(record.clone()).unwrap_or_default();
        let mut reason = fault.kind.to_string();
        let mut at = None;
        // A record that is left with its line may break only behind it.
        if fault.precision == Precision::Column && fault.at <= bytes.len() {
            let inner = position.after(bytes.get(record.start..fault.at).unwrap_or_default(), newline);
            let (line, column) = (inner.lines + 1, inner.characters + 1);
            reason = format!("{reason}{}", inner_place(line, column));
            let (line, column, byte) = (Some(line), Some(column), Some(inner.byte));
            at = Some(Place { source: source.to_owned(), line, column, byte });
        }
        let too_long = matches!(fault.kind, ErrorKind::TooLong { .. });
        let text = if too_long { text.get(..RAW).unwrap_or(text) } else { text };
        rejects.push(Reject {
            source: source.to_owned(),
            line: position.lines + 1,
            byte: position.byte,
            reason,
            raw: String::from_utf8_lossy(text).into_owned(),
            fault: at,
        });
    }
    rejects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_reasons() {
        let bytes = b"a,b\n1\nx\xff,y\n[1,\n !]";
        let syntax = |at| Fault::on_column(at, ErrorKind::Syntax("expected a value".into()));
        let bad = vec![
            Bad { record: 11..18, fault: syntax(16) },
            Bad { record: 4..5, fault: Fault::on_line(4, ErrorKind::Ragged { found: 1, expected: 2 }) },
            Bad { record: 6..10, fault: Fault::on_line(7, ErrorKind::Encoding) },
        ];
        let start = Position { byte: 100, lines: 9, characters: 0 };
        let found: Vec<_> = placed(bad, "t", b'\n', start, bytes)
            .into_iter()
            .map(|reject| (reject.line, reject.byte, reject.reason, reject.raw))
            .collect();
        let expected = [
            (11, 104, "1 field, expected 2", "1"),
            (12, 106, "invalid UTF-8", "x\u{fffd},y"),
            (13, 111, "expected a value (line 14, column 2)", "[1,\n !]"),
        ];
        let expected = expected.map(|(line, byte, reason, raw)| (line, byte, reason.to_owned(), raw.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn sources_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.rejects.ndjson");
        let of = |source: &str, line| {
            let (source, reason) = (source.to_owned(), String::new());
            Reject { source, line, byte: 0, reason, raw: "{}".into(), fault: None }
        };
        let write = |source: &str, rejects: &[Reject]| {
            let mut file = RejectFile::at(&path).only_of(source);
            file.write(rejects).unwrap();
            file.commit().unwrap()
        };
        let lines = || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let line = |line: &str| {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                format!("{}{}", value["source"].as_str().unwrap(), value["line"])
            };
            text.lines().map(line).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((write("a", &[of("a", 1), of("a", 2)]), lines()), (2, "a1 a2".into()));
        assert_eq!((write("b", &[of("b", 7)]), lines()), (1, "a1 a2 b7".into()));
        assert_eq!((write("a", &[of("a", 3)]), lines()), (1, "b7 a3".into()));
        assert_eq!((write("b", &[]), lines()), (0, "a3".into()));
        assert_eq!(write("a", &[]), 0);
        assert!(!path.exists());
    }

    #[test]
    fn nothing_stands_there_without_a_reject() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.csv");
        let old = RejectFile::beside(&out).path().to_owned();
        std::fs::write(&old, "of an earlier run").unwrap();
        assert_eq!(RejectFile::beside(&out).commit().unwrap(), 0);
        assert!(!old.exists());
        let mut dropped = RejectFile::beside(&out);
        let (source, reason, raw) = (String::new(), String::new(), String::new());
        let reject = Reject { source, line: 1, byte: 0, reason, raw, fault: None };
        dropped.write(&[reject]).unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
