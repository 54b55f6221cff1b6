//! A scatter of more rows than fit in memory.

use std::collections::HashMap;

use crate::coloring::Group;
use crate::figure::{Block, Content, Entry, Figure, Marker, Panel, Side, Swatch};
use crate::kind::Kind;
use crate::marks::{Cells, cell_marks};
use crate::picture::Picture;
use crate::scale::Spread;
use crate::theme::{HUES, MAX_CATEGORIES, Theme};

/// Rows of a scatter, taken in one after another and counted in cells: its size does not grow with the rows. Rows that
/// stand alone stay visible. The first 12 texts of colour get colours.
///
/// ```
/// use taipan_plot::{Crowd, Theme};
///
/// let mut crowd = Crowd::new("x", "y", None);
/// for i in 0..500_000u32 {
///     crowd.push(f64::from(i).sin(), f64::from(i).cos(), None);
/// }
/// let picture = crowd.picture(Theme::Light);
/// assert_eq!((picture.drawn(), picture.dropped()), (500_000, 0));
/// ```
#[derive(Debug, Clone)]
pub struct Crowd {
    labels: (String, String),
    color: Option<String>,
    spreads: (Spread, Spread),
    cells: Cells,
    groups: HashMap<String, usize>,
    names: Vec<String>,
    others: bool,
    missing: bool,
    dropped: usize,
}

/// How a [`Crowd`] shows an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AxisKind {
    /// Numbers at even distances.
    #[default]
    Linear,
    /// Numbers by their logarithm.
    Log,
    /// Seconds since 1970-01-01T00:00:00.
    Time,
}

impl AxisKind {
    fn spread(self) -> Spread {
        match self {
            Self::Linear => Spread::Linear,
            Self::Log => Spread::Log,
            Self::Time => Spread::Time,
        }
    }
}

impl Crowd {
    /// A scatter without rows, between axes of these names, coloured by a column of that name.
    pub fn new(x: impl Into<String>, y: impl Into<String>, color: Option<String>) -> Self {
        let planes = if color.is_some() { MAX_CATEGORIES + 2 } else { 1 };
        Self {
            labels: (x.into(), y.into()),
            color,
            spreads: (Spread::Linear, Spread::Linear),
            cells: Cells::new((Spread::Linear, Spread::Linear), planes),
            groups: HashMap::new(),
            names: Vec::new(),
            others: false,
            missing: false,
            dropped: 0,
        }
    }

    /// How the axes show their values. Call it before the first row.
    #[must_use]
    pub fn axes(mut self, x: AxisKind, y: AxisKind) -> Self {
        self.spreads = (x.spread(), y.spread());
        self.cells = Cells::new(self.spreads, self.cells.planes());
        self
    }

    /// Takes in a row; one without a place on both axes is counted as left out.
    pub fn push(&mut self, x: f64, y: f64, color: Option<&str>) {
        if !self.spreads.0.holds(x) || !self.spreads.1.holds(y) {
            self.dropped += 1;
            return;
        }
        let plane = if self.color.is_some() { self.group(color) } else { 0 };
        self.cells.push(x, y, plane);
    }

    fn group(&mut self, color: Option<&str>) -> usize {
        let Some(color) = color else {
            self.missing = true;
            return MAX_CATEGORIES + 1;
        };
        if let Some(group) = self.groups.get(color) {
            return *group;
        }
        if self.names.len() == MAX_CATEGORIES {
            self.others = true;
            return MAX_CATEGORIES;
        }
        self.groups.insert(color.to_owned(), self.names.len());
        self.names.push(color.to_owned());
        self.names.len() - 1
    }

    /// The picture of the rows taken in: 720 x 480 pixels.
    pub fn picture(mut self, theme: Theme) -> Picture {
        let look = theme.look();
        let group = |label: &str, color, tint, rest| Group { label: label.to_owned(), color, tint, rest };
        let mut groups = vec![group("", look.plain(), false, false)];
        let mut legend = Vec::new();
        if let Some(title) = &self.color {
            groups = (0..MAX_CATEGORIES)
                .map(|i| group(self.names.get(i).map_or("", String::as_str), look.category(i), i >= HUES, false))
                .collect();
            groups.push(group("others", look.other, false, true));
            groups.push(group("missing", look.missing, false, true));
            let shown = |i: usize| match i {
                MAX_CATEGORIES => self.others,
                i if i > MAX_CATEGORIES => self.missing,
                i => i < self.names.len(),
            };
            let entries = groups.iter().enumerate().filter(|(i, _)| shown(*i)).map(|(_, group)| Entry {
                words: group.label.clone(),
                color: group.color,
                swatch: Swatch::Dot(Marker::Circle, 5.0),
                series: None,
            });
            legend.push(Block { title: title.clone(), content: Content::Entries(entries.collect()) });
        }
        let ranges = self.cells.ranges();
        let (marks, block) = cell_marks(&self.cells, &groups, look);
        legend.extend(block);
        let extent = |spread: Spread, (lo, hi): (f64, f64)| spread.padded([lo, hi].map(|v| spread.back(v)).into_iter());
        let panel = Panel {
            x: Side::new(ranges.and_then(|(x, _)| extent(self.spreads.0, x)), &self.labels.0),
            y: Side::new(ranges.and_then(|(_, y)| extent(self.spreads.1, y)), &self.labels.1),
            marks,
            ..Panel::default()
        };
        let mut figure = Figure::one(panel);
        figure.legend = legend;
        figure.drawn = self.cells.rows() as usize;
        figure.dropped = self.dropped;
        figure.name = format!("{} by {}", self.labels.1, self.labels.0);
        let by = self.color.map(|c| format!(", coloured by {c}")).unwrap_or_default();
        let left = if self.dropped > 0 {
            format!("; {} rows left out for want of a value", self.dropped)
        } else {
            String::new()
        };
        figure.summary = format!(
            "{} of {} against {}{by}. {} rows in cells{left}.",
            Kind::Scatter.words(),
            self.labels.1,
            self.labels.0,
            figure.drawn
        );
        Picture::new(figure, None, theme, (720, 480))
    }
}
