//! The checks every estimator makes of its matrices before it computes anything.

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

use crate::error::{Error, ErrorKind, Place, Result};
use crate::estimator::Training;

/// Rows that are worth handing to another thread; fixed, so that results do not depend on the number of threads.
pub(crate) const BLOCK_ROWS: usize = 4096;

/// What NaN is among the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nan {
    /// An error.
    Refused,
    /// A missing value.
    Missing,
}

/// Training data without targets: at least one row and one feature, finite numbers, one weight per row if any.
pub(crate) fn check_training(data: &Training<'_>, nan: Nan) -> Result<()> {
    check_size(data.x)?;
    check_x(data.x, nan)?;
    check_weights(data)
}

/// Training data with one target per row.
pub(crate) fn check_supervised<'a>(data: &Training<'a>, nan: Nan) -> Result<ArrayView1<'a, f64>> {
    let y = check_outputs(data, nan)?;
    if y.ncols() != 1 {
        return Err(Error::shape("y has several outputs and this estimator learns one", y.ncols(), 1));
    }
    Ok(y.index_axis_move(ndarray::Axis(1), 0))
}

/// Training data with one or more targets per row.
pub(crate) fn check_outputs<'a>(data: &Training<'a>, nan: Nan) -> Result<ArrayView2<'a, f64>> {
    check_size(data.x)?;
    let y = data.y.ok_or_else(|| Error::empty("there is no y to learn from"))?;
    if y.nrows() != data.x.nrows() {
        let what = "y has another length than X";
        return Err(Error::shape(what, y.nrows(), data.x.nrows()));
    }
    if y.ncols() == 0 {
        return Err(Error::empty("y has no columns"));
    }
    check_x(data.x, nan)?;
    for column in y.columns() {
        check_finite_values("y", column)?;
    }
    check_weights(data)?;
    Ok(y)
}

/// Data to predict for: the features of the training data, no infinities, and NaN only where it means missing; no rows
/// is fine.
pub(crate) fn check_predict(x: ArrayView2<'_, f64>, n_features: usize, nan: Nan) -> Result<()> {
    check_width(x, n_features)?;
    check_x(x, nan)
}

/// The features of the training data, whatever their values.
pub(crate) fn check_width(x: ArrayView2<'_, f64>, n_features: usize) -> Result<()> {
    if x.ncols() == n_features {
        return Ok(());
    }
    let what = "X has another number of features than the training data";
    Err(Error::shape(what, x.ncols(), n_features))
}

/// Refuses the first NaN or infinity of a vector.
pub(crate) fn check_finite_values(array: &'static str, values: ArrayView1<'_, f64>) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(non_finite(array, values[row], row, None)),
    }
}

fn check_size(x: ArrayView2<'_, f64>) -> Result<()> {
    if x.nrows() == 0 {
        return Err(Error::empty("X has no rows"));
    }
    if x.ncols() == 0 {
        return Err(Error::empty("X has no features"));
    }
    Ok(())
}

/// One finite weight per row; which signs make sense is for the estimator to say.
fn check_weights(data: &Training<'_>) -> Result<()> {
    let Some(weights) = data.sample_weight else {
        return Ok(());
    };
    if weights.len() != data.x.nrows() {
        return Err(Error::shape("sample_weight has another length than X", weights.len(), data.x.nrows()));
    }
    check_finite_values("sample_weight", weights)
}

/// Refuses the first infinity, and the first NaN unless that means missing, row by row.
fn check_x(x: ArrayView2<'_, f64>, nan: Nan) -> Result<()> {
    let bad = |value: &f64| !(value.is_finite() || nan == Nan::Missing && value.is_nan());
    let first_in = |start: usize, end: usize| {
        (start..end).find_map(|row| {
            let feature = x.row(row).iter().position(bad)?;
            Some((row, feature))
        })
    };
    let rows = x.nrows();
    let first = if rows <= BLOCK_ROWS {
        first_in(0, rows)
    } else {
        (0..rows.div_ceil(BLOCK_ROWS)).into_par_iter().find_map_first(|block| {
            let start = block * BLOCK_ROWS;
            first_in(start, rows.min(start + BLOCK_ROWS))
        })
    };
    match first {
        None => Ok(()),
        Some((row, feature)) => Err(non_finite("X", x[(row, feature)], row, Some(feature))),
    }
}

fn non_finite(array: &'static str, value: f64, row: usize, feature: Option<usize>) -> Error {
    Error::new(ErrorKind::NonFinite { value: value.to_string() }).at(Place::Value { array, row, feature, name: None })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;

    #[test]
    fn the_first_bad_value_is_named_in_small_and_large_matrices() {
        for rows in [4, 3 * BLOCK_ROWS] {
            let mut x = Array2::zeros((rows, 3));
            x[(rows - 1, 0)] = f64::INFINITY;
            x[(rows - 2, 2)] = f64::NAN;
            let y = Array1::zeros(rows);
            let data = Training::supervised(x.view(), y.view());
            for (nan, text) in [
                (Nan::Refused, format!("X, row {}, feature 2: NaN is not a finite number", rows - 2)),
                (Nan::Missing, format!("X, row {}, feature 0: inf is not a finite number", rows - 1)),
            ] {
                assert_eq!(check_supervised(&data, nan).unwrap_err().to_string(), text);
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let check = |rows, columns, targets, outputs| {
            let (x, y) = (Array2::zeros((rows, columns)), Array2::zeros((targets, outputs)));
            check_supervised(&Training::outputs(x.view(), y.view()), Nan::Refused).unwrap_err().to_string()
        };
        assert_eq!(check(0, 2, 0, 1), "X has no rows");
        assert_eq!(check(2, 0, 2, 1), "X has no features");
        assert_eq!(check(5, 1, 4, 1), "y has another length than X: 4, expected 5");
        assert_eq!(check(5, 1, 5, 0), "y has no columns");
        assert_eq!(check(5, 1, 5, 2), "y has several outputs and this estimator learns one: 2, expected 1");
    }

    #[test]
    fn weights_are_checked() {
        let (x, y) = (Array2::zeros((3, 1)), Array1::zeros(3));
        let check = |weights: Vec<f64>| {
            let weights = Array1::from(weights);
            let data = Training::supervised(x.view(), y.view()).sample_weight(weights.view());
            check_supervised(&data, Nan::Refused).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(check(vec![0.0, 1.0, 2.0]), Ok(()));
        assert_eq!(check(vec![1.0]).unwrap_err(), "sample_weight has another length than X: 1, expected 3");
        assert_eq!(check(vec![1.0, f64::NAN, 1.0]).unwrap_err(), "sample_weight, row 1: NaN is not a finite number");
        assert_eq!(
            check_supervised(&Training::unsupervised(x.view()), Nan::Refused).unwrap_err().to_string(),
            "there is no y to learn from"
        );
    }
}
