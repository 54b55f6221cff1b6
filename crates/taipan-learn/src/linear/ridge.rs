//! Least squares with a penalty on large weights.

use faer::Mat;
use ndarray::Array2;

use super::design::Design;
use super::{LinearPredictor, solve};
use crate::error::Result;
use crate::estimator::{Estimator, Training, choices, estimator};
use crate::input::{Nan, check_outputs};
use crate::param::Range;

estimator! {
    /// Ridge regression: least squares plus `alpha` times the sum of squared weights. The intercept is not penalised. Of
    /// one target or several, with or without sample weights.
    ///
    /// Solved by Cholesky decomposition, in the dual form when there are more features than rows, and by singular value
    /// decomposition when the system is singular. Parity with scikit-learn's automatic solver: close (relative error at
    /// most 1e-10 on well-conditioned data).
    pub struct Ridge: Regressor -> LinearPredictor {
        /// Strength of the penalty; 0 is ordinary least squares.
        alpha: f64 = 1.0, Range::at_least(0.0);
        /// Whether to fit an intercept; without one the plane goes through the origin.
        fit_intercept: bool = true, Range::BOOLEAN;
        /// How to solve: auto, cholesky or svd.
        solver: RidgeSolver = RidgeSolver::Auto, RidgeSolver::RANGE;
    }
}

choices! {
    /// How [`Ridge`] is solved.
    pub enum RidgeSolver {
        /// Cholesky decomposition, and singular value decomposition where that fails.
        Auto = "auto",
        /// The same: scikit-learn too falls back to the singular values.
        Cholesky = "cholesky",
        /// Singular value decomposition.
        Svd = "svd",
    }
}

impl Ridge {
    /// Finds the weights.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`].
    pub fn fit_on(&self, data: &Training<'_>) -> Result<LinearPredictor> {
        self.check_params()?;
        let y = check_outputs(data, Nan::Refused)?;
        let design = Design::new(self.name(), data.x, y, data.sample_weight, self.fit_intercept)?;
        let outputs = design.n_outputs();
        let (rows, features) = design.shape();
        let solved = match self.solver {
            RidgeSolver::Svd => None,
            _ if features > rows => self.dual(&design.matrix(), outputs),
            _ => self.primal(design.gram(), outputs),
        };
        let coef = match solved {
            Some(coef) => coef,
            None => solve::ridge_svd(&design.reduced(), &vec![self.alpha; outputs])?,
        };
        let intercepts = design.intercepts(&coef);
        LinearPredictor::new(coef, intercepts, None)
    }

    /// W = (XᵀX + αI)⁻¹ XᵀY.
    fn primal(&self, mut gram: Mat<f64>, outputs: usize) -> Option<Array2<f64>> {
        let features = gram.ncols() - outputs;
        for j in 0..features {
            gram[(j, j)] += self.alpha;
        }
        let (a, b) = solve::normal_equations(&gram, outputs);
        let coef = solve::cholesky(a, b)?;
        Some(Array2::from_shape_fn((outputs, features), |(k, j)| coef[(j, k)]))
    }

    /// W = Xᵀ (XXᵀ + αI)⁻¹ Y.
    fn dual(&self, augmented: &Mat<f64>, outputs: usize) -> Option<Array2<f64>> {
        let (x, y) = solve::split(augmented, outputs);
        let mut kernel = x * x.transpose();
        for i in 0..kernel.nrows() {
            kernel[(i, i)] += self.alpha;
        }
        let coef = x.transpose() * solve::cholesky(kernel.as_ref(), y)?;
        coef.is_all_finite().then(|| Array2::from_shape_fn((outputs, x.ncols()), |(k, j)| coef[(j, k)]))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;
    use crate::linear::LinearRegression;
    use crate::random::RandomState;

    #[test]
    fn a_penalty_shrinks_the_weight() {
        let (x, y) = (array![[-1.0], [0.0], [1.0]], array![-2.0, 0.0, 2.0]);
        let weight = |alpha: f64| {
            let model = Ridge::new().alpha(alpha).fit(x.view(), y.view()).unwrap();
            model.coef()[0]
        };
        // xᵀy / (xᵀx + α) = 4 / (2 + α)
        for (alpha, expected) in [(0.0, 2.0), (2.0, 1.0), (6.0, 0.5), (1e300, 4e-300)] {
            assert!((weight(alpha) - expected).abs() <= 1e-15 * expected, "{alpha}");
        }
    }

    #[test]
    fn a_singular_system_falls_back_to_the_smallest_weights() {
        let repeated = array![[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]];
        let wide = array![[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]];
        for x in [repeated, wide] {
            let y = x.column(0).mapv(|v| 6.0 * v);
            let model = Ridge::new().alpha(0.0).fit(x.view(), y.view()).unwrap();
            let expected = 6.0 / x.ncols() as f64;
            assert!(model.coef().iter().all(|w| (w - expected).abs() < 1e-12));
            assert!(model.intercept().abs() < 1e-12);
        }
    }

    #[test]
    fn rounding_does_not_hide_a_singular_system() {
        // The third feature is the sum of the others but for its rounding, so a pivot may come out just above 0.
        for seed in 0..50 {
            let mut random = RandomState::new(seed);
            let mut x = Array2::from_shape_simple_fn((40, 3), || random.random_sample());
            for mut row in x.rows_mut() {
                row[2] = row[0] + row[1];
            }
            let y = x.rows().into_iter().map(|row| row[0] - row[1] + random.standard_normal());
            let y: Array1<f64> = y.collect();
            let ridge = Ridge::new().alpha(0.0).fit(x.view(), y.view()).unwrap();
            let smallest = LinearRegression::new().fit(x.view(), y.view()).unwrap();
            for (found, expected) in ridge.coef().iter().zip(smallest.coef()) {
                assert!((found - expected).abs() < 1e-9, "seed {seed}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn squares_that_overflow_fall_back_too() {
        let x = array![[1e200], [2e200], [4e200]];
        let model = Ridge::new().fit(x.view(), array![1.0, 2.0, 4.0].view()).unwrap();
        assert!((model.coef()[0] * 1e200 - 1.0).abs() < 1e-12);
    }
}
