//! A page that holds one interactive picture and needs nothing else.

use std::fmt::Write;

use base64::Engine as _;
use sha2::{Digest, Sha256};

use crate::picture::Picture;
use crate::svg::escape;
use crate::theme::FONT_FAMILY;

/// Makes each `<svg>` within an element of the class `taipan-plot` interactive, and any other that its function
/// `taipanPlot(svg)` is given later, if it is one that
/// [`Picture::interactive_svg`] wrote: values on pointing, zoom with the wheel, series hidden by a click in the legend.
/// It reads nothing but the page and needs no `unsafe-inline`, `unsafe-eval` or network.
pub const SCRIPT: &str = include_str!("script.js");

/// The source expression that allows [`SCRIPT`] in a content security policy: `'sha256-…'`.
pub fn script_hash() -> String {
    format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT)))
}

impl Picture {
    /// A self-contained page with the picture: it loads nothing, and its own policy forbids any other script.
    pub fn html(&self) -> String {
        let look = self.theme().look();
        let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        let _ = writeln!(
            out,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src {}\">",
            script_hash()
        );
        out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
        escape(&mut out, self.name());
        let _ = writeln!(
            out,
            "</title>\n<style>body{{margin:0;background:{};color:{};font-family:{FONT_FAMILY}}}\
             .taipan-plot{{max-width:{}px;margin:24px auto;padding:0 12px}}svg{{max-width:100%;height:auto}}</style>\n\
             </head>\n<body>\n<div class=\"taipan-plot\">",
            look.background,
            look.text,
            self.size().0
        );
        out.push_str(&self.interactive_svg());
        let _ = write!(out, "</div>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
        out
    }
}
