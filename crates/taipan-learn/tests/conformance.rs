//! What every registered estimator must do, whatever it learns: one suite, run for each of them.
//!
//! An estimator that needs something of its own to be fitted at all gets it in [`subjects`].

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use ndarray::{Array1, Array2, ArrayView2, Axis, ShapeBuilder, array, s};
use sha2::{Digest, Sha256};
use taipan_learn::metrics::Scoring;
use taipan_learn::model_selection::{Cv, KFold, cross_validate};
use taipan_learn::{
    ColumnTransformer, ErrorKind, Estimator, Interval, Kind, Model, ParamValue, Pipeline, Place, Predictor, Prepared,
    RandomState, Range, RangeKind, Remainder, Ridge, Training, registry,
};

/// An estimator of each registered name, seeded and small enough for many fits.
fn subjects() -> Vec<Box<dyn Estimator>> {
    let mut subjects: Vec<Box<dyn Estimator>> = Vec::new();
    for name in registry::names() {
        let mut estimator = registry::estimator(name).unwrap();
        for (param, value) in
            [("random_state", 0), ("n_estimators", 3), ("max_depth", 8), ("n_clusters", 2), ("n_init", 2)]
        {
            if estimator.params().iter().any(|known| known.name == param) {
                estimator.set_param(param, value.into()).unwrap();
            }
        }
        match name {
            "Pipeline" => {
                let identity = ColumnTransformer::new().remainder(Remainder::Passthrough);
                subjects.push(Box::new(Pipeline::new().step("same", identity).step("fit", Ridge::new())));
                if let (Ok(scaler), Ok(forest)) =
                    (registry::estimator("StandardScaler"), registry::estimator("LogisticRegression"))
                {
                    subjects.push(Box::new(Pipeline::new().boxed_step("scale", scaler).boxed_step("fit", forest)));
                }
            }
            "ColumnTransformer" => {
                let mut columns = ColumnTransformer::new().remainder(Remainder::Passthrough);
                if let Ok(scaler) = registry::estimator("StandardScaler") {
                    columns = columns.boxed_transformer("scale", scaler, vec![0]);
                }
                subjects.push(Box::new(columns.passthrough("kept", vec![0])));
            }
            _ => subjects.push(estimator),
        }
    }
    assert!(subjects.len() >= 5);
    subjects
}

fn each(check: impl Fn(&str, &dyn Estimator)) {
    for estimator in subjects() {
        check(estimator.name(), &*estimator);
    }
}

/// Rows, and targets that depend on them: numbers for a regressor, else one of three classes.
fn data(kind: Kind, rows: usize, features: usize) -> (Array2<f64>, Array1<f64>) {
    let mut random = RandomState::new(3);
    let x = Array2::from_shape_simple_fn((rows, features), || random.standard_normal());
    let y: Array1<f64> =
        x.rows().into_iter().map(|row| 2.0 * row.sum() + 1.0 + 0.1 * random.standard_normal()).collect();
    let class = |y: f64| {
        if y < -1.0 {
            0.0
        } else if y < 2.0 {
            1.0
        } else {
            4.0
        }
    };
    let y = if kind == Kind::Regressor { y } else { y.mapv(class) };
    (x, y)
}

fn fit(estimator: &dyn Estimator, x: &Array2<f64>, y: &Array1<f64>) -> taipan_learn::Result<Box<dyn Predictor>> {
    estimator.fit(x.view(), y.view())
}

/// Everything a model says about these rows: what is not supported, is left out.
fn answers(model: &dyn Predictor, x: &ArrayView2<'_, f64>) -> Vec<(&'static str, Array2<f64>)> {
    let all = [
        ("predict", model.predict(*x).map(|y| y.insert_axis(Axis(1)))),
        ("predict_outputs", model.predict_outputs(*x)),
        ("predict_proba", model.predict_proba(*x)),
        ("decision_function", model.decision_function(*x)),
        ("transform", model.transform(*x)),
    ];
    let mut answers = Vec::new();
    for (method, answer) in all {
        match answer {
            Ok(answer) => answers.push((method, answer)),
            Err(error) => {
                // An encoder does not know the categories of rows that it has not seen.
                let told = matches!(error.kind(), ErrorKind::Unsupported { .. } | ErrorKind::UnknownCategory { .. });
                assert!(told, "{method}: {error}");
            }
        }
    }
    answers
}

/// Every bit of what was learnt and of what it says about `x`.
fn fingerprint(model: &dyn Predictor, x: &ArrayView2<'_, f64>) -> Vec<u64> {
    let learnt = model.attributes().into_iter().flat_map(|(_, attribute)| attribute.numbers());
    let said = answers(model, x).into_iter().flat_map(|(_, answer)| answer.into_iter());
    learnt.chain(said).map(f64::to_bits).collect()
}

/// Why an estimator may refuse data that has the right form: too few rows, too large numbers, or more of something
/// asked for than there is.
fn is_refusal(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TooFew { .. }
            | ErrorKind::Overflow { .. }
            | ErrorKind::NonFinite { .. }
            | ErrorKind::InvalidParam { .. }
            | ErrorKind::NoConvergence { .. }
    )
}

#[test]
fn shapes_of_what_comes_out() {
    each(|name, estimator| {
        for (rows, features) in [(1, 1), (2, 1), (1, 4), (5, 1), (3, 8), (30, 4)] {
            let (x, y) = data(estimator.kind(), rows, features);
            let model = match fit(estimator, &x, &y) {
                Ok(model) => model,
                Err(error) => {
                    assert!(rows < 30 && is_refusal(error.kind()), "{name}, {rows}x{features}: {error}");
                    continue;
                }
            };
            assert_eq!(model.n_features(), features, "{name}");
            check_answers(name, estimator.kind(), &*model, &x.view());
            check_answers(name, estimator.kind(), &*model, &Array2::zeros((0, features)).view());
        }
    });
}

fn check_answers(name: &str, kind: Kind, model: &dyn Predictor, x: &ArrayView2<'_, f64>) {
    let answers = answers(model, x);
    let answer = |method| answers.iter().find(|(known, _)| *known == method).map(|(_, answer)| answer);
    for (method, answer) in &answers {
        assert_eq!(answer.nrows(), x.nrows(), "{name}, {method}");
        assert!(answer.iter().all(|value| value.is_finite()), "{name}, {method}");
    }
    match kind {
        Kind::Regressor => {
            assert_eq!(model.n_outputs(), 1, "{name}");
            assert!(answer("predict").is_some() && model.classes().is_empty(), "{name}");
        }
        Kind::Classifier => {
            let [classes] = model.classes() else { panic!("{name} has classes of one output") };
            assert!(classes.is_sorted_by(|a, b| a < b), "{name}");
            let predicted = answer("predict").unwrap();
            assert!(predicted.iter().all(|label| classes.contains(label)), "{name}");
            if let Some(proba) = answer("predict_proba") {
                assert_eq!(proba.ncols(), classes.len(), "{name}");
                for (row, label) in proba.rows().into_iter().zip(predicted) {
                    assert!((row.sum() - 1.0).abs() < 1e-9 && row.iter().all(|p| (0.0..=1.0).contains(p)), "{name}");
                    let of_label = row[classes.iter().position(|class| class == label).unwrap()];
                    assert!(row.iter().all(|p| *p <= of_label + 1e-9), "{name}: the likeliest class is predicted");
                }
            }
            if let Some(scores) = answer("decision_function") {
                let columns = if classes.len() == 2 { 1 } else { classes.len() };
                assert_eq!(scores.ncols(), columns, "{name}");
            }
        }
        Kind::Clusterer => {
            let whole = |label: &f64| *label >= 0.0 && label.fract() == 0.0;
            assert!(answer("predict").unwrap().iter().all(whole), "{name}");
        }
        Kind::Transformer => {
            let features: Vec<String> = (0..model.n_features()).map(|j| format!("x{j}")).collect();
            let names = model.feature_names_out(&features).unwrap();
            assert_eq!(names.len(), answer("transform").unwrap().ncols(), "{name}");
            model.feature_names_out(&features[1..]).unwrap_err();
        }
    }
}

#[test]
fn shapes_that_are_refused() {
    each(|name, estimator| {
        let (x, y) = data(estimator.kind(), 30, 2);
        let refused = |x: &Array2<f64>, y: &Array1<f64>| fit(estimator, x, y).unwrap_err().to_string();
        assert_eq!(refused(&Array2::zeros((0, 2)), &array![]), "X has no rows", "{name}");
        assert_eq!(refused(&Array2::zeros((30, 0)), &y), "X has no features", "{name}");
        if estimator.kind().is_supervised() {
            let short = y.slice(s![..4]).to_owned();
            assert_eq!(refused(&x, &short), "y has another length than X: 4, expected 30", "{name}");
            let error = estimator.fit_on(&Training::unsupervised(x.view())).unwrap_err();
            assert_eq!(error.to_string(), "there is no y to learn from", "{name}");
            let weights = Array1::ones(29);
            let data = Training::supervised(x.view(), y.view()).sample_weight(weights.view());
            let error = estimator.fit_on(&data).unwrap_err().to_string();
            assert_eq!(error, "sample_weight has another length than X: 29, expected 30", "{name}");
        }
        let model = fit(estimator, &x, &y).unwrap();
        let wider = Array2::zeros((6, 3));
        for error in [
            model.predict(wider.view()).unwrap_err(),
            model.predict_proba(wider.view()).unwrap_err(),
            model.decision_function(wider.view()).unwrap_err(),
            model.transform(wider.view()).unwrap_err(),
        ] {
            let text = "X has another number of features than the training data: 3, expected 2";
            let unsupported = matches!(error.kind(), ErrorKind::Unsupported { .. });
            assert!(unsupported || error.to_string() == text, "{name}: {error}");
        }
    });
}

#[test]
fn values_that_are_not_finite_are_refused_by_name() {
    each(|name, estimator| {
        let (x, y) = data(estimator.kind(), 30, 3);
        let model = fit(estimator, &x, &y).unwrap();
        let say = |x: ArrayView2<'_, f64>| match estimator.kind() {
            Kind::Transformer => model.transform(x).map(drop),
            _ => model.predict(x).map(drop),
        };
        for (bad, text) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
            let mut x_bad = x.clone();
            x_bad[(4, 1)] = bad;
            // What handles missing values, or leaves the question to its parts, may take NaN.
            if !(bad.is_nan() && estimator.allows_nan()) {
                let message = format!("X, row 4, feature 1: {text} is not a finite number");
                let at_fit = fit(estimator, &x_bad, &y).unwrap_err();
                assert_eq!(at_fit.to_string(), message, "{name}");
                assert!(
                    matches!(at_fit.place(), Some(Place::Value { array: "X", row: 4, feature: Some(1), .. })),
                    "{name}"
                );
                assert_eq!(say(x_bad.view()).unwrap_err().to_string(), message, "{name}");
                let features = ["a", "b", "c"].map(str::to_owned).to_vec();
                assert_eq!(
                    Model::train(estimator, x_bad.view(), y.view(), features, "t").unwrap_err().to_string(),
                    format!("X, row 4, feature 1 (b): {text} is not a finite number"),
                    "{name}"
                );
            } else if let Ok(model) = fit(estimator, &x_bad, &y) {
                assert_eq!(model.n_features(), 3, "{name}");
            }
            if estimator.kind().is_supervised() {
                let mut y_bad = y.clone();
                y_bad[2] = bad;
                let error = fit(estimator, &x, &y_bad).unwrap_err().to_string();
                assert_eq!(error, format!("y, row 2: {text} is not a finite number"), "{name}");
            }
        }
    });
}

#[test]
fn a_fraction_is_no_class() {
    each(|name, estimator| {
        if estimator.kind() == Kind::Classifier {
            let (x, mut y) = data(Kind::Classifier, 30, 2);
            y[7] = 0.5;
            let error = fit(estimator, &x, &y).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::NotALabel { .. }), "{name}: {error}");
            assert!(error.to_string().starts_with("y, row 7: 0.5 is not a class label"), "{name}: {error}");
        }
    });
}

#[test]
fn a_constant_target_is_predicted() {
    each(|name, estimator| {
        let (x, _) = data(Kind::Regressor, 20, 3);
        let constant = if estimator.kind() == Kind::Classifier { 3.0 } else { 0.1 };
        let model = match fit(estimator, &x, &Array1::from_elem(20, constant)) {
            Ok(model) => model,
            Err(error) => {
                assert!(estimator.kind() == Kind::Classifier && is_refusal(error.kind()), "{name}: {error}");
                return;
            }
        };
        if estimator.kind().is_supervised() {
            for value in model.predict(x.view()).unwrap() {
                assert!((value - constant).abs() < 1e-12, "{name}: {value}");
            }
        }
    });
}

#[test]
fn features_that_say_nothing_are_no_obstacle() {
    each(|name, estimator| {
        let (mut x, y) = data(estimator.kind(), 20, 4);
        x.column_mut(1).fill(0.1);
        let copy = x.column(0).to_owned();
        x.column_mut(2).assign(&copy);
        let model = fit(estimator, &x, &y).unwrap();
        for (method, answer) in answers(&*model, &x.view()) {
            let worst = answer.iter().fold(0.0_f64, |worst, value| worst.max(value.abs()));
            assert!(worst < 100.0, "{name}, {method}");
        }
        if let Err(error) = fit(estimator, &Array2::from_elem((20, 4), 0.1), &y) {
            assert!(is_refusal(error.kind()), "{name}: {error}");
        }
    });
}

#[test]
fn any_finite_input_is_fitted_or_refused() {
    each(|name, estimator| {
        let values = [0.0, -0.0, 1.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, 1e154, 1e-154];
        let mut random = RandomState::new(8);
        for round in 0..200 {
            let rows = usize::try_from(random.randint(1, 6).unwrap()).unwrap();
            let features = usize::try_from(random.randint(1, 5).unwrap()).unwrap();
            let mut draw = || values[random.choice(values.len(), 1, taipan_learn::Replace::With, None).unwrap()[0]];
            let x = Array2::from_shape_simple_fn((rows, features), &mut draw);
            let mut y = Array1::from_shape_simple_fn(rows, &mut draw);
            if estimator.kind() == Kind::Classifier {
                y.mapv_inplace(|y| f64::from(u8::from(y > 0.5)));
            }
            let model = match fit(estimator, &x, &y) {
                Ok(model) => model,
                Err(error) => {
                    assert!(is_refusal(error.kind()), "{name}, round {round}: {error}");
                    continue;
                }
            };
            for (attribute, value) in model.attributes() {
                assert!(value.numbers().iter().all(|v| !v.is_infinite()), "{name}, round {round}: {attribute}");
            }
            for (method, answer) in
                [("predict", model.predict_outputs(x.view())), ("transform", model.transform(x.view()))]
            {
                match answer {
                    Ok(answer) => {
                        assert!(answer.iter().all(|value| value.is_finite()), "{name}, round {round}: {method}");
                    }
                    Err(error) => {
                        let kind = error.kind();
                        let expected = is_refusal(kind) || matches!(kind, ErrorKind::Unsupported { .. });
                        assert!(expected, "{name}, round {round}: {error}");
                    }
                }
            }
        }
    });
}

/// Values that a parameter of this range must refuse.
fn out_of_range(range: &Range) -> Vec<ParamValue> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<ParamValue>>();
    let mut bad = match range.kind() {
        RangeKind::Boolean => texts(&["1", "yes"]),
        RangeKind::Integer { min, max } => {
            let mut bad = texts(&["2.5", "nan", "text", "true", "[1]"]);
            bad.extend(min.and_then(|min| min.checked_sub(1)).map(ParamValue::Integer));
            bad.extend(max.and_then(|max| max.checked_add(1)).map(ParamValue::Integer));
            bad
        }
        RangeKind::Number(Interval { min, max, .. }) | RangeKind::Fraction(Interval { min, max, .. }) => {
            let mut bad = texts(&["nan", "inf", "-inf", "text", "true", "[1.5]"]);
            bad.extend(min.map(|min| ParamValue::Real(min - 0.5)));
            bad.extend(max.map(|max| ParamValue::Real(max + 0.5)));
            bad
        }
        RangeKind::OneOf(_) => texts(&["qwop", "1"]),
        RangeKind::List(_) => texts(&["qwop", "{}"]),
        RangeKind::Map(_) => texts(&["qwop", "[]"]),
        RangeKind::AnyOf(ranges) => ranges.iter().flat_map(out_of_range).collect(),
        _ => Vec::new(),
    };
    bad.push(ParamValue::None);
    bad.retain(|value| !range.allows(value));
    bad
}

#[test]
fn parameters_are_declared_settable_and_checked() {
    for name in registry::names() {
        let fresh = || registry::estimator(name).unwrap();
        let declared = fresh().params();
        let values = fresh().get_params();
        assert_eq!(declared.len(), values.len(), "{name}");
        for (param, (param_name, value)) in declared.iter().zip(values) {
            assert_eq!(param.name, param_name, "{name}");
            assert_eq!(param.default, value, "{name}: {param_name}");
            assert!(param.range.allows(&param.default), "{name}: {param_name}");
            assert!(!param.doc.is_empty() && !param.doc.contains('\n'), "{name}: {param_name}");
            for value in out_of_range(&param.range) {
                let mut estimator = fresh();
                let error = match estimator.set_param(&param.name, value.clone()) {
                    Err(error) => error,
                    Ok(()) => estimator.check_params().unwrap_err(),
                };
                assert_eq!(
                    error.to_string(),
                    format!("{name}: {} = {value} is not allowed; it must be {}", param.name, param.range)
                );
            }
        }
        let error = fresh().set_param("no_such_parameter", 1.0.into()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnknownParam { .. }), "{name}");
    }
}

#[test]
fn parameters_make_the_estimator() {
    each(|name, estimator| {
        let mut same = registry::estimator(name).unwrap();
        for (param, value) in estimator.get_params() {
            same.set_param(&param, value).unwrap();
        }
        assert_eq!(same.get_params(), estimator.get_params(), "{name}");
        assert_eq!(same.kind(), estimator.kind(), "{name}");
        assert_eq!(estimator.clone_box().get_params(), estimator.get_params(), "{name}");
        // The value of every parameter survives the JSON of a model file.
        let params: Vec<ParamValue> = estimator.get_params().into_iter().map(|(_, value)| value).collect();
        let json = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<Vec<ParamValue>>(&json).unwrap(), params, "{name}");
    });
}

#[test]
fn fitting_again_gives_the_same_bits_and_leaves_the_first_model_alone() {
    each(|name, estimator| {
        let (x, y) = data(estimator.kind(), 40, 3);
        let first = fit(estimator, &x, &y).unwrap();
        let before = fingerprint(&*first, &x.view());
        let (other_x, other_y) = data(estimator.kind(), 17, 2);
        fit(estimator, &other_x, &other_y).unwrap();
        let again = fit(estimator, &x, &y).unwrap();
        assert_eq!(before, fingerprint(&*again, &x.view()), "{name}");
        assert_eq!(before, fingerprint(&*first, &x.view()), "{name}");
    });
}

#[test]
fn what_searches_share_does_not_change_a_bit() {
    each(|name, estimator| {
        let (x, y) = data(estimator.kind(), 40, 3);
        let rows: Vec<usize> = (0..40).filter(|row| row % 4 != 1).rev().collect();
        let (x_some, y_some) = (x.select(Axis(0), &rows), y.select(Axis(0), &rows));
        let data = Training::supervised(x_some.view(), y_some.view());
        let expected = fingerprint(&*estimator.fit_on(&data).unwrap(), &x.view());
        let mut other = estimator.clone_box();
        if other.params().iter().any(|param| param.name == "n_estimators") {
            other.set_param("n_estimators", 7.into()).unwrap();
        }
        let whole = estimator.prepare(x.view());
        let prepared = match &whole {
            Some(whole) => data.prepared(Prepared { whole: &**whole, rows: &rows }),
            None => data,
        };
        assert_eq!(fingerprint(&*estimator.fit_on(&prepared).unwrap(), &x.view()), expected, "{name}");
        if estimator.shares_fit(&*other) {
            let both: [&dyn Estimator; 2] = [estimator, &*other];
            for data in [&data, &prepared] {
                let fitted = other.fit_shared(&both, data);
                let alone = other.fit_on(data).unwrap();
                assert_eq!(fingerprint(&**fitted[0].as_ref().unwrap(), &x.view()), expected, "{name}");
                let shared = fingerprint(&**fitted[1].as_ref().unwrap(), &x.view());
                assert_eq!(shared, fingerprint(&*alone, &x.view()), "{name}");
            }
        }
    });
}

#[test]
fn the_memory_layout_does_not_change_a_bit() {
    each(|name, estimator| {
        for rows in [30, 4500] {
            let (x, y) = data(estimator.kind(), rows, 5);
            let mut fortran = Array2::zeros((rows, 5).f());
            fortran.assign(&x);
            // Every other row and column of a larger matrix, backwards in memory.
            let mut sparse = Array2::from_elem((2 * rows, 10), f64::NAN);
            sparse.slice_mut(s![..;-2, ..;-2]).assign(&x);
            let mut y_sparse = Array1::from_elem(2 * rows, f64::NAN);
            y_sparse.slice_mut(s![..;-2]).assign(&y);

            let expected = fingerprint(&*fit(estimator, &x, &y).unwrap(), &x.view());
            for (x, y) in [(fortran.view(), y.view()), (sparse.slice(s![..;-2, ..;-2]), y_sparse.slice(s![..;-2]))] {
                let model = estimator.fit(x, y).unwrap();
                assert_eq!(fingerprint(&*model, &x), expected, "{name}");
            }
        }
    });
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    each(|name, estimator| {
        let (x, y) = data(estimator.kind(), 9000, 3);
        let results = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fingerprint(&*fit(estimator, &x, &y).unwrap(), &x.view()))
        });
        assert!(results[1..].iter().all(|result| *result == results[0]), "{name}");
        let (x, y) = data(estimator.kind(), 300, 3);
        let Some(scoring) = Scoring::default_for(estimator.kind()) else { return };
        let scores = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let data = Training::supervised(x.view(), y.view());
            let cv: Cv = KFold::new(5).shuffle(true).random_state(0).into();
            pool.install(|| cross_validate(estimator, &data, cv, &[scoring]).unwrap().test_scores(0))
        });
        assert!(scores[1..].iter().all(|other| *other == scores[0]), "{name}");
    });
}

fn saved(estimator: &dyn Estimator, rows: usize, features: usize) -> (Array2<f64>, Model) {
    let (x, y) = data(estimator.kind(), rows, features);
    let names = (0..features).map(|j| format!("x{j}")).collect();
    let model = Model::train(estimator, x.view(), y.view(), names, "y").unwrap();
    (x, model)
}

#[test]
fn a_saved_model_says_the_same_bits() {
    each(|name, estimator| {
        for (rows, features) in [(40, 3), (25, 7)] {
            let (x, model) = saved(estimator, rows, features);
            let bytes = model.to_bytes().unwrap();
            let same = Model::from_bytes(&bytes).unwrap();
            assert_eq!(fingerprint(model.predictor(), &x.view()), fingerprint(same.predictor(), &x.view()), "{name}");
            assert_eq!(same.predictor().attributes(), model.predictor().attributes(), "{name}");
            assert_eq!(same.classes(), model.classes(), "{name}");
            assert_eq!(same.unfitted().unwrap().get_params(), estimator.get_params(), "{name}");
            assert_eq!(same.to_bytes().unwrap(), bytes, "{name}");
        }
    });
}

#[test]
fn a_forged_model_is_refused_or_harmless() {
    each(|name, estimator| {
        let (x, model) = saved(estimator, 40, 3);
        let bytes = model.to_bytes().unwrap();
        let body = bytes.len() - 32;
        let metadata = 24 + u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
        let mut random = RandomState::new(11);
        let mut draw = |low: usize, high: usize| random.randint(low as i64, high as i64).unwrap() as usize;
        for round in 0..150 {
            let mut forged = bytes[..body].to_vec();
            // Mostly the arrays: damage to the JSON seldom gets past its parser.
            let from = if round % 3 == 0 || metadata == body { 24 } else { metadata };
            for _ in 0..draw(1, 4) {
                let at = draw(from, body);
                forged[at] = [0, 1, 0x7f, 0xff, b'9', draw(0, 256) as u8][draw(0, 6)];
            }
            let checksum = Sha256::digest(&forged);
            forged.extend_from_slice(&checksum);
            if let Ok(model) = Model::from_bytes(&forged) {
                if model.predictor().n_features() == 3 {
                    let _ = model.predict(x.view());
                    let _ = model.predict_proba(x.view());
                    let _ = model.transform(x.view());
                    let _ = model.predictor().inverse_transform(x.view());
                }
                let _ = model.predictor().attributes();
                model.to_bytes().unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    });
}

#[test]
fn an_error_in_cross_validation_counts_rows_of_the_whole() {
    each(|name, estimator| {
        let (mut x, y) = data(estimator.kind(), 20, 2);
        x[(17, 1)] = f64::INFINITY;
        let data = Training::supervised(x.view(), y.view());
        let error = cross_validate(estimator, &data, KFold::new(4), &[Scoring::R2]).unwrap_err();
        assert_eq!(error.to_string(), "X, row 17, feature 1: inf is not a finite number", "{name}");
    });
}
