//! The rows that are clustered, read in tiles of eight side by side, one feature after the other.

use ndarray::{ArrayView2, CowArray, Ix2};
use rayon::prelude::*;

use crate::blocks::Profile;
use crate::input::BLOCK_ROWS;
use crate::simd::dispatch;

/// Rows in a tile.
pub(super) const LANES: usize = 8;

/// How many tiles ahead rows are announced.
const AHEAD: usize = 3;

/// Numbers that memory sends at a time.
const LINE: usize = 8;

/// A feature of each row of a tile.
pub(super) type Lanes = [f64; LANES];

/// Rows less the means of their features, so that sums of squares keep their digits.
pub(super) struct Points<'a> {
    /// In row-major order.
    values: CowArray<'a, f64, Ix2>,
    means: Vec<f64>,
    pub(super) weights: Option<&'a [f64]>,
}

impl<'a> Points<'a> {
    pub(super) fn centred(x: ArrayView2<'a, f64>, weights: Option<&'a [f64]>) -> Self {
        Self { means: Profile::of(x, None).means(), weights, ..Self::plain(x) }
    }

    /// Rows as they are.
    pub(super) fn plain(x: ArrayView2<'a, f64>) -> Self {
        let values = if x.is_standard_layout() { x.into() } else { x.as_standard_layout().into_owned().into() };
        Self { values, means: vec![0.0; x.ncols()], weights: None }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.values.nrows()
    }

    pub(super) fn n_features(&self) -> usize {
        self.means.len()
    }

    pub(super) fn means(&self) -> &[f64] {
        &self.means
    }

    #[inline(always)]
    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// One row.
    pub(super) fn row(&self, row: usize) -> Vec<f64> {
        self.values.row(row).iter().zip(&self.means).map(|(v, mean)| v - mean).collect()
    }

    /// All numbers, row by row, means included.
    #[inline(always)]
    fn values(&self) -> &[f64] {
        // Rows are in standard layout, so the slice is there.
        self.values.as_slice().unwrap_or_default()
    }

    /// Reads rows into a tile, which has as many entries as there are features.
    #[inline(always)]
    pub(super) fn read(&self, rows: [usize; LANES], tile: &mut [Lanes]) {
        let (features, values) = (self.means.len(), self.values());
        // Cut so that all are seen to be equally long, which spares a check at each number.
        let rows = rows.map(|row| &values[row * features..][..features]);
        let (tile, means) = (&mut tile[..features], &self.means[..features]);
        for j in 0..features {
            for lane in 0..LANES {
                tile[j][lane] = rows[lane][j] - means[j];
            }
        }
    }

    /// sum ← sum + scale · row.
    #[inline(always)]
    pub(super) fn add(&self, row: usize, scale: f64, sum: &mut [f64]) {
        let features = self.means.len();
        let row = &self.values()[row * features..(row + 1) * features];
        for ((sum, v), mean) in sum.iter_mut().zip(row).zip(&self.means) {
            *sum = scale.mul_add(v - mean, *sum);
        }
    }

    /// Calls `work` with tiles of the given rows, and with those of the rows that are in the tile.
    #[inline(always)]
    pub(super) fn tiles(&self, rows: &[u32], mut work: impl FnMut(&[Lanes], &[u32])) {
        let mut tile = vec![[0.0; LANES]; self.n_features()];
        for (number, chunk) in rows.chunks(LANES).enumerate() {
            self.announce(rows.chunks(LANES).nth(number + AHEAD).unwrap_or_default());
            // Lanes without a row of their own repeat the last one.
            let last = chunk.len() - 1;
            let mut rows = [0; LANES];
            for lane in 0..LANES {
                rows[lane] = chunk[if lane < last { lane } else { last }] as usize;
            }
            self.read(rows, &mut tile);
            work(&tile, chunk);
        }
    }

    /// Has memory send rows that will be read soon: they lie too irregularly to be sent unasked.
    #[inline(always)]
    fn announce(&self, rows: &[u32]) {
        let (features, values) = (self.means.len(), self.values());
        for &row in rows {
            let start = row as usize * features;
            for value in values.get(start..start + features).unwrap_or_default().iter().step_by(LINE) {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: every processor has the instruction, and it changes nothing that can be seen.
                #[expect(unsafe_code, reason = "rows are read from memory in half the time")]
                unsafe {
                    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                    _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
                }
                #[cfg(not(target_arch = "x86_64"))]
                let _ = value;
            }
        }
    }

    /// The mean variance of the features, and the greatest squared norm of a row.
    pub(super) fn spread(&self) -> (f64, f64) {
        let (rows, features) = (self.n_rows(), self.n_features());
        let parts: Vec<(f64, f64)> = self
            .values()
            .par_chunks(BLOCK_ROWS * features)
            .map(|values| {
                dispatch(
                    #[inline(always)]
                    || {
                        let (mut sum, mut greatest) = (0.0, 0.0);
                        for row in values.chunks_exact(features) {
                            let norm2 = squared_distance(row, &self.means);
                            sum += norm2;
                            greatest = if norm2 > greatest { norm2 } else { greatest };
                        }
                        (sum, greatest)
                    },
                )
            })
            .collect();
        let sum: f64 = parts.iter().map(|part| part.0).sum();
        let greatest = parts.iter().fold(0.0_f64, |greatest, part| greatest.max(part.1));
        (sum / rows as f64 / features as f64, greatest)
    }

    /// The weighted sum of the squared distances of rows to their centres.
    pub(super) fn inertia(&self, centres: &[Vec<f64>], labels: &[u32]) -> f64 {
        // Distances do not change when both ends are moved by the means; but rows are moved first, as in the search.
        let features = self.n_features();
        let parts: Vec<f64> = labels
            .par_chunks(BLOCK_ROWS)
            .enumerate()
            .map(|(block, labels)| {
                let start = block * BLOCK_ROWS;
                let values = &self.values()[start * features..(start + labels.len()) * features];
                dispatch(
                    #[inline(always)]
                    || {
                        let (mut sum, mut moved) = (0.0, vec![0.0; features]);
                        for ((i, label), row) in (start..).zip(labels).zip(values.chunks_exact(features)) {
                            for ((moved, v), mean) in moved.iter_mut().zip(row).zip(&self.means) {
                                *moved = v - mean;
                            }
                            sum += self.weight(i) * squared_distance(&moved, &centres[*label as usize]);
                        }
                        sum
                    },
                )
            })
            .collect();
        parts.into_iter().sum()
    }
}

/// ‖a − b‖².
#[inline(always)]
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
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
