//! Joint: a scatter, with the histogram of x above and that of y beside it.

use super::histogram::{Bins, bars};
use super::{View, from_zero, scatter};
use crate::error::Result;
use crate::figure::{Figure, Foot, Mark, Panel, Rectangle, Rectangles, Rim, Shown, Side};

/// Share of the picture that each rim takes, against the scatter.
const RIM: f64 = 0.24;

pub(super) fn figure(view: &View<'_>) -> Result<Figure> {
    let super::Drawing { mut panel, drawn, legend, explained } = scatter::drawing(view)?;
    panel.cell = (0, 1);
    let (x, y) = (view.x_numbers()?, view.y_numbers()?);
    let spreads = (view.chart.x_spread(), view.chart.y_spread());
    let rows: Vec<(usize, f64, f64)> = super::placed((&x, spreads.0), (&y, spreads.1)).collect();
    let side = |values: &mut dyn Iterator<Item = (usize, f64)>, spread| {
        let rows: Vec<(usize, f64)> = values.collect();
        let bins = Bins::new(&mut rows.iter().map(|r| r.1).collect::<Vec<f64>>(), view.chart.bins, spread);
        bars(view, &rows, bins.as_ref())
    };
    let (above, highest) = side(&mut rows.iter().map(|(row, x, _)| (*row, *x)), spreads.0);
    let (beside, longest) = side(&mut rows.iter().map(|(row, _, y)| (*row, *y)), spreads.1);
    let counts = |top: u64| (top > 0).then(|| from_zero(0.0, top as f64, true));
    let rectangles =
        |all: Vec<Rectangle>, foot| vec![Mark::Rectangles(Rectangles { all, rim: Rim::Apart, on_zero: Some(foot) })];
    let upright = above.iter().map(|b| Rectangle {
        from: (b.x.0, b.below as f64),
        to: (b.x.1, b.above as f64),
        color: b.group.color,
        opacity: 1.0,
        tip: b.tip.clone(),
        series: b.series,
    });
    let lying = beside.iter().map(|b| Rectangle {
        from: (b.below as f64, b.x.0),
        to: (b.above as f64, b.x.1),
        color: b.group.color,
        opacity: 1.0,
        tip: b.tip.clone(),
        series: b.series,
    });
    let top = Panel {
        cell: (0, 0),
        x: Side::new(panel.x.extent.clone(), "").plain().shown(Shown::Line),
        y: Side::new(counts(highest), "").plain().shown(Shown::Nothing),
        marks: rectangles(upright.collect(), Foot::X),
        ..Panel::default()
    };
    let right = Panel {
        cell: (1, 1),
        x: Side::new(counts(longest), "").plain().shown(Shown::Nothing),
        y: Side::new(panel.y.extent.clone(), "").plain().shown(Shown::Line),
        marks: rectangles(lying.collect(), Foot::Y),
        ..Panel::default()
    };
    let mut figure = Figure {
        panels: vec![top, panel, right],
        widths: vec![1.0, RIM],
        heights: vec![RIM, 1.0],
        drawn,
        ..Figure::default()
    };
    if !explained {
        figure.legend.extend(view.legend());
    }
    figure.legend.extend(legend);
    Ok(figure)
}
