//! The crate's one error: what went wrong ([`ErrorKind`]), where ([`Place`]) and the error beneath, if any.
//!
//! `Display` is one line for a user; code matches on [`Error::kind`].

use std::error::Error as StdError;
use std::fmt;

use crate::suggest::nearest;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of this crate. Its `Display` is one line, fit to show to a user.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    place: Option<Place>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No estimator of that name is registered.
    #[error("unknown estimator '{name}'; {}", hint(.nearest.as_deref(), .known))]
    UnknownEstimator {
        /// The name asked for.
        name: String,
        /// The registered name most like it.
        nearest: Option<String>,
        /// Every registered name.
        known: Vec<String>,
    },
    /// The estimator or function has no parameter of that name.
    #[error("{owner} has no parameter '{name}'; {}", hint(.nearest.as_deref(), .known))]
    UnknownParam {
        /// The estimator.
        owner: String,
        /// The name asked for.
        name: String,
        /// The parameter whose name is most like it.
        nearest: Option<String>,
        /// Every parameter of the estimator.
        known: Vec<String>,
    },
    /// A parameter has the wrong type or lies outside its range.
    #[error("{owner}: {param} = {value} is not allowed; it must be {allowed}")]
    InvalidParam {
        /// The estimator or function.
        owner: String,
        /// The parameter.
        param: String,
        /// The value given.
        value: String,
        /// The values allowed, as a phrase: "a number of at least 0".
        allowed: String,
    },
    /// There is nothing to work on: no rows, no features, or no values.
    #[error("{what}")]
    Empty {
        /// What is missing: "X has no rows".
        what: String,
    },
    /// Two sizes that must agree do not.
    #[error("{what}: {found}, expected {expected}")]
    Shape {
        /// Which sizes.
        what: String,
        /// The size given.
        found: usize,
        /// The size needed.
        expected: usize,
    },
    /// A NaN or an infinity where only finite numbers are allowed.
    #[error("{value} is not a finite number")]
    NonFinite {
        /// "NaN", "inf" or "-inf".
        value: String,
    },
    /// A category that the training data did not have.
    #[error("{value} was not among the categories of the training data")]
    UnknownCategory {
        /// The category.
        value: String,
    },
    /// The numbers are too large: the named result is not finite.
    #[error("{what} overflowed; the numbers are too large, so scale them down")]
    Overflow {
        /// What was being computed.
        what: String,
    },
    /// A matrix decomposition did not converge.
    #[error("{what} did not converge")]
    NoConvergence {
        /// Which decomposition.
        what: &'static str,
    },
    /// A classifier's target that is not a class label: labels are whole numbers.
    #[error("{value} is not a class label; a classifier needs whole numbers, a regressor takes any")]
    NotALabel {
        /// The value.
        value: String,
    },
    /// There are not enough classes, or rows of a class, to learn from.
    #[error("{what}")]
    TooFew {
        /// What there is too little of: "y has 1 class; LogisticRegression needs at least 2".
        what: String,
    },
    /// A label or category that the training data does not have.
    #[error("{what} {value} is not known from training")]
    Unknown {
        /// "category", "label" or the like.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// The model has no such method: a transformer that is asked for predictions, say.
    #[error("{owner} has no {what}")]
    Unsupported {
        /// The fitted type or the estimator.
        owner: String,
        /// The method.
        what: String,
    },
    /// Whoever watched the progress asked to stop.
    #[error("stopped before the end")]
    Cancelled,
    /// The bytes are not a model file.
    #[error("not a taipan model file")]
    NotAModel,
    /// The file was written in a format this version does not read.
    #[error("format version {found} is not supported; this program reads version {supported}")]
    UnsupportedVersion {
        /// The version in the file.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// The file is shorter or longer than its header says.
    #[error("{found} bytes long, but its header says {expected}")]
    WrongLength {
        /// Bytes present.
        found: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// The file's contents do not match its checksum.
    #[error("damaged: the checksum does not match")]
    Checksum,
    /// The file is intact but what it says makes no sense.
    #[error("{0}")]
    Malformed(String),
}

/// Where it went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// One number of an input matrix or vector; indices count from 0.
    Value {
        /// "X", "y" or the like.
        array: &'static str,
        /// Row index.
        row: usize,
        /// Feature (column) index, for a matrix.
        feature: Option<usize>,
        /// The column's name, when known.
        name: Option<String>,
    },
    /// A model file, at this byte.
    ModelFile {
        /// Offset from the start of the file.
        byte: u64,
    },
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, place: None, source: None }))
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Puts the error at `byte` of a model file, unless it has a place already.
    pub(crate) fn in_file(mut self, byte: usize) -> Self {
        self.0.place.get_or_insert(Place::ModelFile { byte: byte as u64 });
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the column's name to the place of a bad value.
    pub(crate) fn naming(mut self, features: &[String], target: &str) -> Self {
        if let Some(Place::Value { feature, name, .. }) = &mut self.0.place {
            *name = match feature {
                Some(index) => features.get(*index).cloned(),
                None => Some(target.to_owned()),
            };
        }
        self
    }

    /// Turns a feature index among some columns into one among all.
    pub(crate) fn on_columns(mut self, columns: &[usize]) -> Self {
        if let Some(Place::Value { array: "X", feature: Some(feature), .. }) = &mut self.0.place
            && let Some(column) = columns.get(*feature)
        {
            *feature = *column;
        }
        self
    }

    /// Makes an `Unsupported` error speak of the estimator that the user named.
    pub(crate) fn owned_by(mut self, estimator: &str) -> Self {
        if let ErrorKind::Unsupported { owner, .. } = &mut self.0.kind {
            estimator.clone_into(owner);
        }
        self
    }

    pub(crate) fn shape(what: impl Into<String>, found: usize, expected: usize) -> Self {
        Self::new(ErrorKind::Shape { what: what.into(), found, expected })
    }

    pub(crate) fn empty(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Empty { what: what.into() })
    }

    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed(what.into()))
    }

    pub(crate) fn overflow(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Overflow { what: what.into() })
    }

    pub(crate) fn unknown_param(owner: &str, name: &str, known: &[&str]) -> Self {
        Self::new(ErrorKind::UnknownParam {
            owner: owner.to_owned(),
            name: name.to_owned(),
            nearest: nearest(name, known.iter().copied()),
            known: known.iter().map(|&known| known.to_owned()).collect(),
        })
    }

    pub(crate) fn too_few(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::TooFew { what: what.into() })
    }

    pub(crate) fn unsupported(owner: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported { owner: owner.into(), what: what.into() })
    }

    pub(crate) fn invalid(owner: &str, param: &str, value: impl ToString, allowed: impl ToString) -> Self {
        Self::new(ErrorKind::InvalidParam {
            owner: owner.to_owned(),
            param: param.to_owned(),
            value: value.to_string(),
            allowed: allowed.to_string(),
        })
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where it went wrong, when there is such a place.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        self.0.kind.fmt(f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { array, row, feature, name } => {
                write!(f, "{array}, row {row}")?;
                match (feature, name) {
                    (Some(feature), Some(name)) => write!(f, ", feature {feature} ({name})"),
                    (Some(feature), None) => write!(f, ", feature {feature}"),
                    (None, Some(name)) => write!(f, " ({name})"),
                    (None, None) => Ok(()),
                }
            }
            Self::ModelFile { byte } => write!(f, "model file, byte {byte}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

fn hint(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean '{nearest}'?"),
        None if known.is_empty() => "it has none".to_owned(),
        None => format!("known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_one_clear_line() {
        let place =
            |array, feature, name: Option<&str>| Place::Value { array, row: 3, feature, name: name.map(str::to_owned) };
        let nan = || Error::new(ErrorKind::NonFinite { value: "NaN".to_owned() });
        let cases = [
            (
                Error::invalid("Ridge", "alpha", -1.0, "a number of at least 0"),
                "Ridge: alpha = -1 is not allowed; it must be a number of at least 0",
            ),
            (Error::shape("y has another length than X", 4, 5), "y has another length than X: 4, expected 5"),
            (nan().at(place("X", Some(1), None)), "X, row 3, feature 1: NaN is not a finite number"),
            (
                nan().at(place("X", Some(1), None)).naming(&["Age".into(), "Area".into()], "Price"),
                "X, row 3, feature 1 (Area): NaN is not a finite number",
            ),
            (nan().at(place("y", None, None)).naming(&[], "Price"), "y, row 3 (Price): NaN is not a finite number"),
            (
                Error::new(ErrorKind::WrongLength { found: 10, expected: 300 }).in_file(16),
                "model file, byte 16: 10 bytes long, but its header says 300",
            ),
            (Error::new(ErrorKind::Checksum).in_file(80), "model file, byte 80: damaged: the checksum does not match"),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn an_error_is_small_enough_to_return_by_value() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
