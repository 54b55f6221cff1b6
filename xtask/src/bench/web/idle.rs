//! `idle`: the memory of `taipan serve examples/demo` when it has imported, trained and drawn everything and nobody asks.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::taipan;
use crate::bench::Setting;
use crate::bench::report::{Comparison, Line, Section, TAIPAN, bytes, spread};
use crate::bench::server::Server;

/// What it may take.
const MOST: u64 = 60_000_000;

pub(super) fn run(setting: &Setting) -> Result<Section> {
    let Some(program) = &setting.taipan else { bail!("there are no peers to measure") };
    let demo = setting.root.join("examples/demo");
    let folder = setting.data.join("idle");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for entry in fs::read_dir(&demo).with_context(|| demo.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().context("a file without a name")?;
        if path.extension().is_some_and(|kind| kind != "db") {
            fs::copy(&path, folder.join(name)).with_context(|| path.display().to_string())?;
        }
    }
    let place = folder.display().to_string();
    let mut rows = Vec::new();
    for (name, arguments) in
        [("first start", &[place.as_str(), "--fresh"][..]), ("second start", &[place.as_str()][..])]
    {
        let mut sizes = Vec::new();
        for _ in 0..setting.rounds(3) {
            let server =
                Server::start(TAIPAN, &setting.data, "/health/ready", |port| taipan(program, port, arguments))?;
            // What was freed on the way is given back a moment later.
            thread::sleep(Duration::from_secs(2));
            sizes.push(server.memory()? as f64);
            server.stop()?;
        }
        let greatest = sizes.iter().copied().fold(0.0, f64::max);
        if greatest > MOST as f64 {
            println!("{name}: {} are more than {}", bytes(greatest as u64), bytes(MOST));
        }
        rows.push((name, sizes));
    }
    let lines = rows.into_iter().map(|(name, sizes)| Line {
        name: name.to_owned(),
        columns: vec![spread(&sizes, |size| bytes(size as u64)), bytes(MOST)],
        cost: Vec::new(),
        required: None,
    });
    Ok(Section {
        task: "`taipan serve examples/demo`, two seconds after it is ready, nobody asking: the first start imports, trains\n\
               and draws everything, the second finds it done."
            .to_owned(),
        versions: Vec::new(),
        comparisons: vec![Comparison {
            title: "idle".to_owned(),
            columns: vec!["memory", "at most"],
            lines: lines.collect(),
            rounds: setting.rounds(3),
        }],
    })
}
