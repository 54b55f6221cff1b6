//! The document type declaration: its internal subset is checked and remembered, nothing outside it is ever fetched.
//!
//! What a parser that does not validate must know is kept: entities, and the types and defaults of attributes. Behind
//! a reference to something outside, declarations of these are checked but not used, as the standard asks, unless the
//! document says that it stands alone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::chars::{is_public, token_end};
use super::cursor::{Cause, Cursor, Flaw, Halt, Step, flaw};
use super::entity::{Expansion, Reference, attribute_value, reference};

/// Groups in a content model may be nested no deeper.
const MAX_GROUPS: usize = 1024;

/// What the internal subset declares.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Default)]
pub(crate) struct Dtd {
    pub(super) entities: HashMap<Box<str>, Entity>,
    parameters: HashMap<Box<str>, Parameter>,
    /// By element.
    pub(super) attributes: HashMap<Box<str>, Vec<Attribute>>,
    /// Names and identifiers, as canonical forms list them.
    pub(super) notations: Vec<Notation>,
    /// Targets and what they are told.
    pub(super) instructions: Vec<(Box<str>, Box<str>)>,
    /// There is more to the declaration than was read here: an external subset, or a parameter entity's text.
    pub(super) more: bool,
    pub(super) standalone: bool,
    /// Declarations are no longer used.
    ignored: bool,
    pub(super) namespaces: bool,
}

#[derive(Debug)]
pub(super) struct Entity {
    pub(super) content: Content,
    /// It was declared inside a parameter entity.
    pub(super) nested: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Text(Arc<str>),
    /// Text that stands elsewhere, and is not fetched.
    External,
    /// Something else, which cannot be referred to.
    Unparsed,
}

#[derive(Debug)]
enum Parameter {
    Text(Arc<str>),
    External,
}

/// An attribute as declared.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: Box<str>,
    /// Its value is one or more tokens, with one space between them.
    pub(super) tokens: bool,
    pub(super) default: Option<Box<str>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notation {
    pub(super) name: String,
    pub(super) public: Option<String>,
    pub(super) system: Option<String>,
}

/// What is at work while a declaration is read.
struct Reader<'d> {
    dtd: &'d mut Dtd,
    expansion: &'d mut Expansion,
    /// The parameter entities whose text is being read.
    open: Vec<Box<str>>,
}

impl Dtd {
    /// Of a document without a declaration.
    pub(super) fn new(standalone: bool, namespaces: bool) -> Self {
        Self { standalone, namespaces, ..Self::default() }
    }

    /// Reads a declaration, which the cursor stands at; answers the name of the root.
    pub(super) fn read<'a>(&mut self, cursor: &mut Cursor<'a>, expansion: &mut Expansion) -> Step<&'a str> {
        cursor.expect("<!DOCTYPE", "at the start of a document type declaration")?;
        cursor.need_blanks("behind `<!DOCTYPE`")?;
        let root = cursor.name("the name of the root element")?;
        let space = cursor.blanks();
        if !matches!(cursor.peek()?, b'[' | b'>') {
            if !space {
                return flaw(cursor.at, "expected a blank behind the name of the root element");
            }
            external_id(cursor, Identifier::Whole)?;
            self.more = true;
            cursor.blanks();
        }
        if cursor.eat("[")? {
            let mut reader = Reader { dtd: self, expansion, open: Vec::new() };
            reader.subset(cursor)?;
            cursor.blanks();
        }
        cursor.expect(">", "at the end of the document type declaration")?;
        Ok(root)
    }

    /// Whether a reference to an entity that was not declared is a fault.
    pub(super) fn knows_all(&self) -> bool {
        !self.more || self.standalone
    }

    /// An entity as a reference outside the declaration sees it.
    pub(super) fn entity(&self, name: &str) -> Option<&Content> {
        let entity = self.entities.get(name)?;
        (!(self.standalone && entity.nested)).then_some(&entity.content)
    }

    /// How much text each entity stands for in the end; of one that refers to itself, once around.
    pub(super) fn sizes(&self) -> HashMap<Box<str>, u64> {
        let mut sizes: HashMap<Box<str>, u64> = HashMap::new();
        let mut open: HashSet<&str> = HashSet::new();
        // Depth first, with a stack of our own: a name, what it refers to and is not yet counted, what it stands for.
        let mut path: Vec<(&str, Vec<&str>, u64)> = Vec::new();
        for (name, entity) in &self.entities {
            begin(name, entity, &sizes, &mut open, &mut path);
            while let Some((name, references, size)) = path.last_mut() {
                let Some(reference) = references.last().copied() else {
                    sizes.insert((*name).into(), *size);
                    open.remove(name);
                    path.pop();
                    continue;
                };
                let known = sizes.get(reference).copied();
                if let Some((reference, entity)) = self.entities.get_key_value(reference)
                    && known.is_none()
                    && begin(reference, entity, &sizes, &mut open, &mut path)
                {
                    continue;
                }
                if let Some((_, references, size)) = path.last_mut() {
                    *size = size.saturating_add(known.unwrap_or(0));
                    references.pop();
                }
            }
        }
        sizes
    }
}

/// Puts an entity on the path unless it is known or on it; whether it did.
fn begin<'d>(
    name: &'d str,
    entity: &'d Entity,
    sizes: &HashMap<Box<str>, u64>,
    open: &mut HashSet<&'d str>,
    path: &mut Vec<(&'d str, Vec<&'d str>, u64)>,
) -> bool {
    match &entity.content {
        Content::Text(text) if !sizes.contains_key(name) && open.insert(name) => {
            path.push((name, references(text), text.len() as u64));
            true
        }
        _ => false,
    }
}

/// The names that a text refers to.
pub(super) fn references(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for at in memchr::memchr_iter(b'&', text.as_bytes()) {
        if let Ok(Reference::Entity(name)) = reference(&mut Cursor::new(text, at)) {
            names.push(name);
        }
    }
    names
}

impl Reader<'_> {
    /// Declarations up to the end of the internal subset, or of a parameter entity's text.
    fn subset(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        loop {
            cursor.blanks();
            let byte = match cursor.peek() {
                Err(Halt::More) if !self.open.is_empty() => return Ok(()),
                byte => byte?,
            };
            match byte {
                b']' if self.open.is_empty() => {
                    cursor.at += 1;
                    return Ok(());
                }
                b'%' => self.parameter_reference(cursor)?,
                b'<' => self.declaration(cursor)?,
                _ => return flaw(cursor.at, format!("expected a declaration, found `{}`", cursor.shown())),
            }
        }
    }

    fn parameter_reference(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        let start = cursor.at;
        cursor.at += 1;
        let name = cursor.name("the name of a parameter entity behind `%`")?;
        cursor.expect(";", "at the end of a reference")?;
        self.dtd.more = true;
        match self.dtd.parameters.get(name) {
            Some(Parameter::Text(text)) => {
                let text = text.clone();
                if self.open.iter().any(|open| **open == *name) {
                    return flaw(start, format!("parameter entity `{name}` refers to itself"));
                }
                self.expansion.enter(name, &text, self.open.len() + 1, start)?;
                self.open.push(name.into());
                let read = self.subset(&mut Cursor::new(&text, 0));
                self.open.pop();
                read.map_err(|halt| inside("parameter entity", name, start, halt))
            }
            // What it declares is not known from here on.
            Some(Parameter::External) | None if !self.dtd.standalone => {
                self.dtd.ignored = true;
                Ok(())
            }
            Some(Parameter::External) => Ok(()),
            None => flaw(start, format!("parameter entity `{name}` is not declared")),
        }
    }

    fn declaration(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        let start = cursor.at;
        if cursor.eat("<?")? {
            let target = cursor.name("the target of a processing instruction")?;
            instruction_target(target, start, self.dtd.namespaces)?;
            let mut text = "";
            if !cursor.eat("?>")? {
                cursor.need_blanks("behind the target of a processing instruction")?;
                text = cursor.until("?>")?;
            }
            self.dtd.instructions.push((target.into(), text.into()));
            return Ok(());
        }
        if cursor.eat("<!--")? {
            cursor.until("--")?;
            if cursor.eat(">")? {
                return Ok(());
            }
            return flaw(cursor.at - 2, "`--` inside a comment");
        }
        for word in ["<!ELEMENT", "<!ATTLIST", "<!ENTITY", "<!NOTATION"] {
            if cursor.eat(word)? {
                cursor.need_blanks("behind the kind of a declaration")?;
                match word {
                    "<!ELEMENT" => element(cursor)?,
                    "<!ATTLIST" => self.attlist(cursor)?,
                    "<!ENTITY" => self.entity(cursor)?,
                    _ => self.notation(cursor)?,
                }
                cursor.blanks();
                return cursor.expect(">", "at the end of a declaration");
            }
        }
        if cursor.eat("<![")? {
            return flaw(start, "a conditional section, which may stand in an external subset only");
        }
        flaw(start, "expected `<!ELEMENT`, `<!ATTLIST`, `<!ENTITY`, `<!NOTATION`, a comment or an instruction")
    }

    fn attlist(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        let element = cursor.name("the name of an element")?;
        loop {
            let space = cursor.blanks();
            if cursor.peek()? == b'>' {
                return Ok(());
            }
            if !space {
                return flaw(cursor.at, "expected a blank before the name of an attribute");
            }
            let name = cursor.name("the name of an attribute")?;
            cursor.need_blanks("behind the name of an attribute")?;
            let tokens = attribute_type(cursor)?;
            cursor.need_blanks("behind the type of an attribute")?;
            let default = self.default(cursor, tokens)?;
            if self.dtd.ignored {
                continue;
            }
            let known = self.dtd.attributes.entry(element.into()).or_default();
            // Few attributes have an element; that many declarations are made to be slow.
            if known.len() >= 4096 {
                return flaw(cursor.at, format!("more than 4096 attributes are declared for `{element}`"));
            }
            if !known.iter().any(|attribute| *attribute.name == *name) {
                known.push(Attribute { name: name.into(), tokens, default });
            }
        }
    }

    fn default(&mut self, cursor: &mut Cursor<'_>, tokens: bool) -> Step<Option<Box<str>>> {
        if cursor.eat("#REQUIRED")? || cursor.eat("#IMPLIED")? {
            return Ok(None);
        }
        if cursor.eat("#FIXED")? {
            cursor.need_blanks("behind `#FIXED`")?;
        }
        let start = cursor.at + 1;
        let raw = cursor.quoted("a default value, `#REQUIRED`, `#IMPLIED` or `#FIXED`")?;
        let mut value = String::new();
        attribute_value(self.dtd, raw, start, &mut value, self.expansion)?;
        if tokens {
            value = collapse(&value);
        }
        Ok(Some(value.into()))
    }

    fn entity(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        if cursor.eat("%")? {
            cursor.need_blanks("behind `%`")?;
            let name = cursor.name("the name of a parameter entity")?;
            self.no_colon(name, cursor.at)?;
            cursor.need_blanks("behind the name of an entity")?;
            let parameter = match cursor.peek()? {
                b'"' | b'\'' => Parameter::Text(entity_value(cursor)?),
                _ => {
                    external_id(cursor, Identifier::Whole)?;
                    Parameter::External
                }
            };
            if !self.dtd.ignored {
                self.dtd.parameters.entry(name.into()).or_insert(parameter);
            }
            return Ok(());
        }
        let name = cursor.name("the name of an entity")?;
        self.no_colon(name, cursor.at)?;
        cursor.need_blanks("behind the name of an entity")?;
        let start = cursor.at;
        let content = match cursor.peek()? {
            b'"' | b'\'' => Content::Text(entity_value(cursor)?),
            _ => {
                external_id(cursor, Identifier::Whole)?;
                let space = cursor.blanks();
                if space && cursor.eat("NDATA")? {
                    cursor.need_blanks("behind `NDATA`")?;
                    cursor.name("the name of a notation")?;
                    Content::Unparsed
                } else {
                    Content::External
                }
            }
        };
        predefined(name, &content, start)?;
        if !self.dtd.ignored {
            let nested = !self.open.is_empty();
            self.dtd.entities.entry(name.into()).or_insert(Entity { content, nested });
        }
        Ok(())
    }

    fn notation(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        let name = cursor.name("the name of a notation")?;
        self.no_colon(name, cursor.at)?;
        cursor.need_blanks("behind the name of a notation")?;
        let (public, system) = external_id(cursor, Identifier::MayBePublicAlone)?;
        if !self.dtd.ignored && !self.dtd.notations.iter().any(|known| known.name == name) {
            if self.dtd.notations.len() >= 4096 {
                return flaw(cursor.at, "more than 4096 notations are declared");
            }
            let owned = |id: Option<&str>| id.map(str::to_owned);
            let notation = Notation { name: name.to_owned(), public: owned(public), system: owned(system) };
            self.dtd.notations.push(notation);
        }
        Ok(())
    }

    fn no_colon(&self, name: &str, end: usize) -> Step<()> {
        if self.dtd.namespaces && name.contains(':') {
            return flaw(end - name.len(), format!("a colon in the name `{name}` of an entity or notation"));
        }
        Ok(())
    }
}

/// The target of a processing instruction at `at`: not `xml` in any case.
pub(super) fn instruction_target(target: &str, at: usize, namespaces: bool) -> Step<()> {
    if target.eq_ignore_ascii_case("xml") {
        return flaw(at, "an XML declaration may stand at the very start of a document only");
    }
    if namespaces && target.contains(':') {
        return flaw(at, format!("a colon in the target `{target}` of a processing instruction"));
    }
    Ok(())
}

/// The same fault, seen from the reference to the entity that it stands in.
pub(super) fn inside(kind: &str, name: &str, at: usize, halt: Halt) -> Halt {
    let cause = match halt {
        Halt::Flaw(Flaw { cause: Cause::Syntax(message), .. }) if message.starts_with("in ") => Cause::Syntax(message),
        Halt::Flaw(Flaw { cause: Cause::Syntax(message), .. }) => {
            Cause::Syntax(format!("in {kind} `{name}`: {message}"))
        }
        Halt::Flaw(Flaw { cause, .. }) => cause,
        Halt::More => Cause::Syntax(format!("in {kind} `{name}`: the text ends inside markup")),
    };
    Halt::Flaw(Flaw { at, cause })
}

/// One space between the tokens of a value and none around them.
pub(super) fn collapse(value: &str) -> String {
    value.split(' ').filter(|token| !token.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The name of an element and what it may hold.
fn element(cursor: &mut Cursor<'_>) -> Step<()> {
    cursor.name("the name of an element")?;
    cursor.need_blanks("behind the name of an element")?;
    if cursor.eat("EMPTY")? || cursor.eat("ANY")? {
        return Ok(());
    }
    cursor.expect("(", "or `EMPTY` or `ANY` as an element's content")?;
    cursor.blanks();
    if cursor.eat("#PCDATA")? {
        return mixed(cursor);
    }
    children(cursor)
}

/// `(#PCDATA | a | b)*` behind its first word.
fn mixed(cursor: &mut Cursor<'_>) -> Step<()> {
    let mut names = false;
    loop {
        cursor.blanks();
        if cursor.eat(")")? {
            break;
        }
        cursor.expect("|", "or `)` behind `#PCDATA`")?;
        cursor.blanks();
        cursor.name("the name of an element")?;
        names = true;
    }
    if cursor.eat("*")? || !names { Ok(()) } else { flaw(cursor.at, "expected `*` behind `)` of mixed content") }
}

/// `(a, (b | c)*, d?)` behind its first parenthesis, with the groups on a stack of our own.
fn children(cursor: &mut Cursor<'_>) -> Step<()> {
    // The separator of each open group, once there is one.
    let mut groups: Vec<Option<u8>> = vec![None];
    loop {
        cursor.blanks();
        if cursor.eat("(")? {
            if groups.len() >= MAX_GROUPS {
                return flaw(cursor.at - 1, format!("groups are nested deeper than {MAX_GROUPS}"));
            }
            groups.push(None);
            continue;
        }
        cursor.name("the name of an element or `(`")?;
        occurrence(cursor)?;
        loop {
            cursor.blanks();
            let byte = cursor.peek()?;
            let Some(separator) = groups.last_mut() else { return Ok(()) };
            match byte {
                b')' => {
                    cursor.at += 1;
                    occurrence(cursor)?;
                    groups.pop();
                    if groups.is_empty() {
                        return Ok(());
                    }
                }
                b'|' | b',' if separator.is_none_or(|known| known == byte) => {
                    *separator = Some(byte);
                    cursor.at += 1;
                    break;
                }
                b'|' | b',' => return flaw(cursor.at, "`|` and `,` in one group"),
                _ => return flaw(cursor.at, format!("expected `|`, `,` or `)`, found `{}`", cursor.shown())),
            }
        }
    }
}

fn occurrence(cursor: &mut Cursor<'_>) -> Step<()> {
    if matches!(cursor.peek()?, b'?' | b'*' | b'+') {
        cursor.at += 1;
    }
    Ok(())
}

/// Whether values of the type are tokens.
fn attribute_type(cursor: &mut Cursor<'_>) -> Step<bool> {
    if cursor.peek()? == b'(' {
        enumeration(cursor, false)?;
        return Ok(true);
    }
    let start = cursor.at;
    match cursor.name("the type of an attribute")? {
        "CDATA" => Ok(false),
        "ID" | "IDREF" | "IDREFS" | "ENTITY" | "ENTITIES" | "NMTOKEN" | "NMTOKENS" => Ok(true),
        "NOTATION" => {
            cursor.need_blanks("behind `NOTATION`")?;
            enumeration(cursor, true)?;
            Ok(true)
        }
        other => flaw(start, format!("`{other}` is no type of an attribute")),
    }
}

fn enumeration(cursor: &mut Cursor<'_>, names: bool) -> Step<()> {
    cursor.expect("(", "before the values of an attribute")?;
    loop {
        cursor.blanks();
        if names {
            cursor.name("the name of a notation")?;
        } else {
            let end = token_end(cursor.text, cursor.at);
            if end == cursor.at {
                cursor.peek()?;
                return flaw(cursor.at, "expected a value of the attribute");
            }
            cursor.at = end;
        }
        cursor.blanks();
        if cursor.eat(")")? {
            return Ok(());
        }
        cursor.expect("|", "or `)` between the values of an attribute")?;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Identifier {
    Whole,
    /// A notation's, which needs no system identifier.
    MayBePublicAlone,
}

/// Public and system identifier.
type Identifiers<'a> = (Option<&'a str>, Option<&'a str>);

fn external_id<'a>(cursor: &mut Cursor<'a>, kind: Identifier) -> Step<Identifiers<'a>> {
    if cursor.eat("SYSTEM")? {
        cursor.need_blanks("behind `SYSTEM`")?;
        return Ok((None, Some(cursor.quoted("a system identifier")?)));
    }
    if !cursor.eat("PUBLIC")? {
        return flaw(cursor.at, "expected a quoted text, `SYSTEM` or `PUBLIC`");
    }
    cursor.need_blanks("behind `PUBLIC`")?;
    let start = cursor.at + 1;
    let public = cursor.quoted("a public identifier")?;
    if let Some(at) = public.bytes().position(|byte| !is_public(byte)) {
        return flaw(start + at, "a character that no public identifier may hold");
    }
    let space = cursor.blanks();
    if kind == Identifier::MayBePublicAlone && cursor.peek()? == b'>' {
        return Ok((Some(public), None));
    }
    if !space {
        cursor.peek()?;
        return flaw(cursor.at, "expected a blank between public and system identifier");
    }
    Ok((Some(public), Some(cursor.quoted("a system identifier")?)))
}

/// The replacement text that a quoted value stands for: characters are put in, entities stay references.
fn entity_value(cursor: &mut Cursor<'_>) -> Step<Arc<str>> {
    let start = cursor.at + 1;
    let raw = cursor.quoted("the value of an entity")?;
    let shifted = |halt: Halt| match halt {
        Halt::Flaw(flaw) => Halt::Flaw(Flaw { at: start + flaw.at, ..flaw }),
        Halt::More => Halt::Flaw(Flaw {
            at: start + raw.len(),
            cause: Cause::Syntax("a reference is not ended by `;`".to_owned()),
        }),
    };
    let mut value = String::with_capacity(raw.len());
    let mut inner = Cursor::new(raw, 0);
    while let Some(length) = memchr::memchr3(b'&', b'%', b'\r', inner.rest()) {
        let from = inner.at;
        inner.at += length;
        value.push_str(inner.since(from));
        let at = inner.at;
        match inner.peek().map_err(shifted)? {
            b'%' => return flaw(start + at, "a `%` inside an entity's value, where the internal subset allows none"),
            b'\r' => {
                value.push('\n');
                inner.at += if inner.rest().starts_with(b"\r\n") { 2 } else { 1 };
            }
            // `&lt;` and the like are entities too.
            _ => match reference(&mut inner).map_err(shifted)? {
                Reference::Char(letter) if inner.since(at).starts_with("&#") => value.push(letter),
                _ => value.push_str(inner.since(at)),
            },
        }
    }
    value.push_str(raw.get(inner.at..).unwrap_or_default());
    Ok(value.into())
}

/// `lt` and the like may be declared anew, as what they are.
fn predefined(name: &str, content: &Content, at: usize) -> Step<()> {
    let (letter, escaped) = match name {
        "lt" => ('<', true),
        "amp" => ('&', true),
        "gt" => ('>', false),
        "apos" => ('\'', false),
        "quot" => ('"', false),
        _ => return Ok(()),
    };
    let right = match content {
        Content::Text(text) => {
            let reference = reference(&mut Cursor::new(text, 0)).ok();
            let is_reference = reference == Some(Reference::Char(letter)) && text.ends_with(';');
            is_reference || (!escaped && text.chars().eq([letter]))
        }
        _ => false,
    };
    if right { Ok(()) } else { flaw(at, format!("`{name}` is declared as something else than `{letter}`")) }
}
