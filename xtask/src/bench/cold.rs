//! `cold`: iris from a CSV file to a forest and its scores, whole process.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Setting;
use super::measure::{Contender, race};
use super::report::{Comparison, Requirement, Section, TAIPAN, median, milliseconds};
use crate::cargo;

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let folder = setting.root.join("examples/demo");
    let python = Contender {
        name: "scikit-learn",
        program: setting.venv.program("python"),
        arguments: vec![setting.peer("cold_sklearn.py")],
        folder: folder.clone(),
        required: Some(Requirement(100.0)),
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        let arguments = ["train", "iris.csv", "--estimator", "RandomForestClassifier", "--target", "species"];
        let more = ["--test-size", "0.25", "--random-state", "0", "--format", "json"];
        let taipan = Contender {
            name: TAIPAN,
            program: program.clone(),
            arguments: arguments.into_iter().chain(more).map(str::to_owned).collect(),
            folder,
            required: None,
        };
        check_answers(&taipan, &python)?;
        contenders.push(taipan);
    }
    contenders.push(python);
    let comparison = race("train and score", &contenders, setting.rounds(10))?;
    let mut task =
        "`iris.csv` (150 rows) read, a random forest of 100 trees trained on three quarters of it and scored on\n\
                    the rest: `taipan train` against pandas and scikit-learn. The same forest, the same scores."
            .to_owned();
    if setting.taipan.is_some()
        && let [taipan, ..] = &contenders[..]
    {
        let bare = Contender {
            name: TAIPAN,
            program: taipan.program.clone(),
            arguments: vec!["--version".to_owned()],
            folder: taipan.folder.clone(),
            required: None,
        };
        let bare = race("version", &[bare], setting.rounds(10))?;
        task = format!("{task}\n\n{}", limit(&bare, &comparison));
    }
    Ok(Section {
        task,
        versions: vec![setting.pinned("pandas")?, setting.pinned("scikit-learn")?],
        comparisons: vec![comparison],
    })
}

/// What no program of this size does without: to start and to end.
fn limit(bare: &Comparison, whole: &Comparison) -> String {
    let seconds = |comparison: &Comparison| comparison.lines.first().map_or(f64::NAN, |line| median(&line.cost));
    let (bare, whole) = (seconds(bare), seconds(whole));
    format!(
        "Limit: `taipan --version`, a process that only starts and ends, takes {}: the kernel maps the program page by page \
         as it is touched. Taipan takes {:.1} times that; of the rest the larger part is the forest, whose data fit into the \
         nearest cache (see `grid-iris`), and the smaller one again pages that are touched for the first time.",
        milliseconds(bare),
        whole / bare
    )
}

/// Fails unless both forests score the same.
fn check_answers(taipan: &Contender, python: &Contender) -> Result<()> {
    let scores = |contender: &Contender| -> Result<Vec<f64>> {
        let said: Value = serde_json::from_str(&cargo::output(&mut contender.command())?)?;
        let score = |name: &str| said[name].as_f64().with_context(|| format!("{}: no {name}", contender.name));
        ["accuracy_train", "accuracy_test"].map(score).into_iter().collect()
    };
    let (ours, theirs) = (scores(taipan)?, scores(python)?);
    if ours != theirs {
        bail!("taipan and scikit-learn differ: {ours:?}, {theirs:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::report::Line;
    use super::*;

    #[test]
    fn the_distance_from_an_empty_process_is_told() {
        let comparison = |cost: &[f64]| Comparison {
            title: String::new(),
            columns: vec![],
            lines: vec![Line { name: TAIPAN.to_owned(), columns: vec![], cost: cost.to_vec(), required: None }],
            rounds: cost.len(),
        };
        let told = limit(&comparison(&[0.004, 0.005, 0.1]), &comparison(&[0.01, 0.0125, 0.02]));
        assert!(told.contains("takes 5.0 ms: the kernel") && told.contains("takes 2.5 times that"), "{told}");
    }
}
