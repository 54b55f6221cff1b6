//! The grammar of PostgREST's query strings: text in, a syntax tree that borrows from it out.
//!
//! Nothing here knows values' types; `query.rs` binds the tree to a table, and `embed.rs` what is selected of others. The
//! one question asked of the table is whether a name is a column, because column names may hold the dot that ends a
//! name in a filter.
//! Nesting is bounded, so a hostile URL cannot exhaust the stack here or wherever the tree is walked later.

mod select;

use std::borrow::Cow;

use taipan::store::document::{Aggregate, Step};
use taipan::store::{Compare, Is};
use taipan_web::StatusCode;

use crate::error::{Error, Result};

/// Groups within groups, at most.
const MAX_DEPTH: usize = 32;

const OPERATOR: &str =
    "\"not\" or operator (eq, neq, gt, gte, lt, lte, like, ilike, match, imatch, in, is, isdistinct)";
/// Operators of PostgREST on types that these databases do not have.
const OTHERS: [&str; 12] = ["fts", "plfts", "phfts", "wfts", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"];
const IS_VALUE: &str = "null, not_null, true, false or unknown";

/// One test of a column: `not.eq.5`.
#[derive(Debug, PartialEq)]
pub(super) struct Condition<'a> {
    pub(super) negated: bool,
    pub(super) operator: Operator<'a>,
}

/// An operator with its operand as written.
#[derive(Debug, PartialEq)]
pub(super) enum Operator<'a> {
    Compare(Compare, Cow<'a, str>),
    In(Vec<Cow<'a, str>>),
    Is(Is),
    /// The pattern already has `%` for `*`.
    Like {
        pattern: String,
        case_sensitive: bool,
    },
    Match {
        pattern: Cow<'a, str>,
        case_sensitive: bool,
    },
    Distinct(Cow<'a, str>),
    /// Some or all of several.
    Quantified {
        all: bool,
        members: Vec<Operator<'a>>,
    },
}

/// A member of `and=(…)` or `or=(…)`.
#[derive(Debug, PartialEq)]
pub(super) enum Tree<'a> {
    Group { negated: bool, join: Join, members: Vec<Tree<'a>> },
    Leaf { column: Cow<'a, str>, condition: Condition<'a> },
}

/// How the members of a group combine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Join {
    And,
    Or,
}

/// A member of `select=`.
#[derive(Debug, PartialEq)]
pub(super) enum Item<'a> {
    Star,
    Column {
        name: Cow<'a, str>,
        steps: Steps,
        alias: Option<Cow<'a, str>>,
        cast: Option<&'a str>,
        aggregate: Option<(Aggregate, Option<&'a str>)>,
    },
    Count {
        alias: Option<Cow<'a, str>>,
        cast: Option<&'a str>,
    },
    Embed {
        name: Cow<'a, str>,
        alias: Option<Cow<'a, str>>,
        hint: Option<Cow<'a, str>>,
        inner: bool,
        spread: bool,
        items: Vec<Item<'a>>,
    },
}

/// The way into a column's JSON, and whether its end is taken as text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    pub(super) as_text: bool,
}

/// A member of `order=`.
#[derive(Debug, PartialEq)]
pub(super) struct Term<'a> {
    /// The embedded table that the column is of.
    pub(super) embed: Option<Cow<'a, str>>,
    pub(super) name: Cow<'a, str>,
    pub(super) steps: Steps,
    pub(super) descending: bool,
    pub(super) nulls_first: Option<bool>,
}

/// Whether a name is a column of the table asked.
pub(super) type IsColumn<'f> = &'f dyn Fn(&str) -> bool;

/// The value of a column's own parameter: `age=gte.18`.
pub(super) fn condition(text: &str) -> Result<Condition<'_>> {
    let mut cursor = Cursor::new("filter", text);
    let condition = cursor.condition(Within::Whole)?;
    cursor.end()?;
    Ok(condition)
}

/// The value of `and=`, `or=`, `not.and=` or `not.or=`: `(age.lt.18,not.and(a.eq.1,b.is.null))`.
pub(super) fn group<'a>(join: Join, negated: bool, text: &'a str, is_column: IsColumn<'_>) -> Result<Tree<'a>> {
    let mut cursor = Cursor::new("logic tree", text);
    let members = cursor.members(is_column, 1)?;
    cursor.end()?;
    Ok(Tree::Group { negated, join, members })
}

/// The value of `select=`: `*,alias:name`.
pub(super) fn select(text: &str) -> Result<Vec<Item<'_>>> {
    let mut cursor = Cursor::new("select parameter", text);
    let items = cursor.items(0)?;
    cursor.end()?;
    Ok(items)
}

/// A name as a filter has it, `data->a->>b`: the column's, and the way into its JSON.
pub(super) fn steps(text: &str) -> Result<(Cow<'_, str>, Steps)> {
    let mut cursor = Cursor::new("filter", text);
    let name = match cursor.quoted() {
        Some(name) => name,
        None => Cow::Borrowed(match text.find("->") {
            Some(end) => {
                cursor.at = end;
                &text[..end]
            }
            None => return Ok((Cow::Borrowed(text), Steps::default())),
        }),
    };
    let steps = cursor.steps(&[])?;
    cursor.end()?;
    Ok((name, steps))
}

/// The value of `order=`: `age.desc.nullslast,name`.
pub(super) fn order<'a>(text: &'a str, is_column: IsColumn<'_>) -> Result<Vec<Term<'a>>> {
    let mut cursor = Cursor::new("order", text);
    let mut terms = Vec::new();
    loop {
        terms.push(cursor.term(is_column)?);
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.end()?;
    Ok(terms)
}

/// A name as a parameter's key has it: bare, or in double quotes.
pub(super) fn key(text: &str) -> Cow<'_, str> {
    let mut cursor = Cursor::new("filter", text);
    match cursor.quoted() {
        Some(name) if cursor.rest().is_empty() => name,
        _ => Cow::Borrowed(text),
    }
}

/// Where an operand stands: alone, or among others that a comma or a parenthesis ends.
#[derive(Clone, Copy)]
enum Within {
    Whole,
    List,
}

struct Cursor<'a> {
    what: &'static str,
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(what: &'static str, text: &'a str) -> Self {
        Self { what, text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn eat_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    /// Takes what stands before the first of `stops`, or all that is left.
    fn take_until(&mut self, stops: &[char]) -> &'a str {
        let rest = self.rest();
        let taken = rest.find(stops).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += taken.len();
        taken
    }

    fn fail<T>(&self, expected: &str) -> Result<T> {
        Err(Error::syntax(self.what, self.text, self.at, expected))
    }

    fn end(&self) -> Result<()> {
        if self.rest().is_empty() { Ok(()) } else { self.fail("end of input") }
    }

    /// A text in double quotes, where a backslash takes the next character as it is. Nothing is taken otherwise.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let inner = self.rest().strip_prefix('"')?;
        let plain = inner.find(['"', '\\'])?;
        if inner[plain..].starts_with('"') {
            self.at += plain + 2;
            return Some(Cow::Borrowed(&inner[..plain]));
        }
        let mut value = String::with_capacity(inner.len());
        let mut chars = inner.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.at += at + 2;
                    return Some(Cow::Owned(value));
                }
                '\\' => value.push(chars.next()?.1),
                char => value.push(char),
            }
        }
        None
    }

    fn condition(&mut self, within: Within) -> Result<Condition<'a>> {
        let negated = self.eat("not.");
        let start = self.at;
        let word = self.take_until(&['.', ',', '(', ')']);
        if OTHERS.contains(&word) {
            return Err(Error::new(
                StatusCode::NOT_FOUND,
                "42883",
                format!("operator does not exist: {word}, which this database does not have"),
            ));
        }
        let all = if self.eat("(any)") {
            Some(false)
        } else if self.eat("(all)") {
            Some(true)
        } else {
            None
        };
        let known = self.eat(".");
        let operator = match (word, all) {
            ("in", None) if known => Operator::In(self.list("(", ")")?),
            ("is", None) if known => Operator::Is(self.is()?),
            (word, None) if known && plain_operator(word, Cow::Borrowed("")).is_some() => {
                let operand = self.operand(within);
                plain_operator(word, operand).unwrap_or(Operator::In(Vec::new()))
            }
            (word, Some(all)) if known && is_quantified(word) => {
                let members = self.list("{", "}")?;
                let members = members.into_iter().filter_map(|member| plain_operator(word, member)).collect();
                Operator::Quantified { all, members }
            }
            _ => {
                self.at = start;
                return self.fail(if negated { OPERATOR.trim_start_matches("\"not\" or ") } else { OPERATOR });
            }
        };
        Ok(Condition { negated, operator })
    }

    fn operand(&mut self, within: Within) -> Cow<'a, str> {
        match within {
            Within::Whole => {
                let rest = self.rest();
                self.at = self.text.len();
                Cow::Borrowed(rest)
            }
            Within::List => self.element(')'),
        }
    }

    /// An operand that a comma or a closing parenthesis ends, unless it is quoted.
    fn element(&mut self, end: char) -> Cow<'a, str> {
        let start = self.at;
        if let Some(value) = self.quoted() {
            if self.rest().is_empty() || self.rest().starts_with([',', end]) {
                return value;
            }
            self.at = start;
        }
        Cow::Borrowed(self.take_until(&[',', end]))
    }

    fn list(&mut self, open: &str, close: &str) -> Result<Vec<Cow<'a, str>>> {
        if !self.eat(open) {
            return self.fail(&format!("\"{open}\""));
        }
        self.eat_spaces();
        let mut values = Vec::new();
        if self.eat(close) {
            return Ok(values);
        }
        loop {
            values.push(self.element(close.chars().next().unwrap_or(')')));
            if self.eat(close) {
                return Ok(values);
            }
            if !self.eat(",") {
                return self.fail(&format!("\",\" or \"{close}\""));
            }
            self.eat_spaces();
        }
    }

    fn is(&mut self) -> Result<Is> {
        let start = self.at;
        let word = self.take_until(&[',', ')']);
        let known = [
            ("null", Is::Null),
            ("not_null", Is::NotNull),
            ("true", Is::True),
            ("false", Is::False),
            ("unknown", Is::Unknown),
        ];
        for (name, is) in known {
            if word.eq_ignore_ascii_case(name) {
                return Ok(is);
            }
        }
        self.at = start;
        self.fail(IS_VALUE)
    }

    fn members(&mut self, is_column: IsColumn<'_>, depth: usize) -> Result<Vec<Tree<'a>>> {
        if depth > MAX_DEPTH {
            return Err(Error::too_much(format!("and/or are nested deeper than {MAX_DEPTH} levels")));
        }
        if !self.eat("(") {
            return self.fail("\"(\"");
        }
        self.eat_spaces();
        let mut members = Vec::new();
        loop {
            members.push(self.tree(is_column, depth)?);
            self.eat_spaces();
            if self.eat(")") {
                self.eat_spaces();
                return Ok(members);
            }
            if !self.eat(",") {
                return self.fail("\",\" or \")\"");
            }
            self.eat_spaces();
        }
    }

    fn tree(&mut self, is_column: IsColumn<'_>, depth: usize) -> Result<Tree<'a>> {
        let rest = self.rest();
        let bare = rest.strip_prefix("not.").unwrap_or(rest);
        let negated = bare.len() < rest.len();
        for (word, join) in [("and", Join::And), ("or", Join::Or)] {
            if bare.strip_prefix(word).is_some_and(|after| after.starts_with('(')) {
                self.at += rest.len() - bare.len() + word.len();
                let members = self.members(is_column, depth + 1)?;
                return Ok(Tree::Group { negated, join, members });
            }
        }
        let column = self.leaf_name(is_column)?;
        let condition = self.condition(Within::List)?;
        Ok(Tree::Leaf { column, condition })
    }

    /// A column's name and the dot after it. A bare name ends at the first dot that makes it a column.
    fn leaf_name(&mut self, is_column: IsColumn<'_>) -> Result<Cow<'a, str>> {
        if let Some(name) = self.quoted() {
            return if self.eat(".") { Ok(name) } else { self.fail("\".\"") };
        }
        let rest = self.rest();
        let end = rest.find([',', '(', ')']).unwrap_or(rest.len());
        let text = &rest[..end];
        let known = text.match_indices('.').map(|(dot, _)| &text[..dot]).find(|name| is_column(name));
        let name = known.or_else(|| text.split_once('.').map(|(name, _)| name));
        match name {
            Some(name) if !name.is_empty() => {
                self.at += name.len() + 1;
                Ok(Cow::Borrowed(name))
            }
            _ => self.fail("a column, and(…) or or(…)"),
        }
    }

    /// `->a->0->>b`, if it is there.
    fn steps(&mut self, ends: &[char]) -> Result<Steps> {
        let mut steps = Steps::default();
        while self.rest().starts_with("->") {
            if steps.as_text {
                return self.fail("nothing after \"->>\"");
            }
            self.at += 2;
            steps.as_text = self.eat(">");
            let step = if let Some(key) = self.quoted() {
                Step::Key(key.into_owned())
            } else {
                let rest = self.rest();
                let end = rest.find(ends).unwrap_or(rest.len());
                let end = rest.find("->").map_or(end, |arrow| arrow.min(end));
                let word = &rest[..end];
                if word.is_empty() {
                    return self.fail("a key or an index");
                }
                self.at += end;
                let digits = word.strip_prefix('-').unwrap_or(word);
                let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                match word.parse::<i64>() {
                    Ok(index) if is_number => Step::Index(index),
                    _ => Step::Key(word.to_owned()),
                }
            };
            steps.steps.push(step);
        }
        Ok(steps)
    }

    fn term(&mut self, is_column: IsColumn<'_>) -> Result<Term<'a>> {
        self.eat_spaces();
        let name = if let Some(name) = self.quoted() {
            name
        } else {
            let start = self.at;
            let text = self.take_until(&[',', '(', ')', '"']);
            if text.is_empty() {
                return self.fail("a column");
            }
            if self.rest().starts_with('(') {
                self.at += 1;
                let inner = self.take_until(&[')', ',', '(']);
                if inner.is_empty() || !self.eat(")") {
                    return self.fail("a column and \")\"");
                }
                let (name, steps) = steps(inner)?;
                return self.direction(Term {
                    embed: Some(Cow::Borrowed(text)),
                    name,
                    steps,
                    descending: false,
                    nulls_first: None,
                });
            }
            self.at = start;
            let text = text.find("->").map_or(text, |arrow| &text[..arrow]);
            let ends = text.match_indices('.').map(|(dot, _)| dot).chain([text.len()]);
            let known = ends.map(|end| &text[..end]).filter(|name| is_column(name)).last();
            let name = known.unwrap_or_else(|| text.split('.').next().unwrap_or(text));
            self.at += name.len();
            Cow::Borrowed(name)
        };
        let steps = self.steps(&[',', '.', '(', ')'])?;
        self.direction(Term { embed: None, name, steps, descending: false, nulls_first: None })
    }

    fn direction(&mut self, mut term: Term<'a>) -> Result<Term<'a>> {
        if self.eat(".desc") {
            term.descending = true;
        } else {
            self.eat(".asc");
        }
        if self.eat(".nullsfirst") {
            term.nulls_first = Some(true);
        } else if self.eat(".nullslast") {
            term.nulls_first = Some(false);
        }
        self.eat_spaces();
        if self.rest().is_empty() || self.rest().starts_with(',') {
            Ok(term)
        } else {
            self.fail(".asc, .desc, .nullsfirst or .nullslast")
        }
    }
}

/// An operator with one operand.
fn plain_operator<'a>(word: &str, operand: Cow<'a, str>) -> Option<Operator<'a>> {
    let compare = match word {
        "eq" => Compare::Eq,
        "neq" => Compare::Neq,
        "gt" => Compare::Gt,
        "gte" => Compare::Gte,
        "lt" => Compare::Lt,
        "lte" => Compare::Lte,
        "like" | "ilike" => {
            return Some(Operator::Like { pattern: operand.replace('*', "%"), case_sensitive: word == "like" });
        }
        "match" | "imatch" => return Some(Operator::Match { pattern: operand, case_sensitive: word == "match" }),
        "isdistinct" => return Some(Operator::Distinct(operand)),
        _ => return None,
    };
    Some(Operator::Compare(compare, operand))
}

fn is_quantified(word: &str) -> bool {
    !matches!(word, "neq" | "isdistinct") && plain_operator(word, Cow::Borrowed("")).is_some()
}

#[cfg(test)]
mod tests;
