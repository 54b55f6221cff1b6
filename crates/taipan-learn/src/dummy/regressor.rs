//! The baseline of numbers.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator, unsupported};
use crate::input::{Nan, check_outputs, check_predict};
use crate::linear::check_weights;
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{ParamValue, Range};
use crate::state::State;
use crate::sum::{mean, pairwise_sum};

estimator! {
    /// Predicts the same value for every row: the mean, the median or a quantile of the training targets, or a given
    /// constant. Of one target or several, with or without sample weights. Parity with scikit-learn: exact.
    pub struct DummyRegressor: Regressor -> ConstantPredictor {
        /// What to predict: mean, median, quantile or constant.
        strategy: Strategy = Strategy::Mean, Strategy::RANGE;
        /// The value to predict when the strategy is constant.
        constant: Option<f64> = None, Range::NUMBER.or_none();
        /// Which quantile to predict when the strategy is quantile: 0 is the minimum, 1 the maximum.
        quantile: Option<f64> = None, Range::between(0.0, 1.0).or_none();
    }
}

choices! {
    /// What a [`DummyRegressor`] predicts.
    pub enum Strategy {
        /// The mean of the training targets.
        Mean = "mean",
        /// Their median.
        Median = "median",
        /// The quantile given as `quantile`, linearly interpolated.
        Quantile = "quantile",
        /// The value given as `constant`.
        Constant = "constant",
    }
}

impl DummyRegressor {
    /// Computes the value to predict.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; also `InvalidParam` when the strategy needs `constant` or `quantile` and it is not set.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<ConstantPredictor> {
        self.check_params()?;
        let y = check_outputs(data, Nan::Refused)?;
        check_weights(self.name(), data.sample_weight)?;
        let constants: Vec<f64> =
            y.columns().into_iter().map(|y| self.constant_of(y, data.sample_weight)).collect::<Result<_>>()?;
        if !constants.iter().all(|constant| constant.is_finite()) {
            return Err(Error::overflow("the fit"));
        }
        Ok(ConstantPredictor { constants, n_features: data.x.ncols() })
    }

    fn constant_of(&self, y: ArrayView1<'_, f64>, weights: Option<ArrayView1<'_, f64>>) -> Result<f64> {
        Ok(match (self.strategy, weights) {
            (Strategy::Constant, _) => self.constant.ok_or_else(|| self.missing("constant"))?,
            (Strategy::Mean, None) => mean(y.len(), |i| y[i]),
            (Strategy::Mean, Some(weights)) => {
                pairwise_sum(y.len(), |i| y[i] * weights[i]) / pairwise_sum(y.len(), |i| weights[i])
            }
            (Strategy::Median, None) => median(y),
            (Strategy::Median, Some(weights)) => weighted_quantile(y, weights, 0.5),
            (Strategy::Quantile, weights) => {
                let q = self.quantile.ok_or_else(|| self.missing("quantile"))?;
                match weights {
                    None => quantile(y, q),
                    Some(weights) => weighted_quantile(y, weights, q * 100.0 / 100.0),
                }
            }
        })
    }

    fn missing(&self, param: &str) -> Error {
        let allowed = format!("set when strategy = {}", self.strategy.name());
        Error::invalid(self.name(), param, ParamValue::None, allowed)
    }
}

/// A fitted [`DummyRegressor`].
#[derive(Debug, Clone, PartialEq)]
pub struct ConstantPredictor {
    /// One per target.
    constants: Vec<f64>,
    n_features: usize,
}

impl ConstantPredictor {
    /// The value predicted for every row, of the first target.
    pub fn constant(&self) -> f64 {
        self.constants[0]
    }

    /// The value predicted for every row, of each target.
    pub fn constants(&self) -> &[f64] {
        &self.constants
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let constants = if state.contains("constants") {
            state.take_vector("constants")?
        } else {
            vec![state.take_scalar("constant")?]
        };
        let n_features = state.take_count("n_features")?;
        state.finish()?;
        if n_features == 0 || constants.is_empty() {
            return Err(Error::malformed("the model has no features"));
        }
        Ok(Self { constants, n_features })
    }
}

impl Predictor for ConstantPredictor {
    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        if self.constants.len() > 1 {
            return Err(unsupported(self, "predict one value per row, for it learnt several targets"));
        }
        Ok(self.predict_outputs(x)?.index_axis_move(Axis(1), 0))
    }

    fn predict_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.n_features, Nan::Refused)?;
        Ok(Array2::from_shape_fn((x.nrows(), self.constants.len()), |(_, k)| self.constants[k]))
    }

    fn n_features(&self) -> usize {
        self.n_features
    }

    fn n_outputs(&self) -> usize {
        self.constants.len()
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let constant = match self.constants[..] {
            [constant] => Attribute::Scalar(constant),
            _ => Attribute::Vector(self.constants.clone()),
        };
        vec![("constant", constant)]
    }

    fn state(&self) -> State {
        let state = match self.constants[..] {
            [constant] => State::new().with_scalar("constant", constant),
            _ => State::new().with_vector("constants", &self.constants),
        };
        state.with_integer("n_features", self.n_features as i64)
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        Ok(Answer::Numbers(graph.repeated(&self.constants, x)))
    }
}

/// The middle value of a vector that is not empty, or the mean of the two middle values.
fn median(y: ArrayView1<'_, f64>) -> f64 {
    let y = sorted(y);
    let middle = y.len() / 2;
    if y.len() % 2 == 1 { y[middle] } else { y[middle - 1].midpoint(y[middle]) }
}

/// The least value up to which the share `q` of the weight lies.
fn weighted_quantile(y: ArrayView1<'_, f64>, weights: ArrayView1<'_, f64>, q: f64) -> f64 {
    let mut order: Vec<usize> = (0..y.len()).collect();
    order.sort_by(|&a, &b| y[a].total_cmp(&y[b]));
    let mut sum = 0.0;
    let cumulated: Vec<f64> = order
        .iter()
        .map(|&i| {
            sum += weights[i];
            sum
        })
        .collect();
    // The least value that weighs something, for a share of 0.
    let target = (q * sum).max(f64::from_bits(1));
    let at = cumulated.partition_point(|sum| *sum < target).min(order.len() - 1);
    y[order[at]]
}

/// NumPy's `percentile(y, 100·q)`: linear interpolation, from whichever neighbour is nearer, so that it is monotonic.
fn quantile(y: ArrayView1<'_, f64>, q: f64) -> f64 {
    let y = sorted(y);
    let last = y.len() - 1;
    let position = last as f64 * (q * 100.0 / 100.0);
    let below = position.floor() as usize;
    if below >= last {
        return y[last];
    }
    let (a, b) = (y[below], y[below + 1]);
    let t = position - below as f64;
    if t >= 0.5 { b - (b - a) * (1.0 - t) } else { a + (b - a) * t }
}

fn sorted(y: ArrayView1<'_, f64>) -> Vec<f64> {
    let mut y = y.to_vec();
    y.sort_unstable_by(f64::total_cmp);
    y
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_strategy_without_its_value_is_refused() {
        let (x, y) = (array![[1.0], [2.0]], array![1.0, 2.0]);
        for (strategy, text) in [
            (
                Strategy::Constant,
                "DummyRegressor: constant = None is not allowed; it must be set when strategy = constant",
            ),
            (
                Strategy::Quantile,
                "DummyRegressor: quantile = None is not allowed; it must be set when strategy = quantile",
            ),
        ] {
            let dummy = DummyRegressor::new().strategy(strategy);
            assert_eq!(dummy.fit(x.view(), y.view()).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn each_strategy_predicts_its_value() {
        let (x, y) = (array![[0.0], [0.0], [0.0], [0.0]], array![10.0, 2.0, 3.0, 5.0]);
        let fit = |dummy: DummyRegressor| dummy.fit(x.view(), y.view()).unwrap().constant();
        for (dummy, expected) in [
            (DummyRegressor::new(), 5.0),
            (DummyRegressor::new().strategy(Strategy::Median), 4.0),
            (DummyRegressor::new().strategy(Strategy::Quantile).quantile(0.0), 2.0),
            (DummyRegressor::new().strategy(Strategy::Quantile).quantile(1.0), 10.0),
            (DummyRegressor::new().strategy(Strategy::Quantile).quantile(0.5), 4.0),
            (DummyRegressor::new().strategy(Strategy::Constant).constant(-7.5), -7.5),
        ] {
            assert!((fit(dummy) - expected).abs() < 1e-15);
        }
    }
}
