//! `DummyRegressor`: the baseline that ignores its features. A real model must beat it.

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator};
use crate::input::{Nan, check_predict, check_supervised};
use crate::param::{ParamValue, Range};
use crate::registry::{Entry, entry};
use crate::state::State;
use crate::sum::mean;

pub(crate) const ENTRIES: &[Entry] = &[entry!(DummyRegressor, ConstantPredictor)];

estimator! {
    /// Predicts the same value for every row: the mean, the median or a quantile of the training targets, or a given
    /// constant. Parity with scikit-learn: exact.
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
        let y = check_supervised(data, Nan::Refused)?;
        let constant = match self.strategy {
            Strategy::Mean => mean(y.len(), |i| y[i]),
            Strategy::Median => median(y),
            Strategy::Quantile => {
                let q = self.quantile.ok_or_else(|| self.missing("quantile"))?;
                quantile(y, q)
            }
            Strategy::Constant => self.constant.ok_or_else(|| self.missing("constant"))?,
        };
        if !constant.is_finite() {
            return Err(Error::overflow("the fit"));
        }
        Ok(ConstantPredictor { constant, n_features: data.x.ncols() })
    }

    fn missing(&self, param: &str) -> Error {
        let allowed = format!("set when strategy = {}", self.strategy.name());
        Error::invalid(self.name(), param, ParamValue::None, allowed)
    }
}

/// A fitted [`DummyRegressor`].
#[derive(Debug, Clone, PartialEq)]
pub struct ConstantPredictor {
    constant: f64,
    n_features: usize,
}

impl ConstantPredictor {
    /// The value predicted for every row.
    pub fn constant(&self) -> f64 {
        self.constant
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let constant = state.take_scalar("constant")?;
        let n_features = state.take_count("n_features")?;
        state.finish()?;
        if n_features == 0 {
            return Err(Error::malformed("the model has no features"));
        }
        Ok(Self { constant, n_features })
    }
}

impl Predictor for ConstantPredictor {
    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        check_predict(x, self.n_features, Nan::Refused)?;
        Ok(Array1::from_elem(x.nrows(), self.constant))
    }

    fn n_features(&self) -> usize {
        self.n_features
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("constant", Attribute::Scalar(self.constant))]
    }

    fn state(&self) -> State {
        State::new().with_scalar("constant", self.constant).with_integer("n_features", self.n_features as i64)
    }
}

/// The middle value of a vector that is not empty, or the mean of the two middle values.
fn median(y: ArrayView1<'_, f64>) -> f64 {
    let y = sorted(y);
    let middle = y.len() / 2;
    if y.len() % 2 == 1 { y[middle] } else { y[middle - 1].midpoint(y[middle]) }
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
