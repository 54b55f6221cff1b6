//! The attributes of one start tag, in one buffer that every tag uses anew.

/// Names and values, in the order of the tag; defaults behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    text: String,
    list: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    name: usize,
    value: usize,
    end: usize,
}

/// Up to here attributes are compared each with each.
const FEW: usize = 8;

impl Attributes {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a name; the value is what is written to the buffer that this answers, up to [`end`](Self::end).
    pub(super) fn begin(&mut self, name: &str) -> &mut String {
        let start = self.text.len();
        self.text.push_str(name);
        let value = self.text.len();
        self.list.push(Span { name: start, value, end: value });
        &mut self.text
    }

    pub(super) fn end(&mut self) {
        if let Some(last) = self.list.last_mut() {
            last.end = self.text.len();
        }
    }

    /// Puts other text in place of the value added last.
    pub(super) fn replace(&mut self, value: &str) {
        if let Some(last) = self.list.last_mut() {
            self.text.truncate(last.value);
            self.text.push_str(value);
            last.end = self.text.len();
        }
    }

    /// The value added last.
    pub(super) fn last(&self) -> &str {
        self.list.last().and_then(|span| self.text.get(span.value..span.end)).unwrap_or_default()
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|span| {
            let name = self.text.get(span.name..span.value).unwrap_or_default();
            (name, self.text.get(span.value..span.end).unwrap_or_default())
        })
    }

    /// A name that occurs twice.
    pub(super) fn twice(&self) -> Option<&str> {
        if self.list.len() < 2 {
            return None;
        }
        if self.list.len() <= FEW {
            return self
                .iter()
                .enumerate()
                .find_map(|(i, (name, _))| self.iter().take(i).any(|(other, _)| other == name).then_some(name));
        }
        // Many are sorted, as comparing each with each would be slow on purpose.
        let mut names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.iter().zip(names.iter().skip(1)).find(|(a, b)| a == b).map(|(name, _)| *name)
    }
}
