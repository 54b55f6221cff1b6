//! NumPy's legacy random stream, bit for bit: what scikit-learn draws from when given `random_state=42`.
//!
//! The generator is MT19937 (Matsumoto and Nishimura, 1998); how its words become bounded integers, floats, normals and
//! permutations follows `numpy.random.RandomState`, whose streams are frozen. NumPy is BSD-3 licensed.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use crate::error::{Error, Result};

const N: usize = 624;
const M: usize = 397;

/// A stream of random numbers that a seed determines.
///
/// ```
/// use taipan_learn::RandomState;
///
/// let mut random = RandomState::new(42);
/// assert_eq!(random.permutation(10), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
/// ```
#[derive(Clone)]
pub struct RandomState {
    key: [u32; N],
    position: usize,
    /// The second value of the last polar pair, not handed out yet.
    gauss: Option<f64>,
}

/// Whether [`choice`](RandomState::choice) may draw the same index twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Each draw is from all indices.
    With,
    /// Each index is drawn at most once.
    Without,
}

impl RandomState {
    /// The stream of `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        let mut key = [0; N];
        let mut word = seed;
        for (index, slot) in (1_u32..).zip(&mut key) {
            *slot = word;
            word = 1_812_433_253_u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(index);
        }
        Self { key, position: N, gauss: None }
    }

    /// The stream of `seed`, or one that is different each time.
    pub fn from_seed(seed: Option<u32>) -> Self {
        Self::new(seed.unwrap_or_else(|| {
            // The standard library keys its hash maps from the system's entropy; that is enough for a seed.
            std::hash::RandomState::new().build_hasher().finish() as u32
        }))
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.position == N {
            self.refill();
        }
        let mut word = self.key[self.position];
        self.position += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A whole number from `low` up to but not including `high`, all equally likely. A range of one value draws nothing.
    ///
    /// # Errors
    /// `InvalidParam` when `low >= high`.
    pub fn randint(&mut self, low: i64, high: i64) -> Result<i64> {
        if low >= high {
            let allowed = format!("a whole number above low = {low}");
            return Err(Error::invalid("randint", "high", high, allowed));
        }
        let last = high.abs_diff(low) - 1;
        Ok(low.wrapping_add(self.bounded(last) as i64))
    }

    /// A float in [0, 1) with 53 random bits.
    pub fn random_sample(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// A draw from the normal distribution with mean 0 and standard deviation 1 (Marsaglia's polar method).
    pub fn standard_normal(&mut self) -> f64 {
        if let Some(value) = self.gauss.take() {
            return value;
        }
        loop {
            let x1 = 2.0 * self.random_sample() - 1.0;
            let x2 = 2.0 * self.random_sample() - 1.0;
            let r2 = x1 * x1 + x2 * x2;
            if r2 < 1.0 && r2 != 0.0 {
                let factor = (-2.0 * r2.ln() / r2).sqrt();
                self.gauss = Some(factor * x1);
                return factor * x2;
            }
        }
    }

    /// A draw from the normal distribution with mean `loc` and standard deviation `scale`.
    ///
    /// # Errors
    /// `InvalidParam` when `scale` is negative or NaN.
    pub fn normal(&mut self, loc: f64, scale: f64) -> Result<f64> {
        if scale.is_nan() || scale.is_sign_negative() {
            return Err(Error::invalid("normal", "scale", scale, "a number of at least 0"));
        }
        Ok(loc + scale * self.standard_normal())
    }

    /// A float from `low` up to `high`, all equally likely.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random_sample()
    }

    /// Puts the values in random order.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            let j = self.bounded(i as u64) as usize;
            values.swap(i, j);
        }
    }

    /// The numbers 0 to `n` − 1 in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..n).collect();
        self.shuffle(&mut indices);
        indices
    }

    /// Draws `size` indices below `n`; with `p`, index `i` has probability `p[i]`.
    ///
    /// # Errors
    /// `InvalidParam` when `n` is 0 and something is to be drawn, when `size` exceeds what can be drawn without
    /// replacement, or when `p` is not `n` probabilities that sum to 1.
    pub fn choice(&mut self, n: usize, size: usize, replace: Replace, p: Option<&[f64]>) -> Result<Vec<usize>> {
        if n == 0 && size > 0 {
            return Err(Error::invalid("choice", "n", n, "at least 1"));
        }
        if let Some(p) = p {
            check_probabilities(n, p)?;
        }
        match (replace, p) {
            (Replace::With, None) => {
                let last = n.saturating_sub(1) as u64;
                Ok((0..size).map(|_| self.bounded(last) as usize).collect())
            }
            (Replace::With, Some(p)) => {
                let cumulative = cumulative(p);
                Ok((0..size).map(|_| self.search(&cumulative)).collect())
            }
            (Replace::Without, None) => {
                check_size(size, n)?;
                let mut indices = self.permutation(n);
                indices.truncate(size);
                Ok(indices)
            }
            (Replace::Without, Some(p)) => {
                check_size(size, p.iter().filter(|&&p| p > 0.0).count())?;
                Ok(self.distinct(p.to_vec(), size))
            }
        }
    }

    /// `size` of the numbers below `n`, each at most once, as `sklearn.utils.random.sample_without_replacement` draws
    /// them: the first of a permutation, or when nearly none or nearly all are wanted, by rejection or from a reservoir.
    ///
    /// # Errors
    /// `InvalidParam` when `size` exceeds `n`.
    pub fn sample_without_replacement(&mut self, n: usize, size: usize) -> Result<Vec<usize>> {
        check_size(size, n)?;
        let ratio = if n == 0 { 1.0 } else { size as f64 / n as f64 };
        if ratio > 0.01 && ratio < 0.99 {
            let mut drawn = self.permutation(n);
            drawn.truncate(size);
            return Ok(drawn);
        }
        if ratio < 0.2 {
            let mut seen = HashSet::with_capacity(size);
            let mut drawn = Vec::with_capacity(size);
            while drawn.len() < size {
                let candidate = self.bounded(n as u64 - 1) as usize;
                if seen.insert(candidate) {
                    drawn.push(candidate);
                }
            }
            return Ok(drawn);
        }
        let mut drawn: Vec<usize> = (0..size).collect();
        for i in size..n {
            let at = self.bounded(i as u64) as usize;
            if let Some(place) = drawn.get_mut(at) {
                *place = i;
            }
        }
        Ok(drawn)
    }

    /// Rounds of draws: what was found gets probability 0 in the next round, repeats within a round are dropped.
    fn distinct(&mut self, mut p: Vec<f64>, size: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        while found.len() < size {
            let uniforms: Vec<f64> = (found.len()..size).map(|_| self.random_sample()).collect();
            for &index in &found {
                p[index] = 0.0;
            }
            let cumulative = cumulative(&p);
            let drawn = uniforms.iter().map(|&u| search_right(&cumulative, u));
            found.extend(drawn.filter(|&index| seen.insert(index)));
        }
        found
    }

    fn search(&mut self, cumulative: &[f64]) -> usize {
        search_right(cumulative, self.random_sample())
    }

    /// A whole number from 0 to `last` inclusive: draw under the smallest covering mask until one fits.
    pub(crate) fn bounded(&mut self, last: u64) -> u64 {
        if last == 0 {
            return 0;
        }
        let mask = u64::MAX >> last.leading_zeros();
        loop {
            let word = match u32::try_from(last) {
                Ok(_) => u64::from(self.next_u32()),
                Err(_) => u64::from(self.next_u32()) << 32 | u64::from(self.next_u32()),
            };
            let value = word & mask;
            if value <= last {
                return value;
            }
        }
    }

    fn refill(&mut self) {
        for i in 0..N {
            let mixed = (self.key[i] & 0x8000_0000) | (self.key[(i + 1) % N] & 0x7fff_ffff);
            let twist = if mixed & 1 == 0 { 0 } else { 0x9908_b0df };
            self.key[i] = self.key[(i + M) % N] ^ (mixed >> 1) ^ twist;
        }
        self.position = 0;
    }
}

impl fmt::Debug for RandomState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RandomState").field("position", &self.position).finish_non_exhaustive()
    }
}

fn cumulative(p: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut cumulative: Vec<f64> = p
        .iter()
        .map(|p| {
            sum += p;
            sum
        })
        .collect();
    for value in &mut cumulative {
        *value /= sum;
    }
    cumulative
}

/// The first index whose cumulative probability exceeds `u`.
fn search_right(cumulative: &[f64], u: f64) -> usize {
    cumulative.partition_point(|&c| c <= u)
}

fn check_size(size: usize, available: usize) -> Result<()> {
    if size <= available {
        return Ok(());
    }
    let allowed = format!("at most {available}, as many as can be drawn without replacement");
    Err(Error::invalid("choice", "size", size, allowed))
}

fn check_probabilities(n: usize, p: &[f64]) -> Result<()> {
    if p.len() != n {
        return Err(Error::shape("p has another length than n", p.len(), n));
    }
    if let Some(bad) = p.iter().find(|p| !(0.0..=f64::MAX).contains(*p)) {
        return Err(Error::invalid("choice", "p", bad, "a probability of at least 0"));
    }
    // Compensated (Kahan) sum, and NumPy's tolerance.
    let (mut sum, mut carry) = (0.0, 0.0);
    for value in p {
        let term = value - carry;
        let next = sum + term;
        carry = (next - sum) - term;
        sum = next;
    }
    if (sum - 1.0_f64).abs() > f64::EPSILON.sqrt() {
        let value = format!("(sum {sum})");
        return Err(Error::invalid("choice", "p", value, "probabilities that sum to 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_42_gives_numpys_stream() {
        let mut random = RandomState::new(42);
        let words: Vec<u32> = (0..4).map(|_| random.next_u32()).collect();
        assert_eq!(words, [1_608_637_542, 3_421_126_067, 4_083_286_876, 787_846_414]);

        let mut random = RandomState::new(42);
        let seeds: Vec<i64> = (0..3).map(|_| random.randint(0, (1 << 31) - 1).unwrap()).collect();
        assert_eq!(seeds, [1_608_637_542, 1_273_642_419, 1_935_803_228]);
    }

    #[test]
    fn a_range_of_one_value_draws_nothing() {
        let mut random = RandomState::new(7);
        assert_eq!(random.randint(5, 6).unwrap(), 5);
        assert_eq!(random.next_u32(), RandomState::new(7).next_u32());
    }

    #[test]
    fn the_widest_range_of_integers_works() {
        let mut random = RandomState::new(1);
        for _ in 0..100 {
            let value = random.randint(i64::MIN, i64::MAX).unwrap();
            assert!(value < i64::MAX);
        }
    }

    #[test]
    fn without_a_seed_streams_differ() {
        let draw = || RandomState::from_seed(None).permutation(50);
        assert!((0..5).any(|_| draw() != draw()));
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let mut random = RandomState::new(0);
        let mut choice = |n, size, replace, p: Option<&[f64]>| match random.choice(n, size, replace, p) {
            Ok(drawn) => panic!("drew {drawn:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(choice(0, 1, Replace::With, None), "choice: n = 0 is not allowed; it must be at least 1");
        assert_eq!(
            choice(3, 4, Replace::Without, None),
            "choice: size = 4 is not allowed; it must be at most 3, as many as can be drawn without replacement"
        );
        assert_eq!(
            choice(2, 2, Replace::Without, Some(&[1.0, 0.0])),
            "choice: size = 2 is not allowed; it must be at most 1, as many as can be drawn without replacement"
        );
        assert_eq!(
            choice(2, 1, Replace::With, Some(&[0.5, 0.4])),
            "choice: p = (sum 0.9) is not allowed; it must be probabilities that sum to 1"
        );
        assert_eq!(
            choice(2, 1, Replace::With, Some(&[1.5, -0.5])),
            "choice: p = -0.5 is not allowed; it must be a probability of at least 0"
        );
        assert_eq!(
            random.randint(3, 3).unwrap_err().to_string(),
            "randint: high = 3 is not allowed; it must be a whole number above low = 3"
        );
        assert_eq!(
            random.normal(0.0, -1.0).unwrap_err().to_string(),
            "normal: scale = -1 is not allowed; it must be a number of at least 0"
        );
    }
}
