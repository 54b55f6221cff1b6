//! How near predictions are to real targets.
//!
//! The functions take one target per sample; [`RegressionScores`] takes several, and sample weights.

use ndarray::{ArrayView1, ArrayView2, Axis};

use super::targets::{average, check_pair, check_weights, finite};
use crate::error::{Error, Result};
use crate::sum::{column_sum, mean, pairwise_sum};

/// Coefficient of determination R²: 1 is perfect, 0 is as good as always predicting the mean, and there is no lower
/// bound. For a constant `y_true` it is 1 if the predictions are perfect and 0 if not. `None` when there are fewer than
/// two samples, where it is undefined.
///
/// # Errors
/// `Empty`, `Shape` or `NonFinite`, as for every metric here.
pub fn r2_score(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<Option<f64>> {
    Ok(RegressionScores::of(y_true, y_pred)?.r2()?.map(|outputs| outputs.uniform_average()))
}

/// Mean of the squared errors.
///
/// # Errors
/// `Empty` without samples, `Shape` when the lengths differ, `NonFinite` for a NaN or infinity, `Overflow` when the
/// result is too large for a float.
pub fn mean_squared_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    Ok(RegressionScores::of(y_true, y_pred)?.mean_squared_error()?.uniform_average())
}

/// Square root of the [mean squared error](mean_squared_error), in the unit of the target.
///
/// # Errors
/// `Empty` without samples, `Shape` when the lengths differ, `NonFinite` for a NaN or infinity, `Overflow` when the
/// result is too large for a float.
pub fn root_mean_squared_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    Ok(RegressionScores::of(y_true, y_pred)?.root_mean_squared_error()?.uniform_average())
}

/// Mean of the absolute errors, in the unit of the target.
///
/// # Errors
/// `Empty` without samples, `Shape` when the lengths differ, `NonFinite` for a NaN or infinity, `Overflow` when the
/// result is too large for a float.
pub fn mean_absolute_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    Ok(RegressionScores::of(y_true, y_pred)?.mean_absolute_error()?.uniform_average())
}

/// Median of the absolute errors, in the unit of the target.
///
/// # Errors
/// `Empty` without samples, `Shape` when the lengths differ, `NonFinite` for a NaN or infinity, `Overflow` when the
/// result is too large for a float.
pub fn median_absolute_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    Ok(RegressionScores::of(y_true, y_pred)?.median_absolute_error()?.uniform_average())
}

/// Mean of the absolute errors, each as a share of the true value, which counts as at least
/// `f64::EPSILON`.
///
/// # Errors
/// `Empty` without samples, `Shape` when the lengths differ, `NonFinite` for a NaN or infinity, `Overflow` when the
/// result is too large for a float.
pub fn mean_absolute_percentage_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    Ok(RegressionScores::of(y_true, y_pred)?.mean_absolute_percentage_error()?.uniform_average())
}

/// Share of the variance of the target that the predictions explain: R², but for errors that are off by a constant. For
/// a constant `y_true` it is 1 if the errors are constant and 0 if not.
///
/// # Errors
/// `Empty` without samples, `Shape` when the lengths differ, `NonFinite` for a NaN or infinity, `Overflow` when the
/// result is too large for a float.
pub fn explained_variance_score(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    Ok(RegressionScores::of(y_true, y_pred)?.explained_variance()?.uniform_average())
}

/// The largest absolute error.
///
/// # Errors
/// `Empty` without samples, `Shape` when the lengths differ, `NonFinite` for a NaN or infinity, `Overflow` when the
/// result is too large for a float.
pub fn max_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    Ok(RegressionScores::of(y_true, y_pred)?.max_error()?.uniform_average())
}

/// Regression metrics of one or more outputs, with or without sample weights.
///
/// ```
/// use ndarray::array;
/// use taipan_learn::metrics::RegressionScores;
///
/// let (y_true, y_pred) = (array![[0.5, 1.0], [-1.0, 1.0], [7.0, -6.0]], array![[0.0, 2.0], [-1.0, 2.0], [8.0, -5.0]]);
/// let scores = RegressionScores::new(y_true.view(), y_pred.view())?;
/// assert_eq!(scores.mean_absolute_error()?.raw_values(), [0.5, 1.0]);
/// assert_eq!(scores.mean_absolute_error()?.uniform_average(), 0.75);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RegressionScores<'a> {
    y_true: ArrayView2<'a, f64>,
    y_pred: ArrayView2<'a, f64>,
    sample_weight: Option<ArrayView1<'a, f64>>,
}

/// A metric of each output, to be averaged.
#[derive(Debug, Clone, PartialEq)]
pub struct PerOutput {
    values: Vec<f64>,
    variances: Vec<f64>,
}

impl PerOutput {
    /// One value per output.
    pub fn raw_values(&self) -> &[f64] {
        &self.values
    }

    /// Their mean.
    pub fn uniform_average(&self) -> f64 {
        mean(self.values.len(), |j| self.values[j])
    }

    /// Their mean, weighted.
    ///
    /// # Errors
    /// `Shape` when there is not one weight per output, `NonFinite`, `Empty` when the weights add up to 0.
    pub fn weighted_average(&self, weights: &[f64]) -> Result<f64> {
        if weights.len() != self.values.len() {
            return Err(Error::shape("another number of weights than outputs", weights.len(), self.values.len()));
        }
        let weights = ArrayView1::from(weights);
        check_weights(Some(weights), weights.len())?;
        finite("the average over the outputs", average(weights.len(), Some(weights), |j| self.values[j]))
    }

    /// For R² and explained variance, their mean, weighted by the variance of each target; unweighted when no target
    /// varies. For other metrics the same as [`uniform_average`](Self::uniform_average).
    pub fn variance_weighted(&self) -> f64 {
        let n = self.variances.len();
        let total = pairwise_sum(n, |j| self.variances[j]);
        if self.variances.iter().all(|variance| *variance == 0.0) {
            return self.uniform_average();
        }
        pairwise_sum(n, |j| self.values[j] * self.variances[j]) / total
    }
}

impl<'a> RegressionScores<'a> {
    /// Targets and predictions: one row per sample, one column per output.
    ///
    /// # Errors
    /// `Empty` without samples or outputs, `Shape` when the shapes differ, `NonFinite` for a NaN or infinity.
    pub fn new(y_true: ArrayView2<'a, f64>, y_pred: ArrayView2<'a, f64>) -> Result<Self> {
        if y_true.ncols() == 0 {
            return Err(Error::empty("y_true has no outputs"));
        }
        if y_true.ncols() != y_pred.ncols() {
            let what = "y_pred has another number of outputs than y_true";
            return Err(Error::shape(what, y_pred.ncols(), y_true.ncols()));
        }
        for (y_true, y_pred) in y_true.columns().into_iter().zip(y_pred.columns()) {
            check_pair(y_true, y_pred, "y_pred")?;
        }
        Ok(Self { y_true, y_pred, sample_weight: None })
    }

    /// Sets the weight of each sample.
    ///
    /// # Errors
    /// `Shape` when there is not one per sample, `NonFinite`, `Empty` when the weights add up to 0.
    pub fn sample_weight(mut self, sample_weight: ArrayView1<'a, f64>) -> Result<Self> {
        check_weights(Some(sample_weight), self.y_true.nrows())?;
        self.sample_weight = Some(sample_weight);
        Ok(self)
    }

    /// See [`r2_score`].
    ///
    /// # Errors
    /// `Overflow` when a result is too large for a float; likewise below.
    pub fn r2(&self) -> Result<Option<PerOutput>> {
        if self.y_true.nrows() < 2 {
            return Ok(None);
        }
        let sum = |term: &dyn Fn(usize) -> f64| match self.sample_weight {
            None => self.sum(term),
            Some(weights) => self.sum(|i| weights[i] * term(i)),
        };
        self.explained("r2_score", |y_true, y_pred| {
            let centre = self.average(|i| y_true[i]);
            (sum(&|i| squared(y_true[i] - y_pred[i])), sum(&|i| squared(y_true[i] - centre)))
        })
        .map(Some)
    }

    /// See [`explained_variance_score`].
    ///
    /// # Errors
    /// See [`r2`](Self::r2).
    pub fn explained_variance(&self) -> Result<PerOutput> {
        self.explained("explained_variance_score", |y_true, y_pred| {
            let offset = self.average(|i| y_true[i] - y_pred[i]);
            let residual = self.average(|i| squared(y_true[i] - y_pred[i] - offset));
            let centre = self.average(|i| y_true[i]);
            (residual, self.average(|i| squared(y_true[i] - centre)))
        })
    }

    /// See [`mean_squared_error`].
    ///
    /// # Errors
    /// See [`r2`](Self::r2).
    pub fn mean_squared_error(&self) -> Result<PerOutput> {
        self.errors("mean_squared_error", |y_true, y_pred| self.average(|i| squared(y_true[i] - y_pred[i])))
    }

    /// See [`root_mean_squared_error`].
    ///
    /// # Errors
    /// See [`r2`](Self::r2).
    pub fn root_mean_squared_error(&self) -> Result<PerOutput> {
        let mut errors = self.mean_squared_error()?;
        for error in &mut errors.values {
            *error = error.sqrt();
        }
        Ok(errors)
    }

    /// See [`mean_absolute_error`].
    ///
    /// # Errors
    /// See [`r2`](Self::r2).
    pub fn mean_absolute_error(&self) -> Result<PerOutput> {
        self.errors("mean_absolute_error", |y_true, y_pred| self.average(|i| (y_pred[i] - y_true[i]).abs()))
    }

    /// See [`mean_absolute_percentage_error`].
    ///
    /// # Errors
    /// See [`r2`](Self::r2).
    pub fn mean_absolute_percentage_error(&self) -> Result<PerOutput> {
        self.errors("mean_absolute_percentage_error", |y_true, y_pred| {
            self.average(|i| (y_pred[i] - y_true[i]).abs() / y_true[i].abs().max(f64::EPSILON))
        })
    }

    /// See [`median_absolute_error`]. With weights, half of the weight lies on either side.
    ///
    /// # Errors
    /// See [`r2`](Self::r2).
    pub fn median_absolute_error(&self) -> Result<PerOutput> {
        self.errors("median_absolute_error", |y_true, y_pred| {
            let error = |i: usize| (y_pred[i] - y_true[i]).abs();
            let mut order: Vec<usize> = (0..y_true.len()).collect();
            order.sort_by(|&a, &b| error(a).total_cmp(&error(b)));
            match self.sample_weight {
                None => {
                    let middle = order.len() / 2;
                    let upper = error(order[middle]);
                    if order.len() % 2 == 1 { upper } else { error(order[middle - 1]).midpoint(upper) }
                }
                Some(weights) => weighted_median(&order, error, weights),
            }
        })
    }

    /// See [`max_error`]; weights do not count. scikit-learn allows one output only.
    ///
    /// # Errors
    /// See [`r2`](Self::r2).
    pub fn max_error(&self) -> Result<PerOutput> {
        self.errors("max_error", |y_true, y_pred| {
            y_true.iter().zip(y_pred).fold(0.0, |worst, (t, p)| (t - p).abs().max(worst))
        })
    }

    fn of(y_true: ArrayView1<'a, f64>, y_pred: ArrayView1<'a, f64>) -> Result<Self> {
        check_pair(y_true, y_pred, "y_pred")?;
        Ok(Self { y_true: y_true.insert_axis(Axis(1)), y_pred: y_pred.insert_axis(Axis(1)), sample_weight: None })
    }

    fn average(&self, term: impl Fn(usize) -> f64) -> f64 {
        match self.sample_weight {
            None => self.sum(term) / self.y_true.nrows() as f64,
            Some(weights) => self.sum(|i| term(i) * weights[i]) / pairwise_sum(self.y_true.nrows(), |i| weights[i]),
        }
    }

    /// Sum over the samples for one output.
    fn sum(&self, term: impl Fn(usize) -> f64) -> f64 {
        column_sum(self.y_true.nrows(), self.y_true.ncols(), term)
    }

    fn outputs(&self) -> impl Iterator<Item = (ArrayView1<'_, f64>, ArrayView1<'_, f64>)> {
        self.y_true.columns().into_iter().zip(self.y_pred.columns())
    }

    fn errors(&self, what: &str, error: impl Fn(ArrayView1<'_, f64>, ArrayView1<'_, f64>) -> f64) -> Result<PerOutput> {
        let values = self.outputs().map(|(y_true, y_pred)| finite(what, error(y_true, y_pred)));
        Ok(PerOutput { values: values.collect::<Result<_>>()?, variances: vec![] })
    }

    /// 1 − residual / total of each output.
    fn explained(
        &self,
        what: &str,
        parts: impl Fn(ArrayView1<'_, f64>, ArrayView1<'_, f64>) -> (f64, f64),
    ) -> Result<PerOutput> {
        let mut outputs = PerOutput { values: vec![], variances: vec![] };
        for (y_true, y_pred) in self.outputs() {
            let (residual, total) = parts(y_true, y_pred);
            let share = match (residual == 0.0, total == 0.0) {
                (true, _) => 1.0,
                (false, true) => 0.0,
                (false, false) => 1.0 - residual / total,
            };
            outputs.values.push(finite(what, share)?);
            outputs.variances.push(finite(what, total)?);
        }
        Ok(outputs)
    }
}

/// The value up to which half of the weight lies; the mean of two when the half falls between them. `order` sorts the
/// values, as in scikit-learn's averaged percentile.
fn weighted_median(order: &[usize], value: impl Fn(usize) -> f64, weights: ArrayView1<'_, f64>) -> f64 {
    let mut sum = 0.0;
    let cumulated: Vec<f64> = order
        .iter()
        .map(|&i| {
            sum += weights[i];
            sum
        })
        .collect();
    let half = 0.5 * sum;
    let last = order.len() - 1;
    let at = cumulated.partition_point(|sum| *sum < half).min(last);
    if cumulated[at] - half > f64::EPSILON {
        return value(order[at]);
    }
    let mut next = (at + 1).min(last);
    if weights[order[next]] == 0.0 {
        next = cumulated.partition_point(|sum| *sum <= cumulated[at]);
        if next > last {
            next = at;
        }
    }
    f64::midpoint(value(order[at]), value(order[next]))
}

fn squared(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests {
    use ndarray::aview1;

    use super::*;

    #[test]
    fn the_weighted_median_skips_what_weighs_nothing() {
        let median = |errors: &[f64], weights: &[f64]| {
            let (zeros, errors) = (vec![0.0; errors.len()], aview1(errors));
            let scores = RegressionScores::of(aview1(&zeros), errors).unwrap().sample_weight(aview1(weights)).unwrap();
            scores.median_absolute_error().unwrap().uniform_average()
        };
        for (errors, weights, expected) in [
            ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0], 2.5),
            ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 0.0, 2.0], 3.0),
            ([4.0, 1.0, 2.0, 3.0], [5.0, 1.0, 1.0, 1.0], 4.0),
        ] {
            assert!((median(&errors, &weights) - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn r2_follows_scikit_learns_rules() {
        let cases: [(&[f64], &[f64], Option<f64>); 6] = [
            (&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0], Some(0.948_608_137_044_967_9)),
            (&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], Some(1.0)),
            (&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0], Some(-3.0)),
            (&[-2.0, -2.0], &[-2.0, -2.0], Some(1.0)),
            (&[-2.0, -2.0], &[-2.0, -2.1], Some(0.0)),
            (&[1.0], &[1.0], None),
        ];
        for (y_true, y_pred, score) in cases {
            assert_eq!(r2_score(aview1(y_true), aview1(y_pred)).unwrap(), score);
        }
    }

    #[test]
    fn what_has_no_score_is_refused() {
        let text = |y_true: &[f64], y_pred: &[f64]| {
            mean_squared_error(aview1(y_true), aview1(y_pred)).unwrap_err().to_string()
        };
        assert_eq!(text(&[], &[]), "y_true has no values");
        assert_eq!(text(&[1.0], &[1.0, 2.0]), "y_pred has another length than y_true: 2, expected 1");
        assert_eq!(text(&[1.0, 2.0], &[1.0, f64::NAN]), "y_pred, row 1: NaN is not a finite number");
        assert_eq!(
            text(&[1e300], &[-1e300]),
            "mean_squared_error overflowed; the numbers are too large, so scale them down"
        );
    }
}
