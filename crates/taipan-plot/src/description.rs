//! The picture in words, for readers who cannot see it and for search.

use std::fmt::Write;

use crate::axis::{Extent, bounds};
use crate::chart::Kind;
use crate::coloring::Coloring;
use crate::marks::{Figure, Marks, Rectangle};
use crate::numbers::number;
use crate::picture::Picture;

impl Picture<'_> {
    /// The title, or what stands against what.
    pub(crate) fn name(&self) -> String {
        match (self.title, self.kind) {
            (Some(title), _) => title.to_owned(),
            (None, Kind::Histogram) => format!("histogram of {}", self.figure.x_label),
            (None, _) => format!("{} by {}", self.figure.y_label, self.figure.x_label),
        }
    }

    /// What a reader who cannot see the picture is told.
    pub(crate) fn summary(&self) -> String {
        let Figure { x_label, y_label, coloring, drawn, extents, marks } = &self.figure;
        let by = match coloring {
            Coloring::Plain => String::new(),
            Coloring::Groups(groups) => format!(", coloured by {}", groups.title),
            Coloring::Scale(scale) => format!(", coloured by {}", scale.title),
        };
        let kind = match self.kind {
            Kind::Scatter => "Scatter plot",
            Kind::Line => "Line plot",
            Kind::Bar => "Bar chart",
            Kind::Histogram => "Histogram",
        };
        let mut out = match self.kind {
            Kind::Histogram => format!("{kind} of {x_label}{by}"),
            _ => format!("{kind} of {y_label} against {x_label}{by}"),
        };
        let Some((x, _)) = extents else {
            out.push_str(": no data.");
            return out;
        };
        let _ = write!(out, ". {drawn} {}", if *drawn == 1 { "row" } else { "rows" });
        let mut range = |label: &str, values: &mut dyn Iterator<Item = f64>| {
            if let Some((lo, hi)) = bounds(values) {
                let _ = write!(out, "; {label} from {} to {}", number(lo), number(hi));
            }
        };
        match marks {
            Marks::Points(sets) => {
                range(x_label, &mut sets.iter().flat_map(|s| &s.at).map(|p| p.0));
                range(y_label, &mut sets.iter().flat_map(|s| &s.at).map(|p| p.1));
            }
            Marks::Lines(lines) => {
                if !matches!(x, Extent::Categories(_)) {
                    range(x_label, &mut lines.iter().flat_map(|s| &s.at).map(|p| p.0));
                }
                range(y_label, &mut lines.iter().flat_map(|s| &s.at).map(|p| p.1));
            }
            Marks::Rectangles(bars) => {
                let height = |r: &Rectangle| r.to.1 - r.from.1;
                if let Some(highest) = bars.iter().max_by(|a, b| height(a).total_cmp(&height(b))) {
                    let _ = write!(out, "; highest bar {}", highest.tip);
                }
            }
        }
        if self.dropped > 0 {
            let rows = if self.dropped == 1 { "row" } else { "rows" };
            let _ = write!(out, "; {} {rows} left out for want of a value", self.dropped);
        }
        out.push('.');
        out
    }
}
