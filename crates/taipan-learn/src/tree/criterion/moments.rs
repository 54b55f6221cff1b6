//! Regression by means: squared error and Poisson deviance.

use std::marker::PhantomData;

use super::counts::log2;
use super::sides::{Sides, Term};
use super::{Criterion, Targets, Weights};

/// Sums of the targets of the node and its sides; `K` says what is made of them.
#[derive(Debug)]
pub(crate) struct Moments<'a, K> {
    targets: Targets<'a>,
    squares: f64,
    sides: Sides,
    kind: PhantomData<K>,
}

/// A sample adds its targets.
struct Sums;

impl Term for Sums {
    fn add(&self, targets: &Targets<'_>, sample: u32, weight: f64, sums: &mut [f64]) {
        for (sum, y) in sums.iter_mut().zip(targets.of(sample)) {
            *sum += weight * y;
        }
    }
}

/// Variance about the mean.
#[derive(Debug)]
pub(crate) struct SquaredError;

/// Half the Poisson deviance from the mean.
#[derive(Debug)]
pub(crate) struct Poisson;

pub(crate) trait Kind: Sized {
    fn node_impurity(moments: &Moments<'_, Self>, samples: &[u32]) -> f64;
    fn children_impurity(moments: &Moments<'_, Self>, samples: &[u32]) -> (f64, f64);
    fn proxy(moments: &Moments<'_, Self>) -> f64;
}

impl<'a, K> Moments<'a, K> {
    pub(crate) fn new(targets: Targets<'a>) -> Self {
        Self { targets, squares: 0.0, sides: Sides::new(targets.n_outputs), kind: PhantomData }
    }

    fn poisson_loss(&self, samples: &[u32], sums: &[f64], weight: f64) -> f64 {
        let mut loss = 0.0;
        for (k, &sum) in sums.iter().enumerate() {
            if sum <= ALMOST_ZERO {
                return f64::INFINITY;
            }
            let mean = sum / weight;
            for &sample in samples {
                let y = self.targets.of(sample)[k];
                let term = if y == 0.0 { 0.0 } else { y * (y / mean).ln() };
                loss += self.targets.weight(sample) * term;
            }
        }
        loss / (weight * sums.len() as f64)
    }
}

const ALMOST_ZERO: f64 = 10.0 * f64::EPSILON;

impl Kind for SquaredError {
    fn node_impurity(moments: &Moments<'_, Self>, _samples: &[u32]) -> f64 {
        let mut impurity = moments.squares / moments.sides.weights.node;
        for sum in &moments.sides.total {
            let mean = sum / moments.sides.weights.node;
            impurity -= mean * mean;
        }
        impurity / moments.sides.total.len() as f64
    }

    fn children_impurity(moments: &Moments<'_, Self>, samples: &[u32]) -> (f64, f64) {
        let mut squares_left = 0.0;
        for &sample in &samples[moments.sides.start..moments.sides.position] {
            let weight = moments.targets.weight(sample);
            for y in moments.targets.of(sample) {
                squares_left += weight * y * y;
            }
        }
        let side = |squares: f64, sums: &[f64], weight: f64| {
            let mut impurity = squares / weight;
            for sum in sums {
                let mean = sum / weight;
                impurity -= mean * mean;
            }
            impurity / sums.len() as f64
        };
        let weights = moments.sides.weights;
        (
            side(squares_left, &moments.sides.left, weights.left),
            side(moments.squares - squares_left, &moments.sides.right, weights.right),
        )
    }

    fn proxy(moments: &Moments<'_, Self>) -> f64 {
        let squares = |sums: &[f64]| sums.iter().fold(0.0, |total, sum| total + sum * sum);
        squares(&moments.sides.left) / moments.sides.weights.left
            + squares(&moments.sides.right) / moments.sides.weights.right
    }
}

impl Kind for Poisson {
    fn node_impurity(moments: &Moments<'_, Self>, samples: &[u32]) -> f64 {
        moments.poisson_loss(
            &samples[moments.sides.start..moments.sides.end],
            &moments.sides.total,
            moments.sides.weights.node,
        )
    }

    fn children_impurity(moments: &Moments<'_, Self>, samples: &[u32]) -> (f64, f64) {
        let (start, position, end) = (moments.sides.start, moments.sides.position, moments.sides.end);
        (
            moments.poisson_loss(&samples[start..position], &moments.sides.left, moments.sides.weights.left),
            moments.poisson_loss(&samples[position..end], &moments.sides.right, moments.sides.weights.right),
        )
    }

    fn proxy(moments: &Moments<'_, Self>) -> f64 {
        let (mut proxy_left, mut proxy_right) = (0.0, 0.0);
        for (&left, &right) in moments.sides.left.iter().zip(&moments.sides.right) {
            if left <= ALMOST_ZERO || right <= ALMOST_ZERO {
                return f64::NEG_INFINITY;
            }
            proxy_left -= left * log2(left / moments.sides.weights.left);
            proxy_right -= right * log2(right / moments.sides.weights.right);
        }
        -proxy_left - proxy_right
    }
}

impl<K: Kind> Criterion for Moments<'_, K> {
    fn enter(&mut self, samples: &[u32], start: usize, end: usize) {
        self.squares = 0.0;
        for &sample in &samples[start..end] {
            let weight = self.targets.weight(sample);
            for y in self.targets.of(sample) {
                self.squares += weight * y * y;
            }
        }
        self.sides.enter(&Sums, &self.targets, samples, start, end);
    }

    fn reset(&mut self, _samples: &[u32]) {
        self.sides.reset();
    }

    fn advance(&mut self, samples: &[u32], position: usize) {
        self.sides.advance(&Sums, &self.targets, samples, position);
    }

    fn weights(&self) -> Weights {
        self.sides.weights
    }

    fn node_impurity(&self, samples: &[u32]) -> f64 {
        K::node_impurity(self, samples)
    }

    fn children_impurity(&self, samples: &[u32]) -> (f64, f64) {
        K::children_impurity(self, samples)
    }

    fn proxy(&self, _samples: &[u32]) -> f64 {
        K::proxy(self)
    }

    fn node_value(&self, value: &mut [f64]) {
        for (value, total) in value.iter_mut().zip(&self.sides.total) {
            *value = total / self.sides.weights.node;
        }
    }

    fn sides(&self) -> (f64, f64) {
        self.sides.shares()
    }

    fn middle_value(&self) -> f64 {
        self.sides.middle()
    }
}
