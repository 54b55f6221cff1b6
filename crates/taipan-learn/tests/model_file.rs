//! Model files from a hostile world: cut short, damaged, forged. Each must end in a typed error.

#![allow(clippy::unwrap_used)]

use ndarray::{Array2, array};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use taipan_learn::{
    DecisionTreeRegressor, ErrorKind, Estimator, GradientBoostingClassifier, LinearRegression, Model, ParamValue,
    RandomForestClassifier, RandomState, Training, registry,
};

fn model() -> Model {
    let x = array![[1.0, 0.5], [2.0, 0.1], [3.0, 0.9], [4.0, 0.3]];
    let y = array![1.1, 1.9, 3.2, 3.9];
    let features = vec!["area".to_owned(), "âge".to_owned()];
    let estimator = LinearRegression::new().tol(1e-8);
    let mut model = Model::train(&estimator, x.view(), y.view(), features, "price").unwrap();
    model.scores.set("r2_train", 0.1 + 0.2);
    model.scores.set("r2", None);
    model.lineage.insert("table".into(), "houses".into());
    model
}

/// Seals a body as a writer would, so that nothing but the body is wrong.
fn seal(metadata: &[u8], arrays: &[u8]) -> Vec<u8> {
    let total = (24 + metadata.len() + arrays.len() + 32) as u64;
    let mut bytes = b"TPNMODEL\x02\0\0\0".to_vec();
    bytes.extend(u32::try_from(metadata.len()).unwrap().to_le_bytes());
    bytes.extend(total.to_le_bytes());
    bytes.extend(metadata);
    bytes.extend(arrays);
    reseal(bytes)
}

fn reseal(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

fn metadata() -> Value {
    json!({
        "estimator": "Ridge", "params": {"alpha": 1.0}, "features": ["a", "b"], "target": "y",
        "labels": [], "categories": {},
        "scores": {"r2": 0.5}, "lineage": {},
        "arrays": [
            {"name": "coef", "dtype": "f64", "shape": [2]},
            {"name": "intercept", "dtype": "f64", "shape": []},
        ],
    })
}

fn arrays(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn error(bytes: &[u8]) -> String {
    Model::from_bytes(bytes).unwrap_err().to_string()
}

#[test]
fn everything_survives_the_round_trip() {
    let model = model();
    let bytes = model.to_bytes().unwrap();
    let same = Model::from_bytes(&bytes).unwrap();
    assert_eq!(same.estimator, "LinearRegression");
    assert_eq!(same.params["tol"], ParamValue::Real(1e-8));
    assert_eq!(same.features, ["area", "âge"]);
    assert_eq!(same.target, "price");
    assert_eq!(same.scores, model.scores);
    assert_eq!(same.lineage, model.lineage);
    assert_eq!(same.to_bytes().unwrap(), bytes);
    assert_eq!(model.to_bytes().unwrap(), bytes);
}

#[test]
fn a_well_formed_forgery_loads() {
    let good = arrays(&[1.0, 2.0, 3.0]);
    let loaded = Model::from_bytes(&seal(metadata().to_string().as_bytes(), &good)).unwrap();
    assert_eq!(loaded.predict(array![[1.0, 1.0]].view()).unwrap()[0].to_bits(), 6.0_f64.to_bits());
}

/// The error when one thing in the metadata is different, and where the arrays start.
fn forge(pointer: &str, value: &Value) -> (String, usize) {
    let mut metadata = metadata();
    *metadata.pointer_mut(pointer).unwrap() = value.clone();
    let metadata = metadata.to_string();
    let bytes = seal(metadata.as_bytes(), &arrays(&[1.0, 2.0, 3.0]));
    (error(&bytes), 24 + metadata.len())
}

#[test]
fn metadata_that_makes_no_sense_is_refused() {
    for (pointer, value, text) in [
        ("/estimator", json!("Rigde"), "unknown estimator 'Rigde'; did you mean 'Ridge'?"),
        ("/params", json!({"alhpa": 1}), "Ridge has no parameter 'alhpa'; did you mean 'alpha'?"),
        ("/params/alpha", json!(-1), "Ridge: alpha = -1.0 is not allowed; it must be a finite number of at least 0"),
        ("/features", json!(["a"]), "1 feature names for 2 features"),
        ("/features", json!(["a", "a"]), "the feature 'a' is named twice"),
        ("/arrays/0/name", json!("koef"), "the array 'coef' is missing"),
        ("/arrays/0/dtype", json!("i64"), "the array 'coef' must be a vector of numbers"),
        ("/arrays/0/shape", json!([2, 1]), "the array 'coef' must be a vector of numbers"),
        ("/arrays/1/shape", json!([1]), "the array 'intercept' must be a number"),
    ] {
        let (found, _) = forge(pointer, &value);
        assert_eq!(found, format!("model file, byte 24: {text}"), "{pointer}");
    }
}

#[test]
fn arrays_that_do_not_fit_the_file_are_refused() {
    for (pointer, value, text) in [
        ("/arrays/0/shape", json!([3]), "the array 'intercept' is larger than the file"),
        ("/arrays/0/shape", json!([1]), "8 bytes follow the last array"),
        ("/arrays/0/shape", json!([u64::MAX]), "the array 'coef' is larger than the file"),
        ("/arrays/0/shape", json!([1_u64 << 40, 1_u64 << 40]), "the array 'coef' is larger than the file"),
        ("/arrays/1/name", json!("coef"), "the array 'coef' is there twice"),
    ] {
        let (found, at) = forge(pointer, &value);
        assert_eq!(found, format!("model file, byte {at}: {text}"), "{pointer}");
    }
}

#[test]
fn metadata_that_cannot_be_read_is_refused() {
    let good = arrays(&[1.0, 2.0, 3.0]);
    for metadata in ["", "{}", "[1]", &"[".repeat(100_000), "\"\u{fffd}\""] {
        let text = error(&seal(metadata.as_bytes(), &good));
        assert!(text.starts_with("model file, byte 24: metadata: "), "{text}");
    }
    let nan = seal(metadata().to_string().as_bytes(), &arrays(&[1.0, f64::NAN, 3.0]));
    assert_eq!(error(&nan), format!("model file, byte 24: the array 'coef' must be finite"));
}

#[test]
fn other_files_are_told_apart() {
    let bytes = model().to_bytes().unwrap();
    for other in [&b""[..], b"TPN", b"PK\x03\x04 something else altogether", &[0; 100]] {
        assert_eq!(error(other), "model file, byte 0: not a taipan model file");
    }
    let mut newer = bytes.clone();
    newer[8] = 3;
    assert_eq!(error(&newer), "model file, byte 8: format version 3 is not supported; this program reads version 2");
    let cut = &bytes[..bytes.len() - 1];
    assert_eq!(
        error(cut),
        format!("model file, byte 16: {} bytes long, but its header says {}", cut.len(), bytes.len())
    );
    let mut huge = bytes[..bytes.len() - 32].to_vec();
    huge[12..16].fill(0xff);
    assert_eq!(error(&reseal(huge)), "model file, byte 12: the metadata is longer than the file");
    let mut damaged = bytes.clone();
    damaged[40] ^= 1;
    assert_eq!(error(&damaged), format!("model file, byte {}: damaged: the checksum does not match", bytes.len() - 32));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = model().to_bytes().unwrap();
    for len in 0..bytes.len() {
        let error = Model::from_bytes(&bytes[..len]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotAModel | ErrorKind::WrongLength { .. }), "{len}: {error}");
    }
}

#[test]
fn a_model_changed_to_nonsense_is_not_written() {
    let mut renamed = model();
    renamed.estimator = "Nonsense".into();
    let mut short = model();
    short.features.pop();
    let mut wrong = model();
    wrong.params.insert("tol".into(), ParamValue::Real(-1.0));
    for model in [renamed, short, wrong] {
        model.to_bytes().unwrap_err();
    }
}

#[test]
fn names_must_fit_the_columns() {
    let (x, y) = (Array2::<f64>::eye(2), array![1.0, 2.0]);
    let train = |features: &[&str]| {
        let features = features.iter().map(|&name| name.to_owned()).collect();
        let model = Model::train(&LinearRegression::new(), x.view(), y.view(), features, "y");
        model.unwrap_err().to_string()
    };
    assert_eq!(train(&["a"]), "the number of feature names differs from the features of X: 1, expected 2");
    assert_eq!(train(&["a", "a"]), "Model: features = a is not allowed; it must be named once");
}

/// A file taken apart: its metadata, and its arrays.
fn open(model: &Model) -> (Value, Vec<u8>) {
    let bytes = model.to_bytes().unwrap();
    let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let metadata = serde_json::from_slice(&bytes[24..24 + length]).unwrap();
    (metadata, bytes[24 + length..bytes.len() - 32].to_vec())
}

/// Where an array starts, and how many bytes each of its values takes.
fn place(metadata: &Value, name: &str) -> (usize, usize) {
    let mut at = 0;
    for array in metadata["arrays"].as_array().unwrap() {
        let width = match array["dtype"].as_str().unwrap() {
            "f64" | "i64" => 8,
            "u8" | "text" => 1,
            _ => 4,
        };
        if array["name"] == name {
            return (at, width);
        }
        let count: u64 = array["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product();
        at += array["bytes"].as_u64().unwrap_or(count * width as u64) as usize;
    }
    panic!("no array {name}")
}

fn flowers() -> (Array2<f64>, ndarray::Array1<f64>) {
    let mut random = RandomState::new(3);
    let x = Array2::from_shape_simple_fn((60, 3), || random.standard_normal());
    let y = x.rows().into_iter().map(|row| f64::from(u8::from(row[0] > 0.0)) + f64::from(u8::from(row[1] > 0.5)));
    let y = y.collect();
    (x, y)
}

fn learnt(estimator: &dyn Estimator) -> Model {
    let (x, y) = flowers();
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    Model::train(estimator, x.view(), y.view(), names, "y").unwrap()
}

#[test]
fn trees_that_are_none_are_refused() {
    let forest = RandomForestClassifier::new().n_estimators(2).max_depth(3_usize).random_state(0);
    let (metadata, arrays) = open(&learnt(&forest));
    let loads = |name: &str, index: usize, value: &[u8]| {
        let mut arrays = arrays.clone();
        let (at, width) = place(&metadata, name);
        assert_eq!(width, value.len(), "{name}");
        arrays[at + index * width..at + (index + 1) * width].copy_from_slice(value);
        let text = Model::from_bytes(&seal(metadata.to_string().as_bytes(), &arrays)).map(drop);
        text.map_err(|error| error.to_string().trim_start_matches("model file, byte 24: ").to_owned())
    };
    let whole = |value: i32| value.to_le_bytes();
    let long = |value: i64| value.to_le_bytes();
    let real = |value: f64| value.to_le_bytes();
    loads("children_left", 0, &whole(1)).unwrap();
    let children = "node 0 of a tree has children that cannot be";
    let feature = "node 0 of a tree splits on what is not a feature";
    for (name, value, text) in [
        // Itself, before itself, outside, the other child, no child, or a leaf on one side.
        ("children_left", &whole(0)[..], children),
        ("children_left", &whole(-7), children),
        ("children_left", &whole(i32::MAX), children),
        ("children_left", &whole(i32::MIN), children),
        ("children_right", &whole(1), children),
        ("children_right", &whole(-1), children),
        ("feature", &whole(3), feature),
        ("feature", &whole(-2), feature),
        ("threshold", &real(f64::NAN), feature),
        ("value", &real(f64::NAN), "a prediction of a tree is not a finite number"),
        ("value", &real(f64::INFINITY), "a prediction of a tree is not a finite number"),
        ("node_counts", &long(0), "the arrays of a tree have different lengths"),
        ("node_counts", &long(-1), "a tree has fewer than no nodes"),
        // The first tree takes the nodes of the second for its own.
        ("node_counts", &long(i64::MAX), "node 9 of a tree has children that cannot be"),
        ("n_features", &long(0), "the features, outputs and classes of the trees do not fit together"),
        ("n_values", &long(1), "the features, outputs and classes of the trees do not fit together"),
        ("n_outputs", &long(i64::MAX), "the features, outputs and classes of the trees do not fit together"),
    ] {
        assert_eq!(loads(name, 0, value).unwrap_err(), text, "{name} {value:?}");
    }
}

#[test]
fn files_are_smaller_than_pickles() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/demo/iris.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    let value = |row: &&str| row.split(',').take(4).map(|v| v.parse::<f64>().unwrap()).collect::<Vec<_>>();
    let x = Array2::from_shape_vec((rows.len(), 4), rows.iter().flat_map(value).collect()).unwrap();
    let y: ndarray::Array1<f64> = (0..rows.len()).map(|row| (row / 50) as f64).collect();
    // Bytes of `pickle.dumps(model, 5)` for scikit-learn 1.9.1's model of the same flowers.
    for (name, pickle) in [
        ("RandomForestClassifier", 176_422),
        ("ExtraTreesRegressor", 251_643),
        ("GradientBoostingClassifier", 343_234),
        ("DecisionTreeClassifier", 2629),
    ] {
        let mut estimator = registry::estimator(name).unwrap();
        estimator.set_param("random_state", 0.into()).unwrap();
        let predictor = estimator.fit_on(&Training::supervised(x.view(), y.view())).unwrap();
        let features = (0..4).map(|j| format!("x{j}")).collect();
        let bytes = Model::of(&*estimator, predictor, features, "species").unwrap().to_bytes().unwrap().len();
        assert!(bytes < pickle, "{name}: {bytes} bytes, the pickle {pickle}");
    }
}

/// Everything that can be asked of a model, on few rows and on many, with and without missing values.
fn use_up(model: &Model) {
    let (x, _) = flowers();
    let many = Array2::from_shape_fn((1500, 3), |(row, column)| x[(row % 60, column)]);
    let mut missing = x.clone();
    missing[(0, 1)] = f64::NAN;
    for x in [&x, &many, &missing] {
        let _ = model.predict(x.view());
        let _ = model.predict_proba(x.view());
        let _ = model.predictor().decision_function(x.view());
    }
    let _ = model.predictor().attributes();
    model.to_bytes().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_numbers_in_a_tree_make_it_panic_or_hang(
        kind in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u8..6, any::<i32>()), 1..6),
    ) {
        static MODELS: std::sync::LazyLock<Vec<(Value, Vec<u8>)>> = std::sync::LazyLock::new(|| {
            let forest = RandomForestClassifier::new().n_estimators(3).max_depth(4_usize).random_state(0);
            let boosting = GradientBoostingClassifier::new().n_estimators(3).max_depth(2_usize).random_state(0);
            let tree = DecisionTreeRegressor::new().max_depth(4_usize).random_state(0);
            [&forest as &dyn Estimator, &boosting, &tree].map(|estimator| open(&learnt(estimator))).to_vec()
        });
        let (metadata, arrays) = &MODELS[kind];
        let mut arrays = arrays.clone();
        let names: Vec<&str> = metadata["arrays"].as_array().unwrap().iter().filter_map(|a| a["name"].as_str()).collect();
        for (name, index, how, number) in changes {
            let name = name.get(&names);
            let (at, width) = place(metadata, name);
            let head = metadata["arrays"].as_array().unwrap().iter().find(|array| array["name"] == **name).unwrap();
            let length: u64 = head["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product();
            if length == 0 {
                continue;
            }
            let at = at + index.index(length as usize) * width;
            // Small numbers are near misses: other nodes, features and counts.
            let near = i64::from(number % 40);
            let bytes: Vec<u8> = match (width, how) {
                (8, 0) => f64::NAN.to_le_bytes().to_vec(),
                (8, 1) => f64::INFINITY.to_le_bytes().to_vec(),
                (8, 2) => f64::from(number).to_le_bytes().to_vec(),
                (8, _) => near.to_le_bytes().to_vec(),
                (4, 0) => number.to_le_bytes().to_vec(),
                (4, _) => (near as i32).to_le_bytes().to_vec(),
                _ => vec![number as u8],
            };
            arrays[at..at + width].copy_from_slice(&bytes);
        }
        if let Ok(model) = Model::from_bytes(&seal(metadata.to_string().as_bytes(), &arrays)) {
            use_up(&model);
        }
    }
}

proptest! {
    #[test]
    fn any_flipped_bits_are_noticed(flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..8)) {
        let bytes = model().to_bytes().unwrap();
        let mut damaged = bytes.clone();
        for (place, mask) in flips {
            let place = place.index(damaged.len());
            damaged[place] ^= mask;
        }
        prop_assert_eq!(Model::from_bytes(&damaged).is_err(), damaged != bytes);
    }

    #[test]
    fn resealed_damage_never_panics(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in 0_usize..40,
    ) {
        let mut bytes = model().to_bytes().unwrap();
        bytes.truncate(bytes.len() - 32 - cut);
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let total = bytes.len() as u64 + 32;
        bytes[16..24].copy_from_slice(&total.to_le_bytes());
        if let Ok(model) = Model::from_bytes(&reseal(bytes)) {
            // What loads is whole: it predicts, and it can be written again.
            prop_assert_eq!(model.predictor().n_features(), model.features.len());
            model.to_bytes().unwrap();
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut prefixed = b"TPNMODEL\x02\0\0\0".to_vec();
        prefixed.extend(&bytes);
        prop_assert!(Model::from_bytes(&bytes).is_err());
        prop_assert!(Model::from_bytes(&prefixed).is_err());
    }

    #[test]
    fn any_names_scores_and_lineage_survive(
        features in prop::collection::hash_set(".*", 2),
        target in ".*",
        score in any::<f64>(),
        lineage in prop::collection::btree_map(".*", ".*", 0..4),
    ) {
        let mut model = model();
        model.features = features.into_iter().collect();
        model.target = target;
        model.scores.set("score", score);
        model.lineage = lineage;
        let bytes = model.to_bytes().unwrap();
        let same = Model::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&same.features, &model.features);
        prop_assert_eq!(&same.target, &model.target);
        prop_assert_eq!(&same.scores, &model.scores);
        prop_assert_eq!(&same.lineage, &model.lineage);
        prop_assert_eq!(same.to_bytes().unwrap(), bytes);
    }
}
