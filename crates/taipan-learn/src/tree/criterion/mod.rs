//! How good a split is: impurities of a node and of its two sides, kept up to date while the boundary moves.
//!
//! Sums are accumulated in the order of the samples and with the operations that scikit-learn documents by its results;
//! rewriting one of them algebraically would change the last bits of an impurity, and so now and then a tree.

mod absolute;
mod counts;
mod moments;
mod sides;

pub(crate) use absolute::AbsoluteError;
pub(crate) use counts::{Entropy, Gini, LabelCounts, LabelImpurity};
pub(crate) use moments::{Moments, Poisson, SquaredError};

/// Targets and weights of the training rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Targets<'a> {
    /// `n_rows` × `n_outputs`, row by row; class numbers or real values.
    pub(crate) y: &'a [f64],
    pub(crate) n_outputs: usize,
    pub(crate) weights: Option<&'a [f64]>,
}

impl Targets<'_> {
    pub(crate) fn weight(&self, sample: u32) -> f64 {
        self.weights.map_or(1.0, |weights| weights[sample as usize])
    }

    pub(crate) fn of(&self, sample: u32) -> &[f64] {
        let start = sample as usize * self.n_outputs;
        &self.y[start..start + self.n_outputs]
    }
}

/// The sums of weights that every criterion keeps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weights {
    pub(crate) node: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
}

/// A measure of impurity over `samples[start..end]`, split at a position that moves to the right.
pub(crate) trait Criterion {
    /// Starts on a node; the boundary is at `start`.
    fn enter(&mut self, samples: &[u32], start: usize, end: usize);
    /// Puts the boundary back to `start`. The samples of the node may have been reordered.
    fn reset(&mut self, samples: &[u32]);
    /// Moves the boundary right, to `position`.
    fn advance(&mut self, samples: &[u32], position: usize);
    fn weights(&self) -> Weights;
    fn node_impurity(&self, samples: &[u32]) -> f64;
    /// Impurity of the left and of the right side.
    fn children_impurity(&self, samples: &[u32]) -> (f64, f64);
    /// What the best split maximises: the improvement but for terms that are the same for every split of the node.
    fn proxy(&self, samples: &[u32]) -> f64 {
        let (left, right) = self.children_impurity(samples);
        let weights = self.weights();
        -weights.right * right - weights.left * left
    }
    /// Prediction of the node.
    fn node_value(&self, value: &mut [f64]);
    /// Values of the left and right side that a monotonic constraint compares.
    fn sides(&self) -> (f64, f64);
    /// The bound between the two sides under a monotonic constraint.
    fn middle_value(&self) -> f64;
    /// Forces the prediction of a node between bounds, for monotonic constraints.
    fn clip(&self, value: &mut [f64], low: f64, high: f64) {
        if let Some(value) = value.first_mut() {
            if *value < low {
                *value = low;
            } else if *value > high {
                *value = high;
            }
        }
    }
}

/// Decrease of impurity by a split, weighted by the node's share of all samples.
pub(crate) fn improvement(weights: Weights, total: f64, parent: f64, left: f64, right: f64) -> f64 {
    (weights.node / total) * (parent - (weights.right / weights.node * right) - (weights.left / weights.node * left))
}
