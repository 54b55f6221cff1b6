//! The training data of a linear model, centred and weighted, read in blocks of rows.
//!
//! With sample weights each row is multiplied by the root of its weight, which turns weighted least squares into
//! ordinary ones. Only a strip of rows per thread is ever copied, however many rows there are.

use std::ops::Range;

use faer::{Mat, MatRef};
use ndarray::{ArrayView1, ArrayView2};

use crate::blocks::{Profile, reduce, row_major};
use crate::error::{Error, Result};
use crate::gram::gram;
use crate::simd::dispatch;

/// Features and targets, to be centred when the model has an intercept.
pub(super) struct Design<'a> {
    x: ArrayView2<'a, f64>,
    y: ArrayView2<'a, f64>,
    /// Roots of the sample weights.
    roots: Option<Vec<f64>>,
    /// Mean of each feature, then of each target; zeros without an intercept.
    means: Vec<f64>,
}

impl<'a> Design<'a> {
    /// Takes checked data: at least one row and one feature, finite numbers.
    ///
    /// # Errors
    /// `InvalidParam` when a weight is negative, `Empty` when they add up to 0.
    pub(super) fn new(
        owner: &str,
        x: ArrayView2<'a, f64>,
        y: ArrayView2<'a, f64>,
        weights: Option<ArrayView1<'_, f64>>,
        fit_intercept: bool,
    ) -> Result<Self> {
        check_weights(owner, weights)?;
        let means = if fit_intercept {
            let mut means = Profile::of(x, weights).means();
            means.extend(Profile::of(y, weights).means());
            means
        } else {
            vec![0.0; x.ncols() + y.ncols()]
        };
        Ok(Self { x, y, roots: weights.map(|weights| weights.iter().map(|w| w.sqrt()).collect()), means })
    }

    /// Rows and features.
    pub(super) fn shape(&self) -> (usize, usize) {
        self.x.dim()
    }

    /// Number of targets.
    pub(super) fn n_outputs(&self) -> usize {
        self.y.ncols()
    }

    /// The intercepts that go with these coefficients (one row per target): they put the planes through the means.
    pub(super) fn intercepts(&self, coef: &ndarray::Array2<f64>) -> Vec<f64> {
        let (x_means, y_means) = self.means.split_at(self.x.ncols());
        coef.rows()
            .into_iter()
            .zip(y_means)
            .map(|(coef, y_mean)| y_mean - crate::sum::pairwise_sum(coef.len(), |j| x_means[j] * coef[j]))
            .collect()
    }

    /// All rows as one matrix [X | Y]. For data that is small or wider than tall.
    pub(super) fn matrix(&self) -> Mat<f64> {
        let width = self.means.len();
        let mut rows = Mat::zeros(self.x.nrows(), width);
        let mut buffer = vec![0.0; width];
        for i in 0..self.x.nrows() {
            self.read(i..i + 1, &mut buffer);
            for (j, value) in buffer.iter().enumerate() {
                rows[(i, j)] = *value;
            }
        }
        rows
    }

    /// A matrix [X | Y] with the same least-squares solution and the same singular values as the data but, when there
    /// are many rows, no more rows than columns: the R of its QR decomposition, block by block (Demmel et al., 2012,
    /// "Communication-optimal parallel and sequential QR").
    pub(super) fn reduced(&self) -> Mat<f64> {
        let (rows, width) = (self.x.nrows(), self.means.len());
        // Tall blocks, so that combining them costs little.
        let block_rows = (8 * width).max(512);
        if rows <= block_rows {
            return self.matrix();
        }
        reduce(
            rows,
            block_rows,
            &|range| {
                let mut buffer = vec![0.0; range.len() * width];
                let n = range.len();
                self.read(range, &mut buffer);
                upper_factor(MatRef::from_row_major_slice(&buffer, n, width))
            },
            &|above, below| upper_factor(stack(&above, &below).as_ref()),
        )
    }

    /// The lower triangle of [X | Y]ᵀ[X | Y].
    pub(super) fn gram(&self) -> Mat<f64> {
        gram(self.x.nrows(), self.means.len(), &|range, out| self.read(range, out))
    }

    /// Reads rows of [X | Y] into `out`, row by row.
    fn read(&self, range: Range<usize>, out: &mut [f64]) {
        let (features, outputs, width) = (self.x.ncols(), self.y.ncols(), self.means.len());
        let x = row_major(&self.x, range.clone());
        let y = row_major(&self.y, range.clone());
        let (x_means, y_means) = self.means.split_at(features);
        dispatch(
            #[inline(always)]
            || {
                let rows = x.chunks_exact(features).zip(y.chunks_exact(outputs)).zip(out.chunks_exact_mut(width));
                for ((x, y), out) in rows {
                    let (out_x, out_y) = out.split_at_mut(features);
                    for j in 0..features {
                        out_x[j] = x[j] - x_means[j];
                    }
                    for j in 0..outputs {
                        out_y[j] = y[j] - y_means[j];
                    }
                }
            },
        );
        if let Some(roots) = &self.roots {
            for (out, root) in out.chunks_exact_mut(width).zip(&roots[range]) {
                for value in out {
                    *value *= root;
                }
            }
        }
    }
}

/// Weights that are not negative and do not add up to 0.
pub(crate) fn check_weights(owner: &str, weights: Option<ArrayView1<'_, f64>>) -> Result<()> {
    let Some(weights) = weights else {
        return Ok(());
    };
    if let Some(weight) = weights.iter().find(|weight| **weight < 0.0) {
        return Err(Error::invalid(owner, "sample_weight", weight, "at least 0"));
    }
    let sum = weights.sum();
    if sum == 0.0 {
        return Err(Error::empty("the sample weights add up to 0"));
    }
    if sum.is_finite() { Ok(()) } else { Err(Error::overflow("the sum of the sample weights")) }
}

fn upper_factor(a: MatRef<'_, f64>) -> Mat<f64> {
    a.qr().thin_R().to_owned()
}

fn stack(above: &Mat<f64>, below: &Mat<f64>) -> Mat<f64> {
    let top = above.nrows();
    let mut both = Mat::zeros(top + below.nrows(), above.ncols());
    both.subrows_mut(0, top).copy_from(above);
    both.subrows_mut(top, below.nrows()).copy_from(below);
    both
}
