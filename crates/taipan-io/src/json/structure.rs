//! Where the structure of a JSON text stands: its brackets, colons, commas, and the first bytes of its strings, numbers and
//! words, found sixty-four bytes at a time.
//!
//! This is the first half of the fast path; `walk.rs` is the second. Whether a byte is in a string does not depend on
//! where values begin, so all that must hold within strings is checked here, for fields that nobody asks for too: no
//! control characters, escapes as they should be, UTF-8. So are numbers and words, most of which are digits and nothing
//! else, which is seen for sixty-four bytes at once.

use super::scalar::is_scalar;
use super::text::unit;
use crate::scan::{Chunk, chunk, flatten, parity};

/// The structure of a text.
#[derive(Debug, Default)]
pub(super) struct Structure {
    /// Offsets of `{ } [ ] : ,` outside strings, and of the first bytes of everything else.
    pub(super) at: Vec<u32>,
    /// The bytes at these places, [`SCALAR`] for every number and word.
    pub(super) kinds: Vec<u8>,
    /// Backslashes that escape something in some string.
    pub(super) backslashes: Vec<u32>,
    /// Whether some colon does not stand right behind a quote.
    pub(super) apart: bool,
    /// Where numbers and words begin that are no plain integers.
    doubtful: Vec<u32>,
}

/// What numbers and words, all of which are checked, are among the kinds of a structure.
pub(super) const SCALAR: u8 = b'0';

/// Something in a string, a number or a word is not as it should be, or the text ends within a string.
#[derive(Debug, PartialEq)]
pub(super) struct Broken;

/// Which of sixty-four bytes are what.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Masks {
    quote: u64,
    backslash: u64,
    /// `{ } [ ] : ,`
    operator: u64,
    colon: u64,
    blank: u64,
    /// Below the space.
    control: u64,
    /// Beyond ASCII.
    high: u64,
    digit: u64,
    zero: u64,
    minus: u64,
}

impl Structure {
    /// Finds the structure of a text of less than 4 GiB, in place of what was found before.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.at.clear();
        self.kinds.clear();
        self.backslashes.clear();
        self.doubtful.clear();
        let ascii = scan(bytes, self)?;
        if !self.backslashes.iter().all(|&at| escape_is_valid(bytes, at as usize)) {
            return Err(Broken);
        }
        if !self.doubtful.iter().all(|&at| word_is_valid(bytes, at as usize)) {
            return Err(Broken);
        }
        if !ascii && std::str::from_utf8(bytes).is_err() {
            return Err(Broken);
        }
        Ok(())
    }
}

/// Whether what begins here, up to an operator, a quote or a blank, is a number or a word of JSON.
#[inline]
fn word_is_valid(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let ends =
        |byte: &u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"' | b' ' | b'\t' | b'\n' | b'\r');
    is_scalar(rest, rest.iter().position(ends).unwrap_or(rest.len()))
}

/// Whether an escape is one of the eight, or a code unit that is no lone half of a pair.
fn escape_is_valid(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
        Some(b'u') => match unit(bytes, at) {
            Some(0xD800..=0xDBFF) => matches!(unit(bytes, at + 6), Some(0xDC00..=0xDFFF)),
            Some(0xDC00..=0xDFFF) => {
                // The high half must be an escape itself, not the tail of an escaped backslash.
                let high = at.checked_sub(6).and_then(|high| unit(bytes, high));
                let backslashes =
                    bytes.get(..at.saturating_sub(6)).unwrap_or_default().iter().rev().take_while(|b| **b == b'\\');
                matches!(high, Some(0xD800..=0xDBFF)) && backslashes.count() % 2 == 0
            }
            Some(_) => true,
            None => false,
        },
        _ => false,
    }
}

/// Fills the structure; answers whether the text is ASCII.
fn scan(bytes: &[u8], structure: &mut Structure) -> Result<bool, Broken> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512vbmi2") && is_x86_feature_detected!("pclmulqdq") {
            return x86::scan_vbmi2(bytes, structure);
        }
        if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("pclmulqdq") {
            return x86::scan_avx512(bytes, structure);
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("pclmulqdq") {
            return x86::scan_avx2(bytes, structure);
        }
    }
    scan_with(bytes, structure, plain_masks, parity, note)
}

/// Eight bytes at a time would not be faster than what compilers make of this.
fn plain_masks(chunk: &Chunk) -> Masks {
    let mut masks = Masks::default();
    for (i, &byte) in chunk.iter().enumerate() {
        let bit = |is: bool| u64::from(is) << i;
        masks.quote |= bit(byte == b'"');
        masks.backslash |= bit(byte == b'\\');
        masks.operator |= bit(matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b','));
        masks.colon |= bit(byte == b':');
        masks.blank |= bit(matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        masks.control |= bit(byte < b' ');
        masks.high |= bit(byte >= 0x80);
        masks.digit |= bit(byte.is_ascii_digit());
        masks.zero |= bit(byte == b'0');
        masks.minus |= bit(byte == b'-');
    }
    masks
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only within its callers may it use their registers")]
fn scan_with(
    bytes: &[u8],
    structure: &mut Structure,
    masks: impl Fn(&Chunk) -> Masks,
    parity: impl Fn(u64) -> u64,
    note: impl Fn(&mut Structure, &Chunk, usize, u64, u64),
) -> Result<bool, Broken> {
    // All ones inside a string, and one after a backslash, within a word or behind a quote, at the first byte of the chunk.
    let (mut inside, mut escaped, mut word, mut quoted) = (0u64, 0u64, 0u64, 0u64);
    // Where the last number or word began.
    let mut begun = 0;
    let (mut high, mut control, mut apart) = (0u64, 0u64, 0u64);
    // One loop for the last, partial chunk too, so that the compiler has no second copy of it to call.
    for base in (0..bytes.len()).step_by(64) {
        let chunk = chunk(bytes, base);
        let valid = u64::MAX >> 64usize.saturating_sub(bytes.len() - base);
        let masks = masks(&chunk);
        let escapes = if masks.backslash | escaped == 0 {
            0
        } else {
            let (starts, escapes, carry) = escapes(masks.backslash & valid, escaped);
            escaped = carry;
            // A backslash outside strings begins no value, which the walk finds.
            let within = starts & (parity(masks.quote & !escapes) ^ inside);
            flatten(&mut structure.backslashes, base, within);
            escapes
        };
        let quotes = masks.quote & !escapes & valid;
        let strings = parity(quotes) ^ inside;
        inside = ((strings as i64) >> 63) as u64;
        control |= masks.control & strings & valid;
        high |= masks.high & valid;
        let words = !(masks.operator | masks.blank | quotes) & valid;
        let firsts = words & !(words << 1 | word);
        word = words >> 63;
        let content = strings ^ quotes;
        note(structure, &chunk, base, (masks.operator & valid | quotes | firsts) & !content, words);
        apart |= masks.colon & valid & !content & !(quotes << 1 | quoted);
        quoted = quotes >> 63;
        let (words, firsts) = (words & !content, firsts & !content);
        // No plain integers: with a byte that is no digit, but for a minus before one, and those with a zero before other
        // digits. What goes on in the next chunk is not known here.
        let minus = firsts & masks.minus;
        let doubts = (words & !masks.digit & !minus)
            | (minus & !(masks.digit >> 1))
            | ((firsts | minus << 1) & masks.zero & (words >> 1 | 1 << 63));
        if doubts != 0 {
            doubtful(&mut structure.doubtful, base, doubts, firsts, begun);
        }
        if firsts != 0 {
            begun = base + 63 - firsts.leading_zeros() as usize;
        }
    }
    if control != 0 || inside != 0 {
        return Err(Broken);
    }
    structure.apart = apart != 0;
    Ok(high == 0)
}

/// Appends places in a chunk, and what stands there: of `words` that they are such.
#[inline]
fn note(structure: &mut Structure, chunk: &Chunk, base: usize, bits: u64, words: u64) {
    let start = structure.at.len();
    flatten(&mut structure.at, base, bits);
    let places = structure.at.get(start..).unwrap_or_default();
    structure.kinds.extend(places.iter().map(|at| {
        let place = *at as usize - base;
        if words >> place & 1 == 1 { SCALAR } else { chunk.get(place).copied().unwrap_or_default() }
    }));
}

/// Adds where the numbers and words begin that some bytes of a chunk are of; the one that was cut off before it began at
/// `begun`.
#[inline]
fn doubtful(places: &mut Vec<u32>, base: usize, mut doubts: u64, firsts: u64, begun: usize) {
    while doubts != 0 {
        let below = u64::MAX >> (63 - doubts.trailing_zeros());
        let first = (firsts & below).checked_ilog2();
        places.push(first.map_or(begun, |first| base + first as usize) as u32);
        // All of the same one.
        let next = firsts & !below;
        doubts &= if next == 0 { 0 } else { u64::MAX << next.trailing_zeros() };
    }
}

/// The backslashes that escape something, the bytes that they escape, and whether the next chunk's first one is.
#[inline]
fn escapes(backslashes: u64, carry: u64) -> (u64, u64, u64) {
    let mut escaped = carry;
    let mut rest = backslashes & !carry;
    let (mut starts, mut next) = (0, 0);
    while rest != 0 {
        let bit = rest & rest.wrapping_neg();
        starts |= bit;
        escaped |= bit << 1;
        next = bit >> 63;
        rest &= !(bit | bit << 1);
    }
    (starts, escaped, next)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The same with the widest registers the processor has.
    #![expect(unsafe_code, reason = "the scan reads every byte of a file, and is several times as fast so")]

    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x,
        _mm256_set1_epi8, _mm256_sub_epi8, _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_movepi8_mask,
        _mm512_or_si512, _mm512_set_epi64, _mm512_set1_epi8, _mm512_sub_epi8,
    };

    use super::{Broken, Chunk, Masks, SCALAR, Structure, note, scan_with};
    use crate::scan::{carryless_parity, flatten_packed, pack, words};

    pub(super) fn scan_avx512(bytes: &[u8], structure: &mut Structure) -> Result<bool, Broken> {
        #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
        fn scan(bytes: &[u8], structure: &mut Structure) -> Result<bool, Broken> {
            scan_with(bytes, structure, |chunk| masks_avx512(chunk), |mask| carryless_parity(mask), note)
        }
        assert!(is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("pclmulqdq"));
        // SAFETY: the processor was asked for AVX-512BW and PCLMULQDQ; none has the first without the bit counting of
        // earlier ones.
        unsafe { scan(bytes, structure) }
    }

    pub(super) fn scan_vbmi2(bytes: &[u8], structure: &mut Structure) -> Result<bool, Broken> {
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
        fn scan(bytes: &[u8], structure: &mut Structure) -> Result<bool, Broken> {
            let note = |structure: &mut Structure, chunk: &Chunk, base, bits, words| {
                flatten_packed(&mut structure.at, base, bits);
                pack(&mut structure.kinds, chunk, bits, words, SCALAR);
            };
            scan_with(bytes, structure, |chunk| masks_avx512(chunk), |mask| carryless_parity(mask), note)
        }
        assert!(is_x86_feature_detected!("avx512vbmi2") && is_x86_feature_detected!("pclmulqdq"));
        // SAFETY: the processor was asked for AVX-512VBMI2 and PCLMULQDQ; none has the first without AVX-512BW and the bit
        // counting of earlier ones.
        unsafe { scan(bytes, structure) }
    }

    pub(super) fn scan_avx2(bytes: &[u8], structure: &mut Structure) -> Result<bool, Broken> {
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
        fn scan(bytes: &[u8], structure: &mut Structure) -> Result<bool, Broken> {
            scan_with(bytes, structure, |chunk| masks_avx2(chunk), |mask| carryless_parity(mask), note)
        }
        assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("pclmulqdq"));
        // SAFETY: the processor was asked for AVX2 and PCLMULQDQ; none has the first without the bit counting that came
        // with it.
        unsafe { scan(bytes, structure) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn masks_avx512(chunk: &Chunk) -> Masks {
        let [a, b, c, d, e, f, g, h] = words(chunk);
        let bytes: __m512i = _mm512_set_epi64(h, g, f, e, d, c, b, a);
        let equal = |bytes: __m512i, byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8));
        // Square brackets differ from curly ones in one bit, which no other byte that is compared here has clear.
        let curly = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
        let colon = equal(bytes, b':');
        Masks {
            quote: equal(bytes, b'"'),
            backslash: equal(bytes, b'\\'),
            operator: equal(curly, b'{') | equal(curly, b'}') | colon | equal(bytes, b','),
            colon,
            blank: equal(bytes, b' ') | equal(bytes, b'\n') | equal(bytes, b'\t') | equal(bytes, b'\r'),
            control: _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(b' ' as i8)),
            high: _mm512_movepi8_mask(bytes),
            digit: _mm512_cmplt_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8(b'0' as i8)), _mm512_set1_epi8(10)),
            zero: equal(bytes, b'0'),
            minus: equal(bytes, b'-'),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn masks_avx2(chunk: &Chunk) -> Masks {
        let [a, b, c, d, e, f, g, h] = words(chunk);
        let (low, high) = (half_avx2(_mm256_set_epi64x(d, c, b, a)), half_avx2(_mm256_set_epi64x(h, g, f, e)));
        let both = |of: fn(&[u32; 10]) -> u32| u64::from(of(&low)) | u64::from(of(&high)) << 32;
        Masks {
            quote: both(|half| half[0]),
            backslash: both(|half| half[1]),
            operator: both(|half| half[2]),
            blank: both(|half| half[3]),
            control: both(|half| half[4]),
            high: both(|half| half[5]),
            digit: both(|half| half[6]),
            zero: both(|half| half[7]),
            minus: both(|half| half[8]),
            colon: both(|half| half[9]),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn half_avx2(bytes: __m256i) -> [u32; 10] {
        let is = |bytes: __m256i, byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte as i8));
        let bits = |mask: __m256i| _mm256_movemask_epi8(mask) as u32;
        let or = |a: __m256i, b: __m256i| _mm256_or_si256(a, b);
        let curly = or(bytes, _mm256_set1_epi8(0x20));
        let from_zero = _mm256_sub_epi8(bytes, _mm256_set1_epi8(b'0' as i8));
        [
            bits(is(bytes, b'"')),
            bits(is(bytes, b'\\')),
            bits(or(or(is(curly, b'{'), is(curly, b'}')), or(is(bytes, b':'), is(bytes, b',')))),
            bits(or(or(is(bytes, b' '), is(bytes, b'\n')), or(is(bytes, b'\t'), is(bytes, b'\r')))),
            bits(_mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes)),
            bits(bytes),
            bits(_mm256_cmpeq_epi8(_mm256_min_epu8(from_zero, _mm256_set1_epi8(9)), from_zero)),
            bits(is(bytes, b'0')),
            bits(is(bytes, b'-')),
            bits(is(bytes, b':')),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The structure by a plain reading of bytes.
    fn plainly(bytes: &[u8]) -> Option<Vec<u32>> {
        let mut places = Vec::new();
        let (mut string, mut escaped, mut word) = (false, false, false);
        for (at, &byte) in bytes.iter().enumerate() {
            let quote = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            if string {
                string = !quote;
                if byte < b' ' {
                    return None;
                }
                continue;
            }
            match byte {
                b'{' | b'}' | b'[' | b']' | b':' | b',' => places.push(at as u32),
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ if quote || !word => places.push(at as u32),
                _ => {}
            }
            string = quote;
            word = !quote && !matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\t' | b'\n' | b'\r');
        }
        (!string).then_some(places)
    }

    type Scan = fn(&[u8], &mut Structure) -> Result<bool, Broken>;

    /// Every way that this machine can go.
    fn ways() -> Vec<Scan> {
        let mut ways: Vec<Scan> = vec![|bytes, structure| scan_with(bytes, structure, plain_masks, parity, note)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("pclmulqdq") {
                ways.push(x86::scan_avx2);
            }
            if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("pclmulqdq") {
                ways.push(x86::scan_avx512);
            }
            if is_x86_feature_detected!("avx512vbmi2") && is_x86_feature_detected!("pclmulqdq") {
                ways.push(x86::scan_vbmi2);
            }
        }
        ways
    }

    fn check(bytes: &[u8]) {
        let expected = plainly(bytes);
        for (i, way) in ways().iter().enumerate() {
            let mut structure = Structure::default();
            let found = way(bytes, &mut structure);
            assert_eq!(found.is_ok().then_some(&structure.at), expected.as_ref(), "way {i}: {}", bytes.escape_ascii());
            if let Ok(ascii) = found {
                assert_eq!(ascii, bytes.is_ascii());
                let kind =
                    |at: &u32| if b"{}[]:,\"".contains(&bytes[*at as usize]) { bytes[*at as usize] } else { SCALAR };
                let kinds: Vec<u8> = expected.iter().flatten().map(kind).collect();
                let behind_quote = |at: usize| at.checked_sub(1).is_some_and(|before| bytes[before] == b'"');
                let colons = expected.iter().flatten().map(|at| *at as usize).filter(|at| bytes[*at] == b':');
                let apart = !colons.clone().all(behind_quote);
                // A quote behind a backslash that is in no string is none.
                let doubtful = colons.clone().any(|at| bytes[..at].ends_with(b"\\\""));
                assert!(structure.apart == apart || (structure.apart && doubtful), "way {i}: {}", bytes.escape_ascii());
                assert_eq!(structure.kinds, kinds, "way {i}: {}", bytes.escape_ascii());
                let valid = structure.doubtful.iter().all(|&at| word_is_valid(bytes, at as usize));
                let words =
                    expected.iter().flatten().map(|at| *at as usize).filter(|at| !b"{}[]:,\"".contains(&bytes[*at]));
                let all = words.clone().all(|at| word_is_valid(bytes, at));
                assert_eq!(valid, all, "way {i}: {}", bytes.escape_ascii());
                assert!(structure.doubtful.iter().all(|at| words.clone().any(|word| word == *at as usize)));
            }
        }
    }

    #[test]
    fn places() {
        let mut structure = Structure::default();
        structure.find(b"{\"a\": [12, true], \"b\\\"{\":\"\"} 1\"y\"").unwrap();
        assert_eq!(structure.at, [0, 1, 4, 6, 7, 9, 11, 15, 16, 18, 24, 25, 27, 29, 30]);
        assert_eq!((structure.backslashes.as_slice(), structure.apart), ([20].as_slice(), false));
        structure.find(b"{\"a\" :1}").unwrap();
        assert_eq!((structure.backslashes.as_slice(), structure.apart), ([].as_slice(), true));
    }

    #[test]
    fn strings_are_checked() {
        let pad = " ".repeat(61);
        for text in super::super::machine::tests::VALID {
            for text in [text.to_string(), format!("{pad}{text}"), format!("{text}{pad}\"{text}")] {
                check(text.as_bytes());
            }
            assert_eq!(Structure::default().find(text.as_bytes()), Ok(()), "{text}");
        }
        let cases: [&[u8]; 12] = [
            b"\"\n\"",
            b"\"\\x\"",
            b"\"\\ud800\"",
            b"\"\\udc00\"",
            b"\"\\ud800\\\\udc00\"",
            b"\"\\\\ud800\\udc00\"",
            b"\"\\ud800\\ud800\\udc00\"",
            b"\"\\u12g4\"",
            b"\"\\u12\"",
            b"\"\xff\"",
            b"\"a",
            b"\"a\\\"",
        ];
        for text in cases {
            assert_eq!(Structure::default().find(text), Err(Broken), "{}", text.escape_ascii());
        }
        assert_eq!(Structure::default().find(b"\"\\\\\\ud83d\\ude00\\\\\""), Ok(()));
    }

    proptest! {
        #[test]
        fn every_way_is_the_plain_one(
            bytes in prop::collection::vec(prop::sample::select(&b"{}[]:,\"\"\\\\ \t\n\r1at\x01\x7f\xc3\xa9\x3b\x1a\x0c\x5e"[..]), 0..200),
        ) {
            check(&bytes);
        }

        #[test]
        fn numbers_are_checked(
            before in 0usize..70,
            words in prop::collection::vec("(-?[0-9]{1,4}|-?0{1,2}[1-9]?|[0-9]{60,70}|-{0,2}|[-0-9.e]{1,5}|true|nul)[, \"]{1,3}", 0..30),
        ) {
            let text = words.concat();
            let odd = text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
            check(format!("{}{text}{}", " ".repeat(before), if odd { "\"" } else { "" }).as_bytes());
        }

        #[test]
        fn every_byte_is_of_one_kind(bytes in prop::collection::vec(any::<u8>(), 0..150)) {
            check(&bytes);
        }
    }
}
