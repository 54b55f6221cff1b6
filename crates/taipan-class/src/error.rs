//! Why a class cannot be made or an attribute not be had, in CPython's words.

use std::error::Error as StdError;
use std::sync::Arc;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, with the class where it did.
///
/// `Display` is one line for the user, worded as by CPython where CPython has the same refusal.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    class: Option<Arc<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The ways to fail.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The orders of the bases contradict each other.
    #[error("Cannot create a consistent method resolution order (MRO) for bases {}", .bases.join(", "))]
    Inconsistent {
        /// The classes that each want to come first.
        bases: Vec<Arc<str>>,
    },
    /// A class is named twice among the bases.
    #[error("duplicate base class {base}")]
    DuplicateBase {
        /// Its name.
        base: Arc<str>,
    },
    /// No metaclass of the bases derives from all the others.
    #[error(
        "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases"
    )]
    MetaclassConflict,
    /// A metaclass wants an attribute that the class does not define.
    #[error("Class {class} must define '{attribute}'")]
    Undefined {
        /// The class that was to be made.
        class: Arc<str>,
        /// What it lacks.
        attribute: Arc<str>,
    },
    /// Abstract methods are left.
    #[error("Can't instantiate abstract class {class} with abstract method{} {}", if .methods.len() == 1 { "" } else { "s" }, .methods.join(", "))]
    Abstract {
        /// The class.
        class: Arc<str>,
        /// Their names, sorted.
        methods: Vec<Arc<str>>,
    },
    /// Neither the instance nor its class has the attribute.
    #[error("'{class}' object has no attribute '{attribute}'")]
    NoAttribute {
        /// The class of the instance.
        class: Arc<str>,
        /// What was asked for.
        attribute: Arc<str>,
    },
    /// Neither the class nor its metaclass has the attribute.
    #[error("type object '{class}' has no attribute '{attribute}'")]
    NoClassAttribute {
        /// The class.
        class: Arc<str>,
        /// What was asked for.
        attribute: Arc<str>,
    },
    /// No class further along the order has the attribute.
    #[error("'super' object has no attribute '{attribute}'")]
    NoSuperAttribute {
        /// What was asked for.
        attribute: Arc<str>,
    },
    /// A property without the function that would do it.
    #[error("property '{attribute}' of '{class}' object has no {missing}")]
    PropertyLacks {
        /// The property's name.
        attribute: Arc<str>,
        /// The class of the instance.
        class: Arc<str>,
        /// `setter` or `deleter`.
        missing: &'static str,
    },
    /// `object` and `type` stay as they are.
    #[error("cannot set '{attribute}' attribute of immutable type '{class}'")]
    Immutable {
        /// The class.
        class: Arc<str>,
        /// What was to be set.
        attribute: Arc<str>,
    },
    /// A virtual subclass that is already above the class.
    #[error("Refusing to create an inheritance cycle")]
    Cycle,
    /// An argument that was not given.
    #[error("missing argument {position}")]
    MissingArgument {
        /// Counted from 1.
        position: usize,
    },
    /// A value of another type than wanted.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The type wanted.
        expected: &'static str,
        /// The type of the value.
        found: Arc<str>,
    },
    /// A rule of the object model was broken in another way, or a method refused.
    #[error("{0}")]
    Type(String),
}

impl Error {
    /// A refusal in the caller's words, as `raise TypeError(...)`.
    pub fn new(message: impl Into<String>) -> Self {
        ErrorKind::Type(message.into()).into()
    }

    /// A failure that has another error as its cause and its text.
    pub fn caused(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = source.into();
        let mut error = Self::new(source.to_string());
        error.0.source = Some(source);
        error
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The name of the class where it went wrong, where one is known.
    pub fn class(&self) -> Option<&str> {
        self.0.class.as_deref()
    }

    /// The same error, placed in a class unless it is placed already.
    pub(crate) fn within(mut self, class: &Arc<str>) -> Self {
        self.0.class.get_or_insert_with(|| class.clone());
        self
    }

    /// Whether an attribute was not there: what a `getattr` with a default forgives.
    pub fn is_missing_attribute(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::NoAttribute { .. } | ErrorKind::NoClassAttribute { .. } | ErrorKind::NoSuperAttribute { .. }
        )
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.kind.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, class: None, source: None }))
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Self {
        Self::caused(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wording_is_cpythons() {
        let name = |text: &str| -> Arc<str> { text.into() };
        let cases = [
            (
                ErrorKind::Inconsistent { bases: vec![name("X"), name("Y")] },
                "Cannot create a consistent method resolution order (MRO) for bases X, Y",
            ),
            (ErrorKind::DuplicateBase { base: name("A") }, "duplicate base class A"),
            (
                ErrorKind::Abstract { class: name("D"), methods: vec![name("area")] },
                "Can't instantiate abstract class D with abstract method area",
            ),
            (
                ErrorKind::Abstract { class: name("D"), methods: vec![name("area"), name("name")] },
                "Can't instantiate abstract class D with abstract methods area, name",
            ),
            (
                ErrorKind::PropertyLacks { attribute: name("x"), class: name("D"), missing: "setter" },
                "property 'x' of 'D' object has no setter",
            ),
        ];
        for (kind, expected) in cases {
            assert_eq!(Error::from(kind).to_string(), expected);
        }
    }

    #[test]
    fn a_cause_is_kept_and_the_first_place_stays() {
        let error = Error::from(std::io::Error::other("disk on fire")).within(&"A".into()).within(&"B".into());
        assert_eq!(error.to_string(), "disk on fire");
        assert_eq!(error.class(), Some("A"));
        assert_eq!(StdError::source(&error).expect("cause").to_string(), "disk on fire");
    }
}
