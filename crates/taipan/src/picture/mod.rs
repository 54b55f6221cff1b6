//! Plots of a relation and of a model.
//!
//! | module | content |
//! |---|---|
//! | this one | [`PlotOptions`], [`plot`] |
//! | `series` | columns of batches as the data of charts |
//! | `of_model` | [`plot_model`] |
//! | `fonts` | [`png`]: fonts of the machine for letters that the built-in ones lack |

mod fonts;
mod of_model;
mod series;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use taipan_learn::Model;
use taipan_plot::{AxisKind, Chart, Crowd, Kind, Picture, Theme};
use taipan_query::Engine;

use crate::error::{Error, Result};
use crate::model::transform_batch;
use crate::relation::Relation;

pub use fonts::png;
pub use of_model::plot_model;
pub(crate) use series::{is_time, numbers_of};

/// From so many rows on a scatter counts them in cells as they come.
const MOST_POINTS: usize = 100_000;

/// A correlation matrix of more columns is too fine to read.
const MOST_CORRELATED: usize = 30;
/// A pair plot of more columns has panels too small to read.
const MOST_PAIRED: usize = 8;

/// Gives a chart one of its columns.
type SetField = fn(Chart, String, taipan_plot::Data) -> Chart;

/// What to draw, and how.
#[derive(Debug, Clone)]
pub struct PlotOptions {
    pub(crate) kind: Kind,
    pub(crate) x: Option<String>,
    pub(crate) y: Option<String>,
    pub(crate) color: Option<String>,
    size_by: Option<String>,
    style: Option<String>,
    facet: Option<String>,
    columns: Vec<String>,
    title: Option<String>,
    pub(crate) theme: Theme,
    size: Option<(u32, u32)>,
    log_x: bool,
    log_y: bool,
    fit: bool,
    bins: Option<usize>,
    pub(crate) parameter: Option<String>,
    pub(crate) values: Vec<f64>,
}

impl PlotOptions {
    /// A plot of this kind.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            x: None,
            y: None,
            color: None,
            size_by: None,
            style: None,
            facet: None,
            columns: Vec::new(),
            title: None,
            theme: Theme::Light,
            size: None,
            log_x: false,
            log_y: false,
            fit: false,
            bins: None,
            parameter: None,
            values: Vec::new(),
        }
    }

    /// The column of the horizontal axis.
    #[must_use]
    pub fn x(mut self, column: Option<String>) -> Self {
        self.x = column;
        self
    }

    /// The column of the vertical axis.
    #[must_use]
    pub fn y(mut self, column: Option<String>) -> Self {
        self.y = column;
        self
    }

    /// The column that colours the marks; of a heatmap the one whose mean is shown.
    #[must_use]
    pub fn color(mut self, column: Option<String>) -> Self {
        self.color = column;
        self
    }

    /// The column that gives points their size.
    #[must_use]
    pub fn size_by(mut self, column: Option<String>) -> Self {
        self.size_by = column;
        self
    }

    /// The column that gives points their marker, or lines their dash.
    #[must_use]
    pub fn style(mut self, column: Option<String>) -> Self {
        self.style = column;
        self
    }

    /// The column whose values get a panel each.
    #[must_use]
    pub fn facet(mut self, column: Option<String>) -> Self {
        self.facet = column;
        self
    }

    /// The columns of a correlation matrix or a pair plot; those of numbers when empty.
    #[must_use]
    pub fn columns(mut self, columns: Vec<String>) -> Self {
        self.columns = columns;
        self
    }

    /// The title above the picture.
    #[must_use]
    pub fn title(mut self, title: Option<String>) -> Self {
        self.title = title;
        self
    }

    /// For a light or dark page, or for print.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// Width and height in CSS pixels.
    #[must_use]
    pub fn size(mut self, size: Option<(u32, u32)>) -> Self {
        self.size = size;
        self
    }

    /// Whether x and y are shown by their logarithm.
    #[must_use]
    pub fn log(mut self, x: bool, y: bool) -> Self {
        (self.log_x, self.log_y) = (x, y);
        self
    }

    /// Whether a scatter shows the least-squares line.
    #[must_use]
    pub fn fit(mut self, fit: bool) -> Self {
        self.fit = fit;
        self
    }

    /// The number of a histogram's bars.
    #[must_use]
    pub fn bins(mut self, bins: Option<usize>) -> Self {
        self.bins = bins;
        self
    }

    /// The parameter of a validation curve and its values.
    #[must_use]
    pub fn parameter(mut self, name: Option<String>, values: Vec<f64>) -> Self {
        (self.parameter, self.values) = (name, values);
        self
    }

    /// The chart without data, which says whether its fields suit the kind.
    pub(crate) fn empty(&self) -> Chart {
        let named = [&self.x, &self.y, &self.color, &self.size_by, &self.style, &self.facet];
        let none = || taipan_plot::Data::Numbers(Vec::new());
        let mut chart = self.settings();
        let fields: [SetField; 6] = [Chart::x, Chart::y, Chart::color, Chart::size_by, Chart::style, Chart::facet];
        for (column, set) in named.into_iter().zip(fields) {
            if let Some(column) = column {
                chart = set(chart, column.clone(), none());
            }
        }
        let columns: &[String] = &self.columns;
        let usual = ["a".to_owned(), "b".to_owned()];
        let columns = if columns.is_empty() && self.takes_columns() { &usual } else { columns };
        columns.iter().fold(chart, |chart, column| chart.column(column, none()))
    }

    fn settings(&self) -> Chart {
        let mut chart =
            Chart::new(self.kind).theme(self.theme).log_x(self.log_x).log_y(self.log_y).fit(self.fit).bins(self.bins);
        if let Some(title) = &self.title {
            chart = chart.title(title);
        }
        if let Some((width, height)) = self.size {
            chart = chart.size(width, height);
        }
        chart
    }

    fn takes_columns(&self) -> bool {
        matches!(self.kind, Kind::Correlation | Kind::Pair)
    }

    fn finish(&self, picture: Picture) -> Picture {
        let picture = match &self.title {
            Some(title) => picture.titled(title),
            None => picture,
        };
        match self.size {
            Some((width, height)) => picture.sized(width, height),
            None => picture,
        }
    }

    /// The columns to read, those of numbers where the kind takes several and none is named.
    fn wanted(&self, schema: &SchemaRef) -> Vec<String> {
        if self.takes_columns() && self.columns.is_empty() {
            let most = if self.kind == Kind::Pair { MOST_PAIRED } else { MOST_CORRELATED };
            let numeric = schema.fields().iter().filter(|field| field.data_type().is_numeric());
            let mut wanted: Vec<String> = numeric
                .map(|field| field.name().clone())
                .filter(|name| Some(name) != self.color.as_ref())
                .take(most)
                .collect();
            wanted.extend(self.color.clone());
            return wanted;
        }
        let mut wanted: Vec<String> = Vec::new();
        let named = [&self.x, &self.y, &self.color, &self.size_by, &self.style, &self.facet];
        for column in named.into_iter().flatten().chain(&self.columns) {
            if !wanted.contains(column) {
                wanted.push(column.clone());
            }
        }
        wanted
    }

    /// Whether rows may be counted in cells as they come.
    fn may_crowd(&self) -> bool {
        self.kind == Kind::Scatter
            && self.size_by.is_none()
            && self.style.is_none()
            && self.facet.is_none()
            && !self.fit
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
    /// Both once more, as [`taipan_plot::SCRIPT`] makes them interactive.
    pub interactive: [Arc<str>; 2],
}

/// Draws a plot of `relation`. A scatter of more than 100,000 rows is drawn as they come, in bounded memory.
///
/// Errors: unknown columns with the nearest names, text where numbers are needed with its first row.
pub fn plot(engine: &Engine, relation: &Relation, options: &PlotOptions) -> Result<Picture> {
    let mut pictures = draw(engine, relation, options, None, &[options.theme])?;
    pictures.pop().ok_or_else(|| Error::invalid("there is no theme to draw for"))
}

/// Draws a plot of `relation`, beside whose columns stand those that `transform` makes, for each theme.
pub(crate) fn draw(
    engine: &Engine,
    relation: &Relation,
    options: &PlotOptions,
    transform: Option<&Model>,
    themes: &[Theme],
) -> Result<Vec<Picture>> {
    // Fields that do not suit the kind are told before a row is read.
    options.empty().picture()?;
    if let Some(model) = transform {
        let batch = transform_batch(model, &relation.read(engine, None)?, &relation.describe())?;
        return pictures(&batch, relation, options, themes);
    }
    let wanted = if options.takes_columns() && options.columns.is_empty() {
        options.wanted(relation.rows(engine, None)?.schema())
    } else {
        options.wanted(&SchemaRef::new(arrow::datatypes::Schema::empty()))
    };
    let mut rows = relation.rows(engine, Some(&wanted))?;
    let mut batches = Vec::new();
    let mut count = 0;
    while let Some(batch) = rows.next() {
        let batch = batch?;
        count += batch.num_rows();
        batches.push(batch);
        let schema = rows.schema().clone();
        if count > MOST_POINTS
            && options.may_crowd()
            && let Some(mut taker) = Taker::new(&schema, options)
        {
            for batch in batches.drain(..).map(Ok).chain(rows.by_ref().map(|batch| batch.map_err(Error::from))) {
                taker.take_in(&batch?, options)?;
            }
            let crowd = taker.crowd;
            return Ok(themes.iter().map(|theme| options.finish(crowd.clone().picture(*theme))).collect());
        }
    }
    let schema = rows.schema().clone();
    pictures(&crate::relation::joined(&schema, batches)?, relation, options, themes)
}

fn pictures(batch: &RecordBatch, relation: &Relation, options: &PlotOptions, themes: &[Theme]) -> Result<Vec<Picture>> {
    let schema = batch.schema();
    let data = |name: &str| {
        let known = schema.fields().iter().map(|field| field.name().as_str());
        let column = batch.column_by_name(name);
        series::data(column.ok_or_else(|| Error::unknown_column(name, &relation.describe(), known))?)
    };
    let mut chart = options.settings();
    let fields: [(&Option<String>, SetField); 6] = [
        (&options.x, Chart::x),
        (&options.y, Chart::y),
        (&options.color, Chart::color),
        (&options.size_by, Chart::size_by),
        (&options.style, Chart::style),
        (&options.facet, Chart::facet),
    ];
    for (column, set) in fields {
        if let Some(column) = column {
            chart = set(chart, column.clone(), data(column)?);
        }
    }
    if options.takes_columns() {
        let named = if options.columns.is_empty() { options.wanted(&schema) } else { options.columns.clone() };
        for column in named.iter().filter(|c| !options.columns.is_empty() || Some(*c) != options.color.as_ref()) {
            chart = chart.column(column, data(column)?);
        }
    }
    Ok(themes.iter().map(|theme| chart.clone().theme(*theme).picture()).collect::<taipan_plot::Result<_>>()?)
}

/// Takes batches into a crowd.
struct Taker {
    crowd: Crowd,
    /// Whether the colours are of numbers.
    by_numbers: bool,
}

impl Taker {
    /// `None` where a column is no numbers or times: the chart then says which row has a text.
    fn new(schema: &SchemaRef, options: &PlotOptions) -> Option<Self> {
        let axis = |name: &Option<String>, log: bool| {
            let name = name.as_ref()?;
            let field = schema.field_with_name(name).ok()?;
            let kind = match field.data_type() {
                kind if series::is_time(kind) => AxisKind::Time,
                kind if kind.is_numeric() && log => AxisKind::Log,
                kind if kind.is_numeric() => AxisKind::Linear,
                _ => return None,
            };
            Some((name.clone(), kind))
        };
        let (x, y) = (axis(&options.x, options.log_x)?, axis(&options.y, options.log_y)?);
        let mut crowd = Crowd::new(x.0, y.0, options.color.clone()).axes(x.1, y.1);
        let color = options.color.as_ref().and_then(|name| schema.field_with_name(name).ok());
        let by_numbers = color.is_some_and(|field| field.data_type().is_numeric() || series::is_time(field.data_type()));
        if by_numbers {
            crowd = crowd.by_numbers();
        }
        Some(Self { crowd, by_numbers })
    }

    fn take_in(&mut self, batch: &RecordBatch, options: &PlotOptions) -> Result<()> {
        let column = |name: &Option<String>| name.as_ref().and_then(|name| batch.column_by_name(name));
        let (Some(x), Some(y)) = (column(&options.x), column(&options.y)) else { return Ok(()) };
        let (x, y) = (numbers_of(x)?, numbers_of(y)?);
        if let (true, Some(color)) = (self.by_numbers, column(&options.color)) {
            let color = numbers_of(color)?;
            for ((x, y), color) in x.iter().zip(&y).zip(&color) {
                self.crowd.push_number(*x, *y, *color);
            }
            return Ok(());
        }
        let color = column(&options.color).map(series::texts_of).transpose()?;
        for row in 0..batch.num_rows() {
            let color = color.as_ref().and_then(|c| c.get(row));
            self.crowd.push(x[row], y[row], color);
        }
        Ok(())
    }
}
