//! Decision tree: a box for each node, with its question, rows and answer.

use super::{finish, tint};
use crate::error::{ErrorKind, Result};
use crate::figure::{Anchor, Dash, Figure, Label, Mark, Panel, Rectangle, Rectangles, Rim, Segments, Shown, Side};
use crate::kind::Kind;
use crate::picture::Picture;
use crate::scale::Extent;
use crate::text;
use crate::theme::{Look, Theme};

/// Wider trees are cut at the depth where they grow beyond this.
const MOST_LEAVES: usize = 24;
const WORDS: u32 = 11;
/// Pixels of a leaf and a level.
const LEVEL: f64 = 104.0;

/// A node of a tree. The first node is the root.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// The question, such as `petal_length ≤ 2.45`; empty for a leaf.
    pub question: String,
    /// What else there is to say: rows, impurity, answer; one line each.
    pub words: Vec<String>,
    /// The nodes for yes and no; none for a leaf.
    pub children: Option<(usize, usize)>,
    /// The class it would answer, as an index that picks the colour; none for a regressor.
    pub class: Option<usize>,
    /// How sure the answer is, or how high: 0 to 1.
    pub strength: f64,
}

struct Box {
    node: usize,
    x: f64,
    depth: usize,
    cut: bool,
    children: Option<(usize, usize)>,
}

/// The picture of a tree. Of a tree with more than 24 leaves the upper levels are shown.
///
/// # Errors
/// [`ErrorKind::Mismatch`] if a child is not among the nodes after its parent, or there is no node.
pub fn tree(nodes: &[Node], theme: Theme) -> Result<Picture> {
    let look = theme.look();
    if nodes.is_empty() {
        return Err(ErrorKind::Mismatch { what: "nodes of a tree", found: 0, expected: 1 }.into());
    }
    for (index, node) in nodes.iter().enumerate() {
        for child in node.children.into_iter().flat_map(|(a, b)| [a, b]) {
            // Children come after their parents, so no walk runs in a circle.
            if child <= index || child >= nodes.len() {
                return Err(
                    ErrorKind::Mismatch { what: "nodes of a tree", found: nodes.len(), expected: child + 1 }.into()
                );
            }
        }
    }
    let depth = shown_depth(nodes);
    let mut boxes = Vec::new();
    let mut leaves = 0.0;
    place(nodes, 0, 0, depth, &mut leaves, &mut boxes);
    let deepest = boxes.iter().map(|b| b.depth).max().unwrap_or(0);
    let widest = boxes
        .iter()
        .flat_map(|b| lines(&nodes[b.node], b.cut).into_iter().map(|l| text::width(&l, f64::from(WORDS))))
        .fold(80.0, f64::max)
        .min(220.0);
    let slot = widest + 26.0;
    let half = (widest + 14.0) / slot / 2.0;
    let (width, height) = ((leaves * slot + 40.0).max(360.0), (deepest as f64 + 1.0) * LEVEL + 40.0);
    let scale = (width - 40.0) / (leaves * slot);
    let half = half / scale;
    let (mut rectangles, mut words, mut edges) = (Vec::new(), Vec::new(), Vec::new());
    for (index, of) in boxes.iter().enumerate() {
        let node = &nodes[of.node];
        let y = -(of.depth as f64);
        let said = lines(node, of.cut);
        let tall = (said.len() as f64 * 15.0 + 12.0) / LEVEL / 2.0;
        let color = match node.class {
            Some(class) => tint(look.category(class), look.background, 0.12 + 0.6 * node.strength),
            None => tint(look.plain(), look.background, 0.08 + 0.62 * node.strength),
        };
        rectangles.push(Rectangle {
            from: (of.x - half, y - tall),
            to: (of.x + half, y + tall),
            color,
            opacity: 1.0,
            tip: said.join(", "),
            series: None,
        });
        for (line, content) in said.iter().enumerate() {
            words.push(Label {
                at: (of.x, y),
                shift: (0.0, (line as f64 - (said.len() as f64 - 1.0) / 2.0) * 15.0 + 4.0),
                words: text::clip(content, f64::from(WORDS), widest).into_owned(),
                color: Look::on(color),
                anchor: Anchor::Middle,
                size: WORDS,
                bold: line == 0 && !node.question.is_empty(),
                edge: None,
                within: None,
            });
        }
        for (answer, child) in of.children.into_iter().flat_map(|(yes, no)| [("yes", yes), ("no", no)]) {
            let Some(below) = boxes.get(child) else { continue };
            let room = (lines(&nodes[below.node], below.cut).len() as f64 * 15.0 + 12.0) / LEVEL / 2.0;
            let (from, to) = ((of.x, y - tall), (below.x, -(below.depth as f64) + room));
            edges.push([from, to]);
            if index == 0 {
                words.push(Label {
                    at: (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1)),
                    shift: (if answer == "yes" { -6.0 } else { 6.0 }, -2.0),
                    words: answer.to_owned(),
                    color: look.muted,
                    anchor: if answer == "yes" { Anchor::End } else { Anchor::Start },
                    size: 12,
                    bold: false,
                    edge: None,
                    within: None,
                });
            }
        }
    }
    let side = |lo, hi| Side::new(Some(Extent::Numbers { lo, hi, whole: false }), "").plain().shown(Shown::Nothing);
    let panel = Panel {
        x: side(-0.5, leaves - 0.5),
        y: side(-(deepest as f64) - 0.5, 0.5),
        marks: vec![
            Mark::Segments(Segments { ends: edges, color: look.axis, width: 1.3, dash: Dash::Solid, series: None }),
            Mark::Rectangles(Rectangles { all: rectangles, rim: Rim::Outline, on_zero: None }),
            Mark::Labels(words),
        ],
        ..Panel::default()
    };
    let mut figure = Figure::one(panel);
    figure.drawn = nodes.len();
    let cut = if boxes.iter().any(|b| b.cut) {
        format!("; the upper {} levels are shown", deepest + 1)
    } else {
        String::new()
    };
    let size = (width.min(10_000.0) as u32, height.min(10_000.0) as u32);
    Ok(finish(figure, Kind::Tree, &format!("{} nodes{cut}", nodes.len()), theme, size))
}

/// The depth to which the tree has at most [`MOST_LEAVES`] leaves.
fn shown_depth(nodes: &[Node]) -> usize {
    let mut level = vec![0usize];
    let mut leaves = 0;
    for depth in 0.. {
        let next: Vec<usize> = level.iter().filter_map(|n| nodes[*n].children).flat_map(|(a, b)| [a, b]).collect();
        leaves += level.iter().filter(|n| nodes[**n].children.is_none()).count();
        if next.is_empty() || leaves + next.len() > MOST_LEAVES {
            return depth;
        }
        level = next;
    }
    0
}

/// Places a node and those below it; gives its index among the boxes.
fn place(nodes: &[Node], node: usize, depth: usize, deepest: usize, leaves: &mut f64, boxes: &mut Vec<Box>) -> usize {
    let index = boxes.len();
    let cut = depth >= deepest && nodes[node].children.is_some();
    boxes.push(Box { node, x: 0.0, depth, cut, children: None });
    if let Some((yes, no)) = nodes[node].children.filter(|_| !cut) {
        let yes = place(nodes, yes, depth + 1, deepest, leaves, boxes);
        let no = place(nodes, no, depth + 1, deepest, leaves, boxes);
        boxes[index].x = f64::midpoint(boxes[yes].x, boxes[no].x);
        boxes[index].children = Some((yes, no));
    } else {
        boxes[index].x = *leaves;
        *leaves += 1.0;
    }
    index
}

fn lines(node: &Node, cut: bool) -> Vec<String> {
    let question = (!node.question.is_empty()).then(|| node.question.clone());
    question.into_iter().chain(node.words.iter().cloned()).chain(cut.then(|| "…".to_owned())).collect()
}
