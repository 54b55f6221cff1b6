//! What a job found: medians and ratios as tables, and the sections of `bench/RESULTS.md`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Setting;
use crate::cargo;

/// The contender whose speed the ratios tell.
pub(crate) const TAIPAN: &str = "taipan";

/// The results of one job.
pub(crate) struct Section {
    /// What was asked of every contender, in a sentence or two.
    pub(crate) task: String,
    /// Names with versions of what ran, Taipan excepted.
    pub(crate) versions: Vec<String>,
    pub(crate) comparisons: Vec<Comparison>,
}

/// One table: what each contender needed for the same work.
pub(crate) struct Comparison {
    pub(crate) title: String,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) lines: Vec<Line>,
    pub(crate) rounds: usize,
}

/// One contender.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    /// Seconds per unit of work in each round: the ratios come from these.
    pub(crate) cost: Vec<f64>,
    pub(crate) required: Option<Requirement>,
}

/// How many times as fast as this contender Taipan has to be.
#[derive(Clone, Copy)]
pub(crate) struct Requirement(pub(crate) f64);

/// A contender's cost over Taipan's: of the medians, and the extremes of the rounds.
struct Ratio {
    median: f64,
    least: f64,
    greatest: f64,
}

impl Section {
    /// The section with its heading, as it is printed and kept.
    pub(crate) fn to_markdown(&self, job: &str, setting: &Setting) -> Result<String> {
        let taipan = match &setting.taipan {
            Some(program) => cargo::output(Command::new(program).arg("--version"))?.trim().to_owned(),
            None => "peers alone".to_owned(),
        };
        let date = cargo::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
        let python = cargo::output(Command::new(setting.venv.program("python")).arg("--version"))?;
        let mut parts = vec![format!("## {job}"), self.task.clone()];
        parts.extend(self.comparisons.iter().map(Comparison::to_markdown));
        parts.push(format!(
            "{}; {taipan}; {}; {}; {}",
            date.trim(),
            python.trim(),
            self.versions.join(", "),
            machine()
        ));
        Ok(parts.join("\n\n") + "\n")
    }

    /// The required ratios that were not reached.
    pub(crate) fn missed(&self) -> Vec<String> {
        self.comparisons.iter().flat_map(Comparison::missed).collect()
    }
}

impl Comparison {
    fn to_markdown(&self) -> String {
        let mut head = vec![self.title.clone()];
        head.extend(self.columns.iter().map(|column| (*column).to_owned()));
        head.push("Taipan is".to_owned());
        let mut rows = vec![head];
        for line in &self.lines {
            let mut row = vec![line.name.clone()];
            row.extend(line.columns.iter().cloned());
            row.push(self.ratio(line).map_or_else(String::new, |ratio| ratio.told(line.required)));
            rows.push(row);
        }
        let unit = if self.rounds == 1 { "round" } else { "rounds" };
        format!("{}\nMedian (least–greatest) of {} {unit}.", table(&rows), self.rounds)
    }

    fn missed(&self) -> impl Iterator<Item = String> {
        self.lines.iter().filter_map(|line| {
            let Requirement(required) = line.required?;
            let ratio = self.ratio(line)?;
            let what = format!("{}, {}: {:.1}×", self.title, line.name, ratio.median);
            (ratio.median < required).then(|| format!("{what}, required {required}×"))
        })
    }

    /// The ratio of a line to Taipan's; `None` for Taipan itself and where it did not run.
    fn ratio(&self, line: &Line) -> Option<Ratio> {
        let taipan = self.lines.iter().find(|line| line.name == TAIPAN)?;
        if line.name == TAIPAN {
            return None;
        }
        // Contenders of one round ran side by side, so a noisy neighbour met both.
        let rounds: Vec<f64> = line.cost.iter().zip(&taipan.cost).map(|(a, b)| a / b).collect();
        let (least, greatest) = extremes(&rounds);
        Some(Ratio { median: median(&line.cost) / median(&taipan.cost), least, greatest })
    }
}

impl Ratio {
    fn told(&self, required: Option<Requirement>) -> String {
        let digits = usize::from(self.median < 10.0);
        let Self { median, least, greatest } = self;
        let told = format!("{median:.digits$}× as fast ({least:.digits$}–{greatest:.digits$})");
        match required {
            None => told,
            Some(Requirement(least)) if *median >= least => {
                format!("{told}, required {least}×: met")
            }
            Some(Requirement(least)) => format!("{told}, required {least}×: **missed**"),
        }
    }
}

/// The middle value; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

/// `median (least–greatest)` in the words of `show`.
pub(crate) fn spread(values: &[f64], show: impl Fn(f64) -> String) -> String {
    let (least, greatest) = extremes(values);
    format!("{} ({}–{})", show(median(values)), show(least), show(greatest))
}

pub(crate) fn milliseconds(seconds: f64) -> String {
    let value = seconds * 1e3;
    format!("{value:.*} ms", usize::from(value < 100.0))
}

/// A whole number with its thousands set apart.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn bytes(count: u64) -> String {
    format!("{:.1} MB", count as f64 / 1e6)
}

/// Puts a job's section into the file: in place of the old one, or at the end.
pub(crate) fn write(path: &Path, job: &str, section: &str) -> Result<()> {
    const HEAD: &str = "# Benchmarks\n\nWritten by `cargo xtask bench`; each section by a run of its own.\n";
    let place = || path.display().to_string();
    let old = if path.is_file() { fs::read_to_string(path).with_context(place)? } else { HEAD.into() };
    fs::write(path, with_section(&old, job, section)).with_context(place)
}

fn with_section(old: &str, job: &str, section: &str) -> String {
    let heading = format!("## {job}\n");
    let section = section.trim_end();
    let start = match old.find(&heading) {
        Some(0) => Some(0),
        Some(at) if old[..at].ends_with('\n') => Some(at),
        _ => None,
    };
    let Some(start) = start else {
        return format!("{}\n\n{section}\n", old.trim_end());
    };
    let after = start + heading.len();
    match old[after..].find("\n## ") {
        Some(next) => format!("{}{section}\n{}", &old[..start], &old[after + next..]),
        None => format!("{}{section}\n", &old[..start]),
    }
}

/// Rows as a Markdown table whose columns also line up in a terminal.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max())
        .map(|width| width.unwrap_or(0).max(3))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} "));
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rule: Vec<_> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.insert(lines.len().min(1), format!("|{}|\n", rule.join("|")));
    lines.concat()
}

fn extremes(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, greatest)
}

/// Processor, cores and memory, as far as the system tells them.
fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(String::new, |kib| format!(", {:.0} GB", kib * 1024.0 / 1e9));
    format!("{processor}, {cores} cores{memory}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(required: f64) -> Comparison {
        let line = |name: &str, cost: &[f64], required| Line {
            name: name.to_owned(),
            columns: vec![spread(cost, milliseconds)],
            cost: cost.to_vec(),
            required,
        };
        Comparison {
            title: "rows".to_owned(),
            columns: vec!["wall time"],
            lines: vec![
                line(TAIPAN, &[0.010, 0.012, 0.011], None),
                line("peer", &[0.5, 0.9, 0.55], Some(Requirement(required))),
                line("other", &[0.0055, 0.006, 0.0055], None),
            ],
            rounds: 3,
        }
    }

    #[test]
    fn tables_tell_ratios_and_requirements() {
        let expected = "\
| rows   | wall time                 | Taipan is                              |
|--------|---------------------------|----------------------------------------|
| taipan | 11.0 ms (10.0 ms–12.0 ms) |                                        |
| peer   | 550 ms (500 ms–900 ms)    | 50× as fast (50–75), required 50×: met |
| other  | 5.5 ms (5.5 ms–6.0 ms)    | 0.5× as fast (0.5–0.5)                 |

Median (least–greatest) of 3 rounds.";
        assert_eq!(comparison(50.0).to_markdown(), expected);
    }

    #[test]
    fn a_missed_requirement_is_told() {
        assert!(comparison(50.0).missed().next().is_none());
        let missed: Vec<_> = comparison(51.0).missed().collect();
        assert_eq!(missed, ["rows, peer: 50.0×, required 51×"]);
        assert!(comparison(51.0).to_markdown().contains("required 51×: **missed**"));
    }

    #[test]
    fn without_taipan_there_are_no_ratios() {
        let mut peers = comparison(50.0);
        peers.lines.remove(0);
        assert!(!peers.to_markdown().contains("as fast"));
        assert!(peers.missed().next().is_none());
    }

    #[test]
    fn figures_are_formatted() {
        for (values, expected) in [(vec![3.0, 1.0, 2.0], "2"), (vec![4.0, 1.0, 2.0, 3.0], "2.5"), (vec![], "0")] {
            assert_eq!(median(&values).to_string(), expected);
        }
        assert_eq!(milliseconds(0.0123), "12.3 ms");
        assert_eq!(milliseconds(1.2345), "1234 ms");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        for (value, expected) in [(0.4, "0"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(grouped(value), expected);
        }
    }

    #[test]
    fn a_section_takes_the_place_of_its_predecessor() {
        let old = "# Benchmarks\n\n## a\n\nold a\n\n## b\n\nold b\n";
        let cases = [
            ("a", "## a\n\nnew\n", "# Benchmarks\n\n## a\n\nnew\n\n## b\n\nold b\n"),
            ("b", "## b\n\nnew\n", "# Benchmarks\n\n## a\n\nold a\n\n## b\n\nnew\n"),
            ("c", "## c\n\nnew\n", "# Benchmarks\n\n## a\n\nold a\n\n## b\n\nold b\n\n## c\n\nnew\n"),
        ];
        for (job, section, expected) in cases {
            let text = with_section(old, job, section);
            assert_eq!(text, expected);
            assert_eq!(with_section(&text, job, section), text, "writing twice changes nothing");
        }
    }
}
