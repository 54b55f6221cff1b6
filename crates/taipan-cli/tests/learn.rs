//! Learning from the command line: what scikit-learn gives for the same rows, on the real binary.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::Workplace;

const FOREST: [&str; 5] = ["iris.csv", "--estimator", "RandomForestClassifier", "--target", "species"];

/// Runs a command and reads the JSON it prints.
fn report(place: &Workplace, arguments: &[&str]) -> Value {
    serde_json::from_str(&place.ok(&[arguments, &["--format", "json"]].concat())).unwrap()
}

/// The numbers that scikit-learn 1.9.1 gives for the same search.
#[test]
fn a_grid_search_finds_scikit_learns_forest() {
    let place = Workplace::new();
    let grid = ["--grid", "n_estimators=50,100,200", "--grid", "max_depth=3,5,7", "--cv", "5", "--random-state", "42"];
    let found = report(&place, &[&["search"][..], &FOREST, &grid, &["-o", "best.model"]].concat());
    assert_eq!(found["best_params"], json!({ "max_depth": 3, "n_estimators": 50 }));
    assert_eq!(found["best_score"], json!(0.966_666_666_666_666_8));
    let results = found["cv_results"].as_array().unwrap();
    let tried: Vec<(i64, i64)> = results
        .iter()
        .map(|result| {
            (result["params"]["max_depth"].as_i64().unwrap(), result["params"]["n_estimators"].as_i64().unwrap())
        })
        .collect();
    let expected = [3, 5, 7].into_iter().flat_map(|depth| [50, 100, 200].map(|trees| (depth, trees)));
    assert_eq!(tried, expected.collect::<Vec<_>>());
    for (result, (depth, trees)) in results.iter().zip(tried) {
        let (score, rank) = if (depth, trees) == (3, 200) { (0.96, 9) } else { (0.966_666_666_666_666_8, 1) };
        assert!((result["mean_test_score"].as_f64().unwrap() - score).abs() < 1e-15, "{result}");
        assert_eq!(result["rank_test_score"], rank, "{result}");
    }

    let judged = report(&place, &["evaluate", "best.model", "iris.csv"]);
    assert_eq!(judged["rows"], 150);
    assert!(judged["accuracy"].as_f64().unwrap() > 0.95, "{judged}");
    assert_eq!(judged["confusion_matrix"]["labels"], json!(["setosa", "versicolor", "virginica"]));
    assert_eq!(judged["confusion_matrix"]["counts"][0], json!([50.0, 0.0, 0.0]));
    assert_eq!(judged["classes"]["setosa"]["support"], json!(50.0));
}

#[test]
fn a_classifier_predicts_labels_and_probabilities() {
    let place = Workplace::new();
    let more = ["--param", "max_depth=3", "--test-size", "0.25", "--random-state", "0", "-o", "iris.model"];
    let trained = report(&place, &[&["train"][..], &FOREST, &more].concat());
    assert_eq!((&trained["n_train"], &trained["n_test"]), (&json!(112), &json!(38)));
    assert_eq!(trained["classes"], json!(["setosa", "versicolor", "virginica"]));
    assert_eq!(trained["params"]["random_state"], 0);
    assert!(trained["accuracy_test"].as_f64().unwrap() > 0.9, "{trained}");
    assert_eq!(trained.get("r2_test"), None);

    place.write("new.csv", "sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n");
    let predicted = place.ok(&["predict", "iris.model", "new.csv", "--format", "csv"]);
    let last: Vec<&str> = predicted.lines().map(|line| line.rsplit(',').next().unwrap()).collect();
    assert_eq!(last, ["prediction", "setosa", "virginica"]);

    let rows: Value =
        serde_json::from_str(&place.ok(&["predict", "iris.model", "new.csv", "--proba", "--format", "json"])).unwrap();
    let names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(names[4..], ["prediction", "proba_setosa", "proba_versicolor", "proba_virginica"]);
    let sum: f64 = names[5..].iter().map(|name| rows[1][name.as_str()].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-12);
    assert!(rows[1]["proba_virginica"].as_f64().unwrap() > 0.9);

    let shown = place.ok(&["evaluate", "iris.model", "iris.csv"]);
    for expected in ["precision    recall  f1-score   support", "roc_auc", "confusion matrix"] {
        assert!(shown.contains(expected), "{shown}");
    }
}

/// The numbers that scikit-learn 1.9.1 gives.
#[test]
fn principal_components_are_scikit_learns() {
    let place = Workplace::new();
    let train = [
        "train",
        "iris.csv",
        "--estimator",
        "PCA",
        "--param",
        "n_components=2",
        "--exclude",
        "species",
        "-o",
        "pca.model",
    ];
    let trained = report(&place, &train);
    let ratio: Vec<f64> =
        trained["explained_variance_ratio"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    for (found, expected) in ratio.iter().zip([0.924_618_723_201_734_1, 0.053_066_483_117_063_83]) {
        assert!((found / expected - 1.0).abs() < 1e-10, "{ratio:?}");
    }
    assert_eq!((&trained["n_train"], &trained["target"]), (&json!(150), &Value::Null));
    place.ok(&["transform", "pca.model", "iris.csv", "-o", "out.csv"]);
    let text = place.read("out.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("species,pc1,pc2"));
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(first[0], "setosa");
    for (cell, expected) in first[1..].iter().zip([-2.684_126, 0.319_397]) {
        assert!((cell.parse::<f64>().unwrap() - expected).abs() < 1e-6, "{first:?}");
    }
}

#[test]
fn texts_become_numbers_and_it_is_said() {
    let place = Workplace::new();
    let train = |estimator: &str, file: &str| {
        place.ok(&["train", "tips.csv", "--estimator", estimator, "--target", "tip", "--random-state", "1", "-o", file])
    };
    let linear = train("Ridge", "ridge.model");
    assert!(linear.contains("encoded    day (4 texts, one column each), sex (2 texts, one column each)"), "{linear}");
    assert!(linear.contains("day=Sun"), "{linear}");
    let tree = train("DecisionTreeRegressor", "tree.model");
    assert!(tree.contains("encoded    day (4 texts, as codes)"), "{tree}");
    for model in ["ridge.model", "tree.model"] {
        assert_eq!(place.ok(&["predict", model, "tips.csv"]).lines().count(), 245);
    }
    place.write("mon.csv", "total_bill,sex,smoker,day,time,size\n10,Male,No,Sun,Dinner,2\n10,Male,No,Son,Dinner,2\n");
    let ran = place.run(&["predict", "ridge.model", "mon.csv"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr, "error: row 2: 'day' is 'Son', which the model has not learnt\nhint: did you mean 'Sun'?\n");
}

#[test]
fn missing_values_are_learnt_by_trees_and_refused_by_others() {
    let place = Workplace::new();
    place.write("gaps.csv", "a,y\n1,1\n,2\n3,3\n4,5\n,2\n");
    let train = |estimator: &str| {
        place.run(&["train", "gaps.csv", "--estimator", estimator, "--target", "y", "--test-size", "0", "-o", "m"])
    };
    assert_eq!(train("DecisionTreeRegressor").code, 0);
    assert_eq!(place.ok(&["predict", "m", "gaps.csv"]).lines().nth(2), Some(",2,2"));
    let refused = train("LinearRegression");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("the column 'a' of gaps.csv has no value in row 2"), "{}", refused.stderr);
}

#[test]
fn clusters_are_found_counted_and_told() {
    let place = Workplace::new();
    let train = [
        "train",
        "iris.csv",
        "--estimator",
        "KMeans",
        "--param",
        "n_clusters=3",
        "--param",
        "n_init=10",
        "--random-state",
        "0",
        "--exclude",
        "species",
        "-o",
        "k.model",
    ];
    let trained = report(&place, &train);
    // The best known division of iris in three.
    assert!((trained["inertia"].as_f64().unwrap() - 78.851_441_426).abs() < 1e-6, "{trained}");
    let judged = report(&place, &["evaluate", "k.model", "iris.csv"]);
    let mut sizes: Vec<i64> =
        judged["cluster_sizes"].as_array().unwrap().iter().map(|size| size.as_i64().unwrap()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [38, 50, 62]);
    assert!((judged["silhouette"].as_f64().unwrap() - 0.552_819).abs() < 1e-5, "{judged}");
}

#[test]
fn estimators_are_listed_with_their_parameters() {
    let place = Workplace::new();
    let all = place.ok(&["estimators"]);
    for name in ["RandomForestClassifier", "LogisticRegression", "PCA", "KMeans", "GradientBoostingRegressor"] {
        assert!(all.lines().any(|line| line.starts_with(name)), "{all}");
    }
    let one = report(&place, &["estimators", "RandomForestClassifier"]);
    assert_eq!(one["kind"], "classifier");
    let trees = one["params"].as_array().unwrap().iter().find(|param| param["name"] == "n_estimators").unwrap();
    assert_eq!(trees["default"], 100);
    assert_eq!(place.run(&["estimators", "RandomForrestClassifier"]).code, 1);
}

#[test]
fn wrong_input_is_told_in_one_line_and_leaves_nothing() {
    let place = Workplace::new();
    let forest =
        |more: &[&'static str]| -> Vec<&'static str> { [&["train"][..], &FOREST, more, &["-o", "no.model"]].concat() };
    let cases: [(Vec<&str>, &str); 8] = [
        (
            vec!["train", "iris.csv", "--estimator", "PCA", "--target", "species", "-o", "no.model"],
            "PCA is a transformer and predicts no column",
        ),
        (
            vec!["train", "iris.csv", "--estimator", "Ridge", "-o", "no.model"],
            "Ridge is a regressor and needs a column to predict",
        ),
        (
            vec!["train", "iris.csv", "--estimator", "Ridge", "--target", "species", "-o", "no.model"],
            "the column 'species' of iris.csv holds text, and numbers are needed",
        ),
        (forest(&["--param", "max_dept=3"]), "RandomForestClassifier has no parameter 'max_dept'"),
        (forest(&["--param", "n_estimators=0"]), "RandomForestClassifier: n_estimators = 0 is not allowed"),
        (forest(&["--scoring", "acuracy"]), "did you mean 'accuracy'?"),
        (
            [&["search"][..], &FOREST, &["--grid", "max_depth=1,,2", "-o", "no.model"]].concat(),
            "--grid max_depth=1,,2: a value is missing",
        ),
        (
            [&["search"][..], &FOREST, &["--grid", "max_depth=1,2", "--cv", "200", "-o", "no.model"]].concat(),
            "n_splits = 200",
        ),
    ];
    for (arguments, expected) in cases {
        let ran = place.run(&arguments);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.stderr.contains(expected) && ran.stderr.starts_with("error: "), "{arguments:?}: {}", ran.stderr);
        assert!(!place.path("no.model").exists(), "{arguments:?}");
    }
    place.ok(&["train", "iris.csv", "--estimator", "PCA", "--exclude", "species", "-o", "pca.model"]);
    for (arguments, expected) in [
        (["predict", "pca.model", "iris.csv"], "PCA transforms rows and predicts nothing"),
        (["evaluate", "pca.model", "iris.csv"], "which nothing tells right from wrong"),
        (["transform", "iris.csv", "iris.csv"], "not a taipan model file"),
        (["transform", "pca.model", "tips.csv"], "no column 'sepal_length' in tips.csv"),
    ] {
        let ran = place.run(&arguments);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
}
