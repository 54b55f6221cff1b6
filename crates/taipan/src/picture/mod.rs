//! Plots of a relation and of a model.
//!
//! | module | content |
//! |---|---|
//! | this one | [`PlotOptions`], [`plot`] |
//! | `series` | columns of batches as the data of charts |
//! | `of_model` | [`plot_model`] |
//! | `of_frame` | `DataFrame::plot` |
//! | `fonts` | [`png`]: fonts of the machine for letters that the built-in ones lack |

mod fonts;
mod of_frame;
mod of_model;
mod series;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use taipan_learn::Model;
use taipan_plot::{AxisKind, Chart, Column, Crowd, Data, Field, Kind, Picture, Theme};
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

/// What to draw, and how: a chart that names the columns of a relation. A correlation matrix or a pair plot that names none
/// takes those of numbers.
///
/// ```
/// use taipan::{PlotOptions, plotting::Kind};
///
/// let options = PlotOptions::new(Kind::Scatter).x("total_bill").y("tip").color("day").title("Tips");
/// assert_eq!(options.x.as_deref(), Some("total_bill"));
/// ```
pub type PlotOptions = taipan_plot::ChartOf<String>;

/// The chart without data, which says whether its fields suit the kind.
pub(crate) fn empty(options: &PlotOptions) -> taipan_plot::Result<Chart> {
    let none = |name: &String| Ok(Column::new(name, Data::Numbers(Vec::new())));
    if takes_columns(options) && options.columns.is_empty() {
        return options.clone().columns(["a", "b"]).try_map(none);
    }
    options.try_map(none)
}

fn takes_columns(options: &PlotOptions) -> bool {
    matches!(options.kind, Kind::Correlation | Kind::Pair)
}

/// The columns to read, those of numbers where the kind takes several and none is named.
fn wanted(options: &PlotOptions, schema: &SchemaRef) -> Vec<String> {
    if takes_columns(options) && options.columns.is_empty() {
        let most = if options.kind == Kind::Pair { MOST_PAIRED } else { MOST_CORRELATED };
        let numeric = schema.fields().iter().filter(|field| field.data_type().is_numeric());
        let mut wanted: Vec<String> = numeric
            .map(|field| field.name().clone())
            .filter(|name| Some(name) != options.color.as_ref())
            .take(most)
            .collect();
        wanted.extend(options.color.clone());
        return wanted;
    }
    let mut wanted: Vec<String> = Vec::new();
    for column in Field::ALL.into_iter().filter_map(|field| options.get(field)).chain(&options.columns) {
        if !wanted.contains(column) {
            wanted.push(column.clone());
        }
    }
    wanted
}

/// Whether rows may be counted in cells as they come.
fn may_crowd(options: &PlotOptions) -> bool {
    options.kind == Kind::Scatter
        && options.size_by.is_none()
        && options.style.is_none()
        && options.facet.is_none()
        && !options.fit
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
    /// The tables of the database that it was made of.
    pub reads: Vec<String>,
}

/// Draws a plot of `relation`. A scatter of more than 100,000 rows is drawn as they come, in bounded memory.
///
/// Errors: unknown columns with the nearest names, text where numbers are needed with its first row.
pub fn plot(engine: &Engine, relation: &Relation, options: &PlotOptions) -> Result<Picture> {
    let mut pictures = draw(engine, relation, options, None, &[options.theme])?;
    pictures.pop().ok_or_else(|| Error::invalid("there is no theme to draw for"))
}

/// Draws a plot of rows in memory.
///
/// ```
/// use taipan::arrow::array::{Float64Array, RecordBatch, StringArray};
/// use taipan::plotting::Kind;
/// use taipan::{PlotOptions, plot_batch};
/// # use std::sync::Arc;
///
/// let rows = RecordBatch::try_from_iter([
///     ("total_bill", Arc::new(Float64Array::from(vec![16.99, 10.34, 21.01])) as _),
///     ("tip", Arc::new(Float64Array::from(vec![1.01, 1.66, 3.5])) as _),
///     ("day", Arc::new(StringArray::from(vec!["Sun", "Sun", "Sat"])) as _),
/// ])?;
/// let options = PlotOptions::new(Kind::Scatter).x("total_bill").y("tip").color("day").title("Tips");
/// let picture = plot_batch(&rows, &options)?;
/// assert_eq!(picture.drawn(), 3);
/// assert!(picture.svg().contains("Tips"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Errors: as of [`plot`].
pub fn plot_batch(batch: &RecordBatch, options: &PlotOptions) -> Result<Picture> {
    empty(options)?.picture()?;
    let mut pictures = pictures(batch, "the rows", options, &[options.theme])?;
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
    empty(options)?.picture()?;
    if let Some(model) = transform {
        let batch = transform_batch(model, &relation.read(engine, None)?, &relation.describe())?;
        return pictures(&batch, &relation.describe(), options, themes);
    }
    let wanted = if takes_columns(options) && options.columns.is_empty() {
        wanted(options, relation.rows(engine, None)?.schema())
    } else {
        wanted(options, &SchemaRef::new(arrow::datatypes::Schema::empty()))
    };
    let mut rows = relation.rows_widening(engine, &wanted)?;
    let mut schema = rows.schema().clone();
    let mut batches = Vec::new();
    let mut crowd: Option<Taker> = None;
    let mut count = 0;
    while let Some(batch) = rows.next() {
        let batch = batch?;
        if *rows.schema() != schema {
            // A value is not of the type that its column has in the first megabytes: once more, with types that fit all.
            rows = relation.rows(engine, Some(&wanted))?;
            schema = rows.schema().clone();
            batches.clear();
            crowd = None;
            count = 0;
            continue;
        }
        if let Some(taker) = &mut crowd {
            taker.take_in(&batch, options)?;
            continue;
        }
        count += batch.num_rows();
        batches.push(batch);
        if count > MOST_POINTS && may_crowd(options) {
            crowd = Taker::new(&schema, options);
            if let Some(taker) = &mut crowd {
                batches.drain(..).try_for_each(|batch| taker.take_in(&batch, options))?;
            }
        }
    }
    match crowd {
        Some(Taker { crowd, .. }) => {
            Ok(themes.iter().map(|theme| options.framed(crowd.clone().picture(*theme))).collect())
        }
        None => pictures(&crate::relation::joined(&schema, batches)?, &relation.describe(), options, themes),
    }
}

/// Draws the rows of a batch, which is what `of` says, for each theme.
fn pictures(batch: &RecordBatch, of: &str, options: &PlotOptions, themes: &[Theme]) -> Result<Vec<Picture>> {
    let schema = batch.schema();
    let data = |name: &str| {
        let known = schema.fields().iter().map(|field| field.name().as_str());
        let column = batch.column_by_name(name);
        series::data(column.ok_or_else(|| Error::unknown_column(name, of, known))?)
    };
    let mut options = options.clone();
    if takes_columns(&options) && options.columns.is_empty() {
        options.columns = wanted(&options, &schema);
        options.columns.retain(|column| Some(column) != options.color.as_ref());
    }
    let chart = options.try_map(|name| Ok::<_, Error>(Column::new(name, data(name)?)))?;
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
        let by_numbers =
            color.is_some_and(|field| field.data_type().is_numeric() || series::is_time(field.data_type()));
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
