//! Rows become marks: points, lines or rectangles, in data coordinates, with the axes that hold them.

mod bar;
mod histogram;
mod line;
mod scatter;

use std::borrow::Cow;

use crate::axis::Extent;
use crate::chart::{Checked, Column, Data, Kind};
use crate::coloring::{Categories, Coloring, Group, usable};
use crate::error::{ErrorKind, Result};
use crate::text;

/// Everything the picture shows, before any pixel is known.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    /// `None` if there is nothing to show.
    pub(crate) extents: Option<(Extent, Extent)>,
    pub(crate) marks: Marks,
    pub(crate) coloring: Coloring,
    /// Rows that the marks stand for.
    pub(crate) drawn: usize,
}

/// Marks in data coordinates, in drawing order.
#[derive(Debug)]
pub(crate) enum Marks {
    Points(Vec<Points>),
    Lines(Vec<Line>),
    Rectangles(Vec<Rectangle>),
}

/// Points that share a look.
#[derive(Debug)]
pub(crate) struct Points {
    pub(crate) at: Vec<(f64, f64)>,
    pub(crate) color: String,
    /// A colour for each point, where a scale gives one.
    pub(crate) colors: Option<Vec<String>>,
    pub(crate) diamond: bool,
}

/// A line through points in order of x.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) at: Vec<(f64, f64)>,
    pub(crate) color: String,
    pub(crate) dashed: bool,
}

/// A rectangle between `from` and `to`.
#[derive(Debug)]
pub(crate) struct Rectangle {
    pub(crate) from: (f64, f64),
    pub(crate) to: (f64, f64),
    pub(crate) color: String,
    /// What the reader sees on pointing at it.
    pub(crate) tip: String,
}

/// The marks of a chart.
pub(crate) fn of(chart: &Checked<'_>) -> Result<Figure> {
    match chart.kind {
        Kind::Scatter => scatter::figure(chart),
        Kind::Line => line::figure(chart),
        Kind::Bar => bar::figure(chart),
        Kind::Histogram => histogram::figure(chart),
    }
}

impl Checked<'_> {
    fn coloring(&self) -> Coloring {
        // A legend row is 20 pixels high; what is below the plot takes some 100 more.
        let room = self.height.saturating_sub(100) / 20;
        let continuous = self.kind == Kind::Scatter;
        Coloring::new(self.color, self.theme.look(), (room as usize).saturating_sub(3), continuous)
    }

    /// x as numbers.
    fn x_numbers(&self) -> Result<Cow<'_, [f64]>> {
        self.numbers(self.x, "x")
    }

    /// y as numbers, `None` where the chart has no y.
    fn y_numbers(&self) -> Result<Option<Cow<'_, [f64]>>> {
        self.y.map(|y| self.numbers(y, "y")).transpose()
    }

    fn numbers<'c>(&self, column: &'c Column, field: &'static str) -> Result<Cow<'c, [f64]>> {
        let texts = match &column.data {
            Data::Numbers(numbers) => return Ok(Cow::Borrowed(numbers)),
            Data::Text(texts) => texts,
        };
        match texts.iter().enumerate().find_map(|(row, text)| Some((row, text.as_deref()?))) {
            // A column without any value has no type of its own.
            None => Ok(Cow::Owned(vec![f64::NAN; texts.len()])),
            Some((row, value)) => Err(ErrorKind::TextForNumbers {
                column: column.label.clone(),
                value: text::clip(value, 1.0, 24.0).into_owned(),
                row: row + 1,
                field,
                kind: self.kind,
            }
            .into()),
        }
    }
}

impl Coloring {
    /// The group of `row` and how many groups there are; one group if rows are not grouped.
    fn group(&self, row: usize) -> usize {
        match self {
            Self::Groups(groups) => groups.of_row.get(row).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// The groups in legend order; a single nameless one if rows are not grouped.
    fn groups(&self, plain: &str) -> Cow<'_, [Group]> {
        match self {
            Self::Groups(groups) => Cow::Borrowed(&groups.entries),
            _ => Cow::Owned(vec![Group { label: String::new(), color: plain.into(), tint: false, rest: false }]),
        }
    }
}

/// x positions: numbers as they are, texts at the index of their category.
struct Positions<'a> {
    values: Cow<'a, [f64]>,
    labels: Option<Vec<String>>,
}

impl<'a> Positions<'a> {
    fn new(column: &'a Column) -> Self {
        match &column.data {
            Data::Numbers(numbers) => Self { values: Cow::Borrowed(numbers), labels: None },
            Data::Text(_) => Self::categories(&column.data),
        }
    }

    fn categories(data: &Data) -> Positions<'static> {
        let Categories { labels, of_row } = Categories::new(data);
        let values = of_row.into_iter().map(|c| c.map_or(f64::NAN, |c| c as f64)).collect();
        Positions { values: Cow::Owned(values), labels: Some(labels) }
    }
}

/// The extent of counts or sums that start at zero, with room above.
fn from_zero(lo: f64, hi: f64, whole: bool) -> Extent {
    let (lo, hi) = (lo.min(0.0), hi.max(0.0));
    let (lo, hi) = if hi - lo <= 0.0 { (0.0, 1.0) } else { (lo, hi) };
    let pad = (hi - lo) * 0.05;
    let lo = if lo < 0.0 { lo - pad } else { lo };
    let hi = if hi > 0.0 { hi + pad } else { hi };
    Extent::Numbers { lo, hi, whole }
}

/// Rows with a place on both axes.
fn placed<'v>(x: &'v [f64], y: &'v [f64]) -> impl Iterator<Item = (usize, f64, f64)> + 'v {
    let rows = x.iter().zip(y).enumerate();
    rows.filter(|(_, (x, y))| usable(**x) && usable(**y)).map(|(row, (x, y))| (row, *x, *y))
}
