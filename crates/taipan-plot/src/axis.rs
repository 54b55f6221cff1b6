//! Where values stand on an axis, and which ticks it shows with which words.
//!
//! kuva gets positions counted in tick steps from the first tick, not data values: its arithmetic then never meets
//! the data's magnitude, so 1e300, 1e-300 and 1e15 + 0.1 draw as well as 1 to 10, and its ticks are the integers.

use crate::numbers::{NumberFormat, Step};
use crate::text;
use crate::theme::TICK_SIZE;

/// Numbers beyond this are left out: sums and spans of the rest cannot overflow.
pub(crate) const LARGEST: f64 = 1e300;

/// What an axis must show, in data coordinates.
#[derive(Debug, Clone)]
pub(crate) enum Extent {
    /// A range of numbers; `whole` if ticks between integers would make no sense (counts).
    Numbers { lo: f64, hi: f64, whole: bool },
    /// One slot per category; the category `i` is centred on `i`.
    Categories(Vec<String>),
}

/// A laid-out axis.
#[derive(Debug)]
pub(crate) struct Axis {
    origin: f64,
    step: f64,
    lo: f64,
    hi: f64,
    words: Words,
    /// Degrees by which labels are turned; 0 if they fit as they are.
    pub(crate) turn: f64,
    /// Width of the widest label, in pixels.
    pub(crate) label_width: f64,
}

#[derive(Debug, Clone)]
enum Words {
    Numbers(NumberFormat),
    Categories(Vec<String>),
    None,
}

/// The function kuva calls for the words at a tick.
pub(crate) type TickWords = std::sync::Arc<dyn Fn(f64) -> String + Send + Sync>;

/// Degrees by which names of categories are turned where they do not fit side by side.
pub(crate) const TURN: f64 = -40.0;

impl Axis {
    /// Lays `extent` out on `pixels`, with a tick about every `spacing` pixels.
    ///
    /// Names of categories longer than `longest` pixels are cut where they do not fit side by side.
    pub(crate) fn new(extent: &Extent, pixels: f64, spacing: f64, longest: f64) -> Self {
        match extent {
            Extent::Numbers { lo, hi, whole } => {
                let ticks = (pixels / spacing).floor().clamp(2.0, 10.0);
                Self::numbers(*lo, *hi, ticks, *whole)
            }
            Extent::Categories(labels) => Self::categories(labels, pixels, longest),
        }
    }

    /// An axis of nothing: a line without ticks.
    pub(crate) fn empty() -> Self {
        Self { origin: 0.0, step: 1.0, lo: 0.0, hi: 1.0, words: Words::None, turn: 0.0, label_width: 0.0 }
    }

    fn numbers(lo: f64, hi: f64, ticks: f64, whole: bool) -> Self {
        let mut step = Step::nice((hi - lo) / ticks);
        if whole && step.size() < 1.0 {
            step = Step::ONE;
        } else if whole && step.size().fract() != 0.0 {
            step = Step::nice(step.size() * 1.01);
        }
        // One tick tells no scale: a coarse step may meet a short range only once.
        while step.count(lo, hi) < 2.0 && !(whole && step.size() <= 1.0) && step.size() > 1e-300 {
            step = Step::nice(step.size() * 0.45);
        }
        let (first, last) = step.within(lo, hi);
        let format = NumberFormat::new(step, step.times(first).abs().max(step.times(last).abs()));
        let mut axis = Self {
            origin: step.times(first),
            step: step.size(),
            lo: 0.0,
            hi: 0.0,
            words: Words::None,
            turn: 0.0,
            label_width: 0.0,
        };
        (axis.lo, axis.hi) = (axis.unit(lo).min(0.0), axis.unit(hi).max(last - first));
        let labels = (0..=(last - first) as i64).map(|k| format.words(step.times(first + k as f64)));
        axis.label_width = widest(labels);
        axis.words = Words::Numbers(format.starting(first));
        axis
    }

    fn categories(labels: &[String], pixels: f64, longest: f64) -> Self {
        let size = f64::from(TICK_SIZE);
        let count = labels.len().max(1) as f64;
        let slot = pixels / count;
        let mut labels = labels.to_vec();
        let fits = widest(labels.iter().cloned()) + 8.0 <= slot;
        if !fits {
            for label in &mut labels {
                *label = text::clip(label, size, longest).into_owned();
            }
        }
        let turn = if fits || labels.len() < 2 { 0.0 } else { TURN };
        // Turned labels need their own height beside each other; the rest of a crowd goes unlabelled.
        let stride = if turn == 0.0 { 1.0 } else { (size * 1.7 / slot).ceil().max(1.0) };
        Self {
            origin: 0.0,
            step: stride,
            lo: -0.5 / stride,
            hi: (count - 0.5) / stride,
            label_width: widest(labels.iter().step_by(stride as usize).cloned()),
            words: Words::Categories(labels),
            turn,
        }
    }

    /// The position of `value`, in tick steps from the first tick.
    pub(crate) fn unit(&self, value: f64) -> f64 {
        (value - self.origin) / self.step
    }

    /// The ends of the axis, in tick steps.
    pub(crate) fn range(&self) -> (f64, f64) {
        (self.lo, self.hi)
    }

    /// Whether the axis has ticks.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.words, Words::None)
    }

    /// Whether the axis has slots, between which grid lines say nothing.
    pub(crate) fn is_categories(&self) -> bool {
        matches!(self.words, Words::Categories(_))
    }

    /// The words at the tick `k` steps from the first.
    pub(crate) fn words(&self) -> TickWords {
        let words = self.words.clone();
        let stride = self.step;
        std::sync::Arc::new(move |k: f64| match &words {
            Words::Numbers(format) => format.words_at(k.round()),
            Words::Categories(labels) => labels.get((k.round() * stride) as usize).cloned().unwrap_or_default(),
            Words::None => String::new(),
        })
    }
}

fn widest(labels: impl Iterator<Item = String>) -> f64 {
    labels.map(|l| text::width(&l, f64::from(TICK_SIZE))).fold(0.0, f64::max)
}

/// The range of `values` with room around it: 5 % on either side, as matplotlib leaves; `None` without values.
pub(crate) fn padded(values: impl Iterator<Item = f64>) -> Option<Extent> {
    let (lo, hi) = bounds(values)?;
    let (lo, hi) = apart(lo, hi);
    let pad = (hi - lo) * 0.05;
    Some(Extent::Numbers { lo: lo - pad, hi: hi + pad, whole: false })
}

/// Smallest and largest of `values`.
pub(crate) fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((lo, hi)) => Some((lo.min(v), hi.max(v))),
    })
}

/// A range wide enough to tell its ends apart: one value stands in the middle of its axis.
pub(crate) fn apart(lo: f64, hi: f64) -> (f64, f64) {
    let size = lo.abs().max(hi.abs());
    if hi - lo > size * 1e-11 {
        return (lo, hi);
    }
    let room = if size == 0.0 { 0.5 } else { size * 0.1 };
    ((lo - room).max(-f64::MAX), (hi + room).min(f64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ticks(lo: f64, hi: f64, whole: bool) -> Vec<String> {
        let axis = Axis::new(&Extent::Numbers { lo, hi, whole }, 600.0, 85.0, 130.0);
        let words = axis.words();
        let (from, to) = axis.range();
        (from.ceil() as i64..=to.floor() as i64).map(|k| words(k as f64)).collect()
    }

    #[test]
    fn ticks_are_round_and_worded_alike() {
        let cases: [(f64, f64, bool, &[&str]); 13] = [
            (0.7, 53.2, false, &["10", "20", "30", "40", "50"]),
            (0.55, 10.45, false, &["2", "4", "6", "8", "10"]),
            (0.0, 1.0, false, &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (-1.1, 1.1, false, &["−1.0", "−0.5", "0", "0.5", "1.0"]),
            (0.0, 3.0, true, &["0", "1", "2", "3"]),
            (0.0, 13.0, true, &["0", "2", "4", "6", "8", "10", "12"]),
            (0.0, 17.0, true, &["0", "5", "10", "15"]),
            (1990.0, 2024.0, false, &["1990", "1995", "2000", "2005", "2010", "2015", "2020"]),
            (0.0, 725_000.0, false, &["0", "200,000", "400,000", "600,000"]),
            (0.0, 3.2e9, false, &["0", "0.5B", "1.0B", "1.5B", "2.0B", "2.5B", "3.0B"]),
            (0.0, 7e-9, false, &["0", "1e−9", "2e−9", "3e−9", "4e−9", "5e−9", "6e−9", "7e−9"]),
            (-1e300, 1e300, false, &["−1.0e300", "−5.0e299", "0", "5.0e299", "1.0e300"]),
            (
                1_000_000.0,
                1_000_000.35,
                false,
                &[
                    "1,000,000.00",
                    "1,000,000.05",
                    "1,000,000.10",
                    "1,000,000.15",
                    "1,000,000.20",
                    "1,000,000.25",
                    "1,000,000.30",
                    "1,000,000.35",
                ],
            ),
        ];
        for (lo, hi, whole, expected) in cases {
            assert_eq!(ticks(lo, hi, whole), expected, "{lo} to {hi}");
        }
    }

    #[test]
    fn crowded_categories_turn_and_thin_out() {
        let labels: Vec<String> = (0..1000).map(|i| format!("category {i}")).collect();
        let few = Axis::new(&Extent::Categories(labels[..4].to_vec()), 600.0, 85.0, 130.0);
        let many = Axis::new(&Extent::Categories(labels[..20].to_vec()), 600.0, 85.0, 130.0);
        let crowd = Axis::new(&Extent::Categories(labels), 600.0, 85.0, 130.0);
        assert_eq!((few.turn, many.turn, crowd.turn), (0.0, TURN, TURN));
        assert_eq!((few.step, many.step), (1.0, 1.0));
        assert!(crowd.step >= 30.0, "{}", crowd.step);
        assert_eq!(crowd.words()(1.0), format!("category {}", crowd.step));
    }

    proptest! {
        #[test]
        fn every_value_stands_within_its_axis(mut values in prop::collection::vec(-LARGEST..LARGEST, 1..20), scale in -300..1) {
            for v in &mut values { *v *= 10f64.powi(scale); }
            let axis = Axis::new(&padded(values.iter().copied()).unwrap(), 600.0, 85.0, 130.0);
            let (lo, hi) = axis.range();
            prop_assert!(lo < hi && hi - lo <= 11.0, "{} to {}", lo, hi);
            for v in values {
                prop_assert!((lo..=hi).contains(&axis.unit(v)), "{} at {} outside {} to {}", v, axis.unit(v), lo, hi);
            }
        }

        #[test]
        fn ticks_read_back_as_the_values_they_mark(lo in -1e6..1e6, span in 1e-3..1e6) {
            let axis = Axis::new(&Extent::Numbers { lo, hi: lo + span, whole: false }, 600.0, 85.0, 130.0);
            let words = axis.words();
            for k in 0..=axis.range().1.floor() as i64 {
                let read: f64 = words(k as f64).replace('−', "-").replace(',', "").parse().unwrap();
                prop_assert!((axis.unit(read) - k as f64).abs() < 1e-6, "{} at {}", words(k as f64), k);
            }
        }
    }
}
