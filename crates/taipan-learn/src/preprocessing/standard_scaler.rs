//! Features with mean 0 and variance 1.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::{check_names, check_overflow, map_columns};
use crate::blocks::{add, reduce, row_major};
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, estimator};
use crate::input::{BLOCK_ROWS, Nan, check_predict, check_training};
use crate::linear::check_weights;
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::Range;
use crate::state::State;

estimator! {
    /// Subtracts the mean of each feature and divides by its standard deviation. Missing values (NaN) do not count and
    /// stay missing; sample weights count. Parity with scikit-learn: close.
    pub struct StandardScaler: Transformer -> StandardScalerFitted {
        /// Whether to subtract the mean.
        with_mean: bool = true, Range::BOOLEAN;
        /// Whether to divide by the standard deviation.
        with_std: bool = true, Range::BOOLEAN;
    }
    impl Estimator {
        fn allows_nan(&self) -> bool {
            true
        }
    }
}

impl StandardScaler {
    /// Finds means and deviations.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`].
    pub fn fit_on(&self, data: &Training<'_>) -> Result<StandardScalerFitted> {
        self.check_params()?;
        check_training(data, Nan::Missing)?;
        check_weights(self.name(), data.sample_weight)?;
        let features = data.x.ncols();
        let first = sums(data.x, data.sample_weight, &vec![0.0; features]);
        let mean: Vec<f64> = first.iter().map(|[count, sum, _]| sum / count).collect();
        let second = sums(data.x, data.sample_weight, &mean);
        // What rounding left in the mean is taken off again.
        let var: Vec<f64> = second.iter().map(|[count, sum, squares]| (squares - sum * sum / count) / count).collect();
        let scale = (0..features)
            .map(|j| {
                let (n, mean, var) = (second[j][0], mean[j], var[j]);
                let noise = n * f64::EPSILON * var + (n * mean * f64::EPSILON).powi(2);
                if var <= noise { 1.0 } else { var.sqrt() }
            })
            .collect();
        if mean.iter().chain(&var).any(|v| v.is_infinite()) {
            return Err(Error::overflow("the fit"));
        }
        let n_samples_seen = second.iter().map(|[count, _, _]| *count).collect();
        let (with_mean, with_std) = (self.with_mean, self.with_std);
        Ok(StandardScalerFitted { mean, var, scale, n_samples_seen, with_mean, with_std })
    }
}

/// For each feature the weight of its values, and the weighted sums of their distances to a centre and of the squares of
/// these.
fn sums(x: ArrayView2<'_, f64>, weights: Option<ArrayView1<'_, f64>>, centre: &[f64]) -> Vec<[f64; 3]> {
    let features = x.ncols();
    let flat = reduce(
        x.nrows(),
        BLOCK_ROWS,
        &|range| {
            let mut sums = vec![0.0; 3 * features];
            let values = row_major(&x, range.clone());
            for (i, row) in range.zip(values.chunks_exact(features)) {
                let weight = weights.map_or(1.0, |weights| weights[i]);
                for ((v, centre), sums) in row.iter().zip(centre).zip(sums.as_chunks_mut::<3>().0) {
                    if !v.is_nan() {
                        let distance = v - centre;
                        sums[0] += weight;
                        sums[1] += weight * distance;
                        sums[2] += weight * distance * distance;
                    }
                }
            }
            sums
        },
        &add,
    );
    flat.as_chunks::<3>().0.to_vec()
}

/// A fitted [`StandardScaler`].
#[derive(Debug, Clone, PartialEq)]
pub struct StandardScalerFitted {
    mean: Vec<f64>,
    var: Vec<f64>,
    scale: Vec<f64>,
    n_samples_seen: Vec<f64>,
    with_mean: bool,
    with_std: bool,
}

impl StandardScalerFitted {
    /// Mean of each feature; NaN for one that is always missing.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance of each feature.
    pub fn var(&self) -> &[f64] {
        &self.var
    }

    /// What each feature is divided by: its standard deviation, or 1 for a constant.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let fitted = Self {
            mean: state.take_values("mean")?,
            var: state.take_values("var")?,
            scale: state.take_values("scale")?,
            n_samples_seen: state.take_vector("n_samples_seen")?,
            with_mean: state.take_count("with_mean")? == 1,
            with_std: state.take_count("with_std")? == 1,
        };
        state.finish()?;
        let n = fitted.mean.len();
        if n == 0 || [&fitted.var, &fitted.scale, &fitted.n_samples_seen].iter().any(|values| values.len() != n) {
            return Err(Error::malformed("means and deviations disagree"));
        }
        if fitted.mean.iter().chain(&fitted.scale).any(|v| v.is_infinite()) || fitted.scale.iter().any(|s| *s <= 0.0) {
            return Err(Error::malformed("a mean or deviation is out of range"));
        }
        Ok(fitted)
    }
}

impl Predictor for StandardScalerFitted {
    fn n_features(&self) -> usize {
        self.mean.len()
    }

    fn n_outputs(&self) -> usize {
        0
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.mean.len(), Nan::Missing)?;
        let out = map_columns(x, |j, v| {
            let v = if self.with_mean { v - self.mean[j] } else { v };
            if self.with_std { v / self.scale[j] } else { v }
        });
        check_overflow(&out, x)?;
        Ok(out)
    }

    fn inverse_transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.mean.len(), Nan::Missing)?;
        let out = map_columns(x, |j, v| {
            let v = if self.with_std { v * self.scale[j] } else { v };
            if self.with_mean { v + self.mean[j] } else { v }
        });
        check_overflow(&out, x)?;
        Ok(out)
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        check_names(features, self.mean.len())?;
        Ok(features.to_vec())
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let mut attributes = vec![];
        if self.with_mean || self.with_std {
            attributes.push(("mean", Attribute::Vector(self.mean.clone())));
        }
        if self.with_std {
            attributes.push(("var", Attribute::Vector(self.var.clone())));
            attributes.push(("scale", Attribute::Vector(self.scale.clone())));
        }
        attributes.push(("n_samples_seen", Attribute::Vector(self.n_samples_seen.clone())));
        attributes
    }

    fn state(&self) -> State {
        State::new()
            .with_values("mean", self.mean.clone())
            .with_values("var", self.var.clone())
            .with_values("scale", self.scale.clone())
            .with_vector("n_samples_seen", &self.n_samples_seen)
            .with_integer("with_mean", i64::from(self.with_mean))
            .with_integer("with_std", i64::from(self.with_std))
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let centred = if self.with_mean { graph.by_column("Sub", x, &self.mean) } else { x.clone() };
        Ok(Answer::Numbers(if self.with_std { graph.by_column("Div", &centred, &self.scale) } else { centred }))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_constant_is_centred_and_what_is_missing_stays_so() {
        let x = array![[0.1, 1.0], [0.1, f64::NAN], [0.1, 3.0]];
        let scaler = StandardScaler::new().fit(x.view()).unwrap();
        let out = scaler.transform(x.view()).unwrap();
        assert!(out.column(0).iter().all(|v| v.abs() < 1e-15));
        assert!(out[(0, 1)] == -1.0 && out[(1, 1)].is_nan() && out[(2, 1)] == 1.0);
        let back = scaler.inverse_transform(out.view()).unwrap();
        assert!((back[(0, 0)] - 0.1).abs() < 1e-15 && back[(2, 1)] == 3.0);
    }
}
