//! Parity with scikit-learn and NumPy: `data/basics.json`, written by `data/basics.py`, holds their results.
//!
//! Random streams, splits, folds, metrics and the dummy's constant must agree to the last bit, what linear models learn
//! to a relative 1e-10.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

mod fixture;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde_json::Value;
use taipan_learn::metrics::{Scoring, mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error};
use taipan_learn::model_selection::{KFold, Rows, Splitter, TestSize, cross_val_score, train_test_split};
use taipan_learn::{
    Attribute, DummyRegressor, Estimator, ParamValue, Predictor, RandomState, Replace, Strategy, registry,
};

fn section(name: &str) -> Value {
    fixture::read("basics")[name].take()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|v| v.as_f64().unwrap()).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    list(value).iter().map(index).collect()
}

fn index(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn seed(value: &Value) -> Option<u32> {
    value.as_u64().map(|seed| u32::try_from(seed).unwrap())
}

fn matrix(rows: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = list(rows).iter().map(numbers).collect();
    let shape = (rows.len(), rows[0].len());
    Array2::from_shape_vec(shape, rows.concat()).unwrap()
}

fn estimator(case: &Value) -> Box<dyn Estimator> {
    let mut estimator = registry::estimator(case["estimator"].as_str().unwrap()).unwrap();
    for (name, value) in case["params"].as_object().unwrap() {
        let value: ParamValue = serde_json::from_value(value.clone()).unwrap();
        estimator.set_param(name, value).unwrap();
    }
    estimator
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], context: &str) {
    assert_eq!(found.len(), expected.len(), "{context}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= 1e-10 * expected.abs() + 1e-13,
            "{context}: {found:?}, expected {expected:?}"
        );
    }
}

#[track_caller]
fn assert_same_bits(found: Option<f64>, expected: &Value, context: &str) {
    let expected = expected.as_f64();
    assert_eq!(found.map(f64::to_bits), expected.map(f64::to_bits), "{context}: {found:?}, expected {expected:?}");
}

#[test]
fn random_streams() {
    for stream in list(&section("streams")) {
        let mut random = RandomState::new(seed(&stream["seed"]).unwrap());
        for _ in 0..stream["skip"].as_u64().unwrap_or(0) {
            random.random_sample();
        }
        for call in list(&stream["calls"]) {
            let (args, result) = (&call["args"], &call["result"]);
            let n = list(result).len();
            let mut repeat = |draw: &dyn Fn(&mut RandomState) -> Value| -> Vec<Value> {
                (0..n).map(|_| draw(&mut random)).collect()
            };
            let found: Vec<Value> = match call["call"].as_str().unwrap() {
                "random_sample" => repeat(&|random| random.random_sample().into()),
                "standard_normal" => repeat(&|random| random.standard_normal().into()),
                "normal" => {
                    let args = numbers(args);
                    repeat(&|random| random.normal(args[0], args[1]).unwrap().into())
                }
                "next_u32" => repeat(&|random| random.next_u32().into()),
                "randint" => {
                    let (low, high) = (args[0].as_i64().unwrap(), args[1].as_i64().unwrap());
                    repeat(&|random| random.randint(low, high).unwrap().into())
                }
                "permutation" => random.permutation(index(&args[0])).into_iter().map(Value::from).collect(),
                "shuffle" => {
                    let mut values = list(&args[0]).clone();
                    random.shuffle(&mut values);
                    values
                }
                "choice" => {
                    let replace = if args[2] == true { Replace::With } else { Replace::Without };
                    let p = args[3].as_array().map(|_| numbers(&args[3]));
                    let drawn = random.choice(index(&args[0]), index(&args[1]), replace, p.as_deref());
                    drawn.unwrap().into_iter().map(Value::from).collect()
                }
                other => panic!("unknown call {other}"),
            };
            assert_eq!(&found, list(result), "seed {}, {}({args})", stream["seed"], call["call"]);
        }
    }
}

#[test]
fn splits() {
    for case in list(&section("splits")) {
        let size = &case["test_size"];
        let size = match size.as_u64() {
            Some(_) => TestSize::Count(index(size)),
            None => TestSize::Fraction(size.as_f64().unwrap()),
        };
        let split = train_test_split(index(&case["n"]), size, seed(&case["seed"])).unwrap();
        assert_eq!(split.train, indices(&case["train"]), "{case}");
        assert_eq!(split.test, indices(&case["test"]), "{case}");
    }
}

fn k_fold(case: &Value) -> KFold {
    let cv = KFold::new(index(&case["k"]));
    match seed(&case["seed"]) {
        None => cv,
        seed => cv.shuffle(true).random_state(seed),
    }
}

#[test]
fn folds() {
    for case in list(&section("folds")) {
        let splits = k_fold(case).split(&Rows::new(index(&case["n"]))).unwrap();
        assert_eq!(splits.len(), list(&case["tests"]).len());
        for (i, split) in splits.iter().enumerate() {
            assert_eq!(split.test, indices(&case["tests"][i]), "{case}");
            assert_eq!(split.train, indices(&case["trains"][i]), "{case}");
        }
    }
}

#[test]
fn metrics() {
    for case in list(&section("metrics")) {
        let (y_true, y_pred) = (numbers(&case["y_true"]), numbers(&case["y_pred"]));
        let (t, p) = (ArrayView1::from(&y_true), ArrayView1::from(&y_pred));
        let context = format!("{} values", t.len());
        assert_same_bits(r2_score(t, p).unwrap(), &case["r2"], &context);
        assert_same_bits(mean_squared_error(t, p).ok(), &case["mse"], &context);
        assert_same_bits(root_mean_squared_error(t, p).ok(), &case["rmse"], &context);
        assert_same_bits(mean_absolute_error(t, p).ok(), &case["mae"], &context);
    }
}

#[track_caller]
fn check_fit(case: &Value, x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>, context: &str) -> Box<dyn Predictor> {
    let context = format!("{context}, {} {}", case["estimator"], case["params"]);
    let model = estimator(case).fit(x, y).unwrap();
    let expected = case["learnt"].as_object().unwrap();
    let attributes = model.attributes();
    assert_eq!(attributes.len(), expected.len(), "{context}");
    for (name, attribute) in attributes {
        let context = format!("{context}: {name}");
        match attribute {
            Attribute::Scalar(value) => {
                assert_close(&[value], &[expected[name].as_f64().unwrap()], &context);
            }
            Attribute::Vector(values) => assert_close(&values, &numbers(&expected[name]), &context),
            other => panic!("{other:?}"),
        }
    }
    model
}

#[test]
fn fits() {
    for data in list(&section("fits")) {
        let context = data["data"].as_str().unwrap();
        let (x, y) = (matrix(&data["x"]), Array1::from(numbers(&data["y"])));
        let unseen = x.slice(ndarray::s![..x.nrows().min(3), ..]).mapv(|v| v * 1.5 + 0.25);
        for case in list(&data["cases"]) {
            let model = check_fit(case, x.view(), y.view(), context);
            let predicted = model.predict(unseen.view()).unwrap().to_vec();
            let context = format!("{context}, {} {}: predicted", case["estimator"], case["params"]);
            assert_close(&predicted, &numbers(&case["predicted"]), &context);
        }
    }
}

#[test]
fn quantiles() {
    for case in list(&section("quantiles")) {
        let y = Array1::from(numbers(&case["y"]));
        let x = y.view().insert_axis(ndarray::Axis(1));
        for (q, expected) in numbers(&case["q"]).into_iter().zip(list(&case["values"])) {
            let dummy = DummyRegressor::new().strategy(Strategy::Quantile).quantile(q);
            let found = dummy.fit(x, y.view()).unwrap().constant();
            assert_same_bits(Some(found), expected, &format!("quantile {q} of {} values", y.len()));
        }
    }
}

#[test]
fn fits_of_many_rows() {
    for data in list(&section("large")) {
        let (rows, features) = (index(&data["rows"]), index(&data["features"]));
        let mut random = RandomState::new(seed(&data["seed"]).unwrap());
        let draws: Vec<f64> = (0..rows * features).map(|_| random.standard_normal()).collect();
        let mut x = Array2::from_shape_vec((rows, features), draws).unwrap();
        for (j, mut column) in x.columns_mut().into_iter().enumerate() {
            column += j as f64;
        }
        let weights: Array1<f64> = (1..=features).map(|j| j as f64).collect();
        let y: Array1<f64> = x.rows().into_iter().map(|row| row.dot(&weights) + random.standard_normal()).collect();
        for case in list(&data["cases"]) {
            check_fit(case, x.view(), y.view(), &format!("{rows}x{features}"));
        }
    }
}

#[test]
fn cross_validation() {
    let data = section("cross_validation");
    let (x, y) = (matrix(&data["x"]), Array1::from(numbers(&data["y"])));
    for case in list(&data["cases"]) {
        let estimator = estimator(case);
        for (scoring, expected) in case["scores"].as_object().unwrap() {
            let context = format!("{} {}: {scoring}", case["estimator"], case["params"]);
            let scoring: Scoring = scoring.parse().unwrap();
            let found = cross_val_score(&*estimator, x.view(), y.view(), k_fold(case), scoring).unwrap();
            assert_eq!(found.len(), list(expected).len(), "{context}");
            for (found, expected) in found.into_iter().zip(list(expected)) {
                match (found, expected.as_f64()) {
                    (Some(found), Some(expected)) => assert_close(&[found], &[expected], &context),
                    (found, expected) => assert_eq!(found, expected, "{context}"),
                }
            }
        }
    }
}
