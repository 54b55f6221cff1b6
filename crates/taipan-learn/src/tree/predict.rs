//! From rows to leaves and predictions, for one tree and for sums over many.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::input::{BLOCK_ROWS, Nan, check_predict};
use crate::onnx::{Answer, Graph, Tensor};

use super::data::rows;
use super::nodes::{LEAF, Tree};
use super::split::goes_left;

impl Tree {
    /// The leaf that the row falls into.
    pub(crate) fn leaf(&self, row: &[f32]) -> usize {
        let mut node = 0;
        while self.children_left[node] != LEAF {
            node = self.next(node, row);
        }
        node
    }

    fn next(&self, node: usize, row: &[f32]) -> usize {
        let value = row[self.feature[node] as usize];
        let left = goes_left(value, self.threshold[node], self.missing_go_to_left[node]);
        (if left { self.children_left[node] } else { self.children_right[node] }) as usize
    }

    /// The nodes that the row passes, root first.
    pub(crate) fn path(&self, row: &[f32]) -> Vec<usize> {
        let mut path = vec![0];
        let mut node = 0;
        while self.children_left[node] != LEAF {
            node = self.next(node, row);
            path.push(node);
        }
        path
    }
}

/// Computes `width` numbers per row of `x`, in blocks of rows on all cores: `compute` gets rows of 32-bit floats and the
/// space for their numbers, which starts as zeros.
///
/// # Errors
/// See [`Predictor::predict`](crate::Predictor::predict).
pub(crate) fn by_blocks<T: Copy + Default + Send>(
    x: ArrayView2<'_, f64>,
    n_features: usize,
    width: usize,
    nan: Nan,
    compute: impl Fn(&[f32], &mut [T]) + Sync,
) -> Result<Array2<T>> {
    check_predict(x, n_features, nan)?;
    let mut out = vec![T::default(); x.nrows() * width];
    out.par_chunks_mut(BLOCK_ROWS * width).enumerate().try_for_each(|(block, out)| {
        let start = block * BLOCK_ROWS;
        let rows = rows(x.slice(s![start..start + out.len() / width, ..]), start)?;
        compute(&rows, out);
        Ok(())
    })?;
    let n = out.len() / width;
    Array2::from_shape_vec((n, width), out).map_err(|_| Error::overflow("the number of predictions"))
}

/// A tree in the form in which many rows go through it fast: 16 bytes a node, and thresholds that need no widening.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    tree: &'a Tree,
    nodes: Vec<CompactNode>,
}

#[derive(Debug, Clone, Copy)]
struct CompactNode {
    /// The greatest 32-bit float that is not above the threshold.
    threshold: f32,
    feature: u32,
    /// Left and right; a leaf leads to itself.
    children: [u32; 2],
}

/// Rows that go through a tree together, so that the processor does not wait for one to reach the next node.
const GROUP: usize = 8;

/// Rows from which it pays to make trees compact.
const MANY_ROWS: usize = 1024;

/// Trees in the form that suits so many rows.
pub(crate) fn compacted<'a>(trees: impl Iterator<Item = &'a Tree>, n_rows: usize) -> Vec<Compact<'a>> {
    let trees: Vec<&Tree> = trees.collect();
    if n_rows < MANY_ROWS {
        trees.into_iter().map(|tree| Compact { tree, nodes: Vec::new() }).collect()
    } else {
        trees.into_par_iter().map(|tree| Compact { tree, nodes: compact_nodes(tree) }).collect()
    }
}

fn compact_nodes(tree: &Tree) -> Vec<CompactNode> {
    let node = |id: usize| {
        if tree.children_left[id] == LEAF {
            return CompactNode { threshold: 0.0, feature: 0, children: [id as u32; 2] };
        }
        let nearest = tree.threshold[id] as f32;
        let threshold = if f64::from(nearest) > tree.threshold[id] { nearest.next_down() } else { nearest };
        let children = [tree.children_left[id] as u32, tree.children_right[id] as u32];
        CompactNode { threshold, feature: tree.feature[id] as u32, children }
    };
    (0..tree.node_count()).map(node).collect()
}

impl Compact<'_> {
    /// The first number that a leaf predicts.
    pub(crate) fn value(&self, leaf: usize) -> f64 {
        self.tree.value[leaf * self.tree.stride()]
    }

    /// Calls `found` with each row's number and leaf.
    pub(crate) fn for_leaves(&self, n_features: usize, rows: &[f32], mut found: impl FnMut(usize, usize)) {
        let n_rows = rows.len() / n_features;
        let mut start = 0;
        // Where values are missing, nodes say where to go.
        if !self.nodes.is_empty() && !rows.iter().any(|value| value.is_nan()) {
            while start + GROUP <= n_rows {
                let group = &rows[start * n_features..(start + GROUP) * n_features];
                for (row, leaf) in self.leaves(n_features, group).into_iter().enumerate() {
                    found(start + row, leaf as usize);
                }
                start += GROUP;
            }
        }
        for (row, values) in rows.chunks_exact(n_features).enumerate().skip(start) {
            found(row, self.tree.leaf(values));
        }
    }

    fn leaves(&self, n_features: usize, group: &[f32]) -> [u32; GROUP] {
        let mut at = [0_u32; GROUP];
        loop {
            let mut moved = 0;
            for (row, at) in at.iter_mut().enumerate() {
                let node = self.nodes[*at as usize];
                let value = group[row * n_features + node.feature as usize];
                let next = node.children[usize::from(value > node.threshold)];
                moved |= next ^ *at;
                *at = next;
            }
            if moved == 0 {
                return at;
            }
        }
    }
}

/// Adds each tree's prediction for each row, in tree order.
pub(crate) fn add_values(trees: &[Compact<'_>], n_features: usize, rows: &[f32], sums: &mut [f64]) {
    for compact in trees {
        let (tree, stride) = (compact.tree, compact.tree.stride());
        compact.for_leaves(n_features, rows, |row, leaf| {
            let sums = &mut sums[row * stride..(row + 1) * stride];
            for (sum, value) in sums.iter_mut().zip(tree.value_of(leaf)) {
                *sum += value;
            }
        });
    }
}

/// Predictions of trees with class labels or numbers: what comes after the values of the leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoding<'a> {
    /// Labels of each output; empty for regression.
    pub(crate) classes: &'a [Vec<f64>],
    pub(crate) n_outputs: usize,
    /// Numbers per output in `values`.
    pub(crate) n_values: usize,
}

impl Decoding<'_> {
    /// One column per output: the most likely label, the first of equals; or the number itself.
    pub(crate) fn predictions(&self, values: &Array2<f64>) -> Array2<f64> {
        if self.classes.is_empty() {
            return values.clone();
        }
        Array2::from_shape_fn((values.nrows(), self.n_outputs), |(row, k)| {
            let shares = values.slice(s![row, k * self.n_values..k * self.n_values + self.classes[k].len()]);
            let mut best = 0;
            for (class, share) in shares.iter().enumerate() {
                if *share > shares[best] {
                    best = class;
                }
            }
            self.classes[k][best]
        })
    }

    /// Shares of the classes, one matrix per output.
    pub(crate) fn probabilities(&self, values: &Array2<f64>) -> Vec<Array2<f64>> {
        let columns = |k: usize| k * self.n_values..k * self.n_values + self.classes[k].len();
        (0..self.classes.len()).map(|k| values.slice(s![.., columns(k)]).to_owned()).collect()
    }

    /// The same in a graph, from the sums of the values of so many trees.
    pub(crate) fn onnx(&self, graph: &mut Graph, sums: Tensor, n_trees: usize) -> Result<Answer> {
        let values = if n_trees == 1 { sums } else { graph.by_column("Div", &sums, &[n_trees as f64]) };
        match self.classes {
            [] => Ok(Answer::Numbers(values)),
            [classes] => {
                let shares: Vec<usize> = (0..classes.len()).collect();
                let probabilities = graph.columns(&values, &shares);
                Ok(Answer::Class { place: graph.greatest(&probabilities), probabilities })
            }
            _ => Err(Error::unsupported("a classifier of several targets", "ONNX form")),
        }
    }
}

/// The only column, or the error of a model with several outputs.
pub(crate) fn single(outputs: Array2<f64>) -> Result<Array1<f64>> {
    match outputs.ncols() {
        1 => Ok(outputs.index_axis_move(Axis(1), 0)),
        n => Err(Error::shape("the model has several outputs; use predict_outputs", n, 1)),
    }
}
