//! The grammar of RFC 8259, one byte at a time: a machine that can stop behind any byte and go on later.
//!
//! This is the plain path. It says where a text breaks the grammar, and why; the fast path (`structure.rs`, `walk.rs`)
//! only says whether it does, and is held to this one. What Taipan adds to the grammar is the limit of depth, and that
//! half a surrogate pair may not be escaped alone: no Unicode text has such a character.

/// Nesting is refused beyond this depth unless another is set.
pub(crate) const MAX_DEPTH: u32 = 1024;

/// Reads one value. No I/O and, but for one bit per level of nesting, no memory.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    state: State,
    /// One bit per open bracket: set for an object.
    stack: Vec<u64>,
    depth: u32,
    limit: u32,
    /// The string that is read is a key.
    key: bool,
}

/// What a byte did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The value goes on.
    More,
    /// The value ends with this byte.
    Ended,
    /// The value ended before this byte, which is none of it.
    EndedBefore,
}

/// A byte that breaks the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// How many bytes before this one the fault stands.
    pub(crate) back: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Syntax(&'static str),
    TooDeep,
    Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value must come.
    Value,
    /// After `[`.
    FirstItem,
    /// After a comma in an array.
    NextItem,
    /// After `{`.
    FirstKey,
    /// After a comma in an object.
    NextKey,
    Colon,
    /// After a value within a bracket.
    After,
    String,
    Escape,
    /// So many hexadecimal digits of `\u` were read; `high` is the half of a pair before it, or 0.
    Hex {
        digits: u8,
        unit: u16,
        high: u16,
    },
    /// After the high half of a pair.
    LowBackslash {
        high: u16,
    },
    LowU {
        high: u16,
    },
    /// In a character of several bytes: so many are to come, `seen` were read, the next is within these bounds.
    Continuation {
        left: u8,
        seen: u8,
        low: u8,
        high: u8,
    },
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    ExponentMark,
    ExponentSign,
    Exponent,
    /// In `true`, `false` or `null`, of which so many bytes were read.
    Word {
        word: &'static [u8],
        read: u8,
    },
    Done,
}

const EXPECTED_VALUE: &str = "expected a value";
const TRAILING_COMMA: &str = "trailing comma before `}` or `]`";
const NUMBER: &str = "invalid number";
const SURROGATE: &str = "half a surrogate pair is escaped alone";

impl Machine {
    /// A machine before a value, which may have blanks before it.
    pub(crate) fn new(limit: u32) -> Self {
        Self { state: State::Value, stack: Vec::new(), depth: 0, limit, key: false }
    }

    /// Whether a value has begun and may end here, as a number at the end of a file does.
    pub(crate) fn may_end(&self) -> bool {
        let number = matches!(self.state, State::Zero | State::Digits | State::Fraction | State::Exponent);
        self.state == State::Done || (number && self.depth == 0)
    }

    /// Reads a byte. Not to be called again once the value has ended, or after an error.
    pub(crate) fn read(&mut self, byte: u8) -> Result<Step, Wrong> {
        let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match self.state {
            State::Value
            | State::FirstItem
            | State::NextItem
            | State::FirstKey
            | State::NextKey
            | State::Colon
            | State::After
                if blank => {}
            State::FirstItem if byte == b']' => return Ok(self.close()),
            State::NextItem if byte == b']' => return wrong(TRAILING_COMMA),
            State::Value | State::FirstItem | State::NextItem => return self.begin(byte),
            State::FirstKey if byte == b'}' => return Ok(self.close()),
            State::NextKey if byte == b'}' => return wrong(TRAILING_COMMA),
            State::FirstKey | State::NextKey => {
                if byte != b'"' {
                    return wrong("expected a key in quotes");
                }
                self.key = true;
                self.state = State::String;
            }
            State::Colon => {
                if byte != b':' {
                    return wrong("expected `:`");
                }
                self.state = State::Value;
            }
            State::After => return self.after(byte),
            State::String => return self.string(byte),
            State::Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.state = State::String,
                b'u' => self.state = State::Hex { digits: 0, unit: 0, high: 0 },
                _ => return wrong("invalid escape in a string"),
            },
            State::Hex { digits, unit, high } => return self.hex(byte, digits, unit, high),
            State::LowBackslash { high } => {
                if byte != b'\\' {
                    return Err(Wrong { back: 6, what: What::Syntax(SURROGATE) });
                }
                self.state = State::LowU { high };
            }
            State::LowU { high } => {
                if byte != b'u' {
                    return Err(Wrong { back: 7, what: What::Syntax(SURROGATE) });
                }
                self.state = State::Hex { digits: 0, unit: 0, high };
            }
            State::Continuation { left, seen, low, high } => {
                if byte < low || byte > high {
                    return Err(Wrong { back: usize::from(seen), what: What::Encoding });
                }
                self.state = if left == 1 {
                    State::String
                } else {
                    State::Continuation { left: left - 1, seen: seen + 1, low: 0x80, high: 0xBF }
                };
            }
            State::Minus => match byte {
                b'0' => self.state = State::Zero,
                b'1'..=b'9' => self.state = State::Digits,
                _ => return wrong(NUMBER),
            },
            State::Zero | State::Digits | State::Fraction | State::Exponent => return self.number(byte),
            State::Point => match byte {
                b'0'..=b'9' => self.state = State::Fraction,
                _ => return wrong(NUMBER),
            },
            State::ExponentMark => match byte {
                b'+' | b'-' => self.state = State::ExponentSign,
                b'0'..=b'9' => self.state = State::Exponent,
                _ => return wrong(NUMBER),
            },
            State::ExponentSign => match byte {
                b'0'..=b'9' => self.state = State::Exponent,
                _ => return wrong(NUMBER),
            },
            State::Word { word, read } => {
                if word.get(usize::from(read)) != Some(&byte) {
                    return wrong("invalid word, expected `true`, `false` or `null`");
                }
                if usize::from(read) + 1 == word.len() {
                    return Ok(self.ended());
                }
                self.state = State::Word { word, read: read + 1 };
            }
            State::Done => return Ok(Step::EndedBefore),
        }
        Ok(Step::More)
    }

    fn begin(&mut self, byte: u8) -> Result<Step, Wrong> {
        self.state = match byte {
            b'{' => return self.open(true),
            b'[' => return self.open(false),
            b'"' => {
                self.key = false;
                State::String
            }
            b'-' => State::Minus,
            b'0' => State::Zero,
            b'1'..=b'9' => State::Digits,
            b't' => State::Word { word: b"true", read: 1 },
            b'f' => State::Word { word: b"false", read: 1 },
            b'n' => State::Word { word: b"null", read: 1 },
            _ => return wrong(EXPECTED_VALUE),
        };
        Ok(Step::More)
    }

    fn open(&mut self, object: bool) -> Result<Step, Wrong> {
        if self.depth >= self.limit {
            return Err(Wrong { back: 0, what: What::TooDeep });
        }
        let (word, bit) = (self.depth as usize / 64, self.depth % 64);
        if word == self.stack.len() {
            self.stack.push(0);
        }
        if let Some(word) = self.stack.get_mut(word) {
            *word = *word & !(1 << bit) | u64::from(object) << bit;
        }
        self.depth += 1;
        self.state = if object { State::FirstKey } else { State::FirstItem };
        Ok(Step::More)
    }

    fn close(&mut self) -> Step {
        self.depth -= 1;
        self.ended()
    }

    /// A value ended: the whole, or one within a bracket.
    fn ended(&mut self) -> Step {
        self.state = if self.depth == 0 { State::Done } else { State::After };
        if self.depth == 0 { Step::Ended } else { Step::More }
    }

    fn in_object(&self) -> bool {
        let top = self.depth.saturating_sub(1);
        self.stack.get(top as usize / 64).is_some_and(|word| word >> (top % 64) & 1 == 1)
    }

    fn after(&mut self, byte: u8) -> Result<Step, Wrong> {
        match (byte, self.in_object()) {
            (b',', true) => self.state = State::NextKey,
            (b',', false) => self.state = State::NextItem,
            (b'}', true) | (b']', false) => return Ok(self.close()),
            (_, true) => return wrong("expected `,` or `}`"),
            (_, false) => return wrong("expected `,` or `]`"),
        }
        Ok(Step::More)
    }

    fn string(&mut self, byte: u8) -> Result<Step, Wrong> {
        let several = |left, low, high| State::Continuation { left, seen: 1, low, high };
        self.state = match byte {
            b'"' if self.key => State::Colon,
            b'"' => return Ok(self.ended()),
            b'\\' => State::Escape,
            0..0x20 => return wrong("control character in a string, expected its escape"),
            0x20..0x80 => State::String,
            0xC2..=0xDF => several(1, 0x80, 0xBF),
            0xE0 => several(2, 0xA0, 0xBF),
            0xED => several(2, 0x80, 0x9F),
            0xE1..=0xEF => several(2, 0x80, 0xBF),
            0xF0 => several(3, 0x90, 0xBF),
            0xF1..=0xF3 => several(3, 0x80, 0xBF),
            0xF4 => several(3, 0x80, 0x8F),
            0x80..=0xFF => return Err(Wrong { back: 0, what: What::Encoding }),
        };
        Ok(Step::More)
    }

    fn hex(&mut self, byte: u8, digits: u8, unit: u16, high: u16) -> Result<Step, Wrong> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return wrong("invalid escape in a string"),
        };
        let unit = unit << 4 | u16::from(digit);
        self.state = match (digits, unit, high) {
            (0..3, ..) => State::Hex { digits: digits + 1, unit, high },
            (_, 0xDC00..=0xDFFF, 0) => return Err(Wrong { back: 5, what: What::Syntax(SURROGATE) }),
            (_, 0xD800..=0xDBFF, 0) => State::LowBackslash { high: unit },
            (_, _, 0) | (_, 0xDC00..=0xDFFF, _) => State::String,
            // What follows the high half is another escape, but no low half.
            _ => return Err(Wrong { back: 11, what: What::Syntax(SURROGATE) }),
        };
        Ok(Step::More)
    }

    fn number(&mut self, byte: u8) -> Result<Step, Wrong> {
        self.state = match (self.state, byte) {
            (State::Digits, b'0'..=b'9') => State::Digits,
            (State::Zero, b'0'..=b'9') => return wrong(NUMBER),
            (State::Zero | State::Digits, b'.') => State::Point,
            (State::Fraction, b'0'..=b'9') => State::Fraction,
            (State::Zero | State::Digits | State::Fraction, b'e' | b'E') => State::ExponentMark,
            (State::Exponent, b'0'..=b'9') => State::Exponent,
            _ if self.depth == 0 => {
                self.state = State::Done;
                return Ok(Step::EndedBefore);
            }
            _ => {
                self.state = State::After;
                return if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') { Ok(Step::More) } else { self.after(byte) };
            }
        };
        Ok(Step::More)
    }
}

fn wrong(message: &'static str) -> Result<Step, Wrong> {
    Err(Wrong { back: 0, what: What::Syntax(message) })
}

/// Where the value ends that begins at `start`, perhaps after blanks: nothing if the bytes end before it does.
pub(crate) fn value_end(bytes: &[u8], start: usize, limit: u32) -> Result<Option<usize>, (usize, What)> {
    let mut machine = Machine::new(limit);
    for (at, &byte) in bytes.iter().enumerate().skip(start) {
        match machine.read(byte) {
            Ok(Step::More) => {}
            Ok(Step::Ended) => return Ok(Some(at + 1)),
            Ok(Step::EndedBefore) => return Ok(Some(at)),
            Err(wrong) => return Err((at.saturating_sub(wrong.back), wrong.what)),
        }
    }
    Ok(machine.may_end().then_some(bytes.len()))
}

/// Checks that a text is one value and nothing else.
pub(crate) fn check(text: &[u8], limit: u32) -> Result<(), (usize, What)> {
    match value_end(text, 0, limit)? {
        Some(end) => match text.iter().skip(end).position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            Some(blanks) => Err((end + blanks, What::Syntax("unexpected character after a value"))),
            None => Ok(()),
        },
        None => Err((text.len().saturating_sub(1), What::Syntax("the value ends too early"))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values that RFC 8259 allows.
    pub(in crate::json) const VALID: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "-0",
        "10",
        "-1",
        "0.0",
        "1.50",
        "1e5",
        "1E-5",
        "1e+05",
        "0e0",
        "-0.1e-1",
        "123456789012345678901234567890",
        "1e400",
        "1e-400",
        "\"\"",
        "\"a\"",
        "\"é\u{1F600}\u{7f}\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\"",
        "\"\\u00e9\\uD83d\\uDe00\"",
        "\"\\\\ud800\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{\n}\r",
        "[1]",
        "[1,2]",
        "[ 1 , \"2\" , null ]",
        "[[],[[]],{}]",
        "{\"a\":1}",
        "{ \"a\" : [ { } ] , \"\" : { \"b\" : \"c\" } }",
        "{\"a\":1,\"a\":2}",
        "{\"a\\n\":0}",
        "[true,false,null]",
        "[\"[\",\"]\",\"{\",\"}\",\",\",\":\"]",
        "\"\u{2028}\u{fffe}\"",
        "[1.0e1 ]",
        "\"\\\\\"",
        "\"\\\\\\\"\"",
    ];

    /// Values that it does not allow, and where and why.
    pub(in crate::json) const INVALID: &[(&[u8], usize, &str)] = &[
        (b"", 0, "the value ends too early"),
        (b" ", 0, "the value ends too early"),
        (b"nul", 2, "the value ends too early"),
        (b"nulx", 3, "invalid word, expected `true`, `false` or `null`"),
        (b"True", 0, "expected a value"),
        (b"NaN", 0, "expected a value"),
        (b"Infinity", 0, "expected a value"),
        (b"truefalse", 4, "unexpected character after a value"),
        (b"+1", 0, "expected a value"),
        (b".5", 0, "expected a value"),
        (b"-", 0, "the value ends too early"),
        (b"-a", 1, "invalid number"),
        (b"-01", 2, "invalid number"),
        (b"01", 1, "invalid number"),
        (b"00", 1, "invalid number"),
        (b"1.", 1, "the value ends too early"),
        (b"1.e1", 2, "invalid number"),
        (b"[1.]", 3, "invalid number"),
        (b"1e", 1, "the value ends too early"),
        (b"[1e]", 3, "invalid number"),
        (b"[1e+]", 4, "invalid number"),
        (b"1e1.5", 3, "unexpected character after a value"),
        (b"[0x1]", 2, "expected `,` or `]`"),
        (b"[1a]", 2, "expected `,` or `]`"),
        (b"[1_000]", 2, "expected `,` or `]`"),
        (b"[--1]", 2, "invalid number"),
        (b"[- 1]", 2, "invalid number"),
        (b"\"", 0, "the value ends too early"),
        (b"\"a", 1, "the value ends too early"),
        (b"\"\\", 1, "the value ends too early"),
        (b"\"\\\"", 2, "the value ends too early"),
        (b"\"\\x\"", 2, "invalid escape in a string"),
        (b"\"\\'\"", 2, "invalid escape in a string"),
        (b"\"\\u12g4\"", 5, "invalid escape in a string"),
        (b"\"\\u12\"", 5, "invalid escape in a string"),
        (b"\"\\U0041\"", 2, "invalid escape in a string"),
        (b"\"\\ud800\"", 1, "half a surrogate pair is escaped alone"),
        (b"\"\\udc00\"", 1, "half a surrogate pair is escaped alone"),
        (b"\"\\ud800\\n\"", 1, "half a surrogate pair is escaped alone"),
        (b"\"\\ud800\\u0041\"", 1, "half a surrogate pair is escaped alone"),
        (b"\"\\ud800\\ud800\\udc00\"", 1, "half a surrogate pair is escaped alone"),
        (b"\"\\ud800 \\udc00\"", 1, "half a surrogate pair is escaped alone"),
        (b"\"\t\"", 1, "control character in a string, expected its escape"),
        (b"\"\n\"", 1, "control character in a string, expected its escape"),
        (b"\"\0\"", 1, "control character in a string, expected its escape"),
        (b"\"\x1f\"", 1, "control character in a string, expected its escape"),
        (b"'a'", 0, "expected a value"),
        (b"a", 0, "expected a value"),
        (b"\"a\"b", 3, "unexpected character after a value"),
        (b"[", 0, "the value ends too early"),
        (b"]", 0, "expected a value"),
        (b"[1", 1, "the value ends too early"),
        (b"[1,", 2, "the value ends too early"),
        (b"[1,]", 3, "trailing comma before `}` or `]`"),
        (b"[,1]", 1, "expected a value"),
        (b"[,]", 1, "expected a value"),
        (b"[1,,2]", 3, "expected a value"),
        (b"[1 2]", 3, "expected `,` or `]`"),
        (b"[\"a\" \"b\"]", 5, "expected `,` or `]`"),
        (b"[1}", 2, "expected `,` or `]`"),
        (b"[]]", 2, "unexpected character after a value"),
        (b"[1:2]", 2, "expected `,` or `]`"),
        (b"[\"a\",\n 4\n,1,", 11, "the value ends too early"),
        (b"{", 0, "the value ends too early"),
        (b"}", 0, "expected a value"),
        (b"{]", 1, "expected a key in quotes"),
        (b"{a:1}", 1, "expected a key in quotes"),
        (b"{'a':1}", 1, "expected a key in quotes"),
        (b"{1:1}", 1, "expected a key in quotes"),
        (b"{null:1}", 1, "expected a key in quotes"),
        (b"{,}", 1, "expected a key in quotes"),
        (b"{\"a\"}", 4, "expected `:`"),
        (b"{\"a\",1}", 4, "expected `:`"),
        (b"{\"a\" 1}", 5, "expected `:`"),
        (b"{\"a\"::1}", 5, "expected a value"),
        (b"{\"a\":}", 5, "expected a value"),
        (b"{\"a\":1,}", 7, "trailing comma before `}` or `]`"),
        (b"{\"a\":1,,}", 7, "expected a key in quotes"),
        (b"{\"a\":1]", 6, "expected `,` or `}`"),
        (b"{\"a\":1 \"b\":2}", 7, "expected `,` or `}`"),
        (b"{\"a\":1:2}", 6, "expected `,` or `}`"),
        (b"{\"a\":1}}", 7, "unexpected character after a value"),
        (b"{\"a\":\"b\"}/**/", 9, "unexpected character after a value"),
        (b"{}#", 2, "unexpected character after a value"),
        (b"[1]\x0c", 3, "unexpected character after a value"),
        (b"[\x0b1]", 1, "expected a value"),
        (b"\xc2\xa0[]", 0, "expected a value"),
        (b"\xef\xbb\xbf{}", 0, "expected a value"),
        (b"[1\0]", 2, "expected `,` or `]`"),
        (b"\0", 0, "expected a value"),
        (b"\"\xff\"", 1, "invalid UTF-8"),
        (b"\"a\x80\"", 2, "invalid UTF-8"),
        (b"\"\xc0\x80\"", 1, "invalid UTF-8"),
        (b"\"\xe0\x80\xaf\"", 1, "invalid UTF-8"),
        (b"\"\xed\xa0\x80\"", 1, "invalid UTF-8"),
        (b"\"\xf4\x90\x80\x80\"", 1, "invalid UTF-8"),
        (b"\"\xf5\x80\x80\x80\"", 1, "invalid UTF-8"),
        (b"\"\xe2\x82\"", 1, "invalid UTF-8"),
        (b"{\"\xc3\":1}", 2, "invalid UTF-8"),
        (b"[\xe9]", 1, "expected a value"),
    ];

    pub(in crate::json) fn said(what: What) -> &'static str {
        match what {
            What::Syntax(message) => message,
            What::TooDeep => "too deep",
            What::Encoding => "invalid UTF-8",
        }
    }

    #[test]
    fn valid_values() {
        for text in VALID {
            assert_eq!(check(text.as_bytes(), MAX_DEPTH), Ok(()), "{text}");
        }
    }

    #[test]
    fn invalid_values() {
        for (text, at, message) in INVALID {
            let found = check(text, MAX_DEPTH).map_err(|(at, what)| (at, said(what)));
            assert_eq!(found, Err((*at, *message)), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
        assert_eq!(check(nested(1024).as_bytes(), MAX_DEPTH), Ok(()));
        assert_eq!(check(nested(1025).as_bytes(), MAX_DEPTH), Err((1024, What::TooDeep)));
        assert_eq!(check("{\"a\":".repeat(100_000).as_bytes(), MAX_DEPTH), Err((5120, What::TooDeep)));
        assert_eq!(check(nested(100_000).as_bytes(), 100_000), Ok(()));
        assert_eq!(check(b"1", 0), Ok(()));
    }

    proptest! {
        /// An independent parser agrees, but for lone surrogates, which it lets through in text it does not decode.
        #[test]
        fn as_another_parser(text in "[\\[\\]{},:\"\\\\ tfn0-9eE.+a\u{e9}-]{0,12}|(\\[|\\]|\\{|\\}|,|:|\"a\"|\"\\\\n\"|1|-2.5e3|true|null| ){0,12}") {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            let expected = match other {
                // What stands behind a number beyond all floats it has not seen; it has if it need not know the number.
                Err(error) if error.to_string().contains("out of range") => {
                    serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok()
                }
                other => other.is_ok(),
            };
            prop_assert_eq!(check(text.as_bytes(), MAX_DEPTH).is_ok(), expected, "{}", text);
        }
    }
}
