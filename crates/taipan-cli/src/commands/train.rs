//! `taipan train`

use anyhow::Result;
use serde_json::{Map, Value, json};
use taipan::learn::Model;
use taipan::{attribute_json, class_names};

use super::learning::{encoded, options, print_attributes, print_scores, rows, warn, write};
use super::{engine, relation};
use crate::args::{Global, Report, Train};
use crate::interrupt;
use crate::message::grouped;

/// The rows kept for testing where there is something to test.
const TEST_SIZE: f64 = 0.25;

pub(crate) fn run(args: &Train, global: &Global) -> Result<()> {
    interrupt::listen();
    let test_size = args.test_size.unwrap_or(if args.learning.target.is_some() { TEST_SIZE } else { 0.0 });
    let options = options(&args.learning, global)?.test_size(test_size).cv(args.cv);
    let engine = engine(global, args.learning.db.as_deref())?;
    let model = taipan::train(&engine, &relation(&args.learning.source), &options)?;
    if let Some(path) = &args.output {
        write(&model, path)?;
    }
    match args.format {
        Report::Json => println!("{}", serde_json::to_string_pretty(&json(&model))?),
        Report::Text => print_text(&model),
    }
    warn(&model);
    if let (Some(path), false) = (&args.output, global.quiet) {
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

/// The report for programs; a score that is not defined is null.
fn json(model: &Model) -> Value {
    let mut report = Map::new();
    report.insert("estimator".into(), json!(model.estimator));
    report.insert("target".into(), if model.target.is_empty() { Value::Null } else { json!(model.target) });
    report.insert("features".into(), json!(model.features));
    if !model.categories.is_empty() {
        report.insert("categories".into(), json!(model.categories));
    }
    if !model.classes().is_empty() {
        report.insert("classes".into(), json!(class_names(model)));
    }
    report.insert("params".into(), json!(model.params));
    for (name, attribute) in model.predictor().attributes() {
        report.insert(name.into(), attribute_json(&attribute));
    }
    for key in ["n_train", "n_test"] {
        report.insert(key.into(), json!(rows(model, key)));
    }
    if model.classes().is_empty() && !model.target.is_empty() {
        report.entry("r2_test").or_insert(Value::Null);
    }
    for (name, score) in model.scores.iter() {
        report.insert(name.to_owned(), json!(score));
    }
    Value::Object(report)
}

fn print_text(model: &Model) {
    let from = model.features.join(", ");
    if model.target.is_empty() {
        println!("{}  from {from}", model.estimator);
    } else {
        println!("{}  {} from {from}", model.estimator, model.target);
    }
    if !model.classes().is_empty() {
        println!("classes    {}", class_names(model).join(", "));
    }
    if let Some(encoded) = encoded(model) {
        println!("encoded    {encoded}");
    }
    println!("rows       {} to train, {} to test", grouped(rows(model, "n_train")), grouped(rows(model, "n_test")));
    print_attributes(model);
    print_scores(model);
}
