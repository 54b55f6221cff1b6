//! The second half of the fast path: along the structure of a text, checking that it is JSON and picking up the fields
//! somebody asks for.
//!
//! It says nothing about what is wrong; for that, `machine.rs` reads the text again.

use std::borrow::Cow;
use std::ops::Range;

use super::scalar::trimmed;
use super::structure::{SCALAR, Structure};
use super::text::unescaped;

/// Keys somebody asks for, and within their objects more of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    keys: Vec<Key>,
    /// A bit for each length that some key has, those of 63 bytes and more together.
    lengths: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    name: String,
    /// The slots that the value itself goes to.
    slot: Option<usize>,
    pub(super) inner: Wanted,
    /// The slots of this key and all within.
    slots: Vec<usize>,
}

/// Where the values of fields stand; nothing for what is missing.
pub(crate) type Slots = [Option<Range<usize>>];

/// A text whose structure was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    at: &'a [u32],
    kinds: &'a [u8],
    backslashes: &'a [u32],
    apart: bool,
    limit: u32,
}

impl Wanted {
    /// The fields under these paths; each value goes to the slot that its path has here. No path comes twice.
    pub(crate) fn new<'p>(paths: impl Iterator<Item = &'p [String]>) -> Self {
        let mut wanted = Self::default();
        for (slot, path) in paths.enumerate() {
            wanted.add(path, slot);
        }
        wanted
    }

    fn add(&mut self, path: &[String], slot: usize) {
        let Some((name, rest)) = path.split_first() else { return };
        let place = self.keys.iter().position(|key| key.name == *name).unwrap_or_else(|| {
            let key = Key { name: name.clone(), slot: None, inner: Self::default(), slots: Vec::new() };
            self.keys.push(key);
            self.lengths |= 1 << name.len().min(63);
            self.keys.len() - 1
        });
        if let Some(key) = self.keys.get_mut(place) {
            key.slots.push(slot);
            if rest.is_empty() {
                key.slot = Some(slot);
            } else {
                key.inner.add(rest, slot);
            }
        }
    }

    /// Whether some key is of a length.
    #[inline]
    pub(super) fn has_length(&self, length: usize) -> bool {
        self.lengths >> length.min(63) & 1 == 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<&Key> {
        // Most keys are wanted by nobody, and of another length.
        if !self.has_length(name.len()) {
            return None;
        }
        // Of the same length many another one begins differently.
        self.keys.iter().find(|key| key.name.as_bytes().first() == name.first() && key.name.as_bytes() == name)
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn new(bytes: &'a [u8], structure: &'a Structure, limit: u32) -> Self {
        let Structure { at, kinds, backslashes, apart, .. } = structure;
        Self { bytes, at, kinds, backslashes, apart: *apart, limit }
    }

    /// The text.
    #[inline]
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The place behind a comma, if there is one.
    #[inline]
    pub(crate) fn behind_comma(&self, k: usize) -> usize {
        if self.byte(k) == b',' { k + 1 } else { k }
    }

    /// One record: where its value stands, and the place of what follows.
    #[inline]
    pub(crate) fn record(&self, k: usize, wanted: &Wanted, slots: &mut Slots) -> Option<(Range<usize>, usize)> {
        slots.fill(None);
        if self.byte(k) == b'{' {
            let next = self.object(k, wanted, 1, slots)?;
            return Some((self.place(k)?..self.place(next - 1)? + 1, next));
        }
        let next = self.value(k, 0)?;
        let span = self.span(k, next)?;
        if let Some(slot) = wanted.find(super::VALUE.as_bytes()).and_then(|key| key.slot)
            && let Some(slot) = slots.get_mut(slot)
        {
            *slot = Some(span.clone());
        }
        Some((span, next))
    }

    /// An object some of whose keys are wanted.
    fn object(&self, k: usize, wanted: &Wanted, depth: u32, slots: &mut Slots) -> Option<usize> {
        if depth > self.limit {
            return None;
        }
        let mut k = k + 1;
        if self.byte(k) == b'}' {
            return Some(k + 1);
        }
        loop {
            // The key, the colon, the value and what follows it: most values are no brackets.
            let &[b'"', b':', value, behind] = self.kinds.get(k..)?.first_chunk::<4>()? else { return None };
            let &[key, colon] = self.at.get(k..)?.first_chunk::<2>()?;
            let (next, behind) = match self.wanted_key(key as usize, colon as usize, wanted) {
                None if matches!(value, b'"' | SCALAR) => (k + 3, behind),
                None if matches!(value, b'{' | b'[') => {
                    let next = self.nested(k + 2, depth)?;
                    (next, self.byte(next))
                }
                None => return None,
                Some(wanted) => {
                    let next = self.wanted_value(k + 2, wanted, depth, slots)?;
                    (next, self.byte(next))
                }
            };
            match behind {
                b',' => k = next + 1,
                b'}' => return Some(next + 1),
                _ => return None,
            }
        }
    }

    /// What is wanted of the value of a key.
    #[inline]
    fn wanted_key<'w>(&self, key: usize, colon: usize, wanted: &'w Wanted) -> Option<&'w Key> {
        wanted.find(&self.name(key, colon)?)
    }

    /// Whether there is a backslash in some string.
    #[inline]
    fn escapes(&self) -> bool {
        !self.backslashes.is_empty()
    }

    /// Whether there is a backslash in some string between two offsets.
    #[inline]
    pub(super) fn has_escape(&self, start: usize, end: usize) -> bool {
        self.escapes() && {
            let next = self.backslashes.partition_point(|at| (*at as usize) < start);
            self.backslashes.get(next).is_some_and(|at| (*at as usize) < end)
        }
    }

    /// Whether some colon does not stand right behind a quote.
    #[inline]
    pub(super) fn has_colons_apart(&self) -> bool {
        self.apart
    }

    /// So much of the structure from a place on: what stands there, and where.
    #[inline]
    pub(super) fn part(&self, k: usize, length: usize) -> Option<(&'a [u8], &'a [u32])> {
        Some((self.kinds.get(k..k + length)?, self.at.get(k..k + length)?))
    }

    /// The name whose opening quote stands at an offset, and the colon behind it at another.
    #[inline]
    fn name(&self, key: usize, colon: usize) -> Option<Cow<'a, [u8]>> {
        // Nothing but blanks stands between the closing quote and the colon.
        let mut end = colon.checked_sub(1)?;
        while self.bytes.get(end) != Some(&b'"') {
            end = end.checked_sub(1)?;
        }
        let name = self.bytes.get(key + 1..end)?;
        Some(if self.escapes() { unescaped(name) } else { Cow::Borrowed(name) })
    }

    fn wanted_value(&self, k: usize, key: &Key, depth: u32, slots: &mut Slots) -> Option<usize> {
        // Of equal keys the last one counts.
        for &slot in &key.slots {
            if let Some(slot) = slots.get_mut(slot) {
                *slot = None;
            }
        }
        let next = if self.byte(k) == b'{' && !key.inner.keys.is_empty() {
            self.object(k, &key.inner, depth + 1, slots)?
        } else {
            self.value(k, depth)?
        };
        if let Some(slot) = key.slot.and_then(|slot| slots.get_mut(slot)) {
            *slot = Some(self.span(k, next)?);
        }
        Some(next)
    }

    /// One record all of whose members are looked at: where its value stands, and the place of what follows. `member` has
    /// the name and the place of the value of each as they come; whether the record is valid is known at the end.
    #[inline]
    pub(super) fn whole_record(&self, k: usize, mut member: impl FnMut(&[u8], usize)) -> Option<(Range<usize>, usize)> {
        let start = self.place(k)?;
        if self.byte(k) != b'{' {
            let next = self.value(k, 0)?;
            member(super::VALUE.as_bytes(), k);
            return Some((self.span(k, next)?, next));
        }
        let mut k = k + 1;
        if self.byte(k) == b'}' {
            return Some((start..self.place(k)? + 1, k + 1));
        }
        loop {
            let &[b'"', b':', value, _] = self.kinds.get(k..)?.first_chunk::<4>()? else { return None };
            let &[key, colon] = self.at.get(k..)?.first_chunk::<2>()?;
            let next = match value {
                b'{' | b'[' => self.nested(k + 2, 1)?,
                b'"' | SCALAR => k + 3,
                _ => return None,
            };
            member(&self.name(key as usize, colon as usize)?, k + 2);
            match self.byte(next) {
                b',' => k = next + 1,
                b'}' => return Some((start..self.place(next)? + 1, next + 1)),
                _ => return None,
            }
        }
    }

    /// Name and place of the value of each member of a valid object.
    pub(super) fn members(&self, k: usize, mut member: impl FnMut(&[u8], usize)) {
        let mut k = k + 1;
        while let (Some(key), Some(colon)) = (self.place(k), self.place(k + 1))
            && let Some(name) = self.name(key, colon).filter(|_| self.byte(k) == b'"')
        {
            member(&name, k + 2);
            let next = self.behind(k + 2);
            if self.byte(next) != b',' {
                break;
            }
            k = next + 1;
        }
    }

    /// The place of each item of a valid array.
    pub(super) fn items(&self, k: usize, mut item: impl FnMut(usize)) {
        let mut k = k + 1;
        if self.byte(k) == b']' {
            return;
        }
        loop {
            item(k);
            let next = self.behind(k);
            if self.byte(next) != b',' {
                return;
            }
            k = next + 1;
        }
    }

    /// The place behind a valid value.
    pub(super) fn behind(&self, mut k: usize) -> usize {
        let mut depth = 0u32;
        loop {
            match self.byte(k) {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                0 => return k,
                _ => {}
            }
            k += 1;
            if depth == 0 {
                return k;
            }
        }
    }

    /// The place of what begins at an offset.
    pub(super) fn find(&self, start: usize) -> usize {
        self.at.partition_point(|at| (*at as usize) < start)
    }

    /// The first byte of the value at a place.
    #[inline]
    pub(super) fn first_byte(&self, k: usize) -> u8 {
        self.place(k).and_then(|at| self.bytes.get(at)).copied().unwrap_or(0)
    }

    /// Where the value at a place begins.
    pub(super) fn start(&self, k: usize) -> usize {
        self.place(k).unwrap_or(self.bytes.len())
    }

    /// The source of a string, number or word.
    #[inline]
    pub(super) fn token(&self, k: usize) -> &'a [u8] {
        self.span(k, k + 1).and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// The source of a valid value.
    pub(super) fn source(&self, k: usize) -> &'a [u8] {
        self.span(k, self.behind(k)).and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// What stands between the quotes of a string, as it is written, and whether there may be escapes in it; nothing if it is none.
    #[inline]
    pub(super) fn quoted(&self, k: usize) -> Option<(&'a [u8], bool)> {
        match self.token(k) {
            [b'"', inner @ .., b'"'] => Some((inner, self.escapes())),
            _ => None,
        }
    }

    /// Any value within brackets of some depth; answers the place of what follows.
    #[inline]
    fn value(&self, k: usize, depth: u32) -> Option<usize> {
        match self.byte(k) {
            b'"' | SCALAR => Some(k + 1),
            b'{' | b'[' => self.nested(k, depth),
            _ => None,
        }
    }

    /// An object or array of which nothing is wanted, without recursion.
    fn nested(&self, mut k: usize, depth: u32) -> Option<usize> {
        let mut open = Brackets::default();
        'open: loop {
            let object = self.byte(k) == b'{';
            open.push(object);
            if depth.saturating_add(open.depth) > self.limit {
                return None;
            }
            k += 1;
            let mut first = true;
            loop {
                // At an element, or at the bracket that closes what has none.
                let mut byte = self.byte(k);
                let object = open.top;
                if !(first && byte == if object { b'}' } else { b']' }) {
                    if object {
                        if byte != b'"' || self.byte(k + 1) != b':' {
                            return None;
                        }
                        k += 2;
                        byte = self.byte(k);
                    }
                    match byte {
                        b'"' | SCALAR => k += 1,
                        b'{' | b'[' => continue 'open,
                        _ => return None,
                    }
                }
                // After a value, brackets close until a comma.
                loop {
                    match (self.byte(k), open.top) {
                        (b',', _) => {
                            k += 1;
                            break;
                        }
                        (b'}', true) | (b']', false) => {
                            k += 1;
                            open.pop();
                            if open.depth == 0 {
                                return Some(k);
                            }
                        }
                        _ => return None,
                    }
                }
                first = false;
            }
        }
    }

    /// Where the value stands that begins at a place and is followed by another.
    #[inline]
    pub(super) fn span(&self, k: usize, next: usize) -> Option<Range<usize>> {
        let start = self.place(k)?;
        let end = self.place(next).unwrap_or(self.bytes.len());
        Some(start..start + trimmed(self.bytes.get(start..end)?).len())
    }

    #[inline]
    fn place(&self, k: usize) -> Option<usize> {
        self.at.get(k).map(|at| *at as usize)
    }

    /// The byte at a place of the structure; 0, which is never valid, behind the last.
    #[inline]
    fn byte(&self, k: usize) -> u8 {
        self.kinds.get(k).copied().unwrap_or(0)
    }
}

/// Brackets that are open: for each a bit, set for an object.
#[derive(Default)]
struct Brackets {
    /// Those that were open before the last sixty-four.
    below: Vec<u64>,
    last: u64,
    depth: u32,
    top: bool,
}

impl Brackets {
    #[inline]
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.below.push(self.last);
        }
        self.last = self.last << 1 | u64::from(object);
        self.depth += 1;
        self.top = object;
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.last = self.below.pop().unwrap_or(0);
        } else {
            self.last >>= 1;
        }
        self.top = self.last & 1 == 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::machine::{self, MAX_DEPTH, tests::INVALID, tests::VALID};
    use super::*;

    /// The values of a text that stand one after another, and their fields as text, if the fast path takes them.
    fn walked(text: &[u8], paths: &[&[&str]], limit: u32) -> Option<Vec<String>> {
        let mut structure = Structure::default();
        structure.find(text).ok()?;
        let paths: Vec<Vec<String>> =
            paths.iter().map(|path| path.iter().map(|name| (*name).to_owned()).collect()).collect();
        let wanted = Wanted::new(paths.iter().map(Vec::as_slice));
        let mut slots = vec![None; paths.len()];
        let mut records = Vec::new();
        let shown = |range: Range<usize>| String::from_utf8_lossy(&text[range]).into_owned();
        let walk = Walk::new(text, &structure, limit);
        let mut k = 0;
        while walk.place(k).is_some() {
            let (record, next) = walk.record(k, &wanted, &mut slots)?;
            let fields = slots.iter().map(|slot| slot.clone().map_or("-".to_owned(), shown));
            records.push(format!("{} {}", shown(record), fields.collect::<Vec<_>>().join("|")));
            k = next;
        }
        Some(records)
    }

    fn valid(text: &[u8], limit: u32) -> bool {
        walked(text, &[], limit).is_some_and(|records| records.len() == 1)
    }

    #[test]
    fn takes_what_the_machine_takes() {
        for text in VALID {
            assert!(valid(text.as_bytes(), MAX_DEPTH), "{text}");
        }
        for (text, ..) in INVALID {
            assert!(!valid(text, MAX_DEPTH), "{}", text.escape_ascii());
        }
    }

    /// Every invalid value is refused in a field that nobody asks for, wherever that is.
    #[test]
    fn skipped_fields_are_checked() {
        for (text, ..) in INVALID {
            for (before, after) in
                [("{\"x\":1,\"y\":", "}"), ("{\"x\":1,\"y\":[{\"z\":", "}]}"), ("[[", ",1]]"), ("{\"y\":{\"x\":", "}}")]
            {
                let text = [before.as_bytes(), text, after.as_bytes()].concat();
                if machine::check(&text, MAX_DEPTH).is_ok() {
                    continue;
                }
                for path in [&[][..], &[&["x"][..]], &[&["y"]], &[&["y", "x"]]] {
                    let found = walked(&text, path, MAX_DEPTH);
                    assert!(found.is_none_or(|records| records.len() != 1), "{}", text.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn depth_is_limited() {
        for levels in [1, 63, 64, 65, 128, 129, 1024, 1025] {
            for (open, close, core) in [("[", "]", ""), ("{\"a\":", "}", "1"), ("[{\"a\":[", "]}]", "0,[],{}")] {
                let text = [&open.repeat(levels), core, &close.repeat(levels)].concat();
                for limit in [10, 64, 1024] {
                    let expected = machine::check(text.as_bytes(), limit).is_ok();
                    assert_eq!(valid(text.as_bytes(), limit), expected, "{levels} of {open}, {limit}");
                    let path: &[&str] = &["a"; 70];
                    let found = walked(text.as_bytes(), &[path], limit);
                    assert_eq!(found.is_some(), expected, "{levels} of {open}, {limit}");
                }
            }
        }
    }

    #[test]
    fn fields_are_found() {
        let paths: &[&[&str]] = &[&["a"], &["u", "c"], &["value"], &["u"]];
        let cases = [
            ("{\"a\": 1 ,\"b\":2}", "{\"a\": 1 ,\"b\":2} 1|-|-|-"),
            (
                "{\"u\":{\"c\" : \"x\" },\"a\":null}",
                "{\"u\":{\"c\" : \"x\" },\"a\":null} null|\"x\"|-|{\"c\" : \"x\" }",
            ),
            ("{\"a\":1,\"a\":[2]}", "{\"a\":1,\"a\":[2]} [2]|-|-|-"),
            ("{\"u\":{\"c\":1},\"u\":{\"d\":2}}", "{\"u\":{\"c\":1},\"u\":{\"d\":2}} -|-|-|{\"d\":2}"),
            ("{\"u\":{\"c\":1},\"u\":5}", "{\"u\":{\"c\":1},\"u\":5} -|-|-|5"),
            ("{\"\\u0061\":7}", "{\"\\u0061\":7} 7|-|-|-"),
            ("{\"c\":7,\"a \":1}", "{\"c\":7,\"a \":1} -|-|-|-"),
            ("5", "5 -|-|5|-"),
            ("\"x\"", "\"x\" -|-|\"x\"|-"),
            ("{\"value\":true}", "{\"value\":true} -|-|true|-"),
        ];
        for (text, expected) in cases {
            assert_eq!(walked(text.as_bytes(), paths, MAX_DEPTH).unwrap(), [expected], "{text}");
        }
    }

    proptest! {
        /// The fast path and the plain one take the same texts.
        #[test]
        fn as_the_machine(
            text in "[\\[\\]{},:\"\\\\ tfn0-9eE.+a\u{e9}\n-]{0,14}|(\\[|\\]|\\{|\\}|,|:|\"a\"|\"\\\\n\"|1|-2.5e3|true|null| ){0,16}",
        ) {
            prop_assert_eq!(valid(text.as_bytes(), 3), machine::check(text.as_bytes(), 3).is_ok(), "{}", text);
        }

        /// So too when some bytes of a valid text are replaced.
        #[test]
        fn as_the_machine_on_broken_texts(
            which in 0..VALID.len(),
            breaks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let mut text = format!("{{\"k\":{},\"a\":[0,\"\\ud83d\\ude00é\",{{}}]}}", VALID[which]).into_bytes();
            for (at, byte) in breaks {
                let at = at.index(text.len());
                text[at] = byte;
            }
            prop_assert_eq!(valid(&text, 5), machine::check(&text, 5).is_ok(), "{}", text.escape_ascii());
        }

        #[test]
        fn as_the_machine_on_bytes(text in prop::collection::vec(any::<u8>(), 0..20)) {
            prop_assert_eq!(valid(&text, 5), machine::check(&text, 5).is_ok());
        }
    }
}
