//! XML 1.0, fifth edition, with namespaces: text in, events out; no input, no allocation for an event.
//!
//! A [`Parser`] checks a document as a processor must that does not validate: its grammar and every constraint on
//! well-formedness, the internal subset included. Nothing outside the document is fetched. It is given the text from
//! where it stopped, as much as there is so far, and takes one token at a time:
//!
//! * a token that the text cuts off is [`Progress::More`], and nothing was consumed; it comes again with more text;
//! * text, comments, instructions and CDATA sections of any length are consumed piece by piece.
//!
//! A document that says it is XML 1.1 is read by the rules of 1.0, as the fifth edition asks.
//!
//! A record alone, whose surroundings are a [`Context`], is parsed by [`Parser::record`].

mod element;

use std::sync::Arc;

use encoding_rs::Encoding;

use super::attributes::Attributes;
use super::chars::is_space;
pub(crate) use super::cursor::{Cause, Flaw};
use super::cursor::{Cursor, Halt, Step, flaw};
use super::dtd::{Dtd, instruction_target};
use super::entity::Expansion;
use super::namespace::Scope;
use super::text::lines;

/// Elements nested no deeper, unless set.
pub(crate) const MAX_DEPTH: usize = 1024;

/// What a document holds, as it comes. Places are offsets in the text given; text that an entity stands for is at its
/// reference.
pub(crate) trait Sink {
    /// An element begins.
    fn start(&mut self, _at: usize, _name: &str, _attributes: &Attributes) {}
    /// An element ends; `_at` is behind its last tag.
    fn end(&mut self, _at: usize, _name: &str) {}
    /// Some of the text of an element; line ends are line feeds.
    fn text(&mut self, _at: usize, _text: &str) {}
    /// A reference to an entity whose text is not known here.
    fn skipped(&mut self, _at: usize, _reference: &str) {}
    /// A processing instruction begins.
    fn instruction(&mut self, _target: &str) {}
    /// Some of what it says.
    fn instruct(&mut self, _text: &str) {}
    /// It ends.
    fn instructed(&mut self) {}
    /// The document type declaration, as a whole.
    fn doctype(&mut self, _root: &str, _dtd: &Dtd) {}
}

/// Wants to know nothing but whether the document is well-formed.
#[derive(Debug)]
pub(crate) struct Ignore;

impl Sink for Ignore {}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something was consumed.
    Token,
    /// The text ends inside a token.
    More,
    /// The document has ended, well-formed.
    End,
}

/// What to check, and how far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether colons in names mean what namespaces say.
    pub(crate) namespaces: bool,
    /// Elements nested no deeper.
    pub(crate) depth: usize,
    /// Records of no more bytes.
    pub(crate) record: usize,
    /// Whether the short cuts are taken, which give the same events.
    pub(crate) fast: bool,
    /// The encoding that the document was in, which its declaration must not belie; empty if someone else has said what it is.
    pub(crate) encoding: &'static str,
    /// What the records are said or found to be is not looked at again in the end.
    pub(crate) any_records: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let encoding = "UTF-8";
        Self { namespaces: true, depth: MAX_DEPTH, record: usize::MAX, fast: true, encoding, any_records: false }
    }
}

/// What surrounds a record: what was declared, which prefixes are bound, how deep it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    pub(super) dtd: Arc<Dtd>,
    pub(super) scope: Scope,
    pub(super) depth: usize,
    pub(super) rules: Rules,
}

/// The state between two tokens.
#[derive(Debug)]
pub(crate) struct Parser {
    rules: Rules,
    phase: Phase,
    dtd: Arc<Dtd>,
    open: Open,
    scope: Scope,
    attributes: Attributes,
    expansion: Expansion,
    /// A comment, instruction or CDATA section that goes on.
    section: Option<Section>,
    /// The entities whose text is being read, and where in the document the outermost reference stands.
    entities: Vec<Arc<str>>,
    origin: Option<usize>,
    /// Elements open where the innermost of these began.
    base: usize,
    /// Elements open around a record.
    around: usize,
    /// Whether there was anything but blanks.
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    Prolog { doctype: bool },
    Content,
    Epilog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Comment,
    Instruction,
    Cdata,
}

/// The names of the open elements, one behind the other.
#[derive(Debug, Clone, Default)]
struct Open {
    names: String,
    starts: Vec<usize>,
}

impl Open {
    #[inline]
    fn push(&mut self, name: &str) {
        self.starts.push(self.names.len());
        self.names.push_str(name);
    }

    #[inline]
    fn pop(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.names.truncate(start);
        }
    }

    #[inline]
    fn last(&self) -> &str {
        self.starts.last().and_then(|start| self.names.get(*start..)).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.starts.len()
    }
}

impl Parser {
    /// For a whole document.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            phase: Phase::Start,
            begun: false,
            dtd: Arc::new(Dtd::new(false, rules.namespaces)),
            open: Open::default(),
            scope: Scope::default(),
            attributes: Attributes::default(),
            expansion: Expansion::watching(Some(0)),
            section: None,
            entities: Vec::new(),
            origin: None,
            base: 0,
            around: 0,
        }
    }

    /// For records that stand in a context.
    pub(crate) fn within(context: &Context) -> Self {
        let mut parser = Self::new(context.rules);
        parser.dtd = context.dtd.clone();
        parser.scope = context.scope.clone();
        parser.around = context.depth;
        // Whoever finds the records has watched the ratio.
        parser.expansion = Expansion::watching(None);
        parser
    }

    /// What surrounds an element that begins here.
    pub(crate) fn context(&self) -> Context {
        Context { dtd: self.dtd.clone(), scope: self.scope.clone(), depth: self.open.len(), rules: self.rules }
    }

    /// The names of the open elements, the root's first.
    pub(crate) fn path(&self) -> impl ExactSizeIterator<Item = &str> {
        let ends = self.open.starts.iter().skip(1).copied().chain([self.open.names.len()]);
        self.open
            .starts
            .iter()
            .zip(ends)
            .map(|(start, end)| self.open.names.get(*start..end).unwrap_or_default())
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Whether an element may begin where the parser stands, and the text given goes on with its name.
    pub(crate) fn at_element(&self, text: &str, at: usize) -> bool {
        let bytes = text.as_bytes();
        self.section.is_none()
            && !matches!(self.phase, Phase::Start | Phase::Epilog)
            && bytes.get(at) == Some(&b'<')
            && bytes.get(at + 1).is_some_and(|byte| !matches!(byte, b'!' | b'?' | b'/'))
    }

    /// Counts an element that was not given to the parser, and its entities' text.
    pub(crate) fn skip(&mut self, length: usize) {
        if let Some(read) = &mut self.expansion.read {
            *read += length as u64;
        }
        self.phase = if self.open.len() == 0 { Phase::Epilog } else { Phase::Content };
        self.expansion.next_record();
    }

    /// Counts the text that a reference in a record stands for.
    pub(super) fn count(&mut self, name: &str, size: u64, at: usize) -> Step<()> {
        self.expansion.add(name, size, at)
    }

    /// Whether a context is what surrounds an element that begins here.
    pub(crate) fn is_within(&self, context: &Context) -> bool {
        self.open.len() == context.depth && self.scope == context.scope && Arc::ptr_eq(&self.dtd, &context.dtd)
    }

    /// Takes the next token of a document. `last` says that the text is all there is.
    pub(crate) fn step(
        &mut self,
        text: &str,
        at: &mut usize,
        last: bool,
        sink: &mut impl Sink,
    ) -> Result<Progress, Flaw> {
        let mut cursor = Cursor::new(text, *at);
        let done = self.token(&mut cursor, last, sink);
        match done {
            Ok(progress) => {
                if let Some(read) = &mut self.expansion.read {
                    *read += (cursor.at - *at) as u64;
                }
                self.begun = self.begun || !text.get(*at..cursor.at).unwrap_or_default().trim_ascii().is_empty();
                *at = cursor.at;
                Ok(progress)
            }
            Err(Halt::More) if !last => Ok(Progress::More),
            Err(Halt::More) => Err(self.cut_off(text, *at)),
            Err(Halt::Flaw(flaw)) => Err(flaw),
        }
    }

    /// Parses one record, an element with nothing around it.
    pub(crate) fn record(&mut self, text: &str, sink: &mut impl Sink) -> Result<(), Flaw> {
        self.phase = Phase::Content;
        self.expansion.next_record();
        let read = self.whole_record(text, sink);
        if read.is_err() {
            // The next record finds the state that this one found.
            self.open = Open::default();
            (self.section, self.origin, self.base) = (None, None, 0);
            self.entities.clear();
            self.scope.leave_all(self.around);
        }
        read
    }

    fn whole_record(&mut self, text: &str, sink: &mut impl Sink) -> Result<(), Flaw> {
        let mut cursor = Cursor::new(text, 0);
        while self.phase == Phase::Content {
            let start = cursor.at;
            match self.content(&mut cursor, true, sink) {
                Ok(()) => {}
                Err(Halt::Flaw(flaw)) => return Err(flaw),
                Err(Halt::More) => return Err(self.cut_off(text, start)),
            }
        }
        if cursor.at < text.len() {
            let message = format!("an end tag without a start tag behind `{}`", excerpt(cursor.rest()));
            return Err(Flaw { at: cursor.at, cause: Cause::Syntax(message) });
        }
        Ok(())
    }

    /// The flaw of a document that ends inside a token at an offset.
    fn cut_off(&self, text: &str, at: usize) -> Flaw {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        let inside = match (self.section, rest) {
            (Some(Section::Comment), _) | (None, [b'<', b'!', b'-', ..]) => "inside a comment".to_owned(),
            (Some(Section::Cdata), _) | (None, [b'<', b'!', b'[', ..]) => "inside a CDATA section".to_owned(),
            (Some(Section::Instruction), _) | (None, [b'<', b'?', ..]) => "inside a processing instruction".to_owned(),
            (None, [b'<', b'!', b'D', ..]) => "inside the document type declaration".to_owned(),
            (None, [b'<', ..]) => "inside a tag".to_owned(),
            (None, [b'&', ..]) => "inside a reference".to_owned(),
            _ if self.open.len() > 0 => format!("inside element `{}`", self.open.last()),
            _ if !self.begun && text.trim_ascii().is_empty() => return Flaw { at: 0, cause: Cause::Empty },
            _ => "before its root element".to_owned(),
        };
        Flaw { at: text.len(), cause: Cause::Syntax(format!("the document ends {inside}")) }
    }

    fn token(&mut self, cursor: &mut Cursor<'_>, last: bool, sink: &mut impl Sink) -> Step<Progress> {
        match self.phase {
            Phase::Start => {
                // Six bytes tell the declaration from an instruction whose target begins alike.
                let rest = cursor.rest();
                if rest.len() < 6 && b"<?xml ".starts_with(rest) && !last {
                    return Err(Halt::More);
                }
                if rest.starts_with(b"<?xml") && rest.get(5).is_some_and(|byte| is_space(*byte)) {
                    self.declaration(cursor)?;
                }
                self.phase = Phase::Prolog { doctype: false };
            }
            Phase::Content => self.content(cursor, last, sink)?,
            Phase::Prolog { .. } | Phase::Epilog => return self.outside(cursor, last, sink),
        }
        Ok(Progress::Token)
    }

    /// `<?xml version="1.0" encoding="…" standalone="…"?>`.
    fn declaration(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        cursor.expect("<?xml", "at the start")?;
        cursor.need_blanks("behind `<?xml`")?;
        cursor.expect("version", "in the XML declaration")?;
        let (at, version) = pseudo_attribute(cursor)?;
        if !version
            .strip_prefix("1.")
            .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()))
        {
            return flaw(at, format!("version `{version}` of XML, expected 1.0"));
        }
        let mut space = cursor.blanks();
        if space && cursor.eat("encoding")? {
            let (at, name) = pseudo_attribute(cursor)?;
            let mut bytes = name.bytes();
            let right = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
            if !right {
                return flaw(at, format!("`{name}` is no name of an encoding"));
            }
            let said = Encoding::for_label(name.as_bytes()).map_or("", Encoding::name);
            let same = |one: &str| {
                one == self.rules.encoding || (one.starts_with("UTF-16") && self.rules.encoding.starts_with("UTF-16"))
            };
            if !said.is_empty() && !self.rules.encoding.is_empty() && !same(said) {
                return flaw(at, format!("the document says that it is {name}, but it is {}", self.rules.encoding));
            }
            space = cursor.blanks();
        }
        if space && cursor.eat("standalone")? {
            let (at, value) = pseudo_attribute(cursor)?;
            let standalone = match value {
                "yes" => true,
                "no" => false,
                _ => return flaw(at, format!("standalone is `{value}`, expected `yes` or `no`")),
            };
            self.dtd = Arc::new(Dtd::new(standalone, self.rules.namespaces));
            cursor.blanks();
        }
        cursor.expect("?>", "at the end of the XML declaration")
    }

    /// What stands before and behind the root element.
    fn outside(&mut self, cursor: &mut Cursor<'_>, last: bool, sink: &mut impl Sink) -> Step<Progress> {
        if let Some(section) = self.section {
            self.go_on(section, cursor, last, sink)?;
            return Ok(Progress::Token);
        }
        if cursor.blanks() {
            return Ok(Progress::Token);
        }
        let rest = cursor.rest();
        match (rest, self.phase) {
            ([], Phase::Epilog) if last => return Ok(Progress::End),
            ([] | [b'<'] | [b'<', b'!'], _) => return Err(Halt::More),
            ([b'<', b'?', ..], _) => self.instruction(cursor, sink)?,
            ([b'<', b'!', b'D', ..], Phase::Prolog { doctype: false }) => {
                let mut dtd = Dtd::new(self.dtd.standalone, self.rules.namespaces);
                let mut expansion = self.expansion.clone();
                let root = dtd.read(cursor, &mut expansion)?;
                self.expansion = expansion;
                for (target, text) in &dtd.instructions {
                    sink.instruction(target);
                    lines(text, false, |text| sink.instruct(text));
                    sink.instructed();
                }
                sink.doctype(root, &dtd);
                self.dtd = Arc::new(dtd);
                self.phase = Phase::Prolog { doctype: true };
            }
            ([b'<', b'!', b'D', ..], Phase::Prolog { .. }) => {
                return flaw(cursor.at, "a second document type declaration");
            }
            ([b'<', b'!', b'-', ..], _) => self.comment(cursor)?,
            ([b'<', b'!', ..], _) => {
                return flaw(cursor.at, "expected a comment, an instruction or an element");
            }
            ([b'<', b'/', ..], _) => return flaw(cursor.at, "an end tag without a start tag"),
            ([b'<', ..], Phase::Prolog { .. }) => {
                self.phase = Phase::Content;
                let start = self.start_tag(cursor, sink);
                if start.is_err() {
                    self.phase = Phase::Prolog { doctype: true };
                }
                start?;
            }
            ([b'<', ..], _) => return flaw(cursor.at, "a second root element; a document has one"),
            (_, Phase::Epilog) => return flaw(cursor.at, "text behind the root element"),
            _ => {
                return flaw(
                    cursor.at,
                    format!("expected `<`, found `{}`: text before the root element", cursor.shown()),
                );
            }
        }
        Ok(Progress::Token)
    }

    /// One token inside an element.
    #[inline]
    fn content(&mut self, cursor: &mut Cursor<'_>, last: bool, sink: &mut impl Sink) -> Step<()> {
        if let Some(section) = self.section {
            return self.go_on(section, cursor, last, sink);
        }
        let bytes = cursor.text.as_bytes();
        match bytes.get(cursor.at) {
            Some(b'<') => match bytes.get(cursor.at + 1) {
                Some(b'/') => self.end_tag(cursor, sink),
                Some(b'?') => self.instruction(cursor, sink),
                Some(b'!') => self.special(cursor),
                Some(_) => self.start_tag(cursor, sink),
                None => Err(Halt::More),
            },
            Some(b'&') => self.reference(cursor, sink),
            Some(_) => self.text(cursor, last, sink),
            None => Err(Halt::More),
        }
    }

    fn special(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        if cursor.rest().starts_with(b"<!-") {
            return self.comment(cursor);
        }
        if cursor.eat("<![CDATA[")? {
            self.section = Some(Section::Cdata);
            return Ok(());
        }
        flaw(cursor.at, "expected a comment or a CDATA section behind `<!`")
    }

    fn comment(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        cursor.expect("<!--", "at the start of a comment")?;
        self.section = Some(Section::Comment);
        Ok(())
    }

    fn instruction(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl Sink) -> Step<()> {
        let start = cursor.at;
        cursor.at += 2;
        let target = cursor.name("the target of a processing instruction")?;
        instruction_target(target, start, self.rules.namespaces)?;
        let ends = cursor.rest().starts_with(b"?>");
        if !ends {
            if cursor.rest() == b"?" {
                return Err(Halt::More);
            }
            cursor.need_blanks("behind the target of a processing instruction")?;
            // The blanks may go on behind the text given.
            cursor.peek()?;
        }
        sink.instruction(target);
        self.section = Some(Section::Instruction);
        Ok(())
    }

    /// Consumes what is there of a section.
    fn go_on(&mut self, section: Section, cursor: &mut Cursor<'_>, last: bool, sink: &mut impl Sink) -> Step<()> {
        let end = match section {
            Section::Comment => "--",
            Section::Instruction => "?>",
            Section::Cdata => "]]>",
        };
        let start = cursor.at;
        let found = memchr::memmem::find(cursor.rest(), end.as_bytes());
        let rest = cursor.rest();
        let mut length = match found {
            Some(length) => length,
            None if last => return Err(Halt::More),
            None => rest.len().saturating_sub(end.len() - 1),
        };
        if found.is_none() {
            // Neither a character nor a line end is taken apart.
            while length > 0 && (!cursor.text.is_char_boundary(start + length) || rest.get(length - 1) == Some(&b'\r'))
            {
                length -= 1;
            }
            if length == 0 {
                return Err(Halt::More);
            }
        }
        if found.is_some() && section == Section::Comment {
            match rest.get(length + 2) {
                Some(b'>') => {}
                Some(_) => return flaw(start + length, "`--` inside a comment"),
                None => return Err(Halt::More),
            }
        }
        let text = cursor.text.get(start..start + length).unwrap_or_default();
        let at = self.origin.unwrap_or(start);
        let raw = self.origin.is_some();
        match section {
            Section::Comment => {}
            Section::Instruction => lines(text, raw, |text| sink.instruct(text)),
            Section::Cdata => lines(text, raw, |text| sink.text(at, text)),
        }
        cursor.at += length;
        if found.is_some() {
            cursor.at += if section == Section::Comment { 3 } else { end.len() };
            self.section = None;
            if section == Section::Instruction {
                sink.instructed();
            }
        }
        Ok(())
    }
}

/// `= "value"` in the XML declaration; answers where the value stands.
fn pseudo_attribute<'a>(cursor: &mut Cursor<'a>) -> Step<(usize, &'a str)> {
    cursor.blanks();
    cursor.expect("=", "in the XML declaration")?;
    cursor.blanks();
    let at = cursor.at + 1;
    Ok((at, cursor.quoted("a value in the XML declaration")?))
}

/// The first bytes of what stands somewhere, for messages.
fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..bytes.len().min(20)).unwrap_or_default()).into_owned()
}
