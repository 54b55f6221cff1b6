//! Pictures in a terminal: braille dots for points and lines, blocks for bars, words around them.

use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::color::Rgb;
use crate::figure::{Anchor, Content, Dash, Foot, Mark, Panel, Points, Rectangles, Rim, Series, Shown, Side};
use crate::picture::Picture;
use crate::scale::{Axis, Direction, Extent};

/// Whether a terminal shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// 24-bit colours by ANSI sequences.
    Color,
    /// None: groups differ by their marks.
    Plain,
}

/// The second column of a wide letter, which prints nothing itself.
const CONTINUED: char = '\0';

/// Marks of groups where there is no colour.
const LETTERS: [char; 12] = ['o', 'x', '+', '*', '#', '@', '%', '&', '=', '$', '~', '?'];

impl Picture {
    /// The picture in `columns` by `rows` characters (at least 30 by 10), its lines ended by line feeds.
    pub fn terminal(&self, columns: usize, rows: usize, ink: Ink) -> String {
        let (columns, rows) = (columns.clamp(30, 500), rows.clamp(10, 200));
        let figure = self.figure();
        let mut canvas = Canvas::new(columns, rows, ink, self.theme().look().background);
        let mut top = 0;
        if let Some(title) = self.title() {
            let title: String = cut(title, columns);
            canvas.write(columns.saturating_sub(long(&title)) / 2, 0, &title, None);
            top = 1;
        }
        let legend = if figure.drawn > 0 { legend(self, columns) } else { Vec::new() };
        let bottom = rows.saturating_sub(legend.len());
        for (i, line) in legend.iter().enumerate() {
            let mut at = 1;
            for (words, color) in line {
                canvas.write(at, bottom + i, words, *color);
                at += long(words);
            }
        }
        let share = |weights: &[f64], index: usize, from: usize, to: usize| {
            let sum: f64 = weights.iter().sum::<f64>().max(1e-9);
            let edge =
                |n: usize| from + ((to - from) as f64 * weights.iter().take(n).sum::<f64>() / sum).round() as usize;
            (edge(index), edge(index + 1))
        };
        for panel in &figure.panels {
            let (left, right) = share(&figure.widths, panel.cell.0, 0, columns);
            let (above, below) = share(&figure.heights, panel.cell.1, top, bottom);
            if right > left + 4 && below > above + 2 {
                canvas.panel(panel, left, above, right, below);
            }
        }
        canvas.finish()
    }
}

/// Lines of the legend, in pieces of one colour.
type Pieces = Vec<Vec<(String, Option<Rgb>)>>;

fn legend(picture: &Picture, columns: usize) -> Pieces {
    let mut lines: Pieces = Vec::new();
    for block in &picture.figure().legend {
        let mut line = vec![(format!("{}  ", cut(&block.title, 24)), None)];
        match &block.content {
            Content::Entries(entries) => {
                for entry in entries {
                    let mark = match entry.series {
                        Some(series) => LETTERS[series % LETTERS.len()].to_string(),
                        None => "■".to_owned(),
                    };
                    let words = format!(" {}   ", cut(&entry.words, 24));
                    let used: usize = line.iter().map(|(w, _)| long(w)).sum();
                    if used + long(&words) + 2 > columns && line.len() > 1 {
                        lines.push(std::mem::replace(&mut line, vec![("  ".to_owned(), None)]));
                    }
                    line.push((mark, Some(entry.color)));
                    line.push((words, None));
                }
            }
            Content::Bar { lo, hi, colors, .. } => {
                line.push((format!("{} ", crate::numbers::number(*lo)), None));
                for i in 0..16 {
                    line.push(("█".to_owned(), colors.get(i * colors.len() / 16).copied()));
                }
                line.push((format!(" {}", crate::numbers::number(*hi)), None));
            }
        }
        lines.push(line);
    }
    lines.truncate(4);
    lines
}

/// What a character shows.
#[derive(Debug, Clone, Copy)]
struct Spot {
    dots: u8,
    letter: Option<char>,
    color: Option<Rgb>,
    ground: Option<Rgb>,
}

struct Canvas {
    columns: usize,
    rows: usize,
    spots: Vec<Spot>,
    ink: Ink,
    page: Rgb,
}

/// The part of a canvas within the axes.
struct Area<'a> {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    x: &'a Axis,
    y: &'a Axis,
}

impl Area<'_> {
    /// Dots right of the left end and below the top; a character has two by four.
    fn dot(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let (fx, fy) = (self.x.fraction(x), 1.0 - self.y.fraction(y));
        let at = ((fx * (self.width * 2) as f64), (fy * (self.height * 4) as f64));
        (at.0.is_finite() && at.1.is_finite()).then_some(at)
    }
}

impl Canvas {
    fn new(columns: usize, rows: usize, ink: Ink, page: Rgb) -> Self {
        let empty = Spot { dots: 0, letter: None, color: None, ground: None };
        Self { columns, rows, spots: vec![empty; columns * rows], ink, page }
    }

    fn spot(&mut self, column: usize, row: usize) -> Option<&mut Spot> {
        if column >= self.columns || row >= self.rows {
            return None;
        }
        self.spots.get_mut(row * self.columns + column)
    }

    fn write(&mut self, column: usize, row: usize, words: &str, color: Option<Rgb>) {
        let mut at = column;
        for letter in words.chars() {
            // A terminal obeys control characters wherever they come from.
            let letter = if letter.is_control() { '\u{fffd}' } else { letter };
            let wide = letter.width().unwrap_or(0);
            if wide == 0 || at + wide > self.columns {
                continue;
            }
            for (i, shown) in [letter, CONTINUED].into_iter().enumerate().take(wide) {
                if let Some(spot) = self.spot(at + i, row) {
                    spot.letter = Some(shown);
                    spot.color = color;
                }
            }
            at += wide;
        }
    }

    fn panel(&mut self, panel: &Panel, left: usize, top: usize, right: usize, bottom: usize) {
        let mut top = top;
        if let Some(title) = &panel.title {
            let title = cut(title, right - left);
            self.write(left + (right - left).saturating_sub(long(&title)) / 2, top, &title, None);
            top += 1;
        }
        let worded = |side: &Side| matches!(side.shown, Shown::Full | Shown::Words) && side.extent.is_some();
        let label_row = usize::from(!panel.x.label.is_empty());
        let below = usize::from(panel.x.shown != Shown::Nothing) + usize::from(worded(&panel.x)) + label_row;
        if !panel.y.label.is_empty() {
            self.write(left, top, &cut(&panel.y.label, right - left), None);
            top += 1;
        }
        if bottom < top + below + 2 {
            return;
        }
        let height = bottom - top - below;
        let most = ((right - left) / 3).min(22);
        let y = axis(&panel.y, Direction::Upright, height as f64 * 15.0, 60.0);
        let ticks: Vec<(f64, String)> =
            y.ticks.iter().filter(|_| worded(&panel.y)).map(|t| (t.at, cut(&t.words, most))).collect();
        let gutter = ticks.iter().map(|(_, w)| long(w)).max().map_or(0, |w| w + 1);
        if right < left + gutter + 4 {
            return;
        }
        let width = right - left - gutter - 2;
        let (x0, y0) = (left + gutter + 1, top);
        let x = axis(&panel.x, Direction::Across, width as f64 * 8.0, 96.0);
        if panel.y.shown != Shown::Nothing {
            for row in 0..height {
                self.write(x0 - 1, y0 + row, "│", None);
            }
        }
        for (at, words) in ticks {
            let row = row_of(at, height);
            self.write(x0 - 1 - 1 - long(&words).min(x0 - 2), y0 + row, &words, None);
            self.write(x0 - 1, y0 + row, "┤", None);
        }
        if panel.x.shown != Shown::Nothing {
            self.write(x0 - 1, y0 + height, &format!("└{}", "─".repeat(width)), None);
            if worded(&panel.x) {
                self.under(panel, &x, x0, y0 + height, width);
            }
        }
        if label_row == 1 {
            let label = match &x.context {
                Some(context) => format!("{} ({context})", panel.x.label),
                None => panel.x.label.clone(),
            };
            let label = cut(&label, width);
            self.write(x0 + width.saturating_sub(long(&label)) / 2, bottom - 1, &label, None);
        }
        if panel.x.extent.is_none() || panel.y.extent.is_none() {
            self.write(x0 + width.saturating_sub(7) / 2, y0 + height / 2, "no data", None);
            return;
        }
        let area = Area { left: x0, top: y0, width, height, x: &x, y: &y };
        for mark in &panel.marks {
            self.mark(mark, &area);
        }
    }

    /// Ticks and their words under an axis.
    fn under(&mut self, panel: &Panel, x: &Axis, left: usize, row: usize, width: usize) {
        let slots = match &panel.x.extent {
            Some(Extent::Categories(labels)) => Some(labels),
            _ => None,
        };
        let mut end = 0;
        let ticks: Vec<(f64, String)> = match slots {
            None => x.ticks.iter().map(|t| (t.at, t.words.clone())).collect(),
            Some(labels) => {
                let room = width / labels.len().max(1);
                let longest = labels.iter().map(|l| long(l)).max().unwrap_or(0).min(14);
                let stride = (longest + 1).div_ceil(room.max(1)).max(1);
                let words = |l: &String| cut(l, (room * stride).saturating_sub(1).max(1));
                labels.iter().enumerate().step_by(stride).map(|(i, l)| (x.fraction(i as f64), words(l))).collect()
            }
        };
        for (at, words) in ticks {
            let column = left + ((at * width as f64) as usize).min(width.saturating_sub(1));
            let long = long(&words);
            let begin = column.saturating_sub(long / 2).min((left + width).saturating_sub(long)).max(left);
            if slots.is_none() {
                self.write(column, row, "┬", None);
            }
            if begin >= end {
                self.write(begin, row + 1, &words, None);
                end = begin + long + 1;
            }
        }
    }

    fn mark(&mut self, mark: &Mark, area: &Area<'_>) {
        match mark {
            Mark::Points(points) => self.points(points, area),
            Mark::Line(line) => {
                for pair in line.at.windows(2) {
                    self.line(area, pair[0], pair[1], line.color, line.dash, line.series);
                }
            }
            Mark::Segments(segments) => {
                for [from, to] in &segments.ends {
                    self.line(area, *from, *to, segments.color, segments.dash, None);
                }
            }
            Mark::Area(shape) => self.fill(area, &shape.around, shape.color),
            Mark::Rectangles(rectangles) => self.rectangles(rectangles, area),
            Mark::Labels(labels) => {
                for label in labels {
                    let Some((x, y)) = area.dot(label.at) else { continue };
                    let long = long(&label.words);
                    let (column, row) = ((x / 2.0) as usize, (y / 4.0) as usize);
                    if let Some((width, _)) = label.within {
                        let (a, b) = (area.x.fraction(0.0), area.x.fraction(width));
                        if long as f64 > (b - a).abs() * area.width as f64 {
                            continue;
                        }
                    }
                    let begin = match label.anchor {
                        Anchor::Start => column + 1,
                        Anchor::Middle => column.saturating_sub(long / 2),
                        Anchor::End => column.saturating_sub(long),
                    };
                    let color = (self.ink == Ink::Color && label.within.is_some()).then_some(label.color);
                    if row < area.height && begin + long <= area.width {
                        self.write(area.left + begin, area.top + row, &label.words, color);
                    }
                }
            }
            Mark::Cells(levels) => {
                for level in levels {
                    let color = level.color.mixed(self.page, 1.0 - level.opacity);
                    for cell in &level.cells {
                        let (Some(from), Some(to)) = (area.dot(cell.from), area.dot(cell.to)) else { continue };
                        let mut x = from.0;
                        while x < to.0 {
                            self.dot(area, x, f64::midpoint(from.1, to.1), color);
                            x += 1.0;
                        }
                    }
                }
            }
        }
    }

    fn dot(&mut self, area: &Area<'_>, x: f64, y: f64, color: Rgb) {
        if x < 0.0 || y < 0.0 || x > (area.width * 2) as f64 || y > (area.height * 4) as f64 {
            return;
        }
        let (x, y) = ((x as usize).min(area.width * 2 - 1), (y as usize).min(area.height * 4 - 1));
        // The dots of a braille character count down its left half, then its right, and the lowest pair last.
        let bit = match (x % 2, y % 4) {
            (0, 3) => 6,
            (_, 3) => 7,
            (0, row) => row,
            (_, row) => row + 3,
        };
        if let Some(spot) = self.spot(area.left + x / 2, area.top + y / 4) {
            spot.dots |= 1 << bit;
            spot.color = Some(color);
        }
    }

    fn points(&mut self, points: &Points, area: &Area<'_>) {
        for (i, at) in points.at.iter().enumerate() {
            let Some((x, y)) = area.dot(*at) else { continue };
            let color = points.colors.as_ref().and_then(|c| c.get(i)).copied().unwrap_or(points.color);
            match (points.series, self.ink) {
                (Some(series), Ink::Plain) => {
                    let (column, row) = ((x / 2.0) as usize, (y / 4.0) as usize);
                    let letter = LETTERS[series % LETTERS.len()];
                    self.write(
                        area.left + column.min(area.width - 1),
                        area.top + row.min(area.height - 1),
                        &letter.to_string(),
                        None,
                    );
                }
                _ => self.dot(area, x, y, color),
            }
        }
    }

    fn line(&mut self, area: &Area<'_>, from: (f64, f64), to: (f64, f64), color: Rgb, dash: Dash, series: Series) {
        let (Some(from), Some(to)) = (area.dot(from), area.dot(to)) else { return };
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().clamp(1.0, 4000.0);
        let dashed = dash != Dash::Solid || (self.ink == Ink::Plain && series.is_some_and(|s| s % 2 == 1));
        for step in 0..=steps as u32 {
            if !dashed || step % 6 < 3 {
                let share = f64::from(step) / steps;
                self.dot(area, from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share, color);
            }
        }
    }

    /// Every other dot within a polygon.
    fn fill(&mut self, area: &Area<'_>, around: &[(f64, f64)], color: Rgb) {
        let corners: Vec<(f64, f64)> = around.iter().filter_map(|p| area.dot(*p)).collect();
        for row in 0..area.height * 4 {
            let y = row as f64 + 0.5;
            let mut crossings: Vec<f64> = corners
                .iter()
                .zip(corners.iter().cycle().skip(1))
                .filter(|(a, b)| (a.1 <= y) != (b.1 <= y))
                .map(|(a, b)| a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0))
                .collect();
            crossings.sort_unstable_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                for x in pair[0].max(0.0).ceil() as usize..pair[1].max(0.0).min((area.width * 2) as f64) as usize {
                    if (x + row) % 2 == 0 {
                        self.dot(area, x as f64, y, color);
                    }
                }
            }
        }
    }

    fn rectangles(&mut self, rectangles: &Rectangles, area: &Area<'_>) {
        for rectangle in &rectangles.all {
            let (Some(a), Some(b)) = (area.dot(rectangle.from), area.dot(rectangle.to)) else { continue };
            let (x0, x1) = (a.0.min(b.0) / 2.0, a.0.max(b.0) / 2.0);
            let (y0, y1) = (a.1.min(b.1) / 4.0, a.1.max(b.1) / 4.0);
            if rectangles.rim == Rim::Outline {
                let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(|(x, y)| (x * 2.0, y * 4.0));
                for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
                    let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0);
                    for step in 0..=steps as u32 {
                        let share = f64::from(step) / steps;
                        self.dot(
                            area,
                            from.0 + (to.0 - from.0) * share,
                            from.1 + (to.1 - from.1) * share,
                            rectangle.color,
                        );
                    }
                }
                continue;
            }
            let matrix = rectangles.on_zero.is_none();
            let (from, to) =
                (x0.round().max(0.0) as usize, (x1.round() as usize).max(x0.round() as usize + 1).min(area.width));
            for column in from..to {
                for row in 0..area.height {
                    let share = ((row as f64 + 1.0).min(y1) - (row as f64).max(y0)).clamp(0.0, 1.0);
                    if matrix && self.ink == Ink::Color {
                        if share > 0.5
                            && let Some(spot) = self.spot(area.left + column, area.top + row)
                        {
                            spot.ground = Some(rectangle.color);
                            spot.letter = Some(' ');
                        }
                        continue;
                    }
                    if matrix {
                        continue;
                    }
                    let lying = rectangles.on_zero == Some(Foot::Y);
                    let eighths = if lying { if share > 0.4 { 8 } else { 0 } } else { (share * 8.0).round() as usize };
                    let block = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][eighths];
                    let series = rectangle.series.filter(|_| self.ink == Ink::Plain && eighths == 8);
                    if eighths > 0
                        && let Some(spot) = self.spot(area.left + column, area.top + row)
                    {
                        spot.letter = Some(series.map_or(block, |s| LETTERS[s % LETTERS.len()]));
                        spot.color = Some(rectangle.color);
                    }
                }
            }
        }
    }

    fn finish(self) -> String {
        let mut out = String::with_capacity(self.spots.len() * 4);
        for line in self.spots.chunks(self.columns) {
            let used = line.iter().rposition(|s| s.dots > 0 || s.letter.is_some()).map_or(0, |i| i + 1);
            let mut now: (Option<Rgb>, Option<Rgb>) = (None, None);
            for spot in &line[..used] {
                let letter = match (spot.letter, spot.dots) {
                    (Some(letter), _) => letter,
                    (None, 0) => ' ',
                    (None, dots) => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
                };
                if self.ink == Ink::Color && (spot.color, spot.ground) != now {
                    out.push_str("\x1b[0m");
                    for (code, color) in [(38, spot.color), (48, spot.ground)] {
                        if let Some(color) = color {
                            let [r, g, b] = color.channels();
                            let _ = write!(out, "\x1b[{code};2;{r};{g};{b}m");
                        }
                    }
                    now = (spot.color, spot.ground);
                }
                if letter != CONTINUED {
                    out.push(letter);
                }
            }
            if now != (None, None) {
                out.push_str("\x1b[0m");
            }
            out.push('\n');
        }
        out
    }
}

fn axis(side: &Side, direction: Direction, pixels: f64, spacing: f64) -> Axis {
    match &side.extent {
        Some(extent) => {
            let mut axis = Axis::new(extent, direction, pixels, spacing, 1e4);
            if let Some(measured) = &side.ticks {
                axis.ticks = Axis::new(measured, direction, pixels, spacing, 1e4).ticks;
            }
            axis
        }
        None => Axis::empty(),
    }
}

fn row_of(share: f64, height: usize) -> usize {
    (((1.0 - share) * height as f64) as usize).min(height.saturating_sub(1))
}

/// How many columns words take.
fn long(words: &str) -> usize {
    words.width()
}

/// At most `most` columns of words.
fn cut(words: &str, most: usize) -> String {
    if long(words) <= most {
        return words.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let mut out: String = words
        .chars()
        .take_while(|letter| {
            let wide = letter.width().unwrap_or(1);
            let fits = wide <= room;
            room = room.saturating_sub(wide);
            fits
        })
        .collect();
    out.push('…');
    out
}
