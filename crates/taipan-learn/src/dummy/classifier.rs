//! The baseline of classes.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator, unsupported};
use crate::input::{Nan, check_outputs, check_predict};
use crate::linear::check_weights;
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::Range;
use crate::random::RandomState;
use crate::state::State;

estimator! {
    /// Predicts classes from how often they occur in the training data, or at random. Of one target or several, with or
    /// without sample weights. Parity with scikit-learn: exact, random predictions with the same draws.
    pub struct DummyClassifier: Classifier -> PriorPredictor {
        /// What to predict: prior, most_frequent, stratified, uniform or constant.
        strategy: ClassStrategy = ClassStrategy::Prior, ClassStrategy::RANGE;
        /// Seed of the predictions that are random.
        random_state: Option<u32> = None, Range::SEED;
        /// The class to predict when the strategy is constant.
        constant: Option<f64> = None, Range::NUMBER.or_none();
    }
}

choices! {
    /// What a [`DummyClassifier`] predicts.
    pub enum ClassStrategy {
        /// The most frequent class, with the share of each class as its probability.
        Prior = "prior",
        /// The most frequent class, with probability 1.
        MostFrequent = "most_frequent",
        /// Any class, as often as it occurs.
        Stratified = "stratified",
        /// Any class, all equally often.
        Uniform = "uniform",
        /// The class given as `constant`.
        Constant = "constant",
    }
}

impl DummyClassifier {
    /// Counts the classes.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; also `InvalidParam` when the strategy needs `constant` and it is no class of y.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<PriorPredictor> {
        self.check_params()?;
        let y = check_outputs(data, Nan::Refused)?;
        check_weights(self.name(), data.sample_weight)?;
        let (mut classes, mut priors) = (vec![], vec![]);
        for y in y.columns() {
            let Classes { labels, codes } = Classes::of(y)?;
            let mut counts = vec![0.0; labels.len()];
            for (i, code) in codes.into_iter().enumerate() {
                counts[code] += data.sample_weight.map_or(1.0, |weights| weights[i]);
            }
            let total: f64 = counts.iter().sum();
            priors.push(counts.into_iter().map(|count| count / total).collect::<Vec<f64>>());
            classes.push(labels);
        }
        let constant = match (self.strategy, self.constant) {
            (ClassStrategy::Constant, None) => {
                return Err(Error::invalid(self.name(), "constant", "None", "set when strategy = constant"));
            }
            (ClassStrategy::Constant, Some(constant)) => {
                if let Some(labels) = classes.iter().find(|labels| !labels.contains(&constant)) {
                    let labels: Vec<String> = labels.iter().map(f64::to_string).collect();
                    let allowed = format!("a class of y: {}", labels.join(", "));
                    return Err(Error::invalid(self.name(), "constant", constant, allowed));
                }
                constant
            }
            _ => 0.0,
        };
        Ok(PriorPredictor {
            classes,
            priors,
            strategy: self.strategy,
            seed: self.random_state,
            constant,
            n_features: data.x.ncols(),
        })
    }
}

/// A fitted [`DummyClassifier`].
#[derive(Debug, Clone, PartialEq)]
pub struct PriorPredictor {
    classes: Vec<Vec<f64>>,
    /// Share of each class of each output.
    priors: Vec<Vec<f64>>,
    strategy: ClassStrategy,
    seed: Option<u32>,
    constant: f64,
    n_features: usize,
}

const STRATEGIES: [ClassStrategy; 5] = [
    ClassStrategy::Prior,
    ClassStrategy::MostFrequent,
    ClassStrategy::Stratified,
    ClassStrategy::Uniform,
    ClassStrategy::Constant,
];

impl PriorPredictor {
    /// The share of each class, of each output.
    pub fn class_prior(&self) -> &[Vec<f64>] {
        &self.priors
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let classes = state.take_vectors("classes")?;
        let priors = state.take_vectors("class_prior")?;
        let strategy = STRATEGIES.get(state.take_count("strategy")?).copied();
        let seed = if state.contains("random_state") { Some(state.take_count("random_state")?) } else { None };
        let fitted = Self {
            strategy: strategy.ok_or_else(|| Error::malformed("there is no such strategy"))?,
            seed: seed.map(u32::try_from).transpose().map_err(|_| Error::malformed("the seed is out of range"))?,
            constant: state.take_scalar("constant")?,
            n_features: state.take_count("n_features")?,
            classes,
            priors,
        };
        state.finish()?;
        let sound = |(classes, priors): (&Vec<f64>, &Vec<f64>)| {
            !classes.is_empty()
                && classes.is_sorted_by(|a, b| a < b)
                && classes.len() == priors.len()
                && priors.iter().all(|p| (0.0..=1.0).contains(p))
                && (priors.iter().sum::<f64>() - 1.0).abs() < 1e-6
                && (fitted.strategy != ClassStrategy::Constant || classes.contains(&fitted.constant))
        };
        let alike = fitted.classes.len() == fitted.priors.len() && !fitted.classes.is_empty() && fitted.n_features > 0;
        if alike && fitted.classes.iter().zip(&fitted.priors).all(sound) {
            Ok(fitted)
        } else {
            Err(Error::malformed("classes and their shares disagree"))
        }
    }

    /// The number of the class predicted for each row of one output, where it is the same for all.
    fn fixed(&self, output: usize) -> usize {
        let (classes, prior) = (&self.classes[output], &self.priors[output]);
        match self.strategy {
            ClassStrategy::Constant => classes.iter().position(|class| *class == self.constant).unwrap_or(0),
            _ => (1..prior.len()).fold(0, |best, k| if prior[k] > prior[best] { k } else { best }),
        }
    }

    /// Classes drawn for one output after the other, as often as they occur.
    fn stratified(&self, rows: usize) -> Vec<Vec<usize>> {
        let mut random = RandomState::from_seed(self.seed);
        self.priors.iter().map(|prior| (0..rows).map(|_| one_of(prior, &mut random)).collect()).collect()
    }
}

/// One draw of NumPy's `multinomial(1, shares)`: class by class, whether it is this one, given that it is none before.
fn one_of(shares: &[f64], random: &mut RandomState) -> usize {
    let mut left = 1.0;
    let last = shares.len() - 1;
    for (k, share) in shares[..last].iter().enumerate() {
        if is_drawn(share / left, random) {
            return k;
        }
        left -= share;
    }
    last
}

/// One draw of NumPy's `binomial(1, p)`, by inversion.
fn is_drawn(p: f64, random: &mut RandomState) -> bool {
    if p == 0.0 {
        return false;
    }
    let (small, turned) = if p <= 0.5 { (p, false) } else { (1.0 - p, true) };
    let q = 1.0 - small;
    // More than one success is not possible; beyond it, or rounding's reach, the draw is made again.
    let start = q.ln().exp();
    let success = loop {
        let mut u = random.random_sample();
        if u <= start {
            break false;
        }
        u -= start;
        if u <= small * start / q {
            break true;
        }
    };
    success != turned
}

impl Predictor for PriorPredictor {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn n_outputs(&self) -> usize {
        self.classes.len()
    }

    fn classes(&self) -> &[Vec<f64>] {
        &self.classes
    }

    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        if self.classes.len() > 1 {
            return Err(unsupported(self, "predict one value per row, for it learnt several targets"));
        }
        Ok(self.predict_outputs(x)?.index_axis_move(Axis(1), 0))
    }

    fn predict_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.n_features, Nan::Refused)?;
        let mut out = Array2::zeros((x.nrows(), self.classes.len()));
        let drawn = match self.strategy {
            ClassStrategy::Stratified => self.stratified(x.nrows()),
            ClassStrategy::Uniform => {
                let mut random = RandomState::from_seed(self.seed);
                let mut all = vec![];
                for classes in &self.classes {
                    let draws = (0..x.nrows()).map(|_| Ok(random.randint(0, classes.len() as i64)? as usize));
                    all.push(draws.collect::<Result<Vec<usize>>>()?);
                }
                all
            }
            _ => vec![],
        };
        for (output, mut column) in out.columns_mut().into_iter().enumerate() {
            let classes = &self.classes[output];
            match drawn.get(output) {
                Some(drawn) => column.iter_mut().zip(drawn).for_each(|(out, k)| *out = classes[*k]),
                None => column.fill(classes[self.fixed(output)]),
            }
        }
        Ok(out)
    }

    fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if self.classes.len() > 1 {
            return Err(unsupported(self, "predict_proba of one target, for it learnt several"));
        }
        let mut all = self.predict_proba_outputs(x)?;
        all.pop().ok_or_else(|| Error::malformed("the model has no classes"))
    }

    fn predict_proba_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Vec<Array2<f64>>> {
        check_predict(x, self.n_features, Nan::Refused)?;
        let rows = x.nrows();
        let drawn = if self.strategy == ClassStrategy::Stratified { self.stratified(rows) } else { vec![] };
        let one = |output: usize| {
            let prior = &self.priors[output];
            Array2::from_shape_fn((rows, prior.len()), |(i, k)| match self.strategy {
                ClassStrategy::Prior => prior[k],
                ClassStrategy::Uniform => 1.0 / prior.len() as f64,
                ClassStrategy::Stratified => f64::from(u8::from(drawn[output][i] == k)),
                ClassStrategy::MostFrequent | ClassStrategy::Constant => f64::from(u8::from(self.fixed(output) == k)),
            })
        };
        Ok((0..self.classes.len()).map(one).collect())
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let lists = |lists: &[Vec<f64>]| match lists {
            [one] => Attribute::Vector(one.clone()),
            many => Attribute::List(many.iter().cloned().map(Attribute::Vector).collect()),
        };
        vec![("classes", lists(&self.classes)), ("class_prior", lists(&self.priors))]
    }

    fn state(&self) -> State {
        let strategy = STRATEGIES.iter().position(|strategy| *strategy == self.strategy).unwrap_or(0);
        let state = State::new()
            .with_vectors("classes", &self.classes)
            .with_vectors("class_prior", &self.priors)
            .with_integer("strategy", strategy as i64)
            .with_scalar("constant", self.constant)
            .with_integer("n_features", self.n_features as i64);
        match self.seed {
            Some(seed) => state.with_integer("random_state", i64::from(seed)),
            None => state,
        }
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let ([prior], false) =
            (&self.priors[..], matches!(self.strategy, ClassStrategy::Uniform | ClassStrategy::Stratified))
        else {
            return Err(unsupported(self, "ONNX form where it draws at random or learnt several targets"));
        };
        let fixed = self.fixed(0);
        let shares: Vec<f64> = match self.strategy {
            ClassStrategy::Prior => prior.clone(),
            _ => (0..prior.len()).map(|class| f64::from(u8::from(class == fixed))).collect(),
        };
        let probabilities = graph.repeated(&shares, x);
        let place = graph.repeated(&[fixed as f64], x);
        let place = graph.as_integers(&place);
        Ok(Answer::Class { place: graph.flat(&place), probabilities })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_constant_must_be_a_class() {
        let (x, y) = (array![[0.0], [0.0], [0.0]], array![1.0, 4.0, 4.0]);
        let constant = DummyClassifier::new().strategy(ClassStrategy::Constant);
        let text = |dummy: DummyClassifier| dummy.fit(x.view(), y.view()).unwrap_err().to_string();
        assert_eq!(
            text(constant.clone()),
            "DummyClassifier: constant = None is not allowed; it must be set when strategy = constant"
        );
        assert_eq!(
            text(constant.constant(2.0)),
            "DummyClassifier: constant = 2 is not allowed; it must be a class of y: 1, 4"
        );
        let prior = DummyClassifier::new().fit(x.view(), y.view()).unwrap();
        assert_eq!(prior.predict(x.view()).unwrap(), array![4.0, 4.0, 4.0]);
    }
}
