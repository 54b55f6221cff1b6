//! The nearest of some centres.

use rayon::prelude::*;

use super::points::{LANES, Lanes, Points, squared_distance};
use crate::input::BLOCK_ROWS;
use crate::simd::dispatch;

/// Centres that a tile of rows is compared with at a time.
const GROUP: usize = 4;

/// Centres, laid out for the search.
pub(super) struct Centres {
    /// For each group and each feature, −2 times the feature of each centre.
    groups: Vec<[f64; GROUP]>,
    /// Squared norm of each centre; infinite where a group has no centre.
    norms: Vec<[f64; GROUP]>,
    features: usize,
}

/// The nearest centre of each row of a tile, the first of equally near ones, with the squared distances to it and to the
/// next, each less the squared norm of the row.
pub(super) struct Nearest {
    pub(super) labels: [u32; LANES],
    pub(super) first: Lanes,
    pub(super) second: Lanes,
}

impl Centres {
    pub(super) fn new(centres: &[Vec<f64>]) -> Self {
        let features = centres.first().map_or(0, Vec::len);
        let n_groups = centres.len().div_ceil(GROUP);
        let mut norms = vec![[f64::INFINITY; GROUP]; n_groups];
        let mut groups = vec![[0.0; GROUP]; n_groups * features];
        for (k, centre) in centres.iter().enumerate() {
            let (group, at) = (k / GROUP, k % GROUP);
            norms[group][at] = centre.iter().map(|v| v * v).sum();
            for (j, v) in centre.iter().enumerate() {
                groups[group * features + j][at] = -2.0 * v;
            }
        }
        Self { groups, norms, features }
    }

    #[inline(always)]
    pub(super) fn nearest(&self, tile: &[Lanes]) -> Nearest {
        let (mut first, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
        let mut at = [0.0; LANES];
        for (group, norms) in self.norms.iter().enumerate() {
            let centres = &self.groups[group * self.features..(group + 1) * self.features];
            let mut scores = norms.map(|norm| [norm; LANES]);
            for (centre, values) in centres.iter().zip(tile) {
                for k in 0..GROUP {
                    for lane in 0..LANES {
                        scores[k][lane] = values[lane].mul_add(centre[k], scores[k][lane]);
                    }
                }
            }
            for (k, scores) in scores.iter().enumerate() {
                let number = (group * GROUP + k) as f64;
                for lane in 0..LANES {
                    let score = scores[lane];
                    let nearer = score < first[lane];
                    let other = if nearer { first[lane] } else { score };
                    second[lane] = if other < second[lane] { other } else { second[lane] };
                    first[lane] = if nearer { score } else { first[lane] };
                    at[lane] = if nearer { number } else { at[lane] };
                }
            }
        }
        Nearest { labels: at.map(|at| at as u32), first, second }
    }
}

/// The nearest centre of each row.
pub(super) fn labels(points: &Points<'_>, centres: &[Vec<f64>]) -> Vec<u32> {
    let mut labels = vec![0; points.n_rows()];
    let prepared = Centres::new(centres);
    labels.par_chunks_mut(BLOCK_ROWS).enumerate().for_each(|(block, labels)| {
        let start = block * BLOCK_ROWS;
        let rows: Vec<u32> = (start as u32..).take(labels.len()).collect();
        let mut chunks = labels.chunks_mut(LANES);
        dispatch(
            #[inline(always)]
            || {
                points.tiles(
                    &rows,
                    #[inline(always)]
                    |tile, rows| {
                        let found = prepared.nearest(tile);
                        if let Some(labels) = chunks.next() {
                            labels.copy_from_slice(&found.labels[..rows.len()]);
                        }
                    },
                );
            },
        );
    });
    labels
}

/// The distance of each row to each centre, row by row.
pub(super) fn distances(points: &Points<'_>, centres: &[Vec<f64>]) -> Vec<f64> {
    let mut out = vec![0.0; points.n_rows() * centres.len()];
    out.par_chunks_mut(BLOCK_ROWS * centres.len()).enumerate().for_each(|(block, out)| {
        for (i, out) in out.chunks_exact_mut(centres.len()).enumerate() {
            let row = points.row(block * BLOCK_ROWS + i);
            for (out, centre) in out.iter_mut().zip(centres) {
                *out = squared_distance(&row, centre).sqrt();
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::random::RandomState;

    #[test]
    fn the_nearest_centre_is_found_whatever_their_number() {
        let mut random = RandomState::new(9);
        for (count, features) in [(1, 1), (7, 3), (8, 2), (9, 5), (20, 20)] {
            let mut row = || (0..features).map(|_| random.standard_normal()).collect::<Vec<_>>();
            let centres: Vec<Vec<f64>> = (0..count).map(|_| row()).collect();
            let x = Array2::from_shape_vec((43, features), (0..43).flat_map(|_| row()).collect()).unwrap();
            let found = labels(&Points::plain(x.view()), &centres);
            for (row, label) in x.rows().into_iter().zip(found) {
                let distance = |k: usize| squared_distance(row.as_slice().unwrap(), &centres[k]);
                let best = (0..count).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
                assert_eq!(label as usize, best);
            }
        }
        let twice = [vec![1.0], vec![5.0], vec![1.0]];
        assert_eq!(labels(&Points::plain(array![[1.0], [0.0]].view()), &twice), [0, 0]);
        assert_eq!(distances(&Points::plain(array![[1.0], [9.0]].view()), &twice), [0.0, 4.0, 0.0, 8.0, 4.0, 8.0]);
    }
}
