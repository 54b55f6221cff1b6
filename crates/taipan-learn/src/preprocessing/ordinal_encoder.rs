//! Categories as their numbers.

use ndarray::{Array2, ArrayView2};

use super::categories::{self, Categories};
use super::check_names;
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator};
use crate::input::{Nan, check_predict, check_training};
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::Range;
use crate::state::State;

estimator! {
    /// Replaces each category by its number, from 0, in ascending order. A missing value (NaN) stays missing unless
    /// `encoded_missing_value` says otherwise. Parity with scikit-learn: exact, without `categories`, `min_frequency`
    /// and `max_categories`.
    pub struct OrdinalEncoder: Transformer -> OrdinalEncoderFitted {
        /// What to do with a category that the training data did not have: error or use_encoded_value.
        handle_unknown: UnknownOrdinal = UnknownOrdinal::Error, UnknownOrdinal::RANGE;
        /// The number of unknown categories; needed for use_encoded_value.
        unknown_value: Option<f64> = None, Range::NUMBER.or_none();
        /// The number of missing values; None leaves them missing.
        encoded_missing_value: Option<f64> = None, Range::NUMBER.or_none();
    }
    impl Estimator {
        fn allows_nan(&self) -> bool {
            true
        }
    }
}

choices! {
    /// What an [`OrdinalEncoder`] does with a category that the training data did not have.
    pub enum UnknownOrdinal {
        /// Refuse it.
        Error = "error",
        /// Replace it by `unknown_value`.
        UseEncodedValue = "use_encoded_value",
    }
}

impl OrdinalEncoder {
    /// Finds the categories.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `InvalidParam` when `unknown_value` does not go with `handle_unknown`, or when it or
    /// `encoded_missing_value` is the number of a category.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<OrdinalEncoderFitted> {
        self.check_params()?;
        let unknown = match (self.handle_unknown, self.unknown_value) {
            (UnknownOrdinal::Error, None) => None,
            (UnknownOrdinal::UseEncodedValue, Some(value)) => Some(value),
            (UnknownOrdinal::Error, Some(value)) => {
                return Err(Error::invalid(self.name(), "unknown_value", value, "None when handle_unknown = error"));
            }
            (UnknownOrdinal::UseEncodedValue, None) => {
                let allowed = "a number when handle_unknown = use_encoded_value";
                return Err(Error::invalid(self.name(), "unknown_value", "None", allowed));
            }
        };
        check_training(data, Nan::Missing)?;
        let categories = categories::of_columns(data.x);
        for (param, value) in [("unknown_value", unknown), ("encoded_missing_value", self.encoded_missing_value)] {
            let counts = categories.iter().map(|c| c.missing().unwrap_or(c.len()));
            let most = counts.max().unwrap_or(0) as f64;
            if let Some(value) = value.filter(|v| v.fract() == 0.0 && *v >= 0.0 && *v < most) {
                return Err(Error::invalid(self.name(), param, value, "a number that no category has"));
            }
        }
        Ok(OrdinalEncoderFitted { categories, unknown, missing: self.encoded_missing_value })
    }
}

/// A fitted [`OrdinalEncoder`].
#[derive(Debug, Clone, PartialEq)]
pub struct OrdinalEncoderFitted {
    categories: Vec<Categories>,
    unknown: Option<f64>,
    missing: Option<f64>,
}

impl OrdinalEncoderFitted {
    /// The categories of each feature, a missing one (NaN) last.
    pub fn categories(&self) -> Vec<Vec<f64>> {
        self.categories.iter().map(Categories::values).collect()
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let categories = categories::from_state(&mut state)?;
        let mut take = |name: &str| if state.contains(name) { state.take_scalar(name).map(Some) } else { Ok(None) };
        let (unknown, missing) = (take("unknown_value")?, take("encoded_missing_value")?);
        state.finish()?;
        Ok(Self { categories, unknown, missing })
    }
}

impl Predictor for OrdinalEncoderFitted {
    fn n_features(&self) -> usize {
        self.categories.len()
    }

    fn n_outputs(&self) -> usize {
        0
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.categories.len(), Nan::Missing)?;
        let mut out = x.to_owned();
        for ((row, feature), value) in out.indexed_iter_mut() {
            let categories = &self.categories[feature];
            *value = match (categories.find(*value), self.unknown) {
                (Some(at), _) if categories.missing() == Some(at) => self.missing.unwrap_or(f64::NAN),
                (Some(at), _) => at as f64,
                (None, Some(unknown)) => unknown,
                (None, None) => return Err(categories::unknown(*value, row, feature)),
            };
        }
        Ok(out)
    }

    fn inverse_transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.categories.len(), Nan::Missing)?;
        let mut out = x.to_owned();
        for ((row, feature), value) in out.indexed_iter_mut() {
            let categories = &self.categories[feature];
            let known = categories.missing().unwrap_or(categories.len());
            *value = if value.is_nan() || self.unknown == Some(*value) || self.missing == Some(*value) {
                f64::NAN
            } else if value.fract() == 0.0 && *value >= 0.0 && *value < known as f64 {
                categories.get(*value as usize)
            } else {
                return Err(categories::unknown(*value, row, feature));
            };
        }
        Ok(out)
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        check_names(features, self.categories.len())?;
        Ok(features.to_vec())
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let lists = self.categories().into_iter().map(Attribute::Vector).collect();
        vec![("categories", Attribute::List(lists))]
    }

    fn state(&self) -> State {
        let mut state = categories::into_state(State::new(), &self.categories);
        for (name, value) in [("unknown_value", self.unknown), ("encoded_missing_value", self.missing)] {
            if let Some(value) = value {
                state = state.with_scalar(name, value);
            }
        }
        state
    }

    /// What is unknown becomes the number for it, or NaN where there is none: a graph cannot refuse a value.
    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let mut codes = Vec::with_capacity(self.categories.len());
        for (j, categories) in self.categories.iter().enumerate() {
            let column = graph.columns(x, &[j]);
            let places = categories.places(graph, &column);
            // The last stands for what is at place -1, as in Python.
            let mut values: Vec<f64> = (0..categories.len()).map(|place| place as f64).collect();
            if let Some(place) = categories.missing() {
                values[place] = self.missing.unwrap_or(f64::NAN);
            }
            values.push(self.unknown.unwrap_or(f64::NAN));
            let values = graph.numbers(&[values.len()], values);
            codes.push(graph.chosen(&values, &places));
        }
        Ok(Answer::Numbers(graph.beside(&codes)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn what_is_unknown_is_named_or_numbered() {
        let x = array![[3.0, 1.0], [1.0, f64::NAN]];
        let new = array![[1.0, 1.0], [2.0, f64::NAN]];
        let encoder = OrdinalEncoder::new().fit(x.view()).unwrap();
        assert_eq!(
            encoder.transform(new.view()).unwrap_err().to_string(),
            "X, row 1, feature 0: 2 was not among the categories of the training data"
        );
        let lenient = OrdinalEncoder::new().handle_unknown(UnknownOrdinal::UseEncodedValue);
        assert_eq!(
            lenient.fit(x.view()).unwrap_err().to_string(),
            "OrdinalEncoder: unknown_value = None is not allowed; it must be a number when handle_unknown = \
             use_encoded_value"
        );
        assert!(lenient.clone().unknown_value(1.0).fit(x.view()).is_err());
        let fitted = lenient.unknown_value(-1.0).encoded_missing_value(-2.0).fit(x.view()).unwrap();
        let out = fitted.transform(new.view()).unwrap();
        assert_eq!(out, array![[0.0, 0.0], [-1.0, -2.0]]);
        let back = fitted.inverse_transform(out.view()).unwrap();
        assert!(back[(0, 0)] == 1.0 && back[(1, 0)].is_nan() && back[(1, 1)].is_nan());
    }
}
