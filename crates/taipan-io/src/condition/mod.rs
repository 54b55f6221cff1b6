//! Conditions on records as data: `value > 100 AND user.country = 'DE'`, without SQL's tables and without I/O.
//!
//! A [`Condition`] is parsed once, and then answers for one record after another what SQL's three-valued logic says:
//! true, false or unknown. It asks for the fields it names, and for no other, as [`Scalar`]s; [`Condition::bind`] does
//! the same for Arrow batches.
//!
//! ```
//! use taipan_io::{Condition, Scalar};
//!
//! let condition = Condition::parse("value > 100 AND user.country IN ('DE', 'FR')")?;
//! let fields: Vec<String> = condition.fields().iter().map(ToString::to_string).collect();
//! assert_eq!(fields, ["value", "user.country"]);
//! let record = [Scalar::Number("250.5"), Scalar::Text("DE")];
//! assert_eq!(condition.evaluate(|field| record[field])?, Some(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The language
//! - Comparisons `= != <> < <= > >=`, `IN (…)`, `BETWEEN a AND b`, `LIKE` and `ILIKE` (`%` any text, `_` any character,
//!   `\` takes the next one as it is), `IS NULL`, `IS TRUE`, `IS FALSE`, each with `NOT`; `AND`, `OR`, `NOT`, parentheses.
//!   A field that holds booleans is a condition by itself. Keywords are those in any case.
//! - Numbers, `'text'` (`''` is a quote in it), `true`, `false`, `null`. Dates and times are text:
//!   `day >= '2024-02-29'`, or `DATE '2024-02-29'`, `TIMESTAMP '2024-02-29 12:30'`.
//! - Fields are `name`, `user.country`, `@id`, or quoted where they hold anything else: `"unit price"."x-1"`.
//!
//! # How values compare
//! Numbers compare by their exact value, never rounded. Text that reads as a number compares with numbers as one; text
//! that does not is unequal to every number, and which is greater cannot be said: that is a [`Mismatch`]. Text compares
//! with dates and times as one of them. Text and text compare by Unicode code points. Whatever else is of two
//! kinds (a boolean and a number, an object and text) is a mismatch too. Missing fields and nulls are unknown.

mod batch;
mod decimal;
mod error;
mod lexer;
mod parse;
mod pattern;
mod scalar;

use std::fmt;

use arrow::datatypes::Schema;

pub use self::batch::{Bound, Rows};
pub use self::error::{ConditionError, Mismatch};
use self::pattern::Pattern;
pub use self::scalar::Scalar;
use self::scalar::{Unlike, Value, compare};

/// A condition on records; see the [module](self) for its language.
#[derive(Debug, Clone)]
pub struct Condition {
    text: String,
    root: Node,
    fields: Vec<FieldPath>,
    /// Where in the text each field is named first.
    places: Vec<usize>,
}

/// A field by its names from the record inwards: `user.country`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldPath {
    names: Vec<String>,
    /// The first name was quoted, as text must not be.
    quoted: bool,
}

/// A condition's tree. `And` and `Or` are flat, so that its depth is that of the parentheses.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare(Comparison, Operand, Operand),
    In(Operand, Vec<Operand>),
    Like(Operand, Pattern),
    IsNull(Operand),
    Is(bool, Box<Node>),
    Truth(Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    /// An index of [`Condition::fields`].
    Field(usize),
    Null,
    Boolean(bool),
    Number(String, decimal::Kept),
    Text(String),
}

impl Condition {
    /// Parses a condition.
    ///
    /// # Errors
    /// Names the place in the text, what was expected there, and often what was meant.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        parse::condition(text)
    }

    /// The condition as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fields it names, each once, in the order they first appear.
    pub fn fields(&self) -> &[FieldPath] {
        &self.fields
    }

    /// Whether a record meets the condition; `None` is SQL's unknown, which keeps no record. `field` answers the value of
    /// an index into [`fields`](Self::fields), and may be asked for one several times, or not at all.
    ///
    /// # Errors
    /// [`Mismatch`] for values that do not compare. As in short-circuit evaluation from the left, what follows a false
    /// part of an `AND`, or a true part of an `OR`, is not looked at.
    pub fn evaluate<'a>(&'a self, field: impl Fn(usize) -> Scalar<'a>) -> Result<Option<bool>, Mismatch> {
        Evaluation { condition: self, field }.node(&self.root)
    }

    /// The condition on batches of this schema: its fields are found, or an error names the nearest name. A name fits in
    /// another case where no name fits as it is written.
    ///
    /// # Errors
    /// For a field that the schema does not have.
    pub fn bind(&self, schema: &Schema) -> Result<Bound, ConditionError> {
        Bound::new(self, schema)
    }

    /// The error that one of its fields is none of these names.
    pub(crate) fn unknown_field<'a>(&self, field: usize, names: impl Iterator<Item = &'a str>) -> ConditionError {
        let path = self.fields.get(field);
        let name = path.map(ToString::to_string).unwrap_or_default();
        let at = self.places.get(field).copied().unwrap_or_default();
        let error = ConditionError::new(&self.text, at, format!("no field `{name}`"));
        match nearest(&name, names) {
            Some(near) => error.with_hint(format!("the nearest name is `{near}`")),
            None if path.is_some_and(|path| path.quoted) => {
                error.with_hint(format!("text stands in single quotes: '{name}'"))
            }
            None => error,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FieldPath {
    /// The names from the record inwards; there is at least one.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The same path in another spelling.
    pub(crate) fn spelled(&self, spell: impl FnOnce(&[String]) -> Vec<String>) -> Self {
        Self { names: spell(&self.names), quoted: self.quoted }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join("."))
    }
}

/// The name nearest to `wanted`, when one is near enough to be meant.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wanted.to_lowercase();
    names
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + wanted.len().min(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// One record under a condition.
struct Evaluation<'a, F> {
    condition: &'a Condition,
    field: F,
}

impl<'a, F: Fn(usize) -> Scalar<'a>> Evaluation<'a, F> {
    fn node(&self, node: &'a Node) -> Result<Option<bool>, Mismatch> {
        match node {
            Node::And(parts) => self.until(parts, false),
            Node::Or(parts) => self.until(parts, true),
            Node::Not(part) => Ok(self.node(part)?.map(|truth| !truth)),
            Node::Compare(comparison, left, right) => self.compare(*comparison, left, right),
            Node::In(operand, list) => {
                let mut unknown = false;
                for one in list {
                    match self.compare(Comparison::Equal, operand, one)? {
                        Some(true) => return Ok(Some(true)),
                        Some(false) => {}
                        None => unknown = true,
                    }
                }
                Ok((!unknown).then_some(false))
            }
            Node::Like(operand, pattern) => match self.value(operand) {
                Value::Null => Ok(None),
                Value::Text(text) => Ok(Some(pattern.matches(text))),
                other => Err(self.mismatch(operand, &other, "is no text, which LIKE asks for")),
            },
            Node::IsNull(operand) => Ok(Some(matches!(self.value(operand), Value::Null))),
            Node::Is(truth, part) => Ok(Some(self.node(part)? == Some(*truth))),
            Node::Truth(operand) => match self.value(operand) {
                Value::Null => Ok(None),
                Value::Boolean(truth) => Ok(Some(truth)),
                other => Err(self.mismatch(operand, &other, "is neither true nor false")),
            },
        }
    }

    /// Whether some part is `decisive`; unknown if none is, but some might be.
    fn until(&self, parts: &'a [Node], decisive: bool) -> Result<Option<bool>, Mismatch> {
        let mut result = Some(!decisive);
        for part in parts {
            match self.node(part)? {
                Some(truth) if truth == decisive => return Ok(Some(decisive)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn compare(&self, comparison: Comparison, left: &'a Operand, right: &'a Operand) -> Result<Option<bool>, Mismatch> {
        let (a, b) = (self.value(left), self.value(right));
        compare(comparison, &a, &b).map_err(|Unlike| {
            // The literal is the user's; the value that does not fit it is the record's.
            let (operand, value, other) =
                if matches!(left, Operand::Field(_)) { (left, &a, &b) } else { (right, &b, &a) };
            self.mismatch(operand, value, &Unlike::message(value, other))
        })
    }

    fn value(&self, operand: &'a Operand) -> Value<'a> {
        match operand {
            Operand::Field(field) => Value::of((self.field)(*field)),
            Operand::Null => Value::Null,
            Operand::Boolean(truth) => Value::Boolean(*truth),
            Operand::Number(text, number) => Value::Number(number.number(text)),
            Operand::Text(text) => Value::Text(text),
        }
    }

    fn mismatch(&self, operand: &Operand, value: &Value<'_>, why: &str) -> Mismatch {
        let field = match operand {
            Operand::Field(field) => self.condition.fields.get(*field).map(ToString::to_string),
            _ => None,
        };
        Mismatch::new(field, value, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer for a record of JSON-like scalars, given as `name=value`.
    fn answer(text: &str, record: &[(&str, Scalar<'static>)]) -> String {
        let condition = Condition::parse(text).unwrap();
        let values: Vec<Scalar> = condition
            .fields()
            .iter()
            .map(|path| {
                let found = record.iter().find(|(name, _)| *name == path.to_string());
                found.map_or(Scalar::Null, |(_, value)| *value)
            })
            .collect();
        match condition.evaluate(|field| values[field]) {
            Ok(Some(truth)) => truth.to_string(),
            Ok(None) => "unknown".to_owned(),
            Err(mismatch) => mismatch.to_string(),
        }
    }

    #[test]
    fn answers() {
        let record = [
            ("n", Scalar::Number("250.5")),
            ("i", Scalar::Int(7)),
            ("f", Scalar::Float(0.1)),
            ("t", Scalar::Text("DE")),
            ("d", Scalar::Text("07")),
            ("b", Scalar::Boolean(true)),
            ("day", Scalar::Date(19_782)),
            ("at", Scalar::Timestamp(19_782 * 86_400_000_000_000 + 1)),
            ("o", Scalar::Nested("{\"a\":1}")),
            ("big", Scalar::Number("9007199254740993")),
            ("user.country", Scalar::Text("O'Neil")),
        ];
        let cases = [
            ("n > 100", "true"),
            ("n > 250.5", "false"),
            ("100 < n AND n<=250.50", "true"),
            ("n = 2505e-1", "true"),
            ("n != 250.5 OR t = 'FR'", "false"),
            ("i = 7.0 and i <> 8", "true"),
            ("f = 0.1", "true"),
            ("f < 0.10000000000000000001", "true"),
            ("big > 9007199254740992", "true"),
            ("big = 9007199254740993.0", "true"),
            ("i > -1", "true"),
            ("i > '3'", "true"),
            ("i = 'seven'", "false"),
            ("i <> 'seven'", "true"),
            ("i < 'seven'", "`i` is 7, which compares with no text that is no number"),
            ("d = 7", "true"),
            ("d = '7'", "false"),
            ("t = 7", "false"),
            ("t > 7", "`t` is `DE`, which is no number but compared with one"),
            ("7 < t", "`t` is `DE`, which is no number but compared with one"),
            ("t = 'DE'", "true"),
            ("t >= 'D' AND t < 'E'", "true"),
            ("t IN ('FR', 'DE')", "true"),
            ("t NOT IN ('FR', 'DE')", "false"),
            ("t NOT IN ('FR', NULL)", "unknown"),
            ("t IN ('DE', NULL)", "true"),
            ("n BETWEEN 250 AND 251", "true"),
            ("n NOT BETWEEN 250 AND 251", "false"),
            ("n BETWEEN 300 AND missing", "false"),
            ("n BETWEEN 1 AND missing", "unknown"),
            ("t LIKE 'D_'", "true"),
            ("t NOT LIKE 'd%'", "true"),
            ("t ILIKE 'd%'", "true"),
            ("missing LIKE '%'", "unknown"),
            ("i LIKE '7'", "`i` is 7, which is no text, which LIKE asks for"),
            ("missing = 1", "unknown"),
            ("missing IS NULL", "true"),
            ("t IS NOT NULL", "true"),
            ("n = NULL", "unknown"),
            ("NOT missing = 1", "unknown"),
            ("missing = 1 AND t = 'FR'", "false"),
            ("missing = 1 OR t = 'DE'", "true"),
            ("missing = 1 OR t = 'FR'", "unknown"),
            ("b", "true"),
            ("NOT b", "false"),
            ("b = true", "true"),
            ("b IS NOT TRUE", "false"),
            ("missing IS FALSE", "false"),
            ("missing IS NOT FALSE", "true"),
            ("b = 1", "`b` is true, which compares with no number"),
            ("b = 'true'", "`b` is true, which compares with no text"),
            ("t", "`t` is `DE`, which is neither true nor false"),
            ("t = 'FR' AND t > 7", "false"),
            ("t = 'DE' OR t > 7", "true"),
            ("o = 'x'", "`o` is an object or list, which compares with no text"),
            ("o IS NOT NULL", "true"),
            ("day = '2024-02-29'", "true"),
            ("day < '2024-02-29 00:01'", "true"),
            ("day = DATE '2024-02-29'", "true"),
            ("day > 5", "`day` is 2024-02-29, which compares with no number"),
            ("day > 'x'", "`day` is 2024-02-29, which compares with no text but a date or time, as `2024-02-29`"),
            ("at > '2024-02-29'", "true"),
            ("at > day", "true"),
            ("at < TIMESTAMP '2024-02-29T00:00:00.000001Z'", "true"),
            ("user.country = 'O''Neil'", "true"),
            ("\"user\".\"country\" = 'O''Neil'", "true"),
            ("n > i AND i > f", "true"),
            ("1 = 1", "true"),
            ("null", "unknown"),
            ("NOT NOT (true)", "true"),
            ("t = 'FR' AND missing = 1 OR i = 7", "true"),
            ("t = 'FR' AND (missing = 1 OR i = 7)", "false"),
        ];
        for (text, expected) in cases {
            assert_eq!(answer(text, &record), expected, "{text}");
        }
    }

    #[test]
    fn a_field_is_named_once() {
        let condition = Condition::parse("a > 1 AND (\"a\" < 5 OR a.b = 1 OR \"a.b\" = 1)").unwrap();
        let names: Vec<&[String]> = condition.fields().iter().map(FieldPath::names).collect();
        assert_eq!(names, [&["a".to_owned()][..], &["a".to_owned(), "b".to_owned()], &["a.b".to_owned()]]);
    }
}
