//! The fast path for class labels with whole weights: a bootstrap's counts, or none.
//!
//! Sums of whole numbers are exact in any order, so the order of samples does not matter here, and neither does how they
//! are sorted. What does matter is kept: the order in which features are drawn, each operation of an impurity, and that
//! only a strictly better split replaces another. A position is looked at closely only when a comparison without
//! divisions, with room for their rounding, says that it could be better.

use std::marker::PhantomData;

use super::criterion::{LabelImpurity, Targets, Weights, improvement};
use super::ranks::Ranks;
use super::split::{Draw, Features, Limits, Nodes, Parent, SAME, Split, Splitter};
use super::stream::SplitStream;

/// Greatest total weight: squares of sums stay whole numbers below 2^53.
const MAX_WEIGHT: f64 = (1_u64 << 26) as f64;

/// Positions that are tested together.
const CHUNK: usize = 32;

/// Samples from which a radix sort pays.
const RADIX: usize = 400;

/// The samples of a tree, each with its class and weight in one number.
#[derive(Debug)]
pub(crate) struct CountingNodes<'a, I> {
    ranks: &'a Ranks,
    limits: &'a Limits,
    stream: SplitStream,
    features: Features,
    n_classes: usize,
    weight_bits: u32,
    tag_bits: u32,
    samples: Vec<u32>,
    /// Of each sample in that order: its class, then its weight.
    tags: Vec<u32>,
    keys: Vec<u64>,
    scratch: Vec<u64>,
    total_weight: f64,
    start: usize,
    end: usize,
    /// Class weights of the node.
    total: Vec<f64>,
    weight: f64,
    impurity: PhantomData<I>,
}

/// The best split so far.
struct Best {
    proxy: f64,
    feature: usize,
    position: usize,
    /// Greatest rank that goes left, and least that goes right.
    ranks: (u32, u32),
    left: Vec<f64>,
}

impl<'a, I: LabelImpurity> CountingNodes<'a, I> {
    /// Nothing when this path does not apply.
    pub(crate) fn new(
        ranks: &'a Ranks,
        targets: Targets<'_>,
        n_classes: &[usize],
        limits: &'a Limits,
        stream: SplitStream,
    ) -> Option<Self> {
        let &[n_classes] = n_classes else { return None };
        if limits.splitter != Splitter::Best || limits.monotonic.is_some() {
            return None;
        }
        let (mut total_weight, mut greatest) = (0.0, 1.0_f64);
        match targets.weights {
            None => total_weight = ranks.n_rows() as f64,
            Some(weights) => {
                for &weight in weights {
                    if weight.fract() != 0.0 || weight < 0.0 {
                        return None;
                    }
                    total_weight += weight;
                    greatest = greatest.max(weight);
                }
            }
        }
        if total_weight > MAX_WEIGHT {
            return None;
        }
        let weight_bits = (greatest as u64 + 1).next_power_of_two().trailing_zeros();
        let tag_bits = weight_bits + n_classes.next_power_of_two().trailing_zeros();
        if tag_bits > 32 || tag_bits + ranks.bits() > 64 {
            return None;
        }
        let mut samples = Vec::with_capacity(ranks.n_rows());
        let mut tags = Vec::with_capacity(ranks.n_rows());
        for row in 0..ranks.n_rows() as u32 {
            let weight = targets.weight(row) as u32;
            if weight > 0 {
                samples.push(row);
                tags.push((targets.y[row as usize] as u32) << weight_bits | weight);
            }
        }
        let n = samples.len();
        Some(Self {
            ranks,
            limits,
            stream,
            features: Features::new(ranks.n_features()),
            n_classes,
            weight_bits,
            tag_bits,
            samples,
            tags,
            keys: Vec::with_capacity(n),
            scratch: vec![0; n],
            total_weight,
            start: 0,
            end: 0,
            total: vec![0.0; n_classes],
            weight: 0.0,
            impurity: PhantomData,
        })
    }

    fn class_and_weight(&self, tag: u64) -> (usize, f64) {
        let weight = tag & ((1 << self.weight_bits) - 1);
        let class = (tag & ((1 << self.tag_bits) - 1)) >> self.weight_bits;
        (class as usize, weight as f64)
    }

    /// Reads the keys of the node's samples; gives the least and the greatest rank.
    fn read(&mut self, feature: usize) -> (u32, u32) {
        let column = self.ranks.column(feature);
        let tag_bits = self.tag_bits;
        let (mut low, mut high) = (u32::MAX, 0);
        self.keys.clear();
        let samples = self.samples[self.start..self.end].iter();
        self.keys.extend(samples.zip(&self.tags[self.start..self.end]).map(|(&sample, &tag)| {
            let rank = column[sample as usize];
            low = low.min(rank);
            high = high.max(rank);
            u64::from(rank) << tag_bits | u64::from(tag)
        }));
        (low, high)
    }

    fn best_split(&mut self) -> Best {
        let mut best = Best {
            proxy: f64::NEG_INFINITY,
            feature: 0,
            position: self.end,
            ranks: (0, 0),
            left: vec![0.0; self.n_classes],
        };
        while let Some(draw) = self.features.draw(self.limits.max_features, &mut self.stream) {
            let Draw::Candidate { feature, place } = draw else { continue };
            let (low, high) = self.read(feature);
            let distinct = self.ranks.distinct(feature);
            if distinct[high as usize] <= distinct[low as usize] + SAME {
                self.features.is_constant(place);
                continue;
            }
            self.features.is_tried(place);
            sort(&mut self.keys, &mut self.scratch, u64::from(low) << self.tag_bits, self.tag_bits, high - low);
            crate::simd::dispatch(
                #[inline(always)]
                || match self.n_classes {
                    2 => self.scan_two(feature, &mut best),
                    _ => self.scan(feature, &mut best),
                },
            );
        }
        best
    }

    /// Tries every boundary of the sorted keys.
    #[inline(always)]
    fn scan(&self, feature: usize, best: &mut Best) {
        let n = self.keys.len();
        let mut left = vec![0.0; self.n_classes];
        let (mut weight_left, mut squares_left) = (0.0, 0.0);
        let mut squares_right = self.total.iter().fold(0.0, |sum, count| sum + count * count);
        for position in 1..n {
            let (class, weight) = self.class_and_weight(self.keys[position - 1]);
            let right = self.total[class] - left[class];
            squares_left += weight * (2.0 * left[class] + weight);
            squares_right -= weight * (2.0 * right - weight);
            left[class] += weight;
            weight_left += weight;
            let weight_right = self.weight - weight_left;
            let gain = squares_left * weight_right + squares_right * weight_left;
            if !I::BY_SQUARES || gain > self.threshold(best) * (weight_left * weight_right) {
                self.try_position(feature, position, &left, weight_left, best);
            }
        }
    }

    /// The same for two classes, many positions at a time.
    #[inline(always)]
    fn scan_two(&self, feature: usize, best: &mut Best) {
        let n = self.keys.len();
        let (mut first, mut weight_left) = ([0.0; CHUNK], [0.0; CHUNK]);
        let (mut first_sum, mut weight_sum) = (0_u64, 0_u64);
        let (first_total, second_total) = (self.total[0], self.total[1]);
        let weight_mask = (1_u64 << self.weight_bits) - 1;
        for chunk in (0..n - 1).step_by(CHUNK) {
            let length = CHUNK.min(n - 1 - chunk);
            for (j, &key) in self.keys[chunk..chunk + length].iter().enumerate() {
                let weight = key & weight_mask;
                let second = (key >> self.weight_bits) & 1;
                weight_sum += weight;
                first_sum += weight & second.wrapping_sub(1);
                first[j] = first_sum as f64;
                weight_left[j] = weight_sum as f64;
            }
            let threshold = self.threshold(best);
            let mut worth = [false; CHUNK];
            let mut any = false;
            for j in 0..CHUNK {
                let (wl, a) = (weight_left[j], first[j]);
                let (wr, b) = (self.weight - wl, wl - a);
                let (c, d) = (first_total - a, second_total - b);
                let gain = (a * a + b * b) * wr + (c * c + d * d) * wl;
                worth[j] = gain > threshold * (wl * wr);
                any |= worth[j];
            }
            if any || !I::BY_SQUARES {
                for j in (0..length).filter(|&j| worth[j] || !I::BY_SQUARES) {
                    let left = [first[j], weight_left[j] - first[j]];
                    self.try_position(feature, chunk + j + 1, &left, weight_left[j], best);
                }
            }
        }
    }

    /// What Σ L²/w_L + Σ R²/w_R must exceed to have a chance: the best so far, less far more than rounding can make.
    #[inline(always)]
    fn threshold(&self, best: &Best) -> f64 {
        best.proxy + self.weight - 1e-12 * self.weight
    }

    /// Looks closely at the boundary before `position` of the sorted keys.
    fn try_position(&self, feature: usize, position: usize, left: &[f64], weight_left: f64, best: &mut Best) {
        let n = self.keys.len();
        let before = (self.keys[position - 1] >> self.tag_bits) as u32;
        let after = (self.keys[position] >> self.tag_bits) as u32;
        let distinct = self.ranks.distinct(feature);
        if before == after || distinct[after as usize] <= distinct[before as usize] + SAME {
            return;
        }
        let min_samples = self.limits.min_samples_leaf;
        let weight_right = self.weight - weight_left;
        let min_weight = self.limits.min_weight_leaf;
        if position < min_samples || n - position < min_samples || weight_left < min_weight || weight_right < min_weight
        {
            return;
        }
        let impurity_left = I::of(left.iter().copied(), weight_left);
        let impurity_right = I::of(self.total.iter().zip(left).map(|(total, left)| total - left), weight_right);
        let proxy = -weight_right * impurity_right - weight_left * impurity_left;
        if proxy > best.proxy {
            best.proxy = proxy;
            best.feature = feature;
            best.position = self.start + position;
            best.ranks = (before, after);
            best.left.copy_from_slice(left);
        }
    }

    /// Moves the samples that go left to the front; both sides keep their order.
    fn partition(&mut self, best: &Best) {
        let column = self.ranks.column(best.feature);
        let limit = best.ranks.0;
        let (mut at, mut n_right) = (self.start, 0);
        for from in self.start..self.end {
            let (sample, tag) = (self.samples[from], self.tags[from]);
            let left = column[sample as usize] <= limit;
            // Both are written, one is kept.
            self.samples[at] = sample;
            self.tags[at] = tag;
            self.scratch[n_right] = u64::from(tag) << 32 | u64::from(sample);
            at += usize::from(left);
            n_right += usize::from(!left);
        }
        for (slot, &right) in (at..self.end).zip(&self.scratch[..n_right]) {
            self.samples[slot] = right as u32;
            self.tags[slot] = (right >> 32) as u32;
        }
    }
}

impl<I: LabelImpurity> Nodes for CountingNodes<'_, I> {
    fn n_samples(&self) -> usize {
        self.samples.len()
    }

    fn enter(&mut self, start: usize, end: usize) -> f64 {
        (self.start, self.end) = (start, end);
        let mut counts = [0_u64; 8];
        if let Some(counts) = counts.get_mut(..self.n_classes) {
            let mask = (1_u32 << self.weight_bits) - 1;
            for &tag in &self.tags[start..end] {
                counts[(tag >> self.weight_bits) as usize] += u64::from(tag & mask);
            }
            for (total, &count) in self.total.iter_mut().zip(counts.iter()) {
                *total = count as f64;
            }
        } else {
            self.total.fill(0.0);
            for at in start..end {
                let (class, weight) = self.class_and_weight(u64::from(self.tags[at]));
                self.total[class] += weight;
            }
        }
        self.weight = self.total.iter().fold(0.0, |sum, count| sum + count);
        self.weight
    }

    fn impurity(&mut self) -> f64 {
        I::of(self.total.iter().copied(), self.weight)
    }

    fn split(&mut self, parent: &mut Parent) -> Split {
        self.features.start(parent.n_constant);
        let best = self.best_split();
        parent.n_constant = self.features.finish();
        if best.position == self.end {
            return Split::none(self.end);
        }
        self.partition(&best);
        let left = best.left.iter().fold(0.0, |sum, count| sum + count);
        let weights = Weights { node: self.weight, left, right: self.weight - left };
        let impurity_left = I::of(best.left.iter().copied(), weights.left);
        let right = self.total.iter().zip(&best.left).map(|(total, left)| total - left);
        let impurity_right = I::of(right, weights.right);
        let distinct = self.ranks.distinct(best.feature);
        let (below, above) = (distinct[best.ranks.0 as usize], distinct[best.ranks.1 as usize]);
        Split {
            feature: best.feature,
            position: best.position,
            threshold: f64::from(below) / 2.0 + f64::from(above) / 2.0,
            improvement: improvement(weights, self.total_weight, parent.impurity, impurity_left, impurity_right),
            impurity_left,
            impurity_right,
            missing_left: best.position - self.start > self.end - best.position,
        }
    }

    fn value(&mut self, value: &mut [f64]) {
        for (value, total) in value.iter_mut().zip(&self.total) {
            *value = total / self.weight;
        }
    }

    fn clip(&self, _value: &mut [f64], _low: f64, _high: f64) {}

    fn middle_value(&self) -> f64 {
        0.0
    }
}

/// Sorts keys by what they have above `tag_bits`. `offset` is no greater than any key, and their ranks differ by up to
/// `spread`.
fn sort(keys: &mut [u64], scratch: &mut [u64], offset: u64, tag_bits: u32, spread: u32) {
    let n = keys.len();
    if n < RADIX {
        keys.sort_unstable();
        return;
    }
    let bits = u32::BITS - spread.leading_zeros();
    // Two passes of up to 11 bits, or three; an odd number of passes ends in `scratch`.
    let n_passes = bits.div_ceil(11).max(1);
    let digit_bits = bits.div_ceil(n_passes);
    let scratch = &mut scratch[..n];
    let mut in_keys = true;
    for pass in 0..n_passes {
        let shift = tag_bits + pass * digit_bits;
        if in_keys {
            radix_pass(keys, scratch, offset, shift, digit_bits);
        } else {
            radix_pass(scratch, keys, offset, shift, digit_bits);
        }
        in_keys = !in_keys;
    }
    if !in_keys {
        keys.copy_from_slice(scratch);
    }
}

fn radix_pass(from: &[u64], to: &mut [u64], offset: u64, shift: u32, digit_bits: u32) {
    let mask = (1_u64 << digit_bits) - 1;
    let digit = |key: u64| (((key - offset) >> shift) & mask) as usize;
    let mut places = [0_u32; 1 << 11];
    for &key in from {
        places[digit(key)] += 1;
    }
    let mut sum = 0;
    for place in &mut places[..1 << digit_bits] {
        (*place, sum) = (sum, sum + *place);
    }
    for &key in from {
        let place = &mut places[digit(key)];
        to[*place as usize] = key;
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_sorted(ranks in prop::collection::vec(0_u32..1 << 20, 1..1500), shrink in 0_u32..20, offset in 0_u32..1000) {
            let mut keys: Vec<u64> =
                ranks.iter().enumerate().map(|(i, rank)| u64::from((rank >> shrink) + offset) << 5 | (i as u64 & 31)).collect();
            let low = keys.iter().map(|key| key >> 5).min().unwrap();
            let high = keys.iter().map(|key| key >> 5).max().unwrap();
            let mut expected = keys.clone();
            expected.sort_unstable();
            let mut scratch = vec![0; keys.len()];
            sort(&mut keys, &mut scratch, low << 5, 5, (high - low) as u32);
            prop_assert!(keys.iter().map(|key| key >> 5).eq(expected.iter().map(|key| key >> 5)));
            keys.sort_unstable();
            prop_assert_eq!(keys, expected);
        }
    }
}
