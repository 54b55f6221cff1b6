//! `taipan train`

use std::io::Write;

use anyhow::Result;
use serde_json::{Map, Value, json};
use taipan::io::AtomicFile;
use taipan::learn::{Attribute, Model, ParamValue};
use taipan::{Error, TrainOptions};

use super::{engine, relation};
use crate::args::{Global, Report, Train};
use crate::message::{counted, grouped};

pub(crate) fn run(args: &Train, global: &Global) -> Result<()> {
    let mut options = TrainOptions::new(&args.estimator, &args.target)
        .exclude(args.exclude.clone())
        .test_size(args.test_size)
        .random_state(args.random_state)
        .cv(args.cv);
    for (name, value) in &args.params {
        let Ok(value) = value.parse::<ParamValue>();
        options = options.param(name, value);
    }
    let engine = engine(global, args.db.as_deref())?;
    let model = taipan::train(&engine, &relation(&args.source), &options)?;
    if let Some(path) = &args.output {
        let bytes = model.to_bytes().map_err(Error::from)?;
        let mut file = AtomicFile::create(path).map_err(Error::from)?;
        file.write_all(&bytes)?;
        file.commit().map_err(Error::from)?;
    }
    match args.format {
        Report::Json => println!("{}", serde_json::to_string_pretty(&json(&model))?),
        Report::Text => print_text(&model),
    }
    if let (Some(path), false) = (&args.output, global.quiet) {
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

/// The report for programs; a score that is not defined is null.
fn json(model: &Model) -> Value {
    let mut report = Map::new();
    report.insert("estimator".into(), json!(model.estimator));
    report.insert("target".into(), json!(model.target));
    report.insert("features".into(), json!(model.features));
    report.insert("params".into(), json!(model.params));
    for (name, attribute) in model.predictor().attributes() {
        let value = match attribute {
            Attribute::Scalar(value) => json!(value),
            Attribute::Vector(values) => json!(values),
            _ => continue,
        };
        report.insert(name.into(), value);
    }
    for key in ["n_train", "n_test"] {
        report.insert(key.into(), json!(rows(model, key)));
    }
    report.entry("r2_test").or_insert(Value::Null);
    for (name, score) in model.scores.iter() {
        report.insert(name.to_owned(), json!(score));
    }
    Value::Object(report)
}

fn rows(model: &Model, key: &str) -> u64 {
    model.lineage.get(key).and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn print_text(model: &Model) {
    println!("{}  {} from {}", model.estimator, model.target, model.features.join(", "));
    println!("rows       {} to train, {} to test", grouped(rows(model, "n_train")), grouped(rows(model, "n_test")));
    for (name, attribute) in model.predictor().attributes() {
        match attribute {
            Attribute::Scalar(value) => println!("{name:<9}  {value:?}"),
            Attribute::Vector(values) if name == "coef" => {
                let width = model.features.iter().map(String::len).max().unwrap_or(0);
                for (index, (feature, value)) in model.features.iter().zip(values).enumerate() {
                    let label = if index == 0 { name } else { "" };
                    println!("{label:<9}  {feature:<width$}  {value:?}");
                }
            }
            Attribute::Vector(values) => println!("{name:<9}  {}", counted(values.len() as u64, "value")),
            _ => {}
        }
    }
    for (name, score) in model.scores.iter() {
        match score {
            Some(score) => println!("{name:<9}  {score:?}"),
            None => println!("{name:<9}  undefined: it needs at least two rows to test on"),
        }
    }
}
