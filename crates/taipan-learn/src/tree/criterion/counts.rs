//! Classification: weighted counts of each class, and the impurities that follow from them.

use std::marker::PhantomData;

use super::sides::{Sides, Term};
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
    counts: Counts<'a>,
    sides: Sides,
    impurity: PhantomData<I>,
}

/// A sample counts for its class of each output.
#[derive(Debug)]
struct Counts<'a> {
    n_classes: &'a [usize],
    /// Counts per output: as many as the output with most classes has.
    stride: usize,
}

impl Term for Counts<'_> {
    fn add(&self, targets: &Targets<'_>, sample: u32, weight: f64, sums: &mut [f64]) {
        for (k, &class) in targets.of(sample).iter().enumerate() {
            sums[k * self.stride + class as usize] += weight;
        }
    }
}

impl<'a, I> LabelCounts<'a, I> {
    pub(crate) fn new(targets: Targets<'a>, n_classes: &'a [usize]) -> Self {
        let stride = n_classes.iter().copied().max().unwrap_or(1);
        Self {
            targets,
            counts: Counts { n_classes, stride },
            sides: Sides::new(stride * n_classes.len()),
            impurity: PhantomData,
        }
    }

    fn outputs<'b>(&'b self, counts: &'b [f64]) -> impl Iterator<Item = &'b [f64]> {
        self.counts.n_classes.iter().zip(counts.chunks(self.counts.stride)).map(|(&n, counts)| &counts[..n])
    }
}

impl<I: LabelImpurity> LabelCounts<'_, I> {
    fn impurity(&self, counts: &[f64], weight: f64) -> f64 {
        let mut sum = 0.0;
        for counts in self.outputs(counts) {
            I::accumulate(&mut sum, counts.iter().copied(), weight);
        }
        sum / self.counts.n_classes.len() as f64
    }
}

impl<I: LabelImpurity> Criterion for LabelCounts<'_, I> {
    fn enter(&mut self, samples: &[u32], start: usize, end: usize) {
        self.sides.enter(&self.counts, &self.targets, samples, start, end);
    }

    fn reset(&mut self, _samples: &[u32]) {
        self.sides.reset();
    }

    fn advance(&mut self, samples: &[u32], position: usize) {
        self.sides.advance(&self.counts, &self.targets, samples, position);
    }

    fn weights(&self) -> Weights {
        self.sides.weights
    }

    fn node_impurity(&self, _samples: &[u32]) -> f64 {
        self.impurity(&self.sides.total, self.sides.weights.node)
    }

    fn children_impurity(&self, _samples: &[u32]) -> (f64, f64) {
        let Sides { weights, left, right, .. } = &self.sides;
        (self.impurity(left, weights.left), self.impurity(right, weights.right))
    }

    fn node_value(&self, value: &mut [f64]) {
        let outputs = value.chunks_mut(self.counts.stride).zip(self.outputs(&self.sides.total));
        for (value, total) in outputs {
            for (value, total) in value.iter_mut().zip(total) {
                *value = total / self.sides.weights.node;
            }
        }
    }

    fn sides(&self) -> (f64, f64) {
        self.sides.shares()
    }

    fn middle_value(&self) -> f64 {
        self.sides.middle()
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
