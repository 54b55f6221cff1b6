//! A file's records that meet a condition, into another file.

use std::io::Write;
use std::path::Path;

use taipan_io::{AtomicFile, Condition, Filter, Filtered, Format, Input, Output, ReadOptions};

use crate::error::{Error, Result};

/// Copies the records of `input` that meet `condition` to `output`, in bounded memory: `filter_file("events.ndjson",
/// "large.ndjson", "value > 100", &ReadOptions::default())`.
///
/// The output has the format that its name tells, else the input's; it appears when it is whole, compressed if its name
/// ends in `.gz` or `.zst`. `-` is standard output.
///
/// Errors: those of reading and writing; a condition that does not hold together; a value that does not compare.
pub fn filter_file(input: &str, output: &str, condition: &str, options: &ReadOptions) -> Result<Filtered> {
    let condition = Condition::parse(condition).map_err(|error| Error::invalid(error.to_string()))?;
    let input = Input::open(input, options)?;
    let format = input.format();
    let mut filter = Filter::new(input, &condition)?;
    if output == "-" {
        let mut stdout = std::io::stdout();
        let filtered = filter.run(&mut stdout, |_| Ok(()))?;
        stdout.flush()?;
        return Ok(filtered);
    }
    match Output::of_path(Path::new(output)) {
        // Lines stay lines, whatever the file is called.
        Some(Output::Json) if format == Format::Json => {}
        Some(output) => filter = filter.output(output),
        None => {}
    }
    let mut file = AtomicFile::packed(output)?;
    let filtered = filter.run(&mut file, |_| Ok(()))?;
    file.commit()?;
    Ok(filtered)
}
