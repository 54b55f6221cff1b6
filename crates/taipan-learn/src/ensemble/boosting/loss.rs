//! Losses of gradient boosting: their values, gradients, starting points and the best value of a leaf.
//!
//! The formulas are those of Friedman, *Greedy function approximation: a gradient boosting machine* (2001). A raw
//! prediction is on the scale on which trees add up: log odds for `log_loss`, half of them for `exponential`.

use crate::sum::pairwise_sum;

use super::percentile::{percentile, weighted_percentile};

/// What boosting minimises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Loss {
    SquaredError,
    AbsoluteError,
    /// Squared near zero and absolute beyond `delta`, which is a quantile of the errors.
    Huber {
        quantile: f64,
        delta: f64,
    },
    Quantile(f64),
    /// Log loss of two classes.
    Binomial,
    /// Log loss of so many classes.
    Multinomial(usize),
    Exponential,
}

/// The rows of one leaf.
pub(super) struct Leaf<'a> {
    pub(super) rows: &'a [u32],
    pub(super) y: &'a [f64],
    pub(super) negative_gradient: &'a [f64],
    /// Raw predictions before the step, for this output.
    pub(super) raw: &'a [f64],
    pub(super) weights: &'a [f64],
}

impl Loss {
    /// Number of trees, and of raw predictions, per stage.
    pub(super) fn n_outputs(self) -> usize {
        if let Self::Multinomial(n_classes) = self { n_classes } else { 1 }
    }

    /// Scores are reported on the scale of the textbook loss, of which these are computed as halves.
    pub(super) fn scale(self) -> f64 {
        if matches!(self, Self::SquaredError | Self::Binomial) { 2.0 } else { 1.0 }
    }

    /// Loss of one row; `raw` has one number per output.
    pub(super) fn loss(self, y: f64, raw: &[f64]) -> f64 {
        let prediction = raw[0];
        match self {
            Self::SquaredError => 0.5 * (prediction - y) * (prediction - y),
            Self::AbsoluteError => (prediction - y).abs(),
            Self::Huber { delta, .. } => {
                let error = (y - prediction).abs();
                if error <= delta { 0.5 * (error * error) } else { delta * (error - 0.5 * delta) }
            }
            Self::Quantile(quantile) => {
                if y >= prediction {
                    quantile * (y - prediction)
                } else {
                    (1.0 - quantile) * (prediction - y)
                }
            }
            Self::Binomial => log1p_exp(prediction) - y * prediction,
            Self::Multinomial(_) => {
                let max = greatest(raw);
                let sum = raw.iter().fold(0.0, |sum, raw| sum + (raw - max).exp());
                sum.ln() + max - raw[y as usize]
            }
            Self::Exponential => {
                let exp = prediction.exp();
                y / exp + (1.0 - y) * exp
            }
        }
    }

    /// Gradient of one row, with one number per output.
    pub(super) fn gradient(self, y: f64, raw: &[f64], gradient: &mut [f64]) {
        let prediction = raw[0];
        gradient[0] = match self {
            Self::SquaredError => prediction - y,
            Self::AbsoluteError => {
                if prediction > y {
                    1.0
                } else {
                    -1.0
                }
            }
            Self::Huber { delta, .. } => {
                let error = prediction - y;
                if error.abs() <= delta {
                    error
                } else if error >= 0.0 {
                    delta
                } else {
                    -delta
                }
            }
            Self::Quantile(quantile) => {
                if y >= prediction {
                    -quantile
                } else {
                    1.0 - quantile
                }
            }
            Self::Binomial => {
                // Below, exp(−x) would overflow, and the probability is exp(x) to the last bit.
                if prediction > -37.0 {
                    let exp = (-prediction).exp();
                    ((1.0 - y) - y * exp) / (1.0 + exp)
                } else {
                    prediction.exp() - y
                }
            }
            Self::Multinomial(_) => {
                let max = greatest(raw);
                let mut sum = 0.0;
                for (slot, raw) in gradient.iter_mut().zip(raw) {
                    *slot = (raw - max).exp();
                    sum += *slot;
                }
                for (class, slot) in gradient.iter_mut().enumerate() {
                    *slot = *slot / sum - f64::from(u8::from(y as usize == class));
                }
                return;
            }
            Self::Exponential => {
                let exp = prediction.exp();
                -y / exp + (1.0 - y) * exp
            }
        };
    }

    /// The raw predictions to start from: the constant that minimises the loss. Without weights, some quantiles
    /// interpolate.
    pub(super) fn start(self, y: &[f64], weights: Option<&[f64]>) -> Vec<f64> {
        let quantile = |quantile: f64| match weights {
            None => percentile(y, quantile * 100.0),
            Some(weights) => weighted_percentile(y, weights, quantile * 100.0),
        };
        match self {
            Self::SquaredError => vec![match weights {
                None => pairwise_sum(y.len(), |row| y[row]) / y.len() as f64,
                Some(weights) => average(y.len(), |row| y[row], |row| weights[row]),
            }],
            Self::AbsoluteError | Self::Huber { .. } => vec![quantile(0.5)],
            Self::Quantile(alpha) => vec![quantile(alpha)],
            Self::Binomial | Self::Exponential => self.raw_of_shares(shares(y, weights, 2)),
            Self::Multinomial(n_classes) => self.raw_of_shares(shares(y, weights, n_classes)),
        }
    }

    /// Number of classes; nothing for numbers.
    pub(super) fn n_classes(self) -> Option<usize> {
        match self {
            Self::SquaredError | Self::AbsoluteError | Self::Huber { .. } | Self::Quantile(_) => None,
            Self::Binomial | Self::Exponential => Some(2),
            Self::Multinomial(n_classes) => Some(n_classes),
        }
    }

    /// The raw predictions that stand for these shares of the classes, which are kept off 0 and 1.
    pub(super) fn raw_of_shares(self, mut shares: Vec<f64>) -> Vec<f64> {
        for share in &mut shares {
            *share = share.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        }
        match self {
            Self::Exponential => vec![0.5 * logit(shares[1])],
            Self::Multinomial(n_classes) => {
                let mean = pairwise_sum(n_classes, |class| shares[class].ln()) / n_classes as f64;
                let geometric_mean = mean.exp();
                shares.iter().map(|share| (share / geometric_mean).ln()).collect()
            }
            _ => vec![logit(shares[1])],
        }
    }

    /// The best step for the rows of a leaf, for one output: the line search of boosting. Nothing for the squared error,
    /// for which the mean, which the leaf has already, is best.
    pub(super) fn leaf_value(self, leaf: &Leaf<'_>) -> Option<f64> {
        let row = |i: usize| leaf.rows[i] as usize;
        let n = leaf.rows.len();
        let weight = |i: usize| leaf.weights[row(i)];
        let gradient = |i: usize| leaf.negative_gradient[row(i)];
        let probability = |i: usize| leaf.y[row(i)] - gradient(i);
        let variance = |i: usize| probability(i) * (1.0 - probability(i));
        let residuals = || (0..n).map(|i| leaf.y[row(i)] - leaf.raw[row(i)]).collect::<Vec<_>>();
        let weights = || (0..n).map(weight).collect::<Vec<_>>();
        Some(match self {
            Self::SquaredError => return None,
            // One Newton step; the gradient is y − p and the second derivative p·(1 − p).
            Self::Binomial => quotient(average(n, gradient, weight), average(n, variance, weight)),
            Self::Multinomial(n_classes) => {
                let k = n_classes as f64;
                quotient(average(n, gradient, weight) * ((k - 1.0) / k), average(n, variance, weight))
            }
            Self::Exponential => {
                let second = |i: usize| if leaf.y[row(i)] == 0.0 { -gradient(i) } else { gradient(i) };
                quotient(average(n, gradient, weight), average(n, second, weight))
            }
            Self::AbsoluteError => weighted_percentile(&residuals(), &weights(), 50.0),
            Self::Quantile(quantile) => weighted_percentile(&residuals(), &weights(), 100.0 * quantile),
            Self::Huber { delta, .. } => {
                let (residuals, weights) = (residuals(), weights());
                let median = weighted_percentile(&residuals, &weights, 50.0);
                let clipped = |i: usize| {
                    let difference: f64 = residuals[i] - median;
                    if difference == 0.0 { 0.0 } else { difference.signum() * delta.min(difference.abs()) }
                };
                median + average(n, clipped, weight)
            }
        })
    }

    /// Sets `delta` of the Huber loss to the quantile of the errors so far.
    pub(super) fn adapted(self, y: &[f64], raw: &[f64], weights: &[f64]) -> Self {
        let Self::Huber { quantile, .. } = self else {
            return self;
        };
        let errors: Vec<f64> = y.iter().zip(raw).map(|(y, raw)| (y - raw).abs()).collect();
        Self::Huber { quantile, delta: weighted_percentile(&errors, weights, 100.0 * quantile) }
    }

    /// Probabilities of the classes from raw predictions.
    pub(super) fn probabilities(self, raw: &[f64], probabilities: &mut [f64]) {
        if let Self::Multinomial(_) = self {
            let max = greatest(raw);
            for (p, raw) in probabilities.iter_mut().zip(raw) {
                *p = (raw - max).exp();
            }
            let sum = pairwise_sum(probabilities.len(), |class| probabilities[class]);
            for p in probabilities {
                *p /= sum;
            }
        } else {
            let raw = if self == Self::Exponential { 2.0 * raw[0] } else { raw[0] };
            probabilities[1] = 1.0 / (1.0 + (-raw).exp());
            probabilities[0] = 1.0 - probabilities[1];
        }
    }
}

/// Weighted mean of `n` terms.
pub(super) fn average(n: usize, term: impl Fn(usize) -> f64, weight: impl Fn(usize) -> f64) -> f64 {
    pairwise_sum(n, |i| term(i) * weight(i)) / pairwise_sum(n, &weight)
}

/// 0 where the second derivative vanishes: nothing is to be gained there.
fn quotient(numerator: f64, denominator: f64) -> f64 {
    if denominator.abs() < 1e-150 { 0.0 } else { numerator / denominator }
}

fn greatest(raw: &[f64]) -> f64 {
    raw[1..].iter().fold(raw[0], |max, &raw| if max < raw { raw } else { max })
}

/// Share of each class.
fn shares(y: &[f64], weights: Option<&[f64]>, n_classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n_classes];
    for (row, &class) in y.iter().enumerate() {
        counts[class as usize] += weights.map_or(1.0, |weights| weights[row]);
    }
    let total = pairwise_sum(n_classes, |class| counts[class]);
    counts.iter().map(|count| count / total).collect()
}

/// log(p / (1 − p)), with more care around ½.
fn logit(p: f64) -> f64 {
    if (0.3..=0.65).contains(&p) {
        let s = 2.0 * (p - 0.5);
        s.ln_1p() - (-s).ln_1p()
    } else {
        (p / (1.0 - p)).ln()
    }
}

/// log(1 + exp(x)) without overflow (Mächler, *Accurately computing log(1 − exp(−|a|))*, 2012).
fn log1p_exp(x: f64) -> f64 {
    if x <= -37.0 {
        x.exp()
    } else if x <= -2.0 {
        x.exp().ln_1p()
    } else if x <= 18.0 {
        (1.0 + x.exp()).ln()
    } else if x <= 33.3 {
        x + (-x).exp()
    } else {
        x
    }
}
