//! Heatmap and correlation matrix: a coloured cell for each pair.

use super::{Drawing, View};
use crate::chart::Data;
use crate::color::Rgb;
use crate::coloring::Categories;
use crate::error::{ErrorKind, Result};
use crate::figure::{Anchor, Block, Content, Figure, Label, Mark, Panel, Rectangle, Rectangles, Rim, Shown, Side};
use crate::numbers::number;
use crate::scale::{Extent, Spread, bounds};
use crate::statistics::{Mean, correlation as pearson};
use crate::theme::{Look, TICK_SIZE};

/// Numbers beyond so many different ones are gathered in ranges.
const MOST_NUMBERS: usize = 40;
const RANGES: usize = 24;

/// One cell for each pair of x and y.
pub(super) fn heatmap(view: &View<'_>) -> Result<Drawing> {
    let (Some(x), Some(y)) = (&view.chart.x, &view.chart.y) else { return Ok(Drawing::default()) };
    let (x_slots, y_slots) = (Slotted::new(&x.data), Slotted::new(&y.data));
    let values = view.chart.color.as_ref().map(|_| view.numbers(view.chart.color.as_ref(), "color")).transpose()?;
    let mut cells: Vec<Vec<f64>> = vec![Vec::new(); x_slots.labels.len() * y_slots.labels.len()];
    let mut drawn = 0;
    for (row, (column, line)) in x_slots.of_row.iter().zip(&y_slots.of_row).enumerate() {
        let value = values.as_ref().map_or(1.0, |v| v[row]);
        let (Some(column), Some(line)) = (column, line) else { continue };
        if Spread::Linear.holds(value) {
            cells[line * x_slots.labels.len() + column].push(value);
            drawn += 1;
        }
    }
    let mean = |values: &[f64]| if view.chart.color.is_some() { Mean::of(values).value } else { values.len() as f64 };
    let shown: Vec<Option<f64>> = cells.iter().map(|c| (!c.is_empty()).then(|| mean(c))).collect();
    let (lo, hi) = bounds(shown.iter().flatten().copied()).unwrap_or((0.0, 1.0));
    let lo = if view.chart.color.is_none() { 0.0 } else { lo };
    let measure = match &view.chart.color {
        Some(color) if cells.iter().any(|c| c.len() > 1) => format!("mean of {}", color.label),
        Some(color) => color.label.clone(),
        None => "count".to_owned(),
    };
    // Both signs mean a middle: colours then tell them apart.
    let signed = lo < 0.0 && hi > 0.0;
    let (lo, hi) = if signed { (-hi.max(-lo), hi.max(-lo)) } else { (lo, hi) };
    let color = |value: f64| {
        let t = if hi > lo { (value - lo) / (hi - lo) } else { 0.5 };
        if signed { view.look.diverging(t) } else { ramp(view.look, t) }
    };
    let words = |line: usize, column: usize, value: f64| {
        format!("{}, {}: {measure} {}", x_slots.labels[column], y_slots.labels[line], number(value))
    };
    let said = short(&shown);
    let annotate: Option<&dyn Fn(f64) -> String> = if shown.len() <= 400 { Some(&said) } else { None };
    let matrix = Matrix { columns: x_slots.labels.len(), values: &shown, color: &color, tip: &words, annotate };
    let (there, mut panel) = (drawn > 0, Panel { marks: matrix.marks(), ..Panel::default() });
    panel.x =
        Side::new(there.then_some(Extent::Categories(x_slots.labels)), x.label.clone()).plain().shown(Shown::Words);
    panel.y =
        Side::new(there.then_some(Extent::Categories(y_slots.labels)), y.label.clone()).plain().shown(Shown::Words);
    let colors = (0..64).map(|i| color(lo + (hi - lo) * f64::from(i) / 63.0)).collect();
    let legend = Block { title: measure, content: Content::Bar { lo, hi, colors, missing: None } };
    Ok(Drawing { panel, drawn, legend: vec![legend], explained: true })
}

/// Pearson's correlation of each pair of the columns.
pub(super) fn correlation(view: &View<'_>) -> Result<Figure> {
    let columns = &view.chart.columns;
    if columns.len() < 2 {
        return Err(ErrorKind::FewColumns { kind: view.chart.kind, found: columns.len() }.into());
    }
    let numbers = columns.iter().map(|c| view.numbers(Some(c), "column")).collect::<Result<Vec<_>>>()?;
    let mut values = vec![None; columns.len() * columns.len()];
    for (i, a) in numbers.iter().enumerate() {
        for (j, b) in numbers.iter().enumerate().take(i + 1) {
            let r = pearson(a, b);
            values[i * columns.len() + j] = r;
            values[j * columns.len() + i] = r;
        }
    }
    let names: Vec<String> = columns.iter().map(|c| c.label.clone()).collect();
    let mut figure = Figure::one(correlation_panel(&names, &values, view.look));
    figure.drawn = view.chart.len();
    figure.legend.push(correlation_legend(view.look));
    Ok(figure)
}

fn correlation_panel(names: &[String], values: &[Option<f64>], look: &Look) -> Panel {
    let color = |r: f64| look.diverging(f64::midpoint(r, 1.0));
    let tip = |i: usize, j: usize, r: f64| format!("{} and {}: {r:.3}", names[i], names[j]).replace('-', "−");
    let annotate = short(values);
    let annotate =
        |r: f64| if (r.abs() - 1.0).abs() < 1e-12 { format!("{r:.0}").replace('-', "−") } else { annotate(r) };
    let matrix = Matrix { columns: names.len(), values, color: &color, tip: &tip, annotate: Some(&annotate) };
    let side = || Side::new(Some(Extent::Categories(names.to_vec())), "").plain().shown(Shown::Words);
    Panel { x: side(), y: side(), marks: matrix.marks(), square: true, ..Panel::default() }
}

fn correlation_legend(look: &Look) -> Block {
    let colors = (0..64).map(|i| look.diverging(f64::from(i) / 63.0)).collect();
    Block { title: "r".to_owned(), content: Content::Bar { lo: -1.0, hi: 1.0, colors, missing: None } }
}

/// Colour of counts and means: light where there is little, as ink on paper.
pub(crate) fn ramp(look: &Look, t: f64) -> Rgb {
    let plain = look.plain();
    if t < 0.6 {
        plain.mixed(look.background, 0.92 * (1.0 - t / 0.6))
    } else {
        plain.mixed(look.text, 0.55 * (t - 0.6) / 0.4)
    }
}

/// Words for the cells of a matrix: all with the same few decimals.
pub(crate) fn short(values: &[Option<f64>]) -> impl Fn(f64) -> String {
    let largest = values.iter().flatten().fold(0.0f64, |most, v| most.max(v.abs()));
    let whole = values.iter().flatten().all(|v| v.fract() == 0.0);
    let decimals = match largest {
        _ if whole && largest < 1e7 => Some(0),
        v if !(1e-2..1e6).contains(&v) => None,
        v if v >= 1000.0 => Some(0),
        v if v >= 10.0 => Some(1),
        _ => Some(2),
    };
    move |value| {
        let said = match decimals {
            Some(decimals) => format!("{value:.decimals$}"),
            None => format!("{value:.1e}"),
        };
        let zero = said.strip_prefix('-').is_some_and(|s| s.chars().all(|c| matches!(c, '0' | '.')));
        if zero { said[1..].to_owned() } else { said.replace('-', "−") }
    }
}

/// Cells of a grid.
pub(crate) struct Matrix<'m> {
    pub(crate) columns: usize,
    /// Row by row from the top.
    pub(crate) values: &'m [Option<f64>],
    pub(crate) color: &'m dyn Fn(f64) -> Rgb,
    /// Words for a row, a column and the value.
    pub(crate) tip: &'m dyn Fn(usize, usize, f64) -> String,
    /// The words in a cell, if any.
    pub(crate) annotate: Option<&'m dyn Fn(f64) -> String>,
}

impl Matrix<'_> {
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let mut all = Vec::with_capacity(self.values.len());
        let mut labels = Vec::new();
        for (index, value) in self.values.iter().enumerate() {
            let (Some(value), row, column) = (value, index / self.columns, index % self.columns) else { continue };
            let color = (self.color)(*value);
            let (x, y) = (column as f64, row as f64);
            all.push(Rectangle {
                from: (x - 0.5, y + 0.5),
                to: (x + 0.5, y - 0.5),
                color,
                opacity: 1.0,
                tip: (self.tip)(row, column, *value),
                series: None,
            });
            if let Some(annotate) = self.annotate {
                labels.push(Label {
                    at: (x, y),
                    shift: (0.0, 4.3),
                    words: annotate(*value),
                    color: Look::on(color),
                    anchor: Anchor::Middle,
                    size: TICK_SIZE,
                    bold: false,
                    edge: None,
                    within: Some((1.0, 1.0)),
                });
            }
        }
        vec![Mark::Rectangles(Rectangles { all, rim: Rim::Apart, on_zero: None }), Mark::Labels(labels)]
    }
}

/// A column as slots: its categories, or ranges of its numbers.
struct Slotted {
    labels: Vec<String>,
    of_row: Vec<Option<usize>>,
}

impl Slotted {
    fn new(data: &Data) -> Self {
        let Categories { labels, of_row } = Categories::new(data);
        let numbers = match data {
            Data::Text(_) => return Self { labels, of_row },
            Data::Numbers(numbers) | Data::Times(numbers) => numbers,
        };
        let spread = if matches!(data, Data::Times(_)) { Spread::Time } else { Spread::Linear };
        let range = bounds(numbers.iter().copied().filter(|v| spread.holds(*v)));
        let Some((lo, hi)) = range.filter(|_| labels.len() > MOST_NUMBERS) else {
            return Self { labels, of_row };
        };
        let step = match spread {
            Spread::Time => (hi - lo) / RANGES as f64,
            _ => crate::numbers::nice_step((hi - lo) / RANGES as f64),
        };
        let first = if spread == Spread::Time { lo } else { (lo / step).floor() * step };
        let count = (((hi - first) / step).floor() as usize + 1).min(RANGES * 2);
        let place = |v: &f64| spread.holds(*v).then(|| (((v - first) / step).max(0.0) as usize).min(count - 1));
        Self {
            labels: (0..count).map(|i| spread.words(first + step * i as f64)).collect(),
            of_row: numbers.iter().map(place).collect(),
        }
    }
}
