//! Bar: one bar for each category of x, side by side for each colour.

use super::{Figure, Marks, Positions, Rectangle, from_zero};
use crate::axis::{Extent, bounds};
use crate::chart::Checked;
use crate::coloring::{Coloring, usable};
use crate::error::Result;
use crate::numbers::number;

/// Share of a category's slot that its bars fill, while gaps can be seen; thinner ones would flicker.
const FILL: f64 = 0.8;
const MAX_APART: usize = 150;

pub(super) fn figure(chart: &Checked<'_>) -> Result<Figure> {
    let positions = Positions::categories(&chart.x.data);
    let labels = positions.labels.unwrap_or_default();
    let y = chart.y_numbers()?;
    let coloring = chart.coloring();
    let groups = coloring.groups(chart.theme.look().plain()).into_owned();

    // For each category and group: rows, and their values of y.
    let mut cells = vec![(0usize, 0.0f64); labels.len() * groups.len()];
    let rows = || {
        let y = y.as_deref();
        positions.values.iter().enumerate().filter_map(move |(row, category)| {
            let value = y.map_or(1.0, |y| y[row]);
            (usable(*category) && usable(value)).then_some((row, *category as usize, value))
        })
    };
    let mut drawn = 0;
    for (row, category, _) in rows() {
        cells[category * groups.len() + coloring.group(row)].0 += 1;
        drawn += 1;
    }
    for (row, category, value) in rows() {
        let (count, sum) = &mut cells[category * groups.len() + coloring.group(row)];
        // Means are summed as shares: a sum of large values could overflow.
        *sum += if y.is_some() { value / *count as f64 } else { 1.0 };
    }

    let averaged = y.is_some() && cells.iter().any(|(count, _)| *count > 1);
    let measure = match chart.y {
        None => "count".to_owned(),
        Some(y) if averaged => format!("mean of {}", y.label),
        Some(y) => y.label.clone(),
    };
    let same = chart.color.is_some_and(|color| color.data == chart.x.data);
    let fill = if cells.len() > MAX_APART { 1.0 } else { FILL };
    let mut bars = Vec::new();
    for (index, (count, value)) in cells.iter().enumerate() {
        let (category, group) = (index / groups.len(), index % groups.len());
        if *count == 0 {
            continue;
        }
        // Where colour repeats x there is one bar in each slot, and it takes the whole slot.
        let (place, places) = if same { (0, 1) } else { (group, groups.len()) };
        let width = fill / places as f64;
        let left = category as f64 - fill / 2.0 + width * place as f64;
        let name = match groups[group].label.as_str() {
            "" => labels[category].clone(),
            _ if same => labels[category].clone(),
            label => format!("{}, {label}", labels[category]),
        };
        let rows = if averaged { format!(" ({count} rows)") } else { String::new() };
        bars.push(Rectangle {
            from: (left, 0.0),
            to: (left + width, *value),
            color: groups[group].color.clone(),
            tip: format!("{name}: {measure} {}{rows}", number(*value)),
        });
    }
    let extents = bounds(bars.iter().map(|b| b.to.1))
        .map(|(lo, hi)| (Extent::Categories(labels), from_zero(lo, hi, y.is_none())));
    Ok(Figure {
        x_label: chart.x.label.clone(),
        y_label: measure,
        extents,
        marks: Marks::Rectangles(bars),
        // The axis names the categories; a legend would repeat it, unless it gathers some.
        coloring: if same && !groups.iter().any(|g| g.rest) { Coloring::Plain } else { coloring },
        drawn,
    })
}
