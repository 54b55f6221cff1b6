//! Density: how rows are spread along x, as one smooth curve for each colour.

use super::{Drawing, View, from_zero};
use crate::error::Result;
use crate::figure::{Area, Dash, Line, Mark, Panel, Side};
use crate::scale::{Spread, bounds};
use crate::statistics::Kernel;

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let x = view.x_numbers()?;
    let spread = view.chart.x_spread();
    let groups = view.groups();
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); groups.len()];
    let mut drawn = 0;
    for (row, x) in x.iter().enumerate().filter(|(_, v)| spread.holds(**v)) {
        if let Some(values) = values.get_mut(view.coloring.group(row)) {
            values.push(spread.forward(*x));
            drawn += 1;
        }
    }
    let mut marks = Vec::new();
    let mut reach: Vec<f64> = Vec::new();
    let mut top = 0.0f64;
    for (index, (group, values)) in groups.iter().zip(&values).enumerate().rev() {
        reach.extend(bounds(values.iter().copied()).into_iter().flat_map(|(lo, hi)| [lo, hi]));
        // The areas of all curves add up to one, so that their heights compare.
        let share = values.len() as f64 / drawn as f64;
        let Some(kernel) = Kernel::of(values, 3.0) else { continue };
        let at: Vec<(f64, f64)> = kernel.at.iter().map(|(x, density)| (spread.back(*x), density * share)).collect();
        let (Some(first), Some(last)) = (at.first(), at.last()) else { continue };
        reach.extend([spread.forward(first.0), spread.forward(last.0)]);
        top = at.iter().map(|p| p.1).fold(top, f64::max);
        let series = view.coloring.series(index);
        let around = std::iter::once((first.0, 0.0)).chain(at.iter().copied()).chain([(last.0, 0.0)]).collect();
        marks.push(Mark::Area(Area { around, color: group.color, opacity: 0.22, outline: None, series }));
        marks.push(Mark::Line(Line { at, color: group.color, width: 2.0, dash: Dash::Solid, series }));
    }
    let extent = bounds(reach.into_iter()).map(|(lo, hi)| match spread {
        Spread::Log => Spread::Log.extent(spread.back(lo), spread.back(hi)),
        other => other.extent(lo, hi),
    });
    let (x_extent, y_extent) = if top > 0.0 { (extent, Some(from_zero(0.0, top, false))) } else { (None, None) };
    let panel = Panel {
        x: Side::new(x_extent, view.x_label()).plain(),
        y: Side::new(y_extent, "density"),
        marks,
        ..Panel::default()
    };
    let drawn = if top > 0.0 { drawn } else { 0 };
    Ok(Drawing { panel, drawn, legend: Vec::new(), explained: false })
}
