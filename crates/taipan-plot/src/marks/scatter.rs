//! Scatter: one point for each row.

use super::{Figure, Marks, Points, placed};
use crate::axis::padded;
use crate::chart::Checked;
use crate::coloring::Coloring;
use crate::error::Result;

pub(super) fn figure(chart: &Checked<'_>) -> Result<Figure> {
    let x = chart.x_numbers()?;
    let y = chart.y_numbers()?.unwrap_or_default();
    let look = chart.theme.look();
    let coloring = chart.coloring();
    let groups = coloring.groups(look.plain());
    let mut points: Vec<Points> = groups
        .iter()
        .map(|group| Points {
            at: Vec::new(),
            color: group.color.clone(),
            colors: matches!(coloring, Coloring::Scale(_)).then(Vec::new),
            diamond: group.tint,
        })
        .collect();
    let mut drawn = 0;
    for (row, x, y) in placed(&x, &y) {
        let Some(points) = points.get_mut(coloring.group(row)) else {
            continue;
        };
        points.at.push((x, y));
        if let (Some(colors), Coloring::Scale(scale)) = (&mut points.colors, &coloring) {
            colors.push(scale.color(row, look));
        }
        drawn += 1;
    }
    let all = || points.iter().flat_map(|p| &p.at);
    let extents = padded(all().map(|p| p.0)).zip(padded(all().map(|p| p.1)));
    // What has no colour of its own lies underneath.
    let (mut bottom, top): (Vec<_>, Vec<_>) = points.into_iter().zip(groups.iter()).partition(|(_, g)| g.rest);
    bottom.extend(top);
    let points = bottom.into_iter().map(|(points, _)| points).filter(|p| !p.at.is_empty()).collect();
    drop(groups);
    Ok(Figure {
        x_label: chart.x.label.clone(),
        y_label: chart.y.map(|y| y.label.clone()).unwrap_or_default(),
        extents,
        marks: Marks::Points(points),
        coloring,
        drawn,
    })
}
