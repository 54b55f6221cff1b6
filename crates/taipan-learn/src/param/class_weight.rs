//! How much each class counts.

use super::{IntoParam, ParamType, ParamValue, Range};
use crate::error::{Error, Result};

/// How much the rows of each class count, for parameters named `class_weight`. `None` in place of it weighs all alike.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassWeight {
    /// In inverse proportion to how often the class occurs.
    Balanced,
    /// The same, computed anew from each tree's bootstrap sample (forests only).
    BalancedSubsample,
    /// Weights by class; classes that are not named count 1. As a [`ParamValue`]: a map whose keys are class labels.
    PerClass(Vec<(f64, f64)>),
}

impl ClassWeight {
    const WEIGHT: Range = Range::at_least(0.0);
    const ANY: &'static [Range] = &[Range::one_of(&["balanced"]), Range::map(&Self::WEIGHT)];
    const FOREST: &'static [Range] = &[Range::one_of(&["balanced", "balanced_subsample"]), Range::map(&Self::WEIGHT)];
    /// Values of `class_weight`.
    pub const RANGE: Range = Range::any_of(Self::ANY).or_none();
    /// Values of a forest's `class_weight`.
    pub const FOREST_RANGE: Range = Range::any_of(Self::FOREST).or_none();

    /// The weight of each class, given the number of rows of each, or their total weight.
    ///
    /// # Errors
    /// `InvalidParam` when a class is named that is not there.
    pub(crate) fn of_classes(&self, owner: &str, classes: &[f64], counts: &[f64]) -> Result<Vec<f64>> {
        match self {
            Self::Balanced | Self::BalancedSubsample => {
                let total: f64 = counts.iter().sum();
                Ok(counts.iter().map(|count| total / (classes.len() as f64 * count)).collect())
            }
            Self::PerClass(weights) => {
                let mut of_classes = vec![1.0; classes.len()];
                for (class, weight) in weights {
                    let index = classes.iter().position(|known| known == class).ok_or_else(|| {
                        Error::invalid(owner, "class_weight", self.to_value(), "a map whose keys are classes of y")
                    })?;
                    of_classes[index] = *weight;
                }
                Ok(of_classes)
            }
        }
    }
}

impl IntoParam<Option<ClassWeight>> for &[(f64, f64)] {
    fn into_param(self) -> Option<ClassWeight> {
        Some(ClassWeight::PerClass(self.to_vec()))
    }
}

impl ParamType for ClassWeight {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Text(word) if word == "balanced" => Some(Self::Balanced),
            ParamValue::Text(word) if word == "balanced_subsample" => Some(Self::BalancedSubsample),
            ParamValue::Map(weights) => {
                let pairs = weights.iter().map(|(class, weight)| Some((class.parse().ok()?, f64::from_value(weight)?)));
                pairs.collect::<Option<_>>().map(Self::PerClass)
            }
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::Balanced => "balanced".into(),
            Self::BalancedSubsample => "balanced_subsample".into(),
            Self::PerClass(weights) => ParamValue::Map(
                weights.iter().map(|(class, weight)| (class.to_string(), ParamValue::Real(*weight))).collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_classes_count_more_when_balanced() {
        let weights = |weight: &str| {
            let Ok(value) = weight.parse::<ParamValue>();
            let weight = ClassWeight::from_value(&value).unwrap();
            assert_eq!(ClassWeight::from_value(&weight.to_value()), Some(weight.clone()));
            weight.of_classes("Forest", &[0.0, 2.0], &[3.0, 1.0]).map_err(|error| error.to_string())
        };
        assert_eq!(weights("balanced"), Ok(vec![4.0 / 6.0, 2.0]));
        assert_eq!(weights(r#"{"2": 5}"#), Ok(vec![1.0, 5.0]));
        assert_eq!(
            weights(r#"{"1": 5}"#).unwrap_err(),
            "Forest: class_weight = {1: 5.0} is not allowed; it must be a map whose keys are classes of y"
        );
    }
}
