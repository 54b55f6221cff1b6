//! Scatter: one point for each row, or cells where there are too many to tell apart.

use super::cells::{self, Cells};
use super::{Drawing, View, placed};
use crate::coloring::{Coloring, Group};
use crate::error::Result;
use crate::figure::{Area, Block, Content, Dash, Entry, Line, Mark, Marker, Panel, Points, Side, Swatch};
use crate::numbers::{nice_step, number};
use crate::scale::{Spread, bounds};
use crate::statistics::Fit;
use crate::theme::Look;

/// From so many rows on, points would hide each other and make files that no reader opens.
pub(crate) const MOST_POINTS: usize = 100_000;

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let (x, y) = (view.x_numbers()?, view.y_numbers()?);
    let spreads = (view.chart.x_spread(), view.chart.y_spread());
    let rows: Vec<(usize, f64, f64)> = placed((&x, spreads.0), (&y, spreads.1)).collect();
    let mut panel = Panel {
        x: Side::new(spreads.0.padded(rows.iter().map(|r| r.1)), view.x_label()),
        y: Side::new(spreads.1.padded(rows.iter().map(|r| r.2)), view.y_label()),
        ..Panel::default()
    };
    let mut legend = Vec::new();
    if rows.len() > MOST_POINTS {
        panel.marks.extend(crowd(view, &rows, spreads, &mut legend));
    } else {
        let (marks, blocks) = points(view, &rows)?;
        panel.marks.extend(marks);
        legend.extend(blocks);
    }
    if view.chart.fit {
        fits(view, &rows, spreads, &mut panel.marks);
    }
    let explained = rows.len() > MOST_POINTS && matches!(view.coloring, Coloring::Scale(_));
    Ok(Drawing { panel, drawn: rows.len(), legend, explained })
}

/// Points by group, those without a colour of their own underneath.
pub(super) fn points(view: &View<'_>, rows: &[(usize, f64, f64)]) -> Result<(Vec<Mark>, Vec<Block>)> {
    let groups = view.groups();
    let style = view.style(|index| Swatch::Dot(Marker::of(index), 5.0));
    let styles = style.as_ref().map_or(1, |(_, count, _)| *count);
    let sizes = Sizes::of(view, rows)?;
    let (radius, opacity) = point_look(view.all);
    let mut sets: Vec<Points> = Vec::with_capacity(groups.len() * styles);
    for (index, group) in groups.iter().enumerate() {
        for shape in 0..styles {
            sets.push(Points {
                at: Vec::new(),
                color: group.color,
                colors: matches!(view.coloring, Coloring::Scale(_)).then(Vec::new),
                radii: sizes.as_ref().map(|_| Vec::new()),
                radius,
                opacity,
                rim: view.all <= 2000,
                marker: if style.is_some() { Marker::of(shape) } else { view.marker(index, group.tint) },
                series: view.coloring.series(index),
            });
        }
    }
    for (row, x, y) in rows {
        let shape = style.as_ref().map_or(0, |(of_row, _, _)| of_row.get(*row).copied().unwrap_or(0));
        let Some(points) = sets.get_mut(view.coloring.group(*row) * styles + shape) else {
            continue;
        };
        points.at.push((*x, *y));
        if let (Some(colors), Coloring::Scale(scale)) = (&mut points.colors, &view.coloring) {
            colors.push(scale.color(*row, view.look));
        }
        if let (Some(radii), Some(sizes)) = (&mut points.radii, &sizes) {
            radii.push(sizes.radius(*row));
        }
    }
    let (bottom, top): (Vec<_>, Vec<_>) = sets.into_iter().enumerate().partition(|(i, _)| rest(&groups, i / styles));
    let ordered = bottom.into_iter().chain(top).map(|(_, points)| points).filter(|p| !p.at.is_empty());
    let mut blocks: Vec<Block> = sizes.map(|sizes| sizes.legend(view.look)).into_iter().collect();
    blocks.extend(style.map(|(_, _, block)| block));
    Ok((ordered.map(Mark::Points).collect(), blocks))
}

fn rest(groups: &[Group], index: usize) -> bool {
    groups.get(index).is_some_and(|g| g.rest)
}

/// Cells instead of points: their colour tells how many rows they hold, or the mix of their groups, or the mean of their
/// values.
pub(super) fn crowd(
    view: &View<'_>,
    rows: &[(usize, f64, f64)],
    spreads: (Spread, Spread),
    legend: &mut Vec<Block>,
) -> Vec<Mark> {
    let (mark, block) = if let Coloring::Scale(scale) = &view.coloring {
        let mut cells = Cells::new(spreads, 2).valued();
        for (row, x, y) in rows {
            let value = scale.of_row.get(*row).copied().flatten();
            cells.push_valued(*x, *y, usize::from(value.is_none()), value.unwrap_or_default());
        }
        cells::mean_marks(&cells, &scale.title, view.look)
    } else {
        let groups = view.groups();
        let mut cells = Cells::new(spreads, groups.len());
        for (row, x, y) in rows {
            cells.push(*x, *y, view.coloring.group(*row));
        }
        cells::marks(&cells, &groups, view.look)
    };
    legend.extend(block);
    mark
}

/// The regression line of each group with the band in which the true one lies.
fn fits(view: &View<'_>, rows: &[(usize, f64, f64)], spreads: (Spread, Spread), marks: &mut Vec<Mark>) {
    let groups = view.groups();
    let single = groups.len() == 1;
    let mut points: Vec<Vec<(f64, f64)>> = vec![Vec::new(); groups.len()];
    for (row, x, y) in rows {
        if let Some(points) = points.get_mut(view.coloring.group(*row)) {
            // A line on logarithmic axes is a line through logarithms.
            points.push((spreads.0.forward(*x), spreads.1.forward(*y)));
        }
    }
    for (index, (group, points)) in groups.iter().zip(points).enumerate() {
        let (Some(fit), Some((lo, hi))) = (Fit::of(&points), bounds(points.iter().map(|p| p.0))) else { continue };
        let color = if single { view.look.second() } else { group.color };
        let series = view.coloring.series(index);
        let at = |i: u32| lo + (hi - lo) * f64::from(i) / 60.0;
        let place = |x: f64, y: f64| (spreads.0.back(x), spreads.1.back(y));
        let edge = |sign: f64| (0..=60).map(move |i| (at(i), fit.at(at(i)) + sign * fit.margin(at(i)).unwrap_or(0.0)));
        if fit.margin(lo).is_some() {
            let lower: Vec<_> = edge(-1.0).collect();
            let around = edge(1.0).chain(lower.into_iter().rev()).map(|(x, y)| place(x, y)).collect();
            marks.push(Mark::Area(Area { around, color, opacity: 0.18, outline: None, series }));
        }
        let line = vec![place(lo, fit.at(lo)), place(hi, fit.at(hi))];
        marks.push(Mark::Line(Line { at: line, color, width: 2.0, dash: Dash::Solid, series }));
    }
}

/// Radius and opacity of points: the more there are, the smaller and clearer, so that dense places stay readable.
pub(super) fn point_look(points: usize) -> (f64, f64) {
    match points {
        0..=300 => (4.0, 0.85),
        301..=1_000 => (3.5, 0.8),
        1_001..=5_000 => (2.8, 0.6),
        5_001..=20_000 => (2.0, 0.4),
        _ => (1.4, 0.25),
    }
}

/// Radii by a column: areas grow with its values.
struct Sizes {
    label: String,
    values: Vec<f64>,
    lo: f64,
    hi: f64,
}

const SMALLEST: f64 = 2.5;
const LARGEST: f64 = 8.0;

impl Sizes {
    fn of(view: &View<'_>, rows: &[(usize, f64, f64)]) -> Result<Option<Self>> {
        let Some(column) = &view.chart.size_by else { return Ok(None) };
        let values = view.numbers(Some(column), "size")?.into_owned();
        let there = rows.iter().filter_map(|(row, _, _)| values.get(*row)).copied().filter(|v| v.is_finite());
        let Some((lo, hi)) = bounds(there) else { return Ok(None) };
        Ok(Some(Self { label: column.label.clone(), values, lo: lo.min(0.0), hi }))
    }

    fn radius(&self, row: usize) -> f64 {
        self.values.get(row).copied().filter(|v| v.is_finite()).map_or(SMALLEST, |v| self.of_value(v))
    }

    fn of_value(&self, value: f64) -> f64 {
        let share = if self.hi > self.lo { (value - self.lo) / (self.hi - self.lo) } else { 1.0 };
        (SMALLEST.powi(2) + share.clamp(0.0, 1.0) * (LARGEST.powi(2) - SMALLEST.powi(2))).sqrt()
    }

    fn legend(self, look: &Look) -> Block {
        let step = nice_step((self.hi - self.lo) / 4.0);
        let first = (self.lo / step).floor();
        let mut values: Vec<f64> = (1..=5)
            .map(|i| (first + f64::from(i)) * step)
            .filter(|v| *v <= self.hi * (1.0 + 1e-9) && *v >= self.lo)
            .collect();
        if values.is_empty() {
            values.push(self.hi);
        }
        let entries = values.into_iter().map(|value| Entry {
            words: number(value),
            color: look.muted,
            swatch: Swatch::Dot(Marker::Circle, self.of_value(value)),
            series: None,
        });
        Block { content: Content::Entries(entries.collect()), title: self.label.clone() }
    }
}
