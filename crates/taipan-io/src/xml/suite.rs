//! The W3C XML conformance suite (20130923), as far as it concerns XML 1.0, fifth edition, and a processor that does not
//! validate and reads nothing but the document itself.
//!
//! The suite is not part of the project: `TAIPAN_XML_SUITE` names the folder `xmlconf` of its unpacked archive.

use std::collections::HashMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use super::attributes::Attributes;
use super::chars;
use super::dtd::Dtd;
use super::parser::{Cause, Flaw, Parser, Progress, Rules, Sink};
use crate::input::ReadOptions;
use crate::source::Source;

/// Writes a document in the canonical form of the suite: its first form with notations, when there are some.
#[derive(Default)]
pub(super) struct Canonical {
    pub(super) text: String,
}

impl Canonical {
    fn escaped(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\t' => self.text.push_str("&#9;"),
                '\n' => self.text.push_str("&#10;"),
                '\r' => self.text.push_str("&#13;"),
                letter => self.text.push(letter),
            }
        }
    }
}

impl Sink for Canonical {
    fn start(&mut self, _at: usize, name: &str, attributes: &Attributes) {
        self.text.extend(["<", name]);
        let mut sorted: Vec<(&str, &str)> = attributes.iter().collect();
        sorted.sort_unstable();
        for (name, value) in sorted {
            self.text.extend([" ", name, "=\""]);
            self.escaped(value);
            self.text.push('"');
        }
        self.text.push('>');
    }

    fn end(&mut self, _at: usize, name: &str) {
        self.text.extend(["</", name, ">"]);
    }

    fn text(&mut self, _at: usize, text: &str) {
        self.escaped(text);
    }

    fn instruction(&mut self, target: &str) {
        self.text.extend(["<?", target, " "]);
    }

    fn instruct(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn instructed(&mut self) {
        self.text.push_str("?>");
    }

    fn doctype(&mut self, root: &str, dtd: &Dtd) {
        if dtd.notations.is_empty() {
            return;
        }
        self.text.extend(["<!DOCTYPE ", root, " [\n"]);
        let mut notations: Vec<_> = dtd.notations.iter().collect();
        notations.sort_unstable_by_key(|notation| &notation.name);
        for notation in notations {
            let id = match (&notation.public, &notation.system) {
                (Some(public), Some(system)) => format!("PUBLIC '{public}' '{system}'"),
                (Some(public), None) => format!("PUBLIC '{public}'"),
                (None, system) => format!("SYSTEM '{}'", system.as_deref().unwrap_or_default()),
            };
            self.text.extend(["<!NOTATION ", &notation.name, " ", &id, ">\n"]);
        }
        self.text.push_str("]>\n");
    }
}

/// Parses a whole document, whatever it is written in.
pub(super) fn parse(bytes: &[u8], rules: Rules, sink: &mut impl Sink) -> Result<(), Flaw> {
    let syntax = |message: String| Flaw { at: 0, cause: Cause::Syntax(message) };
    let mut decoded = Vec::new();
    let encoding = Source::stream("suite", Cursor::new(bytes.to_vec()), &ReadOptions::default())
        .and_then(|source| {
            source.bytes(0)?.read_to_end(&mut decoded)?;
            Ok(source.foreign_encoding().unwrap_or("UTF-8"))
        })
        .map_err(|error| syntax(error.to_string()))?;
    let rules = Rules { encoding, ..rules };
    let bytes = decoded.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&decoded);
    let (text, stop) = chars::valid(bytes);
    let whole = stop == chars::Stop::End;
    let mut parser = Parser::new(rules);
    let mut at = 0;
    loop {
        match parser.step(text, &mut at, whole, sink)? {
            Progress::Token => {}
            Progress::End => return Ok(()),
            Progress::More => return Err(syntax(format!("{stop:?} at {}", text.len()))),
        }
    }
}

struct Case {
    attributes: HashMap<String, String>,
    folder: PathBuf,
}

impl Case {
    fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// The cases in one of the suite's lists, which are not all documents.
fn cases(list: &Path) -> Vec<Case> {
    let text = fs::read_to_string(list).unwrap();
    let folder = list.parent().unwrap();
    let mut cases = Vec::new();
    let mut base = folder.to_owned();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("<TEST") {
        rest = &rest[at + 5..];
        let element = rest.split(char::is_whitespace).next().unwrap_or_default().to_owned();
        let (tag, behind) = rest.split_once('>').unwrap();
        rest = behind;
        let mut attributes = HashMap::new();
        let mut tag = tag.trim_start_matches(|c: char| !c.is_whitespace());
        while let Some((name, value)) = tag.split_once('=') {
            let value = value.trim_start();
            let quote = value.chars().next().unwrap();
            let (value, behind) = value[1..].split_once(quote).unwrap();
            attributes.insert(name.trim().to_owned(), value.to_owned());
            tag = behind;
        }
        if element == "CASES" {
            if let Some(relative) = attributes.get("xml:base") {
                base = folder.join(relative);
            }
            continue;
        }
        cases.push(Case { attributes, folder: base.clone() });
    }
    cases
}

fn lists(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            lists(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "xml")
            && memchr::memmem::find(&fs::read(&path).unwrap(), b"SECTIONS=").is_some()
        {
            found.push(path);
        }
    }
}

#[test]
fn the_conformance_suite() {
    let Some(folder) = std::env::var_os("TAIPAN_XML_SUITE") else {
        eprintln!("skipped: TAIPAN_XML_SUITE does not name the folder xmlconf of the W3C suite");
        return;
    };
    let mut found = Vec::new();
    lists(Path::new(&folder), &mut found);
    let mut wrong = Vec::new();
    let (mut accepted, mut refused, mut compared, mut skipped) = (0, 0, 0, 0);
    for case in found.iter().flat_map(|list| cases(list)) {
        let id = case.get("ID");
        let editions = case.get("EDITION");
        let eleven = case.get("RECOMMENDATION").contains("1.1") || case.get("VERSION") == "1.1";
        if eleven || !(editions.is_empty() || editions.contains('5')) || case.get("TYPE") == "error" {
            skipped += 1;
            continue;
        }
        let path = case.folder.join(case.get("URI"));
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{id}: {}: {error}", path.display()));
        let rules = Rules { namespaces: case.get("NAMESPACE") != "no", ..Rules::default() };
        let mut canonical = Canonical::default();
        let parsed = parse(&bytes, rules, &mut canonical);
        let mut slow = Canonical::default();
        let slowly = parse(&bytes, Rules { fast: false, ..rules }, &mut slow);
        if (&parsed, &canonical.text) != (&slowly, &slow.text) {
            wrong.push(format!("{id}: the fast path differs from the plain one"));
        }
        let alone = matches!(case.get("ENTITIES"), "" | "none");
        match (case.get("TYPE"), parsed) {
            ("not-wf", Err(_)) => refused += 1,
            ("not-wf", Ok(())) if alone => wrong.push(format!("{id}: accepted {}", path.display())),
            ("not-wf", Ok(())) => skipped += 1,
            ("valid" | "invalid", Ok(())) => {
                accepted += 1;
                if alone && !case.get("OUTPUT").is_empty() {
                    compared += 1;
                    let expected = fs::read_to_string(case.folder.join(case.get("OUTPUT"))).unwrap();
                    if canonical.text != expected {
                        wrong.push(format!("{id}: {}\n  {expected:?}\n  {:?}", path.display(), canonical.text));
                    }
                }
            }
            (kind, Err(flaw)) => wrong.push(format!("{id}: {kind} refused: {flaw:?} {}", path.display())),
            (kind, _) => wrong.push(format!("{id}: type {kind}")),
        }
    }
    println!("{accepted} accepted, {refused} refused, {compared} compared, {skipped} skipped");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(accepted >= 950 && refused >= 950 && compared >= 250, "is the suite whole?");
}
