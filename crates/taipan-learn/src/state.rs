//! What a fitted model consists of, as named arrays: the part of a model file that is numbers.
//!
//! A predictor writes its arrays with [`State::with`] and reads them back with the `take_` methods, which check type
//! and shape, then [`State::finish`], which refuses leftovers. The numbers may come from an untrusted file.

use crate::error::{Error, Result};

/// Named arrays, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    arrays: Vec<(String, Array)>,
}

/// A dense array of any number of dimensions, in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
}

/// The numbers of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// 64-bit floating-point numbers.
    Real(Vec<f64>),
    /// 64-bit whole numbers.
    Integer(Vec<i64>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Real(values) => values.len(),
            Self::Integer(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// An array of this shape, or nothing when the number of values does not fit it. The shape of a scalar is `[]`.
    pub fn new(shape: Vec<usize>, values: Values) -> Option<Self> {
        let size = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d))?;
        (size == values.len()).then_some(Self { shape, values })
    }

    /// Length of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, in row-major order.
    pub fn values(&self) -> &Values {
        &self.values
    }
}

impl State {
    /// No arrays.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds any array.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, array: Array) -> Self {
        self.arrays.push((name.into(), array));
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn with_scalar(self, name: &str, value: f64) -> Self {
        let (shape, values) = (vec![], Values::Real(vec![value]));
        self.with(name, Array { shape, values })
    }

    /// Adds a whole number.
    #[must_use]
    pub fn with_integer(self, name: &str, value: i64) -> Self {
        let (shape, values) = (vec![], Values::Integer(vec![value]));
        self.with(name, Array { shape, values })
    }

    /// Adds a vector.
    #[must_use]
    pub fn with_vector(self, name: &str, values: &[f64]) -> Self {
        let (shape, values) = (vec![values.len()], Values::Real(values.to_vec()));
        self.with(name, Array { shape, values })
    }

    /// The arrays with their names, in order.
    pub fn arrays(&self) -> impl ExactSizeIterator<Item = (&str, &Array)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// Whether there is an array of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.arrays.iter().any(|(known, _)| known == name)
    }

    /// Takes a finite number.
    ///
    /// # Errors
    /// `Malformed` when it is missing, not a scalar, or not finite; likewise below.
    pub fn take_scalar(&mut self, name: &str) -> Result<f64> {
        match self.take(name)? {
            Array { shape, values: Values::Real(values) } if shape.is_empty() => {
                finite(name, &values)?;
                values.first().copied().ok_or_else(|| wrong(name, "a number"))
            }
            _ => Err(wrong(name, "a number")),
        }
    }

    /// Takes a whole number that is not negative.
    ///
    /// # Errors
    /// See [`take_scalar`](Self::take_scalar).
    pub fn take_count(&mut self, name: &str) -> Result<usize> {
        let count = match self.take(name)? {
            Array { shape, values: Values::Integer(values) } if shape.is_empty() => {
                values.first().and_then(|&value| usize::try_from(value).ok())
            }
            _ => None,
        };
        count.ok_or_else(|| wrong(name, "a whole number of at least 0"))
    }

    /// Takes a vector of finite numbers.
    ///
    /// # Errors
    /// See [`take_scalar`](Self::take_scalar).
    pub fn take_vector(&mut self, name: &str) -> Result<Vec<f64>> {
        match self.take(name)? {
            Array { shape, values: Values::Real(values) } if shape.len() == 1 => {
                finite(name, &values)?;
                Ok(values)
            }
            _ => Err(wrong(name, "a vector of numbers")),
        }
    }

    /// Refuses arrays that nobody took.
    ///
    /// # Errors
    /// `Malformed`, naming the first.
    pub fn finish(self) -> Result<()> {
        match self.arrays.first() {
            None => Ok(()),
            Some((name, _)) => Err(Error::malformed(format!("unexpected array '{name}'"))),
        }
    }

    fn take(&mut self, name: &str) -> Result<Array> {
        match self.arrays.iter().position(|(known, _)| known == name) {
            Some(index) => Ok(self.arrays.remove(index).1),
            None => Err(Error::malformed(format!("the array '{name}' is missing"))),
        }
    }
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::malformed(format!("the array '{name}' must be {expected}"))
}

fn finite(name: &str, values: &[f64]) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(wrong(name, "finite")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut state = State::new().with_scalar("a", 1.5).with_integer("n", 3).with_vector("v", &[1.0, 2.0]);
        assert_eq!(state.take_vector("v").unwrap(), [1.0, 2.0]);
        assert_eq!(state.take_count("n").unwrap(), 3);
        assert_eq!(state.take_scalar("a").unwrap().to_bits(), 1.5_f64.to_bits());
        state.finish().unwrap();
    }

    #[test]
    fn whatever_does_not_fit_is_named() {
        let mut state = State::new()
            .with_scalar("a", f64::NAN)
            .with_integer("n", -3)
            .with_vector("v", &[1.0, 2.0])
            .with_scalar("left", 0.0);
        let mut texts = vec![
            state.take_scalar("a").unwrap_err().to_string(),
            state.take_count("n").unwrap_err().to_string(),
            state.take_scalar("v").unwrap_err().to_string(),
            state.take_vector("w").unwrap_err().to_string(),
        ];
        texts.push(state.finish().unwrap_err().to_string());
        assert_eq!(
            texts,
            [
                "the array 'a' must be finite",
                "the array 'n' must be a whole number of at least 0",
                "the array 'v' must be a number",
                "the array 'w' is missing",
                "unexpected array 'left'",
            ]
        );
        assert_eq!(Array::new(vec![usize::MAX, 2], Values::Real(vec![])), None);
        assert_eq!(Array::new(vec![2, 2], Values::Real(vec![0.0; 3])), None);
    }
}
