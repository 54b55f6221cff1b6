//! Plots of a model: what it learnt, and how it does on rows.

use arrow::array::RecordBatch;
use ndarray::{Array1, Array2, Axis};
use taipan_learn::metrics::{CurveOptions, auc, average_precision_score, precision_recall_curve, roc_curve};
use taipan_learn::model_selection::{Cv, TrainSize, learning_curve, validation_curve};
use taipan_learn::{Attribute, Kind as Does, Model, ParamValue, Training};
use taipan_plot::model::{self as pictures, Boundary, Components, Curve, Node, Scores};
use taipan_plot::{Kind, Picture};
use taipan_query::Engine;

use super::{PlotOptions, series};
use crate::error::{Error, Result};
use crate::model::{Evaluation, Rows, class_names, evaluate};
use crate::relation::Relation;

/// Cells along each axis of a decision boundary.
const GRID: usize = 140;
/// Rows of a decision boundary, of which more would cover it.
const MOST_ROWS: usize = 2000;
/// Sizes of a learning curve.
const SIZES: [f64; 6] = [0.1, 0.25, 0.4, 0.6, 0.8, 1.0];
/// Points of a curve; the eye sees no more.
const MOST_POINTS: usize = 2000;

/// Draws a plot of `model`. All kinds but `importance` and `tree` need rows to judge by: `relation`, with the model's
/// features and, but for `pca`, its target among its columns.
///
/// Errors: a kind that this model has not, no rows where they are needed; those of [`evaluate`](crate::evaluate).
pub fn plot_model(
    engine: &Engine,
    model: &Model,
    relation: Option<&Relation>,
    options: &PlotOptions,
) -> Result<Picture> {
    let of = Judged { engine, model, relation, options };
    let picture = match options.kind {
        Kind::Confusion => of.confusion()?,
        Kind::Roc | Kind::PrecisionRecall => of.curves()?,
        Kind::Importance => of.importance()?,
        Kind::Tree => of.tree()?,
        Kind::Pca => of.pca()?,
        Kind::Boundary => of.boundary()?,
        Kind::LearningCurve => of.learning()?,
        Kind::ValidationCurve => of.validation()?,
        Kind::Residuals => of.residuals()?,
        other => return Err(Error::invalid(format!("a {other} plot is drawn of a table, not of a model"))),
    };
    Ok(options.framed(picture))
}

/// The rows of a relation as a model sees them.
struct Features {
    batch: RecordBatch,
    of: String,
    x: Array2<f64>,
}

impl Features {
    /// The target in the model's labels.
    fn target(&self, model: &Model) -> Result<Array1<f64>> {
        let rows = Rows { batch: &self.batch, of: &self.of, before: 0, missing: false };
        rows.known_target(&model.target, &model.labels)
    }
}

struct Judged<'a> {
    engine: &'a Engine,
    model: &'a Model,
    relation: Option<&'a Relation>,
    options: &'a PlotOptions,
}

impl Judged<'_> {
    fn relation(&self) -> Result<&Relation> {
        self.relation.ok_or_else(|| {
            let error = Error::invalid(format!("a {} plot needs rows to judge the model by", self.options.kind));
            error.with_hint("name a file, a table or a query after the model")
        })
    }

    fn rows(&self) -> Result<Features> {
        let relation = self.relation()?;
        let (batch, of) = (relation.read(self.engine, None)?, relation.describe());
        if batch.num_rows() == 0 {
            return Err(Error::invalid(format!("{of} has no rows to draw")));
        }
        let rows = Rows { batch: &batch, of: &of, before: 0, missing: self.model.unfitted()?.allows_nan() };
        let x = rows.inputs(self.model)?;
        Ok(Features { batch, of, x })
    }

    /// That the model does what the kind shows.
    fn does(&self, wanted: Does) -> Result<()> {
        let kind = self.model.unfitted()?.kind();
        if kind == wanted {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "a {} plot needs a {}; {} is a {}",
            self.options.kind,
            wanted.name(),
            self.model.estimator,
            kind.name()
        )))
    }

    fn confusion(&self) -> Result<Picture> {
        self.does(Does::Classifier)?;
        let evaluation = evaluate(self.engine, self.model, self.relation()?)?;
        let Evaluation::Classification { classes, confusion, .. } = evaluation else {
            return Err(Error::invalid("the model gave no classes"));
        };
        let counts: Vec<Vec<f64>> = confusion.counts().rows().into_iter().map(|row| row.to_vec()).collect();
        Ok(pictures::confusion(&classes, &counts, self.options.theme)?)
    }

    fn curves(&self) -> Result<Picture> {
        self.does(Does::Classifier)?;
        let features = self.rows()?;
        let y = features.target(self.model)?;
        let proba = self.model.predict_proba(features.x.view())?;
        let (names, labels) = (class_names(self.model), self.model.classes());
        // Of two classes the second is what is looked for; of more each against the rest.
        let chosen: Vec<usize> = if labels.len() == 2 { vec![1] } else { (0..labels.len()).collect() };
        let mut curves = Vec::with_capacity(chosen.len());
        for class in chosen {
            let is: Array1<f64> = y.mapv(|label| f64::from(u8::from(label.to_bits() == labels[class].to_bits())));
            let score = proba.index_axis(Axis(1), class);
            let positives = is.sum();
            if positives < 0.5 || positives > is.len() as f64 - 0.5 {
                // A class that no row has, or every row, has no curve.
                continue;
            }
            let asked = CurveOptions::new().pos_label(1.0);
            let (points, area) = if self.options.kind == Kind::Roc {
                let curve = roc_curve(is.view(), score, &asked)?;
                let area = auc(&curve.fpr, &curve.tpr)?;
                (curve.fpr.into_iter().zip(curve.tpr).collect::<Vec<_>>(), area)
            } else {
                let curve = precision_recall_curve(is.view(), score, &asked)?;
                let area = average_precision_score(is.view(), score, &asked)?;
                (steps(&curve.recall, &curve.precision), area)
            };
            curves.push(Curve { name: names[class].clone(), points: thinned(points), area });
        }
        if curves.is_empty() {
            return Err(Error::invalid("all rows are of one class; a curve needs two"));
        }
        Ok(match self.options.kind {
            Kind::Roc => pictures::roc(&curves, self.options.theme)?,
            _ => pictures::precision_recall(&curves, self.options.theme)?,
        })
    }

    fn importance(&self) -> Result<Picture> {
        let attributes = self.model.predictor().attributes();
        let found = ["feature_importances", "coef"].iter().find_map(|name| {
            let (name, attribute) = attributes.iter().find(|(known, _)| known == name)?;
            let values = match attribute {
                Attribute::Vector(values) => values.clone(),
                // One row for each class: the strongest counts.
                Attribute::Matrix(rows) if rows.nrows() == 1 => rows.row(0).to_vec(),
                Attribute::Matrix(rows) => {
                    rows.columns().into_iter().map(|c| c.iter().fold(0.0f64, |most, v| most.max(v.abs()))).collect()
                }
                _ => return None,
            };
            (values.len() == self.model.features.len()).then_some((*name, values))
        });
        let Some((name, values)) = found else {
            let error = Error::invalid(format!("{} does not say how much its features count", self.model.estimator));
            return Err(error.with_hint("trees, forests, boosting and linear models do"));
        };
        let label = if name == "coef" { "coefficient" } else { "importance" };
        Ok(pictures::importance(&self.model.features, &values, &[], label, self.options.theme)?)
    }

    fn tree(&self) -> Result<Picture> {
        let failed = || {
            let error = Error::invalid(format!("{} is no decision tree", self.model.estimator));
            error.with_hint("DecisionTreeClassifier, DecisionTreeRegressor and the first tree of a forest can be drawn")
        };
        let mut state = self.model.predictor().state();
        if !state.contains("children_left") || !state.contains("node_counts") {
            return Err(failed());
        }
        let count =
            usize::try_from(state.take_values::<i64>("node_counts")?.first().copied().unwrap_or(0)).unwrap_or(0);
        let (left, right) = (state.take_values::<i32>("children_left")?, state.take_values::<i32>("children_right")?);
        let (feature, threshold) = (state.take_values::<i32>("feature")?, state.take_values::<f64>("threshold")?);
        let (impurity, rows) = (state.take_values::<f64>("impurity")?, state.take_values::<i32>("n_node_samples")?);
        let value = state.take_values::<f64>("value")?;
        let stride = value.len().checked_div(left.len()).unwrap_or(0);
        let classes = class_names(self.model);
        let (least, most) =
            value.iter().take(count * stride).fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        let mut nodes = Vec::with_capacity(count);
        for node in 0..count.min(left.len()) {
            let said = value.get(node * stride..(node + 1) * stride).unwrap_or_default();
            let child = |of: &[i32]| of.get(node).copied().and_then(|c| usize::try_from(c).ok());
            let children = child(&left).zip(child(&right));
            let name = usize::try_from(feature[node]).ok().and_then(|f| self.model.features.get(f));
            let question = match (children, name) {
                (Some(_), Some(name)) => self.question(name, threshold[node]),
                _ => String::new(),
            };
            let sum: f64 = said.iter().sum();
            // Of equal classes the first, as the model answers.
            let best =
                (0..said.len()).rev().max_by(|a, b| said[*a].total_cmp(&said[*b])).filter(|_| !classes.is_empty());
            let (answer, strength) = if let Some(class) = best {
                let share = if sum > 0.0 { said[class] / sum } else { 0.0 };
                let name = classes.get(class).map_or("", String::as_str);
                (format!("{name} {:.0} %", share * 100.0), share)
            } else {
                let value = said.first().copied().unwrap_or(f64::NAN);
                (shortened(value), if most > least { (value - least) / (most - least) } else { 0.5 })
            };
            let words = vec![
                format!("{} {}", rows[node], if rows[node] == 1 { "row" } else { "rows" }),
                format!("impurity {}", shortened(impurity[node])),
                answer,
            ];
            nodes.push(Node { question, words, children, class: best, strength });
        }
        Ok(pictures::tree(&nodes, self.options.theme)?)
    }

    /// The question of a split in the words of the column: of codes, the texts on the left.
    fn question(&self, feature: &str, threshold: f64) -> String {
        match self.model.categories.get(feature) {
            Some(texts) => {
                let left: Vec<&str> =
                    texts.iter().take((threshold.floor() + 1.0).max(0.0) as usize).map(String::as_str).collect();
                format!("{feature} is {}", left.join(" or "))
            }
            None => format!("{feature} ≤ {}", shortened(threshold)),
        }
    }

    fn pca(&self) -> Result<Picture> {
        let attributes = self.model.predictor().attributes();
        let attribute = |name: &str| attributes.iter().find(|(known, _)| *known == name).map(|(_, a)| a);
        let (Some(Attribute::Matrix(components)), Some(Attribute::Vector(explained))) =
            (attribute("components"), attribute("explained_variance_ratio"))
        else {
            let error = Error::invalid(format!("{} finds no principal components", self.model.estimator));
            return Err(error.with_hint("train a PCA"));
        };
        if components.nrows() < 2 {
            return Err(Error::invalid("the model has one component; a plane needs two"));
        }
        let features = self.rows()?;
        let scores = self.model.transform(features.x.view())?;
        let color = match &self.options.color {
            None => None,
            Some(name) => {
                let schema = features.batch.schema();
                let known = schema.fields().iter().map(|field| field.name().as_str());
                let column = features.batch.column_by_name(name);
                let column = column.ok_or_else(|| Error::unknown_column(name, &features.of, known))?;
                Some((name.clone(), series::data(column)?))
            }
        };
        let loadings = self.model.features.iter().enumerate();
        let found = Components {
            first: scores.column(0).to_vec(),
            second: scores.column(1).to_vec(),
            color,
            explained: explained.clone(),
            loadings: loadings.map(|(i, name)| (name.clone(), components[[0, i]], components[[1, i]])).collect(),
        };
        Ok(pictures::pca(found, self.options.theme)?)
    }

    fn boundary(&self) -> Result<Picture> {
        let kind = self.model.unfitted()?.kind();
        if kind == Does::Transformer {
            return Err(Error::invalid(format!("{} transforms rows and predicts nothing", self.model.estimator)));
        }
        let features = self.rows()?;
        let (x, names) = (&features.x, &self.model.features);
        let index = |asked: &Option<String>, usual: usize| match asked {
            None => Ok(usual),
            Some(name) => names
                .iter()
                .position(|known| known == name)
                .ok_or_else(|| Error::unknown_column(name, "the model's features", names.iter().map(String::as_str))),
        };
        // Unless told which, the two that count most.
        let usual = self.strongest();
        let (first, second) = (index(&self.options.x, usual.0)?, index(&self.options.y, usual.1)?);
        if names.len() < 2 || first == second {
            return Err(Error::invalid("a boundary plot needs two features of the model")
                .with_hint("name them with --x and --y"));
        }
        let range = |column: usize| {
            let values = x.column(column);
            let (lo, hi) = values
                .iter()
                .filter(|v| v.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
            let pad = if hi > lo { (hi - lo) * 0.06 } else { 0.5 };
            if lo.is_finite() { (lo - pad, hi + pad) } else { (0.0, 1.0) }
        };
        let (across, up) = (range(first), range(second));
        // The features that the plane has not stand at their means.
        let means: Vec<f64> = x
            .columns()
            .into_iter()
            .map(|column| {
                let there: Vec<f64> = column.iter().copied().filter(|v| v.is_finite()).collect();
                there.iter().map(|v| v / there.len() as f64).sum()
            })
            .collect();
        let at = |(lo, hi): (f64, f64), i: usize| lo + (hi - lo) * (i as f64 + 0.5) / GRID as f64;
        let grid = Array2::from_shape_fn((GRID * GRID, names.len()), |(cell, column)| match column {
            column if column == first => at(across, cell % GRID),
            column if column == second => at(up, cell / GRID),
            column => means[column],
        });
        let labels = self.model.classes();
        let class = |label: &f64| {
            let found = labels.iter().position(|known| known.to_bits() == label.to_bits());
            if labels.is_empty() { *label } else { found.map_or(f64::NAN, |i| i as f64) }
        };
        let predicted: Vec<f64> = self.model.predict(grid.view())?.iter().map(class).collect();
        let known: Vec<f64> = if kind.is_supervised() {
            features.target(self.model)?.iter().map(class).collect()
        } else {
            self.model.predict(x.view())?.to_vec()
        };
        let classes = match kind {
            Does::Classifier => class_names(self.model),
            Does::Clusterer => {
                let most = predicted.iter().chain(&known).fold(0.0f64, |most, v| most.max(*v));
                (0..=most as usize).map(|i| format!("cluster {i}")).collect()
            }
            _ => Vec::new(),
        };
        let stride = x.nrows().div_ceil(MOST_ROWS).max(1);
        let rows = (0..x.nrows()).step_by(stride).map(|row| (x[[row, first]], x[[row, second]], known[row]));
        let found = Boundary {
            features: (names[first].clone(), names[second].clone()),
            target: if self.model.target.is_empty() { "cluster".to_owned() } else { self.model.target.clone() },
            x: across,
            y: up,
            side: GRID,
            predicted,
            classes,
            rows: rows.collect(),
        };
        Ok(pictures::boundary(found, self.options.theme)?)
    }

    /// The two features that count most, as far as the model says; else the first two.
    fn strongest(&self) -> (usize, usize) {
        let attributes = self.model.predictor().attributes();
        let importance = attributes.iter().find_map(|(name, attribute)| match attribute {
            Attribute::Vector(values) if *name == "feature_importances" => Some(values.clone()),
            _ => None,
        });
        let Some(values) = importance else { return (0, 1) };
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        match order.as_slice() {
            [a, b, ..] => (*a.min(b), *a.max(b)),
            _ => (0, 1),
        }
    }

    fn learning(&self) -> Result<Picture> {
        let features = self.rows()?;
        let y = features.target(self.model)?;
        let estimator = self.model.unfitted()?;
        let data = Training::supervised(features.x.view(), y.view());
        let sizes = SIZES.map(TrainSize::Fraction);
        let found = learning_curve(&*estimator, &data, &sizes, Cv::Folds(5), None, Some(0))?;
        let at: Vec<f64> = found.train_sizes.iter().map(|size| *size as f64).collect();
        let (train, test) = (summed(&found.train_scores), summed(&found.test_scores));
        Ok(pictures::learning_curve(&at, &train, &test, self.scoring()?, self.options.theme)?)
    }

    fn validation(&self) -> Result<Picture> {
        let estimator = self.model.unfitted()?;
        let Some(name) = &self.options.parameter else {
            let known: Vec<String> = estimator.get_params().into_iter().map(|(name, _)| name.into_owned()).collect();
            let error = Error::invalid("a validation-curve plot needs a parameter and its values");
            return Err(error.with_hint(format!(
                "--parameter NAME=1,2,3; {} has {}",
                self.model.estimator,
                known.join(", ")
            )));
        };
        if self.options.values.is_empty() {
            return Err(Error::invalid(format!("there is no value to try for '{name}'")));
        }
        let features = self.rows()?;
        let y = features.target(self.model)?;
        let data = Training::supervised(features.x.view(), y.view());
        let values: Vec<ParamValue> = self.options.values.iter().map(|v| parameter(*v)).collect();
        let found = validation_curve(&*estimator, &data, name, &values, Cv::Folds(5), None)?;
        let (train, test) = (summed(&found.train_scores), summed(&found.test_scores));
        let picture =
            pictures::validation_curve(name, &self.options.values, &train, &test, self.scoring()?, self.options.theme)?;
        Ok(picture)
    }

    /// The score that the curves show: that by which the estimator is judged unless told otherwise.
    fn scoring(&self) -> Result<&'static str> {
        Ok(if self.model.unfitted()?.kind() == Does::Classifier { "accuracy" } else { "R²" })
    }

    fn residuals(&self) -> Result<Picture> {
        self.does(Does::Regressor)?;
        let features = self.rows()?;
        let y = features.target(self.model)?;
        let predicted = self.model.predict(features.x.view())?.to_vec();
        Ok(pictures::residuals(&self.model.target, predicted, &y.to_vec(), self.options.theme)?)
    }
}

/// A whole number as such, since parameters that count refuse others.
fn parameter(value: f64) -> ParamValue {
    let text = if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { value.to_string() };
    let Ok(value) = text.parse();
    value
}

/// Means and standard deviations of the folds' scores.
fn summed(scores: &[Vec<Option<f64>>]) -> Scores {
    let mut out = Scores::default();
    for folds in scores {
        let there: Vec<f64> = folds.iter().flatten().copied().collect();
        let mean = there.iter().sum::<f64>() / there.len() as f64;
        let variance = there.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / there.len() as f64;
        out.mean.push(mean);
        out.deviation.push(variance.sqrt());
    }
    out
}

/// Precision holds until recall changes: steps, and no straight lines between thresholds.
fn steps(recall: &[f64], precision: &[f64]) -> Vec<(f64, f64)> {
    let mut points = Vec::with_capacity(recall.len() * 2);
    let mut before = None;
    for (recall, precision) in recall.iter().zip(precision).rev() {
        points.extend(before.map(|before| (before, *precision)));
        points.push((*recall, *precision));
        before = Some(*recall);
    }
    points
}

fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let stride = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points.into_iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last).map(|(_, point)| point).collect()
}

fn shortened(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        return format!("{value:.2e}").replace('-', "−");
    }
    let decimals = if size >= 1000.0 {
        0
    } else if size >= 10.0 {
        1
    } else {
        3
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.replace('-', "−")
}
