//! `class-call`: a method called through four classes, and classes made; against CPython and a trait object.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::measure::{Contender, Sample, run_for_output};
use super::report::{Comparison, Line, Requirement, Section, TAIPAN, bytes, spread};
use super::{Options, Setting};
use crate::cargo::{self, cargo};
use crate::venv::Venv;

pub(crate) const NAME: &str = "class-call";

const CPYTHON: &str = "CPython";
const DYN: &str = "Rust dyn";
const PLAIN_DYN: &str = "Rust dyn, i64";

/// What is measured, and how many times as fast as each contender Taipan has to be.
const PARTS: [(&str, &[(&str, f64)]); 3] =
    [("call", &[(CPYTHON, 10.0), (DYN, 0.33)]), ("call by name", &[]), ("create", &[(CPYTHON, 10.0)])];

/// Builds taipan-class's side and finds an interpreter.
pub(crate) fn setting(root: &Path, data: &Path, options: &Options) -> Result<Setting> {
    let venv = cargo::cache("taipan-parity")?.join("venv");
    Ok(Setting {
        root: root.to_owned(),
        data: data.to_owned(),
        venv: Venv::open(&venv, &root.join("xtask/parity-requirements.txt"))?,
        taipan: if options.peers_only { None } else { Some(build(root)?) },
        runs: options.runs,
    })
}

fn build(root: &Path) -> Result<PathBuf> {
    cargo::run(&mut cargo(root, &["build", "--release", "--package", "taipan-class", "--example", "class_bench"]))?;
    let metadata = cargo::metadata(root)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata: no target folder")?;
    Ok(Path::new(target).join("release/examples/class_bench"))
}

/// One run: what the kernel says of the process, and what it says itself.
struct Run {
    sample: Sample,
    said: Value,
}

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let contender = |name, program: &Path, argument: &str| Contender {
        name,
        program: program.to_owned(),
        arguments: vec![argument.to_owned()],
        folder: setting.data.clone(),
        required: None,
    };
    let mut contenders = vec![contender(CPYTHON, &setting.venv.program("python"), &setting.peer("class_call.py"))];
    if let Some(program) = &setting.taipan {
        contenders.insert(0, contender(PLAIN_DYN, program, "plain-dyn"));
        contenders.insert(0, contender(DYN, program, "dyn"));
        contenders.insert(0, contender(TAIPAN, program, "taipan"));
    }
    let warm: Vec<Run> = contenders.iter().map(measure).collect::<Result<_>>()?;
    if let Some(other) = warm.iter().find(|run| run.said["result"] != warm[0].said["result"]) {
        bail!("the results differ:\n{}\n{}", warm[0].said["result"], other.said["result"]);
    }
    let rounds = setting.rounds(7);
    let mut runs: Vec<Vec<Run>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (contender, runs) in contenders.iter().zip(&mut runs) {
            runs.push(measure(contender)?);
        }
    }
    Ok(Section {
        task: "call: the sum of `d.step(1)`, which returns 2, 10 million times on an instance of the lowest of four classes; the \
               method is the topmost's. Taipan remembers the method in a `CallSite`, as CPython does in its code, and the \
               trait object has a table. The method of \"Rust dyn\" takes and gives the same dynamic values; that of \
               \"Rust dyn, i64\" plain integers. call by name: the name is looked up each time (`Object::call`, `getattr`; the \
               trait object as before). create: a class with five bases, a method and a value."
            .to_owned(),
        versions: vec![cargo::output(Command::new("rustc").arg("--version"))?.trim().to_owned()],
        comparisons: PARTS.iter().filter_map(|part| comparison(*part, &contenders, &runs, rounds)).collect(),
    })
}

/// None where Taipan did not run and nothing can be compared.
fn comparison(
    (part, required): (&str, &[(&str, f64)]),
    contenders: &[Contender],
    runs: &[Vec<Run>],
    rounds: usize,
) -> Option<Comparison> {
    let line = |(contender, runs): (&Contender, &Vec<Run>)| {
        let cost: Vec<f64> = runs.iter().filter_map(|run| run.said["seconds"][part].as_f64()).collect();
        let peak = runs.iter().map(|run| run.sample.peak_bytes).max().unwrap_or(0);
        let requirement = required.iter().find(|(name, _)| *name == contender.name);
        (!cost.is_empty()).then(|| Line {
            name: contender.name.to_owned(),
            columns: vec![spread(&cost, nanoseconds), bytes(peak)],
            cost,
            required: requirement.map(|(_, times)| Requirement(*times)),
        })
    };
    let lines: Vec<Line> = contenders.iter().zip(runs).filter_map(line).collect();
    (!lines.is_empty()).then(|| Comparison {
        title: part.to_owned(),
        columns: vec!["time of one", "peak memory"],
        lines,
        rounds,
    })
}

fn nanoseconds(seconds: f64) -> String {
    format!("{:.1} ns", seconds * 1e9)
}

fn measure(contender: &Contender) -> Result<Run> {
    let (sample, printed) =
        run_for_output(contender.command().stdout(Stdio::piped())).with_context(|| contender.name)?;
    let said =
        serde_json::from_str(&printed).with_context(|| format!("{}: printed no JSON: {printed}", contender.name))?;
    Ok(Run { sample, said })
}
