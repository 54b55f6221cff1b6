//! A finished picture, to be written in any of the forms.

use crate::draw::{self, Page};
use crate::figure::Figure;
use crate::theme::Theme;

/// A picture that only needs to be written. The same picture is written the same each time.
#[derive(Debug, Clone)]
pub struct Picture {
    figure: Figure,
    title: Option<String>,
    theme: Theme,
    size: (u32, u32),
}

/// A picture as SVG and what it holds. `drawn + dropped` is the number of rows given.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The picture: one `<svg>` element, well-formed XML without declaration.
    pub svg: String,
    /// Rows that the picture shows, as a mark or within one.
    pub drawn: usize,
    /// Rows left out because a value that they need is missing, infinite or beyond ±1e300.
    pub dropped: usize,
}

impl Picture {
    pub(crate) fn new(figure: Figure, title: Option<String>, theme: Theme, size: (u32, u32)) -> Self {
        Self { figure, title: title.filter(|t| !t.trim().is_empty()), theme, size }
    }

    /// One `<svg>` element, well-formed XML without declaration: no script, style sheet or reference to anything else.
    pub fn svg(&self) -> String {
        draw::svg(&self.page(false))
    }

    /// The same with what [`SCRIPT`](crate::SCRIPT) needs to show values, zoom and hide series. Without that script it
    /// shows values on pointing at a mark.
    pub fn interactive_svg(&self) -> String {
        draw::svg(&self.page(true))
    }

    /// The picture for another page.
    #[must_use]
    pub fn sized(mut self, width: u32, height: u32) -> Self {
        self.size = (width.clamp(200, 10_000), height.clamp(160, 10_000));
        self
    }

    /// A title above the picture.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into()).filter(|t| !t.trim().is_empty());
        self
    }

    /// Rows that the picture shows, as a mark or within one.
    pub fn drawn(&self) -> usize {
        self.figure.drawn
    }

    /// Rows left out because a value that they need is missing, infinite or beyond ±1e300.
    pub fn dropped(&self) -> usize {
        self.figure.dropped
    }

    /// What the picture shows, in a sentence.
    pub fn summary(&self) -> &str {
        &self.figure.summary
    }

    /// Width and height in CSS pixels.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The title, or the name of what is drawn.
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.figure.name)
    }

    pub(crate) fn theme(&self) -> Theme {
        self.theme
    }

    pub(crate) fn figure(&self) -> &Figure {
        &self.figure
    }

    pub(crate) fn figure_mut(&mut self) -> &mut Figure {
        &mut self.figure
    }

    pub(crate) fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn page(&self, interactive: bool) -> Page<'_> {
        Page {
            figure: &self.figure,
            title: self.title.as_deref(),
            look: self.theme.look(),
            size: (f64::from(self.size.0), f64::from(self.size.1)),
            interactive,
        }
    }
}
