//! The categories of features: the different values of each, in ascending order, a missing one (NaN) last.

use ndarray::{ArrayView1, ArrayView2};

use crate::error::{Error, ErrorKind, Place, Result};
use crate::onnx::{Graph, Tensor};
use crate::state::State;

/// The categories of one feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Categories {
    /// Ascending, without NaN.
    known: Vec<f64>,
    missing: bool,
}

impl Categories {
    pub(super) fn of(column: ArrayView1<'_, f64>) -> Self {
        let missing = column.iter().any(|v| v.is_nan());
        // 0 and −0 are one category.
        let mut known: Vec<f64> = column.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
        known.sort_unstable_by(f64::total_cmp);
        known.dedup();
        Self { known, missing }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len() + usize::from(self.missing)
    }

    /// The place of a value among them.
    pub(super) fn find(&self, value: f64) -> Option<usize> {
        if value.is_nan() {
            return self.missing.then_some(self.known.len());
        }
        self.known.binary_search_by(|known| known.total_cmp(&(value + 0.0))).ok()
    }

    /// The category at a place; NaN for the missing one.
    pub(super) fn get(&self, at: usize) -> f64 {
        self.known.get(at).copied().unwrap_or(f64::NAN)
    }

    /// The place of the missing one.
    pub(super) fn missing(&self) -> Option<usize> {
        self.missing.then_some(self.known.len())
    }

    /// All of them.
    pub(super) fn values(&self) -> Vec<f64> {
        (0..self.len()).map(|at| self.get(at)).collect()
    }

    /// The place of each value of a tensor of one column, -1 for one that is unknown.
    pub(super) fn places(&self, graph: &mut Graph, column: &Tensor) -> Tensor {
        let known = graph.numbers(&[1, self.known.len()], self.known.iter().copied());
        let mut equal = graph.with("Equal", column, &known);
        if self.missing {
            let missing = graph.apply("IsNaN", &[column], vec![]);
            equal = graph.beside(&[equal, missing]);
        }
        // One more than the place, times whether it is this one, summed, less one.
        let places = graph.integers(&[self.len(), 1], 1..=self.len() as i64);
        let equal = graph.as_integers(&equal);
        let found = graph.with("MatMul", &equal, &places);
        let one = graph.integers(&[1], [1]);
        graph.with("Sub", &found, &one)
    }

    fn from_values(mut values: Vec<f64>) -> Option<Self> {
        let missing = values.last().is_some_and(|v| v.is_nan());
        if missing {
            values.pop();
        }
        let sound = values.iter().all(|v| v.is_finite()) && values.is_sorted_by(|a, b| a < b);
        (sound && (missing || !values.is_empty())).then_some(Self { known: values, missing })
    }
}

/// The categories of each feature.
pub(super) fn of_columns(x: ArrayView2<'_, f64>) -> Vec<Categories> {
    x.columns().into_iter().map(Categories::of).collect()
}

/// Puts them into a model's state.
pub(super) fn into_state(state: State, categories: &[Categories]) -> State {
    let lengths = categories.iter().map(|categories| categories.len() as i64).collect();
    let values = categories.iter().flat_map(Categories::values).collect();
    state.with_values::<i64>("categories.lengths", lengths).with_values::<f64>("categories", values)
}

/// Takes them out again.
pub(super) fn from_state(state: &mut State) -> Result<Vec<Categories>> {
    let bad = || Error::malformed("the categories are not in order");
    let lengths = state.take_values::<i64>("categories.lengths")?;
    let values = state.take_values::<f64>("categories")?;
    let mut rest = &values[..];
    let mut all = Vec::with_capacity(lengths.len());
    for length in lengths {
        let length = usize::try_from(length).map_err(|_| bad())?;
        let (values, after) = rest.split_at_checked(length).ok_or_else(bad)?;
        all.push(Categories::from_values(values.to_vec()).ok_or_else(bad)?);
        rest = after;
    }
    if all.is_empty() || !rest.is_empty() {
        return Err(bad());
    }
    Ok(all)
}

/// The error of a value that the training data did not have.
pub(super) fn unknown(value: f64, row: usize, feature: usize) -> Error {
    let place = Place::Value { array: "X", row, feature: Some(feature), name: None };
    Error::new(ErrorKind::UnknownCategory { value: value.to_string() }).at(place)
}

/// The name of a category, as Python prints a float.
pub(super) fn name(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:?}") }
}
