//! Parity of the metrics with scikit-learn: `data/metrics.json`, written by `data/metrics.py`, holds its results.
//!
//! Counts, and the report's text, must be the same; other values agree to a relative 1e-10. See `fixture`
//! for fresh cases.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

mod fixture;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde_json::Value;
use taipan_learn::metrics::{
    Average, ClassCounts, ClassificationReport, ConfusionMatrix, CurveOptions, MultiClass, Normalize, PerOutput,
    PrecisionRecall, RegressionScores, ReportOptions, RocAverage, ScoreOptions, ZeroDivision, accuracy_score,
    average_precision_score, average_precision_score_multiclass, balanced_accuracy_score, fbeta_score, log_loss,
    precision_recall_curve, precision_score, recall_score, roc_auc_score, roc_auc_score_multiclass, roc_curve,
    silhouette_samples,
};

fn section(name: &str) -> Vec<Value> {
    let Value::Array(cases) = fixture::read("metrics")[name].take() else { panic!("{name} is no list") };
    assert!(cases.len() >= 20, "{name}");
    cases
}

fn number(value: &Value) -> f64 {
    if value == "inf" { f64::INFINITY } else { value.as_f64().unwrap_or(f64::NAN) }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn array(value: &Value) -> Array1<f64> {
    numbers(value).into()
}

fn weight(case: &Value) -> Option<Array1<f64>> {
    (!case["weight"].is_null()).then(|| array(&case["weight"]))
}

fn matrix(rows: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = rows.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64, context: &str) {
    let same = found.is_nan() && expected.is_nan() || found.to_bits() == expected.to_bits();
    assert!(
        same || (found - expected).abs() <= 1e-10 * expected.abs() + 1e-15,
        "{context}: {found:?}, expected {expected:?}"
    );
}

#[track_caller]
fn all_close<'a>(found: impl IntoIterator<Item = &'a f64>, expected: &Value, context: &str) {
    let found: Vec<f64> = found.into_iter().copied().collect();
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{context}: {found:?}, expected {expected:?}");
    for (found, expected) in found.into_iter().zip(expected) {
        close(found, expected, context);
    }
}

#[test]
fn regression() {
    for (at, case) in section("regression").iter().enumerate() {
        let (y_true, y_pred, weight) = (matrix(&case["y_true"]), matrix(&case["y_pred"]), weight(case));
        let mut scores = RegressionScores::new(y_true.view(), y_pred.view()).unwrap();
        if let Some(weight) = &weight {
            scores = scores.sample_weight(weight.view()).unwrap();
        }
        let check = |name: &str, outputs: PerOutput| {
            let context = format!("case {at}: {name}");
            all_close(outputs.raw_values(), &case[name], &context);
            close(outputs.uniform_average(), number(&case[format!("{name} mean")]), &context);
            outputs
        };
        if let Some(r2) = scores.r2().unwrap() {
            let r2 = check("r2_score", r2);
            close(r2.variance_weighted(), number(&case["r2_score variance"]), "r2 by variance");
        } else {
            assert!(case["r2_score"].is_null());
        }
        let explained = check("explained_variance_score", scores.explained_variance().unwrap());
        if y_true.nrows() > 1 {
            let expected = number(&case["explained_variance_score variance"]);
            close(explained.variance_weighted(), expected, "explained variance by variance");
        }
        let mse = check("mean_squared_error", scores.mean_squared_error().unwrap());
        check("root_mean_squared_error", scores.root_mean_squared_error().unwrap());
        check("mean_absolute_error", scores.mean_absolute_error().unwrap());
        check("median_absolute_error", scores.median_absolute_error().unwrap());
        check("mean_absolute_percentage_error", scores.mean_absolute_percentage_error().unwrap());
        if case["outputs"].is_null() {
            let found = scores.max_error().unwrap();
            all_close(found.raw_values(), &Value::Array(vec![case["max_error"].clone()]), "max_error");
        } else {
            let found = mse.weighted_average(&numbers(&case["outputs"])).unwrap();
            close(found, number(&case["mse weighted"]), "weighted outputs");
        }
    }
}

#[test]
fn classes() {
    for (at, case) in section("classes").iter().enumerate() {
        let (y_true, y_pred, weight) = (array(&case["y_true"]), array(&case["y_pred"]), weight(case));
        let (y_true, y_pred) = (y_true.view(), y_pred.view());
        let weight = weight.as_ref().map(|weight| weight.view());
        let labels = (!case["labels"].is_null()).then(|| numbers(&case["labels"]));
        let labels = labels.as_deref();
        let context = format!("case {at}");
        close(accuracy_score(y_true, y_pred, weight).unwrap(), number(&case["accuracy"]), &context);
        let balanced = balanced_accuracy_score(y_true, y_pred, weight, false);
        // With all weight on nothing scikit-learn gives NaN.
        close(balanced.unwrap_or(f64::NAN), number(&case["balanced"]), &context);
        match ConfusionMatrix::new(y_true, y_pred, weight, labels) {
            Err(_) => assert!(case["confusion None"].is_null()),
            Ok(found) => {
                let shares = |by| found.normalized(by);
                for (name, counts) in [
                    ("None", found.counts().to_owned()),
                    ("true", shares(Normalize::True)),
                    ("pred", shares(Normalize::Pred)),
                    ("all", shares(Normalize::All)),
                ] {
                    all_close(&counts, &flat(&case[format!("confusion {name}")]), &format!("{context}, by {name}"));
                }
            }
        }
        for (name, expected) in case["scores"].as_object().unwrap() {
            let (average, zero) = name.split_once(' ').unwrap();
            let (zero, beta) = match zero {
                "0" => (ZeroDivision::Zero, 0.5),
                "1" => (ZeroDivision::One, 2.0),
                _ => (ZeroDivision::Nan, 1.0),
            };
            let context = format!("{context}: {name}");
            let average = match average {
                "None" => {
                    let counts = ClassCounts::new(y_true, y_pred, weight, labels).unwrap();
                    let found = counts.per_class(beta, zero);
                    let parts: [fn(&PrecisionRecall) -> f64; 4] =
                        [|s| s.precision, |s| s.recall, |s| s.fscore, |s| s.support];
                    for (part, expected) in parts.iter().zip(expected.as_array().unwrap()) {
                        all_close(&found.iter().map(part).collect::<Vec<f64>>(), expected, &context);
                    }
                    continue;
                }
                "micro" => Average::Micro,
                "macro" => Average::Macro,
                "weighted" => Average::Weighted,
                _ => Average::Binary,
            };
            let mut options = ScoreOptions::new().average(average).zero_division(zero);
            if let Some(labels) = labels {
                options = options.labels(labels);
            }
            if let Some(weight) = weight {
                options = options.sample_weight(weight);
            }
            if average == Average::Binary {
                options = options.pos_label(number(&case["pos_label"]));
            }
            let found = [
                precision_score(y_true, y_pred, &options).unwrap(),
                recall_score(y_true, y_pred, &options).unwrap(),
                fbeta_score(y_true, y_pred, beta, &options).unwrap(),
            ];
            all_close(&found, expected, &context);
        }
        check_report(&case["report"], y_true, y_pred, weight, labels);
    }
}

fn check_report(
    expected: &Value,
    y_true: ArrayView1<'_, f64>,
    y_pred: ArrayView1<'_, f64>,
    weight: Option<ArrayView1<'_, f64>>,
    labels: Option<&[f64]>,
) {
    let names: Option<Vec<String>> = serde_json::from_value(expected["names"].clone()).unwrap();
    let zero = match expected["zero"].as_i64() {
        Some(0) => ZeroDivision::Zero,
        Some(_) => ZeroDivision::One,
        None => ZeroDivision::Nan,
    };
    let digits = usize::try_from(expected["digits"].as_u64().unwrap()).unwrap();
    let mut options = ReportOptions::new().digits(digits).zero_division(zero);
    if let Some(labels) = labels {
        options = options.labels(labels);
    }
    if let Some(names) = &names {
        options = options.target_names(names);
    }
    if let Some(weight) = weight {
        options = options.sample_weight(weight);
    }
    let report = ClassificationReport::new(y_true, y_pred, &options).unwrap();
    assert_eq!(report.to_string(), expected["text"].as_str().unwrap());
}

fn flat(rows: &Value) -> Value {
    rows.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap().clone()).collect()
}

#[test]
fn rankings() {
    for (at, case) in section("binary_scores").iter().enumerate() {
        let (y_true, y_score, weight) = (array(&case["y_true"]), array(&case["y_score"]), weight(case));
        let (y_true, y_score) = (y_true.view(), y_score.view());
        let weight = weight.as_ref().map(|weight| weight.view());
        let found = roc_auc_score(y_true, y_score, weight, case["max_fpr"].as_f64()).unwrap();
        close(found.unwrap_or(f64::NAN), number(&case["roc_auc"]), &format!("case {at}: area"));
        let mut options = CurveOptions::new().pos_label(number(&case["pos"]));
        if let Some(weight) = weight {
            options = options.sample_weight(weight);
        }
        for (drop, name) in [(false, "False"), (true, "True")] {
            let context = format!("case {at}, drop_intermediate {name}");
            let options = options.drop_intermediate(drop);
            let found = roc_curve(y_true, y_score, &options).unwrap();
            let expected = &case[format!("roc {name}")];
            for (found, at) in [(found.fpr, 0), (found.tpr, 1), (found.thresholds, 2)] {
                all_close(&found, &expected[at], &context);
            }
            let found = precision_recall_curve(y_true, y_score, &options).unwrap();
            let expected = &case[format!("pr {name}")];
            for (found, at) in [(found.precision, 0), (found.recall, 1), (found.thresholds, 2)] {
                all_close(&found, &expected[at], &context);
            }
        }
        if !case["average_precision"].is_null() {
            let found = average_precision_score(y_true, y_score, &options).unwrap();
            close(found, number(&case["average_precision"]), &format!("case {at}: average precision"));
        }
    }
}

#[test]
fn probabilities_of_many_classes() {
    for (at, case) in section("many_scores").iter().enumerate() {
        let (y_true, p, weight) = (array(&case["y_true"]), matrix(&case["p"]), weight(case));
        let (y_true, weight) = (y_true.view(), weight.as_ref().map(|weight| weight.view()));
        let loss = |p: ArrayView2<'_, f64>| log_loss(y_true, p, None, weight).unwrap();
        close(loss(p.view()), number(&case["log_loss"]), &format!("case {at}: log loss"));
        if p.ncols() == 2 {
            let second = p.slice(ndarray::s![.., 1..]);
            close(loss(second), number(&case["log_loss second"]), &format!("case {at}: log loss"));
            continue;
        }
        for (name, average) in
            [("macro", RocAverage::Macro), ("weighted", RocAverage::Weighted), ("micro", RocAverage::Micro)]
        {
            let area = |how, weight| roc_auc_score_multiclass(y_true, p.view(), None, how, average, weight);
            let context = format!("case {at}: {name}");
            let found = area(MultiClass::Ovr, weight).unwrap().unwrap_or(f64::NAN);
            close(found, number(&case[format!("ovr {name}")]), &context);
            let expected = &case[format!("ovo {name}")];
            if !expected.is_null() {
                let found = area(MultiClass::Ovo, None).unwrap().unwrap_or(f64::NAN);
                close(found, number(expected), &context);
            }
            let found = average_precision_score_multiclass(y_true, p.view(), average, weight).unwrap();
            close(found.unwrap_or(f64::NAN), number(&case[format!("average_precision {name}")]), &context);
        }
    }
}

#[test]
fn silhouettes() {
    for case in section("clusters") {
        let (x, labels) = (matrix(&case["x"]), array(&case["labels"]));
        let found = silhouette_samples(x.view(), labels.view()).unwrap();
        // scikit-learn's distances lose digits where points are near each other.
        for (found, expected) in found.iter().zip(numbers(&case["samples"])) {
            assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
        }
    }
}
