//! Documents whose bytes are changed: cut into records and parsed piece by piece they are as well-formed as when they
//! are read token by token on the plain path, and what is refused is refused wherever it stands.

use proptest::prelude::*;

use super::chars::{self, Stop};
use super::parser::{Ignore, Parser, Progress, Rules};
use super::splitter::{Found, RecordPath, Splitter};
use crate::given::Given;
use crate::reject::{OnError, Refused};

/// Token by token, each on its plain path.
fn is_well_formed(document: &[u8]) -> bool {
    let (text, stop) = chars::valid(document);
    let mut parser = Parser::new(Rules { fast: false, ..Rules::default() });
    let mut at = 0;
    loop {
        match parser.step(text, &mut at, stop == Stop::End, &mut Ignore) {
            Ok(Progress::Token) => {}
            Ok(Progress::End) => return stop == Stop::End,
            Ok(Progress::More) | Err(_) => return false,
        }
    }
}

/// As a file is read: records are found in steps of so many bytes, and then parsed.
fn is_well_formed_in_records(document: &[u8], path: &str, step: usize) -> bool {
    let mut splitter = Splitter::new(RecordPath::parse(path).unwrap(), Rules { any_records: true, ..Rules::default() });
    let mut found = Found::default();
    let given_types = Given::default();
    let (mut done, mut given) = (0, 0);
    loop {
        given = (given + step).min(document.len());
        let last = given == document.len();
        let piece = &document[done..given];
        let (end, flaw) = splitter.split(piece, last, &mut found);
        let refused = &mut Refused::new(OnError::Fail, &given_types, 1024);
        if super::check(piece, &found, refused).is_err() || flaw.is_some() {
            return false;
        }
        if last {
            return true;
        }
        done += end;
    }
}

fn document() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop::sample::select(vec![
        "x",
        "&lt;",
        "&#x41;",
        "&e;",
        "]] >",
        "é\r\n",
        "<i/>",
        "<!-- <i> -->",
        "<![CDATA[</i>]]>",
        "<?p <i>?>",
        "<j a='>' b=\"&amp;\"/>",
        "<n:j xmlns:n='u' n:a='1'/>",
        "some text that goes on for a good deal more than the sixty-four bytes that are looked at together",
    ]);
    let element = leaf.prop_map(str::to_owned).prop_recursive(4, 24, 5, |inner| {
        (prop::sample::select(vec!["i", "j", "ii"]), prop::collection::vec(inner, 0..5))
            .prop_map(|(name, inner)| format!("<{name}>{}</{name}>", inner.concat()))
    });
    let head = prop::sample::select(vec![
        "<!DOCTYPE r [<!ENTITY e '<k>1</k>'>]>",
        "<?xml version='1.0'?><!DOCTYPE r [<!ENTITY e 'x'><!ATTLIST j c CDATA 'd'>]>\n<!-- x -->",
    ]);
    (head, prop::collection::vec(element, 0..6))
        .prop_map(|(head, inner)| format!("{head}<r>{}</r>\n", inner.concat()).into_bytes())
}

const BYTES: &[u8] = b"<<>>//ii&;'\"=!-[]?:# \nx1\xff\xc3\0\x01";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn records_are_as_well_formed_as_the_whole(
        document in document(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3, prop::sample::select(BYTES)), 0..4),
        step in prop_oneof![1usize..200, Just(1 << 20)],
    ) {
        let mut bytes = document;
        for (at, kind, byte) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        let whole = is_well_formed(&bytes);
        for path in ["i", "r/i", "j"] {
            let shown = String::from_utf8_lossy(&bytes);
            prop_assert_eq!(is_well_formed_in_records(&bytes, path, step), whole, "{} in {}", path, shown);
        }
    }
}
