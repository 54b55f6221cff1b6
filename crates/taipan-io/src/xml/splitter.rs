//! Where the records of a document are: bytes in, ranges out.
//!
//! What stands around the records is parsed, once and in order, by a [`Parser`]; inside them a [`Scan`] looks for no
//! more than their ends, at the speed of memory, so that whoever has the range parses it on another core. A range is an
//! element if the document is well-formed. If it is not, it is the bytes up to where the record's name is closed, and
//! parsing them tells why.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::attributes::Attributes;
use super::chars::{self, name_end};
use super::cursor::{Cursor, Halt};
use super::entity::{Reference, reference};
use super::find::Paths;
use super::parser::{Cause, Context, Flaw, Ignore, Parser, Progress, Rules, Sink};
use super::scan::Scan;

/// Which elements are records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordPath {
    steps: Vec<String>,
    /// The first step is the root element; else the path may begin anywhere.
    anchored: bool,
    /// It was found, not given.
    found: bool,
}

impl RecordPath {
    /// The path of an element by the names of its ancestors and its own.
    pub(super) fn of(names: Vec<String>) -> Self {
        Self { steps: names, anchored: true, found: true }
    }

    /// `item`, `channel/item`, or from the root on `/rss/channel/item`; nothing if it is none of these.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let anchored = text.starts_with('/');
        let steps: Vec<String> = text.strip_prefix('/').unwrap_or(text).split('/').map(str::to_owned).collect();
        let names = steps.iter().all(|step| !step.is_empty() && name_end(step, 0) == step.len());
        names.then_some(Self { steps, anchored, found: false })
    }

    /// Whether an element is a record, if its ancestors are what they should be.
    fn ends_in(&self, name: &str) -> bool {
        self.steps.last().is_some_and(|step| fits(step, name))
    }

    fn fits_parents<'a>(&self, parents: impl ExactSizeIterator<Item = &'a str>) -> bool {
        let Some((_, steps)) = self.steps.split_last() else { return false };
        let Some(above) = parents.len().checked_sub(steps.len()) else { return false };
        (above == 0 || !self.anchored) && parents.skip(above).zip(steps).all(|(name, step)| fits(step, name))
    }
}

impl RecordPath {
    /// Whether an element is what records stand in, by its ancestors and its name.
    fn leads_through<'a>(&self, ancestors: impl Iterator<Item = &'a str>, name: &'a str) -> bool {
        let ends_so = self.steps.iter().nth_back(1).is_some_and(|step| fits(step, name));
        ends_so && self.fits_parents(ancestors.chain([name]).collect::<Vec<_>>().into_iter())
    }
}

/// A step without a prefix stands for names with any.
fn fits(step: &str, name: &str) -> bool {
    step == name || (!step.contains(':') && name.split_once(':').is_some_and(|(_, local)| local == step))
}

/// Records of a piece of a document, and what surrounds them.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) records: Vec<Range<usize>>,
    /// What surrounds the records from each of these on.
    pub(crate) contexts: Vec<(usize, Arc<Context>)>,
    /// Of an object of JSON that is read by its members: their keys, with quotes.
    pub(crate) keys: Vec<Range<usize>>,
}

impl Found {
    fn clear(&mut self) {
        self.records.clear();
        self.contexts.clear();
    }
}

/// The state between two pieces of a document.
#[derive(Debug)]
pub(crate) struct Splitter {
    parser: Parser,
    /// The most bytes of a record.
    longest: usize,
    path: RecordPath,
    /// Whether the open elements are the parents of records, once that was looked at.
    parents: Option<bool>,
    context: Arc<Context>,
    /// How much text each entity stands for, once the first record has come.
    sizes: Option<HashMap<Box<str>, u64>>,
    scan: Scan,
    /// A record goes on behind the last piece.
    scanning: bool,
    /// What is wrong is a character in that record.
    spoilt: bool,
    /// Whether the records are what they were said or found to be.
    doubt: Doubt,
}

/// What is to be seen before the path of the records is believed.
#[derive(Debug)]
enum Doubt {
    /// Nothing.
    Settled,
    /// It was given: one record, or the parents of one.
    Given,
    /// It was found in the beginning of the document: that it would be in all of it. Also how many bytes came before the
    /// piece at hand.
    Found(Box<Paths>, usize),
}

impl Splitter {
    pub(crate) fn new(path: RecordPath, rules: Rules) -> Self {
        let doubt = match path.found {
            _ if rules.any_records => Doubt::Settled,
            true => Doubt::Found(Box::default(), 0),
            false => Doubt::Given,
        };
        Self {
            parser: Parser::new(rules),
            doubt,
            longest: rules.record,
            path,
            parents: None,
            context: Arc::default(),
            sizes: None,
            scan: Scan::default(),
            scanning: false,
            spoilt: false,
        }
    }

    /// Finds the records in the next piece of a document, which begins where the last one was left, and answers where it
    /// is left: behind a token, or before a record that the piece cuts off. `last` says that there is no more.
    pub(crate) fn split(&mut self, bytes: &[u8], last: bool, found: &mut Found) -> (usize, Option<Flaw>) {
        found.clear();
        self.spoilt = false;
        let (text, stop) = chars::valid(bytes);
        let whole = last && stop == chars::Stop::End;
        let mut at = 0;
        loop {
            let progress = self.next(text, &mut at, whole, found);
            match progress {
                Ok(Progress::Token) => {}
                Ok(Progress::End) => return (at, self.doubted(at)),
                Ok(Progress::More) => {
                    self.pass(at);
                    let cause = stop.cause(last);
                    self.spoilt = self.scanning && cause.is_some();
                    return (at, cause.map(|cause| Flaw { at: text.len(), cause }));
                }
                Err(flaw) => {
                    self.pass(at);
                    return (at, Some(flaw));
                }
            }
        }
    }

    /// Takes so many bytes for seen.
    fn pass(&mut self, bytes: usize) {
        if let Doubt::Found(_, before) = &mut self.doubt {
            *before += bytes;
        }
    }

    /// What is wrong with the path of the records, now that the document ends.
    fn doubted(&mut self, at: usize) -> Option<Flaw> {
        let steps = &self.path.steps;
        let message = match std::mem::replace(&mut self.doubt, Doubt::Settled) {
            Doubt::Settled => return None,
            Doubt::Given => {
                let root = if self.path.anchored { "/" } else { "" };
                format!("no element of the document is a record by the path `{root}{}`", steps.join("/"))
            }
            Doubt::Found(paths, before) => {
                // Where whole groups of records are repeated, too, no record is lost.
                let path = paths.record(before + at).filter(|path| !steps.starts_with(path))?;
                let (taken, found) = (steps.join("/"), path.join("/"));
                format!(
                    "the records were taken to be `{taken}`, as in the beginning of the document, but in all of it they \
                     are `{found}`: say which with `--record`"
                )
            }
        };
        Some(Flaw { at, cause: Cause::Records(message) })
    }

    /// Whether what [`split`](Self::split) found wrong is a character of a record, behind which the document goes on.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// The end of the record that begins with these bytes, as [`split`](Self::split) found it to be cut off.
    pub(crate) fn behind_record(&mut self, bytes: &[u8]) -> Option<usize> {
        self.scanning.then(|| self.scan.go_on(bytes))?
    }

    /// Leaves a record that is too long to be kept: goes on to its end, or as far as there is of it.
    pub(crate) fn leave(&mut self, bytes: &[u8], last: bool) -> (usize, bool) {
        if !self.scanning {
            return (0, true);
        }
        match self.scan.go_on(bytes) {
            Some(end) => {
                self.scanning = false;
                self.parser.skip(end);
                self.pass(end);
                (end, true)
            }
            None if last => {
                self.scanning = false;
                (bytes.len(), true)
            }
            None => {
                let done = std::mem::take(&mut self.scan.at);
                self.parser.skip(done);
                self.pass(done);
                (done, false)
            }
        }
    }

    fn next(&mut self, text: &str, at: &mut usize, last: bool, found: &mut Found) -> Result<Progress, Flaw> {
        if self.scanning {
            return self.record(text, at, last, found);
        }
        if self.parser.at_element(text, *at) {
            let end = name_end(text, *at + 1);
            if end == text.len() && !last {
                return Ok(Progress::More);
            }
            let name = text.get(*at + 1..end).unwrap_or_default();
            // A path of parents that are there may name no record among them.
            if matches!(self.doubt, Doubt::Given) && self.path.leads_through(self.parser.path(), name) {
                self.doubt = Doubt::Settled;
            }
            if self.path.ends_in(name) && self.below_parents() {
                self.surround(found);
                self.scan.begin(name);
                self.scanning = true;
                return self.record(text, at, last, found);
            }
        }
        let markup = text.as_bytes().get(*at) == Some(&b'<');
        let progress = match &mut self.doubt {
            Doubt::Found(paths, before) => {
                self.parser.step(text, at, last, &mut Behind { paths: paths.as_mut(), before: *before })
            }
            Doubt::Settled | Doubt::Given => self.parser.step(text, at, last, &mut Ignore),
        };
        if markup {
            self.parents = None;
        }
        progress
    }

    fn below_parents(&mut self) -> bool {
        let (path, parser) = (&self.path, &self.parser);
        *self.parents.get_or_insert_with(|| path.fits_parents(parser.path()))
    }

    /// Notes what surrounds the next record, if it is not what surrounds the last one.
    fn surround(&mut self, found: &mut Found) {
        if self.sizes.is_none() {
            self.sizes = Some(self.parser.context().dtd.sizes());
            self.context = Arc::new(self.parser.context());
        } else if !self.parser.is_within(&self.context) {
            self.context = Arc::new(self.parser.context());
        } else if !found.contexts.is_empty() {
            return;
        }
        found.contexts.push((found.records.len(), self.context.clone()));
    }

    /// Takes the record that begins here, if its end is in sight.
    fn record(&mut self, text: &str, at: &mut usize, last: bool, found: &mut Found) -> Result<Progress, Flaw> {
        let bytes = text.as_bytes().get(*at..).unwrap_or_default();
        let length = match self.scan.go_on(bytes) {
            // Whether it is too long does not depend on how much of the document is in sight.
            Some(length) if length <= self.longest => length,
            None if last && bytes.len() <= self.longest => {
                // It is never closed, which is a flaw of the document and not of the record.
                let flaw = Parser::within(&self.context).record(text.get(*at..).unwrap_or_default(), &mut Ignore);
                return Err(flaw.map_or_else(
                    |flaw| Flaw { at: *at + flaw.at, ..flaw },
                    |()| Flaw { at: *at, cause: Cause::Syntax("the record is not closed".to_owned()) },
                ));
            }
            None if !last => return Ok(Progress::More),
            Some(_) | None => return Err(Flaw { at: *at, cause: Cause::TooLong(self.longest) }),
        };
        self.scanning = false;
        if found.contexts.is_empty() {
            found.contexts.push((found.records.len(), self.context.clone()));
        }
        found.records.push(*at..*at + length);
        match &mut self.doubt {
            Doubt::Found(paths, before) => paths.record_at(*before + *at, length, &self.scan.name),
            Doubt::Given => self.doubt = Doubt::Settled,
            Doubt::Settled => {}
        }
        self.parser.skip(length);
        let start = *at;
        *at += length;
        if let Some(sizes) = &self.sizes
            && !sizes.is_empty()
        {
            let record = text.get(start..*at).unwrap_or_default();
            for reference_at in memchr::memchr_iter(b'&', record.as_bytes()) {
                if let Ok(Reference::Entity(name)) = reference(&mut Cursor::new(record, reference_at))
                    && let Some(size) = sizes.get(name)
                    && let Err(Halt::Flaw(flaw)) = self.parser.count(name, *size, start + reference_at)
                {
                    found.records.pop();
                    return Err(flaw);
                }
            }
        }
        Ok(Progress::Token)
    }
}

/// The paths of a document of which a piece begins behind so many bytes.
struct Behind<'a> {
    paths: &'a mut Paths,
    before: usize,
}

impl Sink for Behind<'_> {
    fn start(&mut self, at: usize, name: &str, attributes: &Attributes) {
        self.paths.start(self.before + at, name, attributes);
    }

    fn end(&mut self, at: usize, name: &str) {
        self.paths.end(self.before + at, name);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::attributes::Attributes;
    use crate::xml::parser::Sink;

    /// The records of a document, read in steps of so many bytes, and the flaw if there is one.
    fn split(document: &[u8], path: &str, step: usize) -> (Vec<String>, Option<(usize, Cause)>) {
        let mut splitter =
            Splitter::new(RecordPath::parse(path).unwrap(), Rules { any_records: true, ..Rules::default() });
        let mut found = Found::default();
        let mut records = Vec::new();
        let (mut done, mut given) = (0, 0);
        loop {
            given = (given + step).min(document.len());
            let last = given == document.len();
            let (end, flaw) = splitter.split(&document[done..given], last, &mut found);
            for range in &found.records {
                records.push(String::from_utf8(document[done + range.start..done + range.end].to_vec()).unwrap());
            }
            if let Some(flaw) = flaw {
                return (records, Some((done + flaw.at, flaw.cause)));
            }
            if last {
                return (records, None);
            }
            done += end;
        }
    }

    #[track_caller]
    fn check(document: &str, path: &str, expected: &[&str]) {
        for step in [usize::MAX / 2, 1, 2, 5, 63, 64, 65] {
            let (records, flaw) = split(document.as_bytes(), path, step);
            assert_eq!(
                (records.iter().map(String::as_str).collect::<Vec<_>>(), flaw),
                (expected.to_vec(), None),
                "{step}"
            );
        }
    }

    #[test]
    fn records_are_found() {
        check("<r><i>1</i> <i/><j/><i a='>' b=\"/>\">2</i></r>", "i", &["<i>1</i>", "<i/>", "<i a='>' b=\"/>\">2</i>"]);
        check("<r><i><i>1</i></i><x><i>2</i></x></r>", "i", &["<i><i>1</i></i>", "<i>2</i>"]);
        check("<r><i><i>1</i></i><x><i>2</i></x></r>", "/r/i", &["<i><i>1</i></i>"]);
        check("<r><i><i>1</i></i><x><i>2</i></x></r>", "x/i", &["<i>2</i>"]);
        check(
            "<r><i><!-- </i> --><![CDATA[</i>]]><?p </i> ?></i ></r>",
            "i",
            &["<i><!-- </i> --><![CDATA[</i>]]><?p </i> ?></i >"],
        );
        check("<r><!-- <i> --><![CDATA[<i>]]><ii/><i/></r>", "i", &["<i/>"]);
        check("<i/>", "i", &["<i/>"]);
        check("<i>x</i>", "/i", &["<i>x</i>"]);
        check("<r/>", "i", &[]);
        check("<r xmlns:a='u'><a:i/><b/></r>", "i", &["<a:i/>"]);
        check("<r xmlns:a='u'><a:i/><i/></r>", "a:i", &["<a:i/>"]);
        let long = format!("<r>{}</r>", format!("<i>{}<b c='{}'/></i>", "x".repeat(100), "y".repeat(150)).repeat(9));
        assert_eq!(split(long.as_bytes(), "r/i", 1000).0.len(), 9);
    }

    #[test]
    fn broken_records_end_where_their_name_is_closed() {
        let records = |document: &str| split(document.as_bytes(), "i", 7).0;
        assert_eq!(records("<r><i><b></i><i>2</i></r>"), ["<i><b></i>", "<i>2</i>"]);
        assert_eq!(records("<r><i></b></i><i>2</i></r>"), ["<i></b></i>", "<i>2</i>"]);
        assert_eq!(records("<r><i><b</i><i>2</i></r>"), ["<i><b</i>", "<i>2</i>"]);
        assert_eq!(records("<r><i>1 < 2</i><i>2</i></r>"), ["<i>1 < 2</i>", "<i>2</i>"]);
    }

    #[test]
    fn flaws_around_records() {
        let flaw = |document: &str, step| {
            split(document.as_bytes(), "i", step).1.map(|(at, cause)| match cause {
                Cause::Syntax(message) => format!("{at}: {message}"),
                cause => format!("{at}: {cause:?}"),
            })
        };
        for step in [1, 3, 1000] {
            let cases = [
                ("<r><i/></x>", "7: `</x>` where `</r>` was expected"),
                ("<r><i/>", "7: the document ends inside element `r`"),
                ("<r><i/>&x;</r>", "7: entity `x` is not declared"),
                ("<r><i><b></i>", "9: `</i>` where `</b>` was expected"),
                ("<r><i/><i>x", "11: the document ends inside element `i`"),
                ("<r><i/></r><r/>", "11: a second root element; a document has one"),
                ("<r><i>\u{1}</i></r>", "6: U+0001, a character that no document may hold"),
            ];
            for (document, expected) in cases {
                if document == "<r><i><b></i>" {
                    // The record is cut out, and the document is not closed.
                    assert_eq!(flaw(document, step).unwrap(), "13: the document ends inside element `r`");
                    continue;
                }
                assert_eq!(flaw(document, step).as_deref(), Some(expected), "{document} {step}");
            }
        }
    }

    #[test]
    fn expansion_is_watched_across_records() {
        let document =
            format!("<!DOCTYPE r [<!ENTITY e '{}'>]><r>{}</r>", "x".repeat(20_000), "<i>&e;</i>".repeat(20_000));
        let (records, flaw) = split(document.as_bytes(), "i", 100_000);
        let Some((_, Cause::Syntax(message))) = flaw else { panic!("{flaw:?}") };
        assert_eq!(message, "entity `e`: entities stand for more than 100 times the document's own text");
        assert!(records.len() < 2000, "{}", records.len());
    }

    /// Where elements of a name are that stand in no other of it, as the parser sees them.
    struct Outermost {
        name: &'static str,
        open: usize,
        start: usize,
        found: Vec<Range<usize>>,
    }

    impl Sink for Outermost {
        fn start(&mut self, at: usize, name: &str, _: &Attributes) {
            if name == self.name {
                if self.open == 0 {
                    self.start = at;
                }
                self.open += 1;
            }
        }

        fn end(&mut self, at: usize, name: &str) {
            if name == self.name {
                self.open -= 1;
                if self.open == 0 {
                    self.found.push(self.start..at);
                }
            }
        }
    }

    fn document() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "x",
            "<i/>",
            "<j a='<i>'/>".trim_end_matches("<j a='<i>'/>"),
            "<!-- <i> -->",
            "<![CDATA[</i>]]>",
            "<?p <i>?>",
            " ",
            "<ii></ii>",
            "<j a='>/>' b=\"'\"/>",
            "it's > \"that\" /> and a good deal more than sixty-four bytes of plain text, it seems",
        ]);
        let element = leaf.prop_map(str::to_owned).prop_recursive(4, 30, 5, |inner| {
            (prop::sample::select(vec!["i", "j", "ii", "i "]), prop::collection::vec(inner, 0..5))
                .prop_map(|(name, inner)| format!("<{name}>{}</{name}>", inner.concat()))
        });
        prop::collection::vec(element, 0..6).prop_map(|inner| format!("<r>{}</r>", inner.concat()))
    }

    proptest! {
        #[test]
        fn records_are_what_the_parser_says(document in document(), step in 1usize..200) {
            let mut outermost = Outermost { name: "i", open: 0, start: 0, found: Vec::new() };
            Parser::new(Rules::default()).record(&document, &mut outermost).unwrap();
            let expected: Vec<&str> = outermost.found.into_iter().map(|range| &document[range]).collect();
            let (records, flaw) = split(document.as_bytes(), "i", step);
            prop_assert_eq!(records, expected);
            prop_assert_eq!(flaw, None);
        }

        #[test]
        fn no_bytes_panic_and_steps_do_not_matter(pieces in prop::collection::vec(prop::sample::select(vec![
            "<r>", "</r>", "<i>", "</i>", "<i", ">", "<", "'", "\"", "/>", "<!--", "-->", "<![CDATA[", "]]>", "x", "<j>", "</j>",
        ]), 0..30), step in 1usize..40) {
            let document = pieces.concat();
            let whole = split(document.as_bytes(), "i", usize::MAX / 2);
            prop_assert_eq!(split(document.as_bytes(), "i", step), whole);
        }
    }
}
