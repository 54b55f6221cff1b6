//! A report on a file: what its columns hold, what is missing, what goes together, and plots that show it.
//!
//! The file is read once, whatever its size; the memory does not grow with it. Counts, least and greatest values, means
//! and deviations are exact. Quantiles, histograms and correlations come from a sample of 20,000 rows, each as likely as
//! any other; of smaller files they are exact too.

mod page;
mod scan;
mod sketch;

use taipan_io::{ErrorKind, Input};

use crate::error::{Error, Result};

/// What a file holds, in words and pictures.
#[derive(Debug)]
pub struct Report {
    scanned: scan::Scanned,
    name: String,
}

impl Report {
    /// Reads all of an input, once; again only where a value behind the sample widened a type.
    ///
    /// Errors: those of reading it.
    pub fn of(input: &Input, name: impl Into<String>) -> Result<Self> {
        let scanned = match scan::scan(input) {
            Err(error) if is_misfit(&error) => scan::scan(&input.settled(None)?)?,
            done => done?,
        };
        Ok(Self { scanned, name: name.into() })
    }

    /// Records read.
    pub fn rows(&self) -> u64 {
        self.scanned.rows
    }

    /// Columns found.
    pub fn columns(&self) -> usize {
        self.scanned.columns.len()
    }

    /// The report as one self-contained page: it loads nothing, and its own policy forbids any script but the one that
    /// shows the values of its pictures.
    ///
    /// Errors: none that data could cause.
    pub fn html(&self) -> Result<String> {
        page::html(&self.name, &self.scanned)
    }
}

fn is_misfit(error: &Error) -> bool {
    matches!(error.kind(), crate::ErrorKind::Read(read) if matches!(read.kind(), ErrorKind::Misfit(_)))
}
