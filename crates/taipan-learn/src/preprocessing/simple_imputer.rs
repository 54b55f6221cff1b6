//! Values in place of those that are missing.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, concatenate};

use super::check_names;
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator};
use crate::input::{Nan, check_predict, check_training};
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::Range;
use crate::state::State;
use crate::sum::mean;

estimator! {
    /// Replaces missing values (NaN) by one value per feature. A feature that is always missing is left out unless
    /// `keep_empty_features`. Parity with scikit-learn: exact, means close.
    pub struct SimpleImputer: Transformer -> SimpleImputerFitted {
        /// By what to replace: mean, median, most_frequent (the least of equally frequent ones) or constant.
        strategy: ImputeStrategy = ImputeStrategy::Mean, ImputeStrategy::RANGE;
        /// The value when the strategy is constant; None for 0.
        fill_value: Option<f64> = None, Range::NUMBER.or_none();
        /// Whether to add columns that say what was missing, for features with missing values in the training data.
        add_indicator: bool = false, Range::BOOLEAN;
        /// Whether to keep features that are always missing, as zeros or the constant.
        keep_empty_features: bool = false, Range::BOOLEAN;
    }
    impl Estimator {
        fn allows_nan(&self) -> bool {
            true
        }
    }
}

choices! {
    /// By what a [`SimpleImputer`] replaces missing values.
    pub enum ImputeStrategy {
        /// The mean.
        Mean = "mean",
        /// The median.
        Median = "median",
        /// The most frequent value.
        MostFrequent = "most_frequent",
        /// A constant.
        Constant = "constant",
    }
}

impl SimpleImputer {
    /// Finds the values.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`].
    pub fn fit_on(&self, data: &Training<'_>) -> Result<SimpleImputerFitted> {
        self.check_params()?;
        check_training(data, Nan::Missing)?;
        let columns = || data.x.columns().into_iter();
        let statistics: Vec<f64> = columns().map(|column| self.statistic(column)).collect();
        if statistics.iter().any(|v| v.is_infinite()) {
            return Err(Error::overflow("the fit"));
        }
        let with_missing = columns().enumerate().filter(|(_, column)| column.iter().any(|v| v.is_nan()));
        let indicators = self.add_indicator.then(|| with_missing.map(|(j, _)| j).collect());
        Ok(SimpleImputerFitted { statistics, indicators })
    }

    /// The value for one feature; NaN when it is to be left out.
    fn statistic(&self, column: ArrayView1<'_, f64>) -> f64 {
        let mut present: Vec<f64> = column.iter().copied().filter(|v| !v.is_nan()).collect();
        let constant = self.fill_value.unwrap_or(0.0);
        match self.strategy {
            _ if present.is_empty() && !self.keep_empty_features => f64::NAN,
            ImputeStrategy::Constant => constant,
            _ if present.is_empty() => 0.0,
            ImputeStrategy::Mean => mean(present.len(), |i| present[i]),
            ImputeStrategy::Median => {
                present.sort_unstable_by(f64::total_cmp);
                let middle = present.len() / 2;
                let upper = present[middle];
                if present.len() % 2 == 1 { upper } else { present[middle - 1].midpoint(upper) }
            }
            ImputeStrategy::MostFrequent => {
                present.sort_unstable_by(f64::total_cmp);
                let groups = present.chunk_by(|a, b| a == b);
                let longest =
                    groups.fold(&present[..0], |best, group| if group.len() > best.len() { group } else { best });
                longest.first().copied().unwrap_or(f64::NAN)
            }
        }
    }
}

/// A fitted [`SimpleImputer`].
#[derive(Debug, Clone, PartialEq)]
pub struct SimpleImputerFitted {
    statistics: Vec<f64>,
    indicators: Option<Vec<usize>>,
}

impl SimpleImputerFitted {
    /// The value for each feature; NaN for one that is left out.
    pub fn statistics(&self) -> &[f64] {
        &self.statistics
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let statistics = state.take_values::<f64>("statistics")?;
        let indicators =
            if state.contains("indicators") { Some(state.take_values::<i64>("indicators")?) } else { None };
        state.finish()?;
        if statistics.is_empty() || statistics.iter().any(|v| v.is_infinite()) {
            return Err(Error::malformed("the values to fill in are out of range"));
        }
        let index = |j: &i64| usize::try_from(*j).ok().filter(|j| *j < statistics.len());
        let indicators = match indicators {
            None => None,
            Some(indicators) => {
                let indices: Option<Vec<usize>> = indicators.iter().map(index).collect();
                Some(indices.ok_or_else(|| Error::malformed("an indicator is of no feature"))?)
            }
        };
        Ok(Self { statistics, indicators })
    }

    /// Features that are not left out.
    fn kept(&self) -> Vec<usize> {
        (0..self.statistics.len()).filter(|&j| !self.statistics[j].is_nan()).collect()
    }
}

impl Predictor for SimpleImputerFitted {
    fn n_features(&self) -> usize {
        self.statistics.len()
    }

    fn n_outputs(&self) -> usize {
        0
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.statistics.len(), Nan::Missing)?;
        let kept = self.kept();
        let filled = Array2::from_shape_fn((x.nrows(), kept.len()), |(i, j)| {
            let value = x[(i, kept[j])];
            if value.is_nan() { self.statistics[kept[j]] } else { value }
        });
        let Some(indicators) = &self.indicators else {
            return Ok(filled);
        };
        let flags = Array2::from_shape_fn((x.nrows(), indicators.len()), |(i, j)| {
            f64::from(u8::from(x[(i, indicators[j])].is_nan()))
        });
        concatenate(Axis(1), &[filled.view(), flags.view()])
            .map_err(|error| Error::malformed("filled values and indicators disagree").because(error))
    }

    /// Needs the indicators, which say what was missing; features that were left out come back as missing.
    fn inverse_transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let Some(indicators) = &self.indicators else {
            let allowed = "true, for inverse_transform to know what was missing";
            return Err(Error::invalid("SimpleImputer", "add_indicator", false, allowed));
        };
        let kept = self.kept();
        check_predict(x, kept.len() + indicators.len(), Nan::Refused)?;
        let mut out = Array2::from_elem((x.nrows(), self.statistics.len()), f64::NAN);
        for (at, &j) in kept.iter().enumerate() {
            out.column_mut(j).assign(&x.column(at));
        }
        for (at, &j) in indicators.iter().enumerate() {
            for (out, flag) in out.column_mut(j).iter_mut().zip(x.column(kept.len() + at)) {
                if *flag != 0.0 {
                    *out = f64::NAN;
                }
            }
        }
        Ok(out)
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        check_names(features, self.statistics.len())?;
        let kept = self.kept().into_iter().map(|j| features[j].clone());
        let indicators = self.indicators.iter().flatten().map(|j| format!("missingindicator_{}", features[*j]));
        Ok(kept.chain(indicators).collect())
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("statistics", Attribute::Vector(self.statistics.clone()))]
    }

    fn state(&self) -> State {
        let state = State::new().with_values("statistics", self.statistics.clone());
        match &self.indicators {
            None => state,
            Some(indicators) => state.with_values::<i64>("indicators", indicators.iter().map(|j| *j as i64).collect()),
        }
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let kept = self.kept();
        let values = graph.columns(x, &kept);
        let missing = graph.apply("IsNaN", &[&values], vec![]);
        let statistics = graph.numbers(&[1, kept.len()], kept.iter().map(|j| self.statistics[*j]));
        let filled = graph.choice(&missing, &statistics, &values);
        let Some(indicators) = &self.indicators else {
            return Ok(Answer::Numbers(filled));
        };
        let indicated = graph.columns(x, indicators);
        let missing = graph.apply("IsNaN", &[&indicated], vec![]);
        let flags = graph.as_numbers(&missing);
        Ok(Answer::Numbers(graph.beside(&[filled, flags])))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn what_was_missing_can_be_told_afterwards() {
        let x = array![[1.0, f64::NAN, f64::NAN], [3.0, f64::NAN, 5.0]];
        let imputer = SimpleImputer::new().add_indicator(true).fit(x.view()).unwrap();
        let out = imputer.transform(x.view()).unwrap();
        assert_eq!(out, array![[1.0, 5.0, 1.0, 1.0], [3.0, 5.0, 1.0, 0.0]]);
        let names = ["a", "b", "c"].map(str::to_owned);
        let names = imputer.feature_names_out(&names).unwrap();
        assert_eq!(names, ["a", "c", "missingindicator_b", "missingindicator_c"]);
        let back = imputer.inverse_transform(out.view()).unwrap();
        assert!(x.iter().zip(&back).all(|(a, b)| a == b || a.is_nan() && b.is_nan()));
        let plain = SimpleImputer::new().fit(x.view()).unwrap();
        assert_eq!(
            plain.inverse_transform(out.view()).unwrap_err().to_string(),
            "SimpleImputer: add_indicator = false is not allowed; it must be true, for inverse_transform to know what \
             was missing"
        );
    }
}
