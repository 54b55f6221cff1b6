//! Finds primes on every core, by the sieve of Eratosthenes in pieces that fit the processor's cache.

use taipan::prelude::*;

const PIECE: usize = 1 << 16;

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

fn main() -> Result<(), Error> {
    let (n, processes): (usize, usize) = (argument(1, "100000")?, argument(2, "4")?);
    let pool = Pool::new(processes)?;
    let size = n / processes; // Split the range into chunks based on the number of threads
    let ranges: Vec<_> = (0..processes).map(|i| (i * size, (i + 1) * size)).collect();
    let primes = pool.starmap(ranges, find_primes_in_range)?.concat();
    println!("Found {} prime numbers.", primes.len());
    Ok(())
}
