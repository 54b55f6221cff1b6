//! Rules on rows, as those who declare a table write them: an SQL condition in which `:user` is whoever asks.
//!
//! ```
//! use taipan_store::Rule;
//!
//! let rule = Rule::new("published OR author = :user").of_user(Some("ada"));
//! assert_eq!(rule.to_string(), "published OR author = :user");
//! ```

use std::fmt;

use crate::value::Value;

/// An SQL condition on a row of a table, in the database's own dialect. In it, columns go by their names alone, and
/// `:user` is the name of whoever asks, or null. It is text of the application, never of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    parts: Vec<Part>,
    user: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    User,
}

impl Rule {
    /// A rule for nobody known. The condition is not looked into here; see
    /// [`Table::validate`](crate::schema::Table::validate).
    pub fn new(condition: &str) -> Self {
        Rule { parts: parts(condition), user: None }
    }

    /// The same for somebody who asks.
    #[must_use]
    pub fn of_user(mut self, name: Option<&str>) -> Self {
        self.user = name.map(str::to_owned);
        self
    }

    /// Whether it speaks of who asks.
    pub(crate) fn names_user(&self) -> bool {
        self.parts.contains(&Part::User)
    }

    pub(crate) fn user(&self) -> Value {
        self.user.clone().map_or(Value::Null, Value::Text)
    }

    /// The condition with the name of the bound value of who asks.
    pub(crate) fn sql(&self, user: &str) -> String {
        self.parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { user }).collect()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql(":user"))
    }
}

/// Takes a condition apart at each `:user` that is not in a text, a quoted name or a comment.
fn parts(condition: &str) -> Vec<Part> {
    let (mut parts, mut text) = (Vec::new(), String::new());
    let mut rest = condition;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' | '"' => 1 + rest[1..].find(first).map_or(rest.len() - 1, |end| end + 1),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            // PostgreSQL's casts, such as `x::user_defined`.
            ':' if rest.starts_with("::") => 2,
            ':' if is_user(rest) => {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::User);
                rest = &rest[":user".len()..];
                continue;
            }
            other => other.len_utf8(),
        };
        text.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    parts.push(Part::Text(text));
    parts
}

fn is_user(text: &str) -> bool {
    let after = text.strip_prefix(":user").and_then(|rest| rest.chars().next().map_or(Some(' '), Some));
    after.is_some_and(|char| !char.is_alphanumeric() && char != '_' && char != '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_is_found_and_nothing_else() {
        for (condition, expected) in [
            ("owner = :user", "owner = ?7"),
            (":user IS NOT NULL AND a=:user", "?7 IS NOT NULL AND a=?7"),
            ("a = ':user'", "a = ':user'"),
            ("a = 'it''s :user' OR b = :user", "a = 'it''s :user' OR b = ?7"),
            ("\":user\" = :user", "\":user\" = ?7"),
            ("a = :users OR a = :user_name", "a = :users OR a = :user_name"),
            ("a::user = :user::text", "a::user = ?7::text"),
            ("a /* :user */ = :user -- :user", "a /* :user */ = ?7 -- :user"),
            ("a = 'open :user", "a = 'open :user"),
            ("ä = :user", "ä = ?7"),
            ("", ""),
        ] {
            let rule = Rule::new(condition);
            assert_eq!(rule.sql("?7"), expected);
            assert_eq!(rule.to_string(), condition);
            assert_eq!(rule.names_user(), condition != expected);
        }
    }
}
