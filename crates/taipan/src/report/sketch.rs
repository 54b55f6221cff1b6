//! What is kept of a column while a file runs past: counts, moments, the most frequent values, an estimate of how many
//! differ. Its size does not grow with the rows.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The most values that are counted one by one.
const MOST_COUNTED: usize = 8192;

/// Values that are hashed already.
#[derive(Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mixed(self.0, u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

pub(super) type Hashed<V> = HashMap<u64, V, BuildHasherDefault<Identity>>;

/// A hash and a value as one hash: the finalizer of MurmurHash3 (Appleby 2011) over their sum.
pub(super) fn mixed(hash: u64, value: u64) -> u64 {
    let mut h = hash.rotate_left(23).wrapping_add(value).wrapping_add(0x9e37_79b9_7f4a_7c15);
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

/// The hash of some bytes.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut h = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        h = mixed(h, u64::from_le_bytes(word));
    }
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(chunks.remainder()) {
        *to = *from;
    }
    mixed(h, u64::from_le_bytes(word))
}

/// How many different values there were: HyperLogLog (Flajolet and others 2007) with 4096 registers, about 1.6 % off;
/// small numbers by linear counting.
#[derive(Debug, Clone)]
pub(super) struct Distinct {
    registers: Vec<u8>,
}

const BITS: u32 = 12;

impl Default for Distinct {
    fn default() -> Self {
        Self { registers: vec![0; 1 << BITS] }
    }
}

impl Distinct {
    pub(super) fn add(&mut self, hash: u64) {
        let register = (hash >> (64 - BITS)) as usize;
        let rank = (hash << BITS).leading_zeros().min(64 - BITS) as u8 + 1;
        if let Some(seen) = self.registers.get_mut(register) {
            *seen = (*seen).max(rank);
        }
    }

    pub(super) fn estimate(&self) -> f64 {
        let m = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|r| 2f64.powi(-i32::from(*r))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let empty = self.registers.iter().map(|r| f64::from(u8::from(*r == 0))).sum::<f64>();
        if raw <= 2.5 * m && empty > 0.0 { m * (m / empty).ln() } else { raw }
    }
}

/// How often values occurred: exactly while few differ, then by lossy counting (Manku and Motwani 2002), which is off by
/// at most one in 8192 of the rows and misses no value more frequent than that.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    seen: Hashed<(u64, Box<str>)>,
    rows: u64,
    floor: u64,
}

impl Counts {
    pub(super) fn add(&mut self, hash: u64, words: impl FnOnce() -> Box<str>) {
        self.rows += 1;
        if let Some((count, _)) = self.seen.get_mut(&hash) {
            *count += 1;
            return;
        }
        if self.seen.len() >= MOST_COUNTED {
            self.floor = self.floor.max(self.rows / MOST_COUNTED as u64).max(1);
            let floor = self.floor;
            self.seen.retain(|_, (count, _)| *count > floor);
            if self.seen.len() >= MOST_COUNTED {
                return;
            }
        }
        self.seen.insert(hash, (self.floor + 1, words()));
    }

    /// Whether the counts, and the number of different values, are exact.
    pub(super) fn is_exact(&self) -> bool {
        self.floor == 0
    }

    /// How many different values are counted.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The most frequent values, equals by name.
    pub(super) fn top(&self, most: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> = self.seen.values().map(|(count, words)| (&**words, *count)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(most);
        all
    }
}

/// Sums of numbers: mean and variance by Welford's method (1962), which loses no digits.
#[derive(Debug, Clone, Default)]
pub(super) struct Moments {
    pub(super) rows: u64,
    pub(super) mean: f64,
    squares: f64,
    pub(super) least: f64,
    pub(super) greatest: f64,
    pub(super) zeros: u64,
    pub(super) negative: u64,
    /// NaN and infinities.
    pub(super) unusable: u64,
}

impl Moments {
    pub(super) fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.unusable += 1;
            return;
        }
        self.rows += 1;
        if self.rows == 1 {
            (self.least, self.greatest) = (value, value);
        }
        let distance = value - self.mean;
        self.mean += distance / self.rows as f64;
        self.squares += distance * (value - self.mean);
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
        self.zeros += u64::from(value == 0.0);
        self.negative += u64::from(value < 0.0);
    }

    /// The standard deviation of a sample; `None` for fewer than two numbers.
    pub(super) fn deviation(&self) -> Option<f64> {
        (self.rows > 1).then(|| (self.squares / (self.rows - 1) as f64).sqrt())
    }
}

/// Which rows are kept of a stream, each as likely as any other: Li's algorithm L (1994), which skips the others.
#[derive(Debug, Clone)]
pub(super) struct Reservoir {
    room: usize,
    seen: u64,
    next: u64,
    weight: f64,
    state: u64,
}

impl Reservoir {
    pub(super) fn new(room: usize) -> Self {
        Self { room, seen: 0, next: room as u64, weight: 1.0, state: 0x2545_f491_4f6c_dd1d }
    }

    /// A number above 0 and below 1.
    fn random(&mut self) -> f64 {
        self.state = mixed(self.state, 1);
        ((self.state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// The place at which the next row is kept, if it is.
    pub(super) fn place(&mut self) -> Option<usize> {
        let row = self.seen;
        self.seen += 1;
        if row < self.room as u64 {
            if self.seen == self.room as u64 {
                self.skip();
            }
            return Some(row as usize);
        }
        if row < self.next {
            return None;
        }
        self.skip();
        Some(((self.random() * self.room as f64) as usize).min(self.room - 1))
    }

    fn skip(&mut self) {
        self.weight *= (self.random().ln() / self.room as f64).exp();
        let step = (self.random().ln() / (1.0 - self.weight).ln()).floor();
        self.next = self.seen.saturating_add(if step.is_finite() { step.min(1e18) as u64 } else { u64::MAX / 2 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_values_are_estimated() {
        for count in [0u64, 1, 100, 5000, 200_000] {
            let mut distinct = Distinct::default();
            for value in (0..count).chain(0..count) {
                distinct.add(hash(&value.to_le_bytes()));
            }
            let off = (distinct.estimate() - count as f64).abs();
            assert!(off <= count as f64 * 0.05, "{count}: {}", distinct.estimate());
        }
    }

    #[test]
    fn frequent_values_are_found_among_many() {
        let mut counts = Counts::default();
        for i in 0..300_000u64 {
            for (key, often) in [(i, true), (1 << 40, i % 10 == 0), (1 << 41, i % 25 == 0)] {
                if often {
                    counts.add(mixed(0, key), || key.to_string().into());
                }
            }
        }
        let top = counts.top(2);
        assert_eq!((top[0].0, top[1].0), ("1099511627776", "2199023255552"));
        assert!(top[0].1.abs_diff(30_000) <= 60 && top[1].1.abs_diff(12_000) <= 60, "{top:?}");
        assert!(!counts.is_exact() && counts.len() <= MOST_COUNTED);
    }

    #[test]
    fn moments_are_those_of_the_textbook() {
        let mut moments = Moments::default();
        for value in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, f64::NAN] {
            moments.add(value);
        }
        assert_eq!((moments.mean, moments.rows, moments.unusable), (5.0, 8, 1));
        assert!((moments.deviation().unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn every_row_is_as_likely_to_be_kept() {
        let mut reservoir = Reservoir::new(1000);
        let mut kept = vec![0u64; 1000];
        for row in 0..100_000u64 {
            if let Some(place) = reservoir.place() {
                kept[place] = row;
            }
        }
        let mean = kept.iter().sum::<u64>() as f64 / 1000.0;
        // A uniform draw of 1000 has this standard error: 100,000 / sqrt(12) / sqrt(1000) = 913.
        assert!((mean - 50_000.0).abs() < 4000.0, "{mean}");
    }
}
