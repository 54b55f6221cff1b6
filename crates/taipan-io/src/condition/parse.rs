//! Tokens to a tree: `OR` of `AND` of `NOT` of comparisons.

use super::decimal::{Kept, Number};
use super::error::ConditionError;
use super::lexer::{Kind, Token, tokens};
use super::pattern::Pattern;
use super::{Comparison, Condition, FieldPath, Node, Operand};
use crate::value;

/// Parentheses may be nested so deep.
const MAX_DEPTH: usize = 64;

/// Words that are no names, unless quoted.
const RESERVED: [&str; 12] =
    ["AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "IS", "NULL", "TRUE", "FALSE", "ESCAPE"];

pub(super) fn condition(text: &str) -> Result<Condition, ConditionError> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, fields: Vec::new(), places: Vec::new(), depth: 0 };
    if *parser.kind() == Kind::End {
        return Err(parser.error("the condition is empty").with_hint("for example: value > 100"));
    }
    let root = parser.any()?;
    if *parser.kind() != Kind::End {
        return Err(parser.after_comparison());
    }
    Ok(Condition { text: text.to_owned(), root, fields: parser.fields, places: parser.places })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    fields: Vec<FieldPath>,
    places: Vec<usize>,
    depth: usize,
}

/// An operand, or a condition in parentheses.
enum Term {
    Operand(Operand),
    Node(Node),
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Node, ConditionError> {
        let mut parts = vec![self.all()?];
        while self.accept("OR") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Node::Or))
    }

    fn all(&mut self) -> Result<Node, ConditionError> {
        let mut parts = vec![self.negated()?];
        while self.accept("AND") {
            parts.push(self.negated()?);
        }
        Ok(one_or(parts, Node::And))
    }

    fn negated(&mut self) -> Result<Node, ConditionError> {
        let mut negated = false;
        while self.accept("NOT") {
            negated = !negated;
        }
        let node = self.comparison()?;
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    fn comparison(&mut self) -> Result<Node, ConditionError> {
        let start = self.next;
        let left = match self.term()? {
            Term::Operand(operand) => operand,
            Term::Node(node) => return self.is_truth(node),
        };
        if let Some(comparison) = self.operator()? {
            let right = self.operand()?;
            if let Some(_again) = self.operator()? {
                self.next -= 1;
                return Err(self.error("a comparison has two sides").with_hint("write a < b AND b < c"));
            }
            return Ok(Node::Compare(comparison, left, right));
        }
        let negated = self.accept("NOT");
        let node = if self.accept("IN") {
            Node::In(left, self.list()?)
        } else if self.accept("BETWEEN") {
            let low = self.operand()?;
            self.expect_word("AND")?;
            let high = self.operand()?;
            Node::And(vec![
                Node::Compare(Comparison::GreaterOrEqual, left.clone(), low),
                Node::Compare(Comparison::LessOrEqual, left, high),
            ])
        } else if self.kind().is("LIKE") || self.kind().is("ILIKE") {
            let fold = self.kind().is("ILIKE");
            self.next += 1;
            let Kind::Text(pattern) = self.kind().clone() else {
                return Err(self.expected("a pattern in single quotes").with_hint("for example: name LIKE 'A%'"));
            };
            self.next += 1;
            Node::Like(left, Pattern::new(&pattern, fold))
        } else if negated {
            return Err(self.expected("IN, BETWEEN, LIKE or ILIKE after NOT"));
        } else if self.kind().is("IS") {
            return self.is(left);
        } else {
            return self.truth(left, start);
        };
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    /// `IS [NOT] NULL | TRUE | FALSE` after an operand.
    fn is(&mut self, left: Operand) -> Result<Node, ConditionError> {
        let start = self.next;
        self.next += 1;
        let negated = self.accept("NOT");
        if self.accept("NULL") {
            let node = Node::IsNull(left);
            return Ok(if negated { Node::Not(Box::new(node)) } else { node });
        }
        if !self.kind().is("TRUE") && !self.kind().is("FALSE") {
            return Err(self.expected("NULL, TRUE or FALSE"));
        }
        self.next = start;
        self.is_truth(Node::Truth(left))
    }

    /// `IS [NOT] TRUE | FALSE` after a condition, or nothing.
    fn is_truth(&mut self, node: Node) -> Result<Node, ConditionError> {
        if !self.accept("IS") {
            return Ok(node);
        }
        let negated = self.accept("NOT");
        let truth = if self.accept("TRUE") {
            true
        } else if self.accept("FALSE") {
            false
        } else {
            return Err(self.expected("TRUE or FALSE"));
        };
        let node = Node::Is(truth, Box::new(node));
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    /// An operand that is a condition by itself. A constant may stand alone in parentheses, which are taken off it.
    fn truth(&self, operand: Operand, start: usize) -> Result<Node, ConditionError> {
        let before = start.checked_sub(1).and_then(|before| self.tokens.get(before)).map(|token| &token.kind);
        let alone = before == Some(&Kind::Symbol("(")) && *self.kind() == Kind::Symbol(")");
        match operand {
            Operand::Number(..) | Operand::Text(_) if !alone => Err(self.expected("a comparison")),
            operand => Ok(Node::Truth(operand)),
        }
    }

    fn list(&mut self) -> Result<Vec<Operand>, ConditionError> {
        self.expect("(")?;
        let mut list = vec![self.operand()?];
        while self.accept_symbol(",") {
            list.push(self.operand()?);
        }
        match self.kind() {
            Kind::Symbol(")") => self.next += 1,
            _ => return Err(self.expected("`,` or `)`")),
        }
        Ok(list)
    }

    fn operator(&mut self) -> Result<Option<Comparison>, ConditionError> {
        let comparison = match self.kind() {
            Kind::Symbol("=") => Comparison::Equal,
            Kind::Symbol("!=" | "<>") => Comparison::NotEqual,
            Kind::Symbol("<") => Comparison::Less,
            Kind::Symbol("<=") => Comparison::LessOrEqual,
            Kind::Symbol(">") => Comparison::Greater,
            Kind::Symbol(">=") => Comparison::GreaterOrEqual,
            _ => return Ok(None),
        };
        self.next += 1;
        match (comparison, self.kind()) {
            (Comparison::Equal, Kind::Symbol("=")) => Err(self.error("unexpected `=`").with_hint("equal is one `=`")),
            _ => Ok(Some(comparison)),
        }
    }

    fn operand(&mut self) -> Result<Operand, ConditionError> {
        let at = self.next;
        match self.term()? {
            Term::Operand(operand) => Ok(operand),
            Term::Node(_) => {
                self.next = at;
                Err(self.expected("a field or a value"))
            }
        }
    }

    fn term(&mut self) -> Result<Term, ConditionError> {
        let at = self.place();
        let kind = self.kind().clone();
        self.next += 1;
        let operand = match kind {
            Kind::Symbol("(") => return self.parenthesised(),
            Kind::Symbol(sign @ ("-" | "+")) => match self.kind().clone() {
                Kind::Number(digits) => {
                    self.next += 1;
                    number(if sign == "-" { format!("-{digits}") } else { digits })
                }
                _ => return Err(self.expected("a number after its sign")),
            },
            Kind::Number(digits) => number(digits),
            Kind::Text(text) => Operand::Text(text),
            Kind::Word(word) => match (word.to_ascii_uppercase().as_str(), self.kind().clone()) {
                ("TRUE", _) => Operand::Boolean(true),
                ("FALSE", _) => Operand::Boolean(false),
                ("NULL", _) => Operand::Null,
                ("DATE", Kind::Text(text)) => self.time(text, "date", |text| value::date(text).is_some())?,
                ("TIMESTAMP", Kind::Text(text)) => self.time(text, "time", |text| value::moment(text).is_some())?,
                (upper, _) if RESERVED.contains(&upper) => {
                    self.next -= 1;
                    return Err(self.expected("a field or a value"));
                }
                _ => self.path(at, word, false)?,
            },
            Kind::Quoted(name) => self.path(at, name, true)?,
            Kind::Symbol(_) | Kind::End => {
                self.next -= 1;
                return Err(self.expected("a field or a value"));
            }
        };
        Ok(Term::Operand(operand))
    }

    /// What stands in parentheses: a condition, or an operand in needless ones.
    fn parenthesised(&mut self) -> Result<Term, ConditionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.next -= 1;
            return Err(self.error(format!("parentheses are nested deeper than {MAX_DEPTH} levels")));
        }
        let term = match self.any()? {
            Node::Truth(operand) if matches!(self.kind(), Kind::Symbol(")")) => Term::Operand(operand),
            node => Term::Node(node),
        };
        if !self.accept_symbol(")") {
            return Err(if *self.kind() == Kind::End { self.expected("`)`") } else { self.after_comparison() });
        }
        self.depth -= 1;
        Ok(term)
    }

    fn time(&mut self, text: String, what: &str, valid: impl Fn(&[u8]) -> bool) -> Result<Operand, ConditionError> {
        if !valid(text.as_bytes()) {
            return Err(self
                .error(format!("`{text}` is no {what}"))
                .with_hint("as 2024-02-29, or with a time 2024-02-29 12:30:15.5, in UTC"));
        }
        self.next += 1;
        Ok(Operand::Text(text))
    }

    /// A path from its first name on.
    fn path(&mut self, at: usize, first: String, quoted: bool) -> Result<Operand, ConditionError> {
        let mut names = vec![first];
        while self.accept_symbol(".") {
            match self.kind().clone() {
                Kind::Word(name) | Kind::Quoted(name) => names.push(name),
                _ => return Err(self.expected("a name after the point")),
            }
            self.next += 1;
        }
        if let Kind::Symbol("(") = self.kind() {
            return Err(self.error("conditions have no functions").with_hint("`taipan query` has them"));
        }
        let known = self.fields.iter().position(|field| field.names == names);
        Ok(Operand::Field(known.unwrap_or_else(|| {
            self.fields.push(FieldPath { names, quoted });
            self.places.push(at);
            self.fields.len() - 1
        })))
    }

    fn kind(&self) -> &Kind {
        self.tokens.get(self.next).map_or(&Kind::End, |token| &token.kind)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.at)
    }

    fn accept(&mut self, keyword: &str) -> bool {
        let found = self.kind().is(keyword);
        self.next += usize::from(found);
        found
    }

    fn accept_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.kind(), Kind::Symbol(found) if *found == symbol);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ConditionError> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    fn expect_word(&mut self, keyword: &str) -> Result<(), ConditionError> {
        if self.accept(keyword) { Ok(()) } else { Err(self.expected(keyword)) }
    }

    fn error(&self, message: impl Into<String>) -> ConditionError {
        ConditionError::new(self.text, self.place(), message)
    }

    fn expected(&self, what: &str) -> ConditionError {
        self.error(format!("expected {what}, found {}", self.kind().shown()))
    }

    /// The error for what follows a whole comparison and is no AND or OR.
    fn after_comparison(&self) -> ConditionError {
        let error = self.expected("AND, OR or the end");
        match self.kind() {
            Kind::Symbol("-" | "+") => error.with_hint("conditions do not calculate; `taipan query` does"),
            Kind::Symbol(";") => error.with_hint("a condition ends without `;`"),
            Kind::Word(word) if word.eq_ignore_ascii_case("escape") => {
                error.with_hint("a backslash takes the next character of a pattern as it is")
            }
            _ => error,
        }
    }
}

fn number(text: String) -> Operand {
    let kept = Number::parse(&text).map_or(Kept::Long, Kept::of);
    Operand::Number(text, kept)
}

fn one_or(mut parts: Vec<Node>, several: impl Fn(Vec<Node>) -> Node) -> Node {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn faults_are_marked() {
        let cases = [
            ("", 1, "the condition is empty", "for example: value > 100"),
            ("value > ", 9, "expected a field or a value, found the end", ""),
            ("value > > 100", 9, "expected a field or a value, found `>`", ""),
            ("value == 100", 8, "unexpected `=`", "equal is one `=`"),
            ("a = 1 && b = 2", 7, "unexpected `&`", "write AND"),
            ("a = 1 || b = 2", 7, "unexpected `|`", "write OR"),
            ("!a", 1, "unexpected `!`", "write NOT, or != for unequal"),
            ("a = 'it's'", 10, "the quote that opens here is not closed", "a quote within text is doubled: 'it''s'"),
            ("a = ‘x’", 5, "unexpected `‘`", "text stands in straight single quotes: 'text'"),
            ("a = 1 b = 2", 7, "expected AND, OR or the end, found `b`", ""),
            (
                "a + 1 > 2",
                3,
                "expected AND, OR or the end, found `+`",
                "conditions do not calculate; `taipan query` does",
            ),
            ("lower(a) = 'x'", 6, "conditions have no functions", "`taipan query` has them"),
            ("(a = 1", 7, "expected `)`, found the end", ""),
            ("a = 1)", 6, "expected AND, OR or the end, found `)`", ""),
            ("a IN ()", 7, "expected a field or a value, found `)`", ""),
            ("a IN (1 2)", 9, "expected `,` or `)`, found `2`", ""),
            ("a BETWEEN 1, 2", 12, "expected AND, found `,`", ""),
            ("a NOT 5", 7, "expected IN, BETWEEN, LIKE or ILIKE after NOT, found `5`", ""),
            ("a LIKE b", 8, "expected a pattern in single quotes, found `b`", "for example: name LIKE 'A%'"),
            ("a IS 5", 6, "expected NULL, TRUE or FALSE, found `5`", ""),
            ("(a OR 5)", 8, "expected a comparison, found `)`", ""),
            ("NOT (5)", 8, "expected a comparison, found the end", ""),
            ("5", 2, "expected a comparison, found the end", ""),
            ("1 < a < 5", 7, "a comparison has two sides", "write a < b AND b < c"),
            ("a. = 1", 4, "expected a name after the point, found `=`", ""),
            ("a = 1x", 5, "`1x` is neither a number nor a name", "as text it is '1x', as a name \"1x\""),
            ("a = - b", 7, "expected a number after its sign, found `b`", ""),
            ("a = \"\"", 5, "a name in quotes is empty", "empty text is ''"),
            (
                "a > DATE '2024-02-30'",
                10,
                "`2024-02-30` is no date",
                "as 2024-02-29, or with a time 2024-02-29 12:30:15.5, in UTC",
            ),
            ("a = 1;", 6, "expected AND, OR or the end, found `;`", "a condition ends without `;`"),
            ("é = 1 and", 10, "expected a field or a value, found the end", ""),
        ];
        for (text, column, message, hint) in cases {
            let error = condition(text).unwrap_err();
            let expected = format!("condition, column {column}: {message}");
            assert_eq!((error.to_string(), error.hint().unwrap_or_default()), (expected, hint), "{text}");
            assert_eq!(error.marked().lines().last().unwrap().len(), column, "{text}");
        }
    }

    #[test]
    fn needless_parentheses_are_taken_off() {
        let plain = condition("a > 5 AND b").unwrap().root;
        for text in ["(a) > (5) AND (b)", "((a > 5) AND ((b)))", "((((a))) > ((5))) and b"] {
            assert_eq!(condition(text).unwrap().root, plain, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_and_length_is_not() {
        let nested = |levels| condition(&format!("{}a{}", "(".repeat(levels), ")".repeat(levels)));
        assert!(nested(MAX_DEPTH).is_ok());
        let error = nested(100_000).unwrap_err().to_string();
        assert_eq!(error, "condition, column 65: parentheses are nested deeper than 64 levels");
        assert!(condition(&vec!["a = 1"; 50_000].join(" OR ")).is_ok());
        assert!(condition(&format!("{}a", "NOT ".repeat(100_001))).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-c01.'\"()<>=!, \\-]{0,30}|(a|1|'x'|AND|OR|NOT|IN|IS|NULL|BETWEEN|LIKE|\\(|\\)|=|<|,| ){0,20}|\\PC{0,20}") {
            if let Err(error) = condition(&text) {
                prop_assert!(error.column() <= text.chars().count() + 1);
            }
        }
    }
}
