//! Line: one line for each colour and style, through the mean of y at each x.

use super::{Drawing, View, placed};
use crate::chart::Data;
use crate::error::Result;
use crate::figure::{Area, Dash, Line, Mark, Panel, Points, Side, Swatch};
use crate::scale::{Extent, Spread};
use crate::statistics::Mean;

/// More lines than this hide each other's bands.
const MOST_BANDS: usize = 8;

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let named = matches!(view.chart.x.as_ref().map(|x| &x.data), Some(Data::Text(_)));
    let (x, labels) = if named { view.categories() } else { (view.x_numbers()?.into_owned(), Vec::new()) };
    let spreads = (if named { Spread::Linear } else { view.chart.x_spread() }, view.chart.y_spread());
    let y = view.y_numbers()?;
    let groups = view.groups();
    let style = view.style(|index| Swatch::Line(Dash::of(index)));
    let styles = style.as_ref().map_or(1, |(_, count, _)| *count);
    let mut points: Vec<Vec<(f64, f64)>> = vec![Vec::new(); groups.len() * styles];
    let mut drawn = 0;
    for (row, x, y) in placed((&x, spreads.0), (&y, spreads.1)) {
        let shape = style.as_ref().map_or(0, |(of_row, _, _)| of_row.get(row).copied().unwrap_or(0));
        if let Some(points) = points.get_mut(view.coloring.group(row) * styles + shape) {
            points.push((x, y));
            drawn += 1;
        }
    }
    let mut averaged = false;
    let mut lines = Vec::with_capacity(groups.len());
    for (index, points) in points.into_iter().enumerate() {
        let Some(group) = groups.get(index / styles) else { continue };
        let rows = points.len();
        let at = means(points);
        averaged |= at.len() < rows;
        if !at.is_empty() {
            let dash = if style.is_some() { Dash::of(index % styles) } else { view.dash(index, group.tint) };
            lines.push((group, at, dash, view.coloring.series(index / styles)));
        }
    }
    lines.sort_by_key(|(group, _, _, _)| !group.rest);
    let mut marks = Vec::new();
    let mut seen: Vec<f64> = Vec::new();
    let banded = lines.len() <= MOST_BANDS;
    for (group, at, _, series) in lines.iter().filter(|_| banded) {
        for part in at.split(|(_, mean)| mean.margin.is_none()).filter(|part| part.len() > 1) {
            let upper = part.iter().map(|(x, m)| (*x, m.value + m.margin.unwrap_or(0.0)));
            let lower = part.iter().rev().map(|(x, m)| (*x, m.value - m.margin.unwrap_or(0.0)));
            let around: Vec<(f64, f64)> = upper.chain(lower).collect();
            if around.iter().all(|(_, y)| spreads.1.holds(*y)) {
                seen.extend(around.iter().map(|p| p.1));
                marks.push(Mark::Area(Area {
                    around,
                    color: group.color,
                    opacity: 0.15,
                    outline: None,
                    series: *series,
                }));
            }
        }
    }
    let mut ends: Vec<f64> = Vec::new();
    for (group, at, dash, series) in lines {
        let at: Vec<(f64, f64)> = at.into_iter().map(|(x, mean)| (x, mean.value)).collect();
        ends.extend(at.first().into_iter().chain(at.last()).map(|p| p.0));
        seen.extend(at.iter().map(|p| p.1));
        let (color, series) = (group.color, series);
        marks.push(if at.len() == 1 {
            // A line through one point would not be seen.
            Mark::Points(Points {
                at,
                color,
                colors: None,
                radii: None,
                radius: 3.5,
                opacity: 1.0,
                rim: false,
                marker: view.marker(0, false),
                series,
            })
        } else {
            Mark::Line(Line { at, color, width: 2.0, dash, series })
        });
    }
    let x_extent =
        if named { (drawn > 0).then_some(Extent::Categories(labels)) } else { spreads.0.padded(ends.into_iter()) };
    let y_label = view.y_label();
    let panel = Panel {
        x: Side { grid: !named, ..Side::new(x_extent, view.x_label()) },
        y: Side::new(spreads.1.padded(seen.into_iter()), if averaged { format!("mean of {y_label}") } else { y_label }),
        marks,
        ..Panel::default()
    };
    Ok(Drawing { panel, drawn, legend: style.map(|(_, _, block)| block).into_iter().collect(), explained: false })
}

/// Points in order of x, one for each x: the mean of its y.
fn means(mut points: Vec<(f64, f64)>) -> Vec<(f64, Mean)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut values = Vec::new();
    points
        .chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq())
        .map(|same| {
            values.clear();
            values.extend(same.iter().map(|p| p.1));
            (same[0].0, Mean::of(&values))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_sorted_and_averaged() {
        let points = vec![(2.0, 1.0), (1.0, 5.0), (2.0, 3.0), (0.0, 1e300), (0.0, 1e300)];
        let found: Vec<(f64, f64)> = means(points).into_iter().map(|(x, mean)| (x, mean.value)).collect();
        assert_eq!(found, [(0.0, 1e300), (1.0, 5.0), (2.0, 2.0)]);
        assert!(means(vec![]).is_empty());
    }
}
