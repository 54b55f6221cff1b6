//! A tree as plain arrays: how it grows, is pruned, and comes from a model file.

use crate::error::{Error, Result};

use super::columns::Columns;
use super::split::goes_left;

/// Children of a leaf.
pub(crate) const LEAF: i32 = -1;
/// Feature and threshold of a leaf.
pub(crate) const UNDEFINED: i32 = -2;

/// A binary tree, its nodes in the order in which they were made; node 0 is the root. A child comes after its parent.
///
/// All arrays have one entry per node, as in scikit-learn's `tree_`. [`Tree`](super::Tree) holds the same in less room.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TreeArrays {
    pub(crate) n_features: usize,
    pub(crate) n_outputs: usize,
    /// Numbers per output in `value`: classes of the output with most, or 1.
    pub(crate) n_values: usize,
    pub(crate) max_depth: usize,
    pub(crate) children_left: Vec<i32>,
    pub(crate) children_right: Vec<i32>,
    pub(crate) feature: Vec<i32>,
    pub(crate) threshold: Vec<f64>,
    pub(crate) impurity: Vec<f64>,
    pub(crate) n_node_samples: Vec<u32>,
    pub(crate) weighted_n_node_samples: Vec<f64>,
    pub(crate) missing_go_to_left: Vec<bool>,
    pub(crate) value: Vec<f64>,
}

/// A node about to be added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewNode {
    /// The parent, and whether the node is its left child.
    pub(crate) parent: Option<(usize, bool)>,
    pub(crate) impurity: f64,
    pub(crate) n_samples: usize,
    pub(crate) weight: f64,
    /// Feature, threshold and whether missing values go left; nothing for a leaf.
    pub(crate) split: Option<(usize, f64, bool)>,
}

impl TreeArrays {
    pub(crate) fn new(n_features: usize, n_outputs: usize, n_values: usize) -> Self {
        Self {
            n_features,
            n_outputs,
            n_values,
            max_depth: 0,
            children_left: Vec::new(),
            children_right: Vec::new(),
            feature: Vec::new(),
            threshold: Vec::new(),
            impurity: Vec::new(),
            n_node_samples: Vec::new(),
            weighted_n_node_samples: Vec::new(),
            missing_go_to_left: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Adds a node with a prediction of zeros; gives its number.
    pub(crate) fn push(&mut self, node: NewNode) -> usize {
        let id = self.node_count();
        if let Some((parent, is_left)) = node.parent {
            let children = if is_left { &mut self.children_left } else { &mut self.children_right };
            children[parent] = id as i32;
        }
        let (feature, threshold, missing_left) =
            node.split.map_or((UNDEFINED, f64::from(UNDEFINED), false), |(f, t, m)| (f as i32, t, m));
        self.children_left.push(LEAF);
        self.children_right.push(LEAF);
        self.feature.push(feature);
        self.threshold.push(threshold);
        self.impurity.push(node.impurity);
        self.n_node_samples.push(node.n_samples as u32);
        self.weighted_n_node_samples.push(node.weight);
        self.missing_go_to_left.push(missing_left);
        self.value.resize(self.value.len() + self.stride(), 0.0);
        id
    }

    pub(crate) fn make_leaf(&mut self, node: usize) {
        self.feature[node] = UNDEFINED;
        self.threshold[node] = f64::from(UNDEFINED);
        self.missing_go_to_left[node] = false;
    }

    pub(crate) fn stride(&self) -> usize {
        self.n_outputs * self.n_values
    }

    pub(crate) fn node_count(&self) -> usize {
        self.children_left.len()
    }

    /// The prediction of one node.
    pub(crate) fn value_of(&self, node: usize) -> &[f64] {
        &self.value[node * self.stride()..(node + 1) * self.stride()]
    }

    /// The leaf of each row of the training data or the like.
    pub(crate) fn apply(&self, columns: &Columns) -> Vec<u32> {
        let leaf = |row: usize| {
            let mut node = 0;
            while self.children_left[node] != LEAF {
                let value = columns.column(self.feature[node] as usize)[row];
                let left = goes_left(value, self.threshold[node], self.missing_go_to_left[node]);
                node = (if left { self.children_left[node] } else { self.children_right[node] }) as usize;
            }
            node as u32
        };
        (0..columns.n_rows()).map(leaf).collect()
    }

    /// Decrease of impurity that each feature brought, per unit of weight; with `normalize`, summing to 1.
    pub(crate) fn feature_importances(&self, normalize: bool) -> Vec<f64> {
        let mut importances = vec![0.0; self.n_features];
        let brought = |node: usize| self.weighted_n_node_samples[node] * self.impurity[node];
        for node in 0..self.node_count() {
            if self.children_left[node] != LEAF {
                let (left, right) = (self.children_left[node] as usize, self.children_right[node] as usize);
                importances[self.feature[node] as usize] += brought(node) - brought(left) - brought(right);
            }
        }
        for importance in &mut importances {
            *importance /= self.weighted_n_node_samples[0];
        }
        if normalize {
            normalized(&mut importances);
        }
        importances
    }

    /// Checks arrays that come from a file: lengths, ranges, and that the nodes are one tree.
    ///
    /// # Errors
    /// `Malformed`.
    pub(crate) fn check(&self) -> Result<()> {
        let n = self.node_count();
        let lengths = [
            self.children_right.len(),
            self.feature.len(),
            self.threshold.len(),
            self.impurity.len(),
            self.n_node_samples.len(),
            self.weighted_n_node_samples.len(),
            self.missing_go_to_left.len(),
        ];
        let values = n.checked_mul(self.stride());
        if n == 0 || lengths.iter().any(|&length| length != n) || values != Some(self.value.len()) {
            return Err(Error::malformed("the arrays of a tree have different lengths"));
        }
        let mut has_parent = vec![false; n];
        for node in 0..n {
            let (left, right) = (self.children_left[node], self.children_right[node]);
            if left == LEAF && right == LEAF {
                continue;
            }
            for child in [left, right] {
                // A child comes after its parent, so there is no cycle.
                let child = usize::try_from(child).ok().filter(|&child| child > node && child < n);
                match child {
                    Some(child) if !has_parent[child] => has_parent[child] = true,
                    _ => return Err(Error::malformed(format!("node {node} of a tree has children that cannot be"))),
                }
            }
            let feature = usize::try_from(self.feature[node]).ok();
            if feature.is_none_or(|feature| feature >= self.n_features) || self.threshold[node].is_nan() {
                return Err(Error::malformed(format!("node {node} of a tree splits on what is not a feature")));
            }
        }
        if has_parent[1..].iter().any(|&has| !has) {
            return Err(Error::malformed("a tree has nodes that cannot be reached"));
        }
        if self.value.iter().any(|value| !value.is_finite()) {
            return Err(Error::malformed("a prediction of a tree is not a finite number"));
        }
        Ok(())
    }
}

/// Divides by the sum, unless that is 0.
fn normalized(importances: &mut [f64]) {
    let sum = crate::sum::pairwise_sum(importances.len(), |i| importances[i]);
    if sum > 0.0 {
        for importance in importances {
            *importance /= sum;
        }
    }
}
