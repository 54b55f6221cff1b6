//! Growing the stages.

use ndarray::{Array2, ArrayView1};

use crate::error::{Error, Result};
use crate::estimator::{Kind, Training};
use crate::model_selection::{Split, SplitSize, TrainTestSplit};
use crate::random::RandomState;
use crate::sum::pairwise_sum;
use crate::tree::{
    Columns, LEAF, Missing, Order, Prepared, Ranks, Shape, Source, Target, Targets, Tree, TreeArrays, grow,
};

use super::Objective;
use super::init::{BoostingInit, FittedInit, rounded};
use super::loss::{Leaf, Loss, average};
use super::model::BoostingPredictor;

/// A boosting estimator's parameters, whatever its kind.
pub(super) struct Plan<'a> {
    pub(super) owner: &'static str,
    pub(super) kind: Kind,
    pub(super) objective: Objective,
    pub(super) shape: Shape,
    pub(super) learning_rate: f64,
    pub(super) n_estimators: usize,
    pub(super) subsample: f64,
    pub(super) init: Option<&'a BoostingInit>,
    pub(super) random_state: Option<u32>,
    pub(super) validation_fraction: f64,
    pub(super) n_iter_no_change: Option<usize>,
    pub(super) tol: f64,
}

/// Rows to learn from, or to validate with.
pub(super) struct Data {
    columns: Columns,
    /// Of training rows.
    ranks: Option<Ranks>,
    y: Vec<f64>,
    weights: Vec<f64>,
}

impl Data {
    pub(super) fn n_rows(&self) -> usize {
        self.y.len()
    }

    /// The features as an estimator reads them.
    pub(super) fn rounded(&self) -> Result<Array2<f64>> {
        let features = 0..self.columns.n_features();
        let row = |row: usize| features.clone().map(move |feature| self.columns.column(feature)[row]);
        rounded(&(0..self.n_rows()).flat_map(row).collect::<Vec<f32>>(), features.len())
    }

    fn select(&self, rows: &[usize]) -> Self {
        Self {
            columns: self.columns.select(rows),
            ranks: None,
            y: rows.iter().map(|&row| self.y[row]).collect(),
            weights: rows.iter().map(|&row| self.weights[row]).collect(),
        }
    }
}

impl Plan<'_> {
    pub(super) fn fit(&self, before: Option<BoostingPredictor>, data: &Training<'_>) -> Result<BoostingPredictor> {
        if let Some(init) = self.init {
            init.check(self.owner, self.kind)?;
        }
        let target = match self.objective {
            Objective::Labels(_) => Target::Labels,
            Objective::Numbers(_) => Target::Numbers,
        };
        let prepared = Prepared::new(data, target, Missing::Refused)?;
        if prepared.n_outputs() != 1 {
            let what = "y has several outputs and this estimator learns one";
            return Err(Error::shape(what, prepared.n_outputs(), 1));
        }
        let weighted = prepared.weights.is_some();
        let Prepared { columns, y, classes, weights, .. } = prepared;
        let weights = weights.unwrap_or_else(|| vec![1.0; y.len()]);
        let all = Data { columns, ranks: None, y, weights };
        let n_classes = classes.first().map_or(0, Vec::len);
        let n_with_weight = (0..n_classes)
            .filter(|&class| all.y.iter().zip(&all.weights).any(|(&y, &w)| y as usize == class && w > 0.0));
        let n_with_weight = n_with_weight.count();
        if n_with_weight < 2 {
            self.objective.loss(self.owner, n_with_weight)?;
        }
        let loss = self.objective.loss(self.owner, n_classes)?;

        let (mut train, validation) = if self.n_iter_no_change.is_none() {
            (all, None)
        } else {
            let split = self.validation_split(&all, n_classes)?;
            let train = all.select(&split.train);
            if (0..n_classes).any(|class| !train.y.iter().any(|&y| y as usize == class)) {
                return Err(Error::too_few(
                    "no rows of some class are left to train on once rows are set aside; try another random_state",
                ));
            }
            (train, Some(all.select(&split.test)))
        };

        train.ranks = Ranks::of(&train.columns, Order::Kept);
        let mut model = match before {
            Some(model) => self.continued(model, loss, &train, &classes)?,
            None => BoostingPredictor {
                trees: Vec::new(),
                loss,
                learning_rate: self.learning_rate,
                start: match self.init {
                    None => loss.start(&train.y, weighted.then_some(&train.weights)),
                    Some(_) => vec![0.0; loss.n_outputs()],
                },
                init: match self.init {
                    Some(BoostingInit::Estimator(estimator)) => {
                        let weights = weighted.then_some(&train.weights[..]);
                        Some(FittedInit::fit(&**estimator, train.rounded()?.view(), &train.y, weights)?)
                    }
                    None | Some(BoostingInit::Zero) => None,
                },
                n_features: train.columns.n_features(),
                classes,
                train_score: Vec::new(),
                oob_improvement: Vec::new(),
                oob_scores: Vec::new(),
            },
        };
        self.grow(&mut model, &train, validation.as_ref(), data)?;
        Ok(model)
    }

    fn validation_split(&self, all: &Data, n_classes: usize) -> Result<Split> {
        let split = TrainTestSplit::new()
            .test_size(SplitSize::Fraction(self.validation_fraction))
            .random_state(self.random_state);
        if n_classes == 0 {
            return split.split(all.n_rows());
        }
        split.stratify(ArrayView1::from(&all.y)).split(all.n_rows())
    }

    fn continued(
        &self,
        model: BoostingPredictor,
        loss: Loss,
        train: &Data,
        classes: &[Vec<f64>],
    ) -> Result<BoostingPredictor> {
        if model.n_estimators() > self.n_estimators {
            let allowed = format!("at least {}, the number of stages there are", model.n_estimators());
            return Err(Error::invalid(self.owner, "n_estimators", self.n_estimators, allowed));
        }
        if model.n_features != train.columns.n_features() {
            let what = "X has another number of features than the model was grown from";
            return Err(Error::shape(what, train.columns.n_features(), model.n_features));
        }
        if model.classes != classes {
            let what = "y has other classes than the model was grown from";
            let count = |classes: &[Vec<f64>]| classes.first().map_or(0, Vec::len);
            return Err(Error::shape(what, count(classes), count(&model.classes)));
        }
        Ok(BoostingPredictor { loss, learning_rate: self.learning_rate, ..model })
    }

    fn grow(
        &self,
        model: &mut BoostingPredictor,
        train: &Data,
        validation: Option<&Data>,
        data: &Training<'_>,
    ) -> Result<()> {
        let n = train.n_rows();
        let k = model.loss.n_outputs();
        let n_before = model.n_estimators();
        let mut random = RandomState::from_seed(self.random_state);
        let n_in_bag = ((self.subsample * n as f64) as usize).max(1);
        for _ in 0..n_before {
            // What the stages that are there already drew.
            if self.subsample < 1.0 {
                sample_mask(n, n_in_bag, &mut random);
            }
            for _ in 0..k {
                tree_seed(&mut random)?;
            }
        }
        let mut raw = model.first(train)?;
        let mut raw_validation = validation.map(|data| model.first(data)).transpose()?.unwrap_or_default();
        for stage in model.trees.chunks(k) {
            add_stage(stage, model.learning_rate, &train.columns, &mut raw);
            if let Some(validation) = validation {
                add_stage(stage, model.learning_rate, &validation.columns, &mut raw_validation);
            }
        }
        let mut history = vec![f64::INFINITY; self.n_iter_no_change.unwrap_or(0)];
        let mut initial_loss = 0.0;
        for stage in n_before..self.n_estimators {
            let mask = (self.subsample < 1.0).then(|| sample_mask(n, n_in_bag, &mut random));
            if let (0, Some(mask)) = (stage, &mask) {
                initial_loss = score(model.loss, train, &raw, |row| !mask[row]);
            }
            self.grow_stage(model, train, mask.as_deref(), &mut raw, &mut random)?;
            data.step(stage + 1, self.n_estimators)?;
            match &mask {
                None => model.train_score.push(score(model.loss, train, &raw, |_| true)),
                Some(mask) => {
                    model.train_score.push(score(model.loss, train, &raw, |row| mask[row]));
                    let previous = model.oob_scores.last().copied().unwrap_or(initial_loss);
                    let out_of_bag = score(model.loss, train, &raw, |row| !mask[row]);
                    model.oob_improvement.push(previous - out_of_bag);
                    model.oob_scores.push(out_of_bag);
                }
            }
            let finite = |scores: &[f64]| scores.last().is_none_or(|score| score.is_finite());
            if !(finite(&model.train_score) && finite(&model.oob_scores) && finite(&model.oob_improvement)) {
                return Err(Error::overflow("the loss"));
            }
            if let Some(validation) = validation {
                let grown = &model.trees[stage * k..];
                add_stage(grown, model.learning_rate, &validation.columns, &mut raw_validation);
                let loss = score(model.loss, validation, &raw_validation, |_| true);
                if !history.iter().any(|&earlier| loss + self.tol < earlier) {
                    break;
                }
                let at = stage % history.len();
                history[at] = loss;
            }
        }
        Ok(())
    }

    /// Grows the trees of one stage and adds them to the raw predictions.
    fn grow_stage(
        &self,
        model: &mut BoostingPredictor,
        train: &Data,
        mask: Option<&[bool]>,
        raw: &mut [f64],
        random: &mut RandomState,
    ) -> Result<()> {
        let n = train.n_rows();
        let k = model.loss.n_outputs();
        model.loss = model.loss.adapted(&train.y, raw, &train.weights);
        let loss = model.loss;
        // One column after the other, negated.
        let mut gradients = vec![0.0; n * k];
        let mut of_row = vec![0.0; k];
        for (row, raw) in raw.chunks_exact(k).enumerate() {
            loss.gradient(train.y[row], raw, &mut of_row);
            for (output, gradient) in of_row.iter().enumerate() {
                gradients[output * n + row] = -gradient;
            }
        }
        let masked: Option<Vec<f64>> = mask.map(|mask| {
            train.weights.iter().zip(mask).map(|(&weight, &is_in)| if is_in { weight } else { 0.0 }).collect()
        });
        let weights: &[f64] = masked.as_deref().unwrap_or(&train.weights);
        let total = pairwise_sum(n, |row| weights[row]);
        let growth = self.shape.growth(n, train.columns.n_features(), total);
        for (output, gradient) in gradients.chunks_exact(n).enumerate() {
            let source = Source {
                columns: &train.columns,
                ranks: train.ranks.as_ref(),
                targets: Targets { y: gradient, n_outputs: 1, weights: Some(weights) },
                n_classes: &[1],
                seed: tree_seed(random)?,
            };
            let mut tree = grow(&source, &growth);
            let leaves = tree.apply(&train.columns);
            let raw_column: Vec<f64> = raw[output..].iter().step_by(k).copied().collect();
            let labels: Vec<f64>;
            let y = if matches!(loss, Loss::Multinomial(_)) {
                labels = train.y.iter().map(|&y| f64::from(u8::from(y as usize == output))).collect();
                &labels
            } else {
                &train.y
            };
            if loss != Loss::SquaredError {
                search_leaves(&mut tree, &leaves, mask, |rows| {
                    loss.leaf_value(&Leaf { rows, y, negative_gradient: gradient, raw: &raw_column, weights })
                });
            }
            for (raw, &leaf) in raw[output..].iter_mut().step_by(k).zip(&leaves) {
                *raw += model.learning_rate * tree.value[leaf as usize];
            }
            if tree.value.iter().any(|value| !value.is_finite()) {
                return Err(Error::overflow("a leaf of a tree"));
            }
            model.trees.push(Tree::of(&tree));
        }
        Ok(())
    }
}

/// Replaces the value of each leaf by the best step for the loss, which `step` finds for rows of the leaf.
fn search_leaves(tree: &mut TreeArrays, leaves: &[u32], mask: Option<&[bool]>, step: impl Fn(&[u32]) -> Option<f64>) {
    // The rows of each leaf, ascending: those of node `i` are rows[ends[i - 1]..ends[i]].
    let included = |row: usize| mask.is_none_or(|mask| mask[row]);
    let mut starts = vec![0_u32; tree.node_count() + 1];
    for (row, &leaf) in leaves.iter().enumerate() {
        starts[leaf as usize + 1] += u32::from(included(row));
    }
    for node in 0..tree.node_count() {
        starts[node + 1] += starts[node];
    }
    let mut rows = vec![0_u32; starts[tree.node_count()] as usize];
    let mut next = starts.clone();
    for (row, &leaf) in leaves.iter().enumerate().filter(|(row, _)| included(*row)) {
        rows[next[leaf as usize] as usize] = row as u32;
        next[leaf as usize] += 1;
    }
    for node in (0..tree.node_count()).filter(|&node| tree.children_left[node] == LEAF) {
        if let Some(value) = step(&rows[starts[node] as usize..starts[node + 1] as usize]) {
            tree.value[node] = value;
        }
    }
}

fn tree_seed(random: &mut RandomState) -> Result<u32> {
    Ok(random.randint(0, (1 << 31) - 1)? as u32)
}

/// Which rows a stage learns from: exactly `n_in_bag`, each set of them as likely as any other.
fn sample_mask(n: usize, n_in_bag: usize, random: &mut RandomState) -> Vec<bool> {
    let uniforms: Vec<f64> = (0..n).map(|_| random.random_sample()).collect();
    let mut n_drawn = 0;
    let draw = |(row, uniform): (usize, &f64)| {
        let is_in = uniform * ((n - row) as f64) < (n_in_bag - n_drawn) as f64;
        n_drawn += usize::from(is_in);
        is_in
    };
    uniforms.iter().enumerate().map(draw).collect()
}

fn add_stage(stage: &[Tree], learning_rate: f64, columns: &Columns, raw: &mut [f64]) {
    for (output, tree) in stage.iter().enumerate() {
        for (row, raw) in raw[output..].iter_mut().step_by(stage.len()).enumerate() {
            let leaf = tree.find(|feature| columns.column(feature)[row], |_| ());
            *raw += learning_rate * tree.leaf_value(leaf);
        }
    }
}

/// Mean loss over the rows that are `included`.
fn score(loss: Loss, data: &Data, raw: &[f64], included: impl Fn(usize) -> bool) -> f64 {
    let k = loss.n_outputs();
    let rows: Vec<usize> = (0..data.n_rows()).filter(|&row| included(row)).collect();
    let term = |i: usize| loss.loss(data.y[rows[i]], &raw[rows[i] * k..(rows[i] + 1) * k]);
    loss.scale() * average(rows.len(), term, |i| data.weights[rows[i]])
}
