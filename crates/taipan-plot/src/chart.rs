//! The chart description: what the caller says, checked once, then drawn.

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

/// A chart description. Build it, then [`draw`](Chart::draw) it, any number of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub(crate) kind: Kind,
    pub(crate) title: Option<String>,
    pub(crate) x: Option<Column>,
    pub(crate) y: Option<Column>,
    pub(crate) color: Option<Column>,
    pub(crate) size_by: Option<Column>,
    pub(crate) style: Option<Column>,
    pub(crate) facet: Option<Column>,
    pub(crate) columns: Vec<Column>,
    pub(crate) theme: Theme,
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) log_x: bool,
    pub(crate) log_y: bool,
    pub(crate) fit: bool,
    pub(crate) bins: Option<usize>,
}

/// A column and its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) label: String,
    pub(crate) data: Data,
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

impl Chart {
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
        }
    }

    /// A title above the picture. Without one the picture is still described to screen readers.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The column along the horizontal axis; its name is the axis title.
    #[must_use]
    pub fn x(mut self, label: impl Into<String>, data: Data) -> Self {
        self.x = Some(Column { label: label.into(), data });
        self
    }

    /// The column along the vertical axis. A histogram and a density have none.
    #[must_use]
    pub fn y(mut self, label: impl Into<String>, data: Data) -> Self {
        self.y = Some(Column { label: label.into(), data });
        self
    }

    /// The column that gives each row its colour: texts are categories; up to 8 different numbers are ordered
    /// categories; more numbers are a colour scale (scatter) or ranges (the other kinds). Of more than 12 texts
    /// the 12 most frequent get colours. Rows without a value are drawn in grey. A heatmap shows the mean of this
    /// column in each cell.
    #[must_use]
    pub fn color(mut self, label: impl Into<String>, data: Data) -> Self {
        self.color = Some(Column { label: label.into(), data });
        self
    }

    /// The column of numbers that gives each point of a scatter its area.
    #[must_use]
    pub fn size_by(mut self, label: impl Into<String>, data: Data) -> Self {
        self.size_by = Some(Column { label: label.into(), data });
        self
    }

    /// The column whose categories get markers of their own (scatter) or dashes (line).
    #[must_use]
    pub fn style(mut self, label: impl Into<String>, data: Data) -> Self {
        self.style = Some(Column { label: label.into(), data });
        self
    }

    /// The column whose categories get a panel each, on the same axes. Of more than 16 the most frequent are shown.
    #[must_use]
    pub fn facet(mut self, label: impl Into<String>, data: Data) -> Self {
        self.facet = Some(Column { label: label.into(), data });
        self
    }

    /// One more column of numbers for a correlation matrix or a pair plot, which take no x and y.
    #[must_use]
    pub fn column(mut self, label: impl Into<String>, data: Data) -> Self {
        self.columns.push(Column { label: label.into(), data });
        self
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

    /// The columns given, by field.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &Column)> {
        let fields = [
            ("x", &self.x),
            ("y", &self.y),
            ("color", &self.color),
            ("size", &self.size_by),
            ("style", &self.style),
            ("facet", &self.facet),
        ];
        let named = fields.into_iter().filter_map(|(field, column)| Some((field, column.as_ref()?)));
        named.chain(self.columns.iter().map(|column| ("column", column)))
    }

    /// The chart of some of the rows.
    pub(crate) fn rows(&self, rows: &[usize]) -> Self {
        let of = |column: &Option<Column>| {
            column.as_ref().map(|c| Column { label: c.label.clone(), data: c.data.rows(rows) })
        };
        Self {
            title: None,
            x: of(&self.x),
            y: of(&self.y),
            color: of(&self.color),
            size_by: of(&self.size_by),
            style: of(&self.style),
            facet: None,
            columns: Vec::new(),
            ..*self
        }
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
