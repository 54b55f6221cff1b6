//! Bar: one bar for each category of x, side by side for each colour.

use super::{Drawing, View, from_zero, named, placed};
use crate::error::Result;
use crate::figure::{Dash, Foot, Mark, Panel, Rectangle, Rectangles, Rim, Segments, Side};
use crate::numbers::number;
use crate::scale::{Extent, Spread, bounds};
use crate::statistics::Mean;

/// Share of a category's slot that its bars fill, while gaps can be seen; thinner ones would flicker.
const FILL: f64 = 0.8;
const MAX_APART: usize = 150;

pub(super) fn drawing(view: &View<'_>) -> Result<Drawing> {
    let (positions, labels) = view.categories();
    let y = view.chart.y.is_some().then(|| view.y_numbers()).transpose()?;
    let groups = view.groups();
    let ones = vec![1.0; if y.is_some() { 0 } else { positions.len() }];
    let values = y.as_deref().unwrap_or(&ones);

    let mut cells: Vec<Vec<f64>> = vec![Vec::new(); if y.is_some() { labels.len() * groups.len() } else { 0 }];
    let mut counts = vec![0usize; labels.len() * groups.len()];
    let mut drawn = 0;
    for (row, category, value) in placed((&positions, Spread::Linear), (values, Spread::Linear)) {
        let cell = category as usize * groups.len() + view.coloring.group(row);
        counts[cell] += 1;
        if let Some(values) = cells.get_mut(cell) {
            values.push(value);
        }
        drawn += 1;
    }

    let averaged = y.is_some() && counts.iter().any(|count| *count > 1);
    let measure = match &view.chart.y {
        None => "count".to_owned(),
        Some(y) if averaged => format!("mean of {}", y.label),
        Some(y) => y.label.clone(),
    };
    let same = view.colored_by_x();
    let fill = if counts.len() > MAX_APART { 1.0 } else { FILL };
    let mut bars = Vec::new();
    let mut margins = Vec::new();
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (category, group) = (index / groups.len(), index % groups.len());
        let mean = cells.get(index).map(|values| Mean::of(values));
        let value = mean.map_or(*count as f64, |m| m.value);
        // Where colour repeats x there is one bar in each slot, and it takes the whole slot.
        let (place, places) = if same { (0, 1) } else { (group, groups.len()) };
        let width = fill / places as f64;
        let left = category as f64 - fill / 2.0 + width * place as f64;
        let margin = mean.and_then(|m| m.margin).filter(|_| fill < 1.0);
        if let Some(margin) = margin {
            let middle = left + width / 2.0;
            margins.push([(middle, value - margin), (middle, value + margin)]);
        }
        let within = margin.map(|m| format!(" ± {}", number(m))).unwrap_or_default();
        let rows = if averaged { format!("{within} ({count} rows)") } else { String::new() };
        bars.push(Rectangle {
            from: (left, 0.0),
            to: (left + width, value),
            color: groups[group].color,
            opacity: 1.0,
            tip: format!("{}: {measure} {}{rows}", named(&labels[category], &groups[group], same), number(value)),
            series: view.coloring.series(group),
        });
    }
    let reach = bars.iter().map(|b| b.to.1).chain(margins.iter().flatten().map(|p| p.1));
    let (x, y) = match bounds(reach) {
        Some((lo, hi)) => (Some(Extent::Categories(labels)), Some(from_zero(lo, hi, y.is_none()))),
        None => (None, None),
    };
    let rim = if bars.len() > MAX_APART { Rim::None } else { Rim::Apart };
    let marks = vec![
        Mark::Rectangles(Rectangles { all: bars, rim, on_zero: Some(Foot::X) }),
        Mark::Segments(Segments { ends: margins, color: view.look.text, width: 1.5, dash: Dash::Solid, series: None }),
    ];
    let panel = Panel { x: Side::new(x, view.x_label()).plain(), y: Side::new(y, measure), marks, ..Panel::default() };
    // The axis names the categories; a legend would repeat it, unless it gathers some.
    let explained = same && !groups.iter().any(|g| g.rest);
    Ok(Drawing { panel, drawn, legend: Vec::new(), explained })
}
