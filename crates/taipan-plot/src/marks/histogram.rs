//! Histogram: rows counted in ranges of x, colours stacked.
//!
//! Ranges follow NumPy's `auto`: the narrower of Sturges' (1926) and Freedman and Diaconis' (1981) widths. Where all
//! values are integers, each range instead holds the same number of integers: otherwise some bars would count three
//! integers and others two, and show combs that are not in the data.

use super::{Figure, Marks, Rectangle, from_zero};
use crate::axis::{Extent, apart, bounds};
use crate::chart::Checked;
use crate::coloring::usable;
use crate::error::Result;
use crate::numbers::number;

/// More bars than this are thinner than the gaps between them.
const MAX_BINS: f64 = 200.0;

pub(super) fn figure(chart: &Checked<'_>) -> Result<Figure> {
    let x = chart.x_numbers()?;
    let coloring = chart.coloring();
    let groups = coloring.groups(chart.theme.look().plain()).into_owned();
    let rows: Vec<(usize, f64)> = x.iter().copied().enumerate().filter(|(_, v)| usable(*v)).collect();
    let drawn = rows.len();
    let mut values: Vec<f64> = rows.iter().map(|(_, v)| *v).collect();
    let mut bars = Vec::new();
    let mut extents = None;
    if let Some(bins) = Bins::auto(&mut values) {
        let mut counts = vec![0u64; bins.count * groups.len()];
        for (row, value) in rows {
            counts[bins.index(value) * groups.len() + coloring.group(row)] += 1;
        }
        let mut top = 0;
        for (bin, counts) in counts.chunks(groups.len()).enumerate() {
            let (from, to) = bins.edges(bin);
            let mut below = 0;
            // The first of the legend stands on top, as in the legend.
            for (group, count) in groups.iter().zip(counts).rev().filter(|(_, count)| **count > 0) {
                let name = if group.label.is_empty() { String::new() } else { format!(", {}", group.label) };
                bars.push(Rectangle {
                    from: (from, below as f64),
                    to: (to, (below + count) as f64),
                    color: group.color.clone(),
                    tip: format!("{}{name}: {count}", bins.words(bin)),
                });
                below += count;
            }
            top = top.max(below);
        }
        let (lo, hi) = (bins.edges(0).0, bins.edges(bins.count - 1).1);
        let pad = (hi - lo) * 0.03;
        let x = Extent::Numbers { lo: lo - pad, hi: hi + pad, whole: bins.integers };
        extents = Some((x, from_zero(0.0, top as f64, true)));
    }
    Ok(Figure {
        x_label: chart.x.label.clone(),
        y_label: "count".into(),
        extents,
        marks: Marks::Rectangles(bars),
        coloring,
        drawn,
    })
}

/// Ranges of equal width, closed on the left, the last one on both sides.
#[derive(Debug)]
struct Bins {
    lo: f64,
    hi: f64,
    count: usize,
    integers: bool,
}

impl Bins {
    /// Ranges for `values`, which get sorted.
    fn auto(values: &mut [f64]) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (lo, hi) = bounds(values.iter().copied())?;
        let integers = values.iter().all(|v| v.fract() == 0.0 && v.abs() < 1e15);
        let width = width(values, hi - lo);
        if integers {
            let width = width.round().max(((hi - lo) / MAX_BINS).ceil()).max(1.0);
            let count = ((hi - lo) / width).floor() + 1.0;
            return Some(Self { lo: lo - 0.5, hi: lo - 0.5 + count * width, count: count as usize, integers });
        }
        let count = if width > 0.0 { ((hi - lo) / width).ceil().clamp(1.0, MAX_BINS) } else { 1.0 };
        let (lo, hi) = apart(lo, hi);
        Some(Self { lo, hi, count: count as usize, integers })
    }

    fn index(&self, value: f64) -> usize {
        let place = (value - self.lo) / (self.hi - self.lo) * self.count as f64;
        (place.max(0.0) as usize).min(self.count - 1)
    }

    fn edges(&self, bin: usize) -> (f64, f64) {
        let at = |i: usize| self.lo + (self.hi - self.lo) * (i as f64 / self.count as f64);
        (at(bin), at(bin + 1))
    }

    fn words(&self, bin: usize) -> String {
        let (from, to) = self.edges(bin);
        match self.integers {
            true if to - from < 1.5 => number((from + 0.5).round()),
            true => format!("{} – {}", number((from + 0.5).round()), number((to - 0.5).round())),
            false => format!("{} – {}", number(from), number(to)),
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

/// Linear interpolation between closest ranks, NumPy's default.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = (sorted.len() as f64 - 1.0) * q;
    let at = |i: f64| sorted.get(i as usize).copied().unwrap_or(0.0);
    let (low, high) = (at(place.floor()), at(place.ceil()));
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bins(values: &[f64]) -> (f64, f64, usize) {
        let bins = Bins::auto(&mut values.to_vec()).unwrap();
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
        assert!(Bins::auto(&mut []).is_none());
        let (lo, hi, count) = bins(&[2.5, 2.5]);
        assert_eq!((lo, hi, count), (2.25, 2.75, 1));
    }

    proptest! {
        #[test]
        fn every_value_lies_in_its_bin(values in prop::collection::vec(-1e6f64..1e6, 1..200), round: bool) {
            let mut values = values;
            if round { for v in &mut values { *v = v.round(); } }
            let bins = Bins::auto(&mut values).unwrap();
            prop_assert!((1..=201).contains(&bins.count));
            for v in values {
                let (from, to) = bins.edges(bins.index(v));
                let slack = (bins.hi - bins.lo) * 1e-9;
                prop_assert!(from - slack <= v && v <= to + slack, "{} not in {} to {}", v, from, to);
            }
        }
    }
}
