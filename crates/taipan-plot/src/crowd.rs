//! A scatter of more rows than fit in memory.

use std::collections::HashMap;

use crate::coloring::{FEW_NUMBERS, Group, positive_zero, usable};
use crate::figure::{Block, Content, Entry, Figure, Marker, Panel, Side, Swatch};
use crate::kind::Kind;
use crate::marks::{Cells, cell_marks, mean_marks};
use crate::numbers::number;
use crate::picture::Picture;
use crate::scale::Spread;
use crate::theme::{HUES, MAX_CATEGORIES, Theme};

/// Rows of a scatter, taken in one after another and counted in cells: its size does not grow with the rows. Rows that
/// stand alone stay visible. The first 12 texts of colour get colours; numbers of colour are a scale, on which each cell has
/// its mean, unless there are no more than 8 different ones.
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
    /// The first different numbers of colour, in ascending order, each with its plane.
    numbers: Vec<(f64, usize)>,
    by_numbers: bool,
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
            numbers: Vec::new(),
            by_numbers: false,
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

    /// Colours by numbers: rows come by [`push_number`](Self::push_number). Call it before the first row, behind
    /// [`axes`](Self::axes).
    #[must_use]
    pub fn by_numbers(mut self) -> Self {
        self.by_numbers = true;
        // One for each of a few numbers, one for the others, and one for rows without.
        self.cells = Cells::new(self.spreads, FEW_NUMBERS + 2).valued();
        self
    }

    /// Takes in a row whose colour is by a number, NaN if it has none; one without a place on both axes is counted as left
    /// out.
    pub fn push_number(&mut self, x: f64, y: f64, color: f64) {
        if !self.spreads.0.holds(x) || !self.spreads.1.holds(y) {
            self.dropped += 1;
            return;
        }
        if !usable(color) {
            self.missing = true;
            self.cells.push_valued(x, y, FEW_NUMBERS + 1, 0.0);
            return;
        }
        let color = positive_zero(color);
        let plane = match self.numbers.binary_search_by(|(known, _)| known.total_cmp(&color)) {
            Ok(at) => self.numbers.get(at).map_or(FEW_NUMBERS, |(_, plane)| *plane),
            Err(_) if self.numbers.len() == FEW_NUMBERS => {
                self.others = true;
                FEW_NUMBERS
            }
            Err(at) => {
                let plane = self.numbers.len();
                self.numbers.insert(at, (color, plane));
                plane
            }
        };
        self.cells.push_valued(x, y, plane, color);
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
        if self.by_numbers {
            let steps = self.numbers.len().saturating_sub(1).max(1) as f64;
            groups = vec![group("missing", look.missing, false, true); FEW_NUMBERS + 2];
            for (order, (value, plane)) in self.numbers.iter().enumerate() {
                if let Some(entry) = groups.get_mut(*plane) {
                    *entry = group(&number(*value), look.sequential(order as f64 / steps), false, false);
                }
            }
        }
        if let (Some(title), true, false) = (&self.color, self.by_numbers, self.others) {
            let ordered = self.numbers.iter().filter_map(|(_, plane)| groups.get(*plane));
            let missing = groups.last().filter(|_| self.missing);
            let entries = ordered.chain(missing).map(entry).collect();
            legend.push(Block { title: title.clone(), content: Content::Entries(entries) });
        }
        if let (Some(title), false) = (&self.color, self.by_numbers) {
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
            let entries = groups.iter().enumerate().filter(|(i, _)| shown(*i)).map(|(_, group)| entry(group));
            legend.push(Block { title: title.clone(), content: Content::Entries(entries.collect()) });
        }
        let ranges = self.cells.ranges();
        let (marks, block) = match &self.color {
            Some(title) if self.by_numbers && self.others => mean_marks(&self.cells, title, look),
            _ => cell_marks(&self.cells, &groups, look),
        };
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

/// A group in the legend.
fn entry(group: &Group) -> Entry {
    Entry { words: group.label.clone(), color: group.color, swatch: Swatch::Dot(Marker::Circle, 5.0), series: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows on a diagonal, coloured by as many different numbers as asked for.
    fn by_numbers(different: u32) -> String {
        let mut crowd = Crowd::new("x", "y", Some("delay".into())).by_numbers();
        for i in 0..200_000u32 {
            let value = f64::from(i % 1000) / 1000.0;
            crowd.push_number(value, value, f64::from(i % 1000 * different / 1000));
        }
        crowd.push_number(0.5, 0.1, f64::NAN);
        crowd.push_number(f64::NAN, 0.1, 1.0);
        let picture = crowd.picture(Theme::Light);
        assert_eq!((picture.drawn(), picture.dropped()), (200_001, 1));
        picture.svg()
    }

    #[test]
    fn numbers_of_colour_are_a_scale_unless_they_are_few() {
        let many = by_numbers(500);
        assert!(many.contains("mean delay") && many.contains("missing") && !many.contains("others"), "{many}");
        for end in [Theme::Light.look().sequential(0.0), Theme::Light.look().sequential(1.0)] {
            assert!(many.contains(&format!("fill=\"{end}\"")), "{end}");
        }
        let few = by_numbers(4);
        assert!(few.contains(">delay<") && !few.contains("mean delay"), "{few}");
        for label in ["0", "1", "2", "3"] {
            assert!(few.contains(&format!(">{label}</text>")), "{label}");
        }
    }
}
