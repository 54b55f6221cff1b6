//! The jobs that every reader of scikit-learn's documentation knows, number by number: `data/reference.json` holds what
//! release 1.9.1 gives for them.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod fixture;

use ndarray::{Array1, Array2, Axis, array};
use serde_json::Value;
use taipan_learn::metrics::r2_score;
use taipan_learn::model_selection::{
    GridSearchCV, KFold, ParamGrid, Rows, Splitter, StratifiedKFold, TestSize, TrainTestSplit, train_test_split,
};
use taipan_learn::{
    LinearPredictor, LinearRegression, Pca, Predictor, RandomForestClassifier, RandomState, Replace, Tree,
};

fn reference(name: &str) -> Value {
    fixture::read("reference")[name].take()
}

fn numbers(json: &Value) -> Vec<f64> {
    match json {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn indices(json: &Value) -> Vec<usize> {
    serde_json::from_value(json.clone()).unwrap()
}

#[track_caller]
fn assert_close(found: impl IntoIterator<Item = f64>, expected: &Value) {
    let (found, expected): (Vec<f64>, _) = (found.into_iter().collect(), numbers(expected));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-10 * expected.abs() + 1e-13, "{found:?}, expected {expected:?}");
    }
}

/// The flowers of the demo, and their species as 0, 1, 2.
fn iris() -> (Array2<f64>, Array1<f64>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/demo/iris.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let (measures, species) = line.rsplit_once(',').unwrap();
        x.extend(measures.split(',').map(|value| value.parse::<f64>().unwrap()));
        y.push(["setosa", "versicolor", "virginica"].iter().position(|known| *known == species).unwrap() as f64);
    }
    (Array2::from_shape_vec((y.len(), 4), x).unwrap(), y.into())
}

#[test]
fn house_prices() {
    let expected = reference("house");
    let area = array![2600.0, 3000.0, 3200.0, 3600.0, 4000.0].insert_axis(Axis(1));
    let price = array![550_000.0, 565_000.0, 610_000.0, 680_000.0, 725_000.0];
    let split = train_test_split(5, TestSize::Fraction(0.2), Some(42)).unwrap();
    assert_eq!(split.train, indices(&expected["train_idx_order"]));
    assert_eq!(split.test, indices(&expected["test_idx"]));
    let rows = |rows: &[usize]| (area.select(Axis(0), rows), price.select(Axis(0), rows));
    let (x, y) = rows(&split.train);
    let fit = |x: &Array2<f64>, y: &Array1<f64>| -> LinearPredictor {
        LinearRegression::new().fit(x.view(), y.view()).unwrap()
    };
    let predict = |model: &LinearPredictor, area: f64| model.predict(array![[area]].view()).unwrap();
    let model = fit(&x, &y);
    let coef = |model: &LinearPredictor| {
        let (_, coef) = model.attributes().into_iter().find(|(name, _)| *name == "coef").unwrap();
        coef.numbers()
    };
    let intercept = |model: &LinearPredictor| predict(model, 0.0);
    assert_close(coef(&model), &expected["coef"]);
    assert_close(intercept(&model), &Value::Array(vec![expected["intercept"].clone()]));
    assert_close(predict(&model, 3000.0), &expected["pred_test"]);
    assert_close(predict(&model, 3300.0), &expected["predict_3300"]);
    let fitted = model.predict(x.view()).unwrap();
    assert_close(r2_score(y.view(), fitted.view()).unwrap(), &expected["r2_train"]);
    let model = fit(&area, &price);
    assert_close(coef(&model), &expected["full_coef"]);
    assert_close(intercept(&model), &Value::Array(vec![expected["full_intercept"].clone()]));
    assert_close(predict(&model, 3300.0), &expected["full_predict_3300"]);
}

#[test]
fn the_grid_search_over_forests() {
    let expected = reference("grid");
    let (x, y) = iris();
    let grid = ParamGrid::new().values("n_estimators", [50, 100, 200]).values("max_depth", [3, 5, 7]);
    let forest = RandomForestClassifier::new().random_state(42);
    let found = GridSearchCV::new(&forest, grid).cv(5).fit(x.view(), y.view()).unwrap();
    assert_eq!(found.best_index, 0);
    assert_eq!(found.best_score(), expected["best_score"].as_f64());
    for (at, candidate) in found.candidates.iter().enumerate() {
        for (name, value) in &candidate.params {
            assert_eq!(serde_json::to_value(value).unwrap(), expected["params"][at][name]);
        }
        assert_eq!(candidate.params.len(), 2);
        assert_eq!(candidate.mean, expected["mean"][at].as_f64());
        assert_eq!(candidate.std, expected["std"][at].as_f64());
        assert_eq!(candidate.rank as u64, expected["rank"][at].as_u64().unwrap());
        for (split, score) in candidate.test_scores().into_iter().enumerate() {
            assert_eq!(score, expected["splits"][split][at].as_f64());
        }
    }
    let best = found.best_model().unwrap();
    assert_eq!(best.classes(), [vec![0.0, 1.0, 2.0]]);
    assert_eq!(best.predict(x.view()).unwrap().len(), 150);
}

#[test]
fn a_forest_node_by_node() {
    let expected = reference("rf5_iris");
    let (x, y) = iris();
    let mut random = RandomState::new(42);
    let seeds: Vec<i64> = (0..5).map(|_| random.randint(0, (1 << 31) - 1).unwrap()).collect();
    assert_eq!(serde_json::json!(seeds), expected["seeds"]);
    let forest = RandomForestClassifier::new().n_estimators(5).random_state(42).fit(x.view(), y.view()).unwrap();
    for (tree, expected) in forest.trees().zip(expected["trees"].as_array().unwrap()) {
        let real = |name: &str| numbers(&expected[name]);
        let whole = |values: Vec<i32>| values.into_iter().map(f64::from).collect::<Vec<_>>();
        let tree: &Tree = tree;
        assert_eq!(whole(tree.feature()), real("feature"));
        assert_eq!(tree.threshold(), real("threshold"));
        assert_eq!(whole(tree.children_left()), real("left"));
        assert_eq!(whole(tree.children_right()), real("right"));
        assert_eq!(tree.impurity(), real("impurity"));
        assert_eq!(tree.value(), real("value"));
        assert_eq!(tree.n_node_samples().into_iter().map(f64::from).collect::<Vec<_>>(), real("n"));
    }
    assert_eq!(forest.feature_importances(), numbers(&expected["importances"]));
    let proba = forest.predict_proba(x.select(Axis(0), &[50, 70, 83]).view()).unwrap();
    assert_eq!(proba.into_raw_vec_and_offset().0, numbers(&expected["proba_rows_50_70_83"]));
}

#[test]
fn principal_components() {
    let expected = reference("pca");
    let (x, _) = iris();
    let model = Pca::new().n_components(2_usize).fit(x.view()).unwrap();
    let learnt = |name: &str| {
        let (_, value) = model.attributes().into_iter().find(|(known, _)| *known == name).unwrap();
        value.numbers()
    };
    assert_close(learnt("components"), &expected["components"]);
    assert_close(learnt("explained_variance"), &expected["explained_variance"]);
    assert_close(learnt("explained_variance_ratio"), &expected["ratio"]);
    assert_close(learnt("singular_values"), &expected["singular_values"]);
    assert_close(learnt("mean"), &expected["mean"]);
    let first = x.select(Axis(0), &[0, 1, 2, 3, 4]);
    assert_close(model.transform(first.view()).unwrap(), &expected["proj5"]);
}

#[test]
fn the_stream_of_seed_42() {
    let expected = reference("rng42");
    let seeded = || RandomState::new(42);
    let words: Vec<u32> = std::iter::repeat_with({
        let mut random = seeded();
        move || random.next_u32()
    })
    .take(8)
    .collect();
    assert_eq!(serde_json::json!(words), expected["raw_uint32_first8"]);
    assert_eq!(seeded().permutation(10), indices(&expected["permutation10"]));
    let mut random = seeded();
    let drawn: Vec<i64> = (0..10).map(|_| random.randint(0, 150).unwrap()).collect();
    assert_eq!(serde_json::json!(drawn), expected["randint_0_150_x10"]);
    let mut random = seeded();
    let drawn: Vec<f64> = (0..4).map(|_| random.random_sample()).collect();
    assert_eq!(drawn, numbers(&expected["random_sample4"]));
    let mut random = seeded();
    let drawn: Vec<f64> = (0..4).map(|_| random.standard_normal()).collect();
    assert_eq!(drawn, numbers(&expected["standard_normal4"]));
    let drawn = seeded().choice(10, 4, Replace::Without, None).unwrap();
    assert_eq!(drawn, indices(&expected["choice10_4_noreplace"]));
}

#[test]
fn splits_of_iris() {
    let (_, y) = iris();
    let options = TrainTestSplit::new().test_size(0.2).random_state(42);
    assert_eq!(options.split(150).unwrap().test, indices(&reference("iris_split")));
    assert_eq!(options.stratify(y.view()).split(150).unwrap().test, indices(&reference("iris_split_strat")));
    let rows = Rows::new(150).y(y.view());
    let folds = StratifiedKFold::new(5).shuffle(true).random_state(42).split(&rows).unwrap();
    assert_eq!(folds.get(0).unwrap().test, indices(&reference("skf_shuf_fold0")));
    let folds = KFold::new(5).shuffle(true).random_state(42).split(&Rows::new(23)).unwrap();
    for (split, expected) in folds.iter().zip(reference("kfold_shuf").as_array().unwrap()) {
        assert_eq!(split.test, indices(expected));
    }
}
