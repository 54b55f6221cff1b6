//! Principal component analysis.

use faer::Mat;
use faer::Side;
use faer::linalg::solvers::Solve;
use ndarray::{Array1, Array2, ArrayView2};

use super::components::{Components, keep, too_many};
use super::spectrum::{Spectrum, by_covariance, by_projection, by_svd};
use crate::blocks::row_major;
use crate::error::{Error, ErrorKind, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator};
use crate::input::{Nan, check_predict, check_training};
use crate::linear::decision;
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{Auto, Range};
use crate::random::RandomState;
use crate::state::State;

estimator! {
    /// Principal component analysis: new features, uncorrelated, that each explain as much as possible of the variance
    /// that those before leave.
    ///
    /// Parity with scikit-learn: close (relative error at most 1e-10 where variances differ clearly), the sign of each
    /// component such that its largest entry is positive, and the random solver with the same draws. Where all rows are
    /// the same the ratios are 0, not NaN. Sample weights do not count.
    #[allow(clippy::upper_case_acronyms, reason = "scikit-learn's name")]
    pub struct PCA: Transformer -> PcaPredictor {
        /// How many components to keep: a count, the share of variance to explain, mle, or None for all.
        n_components: Option<Components> = None, Components::RANGE;
        /// Whether the new features have variance 1 each.
        whiten: bool = false, Range::BOOLEAN;
        /// How to compute: auto, full, covariance_eigh, arpack or randomized.
        svd_solver: SvdSolver = SvdSolver::Auto, SvdSolver::RANGE;
        /// Power iterations of the random solver.
        iterated_power: Auto<usize> = Auto::Auto, Range::any_of(POWERS);
        /// Dimensions of the random solver beyond those kept.
        n_oversamples: usize = 10_usize, Range::integer_from(1);
        /// Seed of the random solver.
        random_state: Option<u32> = None, Range::SEED;
    }
}

const POWERS: &[Range] = &[Range::one_of(&["auto"]), Range::integer_from(0)];

choices! {
    /// How a [`PCA`] is computed.
    pub enum SvdSolver {
        /// Whichever of the others suits the size of the data.
        Auto = "auto",
        /// Singular value decomposition.
        Full = "full",
        /// Eigendecomposition of the covariance matrix; for many rows.
        CovarianceEigh = "covariance_eigh",
        /// The largest singular values; here by the full decomposition, to the same result.
        Arpack = "arpack",
        /// The largest singular values, nearly, from a random projection.
        Randomized = "randomized",
    }
}

impl PCA {
    /// Finds the components.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `InvalidParam` when there are not as many components as asked for.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<PcaPredictor> {
        self.check_params()?;
        let (rows, features) = data.x.dim();
        let solver = self.solver(rows, features);
        if solver != SvdSolver::CovarianceEigh || rows == 0 || features == 0 {
            check_training(data, Nan::Refused)?;
        }
        let truncated = matches!(solver, SvdSolver::Arpack | SvdSolver::Randomized);
        let count = if truncated { Some(self.count(solver, rows, features)?) } else { None };
        let spectrum = match solver {
            // Saves a pass: what is not finite shows in the result.
            SvdSolver::CovarianceEigh => match by_covariance(data.x) {
                Err(error) => {
                    check_training(data, Nan::Refused)?;
                    return Err(error);
                }
                found => found?,
            },
            SvdSolver::Randomized => {
                let kept = count.unwrap_or(0);
                let powers = match self.iterated_power {
                    Auto::Given(powers) => powers,
                    Auto::Auto if (kept as f64) < 0.1 * rows.min(features) as f64 => 7,
                    Auto::Auto => 4,
                };
                let mut random = RandomState::from_seed(self.random_state);
                by_projection(data.x, kept + self.n_oversamples, powers, &mut random)?
            }
            _ => by_svd(data.x)?,
        };
        self.cut(spectrum, rows, count)
    }

    /// The solver that `auto` stands for.
    fn solver(&self, rows: usize, features: usize) -> SvdSolver {
        if self.svd_solver != SvdSolver::Auto {
            return self.svd_solver;
        }
        let few = 0.8 * rows.min(features) as f64;
        let kept = match self.n_components {
            None => rows.min(features) as f64,
            Some(Components::Count(count)) => count as f64,
            Some(Components::Share(share)) => share,
            Some(Components::Mle) => f64::NAN,
        };
        if features <= 1000 && rows >= 10 * features {
            SvdSolver::CovarianceEigh
        } else if rows.max(features) <= 500 || self.n_components == Some(Components::Mle) {
            SvdSolver::Full
        } else if kept >= 1.0 && kept < few {
            SvdSolver::Randomized
        } else {
            SvdSolver::Full
        }
    }

    /// How many components a solver is to find that finds only the largest.
    fn count(&self, solver: SvdSolver, rows: usize, features: usize) -> Result<usize> {
        let most = rows.min(features);
        let arpack = solver == SvdSolver::Arpack;
        let refuse = |value: String, allowed: String| Err(Error::invalid(self.name(), "n_components", value, allowed));
        let count = match self.n_components {
            None => most - usize::from(arpack),
            Some(Components::Count(count)) => count,
            Some(Components::Share(share)) => {
                return refuse(share.to_string(), format!("a count when svd_solver = {}", solver.name()));
            }
            Some(Components::Mle) => {
                return refuse("mle".to_owned(), format!("a count when svd_solver = {}", solver.name()));
            }
        };
        if count > most {
            return Err(too_many(self.name(), count, most));
        }
        if count == 0 || arpack && count == most {
            let last = if arpack { most.saturating_sub(1) } else { most };
            return refuse(count.to_string(), format!("from 1 to {last} when svd_solver = {}", solver.name()));
        }
        Ok(count)
    }

    /// Keeps the first components.
    fn cut(&self, spectrum: Spectrum, rows: usize, count: Option<usize>) -> Result<PcaPredictor> {
        let Spectrum { mean, singular, axes, squares } = spectrum;
        let features = mean.len();
        let most = rows.min(features);
        let degrees = (rows.max(2) - 1) as f64;
        let variances: Vec<f64> = singular.iter().map(|s| s * s / degrees).collect();
        let (kept, total) = match count {
            Some(count) => (count, squares / degrees),
            None => (keep(self.name(), self.n_components, &variances, (rows, features))?, variances.iter().sum()),
        };
        let explained: f64 = variances[..kept].iter().sum();
        let noise_variance = if kept >= most {
            0.0
        } else if count.is_some() {
            (total - explained) / (most - kept) as f64
        } else {
            let rest = &variances[kept..];
            crate::sum::mean(rest.len(), |i| rest[i])
        };
        let components = Array2::from_shape_fn((kept, features), |(k, j)| sign(&axes, k) * axes[(j, k)]);
        let ratio = |variance: &f64| if total > 0.0 { variance / total } else { 0.0 };
        let fitted = PcaPredictor {
            explained_variance_ratio: variances[..kept].iter().map(ratio).collect(),
            explained_variance: variances[..kept].to_vec(),
            singular_values: singular[..kept].to_vec(),
            components,
            mean,
            noise_variance,
            n_samples: rows,
            whiten: self.whiten,
        };
        if fitted.is_finite() { Ok(fitted) } else { Err(Error::overflow("the fit")) }
    }
}

/// The sign of the largest entry of an axis.
fn sign(axes: &Mat<f64>, k: usize) -> f64 {
    let column = axes.col(k);
    let largest = column.iter().fold(0.0_f64, |largest, v| if v.abs() > largest.abs() { *v } else { largest });
    if largest < 0.0 { -1.0 } else { 1.0 }
}

/// A fitted [`PCA`].
#[derive(Debug, Clone, PartialEq)]
pub struct PcaPredictor {
    components: Array2<f64>,
    explained_variance: Vec<f64>,
    explained_variance_ratio: Vec<f64>,
    singular_values: Vec<f64>,
    mean: Vec<f64>,
    noise_variance: f64,
    n_samples: usize,
    whiten: bool,
}

impl PcaPredictor {
    /// Principal axes: one row per component, one column per feature.
    pub fn components(&self) -> ArrayView2<'_, f64> {
        self.components.view()
    }

    /// Variance of each new feature.
    pub fn explained_variance(&self) -> &[f64] {
        &self.explained_variance
    }

    /// The same as a share of the variance of all features.
    pub fn explained_variance_ratio(&self) -> &[f64] {
        &self.explained_variance_ratio
    }

    /// Singular value of each component.
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// Mean of each feature.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Mean variance of the components left out (Tipping and Bishop, 1999, "Probabilistic principal component analysis").
    pub fn noise_variance(&self) -> f64 {
        self.noise_variance
    }

    /// The covariance of the features by the model: of the components kept, and noise. With `whiten`, scikit-learn counts
    /// each component by its variance once more, and so does this.
    pub fn covariance(&self) -> Array2<f64> {
        let features = self.mean.len();
        let mut covariance = Array2::from_diag(&Array1::from_elem(features, self.noise_variance));
        for (axis, variance) in self.components.rows().into_iter().zip(&self.explained_variance) {
            let above = (variance - self.noise_variance).max(0.0) * if self.whiten { *variance } else { 1.0 };
            for ((i, j), entry) in covariance.indexed_iter_mut() {
                *entry += above * axis[i] * axis[j];
            }
        }
        covariance
    }

    /// The log-likelihood of each row by the model.
    ///
    /// # Errors
    /// See [`Predictor::predict`]; `NoConvergence` when the covariance is singular.
    pub fn score_samples(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        check_predict(x, self.mean.len(), Nan::Refused)?;
        let features = self.mean.len();
        let covariance = self.covariance();
        let covariance = Mat::from_fn(features, features, |i, j| covariance[(i, j)]);
        let factor = covariance
            .llt(Side::Lower)
            .map_err(|_| Error::new(ErrorKind::NoConvergence { what: "the inverse of a singular covariance" }))?;
        let half_log_determinant: f64 = factor.L().diagonal().column_vector().iter().map(|pivot| pivot.ln()).sum();
        let constant = half_log_determinant + 0.5 * features as f64 * (2.0 * std::f64::consts::PI).ln();
        let centred = Mat::from_fn(features, x.nrows(), |j, i| x[(i, j)] - self.mean[j]);
        let solved = factor.solve(&centred);
        Ok((0..x.nrows())
            .map(|i| {
                let products = centred.col(i).iter().zip(solved.col(i).iter());
                -0.5 * products.map(|(a, b)| a * b).sum::<f64>() - constant
            })
            .collect())
    }

    /// The mean [log-likelihood](Self::score_samples) of the rows.
    ///
    /// # Errors
    /// See [`score_samples`](Self::score_samples); `Empty` without rows.
    pub fn score(&self, x: ArrayView2<'_, f64>) -> Result<f64> {
        let samples = self.score_samples(x)?;
        if samples.is_empty() {
            return Err(Error::empty("X has no rows"));
        }
        Ok(crate::sum::mean(samples.len(), |i| samples[i]))
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let fitted = Self {
            components: state.take_matrix("components")?,
            explained_variance: state.take_vector("explained_variance")?,
            explained_variance_ratio: state.take_vector("explained_variance_ratio")?,
            singular_values: state.take_vector("singular_values")?,
            mean: state.take_vector("mean")?,
            noise_variance: state.take_scalar("noise_variance")?,
            n_samples: state.take_count("n_samples")?,
            whiten: state.take_count("whiten")? == 1,
        };
        state.finish()?;
        let (kept, features) = fitted.components.dim();
        let lengths = [&fitted.explained_variance, &fitted.explained_variance_ratio, &fitted.singular_values];
        if features == 0 || fitted.mean.len() != features || lengths.iter().any(|values| values.len() != kept) {
            return Err(Error::malformed("components, variances and means disagree"));
        }
        if fitted.explained_variance.iter().any(|variance| *variance < 0.0) {
            return Err(Error::malformed("a variance is negative"));
        }
        Ok(fitted)
    }

    fn is_finite(&self) -> bool {
        let vectors = [&self.explained_variance, &self.explained_variance_ratio, &self.singular_values, &self.mean];
        self.components.iter().chain(vectors.into_iter().flatten()).chain([&self.noise_variance]).all(|v| v.is_finite())
    }

    /// Deviation of each new feature before whitening, kept off 0.
    fn scales(&self) -> Vec<f64> {
        self.explained_variance.iter().map(|variance| variance.sqrt().max(f64::EPSILON)).collect()
    }
}

impl Predictor for PcaPredictor {
    fn n_features(&self) -> usize {
        self.mean.len()
    }

    fn n_outputs(&self) -> usize {
        0
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.mean.len(), Nan::Refused)?;
        let offset =
            |axis: ndarray::ArrayView1<'_, f64>| -crate::sum::pairwise_sum(axis.len(), |j| axis[j] * self.mean[j]);
        let offsets: Vec<f64> = self.components.rows().into_iter().map(offset).collect();
        let mut out =
            if offsets.is_empty() { Array2::zeros((x.nrows(), 0)) } else { decision(x, &self.components, &offsets) };
        if self.whiten {
            for (mut column, scale) in out.columns_mut().into_iter().zip(self.scales()) {
                column /= scale;
            }
        }
        if out.iter().all(|v| v.is_finite()) { Ok(out) } else { Err(Error::overflow("the new features")) }
    }

    fn inverse_transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.components.nrows(), Nan::Refused)?;
        let scales =
            if self.whiten { self.explained_variance.iter().map(|v| v.sqrt()).collect() } else { vec![1.0; x.ncols()] };
        let mut out = Array2::zeros((x.nrows(), self.mean.len()));
        let values = row_major(&x, 0..x.nrows());
        for (i, mut out) in out.rows_mut().into_iter().enumerate() {
            for (k, axis) in self.components.rows().into_iter().enumerate() {
                out.scaled_add(values[i * x.ncols() + k] * scales[k], &axis);
            }
            for (out, mean) in out.iter_mut().zip(&self.mean) {
                *out += mean;
            }
        }
        if out.iter().all(|v| v.is_finite()) { Ok(out) } else { Err(Error::overflow("the old features")) }
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        if features.len() != self.mean.len() {
            let what = "another number of names than features";
            return Err(Error::shape(what, features.len(), self.mean.len()));
        }
        Ok((1..=self.components.nrows()).map(|k| format!("pc{k}")).collect())
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![
            ("components", Attribute::Matrix(self.components.clone())),
            ("explained_variance", Attribute::Vector(self.explained_variance.clone())),
            ("explained_variance_ratio", Attribute::Vector(self.explained_variance_ratio.clone())),
            ("singular_values", Attribute::Vector(self.singular_values.clone())),
            ("mean", Attribute::Vector(self.mean.clone())),
            ("noise_variance", Attribute::Scalar(self.noise_variance)),
            ("n_components", Attribute::Scalar(self.components.nrows() as f64)),
            ("n_samples", Attribute::Scalar(self.n_samples as f64)),
        ]
    }

    fn state(&self) -> State {
        State::new()
            .with_matrix("components", &self.components)
            .with_vector("explained_variance", &self.explained_variance)
            .with_vector("explained_variance_ratio", &self.explained_variance_ratio)
            .with_vector("singular_values", &self.singular_values)
            .with_vector("mean", &self.mean)
            .with_scalar("noise_variance", self.noise_variance)
            .with_integer("n_samples", self.n_samples as i64)
            .with_integer("whiten", i64::from(self.whiten))
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let centred = graph.by_column("Sub", x, &self.mean);
        let shape = [self.components.ncols(), self.components.nrows()];
        let axes = graph.numbers(&shape, self.components.t().iter().copied());
        let new = graph.with("MatMul", &centred, &axes);
        Ok(Answer::Numbers(if self.whiten { graph.by_column("Div", &new, &self.scales()) } else { new }))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn what_was_left_out_is_all_that_is_lost() {
        let mut random = RandomState::new(1);
        let x = Array2::from_shape_simple_fn((30, 4), || random.standard_normal());
        for whiten in [false, true] {
            let all = PCA::new().whiten(whiten).fit(x.view()).unwrap();
            let back = all.inverse_transform(all.transform(x.view()).unwrap().view()).unwrap();
            assert!(x.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn solvers_agree() {
        let mut random = RandomState::new(2);
        let mut x = Array2::from_shape_simple_fn((40, 5), || random.standard_normal());
        for (j, mut column) in x.columns_mut().into_iter().enumerate() {
            column *= (j + 1) as f64;
        }
        let fit =
            |solver| PCA::new().n_components(2_usize).svd_solver(solver).random_state(0_u32).fit(x.view()).unwrap();
        let full = fit(SvdSolver::Full);
        for solver in [SvdSolver::CovarianceEigh, SvdSolver::Arpack, SvdSolver::Randomized] {
            let other = fit(solver);
            let pairs = full.components().to_owned().into_iter().zip(other.components().to_owned());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-9), "{solver:?}");
            assert!((full.noise_variance() - other.noise_variance()).abs() < 1e-9, "{solver:?}");
        }
    }

    #[test]
    fn what_cannot_be_found_is_refused() {
        let x = array![[0.0, 1.0, 2.0], [1.0, 0.0, 3.0]];
        let text = |pca: PCA| pca.fit(x.view()).unwrap_err().to_string();
        assert_eq!(
            text(PCA::new().n_components(3_usize)),
            "PCA: n_components = 3 is not allowed; it must be at most 2, the lesser of the numbers of rows and features"
        );
        assert_eq!(
            text(PCA::new().n_components(2_usize).svd_solver(SvdSolver::Arpack)),
            "PCA: n_components = 2 is not allowed; it must be from 1 to 1 when svd_solver = arpack"
        );
        assert_eq!(
            text(PCA::new().n_components(Components::Mle)),
            "PCA: n_components = mle is not allowed; it must be a count or a share, as there are fewer rows (2) than \
             features (3)"
        );
        let tall = Array2::from_shape_fn((30, 2), |(i, j)| if (i, j) == (17, 1) { f64::NAN } else { i as f64 });
        assert_eq!(
            PCA::new().fit(tall.view()).unwrap_err().to_string(),
            "X, row 17, feature 1: NaN is not a finite number"
        );
    }
}
