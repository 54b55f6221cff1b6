//! Scores and predictions of an estimator on rows it has not seen.

use std::sync::Mutex;
use std::time::Duration;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};

use super::evaluate::{Fitted, check_data, fit_each};
use super::search::scorings;
use super::{Cv, Evaluation, FoldScore};
use crate::classes::distinct;
use crate::error::{Error, Result};
use crate::estimator::{Estimator, Training};
use crate::metrics::Scoring;

/// Fits on the training rows and scores the test rows of each split, in parallel. The scores are in the order of the
/// splits, whatever the number of threads; `None` where the score is undefined (R² of a single row).
///
/// # Errors
/// Those of [`Estimator::fit_on`], of the splitter and of the metric; the first split that fails decides. Row indices in
/// errors about the input count rows of `x`.
pub fn cross_val_score(
    estimator: &dyn Estimator,
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
    cv: impl Into<Cv>,
    scoring: Scoring,
) -> Result<Vec<Option<f64>>> {
    let scores = cross_validate(estimator, &Training::supervised(x, y), cv, &[scoring])?;
    Ok(scores.test_scores(0))
}

/// What [`cross_validate`] found on each split.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CrossValidation {
    /// The scores judged by, in the order given.
    pub scoring: Vec<Scoring>,
    /// Scores and times of each split, training rows included.
    pub splits: Vec<FoldScore>,
}

impl CrossValidation {
    /// Test scores of the scoring of that number.
    pub fn test_scores(&self, scoring: usize) -> Vec<Option<f64>> {
        self.splits.iter().map(|split| split.test.get(scoring).copied().flatten()).collect()
    }

    /// Training scores of the scoring of that number.
    pub fn train_scores(&self, scoring: usize) -> Vec<Option<f64>> {
        self.splits.iter().map(|split| split.train.get(scoring).copied().flatten()).collect()
    }

    /// Time to fit each split.
    pub fn fit_times(&self) -> Vec<Duration> {
        self.splits.iter().map(|split| split.fit_time).collect()
    }
}

/// The same with any data, several scores, training scores and times. Without scorings, the estimator's own is taken.
///
/// # Errors
/// As [`cross_val_score`]; `Unsupported` for an estimator that has no score of its own when none is given.
pub fn cross_validate(
    estimator: &dyn Estimator,
    data: &Training<'_>,
    cv: impl Into<Cv>,
    scoring: &[Scoring],
) -> Result<CrossValidation> {
    estimator.check_params()?;
    check_data(estimator, data)?;
    let mut evaluation = Evaluation::new(data, scorings(scoring, estimator)?);
    evaluation.train_score = true;
    let splits = cv.into().splits(estimator.kind(), data)?;
    let results = evaluation.run(&[estimator.clone_box()], &splits)?;
    let splits = results.into_iter().flatten().collect::<Result<_>>()?;
    Ok(CrossValidation { scoring: evaluation.scoring, splits })
}

/// What to ask of each fitted model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// One column per output.
    #[default]
    Predict,
    /// One column per class of all rows; a class that a split did not train on has probability 0.
    PredictProba,
    /// One column per class, or one for the second of two.
    DecisionFunction,
    /// New features.
    Transform,
}

/// Predicts each row by the model that was not trained on it; rows in order.
///
/// # Errors
/// As [`cross_val_score`]; `InvalidParam` unless the splits test with each row exactly once; `Unsupported` when the
/// model has no such method.
pub fn cross_val_predict(
    estimator: &dyn Estimator,
    data: &Training<'_>,
    cv: impl Into<Cv>,
    method: Method,
) -> Result<Array2<f64>> {
    estimator.check_params()?;
    check_data(estimator, data)?;
    let splits = cv.into().splits(estimator.kind(), data)?;
    let rows = data.x.nrows();
    let mut tested = vec![0_u8; rows];
    for split in splits.iter() {
        for row in split.test {
            tested[row] = tested[row].saturating_add(1);
        }
    }
    if tested.iter().any(|&times| times != 1) {
        let allowed = "a splitter that tests with each row exactly once";
        return Err(Error::invalid("cross_val_predict", "cv", format!("{} splits", splits.len()), allowed));
    }
    let classes = data.y.filter(|y| y.ncols() == 1).map(|y| distinct(y.iter().copied()));
    let table: Mutex<Option<Array2<f64>>> = Mutex::new(None);
    let harvest = |fitted: &Fitted<'_>| {
        let x = fitted.fold.test.x.view();
        let found = match method {
            Method::Predict => fitted.model.predict_outputs(x)?,
            Method::Transform => fitted.model.transform(x)?,
            Method::DecisionFunction => fitted.model.decision_function(x)?,
            Method::PredictProba => {
                let found = fitted.model.predict_proba(x)?;
                match (&classes, fitted.model.classes()) {
                    (Some(all), [known]) if known.len() < all.len() => spread(&found, known, all),
                    _ => found,
                }
            }
        };
        let Ok(mut table) = table.lock() else { return Ok(()) };
        let table = table.get_or_insert_with(|| Array2::zeros((rows, found.ncols())));
        if table.ncols() != found.ncols() {
            let what = "a split gives another number of columns than the others";
            return Err(Error::shape(what, found.ncols(), table.ncols()));
        }
        for (&row, found) in fitted.fold.split.test.iter().zip(found.rows()) {
            table.row_mut(row).assign(&found);
        }
        Ok(())
    };
    let results = fit_each(data, &[estimator.clone_box()], &splits, &harvest)?;
    results.into_iter().flatten().collect::<Result<Vec<()>>>()?;
    let table = table.into_inner().ok().flatten();
    table.ok_or_else(|| Error::empty("there are no splits to predict with"))
}

/// Columns of the known classes put at their places among all.
fn spread(found: &Array2<f64>, known: &[f64], all: &[f64]) -> Array2<f64> {
    let mut table = Array2::zeros((found.nrows(), all.len()));
    for (column, class) in found.axis_iter(Axis(1)).zip(known) {
        let at = all.partition_point(|other| other < class);
        if at < all.len() {
            table.slice_mut(s![.., at]).assign(&column);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::model_selection::{GridSearchCV, GroupKFold, ParamGrid};
    use crate::{LinearRegression, Ridge};

    #[test]
    fn groups_stay_together() {
        let x = Array2::from_shape_fn((6, 1), |(row, _)| [1.0, 2.0, 3.0, 5.0, 8.0, 9.0][row]);
        let y = array![1.0, 2.5, 3.0, 4.0, 9.0, 8.0];
        let groups = array![7.0, 7.0, 3.0, 3.0, 5.0, 5.0];
        let data = Training::supervised(x.view(), y.view()).groups(groups.view());
        let found = cross_validate(&LinearRegression::new(), &data, GroupKFold::new(3), &[Scoring::R2]).unwrap();
        // Folds in the order of group sizes, here equal: the last group first.
        let by_hand: Vec<Option<f64>> = [[0, 1], [4, 5], [2, 3]]
            .map(|test| {
                let train: Vec<usize> = (0..6).filter(|row| !test.contains(row)).collect();
                let part = |rows: &[usize]| (x.select(Axis(0), rows), y.select(Axis(0), rows));
                let ((x, y), (x_test, y_test)) = (part(&train), part(&test));
                let model = LinearRegression::new().fit(x.view(), y.view()).unwrap();
                Scoring::R2.score(&model, x_test.view(), y_test.insert_axis(Axis(1)).view(), None).unwrap()
            })
            .to_vec();
        assert_eq!(found.test_scores(0), by_hand);
        let predicted =
            cross_val_predict(&LinearRegression::new(), &data, GroupKFold::new(3), Method::Predict).unwrap();
        assert_eq!(predicted.dim(), (6, 1));
        let search =
            GridSearchCV::new(&Ridge::new(), ParamGrid::new().values("alpha", [0.1, 1.0])).cv(GroupKFold::new(3));
        assert_eq!(search.fit_on(&data).unwrap().n_splits, 3);
        let ungrouped = Training::supervised(x.view(), y.view());
        let error = cross_validate(&LinearRegression::new(), &ungrouped, GroupKFold::new(3), &[]).unwrap_err();
        assert_eq!(error.to_string(), "GroupKFold needs groups, one value per row");
    }
}
