//! Curves of scores: ROC, precision and recall, learning and validation.

use super::{finish, fits};
use crate::color::Rgb;
use crate::error::Result;
use crate::figure::{
    Area, Block, Content, Dash, Entry, Figure, Line, Mark, Marker, Panel, Points, Segments, Side, Swatch,
};
use crate::kind::Kind;
use crate::picture::Picture;
use crate::scale::{Extent, Spread};
use crate::theme::{Look, Theme};

/// A curve through points in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What it is of: a class, or a model.
    pub name: String,
    /// Its points: false and true positive rates, or recall and precision.
    pub points: Vec<(f64, f64)>,
    /// The area beneath it, or the average precision.
    pub area: f64,
}

/// Scores at each value: their means over the folds, and their standard deviations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// Means over the folds.
    pub mean: Vec<f64>,
    /// Standard deviations over the folds.
    pub deviation: Vec<f64>,
}

/// True against false positive rates, one curve for each class, and the diagonal of chance.
///
/// # Errors
/// None so far.
pub fn roc(curves: &[Curve], theme: Theme) -> Result<Picture> {
    let look = theme.look();
    let chance = Segments {
        ends: vec![[(0.0, 0.0), (1.0, 1.0)]],
        color: look.muted,
        width: 1.2,
        dash: Dash::Dashed,
        series: None,
    };
    let figure = unit(curves, look, ("false positive rate", "true positive rate"), "AUC", Some(chance), theme);
    Ok(finish(figure, Kind::Roc, &words(curves, "area"), theme, (620, 480)))
}

/// Precision against recall, one curve for each class.
///
/// # Errors
/// None so far.
pub fn precision_recall(curves: &[Curve], theme: Theme) -> Result<Picture> {
    let figure = unit(curves, theme.look(), ("recall", "precision"), "AP", None, theme);
    Ok(finish(figure, Kind::PrecisionRecall, &words(curves, "average precision"), theme, (620, 480)))
}

fn words(curves: &[Curve], area: &str) -> String {
    let said: Vec<String> = curves.iter().map(|c| format!("{} {area} {:.3}", c.name, c.area)).collect();
    if said.is_empty() { "no data".to_owned() } else { said.join("; ") }
}

fn unit(
    curves: &[Curve],
    look: &'static Look,
    (x, y): (&str, &str),
    area: &str,
    under: Option<Segments>,
    theme: Theme,
) -> Figure {
    let extent = || (!curves.is_empty()).then_some(Extent::Numbers { lo: -0.02, hi: 1.02, whole: false });
    let mut marks: Vec<Mark> = under.into_iter().map(Mark::Segments).collect();
    let mut entries = Vec::new();
    for (index, curve) in curves.iter().enumerate().take(12) {
        let dash = if theme == Theme::Print || index >= crate::theme::HUES { Dash::of(index) } else { Dash::Solid };
        let at: Vec<(f64, f64)> = curve.points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
        let color = look.category(index);
        marks.push(Mark::Line(Line { at, color, width: 2.0, dash, series: Some(index) }));
        entries.push(Entry {
            words: format!("{} ({area} {:.3})", curve.name, curve.area),
            color,
            swatch: Swatch::Line(dash),
            series: Some(index),
        });
    }
    let panel = Panel { x: Side::new(extent(), x), y: Side::new(extent(), y), marks, ..Panel::default() };
    let mut figure = Figure::one(panel);
    figure.drawn = curves.len();
    figure.legend.push(Block { title: String::new(), content: Content::Entries(entries) });
    figure
}

/// Scores against the number of rows learnt from: of the rows learnt, and of those held back.
///
/// # Errors
/// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch) unless there are scores for each size.
pub fn learning_curve(sizes: &[f64], train: &Scores, test: &Scores, scoring: &str, theme: Theme) -> Result<Picture> {
    let figure = scores(sizes, train, test, ("rows learnt from", scoring), theme)?;
    Ok(finish(figure, Kind::LearningCurve, &format!("{scoring} at {} sizes", sizes.len()), theme, (720, 440)))
}

/// Scores against the values of a parameter; positive values over more than two decades are shown by their logarithm.
///
/// # Errors
/// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch) unless there are scores for each value.
pub fn validation_curve(
    parameter: &str,
    values: &[f64],
    train: &Scores,
    test: &Scores,
    scoring: &str,
    theme: Theme,
) -> Result<Picture> {
    let figure = scores(values, train, test, (parameter, scoring), theme)?;
    let words = format!("{scoring} at {} values of {parameter}", values.len());
    Ok(finish(figure, Kind::ValidationCurve, &words, theme, (720, 440)))
}

fn scores(values: &[f64], train: &Scores, test: &Scores, (x, y): (&str, &str), theme: Theme) -> Result<Figure> {
    let look = theme.look();
    for scores in [train, test] {
        fits("mean scores", scores.mean.len(), values.len())?;
        fits("deviations of scores", scores.deviation.len(), values.len())?;
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let wide = x != "rows learnt from" && least > 0.0 && most / least > 100.0;
    let spread = if wide { Spread::Log } else { Spread::Linear };
    let (mut marks, mut entries, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (name, scores)) in [("rows learnt from", train), ("rows held back", test)].into_iter().enumerate() {
        let color: Rgb = look.category(index);
        let rows = values.iter().zip(scores.mean.iter().zip(&scores.deviation));
        let rows: Vec<(f64, f64, f64)> = rows
            .map(|(x, (mean, deviation))| (*x, *mean, if deviation.is_finite() { *deviation } else { 0.0 }))
            .filter(|(x, mean, _)| spread.holds(*x) && mean.is_finite())
            .collect();
        let upper = rows.iter().map(|(x, m, d)| (*x, m + d));
        let around: Vec<(f64, f64)> = upper.chain(rows.iter().rev().map(|(x, m, d)| (*x, m - d))).collect();
        seen.extend(around.iter().map(|p| p.1));
        let at: Vec<(f64, f64)> = rows.iter().map(|(x, m, _)| (*x, *m)).collect();
        let dash = if index == 1 { Dash::Solid } else { Dash::Dashed };
        let series = Some(index);
        marks.push(Mark::Area(Area { around, color, opacity: 0.15, outline: None, series }));
        marks.push(Mark::Line(Line { at: at.clone(), color, width: 2.0, dash, series }));
        marks.push(Mark::Points(Points {
            at,
            color,
            colors: None,
            radii: None,
            radius: 3.5,
            opacity: 1.0,
            rim: true,
            marker: Marker::of(index),
            series,
        }));
        entries.push(Entry { words: name.to_owned(), color, swatch: Swatch::Line(dash), series });
    }
    let panel = Panel {
        x: Side::new(spread.padded(values.iter().copied().filter(|v| spread.holds(*v))), x),
        y: Side::new(Spread::Linear.padded(seen.into_iter()), y),
        marks,
        ..Panel::default()
    };
    let mut figure = Figure::one(panel);
    figure.drawn = values.len();
    figure.legend.push(Block { title: "scored on".into(), content: Content::Entries(entries) });
    Ok(figure)
}
