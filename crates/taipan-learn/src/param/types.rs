//! Rust types that a parameter can have.

use super::ParamValue;
use crate::estimator::Estimator;

/// A Rust type that a parameter can have.
pub trait ParamType: Sized {
    /// Reads the value, or nothing when it is of another type.
    fn from_value(value: &ParamValue) -> Option<Self>;
    /// The same value, dynamically typed.
    fn to_value(&self) -> ParamValue;

    /// The estimator that the value is, whose parameters can be set as `name__param`.
    fn nested(&mut self) -> Option<&mut dyn Estimator> {
        None
    }
}

/// What a setter takes: the parameter's type, or something that is meant by it (`3` for "at most 3", where there may be
/// no limit).
pub trait IntoParam<T> {
    /// The parameter's value.
    fn into_param(self) -> T;
}

impl<T> IntoParam<T> for T {
    fn into_param(self) -> T {
        self
    }
}

impl<T> IntoParam<Option<T>> for T {
    fn into_param(self) -> Option<T> {
        Some(self)
    }
}

impl IntoParam<String> for &str {
    fn into_param(self) -> String {
        self.to_owned()
    }
}

impl ParamType for ParamValue {
    fn from_value(value: &ParamValue) -> Option<Self> {
        Some(value.clone())
    }

    fn to_value(&self) -> ParamValue {
        self.clone()
    }
}

/// A value, or the word `auto`, which leaves it to the estimator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auto<T> {
    /// Chosen by the estimator.
    Auto,
    /// As given.
    Given(T),
}

impl<T> IntoParam<Auto<T>> for T {
    fn into_param(self) -> Auto<T> {
        Auto::Given(self)
    }
}

impl<T: ParamType> ParamType for Auto<T> {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Text(word) if word == "auto" => Some(Self::Auto),
            value => T::from_value(value).map(Self::Given),
        }
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::Auto => "auto".into(),
            Self::Given(value) => value.to_value(),
        }
    }
}

impl ParamType for bool {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        ParamValue::Bool(*self)
    }
}

impl ParamType for f64 {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Integer(value) => Some(*value as f64),
            ParamValue::Real(value) => Some(*value),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        ParamValue::Real(*self)
    }
}

impl ParamType for i64 {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Integer(value) => Some(*value),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        ParamValue::Integer(*self)
    }
}

/// Counts and seeds: whole numbers that are not negative.
macro_rules! unsigned {
    ($($type:ty),+) => {
        $(impl ParamType for $type {
            fn from_value(value: &ParamValue) -> Option<Self> {
                match value {
                    ParamValue::Integer(value) => Self::try_from(*value).ok(),
                    _ => None,
                }
            }

            fn to_value(&self) -> ParamValue {
                // A count beyond the greatest signed number cannot come from a value.
                ParamValue::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        })+
    };
}

unsigned!(usize, u32);

impl ParamType for String {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Text(value) => Some(value.clone()),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        ParamValue::Text(self.clone())
    }
}

impl<T: ParamType> ParamType for Option<T> {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::None => Some(None),
            value => T::from_value(value).map(Some),
        }
    }

    fn to_value(&self) -> ParamValue {
        self.as_ref().map_or(ParamValue::None, T::to_value)
    }

    fn nested(&mut self) -> Option<&mut dyn Estimator> {
        self.as_mut().and_then(T::nested)
    }
}

impl<T: ParamType> ParamType for Vec<T> {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::List(values) => values.iter().map(T::from_value).collect(),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        ParamValue::List(self.iter().map(T::to_value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_wrong_type_are_not_read() {
        assert_eq!(usize::from_value(&ParamValue::Integer(-1)), None);
        assert_eq!(u32::from_value(&ParamValue::Integer(1 << 40)), None);
        assert_eq!(usize::from_value(&ParamValue::Real(1.0)), None);
        assert_eq!(Option::<usize>::from_value(&ParamValue::None), Some(None));
        assert_eq!(Vec::<f64>::from_value(&vec![1, 2].into()), Some(vec![1.0, 2.0]));
        assert_eq!(Vec::<f64>::from_value(&vec!["a"].into()), None);
    }
}
