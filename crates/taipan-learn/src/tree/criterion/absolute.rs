//! Regression by medians: mean absolute deviation from the weighted median.
//!
//! A Fenwick tree (1994) over the ranks of the node's targets holds weights and weighted targets, so that the median and
//! the error of every prefix and suffix of the node come out in O(n log n).

use super::{Criterion, Targets, Weights};
use crate::tree::sort::sort_together;

/// Errors and medians of every prefix (`left`) and suffix (`right`) of the node.
#[derive(Debug)]
pub(crate) struct AbsoluteError<'a> {
    targets: Targets<'a>,
    start: usize,
    end: usize,
    position: usize,
    weights: Weights,
    node_medians: Vec<f64>,
    left: Side,
    right: Side,
    sorted: Vec<f64>,
    order: Vec<u32>,
    ranks: Vec<u32>,
    prefix_sums: PrefixSums,
}

#[derive(Debug, Default)]
struct Side {
    errors: Vec<f64>,
    medians: Vec<f64>,
}

impl Side {
    fn clear(&mut self, n: usize) {
        self.errors.clear();
        self.errors.resize(n, 0.0);
        self.medians.resize(n, 0.0);
    }
}

impl<'a> AbsoluteError<'a> {
    pub(crate) fn new(targets: Targets<'a>) -> Self {
        Self {
            targets,
            start: 0,
            end: 0,
            position: 0,
            weights: Weights::default(),
            node_medians: vec![0.0; targets.n_outputs],
            left: Side::default(),
            right: Side::default(),
            sorted: Vec::new(),
            order: Vec::new(),
            ranks: Vec::new(),
            prefix_sums: PrefixSums::default(),
        }
    }

    fn n_outputs(&self) -> f64 {
        self.targets.n_outputs as f64
    }

    /// Adds the errors of the prefixes, or of the suffixes, for the output whose targets are in `sorted`.
    fn accumulate(&mut self, samples: &[u32], side: fn(&mut Self) -> &mut Side, backwards: bool) {
        let n = samples.len();
        self.prefix_sums.clear(n);
        for step in 0..n {
            let p = if backwards { n - 1 - step } else { step };
            let rank = self.ranks[p] as usize;
            self.prefix_sums.add(rank, self.sorted[rank], self.targets.weight(samples[p]));
            let found = self.prefix_sums.search(0.5 * self.prefix_sums.total_weight);
            let median = if found.index == found.previous {
                self.sorted[found.index]
            } else {
                halfway(self.sorted[found.previous], self.sorted[found.index])
            };
            let weight_right = self.prefix_sums.total_weight - found.weight;
            let sum_right = self.prefix_sums.total_sum - found.sum;
            let error = (sum_right - median * weight_right) + (median * found.weight - found.sum);
            let side = side(self);
            side.medians[p] = median;
            side.errors[p] += error;
        }
    }
}

/// (a + b) / 2 with the rounding, and the overflow, of just that expression; `f64::midpoint` has another.
fn halfway(a: f64, b: f64) -> f64 {
    (a + b) * 0.5
}

impl Criterion for AbsoluteError<'_> {
    fn enter(&mut self, samples: &[u32], start: usize, end: usize) {
        (self.start, self.end) = (start, end);
        self.weights.node = samples[start..end].iter().fold(0.0, |sum, &s| sum + self.targets.weight(s));
        self.reset(samples);
    }

    fn reset(&mut self, samples: &[u32]) {
        let samples = &samples[self.start..self.end];
        let n = samples.len();
        self.position = self.start;
        self.weights.left = 0.0;
        self.weights.right = self.weights.node;
        self.left.clear(n);
        self.right.clear(n);
        for k in 0..self.targets.n_outputs {
            self.sorted.clear();
            self.sorted.extend(samples.iter().map(|&sample| self.targets.of(sample)[k]));
            self.order.clear();
            self.order.extend(0..n as u32);
            sort_together(&mut self.sorted, &mut self.order);
            self.ranks.resize(n, 0);
            for (rank, &at) in self.order.iter().enumerate() {
                self.ranks[at as usize] = rank as u32;
            }
            self.accumulate(samples, |this| &mut this.left, false);
            self.accumulate(samples, |this| &mut this.right, true);
            self.node_medians[k] = self.right.medians[0];
        }
    }

    fn advance(&mut self, samples: &[u32], position: usize) {
        for &sample in &samples[self.position..position] {
            self.weights.left += self.targets.weight(sample);
        }
        self.weights.right = self.weights.node - self.weights.left;
        self.position = position;
    }

    fn weights(&self) -> Weights {
        self.weights
    }

    fn node_impurity(&self, _samples: &[u32]) -> f64 {
        self.right.errors[0] / (self.weights.node * self.n_outputs())
    }

    fn children_impurity(&self, _samples: &[u32]) -> (f64, f64) {
        let at = self.position - self.start;
        let left = if at > 0 { self.left.errors[at - 1] } else { 0.0 };
        let right = self.right.errors.get(at).copied().unwrap_or(0.0);
        (left / (self.weights.left * self.n_outputs()), right / (self.weights.right * self.n_outputs()))
    }

    fn node_value(&self, value: &mut [f64]) {
        value[..self.node_medians.len()].copy_from_slice(&self.node_medians);
    }

    fn sides(&self) -> (f64, f64) {
        let at = self.position - self.start;
        (self.left.medians[at - 1], self.right.medians[at])
    }

    fn middle_value(&self) -> f64 {
        let (left, right) = self.sides();
        halfway(left, right)
    }
}

/// Fenwick tree over ranks.
#[derive(Debug, Default)]
struct PrefixSums {
    /// Entry 0 is unused: positions count from 1.
    weights: Vec<f64>,
    sums: Vec<f64>,
    highest_bit: usize,
    total_weight: f64,
    total_sum: f64,
}

/// Where a cumulative weight is reached.
struct Found {
    /// First rank whose cumulative weight exceeds the target.
    index: usize,
    /// First rank whose cumulative weight reaches it; another one only when it is reached exactly.
    previous: usize,
    /// Weight and weighted targets before `index`.
    weight: f64,
    sum: f64,
}

impl PrefixSums {
    fn clear(&mut self, n: usize) {
        for values in [&mut self.weights, &mut self.sums] {
            values.clear();
            values.resize(n + 1, 0.0);
        }
        self.highest_bit = if n == 0 { 0 } else { 1 << n.ilog2() };
        (self.total_weight, self.total_sum) = (0.0, 0.0);
    }

    fn add(&mut self, rank: usize, y: f64, weight: f64) {
        let weighted = weight * y;
        let mut at = rank + 1;
        while at < self.weights.len() {
            self.weights[at] += weight;
            self.sums[at] += weighted;
            at += at & at.wrapping_neg();
        }
        self.total_weight += weight;
        self.total_sum += weighted;
    }

    fn search(&self, mut target: f64) -> Found {
        let mut found = Found { index: 0, previous: 0, weight: 0.0, sum: 0.0 };
        let mut bit = self.highest_bit;
        while bit != 0 {
            match self.weights.get(found.index + bit) {
                Some(&weight) if target == weight => break,
                Some(&weight) if target > weight => {
                    target -= weight;
                    self.take(&mut found, bit);
                }
                _ => {}
            }
            bit >>= 1;
        }
        found.previous = found.index;
        if bit == 0 {
            return found;
        }
        // Reached exactly: the last rank below the target, then the last one not above it.
        let (exact_bit, exact_target) = (bit, target);
        while bit != 0 {
            if let Some(&weight) = self.weights.get(found.previous + bit)
                && target > weight
            {
                target -= weight;
                found.previous += bit;
            }
            bit >>= 1;
        }
        (bit, target) = (exact_bit, exact_target);
        while bit != 0 {
            if let Some(&weight) = self.weights.get(found.index + bit)
                && target >= weight
            {
                target -= weight;
                self.take(&mut found, bit);
            }
            bit >>= 1;
        }
        found
    }

    fn take(&self, found: &mut Found, bit: usize) {
        found.index += bit;
        found.weight += self.weights[found.index];
        found.sum += self.sums[found.index];
    }
}
