//! The rows of a block that meet a condition.

use std::borrow::Cow;

use arrow::datatypes::DataType;

use super::parser::{Parser, Rows};
use super::quotes::unquote;
use super::{Reading, STRIDE, fault, text_of};
use crate::condition::{Condition, Mismatch, Scalar};
use crate::error::{ErrorKind, Fault};
use crate::reject::Refused;
use crate::value;

/// A condition on rows.
#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) condition: Condition,
    /// For each field of the condition its column and that column's type.
    pub(crate) columns: Vec<(usize, DataType)>,
    /// How many columns there are.
    pub(crate) width: usize,
}

impl Selector {
    /// Hands on the rows that meet the condition, as they are but for the newline behind them, and answers how many could
    /// be judged and were kept.
    pub(crate) fn select(
        &self,
        bytes: &[u8],
        reading: Reading,
        refused: &mut Refused,
        mut keep: impl FnMut(&[u8]),
    ) -> Result<(u64, u64), Fault> {
        let (text, broken) = text_of(bytes, refused)?;
        let mut parser = Parser::new(text.as_bytes(), reading.dialect);
        let mut rows = Rows::new(self.width);
        let (mut judged, mut kept) = (0, 0);
        loop {
            let filled = parser.fill(&mut rows, STRIDE);
            let mut bad = broken.rows(&rows).into_iter().peekable();
            let places: Vec<Vec<_>> = self.columns.iter().map(|(column, _)| rows.column(*column).collect()).collect();
            let mut fields: Vec<Field> = Vec::with_capacity(places.len());
            for row in 0..rows.len() {
                if let Some((_, fault)) = bad.next_if(|(at, _)| *at == row) {
                    refused.take(rows.range(row), fault)?;
                    continue;
                }
                fields.clear();
                fields.extend(places.iter().map(|column| {
                    let field = column.get(row).and_then(|range| text.get(range.clone())).unwrap_or_default();
                    Field::new(field, reading)
                }));
                let scalar = |i: usize| match (fields.get(i), self.columns.get(i)) {
                    (Some(field), Some((_, data_type))) => field.scalar(data_type, reading),
                    _ => Scalar::Null,
                };
                match self.condition.evaluate(scalar) {
                    Ok(truth) => {
                        judged += 1;
                        if truth == Some(true) {
                            kept += 1;
                            keep(bytes.get(rows.range(row)).unwrap_or_default());
                        }
                    }
                    Err(mismatch) => refused.take(rows.range(row), mismatched(&rows, row, mismatch))?,
                }
            }
            match filled {
                Ok(()) if rows.len() == 0 => return Ok((judged, kept)),
                Ok(()) => {}
                Err(flaw) => refused.take(flaw.range(bytes.len()), fault(flaw))?,
            }
        }
    }
}

fn mismatched(rows: &Rows, row: usize, mismatch: Mismatch) -> Fault {
    Fault::on_line(rows.range(row).start, ErrorKind::Mismatch(mismatch))
}

/// A field as text columns have it.
struct Field<'a> {
    text: Cow<'a, str>,
    /// It stands for null where columns are text.
    missing: bool,
}

impl<'a> Field<'a> {
    fn new(field: &'a str, reading: Reading) -> Self {
        let quoted = field.as_bytes().first() == Some(&reading.dialect.quote);
        let text = match unquote(field.as_bytes(), reading.dialect) {
            Cow::Borrowed(text) => std::str::from_utf8(text).map_or(Cow::Borrowed(field), Cow::Borrowed),
            Cow::Owned(text) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
        };
        Self { text, missing: !quoted && reading.nulls.is_null_text(field.as_bytes()) }
    }

    /// The field as a value of its column; what does not fit there is the number or text that it is.
    fn scalar(&self, data_type: &DataType, reading: Reading) -> Scalar<'_> {
        if *data_type == DataType::Utf8 {
            return if self.missing { Scalar::Null } else { Scalar::Text(&self.text) };
        }
        let text = self.text.trim_ascii();
        let bytes = text.as_bytes();
        if reading.nulls.is_missing(bytes) {
            return Scalar::Null;
        }
        let day = || value::date(bytes).map(Scalar::Date);
        let time = || value::moment(bytes).map(|micros| Scalar::Timestamp(i128::from(micros) * 1000));
        let found = match data_type {
            DataType::Boolean => value::boolean(bytes).map(Scalar::Boolean),
            DataType::Int64 | DataType::Float64 => match value::int(bytes) {
                Some(int) => Some(Scalar::Int(int)),
                None if bytes.first().is_some_and(u8::is_ascii_alphabetic) => value::float(bytes).map(Scalar::Float),
                None if bytes.last().is_some_and(u8::is_ascii_alphabetic) => value::float(bytes).map(Scalar::Float),
                None => Some(Scalar::Number(text)),
            },
            DataType::Date32 => day().or_else(time),
            DataType::Timestamp(..) => time().or_else(day),
            _ => None,
        };
        found.unwrap_or(Scalar::Text(&self.text))
    }
}
