//! An array inside a document, or an object of records, by its path: what surrounds it is checked and then blanked, so that
//! whoever reads on sees it alone, every byte of it where it stands in the file.
//!
//! What breaks the grammar outside the array is left as it is, for the next reader to stumble over at its place.

use std::io::{self, Read};

use super::machine::{Machine, Step};

/// The keys and indices that lead to an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    text: String,
    steps: Vec<String>,
    /// How deep the document around it may be nested.
    depth: u32,
}

impl Pointer {
    /// A JSON pointer (RFC 6901) such as `/data/items`, or keys with dots or slashes between them. Nothing if it names no
    /// step.
    pub(crate) fn parse(text: &str, depth: u32) -> Option<Self> {
        let steps: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
            None if text.contains('/') => text.split('/').map(str::to_owned).collect(),
            None => text.split('.').map(str::to_owned).collect(),
        };
        (!text.is_empty() && text != "/").then(|| Self { text: text.to_owned(), steps, depth })
    }

    /// The pointer to a member of the document.
    pub(crate) fn of_key(key: &str, depth: u32) -> Self {
        let text = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        Self { text, steps: vec![key.to_owned()], depth }
    }

    /// The pointer as RFC 6901 writes it, or as it was given.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A document of which only the array at a path is left.
pub(crate) struct Located<R> {
    inner: R,
    finder: Finder,
}

impl<R: Read> Located<R> {
    pub(crate) fn new(inner: R, pointer: Pointer) -> Self {
        Self { inner, finder: Finder::new(pointer) }
    }
}

impl<R: Read> Read for Located<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.finder.finish()?;
        }
        self.finder.blank(buffer.get_mut(..read).unwrap_or_default())?;
        Ok(read)
    }
}

/// Finds the array, byte by byte.
struct Finder {
    pointer: Pointer,
    /// What checks the document, but for the inside of the array.
    machine: Machine,
    mode: Mode,
    /// The brackets that are open around this place.
    open: Vec<Bracket>,
    /// The last key, as it is written, without its quotes.
    key: Vec<u8>,
    /// Within a string, and whether behind a backslash.
    string: Option<Text>,
    /// Bytes seen, as far as a byte order mark reaches.
    seen: usize,
    found: bool,
    /// It is an object that was found.
    object: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Outside,
    /// So many brackets are open within the array, itself included.
    Inside(u64),
    Broken,
}

struct Bracket {
    object: bool,
    /// The path leads through it.
    on_path: bool,
    /// Its item that is read, counted from 0.
    item: usize,
    /// A key comes next.
    keyed: bool,
}

#[derive(Clone, Copy)]
struct Text {
    key: bool,
    escaped: bool,
}

impl Finder {
    fn new(pointer: Pointer) -> Self {
        let machine = Machine::new(pointer.depth);
        Self {
            pointer,
            machine,
            mode: Mode::Outside,
            open: Vec::new(),
            key: Vec::new(),
            string: None,
            seen: 0,
            found: false,
            object: false,
        }
    }

    fn blank(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut at = 0;
        while let Some(byte) = bytes.get_mut(at) {
            match self.mode {
                Mode::Broken => return Ok(()),
                Mode::Inside(open) => {
                    at += self.inside(bytes.get(at..).unwrap_or_default(), open);
                    continue;
                }
                Mode::Outside => {}
            }
            at += 1;
            if self.seen < 3 {
                self.seen += 1;
                if b"\xef\xbb\xbf".get(self.seen - 1) == Some(byte) {
                    continue;
                }
                self.seen = 3;
            }
            match self.machine.read(*byte) {
                Ok(Step::More | Step::Ended) => {}
                Ok(Step::EndedBefore) if byte.is_ascii_whitespace() => {}
                Ok(Step::EndedBefore) | Err(_) => {
                    self.mode = Mode::Broken;
                    return Ok(());
                }
            }
            let keep = self.step(*byte)?;
            if !keep && !matches!(*byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        Ok(())
    }

    /// Takes in a byte outside the array; true for the bracket that begins it.
    fn step(&mut self, byte: u8) -> io::Result<bool> {
        if let Some(text) = &mut self.string {
            match byte {
                _ if text.escaped => text.escaped = false,
                b'\\' => text.escaped = true,
                b'"' => {
                    self.string = None;
                    return Ok(false);
                }
                _ => {}
            }
            // Longer than any key that leads on.
            if text.key && self.key.len() <= 6 * self.pointer.text.len() + 2 {
                self.key.push(byte);
            }
            return Ok(false);
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b',' => {
                if let Some(around) = self.open.last_mut() {
                    around.item += 1;
                    around.keyed = around.object;
                }
            }
            b':' => {
                if let Some(around) = self.open.last_mut() {
                    around.keyed = false;
                }
            }
            b'}' | b']' => {
                self.open.pop();
            }
            b'"' if self.open.last().is_some_and(|around| around.keyed) => {
                self.key.clear();
                self.string = Some(Text { key: true, escaped: false });
            }
            _ => return self.value(byte),
        }
        Ok(false)
    }

    /// A value begins, or goes on where it is a number or a word.
    fn value(&mut self, byte: u8) -> io::Result<bool> {
        let on_path = !self.found && self.leads_here();
        if on_path && self.open.len() == self.pointer.steps.len() {
            if byte != b'[' && byte != b'{' {
                return Err(self.lost("is no array, nor an object"));
            }
            self.found = true;
            self.object = byte == b'{';
            self.mode = Mode::Inside(1);
            return Ok(true);
        }
        match byte {
            b'{' | b'[' => {
                self.open.push(Bracket { object: byte == b'{', on_path, item: 0, keyed: byte == b'{' });
            }
            b'"' => self.string = Some(Text { key: false, escaped: false }),
            _ => {}
        }
        Ok(false)
    }

    /// Whether the value here is one that the path leads to or through.
    fn leads_here(&self) -> bool {
        let Some(around) = self.open.last() else { return true };
        let Some(step) = self.pointer.steps.get(self.open.len() - 1).filter(|_| around.on_path) else { return false };
        if !around.object {
            return step.parse() == Ok(around.item);
        }
        if !self.key.contains(&b'\\') {
            return self.key == step.as_bytes();
        }
        let quoted = [b"\"", self.key.as_slice(), b"\""].concat();
        serde_json::from_slice::<String>(&quoted).is_ok_and(|key| key == *step)
    }

    /// Passes over bytes of the array, and answers how many.
    fn inside(&mut self, bytes: &[u8], mut open: u64) -> usize {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            if let Some(text) = &mut self.string {
                if text.escaped {
                    text.escaped = false;
                    continue;
                }
                match memchr::memchr2(b'"', b'\\', bytes.get(at - 1..).unwrap_or_default()) {
                    None => return bytes.len(),
                    Some(behind) => {
                        at += behind;
                        if bytes.get(at - 1) == Some(&b'\\') {
                            text.escaped = true;
                        } else {
                            self.string = None;
                        }
                    }
                }
                continue;
            }
            match byte {
                b'"' => self.string = Some(Text { key: false, escaped: false }),
                b'[' | b'{' => open += 1,
                b']' | b'}' => {
                    open -= 1;
                    if open == 0 {
                        // As far as the document is concerned there is nothing in it.
                        let closed = self.machine.read(if self.object { b'}' } else { b']' });
                        self.mode = if closed.is_ok() { Mode::Outside } else { Mode::Broken };
                        return at;
                    }
                }
                _ => {}
            }
            self.mode = Mode::Inside(open);
        }
        at
    }

    /// The end of the document.
    fn finish(&self) -> io::Result<()> {
        match self.mode {
            Mode::Broken if !self.found => Err(self.lost("was not found before a fault in the document")),
            Mode::Outside if !self.machine.may_end() => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the document ends too early"))
            }
            Mode::Outside if !self.found => Err(self.lost("is not in the document")),
            // What an array lacks is better known to whoever reads it.
            Mode::Inside(_) | Mode::Broken | Mode::Outside => Ok(()),
        }
    }

    fn lost(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("`{}` {what}", self.pointer.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a document, read in pieces of so many bytes.
    fn located(document: &str, pointer: &str, piece: usize) -> Result<String, String> {
        let mut reader = Located::new(document.as_bytes(), Pointer::parse(pointer, 1024).unwrap());
        let mut left = Vec::new();
        let mut buffer = vec![0; piece];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(String::from_utf8(left).unwrap()),
                Ok(read) => left.extend_from_slice(&buffer[..read]),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn an_array_stands_alone_where_it_stood() {
        let cases = [
            (r#"{"items":"#, r#"[1,{"a":"]"}]"#, "}", "/items"),
            (r#"{"items":"#, r#"[1,{"a":"\\]"}]"#, "}", "items"),
            ("{\n\"a\":{\"items\":[0]},\r\n\"items\" : ", "[\"\\\"]\"]", "\n}\n", "/items"),
            (r#"{"a":[{"b":[9]},{"b":"#, "[1]", "}]}", "/a/1/b"),
            (r#"{"a.b":[1],"a":{"b":"#, "[2]", "}}", "a.b"),
            (r#"{"a/b":"#, "[1]", "}", "/a~1b"),
            (r#"{"é\u0041":"#, "[1]", "}", "/éA"),
            (r#"{"x":"#, "[1]", r#","x":[2], "y":[null, -1.5e3, "x"]}"#, "/x"),
            (r#"{"x":"#, "[]", "} \n", "x"),
        ];
        for (before, array, after, pointer) in cases {
            let blank = |text: &str| -> String {
                text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }).collect()
            };
            let left = format!("{}{array}{}", blank(before), blank(after));
            let document = format!("{before}{array}{after}");
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(located(&document, pointer, piece).as_deref(), Ok(&*left), "{document} {piece}");
            }
            let marked = located(&format!("\u{feff}{document}"), pointer, 2);
            assert_eq!(marked, Ok(format!("\u{feff}{left}")));
        }
    }

    #[test]
    fn what_is_wrong_around_it_stays_or_is_told() {
        for (document, pointer, left) in [
            (r#"{"x":[1],}"#, "/x", Ok("     [1] }")),
            (r#"{"x":[1]} 2"#, "/x", Ok("     [1]  2")),
            (r#"{"x":[1],"y":tru}"#, "/x", Ok("     [1]        }")),
            (r#"{"x":[1"#, "/x", Ok("     [1")),
            (r#"{"x":[1]"#, "/x", Err("the document ends too early")),
            (r#"{"y" 1,"x":[1]}"#, "/x", Err("`/x` was not found before a fault in the document")),
            (r#"{"y":[1]}"#, "/x", Err("`/x` is not in the document")),
            (r#"{"x":{"a":1}}"#, "/x", Ok("     {\"a\":1} ")),
            (r#"{"x":{"a":{"b":[}]}},"y":2}"#, "/x", Ok("     {\"a\":{\"b\":[}]} ,\"y\":2}")),
            (r#"{"x":5}"#, "/x", Err("`/x` is no array, nor an object")),
            ("[1]", "/x", Err("`/x` is not in the document")),
        ] {
            for piece in [1, 3, 1000] {
                assert_eq!(located(document, pointer, piece).as_deref().map_err(String::as_str), left, "{document}");
            }
        }
    }
}
