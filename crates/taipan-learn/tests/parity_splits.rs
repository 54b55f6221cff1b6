//! Parity of random streams, splits and folds with NumPy and scikit-learn: `data/splits.json`, written by
//! `data/splits.py`, holds their results. Every number must be the same.

#![allow(clippy::unwrap_used)]

mod fixture;

use ndarray::Array1;
use serde_json::Value;
use taipan_learn::model_selection::{
    Distribution, ParamDistributions, Rows, Split, SplitSize, TrainTestSplit, splitter,
};
use taipan_learn::{ParamType, ParamValue, RandomState, Replace};

fn cases(section: &str) -> Vec<Value> {
    let Value::Array(cases) = fixture::read("splits")[section].take() else { panic!("{section} is no list") };
    assert!(!cases.is_empty());
    cases
}

fn value(json: &Value) -> ParamValue {
    serde_json::from_value(json.clone()).unwrap()
}

fn list(json: &Value) -> &Vec<Value> {
    json.as_array().unwrap()
}

fn indices(json: &Value) -> Vec<usize> {
    serde_json::from_value(json.clone()).unwrap()
}

fn numbers(json: &Value) -> Vec<f64> {
    serde_json::from_value(json.clone()).unwrap()
}

fn labels(json: &Value) -> Option<Array1<f64>> {
    json.as_array().map(|_| numbers(json).into())
}

fn seed(case: &Value) -> u32 {
    u32::try_from(case.as_u64().unwrap()).unwrap()
}

fn ascending(marks: &str) -> Split {
    let rows = |mark| marks.bytes().enumerate().filter(|(_, m)| *m == mark).map(|(row, _)| row).collect();
    Split { train: rows(b'1'), test: rows(b'2') }
}

#[test]
fn folds() {
    for case in cases("folds") {
        let mut cv = splitter(case["name"].as_str().unwrap()).unwrap();
        for (name, param) in case["params"].as_object().unwrap() {
            cv.set_param(name, value(param)).unwrap();
        }
        let (y, groups) = (labels(&case["y"]), labels(&case["groups"]));
        let mut rows = Rows::new(usize::try_from(case["n"].as_u64().unwrap()).unwrap());
        rows.y = y.as_ref().map(|y| y.view());
        rows.groups = groups.as_ref().map(|groups| groups.view());
        let found = cv.split(&rows);
        if case["error"] == true {
            assert!(found.is_err(), "{case}");
            continue;
        }
        let found: Vec<Split> = found.unwrap_or_else(|error| panic!("{case}: {error}")).iter().collect();
        let expected: Vec<Split> = match case["folds"].as_array() {
            Some(folds) => folds.iter().map(|marks| ascending(marks.as_str().unwrap())).collect(),
            None => list(&case["splits"])
                .iter()
                .map(|split| Split { train: indices(&split[0]), test: indices(&split[1]) })
                .collect(),
        };
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn train_test_splits() {
    for case in cases("train_test") {
        let n = usize::try_from(case["n"].as_u64().unwrap()).unwrap();
        let size = |name: &str| Option::<SplitSize>::from_value(&value(&case[name])).unwrap();
        let y = labels(&case["stratify"]);
        let mut options = TrainTestSplit::new()
            .test_size(size("test_size"))
            .train_size(size("train_size"))
            .random_state(seed(&case["random_state"]))
            .shuffle(case["shuffle"] == true);
        if let Some(y) = &y {
            options = options.stratify(y.view());
        }
        let found = options.split(n);
        if case["error"] == true {
            assert!(found.is_err(), "{case}");
        } else {
            let expected = Split { train: indices(&case["train"]), test: indices(&case["test"]) };
            assert_eq!(found.unwrap_or_else(|error| panic!("{case}: {error}")), expected, "{case}");
        }
    }
}

#[test]
fn random_streams() {
    for stream in cases("stream") {
        let mut random = RandomState::new(seed(&stream["seed"]));
        for call in list(&stream["calls"]) {
            let (args, expected) = (&call["args"], list(&call["result"]));
            let count = |at: usize| usize::try_from(args[at].as_u64().unwrap()).unwrap();
            let real = |at: usize| args[at].as_f64().unwrap();
            let mut each = |draw: &mut dyn FnMut(&mut RandomState) -> Value| -> Vec<Value> {
                expected.iter().map(|_| draw(&mut random)).collect()
            };
            let found: Vec<Value> = match call["call"].as_str().unwrap() {
                "randint" => {
                    let (low, high) = (args[0].as_i64().unwrap(), args[1].as_i64().unwrap());
                    each(&mut |random| random.randint(low, high).unwrap().into())
                }
                "random_sample" => each(&mut |random| random.random_sample().into()),
                "normal" => each(&mut |random| random.normal(real(0), real(1)).unwrap().into()),
                "uniform" => each(&mut |random| random.uniform(real(0), real(1)).into()),
                "permutation" => random.permutation(count(0)).into_iter().map(Value::from).collect(),
                "shuffle" => {
                    let mut values = list(&args[0]).clone();
                    random.shuffle(&mut values);
                    values
                }
                "choice" => {
                    let replace = if args[2] == true { Replace::With } else { Replace::Without };
                    let p = args[3].as_array().map(|_| numbers(&args[3]));
                    let drawn = random.choice(count(0), count(1), replace, p.as_deref());
                    drawn.unwrap().into_iter().map(Value::from).collect()
                }
                "sample" => {
                    let drawn = random.sample_without_replacement(count(0), count(1));
                    drawn.unwrap().into_iter().map(Value::from).collect()
                }
                other => panic!("unknown call {other}"),
            };
            assert_eq!(&found, expected, "seed {}: {}({args})", stream["seed"], call["call"]);
        }
    }
}

#[test]
fn randomised_candidates() {
    for case in cases("sampler") {
        let mut space = ParamDistributions::new();
        for (name, distribution) in case["space"].as_object().unwrap() {
            let values = &distribution[1];
            let real = |at: usize| values[at].as_f64().unwrap();
            let distribution = match distribution[0].as_str().unwrap() {
                "list" => Distribution::OneOf(list(values).iter().map(value).collect()),
                "uniform" => Distribution::Uniform { loc: real(0), scale: real(1) },
                "loguniform" => Distribution::LogUniform { low: real(0), high: real(1) },
                "randint" => {
                    Distribution::RandInt { low: values[0].as_i64().unwrap(), high: values[1].as_i64().unwrap() }
                }
                other => panic!("{other}"),
            };
            space = space.distribution(name, distribution);
        }
        let n_iter = usize::try_from(case["n_iter"].as_u64().unwrap()).unwrap();
        let found = space.sample(n_iter, &mut RandomState::new(seed(&case["seed"]))).unwrap();
        let expected = list(&case["found"]);
        assert_eq!(found.len(), expected.len(), "{case}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.len(), list(expected).len(), "{case}");
            for ((name, found), expected) in found.iter().zip(list(expected)) {
                assert_eq!(name, expected[0].as_str().unwrap(), "{case}");
                match (found, expected[1].as_f64()) {
                    // NumPy's vectorised exp may differ from the C library's in its last bits.
                    (ParamValue::Real(found), Some(expected)) => {
                        assert!((found - expected).abs() <= 1e-15 * expected.abs(), "{case}: {found}");
                    }
                    _ => assert_eq!(found, &value(&expected[1]), "{case}"),
                }
            }
        }
    }
}
