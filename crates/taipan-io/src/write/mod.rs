//! Batches to bytes: CSV, JSON, NDJSON, Parquet and Arrow IPC into any [`std::io::Write`].

mod atomic;
mod cells;
mod columns;
mod packed;
mod text;

use std::io::Write;
use std::path::Path;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use std::sync::Arc;

pub use self::atomic::AtomicFile;
use self::cells::Cells;
use self::columns::{Columns, Kind};
pub(crate) use self::text::Text;
use crate::error::Result;
use crate::source::is_packed;

/// Text is handed on in pieces of about this size.
const PIECE: usize = 64 << 10;

/// A format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// RFC 4180 with a header row, commas and LF. A null is an empty field, an empty text `""`.
    Csv,
    /// The same with tabs between the fields.
    Tsv,
    /// One array with an object on each line.
    Json,
    /// One object on each line.
    NdJson,
    /// Apache Parquet, compressed by Snappy, in row groups of up to 1,048,576 rows.
    Parquet,
    /// An Arrow IPC file.
    Arrow,
}

impl Output {
    /// The format that a file's extension asks for, if it is a known one; of text, also before the `.gz` or `.zst` of what
    /// is [compressed](AtomicFile::packed).
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            extension if is_packed(extension) => {
                Self::of_path(Path::new(path.file_stem()?)).filter(|output| !output.is_columnar())
            }
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::NdJson),
            "parquet" => Some(Self::Parquet),
            "arrow" | "feather" | "ipc" => Some(Self::Arrow),
            _ => None,
        }
    }

    /// Whether it holds columns, typed and compressed in ways of its own.
    pub(crate) fn is_columnar(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    /// The character between fields.
    pub(crate) fn delimiter(self) -> u8 {
        if self == Self::Tsv { b'\t' } else { b',' }
    }
}

/// Writes record batches of one schema.
///
/// In text, floats are written with the fewest digits that read back as the same float. JSON has no infinities and no
/// NaN: they become null. Lists and structs in CSV are their JSON.
///
/// ```
/// use taipan_io::{BatchWriter, Output};
/// # use arrow::{array::{Int64Array, RecordBatch}, datatypes::{DataType, Field, Schema}};
/// # let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
/// # let batch = RecordBatch::try_new(schema.clone().into(), vec![std::sync::Arc::new(Int64Array::from(vec![1]))])?;
/// let mut writer = BatchWriter::new(Output::NdJson, Vec::new(), &schema);
/// writer.write(&batch)?;
/// assert_eq!(writer.finish()?, b"{\"a\":1}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BatchWriter<W: Write> {
    schema: SchemaRef,
    sink: Sink<W>,
}

#[derive(Debug)]
enum Sink<W: Write> {
    Text { text: Text, writer: W, rows: u64, begun: bool },
    Columns(Columns<W>),
}

impl<W: Write> BatchWriter<W> {
    /// A writer of batches that have this schema. Nothing is written yet.
    pub fn new(output: Output, writer: W, schema: &Schema) -> Self {
        let schema = Arc::new(schema.clone());
        let sink = match output {
            Output::Parquet => Sink::Columns(Columns::new(Kind::Parquet, writer)),
            Output::Arrow => Sink::Columns(Columns::new(Kind::Arrow, writer)),
            _ => Sink::Text { text: Text::new(output, &schema), writer, rows: 0, begun: false },
        };
        Self { schema, sink }
    }

    /// The same writer with CSV that a spreadsheet does not take for formulas: a text that begins with `=`, `+`, `-`,
    /// `@`, a tab or a carriage return has a `'` before it. Numbers stay as they are.
    #[must_use]
    pub fn safe_cells(mut self) -> Self {
        if let Sink::Text { text, .. } = &mut self.sink {
            text.safe_cells(&self.schema);
        }
        self
    }

    /// Writes the rows of a batch.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) from the writer; [`ErrorKind::Arrow`](crate::ErrorKind::Arrow) if the
    /// batch has another number of columns, or a type that the format has no place for.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_columns() != self.schema.fields().len() {
            let message =
                format!("a batch of {} columns, expected {}", batch.num_columns(), self.schema.fields().len());
            return Err(arrow::error::ArrowError::SchemaError(message).into());
        }
        match &mut self.sink {
            Sink::Text { text, writer, rows, begun } => {
                if !std::mem::replace(begun, true) {
                    writer.write_all(text.opening())?;
                }
                let cells = Text::cells(batch)?;
                let mut buffer = Vec::with_capacity(PIECE + PIECE / 8);
                for row in 0..batch.num_rows() {
                    text.row(&cells, row, *rows == 0, &mut buffer);
                    *rows += 1;
                    if buffer.len() >= PIECE {
                        writer.write_all(&buffer)?;
                        buffer.clear();
                    }
                }
                Ok(writer.write_all(&buffer)?)
            }
            Sink::Columns(columns) => columns.write(&self.schema, batch),
        }
    }

    /// Writes what closes the output and hands the writer back, flushed.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(self) -> Result<W> {
        let mut writer = match self.sink {
            Sink::Text { text, mut writer, rows, begun } => {
                if !begun {
                    writer.write_all(text.opening())?;
                }
                writer.write_all(text.closing(rows == 0))?;
                writer
            }
            Sink::Columns(columns) => columns.finish(&self.schema)?,
        };
        writer.flush()?;
        Ok(writer)
    }
}

/// One value as JSON, as [`BatchWriter`] writes it; null beyond the end of the array.
///
/// # Errors
/// [`ErrorKind::Arrow`](crate::ErrorKind::Arrow) for a type that cannot be shown as text.
pub fn json_value(array: &dyn Array, row: usize) -> Result<serde_json::Value> {
    if row >= array.len() {
        return Ok(serde_json::Value::Null);
    }
    let one = array.slice(row, 1);
    let mut text = Vec::new();
    Cells::new(&one)?.json(0, &mut text);
    // What was just written is JSON.
    Ok(serde_json::from_slice(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int8Array,
        Int64Array, ListArray, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, UInt64Array,
    };
    use arrow::datatypes::{Field, Int32Type, Int64Type};
    use serde_json::json;

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    }

    fn written(output: Output, batch: &RecordBatch) -> String {
        let mut writer = BatchWriter::new(output, Vec::new(), &batch.schema());
        writer.write(batch).unwrap();
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    fn objects() -> ArrayRef {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let b: ArrayRef = Arc::new(StringArray::from(vec!["x\"y", "é"]));
        Arc::new(StructArray::from(vec![
            (Arc::new(Field::new("a", a.data_type().clone(), true)), a),
            (Arc::new(Field::new("b \"", b.data_type().clone(), true)), b),
        ]))
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let text =
            StringArray::from(vec![Some("plain"), Some(""), None, Some("a,b"), Some("say \"hi\""), Some("two\nlines")]);
        let numbers = Float64Array::from(vec![Some(1.0), Some(0.1), None, Some(1e300), Some(f64::NAN), Some(-2.5e-9)]);
        let table = batch(vec![("te,xt", Arc::new(text)), ("n", Arc::new(numbers))]);
        let expected =
            "\"te,xt\",n\nplain,1\n\"\",0.1\n,\n\"a,b\",1e300\n\"say \"\"hi\"\"\",NaN\n\"two\nlines\",-2.5e-9\n";
        assert_eq!(written(Output::Csv, &table), expected);
    }

    #[test]
    fn a_lone_null_keeps_its_row() {
        let table = batch(vec![("n", Arc::new(Int64Array::from(vec![Some(1), None])))]);
        assert_eq!(written(Output::Csv, &table), "n\n1\n\"\"\n");
    }

    #[test]
    fn json_nests() {
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), None]), None]);
        let table = batch(vec![("o", objects()), ("l", Arc::new(list))]);
        let rows = [
            "{\"o\":{\"a\":1,\"b \\\"\":\"x\\\"y\"},\"l\":[1,null]}",
            "{\"o\":{\"a\":null,\"b \\\"\":\"é\"},\"l\":null}",
        ];
        assert_eq!(written(Output::NdJson, &table), format!("{}\n{}\n", rows[0], rows[1]));
        assert_eq!(written(Output::Json, &table), format!("[\n{},\n{}\n]\n", rows[0], rows[1]));
        let empty = RecordBatch::new_empty(table.schema());
        assert_eq!(written(Output::Json, &empty), "[]\n");
        assert_eq!(written(Output::NdJson, &empty), "");
        let first = written(Output::Csv, &table).lines().nth(1).map(str::to_owned);
        assert_eq!(first.as_deref(), Some("\"{\"\"a\"\":1,\"\"b \\\"\"\"\":\"\"x\\\"\"y\"\"}\",\"[1,null]\""));
    }

    #[test]
    fn values() {
        let dictionary: DictionaryArray<Int32Type> = vec!["x", "y"].into_iter().collect();
        let decimal = Decimal128Array::from(vec![12345]).with_precision_and_scale(9, 2).unwrap();
        let cases: Vec<(ArrayRef, serde_json::Value)> = vec![
            (Arc::new(Int64Array::from(vec![i64::MIN])), json!(i64::MIN)),
            (Arc::new(UInt64Array::from(vec![u64::MAX])), json!(u64::MAX)),
            (Arc::new(Int8Array::from(vec![-1])), json!(-1)),
            (Arc::new(Float32Array::from(vec![0.1])), json!(0.1)),
            (Arc::new(Float64Array::from(vec![f64::INFINITY])), json!(null)),
            (Arc::new(BooleanArray::from(vec![true])), json!(true)),
            (Arc::new(StringViewArray::from(vec!["\u{1}é"])), json!("\u{1}é")),
            (Arc::new(Date32Array::from(vec![19_782])), json!("2024-02-29")),
            (Arc::new(Date32Array::from(vec![-1])), json!("1969-12-31")),
            (Arc::new(TimestampMicrosecondArray::from(vec![0])), json!("1970-01-01T00:00:00")),
            (Arc::new(TimestampMicrosecondArray::from(vec![-1])), json!("1969-12-31T23:59:59.999999")),
            (Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC")), json!("1970-01-01T00:00:00Z")),
            (Arc::new(TimestampNanosecondArray::from(vec![1])), json!("1970-01-01T00:00:00.000000001")),
            (Arc::new(decimal), json!(123.45)),
            (Arc::new(dictionary), json!("x")),
            (objects(), json!({"a": 1, "b \"": "x\"y"})),
        ];
        for (array, expected) in cases {
            assert_eq!(json_value(&array, 0).unwrap(), expected, "{}", array.data_type());
            assert_eq!(json_value(&array, 99).unwrap(), json!(null));
        }
    }
}
