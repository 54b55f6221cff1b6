//! Parity of searches, cross-validation and curves with scikit-learn: `data/search.json`, written by `data/search.py`,
//! holds its results. Candidates, ranks and splits must be the same, scores agree to a relative 1e-10.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod fixture;

use ndarray::{Array1, Array2};
use serde_json::Value;
use taipan_learn::metrics::Scoring;
use taipan_learn::model_selection::{
    Cv, GridSearchCV, Loss, Method, ParamDistributions, ParamGrid, RandomizedSearchCV, TrainSize, bias_variance,
    cross_val_predict, cross_validate, learning_curve, splitter, validation_curve,
};
use taipan_learn::{Estimator, Kind, ParamValue, Training, registry};

fn cases(section: &str) -> Vec<Value> {
    let Value::Array(cases) = fixture::read("search")[section].take() else { panic!("{section} is no list") };
    assert!(!cases.is_empty());
    cases
}

fn list(json: &Value) -> &Vec<Value> {
    json.as_array().unwrap_or_else(|| panic!("{json} is no list"))
}

fn value(json: &Value) -> ParamValue {
    serde_json::from_value(json.clone()).unwrap()
}

fn count(json: &Value) -> usize {
    usize::try_from(json.as_u64().unwrap()).unwrap()
}

fn seed(json: &Value) -> Option<u32> {
    json.as_u64().map(|seed| u32::try_from(seed).unwrap())
}

/// A case's data, estimator and way to score.
struct Case {
    json: Value,
    x: Array2<f64>,
    y: Array1<f64>,
    estimator: Box<dyn Estimator>,
}

impl Case {
    fn new(json: Value) -> Self {
        let rows: Vec<Vec<f64>> = serde_json::from_value(json["x"].clone()).unwrap();
        let x = Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap();
        let y: Vec<f64> = serde_json::from_value(json["y"].clone()).unwrap();
        let mut estimator = registry::estimator(json["estimator"][0].as_str().unwrap()).unwrap();
        for (name, param) in json["estimator"][1].as_object().unwrap() {
            estimator.set_param(name, value(param)).unwrap();
        }
        Self { json, x, y: y.into(), estimator }
    }

    fn data(&self) -> Training<'_> {
        Training::supervised(self.x.view(), self.y.view())
    }

    fn cv(&self) -> Cv {
        let cv = &self.json["cv"];
        if cv.is_u64() {
            return count(cv).into();
        }
        let mut found = splitter(cv[0].as_str().unwrap()).unwrap();
        for (name, param) in cv[1].as_object().unwrap() {
            found.set_param(name, value(param)).unwrap();
        }
        found.into()
    }

    fn scoring(&self) -> Option<Scoring> {
        self.json["scoring"].as_str().map(|name| name.parse().unwrap())
    }

    fn about(&self) -> String {
        format!("{} {} {} {}", self.json["estimator"], self.json["cv"], self.json["scoring"], self.json["grid"])
    }

    #[track_caller]
    fn assert_scores(&self, found: &[Option<f64>], expected: &Value) {
        assert_eq!(found.len(), list(expected).len(), "{}", self.about());
        for (found, expected) in found.iter().zip(list(expected)) {
            match (found, expected.as_f64()) {
                (Some(found), Some(expected)) => self.assert_close(*found, expected),
                (found, expected) => assert_eq!(*found, expected, "{}", self.about()),
            }
        }
    }

    #[track_caller]
    fn assert_close(&self, found: f64, expected: f64) {
        let near = (found - expected).abs() <= 1e-9 * expected.abs() + 1e-12;
        assert!(near, "{}: {found:?}, expected {expected:?}", self.about());
    }

    #[track_caller]
    fn assert_numbers<'a>(&self, found: impl ExactSizeIterator<Item = &'a f64>, expected: &Value) {
        let expected: Vec<&Value> = list(expected)
            .iter()
            .flat_map(|row| row.as_array().map_or(vec![row], |row| row.iter().collect()))
            .collect();
        assert_eq!(found.len(), expected.len(), "{}", self.about());
        for (found, expected) in found.zip(expected) {
            self.assert_close(*found, expected.as_f64().unwrap());
        }
    }
}

#[test]
fn searches() {
    for case in cases("search").into_iter().map(Case::new) {
        let json = &case.json;
        let names = json["grid"].as_object().unwrap();
        let values = |name: &str| list(&names[name]).iter().map(value).collect::<Vec<_>>();
        let found = if json["n_iter"].is_null() {
            let grid = names.keys().fold(ParamGrid::new(), |grid, name| grid.values(name, values(name)));
            let search = GridSearchCV::new(&*case.estimator, grid).cv(case.cv()).return_train_score(true);
            case.scoring().into_iter().fold(search, GridSearchCV::scoring).fit_on(&case.data())
        } else {
            let space = ParamDistributions::new();
            let space = names.keys().fold(space, |space, name| space.values(name, values(name)));
            let search = RandomizedSearchCV::new(&*case.estimator, space).cv(case.cv());
            let search = search.n_iter(count(&json["n_iter"])).random_state(seed(&json["random_state"]));
            case.scoring().into_iter().fold(search, RandomizedSearchCV::scoring).fit_on(&case.data())
        };
        let found = found.unwrap_or_else(|error| panic!("{}: {error}", case.about()));
        let params: Vec<Value> = found
            .candidates
            .iter()
            .map(|candidate| {
                let params = candidate.params.iter();
                params.map(|(name, value)| (name.clone(), serde_json::to_value(value).unwrap())).collect()
            })
            .collect();
        assert_eq!(&params, list(&json["params"]), "{}", case.about());
        for (at, candidate) in found.candidates.iter().enumerate() {
            case.assert_scores(&candidate.test_scores(), &json["splits"][at]);
            if json["train"].is_array() {
                case.assert_scores(&candidate.train_scores(), &json["train"][at]);
            }
            case.assert_close(candidate.mean.unwrap(), json["mean"][at].as_f64().unwrap());
            case.assert_close(candidate.std.unwrap(), json["std"][at].as_f64().unwrap());
            assert_eq!(candidate.rank, count(&json["rank"][at]), "{}", case.about());
        }
        assert_eq!(found.best_index, count(&json["best"]), "{}", case.about());
        let first = case.x.slice(ndarray::s![..5, ..]).mapv(|x| x + 0.01);
        let predicted = found.best_model().unwrap().predict(first.view()).unwrap();
        case.assert_numbers(predicted.iter(), &json["predicted"]);
    }
}

#[test]
fn cross_validation_and_curves() {
    for case in cases("cross_validation").into_iter().map(Case::new) {
        let (json, data) = (&case.json, case.data());
        let scoring = case.scoring();
        let found = cross_validate(&*case.estimator, &data, case.cv(), scoring.as_slice()).unwrap();
        case.assert_scores(&found.test_scores(0), &json["test"]);
        case.assert_scores(&found.train_scores(0), &json["train"]);
        for (method, name) in [(Method::Predict, "predicted"), (Method::PredictProba, "proba")] {
            if json[name].is_array() {
                let found = cross_val_predict(&*case.estimator, &data, case.cv(), method).unwrap();
                case.assert_numbers(found.iter(), &json[name]);
            }
        }
        let expected = &json["validation"];
        let values: Vec<ParamValue> = list(&expected["range"]).iter().map(value).collect();
        let name = expected["name"].as_str().unwrap();
        let found = validation_curve(&*case.estimator, &data, name, &values, case.cv(), scoring).unwrap();
        for (at, (train, test)) in found.train_scores.iter().zip(&found.test_scores).enumerate() {
            case.assert_scores(train, &expected["train"][at]);
            case.assert_scores(test, &expected["test"][at]);
        }
        let expected = &json["learning"];
        let size = |size: &Value| match size.as_u64() {
            Some(_) => TrainSize::Count(count(size)),
            None => TrainSize::Fraction(size.as_f64().unwrap()),
        };
        let sizes: Vec<TrainSize> = list(&expected["sizes"]).iter().map(size).collect();
        let shuffle = seed(&expected["shuffle"]);
        let found = learning_curve(&*case.estimator, &data, &sizes, case.cv(), scoring, shuffle).unwrap();
        assert_eq!(serde_json::json!(found.train_sizes), expected["found"], "{}", case.about());
        for (at, (train, test)) in found.train_scores.iter().zip(&found.test_scores).enumerate() {
            case.assert_scores(train, &expected["train"][at]);
            case.assert_scores(test, &expected["test"][at]);
        }
    }
}

#[test]
fn bias_and_variance() {
    for case in cases("bias_variance").into_iter().map(Case::new) {
        let x = case.x.slice(ndarray::s![..9, ..]).mapv(|x| x + 0.05);
        let y = case.y.slice(ndarray::s![..9]);
        let loss = if case.estimator.kind() == Kind::Classifier { Loss::ZeroOne } else { Loss::Squared };
        let (rounds, seed) = (count(&case.json["rounds"]), seed(&case.json["seed"]));
        let found = bias_variance(&*case.estimator, &case.data(), x.view(), y, loss, rounds, seed).unwrap();
        let parts = [found.expected_loss, found.bias, found.variance];
        case.assert_numbers(parts.iter(), &case.json["parts"]);
    }
}
