//! Pictures of what was learnt: plain numbers in, a [`Picture`] out.
//!
//! ```
//! use taipan_plot::{Theme, model};
//!
//! let classes = ["cat".to_owned(), "dog".to_owned()];
//! let picture = model::confusion(&classes, &[vec![9.0, 1.0], vec![2.0, 8.0]], Theme::Light)?;
//! assert!(picture.svg().contains("Confusion matrix"));
//! # Ok::<(), taipan_plot::Error>(())
//! ```

mod boundary;
mod curves;
mod pca;
mod tree;

use crate::color::Rgb;
use crate::error::{ErrorKind, Result};
use crate::figure::{
    Anchor, Block, Content, Dash, Figure, Foot, Label, Mark, Panel, Rectangle, Rectangles, Rim, Segments, Shown, Side,
};
use crate::kind::Kind;
use crate::marks::{Matrix, ramp, short};
use crate::numbers::number;
use crate::picture::Picture;
use crate::scale::{Extent, bounds};
use crate::theme::{TICK_SIZE, Theme};
use crate::{Chart, Data};

pub use boundary::{Boundary, boundary};
pub use curves::{Curve, Scores, learning_curve, precision_recall, roc, validation_curve};
pub use pca::{Components, pca};
pub use tree::{Node, tree};

/// More features than this are summed up in one bar.
const MOST_FEATURES: usize = 30;

/// How many rows of each class (down) are predicted to be of which (across). `counts` has a row for each class.
///
/// # Errors
/// [`ErrorKind::Mismatch`] unless there is a count for each pair of classes.
pub fn confusion(classes: &[String], counts: &[Vec<f64>], theme: Theme) -> Result<Picture> {
    let look = theme.look();
    for found in std::iter::once(counts.len()).chain(counts.iter().map(Vec::len)) {
        fits("counts of a confusion matrix", found, classes.len())?;
    }
    let values: Vec<Option<f64>> = counts.iter().flatten().map(|count| Some(*count)).collect();
    let totals: Vec<f64> = counts.iter().map(|row| row.iter().sum()).collect();
    let most = values.iter().flatten().copied().fold(1.0, f64::max);
    let color = |value: f64| ramp(look, value / most);
    let tip = |row: usize, column: usize, value: f64| {
        let share = if totals[row] > 0.0 { value / totals[row] * 100.0 } else { 0.0 };
        format!("{} predicted as {}: {} ({share:.1} %)", classes[row], classes[column], number(value))
    };
    let annotate = short(&values);
    let matrix =
        Matrix { columns: classes.len(), values: &values, color: &color, tip: &tip, annotate: Some(&annotate) };
    let side = |label: &str| Side::new(Some(Extent::Categories(classes.to_vec())), label).plain().shown(Shown::Words);
    let panel = Panel {
        x: side("predicted class"),
        y: side("true class"),
        marks: matrix.marks(),
        square: true,
        ..Panel::default()
    };
    let right: f64 = counts.iter().enumerate().filter_map(|(i, row)| row.get(i)).sum();
    let all: f64 = totals.iter().sum();
    let mut figure = Figure::one(panel);
    figure.drawn = all as usize;
    let colors = (0..64).map(|i| ramp(look, f64::from(i) / 63.0)).collect();
    figure
        .legend
        .push(Block { title: "rows".into(), content: Content::Bar { lo: 0.0, hi: most, colors, missing: None } });
    let words = format!("{} of {} rows predicted right", number(right), number(all));
    Ok(finish(figure, Kind::Confusion, &words, theme, (560, 480)))
}

/// How much each feature counts, the most important on top. `errors` (standard deviations) may be empty.
///
/// # Errors
/// [`ErrorKind::Mismatch`] unless there is a value for each feature, and an error for each or for none.
pub fn importance(features: &[String], values: &[f64], errors: &[f64], label: &str, theme: Theme) -> Result<Picture> {
    let look = theme.look();
    fits("importances", values.len(), features.len())?;
    if !errors.is_empty() {
        fits("errors of importances", errors.len(), features.len())?;
    }
    let mut order: Vec<usize> = (0..features.len()).filter(|i| values[*i].is_finite()).collect();
    order.sort_by(|a, b| values[*b].abs().total_cmp(&values[*a].abs()));
    let more = order.len().saturating_sub(MOST_FEATURES);
    order.truncate(MOST_FEATURES);
    let mut names: Vec<String> = order.iter().map(|i| features[*i].clone()).collect();
    let mut bars = Vec::new();
    let (mut lines, mut words) = (Vec::new(), Vec::new());
    let reach = bounds(order.iter().flat_map(|i| {
        let error = errors.get(*i).copied().filter(|e| e.is_finite()).unwrap_or(0.0);
        [values[*i] - error, values[*i] + error]
    }));
    let (lo, hi) = reach.unwrap_or((0.0, 1.0));
    let (lo, hi) = (lo.min(0.0), hi.max(0.0));
    let room = if hi > lo { (hi - lo) * 0.14 } else { 1.0 };
    for (place, feature) in order.iter().enumerate() {
        let (y, value) = (place as f64, values[*feature]);
        bars.push(Rectangle {
            from: (0.0, y + 0.38),
            to: (value, y - 0.38),
            color: if value < 0.0 { look.second() } else { look.plain() },
            opacity: 1.0,
            tip: format!("{}: {label} {}", features[*feature], number(value)),
            series: None,
        });
        let error = errors.get(*feature).copied().filter(|e| e.is_finite() && *e > 0.0);
        if let Some(error) = error {
            lines.push([(value - error, y), (value + error, y)]);
        }
        let end = if value < 0.0 { value - error.unwrap_or(0.0) } else { value + error.unwrap_or(0.0) };
        words.push(Label {
            at: (end, y),
            shift: (if value < 0.0 { -5.0 } else { 5.0 }, 4.3),
            words: digits(value),
            color: look.muted,
            anchor: if value < 0.0 { Anchor::End } else { Anchor::Start },
            size: TICK_SIZE,
            bold: false,
            edge: None,
            within: None,
        });
    }
    if more > 0 {
        names.push(format!("… and {more} more"));
    }
    let extent = Extent::Numbers { lo: if lo < 0.0 { lo - room } else { lo }, hi: hi + room, whole: false };
    let some = !order.is_empty();
    let height = 90 + 26 * names.len().max(4) as u32;
    let panel = Panel {
        x: Side::new(some.then_some(extent), label),
        y: Side::new(some.then_some(Extent::Categories(names)), "").plain(),
        marks: vec![
            Mark::Rectangles(Rectangles { all: bars, rim: Rim::Apart, on_zero: Some(Foot::Y) }),
            Mark::Segments(Segments { ends: lines, color: look.text, width: 1.4, dash: Dash::Solid, series: None }),
            Mark::Labels(words),
        ],
        ..Panel::default()
    };
    let mut figure = Figure::one(panel);
    figure.drawn = order.len();
    let first = order.first().map(|i| format!("; most important {}", features[*i])).unwrap_or_default();
    Ok(finish(figure, Kind::Importance, &format!("{} features{first}", features.len()), theme, (640, height)))
}

/// What a model misses (`actual` less `predicted`) against what it predicts.
///
/// # Errors
/// [`ErrorKind::Mismatch`] unless there are as many of both.
pub fn residuals(target: &str, predicted: Vec<f64>, actual: &[f64], theme: Theme) -> Result<Picture> {
    fits("predictions", predicted.len(), actual.len())?;
    let missed: Vec<f64> = actual.iter().zip(&predicted).map(|(actual, predicted)| actual - predicted).collect();
    let rows = missed.len();
    let chart = Chart::new(Kind::Scatter)
        .x(format!("predicted {target}"), Data::Numbers(predicted))
        .y(format!("{target} less prediction"), Data::Numbers(missed))
        .theme(theme);
    let mut picture = chart.picture()?;
    let look = theme.look();
    if let Some(panel) = picture.figure_mut().panels.first_mut()
        && let Some(Extent::Numbers { lo, hi, .. }) = panel.x.extent
    {
        if let Some(Extent::Numbers { lo, hi, .. }) = &mut panel.y.extent {
            (*lo, *hi) = (lo.min(0.0), hi.max(0.0));
        }
        let ends = vec![[(lo, 0.0), (hi, 0.0)]];
        let zero = Segments { ends, color: look.muted, width: 1.3, dash: Dash::Dashed, series: None };
        panel.marks.insert(0, Mark::Segments(zero));
    }
    let figure = picture.figure().clone();
    Ok(finish(figure, Kind::Residuals, &format!("{rows} rows"), theme, (720, 480)))
}

/// Three digits or so: bars are compared by eye.
fn digits(value: f64) -> String {
    let size = value.abs();
    let unit = if size >= 10.0 {
        10.0
    } else if size >= 1.0 {
        100.0
    } else {
        1e4
    };
    if (1e-4..1e12).contains(&size) { number((value * unit).round() / unit) } else { number(value) }
}

fn fits(what: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(ErrorKind::Mismatch { what, found, expected }.into()) }
}

fn finish(mut figure: Figure, kind: Kind, words: &str, theme: Theme, size: (u32, u32)) -> Picture {
    kind.words().clone_into(&mut figure.name);
    figure.summary = format!("{words}.");
    Picture::new(figure, None, theme, size)
}

/// A colour and how strongly it covers the page.
fn tint(color: Rgb, page: Rgb, share: f64) -> Rgb {
    page.mixed(color, share.clamp(0.0, 1.0))
}
