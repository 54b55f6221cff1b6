//! The fast path for numbers under the squared error, with whole weights.
//!
//! Sums of real numbers depend on the order of their terms, so here the order of samples is what scikit-learn's sort and
//! partition make it ([`Replay`]), and sums run in that order, from that end. What is saved is the sorting itself, by lists
//! kept sorted from node to node, and divisions, by a comparison without them that says where a close look is due.

use rayon::prelude::*;

use super::criterion::{Targets, Weights, improvement};
use super::ranks::Ranks;
use super::replay::{FLAG, Replay};
use super::split::{Draw, Features, Limits, Nodes, Parent, SAME, Split, Splitter};
use super::stream::SplitStream;

/// Positions that are tested together.
const CHUNK: usize = 32;

/// Samples of a node from which its lists are partitioned side by side.
const LARGE: usize = 4096;

/// Below this, products of squares could vanish, so every position is looked at closely.
const TINY: f64 = 1e-200;

/// The samples of a tree in scikit-learn's order, and sorted by each feature.
#[derive(Debug)]
pub(crate) struct OrderedNodes<'a> {
    ranks: &'a Ranks,
    limits: &'a Limits,
    stream: SplitStream,
    features: Features,
    y: &'a [f64],
    /// Nothing when all samples weigh 1.
    weights: Option<&'a [f64]>,
    samples: Vec<u32>,
    /// For each feature the samples sorted by it, with [`FLAG`]; empty when few features are looked at.
    sorted: Vec<u32>,
    keys: Vec<u64>,
    /// Positions that count as equal to the one before, and those of them that are.
    flagged: Vec<u32>,
    ties: Vec<u32>,
    scratch: Vec<u32>,
    goes_left: Vec<bool>,
    total_weight: f64,
    start: usize,
    end: usize,
    weight: f64,
    sum: f64,
    squares: f64,
}

/// The best split so far.
struct Best {
    proxy: f64,
    feature: usize,
    position: usize,
    ranks: (u32, u32),
}

impl<'a> OrderedNodes<'a> {
    /// Nothing when this path does not apply.
    pub(crate) fn new(ranks: &'a Ranks, targets: Targets<'a>, limits: &'a Limits, stream: SplitStream) -> Option<Self> {
        let n_rows = ranks.n_rows();
        if limits.splitter != Splitter::Best
            || limits.monotonic.is_some()
            || targets.n_outputs != 1
            || n_rows >= FLAG as usize
        {
            return None;
        }
        let whole = |weights: &[f64]| weights.iter().all(|&w| w.fract() == 0.0 && (0.0..=1e6).contains(&w));
        if targets.weights.is_some_and(|weights| !whole(weights)) {
            return None;
        }
        let samples: Vec<u32> = (0..n_rows as u32).filter(|&row| targets.weight(row) != 0.0).collect();
        let total_weight = targets.weights.map_or(n_rows as f64, |weights| weights.iter().fold(0.0, |sum, w| sum + w));
        let unit = targets.weights.is_none_or(|weights| weights.iter().all(|&w| w == 0.0 || w == 1.0));
        let n = samples.len();
        let mut nodes = Self {
            ranks,
            limits,
            stream,
            features: Features::new(ranks.n_features()),
            y: targets.y,
            weights: if unit { None } else { targets.weights },
            sorted: Vec::new(),
            keys: Vec::with_capacity(n),
            flagged: Vec::new(),
            ties: Vec::new(),
            scratch: vec![0; n],
            goes_left: vec![false; n_rows],
            total_weight,
            start: 0,
            end: n,
            weight: 0.0,
            sum: 0.0,
            squares: 0.0,
            samples,
        };
        // Keeping a list sorted costs less than sorting it, but it is done for features that are not drawn too.
        if 2 * limits.max_features >= ranks.n_features() {
            nodes.presort(&targets);
        }
        Some(nodes)
    }

    /// Sorts the samples by each feature, from the order of all rows.
    fn presort(&mut self, targets: &Targets<'_>) {
        let n = self.samples.len();
        self.sorted.reserve_exact(n * self.ranks.n_features());
        for feature in 0..self.ranks.n_features() {
            let order = self.ranks.order(feature);
            if n == order.len() {
                self.sorted.extend_from_slice(order);
                continue;
            }
            let close = Close::new(self.ranks, feature);
            let mut before = None;
            for &entry in order {
                let sample = entry & !FLAG;
                if targets.weight(sample) != 0.0 {
                    let flag = entry & FLAG != 0 && before.is_some_and(|before| close.samples(before, sample));
                    self.sorted.push(sample | if flag { FLAG } else { 0 });
                    before = Some(sample);
                }
            }
        }
    }

    fn weight_of(&self, sample: u32) -> f64 {
        self.weights.map_or(1.0, |weights| weights[sample as usize])
    }

    fn weighted(&self, sample: u32) -> f64 {
        let y = self.y[sample as usize];
        self.weights.map_or(y, |weights| weights[sample as usize] * y)
    }

    /// Puts the node's samples into the order that sorting by the feature leaves, and finds the positions that count as
    /// equal to the one before.
    fn sort(&mut self, feature: usize) {
        let (start, end) = (self.start, self.end);
        let column = self.ranks.column(feature);
        self.flagged.clear();
        let list = if self.sorted.is_empty() {
            None
        } else {
            let from = feature * self.samples.len();
            Some(&self.sorted[from + start..from + end])
        };
        if let Some(list) = list {
            let flagged = (0..).zip(list).filter(|(_, entry)| **entry & FLAG != 0).map(|(position, _)| position);
            self.flagged.extend(flagged);
            let rank_at = |position: u32| column[(list[position as usize] & !FLAG) as usize];
            let ties = self.flagged.iter().filter(|&&position| rank_at(position) == rank_at(position - 1));
            self.ties.clear();
            self.ties.extend(ties);
            if self.ties.is_empty() {
                for (sample, entry) in self.samples[start..end].iter_mut().zip(list) {
                    *sample = entry & !FLAG;
                }
                return;
            }
        }
        let key = |&sample: &u32| u64::from(column[sample as usize]) << 32 | u64::from(sample);
        self.keys.clear();
        self.keys.extend(self.samples[start..end].iter().map(key));
        Replay { sorted: list, ties: &self.ties }.sort(&mut self.keys);
        for (sample, &key) in self.samples[start..end].iter_mut().zip(&self.keys) {
            *sample = key as u32;
        }
        if list.is_none() {
            let close = Close::new(self.ranks, feature);
            let pairs = (1..).zip(self.keys.windows(2));
            let flagged = pairs.filter(|(_, pair)| close.ranks((pair[0] >> 32) as u32, (pair[1] >> 32) as u32));
            self.flagged.extend(flagged.map(|(position, _)| position));
        }
    }

    fn best_split(&mut self) -> Best {
        let mut best = Best { proxy: f64::NEG_INFINITY, feature: 0, position: self.end, ranks: (0, 0) };
        while let Some(draw) = self.features.draw(self.limits.max_features, &mut self.stream) {
            let Draw::Candidate { feature, place } = draw else { continue };
            self.sort(feature);
            let column = self.ranks.column(feature);
            let rank_at = |position: usize| column[self.samples[position] as usize] as usize;
            let distinct = self.ranks.distinct(feature);
            if distinct[rank_at(self.end - 1)] <= distinct[rank_at(self.start)] + SAME {
                self.features.is_constant(place);
                continue;
            }
            self.features.is_tried(place);
            crate::simd::dispatch(
                #[inline(always)]
                || self.scan(feature, &mut best),
            );
        }
        best
    }

    /// Tries every boundary of the sorted samples.
    #[inline(always)]
    fn scan(&self, feature: usize, best: &mut Best) {
        let samples = &self.samples[self.start..self.end];
        let n = samples.len();
        let first = self.limits.min_samples_leaf.max(1);
        let mut walk = Walk { position: 0, sum: 0.0, weight: 0.0 };
        // Stretches of forward steps; each but the last ends where a jump over equals is longer than what is behind it.
        let mut from = first;
        while let Some(jump) = self.next_long_jump(walk.position, from, n) {
            self.scan_stretch(feature, &mut walk, from, jump.0, samples, best);
            walk = self.walk_back(samples, jump.1);
            self.try_position(feature, &walk, best);
            from = jump.1 + 1;
        }
        self.scan_stretch(feature, &mut walk, from, n, samples, best);
    }

    /// The next boundary that is nearer to the end than to the boundary before it, with the end of the stretch before.
    fn next_long_jump(&self, walked: usize, from: usize, n: usize) -> Option<(usize, usize)> {
        let is_flagged = |position: usize| self.flagged.binary_search(&(position as u32)).is_ok();
        let boundary_from = |mut position: usize| {
            while position < n && is_flagged(position) {
                position += 1;
            }
            position
        };
        let last = n - self.limits.min_samples_leaf.max(1);
        // The first jump, over what a leaf needs.
        let boundary = boundary_from(from);
        if boundary > last {
            return None;
        }
        if boundary - walked > n - boundary {
            return Some((from, boundary));
        }
        // Jumps over runs of flagged positions.
        let mut at = self.flagged.partition_point(|&position| position as usize <= boundary);
        while at < self.flagged.len() {
            let before = self.flagged[at] as usize - 1;
            let mut after = before + 1;
            while self.flagged.get(at).is_some_and(|&position| position as usize == after) {
                at += 1;
                after += 1;
            }
            if after > last {
                return None;
            }
            if after - before > n - after {
                return Some((after, after));
            }
        }
        None
    }

    /// The sums left of `position`, from the whole node less what is right of it, last one first.
    fn walk_back(&self, samples: &[u32], position: usize) -> Walk {
        let mut walk = Walk { position, sum: self.sum, weight: self.weight };
        for &sample in samples[position..].iter().rev() {
            walk.sum -= self.weighted(sample);
            walk.weight -= self.weight_of(sample);
        }
        walk
    }

    /// Tries the positions from `from` up to `to`, adding one sample after the other.
    #[inline(always)]
    fn scan_stretch(&self, feature: usize, walk: &mut Walk, from: usize, to: usize, samples: &[u32], best: &mut Best) {
        while walk.position + 1 < from.min(to) {
            self.step(walk, samples);
        }
        let (mut sums, mut weights) = ([0.0; CHUNK], [0.0; CHUNK]);
        while walk.position + 1 < to {
            let chunk = *walk;
            let length = CHUNK.min(to - 1 - walk.position);
            for j in 0..length {
                self.step(walk, samples);
                sums[j] = walk.sum;
                weights[j] = walk.weight;
            }
            let threshold = if best.proxy > TINY { best.proxy * (1.0 - 1e-12) } else { f64::NEG_INFINITY };
            let mut worth = [false; CHUNK];
            let mut any = false;
            for j in 0..CHUNK {
                let (left, weight_left) = (sums[j], weights[j]);
                let (right, weight_right) = (self.sum - left, self.weight - weight_left);
                let gain = left * left * weight_right + right * right * weight_left;
                worth[j] = gain > threshold * (weight_left * weight_right) || !gain.is_finite();
                any |= worth[j];
            }
            if any {
                for j in (0..length).filter(|&j| worth[j]) {
                    let walk = Walk { position: chunk.position + j + 1, sum: sums[j], weight: weights[j] };
                    self.try_position(feature, &walk, best);
                }
            }
        }
    }

    #[inline(always)]
    fn step(&self, walk: &mut Walk, samples: &[u32]) {
        let sample = samples[walk.position];
        walk.sum += self.weighted(sample);
        walk.weight += self.weight_of(sample);
        walk.position += 1;
    }

    /// Looks closely at a boundary.
    fn try_position(&self, feature: usize, walk: &Walk, best: &mut Best) {
        let n = self.end - self.start;
        let min_samples = self.limits.min_samples_leaf;
        if walk.position < min_samples || walk.position >= n || n - walk.position < min_samples {
            return;
        }
        if self.flagged.binary_search(&(walk.position as u32)).is_ok() {
            return;
        }
        let weight_right = self.weight - walk.weight;
        if walk.weight < self.limits.min_weight_leaf || weight_right < self.limits.min_weight_leaf {
            return;
        }
        let right = self.sum - walk.sum;
        let proxy = walk.sum * walk.sum / walk.weight + right * right / weight_right;
        if proxy > best.proxy {
            best.proxy = proxy;
            best.feature = feature;
            best.position = self.start + walk.position;
            let column = self.ranks.column(feature);
            let rank_at = |position: usize| column[self.samples[position] as usize];
            best.ranks = (rank_at(best.position - 1), rank_at(best.position));
        }
    }

    /// Moves samples to their side; what goes right is swapped to the end.
    fn partition(&mut self, best: &Best) {
        let column = self.ranks.column(best.feature);
        let (mut at, mut end) = (self.start, self.end);
        while at < end {
            if column[self.samples[at] as usize] <= best.ranks.0 {
                at += 1;
            } else {
                end -= 1;
                self.samples.swap(at, end);
            }
        }
    }

    /// Does the same to the sorted lists, keeping their order.
    fn partition_lists(&mut self, best: &Best) {
        let (start, end, n) = (self.start, self.end, self.samples.len());
        let column = self.ranks.column(best.feature);
        for &sample in &self.samples[start..end] {
            self.goes_left[sample as usize] = column[sample as usize] <= best.ranks.0;
        }
        let goes_left = &self.goes_left;
        let partition = |scratch: &mut [u32], (feature, list): (usize, &mut [u32])| {
            partition_list(&Close::new(self.ranks, feature), goes_left, &mut list[start..end], scratch);
        };
        let lists = self.sorted.chunks_exact_mut(n).enumerate();
        if end - start < LARGE {
            lists.for_each(|list| partition(&mut self.scratch, list));
        } else {
            let lists: Vec<_> = lists.collect();
            lists.into_par_iter().for_each_init(|| vec![0; end - start], |scratch, list| partition(scratch, list));
        }
    }
}

/// Moves the entries of a sorted list that go left to the front; both sides keep their order.
fn partition_list(close: &Close<'_>, goes_left: &[bool], list: &mut [u32], scratch: &mut [u32]) {
    let (mut n_left, mut n_right) = (0, 0);
    for from in 0..list.len() {
        let mut entry = list[from];
        let left = goes_left[(entry & !FLAG) as usize];
        if entry & FLAG != 0 {
            let before = if left { list[..n_left].last() } else { scratch[..n_right].last() };
            if !before.is_some_and(|&before| close.samples(before & !FLAG, entry & !FLAG)) {
                entry &= !FLAG;
            }
        }
        // Both are written, one is kept.
        list[n_left] = entry;
        scratch[n_right] = entry;
        n_left += usize::from(left);
        n_right += usize::from(!left);
    }
    list[n_left..].copy_from_slice(&scratch[..n_right]);
}

/// Sums over the samples left of a position.
#[derive(Debug, Clone, Copy)]
struct Walk {
    position: usize,
    sum: f64,
    weight: f64,
}

/// Whether values of a feature count as equal.
struct Close<'a> {
    column: &'a [u32],
    distinct: &'a [f32],
}

impl<'a> Close<'a> {
    fn new(ranks: &'a Ranks, feature: usize) -> Self {
        Self { column: ranks.column(feature), distinct: ranks.distinct(feature) }
    }

    fn ranks(&self, before: u32, after: u32) -> bool {
        self.distinct[after as usize] <= self.distinct[before as usize] + SAME
    }

    fn samples(&self, before: u32, after: u32) -> bool {
        self.ranks(self.column[before as usize], self.column[after as usize])
    }
}

impl Nodes for OrderedNodes<'_> {
    fn n_samples(&self) -> usize {
        self.samples.len()
    }

    fn enter(&mut self, start: usize, end: usize) -> f64 {
        (self.start, self.end) = (start, end);
        let (mut sum, mut squares, mut weight) = (0.0, 0.0, 0.0);
        for &sample in &self.samples[start..end] {
            let weighted = self.weighted(sample);
            sum += weighted;
            squares += weighted * self.y[sample as usize];
            weight += self.weight_of(sample);
        }
        (self.sum, self.squares, self.weight) = (sum, squares, weight);
        weight
    }

    fn impurity(&mut self) -> f64 {
        let mean = self.sum / self.weight;
        self.squares / self.weight - mean * mean
    }

    fn split(&mut self, parent: &mut Parent) -> Split {
        self.features.start(parent.n_constant);
        let best = self.best_split();
        parent.n_constant = self.features.finish();
        if best.position == self.end {
            return Split::none(self.end);
        }
        self.partition(&best);
        if !parent.children_are_leaves && !self.sorted.is_empty() {
            self.partition_lists(&best);
        }
        let samples = &self.samples[self.start..self.end];
        let n_left = best.position - self.start;
        let mut walk = Walk { position: 0, sum: 0.0, weight: 0.0 };
        if n_left <= samples.len() - n_left {
            while walk.position < n_left {
                self.step(&mut walk, samples);
            }
        } else {
            walk = self.walk_back(samples, n_left);
        }
        let weights = Weights { node: self.weight, left: walk.weight, right: self.weight - walk.weight };
        let squares_left = samples[..n_left].iter().fold(0.0, |sum, &s| sum + self.weighted(s) * self.y[s as usize]);
        let side = |squares: f64, sum: f64, weight: f64| {
            let mean = sum / weight;
            squares / weight - mean * mean
        };
        let impurity_left = side(squares_left, walk.sum, weights.left);
        let impurity_right = side(self.squares - squares_left, self.sum - walk.sum, weights.right);
        let distinct = self.ranks.distinct(best.feature);
        let (below, above) = (distinct[best.ranks.0 as usize], distinct[best.ranks.1 as usize]);
        Split {
            feature: best.feature,
            position: best.position,
            threshold: f64::from(below) / 2.0 + f64::from(above) / 2.0,
            improvement: improvement(weights, self.total_weight, parent.impurity, impurity_left, impurity_right),
            impurity_left,
            impurity_right,
            missing_left: n_left > samples.len() - n_left,
        }
    }

    fn value(&mut self, value: &mut [f64]) {
        value[0] = self.sum / self.weight;
    }

    fn clip(&self, _value: &mut [f64], _low: f64, _high: f64) {}

    fn middle_value(&self) -> f64 {
        0.0
    }
}
