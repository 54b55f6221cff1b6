//! Histogram: rows counted in ranges of x, colours stacked.
//!
//! Ranges follow NumPy's `auto`: the narrower of Sturges' (1926) and Freedman and Diaconis' (1981) widths. Where all
//! values are integers, each range instead holds the same number of integers: otherwise some bars would count three
//! integers and others two, and show combs that are not in the data.

use super::{Drawing, View, from_zero};
use crate::coloring::Group;
use crate::error::Result;
use crate::figure::{Foot, Mark, Panel, Rectangle, Rectangles, Rim, Side};
use crate::numbers::number;
use crate::scale::{Extent, Spread, apart, bounds};
use crate::statistics::quantile;

/// More bars than this are thinner than the gaps between them.
const MAX_BINS: f64 = 200.0;

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let x = view.x_numbers()?;
    let spread = view.chart.x_spread();
    let rows: Vec<(usize, f64)> = x.iter().copied().enumerate().filter(|(_, v)| spread.holds(*v)).collect();
    let bins = match &view.bins {
        Some(bins) => Some(bins.clone()),
        None => Bins::new(&mut rows.iter().map(|(_, v)| *v).collect::<Vec<f64>>(), view.chart.bins, spread),
    };
    let (bars, top) = bars(view, &rows, bins.as_ref());
    let all = bars.iter().map(|bar| Rectangle {
        from: (bar.x.0, bar.below as f64),
        to: (bar.x.1, bar.above as f64),
        color: bar.group.color,
        opacity: 1.0,
        tip: bar.tip.clone(),
        series: bar.series,
    });
    let marks = vec![Mark::Rectangles(Rectangles { all: all.collect(), rim: Rim::Apart, on_zero: Some(Foot::X) })];
    let panel = Panel {
        x: Side::new(bins.map(|bins| bins.extent()), view.x_label()).plain(),
        y: Side::new((top > 0).then(|| from_zero(0.0, top as f64, true)), "count"),
        marks,
        ..Panel::default()
    };
    Ok(Drawing { panel, drawn: rows.len(), legend: Vec::new(), explained: false })
}

/// A bar, or a part of one.
pub(super) struct Bar {
    pub(super) x: (f64, f64),
    pub(super) below: u64,
    pub(super) above: u64,
    pub(super) group: Group,
    pub(super) series: Option<usize>,
    pub(super) tip: String,
}

/// Rows counted in ranges, groups stacked; and the highest stack.
pub(super) fn bars(view: &View<'_>, rows: &[(usize, f64)], bins: Option<&Bins>) -> (Vec<Bar>, u64) {
    let Some(bins) = bins else { return (Vec::new(), 0) };
    let groups = view.groups();
    let mut counts = vec![0u64; bins.count * groups.len()];
    for (row, value) in rows {
        counts[bins.index(*value) * groups.len() + view.coloring.group(*row)] += 1;
    }
    let mut bars = Vec::new();
    let mut top = 0;
    for (bin, counts) in counts.chunks(groups.len()).enumerate() {
        let mut below = 0;
        // The first of the legend stands on top, as in the legend.
        for (index, (group, count)) in groups.iter().zip(counts).enumerate().rev().filter(|(_, (_, c))| **c > 0) {
            let name = if group.label.is_empty() { String::new() } else { format!(", {}", group.label) };
            bars.push(Bar {
                x: bins.edges(bin),
                below,
                above: below + count,
                group: group.clone(),
                series: view.coloring.series(index),
                tip: format!("{}{name}: {count}", bins.words(bin)),
            });
            below += count;
        }
        top = top.max(below);
    }
    (bars, top)
}

/// Ranges of equal width, closed on the left, the last one on both sides.
#[derive(Debug, Clone)]
pub(super) struct Bins {
    /// The ends, as they are spread.
    lo: f64,
    hi: f64,
    count: usize,
    integers: bool,
    spread: Spread,
}

impl Bins {
    /// Ranges for `values`, which get spread and sorted; so many of them, where a number is given.
    pub(super) fn new(values: &mut [f64], count: Option<usize>, spread: Spread) -> Option<Self> {
        for value in values.iter_mut() {
            *value = spread.forward(*value);
        }
        values.sort_unstable_by(f64::total_cmp);
        let (lo, hi) = bounds(values.iter().copied())?;
        if let Some(count) = count {
            let (lo, hi) = apart(lo, hi);
            return Some(Self { lo, hi, count, integers: false, spread });
        }
        let integers = spread == Spread::Linear && values.iter().all(|v| v.fract() == 0.0 && v.abs() < 1e15);
        let width = width(values, hi - lo);
        if integers {
            let width = width.round().max(((hi - lo) / MAX_BINS).ceil()).max(1.0);
            let count = ((hi - lo) / width).floor() + 1.0;
            return Some(Self { lo: lo - 0.5, hi: lo - 0.5 + count * width, count: count as usize, integers, spread });
        }
        let count = if width > 0.0 { ((hi - lo) / width).ceil().clamp(1.0, MAX_BINS) } else { 1.0 };
        let (lo, hi) = apart(lo, hi);
        Some(Self { lo, hi, count: count as usize, integers, spread })
    }

    fn index(&self, value: f64) -> usize {
        let place = (self.spread.forward(value) - self.lo) / (self.hi - self.lo) * self.count as f64;
        (place.max(0.0) as usize).min(self.count - 1)
    }

    pub(super) fn edges(&self, bin: usize) -> (f64, f64) {
        let at = |i: usize| self.spread.back(self.lo + (self.hi - self.lo) * (i as f64 / self.count as f64));
        (at(bin), at(bin + 1))
    }

    fn words(&self, bin: usize) -> String {
        let (from, to) = self.edges(bin);
        match self.integers {
            true if to - from < 1.5 => number((from + 0.5).round()),
            true => format!("{} – {}", number((from + 0.5).round()), number((to - 0.5).round())),
            false => format!("{} – {}", self.spread.words(from), self.spread.words(to)),
        }
    }

    /// The axis under the ranges, with a little room on either side.
    pub(super) fn extent(&self) -> Extent {
        let pad = (self.hi - self.lo) * 0.03;
        let (lo, hi) = (self.spread.back(self.lo - pad), self.spread.back(self.hi + pad));
        match self.spread {
            Spread::Linear => Extent::Numbers { lo, hi, whole: self.integers },
            other => other.extent(lo, hi),
        }
    }
}

/// NumPy's `auto` width of sorted values; 0 if they are all equal.
fn width(sorted: &[f64], span: f64) -> f64 {
    let n = sorted.len() as f64;
    let sturges = span / (n.log2() + 1.0);
    let quartiles = quantile(sorted, 0.75) - quantile(sorted, 0.25);
    let freedman_diaconis = 2.0 * quartiles / n.cbrt();
    if freedman_diaconis > 0.0 { sturges.min(freedman_diaconis) } else { sturges }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bins(values: &[f64]) -> (f64, f64, usize) {
        let bins = Bins::new(&mut values.to_vec(), None, Spread::Linear).unwrap();
        (bins.lo, bins.hi, bins.count)
    }

    #[test]
    fn widths_are_those_of_numpy() {
        // numpy.histogram_bin_edges(v, "auto")
        let spread: Vec<f64> = (0..100).map(|i| f64::from(i) * 0.37).collect();
        assert_eq!(bins(&spread), (0.0, 99.0 * 0.37, 8));
        assert_eq!(bins(&[1.5, 1.5, 1.5, 9.25]), (1.5, 9.25, 4));
    }

    #[test]
    fn integers_share_out_evenly() {
        let sizes: Vec<f64> = [1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0, 6.0].to_vec();
        assert_eq!(bins(&sizes), (0.5, 6.5, 6));
        let dice: Vec<f64> = (0..600).map(|i| f64::from(i % 6)).collect();
        assert_eq!(bins(&dice), (-0.5, 5.5, 6));
        assert_eq!(bins(&[7.0, 7.0]), (6.5, 7.5, 1));
    }

    #[test]
    fn one_value_and_no_value() {
        assert!(Bins::new(&mut [], None, Spread::Linear).is_none());
        let (lo, hi, count) = bins(&[2.5, 2.5]);
        assert_eq!((lo, hi, count), (2.25, 2.75, 1));
    }

    proptest! {
        #[test]
        fn every_value_lies_in_its_bin(values in prop::collection::vec(-1e6f64..1e6, 1..200), round: bool) {
            let mut values = values;
            if round { for v in &mut values { *v = v.round(); } }
            let bins = Bins::new(&mut values, None, Spread::Linear).unwrap();
            prop_assert!((1..=201).contains(&bins.count));
            for v in values {
                let (from, to) = bins.edges(bins.index(v));
                let slack = (bins.hi - bins.lo) * 1e-9;
                prop_assert!(from - slack <= v && v <= to + slack, "{} not in {} to {}", v, from, to);
            }
        }
    }
}
