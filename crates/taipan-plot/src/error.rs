//! What can be wrong with a chart description, in words for the person who wrote it.

use crate::Kind;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a chart could not be drawn.
///
/// `Display` is one line for the user; [`Error::kind`] is for programs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    kind: ErrorKind,
}

impl Error {
    /// What went wrong, with the column and row where it did.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind }
    }
}

/// The ways in which a chart description can be wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No plot kind has this name.
    #[error("unknown plot kind \"{name}\"; {}", suggestion(nearest.as_ref()))]
    UnknownKind {
        /// The name as given.
        name: String,
        /// The kind whose name is nearest, if one is near.
        nearest: Option<Kind>,
    },
    /// The kind cannot be drawn without this field.
    #[error("a {kind} plot needs {field}")]
    MissingField {
        /// The kind of plot.
        kind: Kind,
        /// `x`, `y` or `column`.
        field: &'static str,
    },
    /// The kind is drawn of a model, not of a table.
    #[error("a {kind} plot is drawn of a model")]
    NeedsModel {
        /// The kind of plot.
        kind: Kind,
    },
    /// The kind compares columns, and there are too few of them.
    #[error("a {kind} plot needs at least 2 columns of numbers, found {found}")]
    FewColumns {
        /// The kind of plot.
        kind: Kind,
        /// How many there are.
        found: usize,
    },
    /// No theme has this name.
    #[error("unknown theme \"{name}\"; known themes: light, dark, print")]
    UnknownTheme {
        /// The name as given.
        name: String,
    },
    /// A histogram cannot have so many bars.
    #[error("a histogram of {bins} bars cannot be drawn: there must be 1 to 1000")]
    InvalidBins {
        /// The number asked for.
        bins: usize,
    },
    /// The numbers of a model do not fit together.
    #[error("{what}: {found} given, {expected} needed")]
    Mismatch {
        /// What there are too many or too few of.
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many are needed.
        expected: usize,
    },
    /// The picture could not be drawn in pixels.
    #[error("the picture cannot be drawn in pixels: {reason}")]
    Raster {
        /// Why, in the rasteriser's words.
        reason: String,
    },
    /// The kind has no use for this field.
    #[error("a {kind} plot has no use for {field} (\"{column}\")")]
    UnusedField {
        /// The kind of plot.
        kind: Kind,
        /// The field.
        field: &'static str,
        /// The column given for it.
        column: String,
    },
    /// Two columns of one chart have different numbers of rows.
    #[error("\"{column}\" has {found} value{} but \"{other}\" has {expected}", if *found == 1 { "" } else { "s" })]
    LengthMismatch {
        /// The column that differs from `other`.
        column: String,
        /// Its number of values.
        found: usize,
        /// The column of x.
        other: String,
        /// The number of values of x.
        expected: usize,
    },
    /// A column of text stands where the kind needs numbers.
    #[error("\"{column}\" holds text (\"{value}\" in row {row}); {field} of a {kind} plot must be numbers")]
    TextForNumbers {
        /// The column.
        column: String,
        /// Its first value that is no number, cut to a readable length.
        value: String,
        /// The row of that value, counted from 1.
        row: usize,
        /// The field.
        field: &'static str,
        /// The kind of plot.
        kind: Kind,
    },
    /// The picture would be too small to read or too large to hold.
    #[error("a plot of {width} x {height} pixels cannot be drawn: width must be 200 to 10000, height 160 to 10000")]
    InvalidSize {
        /// Width asked for, in CSS pixels.
        width: u32,
        /// Height asked for, in CSS pixels.
        height: u32,
    },
}

fn suggestion(nearest: Option<&Kind>) -> String {
    match nearest {
        Some(kind) => format!("did you mean \"{kind}\"?"),
        None => format!("known kinds: {}", Kind::names().join(", ")),
    }
}
