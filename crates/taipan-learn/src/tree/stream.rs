//! The stream of random numbers inside one tree: a 32-bit xorshift generator (Marsaglia, 2003) reduced to 31 bits.

/// The largest number the stream gives, and the exclusive bound of the seed it is started from.
pub(crate) const LARGEST: u32 = 0x7fff_ffff;

/// Draws features and random thresholds while a tree grows.
#[derive(Debug, Clone)]
pub(crate) struct SplitStream(u32);

impl SplitStream {
    pub(crate) fn new(seed: u32) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u32 {
        if self.0 == 0 {
            self.0 = 1;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 & LARGEST
    }

    /// A whole number from `low` up to but not including `high`, which must be greater.
    pub(crate) fn below(&mut self, low: usize, high: usize) -> usize {
        low + self.next() as usize % (high - low)
    }

    /// A number from `low` to `high`.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        (high - low) * f64::from(self.next()) / f64::from(LARGEST) + low
    }
}
