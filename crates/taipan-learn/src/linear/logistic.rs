//! Logistic regression.

use ndarray::{Array1, Array2, ArrayView2};

use super::decision;
use super::design::check_weights;
use super::lbfgs::{self, Limits, Minimum};
use super::logistic_loss::LogisticLoss;
use super::proximal::{self, Penalty};
use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator};
use crate::input::{Nan, check_predict, check_supervised};
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{ClassWeight, Range};
use crate::state::State;
use crate::warning::Warning;

estimator! {
    /// Logistic regression: the weights that make the classes of the training data most likely, less a penalty. Two
    /// classes share one row of weights, more have one each (multinomial).
    ///
    /// The solvers of scikit-learn name the objective here, which all reach: `liblinear` penalises the intercept too and
    /// is for two classes. Without a penalty on absolute weights, L-BFGS takes the same steps as SciPy's. Parity with
    /// scikit-learn: same optimum. To start from an earlier model, as with its `warm_start`, there is
    /// [`fit_from`](Self::fit_from).
    #[allow(non_snake_case, reason = "scikit-learn's name")]
    pub struct LogisticRegression: Classifier -> LogisticPredictor {
        /// Inverse of the strength of the penalty; inf or None for no penalty.
        C: Option<f64> = 1.0, Range::above(0.0).or_infinity().or_none();
        /// Share of the penalty on absolute weights; the rest is on their squares. Needs the solver saga, or liblinear for 1.
        l1_ratio: f64 = 0.0, Range::between(0.0, 1.0);
        /// Largest part of the gradient that counts as 0.
        tol: f64 = 1e-4, Range::at_least(0.0);
        /// Whether to fit an intercept.
        fit_intercept: bool = true, Range::BOOLEAN;
        /// What stands in the column that the solver liblinear adds for the intercept.
        intercept_scaling: f64 = 1.0, Range::above(0.0);
        /// How much each class counts: balanced, or a map from class to weight.
        class_weight: Option<ClassWeight> = None, ClassWeight::RANGE;
        /// Which objective to minimise; see above.
        solver: LogisticSolver = LogisticSolver::Lbfgs, LogisticSolver::RANGE;
        /// Most iterations.
        max_iter: usize = 100_usize, Range::integer_from(0);
    }
}

choices! {
    /// The solver, as scikit-learn names it, of a [`LogisticRegression`].
    pub enum LogisticSolver {
        /// The default.
        Lbfgs = "lbfgs",
        /// Two classes, the intercept penalised.
        Liblinear = "liblinear",
        /// As lbfgs, to a finer tolerance.
        NewtonCg = "newton-cg",
        /// As lbfgs, to a finer tolerance.
        NewtonCholesky = "newton-cholesky",
        /// As lbfgs, to a finer tolerance.
        Sag = "sag",
        /// Any penalty.
        Saga = "saga",
    }
}

impl LogisticRegression {
    /// Finds the weights.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `InvalidParam` when y has one class only, or more than two with liblinear, and when the
    /// solver does not go with the penalty.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<LogisticPredictor> {
        self.search(data, None)
    }

    /// Finds the weights, starting from those of an earlier model of as many features and classes.
    ///
    /// # Errors
    /// See [`fit_on`](Self::fit_on); `Shape` when the earlier model does not fit the data.
    pub fn fit_from(&self, data: &Training<'_>, start: &LogisticPredictor) -> Result<LogisticPredictor> {
        self.search(data, Some(start))
    }

    fn search(&self, data: &Training<'_>, start: Option<&LogisticPredictor>) -> Result<LogisticPredictor> {
        self.check_params()?;
        let y = check_supervised(data, Nan::Refused)?;
        check_weights(self.name(), data.sample_weight)?;
        let classes = Classes::of(y)?;
        self.check_solver(&classes.labels)?;
        let weights = self.row_weights(data, &classes)?;
        let rows = if classes.labels.len() == 2 { 1 } else { classes.labels.len() };
        let features = data.x.ncols();
        let total = weights.as_ref().map_or(classes.codes.len() as f64, |weights| weights.iter().sum());
        if !total.is_finite() || total == 0.0 {
            return Err(Error::overflow("the sum of the weights"));
        }
        let products = self.l1_ratio > 0.0 && self.strength() > 0.0;
        let loss = LogisticLoss {
            x: data.x,
            codes: &classes.codes,
            weights: weights.as_deref(),
            rows,
            // For products, the sum rather than the mean, as in scikit-learn's solvers.
            scale: if products { 1.0 } else { 1.0 / total },
            column: match (self.fit_intercept, self.solver) {
                (false, _) => 0.0,
                (true, LogisticSolver::Liblinear) => self.intercept_scaling,
                (true, _) => 1.0,
            },
        };
        let found = if products {
            let strength = self.strength();
            let of_parameters = |share: f64| {
                let mut penalties = vec![strength * share; features + 1];
                if self.solver != LogisticSolver::Liblinear {
                    penalties[features] = 0.0;
                }
                penalties
            };
            let penalty =
                Penalty { absolute: of_parameters(self.l1_ratio), squares: of_parameters(1.0 - self.l1_ratio) };
            proximal::minimize(self.name(), &loss, &penalty, self.max_iter, self.tol)?
        } else {
            self.smooth(&loss, total, Self::first(&loss, start)?)
        };
        if !found.at.iter().all(|weight| weight.is_finite()) {
            return Err(Error::overflow("the fit"));
        }
        let at = |k: usize, j: usize| found.at[k * (features + 1) + j];
        let warning = Warning::Convergence { what: self.name().to_owned(), n_iter: found.n_iter };
        Ok(LogisticPredictor {
            coef: Array2::from_shape_fn((rows, features), |(k, j)| at(k, j)),
            intercepts: (0..rows).map(|k| loss.column * at(k, features)).collect(),
            classes: vec![classes.labels.clone()],
            n_iter: found.n_iter,
            warnings: if found.converged { vec![] } else { vec![warning] },
        })
    }

    /// Strength of the penalty; 0 for none.
    fn strength(&self) -> f64 {
        self.C.map_or(0.0, |c| 1.0 / c)
    }

    fn check_solver(&self, classes: &[f64]) -> Result<()> {
        let solver = self.solver.name();
        if classes.len() < 2 {
            let label = classes.first().copied().unwrap_or(0.0);
            return Err(Error::invalid(self.name(), "y", format!("{label} in every row"), "of at least two classes"));
        }
        if classes.len() > 2 && self.solver == LogisticSolver::Liblinear {
            let allowed = format!("another solver, as y has {} classes", classes.len());
            return Err(Error::invalid(self.name(), "solver", solver, allowed));
        }
        let penalised = self.strength() > 0.0;
        let allowed = match self.l1_ratio {
            _ if !penalised && self.solver == LogisticSolver::Liblinear => "another solver, as there is no penalty",
            share if penalised && share > 0.0 => match self.solver {
                LogisticSolver::Saga => return Ok(()),
                LogisticSolver::Liblinear if share >= 1.0 => return Ok(()),
                _ => "saga, or liblinear when l1_ratio is 1, as l1_ratio is above 0",
            },
            _ => return Ok(()),
        };
        Err(Error::invalid(self.name(), "solver", solver, allowed))
    }

    /// The weight of each row: its own times that of its class.
    fn row_weights(&self, data: &Training<'_>, classes: &Classes) -> Result<Option<Vec<f64>>> {
        let own = |i: usize| data.sample_weight.map_or(1.0, |weights| weights[i]);
        let Some(class_weight) = &self.class_weight else {
            return Ok(data.sample_weight.map(|weights| weights.to_vec()));
        };
        let mut counts = vec![0.0; classes.labels.len()];
        for (i, &code) in classes.codes.iter().enumerate() {
            counts[code] += own(i);
        }
        let of_classes = class_weight.of_classes(self.name(), &classes.labels, &counts)?;
        Ok(Some(classes.codes.iter().enumerate().map(|(i, &code)| own(i) * of_classes[code]).collect()))
    }

    /// Where to start.
    fn first(loss: &LogisticLoss<'_>, start: Option<&LogisticPredictor>) -> Result<Vec<f64>> {
        let features = loss.x.ncols();
        let mut first = vec![0.0; loss.rows * loss.width()];
        let Some(start) = start else {
            return Ok(first);
        };
        if start.coef.dim() != (loss.rows, features) {
            let what = "the earlier model has another number of weights";
            return Err(Error::shape(what, start.coef.len(), loss.rows * features));
        }
        for (k, part) in first.chunks_exact_mut(loss.width()).enumerate() {
            for (out, weight) in part.iter_mut().zip(start.coef.row(k)) {
                *out = *weight;
            }
            part[features] = if loss.column == 0.0 { 0.0 } else { start.intercepts[k] / loss.column };
        }
        Ok(first)
    }

    /// Minimises the mean loss with a penalty on squares, if any.
    fn smooth(&self, loss: &LogisticLoss<'_>, total: f64, first: Vec<f64>) -> Minimum {
        /// How much finer the other solvers' optima are.
        const FINER: f64 = 1e-4;

        let strength = self.C.map_or(0.0, |c| 1.0 / (c * total));
        let width = loss.width();
        let penalised = if self.solver == LogisticSolver::Liblinear { width } else { width - 1 };
        let objective = |at: &[f64], gradient: &mut [f64]| {
            let mut value = loss.evaluate(at, gradient);
            let mut squares = 0.0;
            for (at, gradient) in at.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
                for (w, g) in at.iter().zip(gradient).take(penalised) {
                    squares += w * w;
                    *g += strength * w;
                }
            }
            value += 0.5 * strength * squares;
            value
        };
        let limits = match self.solver {
            LogisticSolver::Lbfgs => {
                Limits { max_iter: self.max_iter, gradient: self.tol, decrease: 64.0 * f64::EPSILON }
            }
            _ => Limits {
                max_iter: self.max_iter.saturating_mul(100),
                gradient: self.tol * FINER,
                decrease: f64::EPSILON,
            },
        };
        lbfgs::minimize(objective, first, limits)
    }
}

/// A fitted [`LogisticRegression`].
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticPredictor {
    coef: Array2<f64>,
    intercepts: Vec<f64>,
    /// Of the one output.
    classes: Vec<Vec<f64>>,
    n_iter: usize,
    warnings: Vec<Warning>,
}

impl LogisticPredictor {
    /// Weights: one column per feature; one row for two classes, else one per class.
    pub fn coef(&self) -> ArrayView2<'_, f64> {
        self.coef.view()
    }

    /// Intercepts, one per row of weights.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Iterations made.
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let coef = state.take_matrix("coef")?;
        let intercepts = state.take_vector("intercept")?;
        let classes = state.take_vector("classes")?;
        let n_iter = state.take_count("n_iter")?;
        state.finish()?;
        let rows = if classes.len() == 2 { 1 } else { classes.len() };
        if classes.len() < 2 || !classes.is_sorted_by(|a, b| a < b) {
            return Err(Error::malformed("the classes are not in order"));
        }
        if coef.nrows() != rows || intercepts.len() != rows || coef.ncols() == 0 {
            return Err(Error::malformed("classes, coefficients and intercepts disagree"));
        }
        Ok(Self { coef, intercepts, classes: vec![classes], n_iter, warnings: vec![] })
    }

    /// The decision function as it is: a score may be infinite.
    fn scores(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.coef.ncols(), Nan::Refused)?;
        let scores = decision(x, &self.coef, &self.intercepts);
        if scores.iter().all(|score| score.is_finite()) { Ok(scores) } else { Err(Error::overflow("the prediction")) }
    }
}

impl Predictor for LogisticPredictor {
    fn n_features(&self) -> usize {
        self.coef.ncols()
    }

    fn classes(&self) -> &[Vec<f64>] {
        &self.classes
    }

    fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn decision_function(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.scores(x)
    }

    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        let scores = self.scores(x)?;
        let best = |row: ndarray::ArrayView1<'_, f64>| match row.len() {
            1 => usize::from(row[0] > 0.0),
            // The first of equal scores.
            classes => (1..classes).fold(0, |best, k| if row[k] > row[best] { k } else { best }),
        };
        Ok(scores.rows().into_iter().map(|row| self.classes[0][best(row)]).collect())
    }

    fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut scores = self.scores(x)?;
        if scores.ncols() == 1 {
            let second = |z: f64| if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) };
            return Ok(Array2::from_shape_fn((scores.nrows(), 2), |(i, class)| {
                let p = second(scores[(i, 0)]);
                if class == 1 { p } else { 1.0 - p }
            }));
        }
        for mut row in scores.rows_mut() {
            let highest = row.fold(f64::NEG_INFINITY, |a, b| a.max(*b));
            row.mapv_inplace(|z| (z - highest).exp());
            let sum = row.sum();
            row.mapv_inplace(|e| e / sum);
        }
        Ok(scores)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![
            ("coef", Attribute::Matrix(self.coef.clone())),
            ("intercept", Attribute::Vector(self.intercepts.clone())),
            ("classes", Attribute::Vector(self.classes[0].clone())),
            ("n_iter", Attribute::Scalar(self.n_iter as f64)),
        ]
    }

    fn state(&self) -> State {
        State::new()
            .with_matrix("coef", &self.coef)
            .with_vector("intercept", &self.intercepts)
            .with_vector("classes", &self.classes[0])
            .with_integer("n_iter", self.n_iter as i64)
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let scores = graph.weighed(x, self.coef.view(), &self.intercepts);
        if self.coef.nrows() > 1 {
            return Ok(Answer::Class { place: graph.greatest(&scores), probabilities: graph.softmax(&scores) });
        }
        let second = graph.apply("Sigmoid", &[&scores], vec![]);
        let probabilities = graph.both(&second);
        Ok(Answer::Class { place: graph.second_of_two("Greater", &scores), probabilities })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;
    use crate::random::RandomState;

    #[test]
    fn what_cannot_be_learnt_is_refused() {
        let x = array![[0.0], [1.0], [2.0]];
        let text =
            |estimator: LogisticRegression, y: Array1<f64>| estimator.fit(x.view(), y.view()).unwrap_err().to_string();
        let new = LogisticRegression::new;
        assert_eq!(
            text(new(), array![1.0, 1.0, 1.0]),
            "LogisticRegression: y = 1 in every row is not allowed; it must be of at least two classes"
        );
        assert_eq!(
            text(new().l1_ratio(0.5), array![0.0, 1.0, 1.0]),
            "LogisticRegression: solver = lbfgs is not allowed; it must be saga, or liblinear when l1_ratio is 1, as \
             l1_ratio is above 0"
        );
        assert_eq!(
            text(new().solver(LogisticSolver::Liblinear), array![0.0, 1.0, 2.0]),
            "LogisticRegression: solver = liblinear is not allowed; it must be another solver, as y has 3 classes"
        );
        for none in [None, Some(f64::INFINITY)] {
            assert_eq!(
                text(new().C(none).solver(LogisticSolver::Liblinear), array![0.0, 1.0, 1.0]),
                "LogisticRegression: solver = liblinear is not allowed; it must be another solver, as there is no penalty"
            );
        }
    }

    #[test]
    fn an_infinite_c_is_no_penalty() {
        let mut random = RandomState::new(8);
        let x = Array2::from_shape_simple_fn((60, 2), || random.standard_normal());
        let y: Array1<f64> = x.column(0).mapv(|v| v + random.standard_normal()).mapv(|v| (v.round()).clamp(-1.0, 1.0));
        for (solver, l1_ratio) in [(LogisticSolver::Lbfgs, 0.0), (LogisticSolver::Saga, 0.5)] {
            let fit = |c: Option<f64>| {
                LogisticRegression::new().C(c).solver(solver).l1_ratio(l1_ratio).fit(x.view(), y.view()).unwrap()
            };
            let (none, infinite, weak) = (fit(None), fit(Some(f64::INFINITY)), fit(Some(1e12)));
            assert_eq!(none.coef(), infinite.coef());
            let near = weak.coef().iter().zip(none.coef()).all(|(a, b)| (a - b).abs() < 1e-2);
            assert!(near || solver == LogisticSolver::Saga, "a penalty that is nearly none");
        }
    }

    #[test]
    fn a_strong_penalty_on_absolute_weights_leaves_none() {
        let mut random = RandomState::new(4);
        let x = Array2::from_shape_simple_fn((50, 3), || random.standard_normal());
        let y: Array1<f64> = x.column(0).mapv(|v| f64::from(u8::from(v > 0.3)));
        let fit = |c: f64| {
            let estimator = LogisticRegression::new().C(c).l1_ratio(1.0).solver(LogisticSolver::Saga);
            estimator.fit(x.view(), y.view()).unwrap()
        };
        assert!(fit(1e-3).coef().iter().all(|w| *w == 0.0));
        let some = fit(0.2);
        assert!(some.coef()[(0, 0)] > 0.5 && some.warnings().is_empty());
    }

    #[test]
    fn starting_from_the_end_is_quick() {
        let mut random = RandomState::new(6);
        let x = Array2::from_shape_simple_fn((80, 4), || random.standard_normal());
        let y: Array1<f64> = x.rows().into_iter().map(|row| ((row[0] * 2.0).floor()).clamp(-1.0, 1.0)).collect();
        let model = LogisticRegression::new().fit(x.view(), y.view()).unwrap();
        assert!(model.n_iter() > 3);
        let data = Training::supervised(x.view(), y.view());
        let again = LogisticRegression::new().fit_from(&data, &model).unwrap();
        assert_eq!(again.n_iter(), 0);
        let hasty = LogisticRegression::new().max_iter(2_usize).fit(x.view(), y.view()).unwrap();
        let warning = Warning::Convergence { what: "LogisticRegression".to_owned(), n_iter: 2 };
        assert_eq!(hasty.warnings(), [warning]);
    }
}
