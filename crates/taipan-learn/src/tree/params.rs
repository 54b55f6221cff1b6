//! Parameters that trees and forests share.

use crate::error::{Error, Result};
use crate::estimator::choices;
use crate::param::{IntoParam, ParamType, ParamValue, Range};

use super::grow::{Growth, Measure};
use super::split::{Limits, Splitter};

choices! {
    /// How a classification tree measures the quality of a split.
    pub enum LabelCriterion {
        /// Gini impurity: 1 − Σ p².
        Gini = "gini",
        /// Shannon entropy.
        Entropy = "entropy",
        /// The same as entropy.
        LogLoss = "log_loss",
    }
}

choices! {
    /// How a regression tree measures the quality of a split.
    pub enum NumberCriterion {
        /// Variance about the mean.
        SquaredError = "squared_error",
        /// Mean absolute deviation from the median.
        AbsoluteError = "absolute_error",
        /// Poisson deviance; targets must not be negative.
        Poisson = "poisson",
    }
}

choices! {
    /// Which thresholds a tree tries.
    pub enum SplitterChoice {
        /// All.
        Best = "best",
        /// One at random for each feature.
        Random = "random",
    }
}

impl From<LabelCriterion> for Measure {
    fn from(criterion: LabelCriterion) -> Self {
        match criterion {
            LabelCriterion::Gini => Self::Gini,
            LabelCriterion::Entropy | LabelCriterion::LogLoss => Self::Entropy,
        }
    }
}

impl From<NumberCriterion> for Measure {
    fn from(criterion: NumberCriterion) -> Self {
        match criterion {
            NumberCriterion::SquaredError => Self::SquaredError,
            NumberCriterion::AbsoluteError => Self::AbsoluteError,
            NumberCriterion::Poisson => Self::Poisson,
        }
    }
}

impl From<SplitterChoice> for Splitter {
    fn from(splitter: SplitterChoice) -> Self {
        match splitter {
            SplitterChoice::Best => Self::Best,
            SplitterChoice::Random => Self::Random,
        }
    }
}

/// A number of rows: so many, or a fraction of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rows {
    /// So many.
    Count(usize),
    /// This share of the rows.
    Fraction(f64),
}

impl Rows {
    /// Values of `min_samples_split`.
    pub const SPLIT_RANGE: Range =
        Range::any_of(&[Range::integer_from(2), Range::between(0.0, 1.0).min_excluded().fraction()]);
    /// Values of `min_samples_leaf`.
    pub const LEAF_RANGE: Range =
        Range::any_of(&[Range::integer_from(1), Range::between(0.0, 1.0).min_excluded().max_excluded().fraction()]);
    /// Values of `max_samples`.
    pub const SAMPLE_RANGE: Range = Range::any_of(&[Range::integer_from(1), Range::above(0.0).fraction()]).or_none();

    /// The number, rounded up.
    fn at_least(self, n_rows: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Fraction(fraction) => (fraction * n_rows as f64).ceil() as usize,
        }
    }
}

impl ParamType for Rows {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Integer(count) => usize::try_from(*count).ok().map(Self::Count),
            ParamValue::Real(fraction) => Some(Self::Fraction(*fraction)),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::Count(count) => count.to_value(),
            Self::Fraction(fraction) => ParamValue::Real(*fraction),
        }
    }
}

impl IntoParam<Rows> for usize {
    fn into_param(self) -> Rows {
        Rows::Count(self)
    }
}

impl IntoParam<Rows> for f64 {
    fn into_param(self) -> Rows {
        Rows::Fraction(self)
    }
}

/// How many features are looked at for a split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFeatures {
    /// All: `None`.
    All,
    /// √n, rounded down.
    Sqrt,
    /// log2 n, rounded down.
    Log2,
    /// So many.
    Count(usize),
    /// This share of the features, rounded down.
    Fraction(f64),
}

impl MaxFeatures {
    /// Values of `max_features`.
    pub const RANGE: Range = Range::any_of(&[
        Range::integer_from(1),
        Range::between(0.0, 1.0).min_excluded().fraction(),
        Range::one_of(&["sqrt", "log2"]),
    ])
    .or_none();

    /// The number, at least 1.
    pub(crate) fn of(self, n_features: usize) -> usize {
        let n = n_features as f64;
        let number = match self {
            Self::All => n_features,
            Self::Sqrt => n.sqrt() as usize,
            Self::Log2 => n.log2() as usize,
            Self::Count(count) => count,
            Self::Fraction(fraction) => (fraction * n) as usize,
        };
        number.max(1)
    }
}

impl ParamType for MaxFeatures {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::None => Some(Self::All),
            ParamValue::Integer(count) => usize::try_from(*count).ok().map(Self::Count),
            ParamValue::Real(fraction) => Some(Self::Fraction(*fraction)),
            ParamValue::Text(word) if word == "sqrt" => Some(Self::Sqrt),
            ParamValue::Text(word) if word == "log2" => Some(Self::Log2),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::All => ParamValue::None,
            Self::Sqrt => "sqrt".into(),
            Self::Log2 => "log2".into(),
            Self::Count(count) => count.to_value(),
            Self::Fraction(fraction) => ParamValue::Real(*fraction),
        }
    }
}

impl IntoParam<MaxFeatures> for usize {
    fn into_param(self) -> MaxFeatures {
        MaxFeatures::Count(self)
    }
}

impl IntoParam<MaxFeatures> for f64 {
    fn into_param(self) -> MaxFeatures {
        MaxFeatures::Fraction(self)
    }
}

/// Values of `monotonic_cst`.
pub(crate) const MONOTONIC_RANGE: Range = Range::list(&Range::integer_between(-1, 1)).or_none();

/// The parameters of one tree, before the training data is known.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) measure: Measure,
    pub(crate) splitter: Splitter,
    pub(crate) max_depth: Option<usize>,
    pub(crate) min_samples_split: Rows,
    pub(crate) min_samples_leaf: Rows,
    pub(crate) min_weight_fraction_leaf: f64,
    pub(crate) max_features: MaxFeatures,
    pub(crate) max_leaf_nodes: Option<usize>,
    pub(crate) min_impurity_decrease: f64,
    pub(crate) ccp_alpha: f64,
    pub(crate) monotonic_cst: Option<Vec<i64>>,
}

/// Reads a [`Shape`] off an estimator's fields of the same names.
macro_rules! shape {
    ($estimator:expr, splitter: $splitter:expr) => {
        $crate::tree::Shape {
            measure: $estimator.criterion.into(),
            splitter: $splitter,
            max_depth: $estimator.max_depth,
            min_samples_split: $estimator.min_samples_split,
            min_samples_leaf: $estimator.min_samples_leaf,
            min_weight_fraction_leaf: $estimator.min_weight_fraction_leaf,
            max_features: $estimator.max_features,
            max_leaf_nodes: $estimator.max_leaf_nodes,
            min_impurity_decrease: $estimator.min_impurity_decrease,
            ccp_alpha: $estimator.ccp_alpha,
            monotonic_cst: $estimator.monotonic_cst.clone(),
        }
    };
}

pub(crate) use shape;

impl Shape {
    /// Resolves fractions for training data of this size. Without weights each row weighs 1.
    pub(crate) fn growth(&self, n_rows: usize, n_features: usize, total_weight: f64) -> Growth {
        let min_samples_leaf = self.min_samples_leaf.at_least(n_rows);
        let min_samples_split = match self.min_samples_split {
            Rows::Count(count) => count,
            fraction @ Rows::Fraction(_) => fraction.at_least(n_rows).max(2),
        };
        Growth {
            measure: self.measure,
            limits: Limits {
                splitter: self.splitter,
                max_features: self.max_features.of(n_features),
                min_samples_leaf,
                min_weight_leaf: self.min_weight_fraction_leaf * total_weight,
                monotonic: self
                    .monotonic_cst
                    .as_ref()
                    .map(|directions| directions.iter().map(|&direction| direction.signum() as i8).collect()),
            },
            max_depth: self.max_depth.unwrap_or(i32::MAX as usize),
            min_samples_split: min_samples_split.max(2 * min_samples_leaf),
            max_leaf_nodes: self.max_leaf_nodes,
            min_impurity_decrease: self.min_impurity_decrease,
            ccp_alpha: self.ccp_alpha,
        }
    }

    /// Checks what depends on the data: monotonic constraints, and targets that the Poisson deviance allows.
    pub(crate) fn check(&mut self, owner: &str, n_features: usize, n_classes: &[usize], y: &[f64]) -> Result<()> {
        if let Some(directions) = &mut self.monotonic_cst {
            if directions.len() != n_features {
                let what = "monotonic_cst has another length than X has features";
                return Err(Error::shape(what, directions.len(), n_features));
            }
            let refused = |allowed: &str| {
                Err(Error::invalid(owner, "monotonic_cst", directions.to_value(), format!("None {allowed}")))
            };
            if n_classes.len() > 1 {
                return refused("when there are several outputs");
            }
            if matches!(self.measure, Measure::Gini | Measure::Entropy) {
                if n_classes.iter().any(|&n| n > 2) {
                    return refused("when there are more than two classes");
                }
                // A node's first value is the share of the negative class.
                for direction in directions {
                    *direction = -*direction;
                }
            }
        }
        if self.measure == Measure::Poisson {
            if let Some(&negative) = y.iter().find(|y| **y < 0.0) {
                return Err(Error::invalid(owner, "criterion", format!("poisson with y = {negative}"), POISSON));
            }
            if y.iter().all(|y| *y == 0.0) {
                return Err(Error::invalid(owner, "criterion", "poisson with y = 0 in every row", POISSON));
            }
        }
        Ok(())
    }
}

const POISSON: &str = "another one, unless y is nowhere negative and somewhere positive";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_features_follow_scikit_learn() {
        for (value, of_20, of_3) in [
            ("None", 20, 3),
            ("sqrt", 4, 1),
            ("log2", 4, 1),
            ("7", 7, 7),
            ("0.34", 6, 1),
            ("1.0", 20, 3),
            ("0.001", 1, 1),
        ] {
            let Ok(value) = value.parse::<ParamValue>();
            assert!(MaxFeatures::RANGE.allows(&value), "{value}");
            let max_features = MaxFeatures::from_value(&value).unwrap();
            assert_eq!((max_features.of(20), max_features.of(3)), (of_20, of_3), "{value}");
            assert_eq!(max_features.to_value(), value);
        }
        for value in ["0", "0.0", "1.5", "cbrt", "true"] {
            let Ok(value) = value.parse::<ParamValue>();
            assert!(!MaxFeatures::RANGE.allows(&value), "{value}");
        }
    }
}
