//! The page of a report.

use std::fmt::Write;

use arrow::datatypes::DataType;
use rayon::prelude::*;
use taipan_plot::{Chart, Data, Kind, Picture, SCRIPT, Theme, model, script_hash};

use super::scan::{Column, SAMPLE, Scanned, Sort};
use crate::error::Result;

const STYLE: &str = include_str!("page.css");

/// Columns whose correlations are shown.
const MOST_CORRELATED: usize = 24;
/// Points of a suggested plot; more would make the page heavy and say no more.
const MOST_POINTS: usize = 3000;
/// Plots suggested.
const MOST_SUGGESTED: usize = 6;
/// The most different values of a column that sorts others into groups.
const MOST_GROUPS: u64 = 12;
/// The widest page has cards for so many columns; more are in the table alone.
const MOST_CARDS: usize = 200;

/// The page as text. Its parts are written side by side.
pub(super) fn html(name: &str, scanned: &Scanned) -> Result<String> {
    let pairs = pairs(scanned);
    let mut parts = vec![Part::Overview, Part::Findings, Part::Missing, Part::Columns];
    parts.extend((0..scanned.columns.len().min(MOST_CARDS)).map(Part::Card));
    parts.extend([Part::Correlations, Part::Suggestions, Part::Rows]);
    let written = parts.par_iter().map(|part| {
        let mut page = Page { out: String::new(), name, scanned, pairs: &pairs };
        page.part(*part).map(|()| page.out)
    });
    Ok(written.collect::<Result<Vec<_>>>()?.concat())
}

/// A part of the page, in its order.
#[derive(Clone, Copy)]
enum Part {
    Overview,
    Findings,
    Missing,
    Columns,
    /// A column's, by its place.
    Card(usize),
    Correlations,
    Suggestions,
    Rows,
}

/// Two columns of numbers by their places, and how strongly they go together.
type Pair = (usize, usize, f64);

struct Page<'s> {
    out: String,
    name: &'s str,
    scanned: &'s Scanned,
    /// Strongest first.
    pairs: &'s [Pair],
}

impl Page<'_> {
    fn part(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Overview => {
                self.head();
                self.overview();
            }
            Part::Findings => self.findings(),
            Part::Missing => self.missing()?,
            Part::Columns => self.out.push_str("<h2 id=\"columns\">Columns</h2>\n"),
            Part::Card(index) => self.card(index)?,
            Part::Correlations => self.correlations()?,
            Part::Suggestions => self.suggestions()?,
            Part::Rows => {
                self.first_rows();
                let _ = write!(self.out, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
            }
        }
        Ok(())
    }

    fn head(&mut self) {
        let _ = write!(
            self.out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'; script-src {}\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>{} – report</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n<main>\n",
            script_hash(),
            escaped(self.name)
        );
    }

    fn overview(&mut self) {
        let Scanned { rows, columns, duplicates, .. } = self.scanned;
        let cells = rows * columns.len() as u64;
        let missing: u64 = columns.iter().map(|c| c.nulls).sum();
        let _ = write!(self.out, "<h1>{}</h1>\n<dl class=\"tiles\">", escaped(self.name));
        let about = if duplicates.1 { "" } else { "about " };
        for (label, value) in [
            ("rows", grouped(*rows)),
            ("columns", columns.len().to_string()),
            ("missing values", format!("{} ({})", grouped(missing), percent(missing, cells))),
            ("repeated rows", format!("{about}{} ({})", grouped(duplicates.0), percent(duplicates.0, *rows))),
        ] {
            let _ = write!(self.out, "<div><dt>{label}</dt><dd>{value}</dd></div>");
        }
        self.out.push_str("</dl>\n");
        if *rows > SAMPLE as u64 {
            let _ = writeln!(
                self.out,
                "<p>Counts, ends, means and deviations are of all rows; histograms, quartiles, outliers, correlations and \
                 suggested plots of a random sample of {}.</p>",
                grouped(SAMPLE as u64)
            );
        }
        self.out.push_str("<nav><a href=\"#columns\">Columns</a> <a href=\"#correlations\">Correlations</a> <a href=\"#plots\">Suggested plots</a> <a href=\"#rows\">First rows</a></nav>\n");
        self.out.push_str("<h2 id=\"schema\">Schema</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>column</th><th>type</th><th class=\"n\">missing</th><th class=\"n\">different</th><th class=\"n\">least</th><th class=\"n\">greatest</th><th class=\"n\">mean</th></tr></thead>\n<tbody>\n");
        for (index, column) in columns.iter().enumerate() {
            let (distinct, exact) = column.distinct();
            let about = if exact { "" } else { "≈ " };
            let (least, greatest) = ends(column);
            let mean = if column.kind == Sort::Number && column.moments.rows > 0 {
                number(column.moments.mean)
            } else {
                String::new()
            };
            let name = if index < MOST_CARDS {
                format!("<a href=\"#c{index}\">{}</a>", escaped(&column.name))
            } else {
                escaped(&column.name)
            };
            let _ = writeln!(
                self.out,
                "<tr><th>{name}</th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{about}{}</td><td class=\"n\">{least}</td><td class=\"n\">{greatest}</td><td class=\"n\">{mean}</td></tr>",
                escaped(&type_name(column)),
                percent(column.nulls, *rows),
                grouped(distinct)
            );
        }
        self.out.push_str("</tbody></table></div>\n");
    }

    /// What deserves a look, in words.
    fn findings(&mut self) {
        let mut said: Vec<String> = Vec::new();
        let rows = self.scanned.rows;
        for column in &self.scanned.columns {
            let name = format!("<a href=\"#c{}\">{}</a>", self.index(&column.name), escaped(&column.name));
            let there = rows - column.nulls.min(rows);
            let (distinct, _) = column.distinct();
            if rows > 0 && there == 0 {
                said.push(format!("{name} has no value at all"));
                continue;
            }
            if distinct == 1 && rows > 1 {
                said.push(format!("{name} has the same value in every row"));
            }
            if column.nulls * 5 > rows {
                said.push(format!("{name} is missing in {} of the rows", percent(column.nulls, rows)));
            }
            if there > 20 && distinct as f64 > there as f64 * 0.99 && column.kind != Sort::Number {
                said.push(format!("{name} is different in nearly every row: a key rather than a measure"));
            }
            if column.moments.unusable > 0 {
                said.push(format!("{name} holds {} values that are not finite", grouped(column.moments.unusable)));
            }
            if column.kind == Sort::Number && column.moments.zeros * 2 > there && distinct > 2 {
                said.push(format!("{name} is zero in {} of the rows", percent(column.moments.zeros, rows)));
            }
            if let Some(out) = Quartiles::of(column).filter(|q| q.beyond > 0.05) {
                said.push(format!("{name} has many outliers: {:.1} % of its values", out.beyond * 100.0));
            }
        }
        for &(a, b, r) in self.pairs.iter().filter(|(_, _, r)| r.abs() > 0.95).take(10) {
            let columns = &self.scanned.columns;
            said.push(format!(
                "{} and {} say nearly the same: r = {}",
                escaped(&columns[a].name),
                escaped(&columns[b].name),
                number((r * 1000.0).round() / 1000.0)
            ));
        }
        if !self.scanned.duplicates.1 || self.scanned.duplicates.0 > 0 {
            said.push(match self.scanned.duplicates.0 {
                1 => "1 row repeats an earlier one".to_owned(),
                rows => format!("{} rows repeat an earlier one", grouped(rows)),
            });
        }
        if said.is_empty() {
            return;
        }
        self.out.push_str("<h2>Worth a look</h2>\n<ul class=\"findings\">");
        for line in said.iter().take(40) {
            let _ = write!(self.out, "<li>{line}</li>");
        }
        self.out.push_str("</ul>\n");
    }

    fn index(&self, name: &str) -> usize {
        self.scanned.columns.iter().position(|c| c.name == name).unwrap_or(0)
    }

    fn missing(&mut self) -> Result<()> {
        let rows = self.scanned.rows.max(1) as f64;
        let some: Vec<&Column> = self.scanned.columns.iter().filter(|c| c.nulls > 0).collect();
        if some.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = some.iter().map(|c| c.name.clone()).collect();
        let shares: Vec<f64> = some.iter().map(|c| c.nulls as f64 / rows * 100.0).collect();
        let picture = model::importance(&names, &shares, &[], "missing (%)", Theme::Light)?;
        self.out.push_str("<h2>Missing values</h2>\n");
        self.picture(&picture);
        Ok(())
    }

    fn card(&mut self, index: usize) -> Result<()> {
        let Some(column) = self.scanned.columns.get(index) else { return Ok(()) };
        let _ = write!(
            self.out,
            "<section id=\"c{index}\"><div><h3>{} <small>{}</small></h3>",
            escaped(&column.name),
            escaped(&type_name(column))
        );
        self.facts(column);
        self.out.push_str("</div>");
        if let Some(picture) = distribution(column, self.scanned.rows)? {
            self.picture(&picture);
        }
        self.out.push_str("</section>\n");
        Ok(())
    }

    /// The numbers of a column.
    fn facts(&mut self, column: &Column) {
        let rows = self.scanned.rows;
        let (distinct, exact) = column.distinct();
        let about = if exact { "" } else { "≈ " };
        let mut facts: Vec<(&str, String)> = vec![
            ("missing", format!("{} ({})", grouped(column.nulls), percent(column.nulls, rows))),
            ("different", format!("{about}{}", grouped(distinct))),
        ];
        match column.kind {
            Sort::Number if column.moments.rows > 0 => {
                let moments = &column.moments;
                facts.push(("mean", number(moments.mean)));
                facts.extend(moments.deviation().map(|d| ("deviation", number(d))));
                facts.push(("least", number(moments.least)));
                if let Some(q) = Quartiles::of(column) {
                    facts
                        .push(("quartiles", format!("{}, {}, {}", number(q.first), number(q.median), number(q.third))));
                    facts.push(("greatest", number(moments.greatest)));
                    facts.push(("outliers", format!("{:.2} %", q.beyond * 100.0)));
                } else {
                    facts.push(("greatest", number(moments.greatest)));
                }
                facts.push(("zeros", percent(moments.zeros, rows)));
                facts.push(("negative", percent(moments.negative, rows)));
            }
            Sort::Time if column.moments.rows > 0 => {
                let (least, greatest) = ends(column);
                facts.extend([("earliest", least), ("latest", greatest)]);
            }
            Sort::Text if column.lengths.rows > 0 => {
                let lengths = &column.lengths;
                facts.push((
                    "length",
                    format!("{} to {} bytes, {:.1} on average", lengths.least, lengths.greatest, lengths.mean),
                ));
                if lengths.zeros > 0 {
                    facts.push(("empty", percent(lengths.zeros, rows)));
                }
            }
            _ => {}
        }
        self.out.push_str("<dl>");
        for (label, value) in facts {
            let _ = write!(self.out, "<dt>{label}</dt><dd>{value}</dd>");
        }
        self.out.push_str("</dl>");
        let top = column.counts.top(5);
        if column.kind != Sort::Text && !top.is_empty() && (top[0].1 > 1 || column.counts.is_exact()) {
            self.out.push_str("<table class=\"top\"><tbody>");
            for (value, count) in top {
                let _ = write!(
                    self.out,
                    "<tr><td>{}</td><td class=\"n\">{}</td></tr>",
                    escaped(value),
                    percent(count, rows)
                );
            }
            self.out.push_str("</tbody></table>");
        }
    }

    fn correlations(&mut self) -> Result<()> {
        let numeric = numeric(self.scanned);
        self.out.push_str("<h2 id=\"correlations\">Correlations</h2>\n");
        if numeric.len() < 2 {
            self.out.push_str("<p>Fewer than two columns of numbers vary.</p>\n");
            return Ok(());
        }
        let side = 150 + 46 * numeric.len() as u32;
        let mut chart = Chart::new(Kind::Correlation).size((side + 140).max(480), side.max(360));
        for column in numeric {
            let column = &self.scanned.columns[column];
            chart = chart.column(&column.name, Data::Numbers(column.numbers.clone()));
        }
        self.picture(&chart.picture()?);
        Ok(())
    }

    /// Plots that show most: pairs that go together, groups that differ, what changes with time.
    fn suggestions(&mut self) -> Result<()> {
        let columns = &self.scanned.columns;
        let groups: Vec<&Column> =
            columns.iter().filter(|c| c.kind == Sort::Text && (2..=MOST_GROUPS).contains(&c.distinct().0)).collect();
        let texts = |column: &Column| {
            let some = column.texts.iter().step_by(column.texts.len().div_ceil(MOST_POINTS).max(1));
            Data::Text(some.map(|text| text.as_deref().map(str::to_owned)).collect())
        };
        let numbers = |column: &Column| {
            let stride = column.numbers.len().div_ceil(MOST_POINTS).max(1);
            Data::Numbers(column.numbers.iter().copied().step_by(stride).collect())
        };
        let mut pictures = Vec::new();
        for &(a, b, r) in self.pairs.iter().filter(|(_, _, r)| (0.2..0.999).contains(&r.abs())).take(3) {
            let (x, y) = (&columns[a], &columns[b]);
            let mut chart = Chart::new(Kind::Scatter).x(&x.name, numbers(x)).y(&y.name, numbers(y)).fit(true);
            if let Some(group) = groups.first().filter(|g| g.distinct().0 <= 6) {
                chart = chart.color(&group.name, texts(group)).fit(false);
            }
            let words = format!("{} and {} go together: r = {}", x.name, y.name, number((r * 1000.0).round() / 1000.0));
            pictures.push((words, chart.picture()?));
        }
        let mut differing: Vec<(f64, &Column, &Column)> = Vec::new();
        for group in &groups {
            for index in numeric(self.scanned) {
                let share = explained(group, &columns[index]);
                if share > 0.03 {
                    differing.push((share, group, &columns[index]));
                }
            }
        }
        differing.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (share, group, column) in differing.into_iter().take(2) {
            let chart = Chart::new(Kind::Box).x(&group.name, texts(group)).y(&column.name, numbers(column));
            let words = format!("{} explains {:.0} % of the variance of {}", group.name, share * 100.0, column.name);
            pictures.push((words, chart.picture()?));
        }
        if let (Some(time), Some(index)) =
            (columns.iter().find(|c| c.kind == Sort::Time), numeric(self.scanned).first())
        {
            let column = &columns[*index];
            let (at, values) = by_time(time, column);
            if at.len() > 2 {
                let label = format!("mean of {}", column.name);
                let chart = Chart::new(Kind::Line).x(&time.name, Data::Times(at)).y(label, Data::Numbers(values));
                pictures.push((format!("{} over time", column.name), chart.picture()?));
            }
        }
        self.out.push_str("<h2 id=\"plots\">Suggested plots</h2>\n");
        if pictures.is_empty() {
            self.out.push_str("<p>No two columns go together strongly enough to show.</p>\n");
        }
        self.out.push_str("<div class=\"plots\">");
        for (words, picture) in pictures.into_iter().take(MOST_SUGGESTED) {
            let _ = write!(self.out, "<figure><figcaption>{}</figcaption>", escaped(&words));
            self.picture(&picture.sized(600, 400));
            self.out.push_str("</figure>");
        }
        self.out.push_str("</div>\n");
        Ok(())
    }

    fn first_rows(&mut self) {
        self.out.push_str("<h2 id=\"rows\">First rows</h2>\n<div class=\"scroll\"><table>\n<thead><tr>");
        for column in &self.scanned.columns {
            let class = if column.kind == Sort::Number { " class=\"n\"" } else { "" };
            let _ = write!(self.out, "<th{class}>{}</th>", escaped(&column.name));
        }
        self.out.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.scanned.first {
            self.out.push_str("<tr>");
            for (cell, column) in row.iter().zip(&self.scanned.columns) {
                let class = if column.kind == Sort::Number { " class=\"n\"" } else { "" };
                let _ = match cell {
                    Some(words) => write!(self.out, "<td{class}>{}</td>", escaped(words)),
                    None => write!(self.out, "<td{class}><i>missing</i></td>"),
                };
            }
            self.out.push_str("</tr>\n");
        }
        self.out.push_str("</tbody></table></div>\n");
    }

    fn picture(&mut self, picture: &Picture) {
        self.out.push_str("<div class=\"taipan-plot\">");
        // A sampled row need not tell its values: the shape is what a report shows.
        self.out.push_str(&if picture.drawn() > 2000 { picture.svg() } else { picture.interactive_svg() });
        self.out.push_str("</div>\n");
    }
}

/// Pairs of columns of numbers by how strongly they go together.
fn pairs(scanned: &Scanned) -> Vec<Pair> {
    let numeric = numeric(scanned);
    let both = numeric.iter().enumerate().flat_map(|(i, a)| numeric[i + 1..].iter().map(|b| (*a, *b)));
    let both: Vec<(usize, usize)> = both.collect();
    let numbers = |place: usize| scanned.columns[place].numbers.as_slice();
    let strength = |(a, b): (usize, usize)| Some((a, b, taipan_plot::correlation(numbers(a), numbers(b))?));
    let mut pairs: Vec<Pair> = both.into_par_iter().filter_map(strength).collect();
    pairs.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
    pairs
}

/// Columns of numbers that vary.
fn numeric(scanned: &Scanned) -> Vec<usize> {
    let vary = |c: &Column| c.kind == Sort::Number && c.moments.least < c.moments.greatest;
    let columns = scanned.columns.iter().enumerate();
    columns.filter(|(_, column)| vary(column)).map(|(i, _)| i).take(MOST_CORRELATED).collect()
}

/// The picture of one column.
fn distribution(column: &Column, rows: u64) -> Result<Option<Picture>> {
    const SIZE: (u32, u32) = (520, 240);
    let chart = match column.kind {
        Sort::Nested => return Ok(None),
        Sort::Number | Sort::Time if column.moments.rows == 0 => return Ok(None),
        Sort::Number => Chart::new(Kind::Histogram).x(&column.name, Data::Numbers(column.numbers.clone())),
        Sort::Time => Chart::new(Kind::Histogram).x(&column.name, Data::Times(column.numbers.clone())).bins(Some(40)),
        Sort::Text => {
            let top = column.counts.top(10);
            if top.is_empty() {
                return Ok(None);
            }
            let (names, counts): (Vec<String>, Vec<f64>) = top
                .into_iter()
                .map(|(words, count)| (words.to_owned(), count as f64 / rows.max(1) as f64 * 100.0))
                .unzip();
            let height = 80 + 22 * names.len() as u32;
            return Ok(Some(
                model::importance(&names, &counts, &[], "share of the rows (%)", Theme::Light)?
                    .sized(520, height.max(160)),
            ));
        }
    };
    Ok(Some(chart.size(SIZE.0, SIZE.1).picture()?))
}

/// The quartiles of the sampled values, and the share beyond 1.5 times their distance.
struct Quartiles {
    first: f64,
    median: f64,
    third: f64,
    beyond: f64,
}

impl Quartiles {
    fn of(column: &Column) -> Option<Self> {
        let mut sorted: Vec<f64> = column.numbers.iter().copied().filter(|v| v.is_finite()).collect();
        if column.kind != Sort::Number || sorted.len() < 4 {
            return None;
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |q: f64| {
            let place = (sorted.len() - 1) as f64 * q;
            let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        let (first, median, third) = (at(0.25), at(0.5), at(0.75));
        let reach = 1.5 * (third - first);
        let beyond = sorted.iter().filter(|v| **v < first - reach || **v > third + reach).count();
        Some(Self { first, median, third, beyond: beyond as f64 / sorted.len() as f64 })
    }
}

/// The share of a column's variance that lies between the groups (η²).
fn explained(group: &Column, column: &Column) -> f64 {
    let mut sums: std::collections::BTreeMap<&str, (f64, f64)> = std::collections::BTreeMap::new();
    let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for (name, value) in group.texts.iter().zip(&column.numbers) {
        let (Some(name), true) = (name.as_deref(), value.is_finite()) else { continue };
        let sum = sums.entry(name).or_default();
        *sum = (sum.0 + 1.0, sum.1 + value);
        n += 1.0;
        let distance = value - mean;
        mean += distance / n;
        squares += distance * (value - mean);
    }
    let between: f64 = sums.values().map(|(count, sum)| count * (sum / count - mean).powi(2)).sum();
    if squares > 0.0 && n > sums.len() as f64 * 2.0 { between / squares } else { 0.0 }
}

/// Means of a column over up to 60 spans of time.
fn by_time(time: &Column, column: &Column) -> (Vec<f64>, Vec<f64>) {
    const SPANS: usize = 60;
    let (from, to) = (time.moments.least, time.moments.greatest);
    let mut sums = vec![(0.0, 0.0); SPANS];
    for (at, value) in time.numbers.iter().zip(&column.numbers) {
        if at.is_finite() && value.is_finite() && to > from {
            let span = (((at - from) / (to - from) * SPANS as f64) as usize).min(SPANS - 1);
            sums[span] = (sums[span].0 + 1.0, sums[span].1 + value);
        }
    }
    let middle = |span: usize| from + (to - from) * (span as f64 + 0.5) / SPANS as f64;
    let there = sums.iter().enumerate().filter(|(_, (count, _))| *count > 0.0);
    there.map(|(span, (count, sum))| (middle(span), sum / count)).unzip()
}

/// The least and greatest value in words.
fn ends(column: &Column) -> (String, String) {
    let moments = &column.moments;
    match column.kind {
        Sort::Number if moments.rows > 0 => (number(moments.least), number(moments.greatest)),
        Sort::Time if moments.rows > 0 => {
            (taipan_plot::time_in_words(moments.least), taipan_plot::time_in_words(moments.greatest))
        }
        _ => (String::new(), String::new()),
    }
}

fn type_name(column: &Column) -> String {
    match &column.data_type {
        kind if kind.is_integer() => "integer".to_owned(),
        kind if kind.is_floating() => "float".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::List(_) | DataType::LargeList(_) => "list".to_owned(),
        DataType::Struct(_) => "object".to_owned(),
        other => other.to_string(),
    }
}

fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    let share = part as f64 / whole as f64 * 100.0;
    if share < 0.1 { "< 0.1 %".to_owned() } else { format!("{share:.1} %") }
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn number(value: f64) -> String {
    taipan_plot::number_in_words(value)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
