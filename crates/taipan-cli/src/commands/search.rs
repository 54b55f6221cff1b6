//! `taipan search`

use anyhow::{Result, bail};
use serde_json::{Value, json};
use taipan::Searched;
use taipan::learn::ParamValue;
use taipan::learn::model_selection::{Candidate, ParamSet};

use super::learning::{encoded, options, print_scores, warn, write};
use super::{engine, relation};
use crate::args::{Global, Report, Search};
use crate::interrupt;

pub(crate) fn run(args: &Search, global: &Global) -> Result<()> {
    interrupt::listen();
    let mut options = options(&args.learning, global)?.test_size(args.test_size).cv(Some(args.cv)).n_iter(args.n_iter);
    for (name, values) in &args.grid {
        options = options.grid(name, self::values(name, values)?);
    }
    let engine = engine(global, args.learning.db.as_deref())?;
    let found = taipan::search(&engine, &relation(&args.learning.source), &options)?;
    if let Some(path) = &args.output {
        write(&found.model, path)?;
    }
    match args.format {
        Report::Json => println!("{}", serde_json::to_string_pretty(&json(&found))?),
        Report::Text => print_text(&found),
    }
    warn(&found.model);
    if let (Some(path), false) = (&args.output, global.quiet) {
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

/// The values between commas, of which those in brackets belong together.
fn values(name: &str, text: &str) -> Result<Vec<ParamValue>> {
    let (mut parts, mut depth) = (vec![String::new()], 0_i32);
    for character in text.chars() {
        depth += match character {
            '[' | '{' => 1,
            ']' | '}' => -1,
            _ => 0,
        };
        match (character, depth, parts.last_mut()) {
            (',', 0, _) => parts.push(String::new()),
            (_, _, Some(last)) => last.push(character),
            (_, _, None) => {}
        }
    }
    if parts.iter().any(|part| part.trim().is_empty()) {
        bail!("--grid {name}={text}: a value is missing");
    }
    Ok(parts
        .iter()
        .map(|part| part.trim().parse().unwrap_or_else(|never: std::convert::Infallible| match never {}))
        .collect())
}

fn params(params: &ParamSet) -> Value {
    params.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>().into()
}

fn json(found: &Searched) -> Value {
    let result = |candidate: &Candidate| {
        json!({
            "params": params(&candidate.params),
            "mean_test_score": candidate.mean,
            "std_test_score": candidate.std,
            "rank_test_score": candidate.rank,
            "split_test_scores": candidate.test_scores(),
            "mean_fit_time": candidate.mean_fit_time(),
        })
    };
    let best = &found.candidates[found.best_index];
    json!({
        "estimator": found.model.estimator,
        "target": found.model.target,
        "scoring": found.scoring.name(),
        "n_splits": found.n_splits,
        "best_params": params(&best.params),
        "best_score": best.mean,
        "best_index": found.best_index,
        "scores": found.model.scores,
        "cv_results": found.candidates.iter().map(result).collect::<Vec<_>>(),
    })
}

fn print_text(found: &Searched) {
    let model = &found.model;
    println!("{}  {} by {} in {} splits", model.estimator, model.target, found.scoring, found.n_splits);
    if let Some(encoded) = encoded(model) {
        println!("encoded    {encoded}");
    }
    let said: Vec<String> = found
        .candidates
        .iter()
        .map(|candidate| {
            let pairs = candidate.params.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(", ")
        })
        .collect();
    let width = said.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    for (at, (candidate, said)) in found.candidates.iter().zip(&said).enumerate() {
        let mark = if at == found.best_index { "→" } else { " " };
        match (candidate.mean, candidate.std) {
            (Some(mean), Some(std)) => println!("{mark} {said:<width$}  {mean:.6} ± {std:.6}"),
            _ => println!("{mark} {said:<width$}  undefined"),
        }
    }
    print_scores(model);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_between_commas() {
        let cases = [
            ("50,100", vec![ParamValue::Integer(50), ParamValue::Integer(100)]),
            ("0.5, None", vec![ParamValue::Real(0.5), ParamValue::None]),
            ("sqrt", vec![ParamValue::Text("sqrt".into())]),
            ("[1,2],3", vec![vec![1_i64, 2].into(), ParamValue::Integer(3)]),
        ];
        for (text, expected) in cases {
            assert_eq!(values("x", text).expect("values"), expected, "{text}");
        }
        for text in ["", "1,,2", "1,"] {
            assert!(values("x", text).is_err(), "{text}");
        }
    }
}
