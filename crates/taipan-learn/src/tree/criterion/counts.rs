//! Classification: weighted counts of each class, and the impurities that follow from them.

use std::marker::PhantomData;

use super::{Criterion, Targets, Weights};

/// An impurity of class counts.
pub(crate) trait LabelImpurity {
    /// Whether the decrease of impurity is greatest where Σ L²/w_L + Σ R²/w_R is.
    const BY_SQUARES: bool;

    /// Adds the impurity of one output, with these counts that sum to `weight`, to the sum over outputs.
    fn accumulate(sum: &mut f64, counts: impl Iterator<Item = f64>, weight: f64);

    /// Impurity of one output.
    fn of(counts: impl Iterator<Item = f64>, weight: f64) -> f64 {
        let mut sum = 0.0;
        Self::accumulate(&mut sum, counts, weight);
        sum
    }
}

/// 1 − Σ p².
#[derive(Debug)]
pub(crate) struct Gini;

impl LabelImpurity for Gini {
    const BY_SQUARES: bool = true;

    fn accumulate(sum: &mut f64, counts: impl Iterator<Item = f64>, weight: f64) {
        let squares = counts.fold(0.0, |sum, count| sum + count * count);
        *sum += 1.0 - squares / (weight * weight);
    }
}

/// −Σ p·log2 p; also called log loss.
#[derive(Debug)]
pub(crate) struct Entropy;

impl LabelImpurity for Entropy {
    const BY_SQUARES: bool = false;

    // One running sum over all outputs, not a sum of sums.
    fn accumulate(sum: &mut f64, counts: impl Iterator<Item = f64>, weight: f64) {
        for count in counts {
            if count > 0.0 {
                let p = count / weight;
                *sum -= p * log2(p);
            }
        }
    }
}

/// Base-2 logarithm as a quotient of natural ones.
pub(crate) fn log2(x: f64) -> f64 {
    x.ln() / std::f64::consts::LN_2
}

/// Class counts of the node and its sides.
#[derive(Debug)]
pub(crate) struct LabelCounts<'a, I> {
    targets: Targets<'a>,
    n_classes: &'a [usize],
    stride: usize,
    start: usize,
    end: usize,
    position: usize,
    weights: Weights,
    total: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
    impurity: PhantomData<I>,
}

impl<'a, I> LabelCounts<'a, I> {
    /// `n_classes` per output.
    pub(crate) fn new(targets: Targets<'a>, n_classes: &'a [usize]) -> Self {
        let stride = n_classes.iter().copied().max().unwrap_or(1);
        let zeros = vec![0.0; stride * n_classes.len()];
        Self {
            targets,
            n_classes,
            stride,
            start: 0,
            end: 0,
            position: 0,
            weights: Weights::default(),
            total: zeros.clone(),
            left: zeros.clone(),
            right: zeros,
            impurity: PhantomData,
        }
    }

    fn boundary_at_start(&mut self) {
        self.position = self.start;
        self.left.fill(0.0);
        self.right.copy_from_slice(&self.total);
        self.weights.left = 0.0;
        self.weights.right = self.weights.node;
    }

    fn outputs<'b>(&'b self, counts: &'b [f64]) -> impl Iterator<Item = &'b [f64]> {
        self.n_classes.iter().zip(counts.chunks(self.stride)).map(|(&n, counts)| &counts[..n])
    }
}

impl<I: LabelImpurity> LabelCounts<'_, I> {
    fn impurity(&self, counts: &[f64], weight: f64) -> f64 {
        let mut sum = 0.0;
        for counts in self.outputs(counts) {
            I::accumulate(&mut sum, counts.iter().copied(), weight);
        }
        sum / self.n_classes.len() as f64
    }
}

impl<I: LabelImpurity> Criterion for LabelCounts<'_, I> {
    fn enter(&mut self, samples: &[u32], start: usize, end: usize) {
        (self.start, self.end) = (start, end);
        self.total.fill(0.0);
        self.weights.node = 0.0;
        for &sample in &samples[start..end] {
            let weight = self.targets.weight(sample);
            for (k, &class) in self.targets.of(sample).iter().enumerate() {
                self.total[k * self.stride + class as usize] += weight;
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
                for (k, &class) in self.targets.of(sample).iter().enumerate() {
                    self.left[k * self.stride + class as usize] += weight;
                }
                self.weights.left += weight;
            }
        } else {
            // The end is nearer: start from the whole node and take away.
            self.left.copy_from_slice(&self.total);
            self.weights.left = self.weights.node;
            for &sample in samples[position..self.end].iter().rev() {
                let weight = self.targets.weight(sample);
                for (k, &class) in self.targets.of(sample).iter().enumerate() {
                    self.left[k * self.stride + class as usize] -= weight;
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

    fn node_impurity(&self, _samples: &[u32]) -> f64 {
        self.impurity(&self.total, self.weights.node)
    }

    fn children_impurity(&self, _samples: &[u32]) -> (f64, f64) {
        (self.impurity(&self.left, self.weights.left), self.impurity(&self.right, self.weights.right))
    }

    fn node_value(&self, value: &mut [f64]) {
        let outputs = value.chunks_mut(self.stride).zip(self.outputs(&self.total));
        for (value, total) in outputs {
            for (value, total) in value.iter_mut().zip(total) {
                *value = total / self.weights.node;
            }
        }
    }

    fn sides(&self) -> (f64, f64) {
        (self.left[0] / self.weights.left, self.right[0] / self.weights.right)
    }

    fn middle_value(&self) -> f64 {
        self.left[0] / (2.0 * self.weights.left) + self.right[0] / (2.0 * self.weights.right)
    }

    fn clip(&self, value: &mut [f64], low: f64, high: f64) {
        if let [first, second, ..] = value {
            if *first < low {
                *first = low;
            } else if *first > high {
                *first = high;
            }
            *second = 1.0 - *first;
        }
    }
}
