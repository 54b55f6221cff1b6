//! Sums over a node and over its two sides, kept up to date while the boundary moves: what counts of classes and sums of
//! numbers have in common.

use super::{Targets, Weights};

/// What a sample with some weight adds to the sums.
pub(super) trait Term {
    /// Adds it; for a sample that leaves, `weight` is negative, which is the same as to subtract.
    fn add(&self, targets: &Targets<'_>, sample: u32, weight: f64, sums: &mut [f64]);
}

/// The sums, in the order of the samples.
#[derive(Debug)]
pub(super) struct Sides {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) position: usize,
    pub(super) weights: Weights,
    pub(super) total: Vec<f64>,
    pub(super) left: Vec<f64>,
    pub(super) right: Vec<f64>,
}

impl Sides {
    /// So many sums.
    pub(super) fn new(count: usize) -> Self {
        let zeros = vec![0.0; count];
        Self {
            start: 0,
            end: 0,
            position: 0,
            weights: Weights::default(),
            total: zeros.clone(),
            left: zeros.clone(),
            right: zeros,
        }
    }

    /// Starts on a node.
    pub(super) fn enter(&mut self, term: &impl Term, targets: &Targets<'_>, samples: &[u32], start: usize, end: usize) {
        (self.start, self.end) = (start, end);
        self.total.fill(0.0);
        self.weights.node = 0.0;
        for &sample in &samples[start..end] {
            let weight = targets.weight(sample);
            term.add(targets, sample, weight, &mut self.total);
            self.weights.node += weight;
        }
        self.reset();
    }

    /// Puts the boundary to the start.
    pub(super) fn reset(&mut self) {
        self.position = self.start;
        self.left.fill(0.0);
        self.right.copy_from_slice(&self.total);
        self.weights.left = 0.0;
        self.weights.right = self.weights.node;
    }

    /// Moves the boundary right, to `position`.
    pub(super) fn advance(&mut self, term: &impl Term, targets: &Targets<'_>, samples: &[u32], position: usize) {
        if position - self.position <= self.end - position {
            for &sample in &samples[self.position..position] {
                let weight = targets.weight(sample);
                term.add(targets, sample, weight, &mut self.left);
                self.weights.left += weight;
            }
        } else {
            // The end is nearer: start from the whole node and take away.
            self.left.copy_from_slice(&self.total);
            self.weights.left = self.weights.node;
            for &sample in samples[position..self.end].iter().rev() {
                let weight = targets.weight(sample);
                term.add(targets, sample, -weight, &mut self.left);
                self.weights.left -= weight;
            }
        }
        self.weights.right = self.weights.node - self.weights.left;
        for ((right, total), left) in self.right.iter_mut().zip(&self.total).zip(&self.left) {
            *right = total - left;
        }
        self.position = position;
    }

    /// The first sum of the left and of the right side per unit of weight.
    pub(super) fn shares(&self) -> (f64, f64) {
        (self.left[0] / self.weights.left, self.right[0] / self.weights.right)
    }

    /// The middle between the two.
    pub(super) fn middle(&self) -> f64 {
        self.left[0] / (2.0 * self.weights.left) + self.right[0] / (2.0 * self.weights.right)
    }
}
