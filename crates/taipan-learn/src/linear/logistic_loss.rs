//! The loss of logistic regression and its gradient, in one pass over the features.

use ndarray::{Array2, ArrayView2};

use super::decision;
use crate::blocks::{add, reduce, row_major, strips};
use crate::input::BLOCK_ROWS;
use crate::simd::{axpy, axpy4, dispatch, dot, exp_negative, ln_1p_unit};

/// Features, classes and weights. The parameters of the loss are, class by class, the weight of each feature and then the
/// intercept; two classes need one such row, more need one each.
pub(super) struct LogisticLoss<'a> {
    pub(super) x: ArrayView2<'a, f64>,
    /// Class of each row, from 0.
    pub(super) codes: &'a [usize],
    /// Weight of each row.
    pub(super) weights: Option<&'a [f64]>,
    /// Rows of parameters: 1 for two classes, else the number of classes.
    pub(super) rows: usize,
    /// Factor of the loss: 1 over the sum of the weights makes it a mean.
    pub(super) scale: f64,
    /// What the intercepts are multiplied by; 0 for none.
    pub(super) column: f64,
}

impl LogisticLoss<'_> {
    /// Parameters of one class.
    pub(super) fn width(&self) -> usize {
        self.x.ncols() + 1
    }

    /// The loss and, into `gradient`, its derivatives.
    pub(super) fn evaluate(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let width = self.width();
        let sums = reduce(
            self.x.nrows(),
            BLOCK_ROWS,
            &|range| {
                // The gradient, then the loss.
                let mut sums = vec![0.0; self.rows * width + 1];
                let mut scores = Vec::new();
                let mut part = vec![0.0; self.rows * width];
                for strip in strips(range, width + self.rows) {
                    let x = row_major(&self.x, strip.clone());
                    let codes = &self.codes[strip.clone()];
                    let weights = self.weights.map(|weights| &weights[strip.clone()]);
                    scores.resize(self.rows * strip.len(), 0.0);
                    part.fill(0.0);
                    let loss = dispatch(
                        #[inline(always)]
                        || {
                            if self.rows == 1 {
                                two_classes(&x, codes, weights, parameters, self.column, &mut scores, &mut part)
                            } else {
                                many_classes(&x, codes, weights, parameters, self.column, &mut scores, &mut part)
                            }
                        },
                    );
                    for (sum, part) in sums.iter_mut().zip(part.iter().chain([&loss])) {
                        *sum += part;
                    }
                }
                sums
            },
            &add,
        );
        let (loss, derivatives) = sums.split_last().unwrap_or((&0.0, &[]));
        for (gradient, derivative) in gradient.iter_mut().zip(derivatives) {
            *gradient = derivative * self.scale;
        }
        loss * self.scale
    }

    /// The second derivative of each row's loss in the score of one class, kept above 0.
    pub(super) fn curvature(&self, parameters: &[f64], class: usize) -> Vec<f64> {
        /// Where the class is nearly certain, so that the model of the loss keeps a minimum.
        const LEAST: f64 = 1e-12;

        let width = self.width();
        let coef = Array2::from_shape_fn((self.rows, width - 1), |(k, j)| parameters[k * width + j]);
        let intercepts: Vec<f64> = (0..self.rows).map(|k| self.column * parameters[k * width + width - 1]).collect();
        let scores = decision(self.x, &coef, &intercepts);
        let mut curvature = vec![0.0; scores.nrows()];
        for (i, (row, curvature)) in scores.rows().into_iter().zip(&mut curvature).enumerate() {
            let p = if self.rows == 1 {
                let e = exp_negative(-row[0].abs());
                e / (1.0 + e)
            } else {
                let highest = row.fold(f64::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f64 = row.iter().map(|z| exp_negative(z - highest)).sum();
                exp_negative(row[class] - highest) / sum
            };
            let weight = self.weights.map_or(1.0, |weights| weights[i]);
            *curvature = self.scale * weight * (p * (1.0 - p)).max(LEAST);
        }
        curvature
    }
}

/// ln(1 + eᶻ) − yz and its derivative in z.
#[inline(always)]
fn two_classes(
    x: &[f64],
    codes: &[usize],
    weights: Option<&[f64]>,
    parameters: &[f64],
    column: f64,
    scores: &mut [f64],
    gradient: &mut [f64],
) -> f64 {
    let features = parameters.len() - 1;
    let (coef, intercept) = (&parameters[..features], column * parameters[features]);
    for (score, row) in scores.iter_mut().zip(x.chunks_exact(features)) {
        *score = dot(row, coef) + intercept;
    }
    // In two loops, so that each is a simple one for the compiler to vectorise.
    let mut losses = [0.0; 1024];
    for ((z, loss), code) in scores.iter_mut().zip(&mut losses).zip(codes) {
        let y = *code as f64;
        let e = exp_negative(-z.abs());
        *loss = (if *z > 0.0 { *z } else { 0.0 }) - y * *z + ln_1p_unit(e);
        // Neither form loses digits where the class is nearly certain.
        let above = if *z >= 0.0 { (1.0 - y) - y * e } else { (1.0 - y) * e - y };
        *z = above / (1.0 + e);
    }
    let losses = &mut losses[..codes.len()];
    if let Some(weights) = weights {
        for ((loss, residual), weight) in losses.iter_mut().zip(scores.iter_mut()).zip(weights) {
            *loss *= weight;
            *residual *= weight;
        }
    }
    accumulate(x, scores, column, gradient);
    losses.iter().sum()
}

/// −ln of the softmax of the true class, and its derivatives in the scores.
#[inline(always)]
fn many_classes(
    x: &[f64],
    codes: &[usize],
    weights: Option<&[f64]>,
    parameters: &[f64],
    column: f64,
    scores: &mut [f64],
    gradient: &mut [f64],
) -> f64 {
    let n = codes.len();
    let classes = scores.len() / n;
    let width = parameters.len() / classes;
    let features = width - 1;
    for (scores, parameters) in scores.chunks_exact_mut(n).zip(parameters.chunks_exact(width)) {
        for (score, row) in scores.iter_mut().zip(x.chunks_exact(features)) {
            *score = dot(row, &parameters[..features]) + column * parameters[features];
        }
    }
    let (mut highest, mut sums) = ([f64::NEG_INFINITY; 1024], [0.0; 1024]);
    for scores in scores.chunks_exact(n) {
        for (highest, z) in highest.iter_mut().zip(scores) {
            *highest = if *z > *highest { *z } else { *highest };
        }
    }
    let mut loss = 0.0;
    for (i, &code) in codes.iter().enumerate() {
        loss += weights.map_or(1.0, |weights| weights[i]) * (highest[i] - scores[code * n + i]);
    }
    for scores in scores.chunks_exact_mut(n) {
        for ((z, highest), sum) in scores.iter_mut().zip(&highest).zip(&mut sums) {
            *z = exp_negative(*z - highest);
            *sum += *z;
        }
    }
    for (i, sum) in sums[..n].iter().enumerate() {
        loss += weights.map_or(1.0, |weights| weights[i]) * sum.ln();
    }
    for k in 0..classes {
        let scores = &mut scores[k * n..(k + 1) * n];
        for (i, z) in scores.iter_mut().enumerate() {
            let residual = *z / sums[i] - if codes[i] == k { 1.0 } else { 0.0 };
            *z = weights.map_or(1.0, |weights| weights[i]) * residual;
        }
        accumulate(x, scores, column, &mut gradient[k * width..(k + 1) * width]);
    }
    loss
}

/// Adds Σ rᵢxᵢ to the gradient, and Σ rᵢ to its last entry.
#[inline(always)]
fn accumulate(x: &[f64], residuals: &[f64], column: f64, gradient: &mut [f64]) {
    let features = gradient.len() - 1;
    let (coef, intercept) = gradient.split_at_mut(features);
    let (fours, rest) = residuals.as_chunks::<4>();
    for (r, x) in fours.iter().zip(x.chunks_exact(4 * features)) {
        let row = |i: usize| &x[i * features..(i + 1) * features];
        axpy4(*r, [row(0), row(1), row(2), row(3)], coef);
    }
    for (r, x) in rest.iter().zip(x[4 * features * fours.len()..].chunks_exact(features)) {
        axpy(*r, x, coef);
    }
    intercept[0] += column * residuals.iter().sum::<f64>();
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::random::RandomState;

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let mut random = RandomState::new(2);
        let x = Array2::from_shape_simple_fn((37, 3), || random.standard_normal());
        let codes: Vec<usize> = (0..37).map(|i| i % 3).collect();
        let two: Vec<usize> = codes.iter().map(|code| code % 2).collect();
        let weights: Vec<f64> = (0..37).map(|_| random.random_sample()).collect();
        for (codes, rows) in [(&two, 1), (&codes, 3)] {
            let loss = LogisticLoss { x: x.view(), codes, weights: Some(&weights), rows, scale: 0.5, column: 1.5 };
            let mut at: Vec<f64> = (0..rows * 4).map(|_| random.standard_normal()).collect();
            let mut gradient = vec![0.0; at.len()];
            let mut unused = gradient.clone();
            loss.evaluate(&at, &mut gradient);
            for j in 0..at.len() {
                let (middle, h) = (at[j], 1e-6);
                at[j] = middle + h;
                let above = loss.evaluate(&at, &mut unused);
                at[j] = middle - h;
                let below = loss.evaluate(&at, &mut unused);
                at[j] = middle;
                let slope = (above - below) / (2.0 * h);
                assert!((gradient[j] - slope).abs() < 1e-8, "{rows} rows, {j}: {}, {slope}", gradient[j]);
            }
        }
    }
}
