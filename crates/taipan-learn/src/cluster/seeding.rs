//! Where the search for clusters starts: k-means++ (Arthur and Vassilvitskii, 2007), with several candidates for each
//! centre, of which the best is taken.

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use super::assign::squared_distance;
use crate::blocks::row_major;
use crate::error::Result;
use crate::input::BLOCK_ROWS;
use crate::random::{RandomState, Replace};
use crate::simd::dispatch;

/// Rows as centres, far from each other, with scikit-learn's draws.
pub(super) fn plus_plus(
    x: ArrayView2<'_, f64>,
    weights: Option<&[f64]>,
    count: usize,
    random: &mut RandomState,
) -> Result<Array2<f64>> {
    let (rows, features) = x.dim();
    let mut centres = Array2::zeros((count, features));
    let mut closest = vec![f64::INFINITY; rows];
    let first = random.choice(rows, 1, Replace::With, Some(&shares(weights, rows)))?;
    let trials = 2 + (count as f64).ln() as usize;
    let mut candidates = first;
    let mut potential = 0.0;
    for k in 0..count {
        if k > 0 {
            let draws: Vec<f64> = (0..trials).map(|_| random.random_sample() * potential).collect();
            candidates = pick(&closest, weights, &draws);
        }
        let trial = approach(x, weights, &candidates, &closest);
        let best = (0..candidates.len()).fold(
            0,
            |best, t| {
                if trial.potentials[t] < trial.potentials[best] { t } else { best }
            },
        );
        potential = trial.potentials[best];
        for (block, closest) in closest.chunks_mut(BLOCK_ROWS).enumerate() {
            let start = block * BLOCK_ROWS * candidates.len() + best * closest.len();
            closest.copy_from_slice(&trial.distances[start..start + closest.len()]);
        }
        centres.row_mut(k).assign(&x.row(candidates[best]));
    }
    Ok(centres)
}

/// Any rows as centres.
pub(super) fn at_random(
    x: ArrayView2<'_, f64>,
    weights: Option<&[f64]>,
    count: usize,
    random: &mut RandomState,
) -> Result<Array2<f64>> {
    let rows = random.choice(x.nrows(), count, Replace::Without, Some(&shares(weights, x.nrows())))?;
    let mut centres = Array2::zeros((count, x.ncols()));
    for (mut centre, row) in centres.rows_mut().into_iter().zip(rows) {
        centre.assign(&x.slice(s![row, ..]));
    }
    Ok(centres)
}

fn shares(weights: Option<&[f64]>, rows: usize) -> Vec<f64> {
    match weights {
        None => vec![1.0 / rows as f64; rows],
        Some(weights) => {
            let total = crate::sum::pairwise_sum(rows, |i| weights[i]);
            weights.iter().map(|weight| weight / total).collect()
        }
    }
}

/// The rows at which the running sum of weighted distances reaches each of `draws`.
fn pick(closest: &[f64], weights: Option<&[f64]>, draws: &[f64]) -> Vec<usize> {
    let last = closest.len() - 1;
    let mut order: Vec<usize> = (0..draws.len()).collect();
    order.sort_by(|&a, &b| draws[a].total_cmp(&draws[b]));
    let mut picked = vec![last; draws.len()];
    let mut waiting = order.into_iter().peekable();
    let mut sum = 0.0;
    for (row, distance) in closest.iter().enumerate() {
        sum += weights.map_or(1.0, |weights| weights[row]) * distance;
        while let Some(draw) = waiting.next_if(|&draw| sum >= draws[draw]) {
            picked[draw] = row;
        }
        if waiting.peek().is_none() {
            break;
        }
    }
    picked
}

/// What would be if each candidate became a centre.
struct Trial {
    /// For each block of rows and each candidate, the distance of each row to its nearest centre, squared.
    distances: Vec<f64>,
    /// Their weighted sum for each candidate.
    potentials: Vec<f64>,
}

fn approach(x: ArrayView2<'_, f64>, weights: Option<&[f64]>, candidates: &[usize], closest: &[f64]) -> Trial {
    let (features, trials) = (x.ncols(), candidates.len());
    let places: Vec<Vec<f64>> = candidates.iter().map(|&row| x.row(row).to_vec()).collect();
    let mut distances = vec![0.0; x.nrows() * trials];
    let parts: Vec<Vec<f64>> = distances
        .par_chunks_mut(BLOCK_ROWS * trials)
        .zip(closest.par_chunks(BLOCK_ROWS))
        .enumerate()
        .map(|(block, (distances, closest))| {
            let start = block * BLOCK_ROWS;
            let values = row_major(&x, start..start + closest.len());
            let mut potentials = vec![0.0; trials];
            dispatch(
                #[inline(always)]
                || {
                    for (i, (row, closest)) in values.chunks_exact(features).zip(closest).enumerate() {
                        let weight = weights.map_or(1.0, |weights| weights[start + i]);
                        for (t, place) in places.iter().enumerate() {
                            let distance = squared_distance(row, place);
                            let nearest = if distance < *closest { distance } else { *closest };
                            distances[t * values.len() / features + i] = nearest;
                            potentials[t] += weight * nearest;
                        }
                    }
                },
            );
            potentials
        })
        .collect();
    let mut potentials = vec![0.0; trials];
    for part in parts {
        for (potential, part) in potentials.iter_mut().zip(part) {
            *potential += part;
        }
    }
    Trial { distances, potentials }
}
