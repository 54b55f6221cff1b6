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
//! How it is built: `chart` checks the description and picks the kind; `marks` turns rows into marks in data
//! coordinates; `coloring` splits rows by colour; `axis` places values, `numbers` words them; `picture` lets kuva lay out
//! and draw axes, points and lines, and adds the legend; `description` says it in words; `svg` writes kuva's scene
//! as text. No kuva type is public.

mod axis;
mod chart;
mod coloring;
mod description;
mod error;
mod legend;
mod marks;
mod numbers;
mod picture;
mod svg;
mod text;
mod theme;

pub use chart::{Chart, Data, Drawn, Kind};
pub use error::{Error, ErrorKind, Result};
pub use theme::Theme;
