//! What a fitted model consists of, as named arrays: the part of a model file that is numbers.
//!
//! A predictor writes its arrays with [`State::with`] and reads them back with the `take_` methods, which check type
//! and shape, then [`State::finish`], which refuses leftovers. The numbers may come from an untrusted file.
//! The state of a model inside another goes under a prefix: [`State::with_nested`].

use ndarray::Array2;

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

/// The values of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// 64-bit floating-point numbers.
    Real(Vec<f64>),
    /// 32-bit floating-point numbers.
    Real32(Vec<f32>),
    /// 64-bit whole numbers.
    Integer(Vec<i64>),
    /// 32-bit whole numbers.
    Integer32(Vec<i32>),
    /// Bytes.
    Byte(Vec<u8>),
    /// Texts.
    Text(Vec<String>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Real(values) => values.len(),
            Self::Real32(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Integer32(values) => values.len(),
            Self::Byte(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A Rust type that an [`Array`] can hold.
pub trait Element: Sized {
    /// What an array of them is called in an error.
    const NAMED: &'static str;
    /// Wraps them.
    fn wrap(values: Vec<Self>) -> Values;
    /// Unwraps them, or nothing when they are of another type.
    fn unwrap(values: Values) -> Option<Vec<Self>>;
}

macro_rules! element {
    ($($type:ty: $variant:ident, $named:literal;)+) => {
        $(impl Element for $type {
            const NAMED: &'static str = $named;

            fn wrap(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }

            fn unwrap(values: Values) -> Option<Vec<Self>> {
                match values {
                    Values::$variant(values) => Some(values),
                    _ => None,
                }
            }
        })+
    };
}

element! {
    f64: Real, "numbers";
    f32: Real32, "32-bit numbers";
    i64: Integer, "whole numbers";
    i32: Integer32, "32-bit whole numbers";
    u8: Byte, "bytes";
    String: Text, "texts";
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

    /// Adds a vector of any type.
    #[must_use]
    pub fn with_values<T: Element>(self, name: &str, values: Vec<T>) -> Self {
        self.with(name, Array { shape: vec![values.len()], values: T::wrap(values) })
    }

    /// Adds a matrix.
    #[must_use]
    pub fn with_matrix(self, name: &str, matrix: &Array2<f64>) -> Self {
        let (shape, values) = (matrix.shape().to_vec(), matrix.iter().copied().collect());
        self.with(name, Array { shape, values: Values::Real(values) })
    }

    /// Adds several vectors of numbers under one name: the classes of each output, say.
    #[must_use]
    pub fn with_vectors(self, name: &str, vectors: &[Vec<f64>]) -> Self {
        let lengths = vectors.iter().map(|vector| vector.len() as i64).collect();
        self.with_values(&format!("{name}.lengths"), lengths).with_values(name, vectors.concat())
    }

    /// Adds the arrays of another model, each as `name/array`.
    #[must_use]
    pub fn with_nested(mut self, name: &str, nested: State) -> Self {
        self.arrays.extend(nested.arrays.into_iter().map(|(array, values)| (format!("{name}/{array}"), values)));
        self
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

    /// Takes a vector of any type. Its numbers may be NaN or infinite.
    ///
    /// # Errors
    /// See [`take_scalar`](Self::take_scalar).
    pub fn take_values<T: Element>(&mut self, name: &str) -> Result<Vec<T>> {
        let array = self.take(name)?;
        let values = if array.shape.len() == 1 { T::unwrap(array.values) } else { None };
        values.ok_or_else(|| wrong(name, &format!("a vector of {}", T::NAMED)))
    }

    /// Takes a matrix of finite numbers.
    ///
    /// # Errors
    /// See [`take_scalar`](Self::take_scalar).
    pub fn take_matrix(&mut self, name: &str) -> Result<Array2<f64>> {
        let matrix = match self.take(name)? {
            Array { shape, values: Values::Real(values) } => {
                finite(name, &values)?;
                match shape[..] {
                    [rows, columns] => Array2::from_shape_vec((rows, columns), values).ok(),
                    _ => None,
                }
            }
            _ => None,
        };
        matrix.ok_or_else(|| wrong(name, "a matrix of numbers"))
    }

    /// Takes vectors of finite numbers that [`with_vectors`](Self::with_vectors) put there.
    ///
    /// # Errors
    /// See [`take_scalar`](Self::take_scalar).
    pub fn take_vectors(&mut self, name: &str) -> Result<Vec<Vec<f64>>> {
        let lengths = self.take_values::<i64>(&format!("{name}.lengths"))?;
        let values = self.take_vector(name)?;
        let mut rest = values.as_slice();
        let mut vectors = Vec::with_capacity(lengths.len());
        for length in lengths {
            let part = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
            let (vector, after) = part.ok_or_else(|| wrong(name, "as long as its lengths say"))?;
            vectors.push(vector.to_vec());
            rest = after;
        }
        if rest.is_empty() { Ok(vectors) } else { Err(wrong(name, "as long as its lengths say")) }
    }

    /// Takes the arrays of another model that [`with_nested`](Self::with_nested) put under `name`.
    #[must_use]
    pub fn take_nested(&mut self, name: &str) -> State {
        let inside = |array: &str| array.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
        let (mut nested, mut others) = (State::new(), Vec::new());
        for (array, values) in self.arrays.drain(..) {
            match inside(&array) {
                Some(array) => nested.arrays.push((array, values)),
                None => others.push((array, values)),
            }
        }
        self.arrays = others;
        nested
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
    fn arrays_of_every_type_and_models_in_models_come_back() {
        let inner = State::new().with_values("b", vec![1_u8, 2]).with_values("t", vec!["é".to_owned()]);
        let classes = vec![vec![0.0, 1.0], vec![], vec![2.0]];
        let matrix = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
        let mut state = State::new()
            .with_nested("step", inner.clone())
            .with_values("f", vec![f32::NAN])
            .with_values("i", vec![-1_i32])
            .with_matrix("m", &matrix)
            .with_vectors("classes", &classes);
        assert_eq!(state.take_nested("step"), inner);
        assert!(state.take_values::<f32>("f").unwrap()[0].is_nan());
        assert_eq!(
            state.take_values::<i64>("i").unwrap_err().to_string(),
            "the array 'i' must be a vector of whole numbers"
        );
        assert_eq!(state.take_matrix("m").unwrap(), matrix);
        assert_eq!(state.take_vectors("classes").unwrap(), classes);
        state.finish().unwrap();
        let mut forged = State::new().with_values("c.lengths", vec![3_i64]).with_vector("c", &[1.0]);
        assert_eq!(
            forged.take_vectors("c").unwrap_err().to_string(),
            "the array 'c' must be as long as its lengths say"
        );
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
