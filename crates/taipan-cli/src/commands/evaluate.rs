//! `taipan evaluate`

use anyhow::Result;
use serde_json::{Map, Value, json};
use taipan::Evaluation;
use taipan::learn::Model;

use super::{engine, relation};
use crate::args::{Evaluate, Global, Report};
use crate::message::counted;

pub(crate) fn run(args: &Evaluate, global: &Global) -> Result<()> {
    let model = taipan::load_model(&args.model)?;
    let engine = engine(global, args.db.as_deref())?;
    let evaluation = taipan::evaluate(&engine, &model, &relation(&args.source))?;
    match args.format {
        Report::Json => println!("{}", serde_json::to_string_pretty(&json(&model, &evaluation))?),
        Report::Text => print_text(&model, &evaluation),
    }
    Ok(())
}

fn json(model: &Model, evaluation: &Evaluation) -> Value {
    let mut report = Map::new();
    report.insert("estimator".into(), json!(model.estimator));
    let scores = |report: &mut Map<String, Value>, rows: usize, scores: &[(&'static str, Option<f64>)]| {
        report.insert("rows".into(), json!(rows));
        report.extend(scores.iter().map(|(name, score)| ((*name).to_owned(), json!(score))));
    };
    match evaluation {
        Evaluation::Classification { rows, classes, report: by_class, confusion, scores: found } => {
            scores(&mut report, *rows, found);
            let entry = |scores: &taipan::learn::metrics::PrecisionRecall| {
                json!({
                    "precision": scores.precision,
                    "recall": scores.recall,
                    "f1-score": scores.fscore,
                    "support": scores.support,
                })
            };
            let classes_report = by_class.classes.iter().map(|row| (row.name.clone(), entry(&row.scores)));
            report.insert("classes".into(), Value::Object(classes_report.collect()));
            report.insert("macro avg".into(), entry(&by_class.macro_avg));
            report.insert("weighted avg".into(), entry(&by_class.weighted_avg));
            let matrix: Vec<Vec<f64>> = confusion.counts().rows().into_iter().map(|row| row.to_vec()).collect();
            report.insert("confusion_matrix".into(), json!({ "labels": classes, "counts": matrix }));
        }
        Evaluation::Regression { rows, scores: found } => scores(&mut report, *rows, found),
        Evaluation::Clustering { rows, sizes, scores: found } => {
            scores(&mut report, *rows, found);
            report.insert("cluster_sizes".into(), json!(sizes));
        }
        _ => {}
    }
    Value::Object(report)
}

fn print_text(model: &Model, evaluation: &Evaluation) {
    let heading = |rows: usize| println!("{}  {}  {}", model.estimator, model.target, counted(rows as u64, "row"));
    let print = |scores: &[(&'static str, Option<f64>)]| {
        for (name, score) in scores {
            match score {
                Some(score) => println!("{name:<18}  {score:?}"),
                None => println!("{name:<18}  undefined"),
            }
        }
    };
    match evaluation {
        Evaluation::Classification { rows, classes, report, confusion, scores } => {
            heading(*rows);
            print(scores);
            println!("\n{report}");
            println!("confusion matrix: true classes down, predicted ones across");
            let counts = confusion.counts();
            let width = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0);
            let cells: Vec<Vec<String>> =
                counts.rows().into_iter().map(|row| row.iter().map(f64::to_string).collect()).collect();
            let wide = cells.iter().flatten().map(String::len).max().unwrap_or(0).max(width);
            let header: Vec<String> = classes.iter().map(|name| format!("{name:>wide$}")).collect();
            println!("{:width$}  {}", "", header.join("  "));
            for (name, row) in classes.iter().zip(cells) {
                let row: Vec<String> = row.into_iter().map(|cell| format!("{cell:>wide$}")).collect();
                println!("{name:<width$}  {}", row.join("  "));
            }
        }
        Evaluation::Regression { rows, scores } => {
            heading(*rows);
            print(scores);
        }
        Evaluation::Clustering { rows, sizes, scores } => {
            heading(*rows);
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            println!("{:<18}  {}", "cluster sizes", sizes.join(", "));
            print(scores);
        }
        _ => {}
    }
}
