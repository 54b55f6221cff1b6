//! Estimators by name, for app files, command lines and model files.
//!
//! ```
//! use taipan_learn::{Kind, registry};
//!
//! let mut ridge = registry::estimator("Ridge")?;
//! ridge.set_param("alpha", 0.5.into())?;
//! assert_eq!(ridge.kind(), Kind::Regressor);
//! assert!(registry::names().contains(&"Ridge"));
//! # Ok::<(), taipan_learn::Error>(())
//! ```

use crate::error::{Error, ErrorKind, Result};
use crate::estimator::{Estimator, Predictor};
use crate::state::State;
use crate::suggest::nearest;
use crate::{cluster, compose, decomposition, dummy, ensemble, linear, preprocessing, tree};

/// What is known of one estimator; each family lists its own.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) new: fn() -> Box<dyn Estimator>,
    pub(crate) restore: fn(State) -> Result<Box<dyn Predictor>>,
}

/// An [`Entry`] for an estimator whose fitted type has `from_state(State) -> Result<Self>`.
macro_rules! entry {
    ($estimator:ident, $fitted:ty) => {
        $crate::registry::Entry {
            name: stringify!($estimator),
            new: || Box::new($estimator::new()),
            restore: |state| Ok(Box::new(<$fitted>::from_state(state)?)),
        }
    };
}

pub(crate) use entry;

/// The entries of each family of estimators.
static FAMILIES: &[&[Entry]] = &[
    cluster::ENTRIES, //
    compose::ENTRIES,
    decomposition::ENTRIES,
    dummy::ENTRIES,
    ensemble::BOOSTING,
    ensemble::FORESTS,
    linear::ENTRIES,
    preprocessing::ENTRIES,
    tree::ENTRIES,
];

/// The names of all estimators, in alphabetical order.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = entries().map(|entry| entry.name).collect();
    names.sort_unstable();
    names
}

/// A new estimator with its default parameters.
///
/// # Errors
/// `UnknownEstimator`, with the nearest name.
pub fn estimator(name: &str) -> Result<Box<dyn Estimator>> {
    Ok((find(name)?.new)())
}

/// The fitted model of the named estimator, from what [`Predictor::state`] gave.
pub(crate) fn restore(name: &str, state: State) -> Result<Box<dyn Predictor>> {
    (find(name)?.restore)(state)
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

fn find(name: &str) -> Result<&'static Entry> {
    entries().find(|entry| entry.name == name).ok_or_else(|| {
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
        let names = names();
        for name in &names {
            assert_eq!(estimator(name).unwrap().name(), *name);
        }
        assert!(names.is_sorted_by(|a, b| a < b), "each name once");
    }

    #[test]
    fn a_mistyped_name_gets_a_suggestion() {
        let known = names().join(", ");
        for (name, text) in [
            ("LinearRegresion", "unknown estimator 'LinearRegresion'; did you mean 'LinearRegression'?".to_owned()),
            ("Qwop", format!("unknown estimator 'Qwop'; known: {known}")),
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
