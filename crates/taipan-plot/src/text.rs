//! How wide a label is and how to shorten it, before any font is known.
//!
//! The reader's system font draws the text, so widths are estimates: those of DejaVu Sans, wider than nearly all
//! system fonts, so that a label gets too much room rather than too little.

use std::borrow::Cow;

/// Estimated width of one line of `text` at `size` pixels.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// `text`, or its beginning and end around `…` if it is wider than `limit` pixels. The end is kept because labels
/// that share a long beginning differ there.
pub(crate) fn clip(text: &str, size: f64, limit: f64) -> Cow<'_, str> {
    if width(text, size) <= limit {
        return Cow::Borrowed(text);
    }
    let budget = (limit / size - advance('…')).max(0.0);
    let head: String = fitting(text.chars(), budget * 0.65).collect();
    let mut tail: Vec<char> = fitting(text.chars().rev(), budget * 0.35).collect();
    tail.reverse();
    let tail: String = tail.into_iter().collect();
    Cow::Owned(format!("{}…{}", head.trim_end(), tail.trim_start()))
}

/// The characters that fit into `budget` ems.
fn fitting(chars: impl Iterator<Item = char>, budget: f64) -> impl Iterator<Item = char> {
    let mut used = 0.0;
    chars.take_while(move |&c| {
        used += advance(c);
        used <= budget
    })
}

/// Advance width in ems.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '|' | '.' | ',' | ':' | ';' | '\'' | '!' | ' ' | 'I' => 0.32,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' => 0.41,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.95,
        'A'..='Z' => 0.70,
        // Combining marks, joiners and variation selectors take no room of their own.
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0.0,
        // From Hangul Jamo on scripts are mostly square: CJK, Kana, Hangul, emoji.
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{3ffff}' => 1.0,
        _ => 0.63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_both_ends_and_fits() {
        let cases = [
            ("short", 100.0, "short"),
            ("measurement of the north station", 120.0, "measurem…tation"),
            ("", 10.0, ""),
            ("abc", 0.0, "…"),
            ("日本語のとても長いラベルです", 80.0, "日本語…です"),
        ];
        for (text, limit, expected) in cases {
            let clipped = clip(text, 12.0, limit);
            assert_eq!(clipped, expected, "{text} in {limit}");
            assert!(width(&clipped, 12.0) <= limit.max(12.0), "{clipped} is wider than {limit}");
        }
    }

    #[test]
    fn wide_scripts_measure_wider_than_latin() {
        assert!(width("日本", 10.0) > width("ab", 10.0));
        assert!(width("e\u{301}", 10.0) <= width("e", 10.0));
    }
}
