//! From rows to leaves and predictions, for one tree and for sums over many.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::input::{Nan, check_predict};
use crate::onnx::{Answer, Graph, Tensor};

use super::compact::{Batch, Compact};
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

    pub(super) fn next(&self, node: usize, row: &[f32]) -> usize {
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

/// Rows that go through all trees together: as many as the second cache holds beside a large tree, since each tree is read
/// from the third anew.
const ROWS_AT_A_TIME: usize = 8192;

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
    // What a row gives does not depend on the rows beside it.
    let block_rows = x.nrows().div_ceil(rayon::current_num_threads()).clamp(256, ROWS_AT_A_TIME);
    out.par_chunks_mut(block_rows * width).enumerate().try_for_each(|(block, out)| {
        let start = block * block_rows;
        let rows = rows(x.slice(s![start..start + out.len() / width, ..]), start)?;
        compute(&rows, out);
        Ok(())
    })?;
    let n = out.len() / width;
    Array2::from_shape_vec((n, width), out).map_err(|_| Error::overflow("the number of predictions"))
}

/// Adds each tree's prediction for each row, in tree order.
pub(crate) fn add_values(trees: &[Compact<'_>], n_features: usize, rows: &[f32], sums: &mut [f64]) {
    let batch = Batch::new(rows, n_features);
    for compact in trees {
        let values = compact.values();
        // Classes are mostly two, and numbers one.
        match compact.stride() {
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
                for (sum, value) in sums.iter_mut().zip(&values[leaf * stride..(leaf + 1) * stride]) {
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
