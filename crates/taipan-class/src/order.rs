//! The C3 linearisation of Barrett et al., "A Monotonic Superclass Linearization for Dylan" (OOPSLA 1996).
//!
//! The merge takes, again and again, the first head that is in no tail. It keeps the order of every base and the order in
//! which the bases are given, or there is no order at all.

/// What is left of a sequence: its head, and its tail.
pub(crate) struct Line<'a, T> {
    head: Option<&'a T>,
    tail: &'a [T],
}

impl<'a, T: PartialEq> Line<'a, T> {
    pub(crate) fn new(head: &'a T, tail: &'a [T]) -> Self {
        Self { head: Some(head), tail }
    }

    /// The sequence without its last element, if that is `last` and not its head.
    pub(crate) fn without(self, last: &T) -> Option<Self> {
        let (end, tail) = self.tail.split_last()?;
        (end == last).then_some(Self { tail, ..self })
    }

    fn drop_head(&mut self) {
        self.head = self.tail.first();
        self.tail = self.tail.get(1..).unwrap_or_default();
    }
}

/// Merges sequences into one that keeps the order of each.
///
/// Where there is none, the error has the heads that are left, each once, in the order of the sequences.
pub(crate) fn merge<T: PartialEq>(mut lines: Vec<Line<'_, T>>) -> Result<Vec<&T>, Vec<&T>> {
    let longest = lines.iter().map(|line| line.tail.len()).max().unwrap_or(0);
    let mut merged = Vec::with_capacity(longest + lines.len());
    loop {
        let in_no_tail = |head: &&T| !lines.iter().any(|line| line.tail.contains(head));
        match lines.iter().filter_map(|line| line.head).find(in_no_tail) {
            Some(next) => {
                merged.push(next);
                lines.iter_mut().filter(|line| line.head == Some(next)).for_each(Line::drop_head);
            }
            None if lines.iter().all(|line| line.head.is_none()) => return Ok(merged),
            None => {
                let mut heads: Vec<&T> = Vec::new();
                for head in lines.iter().filter_map(|line| line.head) {
                    if !heads.contains(&head) {
                        heads.push(head);
                    }
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
        let lines = sequences.iter().filter_map(|sequence| sequence.as_bytes().split_first());
        let text = |letters: Vec<&u8>| letters.into_iter().map(|&letter| letter as char).collect::<String>();
        let found = merge(lines.map(|(head, tail)| Line::new(head, tail)).collect()).map(text).map_err(text);
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
