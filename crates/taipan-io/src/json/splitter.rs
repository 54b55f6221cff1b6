//! The places of JSON records: bytes in, ranges out. No I/O, no Arrow, no copying.
//!
//! The splitter knows what stands between records (the brackets and commas of one array, or blanks in a sequence of
//! values) and finds where each ends by counting brackets outside strings; what is inside is checked by whoever parses
//! the record. It works on whatever part of the file it is given: a record that the part cuts off is left for the next
//! one, which must begin with it.

use std::ops::Range;

use super::brackets::{self, TooDeep};
use super::machine::{self, MAX_DEPTH, Machine, What};
use super::runs::{self, Between};

/// Finds records one after another; keeps what was seen between them, so that files can come in parts.
#[derive(Debug, Clone)]
pub(crate) struct Splitter {
    state: State,
    /// How deep a record may be nested.
    limit: u32,
    /// The records are the members of one object.
    keyed: bool,
    /// Where the key of the last record is, with its quotes.
    key: Range<usize>,
    /// How the end of a bad record is looked for.
    leaving: Leaving,
}

/// What the records of a document are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    /// The items of one array, or else values that stand one after another.
    Told,
    /// The members of one object.
    Keyed,
    /// Values that stand one after another, though the first one is an array.
    Sequence,
}

/// Where a bad record ends.
#[derive(Debug, Clone, Default)]
enum Leaving {
    /// Where its line does: a quote or bracket that is never closed would take the rest of the file along.
    #[default]
    Line,
    /// Where its value does, as far as that is well-formed.
    Value(Machine),
    /// First comes its key.
    Key(Machine),
    Colon,
}

/// As deep as a record may be that is passed over: a bit of memory for each level.
const PASSED_OVER: u32 = 1 << 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Nothing but blanks so far.
    #[default]
    Start,
    /// In an array, just after `[`.
    First,
    /// In an array, after a comma.
    Next,
    /// In an array, after a value.
    After,
    /// Among values that stand one after another.
    Sequence,
    /// In an object of records, just after `{`.
    FirstMember,
    /// In an object of records, after a comma.
    NextMember,
    /// In an object of records, after a member.
    AfterMember,
    /// In an array, after a bad record; whether a comma was left with it is not known.
    Left,
    /// In an object of records, the same.
    LeftMember,
    /// After the bracket that closes the array or object of records.
    End,
}

/// What breaks the grammar between records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Unexpected {
        at: usize,
        message: String,
    },
    TooDeep {
        at: usize,
        levels: u32,
    },
    /// There is no value at all.
    Empty,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new(MAX_DEPTH)
    }
}

impl Splitter {
    /// A splitter before the first byte, of records nested no deeper than `limit`.
    pub(crate) fn new(limit: u32) -> Self {
        Self { state: State::Start, limit, keyed: false, key: 0..0, leaving: Leaving::Line }
    }

    /// A splitter before the first byte of a document.
    pub(crate) fn of(document: Document, limit: u32) -> Self {
        let mut splitter = Self::new(limit);
        match document {
            Document::Told => {}
            Document::Keyed => splitter.keyed = true,
            Document::Sequence => splitter.state = State::Sequence,
        }
        splitter
    }

    /// The same for a document that is one object, whose members are the records.
    pub(crate) fn keyed(self) -> Self {
        Self { keyed: true, ..self }
    }

    /// Begins between two values that stand one after another.
    pub(crate) fn begin_in_sequence(&mut self) {
        self.state = State::Sequence;
    }

    /// Whether values stand one after another.
    pub(crate) fn is_in_sequence(&self) -> bool {
        self.state == State::Sequence
    }

    /// Where the key of the record that came last is, with its quotes.
    pub(crate) fn key(&self) -> Option<Range<usize>> {
        self.keyed.then(|| self.key.clone())
    }

    /// Says what is bad about the record that comes next, so that its end is found: one that is only too large may be
    /// well-formed, and then ends as a value does.
    pub(crate) fn begin_leaving(&mut self, is_too_large: bool) {
        self.leaving = match self.state {
            State::First | State::Next | State::After | State::Left if is_too_large => {
                Leaving::Value(Machine::new(PASSED_OVER))
            }
            State::FirstMember | State::NextMember | State::AfterMember | State::LeftMember if is_too_large => {
                Leaving::Key(Machine::new(PASSED_OVER))
            }
            _ => Leaving::Line,
        };
    }

    /// Goes on to the end of a bad record, of which these are the first bytes or those that follow: how many of them are
    /// of it, and whether it is over there.
    pub(crate) fn leave(&mut self, bytes: &[u8], last: bool) -> (usize, bool) {
        let end = self.end_of_bad(bytes);
        if end.is_some() || last {
            self.leaving = Leaving::Line;
            self.state = match self.state {
                State::First | State::Next | State::After => State::Left,
                State::FirstMember | State::NextMember | State::AfterMember => State::LeftMember,
                state => state,
            };
        }
        (end.unwrap_or(bytes.len()), end.is_some() || last)
    }

    fn end_of_bad(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let step = match &mut self.leaving {
                Leaving::Line => break,
                Leaving::Colon => {
                    match byte {
                        b':' => self.leaving = Leaving::Value(Machine::new(PASSED_OVER)),
                        b' ' | b'\t' | b'\n' | b'\r' => {}
                        _ => self.leaving = Leaving::Line,
                    }
                    at += 1;
                    continue;
                }
                Leaving::Value(machine) | Leaving::Key(machine) => machine.read(byte),
            };
            match step {
                Ok(machine::Step::More) => at += 1,
                Ok(machine::Step::Ended) if matches!(self.leaving, Leaving::Key(_)) => {
                    self.leaving = Leaving::Colon;
                    at += 1;
                }
                Ok(machine::Step::Ended) => return Some(at + 1),
                Ok(machine::Step::EndedBefore) => return Some(at),
                // It is not well-formed either. Where it began with these bytes, what follows its line may be a record.
                Err(_) => self.leaving = Leaving::Line,
            }
        }
        match self.leaving {
            Leaving::Line => memchr::memchr(b'\n', bytes).map(|end| end + 1),
            _ => None,
        }
    }

    /// The records from `position` on, as long as they are objects or arrays with nothing special about them; `position`
    /// moves behind the last of them. There may be none, where [`next`](Self::next) finds one.
    pub(crate) fn run(&mut self, bytes: &[u8], position: &mut usize, records: &mut Vec<Range<usize>>) {
        let blanks = |from: usize| {
            let rest = bytes.get(from..).unwrap_or_default();
            from + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
        };
        let mut start = blanks(*position);
        let (between, after) = match self.state {
            // Of these the keys are wanted too.
            _ if self.keyed => return,
            State::Sequence => (Between::Blanks, State::Sequence),
            State::First | State::Next | State::Left if bytes.get(start) != Some(&b',') => {
                (Between::Comma, State::After)
            }
            State::After | State::Left if bytes.get(start) == Some(&b',') => {
                start = blanks(start + 1);
                (Between::Comma, State::After)
            }
            _ => return,
        };
        if !matches!(bytes.get(start), Some(b'{' | b'[')) {
            return;
        }
        if let Some(end) = runs::find(bytes, start, between, self.limit, records) {
            *position = end;
            self.state = after;
        }
    }

    /// The next record from `position` on, which moves behind it. Nothing when the bytes end before a record does, and
    /// then `position` is where the part that comes next must begin. `last` says that none comes.
    pub(crate) fn next(
        &mut self,
        bytes: &[u8],
        position: &mut usize,
        last: bool,
    ) -> Result<Option<Range<usize>>, Flaw> {
        loop {
            while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(*position) {
                *position += 1;
            }
            let at = *position;
            let Some(&byte) = bytes.get(at) else {
                return if last { self.finish(at) } else { Ok(None) };
            };
            let unexpected = |expected: &str| {
                let found = found(bytes, at);
                Err(Flaw::Unexpected { at, message: format!("expected {expected}, found {found}") })
            };
            let next = match (self.state, byte) {
                (State::Start, b'{') if self.keyed => State::FirstMember,
                (State::FirstMember | State::AfterMember | State::LeftMember, b'}')
                | (State::First | State::After | State::Left, b']') => State::End,
                (State::AfterMember | State::LeftMember, b',') => State::NextMember,
                (State::AfterMember, _) => return unexpected("`,` or `}`"),
                (State::NextMember, b'}') => {
                    return Err(Flaw::Unexpected { at, message: "trailing comma before `}`".to_owned() });
                }
                (State::FirstMember | State::NextMember | State::LeftMember, b'"') => {
                    return self.member(bytes, position, last);
                }
                (State::FirstMember | State::NextMember | State::LeftMember, _) => {
                    return unexpected("a key in quotes");
                }
                (State::Start, b'[') => State::First,
                (State::After | State::Left, b',') => State::Next,
                (State::After, _) => return unexpected("`,` or `]`"),
                (State::Next, b']') => {
                    return Err(Flaw::Unexpected { at, message: "trailing comma before `]`".to_owned() });
                }
                (State::End, _) if self.keyed => return unexpected("nothing after the end of the object"),
                (State::End, _) => return unexpected("nothing after the end of the array"),
                (_, b',' | b']' | b'}' | b':') => return unexpected("a value"),
                (State::Start | State::Sequence, _) => {
                    return self.value(bytes, position, last, State::Sequence);
                }
                (State::First | State::Next | State::Left, _) => {
                    return self.value(bytes, position, last, State::After);
                }
            };
            self.state = next;
            *position += 1;
        }
    }

    /// A key and, as the record, its value. `position` stays before the key unless all of it is there.
    fn member(&mut self, bytes: &[u8], position: &mut usize, last: bool) -> Result<Option<Range<usize>>, Flaw> {
        let start = *position;
        let cut_off = |what: &str| {
            if last { Err(Flaw::Unexpected { at: start, message: what.to_owned() }) } else { Ok(None) }
        };
        let Some(end) = string_end(bytes, start) else {
            return cut_off("the string that starts here is not closed");
        };
        let key = bytes.get(start..end).unwrap_or_default();
        if let Err((at, what)) = machine::check(key, self.limit) {
            let message = match what {
                What::Syntax(message) => message.to_owned(),
                What::TooDeep | What::Encoding => "invalid UTF-8".to_owned(),
            };
            return Err(Flaw::Unexpected { at: start + at, message });
        }
        let blanks = |from: usize| {
            let rest = bytes.get(from..).unwrap_or_default();
            from + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
        };
        let colon = blanks(end);
        match bytes.get(colon) {
            None => return cut_off("expected `:` after a key"),
            Some(b':') => {}
            Some(_) => {
                let message = format!("expected `:` after a key, found {}", found(bytes, colon));
                return Err(Flaw::Unexpected { at: colon, message });
            }
        }
        let mut at = blanks(colon + 1);
        match bytes.get(at) {
            None => return cut_off("expected a value after `:`"),
            Some(b',' | b']' | b'}' | b':') => {
                let message = format!("expected a value, found {}", found(bytes, at));
                return Err(Flaw::Unexpected { at, message });
            }
            Some(_) => {}
        }
        let value = self.value(bytes, &mut at, last, State::AfterMember)?;
        if value.is_some() {
            *position = at;
            self.key = start..end;
        }
        Ok(value)
    }

    fn value(
        &mut self,
        bytes: &[u8],
        position: &mut usize,
        last: bool,
        after: State,
    ) -> Result<Option<Range<usize>>, Flaw> {
        let start = *position;
        let (end, too_deep) = match bytes.get(start) {
            Some(b'{' | b'[') => match brackets::end(bytes, start, self.limit) {
                Ok(end) => (end, None),
                Err(TooDeep(at)) => (Some(at), Some(at)),
            },
            Some(b'"') => (string_end(bytes, start), None),
            _ => (scalar_end(bytes, start).or(last.then_some(bytes.len())), None),
        };
        if after == State::Sequence {
            broken_off(bytes, start, end.unwrap_or(bytes.len()), self.limit)?;
        }
        if let Some(at) = too_deep {
            return Err(Flaw::TooDeep { at, levels: self.limit });
        }
        // Closed by the other bracket it has taken in what follows it: where it breaks, its line is all that is bad.
        if let (Some(end), Some(open @ (b'{' | b'['))) = (end, bytes.get(start))
            && bytes.get(end - 1) != Some(&(open + 2))
            && let Err((at, What::Syntax(message))) =
                machine::check(bytes.get(start..end).unwrap_or_default(), self.limit)
        {
            return Err(Flaw::Unexpected { at: start + at, message: message.to_owned() });
        }
        match end {
            Some(end) => {
                self.state = after;
                *position = end;
                Ok(Some(start..end))
            }
            None if last => {
                let what = match bytes.get(start) {
                    Some(b'{') => "the object that starts here is not closed",
                    Some(b'[') => "the array that starts here is not closed",
                    _ => "the string that starts here is not closed",
                };
                Err(Flaw::Unexpected { at: start, message: what.to_owned() })
            }
            None => Ok(None),
        }
    }

    fn finish(&self, at: usize) -> Result<Option<Range<usize>>, Flaw> {
        match self.state {
            State::Start => Err(Flaw::Empty),
            // What closes an array may have been left with its last, bad record.
            State::Sequence | State::End | State::Left | State::LeftMember => Ok(None),
            State::First | State::Next | State::After => {
                Err(Flaw::Unexpected { at, message: "the array is not closed: expected `]`".to_owned() })
            }
            State::FirstMember | State::NextMember | State::AfterMember => {
                Err(Flaw::Unexpected { at, message: "the object is not closed: expected `}`".to_owned() })
            }
        }
    }
}

/// Whether a document that begins with an array has more of them behind it, each of which is a record then.
pub(crate) fn is_of_arrays(sample: &[u8], limit: u32) -> bool {
    let start = sample.len() - sample.trim_ascii_start().len();
    if sample.get(start) != Some(&b'[') {
        return false;
    }
    let Ok(Some(end)) = brackets::end(sample, start, limit) else { return false };
    sample.get(end..).unwrap_or_default().trim_ascii_start().first() == Some(&b'[')
}

/// Fails if a line of the value breaks off and a later one begins another, which shall not be lost with it. This is known
/// where a line begins with an object, and the value has no room for it, or had none for a line between.
fn broken_off(bytes: &[u8], start: usize, end: usize, limit: u32) -> Result<(), Flaw> {
    let value = bytes.get(start..end).unwrap_or_default();
    let mut newlines = memchr::memchr_iter(b'\n', value).peekable();
    // Most values are on one line.
    if newlines.peek().is_none() {
        return Ok(());
    }
    let mut machine = Machine::new(limit);
    let mut read = 0;
    for newline in newlines.filter(|newline| value.get(newline + 1) == Some(&b'{')) {
        while read < newline + 2 {
            let Some(byte) = value.get(read) else { return Ok(()) };
            match machine.read(*byte) {
                Ok(machine::Step::More) => read += 1,
                Err(machine::Wrong { back: 0, what: What::Syntax(message) })
                    if read >= newline || is_between_lines(value, read) =>
                {
                    return Err(Flaw::Unexpected { at: start + read, message: message.to_owned() });
                }
                // Whoever parses the value says what is wrong with it.
                Ok(_) | Err(_) => return Ok(()),
            }
        }
    }
    Ok(())
}

/// Whether a line ends or begins here.
fn is_between_lines(value: &[u8], at: usize) -> bool {
    let ends = matches!(value.get(at..), Some([b'\n', ..] | [b'\r', b'\n', ..]));
    ends || at.checked_sub(1).and_then(|before| value.get(before)) == Some(&b'\n')
}

/// The character at an offset, as messages name it.
fn found(bytes: &[u8], at: usize) -> String {
    let rest = bytes.get(at..bytes.len().min(at + 4)).unwrap_or_default();
    match String::from_utf8_lossy(rest).chars().next() {
        Some(letter) => format!("`{}`", letter.escape_debug()),
        None => "the end of the file".to_owned(),
    }
}

fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at) {
            Some(b'"') => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// A number or word ends where anything else begins; one that the bytes cut off may go on.
fn scalar_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let end = rest.iter().position(|byte| {
        matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b'[' | b']' | b'{' | b'}' | b'"' | b':')
    })?;
    Some(start + end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The records as text, with the file given in parts of a size.
    fn split(text: &[u8], part: usize) -> Result<Vec<Vec<u8>>, Flaw> {
        let mut splitter = Splitter::default();
        let (mut start, mut end) = (0, 0);
        let mut records = Vec::new();
        loop {
            end = text.len().min(end.max(start) + part);
            let last = end == text.len();
            let window = &text[start..end];
            let mut position = 0;
            while let Some(record) = splitter.next(window, &mut position, last)? {
                records.push(window[record].to_vec());
            }
            if last {
                return Ok(records);
            }
            start += position;
        }
    }

    #[test]
    fn shapes() {
        let cases: [(&str, &[&str]); 13] = [
            ("[]", &[]),
            (" [ 1 , \"a\" ]\n", &["1", "\"a\""]),
            ("{\"a\":1}\n{\"a\":[2]}\n", &["{\"a\":1}", "{\"a\":[2]}"]),
            ("{}{}", &["{}", "{}"]),
            ("1 2", &["1", "2"]),
            ("{\"a\":\"}\\\"{\"}", &["{\"a\":\"}\\\"{\"}"]),
            ("[{\"a\":\"\\\\\"},null]", &["{\"a\":\"\\\\\"}", "null"]),
            ("\"a\"", &["\"a\""]),
            ("[[1],[2,[3]]]", &["[1]", "[2,[3]]"]),
            ("{\n  \"a\": 1\n}", &["{\n  \"a\": 1\n}"]),
            ("{\"a\":[\n{\n\"b\":1},\n{}]}\n{}", &["{\"a\":[\n{\n\"b\":1},\n{}]}", "{}"]),
            ("[\"a\n{}\",\n1]", &["\"a\n{}\"", "1"]),
            ("{\"a\":tru,\n\"b\":[\n{}]}{}", &["{\"a\":tru,\n\"b\":[\n{}]}", "{}"]),
        ];
        for (text, expected) in cases {
            let expected: Vec<Vec<u8>> = expected.iter().map(|record| record.as_bytes().to_vec()).collect();
            for part in [1, 3, 1000] {
                assert_eq!(split(text.as_bytes(), part), Ok(expected.clone()), "{text} in parts of {part}");
            }
        }
    }

    #[test]
    fn flaws() {
        let cases = [
            ("[1,]", 3, "trailing comma before `]`"),
            ("[1 2]", 3, "expected `,` or `]`, found `2`"),
            ("[{}{}]", 3, "expected `,` or `]`, found `{`"),
            ("[,1]", 1, "expected a value, found `,`"),
            ("[1] x", 4, "expected nothing after the end of the array, found `x`"),
            ("[1", 2, "the array is not closed: expected `]`"),
            ("[", 1, "the array is not closed: expected `]`"),
            ("{\"a\":1", 0, "the object that starts here is not closed"),
            ("[{},[1]", 7, "the array is not closed: expected `]`"),
            ("{} \"a", 3, "the string that starts here is not closed"),
            ("{},{}", 2, "expected a value, found `,`"),
            ("{\"a\":\"x\n{\"a\":\"y\"}\n{\"b", 7, "control character in a string, expected its escape"),
            ("{\"a\":1\n{\"a\":2}}", 7, "expected `,` or `}`"),
            ("\"a\n{}\"", 2, "control character in a string, expected its escape"),
            ("{\"a\":1\nnul\n{\"a\":1}}", 7, "expected `,` or `}`"),
            ("{\"a\":\"x\nnul\n{\"a\":\"y\"}", 7, "control character in a string, expected its escape"),
            ("{\"a\":\"x\r\n{\"a\":\"y\"}", 7, "control character in a string, expected its escape"),
        ];
        for (text, at, message) in cases {
            let expected = Flaw::Unexpected { at, message: message.to_owned() };
            assert_eq!(split(text.as_bytes(), 1000), Err(expected), "{text}");
        }
        assert_eq!(split(b" \n", 1), Err(Flaw::Empty));
        let depth = |levels: usize| split(["[".repeat(levels), "]".repeat(levels)].concat().as_bytes(), 1 << 20);
        assert!(depth(1025).is_ok());
        assert_eq!(depth(1026), Err(Flaw::TooDeep { at: 1025, levels: 1024 }));
    }

    proptest! {
        #[test]
        fn parts_of_any_size_give_the_same_records(text in "[\\[\\]{},:\"\\\\a1 \n]{0,150}", part in 1usize..80) {
            // A flaw's offset counts from the part, so only the records are compared.
            prop_assert_eq!(split(text.as_bytes(), part).ok(), split(text.as_bytes(), 1 << 20).ok());
        }
    }
}
