//! Which rows share a colour: by category, by range, or each by its place on a scale.

use std::collections::HashMap;

use crate::chart::{Column, Data};
use crate::color::Rgb;
use crate::numbers::{nice_step, number};
use crate::scale::{self, LARGEST};
use crate::theme::{HUES, Look, MAX_CATEGORIES};
use crate::time;

/// Up to this many different numbers are shown as ordered categories.
pub(crate) const FEW_NUMBERS: usize = 8;

/// How rows get their colours.
#[derive(Debug, Clone)]
pub(crate) enum Coloring {
    /// Nothing is mapped to colour.
    Plain,
    /// Rows fall into groups.
    Groups(Groups),
    /// Rows lie on a continuous scale.
    Scale(Scale),
}

/// Groups of rows. Those that are drawn first, and so lie underneath, come last in the legend.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    pub(crate) title: String,
    pub(crate) entries: Vec<Group>,
    /// For each row the index of its group.
    pub(crate) of_row: Vec<usize>,
}

/// One colour and what it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) label: String,
    pub(crate) color: Rgb,
    /// Whether the colour is a tint of another group's, so that marker or dash must differ.
    pub(crate) tint: bool,
    /// Whether the group gathers what has no colour of its own.
    pub(crate) rest: bool,
}

/// A continuous scale from `lo` to `hi`.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) title: String,
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    pub(crate) of_row: Vec<Option<f64>>,
}

/// Different values of a column and which row has which.
#[derive(Debug)]
pub(crate) struct Categories {
    pub(crate) labels: Vec<String>,
    pub(crate) of_row: Vec<Option<usize>>,
}

impl Coloring {
    /// Decides on the colours of `column`; `most` is the number of categories that the legend has room for.
    pub(crate) fn new(column: Option<&Column>, look: &Look, most: usize, continuous: bool) -> Self {
        let Some(column) = column else {
            return Self::Plain;
        };
        let title = column.label.clone();
        let numbers = match &column.data {
            Data::Text(_) => {
                return Self::Groups(Groups::of_texts(title, &column.data, look, most));
            }
            Data::Numbers(numbers) | Data::Times(numbers) => numbers,
        };
        let categories = few_numbers(numbers);
        match (categories, scale::bounds(numbers.iter().copied().filter(|v| usable(*v)))) {
            (Some(categories), _) => Self::Groups(Groups::ordered(title, categories, look)),
            (None, None) => Self::Plain,
            (None, Some((lo, hi))) if continuous => {
                let of_row = numbers.iter().map(|v| usable(*v).then_some(*v)).collect();
                Self::Scale(Scale { title, lo, hi, of_row })
            }
            (None, Some((lo, hi))) => Self::Groups(Groups::ordered(title, ranges(numbers, lo, hi), look)),
        }
    }
}

impl Coloring {
    /// The colours of some of the rows.
    pub(crate) fn rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Plain => Self::Plain,
            Self::Groups(groups) => Self::Groups(Groups {
                title: groups.title.clone(),
                entries: groups.entries.clone(),
                of_row: rows.iter().map(|r| groups.of_row.get(*r).copied().unwrap_or(0)).collect(),
            }),
            Self::Scale(scale) => Self::Scale(Scale {
                title: scale.title.clone(),
                lo: scale.lo,
                hi: scale.hi,
                of_row: rows.iter().map(|r| scale.of_row.get(*r).copied().flatten()).collect(),
            }),
        }
    }

    /// The group of `row`: 0 if rows are not grouped.
    pub(crate) fn group(&self, row: usize) -> usize {
        match self {
            Self::Groups(groups) => groups.of_row.get(row).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// The groups in legend order; a single nameless one if rows are not grouped.
    pub(crate) fn groups(&self, plain: Rgb) -> Vec<Group> {
        match self {
            Self::Groups(groups) => groups.entries.clone(),
            _ => vec![Group { label: String::new(), color: plain, tint: false, rest: false }],
        }
    }

    /// Which legend entry the group at `index` is.
    pub(crate) fn series(&self, index: usize) -> Option<usize> {
        matches!(self, Self::Groups(_)).then_some(index)
    }
}

impl Groups {
    fn of_texts(title: String, data: &Data, look: &Look, most: usize) -> Self {
        let most = most.clamp(1, MAX_CATEGORIES);
        let categories = Categories::new(data);
        let count = categories.labels.len();
        let mut rows = vec![0usize; count];
        for category in categories.of_row.iter().flatten() {
            rows[*category] += 1;
        }
        // The most frequent keep their order of appearance; a stable sort lets the earlier win a tie.
        let mut kept: Vec<usize> = (0..count).collect();
        if count > most {
            kept.sort_by_key(|c| std::cmp::Reverse(rows[*c]));
            kept.truncate(most);
            kept.sort_unstable();
        }
        let mut group_of = vec![kept.len(); count];
        let mut groups = Vec::with_capacity(kept.len() + 2);
        for (index, category) in kept.iter().enumerate() {
            group_of[*category] = index;
            groups.push(Group {
                label: categories.labels[*category].clone(),
                color: look.category(index),
                tint: index >= HUES,
                rest: false,
            });
        }
        if count > kept.len() {
            let more = count - kept.len();
            groups.push(rest(format!("… and {more} more"), look.other));
        }
        Self::finish(title, groups, &categories.of_row, |c| group_of[c], look)
    }

    fn ordered(title: String, categories: Categories, look: &Look) -> Self {
        let steps = categories.labels.len().saturating_sub(1).max(1) as f64;
        let groups = categories.labels.into_iter().enumerate();
        let groups = groups.map(|(i, label)| Group {
            label,
            color: look.sequential(i as f64 / steps),
            tint: false,
            rest: false,
        });
        Self::finish(title, groups.collect(), &categories.of_row, |c| c, look)
    }

    fn finish(
        title: String,
        mut groups: Vec<Group>,
        of_row: &[Option<usize>],
        group_of: impl Fn(usize) -> usize,
        look: &Look,
    ) -> Self {
        let missing = groups.len();
        if of_row.iter().any(Option::is_none) {
            groups.push(rest("missing".into(), look.missing));
        }
        let of_row = of_row.iter().map(|c| c.map_or(missing, &group_of)).collect();
        Self { title, entries: groups, of_row }
    }
}

impl Scale {
    /// The colour of a row, grey if it has no value.
    pub(crate) fn color(&self, row: usize, look: &Look) -> Rgb {
        match self.of_row.get(row).copied().flatten() {
            Some(v) => look.sequential((v - self.lo) / (self.hi - self.lo)),
            None => look.missing,
        }
    }

    /// Whether some row has no value.
    pub(crate) fn has_missing(&self) -> bool {
        self.of_row.iter().any(Option::is_none)
    }
}

impl Categories {
    /// Texts in order of appearance, numbers in ascending order.
    pub(crate) fn new(data: &Data) -> Self {
        match data {
            Data::Text(values) => {
                let mut index: HashMap<&str, usize> = HashMap::new();
                let mut labels = Vec::new();
                let of_row = values.iter().map(|value| {
                    let value = value.as_deref()?;
                    Some(*index.entry(value).or_insert_with(|| {
                        labels.push(value.to_owned());
                        labels.len() - 1
                    }))
                });
                let of_row = of_row.collect();
                Self { labels, of_row }
            }
            Data::Numbers(values) => Self::of_numbers(values, distinct(values), number),
            Data::Times(values) => Self::of_numbers(values, distinct(values), time::time),
        }
    }

    fn of_numbers(values: &[f64], distinct: Vec<f64>, words: fn(f64) -> String) -> Self {
        let of_row = values
            .iter()
            .map(|v| usable(*v).then(|| distinct.binary_search_by(|d| d.total_cmp(&positive_zero(*v))).ok()).flatten());
        Self { of_row: of_row.collect(), labels: distinct.into_iter().map(words).collect() }
    }
}

/// Whether `v` has a place on an axis.
pub(crate) fn usable(v: f64) -> bool {
    v.abs() <= LARGEST
}

fn rest(label: String, color: Rgb) -> Group {
    Group { label, color, tint: false, rest: true }
}

pub(crate) fn positive_zero(v: f64) -> f64 {
    if v == 0.0 { 0.0 } else { v }
}

fn distinct(values: &[f64]) -> Vec<f64> {
    let mut distinct: Vec<f64> = values.iter().copied().filter(|v| usable(*v)).map(positive_zero).collect();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    distinct
}

/// The numbers as categories if they are few. Gives up at the first number too many, so a long column costs little.
fn few_numbers(values: &[f64]) -> Option<Categories> {
    let mut few: Vec<f64> = Vec::with_capacity(FEW_NUMBERS);
    for v in values.iter().copied().filter(|v| usable(*v)).map(positive_zero) {
        if let Err(place) = few.binary_search_by(|d| d.total_cmp(&v)) {
            if few.len() == FEW_NUMBERS {
                return None;
            }
            few.insert(place, v);
        }
    }
    (!few.is_empty()).then(|| Categories::of_numbers(values, few, number))
}

/// Up to seven ranges of equal width with round ends.
fn ranges(values: &[f64], lo: f64, hi: f64) -> Categories {
    let step = nice_step((hi - lo) / 6.0);
    let first = (lo / step).floor();
    let count = ((hi / step).floor() - first) as usize + 1;
    let labels = (0..count).map(|i| {
        let from = (first + i as f64) * step;
        format!("{} – {}", number(from), number(from + step))
    });
    let of_row =
        values.iter().map(|v| usable(*v).then(|| (((*v / step).floor() - first).max(0.0) as usize).min(count - 1)));
    Categories { of_row: of_row.collect(), labels: labels.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Theme;

    fn groups(data: Data, most: usize) -> Groups {
        let column = Column { label: "c".into(), data };
        match Coloring::new(Some(&column), Theme::Light.look(), most, false) {
            Coloring::Groups(groups) => groups,
            other => panic!("{other:?}"),
        }
    }

    fn labels(groups: &Groups) -> Vec<&str> {
        groups.entries.iter().map(|g| g.label.as_str()).collect()
    }

    #[test]
    fn texts_keep_their_order_and_numbers_are_sorted() {
        let text = groups(Data::text(["Sun", "Sat", "Sun", "Fri"]), 12);
        assert_eq!((labels(&text), &text.of_row), (vec!["Sun", "Sat", "Fri"], &vec![0, 1, 0, 2]));
        let numbers = groups(Data::Numbers(vec![6.0, 2.0, f64::NAN, 2.0, -0.0, 0.0]), 12);
        assert_eq!(labels(&numbers), ["0", "2", "6", "missing"]);
        assert_eq!(numbers.of_row, [2, 1, 3, 1, 0, 0]);
    }

    #[test]
    fn the_most_frequent_categories_get_colours() {
        let names = ["a", "b", "c", "b", "d", "d", "e"];
        let few = groups(Data::text(names), 2);
        assert_eq!(labels(&few), ["b", "d", "… and 3 more"]);
        assert_eq!(few.of_row, [2, 0, 2, 0, 1, 1, 2]);
    }

    #[test]
    fn many_numbers_become_ranges_or_a_scale() {
        let values: Vec<f64> = (0..=60).map(f64::from).collect();
        let ranged = groups(Data::Numbers(values.clone()), 12);
        assert_eq!(labels(&ranged), ["0 – 10", "10 – 20", "20 – 30", "30 – 40", "40 – 50", "50 – 60", "60 – 70"]);
        assert_eq!((ranged.of_row[9], ranged.of_row[10], ranged.of_row[60]), (0, 1, 6));
        let column = Column { label: "c".into(), data: Data::Numbers(values) };
        let Coloring::Scale(scale) = Coloring::new(Some(&column), Theme::Light.look(), 12, true) else { panic!() };
        assert_eq!((scale.lo, scale.hi), (0.0, 60.0));
        assert_ne!(scale.color(0, Theme::Light.look()), scale.color(60, Theme::Light.look()));
    }
}
