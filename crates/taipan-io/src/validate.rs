//! Whether a file is well-formed by the standard of its format, where it is not, and how many records it holds.
//!
//! Everything is read and checked, on all cores and with bounded memory; types do not matter.
//!
//! ```
//! use taipan_io::{Checks, ReadOptions, validate};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("t.xml");
//! std::fs::write(&path, "<r><i>1</i><i>2</b></i><i>3</i></r>")?;
//! let mut faults = Vec::new();
//! let found = validate(&path, &ReadOptions::default(), Checks::All, |fault| faults.push(fault.to_string()))?;
//! assert_eq!((found.records, found.faults), (2, 1));
//! assert!(faults[0].ends_with("t.xml:1:16: `</b>` where `</i>` was expected"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::Schema;

use crate::ahead::Ahead;
use crate::error::{ErrorKind, Place, Result};
use crate::format::Format;
use crate::input::{Input, Layout, ReadOptions};
use crate::reject::{OnError, Reject};
use crate::{csv, json, xml};

/// How far to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checks {
    /// Up to the first fault.
    #[default]
    First,
    /// For the fault of each record, and for one around them, which ends it.
    All,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validity {
    /// The format, if the file could be opened as one.
    pub format: Option<Format>,
    /// Well-formed records that were read.
    pub records: u64,
    /// Faults that were told.
    pub faults: u64,
}

impl Validity {
    /// Whether no fault was found.
    pub fn is_valid(&self) -> bool {
        self.faults == 0
    }
}

/// Something in a file that its format's standard does not allow. Displays as `file:line:column: why`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where.
    pub place: Option<Place>,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// Reads what a name stands for, a path or a URL or `-`, and tells what is wrong with it.
///
/// # Errors
/// What keeps it from being read, such as [`ErrorKind::NotFound`] and [`ErrorKind::Io`], or from being understood, such as
/// [`ErrorKind::UnknownFormat`]; not what is told as a fault.
pub fn validate(
    path: impl AsRef<Path>,
    options: &ReadOptions,
    checks: Checks,
    mut tell: impl FnMut(&Flaw),
) -> Result<Validity> {
    let on_error = if checks == Checks::All { OnError::Reject } else { OnError::Fail };
    let mut found = Validity::default();
    let read = Input::open(path, &options.clone().on_error(on_error).max_rejects(u64::MAX).any_records())
        .map(Input::read_once)
        .and_then(|input| {
            found.format = Some(input.format());
            check(&input, &mut found, &mut tell)
        });
    match read {
        Ok(()) => Ok(found),
        Err(error) if is_fault(error.kind()) => {
            found.faults += 1;
            tell(&Flaw { place: error.place().cloned(), reason: error.kind().to_string() });
            Ok(found)
        }
        Err(error) => Err(error),
    }
}

/// Whether an error is about the content of a file by its format's standard.
fn is_fault(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Empty
            | ErrorKind::Encoding
            | ErrorKind::ForeignEncoding(_)
            | ErrorKind::UnknownEncoding(_)
            | ErrorKind::Compression(_)
            | ErrorKind::Ragged { .. }
            | ErrorKind::Syntax(_)
            | ErrorKind::TooLong { .. }
            | ErrorKind::TooDeep { .. }
    )
}

fn check(input: &Input, found: &mut Validity, tell: &mut impl FnMut(&Flaw)) -> Result<()> {
    if let Layout::Columnar(_) = input.layout() {
        // Whoever has decoded all of it has checked it.
        for batch in input.batches(None)? {
            found.records += batch?.num_rows() as u64;
        }
        return Ok(());
    }
    let nothing = Arc::new(Schema::empty());
    let (file, layout) = (input.schema().clone(), input.clone());
    let mut checked = Ahead::new(input.blocks(Some(&[]))?, move |blocks, block| {
        let work = blocks.work(block, |bytes, records, refused| match layout.layout() {
            Layout::Csv(dialect) => {
                let reading = csv::Reading { dialect: *dialect, nulls: layout.options().null_texts() };
                csv::parse(bytes, reading, &file, &[], &nothing, refused).map(|batch| batch.num_rows())
            }
            Layout::Json(_) => json::check(bytes, &records.records, refused).map(|()| records.records.len()),
            Layout::Xml(_) => xml::check(bytes, records, refused).map(|()| records.records.len()),
            Layout::Columnar(_) => Ok(0),
        });
        // Of CSV the rows that are left were counted, else all that were found.
        work.map(|(rows, rejects)| match layout.layout() {
            Layout::Csv(_) => (rows, rejects),
            _ => (rows.saturating_sub(rejects.len()), rejects),
        })
    });
    while let Some((records, rejects)) = checked.next()? {
        found.records += records as u64;
        found.faults += rejects.len() as u64;
        for reject in rejects {
            tell(&flaw(reject));
        }
    }
    Ok(())
}

fn flaw(reject: Reject) -> Flaw {
    let (place, reason) = reject.into_fault();
    Flaw { place: Some(place), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(name: &str, content: &[u8], checks: Checks) -> Result<(Validity, Vec<String>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let prefix = format!("{}/", folder.path().display());
        let mut told = Vec::new();
        let options = ReadOptions::default().sample_bytes(40).block_bytes(60);
        let found = validate(&path, &options, checks, |flaw| told.push(flaw.to_string().replace(&prefix, "")))?;
        Ok((found, told))
    }

    #[test]
    fn the_first_fault_or_all() {
        let xml = format!("<r>{}<i><a></i>\n<i>2</i>\n<i>&x;</i>\n</r>", "<i>1</i>\n".repeat(20));
        let csv = format!("a,b\n{}1\n1,2\n1,2,3\n", "1,2\n".repeat(20));
        let json = format!("{}{{\"a\":}}\n{{\"b\":2}}\n{{]\n", "{\"a\":1}\n".repeat(20));
        let cases: [(&str, &str, u64, &[&str]); 3] = [
            (
                "t.xml",
                &xml,
                21,
                &["t.xml:21:7: `</i>` where `</a>` was expected", "t.xml:23:4: entity `x` is not declared"],
            ),
            ("t.csv", &csv, 21, &["t.csv:22: 1 field, expected 2", "t.csv:24: 3 fields, expected 2"]),
            ("t.json", &json, 21, &["t.json:21:6: ", "t.json:23:2: "]),
        ];
        for (name, content, records, faults) in cases {
            let (found, told) = validated(name, content.as_bytes(), Checks::All).unwrap();
            assert_eq!(
                (found.records, found.faults, found.is_valid()),
                (records, faults.len() as u64, false),
                "{told:?}"
            );
            for (told, expected) in told.iter().zip(faults) {
                assert!(told.starts_with(expected), "{told}");
            }
            let (found, told) = validated(name, content.as_bytes(), Checks::First).unwrap();
            assert_eq!((found.faults, told.len()), (1, 1));
            let line = faults[0].split(": ").next().unwrap();
            assert!(told[0].starts_with(line), "{told:?}");
        }
    }

    #[test]
    fn what_is_right_has_no_faults() {
        let cases: [(&str, &[u8], u64); 6] = [
            ("t.xml", b"<r><i>1</i><i>x</i></r>", 2),
            ("t.xml", b"<r><a>1</a></r>", 1),
            ("t.csv", b"a,b\n1,2\nx,y\n", 2),
            ("t.json", b"[{\"a\":1},{\"b\":[2]},3]", 3),
            ("t.ndjson", b"{\"a\":1}\n{\"a\":\"x\"}\n", 2),
            ("t.json", b"[]", 0),
        ];
        for (name, content, records) in cases {
            for checks in [Checks::First, Checks::All] {
                let (found, told) = validated(name, content, checks).unwrap();
                assert_eq!((found.records, found.faults, told.len()), (records, 0, 0), "{name} {told:?}");
            }
        }
    }

    #[test]
    fn a_document_cut_short_is_told_at_its_end() {
        let (found, told) = validated("t.xml", b"<r>\n<i>1</i>\n<i>2</i>\n", Checks::All).unwrap();
        assert_eq!((found.records, told), (2, vec!["t.xml:4:1: the document ends inside element `r`".to_owned()]));
        let (_, told) = validated("t.xml", b"", Checks::First).unwrap();
        assert_eq!(told, ["t.xml: the file is empty"]);
        let error = validated("t.bin", b"\x89PNG\0", Checks::First).unwrap_err();
        assert!(error.to_string().ends_with("the file is binary, expected CSV, JSON or XML"), "{error}");
    }
}
