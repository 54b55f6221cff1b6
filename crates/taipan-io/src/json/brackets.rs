//! Where an object or array ends: where as many brackets were closed as opened, outside strings.
//!
//! One thread does this at a time, so it does as little for a byte as it can; `runs.rs` does the same for many of them.

use std::ops::ControlFlow;

use crate::scan::{Chunk, chunk, parity};

/// Brackets are nested deeper than the limit, from this offset on.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) struct TooDeep(pub(super) usize);

/// Which of sixty-four bytes are what.
pub(super) struct Masks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    pub(super) opening: u64,
    pub(super) closing: u64,
    pub(super) newline: u64,
}

/// What the chunks before one leave behind.
#[derive(Debug, Default)]
pub(super) struct Strings {
    /// All ones where the chunk begins inside a string.
    inside: u64,
    /// One where it begins behind a backslash.
    escaped: u64,
}

impl Strings {
    /// The brackets of the next chunk that open and close something, which those in strings do not.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only within its callers may it use their registers")]
    pub(super) fn brackets_outside(&mut self, masks: &Masks, parity: impl Fn(u64) -> u64) -> (u64, u64) {
        let quotes = if masks.backslash | self.escaped == 0 {
            masks.quote
        } else {
            let (escapes, carry) = escaped_bytes(masks.backslash, self.escaped);
            self.escaped = carry;
            masks.quote & !escapes
        };
        let strings = parity(quotes) ^ self.inside;
        self.inside = ((strings as i64) >> 63) as u64;
        (masks.opening & !strings, masks.closing & !strings)
    }
}

/// Where the object or array that starts here ends; nothing if the bytes end before it does.
pub(super) fn end(bytes: &[u8], start: usize, limit: u32) -> Result<Option<usize>, TooDeep> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw") {
            return x86::end_avx512(bytes, start, limit);
        }
        if is_x86_feature_detected!("avx2") {
            return x86::end_avx2(bytes, start, limit);
        }
    }
    end_with(bytes, start, limit, plain_masks)
}

pub(super) fn plain_masks(chunk: &Chunk) -> Masks {
    use crate::scan::equal;
    Masks {
        quote: equal(chunk, b'"'),
        backslash: equal(chunk, b'\\'),
        opening: equal(chunk, b'{') | equal(chunk, b'['),
        closing: equal(chunk, b'}') | equal(chunk, b']'),
        newline: equal(chunk, b'\n'),
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only within its callers may it use their registers")]
fn end_with(bytes: &[u8], start: usize, limit: u32, masks: impl Fn(&Chunk) -> Masks) -> Result<Option<usize>, TooDeep> {
    let (mut depth, mut strings) = (0u32, Strings::default());
    let mut step = |chunk: &Chunk, base: usize| {
        let (opening, closing) = strings.brackets_outside(&masks(chunk), parity);
        let (up, down) = (opening.count_ones(), closing.count_ones());
        // Whichever order they come in, the first bracket is not closed here, nor is one too deep.
        if down < depth && depth + up <= limit {
            depth = depth + up - down;
            return ControlFlow::Continue(());
        }
        let mut brackets = opening | closing;
        while brackets != 0 {
            let at = base + brackets.trailing_zeros() as usize;
            let bit = brackets & brackets.wrapping_neg();
            brackets ^= bit;
            if opening & bit == 0 {
                depth -= 1;
                if depth == 0 {
                    return ControlFlow::Break(Ok(at + 1));
                }
            } else {
                depth += 1;
                if depth > limit {
                    return ControlFlow::Break(Err(TooDeep(at)));
                }
            }
        }
        ControlFlow::Continue(())
    };
    let (chunks, rest) = bytes.get(start..).unwrap_or_default().as_chunks::<64>();
    let mut base = start;
    for chunk in chunks {
        if let ControlFlow::Break(end) = step(chunk, base) {
            return end.map(Some);
        }
        base += 64;
    }
    if !rest.is_empty()
        && let ControlFlow::Break(end) = step(&chunk(bytes, base), base)
    {
        return end.map(Some);
    }
    Ok(None)
}

/// The bytes that follow an escaping backslash, and whether the next chunk's first one does.
pub(super) fn escaped_bytes(backslashes: u64, carry: u64) -> (u64, u64) {
    let mut escaped = carry;
    let mut rest = backslashes & !carry;
    let mut next = 0;
    while rest != 0 {
        let bit = rest & rest.wrapping_neg();
        escaped |= bit << 1;
        next = bit >> 63;
        rest &= !(bit | bit << 1);
    }
    (escaped, next)
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    #![expect(unsafe_code, reason = "no other work on a file is done by one thread alone")]

    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi8,
        _mm512_cmpeq_epi8_mask, _mm512_or_si512, _mm512_set_epi64, _mm512_set1_epi8,
    };

    use super::{Chunk, Masks, TooDeep, end_with};
    use crate::scan::words;

    pub(super) fn end_avx512(bytes: &[u8], start: usize, limit: u32) -> Result<Option<usize>, TooDeep> {
        #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt,lzcnt")]
        fn end(bytes: &[u8], start: usize, limit: u32) -> Result<Option<usize>, TooDeep> {
            end_with(bytes, start, limit, |chunk| masks_avx512(chunk))
        }
        assert!(is_x86_feature_detected!("avx512bw"));
        // SAFETY: the processor was asked for AVX-512BW; none has it without the bit counting of earlier ones.
        unsafe { end(bytes, start, limit) }
    }

    pub(super) fn end_avx2(bytes: &[u8], start: usize, limit: u32) -> Result<Option<usize>, TooDeep> {
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
        fn end(bytes: &[u8], start: usize, limit: u32) -> Result<Option<usize>, TooDeep> {
            end_with(bytes, start, limit, |chunk| masks_avx2(chunk))
        }
        assert!(is_x86_feature_detected!("avx2"));
        // SAFETY: the processor was asked for AVX2; none has it without the bit counting that came with it.
        unsafe { end(bytes, start, limit) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(in crate::json) fn masks_avx512(chunk: &Chunk) -> Masks {
        let [a, b, c, d, e, f, g, h] = words(chunk);
        let bytes = _mm512_set_epi64(h, g, f, e, d, c, b, a);
        // Square brackets differ from curly ones in one bit.
        let curly = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
        Masks {
            quote: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'"' as i8)),
            backslash: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'\\' as i8)),
            opening: _mm512_cmpeq_epi8_mask(curly, _mm512_set1_epi8(b'{' as i8)),
            closing: _mm512_cmpeq_epi8_mask(curly, _mm512_set1_epi8(b'}' as i8)),
            newline: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'\n' as i8)),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::json) fn masks_avx2(chunk: &Chunk) -> Masks {
        let [a, b, c, d, e, f, g, h] = words(chunk);
        let (low, high) = (_mm256_set_epi64x(d, c, b, a), _mm256_set_epi64x(h, g, f, e));
        let half = |bytes: __m256i, byte: u8| {
            u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte as i8))) as u32)
        };
        let is = |low, high, byte| half(low, byte) | half(high, byte) << 32;
        let bit = _mm256_set1_epi8(0x20);
        let (curly_low, curly_high) = (_mm256_or_si256(low, bit), _mm256_or_si256(high, bit));
        Masks {
            quote: is(low, high, b'"'),
            backslash: is(low, high, b'\\'),
            opening: is(curly_low, curly_high, b'{'),
            closing: is(curly_low, curly_high, b'}'),
            newline: is(low, high, b'\n'),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by a plain reading of bytes.
    fn plainly(bytes: &[u8], start: usize, limit: u32) -> Result<Option<usize>, TooDeep> {
        let (mut string, mut escaped, mut depth) = (false, false, 0);
        for (at, &byte) in bytes.iter().enumerate().skip(start) {
            let quote = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            if quote {
                string = !string;
            } else if !string && matches!(byte, b'{' | b'[') {
                depth += 1;
                if depth > limit {
                    return Err(TooDeep(at));
                }
            } else if !string && matches!(byte, b'}' | b']') {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            }
        }
        Ok(None)
    }

    type End = fn(&[u8], usize, u32) -> Result<Option<usize>, TooDeep>;

    /// Every way that this machine can go.
    fn ways() -> Vec<End> {
        let mut ways: Vec<End> = vec![|bytes, start, limit| end_with(bytes, start, limit, plain_masks)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                ways.push(x86::end_avx2);
            }
            if is_x86_feature_detected!("avx512bw") {
                ways.push(x86::end_avx512);
            }
        }
        ways
    }

    proptest! {
        #[test]
        fn every_way_is_the_plain_one(
            before in 0usize..70,
            text in "[\\[\\]{}:\"\\\\ a;=]{0,200}|(\\[|\\]|\\{|\\}|\"\\]\"|[a]{0,40}){0,60}",
            limit in 2u32..40,
        ) {
            let bytes = [" ".repeat(before).as_bytes(), b"[", text.as_bytes()].concat();
            let expected = plainly(&bytes, before, limit);
            for (i, way) in ways().iter().enumerate() {
                prop_assert_eq!(way(&bytes, before, limit), expected, "way {}", i);
            }
        }

        #[test]
        fn escapes_are_those_of_a_plain_scan(backslashes: u64, dense: u64, carried: bool) {
            let backslashes = backslashes | dense;
            let (escaped, next) = escaped_bytes(backslashes, u64::from(carried));
            let mut after = carried;
            for i in 0..64 {
                prop_assert_eq!(escaped >> i & 1 == 1, after);
                after = !after && backslashes >> i & 1 == 1;
            }
            prop_assert_eq!(next == 1, after);
        }
    }
}
