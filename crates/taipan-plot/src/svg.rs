//! A kuva scene as SVG text.
//!
//! Why not kuva's own SVG backend: it has no `viewBox`, title or description, passes control characters that XML
//! forbids, reads `$…$` in a column name as LaTeX, repeats every attribute on every point, and numbers its clip
//! paths from a global counter, so that the same chart never gives the same bytes twice.

use kuva::render::color::Color;
use kuva::render::render::{Primitive, Scene, TextAnchor};

/// What the document says besides the scene.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// Name of the picture.
    pub(crate) title: &'a str,
    /// What it shows, in words.
    pub(crate) summary: &'a str,
    /// Presentation attributes of the group that holds the marks.
    pub(crate) marks: String,
}

/// The scene as one `<svg>` element.
pub(crate) fn write(scene: &Scene, frame: &Frame<'_>) -> String {
    let mut out = Writer { text: String::with_capacity(4096 + 48 * size(scene)) };
    out.root(scene, frame);
    for element in &scene.elements {
        out.element(element, frame);
    }
    out.text.push_str("</svg>");
    out.text
}

/// The number of shapes, batches counted in full.
fn size(scene: &Scene) -> usize {
    let count = |element: &Primitive| match element {
        Primitive::CircleBatch { cx, .. } => cx.len(),
        Primitive::PolyLine { points, .. } => points.len() / 3,
        _ => 2,
    };
    scene.elements.iter().map(count).sum()
}

struct Writer {
    text: String,
}

impl Writer {
    fn root(&mut self, scene: &Scene, frame: &Frame<'_>) {
        self.text.push_str("<svg xmlns=\"http://www.w3.org/2000/svg\"");
        self.number("width", scene.width);
        self.number("height", scene.height);
        self.text.push_str(" viewBox=\"0 0 ");
        decimal(&mut self.text, scene.width);
        self.text.push(' ');
        decimal(&mut self.text, scene.height);
        self.text.push_str("\" role=\"img\" aria-label=\"");
        escape(&mut self.text, frame.title);
        self.text.push_str(". ");
        escape(&mut self.text, frame.summary);
        self.text.push('"');
        self.string("font-family", scene.font_family.as_deref());
        self.string("fill", scene.text_color.as_deref());
        self.text.push('>');
        for (tag, words) in [("title", frame.title), ("desc", frame.summary)] {
            self.open(tag);
            self.text.push('>');
            escape(&mut self.text, words);
            self.close(tag);
        }
        if let Some(background) = &scene.background_color {
            self.open("rect");
            self.text.push_str(" width=\"100%\" height=\"100%\"");
            self.string("fill", Some(background));
            self.end();
        }
    }

    fn element(&mut self, element: &Primitive, frame: &Frame<'_>) {
        match element {
            Primitive::Circle { cx, cy, r, fill, fill_opacity, .. } => {
                self.open("circle");
                self.numbers(&[("cx", *cx), ("cy", *cy), ("r", *r)]);
                self.color("fill", fill);
                self.optional("fill-opacity", *fill_opacity);
                self.end();
            }
            Primitive::CircleBatch { cx, cy, r, fill, fill_opacity, .. } => {
                self.circles((cx, cy), *r, fill, *fill_opacity);
            }
            Primitive::Rect { x, y, width, height, fill, .. } => {
                self.rectangle([*x, *y, *width, *height], fill);
            }
            Primitive::RectBatch { x, y, w, h, fills } => {
                for ((x, y), ((w, h), fill)) in x.iter().zip(y).zip(w.iter().zip(h).zip(fills)) {
                    self.rectangle([*x, *y, *w, *h], fill);
                }
            }
            Primitive::Line { x1, y1, x2, y2, stroke, stroke_width, stroke_dasharray } => {
                self.open("line");
                self.numbers(&[("x1", *x1), ("y1", *y1), ("x2", *x2), ("y2", *y2)]);
                self.stroke(stroke, *stroke_width, stroke_dasharray.as_deref());
                if x1.to_bits() == x2.to_bits() || y1.to_bits() == y2.to_bits() {
                    // Axes and grid fall between pixels and would blur.
                    self.text.push_str(" shape-rendering=\"crispEdges\"");
                }
                self.end();
            }
            Primitive::PolyLine { points, stroke, stroke_width, stroke_dasharray } => {
                self.polyline(points, stroke, *stroke_width, stroke_dasharray.as_deref());
            }
            Primitive::Path(path) => {
                self.open("path");
                self.string("d", Some(&path.d));
                self.color("fill", path.fill.as_ref().unwrap_or(&Color::None));
                self.optional("fill-opacity", path.opacity);
                self.stroke(&path.stroke, path.stroke_width, path.stroke_dasharray.as_deref());
                self.end();
            }
            Primitive::Text { x, y, content, size, anchor, rotate, bold, color } => {
                self.words((*x, *y), (*size, *bold), (*anchor, *rotate), color.as_ref(), content);
            }
            Primitive::RichText { x, y, spans, size, anchor, color } => {
                let content: String = spans.iter().map(|s| s.text.as_str()).collect();
                self.words((*x, *y), (*size, false), (*anchor, None), color.as_ref(), &content);
            }
            Primitive::GroupStart { title, extra_attrs, .. } => {
                self.group(title.as_deref(), extra_attrs.as_deref());
            }
            // Nothing lies outside the axes by construction, and a clip would cut the points on their rim in half.
            Primitive::ClipStart { .. } => {
                self.text.push_str("<g class=\"marks\"");
                self.text.push_str(&frame.marks);
                self.text.push('>');
            }
            Primitive::GroupEnd | Primitive::ClipEnd => self.close("g"),
        }
    }

    fn circles(&mut self, (cx, cy): (&[f64], &[f64]), r: f64, fill: &Color, opacity: Option<f64>) {
        self.open("g");
        self.color("fill", fill);
        self.optional("fill-opacity", opacity);
        self.text.push('>');
        for (cx, cy) in cx.iter().zip(cy) {
            self.open("circle");
            self.numbers(&[("cx", *cx), ("cy", *cy), ("r", r)]);
            self.end();
        }
        self.close("g");
    }

    /// A filled rectangle; kuva outlines only legend boxes, which these pictures have none of.
    fn rectangle(&mut self, [x, y, width, height]: [f64; 4], fill: &Color) {
        self.open("rect");
        self.numbers(&[("x", x), ("y", y), ("width", width), ("height", height)]);
        self.color("fill", fill);
        self.end();
    }

    fn polyline(&mut self, points: &[(f64, f64)], stroke: &Color, width: f64, dashes: Option<&str>) {
        self.open("path");
        self.text.push_str(" d=\"");
        for (i, (x, y)) in points.iter().enumerate() {
            self.text.push(if i == 0 { 'M' } else { 'L' });
            decimal(&mut self.text, *x);
            self.text.push(' ');
            decimal(&mut self.text, *y);
        }
        self.text.push_str("\" fill=\"none\"");
        self.stroke(stroke, width, dashes);
        self.end();
    }

    fn group(&mut self, title: Option<&str>, attributes: Option<&str>) {
        self.open("g");
        if let Some(attributes) = attributes {
            self.text.push(' ');
            self.text.push_str(attributes);
        }
        self.text.push('>');
        if let Some(title) = title {
            self.open("title");
            self.text.push('>');
            escape(&mut self.text, title);
            self.close("title");
        }
    }

    fn words(
        &mut self,
        (x, y): (f64, f64),
        (size, bold): (u32, bool),
        (anchor, rotate): (TextAnchor, Option<f64>),
        color: Option<&Color>,
        content: &str,
    ) {
        if content.is_empty() {
            return;
        }
        self.open("text");
        self.numbers(&[("x", x), ("y", y), ("font-size", f64::from(size))]);
        match anchor {
            TextAnchor::Start => {}
            TextAnchor::Middle => self.string("text-anchor", Some("middle")),
            TextAnchor::End => self.string("text-anchor", Some("end")),
        }
        if bold {
            self.string("font-weight", Some("600"));
        }
        if let Some(color) = color {
            self.color("fill", color);
        }
        if let Some(angle) = rotate {
            self.text.push_str(" transform=\"rotate(");
            for (i, value) in [angle, x, y].into_iter().enumerate() {
                self.text.push_str(if i == 0 { "" } else { " " });
                decimal(&mut self.text, value);
            }
            self.text.push_str(")\"");
        }
        self.text.push('>');
        escape(&mut self.text, content);
        self.close("text");
    }

    fn open(&mut self, tag: &str) {
        self.text.push('<');
        self.text.push_str(tag);
    }

    fn end(&mut self) {
        self.text.push_str("/>");
    }

    fn close(&mut self, tag: &str) {
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
    }

    fn attribute(&mut self, name: &str, value: impl FnOnce(&mut String)) {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        value(&mut self.text);
        self.text.push('"');
    }

    fn number(&mut self, name: &str, value: f64) {
        self.attribute(name, |out| decimal(out, value));
    }

    fn numbers(&mut self, values: &[(&str, f64)]) {
        for (name, value) in values {
            self.number(name, *value);
        }
    }

    fn optional(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    fn string(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.attribute(name, |out| escape(out, value));
        }
    }

    fn color(&mut self, name: &str, color: &Color) {
        self.attribute(name, |out| color.write_svg(out));
    }

    fn stroke(&mut self, color: &Color, width: f64, dashes: Option<&str>) {
        self.color("stroke", color);
        self.number("stroke-width", width);
        self.string("stroke-dasharray", dashes);
    }
}

/// `value` with two decimals, and none where they are zero. Written by hand: a plot of 100,000 points writes three
/// numbers for each.
fn decimal(out: &mut String, value: f64) {
    let hundredths = if value.is_finite() { (value * 100.0).round() as i64 } else { 0 };
    let size = hundredths.unsigned_abs();
    let mut digits = [0u8; 24];
    let mut at = digits.len();
    let mut put = |digit: u8, at: &mut usize| {
        *at -= 1;
        digits[*at] = digit;
    };
    let fraction = size % 100;
    if fraction != 0 {
        if !fraction.is_multiple_of(10) {
            put(b'0' + (fraction % 10) as u8, &mut at);
        }
        put(b'0' + (fraction / 10) as u8, &mut at);
        put(b'.', &mut at);
    }
    let mut whole = size / 100;
    loop {
        put(b'0' + (whole % 10) as u8, &mut at);
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    if hundredths < 0 {
        put(b'-', &mut at);
    }
    out.extend(digits[at..].iter().map(|d| char::from(*d)));
}

/// `text` safe in XML text and attributes: markup escaped, line breaks as spaces, and characters that XML 1.0 or
/// HTML forbid replaced.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_short() {
        let cases = [
            (0.0, "0"),
            (-0.001, "0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (1.05, "1.05"),
            (-12.345, "-12.35"),
            (1e9, "1000000000"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
            (0.1, "0.1"),
            (99.999, "100"),
        ];
        for (value, expected) in cases {
            let mut out = String::new();
            decimal(&mut out, value);
            assert_eq!(out, expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_as_xml(text in any::<String>()) {
            let mut xml = String::from("<a b=\"");
            escape(&mut xml, &text);
            xml.push_str("\">");
            escape(&mut xml, &text);
            xml.push_str("</a>");
            let read = roxmltree::Document::parse(&xml).unwrap();
            prop_assert_eq!(read.root_element().text().unwrap_or_default().chars().count(), text.chars().count());
        }

        #[test]
        fn decimals_read_back(value in -1e6f64..1e6) {
            let mut out = String::new();
            decimal(&mut out, value);
            prop_assert!((out.parse::<f64>().unwrap() - value).abs() <= 0.005 + 1e-9);
        }
    }
}
