//! Filters as people read and write them: the form's column, condition and value become a parameter of the address,
//! and a parameter becomes the words of a chip.

use serde::Serialize;

use super::address::{element, literal_pattern};

/// The conditions that the form offers: its name in the form, and its words.
pub(super) const CONDITIONS: [(&str, &str); 11] = [
    ("eq", "= equals"),
    ("neq", "≠ is not"),
    ("gt", "> greater"),
    ("gte", "≥ at least"),
    ("lt", "< less"),
    ("lte", "≤ at most"),
    ("contains", "contains"),
    ("starts", "starts with"),
    ("in", "is one of"),
    ("null", "is null"),
    ("notnull", "is not null"),
];

/// The form as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Draft {
    pub(super) column: String,
    pub(super) op: String,
    pub(super) value: String,
}

impl Draft {
    /// The parameter's value, `gt.100`.
    pub(super) fn condition(&self) -> String {
        let value = self.value.as_str();
        match self.op.as_str() {
            "contains" => format!("ilike.*{}*", literal_pattern(value)),
            "starts" => format!("ilike.{}*", literal_pattern(value)),
            "in" => {
                let values = value.split(',').map(str::trim).filter(|value| !value.is_empty());
                format!("in.({})", values.map(element).collect::<Vec<_>>().join(","))
            }
            "null" => "is.null".to_owned(),
            "notnull" => "not.is.null".to_owned(),
            op => format!("{op}.{value}"),
        }
    }

    /// The form that a parameter would have come from, as far as the form can say it.
    pub(super) fn of(column: &str, condition: &str) -> Self {
        let words = Words::of(condition);
        let known = CONDITIONS.iter().find(|(name, _)| *name == words.form);
        Self { column: column.to_owned(), op: known.map_or("eq", |(name, _)| name).to_owned(), value: words.value }
    }
}

/// A condition in words: `>`, `100`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// The form's name for it, empty where it has none.
    form: &'static str,
    pub(super) op: String,
    pub(super) value: String,
}

impl Words {
    /// The words of a parameter's value; text that is no condition is its own value.
    pub(super) fn of(condition: &str) -> Self {
        let (negated, rest) = match condition.strip_prefix("not.") {
            Some(rest) => (true, rest),
            None => (false, condition),
        };
        let Some((op, value)) = rest.split_once('.') else {
            return Self { form: "", op: String::new(), value: condition.to_owned() };
        };
        let (form, op, value) = match op {
            "eq" => ("eq", "=", value.to_owned()),
            "neq" => ("neq", "≠", value.to_owned()),
            "gt" => ("gt", ">", value.to_owned()),
            "gte" => ("gte", "≥", value.to_owned()),
            "lt" => ("lt", "<", value.to_owned()),
            "lte" => ("lte", "≤", value.to_owned()),
            "in" => ("in", "is one of", list(value)),
            "is" if value.eq_ignore_ascii_case("null") => {
                (if negated { "notnull" } else { "null" }, "is", "null".to_owned())
            }
            "is" => ("", "is", value.replace('_', " ")),
            "like" | "ilike" => pattern(op, value),
            _ => return Self { form: "", op: String::new(), value: condition.to_owned() },
        };
        let op = match (negated, op) {
            (false, op) => op.to_owned(),
            (true, "is") => "is not".to_owned(),
            (true, "is one of") => "is none of".to_owned(),
            (true, op) => format!("not {op}"),
        };
        Self { form: if negated && form != "notnull" { "" } else { form }, op, value }
    }
}

/// A pattern as plain words where it is one of those that the form writes.
fn pattern(op: &str, pattern: &str) -> (&'static str, &'static str, String) {
    if op == "ilike"
        && let Some(start) = pattern.strip_suffix('*')
    {
        if let Some(text) = start.strip_prefix('*').and_then(plain) {
            return ("contains", "contains", text);
        }
        if let Some(text) = plain(start) {
            return ("starts", "starts with", text);
        }
    }
    ("", if op == "like" { "is like" } else { "is like (any case)" }, pattern.to_owned())
}

/// The text that a pattern without wildcards matches.
fn plain(pattern: &str) -> Option<String> {
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '%' | '_' => return None,
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
    Some(text)
}

/// `(a,"b c")` as `a, b c`.
fn list(value: &str) -> String {
    let inner = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(value);
    let mut text = String::with_capacity(inner.len());
    let (mut chars, mut quoted) = (inner.chars(), false);
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => text.extend(chars.next()),
            ',' if !quoted => text.push_str(", "),
            ' ' if !quoted && text.ends_with(", ") => {}
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(op: &str, value: &str) -> Draft {
        Draft { column: "c".into(), op: op.into(), value: value.into() }
    }

    #[test]
    fn the_form_writes_postgrest_and_reads_it_back() {
        let cases = [
            ("eq", "a.b", "eq.a.b"),
            ("gte", "100", "gte.100"),
            ("contains", "50%", "ilike.*50\\%*"),
            ("starts", "a_b\\", "ilike.a\\_b\\\\*"),
            ("in", "a, b", "in.(a,b)"),
            ("in", "a b, c(d", "in.(\"a b\",\"c(d\")"),
            ("null", "", "is.null"),
            ("notnull", "", "not.is.null"),
        ];
        for (op, value, condition) in cases {
            assert_eq!(draft(op, value).condition(), condition);
            let back = Draft::of("c", condition);
            let value = if op.ends_with("null") { "null" } else { value };
            assert_eq!(back, draft(op, value), "{condition}");
        }
    }

    #[test]
    fn chips_have_words() {
        let cases = [
            ("gt.100", ">", "100"),
            ("not.eq.x", "not =", "x"),
            ("not.in.(a,b)", "is none of", "a, b"),
            ("not.is.null", "is not", "null"),
            ("is.not_null", "is", "not null"),
            ("like.a%b", "is like", "a%b"),
            ("ilike.*a*b*", "is like (any case)", "*a*b*"),
            ("nonsense", "", "nonsense"),
            ("fts.cat", "", "fts.cat"),
        ];
        for (condition, op, value) in cases {
            let words = Words::of(condition);
            assert_eq!((words.op.as_str(), words.value.as_str()), (op, value), "{condition}");
        }
    }
}
