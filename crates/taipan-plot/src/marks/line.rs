//! Line: one line for each colour, through the mean of y at each x.

use super::{Figure, Line, Marks, Positions, placed};
use crate::axis::{Extent, padded};
use crate::chart::Checked;
use crate::error::Result;

pub(super) fn figure(chart: &Checked<'_>) -> Result<Figure> {
    let positions = Positions::new(chart.x);
    let y = chart.y_numbers()?.unwrap_or_default();
    let coloring = chart.coloring();
    let groups = coloring.groups(chart.theme.look().plain());
    let mut points: Vec<Vec<(f64, f64)>> = vec![Vec::new(); groups.len()];
    let mut drawn = 0;
    for (row, x, y) in placed(&positions.values, &y) {
        if let Some(points) = points.get_mut(coloring.group(row)) {
            points.push((x, y));
            drawn += 1;
        }
    }
    let mut averaged = false;
    let mut lines = Vec::with_capacity(groups.len());
    for (group, points) in groups.iter().zip(points) {
        let rows = points.len();
        let at = means(points);
        averaged |= at.len() < rows;
        if !at.is_empty() {
            lines.push((group.rest, Line { at, color: group.color.clone(), dashed: group.tint }));
        }
    }
    drop(groups);
    lines.sort_by_key(|(rest, _)| !rest);
    let lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    let all = || lines.iter().flat_map(|l| &l.at);
    let x = match positions.labels {
        Some(labels) => (drawn > 0).then_some(Extent::Categories(labels)),
        None => padded(all().map(|p| p.0)),
    };
    let y_label = chart.y.map(|y| y.label.as_str()).unwrap_or_default();
    Ok(Figure {
        x_label: chart.x.label.clone(),
        y_label: if averaged { format!("mean of {y_label}") } else { y_label.into() },
        extents: x.zip(padded(all().map(|p| p.1))),
        marks: Marks::Lines(lines),
        coloring,
        drawn,
    })
}

/// Points in order of x, one for each x: the mean of its y.
fn means(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
        .chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq())
        .map(|same| {
            let count = same.len() as f64;
            // Dividing first keeps sums of large values within range; a single value stays as it is.
            (same[0].0, same.iter().map(|p| p.1 / count).sum())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_sorted_and_averaged() {
        let points = vec![(2.0, 1.0), (1.0, 5.0), (2.0, 3.0), (0.0, 1e300), (0.0, 1e300)];
        assert_eq!(means(points), [(0.0, 1e300), (1.0, 5.0), (2.0, 2.0)]);
        assert_eq!(means(vec![]), []);
    }
}
