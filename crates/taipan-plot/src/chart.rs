//! The chart description: what the caller says, checked once, then drawn.

use std::convert::Infallible;

use crate::error::{ErrorKind, Result};
use crate::kind::Kind;
use crate::marks;
use crate::picture::{Drawn, Picture};
use crate::scale::Spread;
use crate::theme::Theme;

/// The values of one column. Missing numbers and times are NaN, missing texts `None`.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Numbers. NaN, infinite values and values beyond ±1e300 have no place on an axis: their rows are left out.
    Numbers(Vec<f64>),
    /// Texts, which are categories in order of first appearance.
    Text(Vec<Option<String>>),
    /// Times: seconds since 1970-01-01T00:00:00, as the clock at hand shows them.
    Times(Vec<f64>),
}

/// A chart description whose columns are of a type: a [`Chart`] with their values, or one that names them.
///
/// What is said of a chart beside its columns is the same for both: each option stands here once.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartOf<C> {
    /// What is drawn.
    pub kind: Kind,
    /// The title above the picture.
    pub title: Option<String>,
    /// The column of the horizontal axis.
    pub x: Option<C>,
    /// The column of the vertical axis.
    pub y: Option<C>,
    /// The column that colours the marks; of a heatmap the one whose mean is shown.
    pub color: Option<C>,
    /// The column that gives points their size.
    pub size_by: Option<C>,
    /// The column that gives points their marker, or lines their dash.
    pub style: Option<C>,
    /// The column whose values get a panel each.
    pub facet: Option<C>,
    /// The columns of a correlation matrix or a pair plot.
    pub columns: Vec<C>,
    /// The page that the picture is for.
    pub theme: Theme,
    /// Width and height in CSS pixels.
    pub size: Option<(u32, u32)>,
    /// Whether x is shown by its logarithm.
    pub log_x: bool,
    /// Whether y is shown by its logarithm.
    pub log_y: bool,
    /// Whether a scatter shows the least-squares line.
    pub fit: bool,
    /// The number of a histogram's bars.
    pub bins: Option<usize>,
    /// The parameter of a validation curve.
    pub parameter: Option<String>,
    /// The values of that parameter.
    pub values: Vec<f64>,
}

/// A chart description. Build it, then [`draw`](Chart::draw) it, any number of times.
pub type Chart = ChartOf<Column>;

/// A column of a chart: what it is called, and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub(crate) label: String,
    pub(crate) data: Data,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The place along the horizontal axis.
    X,
    /// The place along the vertical axis.
    Y,
    /// The colour of the marks.
    Color,
    /// The size of points.
    Size,
    /// The marker of points, or the dash of lines.
    Style,
    /// The panel.
    Facet,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::X, Self::Y, Self::Color, Self::Size, Self::Style, Self::Facet];

    fn name(self) -> &'static str {
        match self {
            Self::X => "x",
            Self::Y => "y",
            Self::Color => "color",
            Self::Size => "size",
            Self::Style => "style",
            Self::Facet => "facet",
        }
    }
}

impl Column {
    /// Values under a name.
    pub fn new(label: impl Into<String>, data: Data) -> Self {
        Self { label: label.into(), data }
    }
}

impl Data {
    /// Texts without missing values.
    pub fn text<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Text(values.into_iter().map(|v| Some(v.into())).collect())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) | Self::Times(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of some rows.
    pub(crate) fn rows(&self, rows: &[usize]) -> Self {
        let numbers = |values: &[f64]| rows.iter().map(|r| values.get(*r).copied().unwrap_or(f64::NAN)).collect();
        match self {
            Self::Numbers(values) => Self::Numbers(numbers(values)),
            Self::Times(values) => Self::Times(numbers(values)),
            Self::Text(values) => Self::Text(rows.iter().map(|r| values.get(*r).cloned().flatten()).collect()),
        }
    }
}

impl<C> ChartOf<C> {
    /// A chart of this kind: 720 x 480 pixels (more for a grid of plots), light, as yet without columns.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            title: None,
            x: None,
            y: None,
            color: None,
            size_by: None,
            style: None,
            facet: None,
            columns: Vec::new(),
            theme: Theme::default(),
            size: None,
            log_x: false,
            log_y: false,
            fit: false,
            bins: None,
            parameter: None,
            values: Vec::new(),
        }
    }

    /// A title above the picture. Without one the picture is still described to screen readers.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The column for a field, or none.
    #[must_use]
    pub fn set(mut self, field: Field, column: impl Into<Option<C>>) -> Self {
        let place = match field {
            Field::X => &mut self.x,
            Field::Y => &mut self.y,
            Field::Color => &mut self.color,
            Field::Size => &mut self.size_by,
            Field::Style => &mut self.style,
            Field::Facet => &mut self.facet,
        };
        *place = column.into();
        self
    }

    /// The column for a field.
    pub fn get(&self, field: Field) -> Option<&C> {
        match field {
            Field::X => self.x.as_ref(),
            Field::Y => self.y.as_ref(),
            Field::Color => self.color.as_ref(),
            Field::Size => self.size_by.as_ref(),
            Field::Style => self.style.as_ref(),
            Field::Facet => self.facet.as_ref(),
        }
    }

    /// Also draws the least-squares line of a scatter with the 95 % confidence band of its mean.
    #[must_use]
    pub fn fit(mut self, fit: bool) -> Self {
        self.fit = fit;
        self
    }

    /// Shows x by its logarithm; values of zero and below have no place there.
    #[must_use]
    pub fn log_x(mut self, log: bool) -> Self {
        self.log_x = log;
        self
    }

    /// Shows y by its logarithm; values of zero and below have no place there.
    #[must_use]
    pub fn log_y(mut self, log: bool) -> Self {
        self.log_y = log;
        self
    }

    /// The number of a histogram's bars, 1 to 1000; found from the data unless set.
    #[must_use]
    pub fn bins(mut self, bins: Option<usize>) -> Self {
        self.bins = bins;
        self
    }

    /// The page the picture is for.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// Size in CSS pixels: width 200 to 10000, height 160 to 10000.
    #[must_use]
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = Some((width, height));
        self
    }

    /// The parameter of a validation curve and its values.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        (self.parameter, self.values) = (Some(name.into()), values);
        self
    }

    /// The same chart of other columns, each made of one of these.
    ///
    /// # Errors
    /// The first that `column` answers.
    pub fn try_map<D, E>(
        &self,
        mut column: impl FnMut(&C) -> std::result::Result<D, E>,
    ) -> std::result::Result<ChartOf<D>, E> {
        let columns = self.columns.iter().map(&mut column).collect::<std::result::Result<_, _>>()?;
        let mut chart = ChartOf {
            kind: self.kind,
            title: self.title.clone(),
            x: None,
            y: None,
            color: None,
            size_by: None,
            style: None,
            facet: None,
            columns,
            theme: self.theme,
            size: self.size,
            log_x: self.log_x,
            log_y: self.log_y,
            fit: self.fit,
            bins: self.bins,
            parameter: self.parameter.clone(),
            values: self.values.clone(),
        };
        for field in Field::ALL {
            chart = chart.set(field, self.get(field).map(&mut column).transpose()?);
        }
        Ok(chart)
    }

    /// A picture that was drawn elsewhere, with the title and size of this chart where it has them.
    #[must_use]
    pub fn framed(&self, picture: Picture) -> Picture {
        let picture = match &self.title {
            Some(title) => picture.titled(title),
            None => picture,
        };
        match self.size {
            Some((width, height)) => picture.sized(width, height),
            None => picture,
        }
    }

    /// The columns given, by field.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &C)> {
        let named = Field::ALL.into_iter().filter_map(|field| Some((field.name(), self.get(field)?)));
        named.chain(self.columns.iter().map(|column| ("column", column)))
    }
}

/// A chart that names its columns.
impl ChartOf<String> {
    /// The column of the horizontal axis.
    #[must_use]
    pub fn x(self, column: impl Into<String>) -> Self {
        self.set(Field::X, column.into())
    }

    /// The column of the vertical axis.
    #[must_use]
    pub fn y(self, column: impl Into<String>) -> Self {
        self.set(Field::Y, column.into())
    }

    /// The column that colours the marks; of a heatmap the one whose mean is shown.
    #[must_use]
    pub fn color(self, column: impl Into<String>) -> Self {
        self.set(Field::Color, column.into())
    }

    /// The column that gives points their size.
    #[must_use]
    pub fn size_by(self, column: impl Into<String>) -> Self {
        self.set(Field::Size, column.into())
    }

    /// The column that gives points their marker, or lines their dash.
    #[must_use]
    pub fn style(self, column: impl Into<String>) -> Self {
        self.set(Field::Style, column.into())
    }

    /// The column whose values get a panel each.
    #[must_use]
    pub fn facet(self, column: impl Into<String>) -> Self {
        self.set(Field::Facet, column.into())
    }

    /// The columns of a correlation matrix or a pair plot; those of numbers when there are none.
    #[must_use]
    pub fn columns(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns = columns.into_iter().map(Into::into).collect();
        self
    }
}

/// A chart with the values of its columns.
impl Chart {
    /// The column along the horizontal axis; its name is the axis title.
    #[must_use]
    pub fn x(self, label: impl Into<String>, data: Data) -> Self {
        self.set(Field::X, Column::new(label, data))
    }

    /// The column along the vertical axis. A histogram and a density have none.
    #[must_use]
    pub fn y(self, label: impl Into<String>, data: Data) -> Self {
        self.set(Field::Y, Column::new(label, data))
    }

    /// The column that gives each row its colour: texts are categories; up to 8 different numbers are ordered
    /// categories; more numbers are a colour scale (scatter) or ranges (the other kinds). Of more than 12 texts
    /// the 12 most frequent get colours. Rows without a value are drawn in grey. A heatmap shows the mean of this
    /// column in each cell.
    #[must_use]
    pub fn color(self, label: impl Into<String>, data: Data) -> Self {
        self.set(Field::Color, Column::new(label, data))
    }

    /// The column of numbers that gives each point of a scatter its area.
    #[must_use]
    pub fn size_by(self, label: impl Into<String>, data: Data) -> Self {
        self.set(Field::Size, Column::new(label, data))
    }

    /// The column whose categories get markers of their own (scatter) or dashes (line).
    #[must_use]
    pub fn style(self, label: impl Into<String>, data: Data) -> Self {
        self.set(Field::Style, Column::new(label, data))
    }

    /// The column whose categories get a panel each, on the same axes. Of more than 16 the most frequent are shown.
    #[must_use]
    pub fn facet(self, label: impl Into<String>, data: Data) -> Self {
        self.set(Field::Facet, Column::new(label, data))
    }

    /// One more column of numbers for a correlation matrix or a pair plot, which take no x and y.
    #[must_use]
    pub fn column(mut self, label: impl Into<String>, data: Data) -> Self {
        self.columns.push(Column::new(label, data));
        self
    }

    /// The picture as SVG text.
    ///
    /// # Errors
    /// As [`picture`](Self::picture).
    pub fn to_svg(&self) -> Result<String> {
        Ok(self.picture()?.svg())
    }

    /// The picture as SVG text, with the numbers of rows drawn and left out.
    ///
    /// # Errors
    /// As [`picture`](Self::picture).
    pub fn draw(&self) -> Result<Drawn> {
        let picture = self.picture()?;
        Ok(Drawn { svg: picture.svg(), drawn: picture.drawn(), dropped: picture.dropped() })
    }

    /// The picture, to be written as SVG, HTML, PNG or in a terminal.
    ///
    /// # Errors
    /// A field that the kind needs is missing or has the wrong type, a field has no use, columns differ in length,
    /// or the size is out of range. No rows is no error: the picture says "no data".
    pub fn picture(&self) -> Result<Picture> {
        self.check()?;
        let mut figure = marks::figure(self)?;
        figure.dropped = self.len() - figure.drawn.min(self.len());
        crate::description::describe(self, &mut figure);
        let size = self.size.unwrap_or_else(|| usual_size(&figure));
        Ok(Picture::new(figure, self.title.clone(), self.theme, size))
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.given().next().map_or(0, |(_, column)| column.data.len())
    }

    /// The chart of some of the rows.
    pub(crate) fn rows(&self, rows: &[usize]) -> Self {
        let of = |column: &Column| Ok::<_, Infallible>(Column::new(&column.label, column.data.rows(rows)));
        let Ok(part) = self.try_map(of);
        Self { title: None, facet: None, columns: Vec::new(), ..part }
    }

    /// How x is spread along its axis.
    pub(crate) fn x_spread(&self) -> Spread {
        spread(self.x.as_ref(), self.log_x)
    }

    /// How y is spread along its axis.
    pub(crate) fn y_spread(&self) -> Spread {
        spread(self.y.as_ref(), self.log_y)
    }

    fn check(&self) -> Result<()> {
        let kind = self.kind;
        if let Some((width, height)) = self.size
            && (!(200..=10_000).contains(&width) || !(160..=10_000).contains(&height))
        {
            return Err(ErrorKind::InvalidSize { width, height }.into());
        }
        if kind.is_of_model() {
            return Err(ErrorKind::NeedsModel { kind }.into());
        }
        if let Some(bins) = self.bins
            && !(1..=1000).contains(&bins)
        {
            return Err(ErrorKind::InvalidBins { bins }.into());
        }
        for (field, column) in self.given() {
            if !kind.uses(field) {
                return Err(ErrorKind::UnusedField { kind, field, column: column.label.clone() }.into());
            }
        }
        for field in kind.needs() {
            if self.given().all(|(given, _)| given != *field) {
                return Err(ErrorKind::MissingField { kind, field }.into());
            }
        }
        let mut given = self.given();
        if let Some((_, first)) = given.next() {
            for (_, column) in given {
                if column.data.len() != first.data.len() {
                    return Err(ErrorKind::LengthMismatch {
                        column: column.label.clone(),
                        found: column.data.len(),
                        other: first.label.clone(),
                        expected: first.data.len(),
                    }
                    .into());
                }
            }
        }
        Ok(())
    }
}

fn spread(column: Option<&Column>, log: bool) -> Spread {
    match column.map(|c| &c.data) {
        Some(Data::Times(_)) => Spread::Time,
        _ if log => Spread::Log,
        _ => Spread::Linear,
    }
}

/// The size of a picture for which none was asked: a grid of plots gets room for each.
fn usual_size(figure: &crate::figure::Figure) -> (u32, u32) {
    let cells = |weights: &[f64]| {
        let largest = weights.iter().copied().fold(0.0, f64::max);
        weights.iter().sum::<f64>() / if largest > 0.0 { largest } else { 1.0 }
    };
    let (columns, rows) = (cells(&figure.widths), cells(&figure.heights));
    let along = |cells: f64, one: f64, each: f64| if cells < 1.5 { one } else { (70.0 + cells * each).max(one) };
    (along(columns, 720.0, 250.0).min(2400.0) as u32, along(rows, 480.0, 220.0).min(3000.0) as u32)
}
