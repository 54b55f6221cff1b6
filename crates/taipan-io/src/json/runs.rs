//! Objects and arrays that stand one behind another, found in one go over the bytes.
//!
//! These are most of any large file. What else there may be — a record on several lines of a sequence, another value,
//! anything that is not as it should be — ends the run, and the splitter goes on by itself.

use std::ops::Range;

use super::brackets::{Masks, Strings, plain_masks};
use crate::scan::{Chunk, chunk, parity};

/// What stands between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    /// Blanks; and no record has a newline in it.
    Blanks,
    /// A comma and blanks.
    Comma,
}

/// Finds the records from the one on that starts here with its bracket; answers where the last of them ends, nothing if
/// there is none.
pub(super) fn find(
    bytes: &[u8],
    start: usize,
    between: Between,
    limit: u32,
    records: &mut Vec<Range<usize>>,
) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("pclmulqdq") {
            return x86::find_avx512(bytes, start, between, limit, records);
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("pclmulqdq") {
            return x86::find_avx2(bytes, start, between, limit, records);
        }
    }
    find_with(Run::new(bytes, start, between, limit, records), plain_masks, parity)
}

/// A run under way.
struct Run<'a> {
    bytes: &'a [u8],
    start: usize,
    between: Between,
    limit: u32,
    records: &'a mut Vec<Range<usize>>,
    depth: u32,
    /// Where the record at hand begins, and where the one before it ended.
    begun: usize,
    ended: Option<usize>,
}

impl<'a> Run<'a> {
    fn new(bytes: &'a [u8], start: usize, between: Between, limit: u32, records: &'a mut Vec<Range<usize>>) -> Self {
        Self { bytes, start, between, limit, records, depth: 0, begun: start, ended: None }
    }

    /// Takes brackets of a chunk in turn; false where the run ends.
    #[inline]
    fn brackets(&mut self, base: usize, opening: u64, closing: u64, newlines: u64) -> bool {
        let mut brackets = opening | closing;
        while brackets != 0 {
            let at = base + brackets.trailing_zeros() as usize;
            let bit = brackets & brackets.wrapping_neg();
            brackets ^= bit;
            if opening & bit != 0 {
                if self.depth == 0 {
                    if self.ended.is_some_and(|ended| !self.fits(ended, at)) {
                        return false;
                    }
                    self.begun = at;
                }
                self.depth += 1;
                if self.depth > self.limit {
                    return false;
                }
                continue;
            }
            // Closed is only what was opened: between records there is no bracket that closes.
            let Some(depth) = self.depth.checked_sub(1) else { return false };
            self.depth = depth;
            if depth == 0 {
                if newlines & self.of_record(base) & (bit - 1) != 0 {
                    return false;
                }
                // By the bracket that goes with the one it begins with.
                if self.bytes.get(at).copied() != self.bytes.get(self.begun).map(|open| open + 2) {
                    return false;
                }
                self.records.push(self.begun..at + 1);
                self.ended = Some(at + 1);
            }
        }
        self.depth == 0 || newlines & self.of_record(base) == 0
    }

    /// The bits of a chunk from where the record at hand begins.
    #[inline]
    fn of_record(&self, base: usize) -> u64 {
        u64::MAX << self.begun.saturating_sub(base).min(63)
    }

    /// Whether nothing but what belongs there stands between two records.
    #[inline]
    fn fits(&self, ended: usize, begun: usize) -> bool {
        let gap = self.bytes.get(ended..begun).unwrap_or_default();
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match (self.between, gap) {
            (Between::Blanks, [b'\n']) | (Between::Comma, [b',']) => true,
            (Between::Blanks, gap) => gap.iter().all(blank),
            (Between::Comma, gap) => match gap.iter().position(|byte| !blank(byte)) {
                Some(comma) => {
                    gap.get(comma) == Some(&b',') && gap.get(comma + 1..).unwrap_or_default().iter().all(blank)
                }
                None => false,
            },
        }
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only within its callers may it use their registers")]
fn find_with(mut run: Run, masks: impl Fn(&Chunk) -> Masks, parity: impl Fn(u64) -> u64) -> Option<usize> {
    let mut strings = Strings::default();
    let (bytes, start) = (run.bytes, run.start);
    // One loop for the last, partial chunk too, so that the compiler has no second copy of it to call.
    for base in (start..bytes.len()).step_by(64) {
        let chunk = chunk(bytes, base);
        let masks = masks(&chunk);
        let (opening, closing) = strings.brackets_outside(&masks, &parity);
        let newlines = if run.between == Between::Blanks { masks.newline } else { 0 };
        let (up, down) = (opening.count_ones(), closing.count_ones());
        // Whichever order they come in, the record is not over here, nor is a bracket too deep.
        let goes_on = if down < run.depth && run.depth + up <= run.limit {
            run.depth = run.depth + up - down;
            newlines == 0
        } else {
            run.brackets(base, opening, closing, newlines)
        };
        if !goes_on {
            break;
        }
    }
    run.ended
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(unsafe_code, reason = "one thread does this at a time, so it is as fast as a processor can do it")]

    use std::ops::Range;

    use super::super::brackets::x86::{masks_avx2, masks_avx512};
    use super::{Between, Run, find_with};
    use crate::scan::carryless_parity;

    pub(super) fn find_avx512(
        bytes: &[u8],
        start: usize,
        between: Between,
        limit: u32,
        records: &mut Vec<Range<usize>>,
    ) -> Option<usize> {
        #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
        fn find(run: Run) -> Option<usize> {
            find_with(run, |chunk| masks_avx512(chunk), |mask| carryless_parity(mask))
        }
        assert!(is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("pclmulqdq"));
        // SAFETY: the processor was asked for AVX-512BW and PCLMULQDQ; none has the first without the bit counting of
        // earlier ones.
        unsafe { find(Run::new(bytes, start, between, limit, records)) }
    }

    pub(super) fn find_avx2(
        bytes: &[u8],
        start: usize,
        between: Between,
        limit: u32,
        records: &mut Vec<Range<usize>>,
    ) -> Option<usize> {
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
        fn find(run: Run) -> Option<usize> {
            find_with(run, |chunk| masks_avx2(chunk), |mask| carryless_parity(mask))
        }
        assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("pclmulqdq"));
        // SAFETY: the processor was asked for AVX2 and PCLMULQDQ; none has the first without the bit counting that came
        // with it.
        unsafe { find(Run::new(bytes, start, between, limit, records)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Splitter;
    use super::*;

    type Find = fn(&[u8], usize, Between, u32, &mut Vec<Range<usize>>) -> Option<usize>;

    /// Every way that this machine can go.
    fn ways() -> Vec<Find> {
        let mut ways: Vec<Find> = vec![|bytes, start, between, limit, records| {
            find_with(Run::new(bytes, start, between, limit, records), plain_masks, parity)
        }];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("pclmulqdq") {
            if is_x86_feature_detected!("avx2") {
                ways.push(x86::find_avx2);
            }
            if is_x86_feature_detected!("avx512bw") {
                ways.push(x86::find_avx512);
            }
        }
        ways
    }

    fn found(text: &str, between: Between) -> (Vec<&str>, Option<usize>) {
        let all: Vec<_> = ways()
            .iter()
            .map(|way| {
                let mut records = Vec::new();
                let end = way(text.as_bytes(), 0, between, 3, &mut records);
                (records.into_iter().map(|record| &text[record]).collect(), end)
            })
            .collect();
        assert!(all.windows(2).all(|two| two[0] == two[1]), "{text}: {all:?}");
        all.into_iter().next().unwrap()
    }

    #[test]
    fn runs() {
        let long = format!("{{\"a\":\"{}}}\"}}", "x".repeat(200));
        let two = format!("{long}\n{long}\n");
        let cases: [(&str, Between, &[&str], Option<usize>); 13] = [
            ("{\"a\":1}\n[2]\n", Between::Blanks, &["{\"a\":1}", "[2]"], Some(11)),
            ("{} \r\n{}{}", Between::Blanks, &["{}", "{}", "{}"], Some(9)),
            ("{}\n{\"a\":", Between::Blanks, &["{}"], Some(2)),
            ("{}\n{\"a\":\n1}\n{}", Between::Blanks, &["{}"], Some(2)),
            ("{}\n1\n{}", Between::Blanks, &["{}"], Some(2)),
            ("{}}\n{}", Between::Blanks, &["{}"], Some(2)),
            ("{}\n[[[[]]]]", Between::Blanks, &["{}"], Some(2)),
            ("{\"a\":\"\\\"}\"}\n{}", Between::Blanks, &["{\"a\":\"\\\"}\"}", "{}"], Some(14)),
            ("{},[\n1\n]\n,\n{}]", Between::Comma, &["{}", "[\n1\n]", "{}"], Some(13)),
            ("{} {}", Between::Comma, &["{}"], Some(2)),
            ("{},,{}", Between::Comma, &["{}"], Some(2)),
            ("[1,", Between::Comma, &[], None),
            (&two, Between::Blanks, &[&long, &long], Some(two.len() - 1)),
        ];
        for (text, between, records, end) in cases {
            assert_eq!(found(text, between), (records.to_vec(), end), "{text}");
        }
    }

    proptest! {
        /// With runs, the splitter finds what it finds without.
        #[test]
        fn runs_change_nothing(
            before in 0usize..70,
            array: bool,
            parts in prop::collection::vec(prop_oneof![
                6 => "(\\{\"a{0,30}\":[1\"\\{]{0,2}\\}|\\[\\]|\\{\\})",
                6 => "[,\n]",
                1 => "[\\[\\]{}:\"\\\\ a,\n1]{1,4}",
            ], 0..40),
        ) {
            let text = format!("{}{}{}", " ".repeat(before), if array { "[" } else { "" }, parts.concat());
            let bytes = text.as_bytes();
            let plainly = {
                let (mut splitter, mut position, mut records) = (Splitter::new(3), 0, Vec::new());
                loop {
                    match splitter.next(bytes, &mut position, true) {
                        Ok(Some(record)) => records.push(record),
                        Ok(None) => break (records, position, None),
                        Err(flaw) => break (records, position, Some(flaw)),
                    }
                }
            };
            let (mut splitter, mut position, mut records) = (Splitter::new(3), 0, Vec::new());
            let flaw = loop {
                splitter.run(bytes, &mut position, &mut records);
                match splitter.next(bytes, &mut position, true) {
                    Ok(Some(record)) => records.push(record),
                    Ok(None) => break None,
                    Err(flaw) => break Some(flaw),
                }
            };
            prop_assert_eq!((records, position, flaw), plainly, "{}", text);
        }
    }
}
