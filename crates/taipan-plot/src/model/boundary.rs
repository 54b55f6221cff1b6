//! Decision boundary: what a model predicts across two features, with the rows it is judged by.

use super::{finish, fits};
use crate::error::Result;
use crate::figure::{Cell, Content, Level, Mark};
use crate::kind::Kind;
use crate::picture::Picture;
use crate::scale::Extent;
use crate::theme::Theme;
use crate::{Chart, Data};

/// Predictions on a grid, and rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Boundary {
    /// The features' names.
    pub features: (String, String),
    /// The target's name.
    pub target: String,
    /// The range of the first feature that the grid covers.
    pub x: (f64, f64),
    /// The range of the second feature.
    pub y: (f64, f64),
    /// Cells along each axis.
    pub side: usize,
    /// The prediction for the middle of each cell, row by row from the least of the second feature: the index of a class,
    /// or a number where there are no classes.
    pub predicted: Vec<f64>,
    /// The classes' names; empty for a regressor.
    pub classes: Vec<String>,
    /// Rows: both features, and the class index or number that is true; NaN where it is not known.
    pub rows: Vec<(f64, f64, f64)>,
}

/// The picture of a decision boundary.
///
/// # Errors
/// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch) unless there is a prediction for each cell.
pub fn boundary(found: Boundary, theme: Theme) -> Result<Picture> {
    let look = theme.look();
    let Boundary { features, target, x, y, side, predicted, classes, rows } = found;
    fits("predictions on the grid", predicted.len(), side * side)?;
    let truth: Vec<f64> = rows.iter().map(|r| r.2).collect();
    let count = rows.len();
    let color = if classes.is_empty() {
        Data::Numbers(truth.clone())
    } else {
        // All classes, in their order, so that their colours do not depend on which row comes first.
        let name = |v: &f64| classes.get(*v as usize).filter(|_| *v >= 0.0).cloned();
        Data::Text(truth.iter().map(name).collect())
    };
    let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = rows.iter().map(|r| (r.0, r.1)).unzip();
    let mut color = color;
    if let Data::Text(texts) = &mut color {
        for class in classes.iter().rev() {
            texts.insert(0, Some(class.clone()));
            xs.insert(0, f64::NAN);
            ys.insert(0, f64::NAN);
        }
    }
    let chart = Chart::new(Kind::Scatter)
        .x(&features.0, Data::Numbers(xs))
        .y(&features.1, Data::Numbers(ys))
        .color(&target, color)
        .theme(theme);
    let mut figure = chart.picture()?.figure().clone();
    let known = predicted.iter().chain(&truth).copied().filter(|v| v.is_finite());
    let (lo, hi) = crate::scale::bounds(known).unwrap_or((0.0, 1.0));
    let shade = |value: f64| {
        if classes.is_empty() {
            let t = if hi > lo { (value - lo) / (hi - lo) } else { 0.5 };
            super::tint(look.sequential((t * 16.0).round() / 16.0), look.background, 0.55)
        } else {
            super::tint(look.category(value.max(0.0) as usize), look.background, 0.26)
        }
    };
    let mut levels: Vec<Level> = Vec::new();
    let at = |range: (f64, f64), i: usize| range.0 + (range.1 - range.0) * i as f64 / side.max(1) as f64;
    for (row, values) in predicted.chunks(side.max(1)).enumerate() {
        let mut column = 0;
        while column < values.len() {
            let color = shade(values[column]);
            let end = values[column..].iter().position(|v| shade(*v) != color).map_or(values.len(), |n| column + n);
            let cell = Cell { from: (at(x, column), at(y, row)), to: (at(x, end), at(y, row + 1)) };
            match levels.iter_mut().find(|l| l.color == color) {
                Some(level) => level.cells.push(cell),
                None => levels.push(Level { color, opacity: 1.0, cells: vec![cell] }),
            }
            column = end;
        }
    }
    if let Some(panel) = figure.panels.first_mut() {
        panel.marks.insert(0, Mark::Cells(levels));
        let range = |(lo, hi)| Some(Extent::Numbers { lo, hi, whole: false });
        (panel.x.extent, panel.y.extent) = (range(x), range(y));
        (panel.x.grid, panel.y.grid) = (false, false);
    }
    if let Some(Content::Bar { lo: from, hi: to, .. }) = figure.legend.first_mut().map(|b| &mut b.content) {
        (*from, *to) = (lo, hi);
    }
    figure.drawn = figure.drawn.max(1);
    figure.dropped = 0;
    Ok(finish(
        figure,
        Kind::Boundary,
        &format!("{} by {} and {}, {count} rows", target, features.0, features.1),
        theme,
        (680, 480),
    ))
}
