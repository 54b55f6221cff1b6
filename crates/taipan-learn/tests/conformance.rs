//! What every registered estimator must do, whatever it learns: one suite, run for each of them.

#![allow(clippy::unwrap_used)]

use ndarray::{Array1, Array2, ArrayView2, ShapeBuilder, array, s};
use taipan_learn::metrics::Scoring;
use taipan_learn::model_selection::{KFold, cross_val_score};
use taipan_learn::{
    ErrorKind, Estimator, Interval, Kind, Model, ParamValue, Place, Predictor, RandomState, Range, RangeKind, registry,
};

/// Runs a check for each registered regressor.
fn each(check: impl Fn(&str, Box<dyn Estimator>)) {
    let estimators: Vec<_> = registry::names().into_iter().map(|name| registry::estimator(name).unwrap()).collect();
    let regressors: Vec<_> = estimators.into_iter().filter(|e| e.kind() == Kind::Regressor).collect();
    assert!(regressors.len() >= 3);
    for estimator in regressors {
        check(estimator.name(), settled(estimator));
    }
}

/// The same with a seed, where there is one, and small, where it is an ensemble.
fn settled(mut estimator: Box<dyn Estimator>) -> Box<dyn Estimator> {
    for param in estimator.params() {
        match &*param.name {
            "random_state" => estimator.set_param("random_state", 0.into()).unwrap(),
            "n_estimators" => estimator.set_param("n_estimators", 3.into()).unwrap(),
            "max_depth" => estimator.set_param("max_depth", 8.into()).unwrap(),
            _ => {}
        }
    }
    estimator
}

/// Targets that depend on the features, and noise.
fn data(rows: usize, features: usize) -> (Array2<f64>, Array1<f64>) {
    let mut random = RandomState::new(3);
    let x = Array2::from_shape_simple_fn((rows, features), || random.standard_normal());
    let y = x.rows().into_iter().map(|row| 2.0 * row.sum() + 1.0);
    let y = y.map(|y| y + 0.1 * random.standard_normal()).collect();
    (x, y)
}

fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

/// Every bit of what was learnt and of what it predicts for `x`.
fn fingerprint(model: &dyn Predictor, x: &ArrayView2<'_, f64>) -> Vec<u64> {
    let learnt = model.attributes().into_iter().flat_map(|(_, attribute)| attribute.numbers());
    bits(learnt.chain(model.predict(*x).unwrap()))
}

#[test]
fn shapes_of_what_comes_out() {
    each(|name, estimator| {
        for (rows, features) in [(1, 1), (2, 1), (1, 4), (5, 1), (3, 8), (30, 4)] {
            let (x, y) = data(rows, features);
            let model = estimator.fit(x.view(), y.view()).unwrap();
            assert_eq!(model.n_features(), features, "{name}");
            let predicted = model.predict(x.view()).unwrap();
            assert_eq!(predicted.len(), rows, "{name}");
            assert!(predicted.iter().all(|value| value.is_finite()), "{name}");
            let nothing = Array2::zeros((0, features));
            assert_eq!(model.predict(nothing.view()).unwrap().len(), 0, "{name}");
        }
    });
}

#[test]
fn shapes_that_are_refused() {
    each(|name, estimator| {
        let (x, y) = data(6, 2);
        let refused = |x: &Array2<f64>, y: &Array1<f64>| estimator.fit(x.view(), y.view()).unwrap_err().to_string();
        let short = y.slice(s![..4]).to_owned();
        assert_eq!(refused(&x, &short), "y has another length than X: 4, expected 6", "{name}");
        assert_eq!(refused(&Array2::zeros((0, 2)), &array![]), "X has no rows", "{name}");
        assert_eq!(refused(&Array2::zeros((6, 0)), &y), "X has no features", "{name}");
        let model = estimator.fit(x.view(), y.view()).unwrap();
        let (wider, _) = data(6, 3);
        assert_eq!(
            model.predict(wider.view()).unwrap_err().to_string(),
            "X has another number of features than the training data: 3, expected 2",
            "{name}"
        );
    });
}

#[test]
fn values_that_are_not_finite_are_refused_by_name() {
    each(|name, estimator| {
        let (x, y) = data(6, 3);
        let model = estimator.fit(x.view(), y.view()).unwrap();
        for (bad, text) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
            let mut x_bad = x.clone();
            x_bad[(4, 1)] = bad;
            let mut y_bad = y.clone();
            y_bad[2] = bad;
            assert_eq!(
                estimator.fit(x.view(), y_bad.view()).unwrap_err().to_string(),
                format!("y, row 2: {text} is not a finite number"),
                "{name}"
            );

            if bad.is_nan() && estimator.allows_nan() {
                let model = estimator.fit(x_bad.view(), y.view()).unwrap();
                assert!(model.predict(x_bad.view()).unwrap().iter().all(|value| value.is_finite()), "{name}");
                continue;
            }
            let message = format!("X, row 4, feature 1: {text} is not a finite number");
            let at_fit = estimator.fit(x_bad.view(), y.view()).unwrap_err();
            assert_eq!(at_fit.to_string(), message, "{name}");
            assert!(
                matches!(at_fit.place(), Some(Place::Value { array: "X", row: 4, feature: Some(1), .. })),
                "{name}"
            );
            let at_predict = model.predict(x_bad.view()).unwrap_err();
            assert_eq!(at_predict.to_string(), message, "{name}");
            let features = ["a", "b", "c"].map(str::to_owned).to_vec();
            assert_eq!(
                Model::train(&*estimator, x_bad.view(), y.view(), features, "t").unwrap_err().to_string(),
                format!("X, row 4, feature 1 (b): {text} is not a finite number"),
                "{name}"
            );
        }
    });
}

#[test]
fn a_constant_target_is_predicted() {
    each(|name, estimator| {
        let (x, _) = data(20, 3);
        let model = estimator.fit(x.view(), Array1::from_elem(20, 0.1).view()).unwrap();
        for value in model.predict(x.view()).unwrap() {
            assert!((value - 0.1).abs() < 1e-12, "{name}: {value}");
        }
    });
}

#[test]
fn features_that_say_nothing_are_no_obstacle() {
    each(|name, estimator| {
        let (mut x, y) = data(20, 4);
        x.column_mut(1).fill(0.1);
        let copy = x.column(0).to_owned();
        x.column_mut(2).assign(&copy);
        let model = estimator.fit(x.view(), y.view()).unwrap();
        let worst = model.predict(x.view()).unwrap().iter().fold(0.0_f64, |worst, v| worst.max(v.abs()));
        assert!(worst < 100.0, "{name}");
        let nothing = Array2::from_elem((20, 4), 0.1);
        estimator.fit(nothing.view(), y.view()).unwrap();
    });
}

#[test]
fn any_finite_input_is_fitted_or_refused() {
    each(|name, estimator| {
        let values = [0.0, -0.0, 1.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, 1e154, 1e-154];
        let mut random = RandomState::new(8);
        for round in 0..500 {
            let rows = usize::try_from(random.randint(1, 6).unwrap()).unwrap();
            let features = usize::try_from(random.randint(1, 5).unwrap()).unwrap();
            let mut draw = || values[random.choice(values.len(), 1, taipan_learn::Replace::With, None).unwrap()[0]];
            let x = Array2::from_shape_simple_fn((rows, features), &mut draw);
            let y = Array1::from_shape_simple_fn(rows, &mut draw);
            let overflow = |error: taipan_learn::Error| {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Overflow { .. }), "{name}, round {round}: {error}");
            };
            let model = match estimator.fit(x.view(), y.view()) {
                Ok(model) => model,
                Err(error) => {
                    overflow(error);
                    continue;
                }
            };
            let finite =
                model.attributes().iter().all(|(_, attribute)| attribute.numbers().iter().all(|v| v.is_finite()));
            assert!(finite, "{name}, round {round}");
            match model.predict(x.view()) {
                Ok(predicted) => assert!(predicted.iter().all(|value| value.is_finite()), "{name}"),
                Err(error) => overflow(error),
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
        RangeKind::AnyOf(ranges) => ranges.iter().flat_map(out_of_range).filter(|bad| !range.allows(bad)).collect(),
        _ => Vec::new(),
    };
    if !range.allows_none() {
        bad.push(ParamValue::None);
    }
    bad
}

#[test]
fn parameters_are_declared_settable_and_checked() {
    each(|name, _| {
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
                let (x, y) = data(5, 2);
                let mut estimator = fresh();
                let error = match estimator.set_param(&param.name, value.clone()) {
                    Err(error) => error,
                    Ok(()) => estimator.fit(x.view(), y.view()).unwrap_err(),
                };
                assert_eq!(
                    error.to_string(),
                    format!("{name}: {} = {value} is not allowed; it must be {}", param.name, param.range)
                );
            }
        }
        let error = fresh().set_param("no_such_parameter", 1.0.into()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnknownParam { .. }), "{name}");
    });
}

#[test]
fn fitting_again_gives_the_same_bits_and_leaves_the_first_model_alone() {
    each(|name, estimator| {
        let (x, y) = data(40, 3);
        let first = estimator.fit(x.view(), y.view()).unwrap();
        let before = fingerprint(&*first, &x.view());
        let (other_x, other_y) = data(7, 2);
        estimator.fit(other_x.view(), other_y.view()).unwrap();
        let again = estimator.fit(x.view(), y.view()).unwrap();
        assert_eq!(before, fingerprint(&*again, &x.view()), "{name}");
        assert_eq!(before, fingerprint(&*first, &x.view()), "{name}");
    });
}

#[test]
fn the_memory_layout_does_not_change_a_bit() {
    each(|name, estimator| {
        for rows in [30, 9000] {
            let (x, y) = data(rows, 11);
            let mut fortran = Array2::zeros((rows, 11).f());
            fortran.assign(&x);
            // Every other row and column of a larger matrix, backwards in memory.
            let mut sparse = Array2::from_elem((2 * rows, 22), f64::NAN);
            let mut gaps = sparse.slice_mut(s![..;-2, ..;-2]);
            gaps.assign(&x);
            let mut y_sparse = Array1::from_elem(2 * rows, f64::NAN);
            y_sparse.slice_mut(s![..;-2]).assign(&y);

            let expected = fingerprint(&*estimator.fit(x.view(), y.view()).unwrap(), &x.view());
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
        let (x, y) = data(30_000, 3);
        let results = [1, 2, 3, 8].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let model = estimator.fit(x.view(), y.view()).unwrap();
                let cv = KFold::new(5).shuffle(true).random_state(0);
                let scores = cross_val_score(&*estimator, x.view(), y.view(), cv.clone(), Scoring::R2);
                let scores = scores.unwrap().into_iter().map(|score| score.unwrap());
                (fingerprint(&*model, &x.view()), bits(scores))
            })
        });
        for result in &results[1..] {
            assert!(*result == results[0], "{name}");
        }
    });
}

#[test]
fn a_saved_model_predicts_the_same_bits() {
    each(|name, estimator| {
        for (rows, features) in [(1, 1), (40, 3), (4, 7)] {
            let (x, y) = data(rows, features);
            let names = (0..features).map(|j| format!("x{j}")).collect();
            let model = Model::train(&*estimator, x.view(), y.view(), names, "y").unwrap();
            let bytes = model.to_bytes().unwrap();
            let same = Model::from_bytes(&bytes).unwrap();
            assert_eq!(fingerprint(model.predictor(), &x.view()), fingerprint(same.predictor(), &x.view()), "{name}");
            assert_eq!(same.predictor().attributes(), model.predictor().attributes(), "{name}");
            assert_eq!(same.unfitted().unwrap().get_params(), estimator.get_params(), "{name}");
            assert_eq!(same.to_bytes().unwrap(), bytes, "{name}");
        }
    });
}

#[test]
fn an_error_in_cross_validation_counts_rows_of_the_whole() {
    each(|name, estimator| {
        let (mut x, y) = data(20, 2);
        x[(17, 1)] = f64::INFINITY;
        let cv = KFold::new(4);
        let error = cross_val_score(&*estimator, x.view(), y.view(), cv.clone(), Scoring::R2).unwrap_err();
        assert_eq!(error.to_string(), "X, row 17, feature 1: inf is not a finite number", "{name}");
    });
}
