//! Products of the columns of a matrix, AᵀA, in one pass over its rows.

use std::ops::Range;

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::blocks::{add, reduce};
use crate::input::BLOCK_ROWS;

/// The lower triangle of AᵀA, where `read` writes a range of rows of A, row by row. On all threads; the bits do not
/// depend on their number.
pub(crate) fn gram(rows: usize, width: usize, read: &(impl Fn(Range<usize>, &mut [f64]) + Sync)) -> Mat<f64> {
    let strip_rows = (16_384 / width).clamp(16, 512);
    let sums = reduce(
        rows,
        4 * BLOCK_ROWS,
        &|range| {
            let mut gram = vec![0.0; width * width];
            let mut buffer = vec![0.0; strip_rows.min(range.len()) * width];
            for start in range.clone().step_by(strip_rows) {
                let end = range.end.min(start + strip_rows);
                let strip = &mut buffer[..(end - start) * width];
                read(start..end, strip);
                let strip = MatRef::from_row_major_slice(strip, end - start, width);
                triangular::matmul(
                    MatMut::from_column_major_slice_mut(&mut gram, width, width),
                    BlockStructure::TriangularLower,
                    Accum::Add,
                    strip.transpose(),
                    BlockStructure::Rectangular,
                    strip,
                    BlockStructure::Rectangular,
                    1.0,
                    Par::Seq,
                );
            }
            gram
        },
        &add,
    );
    Mat::from_fn(width, width, |i, j| if i >= j { sums[j * width + i] } else { 0.0 })
}
