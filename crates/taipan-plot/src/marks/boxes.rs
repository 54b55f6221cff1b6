//! Box: quartiles, whiskers, and the rows beyond them (Tukey 1977).

use super::{Drawing, Quartiles, Slots, View};
use crate::error::Result;
use crate::figure::{Dash, Mark, Marker, Panel, Points, Rectangle, Rectangles, Rim, Segments, Side};

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let slots = Slots::new(view)?;
    let mut boxes = Vec::new();
    let (mut lines, mut medians) = (Vec::new(), Vec::new());
    let mut beyond: Vec<(usize, Vec<(f64, f64)>)> = (0..slots.groups.len()).map(|g| (g, Vec::new())).collect();
    let mut seen = Vec::new();
    for slot in slots.each(0.8) {
        let mut sorted = slot.values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let q = Quartiles::of(&sorted);
        let (left, right) = (slot.middle - slot.width * 0.42, slot.middle + slot.width * 0.42);
        boxes.push(Rectangle {
            from: (left, q.first),
            to: (right, q.third),
            color: slots.groups[slot.group].color,
            opacity: 1.0,
            tip: format!("{}{}{}", slot.name, if slot.name.is_empty() { "" } else { ": " }, q.words(sorted.len())),
            series: view.coloring.series(slot.group),
        });
        let cap = slot.width * 0.2;
        for (end, from) in [(q.low, q.first), (q.high, q.third)] {
            lines.push([(slot.middle, from), (slot.middle, end)]);
            lines.push([(slot.middle - cap, end), (slot.middle + cap, end)]);
        }
        medians.push([(left, q.median), (right, q.median)]);
        seen.extend([sorted[0], sorted[sorted.len() - 1]]);
        let out = sorted.iter().filter(|v| **v < q.low || **v > q.high).map(|v| (slot.middle, *v));
        beyond[slot.group].1.extend(out);
    }
    let line = |ends, color, width| Mark::Segments(Segments { ends, color, width, dash: Dash::Solid, series: None });
    let mut marks = vec![
        line(lines, view.look.muted, 1.3),
        Mark::Rectangles(Rectangles { all: boxes, rim: Rim::Outline, on_zero: None }),
        line(medians, view.look.text, 2.2),
    ];
    for (group, at) in beyond.into_iter().filter(|(_, at)| !at.is_empty()) {
        let many = at.len() > 500;
        marks.push(Mark::Points(Points {
            at,
            color: slots.groups[group].color,
            colors: None,
            radii: None,
            radius: if many { 1.8 } else { 3.0 },
            opacity: if many { 0.5 } else { 0.9 },
            rim: false,
            marker: Marker::Circle,
            series: view.coloring.series(group),
        }));
    }
    let panel = Panel {
        x: Side::new(slots.extent(), view.x_label()).plain(),
        y: Side::new(view.chart.y_spread().padded(seen.into_iter()), view.y_label()),
        marks,
        ..Panel::default()
    };
    Ok(Drawing { panel, drawn: slots.drawn, legend: Vec::new(), explained: slots.explained() })
}
