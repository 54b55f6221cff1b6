//! What the colours mean, beside the plot: a list of groups or a colour bar.
//!
//! Drawn here rather than by kuva, which has no colour bar for points and no legend entry for what has no colour.

use kuva::render::color::Color;
use kuva::render::render::{Primitive, Scene, TextAnchor};

use crate::axis::{Axis, Extent};
use crate::chart::Kind;
use crate::coloring::{Coloring, Groups, Scale};
use crate::text;
use crate::theme::{Look, TICK_SIZE};

/// Height of a row, in pixels.
const ROW: f64 = 20.0;
/// Space between plot and legend.
const GAP: f64 = 18.0;
/// Space for a swatch and the gap after it.
const SWATCH: f64 = 18.0;
/// Width of a colour bar.
const BAR: f64 = 14.0;

/// A legend for one picture.
pub(crate) struct Legend<'a> {
    coloring: &'a Coloring,
    kind: Kind,
    look: &'a Look,
    widest: f64,
}

impl<'a> Legend<'a> {
    /// The legend of a picture `width` pixels wide: it takes at most a third of that.
    pub(crate) fn new(coloring: &'a Coloring, kind: Kind, look: &'a Look, width: f64) -> Self {
        Self { coloring, kind, look, widest: (width / 3.0 - GAP - SWATCH).clamp(20.0, 180.0) }
    }

    /// Room it needs to the right of the plot; 0 if there is none.
    pub(crate) fn width(&self) -> f64 {
        let size = f64::from(TICK_SIZE);
        let (title, content) = match self.coloring {
            Coloring::Plain => return 0.0,
            Coloring::Groups(groups) => {
                let labels = groups.entries.iter().map(|g| text::width(&self.clip(&g.label), size));
                (&groups.title, SWATCH + labels.fold(0.0, f64::max))
            }
            Coloring::Scale(scale) => {
                let missing = if scale.has_missing() { SWATCH + text::width("missing", size) } else { 0.0 };
                (&scale.title, (BAR + 8.0 + bar_axis(scale, 180.0).label_width).max(missing))
            }
        };
        // Semi-bold letters are wider.
        GAP + content.max(text::width(&self.clip(title), size) * 1.08)
    }

    /// Draws at the right of a plot whose right end is `x`, between `top` and `bottom`.
    pub(crate) fn draw(&self, scene: &mut Scene, x: f64, top: f64, bottom: f64) {
        let x = x + GAP;
        match self.coloring {
            Coloring::Plain => {}
            Coloring::Groups(groups) => self.list(scene, groups, x, top, bottom),
            Coloring::Scale(scale) => self.bar(scene, scale, x, top, bottom),
        }
    }

    fn list(&self, scene: &mut Scene, groups: &Groups, x: f64, top: f64, bottom: f64) {
        open(scene);
        self.title(scene, &groups.title, x, top);
        let row = ((bottom - top) / (groups.entries.len() + 1) as f64).clamp(13.0, ROW);
        for (i, group) in groups.entries.iter().enumerate() {
            let y = top + row * (i as f64 + 1.0) + 8.0;
            self.swatch(scene, &group.color, group.tint, x, y);
            self.words(scene, &group.label, x + SWATCH, y);
        }
        scene.add(Primitive::GroupEnd);
    }

    fn bar(&self, scene: &mut Scene, scale: &Scale, x: f64, top: f64, bottom: f64) {
        open(scene);
        self.title(scene, &scale.title, x, top);
        let top = top + ROW + 4.0;
        let missing = if scale.has_missing() { ROW + 4.0 } else { 0.0 };
        let height = (bottom - top - missing).clamp(20.0, 200.0);
        let axis = bar_axis(scale, height);
        let (lo, hi) = axis.range();
        let slices = 64;
        let slice = height / f64::from(slices);
        for i in 0..slices {
            let t = 1.0 - (f64::from(i) + 0.5) / f64::from(slices);
            scene.add(Primitive::Rect {
                x,
                y: top + slice * f64::from(i),
                width: BAR,
                // Slices overlap, or the background shines through between them.
                height: if i + 1 == slices { slice } else { slice + 0.6 },
                fill: Color::from(self.look.sequential(t)),
                stroke: None,
                stroke_width: None,
                opacity: None,
            });
        }
        let words = axis.words();
        for k in lo.ceil() as i64..=hi.floor() as i64 {
            let y = top + height * (1.0 - (k as f64 - lo) / (hi - lo));
            scene.add(line((x + BAR, y), (x + BAR + 4.0, y), self.look.axis, 1.0));
            self.words(scene, &words(k as f64), x + BAR + 8.0, y);
        }
        if scale.has_missing() {
            let y = top + height + missing - 6.0;
            self.swatch(scene, self.look.missing, false, x, y);
            self.words(scene, "missing", x + SWATCH, y);
        }
        scene.add(Primitive::GroupEnd);
    }

    fn swatch(&self, scene: &mut Scene, color: &str, tint: bool, x: f64, y: f64) {
        let fill = Color::from(color);
        let x = x + 6.0;
        scene.add(match self.kind {
            Kind::Scatter if tint => diamond(x, y, 5.0, color),
            Kind::Scatter => {
                Primitive::Circle { cx: x, cy: y, r: 5.0, fill, fill_opacity: None, stroke: None, stroke_width: None }
            }
            Kind::Line => {
                let Primitive::Line { x1, y1, x2, y2, stroke, stroke_width, .. } =
                    line((x - 6.0, y), (x + 7.0, y), color, 2.5)
                else {
                    return;
                };
                let stroke_dasharray = tint.then(|| "4 2".to_owned());
                Primitive::Line { x1, y1, x2, y2, stroke, stroke_width, stroke_dasharray }
            }
            Kind::Bar | Kind::Histogram => Primitive::Rect {
                x: x - 6.0,
                y: y - 6.0,
                width: 12.0,
                height: 12.0,
                fill,
                stroke: None,
                stroke_width: None,
                opacity: None,
            },
        });
    }

    fn title(&self, scene: &mut Scene, title: &str, x: f64, top: f64) {
        scene.add(words(&self.clip(title), (x, top + 10.0), TICK_SIZE, true, self.look.text));
    }

    fn words(&self, scene: &mut Scene, content: &str, x: f64, y: f64) {
        scene.add(words(&self.clip(content), (x, y + 4.0), TICK_SIZE, false, self.look.text));
    }

    fn clip<'t>(&self, content: &'t str) -> std::borrow::Cow<'t, str> {
        text::clip(content, f64::from(TICK_SIZE), self.widest)
    }
}

/// A line of text that starts at `(x, y)`.
pub(crate) fn words(content: &str, (x, y): (f64, f64), size: u32, bold: bool, color: &str) -> Primitive {
    Primitive::Text {
        x,
        y,
        content: content.to_owned(),
        size,
        anchor: TextAnchor::Start,
        rotate: None,
        bold,
        color: Some(Color::from(color)),
    }
}

/// A solid line.
pub(crate) fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64), color: &str, width: f64) -> Primitive {
    Primitive::Line { x1, y1, x2, y2, stroke: Color::from(color), stroke_width: width, stroke_dasharray: None }
}

fn diamond(x: f64, y: f64, r: f64, color: &str) -> Primitive {
    Primitive::Path(Box::new(kuva::render::render::PathData {
        d: format!("M{} {y}L{x} {}L{} {y}L{x} {}Z", x - r, y - r, x + r, y + r),
        fill: Some(Color::from(color)),
        stroke: Color::None,
        stroke_width: 0.0,
        opacity: None,
        stroke_dasharray: None,
    }))
}

fn open(scene: &mut Scene) {
    let extra_attrs = Some("class=\"legend\"".to_owned());
    scene.add(Primitive::GroupStart { transform: None, title: None, extra_attrs });
}

fn bar_axis(scale: &Scale, height: f64) -> Axis {
    Axis::new(&Extent::Numbers { lo: scale.lo, hi: scale.hi, whole: false }, height, 34.0, 0.0)
}
