//! A laid-out figure as SVG.

use crate::color::Rgb;
use crate::figure::{
    Anchor, Block, Content, Dash, Figure, Foot, Label, Mark, Marker, Points, Rectangles, Rim, Series, Shown, Swatch,
};
use crate::layout::{BAR, Layout, Placed, ROW, SWATCH, bar_axis};
use crate::scale::{Extent, Spread};
use crate::svg::{Style, Writer};
use crate::text;
use crate::theme::{FONT_FAMILY, LABEL_SIZE, Look, TICK_SIZE, TITLE_SIZE};

/// From so many points on their values are not written beside them: the file would be unwieldy.
const MOST_TIPS: usize = 20_000;

/// Half the height of a capital, in ems.
const MIDDLE: f64 = 0.364_5;

/// What a picture is told to say besides its marks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'p> {
    pub(crate) figure: &'p Figure,
    pub(crate) title: Option<&'p str>,
    pub(crate) look: &'static Look,
    pub(crate) size: (f64, f64),
    /// Whether values, series and scales are written beside the marks, for a reader's hand or for a script.
    pub(crate) interactive: bool,
}

/// The page as one `<svg>` element.
pub(crate) fn svg(page: &Page<'_>) -> String {
    let layout = Layout::new(page.figure, page.title, page.size);
    let mut out = Writer::with_capacity(8192 + 48 * shapes(page.figure));
    root(page, &mut out);
    let left = layout.panels.first().map_or(12.0, |p| p.left);
    let across = text::width(
        layout.title.iter().map(String::as_str).max_by_key(|l| l.len()).unwrap_or(""),
        f64::from(TITLE_SIZE),
    ) * 1.12;
    // The title stands over the plot, or further left where it would run out of the picture.
    let left = left.min(page.size.0 - 12.0 - across).max(12.0);
    for (i, line) in layout.title.iter().enumerate() {
        let style = Style::new(TITLE_SIZE).bold();
        out.text((left, 12.0 + 16.0 + 23.0 * i as f64), style, line);
    }
    for placed in &layout.panels {
        Drawn { page, placed }.write(&mut out);
    }
    legend(page, &layout, &mut out);
    out.close("svg");
    out.finish()
}

fn shapes(figure: &Figure) -> usize {
    let count = |mark: &Mark| match mark {
        Mark::Points(points) => points.at.len(),
        Mark::Line(line) => line.at.len() / 3,
        Mark::Area(area) => area.around.len() / 3,
        Mark::Rectangles(rectangles) => rectangles.all.len() * 4,
        Mark::Segments(segments) => segments.ends.len() * 2,
        Mark::Labels(labels) => labels.len() * 3,
        Mark::Cells(levels) => levels.iter().map(|l| l.cells.len()).sum(),
    };
    figure.panels.iter().flat_map(|p| &p.marks).map(count).sum()
}

fn root(page: &Page<'_>, out: &mut Writer) {
    let (width, height) = page.size;
    let title = page.title.unwrap_or(&page.figure.name);
    out.open("svg").string("xmlns", "http://www.w3.org/2000/svg").number("width", width).number("height", height);
    out.string("viewBox", &format!("0 0 {width} {height}")).string("role", "img");
    out.string("aria-label", &format!("{title}. {}", page.figure.summary));
    out.string("font-family", FONT_FAMILY).color("fill", page.look.text).content();
    out.element("title", title);
    out.element("desc", &page.figure.summary);
    out.open("rect").string("width", "100%").string("height", "100%").color("fill", page.look.background).end();
}

/// A panel being drawn.
struct Drawn<'d> {
    page: &'d Page<'d>,
    placed: &'d Placed<'d>,
}

impl Drawn<'_> {
    fn write(&self, out: &mut Writer) {
        let Placed { panel, left, top, width, height, .. } = self.placed;
        out.open("g").string("class", "panel");
        if self.page.interactive {
            self.scales(out);
        }
        out.content();
        if let Some(title) = &panel.title {
            let words = text::clip(title, f64::from(TICK_SIZE), *width);
            out.text((*left, top - 7.0), Style::new(TICK_SIZE).bold(), &words);
        }
        self.grid(out);
        // The marks may be moved and enlarged; what then leaves the axes is cut off, and nothing before.
        if self.page.interactive {
            out.open("svg").string("class", "view").numbers(&[
                ("x", *left),
                ("y", *top),
                ("width", *width),
                ("height", *height),
            ]);
            out.string("viewBox", &format!("{left} {top} {width} {height}")).string("overflow", "visible").content();
        }
        out.open("g").string("class", "marks").content();
        for mark in &panel.marks {
            self.mark(mark, out);
        }
        out.close("g");
        if self.page.interactive {
            out.close("svg");
        }
        let empty = panel.x.extent.is_none() || panel.y.extent.is_none();
        if empty && panel.x.shown != Shown::Nothing && panel.y.shown != Shown::Nothing {
            let style = Style::new(LABEL_SIZE).anchor(Anchor::Middle).color(self.page.look.muted);
            out.text((left + width / 2.0, top + height / 2.0), style, "no data");
        }
        self.axes(out);
        out.close("g");
    }

    /// What a script needs to read values off the pixels.
    fn scales(&self, out: &mut Writer) {
        for (name, axis, side) in
            [("data-x", &self.placed.x, &self.placed.panel.x), ("data-y", &self.placed.y, &self.placed.panel.y)]
        {
            if let Some((lo, hi, spread)) = axis.ends() {
                let spread = match (spread, &side.extent) {
                    (Spread::Log, _) => "log",
                    (_, Some(Extent::Times { .. })) => "time",
                    _ => "linear",
                };
                out.string(name, &format!("{spread} {lo:?} {hi:?}"));
            }
        }
    }

    fn grid(&self, out: &mut Writer) {
        let (placed, look) = (self.placed, self.page.look);
        let shown = |side: &crate::figure::Side| side.grid && side.extent.is_some() && side.shown != Shown::Nothing;
        let (across, up) =
            (shown(&placed.panel.x) && !placed.x.is_categories(), shown(&placed.panel.y) && !placed.y.is_categories());
        if !across && !up {
            return;
        }
        out.open("g").string("class", "grid");
        if self.page.interactive {
            out.color("data-ink", look.grid);
        }
        out.content();
        if across {
            for tick in &placed.x.ticks {
                let x = placed.left + tick.at * placed.width;
                out.line((x, placed.top), (x, placed.bottom()), look.grid, 1.0);
            }
        }
        if up {
            for tick in &placed.y.ticks {
                let y = placed.bottom() - tick.at * placed.height;
                out.line((placed.left, y), (placed.right(), y), look.grid, 1.0);
            }
        }
        out.close("g");
    }

    fn axes(&self, out: &mut Writer) {
        let (placed, look) = (self.placed, self.page.look);
        let Placed { panel, left, top, width, height, .. } = placed;
        let (right, bottom) = (placed.right(), placed.bottom());
        let size = f64::from(TICK_SIZE);
        let ticked = |shown: Shown| matches!(shown, Shown::Full | Shown::Words);
        if panel.x.shown != Shown::Nothing {
            out.open("g").string("class", "x-axis").content();
            if panel.x.shown != Shown::Words {
                out.line((*left, bottom), (right, bottom), look.axis, 1.0);
            }
            for tick in placed.x.ticks.iter().filter(|_| ticked(panel.x.shown)) {
                let x = left + tick.at * width;
                if panel.x.shown == Shown::Full {
                    out.line((x, bottom), (x, bottom + 4.0), look.axis, 1.0);
                }
                let style = Style::new(TICK_SIZE).color(look.muted);
                if placed.x.turn == 0.0 {
                    out.text((x, bottom + 17.0), style.anchor(Anchor::Middle), &tick.words);
                } else {
                    let style = style.anchor(Anchor::End).turn(placed.x.turn);
                    out.text((x + 4.0, bottom + 13.0), style, &tick.words);
                }
            }
            let words = if ticked(panel.x.shown) && !placed.x.ticks.is_empty() {
                if placed.x.turn == 0.0 { 20.0 } else { under_turned(placed) }
            } else {
                4.0
            };
            let style = Style::new(LABEL_SIZE).anchor(Anchor::Middle);
            out.text((left + width / 2.0, bottom + words + 17.0), style, &placed.x_label);
            out.close("g");
        }
        if panel.y.shown != Shown::Nothing {
            out.open("g").string("class", "y-axis").content();
            if panel.y.shown != Shown::Words {
                out.line((*left, *top), (*left, bottom), look.axis, 1.0);
            }
            for tick in placed.y.ticks.iter().filter(|_| ticked(panel.y.shown)) {
                let y = bottom - tick.at * height;
                if panel.y.shown == Shown::Full {
                    out.line((left - 4.0, y), (*left, y), look.axis, 1.0);
                }
                let style = Style::new(TICK_SIZE).color(look.muted).anchor(Anchor::End);
                out.text((left - 7.0, y + size * MIDDLE), style, &tick.words);
            }
            let words =
                if ticked(panel.y.shown) && !placed.y.ticks.is_empty() { placed.y.label_width + 9.0 } else { 4.0 };
            let x = (left - words - 7.0).max(13.0);
            let style = Style::new(LABEL_SIZE).anchor(Anchor::Middle).turn(-90.0);
            out.text((x, top + height / 2.0), style, &placed.y_label);
            out.close("g");
        }
    }

    fn mark(&self, mark: &Mark, out: &mut Writer) {
        match mark {
            Mark::Points(points) => self.points(points, out),
            Mark::Line(line) => {
                out.open("path").path(line.at.iter().map(|p| self.placed.at(*p)), false).string("fill", "none");
                out.stroke(line.color, line.width, line.dash.pattern());
                out.string("stroke-linejoin", "round")
                    .string("stroke-linecap", if line.dash == Dash::Solid { "round" } else { "butt" });
                self.series(line.series, out);
                out.titled("path", self.series_name(line.series).filter(|_| self.page.interactive));
            }
            Mark::Area(area) => {
                out.open("path").path(area.around.iter().map(|p| self.within(self.placed.at(*p))), true);
                out.color("fill", area.color).opacity("fill-opacity", area.opacity);
                if let Some(width) = area.outline {
                    out.stroke(area.color, width, None);
                }
                self.series(area.series, out);
                out.end();
            }
            Mark::Rectangles(rectangles) => self.rectangles(rectangles, out),
            Mark::Segments(segments) => {
                if segments.ends.is_empty() {
                    return;
                }
                out.open("g").stroke(segments.color, segments.width, segments.dash.pattern());
                self.series(segments.series, out);
                out.content();
                for [from, to] in &segments.ends {
                    let ((x1, y1), (x2, y2)) = (self.placed.at(*from), self.placed.at(*to));
                    out.open("path").path([(x1, y1), (x2, y2)], false).end();
                }
                out.close("g");
            }
            Mark::Labels(labels) => {
                for label in labels {
                    self.label(label, out);
                }
            }
            Mark::Cells(levels) => {
                // Smoothed edges of cells that touch would let the page shine through.
                out.open("g").string("shape-rendering", "crispEdges").content();
                for level in levels {
                    let boxes = level.cells.iter().map(|cell| {
                        let ((x1, y1), (x2, y2)) = (self.placed.at(cell.from), self.placed.at(cell.to));
                        [x1.min(x2), y1.min(y2), (x2 - x1).abs(), (y2 - y1).abs()]
                    });
                    out.open("path")
                        .boxes(boxes)
                        .color("fill", level.color)
                        .opacity("fill-opacity", level.opacity)
                        .end();
                }
                out.close("g");
            }
        }
    }

    fn points(&self, points: &Points, out: &mut Writer) {
        out.open("g").color("fill", points.color).opacity("fill-opacity", points.opacity);
        if points.rim {
            out.stroke(self.page.look.background, 0.7, None);
        }
        self.series(points.series, out);
        out.content();
        let tips = self.page.interactive && points.at.len() <= MOST_TIPS;
        for (i, place) in points.at.iter().enumerate() {
            let (x, y) = self.placed.at(*place);
            let radius = points.radii.as_ref().and_then(|r| r.get(i)).copied().unwrap_or(points.radius);
            let tag = match points.marker.corners() {
                None => {
                    out.open("circle").numbers(&[("cx", x), ("cy", y), ("r", radius)]);
                    "circle"
                }
                Some(corners) => {
                    out.open("path").path(corners.iter().map(|c| (x + c.0 * radius, y + c.1 * radius)), true);
                    "path"
                }
            };
            if let Some(color) = points.colors.as_ref().and_then(|c| c.get(i)) {
                out.color("fill", *color);
            }
            let tip = tips.then(|| self.tip(*place, points.series));
            out.titled(tag, tip.as_deref());
        }
        out.close("g");
    }

    /// A point in words.
    fn tip(&self, (x, y): (f64, f64), series: Series) -> String {
        let panel = self.placed.panel;
        let word = |extent: &Option<Extent>, value: f64| match extent {
            Some(Extent::Categories(labels)) => {
                labels.get(value.round().max(0.0) as usize).cloned().unwrap_or_default()
            }
            Some(Extent::Times { .. }) => Spread::Time.words(value),
            _ => Spread::Linear.words(value),
        };
        let named = |label: &str, value: String| if label.is_empty() { value } else { format!("{label} {value}") };
        let place = [named(&panel.x.label, word(&panel.x.extent, x)), named(&panel.y.label, word(&panel.y.extent, y))];
        let mut words: Vec<&str> = place.iter().map(String::as_str).filter(|w| !w.trim().is_empty()).collect();
        words.extend(self.series_name(series));
        words.join(", ")
    }

    fn series_name(&self, series: Series) -> Option<&str> {
        let entries = self.page.figure.legend.iter().find_map(|block| match &block.content {
            Content::Entries(entries) if entries.iter().any(|e| e.series.is_some()) => Some(entries),
            _ => None,
        })?;
        entries.iter().find(|e| series.is_some() && e.series == series).map(|e| e.words.as_str())
    }

    fn rectangles(&self, rectangles: &Rectangles, out: &mut Writer) {
        let look = self.page.look;
        if rectangles.all.is_empty() {
            return;
        }
        let boxes: Vec<[f64; 4]> = rectangles
            .all
            .iter()
            .map(|r| {
                let ((x1, y1), (x2, y2)) = (self.placed.at(r.from), self.placed.at(r.to));
                [x1.min(x2), y1.min(y2), (x2 - x1).abs(), (y2 - y1).abs()]
            })
            .collect();
        let narrowest = boxes
            .iter()
            .map(|b| if rectangles.on_zero == Some(Foot::Y) { b[3] } else { b[2] })
            .fold(f64::MAX, f64::min);
        out.open("g");
        match rectangles.rim {
            Rim::Apart if narrowest >= 4.0 => drop(out.color("stroke", look.background)),
            Rim::Outline if narrowest >= 4.0 => drop(out.stroke(look.muted, 1.2, None)),
            // Smoothed edges of thin bars that touch would let the page shine through.
            _ => drop(out.string("shape-rendering", "crispEdges")),
        }
        out.content();
        for (rectangle, [x, y, width, height]) in rectangles.all.iter().zip(boxes) {
            out.open("rect").numbers(&[("x", x), ("y", y), ("width", width), ("height", height)]);
            out.color("fill", rectangle.color).opacity("fill-opacity", rectangle.opacity);
            self.series(rectangle.series, out);
            out.titled("rect", Some(&rectangle.tip));
        }
        out.close("g");
        // The rims of bars nibble at the line they stand on, and hanging bars have none.
        let Placed { left, top, .. } = *self.placed;
        match rectangles.on_zero {
            Some(Foot::X) => {
                let y = self.within(self.placed.at((0.0, 0.0))).1;
                out.line((left, y), (self.placed.right(), y), look.axis, 1.0);
            }
            Some(Foot::Y) => {
                let x = self.within(self.placed.at((0.0, 0.0))).0;
                out.line((x, top), (x, self.placed.bottom()), look.axis, 1.0);
            }
            None => {}
        }
    }

    fn label(&self, label: &Label, out: &mut Writer) {
        let (x, y) = self.placed.at(label.at);
        if let Some((width, height)) = label.within {
            let (from, to) = (self.placed.at((0.0, 0.0)), self.placed.at((width, height)));
            let size = f64::from(label.size);
            if text::width(&label.words, size) + 3.0 > (to.0 - from.0).abs() || size > (to.1 - from.1).abs() {
                return;
            }
        }
        let mut style = Style::new(label.size).anchor(label.anchor).color(label.color);
        (style.bold, style.edge) = (label.bold, label.edge);
        out.text((x + label.shift.0, y + label.shift.1), style, &label.words);
    }

    /// A pixel moved into the axes.
    fn within(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let Placed { left, top, .. } = *self.placed;
        (x.clamp(left, self.placed.right()), y.clamp(top, self.placed.bottom()))
    }

    fn series(&self, series: Series, out: &mut Writer) {
        if let Some(series) = series.filter(|_| self.page.interactive) {
            out.number("data-series", series as f64);
        }
    }
}

fn under_turned(placed: &Placed<'_>) -> f64 {
    let (sine, cosine) = placed.x.turn.to_radians().sin_cos();
    placed.x.label_width * sine.abs() + f64::from(TICK_SIZE) * cosine + 9.0
}

fn legend(page: &Page<'_>, layout: &Layout<'_>, out: &mut Writer) {
    if page.figure.legend.is_empty() || page.figure.drawn == 0 {
        return;
    }
    let (x, top, bottom) = layout.legend;
    let entries: usize =
        page.figure.legend.iter().map(|b| if let Content::Entries(e) = &b.content { e.len() + 2 } else { 8 }).sum();
    let row = ((bottom - top) / entries as f64).clamp(13.0, ROW);
    out.open("g").string("class", "legend").content();
    let mut y = top;
    for block in &page.figure.legend {
        y = self::block(page, layout, block, (x, y, bottom), row, out) + row * 0.6;
    }
    out.close("g");
}

/// Writes a part of the legend and gives its lower end.
fn block(
    page: &Page<'_>,
    layout: &Layout<'_>,
    block: &Block,
    (x, top, bottom): (f64, f64, f64),
    row: f64,
    out: &mut Writer,
) -> f64 {
    let look = page.look;
    let size = f64::from(TICK_SIZE);
    let clip = |words: &str| text::clip(words, size, layout.legend_words).into_owned();
    out.text((x, top + 10.0), Style::new(TICK_SIZE).bold(), &clip(&block.title));
    let mut y = top + if block.title.is_empty() { 0.0 } else { row };
    match &block.content {
        Content::Entries(entries) => {
            for entry in entries {
                let radius = if let Swatch::Dot(_, radius) = entry.swatch { radius } else { 0.0 };
                let height = row.max(radius * 2.0 + 3.0);
                let middle = y + 8.0 + (height - row) / 2.0;
                out.open("g").string("class", "entry");
                if let (Some(series), true) = (entry.series, page.interactive) {
                    out.number("data-toggle", series as f64).string("role", "button").string("tabindex", "0");
                }
                out.content();
                if page.interactive && entry.series.is_some() {
                    out.open("rect").numbers(&[
                        ("x", x - 4.0),
                        ("y", middle - 10.0),
                        ("width", layout.legend_words),
                        ("height", 20.0),
                    ]);
                    out.color("fill", look.background).end();
                }
                swatch(entry.swatch, entry.color, (x + 6.0, middle), out);
                let shift = SWATCH.max(radius * 2.0 + 8.0);
                out.text((x + shift, middle + size * MIDDLE), Style::new(TICK_SIZE), &clip(&entry.words));
                out.close("g");
                y += height;
            }
            y
        }
        Content::Bar { lo, hi, colors, missing } => {
            let y = y + 4.0;
            let below = if missing.is_some() { ROW + 4.0 } else { 0.0 };
            let height = (bottom - y - below).clamp(20.0, 200.0);
            let axis = bar_axis(*lo, *hi, height);
            let slice = height / colors.len().max(1) as f64;
            out.open("g").string("shape-rendering", "crispEdges").content();
            for (i, color) in colors.iter().rev().enumerate() {
                // Slices overlap, or the background shines through between them.
                let tall = if i + 1 == colors.len() { slice } else { slice + 0.6 };
                out.open("rect").numbers(&[("x", x), ("y", y + slice * i as f64), ("width", BAR), ("height", tall)]);
                out.color("fill", *color).end();
            }
            out.close("g");
            for tick in &axis.ticks {
                let at = y + height * (1.0 - tick.at);
                out.line((x + BAR, at), (x + BAR + 4.0, at), look.axis, 1.0);
                out.text((x + BAR + 8.0, at + size * MIDDLE), Style::new(TICK_SIZE), &tick.words);
            }
            if let Some(color) = missing {
                let at = y + height + below - 6.0;
                swatch(Swatch::Square, *color, (x + 6.0, at), out);
                out.text((x + SWATCH, at + size * MIDDLE), Style::new(TICK_SIZE), "missing");
            }
            y + height + below
        }
    }
}

fn swatch(swatch: Swatch, color: Rgb, (x, y): (f64, f64), out: &mut Writer) {
    match swatch {
        Swatch::Dot(Marker::Circle, radius) => {
            out.open("circle")
                .numbers(&[("cx", x.max(x - 6.0 + radius)), ("cy", y), ("r", radius)])
                .color("fill", color)
                .end();
        }
        Swatch::Dot(marker, radius) => {
            let corners = marker.corners().unwrap_or_default().iter();
            out.open("path")
                .path(corners.map(|c| (x + c.0 * radius, y + c.1 * radius)), true)
                .color("fill", color)
                .end();
        }
        Swatch::Line(dash) => {
            out.open("path").path([(x - 6.0, y), (x + 9.0, y)], false).string("fill", "none");
            out.stroke(color, 2.5, dash.pattern()).end();
        }
        Swatch::Square => {
            out.open("rect").numbers(&[("x", x - 6.0), ("y", y - 6.0), ("width", 12.0), ("height", 12.0)]);
            out.color("fill", color).end();
        }
    }
}
