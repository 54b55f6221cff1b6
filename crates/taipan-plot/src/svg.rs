//! SVG as text: elements with short numbers and safe words.

use crate::color::Rgb;
use crate::figure::Anchor;

/// Writes elements one after another.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
}

/// How words stand at their place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: u32,
    pub(crate) bold: bool,
    pub(crate) anchor: Anchor,
    /// Degrees about the place.
    pub(crate) turn: f64,
    pub(crate) color: Option<Rgb>,
    /// What parts the words from whatever they lie on.
    pub(crate) edge: Option<Rgb>,
}

impl Style {
    /// Words of this size that begin at their place.
    pub(crate) fn new(size: u32) -> Self {
        Self { size, bold: false, anchor: Anchor::Start, turn: 0.0, color: None, edge: None }
    }

    pub(crate) fn anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    pub(crate) fn color(mut self, color: Rgb) -> Self {
        self.color = Some(color);
        self
    }

    pub(crate) fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    pub(crate) fn turn(mut self, degrees: f64) -> Self {
        self.turn = degrees;
        self
    }
}

impl Writer {
    /// A writer with room for about so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes) }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Begins an element; its attributes follow, then [`end`](Self::end) or [`content`](Self::content).
    pub(crate) fn open(&mut self, tag: &str) -> &mut Self {
        self.text.push('<');
        self.text.push_str(tag);
        self
    }

    /// Ends an element without content.
    pub(crate) fn end(&mut self) {
        self.text.push_str("/>");
    }

    /// Ends the attributes; content follows, then [`close`](Self::close).
    pub(crate) fn content(&mut self) -> &mut Self {
        self.text.push('>');
        self
    }

    pub(crate) fn close(&mut self, tag: &str) {
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
    }

    /// Ends an element whose only content is a title, if there is one.
    pub(crate) fn titled(&mut self, tag: &str, title: Option<&str>) {
        match title.filter(|t| !t.is_empty()) {
            None => self.end(),
            Some(title) => {
                self.content();
                self.element("title", title);
                self.close(tag);
            }
        }
    }

    /// An element that holds words.
    pub(crate) fn element(&mut self, tag: &str, words: &str) {
        self.open(tag).content().words(words);
        self.close(tag);
    }

    pub(crate) fn words(&mut self, words: &str) {
        escape(&mut self.text, words);
    }

    pub(crate) fn number(&mut self, name: &str, value: f64) -> &mut Self {
        self.attribute(name, |out| decimal(out, value))
    }

    pub(crate) fn numbers(&mut self, values: &[(&str, f64)]) -> &mut Self {
        for (name, value) in values {
            self.number(name, *value);
        }
        self
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) -> &mut Self {
        self.attribute(name, |out| escape(out, value))
    }

    pub(crate) fn color(&mut self, name: &str, color: Rgb) -> &mut Self {
        use std::fmt::Write;
        self.attribute(name, |out| {
            let _ = write!(out, "{color}");
        })
    }

    /// An opacity, where it is not full.
    pub(crate) fn opacity(&mut self, name: &str, value: f64) -> &mut Self {
        if value < 0.999 {
            self.number(name, value);
        }
        self
    }

    pub(crate) fn stroke(&mut self, color: Rgb, width: f64, dashes: Option<&str>) -> &mut Self {
        self.color("stroke", color).number("stroke-width", width);
        if let Some(dashes) = dashes {
            self.string("stroke-dasharray", dashes);
        }
        self
    }

    /// The outline of a path.
    pub(crate) fn path(&mut self, points: impl IntoIterator<Item = (f64, f64)>, closed: bool) -> &mut Self {
        self.attribute("d", |out| {
            for (i, (x, y)) in points.into_iter().enumerate() {
                out.push(if i == 0 { 'M' } else { 'L' });
                decimal(out, x);
                out.push(' ');
                decimal(out, y);
            }
            if closed {
                out.push('Z');
            }
        })
    }

    /// The outlines of many rectangles, by left, top, width and height.
    pub(crate) fn boxes(&mut self, boxes: impl IntoIterator<Item = [f64; 4]>) -> &mut Self {
        self.attribute("d", |out| {
            for [x, y, width, height] in boxes {
                for (command, value) in [('M', x), (' ', y), ('h', width), ('v', height), ('h', -width)] {
                    out.push(command);
                    decimal(out, value);
                }
                out.push('Z');
            }
        })
    }

    /// A line of words.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), style: Style, words: &str) {
        if words.is_empty() {
            return;
        }
        self.open("text").numbers(&[("x", x), ("y", y), ("font-size", f64::from(style.size))]);
        match style.anchor {
            Anchor::Start => {}
            Anchor::Middle => drop(self.string("text-anchor", "middle")),
            Anchor::End => drop(self.string("text-anchor", "end")),
        }
        if style.bold {
            self.string("font-weight", "600");
        }
        if let Some(color) = style.color {
            self.color("fill", color);
        }
        if let Some(edge) = style.edge {
            self.string("paint-order", "stroke").string("stroke-linejoin", "round").stroke(edge, 3.0, None);
        }
        if style.turn != 0.0 {
            self.attribute("transform", |out| {
                out.push_str("rotate(");
                for (i, value) in [style.turn, x, y].into_iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { " " });
                    decimal(out, value);
                }
                out.push(')');
            });
        }
        self.content().words(words);
        self.close("text");
    }

    /// A straight line.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: Rgb, width: f64) {
        self.open("line").numbers(&[("x1", from.0), ("y1", from.1), ("x2", to.0), ("y2", to.1)]);
        self.stroke(color, width, None);
        if from.0.to_bits() == to.0.to_bits() || from.1.to_bits() == to.1.to_bits() {
            // Axes and grid fall between pixels and would blur.
            self.string("shape-rendering", "crispEdges");
        }
        self.end();
    }

    fn attribute(&mut self, name: &str, value: impl FnOnce(&mut String)) -> &mut Self {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        value(&mut self.text);
        self.text.push('"');
        self
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
pub(crate) fn escape(out: &mut String, text: &str) {
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
