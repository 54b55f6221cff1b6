//! `cold`: iris from a CSV file to a forest and its scores, whole process.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Setting;
use super::measure::{Contender, race};
use super::report::{Requirement, Section, TAIPAN};
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
    Ok(Section {
        task:
            "`iris.csv` (150 rows) read, a random forest of 100 trees trained on three quarters of it and scored on\n\
               the rest: `taipan train` against pandas and scikit-learn. The same forest, the same scores."
                .to_owned(),
        versions: vec![setting.pinned("pandas")?, setting.pinned("scikit-learn")?],
        comparisons: vec![race("train and score", &contenders, setting.rounds(10))?],
    })
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
