//! Model files from a hostile world: cut short, damaged, forged. Each must end in a typed error.

#![allow(clippy::unwrap_used)]

use ndarray::{Array2, array};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use taipan_learn::{ErrorKind, LinearRegression, Model, ParamValue};

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
