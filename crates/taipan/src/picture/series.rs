//! Columns of batches as the data of charts: numbers, times, or texts.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use taipan_plot::Data;

use crate::error::{Error, Result};

/// Numbers and times with NaN for what is missing, all else as text.
pub(crate) fn data(column: &ArrayRef) -> Result<Data> {
    if is_time(column.data_type()) {
        return Ok(Data::Times(numbers_of(column)?));
    }
    if column.data_type().is_numeric() {
        return Ok(Data::Numbers(numbers_of(column)?));
    }
    let texts = texts_of(column)?;
    Ok(Data::Text((0..texts.0.len()).map(|row| texts.get(row).map(str::to_owned)).collect()))
}

/// Whether values of this type have a place on an axis of time.
pub(crate) fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

/// Numbers, or seconds since 1970 of times; NaN for what is missing.
pub(crate) fn numbers_of(column: &ArrayRef) -> Result<Vec<f64>> {
    let failed = |error: ArrowError| Error::invalid(error.to_string());
    if is_time(column.data_type()) {
        let zone = match column.data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        let times = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, zone)).map_err(failed)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        return Ok(times.iter().map(|time| time.map_or(f64::NAN, |time| time as f64 / 1e6)).collect());
    }
    let numbers = cast(column, &DataType::Float64).map_err(failed)?;
    let numbers = numbers.as_primitive::<Float64Type>();
    if numbers.null_count() == 0 {
        return Ok(numbers.values().to_vec());
    }
    Ok(numbers.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// A column as texts.
pub(crate) struct Texts(StringArray);

impl Texts {
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// The values of a column in words.
pub(crate) fn texts_of(column: &ArrayRef) -> Result<Texts> {
    let text = cast(column, &DataType::Utf8).map_err(|error| Error::invalid(error.to_string()))?;
    Ok(Texts(text.as_string::<i32>().clone()))
}
