//! `LIKE`: text matched against `%`, `_` and characters.

/// A pattern taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    fold: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    /// Any text, also none.
    Text,
    /// One character, whichever.
    Any,
    Character(char),
}

impl Pattern {
    /// A pattern whose case counts, unless `fold` says that it does not. A backslash takes the next character as it is.
    pub(super) fn new(pattern: &str, fold: bool) -> Self {
        let mut parts = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '%' if parts.last() == Some(&Part::Text) => {}
                '%' => parts.push(Part::Text),
                '_' => parts.push(Part::Any),
                '\\' => parts.push(Part::Character(letters.next().unwrap_or('\\'))),
                letter => parts.push(Part::Character(letter)),
            }
        }
        if fold {
            for part in &mut parts {
                if let Part::Character(letter) = part {
                    *letter = folded(*letter);
                }
            }
        }
        Self { parts, fold }
    }

    /// Whether all of a text matches. A `%` takes as little as it can; when that fails, the last one takes one character
    /// more, which is enough since an earlier one could only have left less.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut letters = text.chars();
        let mut part = 0;
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let mut ahead = letters.clone();
            let letter = ahead.next();
            let fits = match (self.parts.get(part), letter) {
                (Some(Part::Text), _) => {
                    part += 1;
                    retry = Some((part, letters.clone()));
                    continue;
                }
                (None, None) => return true,
                (Some(Part::Any), Some(_)) => true,
                (Some(Part::Character(wanted)), Some(letter)) => {
                    *wanted == if self.fold { folded(letter) } else { letter }
                }
                _ => false,
            };
            if fits {
                part += 1;
                letters = ahead;
                continue;
            }
            let Some((after, rest)) = &mut retry else { return false };
            if rest.next().is_none() {
                return false;
            }
            part = *after;
            letters = rest.clone();
        }
    }
}

/// A letter without its case, where that is one letter too.
fn folded(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matching() {
        let cases = [
            ("", "", true),
            ("", "x", false),
            ("%", "", true),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("a%c%e", "abcde", true),
            ("a%c%e", "abcdef", false),
            ("%ab", "aab", true),
            ("_", "é", true),
            ("__", "é", false),
            ("100\\%", "100%", true),
            ("100\\%", "1000", false),
            ("\\_", "x", false),
            ("a\\", "a\\", true),
            ("ABC", "abc", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Pattern::new(pattern, false).matches(text), expected, "{pattern} {text}");
        }
        assert!(Pattern::new("äB_%", true).matches("ÄbX"));
        // Takes squares of time at worst, not powers.
        assert!(!Pattern::new(&"%a".repeat(50), false).matches(&"a".repeat(49)));
    }

    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            (['%', rest @ ..], text) => (0..=text.len()).any(|i| plain(rest, &text[i..])),
            (['_', rest @ ..], [_, text @ ..]) => plain(rest, text),
            ([p, rest @ ..], [t, text @ ..]) => p == t && plain(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn as_a_plain_matcher(pattern in "[ab%_]{0,7}", text in "[ab]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(Pattern::new(&pattern, false).matches(&text), plain(&p, &t));
        }
    }
}
