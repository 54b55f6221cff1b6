//! Scores of an estimator on rows it has not seen, one per fold.

use ndarray::{ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::KFold;
use crate::error::Result;
use crate::estimator::{Estimator, Training};
use crate::input::{Nan, check_supervised};
use crate::metrics::Scoring;

/// Fits on the training rows and scores the test rows of each fold, folds in parallel. The scores are in the order of
/// the folds, whatever the number of threads; `None` where the score is undefined (R² of a single row).
///
/// # Errors
/// Those of [`Estimator::fit`], of [`KFold::split`] and of the metric; the first fold that fails decides. Row indices in
/// errors about the input count rows of `x`.
pub fn cross_val_score(
    estimator: &dyn Estimator,
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
    cv: &KFold,
    scoring: Scoring,
) -> Result<Vec<Option<f64>>> {
    estimator.check_params()?;
    let nan = if estimator.allows_nan() { Nan::Missing } else { Nan::Refused };
    check_supervised(&Training::supervised(x, y), nan)?;
    let scores: Vec<Result<Option<f64>>> = cv
        .split(x.nrows())?
        .into_par_iter()
        .map(|split| {
            let rows = |indices: &[usize]| (x.select(Axis(0), indices), y.select(Axis(0), indices));
            let (x_train, y_train) = rows(&split.train);
            let fitted = estimator.fit(x_train.view(), y_train.view())?;
            let (x_test, y_test) = rows(&split.test);
            scoring.score(&*fitted, x_test.view(), y_test.view().insert_axis(Axis(1)), None)
        })
        .collect();
    scores.into_iter().collect()
}
