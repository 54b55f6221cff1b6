//! Regression by means: squared error and Poisson deviance.

use std::marker::PhantomData;

use super::counts::log2;
use super::{Criterion, Targets, Weights};

/// Sums of the targets of the node and its sides; `K` says what is made of them.
#[derive(Debug)]
pub(crate) struct Moments<'a, K> {
    targets: Targets<'a>,
    start: usize,
    end: usize,
    position: usize,
    weights: Weights,
    squares: f64,
    total: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
    kind: PhantomData<K>,
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
        let zeros = vec![0.0; targets.n_outputs];
        Self {
            targets,
            start: 0,
            end: 0,
            position: 0,
            weights: Weights::default(),
            squares: 0.0,
            total: zeros.clone(),
            left: zeros.clone(),
            right: zeros,
            kind: PhantomData,
        }
    }

    fn boundary_at_start(&mut self) {
        self.position = self.start;
        self.left.fill(0.0);
        self.right.copy_from_slice(&self.total);
        self.weights.left = 0.0;
        self.weights.right = self.weights.node;
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
        let mut impurity = moments.squares / moments.weights.node;
        for sum in &moments.total {
            let mean = sum / moments.weights.node;
            impurity -= mean * mean;
        }
        impurity / moments.total.len() as f64
    }

    fn children_impurity(moments: &Moments<'_, Self>, samples: &[u32]) -> (f64, f64) {
        let mut squares_left = 0.0;
        for &sample in &samples[moments.start..moments.position] {
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
        let weights = moments.weights;
        (
            side(squares_left, &moments.left, weights.left),
            side(moments.squares - squares_left, &moments.right, weights.right),
        )
    }

    fn proxy(moments: &Moments<'_, Self>) -> f64 {
        let squares = |sums: &[f64]| sums.iter().fold(0.0, |total, sum| total + sum * sum);
        squares(&moments.left) / moments.weights.left + squares(&moments.right) / moments.weights.right
    }
}

impl Kind for Poisson {
    fn node_impurity(moments: &Moments<'_, Self>, samples: &[u32]) -> f64 {
        moments.poisson_loss(&samples[moments.start..moments.end], &moments.total, moments.weights.node)
    }

    fn children_impurity(moments: &Moments<'_, Self>, samples: &[u32]) -> (f64, f64) {
        let (start, position, end) = (moments.start, moments.position, moments.end);
        (
            moments.poisson_loss(&samples[start..position], &moments.left, moments.weights.left),
            moments.poisson_loss(&samples[position..end], &moments.right, moments.weights.right),
        )
    }

    fn proxy(moments: &Moments<'_, Self>) -> f64 {
        let (mut proxy_left, mut proxy_right) = (0.0, 0.0);
        for (&left, &right) in moments.left.iter().zip(&moments.right) {
            if left <= ALMOST_ZERO || right <= ALMOST_ZERO {
                return f64::NEG_INFINITY;
            }
            proxy_left -= left * log2(left / moments.weights.left);
            proxy_right -= right * log2(right / moments.weights.right);
        }
        -proxy_left - proxy_right
    }
}

impl<K: Kind> Criterion for Moments<'_, K> {
    fn enter(&mut self, samples: &[u32], start: usize, end: usize) {
        (self.start, self.end) = (start, end);
        self.total.fill(0.0);
        self.squares = 0.0;
        self.weights.node = 0.0;
        for &sample in &samples[start..end] {
            let weight = self.targets.weight(sample);
            for (total, y) in self.total.iter_mut().zip(self.targets.of(sample)) {
                let weighted = weight * y;
                *total += weighted;
                self.squares += weighted * y;
            }
            self.weights.node += weight;
        }
        self.boundary_at_start();
    }

    fn reset(&mut self, _samples: &[u32]) {
        self.boundary_at_start();
    }

    fn advance(&mut self, samples: &[u32], position: usize) {
        if position - self.position <= self.end - position {
            for &sample in &samples[self.position..position] {
                let weight = self.targets.weight(sample);
                for (left, y) in self.left.iter_mut().zip(self.targets.of(sample)) {
                    *left += weight * y;
                }
                self.weights.left += weight;
            }
        } else {
            // The end is nearer: start from the whole node and take away.
            self.left.copy_from_slice(&self.total);
            self.weights.left = self.weights.node;
            for &sample in samples[position..self.end].iter().rev() {
                let weight = self.targets.weight(sample);
                for (left, y) in self.left.iter_mut().zip(self.targets.of(sample)) {
                    *left -= weight * y;
                }
                self.weights.left -= weight;
            }
        }
        self.weights.right = self.weights.node - self.weights.left;
        for ((right, total), left) in self.right.iter_mut().zip(&self.total).zip(&self.left) {
            *right = total - left;
        }
        self.position = position;
    }

    fn weights(&self) -> Weights {
        self.weights
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
        for (value, total) in value.iter_mut().zip(&self.total) {
            *value = total / self.weights.node;
        }
    }

    fn sides(&self) -> (f64, f64) {
        (self.left[0] / self.weights.left, self.right[0] / self.weights.right)
    }

    fn middle_value(&self) -> f64 {
        self.left[0] / (2.0 * self.weights.left) + self.right[0] / (2.0 * self.weights.right)
    }
}
