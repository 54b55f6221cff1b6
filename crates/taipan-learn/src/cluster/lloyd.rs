//! Lloyd's algorithm: rows go to their nearest centre, centres to the mean of their rows.
//!
//! A row is compared with all centres only when it may have a new nearest one. Two bounds say when it cannot (Hamerly,
//! 2010, "Making k-means even faster"): of its distance to its own centre from above, and to all others from below. Both
//! are kept up to date by how far the centres have moved, with room for rounding, so the labels are those of a search
//! that compares all. Sums of rows change by the rows that change their cluster.

use rayon::prelude::*;

use super::assign::Centres;
use super::points::{LANES, Lanes, Points, squared_distance};
use crate::input::BLOCK_ROWS;
use crate::simd::dispatch;

/// Sums are computed anew when a cluster has lost so much of its weight that rounding errors could matter.
const LOST: f64 = 1.0 / 16.0;

/// Where the search from one start ended.
pub(super) struct Found {
    pub(super) centres: Vec<Vec<f64>>,
    pub(super) labels: Vec<u32>,
    pub(super) inertia: f64,
    pub(super) n_iter: usize,
}

/// The sum of the rows of each cluster, and their weight.
#[derive(Clone)]
struct Totals {
    sums: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

/// What is known of the rows.
struct Rows {
    labels: Vec<u32>,
    /// At least the distance of each row to its centre.
    upper: Vec<f64>,
    /// At most the distance of each row to any other centre.
    lower: Vec<f64>,
}

/// How the centres have moved since the bounds were made.
struct Moves {
    /// At least how far each centre has moved.
    own: Vec<f64>,
    /// At least how far any other centre has moved.
    others: Vec<f64>,
    /// At most half the distance of each centre to the next.
    half_gaps: Vec<f64>,
    /// How much squared distances must differ for the difference to be no rounding error.
    slack: f64,
}

/// What a pass over a block changed.
struct Change {
    totals: Totals,
    rows: usize,
}

/// Searches from `centres` until no row changes its cluster, the centres move by no more than `tolerance` (squared), or
/// `max_iter` passes are done. `greatest` is the greatest squared norm of a row.
pub(super) fn search(
    points: &Points<'_>,
    mut centres: Vec<Vec<f64>>,
    max_iter: usize,
    tolerance: f64,
    greatest: f64,
) -> Found {
    let n = points.n_rows();
    let mut rows = Rows { labels: vec![u32::MAX; n], upper: vec![f64::INFINITY; n], lower: vec![0.0; n] };
    let mut totals = Totals::zeros(centres.len(), points.n_features());
    let mut most = totals.weights.clone();
    let mut before = centres.clone();
    let (mut n_iter, mut settled) = (0, false);
    while n_iter < max_iter {
        n_iter += 1;
        let changed = rows.pass(points, &centres, &Moves::new(&before, &centres, greatest), &mut totals);
        if totals.weights.iter().zip(&most).any(|(weight, most)| *weight < LOST * most) {
            totals = rows.totals(points, centres.len());
            most.clone_from(&totals.weights);
        }
        for (most, weight) in most.iter_mut().zip(&totals.weights) {
            *most = most.max(*weight);
        }
        let mut settling = totals.clone();
        settling.relocate(points, &centres, &rows.labels);
        before = std::mem::replace(&mut centres, settling.means());
        let shift: f64 = before.iter().zip(&centres).map(|(a, b)| squared_distance(a, b)).sum();
        settled = changed == 0;
        if settled || shift <= tolerance {
            break;
        }
    }
    if !settled {
        // The centres have moved since the rows were assigned.
        rows.pass(points, &centres, &Moves::new(&before, &centres, greatest), &mut totals);
    }
    let inertia = points.inertia(&centres, &rows.labels);
    Found { centres, labels: rows.labels, inertia, n_iter }
}

impl Moves {
    fn new(before: &[Vec<f64>], centres: &[Vec<f64>], greatest: f64) -> Self {
        let zero = vec![0.0; centres.first().map_or(0, Vec::len)];
        let norm2 =
            centres.iter().chain(before).fold(greatest, |most, centre| most.max(squared_distance(centre, &zero)));
        // A distance from products errs by a few times as many rounding errors as it has terms.
        let error = 16.0 * (zero.len() + 8) as f64 * f64::EPSILON;
        let slack = error * norm2;
        let own: Vec<f64> = before
            .iter()
            .zip(centres)
            .map(|(a, b)| squared_distance(a, b).sqrt() * (1.0 + error) + f64::EPSILON * 8.0 * norm2.sqrt())
            .collect();
        let others = (0..own.len())
            .map(|k| {
                own.iter().enumerate().filter(|(other, _)| *other != k).fold(0.0, |most: f64, (_, own)| most.max(*own))
            })
            .collect();
        let gap = |k: usize| {
            let others = centres.iter().enumerate().filter(|(other, _)| *other != k);
            others.map(|(_, other)| squared_distance(&centres[k], other)).fold(f64::INFINITY, f64::min)
        };
        let half_gaps = (0..centres.len()).map(|k| 0.5 * gap(k).sqrt() * (1.0 - error)).collect();
        Self { own, others, half_gaps, slack }
    }
}

impl Rows {
    /// Gives each row its nearest centre, and the clusters what they gain and lose; returns how many rows changed theirs.
    fn pass(&mut self, points: &Points<'_>, centres: &[Vec<f64>], moves: &Moves, totals: &mut Totals) -> usize {
        let prepared = Centres::new(centres);
        let changes: Vec<Change> = self
            .labels
            .par_chunks_mut(BLOCK_ROWS)
            .zip(self.upper.par_chunks_mut(BLOCK_ROWS))
            .zip(self.lower.par_chunks_mut(BLOCK_ROWS))
            .enumerate()
            .map(|(block, ((labels, upper), lower))| {
                let start = block * BLOCK_ROWS;
                let mut change = Change { totals: Totals::zeros(centres.len(), points.n_features()), rows: 0 };
                dispatch(
                    #[inline(always)]
                    || {
                        let doubtful = moves.doubtful(start, labels, upper, lower);
                        points.tiles(
                            &doubtful,
                            #[inline(always)]
                            |tile, rows| {
                                let found = prepared.nearest(tile);
                                let norms = norms2(tile);
                                let (mut first, mut second) = (found.first, found.second);
                                for lane in 0..LANES {
                                    let (at_most, at_least) = (
                                        first[lane] + norms[lane] + moves.slack,
                                        second[lane] + norms[lane] - moves.slack,
                                    );
                                    first[lane] = if at_most > 0.0 { at_most } else { 0.0 }.sqrt();
                                    second[lane] = if at_least > 0.0 { at_least } else { 0.0 }.sqrt();
                                }
                                for (lane, &row) in rows.iter().enumerate() {
                                    let i = row as usize - start;
                                    (upper[i], lower[i]) = (first[lane], second[lane]);
                                    if labels[i] != found.labels[lane] {
                                        change.of(points, row as usize, labels[i], found.labels[lane]);
                                        labels[i] = found.labels[lane];
                                    }
                                }
                            },
                        );
                    },
                );
                change
            })
            .collect();
        let mut changed = 0;
        for change in changes {
            totals.add(&change.totals);
            changed += change.rows;
        }
        changed
    }

    /// The totals from all rows.
    fn totals(&self, points: &Points<'_>, count: usize) -> Totals {
        let parts: Vec<Totals> = self
            .labels
            .par_chunks(BLOCK_ROWS)
            .enumerate()
            .map(|(block, labels)| {
                let mut change = Change { totals: Totals::zeros(count, points.n_features()), rows: 0 };
                for (row, label) in (block * BLOCK_ROWS..).zip(labels) {
                    change.of(points, row, u32::MAX, *label);
                }
                change.totals
            })
            .collect();
        let mut totals = Totals::zeros(count, points.n_features());
        for part in &parts {
            totals.add(part);
        }
        totals
    }
}

impl Moves {
    /// Moves the bounds, and lists the rows that may have a new nearest centre.
    #[inline(always)]
    fn doubtful(&self, start: usize, labels: &[u32], upper: &mut [f64], lower: &mut [f64]) -> Vec<u32> {
        let mut doubtful = vec![0; labels.len()];
        let mut count = 0;
        for (i, label) in labels.iter().enumerate() {
            let label = *label as usize;
            let (own, others, half_gap) = match self.own.get(label) {
                Some(own) => (*own, self.others[label], self.half_gaps[label]),
                None => (0.0, 0.0, 0.0),
            };
            let (high, low) = (upper[i] + own, lower[i] - others);
            (upper[i], lower[i]) = (high, low);
            let bound = if low > half_gap { low } else { half_gap };
            let certain = bound > high && (bound - high) * (bound + high) > self.slack;
            doubtful[count] = (start + i) as u32;
            count += usize::from(!certain);
        }
        doubtful.truncate(count);
        doubtful
    }
}

impl Change {
    /// A row goes from one cluster, if it was in any, to another.
    #[inline(always)]
    fn of(&mut self, points: &Points<'_>, row: usize, from: u32, to: u32) {
        let weight = points.weight(row);
        if let Some(total) = self.totals.weights.get_mut(from as usize) {
            *total -= weight;
            points.add(row, -weight, &mut self.totals.sums[from as usize]);
        }
        self.totals.weights[to as usize] += weight;
        points.add(row, weight, &mut self.totals.sums[to as usize]);
        self.rows += 1;
    }
}

impl Totals {
    fn zeros(count: usize, features: usize) -> Self {
        Self { sums: vec![vec![0.0; features]; count], weights: vec![0.0; count] }
    }

    fn add(&mut self, other: &Self) {
        for (sum, other) in self.sums.iter_mut().flatten().zip(other.sums.iter().flatten()) {
            *sum += other;
        }
        for (weight, other) in self.weights.iter_mut().zip(&other.weights) {
            *weight += other;
        }
    }

    /// The mean of each cluster; that of the largest for a cluster that has no rows.
    fn means(&self) -> Vec<Vec<f64>> {
        let largest =
            (1..self.weights.len()).fold(0, |best, k| if self.weights[k] > self.weights[best] { k } else { best });
        (0..self.weights.len())
            .map(|k| if self.weights[k] > 0.0 { k } else { largest })
            .map(|source| self.sums[source].iter().map(|sum| sum / self.weights[source]).collect())
            .collect()
    }

    /// Gives each cluster without rows the row that is farthest from its centre.
    fn relocate(&mut self, points: &Points<'_>, centres: &[Vec<f64>], labels: &[u32]) {
        let empty: Vec<usize> = (0..self.weights.len()).filter(|&k| self.weights[k] == 0.0).collect();
        if empty.is_empty() {
            return;
        }
        let distance = |(row, label): (usize, &u32)| squared_distance(&points.row(row), &centres[*label as usize]);
        let distances: Vec<f64> = labels.par_iter().enumerate().map(distance).collect();
        let mut farthest: Vec<usize> = (0..labels.len()).collect();
        farthest.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]));
        if farthest.first().is_none_or(|&row| distances[row] == 0.0) {
            return;
        }
        for (cluster, row) in empty.into_iter().zip(farthest) {
            let (weight, old) = (points.weight(row), labels[row] as usize);
            points.add(row, -weight, &mut self.sums[old]);
            self.sums[cluster].fill(0.0);
            points.add(row, weight, &mut self.sums[cluster]);
            self.weights[cluster] = weight;
            self.weights[old] -= weight;
        }
    }
}

/// The squared norm of each row of a tile.
#[inline(always)]
fn norms2(tile: &[Lanes]) -> Lanes {
    let mut norms = [0.0; LANES];
    for values in tile {
        for lane in 0..LANES {
            norms[lane] = values[lane].mul_add(values[lane], norms[lane]);
        }
    }
    norms
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::assign::labels;
    use super::*;
    use crate::random::RandomState;

    /// Lloyd's algorithm as it is written down.
    fn plain(points: &Points<'_>, mut centres: Vec<Vec<f64>>, max_iter: usize) -> (Vec<Vec<f64>>, Vec<u32>) {
        let mut before = Vec::new();
        for _ in 0..max_iter {
            let found = labels(points, &centres);
            let settled = found == before;
            before = found;
            let rows = Rows { labels: before.clone(), upper: Vec::new(), lower: Vec::new() };
            let mut totals = rows.totals(points, centres.len());
            totals.relocate(points, &centres, &rows.labels);
            centres = totals.means();
            if settled {
                return (centres, before);
            }
        }
        let found = labels(points, &centres);
        (centres, found)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bounds_change_nothing(
            seed in 0_u32..1_000_000, (n, p, k) in (12_usize..6000, 1_usize..9, 1_usize..12), max_iter in 1_usize..30,
            (grid, weighted) in (any::<bool>(), any::<bool>()), scale in -3_i32..4,
        ) {
            let mut random = RandomState::new(seed);
            let (scale, offset) = (10.0_f64.powi(scale), random.standard_normal() * 100.0);
            let x = Array2::from_shape_simple_fn((n, p), || {
                let v = random.standard_normal() + 2.0 * (random.random_sample() * 5.0).floor();
                if grid { v.round() } else { scale * v + offset }
            });
            let weights: Vec<f64> = (0..n).map(|_| (random.random_sample() * 4.0).floor()).collect();
            let weights = weighted.then_some(weights.as_slice());
            let mut points = Points::centred(x.view(), weights);
            if grid {
                points = Points::plain(x.view());
                points.weights = weights;
            }
            let start: Vec<Vec<f64>> = (0..k).map(|i| points.row(i * 7 % n)).collect();
            let (_, greatest) = points.spread();
            let found = search(&points, start.clone(), max_iter, 0.0, greatest);
            let (centres, expected) = plain(&points, start, max_iter);
            // Whole numbers add up without rounding, so there even ties must come out the same.
            if grid {
                prop_assert_eq!(&found.labels, &expected);
            }
            let differ = found.labels.iter().zip(&expected).filter(|(a, b)| a != b).count();
            prop_assert!(differ * 500 <= n, "{} of {}", differ, n);
            if differ == 0 {
                for (a, b) in found.centres.iter().zip(&centres) {
                    prop_assert!(squared_distance(a, b).sqrt() <= 1e-9 * scale);
                }
            }
        }
    }
}
