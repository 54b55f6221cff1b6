//! `startup`: the first rows of a small file, whole process.

use anyhow::{Result, bail};

use super::Setting;
use super::measure::{Contender, race};
use super::report::{Requirement, Section, TAIPAN};
use crate::cargo;

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let folder = setting.root.join("examples/demo");
    let pandas = Contender {
        name: "pandas",
        program: setting.venv.program("python"),
        arguments: vec![setting.peer("startup_pandas.py")],
        folder: folder.clone(),
        required: Some(Requirement(50.0)),
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        let taipan = Contender {
            name: TAIPAN,
            program: program.clone(),
            arguments: ["head", "tips.csv"].map(str::to_owned).to_vec(),
            folder,
            required: None,
        };
        check_answers(&taipan, &pandas)?;
        contenders.push(taipan);
    }
    contenders.push(pandas);
    Ok(Section {
        task: "The first five rows of `tips.csv` (244 rows): `taipan head tips.csv` against\n\
               `print(pandas.read_csv('tips.csv').head())`."
            .to_owned(),
        versions: vec![setting.pinned("pandas")?],
        comparisons: vec![race("head", &contenders, setting.rounds(20))?],
    })
}

/// Fails unless both show the same rows.
fn check_answers(taipan: &Contender, pandas: &Contender) -> Result<()> {
    let ours = cargo::output(taipan.command().args(["--format", "csv"]))?;
    let theirs = cargo::output(&mut pandas.command())?;
    if !same(&csv_cells(&ours), &printed_cells(&theirs)) {
        bail!("taipan and pandas differ:\n{ours}\n{theirs}");
    }
    Ok(())
}

/// Whether the cells are the same, numbers by their value: pandas pads `3.5` to the `3.50` of its neighbours.
fn same(ours: &[Vec<&str>], theirs: &[Vec<&str>]) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    let cell =
        |(ours, theirs): (&&str, &&str)| ours == theirs || (number(ours).is_some() && number(ours) == number(theirs));
    let row =
        |(ours, theirs): (&Vec<&str>, &Vec<&str>)| ours.len() == theirs.len() && ours.iter().zip(theirs).all(cell);
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(row)
}

/// Header and rows of a CSV text without quotes.
fn csv_cells(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

/// Header and rows of a printed data frame, without the index that starts each row.
fn printed_cells(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().enumerate();
    rows.map(|(row, line)| line.split_whitespace().skip(usize::from(row > 0)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_the_same_cells() {
        let printed = "    tip  day\n0  1.01  Sun\n1  3.50  Sat\n";
        for (csv, expected) in [
            ("tip,day\n1.01,Sun\n3.5,Sat\n", true),
            ("tip,day\n1.02,Sun\n3.5,Sat\n", false),
            ("tip,day\n1.01,Sun\n3.5,Sun\n", false),
            ("tip,day\n1.01,Sun\n", false),
        ] {
            assert_eq!(same(&csv_cells(csv), &printed_cells(printed)), expected, "{csv}");
        }
    }
}
