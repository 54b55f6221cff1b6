//! Ordinary least squares.

use super::design::Design;
use super::{LinearPredictor, solve};
use crate::error::Result;
use crate::estimator::{Estimator, Training, estimator};
use crate::input::{Nan, check_outputs};
use crate::param::Range;

estimator! {
    /// Ordinary least squares: the weights with the least sum of squared errors and, of those, the smallest weights. Of
    /// one target or several, with or without sample weights.
    ///
    /// The data is centred; where it is well conditioned (singular values within a factor of 100) the normal equations
    /// are solved, otherwise it is reduced by QR, block by block, and solved by singular value decomposition. Parity with
    /// scikit-learn: close (relative error at most 1e-10 on well-conditioned data). Its `positive` is not offered.
    pub struct LinearRegression: Regressor -> LinearPredictor {
        /// Whether to fit an intercept; without one the plane goes through the origin.
        fit_intercept: bool = true, Range::BOOLEAN;
        /// Singular values of at most this times the largest are taken for 0.
        tol: f64 = 1e-6, Range::at_least(0.0);
    }
}

impl LinearRegression {
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
        let tall = rows >= 20 * (features + outputs);
        let solved = if tall { solve::least_squares_from_gram(&design.gram(), outputs, self.tol) } else { None };
        let (coef, spectrum) = match solved {
            Some(solved) => solved,
            None => solve::least_squares(&design.reduced(), outputs, self.tol)?,
        };
        let intercepts = design.intercepts(&coef);
        LinearPredictor::new(coef, intercepts, Some(spectrum))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::estimator::Predictor;
    use crate::model_selection::{TestSize, train_test_split};

    #[test]
    fn the_house_prices_come_out_as_in_scikit_learn() {
        let area = [2600.0, 3000.0, 3200.0, 3600.0, 4000.0];
        let price = [550_000.0, 565_000.0, 610_000.0, 680_000.0, 725_000.0];
        let split = train_test_split(5, TestSize::Fraction(0.2), Some(42)).unwrap();
        let x = Array2::from_shape_fn((4, 1), |(i, _)| area[split.train[i]]);
        let y = split.train.iter().map(|&row| price[row]).collect::<ndarray::Array1<_>>();
        let model = LinearRegression::new().fit(x.view(), y.view()).unwrap();
        let close = |found: f64, expected: f64| ((found - expected) / expected).abs() < 1e-10;
        assert!(close(model.coef()[0], 128.271_028_037_383_16));
        assert!(close(model.intercept(), 211_542.056_074_766_38));
        let predicted = model.predict(array![[3000.0], [3300.0]].view()).unwrap();
        assert!(close(predicted[0], 596_355.140_186_915_9));
        assert!(close(predicted[1], 634_836.448_598_130_8));
    }

    #[test]
    fn a_repeated_feature_shares_its_weight() {
        let x = array![[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]];
        let y = array![2.0, 4.0, 8.0];
        let model = LinearRegression::new().fit(x.view(), y.view()).unwrap();
        assert_eq!(model.rank(), Some(1));
        assert!(model.coef().iter().all(|w| (w - 1.0).abs() < 1e-12));
    }

    #[test]
    fn a_constant_feature_gets_no_weight_whatever_its_value() {
        for value in [0.1, 0.3, 1e-9, 123_456.789, 1e200] {
            let x = Array2::from_shape_fn((7, 2), |(i, j)| if j == 0 { value } else { (i * i) as f64 });
            let y = x.column(1).mapv(|v| 3.0 * v + 1.0);
            let model = LinearRegression::new().fit(x.view(), y.view()).unwrap();
            assert_eq!(model.rank(), Some(1), "{value}");
            assert!(model.coef()[0].abs() < 1e-12 && (model.coef()[1] - 3.0).abs() < 1e-12);
        }
    }

    #[test]
    fn extreme_magnitudes_are_fitted_or_refused() {
        for exponent in [-300, -200, 150, 200, 300] {
            let unit = 10_f64.powi(exponent);
            let x = array![[1.0 * unit], [2.0 * unit], [4.0 * unit]];
            let model = LinearRegression::new().fit(x.view(), array![1.0, 2.0, 4.0].view());
            assert!((model.unwrap().coef()[0] * unit - 1.0).abs() < 1e-9, "{exponent}");
        }
        let y = array![f64::MAX, f64::MAX, -f64::MAX];
        let error = LinearRegression::new().fit(array![[1.0], [2.0], [4.0]].view(), y.view());
        assert_eq!(error.unwrap_err().to_string(), "the fit overflowed; the numbers are too large, so scale them down");
    }
}
