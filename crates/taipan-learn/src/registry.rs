//! Estimators by name, for app files, command lines and model files.
//!
//! ```
//! use taipan_learn::registry;
//!
//! let mut ridge = registry::estimator("Ridge")?;
//! ridge.set_param("alpha", 0.5.into())?;
//! assert_eq!(registry::names(), ["DummyRegressor", "LinearRegression", "Ridge"]);
//! # Ok::<(), taipan_learn::Error>(())
//! ```

use crate::dummy::{ConstantPredictor, DummyRegressor};
use crate::error::{Error, ErrorKind, Result};
use crate::estimator::{Estimator, Predictor};
use crate::linear::{LinearPredictor, LinearRegression, Ridge};
use crate::state::State;
use crate::suggest::nearest;

/// What is known of one estimator. A new estimator needs one entry here, and nothing else outside its own file.
struct Entry {
    name: &'static str,
    new: fn() -> Box<dyn Estimator>,
    restore: fn(State) -> Result<Box<dyn Predictor>>,
}

/// In alphabetical order.
static ENTRIES: [Entry; 3] = [
    Entry {
        name: "DummyRegressor",
        new: || Box::new(DummyRegressor::new()),
        restore: |state| Ok(Box::new(ConstantPredictor::from_state(state)?)),
    },
    Entry {
        name: "LinearRegression",
        new: || Box::new(LinearRegression::new()),
        restore: |state| Ok(Box::new(LinearPredictor::from_state(state)?)),
    },
    Entry {
        name: "Ridge",
        new: || Box::new(Ridge::new()),
        restore: |state| Ok(Box::new(LinearPredictor::from_state(state)?)),
    },
];

/// The names of all estimators, in alphabetical order.
pub fn names() -> Vec<&'static str> {
    ENTRIES.iter().map(|entry| entry.name).collect()
}

/// A new estimator with its default parameters.
///
/// # Errors
/// `UnknownEstimator`, with the nearest name.
pub fn estimator(name: &str) -> Result<Box<dyn Estimator>> {
    Ok((entry(name)?.new)())
}

/// The fitted model of the named estimator, from what [`Predictor::state`] gave.
pub(crate) fn restore(name: &str, state: State) -> Result<Box<dyn Predictor>> {
    (entry(name)?.restore)(state)
}

fn entry(name: &str) -> Result<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| {
        Error::new(ErrorKind::UnknownEstimator {
            name: name.to_owned(),
            nearest: nearest(name, names()),
            known: names().into_iter().map(str::to_owned).collect(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_makes_the_estimator_it_names() {
        for name in names() {
            assert_eq!(estimator(name).unwrap().name(), name);
        }
        assert!(names().is_sorted());
    }

    #[test]
    fn a_mistyped_name_gets_a_suggestion() {
        for (name, text) in [
            ("LinearRegresion", "unknown estimator 'LinearRegresion'; did you mean 'LinearRegression'?"),
            ("Qwop", "unknown estimator 'Qwop'; known: DummyRegressor, LinearRegression, Ridge"),
        ] {
            assert_eq!(estimator(name).unwrap_err().to_string(), text);
        }
        let mut ridge = estimator("Ridge").unwrap();
        assert_eq!(
            ridge.set_param("alhpa", 1.0.into()).unwrap_err().to_string(),
            "Ridge has no parameter 'alhpa'; did you mean 'alpha'?"
        );
    }
}
