//! From rows to leaves and predictions, for one tree and for sums over many.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::input::{Nan, check_predict, check_width};
use crate::onnx::{Answer, Graph, Tensor};

use super::compact::{Batch, Compact};
use super::data::rows;

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
    check_width(x, n_features)?;
    let mut out = vec![T::default(); x.nrows() * width];
    // What a row gives does not depend on the rows beside it.
    let block_rows = x.nrows().div_ceil(rayon::current_num_threads()).clamp(256, ROWS_AT_A_TIME);
    let done: Result<()> = out.par_chunks_mut(block_rows * width).enumerate().try_for_each(|(block, out)| {
        let start = block * block_rows;
        let x = x.slice(s![start..start + out.len() / width, ..]);
        let rows = rows(x, start)?;
        if nan == Nan::Refused && Batch::new(&rows, n_features).has_missing() {
            check_predict(x, n_features, nan)?;
        }
        compute(&rows, out);
        Ok(())
    });
    if done.is_err() {
        // Whichever thread was first: the error is that of the first row.
        check_predict(x, n_features, nan)?;
        for start in (0..x.nrows()).step_by(block_rows) {
            rows(x.slice(s![start..x.nrows().min(start + block_rows), ..]), start)?;
        }
    }
    done?;
    let n = out.len() / width;
    Array2::from_shape_vec((n, width), out).map_err(|_| Error::overflow("the number of predictions"))
}

/// Adds each tree's prediction for each row, in tree order.
pub(crate) fn add_values(trees: &[Compact<'_>], n_features: usize, rows: &[f32], sums: &mut [f64]) {
    let batch = Batch::new(rows, n_features);
    for tree in trees {
        tree.add_values(batch, sums);
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
    pub(crate) fn probabilities(&self, values: Array2<f64>) -> Vec<Array2<f64>> {
        if self.n_outputs == 1 {
            return vec![values];
        }
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
