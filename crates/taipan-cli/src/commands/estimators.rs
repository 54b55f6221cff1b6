//! `taipan estimators`

use anyhow::Result;
use serde_json::{Value, json};
use taipan::Error;
use taipan::learn::{Estimator, registry};

use crate::args::{Estimators, Report};

pub(crate) fn run(args: &Estimators) -> Result<()> {
    let names = match &args.name {
        Some(name) => vec![name.as_str()],
        None => registry::names(),
    };
    let known: Vec<Box<dyn Estimator>> =
        names.into_iter().map(registry::estimator).collect::<Result<_, _>>().map_err(Error::from)?;
    match (args.format, &args.name) {
        (Report::Json, None) => println!("{}", serde_json::to_string_pretty(&all(&known))?),
        (Report::Json, Some(_)) => {
            let one = known.first().map(|estimator| entry(estimator.as_ref()));
            println!("{}", serde_json::to_string_pretty(&one)?);
        }
        (Report::Text, None) => list(&known),
        (Report::Text, Some(_)) => known.iter().for_each(|estimator| describe(estimator.as_ref())),
    }
    Ok(())
}

fn all(known: &[Box<dyn Estimator>]) -> Value {
    known.iter().map(|estimator| entry(estimator.as_ref())).collect()
}

fn entry(estimator: &dyn Estimator) -> Value {
    let params = estimator.params();
    let param = |param: &taipan::learn::Param| {
        json!({
            "name": param.name,
            "default": param.default,
            "allowed": param.range.to_string(),
            "doc": param.doc,
        })
    };
    json!({
        "name": estimator.name(),
        "kind": estimator.kind().name(),
        "params": params.iter().map(param).collect::<Vec<_>>(),
    })
}

fn list(known: &[Box<dyn Estimator>]) {
    let width = known.iter().map(|estimator| estimator.name().len()).max().unwrap_or(0);
    for estimator in known {
        println!("{:<width$}  {}", estimator.name(), estimator.kind());
    }
}

fn describe(estimator: &dyn Estimator) {
    println!("{}  {}", estimator.name(), estimator.kind());
    for param in estimator.params() {
        println!("  {}={}", param.name, param.default);
        println!("      {}: {}", param.doc.trim_end_matches('.'), param.range);
    }
}
