//! Hyperparameters: their values, their ranges and their declarations.
//!
//! An estimator declares each parameter once (see the `estimator!` macro): name, Rust type, default, range, one line
//! of documentation. Setters, `get_params`, `set_param` and the check at `fit` all follow from that declaration.
//!
//! | module | content |
//! |---|---|
//! | this one | [`Param`], a declaration; [`ParamValue`], a value of any type |
//! | [`range`] | [`Range`]: the values allowed |
//! | [`types`] | [`ParamType`]: Rust types of parameters |
//! | [`class_weight`] | [`ClassWeight`], which several classifiers have |

mod class_weight;
mod range;
mod types;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use class_weight::ClassWeight;
pub use range::{Interval, Range, RangeKind};
pub use types::{Auto, IntoParam, ParamType};

/// The value of a parameter where its type is not known statically: command line, app file, model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// A word, such as the name of a strategy.
    Text(String),
    /// Several values.
    List(Vec<ParamValue>),
    /// Values by name.
    Map(BTreeMap<String, ParamValue>),
    /// Not given.
    None,
}

/// One declared parameter of an estimator.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Param {
    /// Name, as in scikit-learn.
    pub name: Cow<'static, str>,
    /// Value when not set.
    pub default: ParamValue,
    /// Values allowed; its `Display` is a phrase: "a number of at least 0".
    pub range: Range,
    /// What it does, in a line.
    pub doc: Cow<'static, str>,
}

impl From<bool> for ParamValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for ParamValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for ParamValue {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for ParamValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<T: Into<ParamValue>> From<Vec<T>> for ParamValue {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// Reads a value as typed on a command line: `true`, `10`, `0.5`, `None`, `[1, "two"]`, `{"0": 2.5}`; anything else is
/// text.
impl FromStr for ParamValue {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let compound = || text.starts_with(['[', '{']).then(|| serde_json::from_str(text).ok()).flatten();
        Ok(match text {
            "true" | "True" => Self::Bool(true),
            "false" | "False" => Self::Bool(false),
            "None" | "none" | "null" => Self::None,
            _ => match (text.parse(), text.parse()) {
                (Ok(value), _) => Self::Integer(value),
                (_, Ok(value)) => Self::Real(value),
                _ => compound().unwrap_or_else(|| Self::Text(text.to_owned())),
            },
        })
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Real(value) => fmt::Debug::fmt(value, f),
            Self::Text(value) => value.fmt(f),
            Self::List(values) => {
                f.write_str("[")?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(values) => {
                f.write_str("{")?;
                for (i, (name, value)) in values.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
            Self::None => f.write_str("None"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_the_value_it_looks_like() {
        for (text, value) in [
            ("true", ParamValue::Bool(true)),
            ("False", ParamValue::Bool(false)),
            ("10", ParamValue::Integer(10)),
            ("-3", ParamValue::Integer(-3)),
            ("0.5", ParamValue::Real(0.5)),
            ("1e-6", ParamValue::Real(1e-6)),
            ("99999999999999999999", ParamValue::Real(1e20)),
            ("None", ParamValue::None),
            ("mean", "mean".into()),
            ("", "".into()),
            ("[1, 2]", vec![1, 2].into()),
            ("[1, 2", "[1, 2".into()),
            (r#"{"0": 2.5}"#, ParamValue::Map([("0".to_owned(), 2.5.into())].into())),
        ] {
            assert_eq!(text.parse(), Ok(value), "{text}");
        }
    }

    #[test]
    fn values_survive_json() {
        let values = vec![
            ParamValue::Bool(true),
            ParamValue::Integer(1),
            ParamValue::Real(1.0),
            ParamValue::Real(0.1 + 0.2),
            "mean".into(),
            vec![vec![1.5], vec![2.0]].into(),
            ParamValue::Map([("a".to_owned(), 1.into())].into()),
            ParamValue::None,
        ];
        let json = serde_json::to_string(&values).unwrap();
        assert_eq!(json, r#"[true,1,1.0,0.30000000000000004,"mean",[[1.5],[2.0]],{"a":1},null]"#);
        assert_eq!(serde_json::from_str::<Vec<ParamValue>>(&json).unwrap(), values);
        assert_eq!(ParamValue::List(values[4..].to_vec()).to_string(), "[mean, [[1.5], [2.0]], {a: 1}, None]");
    }
}
