//! Elements: their tags, and the text and references in them.

use super::{Parser, Phase, Sink};
use crate::xml::cursor::{Cause, Cursor, Flaw, Halt, Step, flaw};
use crate::xml::dtd::{Content, collapse, inside};
use crate::xml::entity::{Reference, attribute_value, entity, reference};
use crate::xml::text::{plain_text_end, text_end};

impl Parser {
    #[inline]
    pub(super) fn start_tag(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl Sink) -> Step<()> {
        let at = cursor.at;
        cursor.at += 1;
        let name = cursor.name("the name of an element behind `<`; `<` alone is written `&lt;`")?;
        self.attributes.clear();
        let empty = if cursor.peek()? == b'>' {
            cursor.at += 1;
            false
        } else {
            self.attribute_list(cursor)?
        };
        let depth = self.around + self.open.len() + 1;
        if depth > self.rules.depth {
            return Err(Halt::Flaw(Flaw { at: self.origin.unwrap_or(at), cause: Cause::TooDeep(self.rules.depth) }));
        }
        self.complete(name, at)?;
        if self.rules.namespaces && (self.attributes.len() > 0 || name.contains(':')) {
            self.scope.enter(depth, at, name, &self.attributes)?;
        }
        sink.start(self.origin.unwrap_or(at), name, &self.attributes);
        if empty {
            sink.end(self.origin.unwrap_or(cursor.at), name);
            self.scope.leave(depth);
            if self.open.len() == 0 {
                self.phase = Phase::Epilog;
            }
        } else {
            self.open.push(name);
        }
        Ok(())
    }

    /// The attributes of a start tag up to and including its end; whether the element is empty.
    fn attribute_list(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
        loop {
            let space = cursor.blanks();
            match cursor.peek()? {
                b'>' => {
                    cursor.at += 1;
                    break Ok(false);
                }
                b'/' => {
                    cursor.at += 1;
                    cursor.expect(">", "behind `/` in a tag")?;
                    break Ok(true);
                }
                _ if !space => {
                    let shown = cursor.shown();
                    return flaw(cursor.at, format!("expected a blank, `/>` or `>` in a tag, found `{shown}`"));
                }
                _ => {}
            }
            let name = cursor.name("the name of an attribute")?;
            cursor.blanks();
            cursor.expect("=", "behind the name of an attribute")?;
            cursor.blanks();
            let start = cursor.at + 1;
            let raw = cursor.quoted("the value of an attribute")?;
            let value = self.attributes.begin(name);
            attribute_value(&self.dtd, raw, start, value, &mut self.expansion)?;
            self.attributes.end();
        }
    }

    /// Gives the attributes of an element the types and defaults that were declared.
    fn complete(&mut self, name: &str, at: usize) -> Step<()> {
        if let Some(name) = self.attributes.twice() {
            return flaw(at, format!("attribute `{name}` stands twice in a tag"));
        }
        if self.dtd.attributes.is_empty() {
            return Ok(());
        }
        let Some(declared) = self.dtd.attributes.get(name) else { return Ok(()) };
        let given = std::mem::take(&mut self.attributes);
        for (name, value) in given.iter() {
            self.attributes.begin(name).push_str(value);
            self.attributes.end();
            if value.contains(' ') && declared.iter().any(|attribute| attribute.tokens && *attribute.name == *name) {
                let value = collapse(self.attributes.last());
                self.attributes.replace(&value);
            }
        }
        for attribute in declared {
            if let Some(default) = &attribute.default
                && !given.iter().any(|(name, _)| *attribute.name == *name)
            {
                self.attributes.begin(&attribute.name).push_str(default);
                self.attributes.end();
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn end_tag(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl Sink) -> Step<()> {
        let at = cursor.at;
        cursor.at += 2;
        let expected = self.open.last();
        let rest = cursor.rest();
        if let Some([b'>', ..]) = rest.strip_prefix(expected.as_bytes())
            && self.open.len() > self.base
        {
            cursor.at += expected.len() + 1;
        } else {
            let name = cursor.name("the name of an element behind `</`")?;
            cursor.blanks();
            cursor.peek()?;
            if self.open.len() <= self.base {
                return flaw(at, format!("`</{name}>` without a start tag"));
            }
            if name != expected {
                return flaw(at, format!("`</{name}>` where `</{expected}>` was expected"));
            }
            cursor.expect(">", "at the end of an end tag")?;
        }
        sink.end(self.origin.unwrap_or(cursor.at), expected);
        self.scope.leave(self.around + self.open.len());
        self.open.pop();
        if self.open.len() == 0 {
            self.phase = Phase::Epilog;
        }
        Ok(())
    }

    /// Text up to the next markup or reference, or as far as is known to be text.
    #[inline]
    pub(super) fn text(&mut self, cursor: &mut Cursor<'_>, last: bool, sink: &mut impl Sink) -> Step<()> {
        let bytes = cursor.text.as_bytes();
        let start = cursor.at;
        let mut at = start;
        loop {
            at = if self.rules.fast { text_end(bytes, at) } else { plain_text_end(bytes, at) };
            match bytes.get(at..at + 3) {
                Some(b"]]>") => return flaw(at, "`]]>` in text, where it is written `]]&gt;`"),
                Some([b']', ..]) => at += 1,
                Some([b'\r', ..]) if self.origin.is_some() => at += 1,
                Some([b'\r', next, _]) => {
                    self.give(cursor, at, sink);
                    sink.text(at, "\n");
                    cursor.at += if *next == b'\n' { 2 } else { 1 };
                    return Ok(());
                }
                _ => match bytes.get(at..) {
                    Some([b']', rest @ ..]) if last || rest.first().is_some_and(|byte| *byte != b']') => at += 1,
                    Some([b'\r', ..]) if self.origin.is_some() => at += 1,
                    Some([b'\r', rest @ ..]) if last || !rest.is_empty() => {
                        self.give(cursor, at, sink);
                        sink.text(at, "\n");
                        cursor.at += if rest.first() == Some(&b'\n') { 2 } else { 1 };
                        return Ok(());
                    }
                    // Markup, a reference, the end of the text, or what only the next bytes can tell.
                    _ => break,
                },
            }
        }
        if at == start {
            return Err(Halt::More);
        }
        self.give(cursor, at, sink);
        Ok(())
    }

    #[inline]
    fn give(&self, cursor: &mut Cursor<'_>, end: usize, sink: &mut impl Sink) {
        let start = cursor.at;
        cursor.at = end;
        if end > start {
            sink.text(self.origin.unwrap_or(start), cursor.since(start));
        }
    }

    pub(super) fn reference(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl Sink) -> Step<()> {
        let start = cursor.at;
        let place = self.origin.unwrap_or(start);
        let name = match reference(cursor)? {
            Reference::Char(letter) => {
                sink.text(place, letter.encode_utf8(&mut [0; 4]));
                return Ok(());
            }
            Reference::Entity(name) => name,
        };
        let Some(Content::Text(text)) = entity(&self.dtd, name, start)? else {
            sink.skipped(place, cursor.since(start));
            return Ok(());
        };
        let text = text.clone();
        if self.entities.iter().any(|open| **open == *name) {
            return flaw(start, format!("entity `{name}` refers to itself"));
        }
        self.expansion.enter(name, &text, self.entities.len() + 1, start)?;
        self.entities.push(name.into());
        let (origin, base) = (self.origin.replace(place), std::mem::replace(&mut self.base, self.open.len()));
        let read = self.entity_text(&text, sink);
        (self.origin, self.base) = (origin, base);
        self.entities.pop();
        read.map_err(|halt| inside("entity", name, start, halt))
    }

    /// The text of an entity as content of the open element.
    fn entity_text(&mut self, text: &str, sink: &mut impl Sink) -> Step<()> {
        let mut cursor = Cursor::new(text, 0);
        while cursor.at < text.len() {
            self.content(&mut cursor, true, sink)?;
        }
        if self.section.is_some() {
            return Err(Halt::More);
        }
        if self.open.len() > self.base {
            return flaw(0, format!("element `{}` is not closed", self.open.last()));
        }
        Ok(())
    }
}
