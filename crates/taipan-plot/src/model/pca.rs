//! Principal components: rows in the plane of the first two, the loadings of features, and what each component explains.

use super::finish;
use crate::error::Result;
use crate::figure::{
    Anchor, Dash, Foot, Label, Line, Mark, Marker, Panel, Points, Rectangle, Rectangles, Rim, Segments, Shown, Side,
};
use crate::kind::Kind;
use crate::picture::Picture;
use crate::scale::Extent;
use crate::theme::{Look, TICK_SIZE, Theme};
use crate::{Chart, Data};

/// More loadings than this cover the rows.
const MOST_LOADINGS: usize = 12;

/// What a principal component analysis found.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// The first component of each row.
    pub first: Vec<f64>,
    /// The second component of each row.
    pub second: Vec<f64>,
    /// The column that colours the rows, with its name.
    pub color: Option<(String, Data)>,
    /// The share of the variance that each component explains.
    pub explained: Vec<f64>,
    /// For each feature its weight in the first and second component.
    pub loadings: Vec<(String, f64, f64)>,
}

/// The picture of a principal component analysis.
///
/// # Errors
/// Those of a scatter: columns of different lengths.
pub fn pca(found: Components, theme: Theme) -> Result<Picture> {
    let look = theme.look();
    let Components { first, second, color, explained, mut loadings } = found;
    let named = |i: usize| match explained.get(i) {
        Some(share) => format!("PC{} ({:.1} % of the variance)", i + 1, share * 100.0),
        None => format!("PC{}", i + 1),
    };
    let reach = |values: &[f64]| values.iter().filter(|v| v.is_finite()).fold(0.0f64, |most, v| most.max(v.abs()));
    let (wide, high) = (reach(&first), reach(&second));
    let rows = first.len();
    let mut chart =
        Chart::new(Kind::Scatter).x(named(0), Data::Numbers(first)).y(named(1), Data::Numbers(second)).theme(theme);
    if let Some((label, data)) = color {
        chart = chart.color(label, data);
    }
    let mut figure = chart.picture()?.figure().clone();
    loadings.retain(|(_, a, b)| a.is_finite() && b.is_finite());
    loadings.sort_by(|p, q| (q.1.hypot(q.2)).total_cmp(&p.1.hypot(p.2)));
    loadings.truncate(MOST_LOADINGS);
    let longest = loadings.iter().map(|(_, a, b)| a.abs().max(b.abs())).fold(0.0, f64::max);
    if let (Some(panel), true) = (figure.panels.first_mut(), longest > 0.0 && rows > 0) {
        let scale = 0.85 * wide.min(high).max(f64::MIN_POSITIVE) / longest;
        let end = |(_, a, b): &(String, f64, f64)| (a * scale, b * scale);
        panel.marks.push(Mark::Segments(Segments {
            ends: loadings.iter().map(|l| [(0.0, 0.0), end(l)]).collect(),
            color: look.text,
            width: 1.4,
            dash: Dash::Solid,
            series: None,
        }));
        panel.marks.push(Mark::Points(Points {
            at: loadings.iter().map(end).collect(),
            color: look.text,
            colors: None,
            radii: None,
            radius: 2.6,
            opacity: 1.0,
            rim: false,
            marker: Marker::Diamond,
            series: None,
        }));
        let mut placed: Vec<(f64, f64)> = Vec::new();
        let labels = loadings.iter().map(|loading| {
            let (x, y) = end(loading);
            // Names of features that point the same way stand above and below.
            let close = |p: &&(f64, f64)| (p.0 - x).abs() < wide * 0.35 && (p.1 - y).abs() < high * 0.09;
            let crowd = placed.iter().filter(close).count();
            placed.push((x, y));
            let rows = 13.0 * (crowd / 2) as f64;
            let down = if (y < 0.0) == (crowd % 2 == 0) { 13.0 + rows } else { -6.0 - rows };
            Label {
                at: (x, y),
                shift: (if x < 0.0 { -5.0 } else { 5.0 }, down),
                words: loading.0.clone(),
                color: look.text,
                anchor: if x < 0.0 { Anchor::End } else { Anchor::Start },
                size: TICK_SIZE,
                bold: true,
                edge: Some(look.background),
                within: None,
            }
        });
        let labels = labels.collect();
        panel.marks.push(Mark::Labels(labels));
        for (side, most) in [(&mut panel.x, wide), (&mut panel.y, high)] {
            // The origin, from which loadings are drawn, belongs into the picture, with room for their names.
            if let Some(Extent::Numbers { lo, hi, .. }) = &mut side.extent {
                (*lo, *hi) = (lo.min(-0.35 * most), hi.max(0.35 * most));
            }
        }
    }
    if let Some(panel) = explained_panel(&explained, look) {
        figure.panels.push(panel);
        figure.widths = vec![1.0, 0.42];
    }
    Ok(finish(figure, Kind::Pca, &format!("{rows} rows in the plane of two components"), theme, (940, 480)))
}

/// What each component explains, and all so far.
fn explained_panel(explained: &[f64], look: &Look) -> Option<Panel> {
    let shares: Vec<f64> = explained.iter().copied().filter(|s| s.is_finite()).take(12).collect();
    if shares.is_empty() {
        return None;
    }
    let mut sum = 0.0;
    let line: Vec<(f64, f64)> = shares
        .iter()
        .enumerate()
        .map(|(i, share)| {
            sum += share * 100.0;
            (i as f64, sum)
        })
        .collect();
    let bars = shares.iter().enumerate().map(|(i, share)| Rectangle {
        from: (i as f64 - 0.4, 0.0),
        to: (i as f64 + 0.4, share * 100.0),
        color: look.plain(),
        opacity: 1.0,
        tip: format!("PC{}: {:.2} % of the variance", i + 1, share * 100.0),
        series: None,
    });
    let color = look.second();
    Some(Panel {
        cell: (1, 0),
        x: Side::new(Some(Extent::Categories((1..=shares.len()).map(|i| i.to_string()).collect())), "component")
            .plain(),
        y: Side::new(Some(Extent::Numbers { lo: 0.0, hi: 105.0, whole: true }), "variance explained, and in all (%)")
            .shown(Shown::Full),
        marks: vec![
            Mark::Rectangles(Rectangles { all: bars.collect(), rim: Rim::Apart, on_zero: Some(Foot::X) }),
            Mark::Line(Line { at: line.clone(), color, width: 2.0, dash: Dash::Solid, series: None }),
            Mark::Points(Points {
                at: line,
                color,
                colors: None,
                radii: None,
                radius: 3.2,
                opacity: 1.0,
                rim: true,
                marker: Marker::Circle,
                series: None,
            }),
        ],
        ..Panel::default()
    })
}
