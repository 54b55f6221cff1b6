//! What the commands that learn share: options from arguments, progress, the model's file, what was learnt in words.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use taipan::io::AtomicFile;
use taipan::learn::{Attribute, Model, ParamValue, Watch};
use taipan::{Error, TrainOptions};

use crate::args::{Global, Learning};

/// Work shorter than this shows no bar.
const QUIET_FOR: Duration = Duration::from_secs(1);

/// The least width of what stands before a value.
const LABEL: usize = 9;

/// The options that the arguments say, with a bar for long work.
pub(super) fn options(args: &Learning, global: &Global) -> Result<TrainOptions> {
    let mut options = match &args.target {
        Some(target) => TrainOptions::new(&args.estimator, target),
        None => TrainOptions::unsupervised(&args.estimator),
    };
    for (name, value) in &args.params {
        let Ok(value) = value.parse::<ParamValue>();
        options = options.param(name, value);
    }
    let scoring = args.scoring.as_deref().map(str::parse).transpose().map_err(Error::from)?;
    Ok(options
        .exclude(args.exclude.clone())
        .random_state(args.random_state)
        .scoring(scoring)
        .watch(Arc::new(Bar::new(global.quiet))))
}

/// A bar over the fits or trees of long work, on standard error when it is a terminal. Ctrl-C stops the work.
struct Bar {
    shown: bool,
    started: Instant,
    drawn: Mutex<Option<ProgressBar>>,
}

impl Bar {
    fn new(quiet: bool) -> Self {
        Self { shown: !quiet && io::stderr().is_terminal(), started: Instant::now(), drawn: Mutex::default() }
    }
}

impl Watch for Bar {
    fn progress(&self, done: usize, total: usize) {
        if !self.shown || self.started.elapsed() < QUIET_FOR {
            return;
        }
        let mut bar = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{bar:24}  {pos}/{len}  {eta}") {
                bar.set_style(style.progress_chars("━━╌"));
            }
            bar.set_elapsed(self.started.elapsed());
            bar
        });
        bar.set_length(total as u64);
        // Threads finish out of order.
        if done as u64 > bar.position() {
            bar.set_position(done as u64);
        }
    }

    fn is_cancelled(&self) -> bool {
        crate::interrupt::is_requested()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.drawn.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

/// Writes a model, whole or not at all.
pub(super) fn write(model: &Model, path: &Path) -> Result<()> {
    let bytes = model.to_bytes().map_err(Error::from)?;
    let mut file = AtomicFile::create(path).map_err(Error::from)?;
    file.write_all(&bytes)?;
    file.commit().map_err(Error::from)?;
    Ok(())
}

/// Rows of a part of the data, as the lineage tells.
pub(super) fn rows(model: &Model, key: &str) -> u64 {
    model.lineage.get(key).and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Which columns of texts became numbers, and how.
pub(super) fn encoded(model: &Model) -> Option<String> {
    let columns = model.categories.iter().map(|(column, texts)| {
        let coded = model.features.contains(column);
        let how = if coded { "as codes" } else { "one column each" };
        format!("{column} ({} texts, {how})", texts.len())
    });
    let columns: Vec<String> = columns.collect();
    (!columns.is_empty()).then(|| columns.join(", "))
}

/// Prints what was learnt: numbers by feature with the features' names, short lists whole, long ones by their size.
pub(super) fn print_attributes(model: &Model) {
    let attributes = model.predictor().attributes();
    let label = attributes.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(LABEL);
    for (name, attribute) in attributes {
        let name = format!("{name:<label$}");
        match attribute {
            Attribute::Scalar(value) => println!("{name}  {value:?}"),
            Attribute::Text(text) => println!("{name}  {text}"),
            Attribute::Vector(values)
                if values.len() == model.features.len()
                    && matches!(name.trim_end(), "coef" | "feature_importances") =>
            {
                let width = model.features.iter().map(String::len).max().unwrap_or(0);
                for (index, (feature, value)) in model.features.iter().zip(values).enumerate() {
                    let name = if index == 0 { name.as_str() } else { "" };
                    println!("{name:<label$}  {feature:<width$}  {value:?}");
                }
            }
            Attribute::Vector(values) if values.len() <= 10 => {
                let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
                println!("{name}  {}", values.join(", "));
            }
            Attribute::Vector(values) => println!("{name}  {} numbers", values.len()),
            Attribute::Matrix(values) => println!("{name}  {} × {} numbers", values.nrows(), values.ncols()),
            _ => {}
        }
    }
}

/// Prints the scores.
pub(super) fn print_scores(model: &Model) {
    for (name, score) in model.scores.iter() {
        match score {
            Some(score) => println!("{name:<9}  {score:?}"),
            None => println!("{name:<9}  undefined: it needs at least two rows to test on"),
        }
    }
}

/// Says on standard error what a fit that succeeded warns of.
pub(super) fn warn(model: &Model) {
    for warning in model.predictor().warnings() {
        eprintln!("warning: {warning}");
    }
}
