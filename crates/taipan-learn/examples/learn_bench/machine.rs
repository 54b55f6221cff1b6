//! What the machine can do: the limits that the other jobs are measured by.

use std::hint::black_box;
use std::time::Instant;

use faer::{Accum, Mat, Par};
use rayon::prelude::*;
use serde_json::json;

use crate::Report;

/// Numbers that are read: more than the caches hold.
const NUMBERS: usize = 1 << 26;
/// Rows and columns of the matrices that are multiplied.
const SIDE: usize = 768;
const ROUNDS: usize = 5;

/// Bytes read from memory and floating-point operations done in a second, on all threads; the best of some rounds.
pub(crate) fn run(report: &mut Report) {
    let numbers = vec![1.0_f64; NUMBERS];
    let bandwidth = best(|| {
        let sum = |chunk: &[f64]| {
            let mut sums = [0.0; 16];
            for block in chunk.as_chunks::<16>().0 {
                sums.iter_mut().zip(block).for_each(|(sum, number)| *sum += number);
            }
            sums.iter().sum::<f64>()
        };
        black_box(numbers.par_chunks(1 << 16).map(sum).sum::<f64>());
        (NUMBERS * size_of::<f64>()) as f64
    });
    let threads = rayon::current_num_threads();
    let factor = Mat::from_fn(SIDE, SIDE, |i, j| (i + j) as f64);
    let flops = best(|| {
        (0..threads).into_par_iter().for_each(|_| {
            let mut product = Mat::<f64>::zeros(SIDE, SIDE);
            faer::linalg::matmul::matmul(product.as_mut(), Accum::Replace, &factor, &factor, 1.0, Par::Seq);
            black_box(&product);
        });
        (2 * SIDE * SIDE * SIDE * threads) as f64
    });
    report.result = json!({"bytes": bandwidth, "flops": flops});
}

/// The greatest amount of work per second.
fn best(work: impl Fn() -> f64) -> f64 {
    let speed = |_| {
        let started = Instant::now();
        let done = work();
        done / started.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(speed).fold(0.0, f64::max)
}
