//! The checks every estimator makes of its matrices before it computes anything.

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

use crate::error::{Error, ErrorKind, Place, Result};

/// Rows that are worth handing to another thread; fixed, so that results do not depend on the number of threads.
pub(crate) const BLOCK_ROWS: usize = 4096;

/// Training data: at least one row and one feature, as many targets as rows, finite numbers only.
pub(crate) fn check_fit(x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<()> {
    if x.nrows() == 0 {
        return Err(Error::empty("X has no rows"));
    }
    if x.ncols() == 0 {
        return Err(Error::empty("X has no features"));
    }
    if y.len() != x.nrows() {
        let what = "y has another length than X";
        return Err(Error::shape(what, y.len(), x.nrows()));
    }
    check_finite(x)?;
    check_finite_values("y", y)
}

/// Data to predict for: the features of the training data, finite numbers only; no rows is fine.
pub(crate) fn check_predict(x: ArrayView2<'_, f64>, n_features: usize) -> Result<()> {
    if x.ncols() != n_features {
        let what = "X has another number of features than the training data";
        return Err(Error::shape(what, x.ncols(), n_features));
    }
    check_finite(x)
}

/// Refuses the first NaN or infinity of a vector.
pub(crate) fn check_finite_values(array: &'static str, values: ArrayView1<'_, f64>) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(non_finite(array, values[row], row, None)),
    }
}

/// Refuses the first NaN or infinity, row by row.
fn check_finite(x: ArrayView2<'_, f64>) -> Result<()> {
    let first_in = |start: usize, end: usize| {
        (start..end).find_map(|row| {
            let feature = x.row(row).iter().position(|value| !value.is_finite())?;
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
            let error = check_fit(x.view(), Array1::zeros(rows).view()).unwrap_err();
            let text = format!("X, row {}, feature 2: NaN is not a finite number", rows - 2);
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let check = |rows, columns, targets| {
            let x = Array2::zeros((rows, columns));
            check_fit(x.view(), Array1::zeros(targets).view()).unwrap_err().to_string()
        };
        assert_eq!(check(0, 2, 0), "X has no rows");
        assert_eq!(check(2, 0, 2), "X has no features");
        assert_eq!(check(5, 1, 4), "y has another length than X: 4, expected 5");
    }
}
