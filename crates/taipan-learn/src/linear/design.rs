//! The centred training data of a linear model, read in blocks of rows.
//!
//! Only one block per thread is ever copied, however many rows there are. Blocks have a fixed size and their results
//! are combined in a fixed tree, so the bits do not depend on the number of threads.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, Par};
use ndarray::{ArrayView1, ArrayView2};

use crate::input::BLOCK_ROWS;
use crate::sum::pairwise_sum;

/// Features and target, to be centred when the model has an intercept.
pub(super) struct Design<'a> {
    x: ArrayView2<'a, f64>,
    y: ArrayView1<'a, f64>,
    block_rows: usize,
    /// Mean of each feature, then of the target; zeros without an intercept.
    means: Vec<f64>,
}

impl<'a> Design<'a> {
    /// Takes checked data: at least one row and one feature, finite numbers.
    pub(super) fn new(x: ArrayView2<'a, f64>, y: ArrayView1<'a, f64>, fit_intercept: bool) -> Self {
        let width = x.ncols() + 1;
        let mut design = Self {
            x,
            y,
            // Tall blocks, so that combining them costs little.
            block_rows: BLOCK_ROWS.max(8 * width),
            means: vec![0.0; width],
        };
        if fit_intercept {
            design.means = design.column_means();
        }
        design
    }

    /// Rows and features.
    pub(super) fn shape(&self) -> (usize, usize) {
        self.x.dim()
    }

    /// The intercept that goes with these coefficients: it puts the plane through the means.
    pub(super) fn intercept(&self, coef: &[f64]) -> f64 {
        let (y_mean, x_means) = self.means.split_last().unwrap_or((&0.0, &[]));
        y_mean - pairwise_sum(coef.len(), |j| x_means[j] * coef[j])
    }

    /// All rows as one matrix [X | y], centred. For data that is small or wider than tall.
    pub(super) fn matrix(&self) -> Mat<f64> {
        self.rows(0, self.x.nrows())
    }

    /// A matrix [X | y] with the same least-squares solution and the same singular values as the data but, when there
    /// are many rows, no more rows than columns: the R of its QR decomposition, block by block (Demmel et al., 2012,
    /// "Communication-optimal parallel and sequential QR").
    pub(super) fn reduced(&self) -> Mat<f64> {
        if self.blocks() == 1 {
            return self.matrix();
        }
        self.reduce(&|start, end| upper_factor(&self.rows(start, end)), &|above, below| {
            upper_factor(&stack(&above, &below))
        })
    }

    /// The lower triangle of [X | y]ᵀ[X | y].
    pub(super) fn gram(&self) -> Mat<f64> {
        let width = self.means.len();
        self.reduce(
            &|start, end| {
                let rows = self.rows(start, end);
                let mut gram = Mat::zeros(width, width);
                triangular::matmul(
                    gram.as_mut(),
                    BlockStructure::TriangularLower,
                    Accum::Replace,
                    rows.transpose(),
                    BlockStructure::Rectangular,
                    rows.as_ref(),
                    BlockStructure::Rectangular,
                    1.0,
                    Par::Seq,
                );
                gram
            },
            &|a, b| a + b,
        )
    }

    fn column_means(&self) -> Vec<f64> {
        let width = self.means.len();
        let n = self.x.nrows();
        let sums = self.reduce(
            &|start, end| {
                let rows = self.rows(start, end);
                let sum = |j| {
                    let column = rows.col(j);
                    pairwise_sum(end - start, |i| column[i])
                };
                (0..width).map(sum).collect::<Vec<f64>>()
            },
            &|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect(),
        );
        let column = |j| {
            if j + 1 < width { self.x.column(j) } else { self.y }
        };
        (0..width)
            .map(|j| {
                // Rounding must not carry the mean of a constant column off its value: centred, the column has to
                // vanish, or its rounding error would count as a feature.
                let first = column(j)[0];
                if column(j).iter().all(|value| value.total_cmp(&first).is_eq()) { first } else { sums[j] / n as f64 }
            })
            .collect()
    }

    /// Rows `start..end` of [X | y], centred.
    fn rows(&self, start: usize, end: usize) -> Mat<f64> {
        let mut rows = Mat::zeros(end - start, self.means.len());
        let columns = self.x.columns().into_iter().chain([self.y]);
        for ((out, column), mean) in rows.col_iter_mut().zip(columns).zip(&self.means) {
            let values = column.slice_move(ndarray::s![start..end]);
            for (out, value) in out.iter_mut().zip(values) {
                *out = value - mean;
            }
        }
        rows
    }

    fn blocks(&self) -> usize {
        self.x.nrows().div_ceil(self.block_rows)
    }

    /// Maps each block of rows and combines the results, neighbours first, on all threads.
    fn reduce<T: Send>(&self, map: &(impl Fn(usize, usize) -> T + Sync), combine: &(impl Fn(T, T) -> T + Sync)) -> T {
        self.reduce_blocks(0, self.blocks(), map, combine)
    }

    fn reduce_blocks<T: Send>(
        &self,
        first: usize,
        end: usize,
        map: &(impl Fn(usize, usize) -> T + Sync),
        combine: &(impl Fn(T, T) -> T + Sync),
    ) -> T {
        if end - first <= 1 {
            let start = first * self.block_rows;
            return map(start, self.x.nrows().min(start + self.block_rows));
        }
        let middle = first.midpoint(end);
        let (left, right) = rayon::join(
            || self.reduce_blocks(first, middle, map, combine),
            || self.reduce_blocks(middle, end, map, combine),
        );
        combine(left, right)
    }
}

fn upper_factor(a: &Mat<f64>) -> Mat<f64> {
    a.qr().thin_R().to_owned()
}

fn stack(above: &Mat<f64>, below: &Mat<f64>) -> Mat<f64> {
    let top = above.nrows();
    let mut both = Mat::zeros(top + below.nrows(), above.ncols());
    both.subrows_mut(0, top).copy_from(above);
    both.subrows_mut(top, below.nrows()).copy_from(below);
    both
}
