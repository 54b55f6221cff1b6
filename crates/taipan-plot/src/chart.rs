//! The chart description: what the caller says, checked once, then drawn.

use std::fmt;
use std::str::FromStr;

use crate::error::{ErrorKind, Result};
use crate::picture::Picture;
use crate::theme::Theme;
use crate::{Error, marks, text};

/// What kind of marks stand for the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// One point for each row; x and y are numbers.
    Scatter,
    /// One line for each colour, in order of x; rows that share x and colour are averaged.
    Line,
    /// One bar for each category of x: the mean of y, or the number of rows where there is no y.
    Bar,
    /// The number of rows in each range of x; colours are stacked.
    Histogram,
}

/// The values of one column. Missing numbers are NaN, missing texts `None`.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Numbers. NaN, infinite values and values beyond ±1e300 have no place on an axis: their rows are left out.
    Numbers(Vec<f64>),
    /// Texts, which are categories in order of first appearance.
    Text(Vec<Option<String>>),
}

/// A picture and what it holds. `drawn + dropped` is the number of rows given.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The picture: one `<svg>` element, well-formed XML without declaration.
    pub svg: String,
    /// Rows that the picture shows, as a mark or within one.
    pub drawn: usize,
    /// Rows left out because x or y is missing, infinite or beyond ±1e300.
    pub dropped: usize,
}

/// A chart description. Build it, then [`draw`](Chart::draw) it, any number of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    kind: Kind,
    title: Option<String>,
    x: Option<Column>,
    y: Option<Column>,
    color: Option<Column>,
    theme: Theme,
    width: u32,
    height: u32,
}

/// A column and its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) label: String,
    pub(crate) data: Data,
}

/// A checked chart: x is there, all columns have its length, and y is there or not as the kind wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked<'a> {
    pub(crate) kind: Kind,
    pub(crate) x: &'a Column,
    pub(crate) y: Option<&'a Column>,
    pub(crate) color: Option<&'a Column>,
    pub(crate) theme: Theme,
    pub(crate) height: u32,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Scatter, Self::Line, Self::Bar, Self::Histogram];

    /// The name by which [`FromStr`] knows this kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scatter => "scatter",
            Self::Line => "line",
            Self::Bar => "bar",
            Self::Histogram => "histogram",
        }
    }

    /// The names of all kinds.
    pub fn names() -> &'static [&'static str] {
        const NAMES: [&str; 4] = {
            let [a, b, c, d] = Kind::ALL;
            [a.name(), b.name(), c.name(), d.name()]
        };
        &NAMES
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    /// Reads a kind by its name, in upper or lower case.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownKind`] with the nearest name.
    fn from_str(name: &str) -> Result<Self> {
        let wanted = name.trim().to_lowercase();
        if let Some(kind) = Self::ALL.into_iter().find(|k| k.name() == wanted) {
            return Ok(kind);
        }
        let likeness = |kind: &Self| strsim::jaro_winkler(&wanted, kind.name());
        let nearest = Self::ALL.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|kind| likeness(kind) > 0.72);
        Err(ErrorKind::UnknownKind { name: text::clip(name, 1.0, 40.0).into_owned(), nearest }.into())
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
            Self::Numbers(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Chart {
    /// A chart of this kind: 720 x 480 pixels, light, as yet without columns.
    pub fn new(kind: Kind) -> Self {
        Self { kind, title: None, x: None, y: None, color: None, theme: Theme::default(), width: 720, height: 480 }
    }

    /// A title above the picture. Without one the picture is still described to screen readers.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The column along the horizontal axis; its name is the axis title. Every kind needs it.
    #[must_use]
    pub fn x(mut self, label: impl Into<String>, data: Data) -> Self {
        self.x = Some(Column { label: label.into(), data });
        self
    }

    /// The column along the vertical axis. Scatter and line need it, a histogram has none.
    #[must_use]
    pub fn y(mut self, label: impl Into<String>, data: Data) -> Self {
        self.y = Some(Column { label: label.into(), data });
        self
    }

    /// The column that gives each row its colour: texts are categories; up to 8 different numbers are ordered
    /// categories; more numbers are a colour scale (scatter) or ranges (the other kinds). Of more than 12 texts
    /// the 12 most frequent get colours. Rows without a value are drawn in grey.
    #[must_use]
    pub fn color(mut self, label: impl Into<String>, data: Data) -> Self {
        self.color = Some(Column { label: label.into(), data });
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
        (self.width, self.height) = (width, height);
        self
    }

    /// The picture as SVG text.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn to_svg(&self) -> Result<String> {
        Ok(self.draw()?.svg)
    }

    /// The picture, with the numbers of rows drawn and left out.
    ///
    /// # Errors
    /// A field that the kind needs is missing or has the wrong type, a field has no use, columns differ in length,
    /// or the size is out of range. No rows is no error: the picture says "no data".
    pub fn draw(&self) -> Result<Drawn> {
        let chart = self.check()?;
        let figure = marks::of(&chart)?;
        let rows = chart.x.data.len();
        let drawn = figure.drawn;
        let picture = Picture {
            title: self.title.as_deref().filter(|t| !t.trim().is_empty()),
            kind: self.kind,
            dropped: rows - drawn,
            theme: self.theme,
            width: self.width,
            height: self.height,
            figure,
        };
        Ok(Drawn { svg: picture.to_svg(), drawn, dropped: rows - drawn })
    }

    fn check(&self) -> Result<Checked<'_>> {
        let Self { kind, width, height, .. } = *self;
        if !(200..=10_000).contains(&width) || !(160..=10_000).contains(&height) {
            return Err(ErrorKind::InvalidSize { width, height }.into());
        }
        let x = self.x.as_ref().ok_or(ErrorKind::MissingField { kind, field: "x" })?;
        match (&self.y, kind) {
            (None, Kind::Scatter | Kind::Line) => {
                return Err(ErrorKind::MissingField { kind, field: "y" }.into());
            }
            (Some(y), Kind::Histogram) => {
                return Err(ErrorKind::UnusedField { kind, field: "y", column: y.label.clone() }.into());
            }
            _ => {}
        }
        for column in [&self.y, &self.color].into_iter().flatten() {
            if column.data.len() != x.data.len() {
                return Err(ErrorKind::LengthMismatch {
                    column: column.label.clone(),
                    found: column.data.len(),
                    other: x.label.clone(),
                    expected: x.data.len(),
                }
                .into());
            }
        }
        Ok(Checked { kind, x, y: self.y.as_ref(), color: self.color.as_ref(), theme: self.theme, height })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_read_by_name_or_suggest_the_nearest() {
        for name in Kind::names() {
            assert_eq!(name.parse::<Kind>().unwrap().name(), *name);
        }
        assert_eq!(" Scatter ".parse::<Kind>().unwrap(), Kind::Scatter);
        let cases = [
            ("scater", "unknown plot kind \"scater\"; did you mean \"scatter\"?"),
            ("scatterplot", "unknown plot kind \"scatterplot\"; did you mean \"scatter\"?"),
            ("hist", "unknown plot kind \"hist\"; did you mean \"histogram\"?"),
            ("lines", "unknown plot kind \"lines\"; did you mean \"line\"?"),
            ("violin", "unknown plot kind \"violin\"; known kinds: scatter, line, bar, histogram"),
            ("", "unknown plot kind \"\"; known kinds: scatter, line, bar, histogram"),
        ];
        for (name, message) in cases {
            assert_eq!(name.parse::<Kind>().unwrap_err().to_string(), message);
        }
    }
}
