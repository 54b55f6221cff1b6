//! Scores by name, for cross-validation.

use std::fmt;
use std::str::FromStr;

use ndarray::ArrayView1;

use super::regression::{mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error};
use crate::error::{Error, Result};

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

#[cfg(test)]
mod tests {
    use super::*;

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
