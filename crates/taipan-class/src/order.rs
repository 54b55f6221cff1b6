//! The C3 linearisation of Barrett et al., "A Monotonic Superclass Linearization for Dylan" (OOPSLA 1996).
//!
//! The merge takes, again and again, the first head that is in no tail. It keeps the order of every base and the order in
//! which the bases are given, or there is no order at all.

/// Merges sequences into one that keeps the order of each.
///
/// Where there is none, the error has the heads that are left, each once, in the order of the sequences.
pub(crate) fn merge<'a, T: PartialEq>(sequences: &[Vec<&'a T>]) -> Result<Vec<&'a T>, Vec<&'a T>> {
    let mut starts = vec![0; sequences.len()];
    let mut merged = Vec::with_capacity(sequences.iter().map(Vec::len).max().unwrap_or(0) + sequences.len());
    loop {
        let mut rests = sequences.iter().zip(&starts).map(|(sequence, &start)| &sequence[start..]);
        let in_no_tail = |head: &T| {
            let mut rests = sequences.iter().zip(&starts);
            !rests.any(|(sequence, start)| sequence.iter().skip(start + 1).any(|other| *other == head))
        };
        let next = rests.clone().filter_map(|rest| rest.first().copied()).find(|head| in_no_tail(head));
        match next {
            Some(next) => {
                merged.push(next);
                for (sequence, start) in sequences.iter().zip(&mut starts) {
                    if sequence.get(*start).is_some_and(|head| *head == next) {
                        *start += 1;
                    }
                }
            }
            None if rests.all(<[_]>::is_empty) => return Ok(merged),
            None => {
                let mut heads: Vec<&T> = Vec::new();
                for (sequence, &start) in sequences.iter().zip(&starts) {
                    heads.extend(sequence.get(start).copied().filter(|head| !heads.contains(head)));
                }
                return Err(heads);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sequences: &[&str], expected: Result<&str, &str>) {
        let bytes: Vec<Vec<&u8>> = sequences.iter().map(|sequence| sequence.as_bytes().iter().collect()).collect();
        let text = |letters: Vec<&u8>| letters.into_iter().map(|&letter| letter as char).collect::<String>();
        let found = merge(&bytes).map(text).map_err(text);
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{sequences:?}");
    }

    #[test]
    fn orders_are_merged_or_refused() {
        check(&[], Ok(""));
        check(&["ao", "a"], Ok("ao"));
        check(&["bao", "cao", "bc"], Ok("bcao"));
        check(&["o", "ao", "oa"], Err("oa"));
        check(&["abo", "bao", "ab"], Err("ab"));
        // The example of the paper: pedal-wheel boat, small catamaran.
        check(&["ewpdbo", "scdbo", "es"], Ok("ewpscdbo"));
    }
}
