//! The picture in words, for readers who cannot see it and for search.

use std::fmt::Write;

use crate::chart::{Chart, Data};
use crate::figure::{Figure, Mark, Rectangle};
use crate::kind::Kind;
use crate::scale::{Spread, bounds};

/// Says what the figure of a chart shows.
pub(crate) fn describe(chart: &Chart, figure: &mut Figure) {
    let label = |column: &Option<crate::chart::Column>| column.as_ref().map(|c| c.label.clone());
    let kind = chart.kind.words();
    let columns = || chart.columns.iter().map(|c| c.label.as_str()).collect::<Vec<_>>().join(", ");
    let panel = figure.panels.first();
    // The axis says whether y was averaged or counted.
    let y_label = match chart.kind {
        Kind::Joint | Kind::Residuals | Kind::Heatmap => label(&chart.y),
        _ => panel.map(|p| p.y.label.clone()),
    };
    let (x, y) = (label(&chart.x), y_label.unwrap_or_default());
    figure.name = match (chart.kind, &x) {
        (Kind::Correlation | Kind::Pair, _) => format!("{} of {}", kind.to_lowercase(), columns()),
        (Kind::Histogram | Kind::Density, Some(x)) => format!("{} of {x}", kind.to_lowercase()),
        (_, Some(x)) => format!("{y} by {x}"),
        (_, None) => y.clone(),
    };
    let mut out = match (chart.kind, &x) {
        (Kind::Correlation | Kind::Pair, _) => format!("{kind} of {}", columns()),
        (Kind::Histogram | Kind::Density, Some(x)) => format!("{kind} of {x}"),
        (_, Some(x)) => format!("{kind} of {y} against {x}"),
        (_, None) => format!("{kind} of {y}"),
    };
    if let Some(color) = &chart.color {
        let _ = write!(out, ", coloured by {}", color.label);
    }
    if let Some(facet) = &chart.facet {
        let _ = write!(out, ", a panel for each {}", facet.label);
    }
    if figure.drawn == 0 {
        out.push_str(": no data.");
        figure.summary = out;
        return;
    }
    let _ = write!(out, ". {} {}", figure.drawn, if figure.drawn == 1 { "row" } else { "rows" });
    let mut range = |label: &str, spread: Spread, values: &mut dyn Iterator<Item = f64>| {
        if let Some((lo, hi)) = bounds(values) {
            let _ = write!(out, "; {label} from {} to {}", spread.words(lo), spread.words(hi));
        }
    };
    let places = || {
        figure.panels.iter().flat_map(|p| &p.marks).filter_map(|mark| match mark {
            Mark::Points(points) => Some(&points.at),
            Mark::Line(line) => Some(&line.at),
            _ => None,
        })
    };
    match chart.kind {
        Kind::Scatter | Kind::Line | Kind::Joint => {
            if let Some(x) = chart.x.as_ref().filter(|x| !matches!(x.data, Data::Text(_))) {
                range(&x.label, chart.x_spread(), &mut places().flatten().map(|p| p.0));
            }
            range(&y, chart.y_spread(), &mut places().flatten().map(|p| p.1));
        }
        Kind::Bar | Kind::Histogram => {
            let bars = figure.panels.iter().flat_map(|p| &p.marks).filter_map(|mark| match mark {
                Mark::Rectangles(rectangles) => Some(&rectangles.all),
                _ => None,
            });
            let height = |r: &&Rectangle| r.to.1 - r.from.1;
            if let Some(highest) = bars.flatten().max_by(|a, b| height(a).total_cmp(&height(b))) {
                let _ = write!(out, "; highest bar {}", highest.tip);
            }
        }
        _ => {}
    }
    if figure.dropped > 0 {
        let rows = if figure.dropped == 1 { "row" } else { "rows" };
        let _ = write!(out, "; {} {rows} left out for want of a value", figure.dropped);
    }
    out.push('.');
    figure.summary = out;
}
