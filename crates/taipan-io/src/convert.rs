//! A file of one format as a file of another: read in blocks, written in order, whole or not at all.
//!
//! Types are those of the sample first. If a later value does not fit, what was written is dropped, the types are
//! settled in one pass over the input, and it is converted anew: so most files are read once.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ahead::Ahead;
use crate::error::{Error, ErrorKind, Result};
use crate::input::Input;
use crate::reject::{Reject, RejectFile, Tally};
use crate::write::{AtomicFile, BatchWriter, Output, Text};

/// How a file is converted.
///
/// ```
/// use taipan_io::{Conversion, Input, OnError, Output, ReadOptions};
///
/// # let folder = tempfile::tempdir()?;
/// # let (source, target) = (folder.path().join("tips.csv"), folder.path().join("tips.ndjson"));
/// std::fs::write(&source, "day,tip\nSun,1.01\nSat\nSat,3\n")?;
/// let input = Input::open(&source, &ReadOptions::default().on_error(OnError::Reject))?;
/// let converted = Conversion::new(Output::NdJson).to_file(&input, &target)?;
/// assert_eq!((converted.rows, converted.rejects), (2, 1));
/// assert_eq!(std::fs::read_to_string(&target)?, "{\"day\":\"Sun\",\"tip\":1.01}\n{\"day\":\"Sat\",\"tip\":3.0}\n");
/// assert!(folder.path().join("tips.ndjson.rejects.ndjson").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Conversion {
    output: Output,
    safe_cells: bool,
    rejects: Option<PathBuf>,
    progress: Option<Progress>,
}

/// Told the bytes read so far.
type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// What a conversion has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// Rows written.
    pub rows: u64,
    /// Records rejected.
    pub rejects: u64,
}

impl Conversion {
    /// A conversion to a format.
    pub fn new(output: Output) -> Self {
        Self { output, safe_cells: false, rejects: None, progress: None }
    }

    /// CSV that a spreadsheet does not take for formulas, as [`BatchWriter::safe_cells`] has it.
    #[must_use]
    pub fn safe_cells(mut self) -> Self {
        self.safe_cells = true;
        self
    }

    /// Where rejects are written, else beside the target: `OUT.rejects.ndjson`.
    #[must_use]
    pub fn rejects(mut self, path: impl Into<PathBuf>) -> Self {
        self.rejects = Some(path.into());
        self
    }

    /// What is told, now and then, how many bytes of the input were read.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(u64) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Converts an input to a file, which appears under its name when it is whole, compressed if that says so; so does the file of its rejects, just
    /// before it.
    ///
    /// # Errors
    /// Those of reading the input and of writing the target. Nothing is left under the target's name, or what was there
    /// before.
    pub fn to_file(&self, input: &Input, target: &Path) -> Result<Converted> {
        let begin = || AtomicFile::packed(target);
        let rejects = self.rejects.clone().map_or_else(|| RejectFile::beside(target), RejectFile::at);
        let (converted, file, rejects) = self.run(input, begin, rejects.path())?;
        rejects.commit()?;
        file.commit()?;
        Ok(converted)
    }

    /// Converts an input to whatever takes bytes, as they come. Types are settled first, as nothing can be taken back.
    ///
    /// # Errors
    /// Those of reading the input and of writing to `writer`.
    pub fn to_writer<W: Write>(&self, input: &Input, writer: W) -> Result<Converted> {
        let input = if input.is_settled() { input.clone() } else { input.settled(None)? };
        let mut writer = Some(writer);
        let begin = || writer.take().ok_or_else(|| Error::new(ErrorKind::ReadOnce));
        let path = self.rejects.clone().unwrap_or_else(|| PathBuf::from("rejects.ndjson"));
        let (converted, mut writer, rejects) = self.run(&input, begin, &path)?;
        writer.flush()?;
        if converted.rejects > 0 {
            rejects.commit()?;
        }
        Ok(converted)
    }

    fn run<W: Write>(
        &self,
        input: &Input,
        mut begin: impl FnMut() -> Result<W>,
        rejects: &Path,
    ) -> Result<(Converted, W, RejectFile)> {
        let mut input = input.clone();
        let mut settled = input.is_settled();
        loop {
            if settled {
                // Of a stream nothing needs to be kept.
                input = input.read_once();
            }
            match self.pass(&input, begin()?, RejectFile::at(rejects)) {
                Err(error) if !settled && matches!(error.kind(), ErrorKind::Misfit(_)) => {
                    input = input.settled(None)?;
                    settled = true;
                }
                done => return done,
            }
        }
    }

    fn pass<W: Write>(&self, input: &Input, writer: W, mut rejects: RejectFile) -> Result<(Converted, W, RejectFile)> {
        let (rows, writer) = match self.output {
            Output::Parquet | Output::Arrow => self.columns(input, writer, &mut rejects)?,
            _ => self.text(input, writer, &mut rejects)?,
        };
        Ok((Converted { rows, rejects: rejects.count() }, writer, rejects))
    }

    fn columns<W: Write>(&self, input: &Input, writer: W, rejects: &mut RejectFile) -> Result<(u64, W)> {
        let mut batches = input.batches(None)?;
        let mut writer = BatchWriter::new(self.output, writer, input.schema());
        let mut rows = 0;
        while let Some(batch) = batches.next() {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            writer.write(&batch)?;
            rejects.write(&batches.take_rejects())?;
            self.tell(batches.bytes_read());
        }
        rejects.write(&batches.take_rejects())?;
        Ok((rows, writer.finish()?))
    }

    /// Each block becomes text where it was parsed; here it is only put in order.
    fn text<W: Write>(&self, input: &Input, mut writer: W, rejects: &mut RejectFile) -> Result<(u64, W)> {
        let mut text = Text::new(self.output, input.schema());
        if self.safe_cells {
            text.safe_cells(input.schema());
        }
        let text = Arc::new(text);
        let shared = text.clone();
        let mut written = Ahead::new(input.blocks(None)?, move |blocks, block| {
            let (batch, rejects) = blocks.parse_and_reject(block)?;
            let mut bytes = Vec::new();
            shared.rows(&batch, false, &mut bytes)?;
            Ok((bytes, batch.num_rows() as u64, rejects))
        });
        let mut tally = Tally::new(input.options().reject_limit());
        let mut rows = 0;
        writer.write_all(text.opening())?;
        while let Some((bytes, count, refused)) = written.next()? {
            let refused: Vec<Reject> = refused;
            tally.add(&refused)?;
            rejects.write(&refused)?;
            // What parts rows does not stand before the first one.
            let skip = if rows == 0 && count > 0 { text.parting().len() } else { 0 };
            writer.write_all(bytes.get(skip..).unwrap_or_default())?;
            rows += count;
            self.tell(written.blocks().bytes_read());
        }
        writer.write_all(text.closing(rows == 0))?;
        Ok((rows, writer))
    }

    fn tell(&self, bytes: u64) {
        if let Some(progress) = &self.progress {
            progress(bytes);
        }
    }
}

impl std::fmt::Debug for Conversion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversion").field("output", &self.output).finish_non_exhaustive()
    }
}
