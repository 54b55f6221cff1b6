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

/// A tree in the form in which many rows go through it fast: 8 bytes a node, and thresholds that need no widening.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    tree: &'a Tree,
    /// Empty where few rows do not make it worthwhile, or where the tree is too large for it.
    nodes: Vec<CompactNode>,
    /// The number of each node in the tree.
    numbers: Vec<u32>,
    feature_bits: u32,
}

#[derive(Debug, Clone, Copy)]
struct CompactNode {
    /// The greatest 32-bit float that is not above the threshold; infinite for a leaf.
    threshold: f32,
    /// The left child above the feature; the right child is next to the left one. A leaf leads to itself.
    link: u32,
}

/// Rows that go through a tree together: few enough for the nearest cache.
const BATCH: usize = 256;

/// Rows whose steps are interleaved, so that the processor does not wait for one to reach its next node.
const GROUP: usize = 8;

/// Steps between two looks at which rows have arrived.
const STEPS: usize = 6;

/// Rows from which it pays to make trees compact.
const MANY_ROWS: usize = 1024;

/// Trees in the form that suits so many rows.
pub(crate) fn compacted<'a>(trees: impl Iterator<Item = &'a Tree>, n_rows: usize) -> Vec<Compact<'a>> {
    let trees: Vec<&Tree> = trees.collect();
    if n_rows < MANY_ROWS {
        let plain = |tree| Compact { tree, nodes: Vec::new(), numbers: Vec::new(), feature_bits: 0 };
        trees.into_iter().map(plain).collect()
    } else {
        trees.into_par_iter().map(Compact::new).collect()
    }
}

/// Rows of 32-bit floats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    rows: &'a [f32],
    n_features: usize,
    /// Whether a value is missing; then nodes say where to go.
    missing: bool,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(rows: &'a [f32], n_features: usize) -> Self {
        let any_nan = |values: &[f32]| values.iter().fold(false, |any, value| any | value.is_nan());
        Self { rows, n_features, missing: rows.chunks(256).any(any_nan) }
    }

    fn n_rows(&self) -> usize {
        self.rows.len() / self.n_features
    }
}

impl<'a> Compact<'a> {
    fn new(tree: &'a Tree) -> Self {
        let feature_bits = usize::BITS - (tree.n_features - 1).leading_zeros();
        let mut compact = Self { tree, nodes: Vec::new(), numbers: Vec::new(), feature_bits };
        if feature_bits >= u32::BITS || tree.node_count() as u64 >= 1 << (u32::BITS - feature_bits) {
            return compact;
        }
        compact.nodes.reserve_exact(tree.node_count());
        compact.numbers.reserve_exact(tree.node_count());
        compact.place(0);
        // A subtree follows its pair of roots, so that the last steps of a row stay close together.
        let mut waiting = vec![0];
        while let Some(at) = waiting.pop() {
            let id = compact.numbers[at] as usize;
            if tree.children_left[id] != LEAF {
                let left = compact.nodes.len();
                compact.place(tree.children_left[id] as usize);
                compact.place(tree.children_right[id] as usize);
                compact.nodes[at].link = (left as u32) << feature_bits | tree.feature[id] as u32;
                waiting.extend([left + 1, left]);
            }
        }
        compact
    }

    /// Adds a node that has no children yet.
    fn place(&mut self, id: usize) {
        let tree = self.tree;
        let threshold = if tree.children_left[id] == LEAF {
            f32::INFINITY
        } else {
            let nearest = tree.threshold[id] as f32;
            if f64::from(nearest) > tree.threshold[id] { nearest.next_down() } else { nearest }
        };
        let link = (self.nodes.len() as u32) << self.feature_bits;
        self.nodes.push(CompactNode { threshold, link });
        self.numbers.push(id as u32);
    }

    /// The first number that a leaf predicts.
    pub(crate) fn value(&self, leaf: usize) -> f64 {
        self.tree.value[leaf * self.tree.stride()]
    }

    /// Calls `found` with each row's number and leaf.
    #[inline(always)]
    pub(crate) fn for_leaves(&self, batch: Batch<'_>, mut found: impl FnMut(usize, usize)) {
        let n_features = batch.n_features;
        if self.nodes.is_empty() || batch.missing {
            for (row, values) in batch.rows.chunks_exact(n_features).enumerate() {
                found(row, self.tree.leaf(values));
            }
            return;
        }
        let mut at = [0; BATCH];
        for start in (0..batch.n_rows()).step_by(BATCH) {
            let end = batch.n_rows().min(start + BATCH);
            let at = &mut at[..end - start];
            self.walk(n_features, &batch.rows[start * n_features..end * n_features], at);
            for (row, &mut at) in (start..).zip(at) {
                found(row, self.numbers[at as usize] as usize);
            }
        }
    }

    /// Finds the leaves of up to [`BATCH`] rows.
    fn walk(&self, n_features: usize, rows: &[f32], at: &mut [u32]) {
        at.fill(0);
        let mut under_way: [u32; BATCH] = std::array::from_fn(|row| row as u32);
        let mut n_under_way = at.len();
        while n_under_way > 0 {
            let (groups, rest) = under_way[..n_under_way].as_chunks::<GROUP>();
            for group in groups {
                let mut places = group.map(|row| at[row as usize]);
                let starts = group.map(|row| row as usize * n_features);
                for _ in 0..STEPS {
                    for (place, start) in places.iter_mut().zip(starts) {
                        *place = self.step(*place, &rows[start..]);
                    }
                }
                for (place, row) in places.into_iter().zip(group) {
                    at[*row as usize] = place;
                }
            }
            for &row in rest {
                let values = &rows[row as usize * n_features..];
                let place = &mut at[row as usize];
                for _ in 0..STEPS {
                    *place = self.step(*place, values);
                }
            }
            let mut n_left = 0;
            for i in 0..n_under_way {
                let row = under_way[i];
                let place = at[row as usize];
                under_way[n_left] = row;
                n_left += usize::from(self.nodes[place as usize].link >> self.feature_bits != place);
            }
            n_under_way = n_left;
        }
    }

    #[inline(always)]
    fn step(&self, place: u32, values: &[f32]) -> u32 {
        let node = self.nodes[place as usize];
        let feature = node.link & ((1 << self.feature_bits) - 1);
        (node.link >> self.feature_bits) + u32::from(values[feature as usize] > node.threshold)
    }
}

/// Adds each tree's prediction for each row, in tree order.
pub(crate) fn add_values(trees: &[Compact<'_>], n_features: usize, rows: &[f32], sums: &mut [f64]) {
    let batch = Batch::new(rows, n_features);
    for compact in trees {
        let values = &compact.tree.value;
        // Classes are mostly two, and numbers one.
        match compact.tree.stride() {
            1 => compact.for_leaves(batch, |row, leaf| sums[row] += values[leaf]),
            2 => {
                let (sums, values) = (sums.as_chunks_mut::<2>().0, values.as_chunks::<2>().0);
                compact.for_leaves(batch, |row, leaf| {
                    sums[row][0] += values[leaf][0];
                    sums[row][1] += values[leaf][1];
                });
            }
            stride => compact.for_leaves(batch, |row, leaf| {
                let sums = &mut sums[row * stride..(row + 1) * stride];
                for (sum, value) in sums.iter_mut().zip(compact.tree.value_of(leaf)) {
                    *sum += value;
                }
            }),
        }
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
