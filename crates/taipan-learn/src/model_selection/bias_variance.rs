//! How much of an estimator's error is bias and how much variance, by bootstrap.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::evaluate::check_data;
use crate::error::{Error, ErrorKind, Result};
use crate::estimator::{Estimator, Kind, Training, Watch};
use crate::random::RandomState;
use crate::sum::mean;

/// How predictions are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The square of the error: expected loss = bias² + variance, the noise counting as bias.
    Squared,
    /// 1 for a wrong class, 0 for the right one. Bias is the loss of the class predicted most often; loss is not the sum
    /// of the two (Domingos, 2000).
    ZeroOne,
}

impl Loss {
    /// Squared for regressors, zero-one for classifiers.
    pub fn default_for(kind: Kind) -> Self {
        if kind == Kind::Classifier { Self::ZeroOne } else { Self::Squared }
    }
}

/// The parts of the expected error on test rows.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct BiasVariance {
    /// Mean loss over rounds and rows.
    pub expected_loss: f64,
    /// Loss of the main prediction: the mean over the rounds, or for classes the most frequent one. For squared loss
    /// this is bias².
    pub bias: f64,
    /// Mean loss of a round's prediction against the main prediction.
    pub variance: f64,
}

/// Fits the estimator to `rounds` bootstrap samples of the training data, predicts the test rows with each, and takes
/// the error apart. Rounds run in parallel; each draws from the stream of `random_state` in order, so the result does
/// not depend on the number of threads.
///
/// # Errors
/// `InvalidParam` without rounds; those of fit and prediction; `Shape` when there is not one target per test row.
pub fn bias_variance(
    estimator: &dyn Estimator,
    train: &Training<'_>,
    x_test: ArrayView2<'_, f64>,
    y_test: ndarray::ArrayView1<'_, f64>,
    loss: Loss,
    rounds: usize,
    random_state: Option<u32>,
) -> Result<BiasVariance> {
    if rounds == 0 {
        return Err(Error::invalid("bias_variance", "rounds", 0, "a whole number of at least 1"));
    }
    if y_test.is_empty() {
        return Err(Error::empty("there are no rows to test with"));
    }
    if y_test.len() != x_test.nrows() {
        return Err(Error::shape("y has another length than X", y_test.len(), x_test.nrows()));
    }
    estimator.check_params()?;
    check_data(estimator, train)?;
    let predicted = predict_rounds(estimator, train, x_test, rounds, random_state)?;
    let main: Array1<f64> = predicted
        .axis_iter(Axis(1))
        .map(|column| match loss {
            Loss::Squared => mean(rounds, |round| column[round]),
            Loss::ZeroOne => most_frequent(column.iter().copied()),
        })
        .collect();
    let of = |a: f64, b: f64| match loss {
        Loss::Squared => (a - b) * (a - b),
        Loss::ZeroOne => f64::from(u8::from(a != b)),
    };
    let n = y_test.len();
    let over_all = |against: &dyn Fn(usize) -> f64| {
        let each: Vec<f64> = predicted.rows().into_iter().map(|row| mean(n, |i| of(row[i], against(i)))).collect();
        mean(rounds, |round| each[round])
    };
    Ok(BiasVariance {
        expected_loss: over_all(&|i| y_test[i]),
        bias: mean(n, |i| of(main[i], y_test[i])),
        variance: over_all(&|i| main[i]),
    })
}

/// One row of predictions per round.
fn predict_rounds(
    estimator: &dyn Estimator,
    train: &Training<'_>,
    x_test: ArrayView2<'_, f64>,
    rounds: usize,
    random_state: Option<u32>,
) -> Result<Array2<f64>> {
    let n = train.x.nrows();
    let mut random = RandomState::from_seed(random_state);
    let samples: Vec<Vec<usize>> =
        (0..rounds).map(|_| (0..n).map(|_| random.bounded(n as u64 - 1) as usize).collect()).collect();
    let fit = |rows: &Vec<usize>| {
        if train.watch.is_some_and(Watch::is_cancelled) {
            return Err(Error::new(ErrorKind::Cancelled));
        }
        let x = train.x.select(Axis(0), rows);
        let y = train.y.map(|y| y.select(Axis(0), rows));
        let weights = train.sample_weight.map(|weights| weights.select(Axis(0), rows));
        let mut data = Training::unsupervised(x.view());
        data.y = y.as_ref().map(|y| y.view());
        data.sample_weight = weights.as_ref().map(|weights| weights.view());
        estimator.fit_on(&data)?.predict(x_test)
    };
    let rows: Vec<Result<Array1<f64>>> = samples.par_iter().map(fit).collect();
    let mut predicted = Array2::zeros((rounds, x_test.nrows()));
    for (mut row, found) in predicted.rows_mut().into_iter().zip(rows) {
        row.assign(&found?);
    }
    Ok(predicted)
}

/// The value that occurs most often; of equals the least.
fn most_frequent(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let runs = values.chunk_by(|a, b| a == b);
    let longest = runs.fold(&values[..0], |best, run| if run.len() > best.len() { run } else { best });
    longest.first().copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DummyRegressor, LinearRegression};

    #[test]
    fn a_constant_model_is_biased_and_a_line_is_not() {
        let mut random = RandomState::new(5);
        let x = Array2::from_shape_simple_fn((60, 1), || random.random_sample());
        let y: Array1<f64> =
            x.column(0).mapv(|x| 3.0 * x) + Array1::from_shape_simple_fn(60, || 0.1 * random.standard_normal());
        let data = Training::supervised(x.view(), y.view());
        let parts = |estimator: &dyn Estimator| {
            bias_variance(estimator, &data, x.view(), y.view(), Loss::Squared, 50, Some(1)).unwrap()
        };
        let (constant, line) = (parts(&DummyRegressor::new()), parts(&LinearRegression::new()));
        assert!(constant.bias > 0.3 && line.bias < 0.02, "{constant:?} {line:?}");
        for BiasVariance { expected_loss, bias, variance } in [constant, line] {
            assert!((expected_loss - bias - variance).abs() < 1e-12);
        }
    }

    #[test]
    fn the_most_frequent_value_wins_and_of_equals_the_least() {
        assert_eq!(most_frequent([2.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(most_frequent([3.0, 1.0, 3.0, 1.0].into_iter()), 1.0);
    }
}
