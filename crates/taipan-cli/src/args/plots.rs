//! Arguments of the commands that draw.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::pair;
use crate::reading::Reading;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan plot scatter tips.csv --x total_bill --y tip --color day
  taipan plot histogram employees --db demo.db --x salary -o salaries.svg
  taipan plot box tips.csv --x day --y tip --facet sex -o tips.png
  taipan plot confusion iris.model iris.csv -o confusion.html

Tables: scatter, line, bar, histogram, density, box, violin, strip, heatmap, correlation, pair,
joint, residuals. Models: confusion, roc, precision-recall, importance, tree, pca, boundary,
residuals, learning-curve, validation-curve.")]
pub(crate) struct Plot {
    /// The kind: see below
    pub(crate) kind: String,
    /// A file, a query, a table of the database, or a model's file
    pub(crate) source: String,
    /// The rows that a model is drawn of
    pub(crate) rows: Option<String>,
    /// Column of the horizontal axis
    #[arg(long, value_name = "COLUMN")]
    pub(crate) x: Option<String>,
    /// Column of the vertical axis
    #[arg(long, value_name = "COLUMN")]
    pub(crate) y: Option<String>,
    /// Column that colours the marks; a heatmap shows its mean
    #[arg(long, value_name = "COLUMN")]
    pub(crate) color: Option<String>,
    /// Column that gives points their size
    #[arg(long, value_name = "COLUMN")]
    pub(crate) size: Option<String>,
    /// Column that gives points their marker, or lines their dash
    #[arg(long, value_name = "COLUMN")]
    pub(crate) style: Option<String>,
    /// Column whose values get a panel each
    #[arg(long, value_name = "COLUMN")]
    pub(crate) facet: Option<String>,
    /// Columns of a correlation or pair plot [default: all numbers]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Title above the picture
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Draw the least-squares line of a scatter
    #[arg(long)]
    pub(crate) fit: bool,
    /// Show x by its logarithm
    #[arg(long)]
    pub(crate) log_x: bool,
    /// Show y by its logarithm
    #[arg(long)]
    pub(crate) log_y: bool,
    /// The number of a histogram's bars
    #[arg(long, value_name = "N")]
    pub(crate) bins: Option<usize>,
    /// What a validation curve varies, such as max_depth=1,2,3
    #[arg(long, value_name = "NAME=VALUES", value_parser = pair)]
    pub(crate) parameter: Option<(String, String)>,
    /// Colours for a light or a dark page, or for print
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    pub(crate) theme: Theme,
    /// Width in pixels
    #[arg(long, value_name = "PIXELS")]
    pub(crate) width: Option<u32>,
    /// Height in pixels
    #[arg(long, value_name = "PIXELS")]
    pub(crate) height: Option<u32>,
    /// Pixels of a PNG to one of the picture
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0)]
    pub(crate) scale: f64,
    /// The database whose tables may be named
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    /// Write a .svg, .png or .html file; '-' prints SVG [default: the terminal]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan report tips.csv -o tips.html
  taipan report flights.csv.gz -o flights.html --null NA")]
pub(crate) struct Summary {
    /// A file, a URL, or '-' for standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// The page to write; '-' is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// The page that a plot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Theme {
    /// A light page
    Light,
    /// A dark page
    Dark,
    /// Paper
    Print,
}
