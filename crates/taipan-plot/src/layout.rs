//! Where on the page everything stands: title, panels with their axes, legend.

use crate::figure::{Block, Content, Figure, Panel, Shown, Side, Swatch};
use crate::scale::{Axis, Direction, Extent, Spread};
use crate::text;
use crate::theme::{LABEL_SIZE, TICK_SIZE, TITLE_SIZE};

/// Space around everything.
const PAD: f64 = 12.0;
/// Space between panels.
const GAP: f64 = 14.0;
/// Space between plot and legend.
pub(crate) const LEGEND_GAP: f64 = 18.0;
/// Height of a legend's row.
pub(crate) const ROW: f64 = 20.0;
/// Space for a swatch and the gap after it.
pub(crate) const SWATCH: f64 = 20.0;
/// Width of a colour bar.
pub(crate) const BAR: f64 = 14.0;
const TITLE_LINE: f64 = 23.0;

/// A figure in pixels.
#[derive(Debug)]
pub(crate) struct Layout<'f> {
    pub(crate) panels: Vec<Placed<'f>>,
    pub(crate) title: Vec<String>,
    /// Left end of the legend, and its top and bottom.
    pub(crate) legend: (f64, f64, f64),
    /// The most pixels that a legend's words may take.
    pub(crate) legend_words: f64,
}

/// A panel in pixels.
#[derive(Debug)]
pub(crate) struct Placed<'f> {
    pub(crate) panel: &'f Panel,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) x_label: String,
    pub(crate) y_label: String,
}

impl Placed<'_> {
    /// The pixel of a place in data coordinates.
    pub(crate) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (fx, fy) = (self.x.fraction(x), self.y.fraction(y));
        (self.left + fx * self.width, self.top + (1.0 - fy) * self.height)
    }

    pub(crate) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

impl<'f> Layout<'f> {
    pub(crate) fn new(figure: &'f Figure, title: Option<&str>, (width, height): (f64, f64)) -> Self {
        let words = (width / 3.0 - LEGEND_GAP - SWATCH).clamp(20.0, 190.0);
        let legend = figure.legend.iter().map(|b| block_width(b, words)).fold(0.0, f64::max);
        let legend = if legend > 0.0 && figure.drawn > 0 { legend + LEGEND_GAP } else { 0.0 };
        let most = if height < 220.0 { 1 } else { 3 };
        let title = title.map(|t| title_lines(t, width - 2.0 * PAD, most)).unwrap_or_default();
        let top = PAD + title.len() as f64 * TITLE_LINE + if title.is_empty() { 0.0 } else { 5.0 };
        let region = Region { left: PAD - 4.0, top, right: width - PAD - legend, bottom: height - PAD + 4.0 };
        let panels = region.place(figure);
        let end = panels.iter().map(Placed::right).fold(region.left, f64::max);
        let first = panels.first();
        let legend_top = first.map_or(top, |p| p.top);
        let last = panels.iter().map(Placed::bottom).fold(legend_top, f64::max);
        Self { panels, title, legend: (end + LEGEND_GAP, legend_top, last), legend_words: words }
    }
}

/// The part of the page that the panels share.
#[derive(Debug, Clone, Copy)]
struct Region {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// Space around the panels of each column or row of the grid.
#[derive(Debug, Clone)]
struct Margins {
    left: Vec<f64>,
    top: Vec<f64>,
    bottom: Vec<f64>,
    right: f64,
}

impl Margins {
    /// Makes room for the words of the axes.
    fn fit(&mut self, figure: &Figure, axes: &[(Axis, Axis)], widths: &[f64], total: (f64, f64)) {
        let columns = self.left.len();
        self.left.fill(0.0);
        self.bottom.fill(0.0);
        self.right = 0.0;
        for (panel, (x, y)) in figure.panels.iter().zip(axes) {
            let width = widths.get(panel.cell.0).copied().unwrap_or(20.0);
            let mut left = label_room(&panel.y, 21.0)
                + match panel.y.shown {
                    Shown::Full | Shown::Words if !y.ticks.is_empty() => y.label_width + 9.0,
                    _ => 2.0,
                };
            let bottom = label_room(&panel.x, 22.0)
                + match panel.x.shown {
                    Shown::Full | Shown::Words if !x.ticks.is_empty() => under(x),
                    Shown::Nothing => 0.0,
                    _ => 4.0,
                };
            if matches!(panel.x.shown, Shown::Full | Shown::Words) {
                for tick in &x.ticks {
                    let (reach, over) = overhang(x, tick.words.as_str());
                    left = left.max(reach - tick.at * width - 4.0);
                    if panel.cell.0 + 1 == columns {
                        self.right = self.right.max(over - (1.0 - tick.at) * width - 4.0);
                    }
                }
            }
            if let Some(at) = self.left.get_mut(panel.cell.0) {
                *at = at.max(left.min(total.0 * 0.42));
            }
            if let Some(at) = self.bottom.get_mut(panel.cell.1) {
                *at = at.max(bottom.min(total.1 * 0.5));
            }
        }
    }
}

impl Region {
    fn place<'f>(&self, figure: &'f Figure) -> Vec<Placed<'f>> {
        let (columns, rows) = (figure.widths.len().max(1), figure.heights.len().max(1));
        let mut margins = Margins {
            left: vec![40.0; columns],
            top: vec![0.0; rows],
            bottom: vec![if rows > 1 { 14.0 } else { 44.0 }; rows],
            right: 0.0,
        };
        for panel in &figure.panels {
            if let (Some(_), Some(top)) = (&panel.title, margins.top.get_mut(panel.cell.1)) {
                *top = 20.0;
            }
        }
        let total = (self.right - self.left, self.bottom - self.top);
        let mut axes = Vec::new();
        // Margins depend on the words of the axes, and these on the pixels that the margins leave.
        for _ in 0..3 {
            let (widths, heights) = self.sizes(figure, &margins);
            axes = figure
                .panels
                .iter()
                .map(|panel| {
                    let width = widths.get(panel.cell.0).copied().unwrap_or(20.0);
                    let height = heights.get(panel.cell.1).copied().unwrap_or(20.0);
                    let longest = (total.1 * 0.3).min(130.0);
                    let x = axis(&panel.x, Direction::Across, width, 72.0, longest);
                    let y = axis(
                        &panel.y,
                        Direction::Upright,
                        height,
                        if height < 200.0 { 30.0 } else { 42.0 },
                        (total.0 * 0.3).min(190.0),
                    );
                    (x, y)
                })
                .collect::<Vec<(Axis, Axis)>>();
            let before = margins.clone();
            margins.fit(figure, &axes, &widths, total);
            if margins.left == before.left && margins.bottom == before.bottom {
                break;
            }
        }
        let (widths, heights) = self.sizes(figure, &margins);
        let start = |sizes: &[f64], before: &[f64], after: Option<&[f64]>, index: usize, origin: f64| {
            let mut at = origin;
            for i in 0..=index {
                at += before.get(i).copied().unwrap_or(0.0);
                if i < index {
                    at += sizes.get(i).copied().unwrap_or(0.0)
                        + after.and_then(|a| a.get(i)).copied().unwrap_or(0.0)
                        + GAP;
                }
            }
            at
        };
        figure
            .panels
            .iter()
            .zip(axes)
            .map(|(panel, (x, y))| {
                let (column, row) = panel.cell;
                let mut width = widths.get(column).copied().unwrap_or(20.0);
                let mut height = heights.get(row).copied().unwrap_or(20.0);
                if let (true, Some(Extent::Categories(a)), Some(Extent::Categories(b))) =
                    (panel.square, &panel.x.extent, &panel.y.extent)
                {
                    let side = (width / a.len().max(1) as f64).min(height / b.len().max(1) as f64);
                    (width, height) = (side * a.len().max(1) as f64, side * b.len().max(1) as f64);
                }
                let x = if panel.square {
                    axis(&panel.x, Direction::Across, width, 72.0, (total.1 * 0.3).min(130.0))
                } else {
                    x
                };
                let size = f64::from(LABEL_SIZE);
                let context = x.context.as_ref().map(|c| format!(" ({c})")).unwrap_or_default();
                let named = !panel.x.label.is_empty();
                Placed {
                    panel,
                    left: start(&widths, &margins.left, None, column, self.left),
                    top: start(&heights, &margins.top, Some(&margins.bottom), row, self.top),
                    x_label: if named {
                        text::clip(&format!("{}{context}", panel.x.label), size, width + 40.0).into_owned()
                    } else {
                        String::new()
                    },
                    y_label: text::clip(&panel.y.label, size, height + 20.0).into_owned(),
                    x,
                    y,
                    width,
                    height,
                }
            })
            .collect()
    }

    /// Widths of the columns and heights of the rows within these margins.
    fn sizes(&self, figure: &Figure, margins: &Margins) -> (Vec<f64>, Vec<f64>) {
        let share = |weights: &[f64], room: f64| {
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|w| (room * w / sum.max(1e-9)).max(20.0)).collect::<Vec<f64>>()
        };
        let gaps = |count: usize| GAP * count.saturating_sub(1) as f64;
        let across =
            self.right - self.left - margins.left.iter().sum::<f64>() - margins.right - gaps(figure.widths.len());
        let up = self.bottom
            - self.top
            - margins.top.iter().chain(&margins.bottom).sum::<f64>()
            - gaps(figure.heights.len());
        (share(&figure.widths, across), share(&figure.heights, up))
    }
}

fn axis(side: &Side, direction: Direction, pixels: f64, spacing: f64, longest: f64) -> Axis {
    match &side.extent {
        Some(extent) if side.shown == Shown::Line => {
            let mut axis = Axis::new(extent, direction, pixels, spacing, longest);
            axis.turn = 0.0;
            axis
        }
        Some(extent) => {
            let mut axis = Axis::new(extent, direction, pixels, spacing, longest);
            if let Some(measured) = &side.ticks {
                let of_row = Axis::new(measured, direction, pixels, spacing, longest);
                (axis.ticks, axis.label_width) = (of_row.ticks, of_row.label_width);
            }
            axis
        }
        None => Axis::empty(),
    }
}

fn label_room(side: &Side, room: f64) -> f64 {
    if side.label.is_empty() || side.shown == Shown::Nothing { 0.0 } else { room }
}

/// Height of the words under an axis.
fn under(axis: &Axis) -> f64 {
    if axis.turn == 0.0 {
        20.0
    } else {
        let (sine, cosine) = axis.turn.to_radians().sin_cos();
        axis.label_width * sine.abs() + f64::from(TICK_SIZE) * cosine + 9.0
    }
}

/// How far words under a tick reach to its left and right.
fn overhang(axis: &Axis, words: &str) -> (f64, f64) {
    let width = text::width(words, f64::from(TICK_SIZE));
    if axis.turn == 0.0 { (width / 2.0, width / 2.0) } else { (width * axis.turn.to_radians().cos(), 4.0) }
}

/// Room that a part of the legend needs.
fn block_width(block: &Block, words: f64) -> f64 {
    let size = f64::from(TICK_SIZE);
    let width = |label: &str| text::width(&text::clip(label, size, words), size);
    let content = match &block.content {
        Content::Entries(entries) => entries
            .iter()
            .map(|e| {
                let swatch =
                    if let Swatch::Dot(_, radius) = e.swatch { SWATCH.max(radius * 2.0 + 8.0) } else { SWATCH };
                swatch + width(&e.words)
            })
            .fold(0.0, f64::max),
        Content::Bar { lo, hi, missing, .. } => {
            let missing = if missing.is_some() { SWATCH + width("missing") } else { 0.0 };
            (BAR + 8.0 + bar_axis(*lo, *hi, 180.0).label_width).max(missing)
        }
    };
    // Semi-bold letters are wider.
    content.max(width(&block.title) * 1.14)
}

/// The axis beside a colour bar.
pub(crate) fn bar_axis(lo: f64, hi: f64, height: f64) -> Axis {
    let extent = Spread::Linear.extent(lo, if hi > lo { hi } else { lo + 1.0 });
    Axis::new(&extent, Direction::Upright, height, 40.0, 80.0)
}

/// The title on as many lines as it needs, at most `most`; what does not fit there is cut.
fn title_lines(title: &str, limit: f64, most: usize) -> Vec<String> {
    // Semi-bold letters are wider.
    let limit = limit / 1.12;
    let size = f64::from(TITLE_SIZE);
    let mut lines: Vec<String> = Vec::new();
    for word in title.split_whitespace() {
        let full = lines.len() == most;
        match lines.last_mut() {
            Some(line) if full || text::width(&format!("{line} {word}"), size) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| text::clip(&line, size, limit).into_owned()).collect()
}
