//! Where boosting starts, if not from the best constant: from zero, or from what another estimator predicts.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::error::{Error, Result};
use crate::estimator::{Estimator, Kind, Predictor, Training};
use crate::param::{ParamType, ParamValue, Range};
use crate::registry;
use crate::state::State;

use super::loss::Loss;

/// Where boosting starts, unless from the best constant.
#[derive(Debug, Clone)]
pub enum BoostingInit {
    /// From zero.
    Zero,
    /// From what this estimator predicts, fitted to the same rows: a regressor to the numbers, a classifier to the numbers
    /// of the classes. As in scikit-learn, features are rounded to 32 bits first.
    Estimator(Box<dyn Estimator>),
}

impl BoostingInit {
    pub(crate) const RANGE: Range =
        Range::described("zero, the name of an estimator of the same kind, or [name, {parameter: value}]");

    /// From what the estimator predicts.
    pub fn estimator(estimator: impl Estimator + 'static) -> Self {
        Self::Estimator(Box::new(estimator))
    }

    /// Refuses an estimator of another kind, or with parameters out of range.
    pub(super) fn check(&self, owner: &str, kind: Kind) -> Result<()> {
        match self {
            Self::Zero => Ok(()),
            Self::Estimator(estimator) if estimator.kind() != kind => {
                Err(Error::invalid(owner, "init", estimator.name(), format!("a {kind}")))
            }
            Self::Estimator(estimator) => estimator.check_params(),
        }
    }
}

/// Equal when they are declared alike.
impl PartialEq for BoostingInit {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

impl ParamType for BoostingInit {
    fn from_value(value: &ParamValue) -> Option<Self> {
        let none = BTreeMap::new();
        let (name, params) = match value {
            ParamValue::Text(word) if word == "zero" => return Some(Self::Zero),
            ParamValue::Text(name) => (name, &none),
            ParamValue::List(fields) => match &fields[..] {
                [ParamValue::Text(name)] => (name, &none),
                [ParamValue::Text(name), ParamValue::Map(params)] => (name, params),
                _ => return None,
            },
            _ => return None,
        };
        let mut estimator = registry::estimator(name).ok()?;
        for (name, value) in params {
            estimator.set_param(name, value.clone()).ok()?;
        }
        Some(Self::Estimator(estimator))
    }

    fn nested(&mut self) -> Option<&mut dyn Estimator> {
        match self {
            Self::Zero => None,
            Self::Estimator(estimator) => Some(estimator.as_mut()),
        }
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::Zero => "zero".into(),
            Self::Estimator(estimator) => {
                let params = estimator.get_params().into_iter().map(|(name, value)| (name.into_owned(), value));
                ParamValue::List(vec![estimator.name().into(), ParamValue::Map(params.collect())])
            }
        }
    }
}

/// The fitted estimator that boosting starts from.
#[derive(Debug, Clone)]
pub(super) struct FittedInit {
    /// Its name, for restoring it.
    estimator: String,
    pub(super) fitted: Arc<dyn Predictor>,
}

impl PartialEq for FittedInit {
    fn eq(&self, other: &Self) -> bool {
        self.estimator == other.estimator && self.fitted.state() == other.fitted.state()
    }
}

impl FittedInit {
    /// Fits it to rounded features and encoded targets.
    pub(super) fn fit(
        estimator: &dyn Estimator,
        x: ArrayView2<'_, f64>,
        y: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let data = Training::supervised(x, ArrayView1::from(y));
        let fitted = match weights {
            None => estimator.fit_on(&data),
            Some(weights) => estimator.fit_on(&data.sample_weight(ArrayView1::from(weights))),
        };
        Ok(Self { estimator: estimator.name().to_owned(), fitted: fitted?.into() })
    }

    /// The raw predictions that it leads to, row by row.
    pub(super) fn raw(&self, loss: Loss, x: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let Some(n_classes) = loss.n_classes() else {
            return Ok(self.fitted.predict(x)?.to_vec());
        };
        let shares = self.fitted.predict_proba(x)?;
        if shares.ncols() != n_classes {
            let what = "the estimator that boosting starts from knows another number of classes";
            return Err(Error::shape(what, shares.ncols(), n_classes));
        }
        let raw = |shares: ArrayView1<'_, f64>| loss.raw_of_shares(shares.to_vec());
        Ok(shares.rows().into_iter().flat_map(raw).collect())
    }

    pub(super) fn put(&self, state: State) -> State {
        state.with_values("init_estimator", vec![self.estimator.clone()]).with_nested("init", self.fitted.state())
    }

    /// Takes back what [`put`](Self::put) added, if it did.
    pub(super) fn take(state: &mut State) -> Result<Option<Self>> {
        if !state.contains("init_estimator") {
            return Ok(None);
        }
        let names: Vec<String> = state.take_values("init_estimator")?;
        let [estimator] = <[String; 1]>::try_from(names)
            .map_err(|_| Error::malformed("boosting starts from one estimator, not from several"))?;
        let fitted = registry::restore(&estimator, state.take_nested("init"))?.into();
        Ok(Some(Self { estimator, fitted }))
    }
}

/// Features as 32-bit floats, widened again: row by row.
pub(super) fn rounded(rows: &[f32], n_features: usize) -> Result<Array2<f64>> {
    let values = rows.iter().copied().map(f64::from).collect();
    Array2::from_shape_vec((rows.len() / n_features, n_features), values)
        .map_err(|_| Error::overflow("the number of values"))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;
    use crate::random::RandomState;
    use crate::{
        BoostingPredictor, DecisionTreeClassifier, GradientBoostingClassifier, GradientBoostingRegressor,
        LinearRegression, LogisticRegression, Model, Ridge,
    };

    fn line() -> (Array2<f64>, Array1<f64>) {
        let mut random = RandomState::new(5);
        let x = Array2::from_shape_simple_fn((60, 2), || f64::from(random.standard_normal() as f32));
        let y = x.rows().into_iter().map(|row| 3.0 * row[0] - 2.0 * row[1] + 1.0).collect();
        (x, y)
    }

    #[test]
    fn boosting_goes_on_from_where_the_estimator_ends() {
        let (x, y) = line();
        let boosting = GradientBoostingRegressor::new().n_estimators(3_usize).random_state(0);
        let model =
            boosting.clone().init(BoostingInit::estimator(LinearRegression::new())).fit(x.view(), y.view()).unwrap();
        // Nothing is left to learn.
        let predicted = model.predict(x.view()).unwrap();
        assert!(predicted.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-12));
        let staged: Vec<Array1<f64>> = model.staged_predict(x.view()).unwrap().collect();
        assert_eq!(staged.last(), Some(&predicted));
        let far = boosting.fit(x.view(), y.view()).unwrap().predict(x.view()).unwrap();
        assert!(far.iter().zip(&y).any(|(a, b)| (a - b).abs() > 1.0));
        assert_eq!(BoostingPredictor::from_state(model.state()).unwrap(), model);
    }

    #[test]
    fn classes_start_from_probabilities() {
        let (x, y) = line();
        for (n_classes, init) in [(2, "LogisticRegression"), (3, "LogisticRegression"), (3, "DecisionTreeClassifier")] {
            let y = y.mapv(|y| (y / 3.0).round().rem_euclid(f64::from(n_classes)) + 7.0);
            let mut boosting = GradientBoostingClassifier::new().n_estimators(2_usize).random_state(0);
            boosting.set_param("init", init.into()).unwrap();
            let model = boosting.learning_rate(0.0).fit(x.view(), y.view()).unwrap();
            let found = model.predict_proba(x.view()).unwrap();
            let expected = match init {
                "LogisticRegression" => {
                    LogisticRegression::new().fit(x.view(), y.view()).unwrap().predict_proba(x.view())
                }
                _ => DecisionTreeClassifier::new().fit(x.view(), y.view()).unwrap().predict_proba(x.view()),
            };
            assert!(found.iter().zip(&expected.unwrap()).all(|(a, b)| (a - b).abs() < 1e-9), "{n_classes}, {init}");
            assert_eq!(BoostingPredictor::from_state(model.state()).unwrap(), model);
        }
    }

    #[test]
    fn it_is_given_by_name_or_with_parameters() {
        for (text, expected) in [
            ("None", Some(None)),
            ("zero", Some(Some(BoostingInit::Zero))),
            ("Ridge", Some(Some(BoostingInit::estimator(Ridge::new())))),
            (r#"["Ridge", {"alpha": 0.5}]"#, Some(Some(BoostingInit::estimator(Ridge::new().alpha(0.5))))),
            ("Rigde", None),
            (r#"["Ridge", {"alhpa": 0.5}]"#, None),
            ("3", None),
        ] {
            let Ok(value) = text.parse::<ParamValue>();
            assert_eq!(Option::<BoostingInit>::from_value(&value), expected, "{text}");
        }
        let init = Some(BoostingInit::estimator(Ridge::new().alpha(0.5)));
        assert_eq!(ParamType::from_value(&init.to_value()), Some(init.clone()));
        let (x, y) = line();
        for (init, error) in [
            (
                BoostingInit::estimator(LogisticRegression::new()),
                "GradientBoostingRegressor: init = LogisticRegression is not allowed; it must be a regressor",
            ),
            (
                BoostingInit::estimator(Ridge::new().alpha(-1.0)),
                "Ridge: alpha = -1.0 is not allowed; it must be a finite number of at least 0",
            ),
        ] {
            let estimator = GradientBoostingRegressor::new().init(init);
            assert_eq!(estimator.fit(x.view(), y.view()).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn its_own_parameters_can_be_set() {
        let mut boosting = GradientBoostingRegressor::new();
        for (name, value, error) in [
            ("init__alpha", "0.5", Some("GradientBoostingRegressor has no parameter 'init__alpha'")),
            ("init", "Ridge", None),
            ("init__alpha", "0.5", None),
            ("init__alhpa", "0.5", Some("Ridge has no parameter 'alhpa'")),
            ("init__alpha", "much", Some("Ridge: alpha = much is not allowed")),
            ("alpha__init", "1", Some("GradientBoostingRegressor has no parameter 'alpha__init'")),
            ("init_", "1", Some("GradientBoostingRegressor has no parameter 'init_'")),
        ] {
            let Ok(value) = value.parse::<ParamValue>();
            match (boosting.set_param(name, value), error) {
                (Ok(()), None) => {}
                (Err(found), Some(error)) => assert!(found.to_string().starts_with(error), "{name}: {found}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
        let expected = GradientBoostingRegressor::new().init(BoostingInit::estimator(Ridge::new().alpha(0.5)));
        assert_eq!(boosting.get_params(), expected.get_params());
    }

    #[test]
    fn a_model_file_keeps_it() {
        let (x, y) = line();
        let estimator =
            GradientBoostingRegressor::new().n_estimators(2_usize).init(BoostingInit::estimator(Ridge::new()));
        let model = estimator.fit(x.view(), y.view()).unwrap();
        let names = ["a", "b"].map(str::to_owned).to_vec();
        let file = Model::train(&estimator, x.view(), y.view(), names, "y").unwrap();
        let again = Model::from_bytes(&file.to_bytes().unwrap()).unwrap();
        let other = array![[1.0, 2.0], [0.5, -1.0]];
        assert_eq!(again.predict(other.view()).unwrap(), model.predict(other.view()).unwrap());
    }
}
