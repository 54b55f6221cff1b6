//! Which element of a document is its record: the repeated element nearest the root that holds the data.
//!
//! From the root inwards: if the elements of some name that stand beside each other hold half of what their parent holds,
//! they are the records; else the largest child is looked into. Failing that, it is the first repeated element that was
//! passed by. Names are followed by their paths, so a field may bear the record's own name inside it.

use std::collections::HashMap;

use super::attributes::Attributes;
use super::parser::Sink;

/// Elements deeper than this are not told apart from the one around them.
const DEPTH: usize = 16;

/// Nor are more than this many paths.
const PATHS: usize = 4096;

/// The paths of a document's elements.
#[derive(Debug, Default)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    /// The open elements: path, where the element began, its number.
    open: Vec<(usize, usize, u64)>,
    skipped: usize,
    elements: u64,
}

#[derive(Debug)]
struct Node {
    name: String,
    children: Vec<usize>,
    index: HashMap<String, usize>,
    /// How many bytes its elements take.
    bytes: usize,
    /// How often it stands in the parent of this number.
    parent: u64,
    count: u64,
    /// The most often it stands in one parent.
    most: u64,
}

impl Node {
    fn new(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, children: Vec::new(), index: HashMap::new(), bytes: 0, parent: 0, count: 0, most: 0 }
    }
}

impl Paths {
    /// The record's path, if an element is repeated; `end` is how far the document was read. Then what may stand behind
    /// is not known.
    pub(super) fn record(mut self, end: usize) -> Option<Vec<String>> {
        while !self.open.is_empty() {
            self.close(end);
        }
        let mut path = vec![self.nodes.first()?.name.clone()];
        let mut passed: Option<Vec<String>> = None;
        let mut node = self.nodes.first()?;
        loop {
            let children = || node.children.iter().filter_map(|child| self.nodes.get(*child));
            let repeated = children().filter(|child| child.most > 1).max_by_key(|child| child.bytes);
            if let Some(child) = repeated {
                let record: Vec<String> = path.iter().chain([&child.name]).cloned().collect();
                if child.bytes * 2 >= node.bytes {
                    return Some(record);
                }
                passed.get_or_insert(record);
            }
            match children().max_by_key(|child| child.bytes) {
                Some(child) => {
                    path.push(child.name.clone());
                    node = child;
                }
                None => return passed,
            }
        }
    }

    /// Takes in an element without looking into it.
    pub(super) fn record_at(&mut self, at: usize, length: usize, name: &[u8]) {
        self.open(at, &String::from_utf8_lossy(name));
        self.shut(at + length);
    }

    /// The root's path.
    pub(super) fn root(&self) -> Option<Vec<String>> {
        self.nodes.first().map(|root| vec![root.name.clone()])
    }

    fn close(&mut self, at: usize) {
        if let Some((node, start, _)) = self.open.pop()
            && let Some(node) = self.nodes.get_mut(node)
        {
            // An element that an entity stands for takes no bytes of its own.
            node.bytes += at.saturating_sub(start);
        }
    }
}

impl Sink for Paths {
    fn start(&mut self, at: usize, name: &str, _attributes: &Attributes) {
        self.open(at, name);
    }

    fn end(&mut self, at: usize, _name: &str) {
        self.shut(at);
    }
}

impl Paths {
    fn open(&mut self, at: usize, name: &str) {
        if self.skipped > 0 || self.open.len() >= DEPTH {
            self.skipped += 1;
            return;
        }
        let new = self.nodes.len();
        let node = match self.open.last() {
            None => {
                self.nodes.push(Node::new(name));
                new
            }
            Some(&(parent, _, number)) => {
                let Some(known) = self.nodes.get_mut(parent) else { return };
                let child = match known.index.get(name) {
                    Some(child) => *child,
                    None if new >= PATHS => {
                        self.skipped = 1;
                        return;
                    }
                    None => {
                        known.index.insert(name.to_owned(), new);
                        known.children.push(new);
                        self.nodes.push(Node::new(name));
                        new
                    }
                };
                if let Some(node) = self.nodes.get_mut(child) {
                    node.count = if node.parent == number { node.count + 1 } else { 1 };
                    node.parent = number;
                    node.most = node.most.max(node.count);
                }
                child
            }
        };
        self.elements += 1;
        self.open.push((node, at, self.elements));
    }

    fn shut(&mut self, at: usize) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else {
            self.close(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parser::{Parser, Rules};

    #[test]
    fn records_are_the_repeated_element_that_holds_the_data() {
        let row = "<row><a>1</a><b>text</b></row>";
        let cases = [
            ("<r/>".to_owned(), None),
            ("<r><a>1</a><b>2</b></r>".to_owned(), None),
            (format!("<r>{row}{row}</r>"), Some("r/row")),
            (format!("<r><meta><tag/><tag/></meta>{row}{row}{row}</r>"), Some("r/row")),
            (format!("<r><note/><note/><data>{}</data></r>", row.repeat(9)), Some("r/data/row")),
            (
                format!("<rss><channel><title>a title longer than items</title><link/>{row}{row}</channel></rss>"),
                Some("rss/channel/row"),
            ),
            ("<r><item><item>1</item></item><item><item>2</item></item></r>".to_owned(), Some("r/item")),
            (format!("<r><shelf>{row}{row}</shelf><shelf>{row}</shelf></r>"), Some("r/shelf")),
            (format!("<r><shelf>{row}{row}</shelf><other/></r>"), Some("r/shelf/row")),
            ("<p><name>Ada Lovelace of London</name><phone/><phone/></p>".to_owned(), Some("p/phone")),
        ];
        for (document, expected) in cases {
            let mut paths = Paths::default();
            Parser::new(Rules::default()).record(&document, &mut paths).unwrap();
            let found = paths.record(document.len()).map(|path| path.join("/"));
            assert_eq!(found.as_deref(), expected, "{document}");
        }
    }

    #[test]
    fn many_names_and_depths_take_bounded_memory() {
        let wide: String = (0..20_000).map(|i| format!("<a{i}/>")).collect::<Vec<_>>().concat();
        let deep = format!("{}{}", "<a>".repeat(1000), "</a>".repeat(1000));
        let mut paths = Paths::default();
        Parser::new(Rules::default()).record(&format!("<r>{wide}{deep}</r>"), &mut paths).unwrap();
        assert!(paths.nodes.len() <= PATHS);
    }
}
