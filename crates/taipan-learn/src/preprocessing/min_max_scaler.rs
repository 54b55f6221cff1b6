//! Features within given bounds.

use ndarray::{Array2, ArrayView2};

use super::{check_names, check_overflow, map_columns};
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, estimator};
use crate::input::{Nan, check_predict, check_training};
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{ParamType, ParamValue, Range};
use crate::state::State;

estimator! {
    /// Moves and scales each feature so that it runs from one bound to the other. Missing values (NaN) do not count and
    /// stay missing. Parity with scikit-learn: exact.
    pub struct MinMaxScaler: Transformer -> MinMaxScalerFitted {
        /// The bounds.
        feature_range: FeatureRange = FeatureRange(0.0, 1.0), FeatureRange::RANGE;
        /// Whether to cut new values off at the bounds.
        clip: bool = false, Range::BOOLEAN;
    }
    impl Estimator {
        fn allows_nan(&self) -> bool {
            true
        }
    }
}

/// The bounds of a [`MinMaxScaler`]: the lower, then the higher. As a [`ParamValue`]: a list of two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureRange(pub f64, pub f64);

impl FeatureRange {
    /// Values of `feature_range`.
    pub const RANGE: Range = Range::list(&Range::NUMBER);
}

impl ParamType for FeatureRange {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::List(values) => match &values[..] {
                [low, high] => Some(Self(f64::from_value(low)?, f64::from_value(high)?)),
                _ => None,
            },
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        ParamValue::List(vec![self.0.to_value(), self.1.to_value()])
    }
}

impl MinMaxScaler {
    /// Finds the extremes.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `InvalidParam` when the bounds are not in order.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<MinMaxScalerFitted> {
        self.check_params()?;
        let FeatureRange(low, high) = self.feature_range;
        if low >= high {
            let value = self.feature_range.to_value();
            return Err(Error::invalid(self.name(), "feature_range", value, "two numbers, the lower first"));
        }
        check_training(data, Nan::Missing)?;
        // A comparison with NaN is false, so what is missing changes nothing.
        let extreme = |start: f64, beyond: fn(f64, f64) -> bool| -> Vec<f64> {
            let columns = data.x.columns().into_iter();
            let all: Vec<f64> =
                columns.map(|column| column.fold(start, |best, v| if beyond(*v, best) { *v } else { best })).collect();
            all.into_iter().map(|v| if v.is_infinite() { f64::NAN } else { v }).collect()
        };
        let data_min = extreme(f64::INFINITY, |v, best| v < best);
        let data_max = extreme(f64::NEG_INFINITY, |v, best| v > best);
        let scale: Vec<f64> = data_min
            .iter()
            .zip(&data_max)
            .map(|(min, max)| {
                let range = max - min;
                (high - low) / if range < 10.0 * f64::EPSILON { 1.0 } else { range }
            })
            .collect();
        let min = data_min.iter().zip(&scale).map(|(min, scale)| low - min * scale).collect();
        let fitted = MinMaxScalerFitted { data_min, data_max, scale, min, clip: self.clip.then_some((low, high)) };
        if fitted.scale.contains(&0.0) || fitted.min.iter().any(|v: &f64| v.is_infinite()) {
            return Err(Error::overflow("the fit"));
        }
        Ok(fitted)
    }
}

/// A fitted [`MinMaxScaler`].
#[derive(Debug, Clone, PartialEq)]
pub struct MinMaxScalerFitted {
    data_min: Vec<f64>,
    data_max: Vec<f64>,
    scale: Vec<f64>,
    min: Vec<f64>,
    clip: Option<(f64, f64)>,
}

impl MinMaxScalerFitted {
    /// Least value of each feature; NaN for one that is always missing.
    pub fn data_min(&self) -> &[f64] {
        &self.data_min
    }

    /// Greatest value of each feature.
    pub fn data_max(&self) -> &[f64] {
        &self.data_max
    }

    /// What each feature is multiplied by.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// What is added to each feature afterwards.
    pub fn min(&self) -> &[f64] {
        &self.min
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let clip = if state.contains("clip") {
            match state.take_vector("clip")?[..] {
                [low, high] if low < high => Some((low, high)),
                _ => return Err(Error::malformed("the bounds are not two numbers in order")),
            }
        } else {
            None
        };
        let fitted = Self {
            data_min: state.take_values("data_min")?,
            data_max: state.take_values("data_max")?,
            scale: state.take_values("scale")?,
            min: state.take_values("min")?,
            clip,
        };
        state.finish()?;
        let n = fitted.scale.len();
        if n == 0 || [&fitted.data_min, &fitted.data_max, &fitted.min].iter().any(|values| values.len() != n) {
            return Err(Error::malformed("extremes and scales disagree"));
        }
        if fitted.scale.iter().any(|s| *s <= 0.0 || s.is_infinite()) || fitted.min.iter().any(|v| v.is_infinite()) {
            return Err(Error::malformed("a scale is out of range"));
        }
        Ok(fitted)
    }
}

impl Predictor for MinMaxScalerFitted {
    fn n_features(&self) -> usize {
        self.scale.len()
    }

    fn n_outputs(&self) -> usize {
        0
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.scale.len(), Nan::Missing)?;
        let out = map_columns(x, |j, v| {
            let v = v * self.scale[j] + self.min[j];
            match self.clip {
                Some((low, high)) if !v.is_nan() => v.clamp(low, high),
                _ => v,
            }
        });
        check_overflow(&out, x)?;
        Ok(out)
    }

    fn inverse_transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.scale.len(), Nan::Missing)?;
        let out = map_columns(x, |j, v| (v - self.min[j]) / self.scale[j]);
        check_overflow(&out, x)?;
        Ok(out)
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        check_names(features, self.scale.len())?;
        Ok(features.to_vec())
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![
            ("data_min", Attribute::Vector(self.data_min.clone())),
            ("data_max", Attribute::Vector(self.data_max.clone())),
            ("scale", Attribute::Vector(self.scale.clone())),
            ("min", Attribute::Vector(self.min.clone())),
        ]
    }

    fn state(&self) -> State {
        let state = State::new()
            .with_values("data_min", self.data_min.clone())
            .with_values("data_max", self.data_max.clone())
            .with_values("scale", self.scale.clone())
            .with_values("min", self.min.clone());
        match self.clip {
            Some((low, high)) => state.with_vector("clip", &[low, high]),
            None => state,
        }
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let scaled = graph.by_column("Mul", x, &self.scale);
        let moved = graph.by_column("Add", &scaled, &self.min);
        let Some((low, high)) = self.clip else {
            return Ok(Answer::Numbers(moved));
        };
        let (low, high) = (graph.numbers(&[], [low]), graph.numbers(&[], [high]));
        Ok(Answer::Numbers(graph.apply("Clip", &[&moved, &low, &high], vec![])))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn bounds_must_be_in_order() {
        let scaler = MinMaxScaler::new().feature_range(FeatureRange(1.0, 0.0));
        assert_eq!(
            scaler.fit(array![[1.0]].view()).unwrap_err().to_string(),
            "MinMaxScaler: feature_range = [1.0, 0.0] is not allowed; it must be two numbers, the lower first"
        );
    }

    #[test]
    fn new_values_are_cut_off_on_request() {
        let x = array![[0.0], [10.0]];
        let new = array![[-5.0], [5.0], [f64::NAN], [20.0]];
        for (clip, expected) in [(false, [-0.5, 0.5, 2.0]), (true, [0.0, 0.5, 1.0])] {
            let out = MinMaxScaler::new().clip(clip).fit(x.view()).unwrap().transform(new.view()).unwrap();
            assert_eq!([out[(0, 0)], out[(1, 0)], out[(3, 0)]], expected);
            assert!(out[(2, 0)].is_nan());
        }
    }
}
