//! One part of a composed estimator: an estimator, or nothing done to the columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::estimator::{Estimator, Predictor};
use crate::param::{Param, ParamValue};
use crate::registry;
use crate::state::State;

/// What stands for columns that are left as they are.
pub(super) const PASSTHROUGH: &str = "passthrough";

/// A named part; without an estimator it passes its columns through.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) estimator: Option<Box<dyn Estimator>>,
}

/// The same, fitted. Candidates of a search may share it.
#[derive(Debug, Clone)]
pub(super) struct FittedPart {
    pub(super) name: String,
    /// The estimator's name, for restoring it.
    pub(super) estimator: String,
    pub(super) fitted: Arc<dyn Predictor>,
}

impl Part {
    /// The estimator of that name with these parameters; nothing for "passthrough".
    pub(super) fn estimator(
        name: &str,
        params: Option<&BTreeMap<String, ParamValue>>,
    ) -> Result<Option<Box<dyn Estimator>>> {
        if name == PASSTHROUGH {
            return Ok(None);
        }
        let mut estimator = registry::estimator(name)?;
        for (name, value) in params.into_iter().flatten() {
            estimator.set_param(name, value.clone())?;
        }
        Ok(Some(estimator))
    }

    /// The estimator's name and parameters as values.
    pub(super) fn to_values(&self) -> (ParamValue, ParamValue) {
        match &self.estimator {
            None => (PASSTHROUGH.into(), ParamValue::Map(BTreeMap::new())),
            Some(estimator) => {
                let params = estimator.get_params().into_iter().map(|(name, value)| (name.into_owned(), value));
                (estimator.name().into(), ParamValue::Map(params.collect()))
            }
        }
    }

    pub(super) fn fitted(&self, estimator: &dyn Estimator, fitted: Box<dyn Predictor>) -> FittedPart {
        FittedPart { name: self.name.clone(), estimator: estimator.name().to_owned(), fitted: fitted.into() }
    }
}

/// The parameters of all parts, as `name__param`.
pub(super) fn nested_params<'a>(parts: impl Iterator<Item = &'a Part>) -> Vec<Param> {
    let of = |part: &'a Part| {
        let params = part.estimator.as_ref().map(|estimator| estimator.params()).unwrap_or_default();
        params.into_iter().map(|param| Param { name: format!("{}__{}", part.name, param.name).into(), ..param })
    };
    parts.flat_map(of).collect()
}

/// Sets `name`, a part, to another estimator, or `name__param`, a parameter of it.
pub(super) fn set_nested<'a>(
    owner: &str,
    own: &[&str],
    parts: impl Iterator<Item = &'a mut Part>,
    name: &str,
    value: ParamValue,
) -> Result<()> {
    let (part_name, param) = match name.split_once("__") {
        Some((part, param)) => (part, Some(param)),
        None => (name, None),
    };
    let mut known: Vec<String> = own.iter().map(|&own| own.to_owned()).collect();
    for part in parts {
        if part.name != part_name {
            known.push(part.name.clone());
            continue;
        }
        return match (param, &mut part.estimator, &value) {
            (Some(param), Some(estimator), _) => estimator.set_param(param, value),
            (Some(_), None, _) => Err(Error::invalid(owner, name, &value, "left out: nothing is done in this step")),
            (None, estimator, ParamValue::Text(word)) => {
                *estimator = Part::estimator(word, None)?;
                Ok(())
            }
            (None, _, _) => Err(Error::invalid(owner, name, &value, "the name of an estimator, or passthrough")),
        };
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(Error::unknown_param(owner, name, &known))
}

/// Names that tell the parts apart and can be put before `__`.
pub(super) fn check_names<'a>(
    owner: &str,
    param: &str,
    names: impl Iterator<Item = &'a str>,
    own: &[&str],
) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if name.is_empty() || name.contains("__") || own.contains(&name) || !seen.insert(name) {
            let allowed = format!("names that differ, are not {} and have no __", own.join(", "));
            return Err(Error::invalid(owner, param, format!("'{name}'"), allowed));
        }
    }
    Ok(())
}

/// Puts fitted parts into a state: their names, their estimators and each one's own state under its number.
pub(super) fn to_state(parts: &[FittedPart]) -> State {
    let names = parts.iter().map(|part| part.name.clone()).collect();
    let estimators = parts.iter().map(|part| part.estimator.clone()).collect();
    let state = State::new().with_values::<String>("names", names).with_values::<String>("estimators", estimators);
    let nest = |state: State, (at, part): (usize, &FittedPart)| state.with_nested(&at.to_string(), part.fitted.state());
    parts.iter().enumerate().fold(state, nest)
}

/// Takes back what [`to_state`] put there.
pub(super) fn from_state(state: &mut State) -> Result<Vec<FittedPart>> {
    let names = state.take_values::<String>("names")?;
    let estimators = state.take_values::<String>("estimators")?;
    if names.len() != estimators.len() {
        return Err(Error::malformed("the parts have another number of names than of estimators"));
    }
    let restore = |(at, (name, estimator)): (usize, (String, String))| {
        let fitted = registry::restore(&estimator, state.take_nested(&at.to_string()))?.into();
        Ok(FittedPart { name, estimator, fitted })
    };
    names.into_iter().zip(estimators).enumerate().map(restore).collect()
}
