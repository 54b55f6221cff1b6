//! How good predictions are: scikit-learn's regression metrics.
//!
//! Sums run in NumPy's order, so the values agree to the last bit where NumPy's do not depend on the machine.

use std::fmt;
use std::str::FromStr;

use ndarray::ArrayView1;

use crate::error::{Error, Result};
use crate::input::check_finite_values;
use crate::sum::{mean, pairwise_sum};

/// Coefficient of determination R²: 1 is perfect, 0 is as good as always predicting the mean, and there is no lower
/// bound. For a constant `y_true` it is 1 if the predictions are perfect and 0 if not. `None` when there are fewer than
/// two samples, where it is undefined.
///
/// # Errors
/// `Empty`, `Shape` or `NonFinite`, as for every metric here.
pub fn r2_score(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<Option<f64>> {
    check(y_true, y_pred)?;
    let n = y_true.len();
    if n < 2 {
        return Ok(None);
    }
    let residual = pairwise_sum(n, |i| squared(y_true[i] - y_pred[i]));
    let centre = mean(n, |i| y_true[i]);
    let total = pairwise_sum(n, |i| squared(y_true[i] - centre));
    let score = match (residual == 0.0, total == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => 1.0 - residual / total,
    };
    finite("r2_score", score).map(Some)
}

/// Mean of the squared errors.
///
/// # Errors
/// `Empty` without samples, `Shape` when the lengths differ, `NonFinite` for a NaN or infinity, `Overflow` when the
/// result is too large for a float.
pub fn mean_squared_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    check(y_true, y_pred)?;
    let error = mean(y_true.len(), |i| squared(y_true[i] - y_pred[i]));
    finite("mean_squared_error", error)
}

/// Square root of the [mean squared error](mean_squared_error), in the unit of the target.
///
/// # Errors
/// As [`mean_squared_error`].
pub fn root_mean_squared_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    Ok(mean_squared_error(y_true, y_pred)?.sqrt())
}

/// Mean of the absolute errors, in the unit of the target.
///
/// # Errors
/// As [`mean_squared_error`].
pub fn mean_absolute_error(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<f64> {
    check(y_true, y_pred)?;
    let error = mean(y_true.len(), |i| (y_true[i] - y_pred[i]).abs());
    finite("mean_absolute_error", error)
}

/// A score by name, for cross-validation: greater is always better, so errors are negated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scoring {
    /// [`r2_score`], the default for regressors.
    #[default]
    R2,
    /// Minus [`mean_squared_error`].
    NegMeanSquaredError,
    /// Minus [`root_mean_squared_error`].
    NegRootMeanSquaredError,
    /// Minus [`mean_absolute_error`].
    NegMeanAbsoluteError,
}

impl Scoring {
    const ALL: [Self; 4] =
        [Self::R2, Self::NegMeanSquaredError, Self::NegRootMeanSquaredError, Self::NegMeanAbsoluteError];

    /// The name in scikit-learn.
    pub fn name(self) -> &'static str {
        match self {
            Self::R2 => "r2",
            Self::NegMeanSquaredError => "neg_mean_squared_error",
            Self::NegRootMeanSquaredError => "neg_root_mean_squared_error",
            Self::NegMeanAbsoluteError => "neg_mean_absolute_error",
        }
    }

    /// The score; `None` where it is undefined.
    ///
    /// # Errors
    /// Those of the metric.
    pub fn score(self, y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<Option<f64>> {
        let error = match self {
            Self::R2 => return r2_score(y_true, y_pred),
            Self::NegMeanSquaredError => mean_squared_error(y_true, y_pred)?,
            Self::NegRootMeanSquaredError => root_mean_squared_error(y_true, y_pred)?,
            Self::NegMeanAbsoluteError => mean_absolute_error(y_true, y_pred)?,
        };
        Ok(Some(-error))
    }
}

impl fmt::Display for Scoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scoring {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|scoring| scoring.name() == name);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::invalid("cross_val_score", "scoring", name, format!("one of {known}"))
        })
    }
}

fn squared(value: f64) -> f64 {
    value * value
}

fn finite(what: &str, value: f64) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(Error::overflow(what)) }
}

fn check(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>) -> Result<()> {
    if y_true.is_empty() {
        return Err(Error::empty("y_true has no values"));
    }
    if y_pred.len() != y_true.len() {
        let what = "y_pred has another length than y_true";
        return Err(Error::shape(what, y_pred.len(), y_true.len()));
    }
    check_finite_values("y_true", y_true)?;
    check_finite_values("y_pred", y_pred)
}

#[cfg(test)]
mod tests {
    use ndarray::aview1;

    use super::*;

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

    #[test]
    fn scorings_go_by_name() {
        for scoring in Scoring::ALL {
            assert_eq!(scoring.name().parse::<Scoring>().unwrap(), scoring);
        }
        assert_eq!(
            "R2".parse::<Scoring>().unwrap_err().to_string(),
            "cross_val_score: scoring = R2 is not allowed; it must be one of r2, neg_mean_squared_error, \
             neg_root_mean_squared_error, neg_mean_absolute_error"
        );
    }
}
