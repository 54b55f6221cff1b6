//! Plots of a relation.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use taipan_learn::Model;
use taipan_plot::{Chart, Data, Kind, Theme};
use taipan_query::Engine;

use crate::error::{Error, Result};
use crate::model::transform_batch;
use crate::relation::Relation;

/// What to draw of a relation.
#[derive(Debug, Clone)]
pub struct PlotOptions {
    kind: Kind,
    x: String,
    y: Option<String>,
    color: Option<String>,
    title: Option<String>,
    theme: Theme,
}

impl PlotOptions {
    /// A plot of column `x`.
    pub fn new(kind: Kind, x: impl Into<String>) -> Self {
        Self { kind, x: x.into(), y: None, color: None, title: None, theme: Theme::Light }
    }

    /// The column of the vertical axis.
    #[must_use]
    pub fn y(mut self, column: Option<String>) -> Self {
        self.y = column;
        self
    }

    /// The column that colours the marks.
    #[must_use]
    pub fn color(mut self, column: Option<String>) -> Self {
        self.color = column;
        self
    }

    /// The title above the picture.
    #[must_use]
    pub fn title(mut self, title: Option<String>) -> Self {
        self.title = title;
        self
    }

    /// Light or dark.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }
}

/// A plot of the application, drawn.
#[derive(Debug, Clone)]
pub struct NamedPlot {
    /// The name after `plot.` in the app file.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its kind, `scatter` for one.
    pub kind: String,
    /// The picture for a light page, SVG.
    pub svg: Arc<str>,
    /// The picture for a dark page, SVG.
    pub dark: Arc<str>,
}

/// Draws a plot of `relation` as SVG.
///
/// Errors: unknown columns with the nearest names, text where numbers are needed with its first row.
pub fn plot(engine: &Engine, relation: &Relation, options: &PlotOptions) -> Result<String> {
    Ok(chart(engine, relation, options, None)?.theme(options.theme).to_svg()?)
}

/// The chart of `relation`, beside whose columns stand those that `transform` makes.
pub(crate) fn chart(
    engine: &Engine,
    relation: &Relation,
    options: &PlotOptions,
    transform: Option<&Model>,
) -> Result<Chart> {
    let mut wanted = vec![options.x.clone()];
    for column in options.y.iter().chain(&options.color) {
        if !wanted.contains(column) {
            wanted.push(column.clone());
        }
    }
    let batch = match transform {
        None => relation.read(engine, Some(&wanted))?,
        Some(model) => transform_batch(model, &relation.read(engine, None)?, &relation.describe())?,
    };
    let schema = batch.schema();
    let data = |name: &str| {
        let known = schema.fields().iter().map(|field| field.name().as_str());
        let column = batch.column_by_name(name);
        series(column.ok_or_else(|| Error::unknown_column(name, &relation.describe(), known))?)
    };
    let mut chart = Chart::new(options.kind).x(&options.x, data(&options.x)?);
    if let Some(y) = &options.y {
        chart = chart.y(y, data(y)?);
    }
    if let Some(color) = &options.color {
        chart = chart.color(color, data(color)?);
    }
    if let Some(title) = &options.title {
        chart = chart.title(title);
    }
    Ok(chart)
}

/// Numbers as numbers (missing ones as NaN), all else as text.
fn series(column: &ArrayRef) -> Result<Data> {
    let failed = |error: arrow::error::ArrowError| Error::invalid(error.to_string());
    if column.data_type().is_numeric() {
        let numbers = cast(column, &DataType::Float64).map_err(failed)?;
        return Ok(Data::Numbers(
            numbers.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN)).collect(),
        ));
    }
    let text = cast(column, &DataType::Utf8).map_err(failed)?;
    Ok(Data::Text(text.as_string::<i32>().iter().map(|value| value.map(str::to_owned)).collect()))
}
