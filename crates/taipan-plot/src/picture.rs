//! A figure becomes a picture: axes laid out on pixels, kuva's scene, the legend, and words for screen readers.

use kuva::plot::scatter::MarkerShape;
use kuva::plot::{LinePlot, ScatterPlot};
use kuva::render::color::Color;
use kuva::render::layout::{AxisLabelOverlap, ComputedLayout, Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::{Primitive, Scene, TextAnchor, render_multiple};

use crate::axis::{Axis, TURN};
use crate::chart::Kind;
use crate::coloring::Coloring;
use crate::legend::{self, Legend};
use crate::marks::{Figure, Marks, Points, Rectangle};
use crate::svg::{self, Frame};
use crate::text;
use crate::theme::{LABEL_SIZE, Look, TICK_SIZE, TITLE_SIZE, Theme};

/// Pixels between ticks.
const X_SPACING: f64 = 80.0;
const Y_SPACING: f64 = 52.0;
/// Height of ticks, their labels and the axis title below the plot.
const BELOW: f64 = 54.0;
/// Height of a line of the title.
const TITLE_LINE: f64 = 21.0;

/// A figure and the page it is drawn on.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) kind: Kind,
    pub(crate) dropped: usize,
    pub(crate) theme: Theme,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) figure: Figure,
}

impl Picture<'_> {
    /// Draws everything.
    pub(crate) fn to_svg(&self) -> String {
        let look = self.theme.look();
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let nothing = Coloring::Plain;
        let coloring = if self.figure.extents.is_some() { &self.figure.coloring } else { &nothing };
        let legend = Legend::new(coloring, self.kind, look, width);

        let title = self
            .title
            .map_or_else(Vec::new, |title| title_lines(title, width - 120.0, if height < 240.0 { 1 } else { 2 }));
        let top = 18.0 + TITLE_LINE * title.len() as f64 + if title.is_empty() { 0.0 } else { 6.0 };
        // Ticks must be known before margins are, and margins before ticks: these margins are close enough.
        let (plot_width, plot_height) = (width - 84.0 - legend.width(), height - top - BELOW);
        // Turned names may take a quarter of the height.
        let longest = (height * 0.25 / TURN.abs().to_radians().sin()).min(130.0);
        let (x, y) = match &self.figure.extents {
            Some((x, y)) => (Axis::new(x, plot_width, X_SPACING, longest), Axis::new(y, plot_height, Y_SPACING, 0.0)),
            None => (Axis::empty(), Axis::empty()),
        };
        let mut layout = self.layout(&x, &y, look);
        layout.force_margin_top = Some(top);
        layout.force_margin_right = Some(20.0 + legend.width());
        layout.force_margin_bottom = Some(BELOW);
        let mut left = ComputedLayout::from_layout(&layout).margin_left + 4.0;
        if x.turn != 0.0 {
            // The first label hangs to the left of its tick, perhaps beyond the picture.
            let (sin, cos) = x.turn.abs().to_radians().sin_cos();
            left = left.max(x.label_width * cos - plot_width * 0.02);
            layout.force_margin_bottom = Some(x.label_width * sin + BELOW);
        }
        // In a narrow picture the plot comes first, and labels may be cut at its edge.
        layout.force_margin_left = Some(left.min(width * 0.5));
        let computed = ComputedLayout::from_layout(&layout);
        layout.x_label = Some(clipped(&self.figure.x_label, LABEL_SIZE, computed.plot_width()));
        layout.y_label = Some(clipped(&self.figure.y_label, LABEL_SIZE, computed.plot_height()));

        let mut scene = render_multiple(self.plots(&x, &y), layout);
        self.touch_up(&mut scene, &x, &computed, look);
        self.rectangles(&mut scene, &x, &y, &computed, look);
        legend.draw(&mut scene, width - computed.margin_right, computed.margin_top, height - computed.margin_bottom);
        for (i, words) in title.iter().enumerate() {
            let at = (computed.margin_left, 28.0 + TITLE_LINE * i as f64);
            scene.add(legend::words(words, at, TITLE_SIZE, true, look.text));
        }
        if self.figure.extents.is_none() {
            scene.add(no_data(&computed, look));
        }
        let frame =
            Frame { title: &self.name(), summary: &self.summary(), marks: self.mark_attributes(look, &x, &computed) };
        svg::write(&scene, &frame)
    }

    fn layout(&self, x: &Axis, y: &Axis, look: &Look) -> Layout {
        let mut layout = Layout::new(x.range(), y.range())
            .with_width(f64::from(self.width))
            .with_height(f64::from(self.height))
            .with_x_axis_min(x.range().0)
            .with_x_axis_max(x.range().1)
            .with_y_axis_min(y.range().0)
            .with_y_axis_max(y.range().1)
            .with_x_tick_step(1.0)
            .with_y_tick_step(1.0)
            .with_x_tick_format(TickFormat::Custom(x.words()))
            .with_y_tick_format(TickFormat::Custom(y.words()))
            .with_x_label_overlap(AxisLabelOverlap::Thin)
            .with_x_label(self.figure.x_label.as_str())
            .with_y_label(self.figure.y_label.as_str())
            .with_x_label_offset(0.0, -6.0)
            .with_label_size(LABEL_SIZE)
            .with_tick_size(TICK_SIZE)
            .with_theme(look.kuva());
        if x.turn != 0.0 {
            // The axis has already thinned the labels out, by height; kuva would by width.
            layout = layout.with_x_tick_rotate(x.turn).with_x_label_overlap(AxisLabelOverlap::Allow);
        }
        if x.is_empty() {
            layout = layout.with_tick_length(0.0).with_show_grid(false);
        }
        layout
    }

    fn plots(&self, x: &Axis, y: &Axis) -> Vec<Plot> {
        let place = |at: &[(f64, f64)]| -> Vec<(f64, f64)> { at.iter().map(|p| (x.unit(p.0), y.unit(p.1))).collect() };
        let mut plots = match &self.figure.marks {
            Marks::Points(sets) => {
                let (radius, opacity) = point_look(self.figure.drawn);
                sets.iter().map(|set| scatter(set, place(&set.at), radius, opacity).into()).collect()
            }
            Marks::Lines(lines) => {
                let mut plots: Vec<Plot> = Vec::with_capacity(lines.len());
                for line in lines {
                    let at = place(&line.at);
                    if at.len() == 1 {
                        // A line through one point would not be seen.
                        plots.push(ScatterPlot::new().with_data(at).with_color(&line.color).with_size(3.5).into());
                        continue;
                    }
                    let mut plot = LinePlot::new().with_data(at).with_color(&line.color).with_stroke_width(2.0);
                    if line.dashed {
                        plot = plot.with_dashed();
                    }
                    plots.push(plot.into());
                }
                plots
            }
            Marks::Rectangles(_) => Vec::new(),
        };
        if plots.is_empty() {
            // kuva draws axes only around a plot.
            plots.push(ScatterPlot::new().into());
        }
        plots
    }

    /// Quietens tick labels, and drops grid lines that say nothing: between categories and behind bars.
    fn touch_up(&self, scene: &mut Scene, x: &Axis, computed: &ComputedLayout, look: &Look) {
        for element in &mut scene.elements {
            if let Primitive::Text { size: TICK_SIZE, color: color @ None, .. } = element {
                *color = Some(Color::from(look.muted));
            }
        }
        if x.is_categories() || matches!(self.figure.marks, Marks::Rectangles(_)) {
            let (left, height) = (computed.margin_left, computed.plot_height());
            scene.elements.retain(|element| match element {
                Primitive::Line { x1, y1, x2, y2, .. } => {
                    let upright = (x1 - x2).abs() < 0.01 && (y2 - y1).abs() > height * 0.5;
                    !upright || (x1 - left).abs() < 0.5
                }
                _ => true,
            });
        }
    }

    /// Bars are drawn here: kuva's cannot stack given counts, and mark every category of a thousand with a tick.
    fn rectangles(&self, scene: &mut Scene, x: &Axis, y: &Axis, computed: &ComputedLayout, look: &Look) {
        let Marks::Rectangles(rectangles) = &self.figure.marks else {
            return;
        };
        if rectangles.is_empty() {
            return;
        }
        let end = scene.elements.iter().rposition(|e| matches!(e, Primitive::ClipEnd));
        let tail = scene.elements.split_off(end.unwrap_or(scene.elements.len()));
        for Rectangle { from, to, color, tip } in rectangles {
            let (x1, x2) = (computed.map_x(x.unit(from.0)), computed.map_x(x.unit(to.0)));
            let (y1, y2) = (computed.map_y(y.unit(from.1)), computed.map_y(y.unit(to.1)));
            scene.add(Primitive::GroupStart { transform: None, title: Some(tip.clone()), extra_attrs: None });
            scene.add(Primitive::Rect {
                x: x1,
                y: y1.min(y2),
                width: x2 - x1,
                height: (y2 - y1).abs(),
                fill: Color::from(color),
                stroke: None,
                stroke_width: None,
                opacity: None,
            });
            scene.add(Primitive::GroupEnd);
        }
        // The rims of bars nibble at the line they stand on, and hanging bars have none.
        let zero = computed.map_y(y.unit(0.0));
        let ends = [computed.margin_left, computed.width - computed.margin_right].map(|x| (x, zero));
        scene.add(legend::line(ends[0], ends[1], look.axis, 1.0));
        scene.elements.extend(tail);
    }

    /// Rims that keep overlapping points and touching bars apart, where they are large enough to have one.
    fn mark_attributes(&self, look: &Look, x: &Axis, computed: &ComputedLayout) -> String {
        match &self.figure.marks {
            Marks::Points(_) if self.figure.drawn <= 2000 => {
                format!(" stroke=\"{}\" stroke-width=\"0.7\"", look.background)
            }
            Marks::Points(_) => String::new(),
            Marks::Lines(_) => " stroke-linejoin=\"round\" stroke-linecap=\"round\"".to_owned(),
            Marks::Rectangles(rectangles) => {
                let (lo, hi) = x.range();
                let scale = computed.plot_width() / (hi - lo);
                let narrowest = rectangles.iter().map(|r| (x.unit(r.to.0) - x.unit(r.from.0)) * scale);
                match narrowest.reduce(f64::min) {
                    Some(width) if width >= 4.0 => format!(" stroke=\"{}\"", look.background),
                    // Smoothed edges of thin bars that touch would let the page shine through.
                    _ => " shape-rendering=\"crispEdges\"".to_owned(),
                }
            }
        }
    }
}

fn scatter(set: &Points, at: Vec<(f64, f64)>, radius: f64, opacity: f64) -> ScatterPlot {
    let mut plot =
        ScatterPlot::new().with_data(at).with_color(&set.color).with_size(radius).with_marker_opacity(opacity);
    if set.diamond {
        plot = plot.with_marker(MarkerShape::Diamond);
    }
    if let Some(colors) = &set.colors {
        plot = plot.with_colors(colors.iter().cloned());
    }
    plot
}

/// Radius and opacity of points: the more there are, the smaller and clearer, so that dense places stay readable.
fn point_look(points: usize) -> (f64, f64) {
    match points {
        0..=300 => (4.0, 0.85),
        301..=1_000 => (3.5, 0.8),
        1_001..=5_000 => (2.8, 0.6),
        5_001..=20_000 => (2.0, 0.4),
        _ => (1.4, 0.25),
    }
}

fn no_data(computed: &ComputedLayout, look: &Look) -> Primitive {
    Primitive::Text {
        x: computed.margin_left + computed.plot_width() / 2.0,
        y: computed.margin_top + computed.plot_height() / 2.0,
        content: "no data".to_owned(),
        size: LABEL_SIZE,
        anchor: TextAnchor::Middle,
        rotate: None,
        bold: false,
        color: Some(Color::from(look.muted)),
    }
}

/// The title on as many lines as it needs, at most `most`; what does not fit there is cut.
fn title_lines(title: &str, limit: f64, most: usize) -> Vec<String> {
    // Semi-bold letters are wider.
    let limit = limit / 1.12;
    let mut lines: Vec<String> = Vec::new();
    for word in title.split_whitespace() {
        let full = lines.len() == most;
        match lines.last_mut() {
            Some(line) if full || text::width(&format!("{line} {word}"), f64::from(TITLE_SIZE)) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| clipped(&line, TITLE_SIZE, limit)).collect()
}

fn clipped(label: &str, size: u32, limit: f64) -> String {
    text::clip(label, f64::from(size), limit.max(0.0)).into_owned()
}
