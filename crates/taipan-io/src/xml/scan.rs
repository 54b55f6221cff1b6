//! Where a record ends, looked for without parsing it: tags are counted, at the speed of memory.

use super::chars;
use crate::scan;

/// How far into a record its end was looked for.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The record's name.
    pub(super) name: Vec<u8>,
    /// Open elements; the record's own is one of them.
    depth: usize,
    /// From here on, behind a token.
    pub(super) at: usize,
    /// Elements of the record's name that are open inside it.
    own: usize,
    /// The record is no element; it ends where its name is closed.
    broken: bool,
    /// Behind the record, once that was found.
    end: Option<usize>,
}

impl Scan {
    pub(super) fn begin(&mut self, name: &str) {
        self.name.clear();
        self.name.extend_from_slice(name.as_bytes());
        (self.depth, self.at, self.own, self.broken, self.end) = (0, 0, 0, false, None);
    }

    /// Looks for the end of the record, which begins with these bytes, from where it was left.
    pub(super) fn go_on(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.end.is_none() {
            self.end = self.look(bytes);
        }
        self.end
    }

    fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            match self.tags(bytes)? {
                Stop::Markup(at) => {
                    self.at = markup(bytes, at)?;
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                Stop::EndTag(at) => {
                    let end = at + memchr::memchr(b'>', bytes.get(at..)?)? + 1;
                    let own = closes(bytes, at, &self.name)?;
                    self.at = end;
                    match (self.depth, own) {
                        // Its own end, or that of a broken record, which has more open or less.
                        (_, true) if self.own == 0 => return Some(end),
                        (_, true) => self.own -= 1,
                        // Something else is closed where the record should be.
                        (0 | 1, false) => self.broken = true,
                        _ => {}
                    }
                    self.depth = self.depth.saturating_sub(1).max(1);
                }
            }
        }
    }

    /// Goes through plain tags and text up to an end tag that may be the record's, or to what is no plain tag.
    fn tags(&mut self, bytes: &[u8]) -> Option<Stop> {
        let mut base = self.at;
        let mut depth = self.depth;
        while base < bytes.len() {
            let chunk = scan::chunk(bytes, base);
            let mut opening = scan::equal(&chunk, b'<');
            if opening == 0 {
                base += 64;
                continue;
            }
            let closing = scan::equal(&chunk, b'>');
            let quotes = scan::equal(&chunk, b'"') | scan::equal(&chunk, b'\'');
            let mut behind = base + 64;
            while opening != 0 {
                let bit = opening.trailing_zeros();
                let at = base + bit as usize;
                let rest = !0u64 << bit;
                opening &= opening - 1;
                match bytes.get(at + 1) {
                    Some(b'/') => {
                        if depth <= 1 || closes(bytes, at, &self.name) != Some(false) {
                            (self.depth, self.at) = (depth, at);
                            return Some(Stop::EndTag(at));
                        }
                        depth -= 1;
                    }
                    Some(b'!' | b'?') => {
                        (self.depth, self.at) = (depth, at);
                        return Some(Stop::Markup(at));
                    }
                    None => {
                        (self.depth, self.at) = (depth, at);
                        return None;
                    }
                    Some(_) => {
                        let ends = closing & rest;
                        let end = ends & ends.wrapping_neg();
                        // The bits from the tag's start to before its end.
                        let inside = end.wrapping_sub(1) & rest;
                        let (behind_tag, empty) = if end != 0 && (quotes | opening) & inside == 0 {
                            let last = base + end.trailing_zeros() as usize;
                            (last + 1, bytes.get(last - 1) == Some(&b'/'))
                        } else if let Some(tag) = tag_end(bytes, at) {
                            tag
                        } else {
                            (self.depth, self.at) = (depth, at);
                            return None;
                        };
                        if depth == 0 && empty {
                            (self.depth, self.at) = (0, at);
                            return Some(Stop::Markup(at));
                        }
                        if !empty {
                            self.own += usize::from(depth > 0 && opens(bytes, at, &self.name));
                            depth += 1;
                        }
                        if behind_tag >= base + 64 {
                            behind = behind_tag;
                            break;
                        }
                        // A quoted value may hold the byte that begins a tag.
                        opening &= !0u64 << (behind_tag - base);
                    }
                }
            }
            base = behind;
        }
        (self.depth, self.at) = (depth, bytes.len());
        // The last bytes may be the beginning of something.
        None
    }
}

/// Steps over a comment, a section, an instruction or a tag.
fn markup(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let until = |from: usize, word: &[u8]| {
        let inside = rest.get(from..)?;
        memchr::memmem::find(inside, word).map(|length| at + from + length + word.len())
    };
    match rest {
        [b'<', b'?', ..] => until(2, b"?>"),
        [b'<', b'!', b'-', b'-', ..] => until(4, b"-->"),
        _ if rest.starts_with(b"<![CDATA[") => until(9, b"]]>"),
        // It may still become one of these.
        _ if b"<!--".starts_with(rest) || b"<![CDATA[".starts_with(rest) => None,
        [b'<', b'!', ..] => Some(at + 2),
        _ => Some(tag_end(bytes, at)?.0),
    }
}

/// What a scan has come to.
enum Stop {
    /// An end tag.
    EndTag(usize),
    /// A comment, a section, an instruction, or a record that is one empty tag.
    Markup(usize),
}

/// Whether the start tag at an offset has the record's name. The tag is there as a whole.
#[inline]
fn opens(bytes: &[u8], at: usize, name: &[u8]) -> bool {
    bytes.get(at + 1..).is_some_and(|rest| {
        rest.starts_with(name)
            && rest.get(name.len()).is_some_and(|byte| matches!(byte, b'>' | b'/') || chars::is_space(*byte))
    })
}

/// Whether the end tag at an offset has the record's name; nothing if that cannot be said yet.
#[inline]
fn closes(bytes: &[u8], at: usize, name: &[u8]) -> Option<bool> {
    let rest = bytes.get(at + 2..)?;
    match rest.get(name.len()) {
        Some(byte) => Some((*byte == b'>' || chars::is_space(*byte)) && rest.starts_with(name)),
        None => (!name.starts_with(rest)).then_some(false),
    }
}

/// Behind a start tag, and whether its element is empty. A tag that another one interrupts ends there.
fn tag_end(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut end = at + 1;
    loop {
        let rest = bytes.get(end..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'>' | b'"' | b'\'' | b'<'))?;
        end += length;
        match bytes.get(end)? {
            b'>' => return Some((end + 1, bytes.get(end - 1) == Some(&b'/'))),
            b'<' => return Some((end, false)),
            quote => end += 2 + memchr::memchr(*quote, bytes.get(end + 1..)?)?,
        }
    }
}
