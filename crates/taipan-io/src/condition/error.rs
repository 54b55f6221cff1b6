//! What can be wrong with a condition, and with a value under it.

use std::fmt;

use super::scalar::Value;
use crate::error::excerpt;

/// A condition that cannot be read, or names a field that is not there. Displays as one line;
/// [`marked`](Self::marked) shows the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    text: String,
    at: usize,
    message: String,
    hint: Option<String>,
}

impl ConditionError {
    pub(super) fn new(text: &str, at: usize, message: impl Into<String>) -> Self {
        Self { text: text.to_owned(), at, message: message.into(), hint: None }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The character of the condition where the fault stands, counted from 1.
    pub fn column(&self) -> usize {
        1 + self.text.get(..self.at).unwrap_or(&self.text).chars().count()
    }

    /// What the writer may have meant.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The condition, and a caret under the fault on a second line.
    ///
    /// ```
    /// let error = taipan_io::Condition::parse("value > AND x = 1").unwrap_err();
    /// assert_eq!(error.marked(), "value > AND x = 1\n        ^");
    /// ```
    pub fn marked(&self) -> String {
        // A line break or tab within the condition would set the caret wrong.
        let line: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{line}\n{}^", " ".repeat(self.column() - 1))
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "condition, column {}: {}", self.column(), self.message)
    }
}

impl std::error::Error for ConditionError {}

/// A value of a record that the condition compares with something of another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    field: Option<String>,
    value: String,
    why: String,
}

impl Mismatch {
    pub(super) fn new(field: Option<String>, value: &Value<'_>, why: &str) -> Self {
        Self { field, value: value.shown(), why: why.to_owned() }
    }

    /// The field, unless two constants do not compare.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "`{}` is {}, which {}", excerpt(field.as_bytes()), self.value, self.why),
            None => write!(f, "{} {}", self.value, self.why),
        }
    }
}

impl std::error::Error for Mismatch {}
