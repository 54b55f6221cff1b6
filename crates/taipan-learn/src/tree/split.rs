//! The search for a node's best split, feature by feature, exactly as scikit-learn orders it; the plain path.
//!
//! `features` is a permutation that lives as long as the tree. A node draws features from it by a Fisher–Yates shuffle that
//! keeps known constants in front:
//!
//! ```text
//! [ drawn known constants | other known constants | constants found here | not drawn yet | drawn ]
//! 0                       n_drawn                 n_known                n_constant      remaining
//! ```

use super::columns::Columns;
use super::criterion::{Criterion, improvement};
use super::sort::sort_together;
use super::stream::SplitStream;

/// Neighbours this close count as equal.
pub(crate) const SAME: f32 = 1e-7;

/// How candidate thresholds are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Splitter {
    /// Every boundary between two values.
    Best,
    /// One random threshold per feature.
    Random,
}

/// The limits that a split must keep.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) splitter: Splitter,
    pub(crate) max_features: usize,
    pub(crate) min_samples_leaf: usize,
    pub(crate) min_weight_leaf: f64,
    /// −1, 0 or 1 per feature.
    pub(crate) monotonic: Option<Vec<i8>>,
}

/// What a node knows when its split is searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent {
    pub(crate) impurity: f64,
    pub(crate) n_constant: usize,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Whether no split of a child will be asked for.
    pub(crate) children_are_leaves: bool,
}

/// A split of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Split {
    pub(crate) feature: usize,
    /// First sample of the right side; the node's end when there is no split.
    pub(crate) position: usize,
    pub(crate) threshold: f64,
    pub(crate) improvement: f64,
    pub(crate) impurity_left: f64,
    pub(crate) impurity_right: f64,
    pub(crate) missing_left: bool,
}

impl Split {
    pub(crate) fn none(end: usize) -> Self {
        Self {
            feature: 0,
            position: end,
            threshold: 0.0,
            improvement: f64::NEG_INFINITY,
            impurity_left: f64::INFINITY,
            impurity_right: f64::INFINITY,
            missing_left: false,
        }
    }
}

/// What a tree grows from: the samples of one node after the other.
pub(crate) trait Nodes {
    /// Number of samples with a weight.
    fn n_samples(&self) -> usize;
    /// Starts on the samples from `start` to `end`; gives their weight.
    fn enter(&mut self, start: usize, end: usize) -> f64;
    /// Impurity of the node entered.
    fn impurity(&mut self) -> f64;
    /// Finds the best split and moves the left side's samples to the front.
    fn split(&mut self, parent: &mut Parent) -> Split;
    /// Prediction of the node entered.
    fn value(&mut self, value: &mut [f64]);
    /// Forces a prediction between bounds.
    fn clip(&self, value: &mut [f64], low: f64, high: f64);
    /// The bound between both sides of the split just made.
    fn middle_value(&self) -> f64;
}

/// The features drawn for one node.
#[derive(Debug)]
pub(crate) struct Features {
    order: Vec<u32>,
    constant: Vec<u32>,
    n_known: usize,
    n_drawn: usize,
    n_found: usize,
    n_visited: usize,
    remaining: usize,
}

/// What came out of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draw {
    /// A feature that is constant in a parent; it counts as visited.
    KnownConstant,
    /// The feature at this place of the permutation, to be looked at.
    Candidate { feature: usize, place: usize },
}

impl Features {
    pub(crate) fn new(n_features: usize) -> Self {
        let order: Vec<u32> = (0..n_features as u32).collect();
        let constant = vec![0; n_features];
        Self { order, constant, n_known: 0, n_drawn: 0, n_found: 0, n_visited: 0, remaining: n_features }
    }

    pub(crate) fn start(&mut self, n_known: usize) {
        (self.n_known, self.n_drawn, self.n_found, self.n_visited) = (n_known, 0, 0, 0);
        self.remaining = self.order.len();
    }

    fn n_constant(&self) -> usize {
        self.n_known + self.n_found
    }

    /// Draws until `max_features` were visited and one of them was not constant.
    pub(crate) fn draw(&mut self, max_features: usize, stream: &mut SplitStream) -> Option<Draw> {
        let more = self.remaining > self.n_constant()
            && (self.n_visited < max_features || self.n_visited <= self.n_found + self.n_drawn);
        if !more {
            return None;
        }
        self.n_visited += 1;
        let drawn = stream.below(self.n_drawn, self.remaining - self.n_found);
        if drawn < self.n_known {
            self.order.swap(self.n_drawn, drawn);
            self.n_drawn += 1;
            return Some(Draw::KnownConstant);
        }
        let place = drawn + self.n_found;
        Some(Draw::Candidate { feature: self.order[place] as usize, place })
    }

    pub(crate) fn is_constant(&mut self, place: usize) {
        let n_constant = self.n_constant();
        self.order.swap(place, n_constant);
        self.n_found += 1;
    }

    pub(crate) fn is_tried(&mut self, place: usize) {
        self.remaining -= 1;
        self.order.swap(self.remaining, place);
    }

    /// Restores the order of known constants, which siblings rely on; gives the number of constants for the children.
    pub(crate) fn finish(&mut self) -> usize {
        let (known, all) = (self.n_known, self.n_constant());
        self.order[..known].copy_from_slice(&self.constant[..known]);
        self.constant[known..all].copy_from_slice(&self.order[known..all]);
        all
    }
}

/// Samples, criterion and random stream of one tree.
#[derive(Debug)]
pub(crate) struct PlainNodes<'a, C> {
    columns: &'a Columns,
    limits: &'a Limits,
    criterion: C,
    stream: SplitStream,
    features: Features,
    samples: Vec<u32>,
    values: Vec<f32>,
    total_weight: f64,
    start: usize,
    end: usize,
    n_missing: usize,
}

impl<'a, C: Criterion> PlainNodes<'a, C> {
    pub(crate) fn new(
        columns: &'a Columns,
        weights: Option<&[f64]>,
        criterion: C,
        limits: &'a Limits,
        stream: SplitStream,
    ) -> Self {
        let n_rows = columns.n_rows();
        let samples = match weights {
            None => (0..n_rows as u32).collect(),
            Some(weights) => (0..n_rows as u32).filter(|&row| weights[row as usize] != 0.0).collect(),
        };
        let total_weight = weights.map_or(n_rows as f64, |weights| weights.iter().fold(0.0, |sum, w| sum + w));
        Self {
            columns,
            limits,
            criterion,
            stream,
            features: Features::new(columns.n_features()),
            samples,
            values: vec![0.0; n_rows],
            total_weight,
            start: 0,
            end: 0,
            n_missing: 0,
        }
    }

    /// Sorts the node's samples by the feature, missing values last.
    fn sort(&mut self, feature: usize) {
        let column = self.columns.column(feature);
        self.n_missing = 0;
        let mut end = self.end;
        if self.columns.has_missing(feature) {
            let mut at = self.start;
            while at < end {
                if column[self.samples[end - 1] as usize].is_nan() {
                    self.n_missing += 1;
                    end -= 1;
                    continue;
                }
                if column[self.samples[at] as usize].is_nan() {
                    self.samples.swap(at, end - 1);
                    self.n_missing += 1;
                    end -= 1;
                }
                self.values[at] = column[self.samples[at] as usize];
                at += 1;
            }
        } else {
            for at in self.start..end {
                self.values[at] = column[self.samples[at] as usize];
            }
        }
        sort_together(&mut self.values[self.start..end], &mut self.samples[self.start..end]);
    }

    fn keeps_monotonic(&self, feature: usize, parent: &Parent) -> bool {
        let Some(&direction) = self.limits.monotonic.as_ref().and_then(|directions| directions.get(feature)) else {
            return true;
        };
        if direction == 0 {
            return true;
        }
        let (left, right) = self.criterion.sides();
        left >= parent.low
            && right >= parent.low
            && left <= parent.high
            && right <= parent.high
            && (left - right) * f64::from(direction) <= 0.0
    }

    fn too_light(&self) -> bool {
        let weights = self.criterion.weights();
        weights.left < self.limits.min_weight_leaf || weights.right < self.limits.min_weight_leaf
    }

    fn too_few(&self, position: usize) -> bool {
        position - self.start < self.limits.min_samples_leaf || self.end - position < self.limits.min_samples_leaf
    }

    fn best_split(&mut self, parent: &Parent) -> Split {
        let (start, end) = (self.start, self.end);
        let mut best = Split::none(end);
        let mut best_proxy = f64::NEG_INFINITY;
        while let Some(draw) = self.features.draw(self.limits.max_features, &mut self.stream) {
            let Draw::Candidate { feature, place } = draw else { continue };
            self.sort(feature);
            let n_missing = self.n_missing;
            let end_present = end - n_missing;
            if end_present == start || (n_missing == 0 && self.values[end_present - 1] <= self.values[start] + SAME) {
                self.features.is_constant(place);
                continue;
            }
            self.features.is_tried(place);
            for missing_left in [false, true] {
                if missing_left {
                    if n_missing == 0 {
                        break;
                    }
                    self.samples[start..end].rotate_right(n_missing);
                    self.values[start..end].rotate_right(n_missing);
                }
                self.criterion.reset(&self.samples);
                let mut position = start;
                while let Some(next) = self.next_boundary(position, missing_left) {
                    position = next;
                    if self.too_few(position) {
                        continue;
                    }
                    self.criterion.advance(&self.samples, position);
                    if !self.keeps_monotonic(feature, parent) || self.too_light() {
                        continue;
                    }
                    let proxy = self.criterion.proxy(&self.samples);
                    if proxy > best_proxy {
                        best_proxy = proxy;
                        let threshold = if position == end_present && !missing_left {
                            f64::INFINITY
                        } else {
                            f64::from(self.values[position - 1]) / 2.0 + f64::from(self.values[position]) / 2.0
                        };
                        let missing_left =
                            if n_missing == 0 { position - start > end - position } else { missing_left };
                        best = Split { feature, position, threshold, missing_left, ..Split::none(end) };
                    }
                }
            }
        }
        if best.position < end {
            self.partition(&best);
        }
        best
    }

    /// The next boundary after `position`, if any before the end: after a run of equal values, before the missing ones.
    fn next_boundary(&self, position: usize, missing_left: bool) -> Option<usize> {
        let end_present = if missing_left { self.end } else { self.end - self.n_missing };
        if position == end_present {
            return None;
        }
        let mut next = position;
        if missing_left && next == self.start {
            next += self.n_missing;
        }
        next += 1;
        while next < end_present && self.values[next] <= self.values[next - 1] + SAME {
            next += 1;
        }
        (next < self.end).then_some(next)
    }

    fn random_split(&mut self, parent: &Parent) -> Split {
        let (start, end) = (self.start, self.end);
        let mut best = Split::none(end);
        let mut best_proxy = f64::NEG_INFINITY;
        let mut last_drawn = None;
        while let Some(draw) = self.features.draw(self.limits.max_features, &mut self.stream) {
            let Draw::Candidate { feature, place } = draw else { continue };
            last_drawn = Some(feature);
            let (low, high) = self.range(feature);
            let n_missing = self.n_missing;
            if end - start == n_missing || (n_missing == 0 && high <= low + SAME) {
                self.features.is_constant(place);
                continue;
            }
            self.features.is_tried(place);
            let (low, high) = (f64::from(low), f64::from(high));
            let mut threshold = self.stream.uniform(low, high);
            let missing_left = n_missing != 0 && self.stream.below(0, 2) == 1;
            if threshold == high {
                threshold = low;
            }
            let position = self.partition_values(threshold, missing_left);
            if self.too_few(position) {
                continue;
            }
            self.criterion.reset(&self.samples);
            self.criterion.advance(&self.samples, position);
            if self.too_light() || !self.keeps_monotonic(feature, parent) {
                continue;
            }
            let proxy = self.criterion.proxy(&self.samples);
            if proxy > best_proxy {
                best_proxy = proxy;
                let missing_left = if n_missing == 0 { position - start > end - position } else { missing_left };
                best = Split { feature, position, threshold, missing_left, ..Split::none(end) };
            }
        }
        if best.position < end && last_drawn != Some(best.feature) {
            self.partition(&best);
        }
        best
    }

    /// Least and greatest value of the feature in the node; reads the values on the way.
    fn range(&mut self, feature: usize) -> (f32, f32) {
        let column = self.columns.column(feature);
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        self.n_missing = 0;
        for at in self.start..self.end {
            let value = column[self.samples[at] as usize];
            self.values[at] = value;
            if value.is_nan() {
                self.n_missing += 1;
                continue;
            }
            // Not `f32::min`: which zero it gives is not defined.
            if value < low {
                low = value;
            }
            if value > high {
                high = value;
            }
        }
        (low, high)
    }

    /// Moves samples to their side by the values read last; what goes right is swapped to the end.
    fn partition_values(&mut self, threshold: f64, missing_left: bool) -> usize {
        let (mut at, mut end) = (self.start, self.end);
        while at < end {
            if goes_left(self.values[at], threshold, missing_left) {
                at += 1;
            } else {
                end -= 1;
                self.values.swap(at, end);
                self.samples.swap(at, end);
            }
        }
        end
    }

    /// The same by a split.
    fn partition(&mut self, split: &Split) {
        let column = self.columns.column(split.feature);
        let (mut at, mut end) = (self.start, self.end);
        while at < end {
            if goes_left(column[self.samples[at] as usize], split.threshold, split.missing_left) {
                at += 1;
            } else {
                end -= 1;
                self.samples.swap(at, end);
            }
        }
    }
}

pub(crate) fn goes_left(value: f32, threshold: f64, missing_left: bool) -> bool {
    if value.is_nan() { missing_left } else { f64::from(value) <= threshold }
}

impl<C: Criterion> Nodes for PlainNodes<'_, C> {
    fn n_samples(&self) -> usize {
        self.samples.len()
    }

    fn enter(&mut self, start: usize, end: usize) -> f64 {
        (self.start, self.end) = (start, end);
        self.criterion.enter(&self.samples, start, end);
        self.criterion.weights().node
    }

    fn impurity(&mut self) -> f64 {
        self.criterion.node_impurity(&self.samples)
    }

    fn split(&mut self, parent: &mut Parent) -> Split {
        self.features.start(parent.n_constant);
        let mut best = match self.limits.splitter {
            Splitter::Best => self.best_split(parent),
            Splitter::Random => self.random_split(parent),
        };
        if best.position < self.end {
            self.criterion.reset(&self.samples);
            self.criterion.advance(&self.samples, best.position);
            (best.impurity_left, best.impurity_right) = self.criterion.children_impurity(&self.samples);
            best.improvement = improvement(
                self.criterion.weights(),
                self.total_weight,
                parent.impurity,
                best.impurity_left,
                best.impurity_right,
            );
        }
        parent.n_constant = self.features.finish();
        best
    }

    fn value(&mut self, value: &mut [f64]) {
        self.criterion.node_value(value);
    }

    fn clip(&self, value: &mut [f64], low: f64, high: f64) {
        self.criterion.clip(value, low, high);
    }

    fn middle_value(&self) -> f64 {
        self.criterion.middle_value()
    }
}
