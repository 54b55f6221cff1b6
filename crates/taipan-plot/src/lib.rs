//! A chart description in, a picture out. Pure: no files, no network, no state.
//!
//! ```
//! use taipan_plot::{Chart, Data, Kind, Theme};
//!
//! let drawn = Chart::new(Kind::Scatter)
//!     .title("Tips")
//!     .x("total_bill", Data::Numbers(vec![16.99, 10.34, f64::NAN]))
//!     .y("tip", Data::Numbers(vec![1.01, 1.66, 3.5]))
//!     .color("day", Data::text(["Sun", "Sun", "Sat"]))
//!     .theme(Theme::Light)
//!     .draw()?;
//! assert!(drawn.svg.starts_with("<svg "));
//! assert_eq!((drawn.drawn, drawn.dropped), (2, 1));
//! # Ok::<(), taipan_plot::Error>(())
//! ```
//!
//! The picture needs no style sheet, script, font file or network: every look is a presentation attribute, so it
//! keeps its looks under a strict content security policy. It has a `viewBox`; a page that wants it to shrink with
//! its column says `svg { max-width: 100%; height: auto }`.
//!
//! How it is built: `chart` checks the description; `marks` turns rows into a `figure`, panels of marks in data
//! coordinates (`coloring` splits rows by colour, `statistics` sums them up, `description` says it in words); `scale`
//! places values on axes, `numbers` and `time` word them; `layout` gives everything its pixels, and `draw` writes it.

mod chart;
mod color;
mod coloring;
mod crowd;
mod description;
mod draw;
mod error;
mod figure;
mod html;
mod kind;
mod layout;
mod marks;
pub mod model;
mod numbers;
mod picture;
mod png;
mod scale;
mod statistics;
mod svg;
mod terminal;
mod text;
mod theme;
mod time;

pub use chart::{Chart, ChartOf, Column, Data, Field};
pub use crowd::{AxisKind, Crowd};
pub use error::{Error, ErrorKind, Result};
pub use html::{SCRIPT, script_hash};
pub use kind::Kind;
pub use numbers::number as number_in_words;
pub use picture::{Drawn, Picture};
pub use png::Fonts;
pub use statistics::correlation;
pub use terminal::Ink;
pub use theme::Theme;
pub use time::time as time_in_words;
