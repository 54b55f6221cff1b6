//! Least squares with a penalty on absolute weights, which makes many of them 0.

use ndarray::{Array1, Array2};

use super::coordinate_descent::{Descended, FromGram, FromRows, Problem, descend};
use super::design::{Design, check_weights};
use super::{Descent, LinearPredictor, solve};
use crate::error::{Error, Result};
use crate::estimator::{Estimator, Training, choices, estimator};
use crate::input::{Nan, check_outputs};
use crate::param::Range;
use crate::random::RandomState;
use crate::warning::Warning;

estimator! {
    /// Least squares plus `alpha` times `l1_ratio` times the sum of absolute weights, plus half of `alpha` times the rest
    /// times the sum of squared weights. The squared error counts as half its mean; the intercept is not penalised. Of
    /// one target or several (each by itself), with or without sample weights.
    ///
    /// Parity with scikit-learn: same optimum, by the same steps and with the same rules for stopping. To start from an
    /// earlier model, as with its `warm_start`, there is [`fit_from`](Self::fit_from).
    pub struct ElasticNet: Regressor -> LinearPredictor {
        /// Strength of the penalty.
        alpha: f64 = 1.0, Range::at_least(0.0);
        /// Share of the penalty on absolute weights; the rest is on their squares.
        l1_ratio: f64 = 0.5, Range::between(0.0, 1.0);
        /// Whether to fit an intercept; without one the plane goes through the origin.
        fit_intercept: bool = true, Range::BOOLEAN;
        /// Whether to always work from the features' products; by default this is done where it is faster.
        precompute: bool = false, Range::BOOLEAN;
        /// Most passes over the weights.
        max_iter: usize = 1000_usize, Range::integer_from(1);
        /// Least step, as a share of the largest weight, and least duality gap, as a share of the squares of y.
        tol: f64 = 1e-4, Range::at_least(0.0);
        /// Whether weights may only be positive.
        positive: bool = false, Range::BOOLEAN;
        /// Seed of the choice of weights when they are taken at random.
        random_state: Option<u32> = None, Range::SEED;
        /// Which weight to change next: cyclic or random.
        selection: Selection = Selection::Cyclic, Selection::RANGE;
    }
}

estimator! {
    /// Least squares plus `alpha` times the sum of absolute weights: [`ElasticNet`] with an `l1_ratio` of 1.
    ///
    /// Parity with scikit-learn: same optimum, by the same steps and with the same rules for stopping. To start from an
    /// earlier model, as with its `warm_start`, there is [`fit_from`](Self::fit_from).
    pub struct Lasso: Regressor -> LinearPredictor {
        /// Strength of the penalty.
        alpha: f64 = 1.0, Range::at_least(0.0);
        /// Whether to fit an intercept; without one the plane goes through the origin.
        fit_intercept: bool = true, Range::BOOLEAN;
        /// Whether to always work from the features' products; by default this is done where it is faster.
        precompute: bool = false, Range::BOOLEAN;
        /// Most passes over the weights.
        max_iter: usize = 1000_usize, Range::integer_from(1);
        /// Least step, as a share of the largest weight, and least duality gap, as a share of the squares of y.
        tol: f64 = 1e-4, Range::at_least(0.0);
        /// Whether weights may only be positive.
        positive: bool = false, Range::BOOLEAN;
        /// Seed of the choice of weights when they are taken at random.
        random_state: Option<u32> = None, Range::SEED;
        /// Which weight to change next: cyclic or random.
        selection: Selection = Selection::Cyclic, Selection::RANGE;
    }
}

choices! {
    /// Which weight of an [`ElasticNet`] or [`Lasso`] is changed next.
    pub enum Selection {
        /// One after the other.
        Cyclic = "cyclic",
        /// Any.
        Random = "random",
    }
}

impl ElasticNet {
    /// Finds the weights.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`].
    pub fn fit_on(&self, data: &Training<'_>) -> Result<LinearPredictor> {
        self.check_params()?;
        self.descend(self.name(), data, None)
    }

    /// Finds the weights, starting from those of an earlier model of as many features and targets.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `Shape` when the earlier model does not fit the data.
    pub fn fit_from(&self, data: &Training<'_>, start: &LinearPredictor) -> Result<LinearPredictor> {
        self.check_params()?;
        self.descend(self.name(), data, Some(start))
    }

    fn descend(&self, owner: &str, data: &Training<'_>, start: Option<&LinearPredictor>) -> Result<LinearPredictor> {
        /// With more features, their products would take too much memory.
        const MOST_FEATURES: usize = 4096;
        /// A gap computed from products loses digits to cancellation.
        const FINEST: f64 = 1e-8;

        let y = check_outputs(data, Nan::Refused)?;
        check_weights(owner, data.sample_weight)?;
        let rows = data.x.nrows();
        let scaled: Option<Array1<f64>> = data.sample_weight.map(|weights| &weights * (rows as f64 / weights.sum()));
        let weights = scaled.as_ref().map(|weights| weights.view());
        let design = Design::new(owner, data.x, y, weights, self.fit_intercept)?;
        let (features, outputs) = (data.x.ncols(), design.n_outputs());
        let mut coef = Array2::zeros((outputs, features));
        if let Some(start) = start {
            if start.coefs().dim() != coef.dim() {
                return Err(Error::shape(
                    "the earlier model has another number of weights",
                    start.coefs().len(),
                    coef.len(),
                ));
            }
            coef.assign(&start.coefs());
        }
        let n = rows as f64;
        let problem = Problem {
            alpha: self.alpha * self.l1_ratio * n,
            beta: self.alpha * (1.0 - self.l1_ratio) * n,
            positive: self.positive,
            max_iter: self.max_iter,
            tol: self.tol,
            random: match self.selection {
                Selection::Cyclic => None,
                Selection::Random => {
                    let seed = RandomState::from_seed(self.random_state).randint(0, i64::from(i32::MAX))?;
                    Some(seed as u32)
                }
            },
        };
        let products = self.precompute || rows >= features && features <= MOST_FEATURES && self.tol >= FINEST;
        let found: Vec<Descended> = if products {
            let gram = design.gram();
            check_finite(&gram)?;
            let (lower, _) = solve::normal_equations(&gram, outputs);
            let full = faer::Mat::from_fn(features, features, |i, j| lower[(i.max(j), i.min(j))]);
            (0..outputs)
                .map(|k| {
                    let target = (0..features).map(|j| gram[(features + k, j)]).collect();
                    let start = coef.row(k).to_vec();
                    let norm2 = gram[(features + k, features + k)];
                    descend(&problem, FromGram::new(&full, target, norm2, &start), start)
                })
                .collect()
        } else {
            let matrix = design.matrix();
            check_finite(&matrix)?;
            let x = matrix.subcols(0, features).to_owned();
            (0..outputs)
                .map(|k| {
                    let start = coef.row(k).to_vec();
                    descend(&problem, FromRows::new(&x, matrix.col_as_slice(features + k), &start), start)
                })
                .collect()
        };
        for (mut row, found) in coef.rows_mut().into_iter().zip(&found) {
            row.assign(&Array1::from(found.weights.clone()));
        }
        let intercepts = design.intercepts(&coef);
        let slow = found.iter().filter(|found| !found.converged);
        let warnings =
            slow.map(|found| Warning::Convergence { what: owner.to_owned(), n_iter: found.n_iter }).collect();
        let descent = Descent {
            n_iter: found.iter().map(|found| found.n_iter as f64).collect(),
            dual_gap: found.iter().map(|found| found.gap / n).collect(),
        };
        if !descent.dual_gap.iter().all(|gap| gap.is_finite()) {
            return Err(Error::overflow("the fit"));
        }
        Ok(LinearPredictor::new(coef, intercepts, None)?.with_descent(descent, warnings))
    }
}

impl Lasso {
    /// Finds the weights.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`].
    pub fn fit_on(&self, data: &Training<'_>) -> Result<LinearPredictor> {
        self.check_params()?;
        self.elastic_net().descend(self.name(), data, None)
    }

    /// Finds the weights, starting from those of an earlier model of as many features and targets.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `Shape` when the earlier model does not fit the data.
    pub fn fit_from(&self, data: &Training<'_>, start: &LinearPredictor) -> Result<LinearPredictor> {
        self.check_params()?;
        self.elastic_net().descend(self.name(), data, Some(start))
    }

    fn elastic_net(&self) -> ElasticNet {
        ElasticNet {
            alpha: self.alpha,
            l1_ratio: 1.0,
            fit_intercept: self.fit_intercept,
            precompute: self.precompute,
            max_iter: self.max_iter,
            tol: self.tol,
            positive: self.positive,
            random_state: self.random_state,
            selection: self.selection,
        }
    }
}

fn check_finite(matrix: &faer::Mat<f64>) -> Result<()> {
    if matrix.is_all_finite() { Ok(()) } else { Err(Error::overflow("the fit")) }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;
    use crate::estimator::Predictor;

    fn data() -> (Array2<f64>, Array1<f64>) {
        let mut random = RandomState::new(5);
        let x = Array2::from_shape_simple_fn((60, 8), || random.standard_normal());
        let y = x.rows().into_iter().map(|row| 3.0 * row[0] - 2.0 * row[3] + random.standard_normal()).collect();
        (x, y)
    }

    #[test]
    fn one_feature_is_shrunk_by_the_penalty() {
        // x·y / n − α, over x·x / n.
        let (x, y) = (array![[-1.0], [0.0], [1.0]], array![-2.0, 0.0, 2.0]);
        for (alpha, expected) in [(0.0, 2.0), (0.5, 1.25), (2.0, 0.0)] {
            let model = Lasso::new().alpha(alpha).fit(x.view(), y.view()).unwrap();
            assert!((model.coef()[0] - expected).abs() < 1e-12, "{alpha}: {}", model.coef()[0]);
        }
    }

    #[test]
    fn products_and_rows_lead_to_the_same_weights() {
        let (x, y) = data();
        for positive in [false, true] {
            let net = ElasticNet::new().alpha(0.3).tol(1e-13).positive(positive).max_iter(100_000_usize);
            let from_rows = net.fit(x.view(), y.view()).unwrap();
            let from_products = net.precompute(true).fit(x.view(), y.view()).unwrap();
            for (a, b) in from_rows.coef().iter().zip(from_products.coef()) {
                assert!((a - b).abs() < 1e-9, "{a}, {b}");
                assert!(!positive || *a >= 0.0);
            }
        }
    }

    #[test]
    fn stopping_early_is_said_and_starting_late_is_quick() {
        let (x, y) = data();
        let hasty = Lasso::new().alpha(1e-3).max_iter(1_usize).tol(1e-9);
        let model = hasty.fit(x.view(), y.view()).unwrap();
        assert_eq!(model.warnings(), [Warning::Convergence { what: "Lasso".to_owned(), n_iter: 1 }]);
        let lasso = Lasso::new().alpha(0.1);
        let model = lasso.fit(x.view(), y.view()).unwrap();
        assert!(model.warnings().is_empty() && model.n_iter().unwrap()[0] > 1.0);
        let again = lasso.fit_from(&Training::supervised(x.view(), y.view()), &model).unwrap();
        assert_eq!(again.n_iter(), Some(&[0.0][..]));
        let narrow = x.slice(ndarray::s![.., ..3]);
        assert_eq!(
            lasso.fit_from(&Training::supervised(narrow, y.view()), &model).unwrap_err().to_string(),
            "the earlier model has another number of weights: 8, expected 3"
        );
    }
}
