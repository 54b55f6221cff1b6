//! Where the search for clusters starts: k-means++ (Arthur and Vassilvitskii, 2007), with several candidates for each
//! centre, of which the best is taken.
//!
//! A candidate can only be nearer to a row than the row's nearest centre if it is less than twice as far from that centre
//! as the row is; other rows need not be read (Raff, 2021, "Exact acceleration of k-means++ and k-means‖").

use rayon::prelude::*;

use super::points::{LANES, Lanes, Points, squared_distance};
use crate::error::Result;
use crate::input::BLOCK_ROWS;
use crate::random::{RandomState, Replace};
use crate::simd::dispatch;

/// Candidates whose distances are computed at a time.
const GROUP: usize = 4;

/// Rows as centres, far from each other, with scikit-learn's draws.
pub(super) fn plus_plus(points: &Points<'_>, count: usize, random: &mut RandomState) -> Result<Vec<Vec<f64>>> {
    let rows = points.n_rows();
    let mut closest = Closest::new(rows);
    let trials = 2 + (count as f64).ln() as usize;
    let mut candidates = random.choice(rows, 1, Replace::With, Some(&shares(points)))?;
    let mut centres: Vec<Vec<f64>> = Vec::with_capacity(count);
    while centres.len() < count {
        if !centres.is_empty() {
            let draws: Vec<f64> = (0..trials).map(|_| random.random_sample() * closest.potential()).collect();
            candidates = closest.pick(points, &draws);
        }
        let places: Vec<Vec<f64>> = candidates.iter().map(|&row| points.row(row)).collect();
        closest.approach(points, &centres, &places);
        let best = best(&closest.trials, places.len());
        closest.accept(best, centres.len() as u32);
        centres.extend(places.into_iter().nth(best));
    }
    Ok(centres)
}

/// Any rows as centres.
pub(super) fn at_random(points: &Points<'_>, count: usize, random: &mut RandomState) -> Result<Vec<Vec<f64>>> {
    let rows = random.choice(points.n_rows(), count, Replace::Without, Some(&shares(points)))?;
    Ok(rows.into_iter().map(|row| points.row(row)).collect())
}

fn shares(points: &Points<'_>) -> Vec<f64> {
    let rows = points.n_rows();
    match points.weights {
        None => vec![1.0 / rows as f64; rows],
        Some(weights) => {
            let total = crate::sum::pairwise_sum(rows, |i| weights[i]);
            weights.iter().map(|weight| weight / total).collect()
        }
    }
}

/// How near the nearest centre of each row is.
struct Closest {
    /// Squared.
    distances: Vec<f64>,
    /// The number of that centre.
    centres: Vec<u32>,
    /// The weighted sum of the distances of each block of rows.
    potentials: Vec<f64>,
    /// Of each block; kept, so that their memory is used again.
    trials: Vec<Trial>,
}

/// What would be in a block of rows if each candidate became a centre.
#[derive(Default)]
struct Trial {
    /// The weighted sum of the distances, for each candidate.
    potentials: Vec<f64>,
    /// The rows that a candidate may be nearer to; the first `count` of them.
    rows: Vec<u32>,
    count: usize,
    /// For each tile of those rows and each candidate, how near the rows would be.
    distances: Vec<Lanes>,
}

impl Closest {
    fn new(rows: usize) -> Self {
        Self {
            distances: vec![f64::INFINITY; rows],
            centres: vec![0; rows],
            potentials: vec![0.0; rows.div_ceil(BLOCK_ROWS)],
            trials: std::iter::repeat_with(Trial::default).take(rows.div_ceil(BLOCK_ROWS)).collect(),
        }
    }

    fn potential(&self) -> f64 {
        self.potentials.iter().sum()
    }

    /// The rows at which the running sum of weighted distances reaches each of `draws`.
    fn pick(&self, points: &Points<'_>, draws: &[f64]) -> Vec<usize> {
        let pick = |draw: &f64| {
            let mut before = 0.0;
            let mut block = 0;
            while block + 1 < self.potentials.len() && before + self.potentials[block] < *draw {
                before += self.potentials[block];
                block += 1;
            }
            let start = block * BLOCK_ROWS;
            let last = points.n_rows() - 1;
            (start..last)
                .find(|&row| {
                    before += points.weight(row) * self.distances[row];
                    before >= *draw
                })
                .unwrap_or(last)
        };
        draws.iter().map(pick).collect()
    }

    /// Tries the candidates.
    fn approach(&mut self, points: &Points<'_>, centres: &[Vec<f64>], places: &[Vec<f64>]) {
        // A quarter of the squared distance from each centre to the nearest candidate, less rounding errors.
        let reach = |centre: &Vec<f64>| {
            let nearest = places.iter().map(|place| squared_distance(centre, place)).fold(f64::INFINITY, f64::min);
            0.25 * nearest * (1.0 - 1e-9)
        };
        let reach: Vec<f64> = centres.iter().map(reach).collect();
        let groups = Groups::new(places);
        self.distances
            .par_chunks(BLOCK_ROWS)
            .zip(self.centres.par_chunks(BLOCK_ROWS))
            .zip(&mut self.trials)
            .enumerate()
            .for_each(|(block, ((distances, centres), trial))| {
                dispatch(
                    #[inline(always)]
                    || trial.make(points, &groups, &reach, block * BLOCK_ROWS, distances, centres),
                );
            });
    }

    /// A candidate becomes the centre of this number.
    fn accept(&mut self, best: usize, number: u32) {
        self.distances
            .par_chunks_mut(BLOCK_ROWS)
            .zip(self.centres.par_chunks_mut(BLOCK_ROWS))
            .zip(&mut self.potentials)
            .zip(&self.trials)
            .enumerate()
            .for_each(|(block, (((distances, centres), potential), trial))| {
                *potential = trial.potentials[best];
                let candidates = trial.potentials.len();
                let tiles = trial.rows[..trial.count].chunks(LANES);
                for (rows, found) in tiles.zip(trial.distances.chunks_exact(candidates)) {
                    for (row, found) in rows.iter().zip(found[best]) {
                        let i = *row as usize - block * BLOCK_ROWS;
                        let nearer = found < distances[i];
                        distances[i] = if nearer { found } else { distances[i] };
                        centres[i] = if nearer { number } else { centres[i] };
                    }
                }
            });
    }
}

impl Trial {
    /// Tries the candidates on a block of rows.
    #[inline(always)]
    fn make(
        &mut self,
        points: &Points<'_>,
        groups: &Groups,
        reach: &[f64],
        start: usize,
        distances: &[f64],
        centres: &[u32],
    ) {
        let Self { potentials, rows, count, distances: found } = self;
        rows.resize(distances.len(), 0);
        *count = 0;
        let mut unchanged = 0.0;
        for (i, (distance, centre)) in distances.iter().zip(centres).enumerate() {
            let out_of_reach = reach.get(*centre as usize).is_some_and(|reach| distance < reach);
            unchanged += if out_of_reach { points.weight(start + i) * distance } else { 0.0 };
            rows[*count] = (start + i) as u32;
            *count += usize::from(!out_of_reach);
        }
        potentials.clear();
        potentials.resize(groups.count, unchanged);
        found.clear();
        points.tiles(
            &rows[..*count],
            #[inline(always)]
            |tile, rows| {
                // Lanes without a row of their own weigh nothing.
                let (mut before, mut weights) = ([0.0; LANES], [0.0; LANES]);
                for (lane, row) in rows.iter().enumerate() {
                    before[lane] = distances[*row as usize - start];
                    weights[lane] = points.weight(*row as usize);
                }
                for (group, places) in groups.places.chunks_exact(tile.len()).enumerate() {
                    let mut sums = [[0.0; LANES]; GROUP];
                    for (place, values) in places.iter().zip(tile) {
                        for k in 0..GROUP {
                            for lane in 0..LANES {
                                let d = values[lane] - place[k];
                                sums[k][lane] = d.mul_add(d, sums[k][lane]);
                            }
                        }
                    }
                    for (potential, sums) in potentials[group * GROUP..].iter_mut().zip(&mut sums) {
                        let mut weighed = [0.0; LANES];
                        for lane in 0..LANES {
                            sums[lane] = if sums[lane] < before[lane] { sums[lane] } else { before[lane] };
                            weighed[lane] = weights[lane] * sums[lane];
                        }
                        *potential += crate::simd::fold(weighed);
                        found.push(*sums);
                    }
                }
            },
        );
    }
}

/// Candidates, laid out for a tile of rows: for each group and each feature, the feature of each candidate.
struct Groups {
    places: Vec<[f64; GROUP]>,
    count: usize,
}

impl Groups {
    fn new(places: &[Vec<f64>]) -> Self {
        let features = places.first().map_or(0, Vec::len);
        let mut groups = vec![[0.0; GROUP]; places.len().div_ceil(GROUP) * features];
        for (k, place) in places.iter().enumerate() {
            for (j, v) in place.iter().enumerate() {
                groups[k / GROUP * features + j][k % GROUP] = *v;
            }
        }
        Self { places: groups, count: places.len() }
    }
}

/// The first of the candidates with the least potential.
fn best(trials: &[Trial], count: usize) -> usize {
    let mut potentials = vec![0.0; count];
    for trial in trials {
        for (potential, part) in potentials.iter_mut().zip(&trial.potentials) {
            *potential += part;
        }
    }
    (0..count).fold(0, |best, k| if potentials[k] < potentials[best] { k } else { best })
}
