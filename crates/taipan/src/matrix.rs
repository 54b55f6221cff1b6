//! The one conversion from batches to matrices: every number a `f64`, rows down, features across.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use ndarray::{Array1, Array2, ShapeBuilder};

use crate::error::{Error, Result};

/// Features and target of a batch.
pub(crate) struct Matrix {
    pub(crate) features: Vec<String>,
    pub(crate) x: Array2<f64>,
    pub(crate) y: Array1<f64>,
}

/// Rows to turn into numbers, and how to speak of them.
pub(crate) struct Rows<'a> {
    pub(crate) batch: &'a RecordBatch,
    /// The file, table or query that they come from.
    pub(crate) of: &'a str,
    /// Rows of it before this batch.
    pub(crate) before: usize,
}

/// What a column is needed for; it decides what can be done about one that does not serve.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Feature,
    Target,
    Input,
}

/// Takes `target` and every other column but those of `exclude` from `batch`.
pub(crate) fn features_and_target(batch: &RecordBatch, target: &str, exclude: &[String], of: &str) -> Result<Matrix> {
    let schema = batch.schema();
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    for column in std::iter::once(target).chain(exclude.iter().map(String::as_str)) {
        if names().all(|name| name != column) {
            return Err(Error::unknown_column(column, of, names()));
        }
    }
    if batch.num_rows() == 0 {
        return Err(Error::invalid(format!("{of} has no rows to learn from")));
    }
    let features: Vec<String> =
        names().filter(|name| *name != target && exclude.iter().all(|out| out != name)).map(str::to_owned).collect();
    if features.is_empty() {
        return Err(Error::invalid(format!("{of} has no column besides the target '{target}' to learn from")));
    }
    let rows = Rows { batch, of, before: 0 };
    let y = rows.column(target, Role::Target)?;
    let x = rows.matrix(&features, Role::Feature)?;
    Ok(Matrix { features, x, y: Array1::from_vec(y) })
}

impl Rows<'_> {
    /// The named columns as a matrix of shape (rows, columns), column-major, for a prediction.
    pub(crate) fn columns(&self, names: &[String]) -> Result<Array2<f64>> {
        self.matrix(names, Role::Input)
    }

    fn matrix(&self, names: &[String], role: Role) -> Result<Array2<f64>> {
        let mut values = Vec::with_capacity(self.batch.num_rows() * names.len());
        for name in names {
            values.extend(self.column(name, role)?);
        }
        let shape = (self.batch.num_rows(), names.len()).f();
        Array2::from_shape_vec(shape, values).map_err(|error| Error::invalid(error.to_string()))
    }

    fn column(&self, name: &str, role: Role) -> Result<Vec<f64>> {
        let of = self.of;
        let Some(array) = self.batch.column_by_name(name) else {
            let schema = self.batch.schema();
            let known = schema.fields().iter().map(|field| field.name().as_str());
            return Err(Error::unknown_column(name, of, known));
        };
        if !(array.data_type().is_numeric() || *array.data_type() == DataType::Boolean) {
            let kind = match array.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
                DataType::Date32 | DataType::Timestamp(..) => "dates",
                DataType::Null => "no value",
                _ => "nested values",
            };
            let error = Error::invalid(format!("the column '{name}' of {of} holds {kind}, and numbers are needed"));
            return Err(match role {
                Role::Feature => {
                    error.with_hint(format!("leave it out with --exclude {name}, or turn it into numbers in a query"))
                }
                Role::Target => error.with_hint("choose a target of numbers, or turn it into numbers in a query"),
                Role::Input => error,
            });
        }
        if array.null_count() > 0 {
            let row = self.before + (0..array.len()).find(|row| array.is_null(*row)).unwrap_or_default() + 1;
            let error = Error::invalid(format!("the column '{name}' of {of} has no value in row {row}"));
            return Err(error.with_hint("leave such rows out in a query: SELECT … WHERE column IS NOT NULL"));
        }
        let numbers = cast(array, &DataType::Float64).map_err(|error| Error::invalid(error.to_string()))?;
        let values = numbers.as_primitive::<Float64Type>().values();
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            let (value, row) = (values[row], self.before + row + 1);
            return Err(Error::invalid(format!(
                "the column '{name}' of {of} is {value} in row {row}, which is no finite number"
            )));
        }
        Ok(values.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray};
    use ndarray::array;

    use super::*;

    fn batch() -> RecordBatch {
        RecordBatch::try_from_iter([
            ("a", Arc::new(Int64Array::from(vec![1, 2])) as Arc<dyn Array>),
            ("b", Arc::new(BooleanArray::from(vec![true, false]))),
            ("y", Arc::new(Float64Array::from(vec![0.5, 1.5]))),
            ("t", Arc::new(StringArray::from(vec!["x", "z"]))),
            ("n", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ])
        .unwrap()
    }

    #[test]
    fn numbers_and_booleans_become_a_matrix() {
        let matrix = features_and_target(&batch(), "y", &["t".into(), "n".into()], "f.csv").unwrap();
        assert_eq!(matrix.features, ["a", "b"]);
        assert_eq!(matrix.x, array![[1.0, 1.0], [2.0, 0.0]]);
        assert_eq!(matrix.y, array![0.5, 1.5]);
    }

    #[test]
    fn unusable_columns_are_named() {
        for (target, exclude, expected) in [
            ("y", vec!["n"], "the column 't' of f.csv holds text, and numbers are needed"),
            ("y", vec!["t"], "the column 'n' of f.csv has no value in row 2"),
            ("z", vec![], "no column 'z' in f.csv"),
            ("y", vec!["tt"], "no column 'tt' in f.csv"),
            ("y", vec!["a", "b", "t", "n"], "f.csv has no column besides the target 'y' to learn from"),
        ] {
            let exclude: Vec<String> = exclude.into_iter().map(str::to_owned).collect();
            let error = features_and_target(&batch(), target, &exclude, "f.csv").err().unwrap();
            assert_eq!(error.to_string(), expected);
        }
    }
}
