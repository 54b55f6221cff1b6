//! The side of `examples/primes.rs` in `cargo xtask bench primes`: prints `{"seconds": {"part": 0.1}, "result": [9592, 664579]}`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that only measures")]

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;
use taipan::prelude::*;

const PIECE: usize = 1 << 16;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("taipan {}", env!("CARGO_PKG_VERSION"));
        return;
    }
    let pool = Pool::new(4).unwrap();
    let timed = |n: usize| {
        let start = Instant::now();
        let size = n / 4;
        let ranges: Vec<_> = (0..4).map(|i| (i * size, (i + 1) * size)).collect();
        let primes = black_box(pool.starmap(ranges, find_primes_in_range).unwrap().concat());
        (start.elapsed().as_secs_f64(), primes.len())
    };
    let ((small, few), (large, many)) = (timed(100_000), timed(10_000_000));
    println!("{}", json!({ "seconds": { "to 100,000": small, "to 10,000,000": large }, "result": [few, many] }));
}

fn find_primes_in_range(start: usize, end: usize) -> Vec<usize> {
    let root = end.isqrt();
    let small = if root < 2 { Vec::new() } else { find_primes_in_range(2, root + 1) };
    let mut primes = Vec::new();
    for low in (start.max(2)..end).step_by(PIECE) {
        let mut is_prime = vec![true; PIECE.min(end - low)];
        for &prime in &small {
            let first = (prime * prime).max(low.next_multiple_of(prime)) - low;
            for multiple in is_prime.iter_mut().skip(first).step_by(prime) {
                *multiple = false;
            }
        }
        primes.extend(flatnonzero(&is_prime).into_iter().map(|place| low + place));
    }
    primes
}
