//! Strip: one point for each row, moved sideways within its slot so that equal values do not hide each other.

use super::scatter::point_look;
use super::{Drawing, Slots, View};
use crate::color::Rgb;
use crate::coloring::Coloring;
use crate::error::Result;
use crate::figure::{Mark, Panel, Points, Side};

/// Places and colours of a group's points.
type Set = (Vec<(f64, f64)>, Vec<Rgb>);

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let slots = Slots::new(view)?;
    let (radius, opacity) = point_look(view.all);
    let mut sets: Vec<Set> = vec![(Vec::new(), Vec::new()); slots.groups.len()];
    for slot in slots.each(0.8) {
        let (at, colors) = &mut sets[slot.group];
        for (row, y) in slot.rows.iter().zip(slot.values) {
            at.push((slot.middle + (scatter(*row) - 0.5) * slot.width * 0.62, *y));
            if let Coloring::Scale(scale) = &view.coloring {
                colors.push(scale.color(*row, view.look));
            }
        }
    }
    let seen: Vec<f64> = sets.iter().flat_map(|(at, _)| at).map(|p| p.1).collect();
    let marks = sets.into_iter().enumerate().filter(|(_, (at, _))| !at.is_empty()).map(|(group, (at, colors))| {
        Mark::Points(Points {
            at,
            color: slots.groups[group].color,
            colors: (!colors.is_empty()).then_some(colors),
            radii: None,
            radius: radius * 0.9,
            opacity,
            rim: view.all <= 2000,
            marker: view.marker(group, slots.groups[group].tint),
            series: view.coloring.series(group),
        })
    });
    let panel = Panel {
        x: Side::new(slots.extent(), view.x_label()).plain(),
        y: Side::new(view.chart.y_spread().padded(seen.into_iter()), view.y_label()),
        marks: marks.collect(),
        ..Panel::default()
    };
    Ok(Drawing { panel, drawn: slots.drawn, legend: Vec::new(), explained: slots.explained() })
}

/// A number from 0 to 1 for a row, the same each time, spread evenly: multiples of the golden ratio.
fn scatter(row: usize) -> f64 {
    (row as f64 * 0.618_033_988_749_895).fract()
}
