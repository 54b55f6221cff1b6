//! Pair: a scatter for each pair of columns, and on the diagonal their histograms.

use super::histogram::{Bins, bars};
use super::{View, from_zero, placed, scatter};
use crate::chart::Chart;
use crate::error::{ErrorKind, Result};
use crate::figure::{Figure, Foot, Mark, Panel, Rectangle, Rectangles, Rim, Shown, Side};
use crate::kind::Kind;
use crate::scale::Spread;

/// More panels than eight by eight are too small to read.
pub(crate) const MOST_COLUMNS: usize = 8;

pub(super) fn figure(view: &View<'_>) -> Result<Figure> {
    let columns = &view.chart.columns;
    if columns.len() < 2 {
        return Err(ErrorKind::FewColumns { kind: Kind::Pair, found: columns.len() }.into());
    }
    let columns = &columns[..columns.len().min(MOST_COLUMNS)];
    let numbers = columns.iter().map(|c| view.numbers(Some(c), "column")).collect::<Result<Vec<_>>>()?;
    let extents: Vec<_> = numbers
        .iter()
        .map(|values| Spread::Linear.padded(values.iter().copied().filter(|v| Spread::Linear.holds(*v))))
        .collect();
    let side = columns.len();
    let mut figure = Figure { widths: vec![1.0; side], heights: vec![1.0; side], ..Figure::default() };
    for line in 0..side {
        for column in 0..side {
            let shown = |outer: bool| if outer { Shown::Full } else { Shown::Line };
            let label = |outer: bool, of: usize| if outer { columns[of].label.clone() } else { String::new() };
            let x = Side::new(extents[column].clone(), label(line + 1 == side, column)).shown(shown(line + 1 == side));
            let mut panel = Panel { cell: (column, line), x, ..Panel::default() };
            if line == column {
                let rows: Vec<(usize, f64)> =
                    numbers[line].iter().copied().enumerate().filter(|(_, v)| Spread::Linear.holds(*v)).collect();
                let bins =
                    Bins::new(&mut rows.iter().map(|r| r.1).collect::<Vec<f64>>(), view.chart.bins, Spread::Linear);
                let (bars, top) = bars(view, &rows, bins.as_ref());
                figure.drawn = figure.drawn.max(rows.len());
                let all = bars.into_iter().map(|b| Rectangle {
                    from: (b.x.0, b.below as f64),
                    to: (b.x.1, b.above as f64),
                    color: b.group.color,
                    opacity: 1.0,
                    tip: b.tip,
                    series: b.series,
                });
                // Its height is a count; the ticks beside the first one measure the points of its row.
                panel.y = Side::new((top > 0).then(|| from_zero(0.0, top as f64, true)), label(column == 0, line))
                    .shown(shown(column == 0))
                    .plain();
                panel.y.ticks.clone_from(&extents[line]);
                panel.x.grid = false;
                panel.marks =
                    vec![Mark::Rectangles(Rectangles { all: all.collect(), rim: Rim::Apart, on_zero: Some(Foot::X) })];
            } else {
                panel.y = Side::new(extents[line].clone(), label(column == 0, line)).shown(shown(column == 0));
                let rows: Vec<(usize, f64, f64)> =
                    placed((&numbers[column], Spread::Linear), (&numbers[line], Spread::Linear)).collect();
                panel.marks = pairs(view, &rows)?;
            }
            figure.panels.push(panel);
        }
    }
    figure.legend.extend(view.legend());
    Ok(figure)
}

/// The points of one small panel: as many rows look denser there than in a large one.
fn pairs(view: &View<'_>, rows: &[(usize, f64, f64)]) -> Result<Vec<Mark>> {
    let chart = Chart { kind: Kind::Scatter, ..Chart::new(Kind::Scatter) };
    let part = View {
        chart: &chart,
        look: view.look,
        coloring: view.coloring.clone(),
        all: view.all,
        categories: None,
        bins: None,
    };
    if rows.len() * view.chart.columns.len().min(MOST_COLUMNS).pow(2) > scatter::MOST_POINTS {
        return Ok(scatter::crowd(&part, rows, (Spread::Linear, Spread::Linear), &mut Vec::new()));
    }
    let (mut marks, _) = scatter::points(&part, rows)?;
    for mark in &mut marks {
        if let Mark::Points(points) = mark {
            points.radius = (points.radius * 0.72).max(1.2);
        }
    }
    Ok(marks)
}
