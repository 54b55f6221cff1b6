//! Violin: the density of y mirrored about the middle of each slot, with the quartiles inside.

use super::{Drawing, Quartiles, Slots, View};
use crate::error::Result;
use crate::figure::{Area, Dash, Mark, Marker, Panel, Points, Rectangle, Rectangles, Rim, Segments, Side};
use crate::statistics::Kernel;

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let slots = Slots::new(view)?;
    let spread = view.chart.y_spread();
    let (mut shapes, mut boxes, mut whiskers) = (Vec::new(), Vec::new(), Vec::new());
    let mut medians = Vec::new();
    let mut seen = Vec::new();
    for slot in slots.each(0.9) {
        let mut sorted: Vec<f64> = slot.values.iter().map(|v| spread.forward(*v)).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (color, series) = (slots.groups[slot.group].color, view.coloring.series(slot.group));
        seen.extend([sorted[0], sorted[sorted.len() - 1]].map(|v| spread.back(v)));
        if let Some(kernel) = Kernel::of(&sorted, 2.0) {
            let most = kernel.at.iter().map(|p| p.1).fold(0.0, f64::max);
            let half = slot.width * 0.46;
            let edge = |side: f64| {
                let middle = slot.middle;
                kernel.at.iter().map(move |(y, d)| (middle + side * half * d / most, spread.back(*y)))
            };
            let left: Vec<_> = edge(-1.0).collect();
            seen.extend([kernel.at[0].0, kernel.at[kernel.at.len() - 1].0].map(|v| spread.back(v)));
            let around = edge(1.0).chain(left.into_iter().rev()).collect();
            shapes.push(Mark::Area(Area { around, color, opacity: 0.55, outline: Some(1.4), series }));
        }
        let mut values = slot.values.to_vec();
        values.sort_unstable_by(f64::total_cmp);
        let q = Quartiles::of(&values);
        let half = (slot.width * 0.045).min(0.03);
        whiskers.push([(slot.middle, q.low), (slot.middle, q.high)]);
        boxes.push(Rectangle {
            from: (slot.middle - half, q.first),
            to: (slot.middle + half, q.third),
            color: view.look.text,
            opacity: 0.85,
            tip: format!("{}{}{}", slot.name, if slot.name.is_empty() { "" } else { ": " }, q.words(values.len())),
            series,
        });
        medians.push((slot.middle, q.median));
    }
    let mut marks = shapes;
    marks.push(Mark::Segments(Segments {
        ends: whiskers,
        color: view.look.text,
        width: 1.2,
        dash: Dash::Solid,
        series: None,
    }));
    marks.push(Mark::Rectangles(Rectangles { all: boxes, rim: Rim::None, on_zero: None }));
    marks.push(Mark::Points(Points {
        at: medians,
        color: view.look.background,
        colors: None,
        radii: None,
        radius: 2.4,
        opacity: 1.0,
        rim: false,
        marker: Marker::Circle,
        series: None,
    }));
    let panel = Panel {
        x: Side::new(slots.extent(), view.x_label()).plain(),
        y: Side::new(spread.padded(seen.into_iter()), view.y_label()),
        marks,
        ..Panel::default()
    };
    Ok(Drawing { panel, drawn: slots.drawn, legend: Vec::new(), explained: slots.explained() })
}
