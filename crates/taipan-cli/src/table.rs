//! Rows as aligned columns: numbers to the right, text to the left, two spaces between.

use std::io::Write;

use anyhow::Result;
use taipan::arrow::array::{Array, AsArray};
use taipan::arrow::datatypes::{DataType, Float32Type, Float64Type, Schema};
use taipan::arrow::record_batch::RecordBatch;
use taipan::arrow::util::display::{ArrayFormatter, FormatOptions};
use unicode_width::UnicodeWidthStr;

/// So many rows decide the widths; later, wider values push their row out of line but lose nothing.
const LOOK_AHEAD: usize = 1000;

/// Prints batches as a table to `W`.
pub(crate) struct TableWriter<W> {
    target: W,
    header: Vec<String>,
    right: Vec<bool>,
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
}

impl<W: Write> TableWriter<W> {
    /// A table with the columns of `schema`.
    pub(crate) fn new(target: W, schema: &Schema) -> Self {
        let header = schema.fields().iter().map(|field| one_line(field.name())).collect();
        let right = schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
        Self { target, header, right, waiting: Vec::new(), widths: None }
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().map(cells).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|column| column(row)).collect();
            match &self.widths {
                Some(widths) => print_row(&mut self.target, &cells, &self.right, widths)?,
                None => self.waiting.push(cells),
            }
            if self.waiting.len() == LOOK_AHEAD {
                self.print_waiting()?;
            }
        }
        Ok(())
    }

    /// Ends the table and gives back what it was written to.
    pub(crate) fn finish(mut self) -> Result<W> {
        if self.widths.is_none() {
            self.print_waiting()?;
        }
        Ok(self.target)
    }

    fn print_waiting(&mut self) -> Result<()> {
        let mut widths: Vec<usize> = self.header.iter().map(|name| name.width()).collect();
        for row in &self.waiting {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        print_row(&mut self.target, &self.header, &self.right, &widths)?;
        for row in std::mem::take(&mut self.waiting) {
            print_row(&mut self.target, &row, &self.right, &widths)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

fn print_row(target: &mut impl Write, cells: &[String], right: &[bool], widths: &[usize]) -> Result<()> {
    let mut line = String::new();
    for ((cell, right), width) in cells.iter().zip(right).zip(widths) {
        let padding = width.saturating_sub(cell.width());
        if *right {
            line.extend(std::iter::repeat_n(' ', padding));
            line.push_str(cell);
        } else {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', padding));
        }
        line.push_str("  ");
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    target.write_all(line.as_bytes())?;
    Ok(())
}

type Cells<'a> = Box<dyn Fn(usize) -> String + 'a>;

/// The texts of a column. Floats are printed in the fewest digits that give the same number back.
fn cells(array: &std::sync::Arc<dyn Array>) -> Result<Cells<'_>> {
    const NULL: &str = "NULL";
    Ok(match array.data_type() {
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            Box::new(move |row| if values.is_null(row) { NULL.to_owned() } else { format!("{:?}", values.value(row)) })
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            Box::new(move |row| if values.is_null(row) { NULL.to_owned() } else { format!("{:?}", values.value(row)) })
        }
        _ => {
            let options = FormatOptions::new().with_null(NULL).with_display_error(true);
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
            Box::new(move |row| one_line(&formatter.value(row).to_string()))
        }
    })
}

/// The text with line breaks and other control characters made visible.
fn one_line(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            '\n' => '⏎',
            '\t' => '⇥',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use taipan::arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn table(columns: Vec<(&str, Arc<dyn Array>)>) -> String {
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
                .unwrap();
        let mut writer = TableWriter::new(Vec::new(), &batch.schema());
        writer.write(&batch).unwrap();
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn numbers_stand_right_and_text_left() {
        let text = table(vec![
            ("name", Arc::new(StringArray::from(vec![Some("Zoë"), Some("日本"), None]))),
            ("n", Arc::new(Int64Array::from(vec![1, 1000, -5]))),
            ("mean", Arc::new(Float64Array::from(vec![Some(0.1), Some(3.0), None]))),
        ]);
        assert_eq!(text, "name     n  mean\nZoë      1   0.1\n日本  1000   3.0\nNULL    -5  NULL\n");
    }

    #[test]
    fn line_breaks_and_escapes_cannot_break_the_table() {
        let text = table(vec![("a\nb", Arc::new(StringArray::from(vec!["x\ty", "\x1b[31mred"])))]);
        assert_eq!(text, "a⏎b\nx⇥y\n\u{fffd}[31mred\n");
    }
}
