//! What a picture shows before any pixel is known: panels in a grid, with marks in data coordinates, and a legend.

use crate::color::Rgb;
use crate::scale::Extent;

/// A picture without pixels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figure {
    pub(crate) panels: Vec<Panel>,
    /// Relative widths of the grid's columns; their number is that of columns.
    pub(crate) widths: Vec<f64>,
    /// Relative heights of the grid's rows.
    pub(crate) heights: Vec<f64>,
    pub(crate) legend: Vec<Block>,
    /// Rows that the marks stand for.
    pub(crate) drawn: usize,
    /// Rows left out for want of a value.
    pub(crate) dropped: usize,
    /// The picture's name, where it has no title.
    pub(crate) name: String,
    /// What a reader who cannot see the picture is told.
    pub(crate) summary: String,
}

/// One pair of axes and what is between them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panel {
    /// Column and row in the grid.
    pub(crate) cell: (usize, usize),
    pub(crate) title: Option<String>,
    pub(crate) x: Side,
    pub(crate) y: Side,
    pub(crate) marks: Vec<Mark>,
    /// Whether one unit of x is as long as one of y.
    pub(crate) square: bool,
}

/// An axis as described.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// `None` if there is nothing to show.
    pub(crate) extent: Option<Extent>,
    pub(crate) label: String,
    pub(crate) shown: Shown,
    pub(crate) grid: bool,
    /// What the ticks measure, if it is not the marks of this panel but those of its row.
    pub(crate) ticks: Option<Extent>,
}

/// How much of an axis is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shown {
    /// Line, ticks, words and label.
    #[default]
    Full,
    /// Words without line and ticks: beside cells.
    Words,
    /// The line alone: another panel of the same row or column has the words.
    Line,
    /// Nothing.
    Nothing,
}

/// Marks in data coordinates. Later ones lie on top.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    Points(Points),
    Line(Line),
    Area(Area),
    Rectangles(Rectangles),
    Segments(Segments),
    Labels(Vec<Label>),
    Cells(Vec<Level>),
}

/// Points that share a look.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    pub(crate) at: Vec<(f64, f64)>,
    pub(crate) color: Rgb,
    /// A colour for each point, where a scale gives one.
    pub(crate) colors: Option<Vec<Rgb>>,
    /// A radius for each point, where a column gives one.
    pub(crate) radii: Option<Vec<f64>>,
    pub(crate) radius: f64,
    pub(crate) opacity: f64,
    /// Whether a rim keeps overlapping points apart.
    pub(crate) rim: bool,
    pub(crate) marker: Marker,
    pub(crate) series: Series,
}

/// A line through points in order.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at: Vec<(f64, f64)>,
    pub(crate) color: Rgb,
    pub(crate) width: f64,
    pub(crate) dash: Dash,
    pub(crate) series: Series,
}

/// A filled polygon.
#[derive(Debug, Clone)]
pub(crate) struct Area {
    pub(crate) around: Vec<(f64, f64)>,
    pub(crate) color: Rgb,
    pub(crate) opacity: f64,
    pub(crate) outline: Option<f64>,
    pub(crate) series: Series,
}

/// Rectangles that share a rim.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rectangles {
    pub(crate) all: Vec<Rectangle>,
    pub(crate) rim: Rim,
    /// Whether the line at zero is drawn over their feet.
    pub(crate) on_zero: Option<Foot>,
}

/// Which axis bars stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foot {
    /// Upright bars stand on y = 0.
    X,
    /// Lying bars begin at x = 0.
    Y,
}

/// The rim of rectangles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Rim {
    /// Keeps neighbours apart, where they are wide enough to have one.
    #[default]
    Apart,
    /// None: neighbours touch.
    None,
    /// An outline in the axis' colour.
    Outline,
}

/// A rectangle between `from` and `to`.
#[derive(Debug, Clone)]
pub(crate) struct Rectangle {
    pub(crate) from: (f64, f64),
    pub(crate) to: (f64, f64),
    pub(crate) color: Rgb,
    pub(crate) opacity: f64,
    /// What the reader sees on pointing at it.
    pub(crate) tip: String,
    pub(crate) series: Series,
}

/// Lines between pairs of points.
#[derive(Debug, Clone)]
pub(crate) struct Segments {
    pub(crate) ends: Vec<[(f64, f64); 2]>,
    pub(crate) color: Rgb,
    pub(crate) width: f64,
    pub(crate) dash: Dash,
    pub(crate) series: Series,
}

/// Cells of one colour.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    pub(crate) color: Rgb,
    pub(crate) opacity: f64,
    pub(crate) cells: Vec<Cell>,
}

/// A cell between `from` and `to`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) from: (f64, f64),
    pub(crate) to: (f64, f64),
}

/// Words at a place.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) at: (f64, f64),
    /// Pixels right and down from there.
    pub(crate) shift: (f64, f64),
    pub(crate) words: String,
    pub(crate) color: Rgb,
    pub(crate) anchor: Anchor,
    pub(crate) size: u32,
    pub(crate) bold: bool,
    /// The colour around the words, where they may lie on points.
    pub(crate) edge: Option<Rgb>,
    /// The data width and height it must fit into, or it is left out.
    pub(crate) within: Option<(f64, f64)>,
}

/// Which legend entry a mark belongs to.
pub(crate) type Series = Option<usize>;

/// Which part of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Shapes of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Marker {
    #[default]
    Circle,
    Diamond,
    Square,
    Triangle,
    Wedge,
    Cross,
    Plus,
}

/// Dashes of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Dash {
    #[default]
    Solid,
    Dashed,
    Dotted,
    Mixed,
}

/// A part of the legend.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) title: String,
    pub(crate) content: Content,
}

/// What a part of the legend explains.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Entries(Vec<Entry>),
    /// A colour bar from `lo` to `hi`, and the colour of missing values if there are any.
    Bar {
        lo: f64,
        hi: f64,
        colors: Vec<Rgb>,
        missing: Option<Rgb>,
    },
}

/// A line of the legend.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) words: String,
    pub(crate) color: Rgb,
    pub(crate) swatch: Swatch,
    pub(crate) series: Series,
}

/// What stands before the words of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Swatch {
    Dot(Marker, f64),
    Line(Dash),
    Square,
}

impl Marker {
    /// The marker of the category at `index`.
    pub(crate) fn of(index: usize) -> Self {
        const ALL: [Marker; 7] = [
            Marker::Circle,
            Marker::Square,
            Marker::Triangle,
            Marker::Diamond,
            Marker::Plus,
            Marker::Wedge,
            Marker::Cross,
        ];
        ALL[index % ALL.len()]
    }

    /// Corners around the origin for radius 1, `None` for a circle. Areas are about those of the circle.
    pub(crate) fn corners(self) -> Option<&'static [(f64, f64)]> {
        const T: f64 = 0.42;
        match self {
            Self::Circle => None,
            Self::Diamond => Some(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
            Self::Square => Some(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            Self::Triangle => Some(&[(0.0, -1.2), (1.15, 0.85), (-1.15, 0.85)]),
            Self::Wedge => Some(&[(0.0, 1.2), (1.15, -0.85), (-1.15, -0.85)]),
            Self::Plus => Some(&[
                (-T, -1.25),
                (T, -1.25),
                (T, -T),
                (1.25, -T),
                (1.25, T),
                (T, T),
                (T, 1.25),
                (-T, 1.25),
                (-T, T),
                (-1.25, T),
                (-1.25, -T),
                (-T, -T),
            ]),
            Self::Cross => Some(&[
                (0.0, -0.6),
                (0.65, -1.25),
                (1.25, -0.65),
                (0.6, 0.0),
                (1.25, 0.65),
                (0.65, 1.25),
                (0.0, 0.6),
                (-0.65, 1.25),
                (-1.25, 0.65),
                (-0.6, 0.0),
                (-1.25, -0.65),
                (-0.65, -1.25),
            ]),
        }
    }
}

impl Dash {
    /// The dash of the category at `index`.
    pub(crate) fn of(index: usize) -> Self {
        [Self::Solid, Self::Dashed, Self::Dotted, Self::Mixed][index % 4]
    }

    /// Lengths of strokes and gaps, as SVG has them.
    pub(crate) fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some("7 4"),
            Self::Dotted => Some("2 3"),
            Self::Mixed => Some("8 3 2 3"),
        }
    }
}

impl Default for Side {
    fn default() -> Self {
        Self { extent: None, label: String::new(), shown: Shown::Full, grid: true, ticks: None }
    }
}

impl Side {
    /// An axis with its label.
    pub(crate) fn new(extent: Option<Extent>, label: impl Into<String>) -> Self {
        Self { extent, label: label.into(), ..Self::default() }
    }

    /// An axis without grid lines.
    pub(crate) fn plain(mut self) -> Self {
        self.grid = false;
        self
    }

    /// An axis of which only so much is drawn.
    pub(crate) fn shown(mut self, shown: Shown) -> Self {
        self.shown = shown;
        self
    }
}

impl Figure {
    /// A figure of one panel.
    pub(crate) fn one(panel: Panel) -> Self {
        Self { panels: vec![panel], widths: vec![1.0], heights: vec![1.0], ..Self::default() }
    }
}
