//! Rows become marks: for each kind a module that turns columns into panels.

mod bar;
mod boxes;
mod cells;
mod density;
mod histogram;
mod joint;
mod line;
mod matrix;
mod pair;
mod residuals;
mod scatter;
mod strip;
mod violin;

use std::borrow::Cow;

use crate::chart::{Chart, Column, Data};
use crate::coloring::{Categories, Coloring, Group};
use crate::error::{ErrorKind, Result};
use crate::figure::{Block, Content, Dash, Entry, Figure, Marker, Panel, Shown, Swatch};
use crate::kind::Kind;
use crate::numbers::number;
use crate::scale::{Extent, Spread};
use crate::text;
use crate::theme::Look;

pub(crate) use cells::{Cells, marks as cell_marks, mean_marks};
pub(crate) use matrix::{Matrix, ramp, short};

use histogram::Bins;

/// At most so many categories get a panel of their own.
const MAX_FACETS: usize = 16;

/// A checked chart: the columns that its kind needs are there and of one length.
pub(crate) struct View<'a> {
    pub(crate) chart: &'a Chart,
    pub(crate) look: &'static Look,
    pub(crate) coloring: Coloring,
    /// Rows of the whole chart, of which this may be a part.
    all: usize,
    /// The categories of x in the whole chart.
    categories: Option<Vec<String>>,
    /// The ranges of a histogram of the whole chart.
    bins: Option<Bins>,
}

/// What a kind makes of its rows.
#[derive(Debug, Default)]
struct Drawing {
    panel: Panel,
    /// Rows that the marks stand for.
    drawn: usize,
    /// Parts of the legend beside that of the colours.
    legend: Vec<Block>,
    /// Whether the legend need not explain the colours.
    explained: bool,
}

/// The figure of a chart.
pub(crate) fn figure(chart: &Chart) -> Result<Figure> {
    let view = View::new(chart)?;
    match chart.kind {
        Kind::Correlation => return matrix::correlation(&view),
        Kind::Pair => return pair::figure(&view),
        Kind::Joint => return joint::figure(&view),
        _ => {}
    }
    if let Some(facet) = &chart.facet {
        return facets(&view, facet);
    }
    let Drawing { panel, drawn, legend, explained } = drawing(&view)?;
    let mut figure = Figure::one(panel);
    figure.drawn = drawn;
    if !explained {
        figure.legend.extend(view.legend());
    }
    figure.legend.extend(legend);
    Ok(figure)
}

fn drawing(view: &View<'_>) -> Result<Drawing> {
    match view.chart.kind {
        Kind::Line => line::drawing(view),
        Kind::Bar => bar::drawing(view),
        Kind::Histogram => histogram::drawing(view),
        Kind::Density => density::drawing(view),
        Kind::Box => boxes::drawing(view),
        Kind::Violin => violin::drawing(view),
        Kind::Strip => strip::drawing(view),
        Kind::Heatmap => matrix::heatmap(view),
        Kind::Residuals => residuals::drawing(view),
        _ => scatter::drawing(view),
    }
}

/// One panel for each category, on the same axes.
fn facets(view: &View<'_>, facet: &Column) -> Result<Figure> {
    let categories = Categories::new(&facet.data);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); categories.labels.len()];
    let mut without = Vec::new();
    for (row, category) in categories.of_row.iter().enumerate() {
        match category.and_then(|c| rows.get_mut(c)) {
            Some(rows) => rows.push(row),
            None => without.push(row),
        }
    }
    let mut parts: Vec<(String, Vec<usize>)> = categories.labels.into_iter().zip(rows).collect();
    if !without.is_empty() {
        parts.push(("missing".to_owned(), without));
    }
    if parts.len() > MAX_FACETS {
        let mut by_size: Vec<usize> = (0..parts.len()).collect();
        by_size.sort_by_key(|i| std::cmp::Reverse(parts[*i].1.len()));
        by_size.truncate(MAX_FACETS);
        by_size.sort_unstable();
        parts = by_size.into_iter().map(|i| std::mem::take(&mut parts[i])).collect();
    }
    let columns = match parts.len() {
        0 | 1 => 1,
        2..=4 => 2,
        5 | 6 | 9 => 3,
        _ => 4,
    };
    let mut figure = Figure::default();
    let mut drawings = Vec::with_capacity(parts.len().max(1));
    if parts.is_empty() {
        drawings.push((String::new(), drawing(view)?));
    }
    for (name, rows) in parts {
        let chart = view.chart.rows(&rows);
        let part = View {
            chart: &chart,
            look: view.look,
            coloring: view.coloring.rows(&rows),
            all: view.all,
            categories: view.categories.clone(),
            bins: view.bins.clone(),
        };
        drawings.push((format!("{} = {name}", facet.label), drawing(&part)?));
    }
    let union = |side: fn(&Panel) -> &Option<Extent>| {
        drawings.iter().filter_map(|(_, d)| side(&d.panel).clone()).reduce(|a, b| a.union(&b))
    };
    let (x, y) = (union(|p| &p.x.extent), union(|p| &p.y.extent));
    let count = drawings.len();
    let grid_rows = count.div_ceil(columns);
    let averaged = drawings.iter().map(|(_, d)| d.panel.y.label.clone()).max_by_key(String::len);
    for (index, (name, Drawing { mut panel, drawn, legend, explained })) in drawings.into_iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        panel.cell = (column, row);
        panel.title = Some(name);
        (panel.x.extent, panel.y.extent) = (x.clone(), y.clone());
        if let Some(label) = &averaged {
            panel.y.label.clone_from(label);
        }
        if column > 0 {
            panel.y.shown = Shown::Line;
            panel.y.label.clear();
        }
        if index + columns < count {
            panel.x.shown = Shown::Line;
            panel.x.label.clear();
        }
        figure.panels.push(panel);
        figure.drawn += drawn;
        if index == 0 {
            if !explained {
                figure.legend.extend(view.legend());
            }
            figure.legend.extend(legend);
        }
    }
    figure.widths = vec![1.0; columns.min(count)];
    figure.heights = vec![1.0; grid_rows];
    Ok(figure)
}

impl<'a> View<'a> {
    fn new(chart: &'a Chart) -> Result<Self> {
        let look = chart.theme.look();
        // A legend row is 20 pixels high; what is below the plot takes some 100 more.
        let room = chart.size.map_or(480, |s| s.1).saturating_sub(100) / 20;
        let continuous = matches!(chart.kind, Kind::Scatter | Kind::Residuals | Kind::Joint | Kind::Pair | Kind::Strip);
        let color = chart.color.as_ref().filter(|_| chart.kind != Kind::Heatmap);
        let coloring = Coloring::new(color, look, (room as usize).saturating_sub(3), continuous);
        let mut view = Self { chart, look, coloring, all: chart.len(), categories: None, bins: None };
        if chart.facet.is_some() {
            let slots = matches!(chart.kind, Kind::Bar | Kind::Box | Kind::Violin | Kind::Strip | Kind::Line);
            match &chart.x {
                Some(x) if slots && (chart.kind != Kind::Line || matches!(x.data, Data::Text(_))) => {
                    view.categories = Some(Categories::new(&x.data).labels);
                }
                Some(_) if chart.kind == Kind::Histogram => {
                    let mut values = view.x_numbers()?.into_owned();
                    values.retain(|v| chart.x_spread().holds(*v));
                    view.bins = Bins::new(&mut values, chart.bins, chart.x_spread());
                }
                _ => {}
            }
        }
        Ok(view)
    }

    fn x_label(&self) -> String {
        self.chart.x.as_ref().map(|x| x.label.clone()).unwrap_or_default()
    }

    fn y_label(&self) -> String {
        self.chart.y.as_ref().map(|y| y.label.clone()).unwrap_or_default()
    }

    fn groups(&self) -> Vec<Group> {
        self.coloring.groups(self.look.plain())
    }

    /// x as numbers.
    fn x_numbers(&self) -> Result<Cow<'a, [f64]>> {
        self.numbers(self.chart.x.as_ref(), "x")
    }

    /// y as numbers; empty where the chart has no y.
    fn y_numbers(&self) -> Result<Cow<'a, [f64]>> {
        self.numbers(self.chart.y.as_ref(), "y")
    }

    fn numbers(&self, column: Option<&'a Column>, field: &'static str) -> Result<Cow<'a, [f64]>> {
        let Some(column) = column else { return Ok(Cow::Borrowed(&[])) };
        let texts = match &column.data {
            Data::Numbers(numbers) | Data::Times(numbers) => return Ok(Cow::Borrowed(numbers)),
            Data::Text(texts) => texts,
        };
        let mut given = texts.iter().enumerate().filter_map(|(row, text)| Some((row, text.as_deref()?)));
        let first = given.next();
        // Where numbers are text for the sake of one value, that one is to be named.
        let is_number = |text: &str| text.trim().parse::<f64>().is_ok();
        let odd = first.filter(|(_, text)| !is_number(text)).or_else(|| given.find(|(_, text)| !is_number(text)));
        match odd.or(first) {
            // A column without any value has no type of its own.
            None => Ok(Cow::Owned(vec![f64::NAN; texts.len()])),
            Some((row, value)) => Err(ErrorKind::TextForNumbers {
                column: column.label.clone(),
                value: text::clip(value, 1.0, 24.0).into_owned(),
                row: row + 1,
                field,
                kind: self.chart.kind,
            }
            .into()),
        }
    }

    /// The category of x of each row (NaN where there is none), and their names.
    fn categories(&self) -> (Vec<f64>, Vec<String>) {
        let Some(x) = &self.chart.x else {
            return (vec![0.0; self.chart.len()], vec![String::new()]);
        };
        let Categories { labels, of_row } = Categories::new(&x.data);
        let Some(shared) = &self.categories else {
            return (of_row.into_iter().map(|c| c.map_or(f64::NAN, |c| c as f64)).collect(), labels);
        };
        let index: std::collections::HashMap<&str, usize> =
            shared.iter().enumerate().map(|(i, label)| (label.as_str(), i)).collect();
        let places: Vec<f64> = labels.iter().map(|l| index.get(l.as_str()).map_or(f64::NAN, |i| *i as f64)).collect();
        let of_row = of_row.into_iter().map(|c| c.and_then(|c| places.get(c).copied()).unwrap_or(f64::NAN));
        (of_row.collect(), shared.clone())
    }

    /// Whether colour says no more than x does.
    fn colored_by_x(&self) -> bool {
        match (&self.chart.color, &self.chart.x) {
            (Some(color), Some(x)) => color.data == x.data,
            _ => false,
        }
    }

    /// The part of the legend that explains the colours.
    fn legend(&self) -> Option<Block> {
        let swatch = |index: usize, tint: bool| match self.chart.kind {
            Kind::Scatter | Kind::Residuals | Kind::Strip | Kind::Joint | Kind::Pair => {
                Swatch::Dot(self.marker(index, tint), 5.0)
            }
            Kind::Line => Swatch::Line(self.dash(index, tint)),
            Kind::Density => Swatch::Line(Dash::Solid),
            _ => Swatch::Square,
        };
        match &self.coloring {
            Coloring::Plain => None,
            Coloring::Groups(groups) => {
                let entries = groups.entries.iter().enumerate().map(|(index, group)| Entry {
                    words: group.label.clone(),
                    color: group.color,
                    swatch: swatch(index, group.tint),
                    series: Some(index),
                });
                Some(Block { title: groups.title.clone(), content: Content::Entries(entries.collect()) })
            }
            Coloring::Scale(scale) => {
                let colors = (0..64).map(|i| self.look.sequential(f64::from(i) / 63.0)).collect();
                let missing = scale.has_missing().then_some(self.look.missing);
                Some(Block {
                    title: scale.title.clone(),
                    content: Content::Bar { lo: scale.lo, hi: scale.hi, colors, missing },
                })
            }
        }
    }

    /// The marker of a colour's group, where no column has the markers.
    fn marker(&self, index: usize, tint: bool) -> Marker {
        match self.chart.style {
            None if self.look.shapes => Marker::of(index),
            None if tint => Marker::Diamond,
            _ => Marker::Circle,
        }
    }

    /// The dash of a colour's group, where no column has the dashes.
    fn dash(&self, index: usize, tint: bool) -> Dash {
        match self.chart.style {
            None if self.look.shapes => Dash::of(index),
            None if tint => Dash::Dashed,
            _ => Dash::Solid,
        }
    }

    /// The category of the style column of each row, and its legend.
    fn style(&self, swatch: fn(usize) -> Swatch) -> Option<(Vec<usize>, usize, Block)> {
        const MOST: usize = 7;
        let column = self.chart.style.as_ref()?;
        let Categories { labels, of_row } = Categories::new(&column.data);
        let count = labels.len().clamp(1, MOST);
        let more = labels.len() > MOST;
        let of_row = of_row.iter().map(|c| c.unwrap_or(count - 1).min(count - 1)).collect();
        let entries = labels.into_iter().take(count).enumerate().map(|(i, words)| Entry {
            words: if more && i == MOST - 1 { "others".to_owned() } else { words },
            color: self.look.muted,
            swatch: swatch(i),
            series: None,
        });
        let block = Block { title: column.label.clone(), content: Content::Entries(entries.collect()) };
        Some((of_row, count, block))
    }
}

/// Rows with a place on both axes.
fn placed<'v>(
    (x, xs): (&'v [f64], Spread),
    (y, ys): (&'v [f64], Spread),
) -> impl Iterator<Item = (usize, f64, f64)> + 'v {
    let rows = x.iter().zip(y).enumerate();
    rows.filter(move |(_, (x, y))| xs.holds(**x) && ys.holds(**y)).map(|(row, (x, y))| (row, *x, *y))
}

/// The extent of counts or sums that start at zero, with room above.
fn from_zero(lo: f64, hi: f64, whole: bool) -> Extent {
    let (lo, hi) = (lo.min(0.0), hi.max(0.0));
    let (lo, hi) = if hi - lo <= 0.0 { (0.0, 1.0) } else { (lo, hi) };
    let pad = (hi - lo) * 0.05;
    let lo = if lo < 0.0 { lo - pad } else { lo };
    let hi = if hi > 0.0 { hi + pad } else { hi };
    Extent::Numbers { lo, hi, whole }
}

/// A category of x and a group in words.
fn named(category: &str, group: &Group, same: bool) -> String {
    match (category, group.label.as_str()) {
        (category, "") => category.to_owned(),
        (category, _) if same => category.to_owned(),
        ("", label) => label.to_owned(),
        (category, label) => format!("{category}, {label}"),
    }
}

/// The values of y in each category of x and group of colours, for kinds that give each a slot.
struct Slots {
    labels: Vec<String>,
    groups: Vec<Group>,
    /// For each category the values of each group.
    values: Vec<Vec<f64>>,
    rows: Vec<Vec<usize>>,
    drawn: usize,
    same: bool,
    /// Groups that some category has values of; those without get no room.
    used: Vec<usize>,
}

impl Slots {
    fn new(view: &View<'_>) -> Result<Self> {
        let (positions, labels) = view.categories();
        let (y, spread) = (view.y_numbers()?, view.chart.y_spread());
        let groups = view.groups();
        let mut values = vec![Vec::new(); labels.len() * groups.len()];
        let mut rows = vec![Vec::new(); values.len()];
        let mut drawn = 0;
        for (row, category, y) in placed((&positions, Spread::Linear), (&y, spread)) {
            let cell = category as usize * groups.len() + view.coloring.group(row);
            if let (Some(values), Some(rows)) = (values.get_mut(cell), rows.get_mut(cell)) {
                values.push(y);
                rows.push(row);
                drawn += 1;
            }
        }
        let used = (0..groups.len()).filter(|g| values.iter().skip(*g).step_by(groups.len()).any(|v| !v.is_empty()));
        let used = if view.categories.is_some() { (0..groups.len()).collect() } else { used.collect() };
        Ok(Self { labels, groups, values, rows, drawn, same: view.colored_by_x(), used })
    }

    /// Each slot that has values: its cell, middle and width on the axis of categories, name and group.
    fn each(&self, fill: f64) -> impl Iterator<Item = Slot<'_>> {
        self.values.iter().enumerate().filter(|(_, values)| !values.is_empty()).map(move |(cell, values)| {
            let (category, group) = (cell / self.groups.len(), cell % self.groups.len());
            // Where colour repeats x there is one in each slot, and it takes the whole slot.
            let place = self.used.iter().position(|g| *g == group).unwrap_or(0);
            let (place, places) = if self.same { (0, 1) } else { (place, self.used.len().max(1)) };
            let width = fill / places as f64;
            Slot {
                middle: category as f64 - fill / 2.0 + width * (place as f64 + 0.5),
                width,
                values,
                rows: &self.rows[cell],
                name: named(&self.labels[category], &self.groups[group], self.same),
                group,
            }
        })
    }

    /// Whether the axis explains the colours.
    fn explained(&self) -> bool {
        self.same && !self.groups.iter().any(|g| g.rest)
    }

    fn extent(&self) -> Option<Extent> {
        (self.drawn > 0).then(|| Extent::Categories(self.labels.clone()))
    }
}

struct Slot<'s> {
    middle: f64,
    width: f64,
    values: &'s [f64],
    rows: &'s [usize],
    name: String,
    group: usize,
}

/// Lower quartile, median and upper quartile of sorted values, and the last values within 1.5 times their distance.
struct Quartiles {
    low: f64,
    first: f64,
    median: f64,
    third: f64,
    high: f64,
}

impl Quartiles {
    fn of(sorted: &[f64]) -> Self {
        let quantile = |q| crate::statistics::quantile(sorted, q);
        let (first, median, third) = (quantile(0.25), quantile(0.5), quantile(0.75));
        let reach = 1.5 * (third - first);
        let low = sorted.iter().copied().find(|v| *v >= first - reach).unwrap_or(first);
        let high = sorted.iter().rev().copied().find(|v| *v <= third + reach).unwrap_or(third);
        Self { low: low.min(first), first, median, third, high: high.max(third) }
    }

    fn words(&self, rows: usize) -> String {
        format!(
            "median {}, quartiles {} and {}, whiskers {} and {} ({rows} {})",
            number(self.median),
            number(self.first),
            number(self.third),
            number(self.low),
            number(self.high),
            if rows == 1 { "row" } else { "rows" }
        )
    }
}
