//! Residuals: what a straight line through the rows leaves of y.

use super::{Drawing, View, placed, scatter};
use crate::error::Result;
use crate::figure::{Dash, Mark, Panel, Segments, Side};
use crate::scale::{Spread, bounds};
use crate::statistics::Fit;

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let (x, y) = (view.x_numbers()?, view.y_numbers()?);
    let spread = view.chart.x_spread();
    let rows: Vec<(usize, f64, f64)> = placed((&x, spread), (&y, Spread::Linear)).collect();
    let points: Vec<(f64, f64)> = rows.iter().map(|(_, x, y)| (spread.forward(*x), *y)).collect();
    let fit = Fit::of(&points);
    let mean = points.iter().map(|p| p.1 / points.len() as f64).sum::<f64>();
    let left = |x: f64, y: f64| y - fit.map_or(mean, |fit| fit.at(spread.forward(x)));
    let rows: Vec<(usize, f64, f64)> = rows.into_iter().map(|(row, x, y)| (row, x, left(x, y))).collect();
    let (marks, legend) = scatter::points(view, &rows)?;
    let ends = bounds(rows.iter().map(|r| r.1)).map(|(lo, hi)| [(lo, 0.0), (hi, 0.0)]);
    let zero = Segments {
        ends: ends.into_iter().collect(),
        color: view.look.muted,
        width: 1.3,
        dash: Dash::Dashed,
        series: None,
    };
    let panel = Panel {
        x: Side::new(spread.padded(rows.iter().map(|r| r.1)), view.x_label()),
        y: Side::new(Spread::Linear.padded(rows.iter().map(|r| r.2)), format!("residual of {}", view.y_label())),
        marks: std::iter::once(Mark::Segments(zero)).chain(marks).collect(),
        ..Panel::default()
    };
    Ok(Drawing { panel, drawn: rows.len(), legend, explained: false })
}
