//! Where values stand on an axis, and which ticks it shows with which words.
//!
//! An axis counts in tick steps from its first tick and not in data values: its arithmetic then never meets the data's
//! magnitude, so 1e300, 1e-300 and 1e15 + 0.1 draw as well as 1 to 10.

use crate::numbers::{NumberFormat, Step, number};
use crate::text;
use crate::theme::TICK_SIZE;
use crate::time;

/// Numbers beyond this are left out: sums and spans of the rest cannot overflow.
pub(crate) const LARGEST: f64 = 1e300;

/// Degrees by which names of categories are turned where they do not fit side by side.
pub(crate) const TURN: f64 = -40.0;

/// What an axis must show, in data coordinates.
#[derive(Debug, Clone)]
pub(crate) enum Extent {
    /// A range of numbers; `whole` if ticks between integers would make no sense (counts).
    Numbers { lo: f64, hi: f64, whole: bool },
    /// A range of positive numbers, shown by their logarithm.
    Log { lo: f64, hi: f64 },
    /// A range of seconds since 1970.
    Times { lo: f64, hi: f64 },
    /// One slot per category; the category `i` is centred on `i`. Upright axes show the first on top.
    Categories(Vec<String>),
}

/// How the values of a column are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Spread {
    #[default]
    Linear,
    Log,
    Time,
}

/// Which way an axis lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Across,
    Upright,
}

/// A laid-out axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    map: Map,
    pub(crate) ticks: Vec<Tick>,
    /// Degrees by which labels are turned; 0 if they fit as they are.
    pub(crate) turn: f64,
    /// Width of the widest label, in pixels.
    pub(crate) label_width: f64,
    /// What no tick says, such as the year of months.
    pub(crate) context: Option<String>,
}

/// A tick: its place as a share of the axis, and its words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) words: String,
}

#[derive(Debug, Clone, Copy)]
enum Map {
    Linear { origin: f64, step: f64, lo: f64, hi: f64 },
    Log { lo: f64, hi: f64 },
    Slots { count: f64, from_top: bool },
}

impl Extent {
    /// An extent that holds this one and another of the same sort.
    pub(crate) fn union(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Numbers { lo, hi, whole }, Self::Numbers { lo: l, hi: h, whole: w }) => {
                Self::Numbers { lo: lo.min(*l), hi: hi.max(*h), whole: whole && *w }
            }
            (Self::Log { lo, hi }, Self::Log { lo: l, hi: h }) => Self::Log { lo: lo.min(*l), hi: hi.max(*h) },
            (Self::Times { lo, hi }, Self::Times { lo: l, hi: h }) => Self::Times { lo: lo.min(*l), hi: hi.max(*h) },
            (first, _) => first,
        }
    }
}

impl Spread {
    /// The value as it is spread: its logarithm, or itself.
    pub(crate) fn forward(self, value: f64) -> f64 {
        if self == Self::Log { logarithm(value) } else { value }
    }

    /// The value that is spread to `place`.
    pub(crate) fn back(self, place: f64) -> f64 {
        if self == Self::Log { 10f64.powf(place) } else { place }
    }

    /// Whether `v` has a place on such an axis.
    pub(crate) fn holds(self, v: f64) -> bool {
        match self {
            Self::Linear => v.abs() <= LARGEST,
            Self::Log => v > 1e-300 && v <= LARGEST,
            Self::Time => v.abs() <= time::LATEST,
        }
    }

    /// The range of values.
    pub(crate) fn extent(self, lo: f64, hi: f64) -> Extent {
        match self {
            Self::Linear => Extent::Numbers { lo, hi, whole: false },
            Self::Log => Extent::Log { lo, hi },
            Self::Time => Extent::Times { lo, hi },
        }
    }

    /// The range of `values` with room around it: 5 % on either side, as matplotlib leaves; `None` without values.
    pub(crate) fn padded(self, values: impl Iterator<Item = f64>) -> Option<Extent> {
        let (lo, hi) = bounds(values)?;
        let (lo, hi) = (self.forward(lo), self.forward(hi));
        let (lo, hi) = match self {
            Self::Time if hi - lo < 1.0 => (lo - 43_200.0, hi + 43_200.0),
            Self::Log if hi - lo < 1e-9 => (lo - 0.5, hi + 0.5),
            _ => apart(lo, hi),
        };
        let pad = (hi - lo) * 0.05;
        let (lo, hi) = (lo - pad, hi + pad);
        let (lo, hi) = if self == Self::Log { (lo.max(-307.0), hi.min(307.0)) } else { (lo, hi) };
        Some(self.extent(self.back(lo), self.back(hi)))
    }

    /// `value` in words.
    pub(crate) fn words(self, value: f64) -> String {
        if self == Self::Time { time::time(value) } else { number(value) }
    }
}

/// A call, for the compiler would take the logarithm of every value in advance and choose then.
#[inline(never)]
fn logarithm(value: f64) -> f64 {
    value.log10()
}

impl Axis {
    /// Lays `extent` out on `pixels`, with a tick about every `spacing` pixels.
    ///
    /// Names of categories longer than `longest` pixels are cut where they do not fit side by side.
    pub(crate) fn new(extent: &Extent, direction: Direction, pixels: f64, spacing: f64, longest: f64) -> Self {
        let most = (pixels / spacing).floor().clamp(2.0, 10.0);
        match extent {
            Extent::Numbers { lo, hi, whole } => Self::numbers(*lo, *hi, most, *whole),
            Extent::Log { lo, hi } => Self::log(*lo, *hi, most),
            Extent::Times { lo, hi } => Self::times(*lo, *hi, most.min(7.0)),
            Extent::Categories(labels) => Self::categories(labels, direction, pixels, longest),
        }
    }

    /// An axis of nothing: a line without ticks.
    pub(crate) fn empty() -> Self {
        Self::bare(Map::Linear { origin: 0.0, step: 1.0, lo: 0.0, hi: 1.0 })
    }

    fn bare(map: Map) -> Self {
        Self { map, ticks: Vec::new(), turn: 0.0, label_width: 0.0, context: None }
    }

    fn numbers(lo: f64, hi: f64, most: f64, whole: bool) -> Self {
        // Estimates may run out of what numbers have.
        let within = |v: f64| if v.is_nan() { 0.0 } else { v.clamp(-1e305, 1e305) };
        let (lo, hi) = (within(lo), within(hi));
        let (lo, hi) = if hi > lo { (lo, hi) } else { apart(lo, lo) };
        let mut step = Step::nice((hi - lo) / most);
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
        let (origin, size) = (step.times(first), step.size());
        let unit = |value: f64| (value - origin) / size;
        let map = Map::Linear { origin, step: size, lo: unit(lo).min(0.0), hi: unit(hi).max(last - first) };
        let places = (0..=(last - first) as i64).map(|k| (k, format.words(step.times(first + k as f64))));
        let mut axis = Self::bare(map);
        axis.ticks = places.map(|(k, words)| Tick { at: axis.share(k as f64), words }).collect();
        axis.measured()
    }

    fn times(lo: f64, hi: f64, most: f64) -> Self {
        let (lo, hi) = if hi - lo > 1e-3 { (lo, hi) } else { (lo - 1.0, lo + 1.0) };
        let mut axis = Self::bare(Map::Linear { origin: lo, step: hi - lo, lo: 0.0, hi: 1.0 });
        let (ticks, context) = time::ticks(lo, hi, most);
        axis.ticks = ticks.into_iter().map(|(t, words)| Tick { at: axis.fraction(t), words }).collect();
        axis.context = context;
        axis.measured()
    }

    fn log(lo: f64, hi: f64, most: f64) -> Self {
        // Estimates may run out of what a logarithm has.
        let lo = if lo > 0.0 && lo.is_finite() { lo.clamp(1e-307, 1e306) } else { 1e-307 };
        let hi = if hi > lo { hi.min(1e307) } else { lo * 10.0 };
        let (from, to) = (lo.log10(), hi.log10());
        let mut axis = Self::bare(Map::Log { lo: from, hi: to });
        let (first, last) = ((from - 1e-9).ceil() as i32, (to + 1e-9).floor() as i32);
        let decades = last - first + 1;
        let digits: &[f64] = match decades {
            ..=1 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            2 | 3 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let stride = (f64::from(decades) / most).ceil().max(1.0) as usize;
        let exponents = (first - 1..=last).step_by(if digits.len() > 1 { 1 } else { stride });
        let values = exponents.flat_map(|e| digits.iter().map(move |d| d * 10f64.powi(e)));
        let inside: Vec<f64> = values.filter(|v| (lo * (1.0 - 1e-9)..=hi * (1.0 + 1e-9)).contains(v)).collect();
        if inside.len() < 2 {
            // A range within one step of a decade has no better ticks than those of its numbers.
            let plain = Self::numbers(lo, hi, most, false);
            if let Map::Linear { origin, step, lo, .. } = plain.map {
                let Map::Linear { hi, .. } = plain.map else { return plain };
                let value = |share: f64| origin + step * (lo + share * (hi - lo));
                axis.ticks = plain.ticks.into_iter().map(|t| Tick { at: axis.fraction(value(t.at)), ..t }).collect();
            }
        } else {
            let words = |v: f64| {
                if (lo < 1e-4 || hi >= 1e8) && digits.len() == 1 {
                    format!("1e{}", v.log10().round() as i32).replace('-', "−")
                } else {
                    number(v)
                }
            };
            axis.ticks = inside.into_iter().map(|v| Tick { at: axis.fraction(v), words: words(v) }).collect();
        }
        axis.measured()
    }

    fn categories(labels: &[String], direction: Direction, pixels: f64, longest: f64) -> Self {
        let size = f64::from(TICK_SIZE);
        let count = labels.len().max(1) as f64;
        let slot = pixels / count;
        let upright = direction == Direction::Upright;
        let widest = labels.iter().map(|l| text::width(l, size)).fold(0.0, f64::max);
        let fits = !upright && widest + 8.0 <= slot;
        let turn = if fits || upright || labels.len() < 2 { 0.0 } else { TURN };
        // Turned labels need their own height beside each other; the rest of a crowd goes unlabelled.
        let stride = if turn == 0.0 && !upright {
            1
        } else {
            (size * if upright { 1.25 } else { 1.7 } / slot).ceil().max(1.0) as usize
        };
        let mut axis = Self::bare(Map::Slots { count, from_top: upright });
        axis.turn = turn;
        let words = |label: &str| if fits { label.to_owned() } else { text::clip(label, size, longest).into_owned() };
        axis.ticks = labels
            .iter()
            .enumerate()
            .step_by(stride)
            .map(|(i, label)| Tick { at: axis.fraction(i as f64), words: words(label) })
            .collect();
        axis.measured()
    }

    fn measured(mut self) -> Self {
        self.label_width = self.ticks.iter().map(|t| text::width(&t.words, f64::from(TICK_SIZE))).fold(0.0, f64::max);
        self
    }

    /// The place of `value` as a share of the axis: 0 at its beginning, 1 at its end.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        match self.map {
            Map::Linear { origin, step, .. } => self.share((value - origin) / step),
            Map::Log { lo, hi } => (value.max(1e-308).log10() - lo) / (hi - lo),
            Map::Slots { count, from_top: false } => (value + 0.5) / count,
            Map::Slots { count, from_top: true } => 1.0 - (value + 0.5) / count,
        }
    }

    fn share(&self, unit: f64) -> f64 {
        match self.map {
            Map::Linear { lo, hi, .. } => (unit - lo) / (hi - lo),
            _ => unit,
        }
    }

    /// Whether the axis has slots, between which grid lines say nothing.
    pub(crate) fn is_categories(&self) -> bool {
        matches!(self.map, Map::Slots { .. })
    }

    /// The values at both ends and how they are spread; `None` for categories.
    pub(crate) fn ends(&self) -> Option<(f64, f64, Spread)> {
        match self.map {
            Map::Linear { origin, step, lo, hi } => Some((origin + step * lo, origin + step * hi, Spread::Linear)),
            Map::Log { lo, hi } => Some((lo, hi, Spread::Log)),
            Map::Slots { .. } => None,
        }
    }
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

    fn across(extent: &Extent) -> Axis {
        Axis::new(extent, Direction::Across, 600.0, 85.0, 130.0)
    }

    fn words(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|t| t.words.as_str()).collect()
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
            assert_eq!(words(&across(&Extent::Numbers { lo, hi, whole })), expected, "{lo} to {hi}");
        }
    }

    #[test]
    fn logarithmic_ticks_are_decades_or_their_parts() {
        let cases: [(f64, f64, &[&str]); 4] = [
            (0.8, 1.2e6, &["1", "10", "100", "1000", "10,000", "100,000", "1,000,000"]),
            (1.0, 100.0, &["1", "2", "5", "10", "20", "50", "100"]),
            (11.0, 19.0, &["12", "14", "16", "18"]),
            (1e-20, 1e20, &[]),
        ];
        for (lo, hi, expected) in cases {
            let axis = across(&Extent::Log { lo, hi });
            let said: Vec<&str> = words(&axis);
            if lo < 1e-10 {
                assert!((4..=10).contains(&said.len()) && said.iter().all(|w| w.starts_with("1e")), "{said:?}");
            } else {
                assert_eq!(said, expected, "{lo} to {hi}");
            }
            assert!(axis.fraction(lo).abs() < 1e-9 && (axis.fraction(hi) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn crowded_categories_turn_and_thin_out() {
        let labels: Vec<String> = (0..1000).map(|i| format!("category {i}")).collect();
        let few = across(&Extent::Categories(labels[..4].to_vec()));
        let many = across(&Extent::Categories(labels[..20].to_vec()));
        let upright = Axis::new(&Extent::Categories(labels.clone()), Direction::Upright, 600.0, 30.0, 130.0);
        let crowd = across(&Extent::Categories(labels));
        assert_eq!((few.turn, many.turn, crowd.turn, upright.turn), (0.0, TURN, TURN, 0.0));
        assert_eq!((few.ticks.len(), many.ticks.len()), (4, 20));
        assert!(crowd.ticks.len() <= 30 && upright.ticks.len() <= 40);
        assert_eq!(crowd.ticks[1].words, "category 34");
        assert!(upright.fraction(0.0) > upright.fraction(1.0), "the first is on top");
    }

    proptest! {
        #[test]
        fn every_value_stands_within_its_axis(mut values in prop::collection::vec(-LARGEST..LARGEST, 1..20), scale in -300..1) {
            for v in &mut values { *v *= 10f64.powi(scale); }
            let axis = across(&Spread::Linear.padded(values.iter().copied()).unwrap());
            prop_assert!((1..=11).contains(&axis.ticks.len()), "{}", axis.ticks.len());
            for v in values {
                prop_assert!((0.0..=1.0).contains(&axis.fraction(v)), "{} at {}", v, axis.fraction(v));
            }
        }

        #[test]
        fn every_positive_value_stands_within_its_logarithmic_axis(values in prop::collection::vec((-290.0..290.0f64).prop_map(|e| 10f64.powf(e)), 1..20)) {
            let axis = across(&Spread::Log.padded(values.iter().copied()).unwrap());
            prop_assert!((2..=14).contains(&axis.ticks.len()), "{:?}", axis.ticks);
            for v in values {
                prop_assert!((0.0..=1.0).contains(&axis.fraction(v)), "{} at {}", v, axis.fraction(v));
            }
        }

        #[test]
        fn ticks_read_back_as_the_values_they_mark(lo in -1e6..1e6, span in 1e-3..1e6) {
            let axis = across(&Extent::Numbers { lo, hi: lo + span, whole: false });
            for tick in &axis.ticks {
                let read: f64 = tick.words.replace('−', "-").replace(',', "").parse().unwrap();
                prop_assert!((axis.fraction(read) - tick.at).abs() < 1e-6, "{:?}", tick);
            }
        }
    }
}
