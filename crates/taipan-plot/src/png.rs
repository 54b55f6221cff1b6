//! PNG: the SVG drawn in pixels by resvg, with fonts that are at hand and not those of the machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};
use skrifa::MetadataProvider;

use crate::error::{ErrorKind, Result};
use crate::picture::Picture;

/// DejaVu Sans, of which Latin, Greek, Cyrillic and the punctuation are kept: any machine draws the same picture.
const REGULAR: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/DejaVuSans-Bold.ttf");

/// More pixels than this are no picture but an attack on memory.
const MOST_PIXELS: f64 = 1e8;

/// The fonts that words are drawn with in pixels: Latin, Greek and Cyrillic letters are built in.
#[derive(Debug, Clone, Default)]
pub struct Fonts {
    more: Vec<Arc<Vec<u8>>>,
}

impl Fonts {
    /// The built-in fonts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also the font of a file's bytes (TrueType, OpenType or a collection), for letters that the fonts before it lack.
    #[must_use]
    pub fn with(mut self, font: Vec<u8>) -> Self {
        self.more.push(Arc::new(font));
        self
    }

    /// The letters of `words` that a font of these bytes has.
    pub fn covered(font: &[u8], words: &[char]) -> Vec<char> {
        let faces = match skrifa::raw::FileRef::new(font) {
            Ok(file) => file.fonts().filter_map(std::result::Result::ok).collect::<Vec<_>>(),
            Err(_) => return Vec::new(),
        };
        let maps: Vec<_> = faces.iter().map(MetadataProvider::charmap).collect();
        words.iter().copied().filter(|c| maps.iter().any(|map| map.map(*c).is_some())).collect()
    }

    fn database(&self) -> Database {
        let mut fonts = Database::new();
        for bytes in [REGULAR, BOLD] {
            fonts.load_font_source(Source::Binary(Arc::new(bytes)));
        }
        for bytes in &self.more {
            fonts.load_font_source(Source::Binary(Arc::new(SharedFont(Arc::clone(bytes)))));
        }
        fonts.set_sans_serif_family("DejaVu Sans");
        fonts
    }
}

struct SharedFont(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedFont {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Picture {
    /// The picture in pixels, `scale` (0.1 to 10) of them to a CSS pixel, as the bytes of a PNG file.
    ///
    /// # Errors
    /// [`ErrorKind::Raster`] when it would have more than 100 million pixels.
    pub fn png(&self, fonts: &Fonts, scale: f64) -> Result<Vec<u8>> {
        let failed = |reason: String| crate::Error::from(ErrorKind::Raster { reason });
        let (width, height) = self.size();
        let scale = if scale.is_finite() { scale.clamp(0.1, 10.0) } else { 1.0 };
        let (wide, high) = (f64::from(width) * scale, f64::from(height) * scale);
        if wide * high > MOST_PIXELS {
            return Err(failed(format!("{wide:.0} x {high:.0} pixels are more than 100 million")));
        }
        let options =
            Options { fontdb: Arc::new(fonts.database()), font_family: "DejaVu Sans".to_owned(), ..Options::default() };
        let tree = Tree::from_str(&self.svg(), &options).map_err(|error| failed(error.to_string()))?;
        let size = (wide.round().max(1.0) as u32, high.round().max(1.0) as u32);
        let mut pixels = Pixmap::new(size.0, size.1).ok_or_else(|| failed("no memory".to_owned()))?;
        resvg::render(&tree, Transform::from_scale(scale as f32, scale as f32), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| failed(error.to_string()))
    }

    /// The letters in it that the built-in fonts lack: without more fonts, PNG shows nothing for them.
    pub fn foreign_letters(&self) -> Vec<char> {
        let mut letters: Vec<char> = self.svg().chars().filter(|c| !c.is_ascii() && !c.is_control()).collect();
        letters.sort_unstable();
        letters.dedup();
        let known = Fonts::covered(REGULAR, &letters);
        letters.retain(|c| !known.contains(c));
        letters
    }
}
