//! The two steps of Lloyd's algorithm in one pass: each row to its nearest centre, each centre to the mean of its rows.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::blocks::{row_major, strips};
use crate::input::BLOCK_ROWS;
use crate::simd::dispatch;

/// Centres side by side in one step of the search for the nearest.
const TILE: usize = 8;
/// Rows in one such step.
const ROWS: usize = 4;

/// Centres, laid out for the search.
pub(super) struct Centres {
    /// For each tile of centres and each feature, −2 times the feature of each centre.
    tiles: Vec<[f64; TILE]>,
    /// Squared norm of each centre; infinite where a tile has no centre.
    norms: Vec<[f64; TILE]>,
    features: usize,
}

/// What a pass found out: for each cluster the sum of its rows, and their weight.
pub(super) struct Pass {
    pub(super) sums: Array2<f64>,
    pub(super) weights: Vec<f64>,
    /// Rows that changed their cluster.
    pub(super) changed: usize,
}

impl Centres {
    pub(super) fn new(centres: &Array2<f64>) -> Self {
        let (count, features) = centres.dim();
        let tiles = count.div_ceil(TILE);
        let mut norms = vec![[f64::INFINITY; TILE]; tiles];
        let mut values = vec![[0.0; TILE]; tiles * features];
        for (k, centre) in centres.rows().into_iter().enumerate() {
            let (tile, lane) = (k / TILE, k % TILE);
            norms[tile][lane] = centre.iter().map(|v| v * v).sum();
            for (j, v) in centre.iter().enumerate() {
                values[tile * features + j][lane] = -2.0 * v;
            }
        }
        Self { tiles: values, norms, features }
    }

    /// The nearest centre of each row; the first of equally near ones.
    #[inline(always)]
    fn nearest(&self, x: &[f64], labels: &mut [u32]) {
        let features = self.features;
        let (fours, rest) = labels.as_chunks_mut::<ROWS>();
        let done = fours.len() * ROWS * features;
        for (labels, x) in fours.iter_mut().zip(x.chunks_exact(ROWS * features)) {
            let row = |i: usize| &x[i * features..(i + 1) * features];
            *labels = self.nearest_of([row(0), row(1), row(2), row(3)]);
        }
        for (label, x) in rest.iter_mut().zip(x[done..].chunks_exact(features)) {
            *label = self.nearest_of([x; ROWS])[0];
        }
    }

    #[inline(always)]
    fn nearest_of(&self, rows: [&[f64]; ROWS]) -> [u32; ROWS] {
        let features = self.features;
        let rows = rows.map(|row| &row[..features]);
        let mut least = [[f64::INFINITY; TILE]; ROWS];
        let mut at = [[0.0; TILE]; ROWS];
        for (tile, norms) in self.norms.iter().enumerate() {
            let values = &self.tiles[tile * features..(tile + 1) * features];
            let mut scores = [*norms; ROWS];
            for (j, centre) in values.iter().enumerate() {
                for i in 0..ROWS {
                    let v = rows[i][j];
                    for lane in 0..TILE {
                        scores[i][lane] = v.mul_add(centre[lane], scores[i][lane]);
                    }
                }
            }
            let tile = tile as f64;
            for i in 0..ROWS {
                for lane in 0..TILE {
                    let nearer = scores[i][lane] < least[i][lane];
                    least[i][lane] = if nearer { scores[i][lane] } else { least[i][lane] };
                    at[i][lane] = if nearer { tile } else { at[i][lane] };
                }
            }
        }
        let mut labels = [0; ROWS];
        for i in 0..ROWS {
            let mut best = (least[i][0], at[i][0] as u32 * TILE as u32);
            for lane in 1..TILE {
                let other = (least[i][lane], at[i][lane] as u32 * TILE as u32 + lane as u32);
                if other.0 < best.0 || other.0 == best.0 && other.1 < best.1 {
                    best = other;
                }
            }
            labels[i] = best.1;
        }
        labels
    }
}

/// Assigns each row to its nearest centre, in `labels`, and sums up the rows of each cluster.
pub(super) fn pass(x: ArrayView2<'_, f64>, weights: Option<&[f64]>, centres: &Array2<f64>, labels: &mut [u32]) -> Pass {
    let (count, features) = centres.dim();
    let prepared = Centres::new(centres);
    // Each block's sums, then its weights, then its changes.
    let parts: Vec<(Vec<f64>, Vec<f64>, usize)> = labels
        .par_chunks_mut(BLOCK_ROWS)
        .enumerate()
        .map(|(block, labels)| {
            let start = block * BLOCK_ROWS;
            let (mut sums, mut totals, mut changed) = (vec![0.0; count * features], vec![0.0; count], 0);
            let mut fresh = [0; 1024];
            for strip in strips(start..start + labels.len(), features) {
                let values = row_major(&x, strip.clone());
                let labels = &mut labels[strip.start - start..strip.end - start];
                let fresh = &mut fresh[..strip.len()];
                dispatch(
                    #[inline(always)]
                    || {
                        prepared.nearest(&values, fresh);
                        for ((i, label), row) in strip.zip(fresh.iter()).zip(values.chunks_exact(features)) {
                            let (label, weight) = (*label as usize, weights.map_or(1.0, |weights| weights[i]));
                            totals[label] += weight;
                            let sums = &mut sums[label * features..(label + 1) * features];
                            for (sum, v) in sums.iter_mut().zip(row) {
                                *sum = weight.mul_add(*v, *sum);
                            }
                        }
                    },
                );
                changed += labels.iter().zip(fresh.iter()).filter(|(old, new)| old != new).count();
                labels.copy_from_slice(fresh);
            }
            (sums, totals, changed)
        })
        .collect();
    let mut found = Pass { sums: Array2::zeros((count, features)), weights: vec![0.0; count], changed: 0 };
    for (sums, totals, changed) in parts {
        for (sum, part) in found.sums.iter_mut().zip(sums) {
            *sum += part;
        }
        for (total, part) in found.weights.iter_mut().zip(totals) {
            *total += part;
        }
        found.changed += changed;
    }
    found
}

/// The nearest centre of each row.
pub(super) fn labels(x: ArrayView2<'_, f64>, centres: &Array2<f64>) -> Vec<u32> {
    let mut labels = vec![0; x.nrows()];
    let (prepared, features) = (Centres::new(centres), x.ncols());
    labels.par_chunks_mut(BLOCK_ROWS).enumerate().for_each(|(block, labels)| {
        let start = block * BLOCK_ROWS;
        let values = row_major(&x, start..start + labels.len());
        debug_assert_eq!(values.len(), labels.len() * features);
        dispatch(
            #[inline(always)]
            || prepared.nearest(&values, labels),
        );
    });
    labels
}

/// The weighted sum of the squared distances of rows to their centres.
pub(super) fn inertia(x: ArrayView2<'_, f64>, weights: Option<&[f64]>, centres: &Array2<f64>, labels: &[u32]) -> f64 {
    let one = |range: Range<usize>| {
        let values = row_major(&x, range.clone());
        let centres = centres.as_standard_layout();
        let all = centres.as_slice().unwrap_or_default();
        let features = x.ncols();
        dispatch(
            #[inline(always)]
            || {
                let mut sum = 0.0;
                for (i, row) in range.zip(values.chunks_exact(features)) {
                    let at = labels[i] as usize * features;
                    sum += weights.map_or(1.0, |weights| weights[i]) * squared_distance(row, &all[at..at + features]);
                }
                sum
            },
        )
    };
    crate::blocks::reduce(x.nrows(), BLOCK_ROWS, &one, &|a, b| a + b)
}

/// ‖a − b‖².
#[inline(always)]
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for k in 0..8 {
            let d = a[k] - b[k];
            sums[k] = d.mul_add(d, sums[k]);
        }
    }
    for (k, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        let d = a - b;
        sums[k] = d.mul_add(d, sums[k]);
    }
    crate::simd::fold(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::RandomState;

    #[test]
    fn the_nearest_centre_is_found_whatever_their_number() {
        let mut random = RandomState::new(9);
        for (count, features) in [(1, 1), (7, 3), (8, 2), (9, 5), (20, 20)] {
            let centres = Array2::from_shape_simple_fn((count, features), || random.standard_normal());
            let x = Array2::from_shape_simple_fn((43, features), || random.standard_normal());
            let found = labels(x.view(), &centres);
            for (row, label) in x.rows().into_iter().zip(found) {
                let distance = |k: usize| centres.row(k).iter().zip(row).map(|(c, v)| (c - v) * (c - v)).sum::<f64>();
                let best = (0..count).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
                assert_eq!(label as usize, best);
            }
        }
        let twice = ndarray::array![[1.0], [5.0], [1.0]];
        assert_eq!(labels(ndarray::array![[1.0], [0.0]].view(), &twice), [0, 0]);
    }
}
