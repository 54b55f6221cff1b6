//! Rows counted in a grid of cells, in one pass over any number of rows and in bounded memory.
//!
//! The grid begins with the range of the first rows. A row outside doubles it in that direction: pairs of cells are
//! added up, and the other half is empty. So the grid always spends at least a quarter of its cells on each axis' range,
//! and no row is lost.

use crate::color::Rgb;
use crate::coloring::Group;
use crate::figure::{Block, Cell, Content, Entry, Level, Mark, Marker, Points, Swatch};
use crate::numbers::number;
use crate::scale::{Spread, apart, bounds};
use crate::theme::Look;

/// Cells along each axis.
const SIDE: usize = 512;
/// So many rows fix the first range.
const FIRST: usize = 50_000;
/// Neighbouring cells that are drawn as one, in each direction.
const MERGED: usize = 2;
/// Steps of colour.
const LEVELS: usize = 24;

/// Rows in cells.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    spreads: (Spread, Spread),
    planes: usize,
    /// Whether each row has a value, whose mean in a cell is its colour.
    valued: bool,
    first: Vec<First>,
    grid: Option<Grid>,
    rows: u64,
}

/// One of the rows that fix the first range.
#[derive(Debug, Clone, Copy)]
struct First {
    x: f64,
    y: f64,
    plane: usize,
    value: f64,
}

#[derive(Debug, Clone)]
struct Grid {
    origin: (f64, f64),
    cell: (f64, f64),
    /// For each plane the counts, row by row from the bottom.
    counts: Vec<Vec<u32>>,
    /// The sums of the values in each cell; none if rows have no values.
    sums: Vec<f64>,
}

impl Cells {
    /// An empty grid with a plane for each group.
    pub(crate) fn new(spreads: (Spread, Spread), planes: usize) -> Self {
        Self { spreads, planes: planes.max(1), valued: false, first: Vec::new(), grid: None, rows: 0 }
    }

    /// The same for rows that have values; those of the last plane are without one.
    pub(crate) fn valued(mut self) -> Self {
        self.valued = true;
        self
    }

    /// Counts a row, which must have a place on both axes.
    pub(crate) fn push(&mut self, x: f64, y: f64, plane: usize) {
        self.push_valued(x, y, plane, 0.0);
    }

    /// Counts a row that has a value.
    pub(crate) fn push_valued(&mut self, x: f64, y: f64, plane: usize, value: f64) {
        let (x, y) = (self.spreads.0.forward(x), self.spreads.1.forward(y));
        self.rows += 1;
        let plane = plane.min(self.planes - 1);
        if let Some(grid) = &mut self.grid {
            grid.push(First { x, y, plane, value });
            return;
        }
        self.first.push(First { x, y, plane, value });
        if self.first.len() >= FIRST {
            self.settle();
        }
    }

    fn settle(&mut self) {
        let range = |values: &mut dyn Iterator<Item = f64>| bounds(values).map(|(lo, hi)| apart(lo, hi));
        let Some(((x0, x1), (y0, y1))) =
            range(&mut self.first.iter().map(|p| p.x)).zip(range(&mut self.first.iter().map(|p| p.y)))
        else {
            return;
        };
        let cell = |lo: f64, hi: f64| (hi - lo) / (SIDE as f64 - 0.5);
        let mut grid = Grid {
            origin: (x0, y0),
            cell: (cell(x0, x1), cell(y0, y1)),
            counts: vec![vec![0; SIDE * SIDE]; self.planes],
            sums: vec![0.0; if self.valued { SIDE * SIDE } else { 0 }],
        };
        for row in self.first.drain(..) {
            grid.push(row);
        }
        self.grid = Some(grid);
    }
}

impl Grid {
    fn push(&mut self, First { x, y, plane, value }: First) {
        let column = loop {
            let place = (x - self.origin.0) / self.cell.0;
            if (0.0..SIDE as f64).contains(&place) {
                break place as usize;
            }
            self.widen(Way::Across, place < 0.0);
        };
        let row = loop {
            let place = (y - self.origin.1) / self.cell.1;
            if (0.0..SIDE as f64).contains(&place) {
                break place as usize;
            }
            self.widen(Way::Up, place < 0.0);
        };
        if let Some(count) = self.counts.get_mut(plane).and_then(|plane| plane.get_mut(row * SIDE + column)) {
            *count = count.saturating_add(1);
        }
        if let Some(sum) = self.sums.get_mut(row * SIDE + column) {
            *sum += value;
        }
    }

    /// Doubles the range; the rows counted so far move to its far half if it grows `downwards`.
    fn widen(&mut self, way: Way, downwards: bool) {
        let (origin, cell) = match way {
            Way::Across => (&mut self.origin.0, &mut self.cell.0),
            Way::Up => (&mut self.origin.1, &mut self.cell.1),
        };
        if downwards {
            *origin -= *cell * SIDE as f64;
        }
        *cell *= 2.0;
        let shift = if downwards { SIDE / 2 } else { 0 };
        let to = |index: usize| {
            let (column, row) = (index % SIDE, index / SIDE);
            match way {
                Way::Across => row * SIDE + column / 2 + shift,
                Way::Up => (row / 2 + shift) * SIDE + column,
            }
        };
        for plane in &mut self.counts {
            let mut wider = vec![0u32; SIDE * SIDE];
            for (index, count) in plane.iter().enumerate().filter(|(_, c)| **c > 0) {
                wider[to(index)] = wider[to(index)].saturating_add(*count);
            }
            *plane = wider;
        }
        if !self.sums.is_empty() {
            let mut wider = vec![0.0; SIDE * SIDE];
            for (index, sum) in self.sums.iter().enumerate() {
                wider[to(index)] += sum;
            }
            self.sums = wider;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Across,
    Up,
}

impl Cells {
    /// The range of the rows on each axis, as they are spread, to the rim of the outermost cells.
    pub(crate) fn ranges(&mut self) -> Option<((f64, f64), (f64, f64))> {
        if self.grid.is_none() {
            self.settle();
        }
        let grid = self.grid.as_ref()?;
        let occupied = |index: &usize| grid.counts.iter().any(|plane| plane[*index] > 0);
        let (mut x, mut y) = ((SIDE, 0), (SIDE, 0));
        for index in (0..SIDE * SIDE).filter(occupied) {
            let (column, row) = (index % SIDE, index / SIDE);
            x = (x.0.min(column), x.1.max(column + 1));
            y = (y.0.min(row), y.1.max(row + 1));
        }
        let at =
            |origin: f64, cell: f64, (lo, hi): (usize, usize)| (origin + cell * lo as f64, origin + cell * hi as f64);
        (x.0 < x.1).then(|| (at(grid.origin.0, grid.cell.0, x), at(grid.origin.1, grid.cell.1, y)))
    }

    /// How many groups are told apart.
    pub(crate) fn planes(&self) -> usize {
        self.planes
    }

    /// The number of rows counted.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }
}

/// Cells coloured by how many rows they hold and by the mix of their groups, cells that stand alone as points, and what
/// the colours mean.
pub(crate) fn marks(cells: &Cells, groups: &[Group], look: &Look) -> (Vec<Mark>, Option<Block>) {
    paint(cells, |merged| {
        let most = (0..merged.side * merged.side).map(|cell| merged.total(cell)).max().unwrap_or(1).max(1);
        let shades = Shades { groups, look, most };
        let legend = shades.legend();
        (Paint::Counts(shades), legend)
    })
}

/// Cells coloured by the mean of their rows' values, cells that stand alone as points, and the scale of colours.
pub(crate) fn mean_marks(cells: &Cells, title: &str, look: &Look) -> (Vec<Mark>, Option<Block>) {
    paint(cells, |merged| {
        let all = 0..merged.side * merged.side;
        let (lo, hi) = bounds(all.clone().filter_map(|cell| merged.mean(cell))).unwrap_or((0.0, 0.0));
        let without = all.into_iter().any(|cell| merged.total(cell) > 0 && merged.mean(cell).is_none());
        let colors = (0..64).map(|step| look.sequential(f64::from(step) / 63.0)).collect();
        let content = Content::Bar { lo, hi, colors, missing: without.then_some(look.missing) };
        (Paint::Means { lo, hi, look }, Block { title: format!("mean {title}"), content })
    })
}

/// Neighbouring cells as one.
struct Merged {
    side: usize,
    planes: usize,
    counts: Vec<u64>,
    sums: Vec<f64>,
}

impl Merged {
    fn of(grid: &Grid) -> Self {
        let (side, planes) = (SIDE / MERGED, grid.counts.len());
        let to = |index: usize| index / SIDE / MERGED * side + index % SIDE / MERGED;
        let mut counts = vec![0u64; side * side * planes];
        for (plane, of_plane) in grid.counts.iter().enumerate() {
            for (index, count) in of_plane.iter().enumerate().filter(|(_, c)| **c > 0) {
                counts[to(index) * planes + plane] += u64::from(*count);
            }
        }
        let mut sums = vec![0.0; if grid.sums.is_empty() { 0 } else { side * side }];
        for (index, sum) in grid.sums.iter().enumerate() {
            sums[to(index)] += sum;
        }
        Self { side, planes, counts, sums }
    }

    fn counts(&self, cell: usize) -> &[u64] {
        self.counts.get(cell * self.planes..(cell + 1) * self.planes).unwrap_or_default()
    }

    fn total(&self, cell: usize) -> u64 {
        self.counts(cell).iter().sum()
    }

    /// The mean of the rows that have a value, which are those of all planes but the last.
    fn mean(&self, cell: usize) -> Option<f64> {
        let valued: u64 = self.counts(cell).split_last().map_or(0, |(_, valued)| valued.iter().sum());
        (valued > 0).then(|| self.sums.get(cell).map(|sum| sum / valued as f64)).flatten()
    }
}

/// How cells are coloured.
enum Paint<'g> {
    Counts(Shades<'g>),
    Means { lo: f64, hi: f64, look: &'g Look },
}

impl Paint<'_> {
    /// The colour and opacity of a cell.
    fn of(&self, merged: &Merged, cell: usize) -> (Rgb, f64) {
        match self {
            Self::Counts(shades) => shades.of(merged.counts(cell), merged.total(cell)),
            Self::Means { .. } => (self.full(merged, cell), 1.0),
        }
    }

    /// The colour of a cell that must be seen, however few its rows.
    fn full(&self, merged: &Merged, cell: usize) -> Rgb {
        match self {
            Self::Counts(shades) => shades.full(merged.counts(cell)),
            Self::Means { lo, hi, look } => merged.mean(cell).map_or(look.missing, |mean| {
                let share = if hi > lo { (mean - lo) / (hi - lo) } else { 0.5 };
                look.sequential((share * 63.0).round() / 63.0)
            }),
        }
    }
}

fn paint<'g>(cells: &Cells, paint: impl FnOnce(&Merged) -> (Paint<'g>, Block)) -> (Vec<Mark>, Option<Block>) {
    let mut settled;
    let mut cells = cells;
    if cells.grid.is_none() {
        settled = cells.clone();
        settled.settle();
        cells = &settled;
    }
    let (spreads, Some(grid)) = (cells.spreads, &cells.grid) else { return (Vec::new(), None) };
    let merged = Merged::of(grid);
    let (paint, legend) = paint(&merged);
    let side = merged.side;
    let total = |row: usize, column: usize| merged.total(row * side + column);
    let x = |column: f64| spreads.0.back(grid.origin.0 + grid.cell.0 * column * MERGED as f64);
    let y = |row: f64| spreads.1.back(grid.origin.1 + grid.cell.1 * row * MERGED as f64);

    let mut levels: Vec<Level> = Vec::new();
    let mut index_of: std::collections::HashMap<(Rgb, u32), usize> = std::collections::HashMap::new();
    let mut alone: std::collections::BTreeMap<u32, Vec<(f64, f64)>> = std::collections::BTreeMap::new();
    for row in 0..side {
        let mut column = 0;
        while column < side {
            let here = total(row, column);
            if here == 0 {
                column += 1;
                continue;
            }
            let shade = paint.of(&merged, row * side + column);
            let neighbours = around(row, column, side).filter(|(r, c)| total(*r, *c) > 0).count();
            if neighbours <= 2 {
                // A lonely cell is an outlier: it must be seen, however small its cell.
                let color = paint.full(&merged, row * side + column);
                alone.entry(color.0).or_default().push((x(column as f64 + 0.5), y(row as f64 + 0.5)));
                column += 1;
                continue;
            }
            // Cells of one shade side by side are one rectangle.
            let mut end = column + 1;
            while end < side {
                let next = total(row, end);
                let same = next > 0 && paint.of(&merged, row * side + end) == shade;
                if !same || around(row, end, side).filter(|(r, c)| total(*r, *c) > 0).count() <= 2 {
                    break;
                }
                end += 1;
            }
            let level = *index_of.entry((shade.0, (shade.1 * 100.0) as u32)).or_insert_with(|| {
                levels.push(Level { color: shade.0, opacity: shade.1, cells: Vec::new() });
                levels.len() - 1
            });
            levels[level]
                .cells
                .push(Cell { from: (x(column as f64), y(row as f64)), to: (x(end as f64), y(row as f64 + 1.0)) });
            column = end;
        }
    }
    let mut marks = vec![Mark::Cells(levels)];
    for (color, at) in alone {
        marks.push(Mark::Points(Points {
            at,
            color: Rgb(color),
            colors: None,
            radii: None,
            radius: 1.7,
            opacity: 0.8,
            rim: false,
            marker: Marker::Circle,
            series: None,
        }));
    }
    (marks, Some(legend))
}

fn around(row: usize, column: usize, side: usize) -> impl Iterator<Item = (usize, usize)> {
    let near = move |at: usize| at.saturating_sub(1)..(at + 2).min(side);
    near(row).flat_map(move |r| near(column).map(move |c| (r, c))).filter(move |at| *at != (row, column))
}

/// How counts become colours.
struct Shades<'g> {
    groups: &'g [Group],
    look: &'g Look,
    most: u64,
}

impl Shades<'_> {
    fn share(&self, count: u64) -> f64 {
        let share = (count as f64).ln_1p() / (self.most as f64).ln_1p();
        (share * LEVELS as f64).round() / LEVELS as f64
    }

    /// The colour and opacity of a cell of `total` rows.
    fn of(&self, counts: &[u64], total: u64) -> (Rgb, f64) {
        let share = self.share(total);
        if self.groups.len() <= 1 {
            return (self.alone(share), 1.0);
        }
        (self.full(counts), ((0.25 + 0.75 * share) * 12.0).round() / 12.0)
    }

    /// The mix of the groups' colours, in steps.
    fn full(&self, counts: &[u64]) -> Rgb {
        let mix = Rgb::mean(counts.iter().zip(self.groups).map(|(c, g)| (g.color, *c as f64)));
        let color = mix.unwrap_or(self.look.plain());
        let steps = color.channels().map(|c| ((c / 17.0).round() * 17.0) as u32);
        if self.groups.len() <= 1 { color } else { Rgb(steps[0] << 16 | steps[1] << 8 | steps[2]) }
    }

    /// From a tint of the plain colour over itself to a shade near the ink.
    fn alone(&self, share: f64) -> Rgb {
        let (plain, look) = (self.look.plain(), self.look);
        if share < 0.6 {
            plain.mixed(look.background, 0.72 * (1.0 - share / 0.6))
        } else {
            plain.mixed(look.text, 0.75 * (share - 0.6) / 0.4)
        }
    }

    fn legend(&self) -> Block {
        let decades = (0..).map(|e| 10u64.pow(e)).take_while(|v| *v <= self.most).take(8);
        let entries = decades.map(|count| Entry {
            words: number(count as f64),
            color: if self.groups.len() <= 1 {
                self.alone(self.share(count))
            } else {
                self.look.muted.mixed(self.look.background, 0.75 * (1.0 - self.share(count)))
            },
            swatch: Swatch::Square,
            series: None,
        });
        Block { title: "rows in a cell".to_owned(), content: Content::Entries(entries.collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Theme;
    use proptest::prelude::*;

    fn grid_total(cells: &Cells) -> u64 {
        cells.grid.iter().flat_map(|g| g.counts.iter().flatten()).map(|c| u64::from(*c)).sum()
    }

    #[test]
    fn a_far_outlier_is_kept_and_drawn_alone() {
        let mut cells = Cells::new((Spread::Linear, Spread::Linear), 1);
        for i in 0..200_000u32 {
            cells.push(f64::from(i % 1000) / 1000.0, f64::from(i / 1000) / 200.0, 0);
        }
        cells.push(7.0, -3.0, 0);
        assert_eq!((grid_total(&cells), cells.rows()), (200_001, 200_001));
        let ((x0, x1), (y0, y1)) = cells.ranges().unwrap();
        assert!(x0 <= 0.0 && (7.0..7.1).contains(&x1) && (3.0..3.1).contains(&-y0) && y1 >= 0.995);
        let groups = crate::coloring::Coloring::Plain.groups(Theme::Light.look().plain());
        let (marks, legend) = marks(&cells, &groups, Theme::Light.look());
        let alone: Vec<_> =
            marks.iter().filter_map(|m| if let Mark::Points(p) = m { Some(&p.at) } else { None }).collect();
        let far = alone[0].iter().find(|(x, y)| (x - 7.0).abs() < 0.1 && (y + 3.0).abs() < 0.1);
        assert!(far.is_some(), "{alone:?}");
        assert!(legend.is_some());
    }

    #[test]
    fn ranges_grow_to_any_size() {
        let mut cells = Cells::new((Spread::Linear, Spread::Linear), 2);
        for i in 0..FIRST {
            cells.push(i as f64, 0.0, i % 2);
        }
        cells.push(1e300, -1e300, 1);
        cells.push(-1e300, 5.0, 0);
        assert_eq!(grid_total(&cells), FIRST as u64 + 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn no_row_is_lost(points in prop::collection::vec((-1e9f64..1e9, -1.0f64..1.0), 1..300), repeats in 1usize..400) {
            let mut cells = Cells::new((Spread::Linear, Spread::Linear), 1);
            for _ in 0..repeats {
                for (x, y) in &points { cells.push(*x, *y, 0); }
            }
            cells.ranges();
            prop_assert_eq!(grid_total(&cells), (points.len() * repeats) as u64);
        }
    }
}
