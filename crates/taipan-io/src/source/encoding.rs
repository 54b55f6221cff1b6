//! Text in other encodings than UTF-8: told, and turned into UTF-8 as it is read.
//!
//! UTF-16 is told by its byte order mark or by its zeros, what an XML declaration names is taken at its word, and
//! [`is_western`] says whether bytes that are no UTF-8 read as Windows-1252, of which Latin-1 is a part.

use std::io::{self, Read};

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::error::ErrorKind;

/// Bytes taken at a time.
const BUFFER: usize = 64 << 10;

/// The longest character, several times.
const ROOM: usize = 16;

/// What stands for a sequence that its encoding does not allow. It is no UTF-8 either, so whoever reads the text finds
/// the fault at its place.
const FAULT: u8 = 0xff;

/// The encoding of that name: `latin1`, `utf-16`, `shift_jis` and all others of the WHATWG's standard, also as Python
/// spells them: `latin-1`, `utf_16`, `utf-8-sig`.
pub(crate) fn named(label: &str) -> Result<&'static Encoding, ErrorKind> {
    let hyphened = label.trim().to_ascii_lowercase().replace('_', "-");
    let spellings = [
        label.to_owned(),
        hyphened.trim_end_matches("-sig").to_owned(),
        hyphened.replace('-', ""),
        hyphened.replace('-', "").replace("utf", "utf-"),
    ];
    spellings
        .iter()
        .find_map(|spelling| Encoding::for_label(spelling.as_bytes()))
        .filter(|encoding| encoding.name() != "replacement")
        .ok_or_else(|| ErrorKind::InvalidOption(format!("unknown text encoding `{label}`")))
}

/// The encoding of that name, unless a byte order mark knows better, as it does on the web. Text that is said to be
/// UTF-16 without an order of its bytes has the one that its zeros tell.
pub(crate) fn asked(label: &str, head: &[u8]) -> Result<&'static Encoding, ErrorKind> {
    let named = named(label)?;
    Ok(match head {
        [0xef, 0xbb, 0xbf, ..] => UTF_8,
        [0xff, 0xfe, ..] => UTF_16LE,
        [0xfe, 0xff, ..] => UTF_16BE,
        _ if named == UTF_16LE && !label.trim().to_ascii_lowercase().ends_with("le") => utf_16(head).unwrap_or(named),
        _ => named,
    })
}

/// The encoding that the first bytes tell, UTF-8 where they tell nothing.
pub(crate) fn detect(head: &[u8]) -> Result<&'static Encoding, ErrorKind> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err(ErrorKind::UnknownFormat("UTF-32 text")),
        [0xff, 0xfe, ..] => Ok(UTF_16LE),
        [0xfe, 0xff, ..] => Ok(UTF_16BE),
        [b'<', b'?', b'x', b'm', b'l', ..] => declared(head),
        _ => Ok(utf_16(head).unwrap_or(UTF_8)),
    }
}

/// Whether text that is no UTF-8 looks like Windows-1252: letters beyond ASCII, most of them beside others or words of
/// their own, signs before or behind a number, and none of the bytes that it leaves out or that hardly any word has (ÿ,
/// which is all ones).
pub(crate) fn is_western(text: &[u8]) -> bool {
    let (mut faults, mut in_words, mut sequences) = (0usize, 0usize, 0usize);
    let mut start = 0;
    while let Err(error) = std::str::from_utf8(text.get(start..).unwrap_or_default()) {
        let at = start + error.valid_up_to();
        sequences += leading_bytes(text.get(start..at).unwrap_or_default());
        let Some(length) = error.error_len() else {
            // The last character may be cut off by the end of the sample.
            return western_words(faults, in_words, sequences, text);
        };
        let fault = text.get(at..at + length).unwrap_or_default();
        if fault.iter().any(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d | 0xff)) {
            return false;
        }
        start = at + length;
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let beside = [before, text.get(start)];
        let in_word = beside.into_iter().flatten().any(u8::is_ascii_alphanumeric)
            || (fault.first().is_some_and(|byte| *byte >= 0xc0)
                && beside.into_iter().all(|byte| byte.copied().is_none_or(ends_word)));
        faults += 1;
        in_words += usize::from(in_word);
    }
    sequences += leading_bytes(text.get(start..).unwrap_or_default());
    western_words(faults, in_words, sequences, text)
}

/// Whether a byte may stand before and behind a word.
fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_punctuation()
}

/// Text whose letters are UTF-8 is UTF-8 with a fault in it.
fn western_words(faults: usize, in_words: usize, sequences: usize, text: &[u8]) -> bool {
    in_words * 2 > faults && sequences * 20 <= faults && memchr::memchr(0, text).is_none()
}

fn leading_bytes(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte >= 0xc0).count()
}

/// Reads text of some encoding as UTF-8. A byte order mark is left out.
pub(crate) struct Transcoder<R> {
    reader: R,
    decoder: encoding_rs::Decoder,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    at_end: bool,
    finished: bool,
    /// Characters that had no room where they were asked for.
    left: [u8; ROOM],
    left_range: (usize, usize),
}

impl<R: Read> Transcoder<R> {
    pub(crate) fn new(encoding: &'static Encoding, reader: R) -> Self {
        Self {
            reader,
            decoder: encoding.new_decoder_with_bom_removal(),
            input: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            at_end: false,
            finished: false,
            left: [0; ROOM],
            left_range: (0, 0),
        }
    }

    /// Decodes into a buffer with room for several characters; nothing is written at the end only.
    fn decode(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled == 0 && !self.finished {
            if self.start == self.end && !self.at_end {
                self.start = 0;
                self.end = self.reader.read(&mut self.input)?;
                self.at_end = self.end == 0;
            }
            let source = self.input.get(self.start..self.end).unwrap_or_default();
            // A byte is left free for a fault.
            let room = buffer.len() - 1;
            let target = buffer.get_mut(..room).unwrap_or_default();
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(source, target, self.at_end);
            self.start += read;
            filled += written;
            match result {
                DecoderResult::InputEmpty => self.finished = self.at_end,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    if let Some(byte) = buffer.get_mut(filled) {
                        *byte = FAULT;
                        filled += 1;
                    }
                }
            }
        }
        Ok(filled)
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.len() >= ROOM && self.left_range.0 == self.left_range.1 {
            return self.decode(buffer);
        }
        if self.left_range.0 == self.left_range.1 {
            let mut left = [0; ROOM];
            self.left_range = (0, self.decode(&mut left)?);
            self.left = left;
        }
        let left = self.left.get(self.left_range.0..self.left_range.1).unwrap_or_default();
        let count = left.len().min(buffer.len());
        buffer.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        self.left_range.0 += count;
        Ok(count)
    }
}

/// UTF-16 without a byte order mark: characters from below U+0100 have a zero on the same side each, and the text has
/// no control characters but tabs and newlines. Where most characters are no such ones, the bytes hardly ever are UTF-8:
/// those that are have a stray NUL.
fn utf_16(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.get(..head.len().min(4096))?.as_chunks::<2>().0;
    let zeros = |side: usize| pairs.iter().filter(|pair| pair.get(side) == Some(&0)).count();
    let (high, low) = (zeros(0), zeros(1));
    // A few characters have a zero on the other side: an ideographic space, half of a smiley.
    let (encoding, most, others) = if low >= high { (UTF_16LE, low, high) } else { (UTF_16BE, high, low) };
    if most == 0 || most * 16 < pairs.len() || others * 4 > most {
        return None;
    }
    // The last character may be cut off.
    let is_utf_8 = std::str::from_utf8(pairs.as_flattened()).map_or_else(|error| error.error_len().is_none(), |_| true);
    if is_utf_8 && (high + low) * 2 < pairs.len() {
        return None;
    }
    let units = pairs
        .iter()
        .map(|pair| if encoding == UTF_16LE { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) });
    let mut controls = char::decode_utf16(units)
        .filter(|unit| unit.as_ref().is_ok_and(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')));
    controls.next().is_none().then_some(encoding)
}

/// The encoding that an XML declaration names.
fn declared(head: &[u8]) -> Result<&'static Encoding, ErrorKind> {
    let declaration = head.get(..memchr::memchr(b'>', head).unwrap_or(head.len()).min(1000)).unwrap_or_default();
    let Some(at) = memchr::memmem::find(declaration, b"encoding") else { return Ok(UTF_8) };
    let value = declaration.get(at + 8..).unwrap_or_default().trim_ascii_start();
    let value = value.strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
    let Some([quote @ (b'"' | b'\''), label @ ..]) = value else { return Ok(UTF_8) };
    let Some(end) = memchr::memchr(*quote, label) else { return Ok(UTF_8) };
    let label = String::from_utf8_lossy(label.get(..end).unwrap_or_default()).into_owned();
    match named(&label) {
        // It could not be read as far as this if it were what it says.
        Ok(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok(UTF_8),
        // Names outside the grammar are for whoever checks the declaration.
        Err(_) if !label.starts_with(|first: char| first.is_ascii_alphabetic()) => Ok(UTF_8),
        Ok(encoding) => Ok(encoding),
        Err(_) => Err(ErrorKind::UnknownEncoding(label)),
    }
}

/// Whether these bytes are what the encoding has for Western letters: the guess that Latin-1 stands for.
pub(crate) fn western() -> &'static Encoding {
    WINDOWS_1252
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf_16_bytes(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    /// Read in steps of every size from both sides.
    fn transcoded(encoding: &'static Encoding, bytes: &[u8], step: usize) -> Vec<u8> {
        struct Steps<'a>(&'a [u8], usize);
        impl Read for Steps<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let end = self.1.min(buffer.len());
                self.0.read(&mut buffer[..end])
            }
        }
        let mut transcoder = Transcoder::new(encoding, Steps(bytes, step));
        let mut text = Vec::new();
        let mut piece = vec![0; step];
        loop {
            match transcoder.read(&mut piece).unwrap() {
                0 => return text,
                read => text.extend_from_slice(&piece[..read]),
            }
        }
    }

    #[test]
    fn encodings_are_told() {
        let le = |text: &str| utf_16_bytes(text, false);
        let be = |text: &str| utf_16_bytes(text, true);
        let cases: [(Vec<u8>, &str); 22] = [
            (le("a,b\n1,\u{3000}x\n"), "UTF-16LE"),
            (be("a,b\n1,\u{3000}x\n"), "UTF-16BE"),
            (le("name,mood\nAnn,\u{1f600}\n"), "UTF-16LE"),
            (be("name,mood\nAnn,\u{1f600}\n"), "UTF-16BE"),
            (b"a,b\n1,\0\n".to_vec(), "UTF-8"),
            (b"a,b\n1,2\0\n3,4\n".to_vec(), "UTF-8"),
            (b"a,b\n1,2\n".to_vec(), "UTF-8"),
            ("naïve".into(), "UTF-8"),
            (b"".to_vec(), "UTF-8"),
            (le("\u{feff}a"), "UTF-16LE"),
            (be("\u{feff}a"), "UTF-16BE"),
            (le("a,b\n1,2\n"), "UTF-16LE"),
            (be("{\"a\":1}"), "UTF-16BE"),
            (le("名,前\r\n東,京\r\n"), "UTF-16LE"),
            (be("1"), "UTF-16BE"),
            (b"\0\0\0\0a\0".to_vec(), "UTF-8"),
            (b"a\0\x01\0".to_vec(), "UTF-8"),
            (b"<?xml version='1.0' encoding='iso-8859-1'?>".to_vec(), "windows-1252"),
            (b"<?xml version=\"1.0\" encoding = \"Shift_JIS\" ?>".to_vec(), "Shift_JIS"),
            (b"<?xml version='1.0' encoding='UTF-16'?>".to_vec(), "UTF-8"),
            (b"<?xml version='1.0'?><a encoding='latin1'/>".to_vec(), "UTF-8"),
            (le("<?xml version='1.0' encoding='utf-16'?>"), "UTF-16LE"),
        ];
        for (head, expected) in cases {
            assert_eq!(detect(&head).unwrap().name(), expected, "{}", String::from_utf8_lossy(&head));
        }
        let cases = [
            ("utf-16", be("\u{feff}a,b\n"), "UTF-16BE"),
            ("UTF-16", le("\u{feff}a,b\n"), "UTF-16LE"),
            ("utf-16be", le("\u{feff}a,b\n"), "UTF-16LE"),
            ("utf-16le", be("\u{feff}a,b\n"), "UTF-16BE"),
            ("utf-16", be("a,b\n"), "UTF-16BE"),
            ("utf-16", le("a,b\n"), "UTF-16LE"),
            ("utf-16", le("東京"), "UTF-16LE"),
            ("utf-16be", be("東京"), "UTF-16BE"),
            ("latin1", le("a,b\n"), "windows-1252"),
            ("latin1", "\u{feff}é\n".into(), "UTF-8"),
            ("latin1", "é\n".into(), "windows-1252"),
            ("latin-1", b"\xe9\n".to_vec(), "windows-1252"),
            ("ISO_8859_15", b"\xa4\n".to_vec(), "ISO-8859-15"),
            ("utf_16", be("a,b\n"), "UTF-16BE"),
            ("utf16", le("a,b\n"), "UTF-16LE"),
            ("utf_16_le", be("東京"), "UTF-16LE"),
            ("utf-8-sig", "é\n".into(), "UTF-8"),
            ("shift_jis", Vec::new(), "Shift_JIS"),
            ("euc_jp", Vec::new(), "EUC-JP"),
        ];
        for (label, head, expected) in cases {
            assert_eq!(asked(label, &head).unwrap().name(), expected, "{label} {head:?}");
        }
        let error = |head: &[u8]| detect(head).unwrap_err().to_string();
        assert_eq!(error(b"<?xml version='1.0' encoding='martian'?>"), "unknown text encoding `martian`");
        assert_eq!(error(b"\xff\xfe\0\0a\0\0\0"), "the file is UTF-32 text, expected CSV, JSON or XML");
        assert_eq!(named("nope").unwrap_err().to_string(), "unknown text encoding `nope`");
    }

    #[test]
    fn western_letters() {
        let cases: [(&[u8], bool); 9] = [
            (b"name\nM\xfcller\n", true),
            (b"price\n\x80 5\n", false),
            ("name\nMüller\n".as_bytes(), false),
            (b"plain", false),
            (b"M\xc3\xbcller,M\xfcller", false),
            (b"x\x81", false),
            (b"x\0\xe9", false),
            (b"cut off \xc3", false),
            (b"\xe9t\xe9 \xe0 la c\xf4te", true),
        ];
        for (text, expected) in cases {
            assert_eq!(is_western(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn faults_stand_where_they_were() {
        let lone = [utf_16_bytes("a", false), vec![0, 0xd8], utf_16_bytes("b", false)].concat();
        let odd = [utf_16_bytes("ab", false), vec![b'c']].concat();
        for step in [1, 2, 3, 7, 16, 100] {
            assert_eq!(transcoded(UTF_16LE, &lone, step), b"a\xffb");
            assert_eq!(transcoded(UTF_16LE, &odd, step), b"ab\xff");
            assert_eq!(
                transcoded(encoding_rs::SHIFT_JIS, b"a\x82\xa0\x82", step),
                "aあ".bytes().chain([FAULT]).collect::<Vec<_>>()
            );
            assert_eq!(transcoded(WINDOWS_1252, b"\x80\xe9\xff", step), "€éÿ".as_bytes());
        }
    }

    proptest! {
        #[test]
        fn all_text_comes_through(text in "\\PC*", big: bool, mark: bool, step in 1usize..40) {
            let encoding = if big { UTF_16BE } else { UTF_16LE };
            let marked = if mark { format!("\u{feff}{text}") } else { text.clone() };
            let read = transcoded(encoding, &utf_16_bytes(&marked, big), step);
            prop_assert_eq!(String::from_utf8(read).unwrap(), text);
        }
    }
}
