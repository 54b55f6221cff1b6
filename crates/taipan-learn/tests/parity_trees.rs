//! Parity of trees, forests and boosting with scikit-learn: `data/trees.json`, written by `data/trees.py`, holds its
//! results as digests. Every node must be the same, to the last bit, and so must predictions. See `fixture` for fresh
//! cases.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod fixture;

use std::any::Any;

use ndarray::{Array1, Array2, ArrayView1};
use serde_json::Value;
use sha2::{Digest, Sha256};
use taipan_learn::{
    BoostingPredictor, DecisionTreeClassifier, DecisionTreeRegressor, Estimator, ExtraTreeClassifier,
    ExtraTreeRegressor, ExtraTreesClassifier, ExtraTreesRegressor, ForestPredictor, GradientBoostingClassifier,
    GradientBoostingRegressor, ParamValue, Predictor, RandomForestClassifier, RandomForestRegressor, RandomState,
    Training, Tree, TreePredictor, registry,
};

/// Training data made from a seed, by the draws that `trees.py` makes.
struct Data {
    x: Array2<f64>,
    y: Array2<f64>,
    weights: Option<Array1<f64>>,
}

impl Data {
    fn of(case: &Value) -> Self {
        let mut random = RandomState::new(case["seed"].as_u64().unwrap() as u32);
        let n = case["n"].as_u64().unwrap() as usize;
        let kinds = case["columns"].as_str().unwrap();
        let outputs = case["outputs"].as_u64().unwrap() as usize;
        let columns: Vec<Vec<f64>> = kinds.chars().map(|kind| Self::column(&mut random, kind, n)).collect();
        let x = Array2::from_shape_fn((n, columns.len()), |(row, feature)| columns[feature][row]);
        let mut y = Array2::zeros((n, outputs));
        for output in 0..outputs {
            let u = uniforms(&mut random, n);
            for row in 0..n {
                let signal = x[(row, output % columns.len())];
                let signal = if signal.is_nan() { 0.5 } else { signal };
                let signal = if signal.abs() > 100.0 { signal / 1e6 } else { signal };
                y[(row, output)] = Self::target(case["target"].as_str().unwrap(), signal, u[row]);
            }
        }
        let weights = case["weights"].as_str().map(|kind| {
            let weight = |u: &f64| match kind {
                "real" => u + 0.1,
                "zeros" if *u < 0.25 => 0.0,
                "zeros" => *u,
                _ => (u * 3.0).floor(),
            };
            uniforms(&mut random, n).iter().map(weight).collect()
        });
        Self { x, y, weights }
    }

    /// u: uniform; i, t: few values; k: constant; e: neighbours nearly equal; g: large; h, j: like u and i, with NaN.
    fn column(random: &mut RandomState, kind: char, n: usize) -> Vec<f64> {
        let u = uniforms(random, n);
        let map = |f: &dyn Fn(f64) -> f64| u.iter().map(|&u| f(u)).collect();
        let mut missing = |share: f64, f: &dyn Fn(f64) -> f64| {
            let v = uniforms(random, n);
            u.iter().zip(v).map(|(&u, v)| if v < share { f64::NAN } else { f(u) }).collect()
        };
        match kind {
            'u' => u,
            'i' => map(&|u| (u * 5.0).floor()),
            'k' => map(&|_| 2.5),
            't' => map(&|u| (u * 20.0).floor() / 10.0),
            'e' => map(&|u| 1.0 + (u * 40.0).floor() * 4e-8),
            'g' => map(&|u| (u - 0.5) * 1e6),
            'h' => missing(0.2, &|u| u),
            'j' => missing(0.3, &|u| (u * 4.0).floor()),
            _ => panic!("{kind}"),
        }
    }

    fn target(kind: &str, signal: f64, u: f64) -> f64 {
        match kind {
            "real" => signal * 3.0 + u * 2.0,
            "integer" => (signal * 3.0 + u * 4.0).floor(),
            "count" => (u * u * 6.0).floor(),
            classes => {
                let classes: f64 = classes[1..].parse().unwrap();
                ((0.5 * (signal - signal.floor()) + 0.5 * u) * classes).floor().min(classes - 1.0)
            }
        }
    }

    fn training(&self) -> Training<'_> {
        let data = Training::outputs(self.x.view(), self.y.view());
        match &self.weights {
            Some(weights) => data.sample_weight(weights.view()),
            None => data,
        }
    }
}

fn uniforms(random: &mut RandomState, n: usize) -> Vec<f64> {
    (0..n).map(|_| random.random_sample()).collect()
}

fn estimator(case: &Value) -> Box<dyn Estimator> {
    let mut estimator = registry::estimator(case["estimator"].as_str().unwrap()).unwrap();
    for (name, value) in case["params"].as_object().unwrap() {
        let value: ParamValue = serde_json::from_value(value.clone()).unwrap();
        estimator.set_param(name, value).unwrap();
    }
    estimator
}

fn digest(hash: Sha256) -> String {
    let hex: Vec<String> = hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    hex.concat()
}

fn bits<'a>(values: impl IntoIterator<Item = &'a f64>) -> String {
    let mut hash = Sha256::new();
    for value in values {
        hash.update(value.to_le_bytes());
    }
    digest(hash)
}

fn digest_of<'a>(trees: impl Iterator<Item = &'a Tree>) -> String {
    let mut hash = Sha256::new();
    for tree in trees {
        let mut whole = |values: &mut dyn Iterator<Item = i64>| values.for_each(|v| hash.update(v.to_le_bytes()));
        whole(&mut tree.children_left().iter().map(|&v| v.into()));
        whole(&mut tree.children_right().iter().map(|&v| v.into()));
        whole(&mut tree.feature().iter().map(|&v| v.into()));
        let mut real = |values: &[f64]| values.iter().for_each(|v| hash.update(v.to_le_bytes()));
        real(&tree.threshold());
        real(&tree.impurity());
        for v in tree.n_node_samples() {
            hash.update(i64::from(v).to_le_bytes());
        }
        for v in tree.weighted_n_node_samples() {
            hash.update(v.to_le_bytes());
        }
        for v in tree.missing_go_to_left() {
            hash.update(i64::from(v).to_le_bytes());
        }
        for v in tree.value() {
            hash.update(v.to_le_bytes());
        }
    }
    digest(hash)
}

fn structure_of<'a>(trees: impl Iterator<Item = &'a Tree>) -> String {
    let mut hash = Sha256::new();
    for tree in trees {
        for values in [tree.children_left(), tree.children_right(), tree.feature()] {
            for v in values {
                hash.update(i64::from(v).to_le_bytes());
            }
        }
        for v in tree.n_node_samples() {
            hash.update(i64::from(v).to_le_bytes());
        }
    }
    digest(hash)
}

/// A fitted model of any of the families.
enum Fitted {
    Tree(TreePredictor),
    Forest(ForestPredictor),
    Boosting(BoostingPredictor),
}

impl Fitted {
    fn new(estimator: &dyn Estimator, data: &Training<'_>) -> Self {
        macro_rules! fit {
            ($($variant:ident: $($name:ident)+;)+) => {
                $($(if let Some(estimator) = (estimator.as_any() as &dyn Any).downcast_ref::<$name>() {
                    return Self::$variant(estimator.fit_on(data).unwrap());
                })+)+
            };
        }
        fit! {
            Tree: DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor;
            Forest: RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor;
            Boosting: GradientBoostingClassifier GradientBoostingRegressor;
        }
        panic!("{estimator:?}")
    }

    fn predictor(&self) -> &dyn Predictor {
        match self {
            Self::Tree(model) => model,
            Self::Forest(model) => model,
            Self::Boosting(model) => model,
        }
    }

    fn digest(&self) -> String {
        match self {
            Self::Tree(model) => digest_of(std::iter::once(model.tree())),
            Self::Forest(model) => digest_of(model.trees()),
            Self::Boosting(model) => digest_of(model.trees()),
        }
    }

    fn importances(&self) -> Vec<f64> {
        match self {
            Self::Tree(model) => model.feature_importances(),
            Self::Forest(model) => model.feature_importances(),
            Self::Boosting(model) => model.feature_importances(),
        }
    }
}

/// What is found to differ from scikit-learn, in words.
fn differences(case: &Value) -> Vec<String> {
    let data = Data::of(case);
    let fitted = Fitted::new(estimator(case).as_ref(), &data.training());
    let mut differences = Vec::new();
    let compare = |differences: &mut Vec<String>, what: &str, found: String| {
        if case[what] != found.as_str() {
            differences.push(what.to_owned());
        }
    };
    compare(&mut differences, "digest", fitted.digest());
    compare(&mut differences, "importances", bits(&fitted.importances()));
    let model = fitted.predictor();
    let predictions: Vec<f64> = if model.classes().is_empty() {
        model.predict_outputs(data.x.view()).unwrap().into_iter().collect()
    } else if let Fitted::Boosting(model) = &fitted {
        model.decision_function(data.x.view()).unwrap().into_iter().collect()
    } else {
        model.predict_proba_outputs(data.x.view()).unwrap().into_iter().flatten().collect()
    };
    compare(&mut differences, "predictions", bits(&predictions));
    if let (Fitted::Boosting(boosting), false, Some(prediction)) =
        (&fitted, differences.is_empty(), case["prediction"].as_f64())
    {
        // With more than two classes boosting starts from NumPy's exponential: last bits may differ.
        let same = case["structure"] == structure_of(boosting.trees()).as_str();
        if same && (predictions[0] - prediction).abs() <= 1e-10 * prediction.abs() + 1e-12 {
            return Vec::new();
        }
    }
    if let (Fitted::Tree(tree), true) = (&fitted, case["path"].is_string()) {
        let path = tree.cost_complexity_pruning_path();
        compare(&mut differences, "path", bits(path.ccp_alphas.iter().chain(&path.impurities)));
    }
    if let Fitted::Boosting(boosting) = &fitted {
        compare(&mut differences, "train_score", bits(boosting.train_score()));
    }
    if let (Fitted::Forest(forest), Some(score)) = (&fitted, case["oob"].as_f64()) {
        let out_of_bag = forest.out_of_bag().unwrap();
        if (out_of_bag.score - score).abs() > 1e-14 * score.abs().max(1.0) {
            differences.push(format!("oob: {}, expected {score}", out_of_bag.score));
        }
        let mut by_output = Vec::new();
        interleave(&mut by_output, &out_of_bag.predictions, data.y.ncols());
        if case["oob_predictions"] != bits(&by_output).as_str() {
            differences.push("oob_predictions".to_owned());
        }
    }
    differences
}

/// Rows × classes × outputs, as scikit-learn has it.
fn interleave(out: &mut Vec<f64>, predictions: &Array2<f64>, outputs: usize) {
    let n_values = predictions.ncols() / outputs;
    for row in predictions.rows() {
        let at = |value: usize, output: usize, row: &ArrayView1<'_, f64>| row[output * n_values + value];
        out.extend((0..n_values).flat_map(|v| (0..outputs).map(move |o| (v, o))).map(|(v, o)| at(v, o, &row)));
    }
}

#[track_caller]
fn all_equal(family: &str) {
    let cases = fixture::read("trees")[family].take();
    let cases = cases.as_array().unwrap();
    assert!(!cases.is_empty());
    let (mut wrong, mut other_ties) = (Vec::new(), Vec::new());
    for (number, case) in cases.iter().enumerate() {
        let differences = differences(case);
        if !differences.is_empty() {
            let list = if case["prediction"].is_null() { &mut wrong } else { &mut other_ties };
            list.push(format!("case {number}: {}: {case}", differences.join(", ")));
        }
    }
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} differ:\n{shown}", wrong.len(), cases.len());
    // Boosting of several classes starts from NumPy's logarithms, whose last bit depends on the processor: now and then it
    // decides between splits that are equal but for rounding. With the C library's in their place scikit-learn grows the
    // same trees in every case.
    assert!(other_ties.len() <= cases.len() / 500, "{} differ:\n{}", other_ties.len(), other_ties.join("\n"));
}

#[test]
fn trees_are_the_same() {
    all_equal("tree");
}

#[test]
fn forests_are_the_same() {
    all_equal("forest");
}

#[test]
fn boosting_is_the_same() {
    all_equal("boosting");
}

#[test]
fn boosting_from_another_estimator_is_the_same() {
    all_equal("init");
}
