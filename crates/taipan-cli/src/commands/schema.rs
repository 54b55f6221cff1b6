//! `taipan schema`

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use taipan::Error;
use taipan::arrow::array::{ArrayRef, StringArray, UInt64Array};
use taipan::arrow::record_batch::RecordBatch;
use taipan::io::{AtomicFile, ColumnProfile, Input, profile};

use crate::args::{Format, Global, Schema};
use crate::message::counted;
use crate::output::Printer;

/// Longer values are cut off in tables.
const WIDEST: usize = 40;

pub(crate) fn run(args: &Schema, global: &Global) -> Result<()> {
    let input = Input::open(&args.file, &args.reading.options(global)?).map_err(Error::from)?;
    let found = profile(&input).map_err(Error::from)?;
    if args.printing.format == Some(Format::Json) || is_json(args) {
        let text = format!("{:#}\n", found.to_json());
        match args.printing.output.as_deref().filter(|path| path.as_os_str() != "-") {
            Some(path) => {
                let mut file = AtomicFile::create(path).map_err(Error::from)?;
                file.write_all(text.as_bytes())?;
                file.commit().map_err(Error::from)?;
            }
            None => std::io::stdout().lock().write_all(text.as_bytes())?,
        }
    } else {
        let mut rows = Vec::new();
        flatten("", &found.columns, &mut rows);
        let batch = table(&rows)?;
        let mut printer = Printer::new(&args.printing, &batch.schema())?;
        printer.write(&batch)?;
        printer.finish()?;
    }
    if !global.quiet {
        let columns = counted(found.columns.len() as u64, "column");
        eprintln!("{}, {columns}", counted(found.rows, "row"));
    }
    Ok(())
}

/// Whether the output's name asks for JSON.
fn is_json(args: &Schema) -> bool {
    let extension = args.printing.output.as_deref().and_then(|path| path.extension());
    args.printing.format.is_none() && extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// Columns and those inside them, with their whole names.
fn flatten<'a>(above: &str, columns: &'a [ColumnProfile], rows: &mut Vec<(String, &'a ColumnProfile)>) {
    for column in columns {
        let name = format!("{above}{}", column.name);
        let inside = format!("{name}.");
        rows.push((name, column));
        flatten(&inside, &column.fields, rows);
    }
}

fn table(rows: &[(String, &ColumnProfile)]) -> Result<RecordBatch> {
    let texts = |of: &dyn Fn(&ColumnProfile) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, column)| of(column)).collect::<StringArray>())
    };
    let names: ArrayRef = Arc::new(rows.iter().map(|(name, _)| Some(name.as_str())).collect::<StringArray>());
    let nulls: ArrayRef = Arc::new(rows.iter().map(|(_, column)| Some(column.nulls)).collect::<UInt64Array>());
    Ok(RecordBatch::try_from_iter([
        ("column", names),
        ("type", texts(&|column| Some(column.type_name()))),
        ("nulls", nulls),
        ("min", texts(&|column| shown(column.min.as_ref()))),
        ("max", texts(&|column| shown(column.max.as_ref()))),
        ("example", texts(&|column| shown(column.example.as_ref()).filter(|_| column.fields.is_empty()))),
    ])?)
}

/// A value as text, cut off where it is long.
fn shown(value: Option<&serde_json::Value>) -> Option<String> {
    let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))?;
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => Some(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Some(text),
    }
}
