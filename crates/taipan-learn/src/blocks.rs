//! Matrices read in blocks of rows, on all threads, with results that do not depend on their number.
//!
//! Blocks have a fixed size, and their results are combined in a fixed tree, neighbours first. A block is read in
//! strips small enough for the nearest cache.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, s};

use crate::input::BLOCK_ROWS;
use crate::simd::dispatch;

/// Numbers that fit into the nearest cache together with a little more.
const STRIP: usize = 2048;

/// Maps each block of `rows` rows and combines the results.
pub(crate) fn reduce<T: Send>(
    rows: usize,
    block_rows: usize,
    map: &(impl Fn(Range<usize>) -> T + Sync),
    combine: &(impl Fn(T, T) -> T + Sync),
) -> T {
    tree(0..rows.div_ceil(block_rows).max(1), rows, block_rows, map, combine)
}

fn tree<T: Send>(
    blocks: Range<usize>,
    rows: usize,
    block_rows: usize,
    map: &(impl Fn(Range<usize>) -> T + Sync),
    combine: &(impl Fn(T, T) -> T + Sync),
) -> T {
    if blocks.len() <= 1 {
        let start = (blocks.start * block_rows).min(rows);
        return map(start..rows.min(start + block_rows));
    }
    let middle = blocks.start.midpoint(blocks.end);
    let (left, right) = rayon::join(
        || tree(blocks.start..middle, rows, block_rows, map, combine),
        || tree(middle..blocks.end, rows, block_rows, map, combine),
    );
    combine(left, right)
}

/// a ← a + b, element by element.
pub(crate) fn add(mut a: Vec<f64>, b: Vec<f64>) -> Vec<f64> {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b;
    }
    a
}

/// Splits rows into strips for which a matrix of this width fits into the nearest cache.
pub(crate) fn strips(rows: Range<usize>, width: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (STRIP / width.max(1)).clamp(16, 1024);
    rows.clone().step_by(step).map(move |start| start..rows.end.min(start + step))
}

/// Rows in row-major order, without copying where they are so already.
pub(crate) fn row_major<'a>(x: &'a ArrayView2<'_, f64>, rows: Range<usize>) -> Cow<'a, [f64]> {
    let columns = x.ncols();
    if let Some(all) = x.as_slice() {
        return Cow::Borrowed(&all[rows.start * columns..rows.end * columns]);
    }
    Cow::Owned(x.slice(s![rows, ..]).iter().copied().collect())
}

/// Sums, extremes and weight of the columns of a matrix.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// Weighted sum of each column.
    pub(crate) sum: Vec<f64>,
    /// Least value of each column.
    pub(crate) min: Vec<f64>,
    /// Greatest value of each column.
    pub(crate) max: Vec<f64>,
    /// Sum of the weights: the number of rows when there are none.
    pub(crate) weight: f64,
}

impl Profile {
    /// Reads a matrix without NaN once.
    pub(crate) fn of(x: ArrayView2<'_, f64>, weights: Option<ArrayView1<'_, f64>>) -> Self {
        let width = x.ncols();
        reduce(
            x.nrows(),
            BLOCK_ROWS,
            &|rows| {
                let mut profile = Self {
                    sum: vec![0.0; width],
                    min: vec![f64::INFINITY; width],
                    max: vec![f64::NEG_INFINITY; width],
                    weight: 0.0,
                };
                let mut strip_sum = vec![0.0; width];
                for strip in strips(rows, width) {
                    let values = row_major(&x, strip.clone());
                    strip_sum.fill(0.0);
                    dispatch(
                        #[inline(always)]
                        || profile.read(&values, strip, weights, &mut strip_sum),
                    );
                    for (sum, strip) in profile.sum.iter_mut().zip(&strip_sum) {
                        *sum += strip;
                    }
                }
                profile
            },
            &|mut a, b| {
                a.sum = add(a.sum, b.sum);
                a.weight += b.weight;
                for (a, b) in a.min.iter_mut().zip(b.min) {
                    *a = a.min(b);
                }
                for (a, b) in a.max.iter_mut().zip(b.max) {
                    *a = a.max(b);
                }
                a
            },
        )
    }

    #[inline(always)]
    fn read(
        &mut self,
        values: &[f64],
        rows: Range<usize>,
        weights: Option<ArrayView1<'_, f64>>,
        strip_sum: &mut [f64],
    ) {
        let width = self.sum.len();
        let (sum, min, max) = (&mut strip_sum[..width], &mut self.min[..width], &mut self.max[..width]);
        for (row, values) in rows.zip(values.chunks_exact(width)) {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            self.weight += weight;
            for j in 0..width {
                let value = values[j];
                sum[j] += weight * value;
                min[j] = if value < min[j] { value } else { min[j] };
                max[j] = if value > max[j] { value } else { max[j] };
            }
        }
    }

    /// The mean of each column. Rounding must not carry the mean of a constant column off its value: centred, the column
    /// has to vanish, or its rounding error would count as a feature.
    pub(crate) fn means(&self) -> Vec<f64> {
        (0..self.sum.len())
            .map(|j| {
                let constant = self.min[j].total_cmp(&self.max[j]).is_eq() || self.min[j] == self.max[j];
                if constant { self.min[j] } else { self.sum[j] / self.weight }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn every_row_is_read_once() {
        for rows in [0, 1, 10, 11, 45] {
            let seen = reduce(rows, 10, &|rows| rows.collect::<Vec<_>>(), &|a, b| [a, b].concat());
            assert!(seen.into_iter().eq(0..rows), "{rows}");
        }
        for width in [0, 1, 20, 5000] {
            assert!(strips(3..3000, width).flatten().eq(3..3000), "{width}");
        }
    }

    #[test]
    fn a_profile_is_that_of_the_columns() {
        let x = Array2::from_shape_fn((10_000, 3), |(i, j)| [i as f64, 0.1, -(i as f64)][j]);
        let profile = Profile::of(x.view(), None);
        assert_eq!(profile.means(), [4999.5, 0.1, -4999.5]);
        assert_eq!((&profile.min[..], &profile.max[..]), (&[0.0, 0.1, -9999.0][..], &[9999.0, 0.1, 0.0][..]));
        let weights = array![1.0, 3.0];
        let two = Profile::of(array![[2.0], [6.0]].view(), Some(weights.view()));
        assert_eq!((two.means(), two.weight), (vec![5.0], 4.0));
    }
}
